package google_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/google"
)

// A fake is Google as an http.RoundTripper. It answers at Google's own URLs only.
type fake struct {
	t testing.TB

	mu      sync.Mutex
	keys    []redoxtest.Key
	answers map[string]reply // by access token; all others are invalid
	outage  func(*http.Request) (*http.Response, error)
	sent    []string // access tokens
	fetches int      // of keys
	time    time.Time
}

type reply struct {
	status int
	body   string
}

func newFake(t testing.TB) *fake {
	return &fake{t: t, keys: []redoxtest.Key{googleKey}, answers: map[string]reply{}, time: start}
}

func (f *fake) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.time
}

func (f *fake) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.time = f.time.Add(d)
}

func (f *fake) fail(outage func(*http.Request) (*http.Response, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outage = outage
}

func (f *fake) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sent)
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	outage := f.outage
	f.mu.Unlock()
	switch r.URL.String() {
	case "https://www.googleapis.com/oauth2/v3/certs":
		f.mu.Lock()
		f.fetches++
		f.mu.Unlock()
		if outage != nil {
			return outage(r)
		}
		return respond(r, http.StatusOK, string(redoxtest.JWKS(f.keys...))), nil
	case "https://oauth2.googleapis.com/tokeninfo":
		answer := f.tokenInfo(r)
		if outage != nil {
			return outage(r)
		}
		return respond(r, answer.status, answer.body), nil
	}
	f.t.Errorf("a request to %s", r.URL)
	return nil, errors.New("no such host")
}

// tokenInfo checks the request: it must be as Google documents it
// (https://developers.google.com/identity/protocols/oauth2), and the token must be where no
// access log shows it (RFC 9700, Section 4.3.2).
func (f *fake) tokenInfo(r *http.Request) reply {
	body, _ := io.ReadAll(r.Body)
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form) != 1 || len(form["access_token"]) != 1 {
		f.t.Errorf("the form is %q", body)
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		f.t.Errorf("%s of %q", r.Method, r.Header.Get("Content-Type"))
	}
	if got := r.Header.Get("Accept"); got != "application/json" {
		f.t.Errorf("Accept is %q", got)
	}
	if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
		f.t.Error("the request has other credentials")
	}
	token := form.Get("access_token")
	if !strings.HasPrefix(token, "ya29.") {
		f.t.Errorf("sent to Google, but not a token of Google: %q", token)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, token)
	if answer, ok := f.answers[token]; ok {
		return answer
	}
	return reply{http.StatusBadRequest, `{"error":"invalid_token","error_description":"Invalid Value"}`}
}

func respond(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
}

// verifier returns a Verifier that accepts both kinds of token. change changes its Config.
func (f *fake) verifier(change func(*google.Config)) redoxauth.Verifier {
	f.t.Helper()
	cfg := google.Config{
		Strategy:        "example",
		ServiceAccounts: []string{accountID, account},
		Audience:        []string{audience},
		AccessTokens:    true,
		Client:          &http.Client{Transport: f},
		Now:             f.now,
	}
	if change != nil {
		change(&cfg)
	}
	v, err := google.New(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	return v
}

func request(token string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://customer.example/redox", bytes.NewReader(redoxtest.PatientAdmin()))
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// decide calls Verify and checks what every error promises.
func decide(t *testing.T, v redoxauth.Verifier, token string) (*redoxauth.Identity, error) {
	t.Helper()
	id, err := v.Verify(request(token))
	var e *redoxauth.Error
	switch {
	case (id == nil) == (err == nil):
		t.Fatalf("Verify = %v, %v", id, err)
	case err == nil:
		return id, nil
	case !errors.As(err, &e) || e.Strategy != "example" || e.Reason == "":
		t.Fatalf("error %#v lacks strategy or reason", err)
	case len(token) > 8 && (strings.Contains(err.Error(), token) || strings.Contains(fmt.Sprintf("%+v", v), token)):
		t.Errorf("the token shows in %v", err)
	}
	return nil, err
}
