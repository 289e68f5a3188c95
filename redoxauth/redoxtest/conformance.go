package redoxtest

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

// A Suite describes a Verifier to [TestVerifier]. Requests are such as a handler gets;
// [NewRequest] and [httptest.NewRequest] make them.
type Suite struct {
	// New returns the Verifier under test: a new one, or always the same.
	New func() redoxauth.Verifier

	// Genuine returns a new request with a body of at least two bytes and a fresh proof,
	// which the Verifier accepts. The proof on the wire should be 16 characters or
	// longer, so that it can be looked for in errors and logs.
	Genuine func() *http.Request

	// Forged are requests with a proof that is meant for this Verifier and wrong,
	// named by what is wrong with it. Each call returns a new request. A Verifier that
	// takes several kinds of proof needs a forgery of each kind. Have one for each check:
	// a wrong key, each part missing, one character changed that is still well formed.
	Forged map[string]func() *http.Request

	// UnknownKey returns a well-formed request whose headers name a key that is not
	// configured: its body must not be read. Nil if the proof names no key.
	UnknownKey func() *http.Request

	// Covers names the parts of a request that the proof covers: "method", "host",
	// "path", "query", "body", and "header:Name" for a header of Genuine. Each is
	// changed and must then be refused; the parts that are not listed are changed too,
	// and must then be accepted.
	Covers []string

	// Secrets are what is configured and must not show up anywhere, as the key of a
	// signature. What Genuine and Forged send is looked for in any case.
	Secrets []string
}

// TestVerifier tests that a Verifier keeps the promises of package redoxauth. Each is
// a sub-test, and a failure prints the promise. Run it with -race.
//
// What a test from outside cannot see remains: that an outage of a dependency is
// [redoxauth.ErrUnavailable], that secrets are compared in constant time, and that
// Forged leaves no way to forge out.
func TestVerifier(t *testing.T, s Suite) {
	s.validate(t)
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) { p.test(&check{T: t, suite: s, promise: p.text}) })
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

// NewRequest returns a POST of [PatientAdmin], signed by s, as a handler gets it. Like
// [httptest.NewRequest], it panics on an error.
func NewRequest(s Signer) *http.Request {
	r := newMessage()
	if err := s.Sign(r); err != nil {
		panic("redoxtest: NewRequest: " + err.Error())
	}
	return r
}

var parts = []string{"method", "host", "path", "query", "body"}

func (s Suite) validate(t *testing.T) {
	t.Helper()
	if s.New == nil || s.Genuine == nil || len(s.Forged) == 0 {
		t.Fatal("redoxtest: Suite: New, Genuine and Forged are required")
	}
	r := s.Genuine()
	for _, part := range s.Covers {
		name, isHeader := headerName(part)
		if !isHeader && !slices.Contains(parts, part) {
			t.Fatalf("redoxtest: Suite: Covers: unknown part %q", part)
		}
		if isHeader && r.Header.Get(name) == "" {
			t.Fatalf("redoxtest: Suite: Covers: Genuine has no header %q", name)
		}
	}
	if body, err := readBody(r); err != nil || len(body) < 2 {
		t.Fatalf("redoxtest: Suite: Genuine: the body has %d bytes, want at least 2 (error: %v)", len(body), err)
	}
	if len(wireSecrets(s.Genuine())) == 0 {
		t.Fatal("redoxtest: Suite: Genuine: no credential of 16 characters or more in its headers")
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
