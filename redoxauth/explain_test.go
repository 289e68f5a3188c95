package redoxauth_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// explained is a Verifier that explains itself, and that nobody may ask to verify.
type explained string

func (explained) Verify(*http.Request) (*redoxauth.Identity, error) {
	panic("Explain has called Verify")
}

func (e explained) Explain(*http.Request) string { return string(e) }

type panicking struct{ explained }

func (panicking) Explain(*http.Request) string { panic("what a peer sent") }

func TestExplain(t *testing.T) {
	silent := redoxauth.VerifierFunc(explained("").Verify)
	missing := explained("a: no credentials (missing): no header\n")
	foreign := explained("b: no credentials (issuer): iss is \"x\", want \"y\" (Config.Issuer)\n")
	refused := explained("c: credentials rejected (token): wrong\n\nhints:\n- look\n")
	accepted := explained("d: accepted: d\n")
	for name, test := range map[string]struct {
		v    redoxauth.Verifier
		want string
	}{
		"one Verifier":               {refused, string(refused)},
		"a Verifier without Explain": {silent, "redoxauth.VerifierFunc: not called, because it has no method Explain(*http.Request) string\n"},
		"no Verifier":                {nil, "<nil>: not called, because it has no method Explain(*http.Request) string\n"},
		"AnyOf, one recognises": {redoxauth.AnyOf(missing, refused, accepted), `c: credentials rejected (token): wrong
AnyOf: member 2 of 3 is the first that recognises a credential, and decides
member 1:
  a: no credentials (missing): no header
member 2:
  c: credentials rejected (token): wrong

  hints:
  - look
member 3:
  d: accepted: d
`},
		"AnyOf, one accepts": {redoxauth.AnyOf(explained("a: no credentials (missing): no header\n\nhints:\n- look\n"), accepted), `d: accepted: d
AnyOf: member 2 of 2 is the first that recognises a credential, and decides
member 1:
  a: no credentials (missing): no header
member 2:
  d: accepted: d
`},
		"AnyOf, one accepts, hints right below the facts": {redoxauth.AnyOf(explained("a: no credentials (missing): no header\nhints:\n- look\n"), accepted), `d: accepted: d
AnyOf: member 2 of 2 is the first that recognises a credential, and decides
member 1:
  a: no credentials (missing): no header
member 2:
  d: accepted: d
`},
		"AnyOf, none recognises": {redoxauth.AnyOf(missing, silent, foreign), `b: no credentials (issuer): iss is "x", want "y" (Config.Issuer)
AnyOf: none of the members that were called recognises a credential
member 1:
  a: no credentials (missing): no header
member 2:
  redoxauth.VerifierFunc: not called, because it has no method Explain(*http.Request) string
member 3:
  b: no credentials (issuer): iss is "x", want "y" (Config.Issuer)
`},
		"AllOf, one refuses": {redoxauth.AllOf(accepted, missing), `a: credentials rejected (missing): AllOf wants a credential of each of its 2 members, and member 2 finds none: no header
AllOf: each of the 2 members must accept; member 2 is the first that does not
member 1:
  d: accepted: d
member 2:
  a: no credentials (missing): no header
`},
		"AllOf, one is not called": {redoxauth.AllOf(silent, refused), `c: credentials rejected (token): wrong
AllOf: each of the 2 members must accept; member 2 is the first of those that were called that does not
member 1:
  redoxauth.VerifierFunc: not called, because it has no method Explain(*http.Request) string
member 2:
  c: credentials rejected (token): wrong

  hints:
  - look
`},
		"AllOf, all that are called accept": {redoxauth.AllOf(silent, accepted), `redoxauth.VerifierFunc: not called, because it has no method Explain(*http.Request) string
AllOf: the members that were called accept
member 1:
  redoxauth.VerifierFunc: not called, because it has no method Explain(*http.Request) string
member 2:
  d: accepted: d
`},
		"AllOf, all accept": {redoxauth.AllOf(accepted, accepted), `d: accepted: d
AllOf: each of the 2 members accepts
member 1:
  d: accepted: d
member 2:
  d: accepted: d
`},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, redoxauth.Explain(test.v, httptest.NewRequest("POST", "/", nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := redoxauth.Explain(refused, nil); got != string(refused) {
		t.Errorf("no request: got %s", got)
	}
}

// A panic is named without its value, which may hold what a peer sent.
func TestExplainOutlivesAPanic(t *testing.T) {
	text := redoxauth.Explain(redoxauth.AnyOf(panicking{}, explained("d: accepted: d\n")), httptest.NewRequest("POST", "/", nil))
	if !strings.Contains(text, "redoxauth_test.panicking: Explain panicked in ") || !strings.Contains(text, ": string\n") || strings.Contains(text, "what a peer sent") || !strings.Contains(text, "d: accepted") {
		t.Errorf("got %s", text)
	}
}

// saying refuses with one error, and explains it as the Verifiers of this module do.
type saying struct{ err error }

func (s saying) Verify(*http.Request) (*redoxauth.Identity, error) {
	if s.err != nil {
		return nil, s.err
	}
	return &redoxauth.Identity{Strategy: "a"}, nil
}

func (s saying) Explain(*http.Request) string {
	if s.err != nil {
		return s.err.Error() + "\n"
	}
	return "a: accepted: a\n"
}

// The first line is the decision, as in the log, also where a combinator changes the error.
func TestFirstLineOfExplainIsTheDecision(t *testing.T) {
	accepts := saying{}
	missing := saying{redoxauth.Errorf(redoxauth.ErrNoCredentials, "missing", "no header").In("a")}
	bare := saying{redoxauth.Errorf(redoxauth.ErrNoCredentials, "missing", "").In("a")}
	foreign := saying{redoxauth.Errorf(redoxauth.ErrNoCredentials, "issuer", "iss is absent (x)").In("b")}
	refuses := saying{redoxauth.Errorf(redoxauth.ErrRejected, "token", "wrong").In("c")}
	for name, v := range map[string]redoxauth.Verifier{
		"AllOf, the second is missing":       redoxauth.AllOf(accepts, missing),
		"AllOf, the second says no more":     redoxauth.AllOf(accepts, bare),
		"AllOf, the first is missing":        redoxauth.AllOf(missing, accepts),
		"AllOf, the second is foreign":       redoxauth.AllOf(accepts, foreign),
		"AllOf, the second refuses":          redoxauth.AllOf(accepts, refuses),
		"AllOf, a peer writes as we do":      redoxauth.AllOf(accepts, saying{redoxauth.Errorf(redoxauth.ErrRejected, "unknown_key", `kid is "x: no credentials (missing): y", want "k"`).In("c")}),
		"AllOf, none of an AnyOf":            redoxauth.AllOf(accepts, redoxauth.AnyOf(missing, foreign)),
		"AnyOf, the second refuses":          redoxauth.AnyOf(missing, refuses),
		"AnyOf, none":                        redoxauth.AnyOf(missing, bare),
		"AnyOf, none, one is foreign":        redoxauth.AnyOf(missing, foreign, bare),
		"AnyOf, an AllOf whose second lacks": redoxauth.AnyOf(missing, redoxauth.AllOf(accepts, foreign)),
		"AnyOf, none, the first is foreign":  redoxauth.AnyOf(foreign, missing, bare),
	} {
		_, err := v.Verify(post(""))
		if first, _, _ := strings.Cut(redoxauth.Explain(v, post("")), "\n"); err == nil || first != err.Error() {
			t.Errorf("%s: the first line is %q, the error %q", name, first, err)
		}
	}
}

// The wrapper refuses a body that declares too much, and asks no Verifier. Explain of what
// Observe got says so, whatever the Verifier makes of the request.
func TestExplainOfWhatTheWrapperRefuses(t *testing.T) {
	t.Parallel()
	v := explained("d: accepted: d\n")
	var text, logged string
	opts := &redoxauth.Options{MaxBodyBytes: 4, Observe: func(r *http.Request, d redoxauth.Decision) {
		text, logged = redoxauth.Explain(v, r), d.Err.Error()
	}}
	server := httptest.NewServer(redoxauth.Middleware(v, opts)(http.NotFoundHandler()))
	defer server.Close()
	answer, err := http.Post(server.URL, "text/plain", strings.NewReader("12345"))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge || !strings.HasPrefix(text, logged+"\nthe wrapper decided") || !strings.HasSuffix(text, string(v)) {
		t.Errorf("status %d, text %s, want it to begin with %s", answer.StatusCode, text, logged)
	}
}

// The limit that was reached is named: another handler's limit is not that of Options.
func TestErrorNamesTheLimitInFront(t *testing.T) {
	t.Parallel()
	v := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		_, err := redoxauth.Body(r)
		return &redoxauth.Identity{}, err
	})
	for _, test := range []struct {
		front, own int64
		want       string
	}{
		{4, 8, "more than 4 bytes arrived, want at most that (http.MaxBytesReader or MaxBytesHandler in front, and not Options.MaxBodyBytes)"},
		{100, 4, "more than 4 bytes arrived, want at most that (Options.MaxBodyBytes)"},
		{8, 8, ""},
	} {
		var got error
		opts := &redoxauth.Options{MaxBodyBytes: test.own, Observe: func(_ *http.Request, d redoxauth.Decision) { got = d.Err }}
		server := httptest.NewServer(http.MaxBytesHandler(redoxauth.Middleware(v, opts)(http.NotFoundHandler()), test.front))
		answer, err := http.Post(server.URL, "text/plain", io.MultiReader(strings.NewReader("12345"))) // without a Content-Length
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		server.Close()
		if want := redoxauth.StatusCode(redoxauth.ErrTooLarge); test.want != "" && answer.StatusCode != want {
			t.Errorf("front %d, own %d: status %d, want %d", test.front, test.own, answer.StatusCode, want)
		}
		if test.want == "" && got != nil || test.want != "" && (got == nil || !strings.Contains(got.Error(), test.want)) {
			t.Errorf("front %d, own %d: %v, want %q", test.front, test.own, got, test.want)
		}
	}
}
