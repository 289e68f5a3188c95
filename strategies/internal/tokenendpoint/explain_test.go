package tokenendpoint_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
)

// served sends r to e over HTTP. It returns the status, the decision, and the request that
// Observe got.
func served(t *testing.T, r *http.Request, changes ...func(*tokenendpoint.Config)) (int, redoxauth.Decision, *http.Request, *tokenendpoint.Endpoint) {
	t.Helper()
	var decision redoxauth.Decision
	var seen *http.Request
	e, err := tokenendpoint.New(config(append(changes, func(c *tokenendpoint.Config) {
		c.Observe = func(r *http.Request, d redoxauth.Decision) { seen, decision = r, d }
	})...))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e)
	defer server.Close()
	r.URL, r.Host, r.RequestURI = must(http.NewRequest("POST", server.URL+r.URL.RequestURI(), nil)).URL, "", ""
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode, decision, seen, e
}

func must(r *http.Request, err error) *http.Request {
	if err != nil {
		panic(err)
	}
	return r
}

// Metrics and alerts are made of the Decision: it has the status that was sent, and an error
// of the same kind. Each refusal says what arrived, what was expected and what decides, and
// Explain says the same of the request that Observe got.
func TestDecisionIsWhatWasSent(t *testing.T) {
	grant := func(more string) *http.Request { return form("grant_type=client_credentials" + more) }
	changed := func(r *http.Request, change func(*http.Request)) *http.Request { change(r); return r }
	forms := func(c *tokenendpoint.Config) { c.JSON = false }
	for _, c := range []struct {
		name    string
		request *http.Request
		change  func(*tokenendpoint.Config)
		status  int
		kind    error
		says    []string
	}{
		{"accepted", grant(""), nil, 200, nil, nil},
		{"GET", changed(grant(""), func(r *http.Request) { r.Method, r.Body, r.ContentLength = "GET", nil, 0 }), nil, 405, redoxauth.ErrMalformed,
			[]string{`"GET"`, `want "POST"`}},
		{"text", post("text/plain", "grant_type=client_credentials"), nil, 415, redoxauth.ErrMalformed,
			[]string{`Content-Type is "text/plain"`, `want one of ["application/x-www-form-urlencoded" "application/json"]`, "Redox dashboard: contentType"}},
		{"JSON, where forms are accepted", post("application/json", "{}"), forms, 415, redoxauth.ErrMalformed,
			[]string{`"application/json"`, `want "application/x-www-form-urlencoded"`, "contentType"}},
		{"no media type", changed(grant(""), func(r *http.Request) { r.Header.Del("Content-Type") }), nil, 415, redoxauth.ErrMalformed,
			[]string{"Content-Type is absent"}},
		{"compressed", changed(grant(""), func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }), nil, 415, redoxauth.ErrMalformed,
			[]string{`Content-Encoding is "gzip"`, "want it absent"}},
		{"text that is not compressed", changed(post("text/plain", "x"), func(r *http.Request) { r.Header.Set("Content-Encoding", "identity") }), nil, 415, redoxauth.ErrMalformed,
			[]string{`Content-Type is "text/plain"`}},
		{"two media types", changed(grant(""), func(r *http.Request) { r.Header.Add("Content-Type", "application/json") }), nil, 415, redoxauth.ErrMalformed,
			[]string{"2 Content-Type headers arrived, want one"}},
		{"too large", grant("&x=" + strings.Repeat("x", 64<<10)), nil, 413, redoxauth.ErrTooLarge,
			[]string{"65568", "65536 bytes (fixed)"}},
		{"a credential in the URL", changed(grant(""), func(r *http.Request) { r.URL.RawQuery = "Client_Secret=s3cret" }), nil, 400, redoxauth.ErrMalformed,
			[]string{`"Client_Secret"`, "want it in the body"}},
		{"two Authorization headers", changed(grant(""), func(r *http.Request) { r.Header["Authorization"] = []string{"a", "b"} }), nil, 400, redoxauth.ErrMalformed,
			[]string{"2, want at most one"}},
		{"grant_type absent", form("scope=read&grantType=client_credentials"), nil, 400, redoxauth.ErrMalformed,
			[]string{`grant_type is absent`, `that arrived: ["grantType" "scope"]`, `want "client_credentials"`, "grantTypeName"}},
		{"grant_type empty", form("grant_type="), nil, 400, redoxauth.ErrMalformed, []string{`grant_type is empty`, `want "client_credentials"`}},
		{"grant_type absent in JSON", post("application/json", `{"grantType":"client_credentials"}`), nil, 400, redoxauth.ErrMalformed,
			[]string{`grant_type is absent`, `parameters that arrived: "grantType"`, `want "client_credentials"`}},
		{"no body", form(""), nil, 400, redoxauth.ErrMalformed, []string{"no parameters arrived"}},
		{"another grant_type", form("grant_type=password"), nil, 400, redoxauth.ErrMalformed,
			[]string{`grant_type is "password"`, `want "client_credentials"`, "Redox dashboard: grantType"}},
		{"JSON that is declared as a form", form(`{"client_secret":"s3cret"}`), nil, 400, redoxauth.ErrMalformed,
			[]string{"looks like JSON", "Content-Type says a form", "contentType"}},
		{"a form that is declared as JSON", post("application/json", "grant_type=client_credentials&client_secret=s3cret"), nil, 400, redoxauth.ErrMalformed,
			[]string{"looks like a form", "Content-Type says JSON"}},
		{"broken JSON", post("application/json", `{"grant_type":`), nil, 400, redoxauth.ErrMalformed, []string{"14 bytes", "want an object of strings"}},
		{"a number in JSON", post("application/json", `{"client_id":1}`), nil, 400, redoxauth.ErrMalformed, []string{"client_id", "want a string"}},
		{"a parameter twice", grant("&scope=read&scope=write"), nil, 400, redoxauth.ErrMalformed, []string{`"scope" arrived twice`, "want it once"}},
		{"a wrong escape", grant("&scope=%"), nil, 400, redoxauth.ErrMalformed, []string{"parameter 2", "want application/x-www-form-urlencoded"}},
		{"not UTF-8", grant("&scope=%ff"), nil, 400, redoxauth.ErrMalformed, []string{"number 2"}},
		{"too many parameters", grant(strings.Repeat("&audience=", 100)), nil, 400, redoxauth.ErrMalformed, []string{"more than 100"}},
		{"another audience", grant("&audience=https://x.example"), nil, 400, redoxauth.ErrRejected,
			[]string{`audience is "https://x.example"`, `want "https://api.example.com/redox"`, "EndpointConfig.Audience", "Redox dashboard: audience"}},
		{"another resource", grant("&resource=https://x.example"), nil, 400, redoxauth.ErrRejected,
			[]string{`resource is "https://x.example"`, `want "https://api.example.com/redox"`, "EndpointConfig.Audience", "Redox dashboard: resource"}},
		{"another scope", grant("&scope=READ+admin"), nil, 400, redoxauth.ErrForbidden,
			[]string{`scope is "READ admin"`, `want some of ["read" "write"]`, "EndpointConfig.Clients[].Scopes", "Redox dashboard: scopes", `"READ" differs from "read" only in case; "admin" is not among them`}},
		{"a malformed scope", grant("&scope=a%22b"), nil, 400, redoxauth.ErrForbidden, []string{`"a\"b"`, "RFC 6749, Section 3.3"}},
		{"scopes with commas", grant("&scope=read,write"), nil, 400, redoxauth.ErrForbidden, []string{"separated by spaces"}},
		{"too many scopes", grant("&scope=" + numbered("+s", 201)), nil, 400, redoxauth.ErrForbidden, []string{"more than 200"}},
		{"a scope that is too long", grant("&scope=" + strings.Repeat("x", 4097)), nil, 400, redoxauth.ErrForbidden, []string{"4097 bytes, want at most 4096"}},
		{"wrong credential", grant(""), func(c *tokenendpoint.Config) {
			c.Prove = failing(tokenendpoint.WrongCredential("redox", redoxauth.ErrRejected, "client", "wrong"))
		}, 401, redoxauth.ErrRejected, nil},
		{"no replay store", grant(""), func(c *tokenendpoint.Config) {
			c.Prove = once(func() (bool, error) { return false, errors.New("connection refused") })
		}, 503, redoxauth.ErrUnavailable, nil},
		{"no keys", grant(""), func(c *tokenendpoint.Config) {
			c.Prove = failing(redoxauth.Errorf(redoxauth.ErrUnavailable, "keys", "down"))
		}, 503, redoxauth.ErrUnavailable, nil},
		{"a panic", grant(""), func(c *tokenendpoint.Config) {
			c.Prove = func(context.Context, *tokenendpoint.Request) (*tokenendpoint.Proof, error) { panic("s3cret") }
		}, 500, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			change := c.change
			if change == nil {
				change = func(*tokenendpoint.Config) {}
			}
			status, d, seen, e := served(t, c.request, change)
			if status != c.status || d.Status != status || d.Event != "token_request" {
				t.Errorf("got %d, want %d; decision %+v", status, c.status, d)
			}
			explained := e.Explain(seen)
			if strings.Contains(explained, "s3cret") || !strings.HasSuffix(explained, "\n") || strings.HasSuffix(explained, "\n\n") {
				t.Errorf("got %q", explained)
			}
			if status == 200 {
				if want := "strategy: accepted: " + d.Identity.String() + "\n"; !strings.HasPrefix(explained, want) {
					t.Errorf("got %s, want %s first", explained, want)
				}
				return
			}
			if c.kind != nil && !errors.Is(d.Err, c.kind) || strings.Contains(d.Err.Error(), "s3cret") {
				t.Errorf("got %v, want the kind %v", d.Err, c.kind)
			}
			for _, want := range c.says {
				if !strings.Contains(d.Err.Error(), want) {
					t.Errorf("got %v, want %s in it", d.Err, want)
				}
			}
			if c.name == "no replay store" { // which Explain does not ask
				if want := "strategy: accepted: "; !strings.HasPrefix(explained, want) || !strings.Contains(explained, "\nwhen the request was served: "+d.Err.Error()+"\n") {
					t.Errorf("got %s", explained)
				}
			} else if !strings.HasPrefix(explained, d.Err.Error()+"\n") {
				t.Errorf("got %s, want %v first", explained, d.Err)
			}
		})
	}
}

// The log says why a peer gets 429, and for how long. Explain counts nothing.
func TestTooManyAreExplained(t *testing.T) {
	clock, cause := now, errors.New("wrong secret")
	e := newEndpoint(t, func(c *tokenendpoint.Config) {
		c.Now = func() time.Time { return clock }
		c.Prove = failing(tokenendpoint.WrongCredential("redox", redoxauth.ErrRejected, "client", "%w", cause))
	})
	for range 300 {
		e.Explain(form("grant_type=client_credentials"))
	}
	for range 100 {
		e.ask(t, form("grant_type=client_credentials"), "401 invalid_client")
		clock = clock.Add(100 * time.Millisecond)
	}
	e.ask(t, form("grant_type=client_credentials"), "429 invalid_client")
	const want = "strategy: credentials rejected (client): wrong secret; answered 429, because more than 100 wrong credentials of one client came from one address within 1m0s (fixed): this ends in 50s, and a right credential passes meanwhile"
	if got := e.decision.Err.Error(); got != want || !errors.Is(e.decision.Err, cause) {
		t.Errorf("got %s, want %s, and its cause", got, want)
	}
}

// Explain reads what has not been read, and leaves it to the endpoint.
func TestExplainedRequestCanBeServed(t *testing.T) {
	e := newEndpoint(t)
	for name, r := range map[string]*http.Request{
		"form": form("grant_type=client_credentials"), "JSON": post("application/json", `{"grant_type":"client_credentials"}`),
		"streamed": streamed(strings.NewReader("grant_type=client_credentials")),
	} {
		r.Header.Set("Content-Type", map[bool]string{true: "application/json", false: "application/x-www-form-urlencoded"}[name == "JSON"])
		for range 2 {
			if got := e.Explain(r); !strings.HasPrefix(got, "strategy: accepted: ") {
				t.Fatalf("%s: got %s", name, got)
			}
		}
		e.ask(t, r, "200")
	}
	large := streamed(strings.NewReader("grant_type=client_credentials&x="+strings.Repeat("x", 70<<10)), strings.NewReader("end"))
	large.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if got := e.Explain(large); !strings.Contains(got, "body too large (body_size)") {
		t.Errorf("got %s", got)
	}
	e.ask(t, large, "413 invalid_request")
}

// A request that was served has no body any more. Explain says so, and blames no peer.
func TestExplainOfAConsumedBody(t *testing.T) {
	e := newEndpoint(t)
	r := form("grant_type=client_credentials")
	e.ask(t, r, "200")
	if got := e.Explain(r); !strings.Contains(got, "(body_consumed)") || !strings.Contains(got, "- explain the request that Observe got") {
		t.Errorf("got %s", got)
	}
}

func TestExplainNeverPanics(t *testing.T) {
	var none *tokenendpoint.Endpoint
	e := newEndpoint(t)
	panics := newEndpoint(t, func(c *tokenendpoint.Config) {
		c.Explain = func(context.Context, *diagnosis.Report, *tokenendpoint.Request) string { panic("s3cret") }
	})
	if got := e.Explain(&http.Request{Method: "POST", Header: http.Header{"Content-Type": {"application/json"}}}); !strings.Contains(got, "the JSON is malformed") {
		t.Errorf("no URL: got %s", got)
	}
	for name, r := range map[string]*http.Request{
		"nil": nil, "zero": {}, "no header": {Method: "POST"}, "no URL": {Method: "POST", Header: http.Header{"Content-Type": {"application/json"}}},
		"no body":                {Method: "POST", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		"a body that breaks off": must(http.NewRequest("POST", "/", io.MultiReader(strings.NewReader("grant"), broken{}))),
		"a form":                 form("grant_type=client_credentials"),
	} {
		for _, e := range []*tokenendpoint.Endpoint{none, e.Endpoint, panics.Endpoint} {
			if got := e.Explain(r); !strings.HasSuffix(got, "\n") || strings.Contains(got, "s3cret") {
				t.Errorf("%s: got %q", name, got)
			}
		}
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Names are shown, so that a renamed parameter is found. What may be a value is not.
func TestNamesThatMayBeSecretsAreNotShown(t *testing.T) {
	for body, want := range map[string]string{
		"clientId=x&GrantType=y":                 `["GrantType" "clientId"]`,
		"x1=y":                                   `that arrived: "x1"`,
		"c2VjcmV0IG9mIGEgY2xpZW50=":              `that arrived: none, and 1 whose names are not shown`,
		"a%20secret":                             `that arrived: none, and 1 whose names are not shown`,
		strings.Repeat("x", 41) + "=&clientId=1": `that arrived: "clientId", and 1 whose names are not shown`,
		"a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1&clientid=1": `and 3 more`,
	} {
		text := newEndpoint(t).Explain(form(body))
		if !strings.Contains(text, want) {
			t.Errorf("%s: got %s, want %s in it", body, text, want)
		}
	}
}

func TestHintsOfTokenRequests(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"grantType=client_credentials", `the parameter "grantType" is "grant_type" in another spelling, and names must be equal in every character: set grantTypeName in Redox's dashboard`},
		{"grant_type=client_credentials&CLIENT_ID=x", `the parameter "CLIENT_ID" is "client_id" in another spelling, and names must be equal in every character: set clientIdName in Redox's dashboard`},
		{"grant_type=Client_Credentials", `grant_type differs from "client_credentials" only in case or white space`},
		{"grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=x", "this is a token request for package jwtbearer: it has NewTokenEndpoint too"},
		{"grant_type=client_credentials&audience=https://api.example.com/redox/", `audience "https://api.example.com/redox/" and the configured "https://api.example.com/redox" (EndpointConfig.Audience) differ only in the slash at the end`},
		{"grant_type=client_credentials&audience=http://api.example.com/redox", `audience "http://api.example.com/redox" and the configured "https://api.example.com/redox" (EndpointConfig.Audience) differ only in the scheme`},
		{"grant_type=client_credentials&audience=https://api.example.com/Redox", `audience "https://api.example.com/Redox" and the configured "https://api.example.com/redox" (EndpointConfig.Audience) differ only in upper and lower case`},
		{"grant_type=client_credentials&audience=https://api.example.com:443/redox", `audience "https://api.example.com:443/redox" and the configured "https://api.example.com/redox" (EndpointConfig.Audience) differ only in`},
		{"grant_type=client_credentials&audience=https://api.example.com/redox+", `audience "https://api.example.com/redox " and the configured "https://api.example.com/redox" (EndpointConfig.Audience) differ only in white space`},
		{"grant_type=client_credentials&resource=https://api.example.com", "resource is EndpointConfig.Issuer, where EndpointConfig.Audience is expected"},
	} {
		e := newEndpoint(t)
		if got := e.Explain(form(c.body)); !strings.Contains(got, "\nhints:\n") || !strings.Contains(got, "\n- "+c.want) {
			t.Errorf("%s: got %s, want the hint %s", c.body, got, c.want)
		}
	}
	if got := newEndpoint(t).Explain(form("grant_type=client_credentials&audience=https://api.example.com/redox")); strings.Contains(got, "hints") {
		t.Errorf("a genuine request: got %s", got)
	}
}

// A body may be a secret and no form, such as a passphrase. A form has a parameter of that name,
// and no text shows it.
func TestBodyThatIsASecretIsNotShown(t *testing.T) {
	for _, body := range []string{"correct-horse-battery-staple", "correct-horse-battery-staple=", "scope=a&correct-horse-battery-staple&scopes=b",
		"correct-horse-battery-staple&correct-horse-battery-staple"} {
		_, d, seen, e := served(t, form(body))
		if text := d.Err.Error() + e.Explain(seen) + e.Explain(form(body)); strings.Contains(text, "battery") {
			t.Errorf("%s: %s", body, text)
		}
	}
	_, d, _, _ := served(t, form("grantType=x"))
	if !strings.Contains(d.Err.Error(), `"grantType"`) {
		t.Errorf("a name that has a value is shown: %v", d.Err)
	}
}
