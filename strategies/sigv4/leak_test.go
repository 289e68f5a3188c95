package sigv4_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// A sender may put a secret where it does not belong. Explain shows it nowhere, whatever the name of
// the header or parameter.
func TestExplainShowsNoSecretInAnotherPlace(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJyZWRveCJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
	secret := testSigner.secret
	for name, test := range map[string]struct{ header, value string }{
		"a header with our secret":                  {"X-Note", "a " + secret},
		"a header with our session token":           {"X-Note", "session-token-of-the-test"},
		"a header with a bearer token":              {"X-Note", "Bearer abcdefghijklmnop"},
		"a header with a JWT":                       {"X-Note", jwt},
		"a subscription key":                        {"Ocp-Apim-Subscription-Key", "abcdefghijklmnop"},
		"a password":                                {"X-Pwd", "abcdefghijklmnop"},
		"a passphrase":                              {"X-Passphrase", "abcdefghijklmnop"},
		"another authentication":                    {"X-Auth-Value", "abcdefghijklmnop"},
		"the user information of an URL":            {"X-Note", "https://user:abcdefghijklmnop@host/"},
		"our session token as the fourth long word": {"X-Note", strings.Repeat("a-word-that-is-long ", 3) + "session-token-of-the-test"},
		// A line that is shown has 1024 bytes, and these end in our secret or the password.
		"our secret in a long line": {"X-Note", strings.Repeat("x", 1000) + " " + secret},
		"the same in a long line":   {"X-Note", strings.Repeat("x", 970) + " https://user:abcdefghijklmnop" + strings.Repeat("q", 40) + "@host/"},
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
			for _, leak := range []string{secret[:12], "abcdefghijklmnop", "session-token-of-the-test", jwt[:20], jwt[24:]} {
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
	for _, name := range []string{"code", "sig", "Access_Token", "CODE"} {
		text := scenario{}.verifier(t).Explain(scenario{target: "/redox?" + name + "=abcdefgh&barcode=12"}.request())
		if !strings.Contains(text, name+"=[redacted]") || !strings.Contains(text, "barcode=12") {
			t.Errorf("the parameter %s is not hidden, or another is:\n%s", name, text)
		}
	}
	// A session token of the least length that is looked for.
	s := scenario{config: func(c *sigv4.Config) { c.Credentials[0].SessionToken = "0123456789abcdef" }, signer: with("x-note"), before: set("X-Note", "a 0123456789abcdef")}
	if text := s.verifier(t).Explain(s.request()); !strings.Contains(text, "\nx-note:[redacted]\n") {
		t.Errorf("the session token is not hidden:\n%s", text)
	}
	// A shorter secret could be a part of any word. New does not refuse it.
	for short, hidden := range map[string]bool{"applica": false, "applicat": true} {
		s := scenario{config: func(c *sigv4.Config) { c.Credentials[0].SecretAccessKey = short }, signer: func(s *signer) { s.secret = short }}
		if text := s.verifier(t).Explain(s.request()); strings.Contains(text, "\ncontent-type:application/json\n") == hidden {
			t.Errorf("%s hidden: want %t in\n%s", short, hidden, text)
		}
	}
	if text := (scenario{}).verifier(t).Explain(scenario{before: func(r *http.Request) { r.Header.Set("Content-Type", "application/fhir+json") }}.request()); !strings.Contains(text, "\ncontent-type:application/fhir+json\n") {
		t.Errorf("an ordinary header is left out:\n%s", text)
	}
}

func TestHintOfAnAddedParameterShowsNoToken(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJyZWRveCJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
	s := scenario{target: "/redox?a=1", after: both(awsSign(nil), received("/redox?a=1&"+jwt))}
	text := s.verifier(t).Explain(s.request())
	if !strings.Contains(text, "\n- it verifies without the query parameter ") || strings.Contains(text, jwt[:20]) {
		t.Errorf("no hint, or one that shows the token:\n%s", text)
	}
}
