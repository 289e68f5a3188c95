package token_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/token"
)

var (
	now    = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	secret = []byte("a secret of more than 32 bytes, for tests")
)

// A grant proves everybody to be the client "redox".
type grant struct {
	token.PlainScopes
	change  func(*token.Proof)
	seen    *token.Request
	err     error
	use     func(context.Context) error
	removed bool
}

func (g *grant) Prove(_ context.Context, q *token.Request) (*token.Proof, error) {
	g.seen = q
	if g.err != nil {
		return nil, g.err
	}
	p := &token.Proof{Client: "redox", Subject: "redox", KeyID: "7", Allowed: []string{"read", "write"}, Use: g.use}
	if g.change != nil {
		g.change(p)
	}
	return p, nil
}

func (g *grant) Known(client, subject string) bool { return client == "redox" && !g.removed }

func config() token.Config {
	return token.Config{
		Strategy: "strategy", Issuer: "https://api.example.com", Audience: "https://api.example.com/redox",
		TokenSecrets: [][]byte{secret}, MaxLifetime: time.Hour, GrantType: "client_credentials",
		JSON: true, Grant: &grant{}, Now: func() time.Time { return now },
	}
}

func endpoint(t testing.TB, cfg token.Config) *token.Endpoint {
	t.Helper()
	e, err := token.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func post(contentType, body string) *http.Request {
	r := httptest.NewRequest("POST", "/token", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return r
}

func form(body string) *http.Request { return post("application/x-www-form-urlencoded", body) }

func serve(e http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func answer(t testing.TB, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var a map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	return a
}

func issue(t testing.TB, e http.Handler) string {
	t.Helper()
	w := serve(e, form("grant_type=client_credentials"))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return answer(t, w)["access_token"].(string)
}

func bearer(value string) *http.Request {
	r := httptest.NewRequest("POST", "/redox", nil)
	r.Header.Set("Authorization", "Bearer "+value)
	return r
}

// RFC 9068, Section 2.
func TestTokenClaims(t *testing.T) {
	parts := strings.Split(issue(t, endpoint(t, config())), ".")
	decode := func(s string) (m map[string]any) {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if diff := cmp.Diff(map[string]any{"alg": "HS256", "typ": "at+jwt"}, decode(parts[0])); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	claims := decode(parts[1])
	if id, _ := claims["jti"].(string); len(id) < 22 {
		t.Errorf("jti %q has less than 128 bits", id)
	}
	delete(claims, "jti")
	want := map[string]any{
		"iss": "https://api.example.com", "aud": "https://api.example.com/redox", "sub": "redox", "client_id": "redox",
		"iat": float64(now.Unix()), "exp": float64(now.Unix() + 300), "scope": "read write",
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestVerifyIdentity(t *testing.T) {
	e := endpoint(t, config())
	id, err := e.Verifier([]string{"write"}).Verify(bearer(issue(t, e)))
	if err != nil {
		t.Fatal(err)
	}
	id.RawClaims = nil
	want := &redoxauth.Identity{
		Strategy: "strategy", Subject: "redox", Issuer: "https://api.example.com", KeyID: "0",
		Scopes: []string{"read", "write"}, Expiry: now.Add(5 * time.Minute),
	}
	if diff := cmp.Diff(want, id, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

func TestVerifyRefuses(t *testing.T) {
	issued := issue(t, endpoint(t, config()))
	with := func(change func(*token.Config)) token.Config {
		cfg := config()
		change(&cfg)
		return cfg
	}
	at := func(d time.Duration) func(*token.Config) {
		return func(c *token.Config) { c.Now = func() time.Time { return now.Add(d) } }
	}
	for _, c := range []struct {
		name       string
		cfg        token.Config
		required   []string
		want       error
		wantReason redoxauth.Reason
	}{
		{name: "nothing", cfg: config()},
		{name: "just before 60 s past expiry", cfg: with(at(6*time.Minute - time.Second))},
		{name: "60 s past expiry", cfg: with(at(6 * time.Minute)), want: redoxauth.ErrRejected, wantReason: "expired"},
		{name: "issued 2 min in the future", cfg: with(at(-2 * time.Minute)), want: redoxauth.ErrRejected, wantReason: "not_yet_valid"},
		{name: "scope missing", cfg: config(), required: []string{"read", "admin"}, want: redoxauth.ErrForbidden, wantReason: "scope"},
		{name: "client removed", cfg: with(func(c *token.Config) { c.Grant = &grant{removed: true} }), want: redoxauth.ErrRejected, wantReason: "client"},
		{name: "other secret", cfg: with(func(c *token.Config) { c.TokenSecrets = [][]byte{make([]byte, 32)} }), want: redoxauth.ErrRejected, wantReason: "signature"},
		{name: "other strategy, same secrets", cfg: with(func(c *token.Config) { c.Strategy = "other" }), want: redoxauth.ErrRejected, wantReason: "signature"},
		{name: "other audience, same secrets", cfg: with(func(c *token.Config) { c.Audience = "https://b.example.com" }), want: redoxauth.ErrRejected, wantReason: "signature"},
		{name: "other issuer, same secrets", cfg: with(func(c *token.Config) { c.Issuer = "https://b.example.com" }), want: redoxauth.ErrNoCredentials, wantReason: "issuer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := endpoint(t, c.cfg).Verifier(c.required).Verify(bearer(issued))
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || (id == nil) != (err != nil) {
				t.Fatalf("got %v, %v, want %v", id, err, c.want)
			}
			var e *redoxauth.Error
			if errors.As(err, &e) && e.Reason != c.wantReason {
				t.Errorf("reason %q, want %q", e.Reason, c.wantReason)
			}
		})
	}
}

// Concatenated, ("a", "bc") and ("ab", "c") would give one key.
func TestKeysOfDifferentNamesDiffer(t *testing.T) {
	a, b := config(), config()
	a.Issuer, a.Audience = `x" "y`, "z"
	b.Issuer, b.Audience = "x", `y" "z`
	if _, err := endpoint(t, b).Verifier(nil).Verify(bearer(issue(t, endpoint(t, a)))); err == nil {
		t.Error("accepted")
	}
	if a, b := issue(t, endpoint(t, config())), issue(t, endpoint(t, config())); a == b {
		t.Error("two tokens are the same")
	}
}

func TestRotationRefusesNoMessage(t *testing.T) {
	old, next := secret, []byte(strings.Repeat("n", 32))
	steps := [][][]byte{{old}, {old, next}, {next, old}, {next}}
	replica := func(secrets [][]byte) *token.Endpoint {
		cfg := config()
		cfg.TokenSecrets = secrets
		return endpoint(t, cfg)
	}
	for i := range steps[1:] {
		before, after := replica(steps[i]), replica(steps[i+1])
		issuers := []*token.Endpoint{before, after}
		if i == 2 {
			issuers = []*token.Endpoint{after} // the old ones have expired by now
		}
		for j, issuer := range issuers {
			issued := issue(t, issuer)
			for k, verifier := range []*token.Endpoint{before, after} {
				if _, err := verifier.Verifier(nil).Verify(bearer(issued)); err != nil {
					t.Errorf("step %d: issued by replica %d, verified by replica %d: %v", i, j, k, err)
				}
			}
		}
	}
	id, err := replica(steps[2]).Verifier(nil).Verify(bearer(issue(t, replica(steps[1]))))
	if err != nil || id.KeyID != "1" {
		t.Errorf("got %v, %v, want key ID 1, the old secret's position", id, err)
	}
}

func TestNewRefuses(t *testing.T) {
	cfg := config()
	cfg.Issuer, cfg.Audience, cfg.Lifetime, cfg.TokenSecrets = "", "", time.Millisecond, [][]byte{secret, secret[:31]}
	_, err := token.New(cfg)
	for _, want := range []string{"strategy: Issuer: ", "strategy: Audience: ", "strategy: Lifetime: ", "strategy: TokenSecrets[1]: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	for name, want := range map[string]string{
		strings.Repeat("x", 513): "longer than 512 bytes",
		"redox\xff":              "not UTF-8", // it would be another one in the token
		" redox":                 "white space",
		"red\x00ox":              "control characters",
	} {
		cfg := config()
		cfg.Issuer, cfg.Audience = name, name
		_, err := token.New(cfg)
		for _, field := range []string{"Issuer", "Audience"} {
			if err == nil || !strings.Contains(err.Error(), "strategy: "+field+": "+want) {
				t.Errorf("%s %.10q: got %v, want %q in it", field, name, err, want)
			}
		}
	}
	cfg = config()
	cfg.TokenSecrets = nil
	if _, err := token.New(cfg); err == nil || !strings.Contains(err.Error(), "strategy: TokenSecrets: required") {
		t.Errorf("got %v", err)
	}
	cfg = config()
	cfg.Lifetime = time.Hour + 1
	if _, err := token.New(cfg); err == nil {
		t.Error("a lifetime above the strategy's is accepted")
	}
}
