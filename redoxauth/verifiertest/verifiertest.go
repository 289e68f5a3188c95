// Package verifiertest tests that a [redoxauth.Verifier] of yours keeps the promises that every
// Verifier must keep. This one checks X-Signature, an HMAC over the body in hexadecimal:
//
//	func TestMyVerifier(t *testing.T) {
//		const key, message = "0123456789abcdef0123456789abcdef", `{"Meta":{}}`
//		signed := func(key string) func() *http.Request {
//			return func() *http.Request {
//				r := httptest.NewRequest("POST", "/redox", strings.NewReader(message))
//				r.Header.Set("X-Signature", mySignature(key, message))
//				return r
//			}
//		}
//		verifiertest.TestVerifier(t, verifiertest.Suite{
//			New:     func() redoxauth.Verifier { return NewMyVerifier(key) },
//			Genuine: signed(key),
//			Forged:  map[string]func() *http.Request{"wrong key": signed("wrong")},
//			Covers:  []string{"body"},
//			Secrets: []string{key},
//		})
//	}
//
// [CheckError] is for further tests of a Verifier.
//
// # Promises of a Verifier
//
//  1. Decide if your own header is present, even if you cannot read it (400), and in a shared
//     header, such as Authorization, if scheme, form or issuer is yours. Otherwise return
//     [redoxauth.ErrNoCredentials], but never after you compared a secret or a signature. So
//     [redoxauth.AnyOf] gives a forgery no second try, runs one Verifier for a credential, and
//     accepts the same in any order.
//  2. Fail closed. If something that the decision needs is down, the answer is 503, never 401.
//  3. The peer learns no reason. No error holds a secret or the expected signature, nor does %+v
//     of the Verifier: keep secrets behind a pointer.
//  4. Read the body only if the proof covers it, after the headers are well formed and name a
//     configured key, and after the signature holds if it covers a hash of the body that a header
//     declares. Use [redoxauth.Body], [redoxauth.HashBody] or [redoxauth.HashProvenBody]. Return
//     their errors as they are: the status is 500, and not 401, if something in front has read
//     the body. The handler reads the bytes that were verified.
//  5. Verify is safe for concurrent use, honours the context of the request, does not panic,
//     leaves no goroutine behind, and keeps bounded memory for any number of requests.
//  6. Ignore what the proof does not cover, because proxies change requests. Work behind every
//     router that passes on *http.Request. Two nested wrappers accept the same requests as
//     [redoxauth.AllOf].
//  7. A 401 has a WWW-Authenticate header ([RFC 9110, Section 15.5.2]). Bearer challenges follow
//     [RFC 6750, Section 3].
//
// [RFC 9110, Section 15.5.2]: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2
// [RFC 6750, Section 3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
package verifiertest

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"testing"

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

// TestVerifier tests that a Verifier keeps the promises of a Verifier. Each
// promise is a sub-test, and each failure prints the promise that was broken. Run it
// with -race.
//
// The tests may run beside others: they measure nothing of the process, and no short time decides.
// So they cannot see that secrets are compared in constant time, and that one large header does
// not cost a multiple of its size for a moment. Nor can they see that the failure of a dependency
// is [redoxauth.ErrUnavailable], and that Forged is exhaustive.
func TestVerifier(t *testing.T, s Suite) {
	s.validate(t)
	for _, p := range promises {
		t.Run(p.name, func(sub *testing.T) { p.test(&check{T: sub, whole: t, suite: s, promise: p.text}) })
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

// promises are those of the package comment, in the same order.
var promises = []struct {
	name, text string
	test       func(*check)
}{
	{"genuine accepted", "Verify returns an Identity and no error, or no Identity and an error of one of the kinds", testGenuine},
	{"identity complete and fresh", "an Identity names its Strategy, and no two requests share one", testIdentity},
	{"covered parts refused when changed", "if the proof covers a part of the request, it must fail when that part changes", testCovered},
	{"uncovered parts may change", "a Verifier ignores what the proof does not cover: proxies change requests, and Redox may send a token beside a credential", testUncovered},
	{"absent is ErrNoCredentials", "without a credential of this Verifier the error is ErrNoCredentials", testAbsent},
	{"foreign is ErrNoCredentials", "a Verifier claims only credentials that are unmistakably its own: it refuses any other with ErrNoCredentials", testForeign},
	{"own header is decided", "if a header of its own arrived, a Verifier decides, even if it cannot read the header: it never returns ErrNoCredentials", testOwnHeader},
	{"forged is never ErrNoCredentials", "after it compared a secret or a signature, a Verifier never returns ErrNoCredentials: AnyOf would try a forgery with the next Verifier", testForged},
	{"any order in AnyOf", "the order in AnyOf does not matter beside a Verifier of another credential", testAnyOf},
	{"fail closed", "no or a wrong proof is 401, a missing scope 403, a malformed header 400; no such request is 500 or 503, and none reaches the handler", testStatus},
	{"no secrets", "no token, key, signature (not even the expected one) or whole header appears in an error, an answer, a log line or %+v", testSecrets},
	{"handler reads verified bytes", "the handler reads the bytes that were verified, through every copy of the request", testBody},
	{"consumed body is our fault", "a body that something in front has read is 500 (body_consumed) and no fault of the sender: return the error of Body as it is; a Verifier that does not read the body accepts", testBodyConsumed},
	{"body within the limit", "a body over Options.MaxBodyBytes is 413", testBodyLimit},
	{"headers before body", "the body is read only if the headers are well formed and name a configured key, and only if the proof covers it; if a header declares its hash, only after the signature holds", testBodyUnread},
	{"slow body ends", "a body that stalls is 503 after Options.BodyTimeout, or when the request's context ends", testSlowBody},
	{"nothing after the answer", "when Verify has returned, nothing reads the body any more: no goroutine outlives its request", testNothingAfter},
	{"context honoured", "a request whose context has ended does not hang: it is ErrUnavailable, or decided", testContext},
	{"hostile input refused", "Verify never panics, and never accepts what it cannot read", testHostile},
	{"concurrent use", "Verify is safe for concurrent use", testConcurrent},
	{"memory bounded", "memory stays bounded whatever a peer sends: a Verifier does not keep every credential that it refused", testMemory},
	{"behind a router", "a Verifier decides the same behind every router that passes on *http.Request", testRouters},
	{"nesting is AllOf", "two nested wrappers accept and answer the same as AllOf", testNesting},
	{"challenge on 401", "a 401 carries WWW-Authenticate (RFC 9110, Section 15.5.2), and bearer challenges follow RFC 6750, Section 3", testChallenge},
	{"explain decides nothing", "if the Verifier has the method Explain(*http.Request) string, it changes nothing, does not panic, and shows no secret and no expected signature", testExplain},
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

// forged returns the names of Forged, sorted.
func (s Suite) forged() []string {
	return slices.Sorted(maps.Keys(s.Forged))
}

// absent returns Genuine without a credential: without headers and query.
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

// refused returns requests that every Verifier must refuse, one of each sort.
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
