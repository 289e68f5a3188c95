package jwtbearer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
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

type change = func(*jwtbearer.EndpointConfig)

func endpointConfig(t testing.TB, changes ...change) jwtbearer.EndpointConfig {
	cfg := jwtbearer.EndpointConfig{
		Signers: []jwtbearer.Signer{
			{Issuer: "redox", Keys: grantKeys(t, grantRS256, grantES256), Scopes: []string{"read", "write"}},
			{Issuer: "other", Subject: "system", Keys: grantKeys(t, grantOther)},
		},
		TokenURL: grantURL, Issuer: "https://api.example.com", Audience: grantDestination,
		TokenSecrets: [][]byte{grantSecret},
		Replay:       replay.NewMemory(1000),
		Now:          func() time.Time { return grantNow },
	}
	for _, change := range changes {
		if change != nil {
			change(&cfg)
		}
	}
	return cfg
}

// An endpoint keeps the decisions about the last request.
type endpoint struct {
	*jwtbearer.TokenEndpoint
	decisions *[]redoxauth.Decision
}

func newEndpoint(t testing.TB, changes ...change) endpoint {
	t.Helper()
	var mu sync.Mutex
	var last []redoxauth.Decision
	e, err := jwtbearer.NewTokenEndpoint(endpointConfig(t, append(changes, func(c *jwtbearer.EndpointConfig) {
		c.Observe = func(_ *http.Request, d redoxauth.Decision) {
			mu.Lock()
			defer mu.Unlock()
			last = append(last, d)
		}
	})...))
	if err != nil {
		t.Fatal(err)
	}
	return endpoint{e, &last}
}

func (e endpoint) verifier(t testing.TB, scopes ...string) *jwtbearer.Verifier {
	t.Helper()
	v, err := e.Verifier(scopes...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type senders = func(*redoxtest.JWTBearer)

func grantAssertion(t testing.TB, changes ...senders) string {
	t.Helper()
	s := &redoxtest.JWTBearer{
		Key: grantES256, Issuer: "redox", Subject: "feed", Audience: []string{grantURL},
		TokenURL: grantURL, Now: func() time.Time { return grantNow },
	}
	for _, change := range changes {
		if change != nil {
			change(s)
		}
	}
	a, err := s.Token()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func claim(pairs ...any) senders {
	return func(s *redoxtest.JWTBearer) {
		s.Claims = map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			s.Claims[pairs[i].(string)] = pairs[i+1]
		}
	}
}

func header(name string, value any) senders {
	return func(s *redoxtest.JWTBearer) { s.Header = map[string]any{name: value} }
}

func grantRequest(assertion string, parameters ...string) *http.Request {
	p := url.Values{"grant_type": {grantType}, "assertion": {assertion}}
	for i := 0; i < len(parameters); i += 2 {
		p.Add(parameters[i], parameters[i+1])
	}
	return formRequest(p)
}

func formRequest(p url.Values) *http.Request {
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

// ask wants a status, and an error if it is no 200. It checks the headers, and that Observe
// sees the status once.
func (e endpoint) ask(t testing.TB, r *http.Request, want string) (grantAnswer, redoxauth.Decision) {
	t.Helper()
	*e.decisions = nil
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	var a grantAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	if got := strings.TrimSpace(fmt.Sprint(w.Code, " ", a.Error)); got != want {
		t.Errorf("got %s: %s, want %s", got, w.Body, want)
	}
	h, d := w.Header(), (*e.decisions)[0]
	if h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" || (h.Get("Retry-After") != "") != (w.Code == 503) {
		t.Errorf("status %d, headers %v", w.Code, h)
	}
	if len(*e.decisions) != 1 || d.Event != "token_request" || d.Status != w.Code || (d.Identity != nil) != (w.Code == 200) || (d.Err != nil) != (w.Code != 200) {
		t.Errorf("status %d, decisions %+v", w.Code, *e.decisions)
	}
	return a, d
}

func grantMessage(token string) *http.Request {
	r := httptest.NewRequest("POST", "/redox", strings.NewReader("{}"))
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func TestGrantAnswer(t *testing.T) {
	e := newEndpoint(t)
	a, decision := e.ask(t, grantRequest(grantAssertion(t), "scope", "write admin"), "200")
	id, err := e.verifier(t, "write").Verify(grantMessage(a.Token))
	if err != nil || id.Subject != "feed" || id.Strategy != "jwtbearer" {
		t.Fatalf("%+v, %v", id, err)
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
	if decision.Identity.Subject != "feed" || decision.Identity.KeyID != "es" {
		t.Errorf("decision %+v", decision)
	}
}

// What may differ between genuine senders, Google's libraries among them.
func TestGenuineGrants(t *testing.T) {
	for _, c := range []struct {
		name   string
		sender senders
		config change
		again  string // default 400 invalid_grant: used before
	}{
		{name: "ES256"},
		{name: "RS256", sender: func(s *redoxtest.JWTBearer) { s.Key = grantRS256 }},
		{name: "no jti, kid and typ", again: "200", sender: func(s *redoxtest.JWTBearer) {
			s.Claims, s.Header = map[string]any{"jti": nil}, map[string]any{"typ": nil, "kid": nil}
		}},
		{name: "typ of RFC 10070", sender: header("typ", "authorization-grant+jwt")},
		{name: "an hour", sender: func(s *redoxtest.JWTBearer) { s.Lifetime = time.Hour }},
		{name: "aud the issuer, as configured", sender: func(s *redoxtest.JWTBearer) { s.Audience = []string{"https://api.example.com"} },
			config: func(c *jwtbearer.EndpointConfig) { c.AssertionAudiences = []string{grantURL, c.Issuer} }},
		{name: "the signer's only subject", sender: func(s *redoxtest.JWTBearer) { s.Key, s.Issuer, s.Subject = grantOther, "other", "system" }},
		{name: "a jku, which is not followed", sender: header("jku", "https://attacker.invalid/")},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEndpoint(t, c.config)
			assertion := grantAssertion(t, c.sender)
			a, _ := e.ask(t, grantRequest(assertion, "client_id", "anything"), "200")
			if _, err := e.verifier(t).Verify(grantMessage(a.Token)); err != nil {
				t.Errorf("its token: %v", err)
			}
			if c.again == "" {
				c.again = "400 invalid_grant"
			}
			e.ask(t, grantRequest(assertion), c.again)
		})
	}
}

func TestGrantTokens(t *testing.T) {
	a, _ := newEndpoint(t).ask(t, grantRequest(grantAssertion(t)), "200")
	at := func(d time.Duration) change {
		return func(c *jwtbearer.EndpointConfig) { c.Now = func() time.Time { return grantNow.Add(d) } }
	}
	for _, c := range []struct {
		name   string
		change change
		scopes []string
		want   error
	}{
		{name: "at a replica"},
		{name: "59 s past expiry", change: at(5*time.Minute + 59*time.Second)},
		{name: "60 s past expiry", change: at(6 * time.Minute), want: redoxauth.ErrRejected},
		{name: "at another endpoint", change: func(c *jwtbearer.EndpointConfig) { c.Audience += "/b" }, want: redoxauth.ErrRejected},
		{name: "signer removed", change: func(c *jwtbearer.EndpointConfig) { c.Signers = c.Signers[1:] }, want: redoxauth.ErrRejected},
		{name: "subject no longer the signer's", change: func(c *jwtbearer.EndpointConfig) { c.Signers[0].Subject = "another" }, want: redoxauth.ErrRejected},
		{name: "scope missing", change: func(c *jwtbearer.EndpointConfig) { c.Signers[1].Scopes = []string{"admin"} }, scopes: []string{"admin"}, want: redoxauth.ErrForbidden},
	} {
		_, err := newEndpoint(t, c.change).verifier(t, c.scopes...).Verify(grantMessage(a.Token))
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	e := newEndpoint(t)
	assertion := grantAssertion(t, func(s *redoxtest.JWTBearer) { s.Audience = []string{grantDestination} })
	if id, err := e.verifier(t).Verify(grantMessage(assertion)); err == nil {
		t.Errorf("an assertion is accepted as access token: %+v", id)
	}
	const want = `jwtbearer: Verifier: no client can get the scope "admin": Signers[].Scopes are ["read" "write"]`
	if _, err := e.Verifier("write", "admin"); err == nil || err.Error() != want {
		t.Errorf("a scope that nobody can get: got %v, want %s", err, want)
	}
}

func TestZeroTokenEndpoint(t *testing.T) {
	var e jwtbearer.TokenEndpoint
	w := httptest.NewRecorder()
	if e.ServeHTTP(w, grantRequest("a.b.c")); w.Code != 500 {
		t.Errorf("status %d", w.Code)
	}
	if v, err := e.Verifier(); err == nil {
		t.Errorf("got the Verifier %v", v)
	}
}

func TestNewTokenEndpointRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change change
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
		{"short secret", func(c *jwtbearer.EndpointConfig) { c.TokenSecrets = [][]byte{make([]byte, 31)} }, []string{"TokenSecrets[0]"}},
		{"lifetime", func(c *jwtbearer.EndpointConfig) { c.Lifetime = 25 * time.Hour }, []string{"Lifetime"}},
		{"leeway", func(c *jwtbearer.EndpointConfig) { c.Leeway = -1 }, []string{"Leeway"}},
	} {
		e, err := jwtbearer.NewTokenEndpoint(endpointConfig(t, c.change))
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
