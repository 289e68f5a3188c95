package smartbackend_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

const (
	tokenURL      = "https://api.example.com/token"
	destination   = "https://api.example.com/redox"
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

var (
	es384       = redoxtest.NewKey("es", "ES384")
	rs384       = redoxtest.NewKey("rs", "RS384")
	other384    = redoxtest.NewKey("other", "ES384")
	tokenSecret = []byte("a secret of more than 32 bytes, for tests")
	now         = time.Now().Truncate(time.Second)
)

func keys(t testing.TB, k ...redoxtest.Key) keyset.Set {
	t.Helper()
	s, err := keyset.ParseJWKS(redoxtest.JWKS(k...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func config(t testing.TB) smartbackend.EndpointConfig {
	return smartbackend.EndpointConfig{
		Clients: []smartbackend.Client{
			{ID: "redox", Keys: keys(t, es384, rs384), Scopes: []string{"system/*.rs", "system/Patient.c"}},
			{ID: "other", Keys: keys(t, other384), Scopes: []string{"system/*.rs"}},
		},
		TokenURL: tokenURL, Issuer: "https://api.example.com", Audience: destination,
		TokenSecrets: [][]byte{tokenSecret},
		Replay:       replay.NewMemory(1000),
		Now:          func() time.Time { return now },
	}
}

func newEndpoint(t testing.TB, cfg smartbackend.EndpointConfig) *smartbackend.TokenEndpoint {
	t.Helper()
	e, err := smartbackend.NewTokenEndpoint(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func sender() *redoxtest.SMARTBackend {
	return &redoxtest.SMARTBackend{URL: tokenURL, ClientID: "redox", Key: es384, Now: func() time.Time { return now }}
}

func assertion(t testing.TB, s *redoxtest.SMARTBackend) string {
	t.Helper()
	a, err := s.Assertion()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func parameters(assertion string) url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "scope": {"system/*.rs"},
		"client_assertion_type": {assertionType}, "client_assertion": {assertion},
	}
}

func tokenRequest(p url.Values) *http.Request {
	r := httptest.NewRequest("POST", "/token", strings.NewReader(p.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

type tokenAnswer struct {
	Token     string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn any    `json:"expires_in"`
	Scope     string `json:"scope"`
	Error     string `json:"error"`
}

func readAnswer(t testing.TB, w *httptest.ResponseRecorder) tokenAnswer {
	t.Helper()
	var a tokenAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	return a
}

func message(token string) *http.Request {
	r := httptest.NewRequest("POST", "/redox", strings.NewReader("{}"))
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// outcome is the status and the error of an answer.
func outcome(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	return strings.TrimSpace(fmt.Sprint(w.Code, " ", readAnswer(t, w).Error))
}

func TestTokenAnswer(t *testing.T) {
	var decision redoxauth.Decision
	cfg := config(t)
	cfg.Observe = func(_ *http.Request, d redoxauth.Decision) { decision = d }
	e := newEndpoint(t, cfg)
	w := serve(e, tokenRequest(parameters(assertion(t, sender()))))
	a := readAnswer(t, w)
	if id, err := verifier(t, e, "system/Patient.r").Verify(message(a.Token)); err != nil || id.Subject != "redox" || id.Strategy != "smartbackend" {
		t.Errorf("got %+v, %v", id, err)
	}
	a.Token = ""
	if diff := cmp.Diff(tokenAnswer{Type: "bearer", ExpiresIn: 300.0, Scope: "system/*.rs"}, a); diff != "" || w.Code != 200 {
		t.Errorf("status %d, answer (-want +got):\n%s", w.Code, diff)
	}
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Pragma") != "no-cache" {
		t.Errorf("headers %v", w.Header())
	}
	want := redoxauth.Decision{Event: "token_request", Status: 200, Identity: &redoxauth.Identity{
		Strategy: "smartbackend", Subject: "redox", Issuer: "https://api.example.com", KeyID: "es",
		Scopes: []string{"system/*.rs"}, Expiry: now.Add(5 * time.Minute),
	}}
	decision.Duration = 0
	if diff := cmp.Diff(want, decision); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}
}

// A store is a replay.Store.
type store func(scope, id string, until time.Time) (bool, error)

func (s store) Add(_ context.Context, scope, id string, until time.Time) (bool, error) {
	return s(scope, id, until)
}

// RFC 8725, Section 3.12: kinds of JWT exclude one another.
func TestAssertionIsNoAccessToken(t *testing.T) {
	cfg := config(t)
	e := newEndpoint(t, cfg)
	s := sender()
	s.Audience = destination
	for name, token := range map[string]string{"assertion": assertion(t, sender()), "assertion for the destination": assertion(t, s)} {
		if id, err := verifier(t, e).Verify(message(token)); err == nil {
			t.Errorf("%s: accepted as %+v", name, id)
		}
	}
	issued := readAnswer(t, serve(e, tokenRequest(parameters(assertion(t, sender()))))).Token
	if got := outcome(t, serve(e, tokenRequest(parameters(issued)))); got != "401 invalid_client" {
		t.Errorf("access token as assertion: got %s", got)
	}
}

func TestTokenOfAnotherEndpoint(t *testing.T) {
	a, b := config(t), config(t)
	b.Audience = "https://api.example.com/other"
	issued := readAnswer(t, serve(newEndpoint(t, a), tokenRequest(parameters(assertion(t, sender()))))).Token
	if _, err := verifier(t, newEndpoint(t, b)).Verify(message(issued)); !errors.Is(err, redoxauth.ErrRejected) {
		t.Errorf("another audience: got %v", err)
	}
	c := config(t)
	c.Clients = c.Clients[1:]
	if _, err := verifier(t, newEndpoint(t, c)).Verify(message(issued)); !errors.Is(err, redoxauth.ErrRejected) {
		t.Errorf("client removed: got %v", err)
	}
	d := config(t)
	d.Now = func() time.Time { return now.Add(6 * time.Minute) }
	if _, err := verifier(t, newEndpoint(t, d)).Verify(message(issued)); !errors.Is(err, redoxauth.ErrRejected) {
		t.Errorf("expired: got %v", err)
	}
	v := verifier(t, newEndpoint(t, config(t)), "system/Patient.rs", "system/Patient.c")
	_, err := v.Verify(message(issued))
	var e *redoxauth.Error
	if !errors.Is(err, redoxauth.ErrForbidden) || !errors.As(err, &e) || !strings.Contains(e.Challenge, `error="insufficient_scope", scope="system/Patient.rs system/Patient.c"`) {
		t.Errorf("scope: got %v", err)
	}
}

func TestNewTokenEndpointRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*smartbackend.EndpointConfig)
		want   []string
	}{
		{"everything", func(c *smartbackend.EndpointConfig) { *c = smartbackend.EndpointConfig{} },
			[]string{"Clients", "TokenURL", "Replay", "Issuer", "Audience", "TokenSecrets"}},
		{"token URL relative", func(c *smartbackend.EndpointConfig) { c.TokenURL = "/token" }, []string{"TokenURL"}},
		{"token URL with a fragment", func(c *smartbackend.EndpointConfig) { c.TokenURL += "#" }, []string{"TokenURL"}},
		{"empty audience", func(c *smartbackend.EndpointConfig) { c.AssertionAudiences = []string{""} }, []string{"AssertionAudiences[0]"}},
		{"leeway too long", func(c *smartbackend.EndpointConfig) { c.Leeway = 6 * time.Minute }, []string{"Leeway"}},
		{"lifetime too long", func(c *smartbackend.EndpointConfig) { c.Lifetime = 301 * time.Second }, []string{"Lifetime"}},
		{"no keys", func(c *smartbackend.EndpointConfig) { c.Clients[1].Keys = nil }, []string{"Clients[1].Keys"}},
		{"no scopes", func(c *smartbackend.EndpointConfig) { c.Clients[1].Scopes = nil }, []string{"Clients[1].Scopes"}},
		{"misspelt scope", func(c *smartbackend.EndpointConfig) { c.Clients[0].Scopes = []string{"system/Patient.sr"} }, []string{"Clients[0].Scopes[0]"}},
		{"ID twice", func(c *smartbackend.EndpointConfig) { c.Clients[1].ID = "redox" }, []string{"Clients[1].ID"}},
		{"ID pasted with a newline", func(c *smartbackend.EndpointConfig) { c.Clients[1].ID = "redox\n" }, []string{"Clients[1].ID"}},
		{"ID too long", func(c *smartbackend.EndpointConfig) { c.Clients[1].ID = strings.Repeat("x", 513) }, []string{"Clients[1].ID"}},
		{"short secret", func(c *smartbackend.EndpointConfig) { c.TokenSecrets[0] = []byte("short") }, []string{"TokenSecrets[0]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(t)
			c.change(&cfg)
			e, err := smartbackend.NewTokenEndpoint(cfg)
			if err == nil || e != nil {
				t.Fatalf("got %v, %v", e, err)
			}
			if lines := strings.Split(err.Error(), "\n"); len(lines) != len(c.want) {
				t.Errorf("got %q, want %d lines", lines, len(c.want))
			}
			for _, field := range c.want {
				if !strings.Contains(err.Error(), "smartbackend: "+field+": ") {
					t.Errorf("got %v, want %s in it", err, field)
				}
			}
		})
	}
}

func TestEndpointShowsNoSecret(t *testing.T) {
	e := newEndpoint(t, config(t))
	for _, v := range []any{e, *e, verifier(t, e)} {
		if text := fmt.Sprintf("%+v %#v", v, v); strings.Contains(text, string(tokenSecret)) || strings.Contains(text, fmt.Sprint(tokenSecret)) {
			t.Errorf("%T shows a secret: %s", v, text)
		}
	}
}

func verifier(t testing.TB, e *smartbackend.TokenEndpoint, scopes ...string) *smartbackend.Verifier {
	t.Helper()
	v, err := e.Verifier(scopes...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
