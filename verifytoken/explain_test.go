package verifytoken_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// secret is a token with characters that other encodings change.
const secret = "Tok3n+mit/Zeichen=und%Laenge"

func with(name, value string) *http.Request {
	r := post(`{"Meta":{}}`)
	r.Header.Set(name, value)
	return r
}

// Each text names the cause. The neighbours are the accepted requests, which have no hint.
func TestExplain(t *testing.T) {
	for name, test := range map[string]struct {
		configured string // default secret
		r          *http.Request
		want       []string
	}{
		"accepted message":               {"", message(secret), []string{`verifytoken: accepted: verifytoken, key ID "1"`, "read as: a message", "header verification-token: 28 bytes", "configured: 2"}},
		"accepted handshake":             {"", post(document(secret, uuid)), []string{"verifytoken: accepted", "read as: a handshake by POST, with a challenge of 36 bytes", "verification-token beside the challenge: 28 bytes"}},
		"accepted handshake by GET":      {"", get("challenge="+uuid, secret), []string{"verifytoken: accepted", "read as: a handshake by GET"}},
		"absent":                         {"", message(), []string{"no credentials (missing)", "header verification-token: absent"}},
		"wrong":                          {"", message("another"), []string{"credentials rejected (token)", "header verification-token: 7 bytes"}},
		"empty":                          {"", message(""), []string{"the token is empty"}},
		"too long":                       {"", message(strings.Repeat("a", 5000)), []string{"more than 4096 bytes", "5000 bytes"}},
		"two":                            {"", message(secret, secret), []string{"malformed request (malformed)", "2 of them, want one"}},
		"quotes around it":               {"", message(`"` + secret + `"`), []string{"- the header verification-token holds the token at position 1 with quotes around it"}},
		"a no-break space":               {"", message(secret + "\u00a0"), []string{"position 1 with white space or invisible characters around it"}},
		"Bearer in front":                {"", message("Bearer " + secret), []string{`position 1 with "Bearer " in front`}},
		"URL-encoded":                    {"", message(url.PathEscape(secret)), []string{"position 1 URL-encoded"}},
		"form-encoded":                   {"a token of words", message("a+token+of+words"), []string{"position 1 URL-encoded as in a form"}},
		"base64":                         {"", message(base64.StdEncoding.EncodeToString([]byte(secret))), []string{"position 1 in base64"}},
		"hex":                            {"", message(hex.EncodeToString([]byte(secret))), []string{"position 1 in hex"}},
		"lower case":                     {strings.ToLower(secret), message(secret), []string{"the configured one is in lower case"}},
		"upper case":                     {strings.ToUpper(secret), message(secret), []string{"the configured one is in upper case"}},
		"two joined to a list":           {"", message(secret + "," + secret), []string{"twice or in a list"}},
		"quotes in the Config":           {`"` + secret + `"`, message(secret), []string{"without the quotes that the configured one has"}},
		"base64 in the Config":           {base64.StdEncoding.EncodeToString([]byte(secret)), message(secret), []string{"the configured one is its base64 form"}},
		"URL-encoded in the Config":      {url.QueryEscape(secret), message(secret), []string{"the configured one is its URL-encoded form"}},
		"as a bearer token":              {"", with("Authorization", "Bearer "+secret), []string{`- the header "Authorization" holds the token at position 1 with "Bearer " in front; want it in the header verification-token`}},
		"in a header of another name":    {"", with("X-Verification-Token", secret), []string{`- the header "X-Verification-Token" holds the token at position 1; want it in the header`}},
		"a message with it in the query": {"", httptest.NewRequest("POST", "/?verification-token="+url.QueryEscape(secret), nil), []string{`the parameter "verification-token" of the query holds the token at position 1`}},
		"a challenge alone":              {"", post(bare), []string{"read as: a challenge without a token", "verifytoken.Challenge"}},
		"another method":                 {"", get(""), []string{"received the method GET, want POST"}},
		"a handshake with a wrong token": {"", post(document("another", uuid)), []string{"credentials rejected (token)", "a handshake by POST", "challenge: 7 bytes"}},
		"a handshake with two tokens":    {"", withHeader(post(document(secret, uuid)), "another"), []string{"holds another one"}},
		"a challenge that is too long":   {"", post(document(secret, strings.Repeat("c", 1025))), []string{"the challenge has 1025 bytes, want 1 to 1024"}},
		"a challenge twice":              {"", get("challenge=a&challenge=b", secret), []string{"the query has 2 challenge and 0 verification-token"}},
	} {
		t.Run(name, func(t *testing.T) {
			configured := secret
			if test.configured != "" {
				configured = test.configured
			}
			v := newVerifier(t, "an older token", configured)
			text := v.Explain(test.r)
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("want %q in\n%s", want, text)
				}
			}
			accepted := strings.HasPrefix(name, "accepted")
			if strings.HasPrefix(text, "verifytoken: accepted: ") != accepted || accepted && strings.Contains(text, "hints:") {
				t.Errorf("the first line or the hints are wrong:\n%s", text)
			}
			for i := range len(secret) - 4 {
				if part := secret[i : i+5]; strings.Contains(text, part) {
					t.Errorf("%q of the token is in\n%s", part, text)
				}
			}
			if body, err := io.ReadAll(test.r.Body); err != nil || test.r.ContentLength > 0 && int64(len(body)) != test.r.ContentLength {
				t.Errorf("the handler would read %d bytes of %d, %v", len(body), test.r.ContentLength, err)
			}
		})
	}
}

// What Observe gets has no body, and can be explained later.
func TestExplainAHandshakeLater(t *testing.T) {
	var seen *http.Request
	v, err := verifytoken.New(verifytoken.Config{
		Tokens:  []string{secret},
		Observe: func(r *http.Request, _ redoxauth.Decision) { seen = r },
	})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		document(`\"`+secret+`\"`, uuid): "holds the token at position 0 with quotes around it",
		document(secret, uuid):           "verifytoken: accepted",
	} {
		serve(v.Handshake(next(t)), post(body))
		if text := redoxauth.Explain(v, seen); !strings.Contains(text, want) || !strings.Contains(text, "read as: a handshake by POST") {
			t.Errorf("want %q in\n%s", want, text)
		}
		if data, err := io.ReadAll(seen.Body); len(data) > 0 || err != nil {
			t.Errorf("Observe could read %d bytes, %v", len(data), err)
		}
	}
	consumed := post(document(secret, uuid))
	consumed.Body = http.NoBody
	serve(v.Handshake(next(t)), consumed)
	if text := v.Explain(seen); !strings.Contains(text, "(body_consumed)") || !strings.Contains(text, "could not be read") {
		t.Errorf("got\n%s", text)
	}
}

func TestExplainCallsNothing(t *testing.T) {
	calls := 0
	v, err := verifytoken.New(verifytoken.Config{TokensFunc: func(context.Context) ([]string, error) {
		calls++
		return []string{secret}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if text := v.Explain(message(secret)); !strings.Contains(text, "cannot be decided now (secrets)") || !strings.Contains(text, "not loaded yet") || calls != 0 {
		t.Errorf("%d calls, and\n%s", calls, text)
	}
	if _, err := v.Verify(message(secret)); err != nil {
		t.Fatal(err)
	}
	if text := v.Explain(message(secret)); !strings.Contains(text, "accepted") || calls != 1 {
		t.Errorf("%d calls, and\n%s", calls, text)
	}
}

func TestExplainOutlivesZeroValues(t *testing.T) {
	var none *verifytoken.Verifier
	for _, v := range []*verifytoken.Verifier{none, {}, newVerifier(t, secret)} {
		for _, r := range []*http.Request{{}, {Method: "GET"}, {Method: "POST", ContentLength: 5}, get("%zz")} {
			if text := redoxauth.Explain(v, r); text == "" || strings.Contains(text, "panicked") {
				t.Errorf("got %q", text)
			}
		}
	}
}
