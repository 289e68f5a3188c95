package verifiertest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

// A macVerifier is a Verifier as a user may write one: an HMAC over method, path,
// query, the header X-Date and the body.
type macVerifier struct{ keys *map[string][]byte }

const macKeyID, macKey = "key-of-redox", "a-secret-of-more-than-sixteen-characters"

func newMAC() macVerifier {
	return macVerifier{&map[string][]byte{macKeyID: []byte(macKey)}}
}

func macError(kind error, reason redoxauth.Reason) error {
	return &redoxauth.Error{Kind: kind, Strategy: "mac", Reason: reason, Challenge: `Test-MAC realm="redox"`}
}

func (v macVerifier) Verify(r *http.Request) (*redoxauth.Identity, error) {
	id, signature, err := parseMAC(r)
	if err != nil {
		return nil, err
	}
	key, known := (*v.keys)[id]
	if !known {
		return nil, macError(redoxauth.ErrRejected, "unknown_key")
	}
	body, err := redoxauth.Body(r)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(signature, mac(key, r, body)) {
		return nil, macError(redoxauth.ErrRejected, "signature")
	}
	return &redoxauth.Identity{Strategy: "mac", Subject: id, Scopes: []string{"all"}}, nil
}

func parseMAC(r *http.Request) (id string, signature []byte, err error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", nil, macError(redoxauth.ErrNoCredentials, "missing")
	}
	scheme, rest, _ := strings.Cut(values[0], " ")
	if scheme != "Test-MAC" {
		return "", nil, macError(redoxauth.ErrNoCredentials, "missing")
	}
	id, encoded, _ := strings.Cut(rest, ":")
	signature, err = hex.DecodeString(encoded)
	if err != nil || len(values) > 1 || len(signature) != sha256.Size {
		return "", nil, macError(redoxauth.ErrMalformed, "malformed")
	}
	if len(r.Header.Values("X-Date")) != 1 {
		return "", nil, macError(redoxauth.ErrMalformed, "malformed")
	}
	return id, signature, nil
}

func mac(key []byte, r *http.Request, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%q %q %q %q\n%s", r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("X-Date"), body)
	return h.Sum(nil)
}

// A macSender is the sender of a macVerifier.
type macSender struct{ id, key string }

func (s macSender) Sign(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	r.Header.Set("X-Date", "2026-11-24")
	r.Header.Set("Authorization", "Test-MAC "+s.id+":"+hex.EncodeToString(mac([]byte(s.key), r, body)))
	return nil
}

func request(s redoxtest.Signer) func() *http.Request {
	return func() *http.Request { return redoxtest.NewRequest(s) }
}

func macSuite(v redoxauth.Verifier) verifiertest.Suite {
	return verifiertest.Suite{
		New:        func() redoxauth.Verifier { return v },
		Genuine:    request(macSender{macKeyID, macKey}),
		Forged:     map[string]func() *http.Request{"wrong key": request(macSender{macKeyID, "wrong"})},
		UnknownKey: request(macSender{"somebody", "wrong"}),
		Covers:     []string{"method", "path", "query", "header:X-Date", "body"},
		Secrets:    []string{macKey},
	}
}

// tokenVerifier takes the token of its sender in a header, or as a bearer token.
type tokenVerifier struct {
	header string // "" for a bearer token
	digest [sha256.Size]byte
}

const token = "0123456789abcdef0123456789abcdef"

func newToken(header string) *tokenVerifier {
	return &tokenVerifier{header: header, digest: sha256.Sum256([]byte(token))}
}

func (v *tokenVerifier) challenge(code string) string {
	switch {
	case v.header != "":
		return ""
	case code == "":
		return `Bearer realm="redox"`
	}
	return `Bearer realm="redox", error="` + code + `"`
}

func (v *tokenVerifier) Verify(r *http.Request) (*redoxauth.Identity, error) {
	presented, err := v.presented(r)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(presented))
	if subtle.ConstantTimeCompare(digest[:], v.digest[:]) != 1 {
		return nil, &redoxauth.Error{Kind: redoxauth.ErrRejected, Strategy: "token", Reason: "token", Challenge: v.challenge("invalid_token")}
	}
	return &redoxauth.Identity{Strategy: "token"}, nil
}

func (v *tokenVerifier) presented(r *http.Request) (string, error) {
	if v.header == "" {
		token, err := redoxauth.BearerToken(r)
		switch {
		case errors.Is(err, redoxauth.ErrNoCredentials):
			return "", &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Strategy: "token", Challenge: v.challenge("")}
		case err != nil:
			return "", &redoxauth.Error{Kind: redoxauth.ErrMalformed, Strategy: "token", Challenge: v.challenge("invalid_request")}
		}
		return token, nil
	}
	values := r.Header.Values(v.header)
	switch len(values) {
	case 0:
		return "", &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Strategy: "token"}
	case 1:
		return values[0], nil
	}
	return "", &redoxauth.Error{Kind: redoxauth.ErrMalformed, Strategy: "token"}
}

type bearerSender struct{ token string }

func (s bearerSender) Sign(r *http.Request) error {
	r.Header.Set("Authorization", "Bearer "+s.token)
	return nil
}

func tokenSuite(v redoxauth.Verifier) verifiertest.Suite {
	return verifiertest.Suite{
		New:     func() redoxauth.Verifier { return v },
		Genuine: request(redoxtest.VerificationToken{Token: token}),
		Forged:  map[string]func() *http.Request{"wrong token": request(redoxtest.VerificationToken{Token: "f" + token[1:]})},
	}
}

func bearerSuite(v redoxauth.Verifier) verifiertest.Suite {
	return verifiertest.Suite{
		New:     func() redoxauth.Verifier { return v },
		Genuine: request(bearerSender{token}),
		Forged:  map[string]func() *http.Request{"wrong token": request(bearerSender{"f" + token[1:]})},
	}
}

// both sends two credentials.
type both []redoxtest.Signer

func (b both) Sign(r *http.Request) error {
	for _, s := range b {
		if err := s.Sign(r); err != nil {
			return err
		}
	}
	return nil
}

func TestVerifierOfCorrectOnes(t *testing.T) {
	header, bearer := newToken("Verification-Token"), newToken("")
	right, wrong := redoxtest.VerificationToken{Token: token}, redoxtest.VerificationToken{Token: "f" + token[1:]}
	macRight, macWrong := macSender{macKeyID, macKey}, macSender{macKeyID, "wrong"}

	anyMAC := macSuite(redoxauth.AnyOf(header, newMAC()))
	anyMAC.Forged["wrong token"] = request(wrong)
	anyToken := tokenSuite(redoxauth.AnyOf(newMAC(), header, bearer))
	anyToken.Forged["wrong key"] = request(macWrong)
	anyToken.Forged["wrong bearer token"] = request(bearerSender{"f" + token[1:]})
	all := macSuite(redoxauth.AllOf(header, newMAC()))
	all.Genuine = request(both{right, macRight})
	all.Forged = map[string]func() *http.Request{
		"wrong token": request(both{wrong, macRight}), "wrong key": request(both{right, macWrong}), "no MAC": request(right),
	}
	all.UnknownKey = request(both{right, macSender{"somebody", "wrong"}})

	for name, s := range map[string]verifiertest.Suite{
		"token in a header": tokenSuite(header), "bearer token": bearerSuite(bearer), "MAC": macSuite(newMAC()),
		"AnyOf, MAC sent": anyMAC, "AnyOf, token sent": anyToken, "AllOf": all,
	} {
		t.Run(name, func(t *testing.T) { verifiertest.TestVerifier(t, s) })
	}
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
	var t *testing.T // of a test function, as func TestMyVerifier(t *testing.T)

	verifiertest.TestVerifier(t, verifiertest.Suite{
		New:     func() redoxauth.Verifier { return newMAC() },
		Genuine: func() *http.Request { return redoxtest.NewRequest(macSender{macKeyID, macKey}) },
		Forged: map[string]func() *http.Request{
			"wrong key": func() *http.Request { return redoxtest.NewRequest(macSender{macKeyID, "wrong"}) },
		},
		Covers:  []string{"method", "path", "query", "header:X-Date", "body"},
		Secrets: []string{macKey},
	})
}
