package verifiertest_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

// A macVerifier is a Verifier as a user may write one. It checks an HMAC over method, host,
// path, query, the header X-Date and the body.
type macVerifier struct {
	read    func(*http.Request) ([]byte, error)
	without string // a part that the HMAC does not cover
}

const macKeyID, macKey, date = "key-of-redox", "a-secret-of-more-than-sixteen-characters", "2026-11-24"

func newMAC() macVerifier { return macVerifier{read: redoxauth.Body} }

func macError(kind error, reason redoxauth.Reason) error {
	return &redoxauth.Error{Kind: kind, Strategy: "mac", Reason: reason, Challenge: `Test-MAC realm="redox"`}
}

func (v macVerifier) Verify(r *http.Request) (*redoxauth.Identity, error) {
	id, signature, err := parseMAC(r)
	if err != nil {
		return nil, err
	}
	if id != macKeyID {
		return nil, macError(redoxauth.ErrRejected, "unknown_key")
	}
	body, err := v.read(r)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(signature, mac(macKey, r, body, v.without)) {
		return nil, macError(redoxauth.ErrRejected, "signature")
	}
	return &redoxauth.Identity{Strategy: "mac", Subject: id, Scopes: []string{"all"}}, nil
}

func parseMAC(r *http.Request) (id string, signature []byte, err error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 || !strings.HasPrefix(values[0], "Test-MAC ") {
		return "", nil, macError(redoxauth.ErrNoCredentials, "missing")
	}
	id, encoded, _ := strings.Cut(values[0][len("Test-MAC "):], ":")
	signature, err = hex.DecodeString(encoded)
	if err != nil || len(values) > 1 || len(signature) != sha256.Size || len(r.Header.Values("X-Date")) != 1 {
		return "", nil, macError(redoxauth.ErrMalformed, "malformed")
	}
	return id, signature, nil
}

func mac(key string, r *http.Request, body []byte, without string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	for _, part := range [][2]string{
		{"method", r.Method}, {"host", r.Host}, {"path", r.URL.EscapedPath()}, {"query", r.URL.RawQuery}, {"date", r.Header.Get("X-Date")}, {"body", string(body)},
	} {
		if part[0] != without {
			fmt.Fprintf(h, "%q", part)
		}
	}
	return h.Sum(nil)
}

// A macSender sends what a macVerifier accepts.
type macSender struct{ id, key, without string }

func (s macSender) Sign(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if r.Header.Get("X-Date") == "" {
		r.Header.Set("X-Date", date)
	}
	r.Header.Set("Authorization", "Test-MAC "+s.id+":"+hex.EncodeToString(mac(s.key, r, body, s.without)))
	return nil
}

func request(s redoxtest.Signer) func() *http.Request {
	return func() *http.Request { return redoxtest.NewRequest(s) }
}

func macSuite(v redoxauth.Verifier) verifiertest.Suite {
	return verifiertest.Suite{
		New:        func() redoxauth.Verifier { return v },
		Genuine:    request(macSender{id: macKeyID, key: macKey}),
		Forged:     map[string]func() *http.Request{"wrong key": request(macSender{id: macKeyID, key: "wrong"})},
		UnknownKey: request(macSender{id: "somebody", key: "wrong"}),
		Covers:     []string{"method", "host", "path", "query", "header:X-Date", "body"},
		Secrets:    []string{macKey},
	}
}

// freshSuite is like macSuite, but no two genuine requests have the same signature.
func freshSuite(v redoxauth.Verifier) verifiertest.Suite {
	s := macSuite(v)
	s.Genuine = request(&freshSender{})
	return s
}

type freshSender struct{ n atomic.Int32 }

func (s *freshSender) Sign(r *http.Request) error {
	r.Header.Set("X-Date", fmt.Sprintf("%s.%d", date, s.n.Add(1)))
	return macSender{id: macKeyID, key: macKey}.Sign(r)
}

// macReading is for a macVerifier that reads the body in its own way.
func macReading(read func(*http.Request) ([]byte, error)) verifiertest.Suite {
	return macSuite(macVerifier{read: read})
}

// A webhookVerifier checks a header with an HMAC over the body. The header names no key. It
// is the header of a foreign credential, which has the length of this HMAC: 128 bits
// (RFC 2104, Section 5).
type webhookVerifier struct{}

func (webhookVerifier) Verify(r *http.Request) (*redoxauth.Identity, error) {
	values := r.Header.Values("Verification-Token")
	if len(values) == 0 {
		return nil, macError(redoxauth.ErrNoCredentials, "missing")
	}
	got, err := hex.DecodeString(values[0])
	if err != nil || len(values) > 1 || len(got) != 16 {
		return nil, macError(redoxauth.ErrMalformed, "malformed")
	}
	body, err := redoxauth.Body(r)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(got, webhookMAC(macKey, body)) {
		return nil, macError(redoxauth.ErrRejected, "signature")
	}
	return &redoxauth.Identity{Strategy: "webhook"}, nil
}

func webhookMAC(key string, body []byte) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write(body)
	return h.Sum(nil)[:16]
}

// A webhookSender sends what a webhookVerifier checks.
type webhookSender struct{ key string }

func (s webhookSender) Sign(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set("Verification-Token", hex.EncodeToString(webhookMAC(s.key, body)))
	return err
}

func webhookSuite(v redoxauth.Verifier) verifiertest.Suite {
	return verifiertest.Suite{
		New:     func() redoxauth.Verifier { return v },
		Genuine: request(webhookSender{macKey}),
		Forged:  map[string]func() *http.Request{"wrong key": request(webhookSender{"wrong"})},
		Covers:  []string{"body"},
		Secrets: []string{macKey},
	}
}

// A tokenVerifier checks a token in the header, or a bearer token if header is empty.
type tokenVerifier struct {
	header string
	digest [sha256.Size]byte
}

const (
	secretToken  = "0123456789abcdef0123456789abcdef"
	wrongToken   = "f123456789abcdef0123456789abcdef"
	limitedToken = "e123456789abcdef0123456789abcdef" // genuine, but without the scope
)

func newToken(header string) *tokenVerifier {
	return &tokenVerifier{header: header, digest: sha256.Sum256([]byte(secretToken))}
}

func (v *tokenVerifier) error(kind error, code string) error {
	e := &redoxauth.Error{Kind: kind, Strategy: "token"}
	if v.header == "" {
		e.Challenge = `Bearer realm="redox"` + code
	}
	return e
}

func (v *tokenVerifier) Verify(r *http.Request) (*redoxauth.Identity, error) {
	values := r.Header.Values(v.header)
	if v.header == "" {
		values = nil
		token, err := redoxauth.BearerToken(r)
		switch {
		case err == nil:
			values = []string{token}
		case errors.Is(err, redoxauth.ErrMalformed):
			return nil, v.error(redoxauth.ErrMalformed, `, error="invalid_request"`)
		}
	}
	switch len(values) {
	case 0:
		return nil, v.error(redoxauth.ErrNoCredentials, "")
	case 1:
		if digest := sha256.Sum256([]byte(values[0])); hmac.Equal(digest[:], v.digest[:]) {
			return &redoxauth.Identity{Strategy: "token"}, nil
		}
		if values[0] == limitedToken {
			return nil, v.error(redoxauth.ErrForbidden, `, error="insufficient_scope"`)
		}
		return nil, v.error(redoxauth.ErrRejected, `, error="invalid_token", error_description="another, unknown token"`)
	}
	return nil, v.error(redoxauth.ErrMalformed, "")
}

// A tokenSender sends what a tokenVerifier checks.
type tokenSender struct{ header, token string }

func (s tokenSender) Sign(r *http.Request) error {
	if s.header == "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	} else {
		r.Header.Set(s.header, s.token)
	}
	return nil
}

func tokenSuite(v redoxauth.Verifier) verifiertest.Suite { return suiteOf("Verification-Token", v) }

func bearerSuite(v redoxauth.Verifier) verifiertest.Suite { return suiteOf("", v) }

func suiteOf(header string, v redoxauth.Verifier) verifiertest.Suite {
	return verifiertest.Suite{
		New:     func() redoxauth.Verifier { return v },
		Genuine: request(tokenSender{header, secretToken}),
		Forged: map[string]func() *http.Request{
			"wrong token": request(tokenSender{header, wrongToken}),
			"no scope":    request(tokenSender{header, limitedToken}),
			"not a token": request(tokenSender{header, wrongToken + " " + wrongToken}),
		},
	}
}

func TestCorrectVerifiersPass(t *testing.T) {
	for name, s := range map[string]verifiertest.Suite{
		"token in a header":                 tokenSuite(newToken("Verification-Token")),
		"bearer token":                      bearerSuite(newToken("")),
		"MAC":                               macSuite(newMAC()),
		"HMAC of the body without a key ID": webhookSuite(webhookVerifier{}),
		"JWT":                               jwtSuite(jwtVerifier{}),
		"with a right Explain":              macSuite(explainer{newMAC(), func(*http.Request) string { return "a MAC" }}),
		"one at a time, but all of them":    tokenSuite(&queue{Verifier: newToken("Verification-Token")}),
		"remembers the last refused tokens": tokenSuite(redoxauth.VerifierFunc((&forgetful{Verifier: newToken("Verification-Token")}).Verify)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verifiertest.TestVerifier(t, s)
		})
	}
}

// A queue is slow, but keeps the promises.
type queue struct {
	redoxauth.Verifier
	mu sync.Mutex
}

func (q *queue) Verify(r *http.Request) (*redoxauth.Identity, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.Verifier.Verify(r)
}

// A forgetful Verifier keeps the last refused tokens, in bounded memory.
type forgetful struct {
	redoxauth.Verifier
	mu   sync.Mutex
	next int
	last [100]string
}

func (f *forgetful) Verify(r *http.Request) (*redoxauth.Identity, error) {
	id, err := f.Verifier.Verify(r)
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.last[f.next] = r.Header.Get("Verification-Token")
		f.next = (f.next + 1) % len(f.last)
	}
	return id, err
}

// A failedTest notes whether a test failed.
type failedTest struct {
	testing.TB
	failed bool
}

func (f *failedTest) Helper()               {}
func (f *failedTest) Errorf(string, ...any) { f.failed = true }

func TestCheckError(t *testing.T) {
	expired := fmt.Errorf("%w", &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: "expired"})
	for _, test := range []struct {
		name      string
		err, kind error
		reason    redoxauth.Reason
		ok        bool
	}{
		{"kind and reason", expired, redoxauth.ErrRejected, "expired", true},
		{"any reason", expired, redoxauth.ErrRejected, "", true},
		{"other reason", expired, redoxauth.ErrRejected, "audience", false},
		{"other kind", expired, redoxauth.ErrForbidden, "expired", false},
		{"a kind where none is wanted", expired, nil, "expired", false},
		{"no error", nil, redoxauth.ErrRejected, "", false},
		{"no error where one of no kind is wanted", nil, nil, "", false},
		{"no kind", errors.New("bug"), nil, "", true},
		{"no kind, and a reason", &redoxauth.Error{Reason: "internal"}, nil, "internal", true},
		{"no redoxauth.Error, and a reason", redoxauth.ErrRejected, redoxauth.ErrRejected, "expired", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var f failedTest
			verifiertest.CheckError(&f, test.err, test.kind, test.reason)
			if f.failed == test.ok {
				t.Errorf("CheckError failed the test: %t, want %t", f.failed, !test.ok)
			}
		})
	}
}

func ExampleTestVerifier() {
	var t *testing.T // the parameter of func TestMyVerifier

	verifiertest.TestVerifier(t, verifiertest.Suite{
		New:     func() redoxauth.Verifier { return newMAC() },
		Genuine: func() *http.Request { return redoxtest.NewRequest(macSender{id: macKeyID, key: macKey}) },
		Forged: map[string]func() *http.Request{
			"wrong key": func() *http.Request { return redoxtest.NewRequest(macSender{id: macKeyID, key: "wrong"}) },
		},
		Covers:  []string{"method", "host", "path", "query", "header:X-Date", "body"},
		Secrets: []string{macKey},
	})
}
