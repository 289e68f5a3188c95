package jose_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// objects are also the seeds of the fuzz test.
var objects = []struct {
	name, json string
	ok         bool
}{
	{"empty", `{}`, true},
	{"spaces", " {\t\"a\" :\r\n[ 1 , true , null , \"b\" , { } ] } ", true},
	{"escapes", `{"a":"\"\\\/\b\f\n\r\té"}`, true},
	{"a surrogate pair", `{"a":"\ud83d\ude00"}`, true},
	{"numbers", `{"a":[0,-0,1.5,-1e5,1E+5,1e-5,0.0]}`, true},
	{"nothing", ``, false},
	{"no object", `[]`, false},
	{"a string", `"a"`, false},
	{"null", `null`, false},
	{"unfinished", `{"a":1`, false},
	{"no colon", `{"a" 1}`, false},
	{"no value", `{"a":}`, false},
	{"no comma", `{"a":1 "b":2}`, false},
	{"a comma too many", `{"a":1,}`, false},
	{"a comma too many in an array", `{"a":[1,]}`, false},
	{"a name without quotes", `{a:1}`, false},
	{"single quotes", `{'a':1}`, false},
	{"a comment", `{"a":1}//`, false},
	{"two objects", `{}{}`, false},
	{"bytes after it", "{}\x00", false},
	{"a byte order mark", "\ufeff{}", false},
	{"a wrong literal", `{"a":True}`, false},
	{"half a literal", `{"a":tru}`, false},
	{"NaN", `{"a":NaN}`, false},
	{"a leading zero", `{"a":01}`, false},
	{"a leading plus", `{"a":+1}`, false},
	{"a point alone", `{"a":1.}`, false},
	{"no digit before the point", `{"a":.5}`, false},
	{"an exponent alone", `{"a":1e}`, false},
	{"hexadecimal", `{"a":0x10}`, false},
	{"a minus alone", `{"a":-}`, false},
	{"a control character", "{\"a\":\"\n\"}", false},
	{"NUL in a string", "{\"a\":\"\x00\"}", false},
	{"an unknown escape", `{"a":"\x41"}`, false},
	{"an escape of too few digits", `{"a":"\u12"}`, false},
	{"an escape with a sign", `{"a":"\u+123"}`, false},
	{"an unfinished escape", `{"a":"\`, false},
	// Go would read U+FFFD instead: RFC 7515, Section 5.2; RFC 7493, Section 2.1.
	{"no UTF-8", "{\"a\":\"\xff\"}", false},
	{"a surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}", false},
	{"a lone high surrogate", `{"a":"\ud83d"}`, false},
	{"a high surrogate and something", `{"a":"\ud83dx12345"}`, false},
	{"two high surrogates", `{"a":"\ud83d\ud83d"}`, false},
	{"a lone low surrogate", `{"a":"\ude00"}`, false},
	{"a lone surrogate in a name", `{"\ude00":1}`, false},
	// Names are unique: RFC 7515, Section 4; RFC 7519, Section 4. Go accepts the last one.
	{"a name twice", `{"a":1,"a":1}`, false},
	{"a name twice, once escaped", `{"alg":1,"\u0061lg":1}`, false},
	{"a name twice, within", `{"a":{"b":1,"b":2}}`, false},
	{"a name twice, in an array", `{"a":[{"b":1,"b":2}]}`, false},
	{"an empty name twice", `{"":1,"":2}`, false},
	// Names that encoding/json takes for the same are different.
	{"names in several cases", `{"alg":1,"ALG":2,"Alg":3}`, true},
	{"a long s and a Kelvin sign", "{\"iss\":1,\"i\u017fs\":2,\"kid\":3,\"\u212aid\":4}", true},
	{"as deep as allowed", nested(32), true},
	{"too deep", nested(33), false},
	{"objects too deep", strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), false},
	{"very deep", `{"a":` + strings.Repeat("[", 100_000), false},
	{"many names", many(2000, ""), true},
	{"many names, one twice", many(2000, `,"1999":0`), false},
	{"many names, an early one twice", many(2000, `,"7":0`), false},
}

// nested is an object with arrays in it, n levels in all.
func nested(n int) string {
	return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`
}

func many(n int, more string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"%d":0`, i)
	}
	return "{" + b.String()[1:] + more + "}"
}

func TestReadObject(t *testing.T) {
	for _, test := range objects {
		if _, err := jose.ReadObject([]byte(test.json)); (err == nil) != test.ok {
			t.Errorf("%s: error %v, want success: %v", test.name, err, test.ok)
		}
	}
}

// encoding/json matches names without case, even U+017F with s and U+212A with k. This
// caused CVE-2026-27896 (Go SDK of MCP).
func TestNamesMatchExactly(t *testing.T) {
	for _, test := range []struct{ name, header, claims string }{
		{"ALG after alg", `{"alg":"RS256","ALG":"none","kid":"1"}`, ""},
		{"KID", "{\"alg\":\"RS256\",\"KID\":\"x\",\"\u212aid\":\"x\"}", ""},
		{"CRIT is not crit", `{"alg":"RS256","CRIT":["x"]}`, ""},
		{"ISS after iss", "", "\"ISS\":\"evil\",\"i\u017f\u017f\":\"evil\""},
		{"EXP after exp", "", `"EXP":1,"Aud":"evil","Sub":"evil"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			header, claims := object(goodHeader), object(goodClaims)
			if test.header != "" {
				header = test.header
			}
			if test.claims != "" {
				claims = claims[:len(claims)-1] + "," + test.claims + "}"
			}
			got, err := jose.New(config()).Verify(t.Context(), sign("RS256", keys().rsa, header, claims))
			if err != nil {
				t.Error(err)
			}
			if err == nil && (got.Issuer != "redox" || got.Subject != "feed") {
				t.Errorf("issuer %q, subject %q", got.Issuer, got.Subject)
			}
		})
	}
	check(t, config(), sign("RS256", keys().rsa, `{"ALG":"RS256"}`, object(goodClaims)), redoxauth.ErrRejected, "algorithm")
}

// A name that occurs twice is refused, even with the same value.
func TestDuplicateNames(t *testing.T) {
	for _, test := range []struct{ name, header, claims string }{
		{"alg", `{"alg":"RS256","alg":"none"}`, object(goodClaims)},
		{"alg, the same", `{"alg":"RS256","alg":"RS256"}`, object(goodClaims)},
		{"iss", object(goodHeader), strings.Replace(object(goodClaims), "{", `{"iss":"redox",`, 1)},
		{"exp", object(goodHeader), strings.Replace(object(goodClaims), "{", `{"exp":1900000000,`, 1)},
		{"exp, escaped", object(goodHeader), strings.Replace(object(goodClaims), "{", `{"\u0065xp":1900000000,`, 1)},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, config(), sign("RS256", keys().rsa, test.header, test.claims), redoxauth.ErrRejected, "malformed")
		})
	}
}

// A peer chooses what is nested, and how many names there are. 64 KiB of either must not
// cost a hundred times their size.
func TestHostileObjectsAllocateLittle(t *testing.T) {
	for name, test := range map[string]struct {
		json string
		most int // times its size
	}{
		"empty objects": {`{"a":[` + strings.Repeat(`{},`, 21_000) + `1]}`, 2},
		"small objects": {`{"a":[` + strings.Repeat(`{"b":0,"c":0},`, 4500) + `1]}`, 2},
		"an array":      {`{"a":[` + strings.Repeat(`0,`, 32_000) + `1]}`, 2},
		"names":         {many(7000, ""), 12},
	} {
		got := allocated(func() {
			if _, err := jose.ReadObject([]byte(test.json), "a"); err != nil {
				t.Fatal(err)
			}
		})
		if got > test.most*len(test.json) {
			t.Errorf("%s: %d bytes of JSON allocate %d, want at most %d times as much", name, len(test.json), got, test.most)
		}
	}
}

// allocated returns the bytes that a call of f allocates.
func allocated(f func()) int {
	const runs = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc-before.TotalAlloc) / runs
}
