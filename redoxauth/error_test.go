package redoxauth_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

func TestStatusCode(t *testing.T) {
	none, rejected, unavailable := redoxauth.ErrNoCredentials, redoxauth.ErrRejected, redoxauth.ErrUnavailable
	for name, tt := range map[string]struct {
		err  error
		want int
	}{
		"nil":                      {nil, 200},
		"no credentials":           {none, 401},
		"rejected":                 {rejected, 401},
		"forbidden":                {redoxauth.ErrForbidden, 403},
		"malformed":                {redoxauth.ErrMalformed, 400},
		"too large":                {redoxauth.ErrTooLarge, 413},
		"unavailable":              {unavailable, 503},
		"of no kind":               {io.EOF, 500},
		"a nil *Error":             {(*redoxauth.Error)(nil), 500},
		"wrapped":                  {fmt.Errorf("a: %w", fmt.Errorf("b: %w", rejected)), 401},
		"an Error":                 {&redoxauth.Error{Kind: redoxauth.ErrForbidden}, 403},
		"an Error, wrapped":        {fmt.Errorf("a: %w", &redoxauth.Error{Kind: redoxauth.ErrForbidden}), 403},
		"an Error without a kind":  {&redoxauth.Error{}, 500},
		"an Error of another kind": {&redoxauth.Error{Kind: io.EOF}, 500},
		// The Kind decides, whatever the cause: else a wrapped dependency's error could
		// turn a decision into another.
		"cause of another kind":            {&redoxauth.Error{Kind: rejected, Err: unavailable}, 401},
		"no kind, cause of one":            {&redoxauth.Error{Err: rejected}, 401},
		"joined: undecided outweighs":      {errors.Join(rejected, unavailable), 503},
		"joined: more knowledge outweighs": {errors.Join(none, rejected), 401},
		"joined: scope outweighs":          {errors.Join(rejected, redoxauth.ErrForbidden), 403},
	} {
		t.Run(name, func(t *testing.T) {
			if got := redoxauth.StatusCode(tt.err); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestWriteError(t *testing.T) {
	const challenge = `Bearer realm="redox", error="invalid_token"`
	fixed := http.Header{"Cache-Control": {"no-store"}, "Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}}
	with := func(pairs ...string) http.Header {
		h := fixed.Clone()
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	for name, tt := range map[string]struct {
		err    error
		status int
		header http.Header
	}{
		// RFC 9110, Section 15.5.2: a 401 carries a challenge.
		"401":                           {redoxauth.ErrNoCredentials, 401, with("WWW-Authenticate", `Redox realm="redox"`)},
		"401 with challenge":            {&redoxauth.Error{Kind: redoxauth.ErrRejected, Challenge: challenge}, 401, with("WWW-Authenticate", challenge)},
		"wrapped, with challenge":       {fmt.Errorf("a: %w", &redoxauth.Error{Kind: redoxauth.ErrRejected, Challenge: challenge}), 401, with("WWW-Authenticate", challenge)},
		"joined, of the same kind":      {errors.Join(&redoxauth.Error{Kind: redoxauth.ErrRejected, Challenge: challenge}, &redoxauth.Error{Kind: redoxauth.ErrRejected, Challenge: "Other"}), 401, with("WWW-Authenticate", challenge)},
		"joined, of two kinds":          {errors.Join(&redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Challenge: "Other"}, &redoxauth.Error{Kind: redoxauth.ErrRejected, Challenge: challenge}), 401, with("WWW-Authenticate", challenge)},
		"403":                           {redoxauth.ErrForbidden, 403, fixed},
		"403 with challenge":            {&redoxauth.Error{Kind: redoxauth.ErrForbidden, Challenge: challenge}, 403, with("WWW-Authenticate", challenge)},
		"400":                           {redoxauth.ErrMalformed, 400, fixed},
		"413":                           {&redoxauth.Error{Kind: redoxauth.ErrTooLarge, Reason: "body_size"}, 413, with("Connection", "close")},
		"503":                           {redoxauth.ErrUnavailable, 503, with("Retry-After", "10")},
		"503 rounds up":                 {&redoxauth.Error{Kind: redoxauth.ErrUnavailable, RetryAfter: 1}, 503, with("Retry-After", "1")},
		"503 with a negative wait":      {&redoxauth.Error{Kind: redoxauth.ErrUnavailable, RetryAfter: -time.Hour}, 503, with("Retry-After", "10")},
		"503 while a body stalls":       {&redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "body_timeout"}, 503, with("Retry-After", "10", "Connection", "close")},
		"503 over budget":               {&redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "busy"}, 503, with("Retry-After", "10", "Connection", "close")},
		"503 because the context ended": {&redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "canceled"}, 503, with("Retry-After", "10", "Connection", "close")},
		"Retry-After is not for 401":    {&redoxauth.Error{Kind: redoxauth.ErrRejected, RetryAfter: time.Minute}, 401, with("WWW-Authenticate", `Redox realm="redox"`)},
		"500":                           {errors.New("secret detail"), 500, fixed},
		"500 of a nil *Error":           {(*redoxauth.Error)(nil), 500, fixed},
		"500 of an Error":               {&redoxauth.Error{Err: errors.New("secret detail")}, 500, fixed},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			redoxauth.WriteError(w, tt.err)
			if w.Code != tt.status || w.Body.String() != http.StatusText(tt.status)+"\n" {
				t.Errorf("%d %q, want %d and its text alone", w.Code, w.Body, tt.status)
			}
			if diff := cmp.Diff(tt.header, w.Header()); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorTellsTheOperator(t *testing.T) {
	for want, err := range map[string]*redoxauth.Error{
		"sigv4: credentials rejected (signature): does not verify": {Kind: redoxauth.ErrRejected, Strategy: "sigv4", Reason: "signature", Err: errors.New("does not verify")},
		"redoxauth: body too large (body_size)":                    {Kind: redoxauth.ErrTooLarge, Reason: "body_size"},
		"wif: cannot be decided now":                               {Kind: redoxauth.ErrUnavailable, Strategy: "wif"},
		"redoxauth: no credentials":                                {Kind: redoxauth.ErrNoCredentials, Err: redoxauth.ErrNoCredentials},
		"redoxauth: EOF":                                           {Err: io.EOF},
		"redoxauth":                                                {},
	} {
		if got := err.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// An outage says by its own method Is that it is one.
type outage struct{}

func (outage) Error() string { return "vault is sealed" }

func (outage) Is(target error) bool { return target == redoxauth.ErrUnavailable }

func TestStatusOfAnErrorWithAMethodIs(t *testing.T) {
	for _, err := range []error{outage{}, fmt.Errorf("a: %w", outage{})} {
		if got := redoxauth.StatusCode(err); got != http.StatusServiceUnavailable {
			t.Errorf("%v: got %d, want 503", err, got)
		}
	}
	// The method of an error of the system is about other errors.
	refused := syscall.ECONNREFUSED
	for err, want := range map[error]int{refused: 500, errors.Join(redoxauth.ErrRejected, refused): 401, &redoxauth.Error{Kind: refused}: 500} {
		if got := redoxauth.StatusCode(err); got != want {
			t.Errorf("%v: got %d, want %d", err, got, want)
		}
	}
}

func TestErrorMatchesKindAndCause(t *testing.T) {
	err := fmt.Errorf("a: %w", &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Err: fmt.Errorf("b: %w", io.EOF)})
	for target, want := range map[error]bool{redoxauth.ErrUnavailable: true, io.EOF: true, redoxauth.ErrRejected: false} {
		if got := errors.Is(err, target); got != want {
			t.Errorf("errors.Is(%v): got %t, want %t", target, got, want)
		}
	}
	if errors.Is(&redoxauth.Error{}, redoxauth.ErrRejected) {
		t.Error("an Error without kind and cause matches")
	}
	for _, e := range []*redoxauth.Error{{}, {Kind: redoxauth.ErrRejected}, {Err: io.EOF}} {
		if slices.Contains(e.Unwrap(), nil) { // package errors forbids it
			t.Errorf("%v unwraps to %v", e, e.Unwrap())
		}
	}
}

// What a Verifier returns reaches Observe as an *Error with a reason; it is completed,
// not changed in place, as a Verifier may return one value for all requests.
func TestDecisionCompletesTheError(t *testing.T) {
	shared := &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Strategy: "test", Err: io.EOF}
	original := *shared
	for name, tt := range map[string]struct {
		err  error
		want redoxauth.Error
	}{
		"a kind":          {redoxauth.ErrForbidden, redoxauth.Error{Kind: redoxauth.ErrForbidden, Reason: "scope"}},
		"a wrapped kind":  {fmt.Errorf("a: %w", redoxauth.ErrMalformed), redoxauth.Error{Kind: redoxauth.ErrMalformed, Reason: "malformed"}},
		"no reason":       {shared, redoxauth.Error{Kind: redoxauth.ErrUnavailable, Strategy: "test", Reason: "unavailable", RetryAfter: 10 * time.Second}},
		"all of it":       {&redoxauth.Error{Kind: redoxauth.ErrRejected, Strategy: "test", Reason: "expired"}, redoxauth.Error{Kind: redoxauth.ErrRejected, Strategy: "test", Reason: "expired"}},
		"wrapped":         {fmt.Errorf("a: %w", shared), redoxauth.Error{Kind: redoxauth.ErrUnavailable, Strategy: "test", Reason: "unavailable", RetryAfter: 10 * time.Second}},
		"kind of a cause": {&redoxauth.Error{Reason: "keys", Err: fmt.Errorf("%w: %w", redoxauth.ErrUnavailable, io.EOF)}, redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "keys", RetryAfter: 10 * time.Second}},
		"not of any kind": {io.EOF, redoxauth.Error{Reason: "internal"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := redoxauth.Check(verifier("", tt.err), nil, post(""), nil)
			var got *redoxauth.Error
			if !errors.As(err, &got) {
				t.Fatalf("%T is no *Error", err)
			}
			if got.Kind != tt.want.Kind || got.Strategy != tt.want.Strategy || got.Reason != tt.want.Reason || got.RetryAfter != tt.want.RetryAfter {
				t.Errorf("got %#v, want %#v", got, tt.want)
			}
			if !errors.Is(err, tt.err) && !errors.Is(err, errors.Unwrap(tt.err)) && !errors.Is(err, io.EOF) {
				t.Errorf("%v lost what it was made of", err)
			}
		})
	}
	if *shared != original {
		t.Errorf("the Verifier's own error was changed: %#v", shared)
	}
}

func TestErrorf(t *testing.T) {
	cause := errors.New("connection refused")
	e := redoxauth.Errorf(redoxauth.ErrUnavailable, "keys", "fetch %s: %w", "https://issuer.example", cause)
	if !errors.Is(e, redoxauth.ErrUnavailable) || !errors.Is(e, cause) || e.Error() != "redoxauth: cannot be decided now (keys): fetch https://issuer.example: connection refused" {
		t.Errorf("got %v", e)
	}
	named := e.In("jwtbearer")
	if named.Strategy != "jwtbearer" || e.Strategy != "" || named.Err != e.Err {
		t.Errorf("got %#v of %#v", named, e)
	}
	if bare := redoxauth.Errorf(redoxauth.ErrRejected, "token", ""); bare.Err != nil {
		t.Errorf("got the cause %v, want none", bare.Err)
	}
	// A fault of the Verifier is 500, and keeps its reason.
	fault := redoxauth.Errorf(nil, "body_read", "a middleware has read the body")
	if _, err := redoxauth.Check(verifier("", fault), nil, post(""), nil); redoxauth.StatusCode(err) != 500 || !errors.Is(err, fault) {
		t.Errorf("got %d, %v", redoxauth.StatusCode(err), err)
	}
}

// The classic typed nil: a Verifier that returns its *Error variable.
func TestOddErrorsOfAVerifierAreClosed(t *testing.T) {
	none := &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Reason: "missing"}
	down := &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "keys"}
	wrong := &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: "signature"}
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"a nil *Error", (*redoxauth.Error)(nil), 500},
		{"one that panics when unwrapped", (*unwrapPanics)(nil), 500},
		{"one that cannot be compared", uncomparable{"x"}, 500},
		{"an Error of such a kind", &redoxauth.Error{Kind: uncomparable{"x"}, Err: uncomparable{"x"}}, 500},
		{"none and unavailable", errors.Join(none, down), 503},
		{"unavailable and none", errors.Join(down, none), 503},
		{"none and rejected", fmt.Errorf("tried: %w", errors.Join(none, wrong)), 401},
		{"an Error that leaves the kind to its cause", fmt.Errorf("x: %w", &redoxauth.Error{Reason: "keys", Err: redoxauth.ErrUnavailable}), 503},
		{"an Error with another kind as its cause", &redoxauth.Error{Kind: redoxauth.ErrRejected, Err: down}, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) { return nil, tt.err })
			var observed redoxauth.Decision
			opts := &redoxauth.Options{Observe: func(_ *http.Request, d redoxauth.Decision) { observed = d }}
			h := redoxauth.Middleware(redoxauth.AnyOf(v, verifier("a", nil)), opts)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				t.Error("the handler ran")
			}))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
			if w.Code != tt.want {
				t.Errorf("got %d, want %d", w.Code, tt.want)
			}
			var e *redoxauth.Error
			if !errors.As(observed.Err, &e) || e.Reason == "" {
				t.Errorf("observed %#v, want an Error with a reason", observed.Err)
			}
			_ = observed.Err.Error() // must not panic
		})
	}
}

type unwrapPanics struct{ err error }

func (e *unwrapPanics) Error() string { return "panics" }
func (e *unwrapPanics) Unwrap() error { return e.err }

type uncomparable []string

func (uncomparable) Error() string { return "cannot be compared" }
