package jose_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// malformed returns tokens with an iss that this package refuses to parse. Authorization
// servers and libraries issue such tokens, and accept them.
func malformed(iss string) map[string]string {
	claims := with(goodClaims, map[string]any{"iss": iss})
	text := object(claims)
	members := func(more string) string { return text[:len(text)-1] + "," + more + "}" }
	header, payload := b64([]byte(object(goodHeader))), b64([]byte(text))
	if len(payload)%4 == 0 {
		payload = b64([]byte(text + " "))
	}
	padding := strings.Repeat("=", 4-len(payload)%4)
	last := len(payload) - 1
	// Nobody looks at the signature.
	signed := func(header, claims string) string { return b64([]byte(header)) + "." + b64([]byte(claims)) + ".AAAA" }
	groups, _ := json.Marshal(strings.Repeat("group ", 6<<10))
	huge, _ := json.Marshal(strings.Repeat("group ", 50<<10))
	return map[string]string{
		"a name twice in the header":   signed(`{"alg":"RS256","kid":"1","kid":"1"}`, text),
		"a name twice in the claims":   signed(object(goodHeader), members(`"sub":"feed"`)),
		"a name twice, nested":         signed(object(goodHeader), members(`"x":[{"a":1,"a":2}]`)),
		"kid a number":                 signed(object(with(goodHeader, map[string]any{"kid": 1})), text),
		"kid null":                     signed(`{"alg":"RS256","kid":null}`, text),
		"typ a number":                 signed(object(with(goodHeader, map[string]any{"typ": 1})), text),
		"a header after white space":   signed("\n"+`{"kid":1}`, text),
		"a line break in the claims":   header + "." + payload[:5] + "\r\n" + payload[5:] + ".AAAA",
		"a header that ends early":     b64([]byte(`{"alg":"RS256"`)) + "." + payload + ".AAAA",
		"larger than 16 KiB":           signed(object(goodHeader), members(`"groups":`+string(groups))),
		"larger, and iss comes first":  signed(object(goodHeader), strings.Replace(members(`"groups":`+string(groups)), "{", `{"iss":"`+iss+`",`, 1)),
		"400 KB":                       signed(object(goodHeader), members(`"groups":`+string(huge))),
		"a large header":               signed(object(with(goodHeader, map[string]any{"x5c": []string{string(groups)}})), text),
		"300 names":                    signed(object(goodHeader), members(numbered(300))),
		"nested 40 times":              signed(object(goodHeader), members(`"x":`+nested(40))),
		"not UTF-8":                    signed(object(goodHeader), members("\"name\":\"B\xf6xler\"")),
		"a lone surrogate":             signed(object(goodHeader), members(`"name":"\ud800"`)),
		"a number with a leading zero": signed(object(goodHeader), members(`"x":01`)),
		"a comma too many":             signed(object(goodHeader), members(`"x":1,`)),
		"a byte order mark":            signed(object(goodHeader), "\ufeff"+text),
		"more after the claims":        signed(object(goodHeader), text+"\x00"),
		"claims that end early":        signed(object(goodHeader), text[:len(text)-1]),
		"claims with padding":          header + "." + payload + padding + ".AAAA", // google-auth 1.5.1
		"another spelling of base64":   header + "." + payload[:last] + string(nextSpelling(payload[last], 1)) + ".AAAA",
		"the other alphabet":           header + "." + base64.RawStdEncoding.EncodeToString([]byte(members(`"name":"???>>>~~~"`))) + ".AAAA",
		"it, and iss comes last":       header + "." + base64.RawStdEncoding.EncodeToString([]byte(strings.Replace(text, "{", `{"name":"???>>>",`, 1))) + ".AAAA",
		"without signature":            header + "." + payload + ".",
		"signature not base64url":      header + "." + payload + ".AA AA",
		"escapes in the name":          signed(`{"kid":1}`, strings.Replace(text, `"iss"`, `"\u0069\u0073s"`, 1)),
		"escapes in the value":         signed(`{"kid":1}`, strings.Replace(text, `"`+iss+`"`, `"\u00`+hex(iss[0])+iss[1:]+`"`, 1)),
		"space around everything":      signed(`{"kid":1}`, strings.NewReplacer(":", " \t: ", ",", "\n,\r").Replace(text)),
	}
}

func hex(c byte) string { return string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]) }

func numbered(n int) string { return strings.TrimSuffix(repeated(n*9, `"%d":0,`), ",") }

// A token of another issuer is passed on, whatever is wrong with it: in AnyOf another Verifier
// may accept it. Our own is refused.
func TestMalformedTokenOfAnotherIssuerIsNotMine(t *testing.T) {
	for _, iss := range []string{"other", "redox/", "Redox", "redo", "redoxx", strings.Repeat("redox", 1000)} {
		for name, token := range malformed(iss) {
			t.Run(name, func(t *testing.T) { check(t, config(), token, redoxauth.ErrNoCredentials, "issuer") })
		}
	}
	long := strings.Repeat("0123456789", 50)
	for _, iss := range []string{"redox", long, "???~~~"} { // of the last, base64 and base64url differ
		cfg := config()
		cfg.Issuers = []string{"second", iss}
		for name, token := range malformed(iss) {
			t.Run("ours: "+name, func(t *testing.T) { check(t, cfg, token, redoxauth.ErrRejected, "malformed") })
		}
	}
}

func TestIssuersOfMalformedClaims(t *testing.T) {
	for _, test := range []struct {
		claims string
		want   error
	}{
		// Two parsers may read two issuers. It is ours, so nobody else gets it.
		{`{"iss":"redox","iss":"other"}`, redoxauth.ErrRejected},
		{`{"iss":"other","iss":"redox"}`, redoxauth.ErrRejected},
		{`{"iss":"other","\u0069ss":"redox"}`, redoxauth.ErrRejected},
		{`{"iss":1,"iss":"redox"}`, redoxauth.ErrRejected},
		{`{"iss":"other"}{"iss":"redox"}`, redoxauth.ErrRejected},
		{`{"x":1}{"iss":"redox"}`, redoxauth.ErrRejected},
		{`{"iss":"other","iss":"another"}`, redoxauth.ErrNoCredentials},
		{`{"sub":"redox"}`, redoxauth.ErrNoCredentials},
		{`{"iss":"other","x":{"iss":"redox"}}`, redoxauth.ErrNoCredentials},
		{`{"iss":["redox"]}`, redoxauth.ErrNoCredentials},
		{`{"iss":{"iss":"redox"}}`, redoxauth.ErrNoCredentials},
		{`{"x":"iss","y":"redox"}`, redoxauth.ErrNoCredentials},
		{`{"iss":"other","y":"redox"}`, redoxauth.ErrNoCredentials},
		{`{"iss":"other","redox":"y"}`, redoxauth.ErrNoCredentials},
		{`{"x":"\",\"iss\":\"redox"}`, redoxauth.ErrNoCredentials},
		{`{"x":"\\","iss":"redox"}`, redoxauth.ErrRejected},
		{`{"iss":"\redox"}`, redoxauth.ErrNoCredentials}, // a carriage return, and edox
		{`{}`, redoxauth.ErrNoCredentials},
		{`  {`, redoxauth.ErrNoCredentials},
		// No object, so no Verifier can accept it.
		{`[{"iss":"other"}]`, redoxauth.ErrRejected},
		{`null`, redoxauth.ErrRejected},
		{``, redoxauth.ErrRejected},
	} {
		reason := redoxauth.Reason("malformed")
		if test.want == redoxauth.ErrNoCredentials {
			reason = "issuer"
		}
		t.Run(test.claims, func(t *testing.T) {
			check(t, config(), b64([]byte(`{"alg":"RS256","kid":1}`))+"."+b64([]byte(test.claims))+".AAAA", test.want, reason)
		})
	}
}

// The error tells whose it is.
func TestErrorNamesTheIssuerOfMalformedClaims(t *testing.T) {
	for value, want := range map[string]string{
		"other": `iss is "other", want "redox"`, `\b\f\n\r\t`: `iss is "\b\f\n\r\t", want`, `a\u0000\uzzzz`: `iss is "a\x00\ufffd", want`,
	} {
		token := b64([]byte(`{"kid":1}`)) + "." + b64([]byte(`{"iss":"`+value+`"}`)) + ".AAAA"
		if _, err := jose.New(config()).Verify(t.Context(), token); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// A large token that is opaque, with two dots in it, is passed on as a small one is.
func TestLargeTokenWithoutAHeaderIsNotMine(t *testing.T) {
	for _, head := range []string{"", "ya29", b64([]byte(`["RS256"]`))} {
		check(t, config(), head+"."+strings.Repeat("A", 20<<10)+".AA", redoxauth.ErrNoCredentials, "missing")
	}
}

// The issuer of a large token is found without a copy of it.
func TestIssuerOfALargeTokenCostsNoMemory(t *testing.T) {
	v := jose.New(config())
	header := b64([]byte(object(goodHeader)))
	for _, unit := range []string{`"\u0069ss":"\u0072edo",`, `"x":"` + strings.Repeat(`\u0061`, 10<<10) + `",`, `"iss":"redo",`, `"x":{"iss":"redox"},`, `"x":[[[[`, `"%d":0,`} {
		claims := `{` + repeated(100<<10, unit) + `"iss":"other"}`
		token := header + "." + b64([]byte(claims)) + ".AAAA"
		got := allocated(func() {
			if _, err := v.Verify(t.Context(), token); !errors.Is(err, redoxauth.ErrNoCredentials) {
				t.Fatalf("%s: error %v", unit, err)
			}
		})
		if got > 4096 {
			t.Errorf("%s: %d bytes allocated, want at most 4096", unit, got)
		}
	}
}

// FuzzMalformed gives claims a header that is refused. The token is ours if encoding/json finds
// our issuer in the claims, and else another's.
func FuzzMalformed(f *testing.F) {
	for _, claims := range []string{object(goodClaims), `{"iss":"redox","iss":"other"}`, `{"x":{"iss":"redox"}}`, `{"x":"\",\"iss\":\"redox","iss":"\u0072edox"}`, `{"iss" : [] , "iss":"redox"}`} {
		f.Add(claims)
	}
	v := jose.New(config())
	f.Fuzz(func(t *testing.T, claims string) {
		var object map[string]json.RawMessage
		if json.Unmarshal([]byte(claims), &object) != nil || object == nil {
			t.Skip()
		}
		want := redoxauth.ErrNoCredentials
		d := json.NewDecoder(strings.NewReader(claims))
		d.Token()
		for d.More() {
			name, _ := d.Token()
			var value any
			d.Decode(&value)
			if name == "iss" && value == "redox" {
				want = redoxauth.ErrRejected
			}
		}
		_, err := v.Verify(t.Context(), b64([]byte(`{"kid":1}`))+"."+b64([]byte(claims))+".AAAA")
		if !errors.Is(err, want) {
			t.Fatalf("%q: error %v, want %v", claims, err, want)
		}
	})
}
