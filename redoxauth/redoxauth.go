package redoxauth

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// A Verifier decides whether a request comes from whom it claims to come from.
//
// Verify returns a non-nil Identity and a nil error, or a nil Identity and an error
// that wraps one of the kinds: [ErrNoCredentials], [ErrRejected], [ErrForbidden],
// [ErrMalformed], [ErrTooLarge] or [ErrUnavailable]. The package documentation lists
// what else it must promise.
type Verifier interface {
	Verify(r *http.Request) (*Identity, error)
}

// VerifierFunc is a function that is a [Verifier].
type VerifierFunc func(r *http.Request) (*Identity, error)

// Verify calls f(r).
func (f VerifierFunc) Verify(r *http.Request) (*Identity, error) { return f(r) }

// Options are the limits of [Middleware] and [Check]. The zero value is ready to use.
//
// Options must not be copied after first use: they hold the budget of MaxInFlight,
// which all wrappers given the same *Options share. All wrappers given nil share one
// set of defaults.
type Options struct {
	// MaxBodyBytes is the largest body, in bytes; default [DefaultMaxBodyBytes].
	// A request that declares a larger one is answered 413 before anything else,
	// and reading past it is an error, for verifiers and for the handler.
	MaxBodyBytes int64

	// MaxInFlight bounds the bytes of bodies that are buffered at once, charged as
	// they arrive; default 8 × MaxBodyBytes; negative: no bound. With nested wrappers
	// that of the outermost counts. Bodies that are not
	// yet proven genuine may use half of it, so a flood of forgeries cannot keep
	// genuine messages out. Over the bound the answer is 503. A body larger than half
	// of it can never pass a verifier that reads the body before it can decide.
	//
	// Middleware holds the charge until the handler returns. Check holds it until
	// the context of a net/http server's request ends, and for requests that
	// come from elsewhere until Check returns.
	MaxInFlight int64

	// BodyTimeout is how long reading one body for verification may take; default
	// 60 s. After it the answer is 503.
	BodyTimeout time.Duration

	// RetryAfter is what 503 answers suggest; default 10 s.
	RetryAfter time.Duration

	// Observe is called once for every decision, before the handler runs. It must be
	// safe for concurrent use. The Decision's error holds no secret, but r does: do
	// not log r's headers or query. See [LogDecisions].
	Observe func(r *http.Request, d Decision)

	budget budget
}

// Defaults of [Options].
const (
	// DefaultMaxBodyBytes is Redox's own limit for one message.
	DefaultMaxBodyBytes = 40 << 20

	defaultBodyTimeout = 60 * time.Second
	defaultRetryAfter  = 10 * time.Second
)

// defaults serve everybody who passes nil, so that they share one budget.
var defaults Options

func (o *Options) orDefaults() *Options {
	if o == nil {
		return &defaults
	}
	return o
}

func (o *Options) maxBodyBytes() int64 {
	if o.MaxBodyBytes <= 0 {
		return DefaultMaxBodyBytes
	}
	return min(o.MaxBodyBytes, 1<<40) // so that nothing computed from it overflows
}

func (o *Options) bodyTimeout() time.Duration {
	if o.BodyTimeout <= 0 {
		return defaultBodyTimeout
	}
	return o.BodyTimeout
}

func (o *Options) retryAfter() time.Duration {
	if o.RetryAfter <= 0 {
		return defaultRetryAfter
	}
	return o.RetryAfter
}

// A Decision is what was decided about one request: exactly one of Identity and Err
// is set. Err is always, or wraps, an [*Error].
type Decision struct {
	Identity *Identity
	Err      error
	Duration time.Duration // of the verification, reading the body included
}

// Middleware returns a wrapper that lets a request through to the handler only when v
// accepts it, and answers it with [WriteError] otherwise. The handler finds the
// [Identity] with [FromContext]. A nil opts means the defaults.
func Middleware(v Verifier, opts *Options) func(http.Handler) http.Handler {
	if v == nil {
		panic("redoxauth: Middleware: nil Verifier")
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, original := attach(r, opts.orDefaults())
			defer b.detach(r, original)
			checked, err := check(v, r, opts.orDefaults(), b)
			if err != nil {
				b.detach(r, original)
				writeError(w, err, r.ProtoMajor)
				return
			}
			next.ServeHTTP(w, checked)
		})
	}
}

// Check does what [Middleware] does, except that it writes no answer: for frameworks,
// and for answers of your own. On success hand on the request it returns, whose
// context carries the [Identity]; on failure it returns nil and an error for
// [WriteError] or [StatusCode]. An answer of your own should set "Connection: close"
// on 413 and 503, or a peer that stalls in its body can delay the answer.
func Check(v Verifier, r *http.Request, opts *Options) (*http.Request, error) {
	b, original := attach(r, opts.orDefaults())
	accepted := false
	defer func() {
		if !accepted { // refused, or Observe panicked
			b.detach(r, original)
		}
	}()
	checked, err := check(v, r, opts.orDefaults(), b)
	if err != nil {
		return nil, err
	}
	accepted = true
	if original != nil {
		b.releaseAfter(r.Context())
	}
	return checked, nil
}

func check(v Verifier, r *http.Request, o *Options, b *body) (*http.Request, error) {
	start := time.Now()
	d := decide(v, r, o, b)
	if o.Observe != nil {
		d.Duration = time.Since(start)
		o.Observe(r, d)
	}
	if d.Err != nil {
		return nil, d.Err
	}
	return r.WithContext(NewContext(r.Context(), d.Identity)), nil
}

func decide(v Verifier, r *http.Request, o *Options, b *body) Decision {
	if r.ContentLength > o.maxBodyBytes() {
		return Decision{Err: &Error{Kind: ErrTooLarge, Reason: "body_size"}}
	}
	streamed := b != nil && b.streamed
	id, e := verify(v, r)
	if e == nil && b != nil && b.streamed && !streamed && !b.buffered {
		e = classify(errors.New("redoxauth: verifier read r.Body instead of Body: another copy of the request is left without it"))
	}
	if e != nil {
		if e.Kind == ErrUnavailable && e.RetryAfter <= 0 {
			c := *e
			c.RetryAfter = o.retryAfter()
			e = &c
		}
		return Decision{Err: e}
	}
	b.prove()
	return Decision{Identity: id}
}

// verify calls v and holds it to its contract: a careless Verifier is noticed (500),
// and still closed. Its error is classified here, because that too calls methods of
// the Verifier's author.
func verify(v Verifier, r *http.Request) (id *Identity, e *Error) {
	defer func() {
		if p := recover(); p != nil {
			id, e = nil, classify(panicked("verifier", p))
		}
	}()
	id, err := v.Verify(r)
	if err != nil {
		return nil, classify(err)
	}
	if id == nil {
		return nil, classify(errors.New("redoxauth: verifier returned neither an identity nor an error"))
	}
	return id, nil
}

// panicked tells where who panicked. It shows the value only if the runtime made it:
// any other may hold what the peer sent.
func panicked(who string, p any) error {
	what := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		what = e.Error()
	}
	where := "unknown place"
	pc := make([]uintptr, 16)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			where = fmt.Sprintf("%s:%d", f.Function, f.Line)
			break
		}
		if !more {
			break
		}
	}
	return fmt.Errorf("redoxauth: %s panicked in %s: %s", who, where, what)
}
