package redoxtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

type verify = func(r *http.Request) (*redoxauth.Identity, error)

// around makes a Verifier out of one, and a suite for it.
func around(suite func(redoxauth.Verifier) redoxtest.Suite, v redoxauth.Verifier, f func(verify) verify) redoxtest.Suite {
	return suite(redoxauth.VerifierFunc(f(v.Verify)))
}

// brokenVerifiers each break one promise, as receivers and gateways in the field have
// done. The promise is the name of the sub-test that must catch it.
func brokenVerifiers() map[string]struct {
	promise string
	suite   redoxtest.Suite
} {
	token, bearer := newToken("Verification-Token"), newToken("")
	all := map[string]struct {
		promise string
		suite   redoxtest.Suite
	}{}
	add := func(promise, name string, s redoxtest.Suite) {
		all[name] = struct {
			promise string
			suite   redoxtest.Suite
		}{promise, s}
	}
	onError := func(f func(r *http.Request, err error) (*redoxauth.Identity, error)) func(verify) verify {
		return func(v verify) verify {
			return func(r *http.Request) (*redoxauth.Identity, error) {
				id, err := v(r)
				if err != nil {
					return f(r, err)
				}
				return id, nil
			}
		}
	}
	before := func(f func(r *http.Request) error) func(verify) verify {
		return func(v verify) verify {
			return func(r *http.Request) (*redoxauth.Identity, error) {
				if err := f(r); err != nil {
					return nil, err
				}
				return v(r)
			}
		}
	}

	add("genuine accepted", "neither identity nor error", around(macSuite, newMAC(), onError(func(*http.Request, error) (*redoxauth.Identity, error) { return nil, nil })))
	add("genuine accepted", "error of no kind", around(macSuite, newMAC(), onError(func(*http.Request, error) (*redoxauth.Identity, error) { return nil, errors.New("no") })))
	add("genuine accepted", "identity beside an error", around(macSuite, newMAC(), onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) { return &redoxauth.Identity{}, err })))
	add("genuine accepted", "accepts only once", around(tokenSuite, token, func(v verify) verify {
		var once sync.Once
		return func(r *http.Request) (*redoxauth.Identity, error) {
			err := macError(redoxauth.ErrRejected, "replayed")
			once.Do(func() { err = nil })
			if err != nil {
				return nil, err
			}
			return v(r)
		}
	}))

	shared := &redoxauth.Identity{Strategy: "shared"}
	onSuccess := func(f func(*redoxauth.Identity) *redoxauth.Identity) func(verify) verify {
		return func(v verify) verify {
			return func(r *http.Request) (*redoxauth.Identity, error) {
				id, err := v(r)
				if err != nil {
					return nil, err
				}
				return f(id), nil
			}
		}
	}
	add("identity complete and fresh", "one identity for all", around(tokenSuite, token, onSuccess(func(*redoxauth.Identity) *redoxauth.Identity { return shared })))
	add("identity complete and fresh", "no strategy", around(tokenSuite, token, onSuccess(func(*redoxauth.Identity) *redoxauth.Identity { return &redoxauth.Identity{} })))
	scopes := []string{"all"}
	add("identity complete and fresh", "shared scopes", around(tokenSuite, token, onSuccess(func(id *redoxauth.Identity) *redoxauth.Identity { id.Scopes = scopes; return id })))
	claims := []byte(`{"iss":"a"}`)
	add("identity complete and fresh", "shared claims", around(tokenSuite, token, onSuccess(func(id *redoxauth.Identity) *redoxauth.Identity { id.RawClaims = claims; return id })))

	for _, part := range []string{"method", "path", "query", "body"} {
		add("covered parts refused when changed", "does not cover the "+part, macSuite(uncovering{part}))
	}
	add("covered parts refused when changed", "a changed body is not mine", around(macSuite, newMAC(), onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) {
		return nil, macError(redoxauth.ErrNoCredentials, "missing")
	})))
	add("uncovered parts may change", "knows its proxies", around(tokenSuite, token, before(func(r *http.Request) error {
		if r.Header.Get("X-Forwarded-For") != "" {
			return macError(redoxauth.ErrRejected, "proxy")
		}
		return nil
	})))
	add("uncovered parts may change", "refuses a token beside its credential", around(bearerSuite, bearer, before(func(r *http.Request) error {
		if r.Header.Get("Verification-Token") != "" {
			return macError(redoxauth.ErrMalformed, "malformed")
		}
		return nil
	})))
	add("uncovered parts may change", "covers more than it says", func() redoxtest.Suite {
		s := macSuite(newMAC())
		s.Covers = []string{"method", "path"}
		return s
	}())

	add("absent is not mine", "absent is rejected", around(tokenSuite, token, onError(func(*http.Request, error) (*redoxauth.Identity, error) {
		return nil, macError(redoxauth.ErrRejected, "token")
	})))
	add("absent is not mine", "absent is accepted", around(tokenSuite, token, func(v verify) verify { // as unset configuration did
		return func(r *http.Request) (*redoxauth.Identity, error) {
			if r.Header.Get("Verification-Token") == "" {
				return &redoxauth.Identity{Strategy: "token"}, nil
			}
			return v(r)
		}
	}))
	add("foreign is not mine", "claims every Authorization header", around(tokenSuite, token, before(func(r *http.Request) error {
		if r.Header.Get("Authorization") != "" && r.Header.Get("Verification-Token") == "" {
			return macError(redoxauth.ErrRejected, "token")
		}
		return nil
	})))
	add("foreign is not mine", "accepts any signature that is there", around(macSuite, newMAC(), func(v verify) verify { // MiniStack#1232
		return func(r *http.Request) (*redoxauth.Identity, error) {
			if strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
				return &redoxauth.Identity{Strategy: "mac"}, nil
			}
			return v(r)
		}
	}))
	add("forged is never not mine", "a wrong token is not mine", around(tokenSuite, token, onError(func(*http.Request, error) (*redoxauth.Identity, error) {
		return nil, macError(redoxauth.ErrNoCredentials, "token")
	})))
	add("forged is never not mine", "accepts a forgery", around(tokenSuite, token, onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) {
		if errors.Is(err, redoxauth.ErrRejected) {
			return &redoxauth.Identity{Strategy: "token"}, nil
		}
		return nil, err
	})))
	add("any order in AnyOf", "removes what it does not know", around(tokenSuite, token, before(func(r *http.Request) error {
		for name := range r.Header {
			if name != "Verification-Token" && name != "Content-Type" {
				delete(r.Header, name)
			}
		}
		return nil
	})))

	add("fail closed", "forged is unavailable", around(tokenSuite, token, onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) {
		if errors.Is(err, redoxauth.ErrRejected) {
			err = macError(redoxauth.ErrUnavailable, "unavailable")
		}
		return nil, err
	})))
	add("fail closed", "panics on a wrong token", around(tokenSuite, token, onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) {
		if errors.Is(err, redoxauth.ErrRejected) {
			panic("assertion failed")
		}
		return nil, err
	})))
	add("fail closed", "Wrap goes on after the answer", tokenSuite(missingReturn{token})) // gatewaygo

	add("no secrets", "quotes the token", around(tokenSuite, token, onError(func(r *http.Request, err error) (*redoxauth.Identity, error) {
		return nil, fmt.Errorf("token %q: %w", r.Header.Get("Verification-Token"), err)
	})))
	add("no secrets", "shows the expected signature", around(macSuite, newMAC(), onError(func(r *http.Request, err error) (*redoxauth.Identity, error) {
		return nil, fmt.Errorf("%w: want %s", err, macKey) // adnanh/webhook#83
	})))
	add("no secrets", "echoes the token", around(bearerSuite, bearer, onError(func(r *http.Request, err error) (*redoxauth.Identity, error) {
		return nil, &redoxauth.Error{Kind: redoxauth.ErrRejected, Challenge: `Bearer realm="redox", error_description="` + r.Header.Get("Authorization") + `"`}
	})))
	add("no secrets", "prints its key", macSuite(printable{Key: []byte(macKey)}))
	addBody(add)
	addSafety(add)
	addChallenge(add)
	return all
}

// uncovering leaves one part of the request out of the MAC.
type uncovering struct{ part string }

func (u uncovering) Verify(r *http.Request) (*redoxauth.Identity, error) {
	id, err := newMAC().Verify(r)
	if err == nil || !errors.Is(err, redoxauth.ErrRejected) {
		return id, err
	}
	for _, method := range []string{http.MethodPost, r.Method} {
		for _, path := range []string{"/redox", r.URL.Path} {
			for _, query := range []string{"feed=1", r.URL.RawQuery} {
				other := r.Clone(r.Context())
				other.Body = r.Body
				if u.part == "method" {
					other.Method = method
				}
				if u.part == "path" {
					other.URL.Path = path
				}
				if u.part == "query" {
					other.URL.RawQuery = query
				}
				if id, err := newMAC().Verify(other); err == nil {
					return id, nil
				}
			}
		}
	}
	if keyID, _, _ := parseMAC(r); u.part == "body" && keyID == macKeyID {
		return &redoxauth.Identity{Strategy: "mac"}, nil
	}
	return nil, err
}

type missingReturn struct{ redoxauth.Verifier }

func (m missingReturn) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := m.Verify(r); err != nil {
			redoxauth.WriteError(w, err)
		}
		next.ServeHTTP(w, r)
	})
}

type printable struct{ Key []byte }

func (p printable) Verify(r *http.Request) (*redoxauth.Identity, error) { return newMAC().Verify(r) }

// readAll is the body as a Verifier reads it that does not know Body.
func readAll(r *http.Request) []byte {
	body, _ := io.ReadAll(r.Body)
	return body
}

type adder = func(promise, name string, s redoxtest.Suite)

// macOver is a macVerifier that reads the body in a way of its own.
func macOver(read func(*http.Request) ([]byte, error)) redoxtest.Suite {
	return macSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		id, signature, err := parseMAC(r)
		if err != nil {
			return nil, err
		}
		if id != macKeyID {
			return nil, macError(redoxauth.ErrRejected, "unknown_key")
		}
		body, err := read(r)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(signature, mac([]byte(macKey), r, body)) {
			return nil, macError(redoxauth.ErrRejected, "signature")
		}
		return &redoxauth.Identity{Strategy: "mac"}, nil
	}))
}

func addBody(add adder) {
	add("handler reads verified bytes", "consumes the body", macOver(func(r *http.Request) ([]byte, error) { return readAll(r), nil })) // go-playground/webhooks
	add("handler reads verified bytes", "leaves another body", macOver(func(r *http.Request) ([]byte, error) {
		body := readAll(r)
		r.Body = io.NopCloser(bytes.NewReader(bytes.TrimSuffix(body, []byte("}"))))
		return body, nil
	}))
	add("body within the limit", "a large body is rejected", macOver(func(r *http.Request) ([]byte, error) {
		body, err := redoxauth.Body(r)
		if err != nil {
			return nil, macError(redoxauth.ErrRejected, "body_size")
		}
		return body, nil
	}))
	add("headers before body", "reads the body first", macSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if _, err := redoxauth.Body(r); err != nil {
			return nil, err
		}
		return newMAC().Verify(r)
	})))
	add("headers before body", "reads the body for an unknown key", macSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if _, _, err := parseMAC(r); err == nil {
			redoxauth.Body(r)
		}
		return newMAC().Verify(r)
	})))
	add("headers before body", "reads a body it does not cover", tokenSuite(redoxauth.AllOf(newToken("Verification-Token"), redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if _, err := redoxauth.Body(r); err != nil {
			return nil, err
		}
		return &redoxauth.Identity{Strategy: "token"}, nil
	}))))
	add("slow body ends", "waits for the body for ever", macOver(func(r *http.Request) ([]byte, error) { return readAll(r), nil }))
	add("context honoured", "waits whatever the context says", macOver(func(r *http.Request) ([]byte, error) {
		return redoxauth.Body(r.WithContext(context.WithoutCancel(r.Context())))
	}))
	add("context honoured", "rejects when the context is done", macOver(func(r *http.Request) ([]byte, error) {
		if r.Context().Err() != nil {
			return nil, macError(redoxauth.ErrRejected, "canceled")
		}
		return redoxauth.Body(r)
	}))
}

func addSafety(add adder) {
	token := newToken("Verification-Token")
	with := func(f func(r *http.Request, presented string) error) redoxtest.Suite {
		return tokenSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
			if presented := r.Header.Get("Verification-Token"); presented != "" {
				if err := f(r, presented); err != nil {
					return nil, err
				}
			}
			return token.Verify(r)
		}))
	}
	add("hostile input refused", "reads past the end", with(func(_ *http.Request, presented string) error {
		if presented[9] == 0 {
			return macError(redoxauth.ErrRejected, "token")
		}
		return nil
	}))
	add("hostile input refused", "compares to the shorter length", tokenSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) { // CVE-2024-21491
		presented := r.Header.Get("Verification-Token")
		if len(presented) >= 8 && strings.HasPrefix("0123456789abcdef0123456789abcdef", presented) {
			return &redoxauth.Identity{Strategy: "token"}, nil
		}
		return token.Verify(r)
	})))
	add("hostile input refused", "takes the first of two", tokenSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if values := r.Header["Verification-Token"]; len(values) > 1 {
			r = r.Clone(r.Context())
			r.Header["Verification-Token"] = values[:1]
		}
		return token.Verify(r)
	})))
	var busy sync.Mutex
	add("concurrent use", "is for one at a time", with(func(*http.Request, string) error {
		if !busy.TryLock() {
			return macError(redoxauth.ErrRejected, "busy")
		}
		defer busy.Unlock()
		time.Sleep(time.Millisecond) // so that others come meanwhile
		return nil
	}))
	var mu sync.Mutex
	tried := map[string]bool{}
	add("memory bounded", "remembers all that was tried", with(func(_ *http.Request, presented string) error {
		mu.Lock()
		defer mu.Unlock()
		tried[presented] = true
		return nil
	}))
	add("memory bounded", "splits what it was sent", with(func(_ *http.Request, presented string) error { // CVE-2025-30204
		if len(strings.Split(presented, ".")) == 3 {
			return macError(redoxauth.ErrRejected, "token")
		}
		return nil
	}))
	add("nesting is AllOf", "trusts whoever accepted before", tokenSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if id, ok := redoxauth.FromContext(r.Context()); ok {
			return id, nil
		}
		return token.Verify(r)
	})))
}

func addChallenge(add adder) {
	bearer := newToken("")
	with := func(f func(kind error) string) redoxtest.Suite {
		return bearerSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
			id, err := bearer.Verify(r)
			var e *redoxauth.Error
			if errors.As(err, &e) {
				e.Challenge = f(e.Kind)
			}
			return id, err
		}))
	}
	add("challenge on 401", "a Bearer challenge without parameters", with(func(error) string { return "Bearer" }))
	add("challenge on 401", "an error code though nothing was sent", with(func(error) string { return `Bearer realm="redox", error="invalid_token"` }))
	add("challenge on 401", "no error code for a wrong token", with(func(error) string { return `Bearer realm="redox"` }))
	add("challenge on 401", "not a Bearer challenge", with(func(error) string { return "" }))
	add("challenge on 401", "cannot be parsed", with(func(error) string { return `Bearer realm="redox` }))
}

// TestBroken is the child process of [TestVerifierCatches].
func TestBroken(t *testing.T) {
	name := os.Getenv("REDOXTEST_BROKEN")
	if name == "" {
		t.Skip("run by TestVerifierCatches")
	}
	redoxtest.TestVerifier(t, brokenVerifiers()[name].suite)
}

// A broken Verifier must fail the sub-test of the promise that it breaks. A failure
// cannot be undone, so each runs in a process of its own.
func TestVerifierCatches(t *testing.T) {
	for name, broken := range brokenVerifiers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			underscored := strings.ReplaceAll(broken.promise, " ", "_")
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBroken$/^"+underscored+"$", "-test.v")
			cmd.Env = append(os.Environ(), "REDOXTEST_BROKEN="+name)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Fatalf("the sub-test %q did not fail: %v\n%s", broken.promise, err, out)
			}
			if !bytes.Contains(out, []byte("--- FAIL: TestBroken/"+underscored+" ")) || !bytes.Contains(out, []byte("\tpromise: ")) {
				t.Errorf("the sub-test %q did not name the promise:\n%s", broken.promise, out)
			}
		})
	}
}
