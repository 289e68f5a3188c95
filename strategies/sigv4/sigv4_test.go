package sigv4_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

const (
	testBody     = `{"Meta":{"DataModel":"PatientAdmin","EventType":"Arrival"}}`
	testBodyHash = "9d297e8fba539160c4444d8ea32c818a09a95eefe9bcfb0b63c140c926664da3"
)

// testConfig accepts what testSigner signs.
func testConfig() sigv4.Config {
	return sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: testSigner.key, SecretAccessKey: testSigner.secret}},
		Region:      testSigner.region,
		Service:     testSigner.service,
		Now:         func() time.Time { return testDate },
	}
}

func newVerifier(t testing.TB, cfg sigv4.Config) *sigv4.Verifier {
	t.Helper()
	v, err := sigv4.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// request returns a POST of testBody as a server receives it.
func request(target string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, bytes.NewReader([]byte(testBody)))
	r.Host = "api.example.test"
	r.Header.Set("Content-Type", "application/json")
	return r
}

// A scenario is a request of testSigner to a Verifier of testConfig, changed.
type scenario struct {
	name   string
	target string // default "/redox/events"
	config func(*sigv4.Config)
	signer func(*signer)
	before func(*http.Request) // is signed
	after  func(*http.Request) // is signed
	reason redoxauth.Reason    // empty: accepted
	kind   error               // default: that of the reason
}

func (s scenario) request() *http.Request {
	if s.target == "" {
		s.target = "/redox/events"
	}
	r, sign := request(s.target), testSigner
	if s.before != nil {
		s.before(r)
	}
	if s.signer != nil {
		s.signer(&sign)
	}
	sign.sign(r)
	if s.after != nil {
		s.after(r)
	}
	return r
}

func (s scenario) verifier(t testing.TB) *sigv4.Verifier {
	cfg := testConfig()
	if s.config != nil {
		s.config(&cfg)
	}
	return newVerifier(t, cfg)
}

func run(t *testing.T, scenarios []scenario) {
	t.Helper()
	for _, s := range scenarios {
		t.Run(s.name, s.run)
	}
}

// A spy is a body that records whether it was read.
type spy struct {
	io.ReadCloser
	read bool
}

func (s *spy) Read(p []byte) (int, error) {
	s.read = true
	return s.ReadCloser.Read(p)
}

func (s scenario) run(t *testing.T) {
	t.Helper()
	r := s.request()
	body := &spy{ReadCloser: r.Body}
	r.Body = body
	id, err := s.verifier(t).Verify(r)
	s.check(t, err)
	if (id == nil) != (err != nil) {
		t.Errorf("Verify: identity %v with error %v", id, err)
	}
	// A peer without a secret must not make us read a body if the headers can be refused.
	declared, arrived := r.Header.Get("X-Amz-Content-Sha256"), err == nil || !strings.Contains(err.Error(), "did not arrive")
	needed := s.reason == "" && declared != "UNSIGNED-PAYLOAD" || s.reason == "signature" && declared == "" && arrived ||
		err != nil && strings.Contains(err.Error(), "the body does not match")
	if body.read && !needed {
		t.Error("the body was read")
	}
	if body := readAll(t, r); body != testBody {
		t.Errorf("the handler would read %q", body)
	}
}

// check checks an error of Verify.
func (s scenario) check(t testing.TB, err error) {
	t.Helper()
	if s.reason == "" {
		if err != nil {
			t.Errorf("Verify: %v", err)
		}
		return
	}
	kind := s.kind
	switch {
	case kind != nil:
	case s.reason == "malformed", s.reason == "path", s.reason == "query":
		kind = redoxauth.ErrMalformed
	case s.reason == "missing":
		kind = redoxauth.ErrNoCredentials
	default:
		kind = redoxauth.ErrRejected
	}
	verifiertest.CheckError(t, err, kind, s.reason)
	var e *redoxauth.Error
	if errors.As(err, &e) && e.Strategy != "sigv4" {
		t.Errorf("Strategy %q, want sigv4", e.Strategy)
	}
	if redoxauth.StatusCode(err) == http.StatusUnauthorized && e.Challenge != `AWS4-HMAC-SHA256 realm="redox"` {
		t.Errorf("Challenge %q", e.Challenge)
	}
}

func readAll(t *testing.T, r *http.Request) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func set(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func add(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func del(name string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Del(name) }
}

// edit replaces in the Authorization header.
func edit(from, to string) func(*http.Request) {
	return rewrite(func(h string) string {
		if !strings.Contains(h, from) {
			panic("edit: no " + from)
		}
		return strings.Replace(h, from, to, 1)
	})
}

// rewrite replaces the Authorization header.
func rewrite(f func(string) string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", f(r.Header.Get("Authorization"))) }
}

// received replaces the request target.
func received(target string) func(*http.Request) {
	return func(r *http.Request) { r.RequestURI = target }
}

// signed names the headers to sign, sorted or not.
func signed(names ...string) func(*signer) { return func(s *signer) { s.signed = names } }

// payload declares a payload hash.
func payload(value string) func(*signer) { return func(s *signer) { s.payload = value } }

var (
	wrongSecret = func(s *signer) { s.secret = "wrong" }
	nobody      = func(s *signer) { s.key = "AKIDNOBODY" }
	keepPath    = func(c *sigv4.Config) { c.DisablePathNormalization = true }
	encodeOnce  = func(c *sigv4.Config) { c.DisableDoubleEncoding = true }
	plain       = func(c *sigv4.Config) { keepPath(c); encodeOnce(c) }
)

func TestNewNamesEverythingThatIsWrong(t *testing.T) {
	credential := func(key, secret, token string) func(*sigv4.Config) {
		return func(c *sigv4.Config) {
			c.Credentials = []sigv4.Credential{{AccessKeyID: key, SecretAccessKey: secret, SessionToken: token}}
		}
	}
	prefix := func(prefix string) func(*sigv4.Config) {
		return func(c *sigv4.Config) { c.PathPrefix = prefix }
	}
	for name, test := range map[string]struct {
		config func(*sigv4.Config)
		want   string
	}{
		"empty": {func(c *sigv4.Config) { *c = sigv4.Config{} },
			"sigv4: Region: required\nsigv4: Service: required\nsigv4: Credentials: exactly one of Credentials and CredentialsFunc is required"},
		"both sources": {func(c *sigv4.Config) {
			c.CredentialsFunc = func(context.Context) ([]sigv4.Credential, error) { return nil, nil }
		}, "sigv4: Credentials: exactly one of Credentials and CredentialsFunc is required"},
		"empty credential": {func(c *sigv4.Config) { c.Credentials = append(c.Credentials, sigv4.Credential{}) },
			"sigv4: Credentials[1].AccessKeyID: required\nsigv4: Credentials[1].SecretAccessKey: required"},
		"white space": {credential("A B", "secret\n", " token"),
			"sigv4: Credentials[0].AccessKeyID: has a space\nsigv4: Credentials[0].SecretAccessKey: white space around it\nsigv4: Credentials[0].SessionToken: white space around it"},
		"slash in the key ID": {credential("A/B", "secret", ""), "sigv4: Credentials[0].AccessKeyID: has a comma or a slash"},
		"scope": {func(c *sigv4.Config) { c.Region, c.Service = "a/b", "é" },
			"sigv4: Region: has a comma or a slash\nsigv4: Service: has a character that is not printable ASCII"},
		"control characters": {func(c *sigv4.Config) { c.Region, c.Service = "a\tb", "a\x7f" },
			"sigv4: Region: has a character that is not printable ASCII\nsigv4: Service: has a character that is not printable ASCII"},
		"many hosts": {func(c *sigv4.Config) { c.Hosts = []string{"a", "b", "c", "d", "e"} }, "sigv4: Hosts: 5, want at most 4"},
		"URL as host": {func(c *sigv4.Config) { c.Hosts = []string{"https://a.example", ""} },
			"sigv4: Hosts[0]: \"https://a.example\" is not a host or host:port\nsigv4: Hosts[1]: \"\" is not a host or host:port"},
		"skew":                {func(c *sigv4.Config) { c.MaxSkew = 16 * time.Minute }, "sigv4: MaxSkew: 16m0s, want 0 to 15m0s"},
		"skew without a unit": {func(c *sigv4.Config) { c.MaxSkew = 300 }, "sigv4: MaxSkew: 300ns: a duration needs a unit, such as 300 * time.Second"},
		"negative skew":       {func(c *sigv4.Config) { c.MaxSkew = -1 }, "sigv4: MaxSkew: -1ns, want 0 to 15m0s"},
		"required headers": {func(c *sigv4.Config) { c.RequiredHeaders = []string{"", "a b", "Authorization"} },
			"sigv4: RequiredHeaders[0]: \"\" is not a header that can be signed\nsigv4: RequiredHeaders[1]: \"a b\" is not a header that can be signed\n" +
				"sigv4: RequiredHeaders[2]: \"authorization\" is not a header that can be signed"},
		"headers of one connection": {func(c *sigv4.Config) {
			c.RequiredHeaders = []string{"Host", "Trailer", "transfer-encoding", "X-Amz-Date", "Content-Length"}
		},
			"sigv4: RequiredHeaders[1]: \"trailer\" is for one connection: net/http and proxies remove it, so it cannot be checked\n" +
				"sigv4: RequiredHeaders[2]: \"transfer-encoding\" is for one connection: net/http and proxies remove it, so it cannot be checked"},
		"relative prefix":                {prefix("api"), "sigv4: PathPrefix: does not start with a slash"},
		"prefix with slash at end":       {prefix("/api/"), "sigv4: PathPrefix: ends with a slash"},
		"prefix that climbs":             {prefix("/api/%2E."), "sigv4: PathPrefix: has dot segments"},
		"prefix that climbs as it is":    {prefix("/api/../v1"), "sigv4: PathPrefix: has dot segments"},
		"prefix that ends in an escape":  {prefix("/api%2"), "sigv4: PathPrefix: not a path that is escaped as it is sent"},
		"prefix with a space of Unicode": {prefix("/api\u00a0"), "sigv4: PathPrefix: not a path that is escaped as it is sent"},
		"prefix that is not escaped":     {prefix("/a b"), "sigv4: PathPrefix: not a path that is escaped as it is sent"},
		"prefix with a query":            {prefix("/a?b"), "sigv4: PathPrefix: not a path that is escaped as it is sent"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig()
			test.config(&cfg)
			v, err := sigv4.New(cfg)
			if v != nil || err == nil {
				t.Fatalf("New: %v, %v", v, err)
			}
			if d := cmp.Diff(test.want, err.Error()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestConfigIsCopied(t *testing.T) {
	cfg := testConfig()
	cfg.Hosts = []string{"api.example.test"}
	cfg.RequiredHeaders = []string{"X-Redox-Id"}
	v := newVerifier(t, cfg)
	cfg.Credentials[0].SecretAccessKey = "changed"
	cfg.Hosts[0] = "changed.example.test"
	cfg.RequiredHeaders[0] = "Content-Type"
	if _, err := v.Verify(scenario{}.request()); err != nil {
		t.Error(err)
	}
}

func TestPrintingTheVerifierShowsNoSecret(t *testing.T) {
	cfg := testConfig()
	cfg.Credentials[0].SessionToken = "session-token-of-the-test"
	v := newVerifier(t, cfg)
	v.Verify(scenario{}.request()) // fills caches
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, printed := range []string{fmt.Sprintf(format, v), fmt.Sprintf(format, *v)} {
			if strings.Contains(printed, testSigner.secret) || strings.Contains(printed, "session-token-of-the-test") {
				t.Errorf("%s prints a secret", format)
			}
		}
	}
}

func TestWrapProtectsAHandler(t *testing.T) {
	reached := 0
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached++
		if id, ok := redoxauth.FromContext(r.Context()); !ok || id.Subject != "AKIDEXAMPLE" {
			t.Errorf("identity %v", id)
		}
	})
	for _, test := range []struct {
		name      string
		v         *sigv4.Verifier
		r         *http.Request
		status    int
		challenge string
		reached   int
	}{
		{"signed", newVerifier(t, testConfig()), scenario{}.request(), http.StatusOK, "", 1},
		{"unsigned", newVerifier(t, testConfig()), request("/redox/events"), http.StatusUnauthorized, `AWS4-HMAC-SHA256 realm="redox"`, 0},
		{"zero Verifier", new(sigv4.Verifier), scenario{}.request(), http.StatusInternalServerError, "", 0},
		{"zero Verifier, unsigned", new(sigv4.Verifier), request("/redox/events"), http.StatusInternalServerError, "", 0},
	} {
		w := httptest.NewRecorder()
		reached = 0
		test.v.Wrap(handler).ServeHTTP(w, test.r)
		if w.Code != test.status || reached != test.reached || w.Header().Get("WWW-Authenticate") != test.challenge {
			t.Errorf("%s: status %d, challenge %q, handler reached %d times", test.name, w.Code, w.Header().Get("WWW-Authenticate"), reached)
		}
	}
	if got := new(sigv4.Verifier).Explain(scenario{}.request()); !strings.HasPrefix(got, "sigv4 (internal): ") {
		t.Errorf("zero Verifier, explained: %s", got)
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

func TestConformance(t *testing.T) {
	for name, declared := range map[string]bool{"hash not declared": false, "hash declared": true} {
		redox := redoxtest.SigV4{AccessKey: testSigner.key, SecretKey: testSigner.secret, AWSRegion: testSigner.region,
			ServiceName: testSigner.service, DeclarePayloadHash: declared, Now: func() time.Time { return testDate }}
		forged := redoxtest.ForgedRequests(redox.Forgeries())
		t.Run(name, func(t *testing.T) {
			verifiertest.TestVerifier(t, verifiertest.Suite{
				New:        func() redoxauth.Verifier { return newVerifier(t, testConfig()) },
				Genuine:    func() *http.Request { return redoxtest.NewRequest(redox) },
				Forged:     forged,
				UnknownKey: forged["unknown key"],
				Covers:     []string{"method", "host", "path", "query", "body", "header:Content-Type"},
				Secrets:    []string{testSigner.secret},
			})
		})
	}
}
