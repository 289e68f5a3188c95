package jose_test

import (
	"fmt"
	"runtime"
	"strconv"
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
	{"nothing after the colon", `{"a":`, false},
	{"an unfinished name", `{"a`, false},
	{"no opening brace", `"a":1}`, false},
	{"no name", `{:1}`, false},
	{"no colon", `{"a" 1}`, false},
	{"no value", `{"a":}`, false},
	{"no comma", `{"a":1 "b":2}`, false},
	{"a comma too many", `{"a":1,}`, false},
	{"a comma too many in an array", `{"a":[1,]}`, false},
	{"a comma alone in an array", `{"a":[,1]}`, false},
	{"an array that ends with a brace", `{"a":[1}`, false},
	{"an array of nothing that ends with a brace", `{"a":[}`, false},
	{"a name without quotes", `{a:1}`, false},
	{"a name without its opening quote", `{a":1}`, false},
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
	{"two signs of an exponent", `{"a":1e+-5}`, false},
	{"a control character", "{\"a\":\"\n\"}", false},
	{"a control character before a letter", "{\"a\":\"\tn\"}", false},
	{"a control character before a letter and digits", "{\"a\":\"\tu0041\"}", false},
	{"NUL in a string", "{\"a\":\"\x00\"}", false},
	{"an unknown escape", `{"a":"\x41"}`, false},
	{"an unknown escape with four digits", `{"a":"\x0041"}`, false},
	{"an escape without digits, and no closing quote", `{"a":"\uzzzz}`, false},
	{"an escape of too few digits", `{"a":"\u12"}`, false},
	{"an escape with a sign", `{"a":"\u+123"}`, false},
	{"an unfinished escape", `{"a":"\`, false},
	// Go would read U+FFFD instead: RFC 7515, Section 5.2; RFC 7493, Section 2.1.
	{"no UTF-8", "{\"a\":\"\xff\"}", false},
	{"a surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}", false},
	{"a lone high surrogate", `{"a":"\ud83d"}`, false},
	{"a high surrogate and something", `{"a":"\ud83dx12345"}`, false},
	{"a high surrogate and a low one without its backslash", `{"a":"\ud83dxude00"}`, false},
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
	{"too deep, and a bracket is missing", `{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 31) + `}`, false},
	{"objects too deep, and a brace is missing", strings.Repeat(`{"a":`, 32) + "{" + strings.Repeat("}", 32), false},
	{"objects too deep", strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), false},
	{"very deep", `{"a":` + strings.Repeat("[", 100_000), false},
	{"many names", many(256, ""), true},
	{"many names, one twice", many(255, `,"254":0`), false},
	{"many names, an early one twice", many(255, `,"7":0`), false},
	{"many names, one twice, escaped", many(255, `,"\u0037":0`), false},
	{"many names, half of them escaped", many(128, escaped(128)), true},
	{"too many names", many(257, ""), false},
	{"too many names, unfinished", strings.TrimSuffix(many(257, ""), "}"), false},
	{"too many names within", `{"a":` + many(257, "") + `}`, false},
	{"too many names within each other", many(200, `,"a":`+many(57, "")), false},
	{"many names within each other", many(200, `,"a":`+many(56, "")), true},
	{"many objects", `{"a":[` + strings.Repeat(many(256, "")+",", 10) + `0],"b":` + many(255, "") + `}`, true},
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

// escaped is more for many: n members, whose names have an escape.
func escaped(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"\u00e9%d":0`, i)
	}
	return b.String()
}

func TestReadObject(t *testing.T) {
	for _, test := range objects {
		if _, err := jose.ReadObject([]byte(test.json)); (err == nil) != test.ok {
			t.Errorf("%s: error %v, want success: %v", test.name, err, test.ok)
		}
	}
}

// A document of a trusted server may have what a token may not, but its syntax is checked.
func TestReadShallow(t *testing.T) {
	for _, test := range []struct {
		name, json string
		ok         bool
	}{
		{"many names", many(2000, ""), true},
		{"a name twice", `{"x":1,"x":2}`, true},
		{"deep", nested(1000), true},
		{"a lone surrogate", `{"x":"\ud83d"}`, true},
		{"a high surrogate and something", `{"x":"\ud83d\u0041"}`, true},
		{"a kept name twice", `{"a":1,"a":1}`, false},
		{"a kept name twice, unfinished", `{"a":1,"a":1`, false},
		{"a high surrogate and an unfinished escape", `{"x":"\ud83d\u12"}"}`, false},
		{"too deep", nested(1001), false},
		{"unfinished", `{"x":1`, false},
		{"a byte order mark", "\ufeff{}", true},
		{"two of them", "\ufeff\ufeff{}", false},
	} {
		if _, err := jose.ReadShallow([]byte(test.json), "a"); (err == nil) != test.ok {
			t.Errorf("%s: error %v, want success: %v", test.name, err, test.ok)
		}
	}
}

// Said tells what it was, bounded, and in one line.
func TestSaid(t *testing.T) {
	for value, want := range map[jose.Value]string{
		"": "absent", `"a\n"`: `"a\n"`, `""`: "empty", "null": "null", "true": "true", "false": "false", `{"a":1}`: "an object",
		"12": "the number 12", jose.Value(strings.Repeat("1", 40)): "the number " + strings.Repeat("1", 32),
		"[]": "empty", `["a"]`: `"a"`, `["a","b"]`: `["a" "b"]`, `["a",1]`: "an array of other values than strings",
		jose.Value(`["a"` + strings.Repeat(`,"a"`, 7) + `]`): `["a"` + strings.Repeat(` "a"`, 7) + "]",
		jose.Value(`["a"` + strings.Repeat(`,"a"`, 9) + `]`): `["a"` + strings.Repeat(` "a"`, 7) + "] and 2 more",
	} {
		if got := value.Said(); got != want {
			t.Errorf("%.40s is said to be %s, want %s", string(value), got, want)
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

// hostile are values that could cost many times their size.
var hostile = []struct{ name, opening, unit, closing string }{
	{"empty objects", `[`, `{},`, `0]`},
	{"small objects", `[`, `{"b":0,"c":0},`, `0]`},
	{"small objects with escaped names", `[`, `{"\n":0,"\u0061":0,"\n\n\n\n\n\n\n\n\n":0},`, `0]`},
	{"longer escaped names", `[`, `{"\nthis name has thirty-three bytes":0},`, `0]`},
	{"objects of many names", `[`, many(256, "") + ",", `0]`},
	{"objects of many escaped names", `[`, many(128, escaped(128)) + ",", `0]`},
	{"objects of names that are kept", `[`, `{"iss":"","iss":""},`, `0]`},
	{"arrays", `[`, `[],`, `0]`},
	{"deep arrays", `[`, nested(30) + ",", `0]`},
	{"too deep arrays", `[`, `[`, `0]`},
	{"numbers", `[`, `0,`, `0]`},
	{"strings", `[`, `"",`, `""]`},
	{"escapes", `"`, `\n`, `"`},
	{"long escapes", `"`, `\u20ac`, `"`},
	{"no UTF-8", `"`, "\xff", `"`},
	{"names", `{`, `"%d":0,`, `"x":0}`},
	{"escaped names", `{`, `"\n%d":0,`, `"x":0}`},
	{"names that are kept", `{`, `"iss":0,`, `"x":0}`},
}

// repeated returns as many units as fit into size. It numbers those with %d.
func repeated(size int, unit string) string {
	var b strings.Builder
	for i := 0; b.Len()+len(unit)+4 < size; i++ {
		b.WriteString(strings.Replace(unit, "%d", strconv.Itoa(i), 1))
	}
	return b.String()
}

// A peer chooses what is nested, how many names there are, and how they are written. None
// of it may cost many times its size.
func TestHostileObjectsAllocateLittle(t *testing.T) {
	for _, h := range hostile {
		text := `{"a":` + h.opening + repeated(64<<10-16, h.unit) + h.closing + `}`
		got := allocated(func() {
			o, _ := jose.ReadObject([]byte(text), "a", "b", "iss")
			o.Get("a").Text()
		})
		if want := len(text)*5/2 + 10<<10; got > want {
			t.Errorf("%s: %d bytes of JSON allocate %d, want at most %d", h.name, len(text), got, want)
		}
	}
}

func TestTokensOfHostileObjectsAllocateLittle(t *testing.T) {
	v := jose.New(config())
	for _, h := range hostile {
		header := `{"alg":"RS256","x":` + h.opening + repeated(6<<10, h.unit) + h.closing + `}`
		for _, header := range []string{object(goodHeader), header} {
			for _, claims := range []string{`{"iss":"redox","x":`, `{"iss":`, `{"aud":`} {
				claims += h.opening + repeated(12<<10-64-len(header), h.unit) + h.closing + `}`
				token := b64([]byte(header)) + "." + b64([]byte(claims)) + ".AAAA"
				if len(token) > 16<<10 || len(token) < 12<<10 {
					t.Fatalf("%s: a token of %d bytes", h.name, len(token))
				}
				got := allocated(func() {
					if _, err := v.Verify(t.Context(), token); err == nil {
						t.Fatal("accepted")
					}
				})
				if got > 4*len(token) {
					t.Errorf("%s, %.20s, %.20s: a token of %d bytes allocates %d, want at most 4 times as much", h.name, header, claims, len(token), got)
				}
			}
		}
	}
}

// What genuine tokens of large organisations hold: hundreds of groups (Microsoft Entra ID
// lists up to 200), and roles at dozens of clients (Keycloak).
func TestGenuineLargeTokenIsAccepted(t *testing.T) {
	groups, clients := []string{}, map[string]any{}
	for i := range 200 {
		groups = append(groups, fmt.Sprintf("0f2c8e2e-5a0f-4a8c-9f0e-%012d", i))
	}
	for i := range 60 {
		clients[fmt.Sprintf("client-%d", i)] = map[string]any{"roles": []string{"reader"}}
	}
	claims := map[string]any{
		"typ": "Bearer", "azp": "redox", "sid": "1", "acr": "1", "scope": "email profile", "email_verified": true, "preferred_username": "service-account-redox",
		"clientHost": "192.0.2.1", "clientAddress": "192.0.2.1", "client_id": "redox", "allowed-origins": []string{"/*"},
		"realm_access":    map[string]any{"roles": []string{"offline_access", "uma_authorization"}},
		"resource_access": clients, "groups": groups,
	}
	check(t, config(), signed(nil, claims), nil, "")
}

// allocated returns the bytes that a call of f allocates.
func allocated(f func()) int {
	const runs = 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc-before.TotalAlloc) / runs
}
