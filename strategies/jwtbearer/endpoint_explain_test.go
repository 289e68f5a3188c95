package jwtbearer_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
)

// explainGrant sends a request over HTTP and explains the one that Observe got. Before that it
// explains the request as the peer sends it, which must say the same.
func explainGrant(t *testing.T, p url.Values) string {
	t.Helper()
	var seen *http.Request
	var decision redoxauth.Decision
	e, err := jwtbearer.NewTokenEndpoint(endpointConfig(t, func(c *jwtbearer.EndpointConfig) {
		c.Observe = func(r *http.Request, d redoxauth.Decision) { seen, decision = r, d }
	}))
	if err != nil {
		t.Fatal(err)
	}
	before := e.Explain(formRequest(p))
	mux := http.NewServeMux()
	mux.Handle("/token", e)
	server := httptest.NewServer(mux)
	defer server.Close()
	response, err := server.Client().PostForm(server.URL+"/token", p)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if decision.Status != response.StatusCode || decision.Event != "token_request" {
		t.Errorf("status %d, decision %+v", response.StatusCode, decision)
	}
	after := e.Explain(seen)
	if before != after || decision.Err != nil && !strings.HasPrefix(after, decision.Err.Error()+"\n") {
		t.Errorf("before: %s\nafter: %s\nlogged: %v", before, after, decision.Err)
	}
	for _, part := range strings.Split(p.Get("assertion"), ".") {
		for i := 0; len(part) > 20 && i+12 <= len(part); i++ {
			if strings.Contains(after, part[i:i+12]) {
				t.Fatalf("a part of the assertion, %q, in %s", part[i:i+12], after)
			}
		}
	}
	return after
}

// What is wrong with a grant, and what decides, is in the log, and in what Explain says.
func TestGrantRefusalsSayWhatToChange(t *testing.T) {
	grant := func(assertion string, more ...string) url.Values {
		p := url.Values{"grant_type": {grantType}, "assertion": {assertion}}
		for i := 0; i < len(more); i += 2 {
			p.Set(more[i], more[i+1])
		}
		return p
	}
	for _, c := range []struct {
		name       string
		parameters url.Values
		want       []string // in the first line
		more       []string // in another
	}{
		{"iss with a space", grant(grantAssertion(t, claim("iss", "redox "))),
			[]string{`iss of the assertion is "redox "`, `want one of ["redox" "other"]`, "EndpointConfig.Signers[].Issuer"}, []string{"differ only in white space", "then iss must be"}},
		{"iss the name of this server", grant(grantAssertion(t, claim("iss", "https://api.example.com"))), nil, []string{"- iss is EndpointConfig.Issuer"}},
		{"the key of another signer", grant(grantAssertion(t, func(s *redoxtest.JWTBearer) { s.Key = grantOther })), nil,
			[]string{`- the signature verifies under a key of "other", whose iss must be "other"`}},
		{"aud the issuer", grant(grantAssertion(t, claim("aud", "https://api.example.com"))), nil, []string{"- aud is EndpointConfig.Issuer"}},
		{"aud the destination", grant(grantAssertion(t, claim("aud", grantDestination))), nil, []string{"- aud is EndpointConfig.Audience, the destination, where the token URL is expected"}},
		{"too long a life", grant(grantAssertion(t, claim("exp", grantNow.Add(2*time.Hour).Unix()))), []string{"valid for 2h0m0s, want at most 1h0m0s (fixed)"}, []string{"too long: at most 1h0m0s (fixed) plus 1m0s (EndpointConfig.Leeway)"}},
		{"no jti and no iat", grant(grantAssertion(t, claim("jti", nil, "iat", nil))), []string{"jti and iat are absent, want a jti, or else an iat"}, []string{"jti is absent; then the assertion is accepted until 2m0s after its iat"}},
		{"no sub", grant(grantAssertion(t, claim("sub", nil))), []string{"the claim sub is absent, want a value (fixed)"}, nil},
		{"no assertion", url.Values{"grant_type": {grantType}, "jwt": {"x"}}, []string{"the parameter assertion is absent", `["grant_type" "jwt"]`, "want a signed JWT"}, []string{"assertion: absent"}},
		{"a client assertion", url.Values{"grant_type": {grantType}, "client_assertion": {"x"}}, []string{"the parameter client_assertion arrived", "Redox dashboard: noBasic"},
			[]string{"- the JWT is in client_assertion, want it in assertion; package smartbackend takes client_assertion"}},
		{"a secret beside", grant(grantAssertion(t), "client_secret", "s"), []string{"the parameter client_secret arrived", "no client authenticates here"}, []string{"client authentication: the parameter client_secret arrived"}},
		{"client credentials", url.Values{"grant_type": {"client_credentials"}, "client_secret": {"x"}}, []string{`grant_type is "client_credentials", want "` + grantType + `"`},
			[]string{"- this is a token request for package clientcredentials"}},
		{"a scope", grant(grantAssertion(t), "scope", "READ"), []string{`scope is "READ", want some of ["read" "write"]`, "EndpointConfig.Signers[].Scopes"}, []string{`it differs from "read" only in case`}},
		{"a scope, and the signer has none", grant(grantAssertion(t, func(s *redoxtest.JWTBearer) { s.Key, s.Issuer, s.Subject = grantOther, "other", "system" }), "scope", "read"),
			[]string{"want it absent, or what \"other\" may get configured: now that is nothing (EndpointConfig.Signers[].Scopes"}, nil},
		{"a resource", grant(grantAssertion(t), "resource", grantDestination+"/"), []string{`resource is "` + grantDestination + `/"`, "EndpointConfig.Audience"}, []string{"differ only in the slash at the end"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, rest, _ := strings.Cut(explainGrant(t, c.parameters), "\n")
			for _, want := range c.want {
				if !strings.Contains(first, want) {
					t.Errorf("got %s, want %s in it", first, want)
				}
			}
			for _, want := range c.more {
				if !strings.Contains(rest, want) {
					t.Errorf("got %s, want %s in it", rest, want)
				}
			}
		})
	}
	if text := explainGrant(t, grant(grantAssertion(t), "scope", "read x")); !strings.HasPrefix(text, `jwtbearer: accepted: jwtbearer, subject "feed"`) || strings.Contains(text, "hints:") || !strings.Contains(text, `scope "x": nothing of it would be granted`) {
		t.Errorf("genuine: got %s", text)
	}
	for sub, want := range map[any]bool{nil: false, "": false, "feed": true} {
		if text := explainGrant(t, grant(grantAssertion(t, claim("sub", sub)))); strings.Contains(text, "and any is accepted") != want {
			t.Errorf("sub %v: got %s", sub, text)
		}
	}
	for _, e := range []*jwtbearer.TokenEndpoint{nil, {}} {
		if got := e.Explain(nil); !strings.HasPrefix(got, "redoxauth (internal): a zero TokenEndpoint") {
			t.Errorf("got %q", got)
		}
	}
}

// No client authenticates. The line says what arrived all the same, and the hint is for a JWT that
// arrived under another name.
func TestExplainOfCredentialsBesideAGrant(t *testing.T) {
	const none, hint = "client authentication: none, as required", "the JWT is in client_assertion"
	arrived := func(what string) string {
		return "client authentication: " + what + " arrived, want none (Redox dashboard: noBasic)"
	}
	e := newEndpoint(t)
	for _, c := range []struct {
		name, extra string // extra is another parameter
		basic       bool
		want        string
	}{
		{"none", "", false, none},
		{"Basic", "", true, arrived("Authorization: Basic")},
		{"client_secret", "client_secret", false, arrived("the parameter client_secret")},
		{"client_assertion_type", "client_assertion_type", false, arrived("the parameter client_assertion_type")},
		{"client_assertion", "client_assertion", false, arrived("the parameter client_assertion")},
	} {
		for _, assertion := range []bool{false, true} {
			p := url.Values{"grant_type": {grantType}}
			if assertion {
				p.Set("assertion", grantAssertion(t))
			}
			if c.extra != "" {
				p.Set(c.extra, "x")
			}
			r := formRequest(p)
			if c.basic {
				r.SetBasicAuth("redox", "secret")
			}
			text := e.Explain(r)
			if !strings.Contains(text, "\n"+c.want+"\n") || strings.Count(text, "client authentication: ") != 1 {
				t.Errorf("%s: want %s in %s", c.name, c.want, text)
			}
			if want := c.extra == "client_assertion" && !assertion; strings.Contains(text, hint) != want {
				t.Errorf("%s, assertion %v: a hint: want %v in %s", c.name, assertion, want, text)
			}
		}
	}
}

// An algorithm that the signer may not use: the signature is right all the same.
func TestExplainOfAnAlgorithm(t *testing.T) {
	e := newEndpoint(t, func(c *jwtbearer.EndpointConfig) { c.Signers[0].Algorithms = []string{"RS256"} })
	if got := e.Explain(grantRequest(grantAssertion(t))); !strings.HasPrefix(got, "jwtbearer: credentials rejected (algorithm)") ||
		!strings.Contains(got, `- the signature is right, and its algorithm is not accepted: want alg "RS256" (EndpointConfig.Signers[].Algorithms)`) {
		t.Errorf("got %s", got)
	}
}
