package sigv4_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

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
		_, err = redoxauth.Check(newVerifier(t, testConfig()), nil, r, &redoxauth.Options{MaxBodyBytes: 8})
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
