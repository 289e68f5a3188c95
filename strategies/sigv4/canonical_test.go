package sigv4_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

func readAll(t *testing.T, r *http.Request) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

var (
	keepPath   = func(c *sigv4.Config) { c.DisablePathNormalization = true }
	encodeOnce = func(c *sigv4.Config) { c.DisableDoubleEncoding = true }
	plain      = func(c *sigv4.Config) { keepPath(c); encodeOnce(c) }
)

// signFixed signs a request for target with a canonical path and query that the test
// spells out.
func signFixed(target, path, query string) *http.Request {
	r := request("/")
	r.RequestURI = target
	date := testDate.Format("20060102T150405Z")
	r.Header.Set("X-Amz-Date", date)
	canonical := fmt.Sprintf("POST\n%s\n%s\nhost:api.example.test\nx-amz-date:%s\n\nhost;x-amz-date\n%x",
		path, query, date, sha256.Sum256([]byte(testBody)))
	const scope = "20260102/us-east-1/execute-api/aws4_request"
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"+scope+", SignedHeaders=host;x-amz-date, Signature="+
		signature(testSigner.secret, date, scope, canonical))
	return r
}

// The query is decoded as handlers read it, encoded again and sorted: get-vanilla-query-…
// of AWS's suite, query-order-… of botocore's. Were "+" taken as it is, "+" and "%2B"
// could be exchanged under a signature, and a handler read another value.
func TestQuery(t *testing.T) {
	for _, test := range []struct{ query, want string }{
		{"", ""},
		{"b=2&a=1", "a=1&b=2"},
		{"a=2&a=1&a=1", "a=1&a=1&a=2"},
		{"a-b=1&a=2", "a=2&a-b=1"},
		{"B=1&a=1", "B=1&a=1"},
		{"flag", "flag="},
		{"flag=", "flag="},
		{"=x", "=x"},
		{"&&a=1&", "a=1"},
		{"a=b=c", "a=b%3Dc"},
		{"a=x+y", "a=x%20y"},
		{"a=x%20y", "a=x%20y"},
		{"a=x%2By", "a=x%2By"},
		{"a=%c3%bc", "a=%C3%BC"},
		{"a=\u00fc", "a=%C3%BC"},
		{"a=%7E%41", "a=~A"},
		{"\u1234=1&Param=2&Param-3=3", "%E1%88%B4=1&Param=2&Param-3=3"},
		{"a=/?:@$,!'()*", "a=%2F%3F%3A%40%24%2C%21%27%28%29%2A"},
		{"a=1;b=2", "none"},
		{"a=%", "none"},
		{"a=%z0", "none"},
		{"%=1", "none"},
		{"a=%1", "none"},
		{"a= ", "none"},
		{"a=\n", "none"},
	} {
		v := newVerifier(t, testConfig())
		r := signFixed("/?"+test.query, "/", test.want)
		_, err := v.Verify(r)
		switch {
		case test.want != "none" && err != nil:
			t.Errorf("%s: %v\n%s", test.query, err, v.Explain(r))
		case test.want == "none" && (reasonOf(err) != "query" || !errors.Is(err, redoxauth.ErrMalformed)):
			t.Errorf("%q: error %v, want query", test.query, err)
		}
	}
	for _, changed := range []struct{ signed, received string }{
		{"a=x+y", "a=x%2By"}, {"a=x%2By", "a=x+y"}, {"a=1&b=2", "a=2&b=1"}, {"a=1", "a=1&a=1"}, {"a=1&a=2", "a=1"},
		{"Action=x", "action=x"}, {"a=1", "a=1&b"}, {"", "a"},
	} {
		r := testSigner.sign(request("/?" + changed.signed))
		r.RequestURI = "/?" + changed.received
		if _, err := newVerifier(t, testConfig()).Verify(r); reasonOf(err) != "signature" {
			t.Errorf("%s for %s: %v, want signature", changed.received, changed.signed, err)
		}
	}
}

// Service s3 signs the path as sent:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
func TestServiceS3SignsThePathAsSent(t *testing.T) {
	scenario{target: "/a%20b//c/../%2F", config: func(c *sigv4.Config) { c.Service = "s3" },
		signer: func(s *signer) { s.service, s.keepPath, s.encodeOnce = "s3", true, true }}.run(t)
}

// What was signed is the target on the wire, whatever a router makes of r.URL:
// r.URL.Path has decoded %2F (opendev swift, LP#1961841).
func TestTargetIsThatOfTheWire(t *testing.T) {
	v := newVerifier(t, testConfig())
	protected := http.StripPrefix("/redox", v.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	w := httptest.NewRecorder()
	protected.ServeHTTP(w, testSigner.sign(request("/redox/a%2Fb?x=1")))
	if w.Code != http.StatusOK {
		t.Errorf("behind http.StripPrefix: status %d", w.Code)
	}
	for _, received := range []string{"/redox/a/b?x=1", "/redox/a%2fb?x=1", "/redox/a%252Fb?x=1", "/redox/a%2Fb", "/redox/a%2Fb?x=1#y"} {
		r := testSigner.sign(request("/redox/a%2Fb?x=1"))
		r.RequestURI = received
		if _, err := v.Verify(r); reasonOf(err) != "signature" {
			t.Errorf("%s: %v, want signature", received, err)
		}
	}
	r := testSigner.sign(request("/redox/a%2Fb?x=1")) // as Lambda's adapters leave it
	r.RequestURI = ""
	if _, err := v.Verify(r); err != nil {
		t.Errorf("without RequestURI: %v", err)
	}
	r.URL = nil
	if _, err := v.Verify(r); reasonOf(err) != "path" {
		t.Errorf("without any target: %v, want path", err)
	}
}

// The host that was signed for: a request for one host must not pass at another
// (CVE-2025-49827 in Conjur), and an absolute-form target overrides the Host header in
// net/http. A proxy that replaces Host makes Hosts necessary.
func TestHosts(t *testing.T) {
	hosts := func(names ...string) func(*sigv4.Config) { return func(c *sigv4.Config) { c.Hosts = names } }
	received := func(host string) func(*http.Request) { return func(r *http.Request) { r.Host = host } }
	for _, s := range []scenario{
		{name: "as received"},
		{name: "changed", after: received("other.example.test"), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "port added", after: received("api.example.test:443"), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "empty", after: received(""), want: redoxauth.ErrRejected, reason: "host"},
		{name: "with a line break", after: received("api.example.test\nx"), want: redoxauth.ErrRejected, reason: "host"},
		{name: "X-Forwarded-Host is not asked", before: received("internal:8080"), signer: func(s *signer) { s.host = "api.example.test" },
			after: set("X-Forwarded-Host", "api.example.test"), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "listed", config: hosts("api.example.test", "b.example.test")},
		{name: "replaced by a proxy", config: hosts("b.example.test", "api.example.test"), after: received("10.0.0.1:8080")},
		{name: "replaced by a proxy, signed for no listed one", config: hosts("b.example.test", "c.example.test"), after: received("10.0.0.1:8080"), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "signed for one listed, received at another", config: hosts("api.example.test", "b.example.test"), after: received("b.example.test"), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "received as one not listed", config: hosts("b.example.test"), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "left in a header by an adapter", after: func(r *http.Request) { r.Host = ""; r.Header.Set("Host", "api.example.test") }},
		{name: "left in two headers", after: func(r *http.Request) { r.Host = ""; r.Header["Host"] = []string{"api.example.test", "b"} }, want: redoxauth.ErrRejected, reason: "host"},
	} {
		t.Run(s.name, s.run)
	}
	r := testSigner.sign(request("/redox"))
	raw := "POST http://api.example.test/redox HTTP/1.1\r\nHost: other.example.test\r\n"
	var b strings.Builder
	r.Header.Write(&b)
	parsed, err := parse([]byte(raw + b.String() + "\r\n" + testBody))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newVerifier(t, testConfig()).Verify(parsed); err != nil {
		t.Errorf("absolute form, signed for its host: %v", err)
	}
}

// HTTP/2 sends the host in ":authority" (RFC 9113, Section 8.3.1), and net/http takes a
// ":path" in absolute form beside it, of which it makes another r.URL.Host. In HTTP/1 the
// target's host becomes r.Host, and only a proxy in front changes that one.
func TestAbsoluteTargetOfAnotherHostIsRefused(t *testing.T) {
	target := func(target string) func(*http.Request) {
		return func(r *http.Request) { r.RequestURI, r.ProtoMajor = target, 2 }
	}
	for _, s := range []scenario{
		{name: "the same", after: target("http://api.example.test/redox/events")},
		{name: "another", after: target("http://evil.example.test/redox/events"), want: redoxauth.ErrMalformed, reason: "path"},
		{name: "with a port", after: target("http://api.example.test:80/redox/events"), want: redoxauth.ErrMalformed, reason: "path"},
		{name: "user", after: target("http://user:pw@api.example.test/redox/events"), want: redoxauth.ErrMalformed, reason: "path"},
		{name: "user that looks like the host", after: target("http://api.example.test@evil.example.test/redox/events"), want: redoxauth.ErrMalformed, reason: "path"},
		{name: "none", after: target("http:///redox/events"), want: redoxauth.ErrMalformed, reason: "path"},
		{name: "another in HTTP/1", after: func(r *http.Request) { r.RequestURI = "http://upstream/redox/events" }},
		{name: "user in HTTP/1", after: func(r *http.Request) { r.RequestURI = "http://user:pw@api.example.test/redox/events" }, want: redoxauth.ErrMalformed, reason: "path"},
	} {
		t.Run(s.name, s.run)
	}
}

// Requests go through pools of buffers: what one leaves behind must not show in another.
func TestConcurrentVerify(t *testing.T) {
	v := newVerifier(t, testConfig())
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 200 {
				s := testSigner
				if i%2 == 0 {
					s.payload = "hash"
				}
				r := s.sign(request(fmt.Sprintf("/%s?n=%d", strings.Repeat("x", n), i)))
				if n%3 == 0 {
					r.RequestURI += "0"
				}
				if _, err := v.Verify(r); (err == nil) != (n%3 != 0) {
					t.Errorf("%d: %v", n, err)
				}
			}
		})
	}
	group.Wait()
}
