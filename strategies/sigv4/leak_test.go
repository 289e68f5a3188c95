package sigv4_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A sender may put a secret where it does not belong. Explain shows it nowhere, whatever the name of
// the header or parameter.
func TestExplainShowsNoSecretInAnotherPlace(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJyZWRveCJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
	secret := testSigner.secret
	for name, test := range map[string]struct{ header, value string }{
		"a header with our secret":        {"X-Note", "a " + secret},
		"a header with our session token": {"X-Note", "session-token-of-the-test"},
		"a header with a bearer token":    {"X-Note", "Bearer abcdefghijklmnop"},
		"a header with a JWT":             {"X-Note", jwt},
		"a subscription key":              {"Ocp-Apim-Subscription-Key", "abcdefghijklmnop"},
		"a password":                      {"X-Pwd", "abcdefghijklmnop"},
		"a passphrase":                    {"X-Passphrase", "abcdefghijklmnop"},
		"another authentication":          {"X-Auth-Value", "abcdefghijklmnop"},
		"the user information of an URL":  {"X-Note", "https://user:abcdefghijklmnop@host/"},
		// A line that is shown has 1024 bytes, and this one ends in the password.
		"the same in a long line": {"X-Note", strings.Repeat("x", 970) + " https://user:abcdefghijklmnop" + strings.Repeat("q", 40) + "@host/"},
	} {
		s := scenario{config: sessionToken, signer: declared(func(s *signer) {
			s.token = "session-token-of-the-test"
			s.signed = sorted([]string{"host", "x-amz-date", "x-amz-security-token", strings.ToLower(test.header)})
		}), before: func(r *http.Request) { r.Header.Set(test.header, test.value) }}
		for arrived, change := range map[string]func(http.Header){
			"as it was signed":    func(http.Header) {},
			"with a line more":    func(h http.Header) { h.Add(test.header, "more") },
			"with more behind it": func(h http.Header) { h.Set(test.header, test.value+", more") }, // a hint names both values
		} {
			r := s.request()
			change(r.Header)
			text := s.verifier(t).Explain(r)
			if !strings.Contains(text, "canonical request") {
				t.Errorf("%s: no canonical request in\n%s", name, text)
			}
			if strings.Contains(text, "\n- it verifies with ") == (arrived == "as it was signed") {
				t.Errorf("%s, %s: a hint, or none:\n%s", name, arrived, text)
			}
			for _, leak := range []string{secret, "abcdefghijklmnop", "session-token-of-the-test", jwt[:20], jwt[24:]} {
				if strings.Contains(text, leak) {
					t.Errorf("%s: %q is in\n%s", name, leak, text)
				}
			}
		}
	}
	for _, value := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret))} {
		target := "/redox?a=" + url.QueryEscape(value)
		text := scenario{}.verifier(t).Explain(scenario{target: target}.request())
		if strings.Contains(text, value) || strings.Contains(text, url.QueryEscape(value)) {
			t.Errorf("%q is in\n%s", value, text)
		}
	}
	if text := (scenario{}).verifier(t).Explain(scenario{before: func(r *http.Request) { r.Header.Set("Content-Type", "application/fhir+json") }}.request()); !strings.Contains(text, "\ncontent-type:application/fhir+json\n") {
		t.Errorf("an ordinary header is left out:\n%s", text)
	}
}
