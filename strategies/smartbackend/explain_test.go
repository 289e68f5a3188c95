package smartbackend_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

// explain explains a request before it is served, and the one that Observe got afterwards.
// Both must say the same, and show no part of the assertion.
func explain(t *testing.T, r func() *http.Request, changes ...change) string {
	t.Helper()
	var seen *http.Request
	var decision redoxauth.Decision
	e, err := smartbackend.NewTokenEndpoint(config(t, append(changes, func(c *smartbackend.EndpointConfig) {
		c.Observe = func(r *http.Request, d redoxauth.Decision) { seen, decision = r, d }
	})...))
	if err != nil {
		t.Fatal(err)
	}
	before := e.Explain(r())
	server := httptest.NewServer(e)
	defer server.Close()
	request := r()
	u, err := url.Parse(server.URL + "/token")
	if err != nil {
		t.Fatal(err)
	}
	request.URL, request.RequestURI = u, ""
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if decision.Status != response.StatusCode || decision.Event != "token_request" {
		t.Errorf("status %d, decision %+v", response.StatusCode, decision)
	}
	after := e.Explain(seen)
	if before != after {
		t.Errorf("before: %s\nafter: %s", before, after)
	}
	if decision.Err != nil && !strings.HasPrefix(after, decision.Err.Error()+"\n") {
		t.Errorf("got %s, want %v first", after, decision.Err)
	}
	if sent := r(); sent.ParseForm() == nil {
		for _, part := range strings.Split(sent.PostForm.Get("client_assertion"), ".") {
			for i := 0; i+12 <= len(part); i++ {
				if len(part) > 20 && strings.Contains(after, part[i:i+12]) {
					t.Fatalf("a part of the assertion, %q, in %s", part[i:i+12], after)
				}
			}
		}
	}
	return after
}

// What is wrong with a request, and what decides, is in the log, and in what Explain says.
func TestRefusalsSayWhatToChange(t *testing.T) {
	of := func(s *redoxtest.SMARTBackend, change func(url.Values)) func() *http.Request {
		p := parameters(assertion(t, s))
		if change != nil {
			change(p)
		}
		return func() *http.Request { return tokenRequest(p) }
	}
	with := func(name, value string) func(url.Values) { return func(p url.Values) { p.Set(name, value) } }
	for _, c := range []struct {
		name    string
		request func() *http.Request
		want    []string // in the first line
		more    []string // in another
	}{
		{"iss in another case", of(sender(claim("iss", "Redox")), nil),
			[]string{`iss of the assertion is "Redox"`, `want one of ["redox" "other"]`, "EndpointConfig.Clients[].ID", "Redox dashboard: clientId"},
			[]string{`- iss "Redox" and the configured "redox"`, "- sub is a configured sender", `- the signature verifies under a key of "redox": then iss must be "redox"`}},
		{"iss absent", of(sender(claim("iss", nil)), nil), []string{"iss of the assertion is absent", `want one of ["redox" "other"]`}, []string{"iss is absent", "client_id: absent, as allowed\n"}},
		{"iss the token URL", of(sender(claim("iss", tokenURL)), nil), []string{tokenURL}, []string{"- iss is this token endpoint"}},
		{"the key of another client", of(sender(func(s *redoxtest.SMARTBackend) { s.Key = other384 }), nil), nil,
			[]string{`- the signature verifies under a key of "other", whose iss must be "other"`}},
		{"aud the issuer", of(sender(claim("aud", "https://api.example.com")), nil), []string{"aud is"},
			[]string{"- aud is EndpointConfig.Issuer, where the token URL is expected"}},
		{"aud the destination", of(sender(claim("aud", destination)), nil), nil, []string{"- aud is EndpointConfig.Audience, the destination, where the token URL is expected"}},
		{"aud with a slash more", of(sender(claim("aud", tokenURL+"/")), nil), nil, []string{"differ only in the slash at the end", "EndpointConfig.AssertionAudiences, by default TokenURL"}},
		{"aud over http", of(sender(claim("aud", strings.Replace(tokenURL, "https", "http", 1))), nil), nil, []string{"differ only in the scheme"}},
		{"too long a life", of(sender(claim("exp", now.Add(10*time.Minute).Unix())), nil),
			[]string{"valid for 10m0s, want at most 5m0s (fixed by SMART App Launch)"}, []string{"life time: 10m0s from now to exp, too long: at most 5m0s (fixed by SMART App Launch) plus 1m0s (EndpointConfig.Leeway)"}},
		{"a long jti", of(sender(claim("jti", strings.Repeat("x", 257))), nil), []string{"jti has 257 bytes, want at most 256"}, []string{"jti has 257 bytes"}},
		{"another client_id", of(sender(), with("client_id", "Redox")),
			[]string{`client_id is "Redox", want "redox" or none`, "clientId"},
			[]string{"differ only in upper and lower case", `client_id: "Redox", want "redox", as iss of the assertion, or none (Redox dashboard: clientId)`}},
		{"another type of assertion", of(sender(), with("client_assertion_type", assertionType+"\n")),
			[]string{`jwt-bearer\n", want "` + assertionType + `" (fixed by SMART App Launch)`},
			[]string{"- client_assertion_type", `client_assertion_type: "` + assertionType + `\n", want "` + assertionType + `" (fixed by SMART App Launch)`}},
		{"the assertion of a grant", of(sender(), func(p url.Values) {
			p.Set("assertion", p.Get("client_assertion"))
			p.Del("client_assertion")
			p.Del("client_assertion_type")
		}), []string{"no assertion: the parameter client_assertion is absent", `["assertion" "grant_type" "scope"]`}, []string{"- the JWT is in assertion, want it in client_assertion; package jwtbearer takes assertion"}},
		{"a secret", of(sender(), func(p url.Values) {
			p.Del("client_assertion")
			p.Del("client_assertion_type")
			p.Set("client_id", "redox")
			p.Set("client_secret", "s")
		}), []string{"the parameter client_secret arrived, and secrets are not accepted"}, []string{
			"- a secret arrived: smartbackend takes a signed assertion only",
			"secret: the parameter client_secret arrived, want none (Redox dashboard: noBasic, clientSecret)\n",
			`client_assertion_type: absent, want "` + assertionType + `"`, "client_assertion: absent, want a signed JWT\n", "client_id: \"redox\"\n",
		}},
		{"a secret in Basic", func() *http.Request {
			r := tokenRequest(url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}})
			r.SetBasicAuth("redox", "s")
			return r
		}, []string{"Authorization: Basic arrived, and secrets are not accepted"}, []string{
			"- a secret arrived: smartbackend takes a signed assertion only",
			"secret: Authorization: Basic arrived, want none (Redox dashboard: noBasic, clientSecret)\n",
		}},
		{"not a JWT", of(sender(), with("client_assertion", "x")), []string{"the assertion, of 1 bytes, cannot be read: want a signed JWT"}, []string{"client_assertion: 1 bytes with 0 dots"}},
		{"a JWT in quotation marks", of(sender(), func(p url.Values) { p.Set("client_assertion", `"`+p.Get("client_assertion")+`"`) }), nil,
			[]string{"- client_assertion is a JWT when the white space and the quotation marks around it are removed"}},
		{"a padded JWT", of(sender(), func(p url.Values) { p.Set("client_assertion", p.Get("client_assertion")+"==") }), nil,
			[]string{"- client_assertion is in base64 with padding"}},
		{"no scope", of(sender(), func(p url.Values) { p.Del("scope") }), []string{"the parameter scope is absent", "EndpointConfig.Clients[].Scopes", "Redox dashboard: scopes"}, nil},
		{"a scope of another context", of(sender(), with("scope", "user/Patient.rs")), []string{`"user/Patient.rs" has the context user/, and none of them has`}, []string{`scope "user/Patient.rs": nothing of it`}},
		{"a misspelt scope", of(sender(), with("scope", "system/Patient.sr")), []string{`after the dot it has "sr", want letters of "cruds" in this order`}, nil},
		{"other access", of(sender(), with("scope", "system/Patient.d")), []string{`asks for the access "d" to "Patient", and they give none of it`}, nil},
		{"another resource", of(sender(), with("scope", "system/Observation.c")), []string{`asks for the access "c"`}, nil},
		{"no SMART scope", of(sender(), with("scope", "read")), []string{`"read" is no SMART scope`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := explain(t, c.request)
			if strings.Contains(text, "one belongs to a token endpoint") { // this is one
				t.Error(text)
			}
			if strings.Contains(text, "the JWT is in assertion") != (c.name == "the assertion of a grant") {
				t.Error(text)
			}
			first, rest, _ := strings.Cut(text, "\n")
			for _, want := range c.want {
				if !strings.Contains(first, want) {
					t.Errorf("got %s, want %s in it", first, want)
				}
			}
			for _, want := range c.more {
				if !strings.Contains("\n"+rest, "\n"+want) && (strings.HasPrefix(want, "- ") || !strings.Contains(rest, want)) {
					t.Errorf("got %s, want %s in it", rest, want)
				}
			}
		})
	}
	one := assertion(t, sender())
	text := explain(t, func() *http.Request { return tokenRequest(parameters(one)) })
	for _, want := range []string{
		`smartbackend: accepted: smartbackend, subject "redox"`, "\njti: ", `scope "system/*.rs": would be granted`,
		"\nsecret: none, as required\n", "\nclient_assertion_type: \"" + assertionType + "\", as required\n", "\nclient_id: absent, as allowed\n",
	} {
		if !strings.Contains(text, want) || strings.Contains(text, "hints:") {
			t.Errorf("genuine: got %s, want %s in it and no hints", text, want)
		}
	}
	text = explain(t, func() *http.Request {
		p := parameters(one)
		p.Set("scope", "system/Patient.read system/Patient.cud")
		p.Set("client_id", "redox")
		return tokenRequest(p)
	})
	if !strings.Contains(text, `scope "system/Patient.cud": would be narrowed to "system/Patient.c"`) || !strings.Contains(text, "\nclient_id: \"redox\", as iss of the assertion\n") {
		t.Errorf("got %s", text)
	}
}

// An assertion that was explained is still accepted, once. Explain of a used one says that it
// does not ask the replay store. The Explain of the observed request knows how it was decided.
func TestExplainUsesUpNothing(t *testing.T) {
	asked := 0
	used := map[string]bool{}
	var seen []*http.Request
	e := newEndpoint(t, func(c *smartbackend.EndpointConfig) {
		c.Replay = store(func(_, id string, _ time.Time) (bool, error) {
			asked++
			fresh := !used[id]
			used[id] = true
			return fresh, nil
		})
	})
	again, err := smartbackend.NewTokenEndpoint(config(t, func(c *smartbackend.EndpointConfig) {
		c.Replay = store(func(_, id string, _ time.Time) (bool, error) { return !used[id], nil })
		c.Observe = func(r *http.Request, _ redoxauth.Decision) { seen = append(seen, r) }
	}))
	if err != nil {
		t.Fatal(err)
	}
	p := parameters(assertion(t, sender()))
	const accepted, notAsked = "smartbackend: accepted: ", "the replay store is not asked"
	for range 3 {
		if got := e.Explain(tokenRequest(p)); !strings.HasPrefix(got, accepted) || !strings.Contains(got, notAsked) || asked != 0 {
			t.Fatalf("the store was asked %d times, got %s", asked, got)
		}
	}
	e.ask(t, tokenRequest(p), "200")
	e.ask(t, tokenRequest(p), "401 invalid_client")
	if got := e.Explain(tokenRequest(p)); !strings.HasPrefix(got, accepted) || !strings.Contains(got, notAsked) || asked != 2 {
		t.Errorf("the store was asked %d times, got %s", asked, got)
	}
	serve(again, tokenRequest(p))
	if got := again.Explain(seen[0]); !strings.HasPrefix(got, accepted) || !strings.Contains(got, "\nwhen the request was served: smartbackend: credentials rejected (replayed)") {
		t.Errorf("got %s", got)
	}
}

// Explain makes no call, also if no key has been fetched.
func TestExplainFetchesNothing(t *testing.T) {
	server := redoxtest.NewKeyServer(es384)
	defer server.Close()
	e := newEndpoint(t, remote(t, keyset.RemoteConfig{URL: server.JWKSURL}))
	r := signed(t)
	if got := e.Explain(r); !strings.HasPrefix(got, "smartbackend: cannot be decided now") || server.Fetches() != 0 {
		t.Errorf("%d requests, got %s", server.Fetches(), got)
	}
	e.ask(t, r, "200")
	asked := server.Fetches()
	if got := e.Explain(signed(t)); !strings.HasPrefix(got, "smartbackend: accepted: ") || server.Fetches() != asked {
		t.Errorf("%d requests, want %d; got %s", server.Fetches(), asked, got)
	}
}

func TestExplainOfZeroValues(t *testing.T) {
	for _, e := range []*smartbackend.TokenEndpoint{nil, {}} {
		for _, r := range []*http.Request{nil, {}, signed(t)} {
			if got := e.Explain(r); !strings.HasPrefix(got, "redoxauth (internal): a zero TokenEndpoint") {
				t.Errorf("got %q", got)
			}
		}
	}
	e := newEndpoint(t)
	for _, r := range []*http.Request{nil, {}, {Method: "POST"}, signed(t).WithContext(context.Background())} {
		if got := e.Explain(r); !strings.HasPrefix(got, "smartbackend") || !strings.HasSuffix(got, "\n") {
			t.Errorf("got %q", got)
		}
	}
	var none *smartbackend.Verifier
	for _, v := range []*smartbackend.Verifier{none, {}, e.verifier(t)} {
		if got := v.Explain(message("x")); !strings.HasSuffix(got, "\n") {
			t.Errorf("got %q", got)
		}
	}
}

func TestIssuedTokensAreExplained(t *testing.T) {
	e := newEndpoint(t)
	issued := e.ask(t, signed(t), "200").Token
	for name, c := range map[string]struct {
		verifier *smartbackend.Verifier
		want     []string
	}{
		"accepted":        {e.verifier(t, "system/Patient.rs"), []string{"smartbackend: accepted: ", `scope: has "system/Patient.rs"`}},
		"a scope missing": {e.verifier(t, "system/Patient.c"), []string{`"system/Patient.c"`, "EndpointConfig.Clients[].Scopes"}},
		"client removed": {newEndpoint(t, func(c *smartbackend.EndpointConfig) { c.Clients = c.Clients[1:] }).verifier(t),
			[]string{`client "redox" is no longer configured (EndpointConfig.Clients[].ID)`}},
	} {
		text := redoxauth.Explain(c.verifier, message(issued))
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: got %s, want %s in it", name, text, want)
			}
		}
	}
	text := redoxauth.Explain(e.verifier(t, "system/Patient.rs"), message(assertion(t, sender())))
	if !strings.Contains(text, "- iss is that of a sender: this is an assertion") || strings.Contains(text, "- the key of an access token depends") {
		t.Errorf("an assertion: got %s", text)
	}
}
