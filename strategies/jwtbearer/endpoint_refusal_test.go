package jwtbearer_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// RFC 7523, Section 3.1: invalid_grant.
func TestRefusedGrants(t *testing.T) {
	claims := func(pairs ...any) func(*redoxtest.JWTBearer) {
		return func(s *redoxtest.JWTBearer) {
			s.Claims = map[string]any{}
			for i := 0; i < len(pairs); i += 2 {
				s.Claims[pairs[i].(string)] = pairs[i+1]
			}
		}
	}
	header := func(name string, value any) func(*redoxtest.JWTBearer) {
		return func(s *redoxtest.JWTBearer) { s.Header = map[string]any{name: value} }
	}
	at := func(d time.Duration) int64 { return grantNow.Add(d).Unix() }
	for _, c := range []struct {
		name   string
		sender func(*redoxtest.JWTBearer)
		reason redoxauth.Reason
	}{
		{"iss unknown", claims("iss", "nobody"), "issuer"},
		{"iss missing", claims("iss", nil), "issuer"},
		{"iss another signer's", claims("iss", "other"), "unknown_key"},
		{"sub missing", claims("sub", nil), "malformed"},
		{"sub empty", claims("sub", ""), "malformed"},
		{"sub not the signer's", func(s *redoxtest.JWTBearer) { s.Key, s.Issuer = grantOther, "other" }, "subject"},
		{"aud missing", claims("aud", nil), "audience"},
		{"aud another server's", claims("aud", "https://elsewhere.example/token"), "audience"},
		{"aud ours and another", claims("aud", []string{grantURL, "https://elsewhere.example/token"}), "audience"},
		{"aud a number", claims("aud", 1), "malformed"},
		{"exp missing", claims("exp", nil), "lifetime"},
		{"exp past", claims("exp", at(-time.Minute), "iat", at(-time.Hour)), "expired"},
		{"exp in two hours", claims("exp", at(2*time.Hour)), "lifetime"},
		{"nbf in the future", claims("nbf", at(time.Hour)), "not_yet_valid"},
		{"iat in the future", claims("iat", at(time.Hour)), "not_yet_valid"},
		{"jti a number", claims("jti", 1), "malformed"},
		{"jti of 257 bytes", claims("jti", strings.Repeat("x", 257)), "malformed"},
		{"typ of an access token", header("typ", "at+jwt"), "type"},
		{"typ of a client assertion", header("typ", "client-authentication+jwt"), "type"},
		{"kid unknown", header("kid", "unknown"), "unknown_key"},
		{"crit", header("crit", []string{"x"}), "malformed"},
		{"alg not listed", func(s *redoxtest.JWTBearer) { s.Key = redoxtest.NewKey("rs", "PS256") }, "algorithm"},
		{"HS256 with the public key", func(s *redoxtest.JWTBearer) {
			s.Key = redoxtest.Key{ID: "es", Algorithm: "HS256", Secret: grantES256.PEM()}
		}, "algorithm"},
		{"another signer's key", func(s *redoxtest.JWTBearer) { s.Key = grantOther; s.Header = map[string]any{"kid": "es"} }, "signature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := endpointConfig(t)
			var seen []error
			cfg.Observe = func(_ *http.Request, d redoxauth.Decision) { seen = append(seen, d.Err) }
			s := grantSender()
			c.sender(s)
			if got, _ := grant(t, newTokenEndpoint(t, cfg), grantRequest(grantAssertion(t, s))); got != "400 invalid_grant" {
				t.Fatalf("got %s", got)
			}
			var e *redoxauth.Error
			if len(seen) != 1 || !errors.Is(seen[0], redoxauth.ErrRejected) || !errors.As(seen[0], &e) || e.Reason != c.reason {
				t.Errorf("observed %v, want reason %s", seen, c.reason)
			}
		})
	}
	genuine := grantAssertion(t, grantSender())
	forgeries, err := redoxtest.ForgeJWT(genuine, grantES256, grantNow)
	if err != nil {
		t.Fatal(err)
	}
	forgeries["no JWT"] = "x"
	forgeries["five segments"] = genuine + ".x.x"
	e := newTokenEndpoint(t, endpointConfig(t))
	for name, forgery := range forgeries {
		if got, _ := grant(t, e, grantRequest(forgery)); got != "400 invalid_grant" {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// The operator learns whose assertion failed, and why.
func TestGrantRefusalTellsWhichSigner(t *testing.T) {
	for _, c := range []struct {
		name, assertion string
		claims          map[string]any
		want            string
	}{
		{"unknown", "", map[string]any{"iss": "nobody\n"}, `(issuer): iss is "nobody\n", want one of Signers[].Issuer`},
		{"no JWT", "x", nil, `(issuer): the assertion is no JWT, or has no iss`},
		{"no sub", "", map[string]any{"sub": nil}, `(malformed): assertion of "redox": the claim sub is missing`},
	} {
		if c.assertion == "" {
			s := grantSender()
			s.Claims = c.claims
			c.assertion = grantAssertion(t, s)
		}
		cfg := endpointConfig(t)
		var seen error
		cfg.Observe = func(_ *http.Request, d redoxauth.Decision) { seen = d.Err }
		grant(t, newTokenEndpoint(t, cfg), grantRequest(c.assertion))
		if seen == nil || !strings.HasSuffix(seen.Error(), c.want) {
			t.Errorf("%s: got %v, want %s at the end", c.name, seen, c.want)
		}
	}
}

func TestRefusedGrantRequests(t *testing.T) {
	const malformed = "400 invalid_request"
	for _, c := range []struct {
		name       string
		parameters []string
		change     func(*http.Request)
		want       string
	}{
		{name: "client_secret beside", parameters: []string{"client_secret", "s"}, want: malformed},
		{name: "client_assertion beside", parameters: []string{"client_assertion", "a.b.c"}, want: malformed},
		{name: "client_assertion_type beside", parameters: []string{"client_assertion_type", "x"}, want: malformed},
		{name: "Basic beside", change: func(r *http.Request) { r.SetBasicAuth("redox", "s") }, want: malformed},
		{name: "assertion twice", parameters: []string{"assertion", "a.b.c"}, want: malformed},
		{name: "assertion in the query", change: func(r *http.Request) { r.URL.RawQuery = "assertion=a.b.c" }, want: malformed},
		{name: "two Authorization headers", change: func(r *http.Request) { r.Header["Authorization"] = []string{"a", "b"} }, want: malformed},
		{name: "scope not allowed", parameters: []string{"scope", "admin"}, want: "400 invalid_scope"},
		{name: "another resource", parameters: []string{"resource", "https://elsewhere.example"}, want: "400 invalid_target"},
		{name: "GET", change: func(r *http.Request) { r.Method = "GET" }, want: "405 invalid_request"},
		{name: "JSON", change: func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, want: "415 invalid_request"},
		{name: "too large", parameters: []string{"x", strings.Repeat("x", 64<<10)}, want: "413 invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTokenEndpoint(t, endpointConfig(t))
			assertion := grantAssertion(t, grantSender())
			r := grantRequest(assertion, c.parameters...)
			if c.change != nil {
				c.change(r)
			}
			if got, _ := grant(t, e, r); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got, _ := grant(t, e, grantRequest(assertion)); got != "200" {
				t.Errorf("corrected: got %s", got)
			}
		})
	}
	for name, p := range map[string]url.Values{
		"assertion missing":  {"grant_type": {grantType}},
		"grant_type missing": {"assertion": {"a.b.c"}},
	} {
		r := httptest.NewRequest("POST", "/token", strings.NewReader(p.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if got, _ := grant(t, newTokenEndpoint(t, endpointConfig(t)), r); got != malformed {
			t.Errorf("%s: got %s", name, got)
		}
	}
	r := httptest.NewRequest("POST", "/token", strings.NewReader("grant_type=client_credentials"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if got, _ := grant(t, newTokenEndpoint(t, endpointConfig(t)), r); got != "400 unsupported_grant_type" {
		t.Errorf("another grant: got %s", got)
	}
}

func TestGrantOutagesAre503(t *testing.T) {
	server := redoxtest.NewKeyServer(grantES256)
	defer server.Close()
	server.Fail(redoxtest.Status(500))
	remote, err := keyset.NewRemote(keyset.RemoteConfig{URL: server.JWKSURL, InsecureAllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*jwtbearer.EndpointConfig){
		"replay store":         func(c *jwtbearer.EndpointConfig) { c.Replay = failingStore{} },
		"replay store refuses": func(c *jwtbearer.EndpointConfig) { c.Replay = new(replay.Memory) },
		"key server":           func(c *jwtbearer.EndpointConfig) { c.Signers[0].Keys = remote },
	} {
		cfg := endpointConfig(t)
		change(&cfg)
		if got, _ := grant(t, newTokenEndpoint(t, cfg), grantRequest(grantAssertion(t, grantSender()))); got != "503 temporarily_unavailable" {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
