package jwtbearer_test

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
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

const (
	grantURL         = "https://api.example.com/token"
	grantDestination = "https://api.example.com/redox"
	grantType        = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

var (
	grantRS256  = redoxtest.NewKey("rs", "RS256")
	grantES256  = redoxtest.NewKey("es", "ES256")
	grantOther  = redoxtest.NewKey("other", "ES256")
	grantSecret = []byte("a secret of more than 32 bytes, for tests")
	grantNow    = time.Now().Truncate(time.Second)
)

func grantKeys(t testing.TB, k ...redoxtest.Key) keyset.Set {
	t.Helper()
	s, err := keyset.ParseJWKS(redoxtest.JWKS(k...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func endpointConfig(t testing.TB) jwtbearer.EndpointConfig {
	return jwtbearer.EndpointConfig{
		Signers: []jwtbearer.Signer{
			{Issuer: "redox", Keys: grantKeys(t, grantRS256, grantES256), Scopes: []string{"read", "write"}},
			{Issuer: "other", Subject: "system", Keys: grantKeys(t, grantOther)},
		},
		TokenURL: grantURL, Issuer: "https://api.example.com", Audience: grantDestination,
		TokenSecrets: [][]byte{grantSecret},
		Replay:       replay.NewMemory(1000),
		Now:          func() time.Time { return grantNow },
	}
}

func newTokenEndpoint(t testing.TB, cfg jwtbearer.EndpointConfig) *jwtbearer.TokenEndpoint {
	t.Helper()
	e, err := jwtbearer.NewTokenEndpoint(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func grantSender() *redoxtest.JWTBearer {
	return &redoxtest.JWTBearer{
		Key: grantES256, Issuer: "redox", Subject: "feed", Audience: []string{grantURL},
		TokenURL: grantURL, Now: func() time.Time { return grantNow },
	}
}

func grantAssertion(t testing.TB, s *redoxtest.JWTBearer) string {
	t.Helper()
	a, err := s.Token()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func grantRequest(assertion string, parameters ...string) *http.Request {
	p := url.Values{"grant_type": {grantType}, "assertion": {assertion}}
	for i := 0; i < len(parameters); i += 2 {
		p.Add(parameters[i], parameters[i+1])
	}
	r := httptest.NewRequest("POST", "/token", strings.NewReader(p.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

type grantAnswer struct {
	Token     string  `json:"access_token"`
	Type      string  `json:"token_type"`
	ExpiresIn float64 `json:"expires_in"`
	Scope     string  `json:"scope"`
	Error     string  `json:"error"`
}

// grant returns status and error, and the answer.
func grant(t testing.TB, h http.Handler, r *http.Request) (string, grantAnswer) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var a grantAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Pragma") != "no-cache" {
		t.Errorf("headers %v", w.Header())
	}
	if (w.Header().Get("Retry-After") != "") != (w.Code == 503) {
		t.Errorf("status %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	return strings.TrimSpace(fmt.Sprint(w.Code, " ", a.Error)), a
}

func grantMessage(token string) *http.Request {
	r := httptest.NewRequest("POST", "/redox", strings.NewReader("{}"))
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func TestGrantAnswer(t *testing.T) {
	var decision redoxauth.Decision
	cfg := endpointConfig(t)
	cfg.Observe = func(_ *http.Request, d redoxauth.Decision) { decision = d }
	e := newTokenEndpoint(t, cfg)
	got, a := grant(t, e, grantRequest(grantAssertion(t, grantSender()), "scope", "write admin"))
	id, err := verifier(t, e, "write").Verify(grantMessage(a.Token))
	if err != nil || id.Subject != "feed" || id.Strategy != "jwtbearer" {
		t.Fatalf("%s: %+v, %v", got, id, err)
	}
	var claims struct {
		Client string `json:"client_id"`
		Sub    string
	}
	if err := id.Claims(&claims); err != nil || claims.Client != "redox" || claims.Sub != "feed" {
		t.Errorf("claims %+v, %v", claims, err)
	}
	a.Token = ""
	if diff := cmp.Diff(grantAnswer{Type: "bearer", ExpiresIn: 300, Scope: "write"}, a); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if decision.Err != nil || decision.Identity.Subject != "feed" || decision.Identity.KeyID != "es" {
		t.Errorf("decision %+v", decision)
	}
}

// What may differ between genuine senders, Google's libraries among them.
func TestGenuineGrants(t *testing.T) {
	for _, c := range []struct {
		name   string
		sender func(*redoxtest.JWTBearer)
		config func(*jwtbearer.EndpointConfig)
	}{
		{name: "ES256"},
		{name: "RS256", sender: func(s *redoxtest.JWTBearer) { s.Key = grantRS256 }},
		{name: "RS384, if listed", sender: func(s *redoxtest.JWTBearer) { s.Key = redoxtest.NewKey("rs", "RS384") },
			config: func(c *jwtbearer.EndpointConfig) {
				k := redoxtest.NewKey("rs", "RS384")
				c.Signers[0].Keys, c.Signers[0].Algorithms = grantKeys(t, k), []string{"RS384"}
			}},
		{name: "no jti, kid and typ", sender: func(s *redoxtest.JWTBearer) {
			s.Claims, s.Header = map[string]any{"jti": nil}, map[string]any{"typ": nil, "kid": nil}
		}},
		{name: "typ of RFC 10070", sender: func(s *redoxtest.JWTBearer) { s.Header = map[string]any{"typ": "authorization-grant+jwt"} }},
		{name: "an hour", sender: func(s *redoxtest.JWTBearer) { s.Lifetime = time.Hour }},
		{name: "aud the issuer, as configured", sender: func(s *redoxtest.JWTBearer) { s.Audience = []string{"https://api.example.com"} },
			config: func(c *jwtbearer.EndpointConfig) {
				c.AssertionAudiences = []string{grantURL, "https://api.example.com"}
			}},
		{name: "the signer's only subject", sender: func(s *redoxtest.JWTBearer) { s.Key, s.Issuer, s.Subject = grantOther, "other", "system" }},
		{name: "a jku, which is not followed", sender: func(s *redoxtest.JWTBearer) { s.Header = map[string]any{"jku": "https://attacker.invalid/"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, s := endpointConfig(t), grantSender()
			if c.config != nil {
				c.config(&cfg)
			}
			if c.sender != nil {
				c.sender(s)
			}
			e := newTokenEndpoint(t, cfg)
			assertion := grantAssertion(t, s)
			got, a := grant(t, e, grantRequest(assertion, "client_id", "anything"))
			if got != "200" {
				t.Fatalf("got %s", got)
			}
			if _, err := verifier(t, e).Verify(grantMessage(a.Token)); err != nil {
				t.Errorf("its token: %v", err)
			}
			if got, _ := grant(t, e, grantRequest(assertion)); got != "400 invalid_grant" {
				t.Errorf("again: got %s", got)
			}
		})
	}
}

type failingStore struct{}

func (failingStore) Add(context.Context, string, string, time.Time) (bool, error) {
	return true, errors.New("connection refused")
}

func TestGrantTokens(t *testing.T) {
	issued := func(cfg jwtbearer.EndpointConfig) string {
		_, a := grant(t, newTokenEndpoint(t, cfg), grantRequest(grantAssertion(t, grantSender())))
		return a.Token
	}
	token := issued(endpointConfig(t))
	for _, c := range []struct {
		name   string
		change func(*jwtbearer.EndpointConfig)
		scope  string
		want   error
	}{
		{name: "at a replica", change: func(*jwtbearer.EndpointConfig) {}},
		{name: "59 s past expiry", change: func(c *jwtbearer.EndpointConfig) {
			c.Now = func() time.Time { return grantNow.Add(5*time.Minute + 59*time.Second) }
		}},
		{name: "60 s past expiry", change: func(c *jwtbearer.EndpointConfig) {
			c.Now = func() time.Time { return grantNow.Add(6 * time.Minute) }
		}, want: redoxauth.ErrRejected},
		{name: "at another endpoint", change: func(c *jwtbearer.EndpointConfig) { c.Audience += "/b" }, want: redoxauth.ErrRejected},
		{name: "signer removed", change: func(c *jwtbearer.EndpointConfig) { c.Signers = c.Signers[1:] }, want: redoxauth.ErrRejected},
		{name: "subject no longer the signer's", change: func(c *jwtbearer.EndpointConfig) { c.Signers[0].Subject = "another" }, want: redoxauth.ErrRejected},
		{name: "scope missing", change: func(c *jwtbearer.EndpointConfig) { c.Signers[0].Scopes = append(c.Signers[0].Scopes, "admin") }, scope: "admin", want: redoxauth.ErrForbidden},
	} {
		cfg := endpointConfig(t)
		c.change(&cfg)
		v := verifier(t, newTokenEndpoint(t, cfg))
		if c.scope != "" {
			v = verifier(t, newTokenEndpoint(t, cfg), c.scope)
		}
		if _, err := v.Verify(grantMessage(token)); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	s := grantSender()
	s.Audience = []string{grantDestination}
	if id, err := verifier(t, newTokenEndpoint(t, endpointConfig(t))).Verify(grantMessage(grantAssertion(t, s))); err == nil {
		t.Errorf("an assertion is accepted as access token: %+v", id)
	}
}

func TestNewTokenEndpointRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*jwtbearer.EndpointConfig)
		want   []string
	}{
		{"everything", func(c *jwtbearer.EndpointConfig) { *c = jwtbearer.EndpointConfig{} },
			[]string{"Signers", "TokenURL", "Replay", "Issuer", "Audience", "TokenSecrets"}},
		{"no issuer", func(c *jwtbearer.EndpointConfig) { c.Signers[0].Issuer = "" }, []string{"Signers[0].Issuer"}},
		{"issuer too long", func(c *jwtbearer.EndpointConfig) { c.Signers[0].Issuer = strings.Repeat("x", 513) }, []string{"Signers[0].Issuer"}},
		{"subject too long", func(c *jwtbearer.EndpointConfig) { c.Signers[1].Subject = strings.Repeat("x", 513) }, []string{"Signers[1].Subject"}},
		{"issuer twice", func(c *jwtbearer.EndpointConfig) { c.Signers[1].Issuer = "redox" }, []string{"Signers[1].Issuer"}},
		{"no keys", func(c *jwtbearer.EndpointConfig) { c.Signers[1].Keys = nil }, []string{"Signers[1].Keys"}},
		{"HS256", func(c *jwtbearer.EndpointConfig) { c.Signers[0].Algorithms = []string{"HS256"} }, []string{"Signers[0].Algorithms"}},
		{"none", func(c *jwtbearer.EndpointConfig) { c.Signers[0].Algorithms = []string{"none"} }, []string{"Signers[0].Algorithms"}},
		{"scope", func(c *jwtbearer.EndpointConfig) { c.Signers[0].Scopes = []string{""} }, []string{"Signers[0].Scopes[0]"}},
		{"leeway", func(c *jwtbearer.EndpointConfig) { c.Leeway = -1 }, []string{"Leeway"}},
	} {
		cfg := endpointConfig(t)
		c.change(&cfg)
		e, err := jwtbearer.NewTokenEndpoint(cfg)
		if err == nil || e != nil {
			t.Errorf("%s: got %v, %v", c.name, e, err)
			continue
		}
		if lines := strings.Split(err.Error(), "\n"); len(lines) != len(c.want) {
			t.Errorf("%s: got %q, want %d lines", c.name, lines, len(c.want))
		}
		for _, field := range c.want {
			if !strings.Contains(err.Error(), "jwtbearer: "+field+": ") {
				t.Errorf("%s: got %v, want %s in it", c.name, err, field)
			}
		}
	}
}

func verifier(t testing.TB, e *jwtbearer.TokenEndpoint, scopes ...string) *jwtbearer.Verifier {
	t.Helper()
	v, err := e.Verifier(scopes...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
