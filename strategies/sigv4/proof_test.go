package sigv4_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// There is one carrier of credentials, the Authorization header. MinIO took those of
// the query and, without that header, checked no signature (CVE-2026-41145,
// CVE-2026-40344); scratchstack's "AWS Auth Error Ordering", rule 5, refuses both.
func TestCarriers(t *testing.T) {
	none := func(r *http.Request) { r.Header.Del("Authorization") }
	inQuery := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.RequestURI += "?" + name + "=x" }
	}
	both := func(a, b func(*http.Request)) func(*http.Request) {
		return func(r *http.Request) { a(r); b(r) }
	}
	for _, s := range []scenario{
		{name: "none", after: none, want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "bearer", after: set("Authorization", "Bearer eyJ.e.y"), want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "empty header", after: set("Authorization", ""), want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "Signature Version 2", after: set("Authorization", "AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg="), want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "asymmetric signature", after: edit("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "streaming algorithm", after: edit("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256-PAYLOAD"), want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "scheme in lower case", after: edit("AWS4-HMAC-SHA256", "aws4-hmac-sha256"), want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "two headers", after: add("Authorization", "Bearer x"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "the same header twice", after: func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "query and header", after: inQuery("X-Amz-Signature"), want: redoxauth.ErrMalformed, reason: "query"},
		{name: "signed query beside the header", target: "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", want: redoxauth.ErrMalformed, reason: "query"},
		{name: "query alone", after: both(none, inQuery("X-Amz-Signature")), want: redoxauth.ErrRejected, reason: "query"},
		{name: "query alone, escaped", after: both(none, inQuery("a=b&X%2DAmz%2dSignature")), want: redoxauth.ErrRejected, reason: "query"},
		// aws-iam-authenticator looked for one spelling only (CVE-2022-2385).
		{name: "query alone, lower case", after: both(none, inQuery("x-amz-credential")), want: redoxauth.ErrRejected, reason: "query"},
		{name: "bearer beside a presigned query", after: both(set("Authorization", "Bearer x"), inQuery("X-Amz-Signature")), want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "no path", after: func(r *http.Request) { r.RequestURI = "*" }, want: redoxauth.ErrMalformed, reason: "path"},
		{name: "no path and no credentials", after: both(none, func(r *http.Request) { r.RequestURI = "*" }), want: redoxauth.ErrNoCredentials, reason: "missing"},
	} {
		t.Run(s.name, s.run)
	}
}

// The scope, and the date on both sides of the clock:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
// and the cases of versitygw's and ceph/s3-tests' suites.
func TestScopeAndDate(t *testing.T) {
	at := func(d time.Duration) func(*signer) {
		return func(s *signer) { s.date = testDate.Add(d) }
	}
	date := func(value string) func(*http.Request) { return set("X-Amz-Date", value) }
	for _, s := range []scenario{
		{name: "as configured"},
		{name: "region", signer: func(s *signer) { s.region = "eu-west-1" }, want: redoxauth.ErrRejected, reason: "region"},
		{name: "region in another case", signer: func(s *signer) { s.region = "US-EAST-1" }, want: redoxauth.ErrRejected, reason: "region"},
		{name: "service", signer: func(s *signer) { s.service = "s3" }, want: redoxauth.ErrRejected, reason: "service"},
		{name: "day before", signer: func(s *signer) { s.scopeDay = "20260101" }, want: redoxauth.ErrRejected, reason: "clock_skew"},
		{name: "no day", signer: func(s *signer) { s.scopeDay = "20260102x" }, want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "terminator", after: edit("aws4_request", "aws5_request"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "sixth part", after: edit("aws4_request", "aws4_request/x"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "oldest", signer: at(-5 * time.Minute)},
		{name: "older", signer: at(-5*time.Minute - time.Second), want: redoxauth.ErrRejected, reason: "clock_skew"},
		{name: "newest", signer: at(5 * time.Minute)},
		{name: "newer", signer: at(5*time.Minute + time.Second), want: redoxauth.ErrRejected, reason: "clock_skew"},
		{name: "next year", signer: at(365 * 24 * time.Hour), want: redoxauth.ErrRejected, reason: "clock_skew"},
		{name: "wider", config: func(c *sigv4.Config) { c.MaxSkew = 15 * time.Minute }, signer: at(-15 * time.Minute)},
		{name: "our clock jumped back a day", config: func(c *sigv4.Config) { c.Now = func() time.Time { return testDate.Add(-24 * time.Hour) } }, want: redoxauth.ErrRejected, reason: "clock_skew"},
		{name: "midnight between the date and the clock", config: func(c *sigv4.Config) {
			c.Now = func() time.Time { return time.Date(2026, 1, 3, 0, 0, 30, 0, time.UTC) }
		}, signer: func(s *signer) { s.date = time.Date(2026, 1, 2, 23, 59, 30, 0, time.UTC) }},
		{name: "changed date", after: date("20260102T030406Z"), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "no date", after: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "date in Date alone", before: set("Date", "Fri, 02 Jan 2026 03:04:05 GMT"), after: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "two dates", after: add("X-Amz-Date", "20260102T030405Z"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "milliseconds", after: date("20260102T030405.000Z"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "extended form", after: date("2026-01-02T03:04:05Z"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "no such day", after: date("20260231T030405Z"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "another zone", after: date("20260102T030405+"), want: redoxauth.ErrMalformed, reason: "malformed"},
	} {
		t.Run(s.name, s.run)
	}
}

// A signature must be compared, not only present (MiniStack#1232), and for the secret
// that the key ID names.
func TestSignature(t *testing.T) {
	flip := func(r *http.Request) {
		h := []byte(r.Header.Get("Authorization"))
		if h[len(h)-1]++; h[len(h)-1] > '9' {
			h[len(h)-1] = '0'
		}
		r.Header.Set("Authorization", string(h))
	}
	second := func(c *sigv4.Config) {
		c.Credentials = append(c.Credentials, sigv4.Credential{AccessKeyID: "AKIDOTHER", SecretAccessKey: "other"})
	}
	for _, s := range []scenario{
		{name: "last digit", after: flip, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "zeros", after: func(r *http.Request) {
			h, _, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", h+"Signature="+strings.Repeat("0", 64))
		}, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "wrong secret", signer: func(s *signer) { s.secret = "wrong" }, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "secret of another key ID", config: second, signer: func(s *signer) { s.secret = "other" }, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "unknown key ID", signer: func(s *signer) { s.key = "AKIDNOBODY" }, want: redoxauth.ErrRejected, reason: "unknown_key"},
		{name: "unknown key ID in a wrong scope", signer: func(s *signer) { s.key, s.region = "AKIDNOBODY", "x" }, want: redoxauth.ErrRejected, reason: "unknown_key"},
		{name: "key ID in another case", signer: func(s *signer) { s.key = "akidexample" }, want: redoxauth.ErrRejected, reason: "unknown_key"},
		{name: "method", after: func(r *http.Request) { r.Method = http.MethodPut }, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "method in lower case", after: func(r *http.Request) { r.Method = "post" }, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "method with a line break", after: func(r *http.Request) { r.Method = "POST\n/" }, want: redoxauth.ErrMalformed, reason: "malformed"},
	} {
		t.Run(s.name, s.run)
	}
}

// What an unauthenticated peer sees must not tell whether a key ID is configured.
func TestUnknownKeyLooksLikeAWrongSignature(t *testing.T) {
	for _, target := range []string{"/redox/events", "/%zz", "/?a=%zz"} {
		v := newVerifier(t, testConfig())
		wrong, unknown := testSigner, testSigner
		wrong.secret, unknown.key = "wrong", "AKIDNOBODY"
		r1, r2 := request("/"), request("/")
		r1.RequestURI, r2.RequestURI = target, target
		_, err1 := v.Verify(wrong.sign(r1))
		_, err2 := v.Verify(unknown.sign(r2))
		if s1, s2 := redoxauth.StatusCode(err1), redoxauth.StatusCode(err2); s1 != s2 || s1 == http.StatusOK {
			t.Errorf("%s: status %d and %d (%v, %v)", target, s1, s2, err1, err2)
		}
	}
}

// An unread body fails the test when it is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}
func (u unread) Close() error { return nil }

// Who holds no secret must not make us read a body that the headers can refuse.
func TestBodyIsNotReadBefore(t *testing.T) {
	for _, s := range []scenario{
		{name: "the signature holds", signer: func(s *signer) { s.payload, s.secret = "hash", "wrong" }, reason: "signature"},
		{name: "the hash is a hash", signer: func(s *signer) { s.payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER" }, reason: "payload"},
		{name: "the key ID is known", signer: func(s *signer) { s.key = "AKIDNOBODY" }, reason: "unknown_key"},
		{name: "the region is right", signer: func(s *signer) { s.region = "x" }, reason: "region"},
		{name: "the service is right", signer: func(s *signer) { s.service = "x" }, reason: "service"},
		{name: "the date is right", signer: func(s *signer) { s.date = testDate.Add(time.Hour) }, reason: "clock_skew"},
		{name: "all is signed that must be", after: set("X-Amz-Meta-Added", "x"), reason: "unsigned_header"},
		{name: "all arrived that is signed", signer: func(s *signer) { s.signed = []string{"host", "x-amz-date", "x-gone"} }, reason: "signature"},
		{name: "the session token is right", signer: func(s *signer) { s.token = "unexpected" }, reason: "session_token"},
		{name: "the path is one", after: func(r *http.Request) { r.RequestURI = "/%" }, reason: "path"},
		{name: "the query is one", after: func(r *http.Request) { r.RequestURI = "/?a;b" }, reason: "query"},
		{name: "the header is well formed", after: edit("SignedHeaders", "signedheaders"), reason: "malformed"},
	} {
		t.Run(s.name, func(t *testing.T) {
			r := s.request()
			r.Body = unread{t}
			if _, err := s.verifier(t).Verify(r); reasonOf(err) != s.reason {
				t.Errorf("error %v, want %s", err, s.reason)
			}
		})
	}
}

// The payload hash: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
// MinIO accepted a body that an unsigned-trailer request did not cover (CVE-2025-31489).
func TestPayload(t *testing.T) {
	payload := func(value string) func(*signer) { return func(s *signer) { s.payload = value } }
	allow := func(c *sigv4.Config) { c.InsecureAllowUnsignedPayload = true }
	unsigned := func(s *signer) { s.payload, s.signed = "hash", []string{"host", "x-amz-date"} }
	const ofNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for _, s := range []scenario{
		{name: "declared", signer: payload("hash")},
		{name: "declared, but the header is unsigned", signer: unsigned}, // as aws-requests-auth sends it
		{name: "another hash in the unsigned header", signer: unsigned, after: set("X-Amz-Content-Sha256", ofNothing), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "hash of nothing", signer: payload(ofNothing), want: redoxauth.ErrRejected, reason: "payload"},
		{name: "declared and changed", signer: payload("hash"), after: set("X-Amz-Content-Sha256", ofNothing), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "upper case", signer: payload(strings.ToUpper(ofNothing)), want: redoxauth.ErrRejected, reason: "payload"},
		{name: "twice", signer: payload("hash"), after: add("X-Amz-Content-Sha256", ofNothing), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "empty", signer: payload("hash"), after: set("X-Amz-Content-Sha256", ""), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "UNSIGNED-PAYLOAD", signer: payload("UNSIGNED-PAYLOAD"), want: redoxauth.ErrRejected, reason: "payload"},
		{name: "UNSIGNED-PAYLOAD allowed", config: allow, signer: payload("UNSIGNED-PAYLOAD")},
		{name: "UNSIGNED-PAYLOAD allowed, but the hash was signed", config: allow, signer: payload("hash"), after: set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "streaming", config: allow, signer: payload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), want: redoxauth.ErrRejected, reason: "payload"},
		{name: "streaming with a trailer", config: allow, signer: payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), want: redoxauth.ErrRejected, reason: "payload"},
		{name: "literal text", signer: payload("required"), want: redoxauth.ErrRejected, reason: "payload"},
	} {
		t.Run(s.name, s.run)
	}
	for _, declared := range []string{"", "hash"} {
		t.Run("swapped body, declared "+declared, func(t *testing.T) {
			r := scenario{signer: payload(declared)}.request()
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(testBody, "Arrival", "Discharge", 1)))
			want := map[string]redoxauth.Reason{"": "signature", "hash": "payload"}[declared]
			if _, err := newVerifier(t, testConfig()).Verify(r); !errors.Is(err, redoxauth.ErrRejected) || reasonOf(err) != want {
				t.Errorf("error %v, want %s", err, want)
			}
		})
		t.Run("no body, declared "+declared, func(t *testing.T) {
			r := request("/")
			r.Body, r.ContentLength = nil, 0
			s := testSigner
			s.payload = declared
			if _, err := newVerifier(t, testConfig()).Verify(s.sign(r)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Errors of reading the body keep their kind: a body that is too large or breaks off is
// not a wrong signature.
func TestBodyErrorsKeepTheirKind(t *testing.T) {
	for _, declared := range []string{"", "hash"} {
		s := testSigner
		s.payload = declared
		r := s.sign(request("/"))
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), brokenOff{}))
		_, err := newVerifier(t, testConfig()).Verify(r)
		if !errors.Is(err, redoxauth.ErrMalformed) || reasonOf(err) != "body_read" || !strings.HasPrefix(err.Error(), "sigv4: ") {
			t.Errorf("declared %q: %v", declared, err)
		}
		r = s.sign(request("/"))
		r.Body = io.NopCloser(strings.NewReader(testBody))
		_, err = redoxauth.Check(newVerifier(t, testConfig()), r, &redoxauth.Options{MaxBodyBytes: 8})
		if !errors.Is(err, redoxauth.ErrTooLarge) {
			t.Errorf("declared %q: %v, want ErrTooLarge", declared, err)
		}
	}
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// The session token is part of the credential:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_use-resources.html.
func TestSessionToken(t *testing.T) {
	configured := func(token string) func(*sigv4.Config) {
		return func(c *sigv4.Config) { c.Credentials[0].SessionToken = token }
	}
	sent := func(token string) func(*signer) { return func(s *signer) { s.token = token } }
	for _, s := range []scenario{
		{name: "equal", config: configured("token"), signer: sent("token")},
		{name: "missing", config: configured("token"), want: redoxauth.ErrRejected, reason: "session_token"},
		{name: "wrong", config: configured("token"), signer: sent("nekot"), want: redoxauth.ErrRejected, reason: "session_token"},
		{name: "unexpected", signer: sent("token"), want: redoxauth.ErrRejected, reason: "session_token"},
		{name: "unexpected and empty", after: set("X-Amz-Security-Token", ""), want: redoxauth.ErrRejected, reason: "unsigned_header"},
		{name: "added unsigned", config: configured("token"), after: set("X-Amz-Security-Token", "token"), want: redoxauth.ErrRejected, reason: "unsigned_header"},
		{name: "twice", config: configured("token"), signer: sent("token"), after: add("X-Amz-Security-Token", "token"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "of another credential with the same secret", config: func(c *sigv4.Config) {
			c.Credentials[0].SessionToken = "token"
			c.Credentials = append(c.Credentials, sigv4.Credential{AccessKeyID: "AKIDOTHER", SecretAccessKey: testSigner.secret, SessionToken: "other"})
		}, signer: sent("other"), want: redoxauth.ErrRejected, reason: "session_token"},
	} {
		t.Run(s.name, s.run)
	}
	t.Run("signed and empty where none is configured", func(t *testing.T) {
		r := request("/")
		r.Header.Set("X-Amz-Security-Token", "")
		if _, err := newVerifier(t, testConfig()).Verify(testSigner.sign(r)); reasonOf(err) != "session_token" {
			t.Errorf("error %v, want session_token", err)
		}
	})
}

// A recorder is a replay.Store that tells what it was asked.
type recorder struct {
	replay.Store
	calls []string
	until time.Time
	err   error
}

func (s *recorder) Add(ctx context.Context, scope, id string, until time.Time) (bool, error) {
	s.calls, s.until = append(s.calls, scope+"/"+id), until
	if s.err != nil {
		return false, s.err
	}
	return s.Store.Add(ctx, scope, id, until)
}

// SigV4 has no nonce: a captured request passes again until its date is too old. A
// replay store ends that.
func TestReplay(t *testing.T) {
	r := func() *http.Request { return testSigner.sign(request("/redox/events")) }
	v := newVerifier(t, testConfig())
	for range 2 {
		if _, err := v.Verify(r()); err != nil {
			t.Errorf("without a store: %v", err)
		}
	}
	store := &recorder{Store: replay.NewMemory(10)}
	cfg := testConfig()
	cfg.Replay = store
	v = newVerifier(t, cfg)
	if _, err := v.Verify(r()); err != nil {
		t.Fatalf("first use: %v", err)
	}
	if _, err := v.Verify(r()); !errors.Is(err, redoxauth.ErrRejected) || reasonOf(err) != "replayed" {
		t.Errorf("second use: %v, want replayed", err)
	}
	if want := testDate.Add(10 * time.Minute); !store.until.Equal(want) {
		t.Errorf("kept until %v, want %v", store.until, want)
	}
	used := len(store.calls)
	for _, s := range []scenario{
		{signer: func(s *signer) { s.secret = "wrong" }},
		{signer: func(s *signer) { s.payload = "hash" }, after: func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("{}")) }},
		{signer: func(s *signer) { s.token = "x" }},
	} {
		if _, err := v.Verify(s.request()); err == nil {
			t.Error("accepted")
		}
	}
	v.Explain(r())
	if len(store.calls) != used {
		t.Error("the store was asked about a request that does not hold, or by Explain")
	}
	store.err = errors.New("down")
	if _, err := v.Verify(r()); !errors.Is(err, redoxauth.ErrUnavailable) || reasonOf(err) != "replay_store" {
		t.Errorf("store down: %v, want replay_store", err)
	}
}

// http.Request.Context ends what waits on CredentialsFunc.
func TestCredentialsFunc(t *testing.T) {
	list, fail := testConfig().Credentials, errors.New("vault is sealed")
	for _, test := range []struct {
		name   string
		supply func(context.Context) ([]sigv4.Credential, error)
		want   error
		reason redoxauth.Reason
	}{
		{"list", func(context.Context) ([]sigv4.Credential, error) { return list, nil }, nil, ""},
		{"error", func(context.Context) ([]sigv4.Credential, error) { return nil, fail }, redoxauth.ErrUnavailable, "secrets"},
		{"empty list", func(context.Context) ([]sigv4.Credential, error) { return nil, nil }, redoxauth.ErrUnavailable, "secrets"},
		{"bad list", func(context.Context) ([]sigv4.Credential, error) { return make([]sigv4.Credential, 1), nil }, redoxauth.ErrUnavailable, "secrets"},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls := 0
			cfg := testConfig()
			cfg.Credentials = nil
			cfg.CredentialsFunc = func(ctx context.Context) ([]sigv4.Credential, error) {
				calls++
				return test.supply(ctx)
			}
			v := newVerifier(t, cfg)
			if _, err := v.Verify(request("/")); !errors.Is(err, redoxauth.ErrNoCredentials) {
				t.Errorf("without credentials: %v", err)
			}
			if calls > 0 {
				t.Error("the function was called for a request without credentials")
			}
			if _, err := v.Verify(testSigner.sign(request("/"))); !errors.Is(err, test.want) || reasonOf(err) != test.reason {
				t.Errorf("error %v, want %v (%s)", err, test.want, test.reason)
			}
		})
	}
}

// While a secret is rotated, old and new one hold, under one key ID or two; which of
// them was used shows. A cache of signing keys by key ID would sign with the first
// (aws/aws-sdk-go-v2#3350).
func TestRotation(t *testing.T) {
	cfg := testConfig()
	cfg.Credentials = []sigv4.Credential{
		{AccessKeyID: "AKID1", SecretAccessKey: "old"},
		{AccessKeyID: "AKID1", SecretAccessKey: "new"},
		{AccessKeyID: "AKID2", SecretAccessKey: "newest"},
		{AccessKeyID: "AKID1", SecretAccessKey: "new", SessionToken: "token"},
	}
	v := newVerifier(t, cfg)
	for range 2 {
		for position, c := range cfg.Credentials {
			s := testSigner
			s.key, s.secret, s.token = c.AccessKeyID, c.SecretAccessKey, c.SessionToken
			id, err := v.Verify(s.sign(request("/")))
			if err != nil {
				t.Fatalf("%d: %v", position, err)
			}
			if id.KeyID != fmt.Sprint(position) || id.Subject != c.AccessKeyID {
				t.Errorf("%d: identity %+v", position, id)
			}
		}
		s := testSigner
		s.key, s.secret = "AKID2", "old"
		if _, err := v.Verify(s.sign(request("/"))); reasonOf(err) != "signature" {
			t.Errorf("secret of another key ID: %v", err)
		}
	}
}
