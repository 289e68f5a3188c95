// Package verifiertest tests that a [redoxauth.Verifier] keeps the promises of package
// redoxauth.
//
//	func TestMyVerifier(t *testing.T) {
//		verifiertest.TestVerifier(t, verifiertest.Suite{ … })
//	}
//
// [CheckError] is for further tests of a Verifier.
package verifiertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// A Suite describes a Verifier to [TestVerifier]. All requests are requests as a handler
// receives them: redoxtest.NewRequest and [httptest.NewRequest] make such requests.
type Suite struct {
	// New returns the Verifier under test. It may return the same one every time.
	New func() redoxauth.Verifier

	// Genuine returns a new request that the Verifier accepts. Its body has at least two
	// bytes, and its proof is fresh. The proof should have 16 characters or more, because
	// the tests search errors and logs for it.
	Genuine func() *http.Request

	// Forged are requests with a wrong proof of the kind that this Verifier checks. The
	// name says what is wrong. Each call returns a new request. If the Verifier takes
	// several kinds of proof, add a forgery of each kind. Add one forgery for each check:
	// a wrong key, each part missing, one character changed so that the proof is still
	// well formed.
	Forged map[string]func() *http.Request

	// UnknownKey returns a well-formed request whose headers name a key that is not
	// configured. The Verifier must refuse it without reading the body. Nil if the proof
	// names no key.
	UnknownKey func() *http.Request

	// Covers lists the parts of a request that the proof covers: "method", "host",
	// "path", "query", "body", and "header:Name" for a header of Genuine. The tests change
	// each listed part, and the Verifier must refuse. They also change each part that is
	// not listed, and the Verifier must accept.
	Covers []string

	// Secrets are configured values that must not appear anywhere, such as a signing key.
	// The credentials in Genuine and Forged need not be listed.
	Secrets []string
}

// TestVerifier tests that a Verifier keeps the promises of package redoxauth. Each
// promise is a sub-test, and each failure prints the promise that was broken. Run it
// with -race.
//
// The tests cannot see three things: that the failure of a dependency is
// [redoxauth.ErrUnavailable], that secrets are compared in constant time, and that
// Forged is exhaustive.
func TestVerifier(t *testing.T, s Suite) {
	s.validate(t)
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) { p.test(&check{T: t, suite: s, promise: p.text}) })
	}
}

// CheckError fails the test unless err is of the given kind, and its [redoxauth.Error]
// has the given reason. A nil kind asks for an error of no known kind, which is
// answered with status 500. The reason "" stands for any.
func CheckError(t testing.TB, err, kind error, reason redoxauth.Reason) {
	t.Helper()
	var e *redoxauth.Error
	switch {
	case err == nil:
		t.Errorf("no error, want %v (%s)", kind, reason)
	case kind == nil && redoxauth.StatusCode(err) != http.StatusInternalServerError:
		t.Errorf("error %v, want one of no known kind (%s)", err, reason)
	case kind != nil && !errors.Is(err, kind), reason != "" && (!errors.As(err, &e) || e.Reason != reason):
		t.Errorf("error %v, want %v (%s)", err, kind, reason)
	}
}

// promises are those of package redoxauth, in the same order.
var promises = []struct {
	name, text string
	test       func(*check)
}{
	{"genuine accepted", "Verify returns a non-nil Identity and a nil error, or a nil Identity and an error that wraps one of the kinds", testGenuine},
	{"identity complete and fresh", "an Identity names its Strategy, and every request gets a fresh one", testIdentity},
	{"covered parts refused when changed", "a proof that covers a part of a request does not hold for another", testCovered},
	{"uncovered parts may change", "what a proof does not cover is no reason to refuse it: proxies change requests, and Redox may send a token beside a credential", testUncovered},
	{"absent is not mine", "a request without this Verifier's credential is ErrNoCredentials", testAbsent},
	{"foreign is not mine", "a Verifier claims only what is unmistakably its own: any other credential is ErrNoCredentials, and never accepted", testForeign},
	{"forged is never not mine", "after a secret or a signature was compared a Verifier never answers ErrNoCredentials: in AnyOf a forgery gets no second try", testForged},
	{"any order in AnyOf", "beside a Verifier of another credential the order in AnyOf does not matter", testAnyOf},
	{"fail closed", "nobody or a wrong proof is 401, a missing scope 403, a malformed carrier 400; none is 500 or 503, and none reaches the handler", testStatus},
	{"no secrets", "no token, key, signature or whole header is in any error, answer, log line or %+v", testSecrets},
	{"handler reads verified bytes", "the handler reads the bytes that were verified, on every path and through every copy of the request", testBody},
	{"body within the limit", "a body over Options.MaxBodyBytes is 413, and its rest is not read", testBodyLimit},
	{"headers before body", "no body is read before the headers are well formed and name a configured key, and none at all when the proof does not cover it", testBodyUnread},
	{"slow body ends", "a body that stalls ends with Options.BodyTimeout or the request's context, and the answer is 503", testSlowBody},
	{"context honoured", "a request whose context is done never hangs, and is ErrUnavailable or decided", testContext},
	{"hostile input refused", "Verify never panics and never accepts what it cannot read, whatever is sent", testHostile},
	{"concurrent use", "Verify is safe for concurrent use", testConcurrent},
	{"memory bounded", "memory is bounded whatever is sent", testMemory},
	{"nesting is AllOf", "nesting two wrappers means the same as AllOf", testNesting},
	{"challenge on 401", "a 401 carries WWW-Authenticate (RFC 9110, Section 15.5.2), and bearer challenges follow RFC 6750, Section 3", testChallenge},
}

var parts = []string{"method", "host", "path", "query", "body"}

func (s Suite) validate(t *testing.T) {
	t.Helper()
	if s.New == nil || s.Genuine == nil || len(s.Forged) == 0 {
		t.Fatal("verifiertest: Suite: New, Genuine and Forged are required")
	}
	r := s.Genuine()
	for _, part := range s.Covers {
		name, isHeader := headerName(part)
		if !isHeader && !slices.Contains(parts, part) {
			t.Fatalf("verifiertest: Suite: Covers: unknown part %q", part)
		}
		if isHeader && r.Header.Get(name) == "" {
			t.Fatalf("verifiertest: Suite: Covers: Genuine has no header %q", name)
		}
	}
	if body, err := readBody(r); err != nil || len(body) < 2 {
		t.Fatalf("verifiertest: Suite: Genuine: the body has %d bytes, want at least 2 (error: %v)", len(body), err)
	}
	if len(wireSecrets(s.Genuine())) == 0 {
		t.Fatal("verifiertest: Suite: Genuine: no credential of 16 characters or more in its headers")
	}
}

func (s Suite) covers(part string) bool { return slices.Contains(s.Covers, part) }

// forged returns the names of Forged in a stable order.
func (s Suite) forged() []string {
	names := make([]string, 0, len(s.Forged))
	for name := range s.Forged {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// absent is Genuine without a credential: without headers and query.
func (s Suite) absent() *http.Request {
	r := s.Genuine()
	header := http.Header{}
	if t := r.Header.Get("Content-Type"); t != "" {
		header.Set("Content-Type", t)
	}
	r.Header = header
	setTarget(r, r.URL.EscapedPath(), "")
	return r
}

// refused are requests of every sort that no Verifier accepts.
func (s Suite) refused() map[string]*http.Request {
	all := map[string]*http.Request{"absent": s.absent()}
	for _, f := range foreign {
		all["foreign "+f.name] = f.add(s.absent())
	}
	for _, name := range s.forged() {
		all["forged "+name] = s.Forged[name]()
	}
	return all
}

// A check is one promise being tested.
type check struct {
	*testing.T
	suite   Suite
	promise string
}

// fail reports what was seen, and the promise that it breaks.
func (c *check) fail(format string, args ...any) {
	c.Helper()
	c.Errorf("%s\n\tpromise: %s", fmt.Sprintf(format, args...), c.promise)
}

// hang is how long anything may take that should end at once.
const hang = 5 * time.Second

// within runs f, and ends the test if it hangs or panics.
func (c *check) within(what string, f func()) {
	c.Helper()
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		f()
	}()
	select {
	case p := <-done:
		if p != nil {
			c.fail("%s: panicked: %v", what, p)
			c.FailNow()
		}
	case <-time.After(hang):
		c.fail("%s: did not return within %v", what, hang)
		c.FailNow()
	}
}

func (c *check) verify(what string, v redoxauth.Verifier, r *http.Request) (id *redoxauth.Identity, err error) {
	c.Helper()
	c.within(what, func() { id, err = v.Verify(r) })
	return id, err
}

// accepts reports whether v accepts r, and the test fails if it does not.
func (c *check) accepts(what string, v redoxauth.Verifier, r *http.Request) bool {
	c.Helper()
	id, err := c.verify(what, v, r)
	if id == nil || err != nil {
		c.fail("%s: refused: %v", what, err)
		return false
	}
	return true
}

// refuses returns the error with which v refuses r; the test fails if it does not.
func (c *check) refuses(what string, v redoxauth.Verifier, r *http.Request) error {
	c.Helper()
	id, err := c.verify(what, v, r)
	if id != nil || err == nil {
		c.fail("%s: accepted", what)
		return errors.New("accepted")
	}
	return err
}

func (c *check) serve(what string, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	c.Helper()
	w := httptest.NewRecorder()
	c.within(what, func() { h.ServeHTTP(w, r) })
	return w
}

// accepting is a Verifier that accepts everything.
var accepting = redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) {
	return &redoxauth.Identity{Strategy: "accepting"}, nil
})

func ended(r *http.Request) *http.Request {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	return r.WithContext(ctx)
}
