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
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

const testBody = `{"Meta":{"DataModel":"PatientAdmin","EventType":"Arrival"}}`

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

func reasonOf(err error) redoxauth.Reason {
	var e *redoxauth.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Reason
}

// A scenario is a request of testSigner to a Verifier of testConfig, changed.
type scenario struct {
	name   string
	target string // default "/redox/events"
	config func(*sigv4.Config)
	signer func(*signer)
	before func(*http.Request) // is signed
	after  func(*http.Request) // is signed
	want   error
	reason redoxauth.Reason
}

func (s scenario) request() *http.Request {
	target := s.target
	if target == "" {
		target = "/redox/events"
	}
	r, sign := request(target), testSigner
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

func (s scenario) run(t *testing.T) {
	t.Helper()
	v, r := s.verifier(t), s.request()
	id, err := v.Verify(r)
	if !errors.Is(err, s.want) || reasonOf(err) != s.reason {
		t.Fatalf("Verify: %v, want %v (%s)", err, s.want, s.reason)
	}
	if (id == nil) != (err != nil) {
		t.Errorf("Verify: identity %v with error %v", id, err)
	}
	var e *redoxauth.Error
	if errors.As(err, &e) {
		if e.Strategy != "sigv4" {
			t.Errorf("Strategy %q, want sigv4", e.Strategy)
		}
		if redoxauth.StatusCode(err) == http.StatusUnauthorized && e.Challenge != `AWS4-HMAC-SHA256 realm="redox"` {
			t.Errorf("Challenge %q", e.Challenge)
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || string(body) != testBody {
		t.Errorf("the handler would read %q, %v", body, err)
	}
}

func set(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func add(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

// edit replaces in the Authorization header.
func edit(from, to string) func(*http.Request) {
	return func(r *http.Request) {
		h := r.Header.Get("Authorization")
		if !strings.Contains(h, from) {
			panic("edit: no " + from)
		}
		r.Header.Set("Authorization", strings.Replace(h, from, to, 1))
	}
}

func TestNewNamesEverythingThatIsWrong(t *testing.T) {
	credential := testConfig().Credentials[0]
	for _, test := range []struct {
		name   string
		config func(*sigv4.Config)
		want   []string
	}{
		{"empty", func(c *sigv4.Config) { *c = sigv4.Config{} }, []string{"sigv4: Credentials:", "sigv4: Region:", "sigv4: Service:"}},
		{"both sources", func(c *sigv4.Config) {
			c.CredentialsFunc = func(context.Context) ([]sigv4.Credential, error) { return nil, nil }
		}, []string{"sigv4: CredentialsFunc:"}},
		{"empty credential", func(c *sigv4.Config) { c.Credentials = append(c.Credentials, sigv4.Credential{}) },
			[]string{"sigv4: Credentials[1].AccessKeyID:", "sigv4: Credentials[1].SecretAccessKey:"}},
		{"white space", func(c *sigv4.Config) {
			c.Credentials = []sigv4.Credential{{AccessKeyID: "A B", SecretAccessKey: "secret\n", SessionToken: " token"}}
		}, []string{"sigv4: Credentials[0].AccessKeyID:", "sigv4: Credentials[0].SecretAccessKey:", "sigv4: Credentials[0].SessionToken:"}},
		{"slash in the key ID", func(c *sigv4.Config) {
			c.Credentials = []sigv4.Credential{{AccessKeyID: "A/B", SecretAccessKey: "secret"}}
		}, []string{"sigv4: Credentials[0].AccessKeyID:"}},
		{"slash in the scope", func(c *sigv4.Config) { c.Region, c.Service = "a/b", "a,b" }, []string{"sigv4: Region:", "sigv4: Service:"}},
		{"many hosts", func(c *sigv4.Config) { c.Hosts = []string{"a", "b", "c", "d", "e"} }, []string{"sigv4: Hosts:"}},
		{"URL as host", func(c *sigv4.Config) { c.Hosts = []string{"https://a.example", ""} }, []string{"sigv4: Hosts[0]:", "sigv4: Hosts[1]:"}},
		{"skew", func(c *sigv4.Config) { c.MaxSkew = 16 * time.Minute }, []string{"sigv4: MaxSkew:"}},
		{"negative skew", func(c *sigv4.Config) { c.MaxSkew = -1 }, []string{"sigv4: MaxSkew:"}},
		{"required headers", func(c *sigv4.Config) { c.RequiredHeaders = []string{"", "a b", "Authorization"} },
			[]string{"sigv4: RequiredHeaders[0]:", "sigv4: RequiredHeaders[1]:", "sigv4: RequiredHeaders[2]:"}},
		{"relative prefix", func(c *sigv4.Config) { c.PathPrefix = "api" }, []string{"sigv4: PathPrefix:"}},
		{"prefix with slash at the end", func(c *sigv4.Config) { c.PathPrefix = "/api/" }, []string{"sigv4: PathPrefix:"}},
		{"prefix that climbs", func(c *sigv4.Config) { c.PathPrefix = "/api/%2E." }, []string{"sigv4: PathPrefix:"}},
		{"prefix that is not escaped", func(c *sigv4.Config) { c.PathPrefix = "/a b" }, []string{"sigv4: PathPrefix:"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := testConfig()
			test.config(&cfg)
			v, err := sigv4.New(cfg)
			if v != nil || err == nil {
				t.Fatalf("New: %v, %v", v, err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(test.want) {
				t.Errorf("%d problems, want %d:\n%v", len(lines), len(test.want), err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in\n%v", want, err)
				}
			}
			if strings.Contains(err.Error(), credential.SecretAccessKey) {
				t.Error("the error holds a secret")
			}
		})
	}
}

func TestVerifyReturnsTheIdentity(t *testing.T) {
	cfg := testConfig()
	cfg.Credentials = append([]sigv4.Credential{{AccessKeyID: "AKIDOTHER", SecretAccessKey: "other"}}, cfg.Credentials...)
	id, err := newVerifier(t, cfg).Verify(testSigner.sign(request("/redox/events")))
	if err != nil {
		t.Fatal(err)
	}
	want := &redoxauth.Identity{Strategy: "sigv4", Subject: "AKIDEXAMPLE", KeyID: "1", Expiry: testDate.Add(5 * time.Minute)}
	if d := cmp.Diff(want, id); d != "" {
		t.Error(d)
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
	if _, err := v.Verify(testSigner.sign(request("/"))); err != nil {
		t.Error(err)
	}
}

func TestPrintingTheVerifierShowsNoSecret(t *testing.T) {
	cfg := testConfig()
	cfg.Credentials[0].SessionToken = "session-token-of-the-test"
	v := newVerifier(t, cfg)
	v.Verify(testSigner.sign(request("/"))) // fills caches
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
	h := newVerifier(t, testConfig()).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached++
		if id, ok := redoxauth.FromContext(r.Context()); !ok || id.Subject != "AKIDEXAMPLE" {
			t.Errorf("identity %v", id)
		}
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, testSigner.sign(request("/redox/events")))
	if w.Code != http.StatusOK || reached != 1 {
		t.Errorf("signed: status %d, handler reached %d times", w.Code, reached)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, request("/redox/events"))
	if w.Code != http.StatusUnauthorized || reached != 1 || w.Header().Get("WWW-Authenticate") != `AWS4-HMAC-SHA256 realm="redox"` {
		t.Errorf("unsigned: status %d, challenge %q", w.Code, w.Header().Get("WWW-Authenticate"))
	}
}
