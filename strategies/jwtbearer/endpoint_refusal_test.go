package jwtbearer_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// RFC 7523, Section 3.1: invalid_grant.
func TestRefusedGrants(t *testing.T) {
	at := func(d time.Duration) int64 { return grantNow.Add(d).Unix() }
	for _, c := range []struct {
		name   string
		sender senders
		reason redoxauth.Reason
	}{
		{"iss unknown", claim("iss", "nobody"), "issuer"},
		{"iss missing", claim("iss", nil), "issuer"},
		{"iss another signer's", claim("iss", "other"), "unknown_key"},
		{"sub missing", claim("sub", nil), "malformed"},
		{"sub empty", claim("sub", ""), "malformed"},
		{"sub not the signer's", func(s *redoxtest.JWTBearer) { s.Key, s.Issuer = grantOther, "other" }, "subject"},
		{"aud missing", claim("aud", nil), "audience"},
		{"aud another server's", claim("aud", "https://elsewhere.example/token"), "audience"},
		{"aud ours and another", claim("aud", []string{grantURL, "https://elsewhere.example/token"}), "audience"},
		{"aud a number", claim("aud", 1), "malformed"},
		{"exp missing", claim("exp", nil), "lifetime"},
		{"exp past", claim("exp", at(-time.Minute), "iat", at(-time.Hour)), "expired"},
		{"exp in two hours", claim("exp", at(2*time.Hour)), "lifetime"},
		{"nbf in the future", claim("nbf", at(time.Hour)), "not_yet_valid"},
		{"iat in the future", claim("iat", at(time.Hour)), "not_yet_valid"},
		{"jti a number", claim("jti", 1), "malformed"},
		{"jti of 257 bytes", claim("jti", strings.Repeat("x", 257)), "malformed"},
		{"typ of an access token", header("typ", "at+jwt"), "type"},
		{"typ of a client assertion", header("typ", "client-authentication+jwt"), "type"},
		{"kid unknown", header("kid", "unknown"), "unknown_key"},
		{"crit", header("crit", []string{"x"}), "malformed"},
		{"alg not the key's", func(s *redoxtest.JWTBearer) { s.Key = redoxtest.NewKey("rs", "PS256") }, "algorithm"},
		{"HS256 with the public key", func(s *redoxtest.JWTBearer) {
			s.Key = redoxtest.Key{ID: "es", Algorithm: "HS256", Secret: grantES256.PEM()}
		}, "algorithm"},
		{"another signer's key", func(s *redoxtest.JWTBearer) { s.Key = grantOther; s.Header = map[string]any{"kid": "es"} }, "signature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, d := newEndpoint(t).ask(t, grantRequest(grantAssertion(t, c.sender)), "400 invalid_grant")
			verifiertest.CheckError(t, d.Err, redoxauth.ErrRejected, c.reason)
		})
	}
	genuine := grantAssertion(t)
	forgeries, err := redoxtest.ForgeJWT(genuine, grantES256, grantNow)
	if err != nil {
		t.Fatal(err)
	}
	forgeries["no JWT"] = "x"
	forgeries["five segments"] = genuine + ".x.x"
	for name, forgery := range forgeries {
		t.Run(name, func(t *testing.T) { newEndpoint(t).ask(t, grantRequest(forgery), "400 invalid_grant") })
	}
}

// The operator learns whose assertion failed, and why.
func TestGrantRefusalTellsWhichSigner(t *testing.T) {
	for name, c := range map[string]struct{ assertion, want string }{
		"unknown": {grantAssertion(t, claim("iss", "nobody\n")), `(issuer): iss of the assertion is "nobody\n", want one of ["redox" "other"] (EndpointConfig.Signers[].Issuer)`},
		"no JWT":  {"x", `(issuer): the assertion, of 1 bytes, cannot be read: want a signed JWT: not a JWT`},
		"no sub":  {grantAssertion(t, claim("sub", nil)), `(malformed): assertion of "redox": the claim sub is `},
	} {
		_, d := newEndpoint(t).ask(t, grantRequest(c.assertion), "400 invalid_grant")
		if !strings.Contains(d.Err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s in it", name, d.Err, c.want)
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
			e, assertion := newEndpoint(t), grantAssertion(t)
			r := grantRequest(assertion, c.parameters...)
			if c.change != nil {
				c.change(r)
			}
			e.ask(t, r, c.want)
			e.ask(t, grantRequest(assertion), "200") // corrected
		})
	}
	e := newEndpoint(t)
	e.ask(t, formRequest(url.Values{"grant_type": {grantType}}), malformed)
	e.ask(t, formRequest(url.Values{"assertion": {"a.b.c"}}), malformed)
	e.ask(t, formRequest(url.Values{"grant_type": {"client_credentials"}}), "400 unsupported_grant_type")
}

type failingStore struct{}

func (failingStore) Add(context.Context, string, string, time.Time) (bool, error) {
	return true, errors.New("connection refused")
}

func TestGrantOutagesAre503(t *testing.T) {
	server := redoxtest.NewKeyServer(grantES256)
	defer server.Close()
	server.Fail(redoxtest.Status(500))
	remote, err := keyset.NewRemote(keyset.RemoteConfig{URL: server.JWKSURL, InsecureAllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	full := replay.NewMemory(1)
	newEndpoint(t, func(c *jwtbearer.EndpointConfig) { c.Replay = full }).ask(t, grantRequest(grantAssertion(t)), "200")
	for _, c := range []struct {
		reason redoxauth.Reason
		change change
	}{
		{"replay_store", func(c *jwtbearer.EndpointConfig) { c.Replay = failingStore{} }},
		{"replay_store", func(c *jwtbearer.EndpointConfig) { c.Replay = full }},
		{"keys", func(c *jwtbearer.EndpointConfig) { c.Signers[0].Keys = remote }},
	} {
		_, d := newEndpoint(t, c.change).ask(t, grantRequest(grantAssertion(t)), "503 temporarily_unavailable")
		verifiertest.CheckError(t, d.Err, redoxauth.ErrUnavailable, c.reason)
	}
}
