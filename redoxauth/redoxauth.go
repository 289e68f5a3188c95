package redoxauth

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
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
	// they arrive; default 8 × MaxBodyBytes; negative: no bound. Bodies that are not
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
	return o.MaxBodyBytes
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
			checked, b, err := check(v, r, opts)
			if err != nil {
				WriteError(w, err)
				return
			}
			defer b.release()
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
	checked, b, err := check(v, r, opts)
	if err != nil {
		return nil, err
	}
	b.releaseAfter(r.Context())
	return checked, nil
}

func check(v Verifier, r *http.Request, opts *Options) (*http.Request, *body, error) {
	start := time.Now()
	o := opts.orDefaults()
	id, b, err := decide(v, r, o)
	if o.Observe != nil {
		o.Observe(r, Decision{Identity: id, Err: err, Duration: time.Since(start)})
	}
	if err != nil {
		return nil, nil, err
	}
	return r.WithContext(NewContext(r.Context(), id)), b, nil
}

func decide(v Verifier, r *http.Request, o *Options) (*Identity, *body, error) {
	if r.ContentLength > o.maxBodyBytes() {
		return nil, nil, &Error{Kind: ErrTooLarge, Reason: "body_size"}
	}
	b, original := attach(r, o)
	id, err := verify(v, r)
	if err != nil {
		b.reject(r, original)
		return nil, nil, classify(err, o)
	}
	b.prove()
	if original == nil {
		b = nil // the outer wrapper's, who releases it
	}
	return id, b, nil
}

// verify calls v and holds it to its contract: a careless Verifier is noticed (500),
// and still closed.
func verify(v Verifier, r *http.Request) (id *Identity, err error) {
	defer func() {
		if p := recover(); p != nil {
			id, err = nil, panicked(p)
		}
	}()
	id, err = v.Verify(r)
	if err != nil {
		return nil, err
	}
	if id == nil {
		return nil, errors.New("redoxauth: verifier returned neither an identity nor an error")
	}
	return id, nil
}

// panicked tells where a Verifier panicked. It shows the value only if the runtime
// made it: any other may hold what the peer sent.
func panicked(p any) error {
	what := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		what = e.Error()
	}
	where := "unknown place"
	pc := make([]uintptr, 16)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	for {
		f, more := frames.Next()
		if !more {
			break
		}
		if f.Func != nil && !isRuntime(f.Function) {
			where = fmt.Sprintf("%s:%d", f.Function, f.Line)
			break
		}
	}
	return fmt.Errorf("redoxauth: verifier panicked in %s: %s", where, what)
}

func isRuntime(function string) bool {
	const prefix = "runtime."
	return len(function) > len(prefix) && function[:len(prefix)] == prefix
}
