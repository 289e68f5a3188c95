package lambda_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	redoxlambda "github.com/redoxauth/redoxauth-go/examples/frameworks/lambda"
	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

var signer = redoxtest.SigV4{AccessKey: "AKIDEXAMPLE", SecretKey: "a secret of thirty-two characters", ServiceName: "redox", AWSRegion: "eu-west-1"}

func newSigV4(t testing.TB, cfg sigv4.Config) *sigv4.Verifier {
	t.Helper()
	cfg.Credentials = []sigv4.Credential{{AccessKeyID: signer.AccessKey, SecretAccessKey: signer.SecretKey}}
	cfg.Region, cfg.Service = signer.AWSRegion, signer.ServiceName
	v, err := sigv4.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A reading is what a function reads in its event: the path in decoded segments, and the
// decoded query.
type reading struct {
	Method, Body string
	Path         []string
	Query        url.Values
}

// A platform makes events, and reads them as their documentation says.
type platform struct {
	name  string
	event func(*http.Request, []byte) any
	// function returns a function that verifies with v and keeps what it read.
	function func(v redoxauth.Verifier, got *reading) any
	decodes  bool // the path
}

var platforms = []platform{
	{"REST API", restEvent, func(v redoxauth.Verifier, got *reading) any {
		return redoxlambda.REST(v, nil, func(_ context.Context, e events.APIGatewayProxyRequest) (res events.APIGatewayProxyResponse, err error) {
			*got = reading{e.HTTPMethod, e.Body, segments(e.Path), e.MultiValueQueryStringParameters}
			res.StatusCode = http.StatusOK
			return res, nil
		})
	}, false},
	{"HTTP API", httpAPIEvent, payload2(func(path string) []string { return strings.Split(path, "/") }), true},
	{"function URL", functionURLEvent, payload2(segments), false},
	{"ALB", albEvent, func(v redoxauth.Verifier, got *reading) any {
		return redoxlambda.ALB(v, nil, func(_ context.Context, e events.ALBTargetGroupRequest) (res events.ALBTargetGroupResponse, err error) {
			query := url.Values{}
			for name, values := range e.MultiValueQueryStringParameters {
				for _, value := range values {
					query.Add(unescape(name), unescape(value))
				}
			}
			*got = reading{e.HTTPMethod, e.Body, segments(e.Path), query}
			res.StatusCode = http.StatusOK
			return res, nil
		})
	}, false},
}

func payload2(segments func(string) []string) func(v redoxauth.Verifier, got *reading) any {
	return func(v redoxauth.Verifier, got *reading) any {
		return redoxlambda.HTTPAPI(v, nil, func(_ context.Context, e events.APIGatewayV2HTTPRequest) (res events.APIGatewayV2HTTPResponse, err error) {
			query, _ := url.ParseQuery(e.RawQueryString)
			*got = reading{e.RequestContext.HTTP.Method, e.Body, segments(e.RawPath), query}
			res.StatusCode = http.StatusOK
			return res, nil
		})
	}
}

// segments splits a path that is still encoded. "%2F" does not end a segment.
func segments(path string) []string {
	all := strings.Split(path, "/")
	for i := range all {
		all[i], _ = url.PathUnescape(all[i])
	}
	return all
}

func unescape(s string) string { s, _ = url.QueryUnescape(s); return s }

// host is the name that p's sender signs.
func (p platform) host() string {
	if p.name == "function URL" {
		return functionURL
	}
	return "api.example.com"
}

// received returns what p receives of a request line, nil if it is not valid.
func (p platform) received(target string) *http.Request {
	if !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \r\n") || len(target) > 4<<10 {
		return nil
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("POST " + target + " HTTP/1.1\r\nHost: " + p.host() + "\r\nContent-Type: application/json\r\n\r\n")))
	if err != nil {
		return nil
	}
	return r
}

// signed returns a request for a target, signed by AWS's signer, as a client sends it.
func (p platform) signed(t testing.TB, target string) *http.Request {
	t.Helper()
	r := p.received(target)
	if r == nil {
		return nil
	}
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}")), 2
	if err := signer.Sign(r); err != nil {
		t.Fatal(err)
	}
	r.RequestURI = r.URL.RequestURI()
	return r
}

// send sends the signed request to another target.
func (p platform) send(t testing.TB, signed *http.Request, target string) (status int, got reading) {
	t.Helper()
	r := p.received(target)
	if r == nil {
		return http.StatusBadRequest, got
	}
	r.Header = signed.Header
	// AWS's signer for Go does not normalise paths.
	v := newSigV4(t, sigv4.Config{DisablePathNormalization: true})
	return invoke(t, p.function(v, &got), p.event(r, []byte("{}"))).StatusCode, got
}

// Paths and queries that AWS's signer signs. An HTTP API decodes the path: then a path that is
// spelled in another way than clients do is not verifiable, and one that could be read as
// another path is refused.
func TestGenuineTargets(t *testing.T) {
	const ok, unauthorized, bad = http.StatusOK, http.StatusUnauthorized, http.StatusBadRequest
	for target, httpAPI := range map[string]int{
		"/":                                    ok,
		"/redox":                               ok,
		"/redox/":                              ok,
		"//redox//a":                           ok,
		"/redox?":                              ok,
		"/a%20b":                               ok,
		"/%C3%A9/%F0%9F%8F%A5":                 ok,
		"/a+b":                                 ok,
		"/a:b@c=d&e,f;g$h":                     ok,
		"/a!b'(c)*":                            ok,
		"/~a_b-c.d":                            ok,
		"/a[b]":                                ok,
		"/a%22b%3Cc%3E%5Cd%5Ee%60f%7Bg%7Ch%7D": ok,
		"/redox?a=1&a=2&a=1&b":                 ok,
		"/redox?a=&=b&c==d":                    ok,
		"/redox?a=x%20y%2B%26%3D%23%3F%25&b=":  ok,
		"/redox?a=x+y&%C3%A9=%E2%82%AC":        ok,
		"/redox?a%5B0%5D=1&a[1]=2&a/b=?":       ok,
		"/a%2Bb":                               unauthorized,
		"/a%41":                                unauthorized,
		"/a%2Fb":                               unauthorized,
		"/a%2fb":                               unauthorized,
		"/a%3Fb":                               bad,
		"/a%23b":                               bad,
		"/a%25b":                               bad,
		"/a%0Ab":                               bad,
	} {
		for _, p := range platforms {
			want := ok
			if p.decodes {
				want = httpAPI
			}
			r := p.signed(t, target)
			if status, _ := p.send(t, r, r.RequestURI); status != want {
				t.Errorf("%s, %s: got status %d, want %d", p.name, r.RequestURI, status, want)
			}
		}
	}
}

// A signature for one target must not be good for an event that says something else.
func TestOtherTargets(t *testing.T) {
	for _, test := range [][2]string{
		{"/redox", "/redox%23?role=admin"},
		{"/redox", "/redox%3Frole=admin"},
		{"/redox", "/redox%23/../admin"},
		{"/redox?role=admin", "/redox%3Frole=admin"},
		{"/redox?a=1", "/redox?a=1%23&role=admin"},
		{"/a/b", "/a%252Fb"},
		{"/a%2Fb", "/a%252Fb"},
		{"/a%2Fb", "/a/b"},
		{"/redox%23", "/redox%2523"},
		{"/a%20b", "/a%2520b"},
		{"/a+b", "/a%20b"},
		{"/redox?a=%2B", "/redox?a=+"},
		{"/redox?a=1", "/redox?a=1&a=2"},
		{"/redox?a=1&b=2", "/redox?a=1%26b=2"},
		{"/redox?a=1%26b%3D2", "/redox?a=1&b=2"},
	} {
		for _, p := range platforms {
			if status, _ := p.send(t, p.signed(t, test[0]), test[1]); status == http.StatusOK {
				t.Errorf("%s: %s was accepted under a signature for %s", p.name, test[1], test[0])
			}
		}
	}
}

// What a function reads in an event that was accepted is what AWS's signer signed. What was
// signed and arrives as it was sent is accepted.
func FuzzTargets(f *testing.F) {
	targets := []string{
		"/redox", "/redox%23?role=admin", "/redox%3Frole=admin", "/redox%23/../admin", "/a%2Fb", "/a%252Fb", "/a%20b", "/a+b",
		"/%C3%A9", "/%FF", "/redox?a=1&a=2&b=", "/redox?a=2&a=1&b", "/redox?a=x+y", "/redox?a=x%20y", "/redox?a=x%2By", "/redox?a=%2526",
		"/redox?a=1;b=2", "/redox?a=%zz", "/redox?#", "//redox", "/./redox", "/a%5Cb", "/%5C.", "/a%2F..", "/redox?&&a", "/redox?a=%FF",
	}
	for p := range platforms {
		for _, a := range targets {
			for _, b := range []string{a, targets[0], targets[1]} {
				f.Add(uint8(p), a, b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, target, other string) {
		p := platforms[int(kind)%len(platforms)]
		r := p.signed(t, target)
		if r == nil || len(r.RequestURI) > 4<<10 { // sigv4 takes 8 KiB
			return
		}
		want := reading{r.Method, "{}", segments(r.URL.EscapedPath()), r.URL.Query()}
		sortValues(want.Query)
		if status, got := p.send(t, r, other); status == http.StatusOK {
			sortValues(got.Query) // the signature does not cover the order
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s was accepted under a signature for %s: %s", p.name, other, r.RequestURI, diff)
			}
		}
		if status, _ := p.send(t, r, r.RequestURI); status != http.StatusOK && p.verifies(r.URL) {
			t.Errorf("%s: %s is genuine, and got status %d", p.name, r.RequestURI, status)
		}
	})
}

func sortValues(v url.Values) {
	for _, values := range v {
		slices.Sort(values)
	}
}

// verifies reports what the package comment promises.
func (p platform) verifies(u *url.URL) bool {
	// "%2F" and "\\" end a segment too: a handler may read them so.
	for _, segment := range strings.FieldsFunc(u.Path, func(c rune) bool { return c == '/' || c == '\\' }) {
		if segment == "." || segment == ".." {
			return false
		}
	}
	for name, values := range u.Query() {
		if strings.HasPrefix(strings.ToLower(name), "x-amz-") { // credentials in the query
			return false
		}
		if p.name == "REST API" && !utf8.ValidString(name+strings.Join(values, "")) { // JSON has no other strings
			return false
		}
	}
	if !p.decodes {
		return true
	}
	if !utf8.ValidString(u.Path) || strings.ContainsAny(u.Path, "?#%") || strings.ContainsFunc(u.Path, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return false
	}
	var spelled strings.Builder
	for i := range len(u.Path) {
		if c := u.Path[i]; c > 0x7f || strings.IndexByte(" \"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&spelled, "%%%02X", c)
		} else {
			spelled.WriteByte(c)
		}
	}
	return spelled.String() == u.EscapedPath()
}

// Events that do not come from a platform, or that are ambiguous, are 400 at every entrance,
// and nothing prints them: the query of a handshake holds the token. Adapters that parse a
// URL print the one that they cannot parse.
func TestMalformedEvents(t *testing.T) {
	const secret = "theVerificationToken"
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	type fields struct{ path, query, name, host, body string }
	genuine := fields{path: "/redox", query: "verification-token=" + secret, host: "api.example.com", body: "e30="}
	cases := map[string]func(*fields){
		"path with ?":                   func(f *fields) { f.path = "/redox?role=admin" },
		"path with #":                   func(f *fields) { f.path = "/redox#/../admin" },
		"path with a stray %":           func(f *fields) { f.path = "/redox/%" },
		"path with half an escape":      func(f *fields) { f.path = "/redox/%4" },
		"path with %zz":                 func(f *fields) { f.path = "/redox/%zz" },
		"path with a line break":        func(f *fields) { f.path = "/redox\r\nHost: evil" },
		"path with a NUL":               func(f *fields) { f.path = "/redox\x00" },
		"path with DEL":                 func(f *fields) { f.path = "/redox\x7f" },
		"path without a slash":          func(f *fields) { f.path = "redox" },
		"path with a host":              func(f *fields) { f.path = "http://evil.example/redox" },
		"path with a port":              func(f *fields) { f.path = ":99999/redox" },
		"host with a path":              func(f *fields) { f.host = "evil.example/redox?" },
		"host with a user":              func(f *fields) { f.host = "api.example.com@evil.example" },
		"host with an escape":           func(f *fields) { f.host = "%zz" },
		"host with a space":             func(f *fields) { f.host = "a b" },
		"body that is not base64":       func(f *fields) { f.body = "!" },
		"raw query with #":              func(f *fields) { f.query += "#" },
		"raw query with a line break":   func(f *fields) { f.query += "\n" },
		"encoded name with &":           func(f *fields) { f.name = "a&role" },
		"encoded name with =":           func(f *fields) { f.name = "a=b" },
		"encoded name with #":           func(f *fields) { f.name = "#" },
		"nothing is wrong (the others)": func(*fields) {},
	}
	rest := func(f fields) events.APIGatewayProxyRequest {
		e := events.APIGatewayProxyRequest{HTTPMethod: "GET", Path: f.path, Body: f.body, IsBase64Encoded: true,
			MultiValueQueryStringParameters: map[string][]string{"verification-token": {secret}}, MultiValueHeaders: map[string][]string{"Verification-Token": {secret}}}
		e.RequestContext.DomainName = f.host
		return e
	}
	httpAPI := func(f fields) events.APIGatewayV2HTTPRequest {
		e := events.APIGatewayV2HTTPRequest{RawPath: f.path, RawQueryString: f.query, Body: f.body, IsBase64Encoded: true, Headers: map[string]string{"verification-token": secret}}
		e.RequestContext.HTTP.Method = "GET"
		e.RequestContext.DomainName = f.host
		return e
	}
	alb := func(f fields) events.ALBTargetGroupRequest {
		return events.ALBTargetGroupRequest{HTTPMethod: "GET", Path: f.path, Body: f.body, IsBase64Encoded: true,
			QueryStringParameters: map[string]string{"verification-token": secret, f.name: ""}, Headers: map[string]string{"verification-token": secret, "host": f.host}}
	}
	reached := 0
	restFunction := func(context.Context, events.APIGatewayProxyRequest) (res events.APIGatewayProxyResponse, err error) {
		reached++
		return res, nil
	}
	httpAPIFunction := func(context.Context, events.APIGatewayV2HTTPRequest) (res events.APIGatewayV2HTTPResponse, err error) {
		reached++
		return res, nil
	}
	albFunction := func(context.Context, events.ALBTargetGroupRequest) (res events.ALBTargetGroupResponse, err error) {
		reached++
		return res, nil
	}
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ })
	entrances := map[string]struct{ function, event any }{
		"REST":             {redoxlambda.REST(token, nil, restFunction), rest},
		"RESTHandshake":    {redoxlambda.RESTHandshake(token, restFunction), rest},
		"ServeREST":        {redoxlambda.ServeREST(handler), rest},
		"HTTPAPI":          {redoxlambda.HTTPAPI(token, nil, httpAPIFunction), httpAPI},
		"HTTPAPIHandshake": {redoxlambda.HTTPAPIHandshake(token, httpAPIFunction), httpAPI},
		"ServeHTTPAPI":     {redoxlambda.ServeHTTPAPI(handler), httpAPI},
		"ALB":              {redoxlambda.ALB(token, nil, albFunction), alb},
		"ALBHandshake":     {redoxlambda.ALBHandshake(token, albFunction), alb},
		"ServeALB":         {redoxlambda.ServeALB(handler), alb},
	}
	printed := capture(t, func() {
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			f := genuine
			cases[name](&f)
			for entrance, e := range entrances {
				var event any
				applies := !strings.HasPrefix(name, "nothing")
				switch make := e.event.(type) {
				case func(fields) events.APIGatewayProxyRequest:
					event = make(f)
					applies = applies && !strings.HasPrefix(name, "raw") && !strings.HasPrefix(name, "encoded")
				case func(fields) events.APIGatewayV2HTTPRequest:
					event = make(f)
					applies = applies && !strings.HasPrefix(name, "encoded")
				case func(fields) events.ALBTargetGroupRequest:
					event = make(f)
					applies = applies && !strings.HasPrefix(name, "raw")
				}
				reached = 0
				status := invoke(t, e.function, event).StatusCode
				if applies && (status != http.StatusBadRequest || reached > 0) {
					t.Errorf("%s, %s: got status %d, the function was called %d times, want 400 and none", entrance, name, status, reached)
				}
				if !applies && reached != 1 {
					t.Errorf("%s, %s: got status %d, want the function to be called", entrance, name, status)
				}
			}
		}
	})
	if strings.Contains(printed, secret) {
		t.Errorf("the token was printed: %q", printed)
	}
}

// capture returns what f prints: to standard output, standard error and the log.
func capture(t *testing.T, f func()) string {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var logged bytes.Buffer
	stdout, stderr, writer := os.Stdout, os.Stderr, log.Writer()
	os.Stdout, os.Stderr = file, file
	log.SetOutput(&logged)
	defer func() {
		os.Stdout, os.Stderr = stdout, stderr
		log.SetOutput(writer)
	}()
	f()
	printed, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(printed) + logged.String()
}
