package clientcredentials_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

// explain explains a request before it is served, and the one that Observe got afterwards.
// Both must say the same, and show no secret: none that is configured, and none that was sent.
func explain(t *testing.T, change change, r func() *http.Request, secrets ...string) string {
	t.Helper()
	var seen *http.Request
	var decision redoxauth.Decision
	e, err := clientcredentials.NewTokenEndpoint(endpointConfig(change, func(c *clientcredentials.EndpointConfig) {
		c.Observe = func(r *http.Request, d redoxauth.Decision) { seen, decision = r, d }
	}))
	if err != nil {
		t.Fatal(err)
	}
	before := e.Explain(r())
	server := httptest.NewServer(e)
	defer server.Close()
	request := r()
	request.URL, request.RequestURI = must(url.Parse(server.URL+"/token")), ""
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if decision.Status != response.StatusCode || decision.Event != "token_request" {
		t.Errorf("status %d, decision %+v", response.StatusCode, decision)
	}
	after := e.Explain(seen)
	if rest := func(s string) string { _, rest, _ := strings.Cut(s, "\n"); return rest }; decision.Err != nil && (before != after || !strings.HasPrefix(after, decision.Err.Error()+"\n")) || rest(before) != rest(after) {
		t.Errorf("before: %s\nafter: %s\nlogged: %v", before, after, decision.Err)
	}
	for _, secret := range append(secrets, clientSecret, "the old secret", "another's secret", string(tokenSecret)) {
		for i := 0; i+12 <= len(secret); i++ {
			if strings.Contains(after, secret[i:i+12]) {
				t.Fatalf("a part of a secret, %q, in %s", secret[i:i+12], after)
			}
		}
	}
	return after
}

func must(u *url.URL, err error) *url.URL {
	if err != nil {
		panic(err)
	}
	return u
}

// Each hint is a cause that was tried and fits.
func TestHintsOfSecrets(t *testing.T) {
	const secret, marks = "plain-secret/of+16=bytes", "???>>>???>>>???>>>?"
	configured := func(secrets ...string) change {
		return clients(clientcredentials.Client{ID: "redox", Secrets: secrets, Scopes: []string{"read"}},
			clientcredentials.Client{ID: "other", Secrets: []string{"a secret of another client"}})
	}
	plain := configured(secret)
	base64Of := base64.StdEncoding.EncodeToString([]byte(secret))
	for _, c := range []struct {
		name     string
		change   change
		id, sent string
		want     string
	}{
		{"a line break", plain, "redox", secret + "\n", "when the white space around it, such as a line break, is removed"},
		{"a space", plain, "redox", " " + secret, "when the white space around it, such as a line break, is removed"},
		{"quotation marks", plain, "redox", `"` + secret + `"`, "when the quotes around it are removed"},
		{"encoded twice", plain, "redox", url.QueryEscape(secret), "when it is form-decoded once more"},
		{"the encoded form configured", configured(url.QueryEscape(secret)), "redox", secret, "when it is form-encoded: the configured secret is in that form"},
		{"base64", plain, "redox", base64Of, "when it is decoded from base64"},
		{"base64 without padding", configured(marks), "redox", base64.RawStdEncoding.EncodeToString([]byte(marks)), "when it is decoded from base64"},
		{"base64url", configured(marks), "redox", base64.URLEncoding.EncodeToString([]byte(marks)), "when it is decoded from base64"},
		{"base64url without padding", configured(marks), "redox", base64.RawURLEncoding.EncodeToString([]byte(marks)), "when it is decoded from base64"},
		{"base64 configured", configured(base64Of), "redox", secret, "when it is written in base64: the configured secret is in that form"},
		{"hex", plain, "redox", hex.EncodeToString([]byte(secret)), "when it is decoded from hex"},
		{"hex configured", configured(hex.EncodeToString([]byte(secret))), "redox", secret, "when it is written in hex: the configured secret is in that form"},
		{"exchanged", plain, secret, "redox", "are exchanged"},
		{"the ID in another case", plain, "Redox", secret, `differs from "redox" only in case (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`},
		{"a space in the ID", plain, "redox ", secret, `is "redox" when white space and quotes around it are removed`},
		{"another client's", plain, "redox", "a secret of another client", `is one of client "other"`},
	} {
		for place, request := range map[string]func() *http.Request{
			"Basic":    func() *http.Request { return tokenRequest(url.QueryEscape(c.id) + ":" + url.QueryEscape(c.sent)) },
			"the body": func() *http.Request { return tokenRequest("", "client_id", c.id, "client_secret", c.sent) },
		} {
			if place == "Basic" && c.name == "the encoded form configured" {
				continue // which is accepted: Basic may be read without decoding
			}
			t.Run(c.name+" in "+place, func(t *testing.T) {
				text := explain(t, c.change, request, secret, c.sent)
				_, hints, _ := strings.Cut(text, "\nhints:\n")
				if !strings.Contains(hints, c.want) || !strings.Contains(hints, place) {
					t.Errorf("got %s, want the hint %s", text, c.want)
				}
				if c.sent == secret && c.id != "redox" && strings.Contains(hints, "when it is") {
					t.Errorf("got %s, want no hint that the secret is wrong, because it is right", text)
				}
			})
		}
	}
	if text := explain(t, plain, func() *http.Request { return tokenRequest("redox:wrong") }, secret); strings.Contains(text, "hints:") {
		t.Errorf("a wrong secret: got %s, want no hints", text)
	}
	if text := explain(t, plain, func() *http.Request { return tokenRequest(url.QueryEscape("redox:" + secret)) }, secret); !strings.Contains(text, "the colon between them is form-encoded too") {
		t.Errorf("an encoded colon: got %s", text)
	}
	if text := explain(t, plain, func() *http.Request { return tokenRequest("redox:"+secret, "client_id", secret) }, secret); !strings.Contains(text, "client_id: a secret in the body") {
		t.Errorf("the secret as client_id beside Basic: got %s", text)
	}
}

// What is wrong with a request, and what decides, is in the log, and in what Explain says.
func TestRefusalsSayWhatToChange(t *testing.T) {
	none := func(*clientcredentials.EndpointConfig) {}
	for _, c := range []struct {
		name    string
		request func() *http.Request
		want    []string // in the first line
		more    []string // in another
	}{
		{"unknown client", func() *http.Request { return tokenRequest("nobody:x") },
			[]string{`in Basic: unknown client "nobody"`, `want one of ["another" "redox-client:1"]`, "EndpointConfig.Clients[].ID", "Redox dashboard: clientId"}, nil},
		{"wrong secret", func() *http.Request { return tokenRequest("", "client_id", "another", "client_secret", "x") },
			[]string{`in the body: wrong secret of client "another"`, "EndpointConfig.Clients[].Secrets", "Redox dashboard: clientSecret"}, []string{`grant_type: "client_credentials", as required`}},
		{"another name for client_id", func() *http.Request { return tokenRequest("", "clientId", "another", "client_secret", "x") },
			[]string{"the parameter client_id is absent", `["clientId" "client_secret" "grant_type"]`, "clientIdName"}, []string{`- the parameter "clientId" is "client_id" in another spelling`}},
		{"an assertion", func() *http.Request { return tokenRequest("", "client_id", "another", "client_assertion", "a.b.c") },
			[]string{`no secret of client "another"`, "an assertion, which this strategy does not take"}, []string{"- client_assertion arrived: package smartbackend takes client_assertion"}},
		{"an assertion beside a secret", func() *http.Request { return tokenRequest(genuine, "assertion", "a.b.c") },
			[]string{"want a secret alone"}, []string{"assertion: present, want it absent"}},
		{"two credentials", func() *http.Request {
			return tokenRequest(genuine, "client_id", clientID, "client_secret", "x")
		}, []string{`in Basic: a right secret of client "redox-client:1"; in the body: wrong secret of client "redox-client:1"`}, nil},
		{"a bearer token instead", func() *http.Request {
			r := tokenRequest("", "client_id", clientID)
			r.Header.Set("Authorization", "Bearer a-verification-token")
			return r
		}, []string{"an Authorization header of another scheme than Basic", "the parameter client_secret is absent"}, []string{"Authorization: another scheme than Basic, which is ignored"}},
		{"another scope", func() *http.Request { return tokenRequest(genuine, "scope", "Write") },
			[]string{`scope is "Write"`, `want some of ["system/*.rs" "write"]`, "EndpointConfig.Clients[].Scopes"}, []string{`scope "Write": nothing of it would be granted: it differs from "write" only in case`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, rest, _ := strings.Cut(explain(t, none, c.request, "a-verification-token"), "\n")
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
	text := explain(t, none, func() *http.Request { return tokenRequest(genuine, "scope", "write read") })
	for _, want := range []string{"clientcredentials: accepted: clientcredentials, subject \"redox-client:1\"", `scope "write": would be granted`, `scope "read": nothing of it`} {
		if !strings.Contains(text, want) {
			t.Errorf("genuine: got %s, want %s in it", text, want)
		}
	}
}

func TestExplainOfZeroEndpoints(t *testing.T) {
	for _, e := range []*clientcredentials.TokenEndpoint{nil, {}} {
		for _, r := range []*http.Request{nil, {}, tokenRequest(genuine)} {
			if got := e.Explain(r); got != "redoxauth (internal): a zero TokenEndpoint: make it with NewTokenEndpoint\n" {
				t.Errorf("got %q", got)
			}
		}
	}
}

// The Verifier of the issued tokens says which field of the EndpointConfig decides.
func TestIssuedTokensAreExplained(t *testing.T) {
	issued := newEndpoint(t).ask(t, tokenRequest(genuine, "scope", "write"), "200").Token
	for name, c := range map[string]struct {
		verifier *clientcredentials.Verifier
		want     []string
	}{
		"accepted":        {newEndpoint(t).verifier(t, "write"), []string{"clientcredentials: accepted: ", `scope: has "write"`}},
		"a scope missing": {newEndpoint(t).verifier(t, "write", "system/*.rs"), []string{`scope is "write"`, `"system/*.rs"`, "EndpointConfig.Clients[].Scopes"}},
		"client removed": {newEndpoint(t, func(c *clientcredentials.EndpointConfig) { c.Clients = c.Clients[:1] }).verifier(t),
			[]string{`client "redox-client:1" is no longer configured (EndpointConfig.Clients[].ID)`, `client_id is "redox-client:1", want "another" (EndpointConfig.Clients[].ID)`}},
		"another audience": {newEndpoint(t, func(c *clientcredentials.EndpointConfig) { c.Audience += "/x" }).verifier(t),
			[]string{"- the key of an access token depends on Issuer and Audience of its EndpointConfig beside TokenSecrets"}},
	} {
		text := c.verifier.Explain(message(issued))
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: got %s, want %s in it", name, text, want)
			}
		}
		for _, part := range strings.Split(issued, ".") {
			if strings.Contains(text, part[:12]) {
				t.Errorf("%s: a part of the token in %s", name, text)
			}
		}
	}
}
