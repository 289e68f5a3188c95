package tokenendpoint_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		{"JSON with & that is declared as a form", form(`{"client_secret":"s3cret&A"}`), nil, 400, redoxauth.ErrMalformed,
			[]string{"looks like JSON", "Content-Type says a form", "contentType"}},
		{"a form that is declared as JSON", post("application/json", "grant_type=client_credentials&client_secret=s3cret"), nil, 400, redoxauth.ErrMalformed,
			[]string{"looks like a form", "Content-Type says JSON"}},
		{"broken JSON", post("application/json", `{"grant_type":`), nil, 400, redoxauth.ErrMalformed, []string{"14 bytes: not a JSON object", "want an object of strings"}},
		{"a name twice in JSON", post("application/json", `{"scope":"","scope":""}`), nil, 400, redoxauth.ErrMalformed, []string{"a name occurs twice"}},
		{"a number in JSON", post("application/json", `{"client_id":1}`), nil, 400, redoxauth.ErrMalformed, []string{"client_id", "want a string"}},
		{"a parameter twice", grant("&scope=read&scope=write"), nil, 400, redoxauth.ErrMalformed, []string{`"scope" arrived twice`, "want it once"}},
		{"a wrong escape", grant("&scope=%"), nil, 400, redoxauth.ErrMalformed, []string{"parameter 2", "want application/x-www-form-urlencoded"}},
		{"not UTF-8", grant("&scope=%ff"), nil, 400, redoxauth.ErrMalformed, []string{"number 2"}},
		{"too many parameters", grant(strings.Repeat("&audience=", 100)), nil, 400, redoxauth.ErrMalformed, []string{"more than 100"}},
		{"another audience", grant("&audience=https://x.example"), nil, 400, redoxauth.ErrRejected,
			[]string{`client "redox": `, `audience is "https://x.example"`, `want "https://api.example.com/redox"`, "EndpointConfig.Audience", "Redox dashboard: audience"}},
		{"another resource", grant("&resource=https://x.example"), nil, 400, redoxauth.ErrRejected,
			[]string{`client "redox": `, `resource is "https://x.example"`, `want "https://api.example.com/redox"`, "EndpointConfig.Audience", "Redox dashboard: resource"}},
		{"another scope", grant("&scope=READ+admin"), nil, 400, redoxauth.ErrForbidden,
			[]string{`client "redox": scope is "READ admin"`, `want some of ["read" "write"]`, "EndpointConfig.Clients[].Scopes", "Redox dashboard: scopes", `"READ" differs from "read" only in case; "admin" is not among them`}},
		{"a malformed scope", grant("&scope=a%22b"), nil, 400, redoxauth.ErrForbidden, []string{`client "redox": scope has the part "a\"b"`, "RFC 6749, Section 3.3"}},
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
		}, 500, nil, []string{"panic: string"}},
		{"an error of no kind", grant(""), func(c *tokenendpoint.Config) { c.Prove = failing(errors.New("disk full")) }, 500, nil, []string{"disk full"}},
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
	if got := e.Explain(nil); got != "strategy (internal): no request\n" {
		t.Errorf("no request: got %q", got)
	}
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
		"dGVzdFNlYJldFdpdGhvYW==":                `that arrived: none, and 1 whose names are not shown`,
		"zone==a":                                `that arrived: "zone"`,
		"a%20secret":                             `that arrived: none, and 1 whose names are not shown`,
		strings.Repeat("x", 41) + "=&clientId=1": `that arrived: "clientId", and 1 whose names are not shown`,
		"a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1&clientid=1": `and 3 more`,

		"=s3cret":                       `that arrived: none, and 1 whose names are not shown`,
		"a+secret=x":                    `that arrived: none, and 1 whose names are not shown`,
		strings.Repeat("x", 40) + "=1":  `that arrived: "` + strings.Repeat("x", 40) + `"`,
		strings.Repeat("x", 41) + "=1":  `that arrived: none, and 1 whose names are not shown`,
		"zone=1&A-B.C_Z=1&x0=1&x9=1":    `that arrived: ["A-B.C_Z" "x0" "x9" "zone"]`,
		"abcdefghij9=1":                 `that arrived: "abcdefghij9"`,
		"abcdefghijk9=1":                `that arrived: none, and 1 whose names are not shown`,
		"a!b=1&a:b=1&a@b=1&a[b=1&a{b=1": `that arrived: none, and 5 whose names are not shown`,
		"zone=1&zone=2":                 `"zone" arrived twice`,
		"scope=&scope=":                 `"scope" arrived twice`,
		"zone=&zone=":                   `a parameter whose name is not shown arrived twice`,
		"open+sesame=1&open+sesame=2":   `a parameter whose name is not shown arrived twice`,
		"abcdefghijk9=x&abcdefghijk9=y": `a parameter whose name is not shown arrived twice`,
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

// whole is an explanation that differs from another: it lacks what is about these, and has
// more. The lines are sorted.
func whole(lines []string, lost string, more ...string) []string {
	about := strings.Split(lost, ", ")
	kept := slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		name, _, _ := strings.Cut(line, ":")
		return slices.Contains(about, name)
	})
	return slices.Sorted(slices.Values(append(kept, more...)))
}

// linesOf returns the sorted lines of an explanation but the first. Hints begin with "- ".
func linesOf(text string) []string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")[1:]
	return slices.Sorted(slices.Values(slices.DeleteFunc(lines, func(line string) bool { return line == "" || line == "hints:" })))
}

func hintsOf(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.HasPrefix(line, "- ") })
}

// explained returns the lines of what Explain says of a request, whether it is explained before
// it is served or after it. The first one says what the Decision does.
func explained(t *testing.T, request func() *http.Request, changes ...func(*tokenendpoint.Config)) []string {
	t.Helper()
	var seen *http.Request
	var decision redoxauth.Decision
	claimed := func(c *tokenendpoint.Config) {
		c.Explain = func(_ context.Context, to *diagnosis.Report, q *tokenendpoint.Request) string {
			return q.Get("client_id")
		}
	}
	observed := func(c *tokenendpoint.Config) {
		c.Observe = func(r *http.Request, d redoxauth.Decision) { seen, decision = r, d }
	}
	e, err := tokenendpoint.New(config(append(append([]func(*tokenendpoint.Config){claimed}, changes...), observed)...))
	if err != nil {
		t.Fatal(err)
	}
	text := e.Explain(request())
	e.ServeHTTP(httptest.NewRecorder(), request())
	if after := e.Explain(seen); after != text {
		t.Errorf("before it is served:\n%s\nafter it:\n%s", text, after)
	}
	first := "strategy: accepted: " + decision.Identity.String()
	if decision.Err != nil {
		first = decision.Err.Error()
	}
	if !strings.HasPrefix(text, first+"\n") {
		t.Errorf("want %s in\n%s", first, text)
	}
	if strings.Contains(text, "s3cret") {
		t.Errorf("a secret in\n%s", text)
	}
	if decision.Err == nil && strings.Contains(text, "hints:") {
		t.Errorf("hints for a request that is accepted:\n%s", text)
	}
	return linesOf(text)
}

// asRequired is the explanation of a form of client_id, grant_type and scope.
var asRequired = []string{
	`method: "POST", as required`,
	`path: "/token"; your mux decides it, and not the token endpoint`,
	`query: no credentials in it, as required`,
	`Authorization: absent`,
	`media type: "application/x-www-form-urlencoded", as accepted`,
	`body: the parameters that arrived: ["client_id" "grant_type" "scope"]`,
	`grant_type: "client_credentials", as required`,
	`audience: absent, as allowed`,
	`resource: absent, as allowed`,
	`scope: "read"; client "redox" may get ["read" "write"] (EndpointConfig.Clients[].Scopes; Redox dashboard: scopes)`,
	`scope "read": would be granted`,
	`access token: it would have iss "https://api.example.com" (EndpointConfig.Issuer), aud "https://api.example.com/redox" (EndpointConfig.Audience) and be valid for 5m0s (EndpointConfig.Lifetime); Explain issues none`,
}

// Each explanation as a whole: what is no longer in that of a good request, and what is there
// beside the rest of it. A line or a hint that does not fit sends the operator the wrong way.
func TestExplain(t *testing.T) {
	const good = "grant_type=client_credentials&client_id=redox&scope=read"
	const ours, other = "https://api.example.com/redox", "https://other.example/app"
	const noScopes = `scope, scope "read", access token`
	const noBody = `body, grant_type, audience, resource, ` + noScopes
	const unread = "body: not read, so nothing can be said of its parameters"
	const jsonDeclared = "- the body is declared as JSON, and strategy takes forms only: set contentType in Redox's dashboard to application/x-www-form-urlencoded"
	const both = `["application/x-www-form-urlencoded" "application/json"]`
	const mayGet = `client "redox" may get ["read" "write"] (EndpointConfig.Clients[].Scopes; Redox dashboard: scopes)`
	type config = tokenendpoint.Config
	arrived := func(names string) string { return "body: the parameters that arrived: " + names }
	wrongTarget := func(name, value string) string {
		return fmt.Sprintf(`%s: %q, want %q or none (EndpointConfig.Audience; Redox dashboard: %[1]s)`, name, value, ours)
	}
	forms := func(c *config) { c.JSON = false }
	method := func(method string) func(*http.Request) { return func(r *http.Request) { r.Method = method } }
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	query := func(query string) func(*http.Request) { return func(r *http.Request) { r.URL.RawQuery = query } }
	asJSON := header("Content-Type", "application/json")
	sized := func(size int) string {
		const start, end = `{"grant_type":"client_credentials","client_id":"redox","scope":"read","pad":"`, `"}`
		return start + strings.Repeat("x", size-len(start+end)) + end
	}
	for _, test := range []struct {
		name    string
		change  func(*config)
		request func(*http.Request)
		body    string
		lost    string // what the lines that are missing are about
		want    []string
	}{
		{"as required", nil, nil, good, "", nil},
		{"JSON", nil, asJSON, `{"grant_type":"client_credentials","client_id":"redox","scope":"read"}`, "media type", []string{`media type: "application/json", as accepted`}},
		{"JSON of 8 KiB", nil, asJSON, sized(8 << 10), "media type, body", []string{`media type: "application/json", as accepted`, arrived(`["client_id" "grant_type" "pad" "scope"]`)}},
		{"JSON of 8 KiB and a byte", nil, asJSON, sized(8<<10 + 1), "media type, body", []string{
			`media type: "application/json", as accepted`, "body: the names of the parameters are not listed, because the body is large"}},

		{"GET", nil, method("GET"), good, "method, " + noBody, []string{`method: "GET", want "POST"`, unread}},
		{"a line break in the method", nil, method("a\nb"), good, "method, " + noBody, []string{`method: "a\nb", want "POST"`, unread}},
		{"GET with Basic", nil, func(r *http.Request) { r.Method = "GET"; r.Header["Authorization"] = []string{"basic s3cret"} }, good, "method, Authorization, " + noBody, []string{
			`method: "GET", want "POST"`, "Authorization: Basic", unread}},
		{"no URL", nil, func(r *http.Request) { r.URL = nil }, good, "path, query", nil},
		{"another path", nil, func(r *http.Request) { r.URL.Path = "/a\nb" }, good, "path", []string{`path: "/a\nb"; your mux decides it, and not the token endpoint`}},
		{"a query", nil, query("tenant=s3cret"), good, "", nil},
		{"a secret in the query", nil, query("client_secret=s3cret"), good, "query, " + noBody, []string{
			`query: credentials in the query of the URL: it has "client_secret", want it in the body (Redox dashboard: url)`, unread}},
		{"Basic", nil, header("Authorization", "Basic s3cret"), good, "Authorization", []string{"Authorization: Basic"}},
		{"Bearer", nil, header("Authorization", "Bearer s3cret"), good, "Authorization", []string{"Authorization: another scheme than Basic, which is ignored"}},
		{"two of Basic", nil, header("Authorization", "Basic s3cret", "Basic s3cret"), good, "Authorization, " + noBody, []string{"Authorization: 2 headers, want at most one", unread}},

		{"text", nil, header("Content-Type", "text/plain"), good, "media type, " + noBody, []string{
			`media type: Content-Type is "text/plain", want one of ` + both + ` (Redox dashboard: contentType)`, unread}},
		{"text, where forms are accepted", forms, header("Content-Type", "text/plain"), good, "media type, " + noBody, []string{
			`media type: Content-Type is "text/plain", want "application/x-www-form-urlencoded" (Redox dashboard: contentType)`, unread}},
		{"JSON, where forms are accepted", forms, header("Content-Type", "Application/JSON; charset=utf-8"), "{}", "media type, " + noBody, []string{
			`media type: Content-Type is "Application/JSON; charset=utf-8", want "application/x-www-form-urlencoded" (Redox dashboard: contentType)`, unread, jsonDeclared}},
		{"JSON in gzip", nil, func(r *http.Request) { asJSON(r); r.Header.Set("Content-Encoding", "gzip") }, "{}", "media type, " + noBody, []string{
			`media type: Content-Encoding is "gzip", want it absent`, unread}},
		{"broken JSON", nil, asJSON, `{"client_secret":"s3cret`, "media type, " + noBody, []string{`media type: "application/json", as accepted`, "body: read, and it cannot be parsed"}},
		{"a broken form", nil, nil, "client_secret=s3cret;", noBody, []string{"body: read, and it cannot be parsed"}},
		{"too large", nil, nil, "client_secret=s3cret&x=" + strings.Repeat("x", 64<<10), noBody, []string{unread}},

		{"no grant_type", nil, nil, "client_id=redox&scope=read", "body, grant_type, access token", []string{
			arrived(`["client_id" "scope"]`), `grant_type: absent, want "client_credentials" (Redox dashboard: grantType)`}},
		{"grant_type empty", nil, nil, "client_id=redox&scope=read&grant_type=", "grant_type, access token", []string{`grant_type: empty, want "client_credentials" (Redox dashboard: grantType)`}},
		{"another grant_type", nil, nil, "client_id=redox&scope=read&grant_type=password", "grant_type, access token", []string{`grant_type: "password", want "client_credentials" (Redox dashboard: grantType)`}},

		{"our audience and resource", nil, nil, good + "&audience=" + ours + "&resource=" + ours + "&resource=", "body, audience, resource", []string{
			arrived(`["audience" "client_id" "grant_type" "resource" "scope"]`), `audience: "` + ours + `", as configured`, `resource: "` + ours + `", as configured`}},
		{"an empty resource first", nil, nil, good + "&resource=&resource=" + ours, "body, resource", []string{
			arrived(`["client_id" "grant_type" "resource" "scope"]`), `resource: "` + ours + `", as configured`}},
		{"another audience", nil, nil, good + "&audience=" + other, "body, audience, access token", []string{
			arrived(`["audience" "client_id" "grant_type" "scope"]`), wrongTarget("audience", other)}},
		{"the audience with a slash", nil, nil, good + "&audience=" + ours + "/", "body, audience, access token", []string{
			arrived(`["audience" "client_id" "grant_type" "scope"]`), wrongTarget("audience", ours+"/"),
			`- audience "` + ours + `/" and the configured "` + ours + `" (EndpointConfig.Audience) differ only in the slash at the end`}},
		{"eleven resources", nil, nil, good + strings.Repeat("&resource="+ours, 7) + strings.Repeat("&resource="+other, 3) + "&resource=" + ours, "body, resource, access token", append(
			slices.Repeat([]string{`resource: "` + ours + `", as configured`}, 7), wrongTarget("resource", other), "resource: and more values", arrived(`["client_id" "grant_type" "resource" "scope"]`))},
		{"eight resources", nil, nil, good + strings.Repeat("&resource="+ours, 8), "body, resource", append(
			slices.Repeat([]string{`resource: "` + ours + `", as configured`}, 8), arrived(`["client_id" "grant_type" "resource" "scope"]`))},

		{"no client", nil, nil, "grant_type=client_credentials&scope=read", `body, scope, scope "read"`, []string{
			arrived(`["grant_type" "scope"]`), `scope: "read"; what may be granted is not known without a client`}},
		{"no scope", nil, nil, "grant_type=client_credentials&client_id=redox", `body, scope, scope "read"`, []string{
			arrived(`["client_id" "grant_type"]`), "scope: absent; " + mayGet}},
		{"another scope", nil, nil, "grant_type=client_credentials&client_id=redox&scope=read+x", "scope", []string{
			`scope: ["read" "x"]; ` + mayGet, `scope "x": nothing of it would be granted: it is not among them`}},
		{"a malformed scope", nil, nil, "grant_type=client_credentials&client_id=redox&scope=read+%22", noScopes, []string{
			`scope: has the part "\"", want printable ASCII without quotes and backslashes (RFC 6749, Section 3.3) (Redox dashboard: scopes)`}},
		{"eight scopes", manyScopes, nil, "grant_type=client_credentials&client_id=redox&scope=1+2+3+4+5+6+7+8", `scope, scope "read"`, append(grantedScopes,
			`scope: ["1" "2" "3" "4" "5" "6" "7" "8"]; client "redox" may get ["1" "2" "3" "4" "5" "6" "7" "8"] and 2 more (EndpointConfig.Clients[].Scopes; Redox dashboard: scopes)`)},
		{"ten scopes", manyScopes, nil, "grant_type=client_credentials&client_id=redox&scope=1+2+3+4+5+6+7+8+9+10", `scope, scope "read"`, append(grantedScopes,
			"scope: and 2 more", `scope: ["1" "2" "3" "4" "5" "6" "7" "8"] and 2 more; client "redox" may get ["1" "2" "3" "4" "5" "6" "7" "8"] and 2 more (EndpointConfig.Clients[].Scopes; Redox dashboard: scopes)`)},
		{"a client without scopes", func(c *config) { c.Clients[0].Scopes = nil }, nil, good, noScopes, []string{
			`scope: "read"; client "redox" may get nothing (EndpointConfig.Clients[].Scopes; Redox dashboard: scopes)`, `scope "read": nothing of it would be granted: it is not among them`}},
		{"a narrowed scope", func(c *config) { c.Scopes = narrowed{"read.1"} }, nil, good, `scope "read"`, []string{`scope "read": would be narrowed to "read.1"`}},

		{"a panic in what the strategy explains", func(c *config) {
			c.Explain = func(context.Context, *diagnosis.Report, *tokenendpoint.Request) string { panic("s3cret") }
		}, nil, good, "audience, resource, " + noScopes, []string{"panic: string: this is a fault of redoxauth"}},
		{"a wrong credential", func(c *config) {
			c.Prove = failing(tokenendpoint.WrongCredential("redox", redoxauth.ErrRejected, "client", "wrong"))
		}, nil, good, "access token", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			change := test.change
			if change == nil {
				change = func(*config) {}
			}
			got := explained(t, func() *http.Request {
				r := form(test.body)
				if test.request != nil {
					test.request(r)
				}
				return r
			}, change)
			if diff := cmp.Diff(whole(asRequired, test.lost, test.want...), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func manyScopes(c *tokenendpoint.Config) {
	c.Clients[0].Scopes = strings.Split("1 2 3 4 5 6 7 8 9 10", " ")
}

var grantedScopes = strings.Split(`scope "1": would be granted
scope "2": would be granted
scope "3": would be granted
scope "4": would be granted
scope "5": would be granted
scope "6": would be granted
scope "7": would be granted
scope "8": would be granted`, "\n")

// The order is that of the request.
func TestExplainOfAGoodRequest(t *testing.T) {
	e := newEndpoint(t, func(c *tokenendpoint.Config) {
		c.Explain = func(_ context.Context, _ *diagnosis.Report, q *tokenendpoint.Request) string {
			return q.Get("client_id")
		}
	})
	text := e.Explain(form("grant_type=client_credentials&client_id=redox&scope=read"))
	_, rest, _ := strings.Cut(text, "\n")
	if diff := cmp.Diff(strings.Join(asRequired, "\n")+"\n", rest); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// All hints of a request: each applies to it.
func TestHintsThatApply(t *testing.T) {
	const bearer, credentials = "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer", "grant_type=client_credentials"
	const ours = "https://api.example.com/redox"
	jwtbearer := func(c *tokenendpoint.Config) { c.GrantType = "urn:ietf:params:oauth:grant-type:jwt-bearer" }
	serves := func(name string) string {
		return "- this is a token request for package " + name + ": it has NewTokenEndpoint too"
	}
	spelt := func(name, want, field string) string {
		return fmt.Sprintf("- the parameter %q is %q in another spelling, and names must be equal in every character%s", name, want, field)
	}
	const idName = ": set clientIdName in Redox's dashboard"
	large := func(size int) *http.Request {
		const start, end = `{"grantType":"x","pad":"`, `"}`
		return post("application/json", start+strings.Repeat("x", size-len(start+end))+end)
	}
	for _, test := range []struct {
		change  func(*tokenendpoint.Config)
		request *http.Request
		want    string
	}{
		{nil, form(bearer + "&assertion=x"), serves("jwtbearer")},
		{nil, form(bearer), ""},
		{nil, form(bearer + "&client_assertion=x&client_secret=x"), ""},
		{nil, form("grant_type=x&assertion=x&client_assertion=x&client_secret=x"), ""},
		{nil, form("grant_type=&assertion=x&client_assertion=x&client_secret=x"), ""},
		{jwtbearer, form(credentials + "&client_assertion=x"), serves("smartbackend")},
		{jwtbearer, form(credentials + "&client_assertion=x&client_secret=x"), serves("smartbackend")},
		{jwtbearer, form(credentials + "&client_secret=x"), serves("clientcredentials")},
		{jwtbearer, basic(form(credentials)), serves("clientcredentials")},
		{jwtbearer, form(credentials + "&assertion=x"), ""},
		{jwtbearer, basic(form("grant_type=x&client_assertion=x&client_secret=x")), ""},
		{nil, form("grant_type=+CLIENT_credentials"), `- grant_type differs from "client_credentials" only in case or white space`},

		{nil, form(credentials + "&client-id=x"), spelt("client-id", "client_id", idName)},
		{nil, form(credentials + "&client.id=x"), spelt("client.id", "client_id", idName)},
		{nil, form(credentials + "&clientSecret=s3cret"), spelt("clientSecret", "client_secret", ": set clientSecretName in Redox's dashboard")},
		{nil, form(credentials + "&Scope=x"), spelt("Scope", "scope", "")},
		{nil, form(credentials + "&clientId=x&client_id=x"), ""},
		{nil, form(credentials + "&client+id=x"), ""}, // the name may be a value
		{nil, form(credentials + "&clientId="), ""},
		{nil, post("application/json", `{"grant_type":"client_credentials","scope":null}`), ""},
		{nil, post("application/json", `{"grant_type":"client_credentials","clientId":null}`), spelt("clientId", "client_id", idName)},
		{nil, large(8 << 10), spelt("grantType", "grant_type", ": set grantTypeName in Redox's dashboard")},
		{nil, large(8<<10 + 1), ""},

		{nil, form(credentials + "&audience=https://api.example.com"), "- audience \"https://api.example.com\" and the configured \"" + ours + "\" (EndpointConfig.Audience) differ only in what follows \"https://api.example.com\"\n" +
			"- audience is EndpointConfig.Issuer, where EndpointConfig.Audience is expected"},
		{nil, form(credentials + "&resource=x"), ""},
	} {
		change := test.change
		if change == nil {
			change = func(*tokenendpoint.Config) {}
		}
		text := newEndpoint(t, change).Explain(test.request)
		if got := strings.Join(hintsOf(linesOf(text)), "\n"); got != test.want {
			t.Errorf("got the hints %q, want %q:\n%s", got, test.want, text)
		}
	}
}

func basic(r *http.Request) *http.Request {
	r.SetBasicAuth("redox", "s3cret")
	return r
}

// What is absent is told with the field of the dashboard that may have renamed it, if there is one.
func TestAbsence(t *testing.T) {
	for _, test := range []struct{ body, names, want string }{
		{"", "assertion", `the parameter assertion is absent, the parameters that arrived: "grant_type"`},
		{"&assertion=", "assertion", `the parameter assertion is empty, the parameters that arrived: ["assertion" "grant_type"]`},
		{"", "client_id client_secret", `the parameter client_id is absent, the parameter client_secret is absent, the parameters that arrived: "grant_type"` +
			` (Redox dashboard: clientIdName, want "client_id"; clientSecretName, want "client_secret")`},
		{"&client_id=1", "client_id client_secret", `the parameter client_secret is absent, the parameters that arrived: ["client_id" "grant_type"] (Redox dashboard: clientSecretName, want "client_secret")`},
		{"", "scope client_id", `the parameter scope is absent, the parameter client_id is absent, the parameters that arrived: "grant_type" (Redox dashboard: clientIdName, want "client_id")`},
	} {
		got := ""
		e := newEndpoint(t, func(c *tokenendpoint.Config) {
			c.Prove = func(ctx context.Context, q *tokenendpoint.Request) (*tokenendpoint.Proof, error) {
				got = q.Absence(strings.Fields(test.names)...)
				return proven(ctx, q)
			}
		})
		if e.ask(t, form("grant_type=client_credentials"+test.body), "200"); got != test.want {
			t.Errorf("%s: got %s, want %s", test.body, got, test.want)
		}
	}
}
