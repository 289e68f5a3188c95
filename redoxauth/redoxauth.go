package redoxauth

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// A Verifier authenticates a request: it decides whether the request comes from Redox.
//
// Verify returns a non-nil Identity and a nil error, or a nil Identity and an error
// that wraps one of the kinds: [ErrNoCredentials], [ErrRejected], [ErrForbidden],
// [ErrMalformed], [ErrTooLarge] or [ErrUnavailable]. The package documentation lists
// what else a Verifier must promise.
type Verifier interface {
	Verify(r *http.Request) (*Identity, error)
}

// VerifierFunc is a function that is a [Verifier].
type VerifierFunc func(r *http.Request) (*Identity, error)

// Verify calls f(r).
func (f VerifierFunc) Verify(r *http.Request) (*Identity, error) { return f(r) }

// Options are the limits of [Middleware], [Check] and [ReadBody]. The zero value is ready
// to use.
//
// Options hold the budget of MaxInFlight, so they must not be copied after first use.
// Wrappers that are given the same *Options share its budget. Wrappers that are given nil
// share one set of defaults.
type Options struct {
	// MaxBodyBytes is the largest body, in bytes; 0 or less means [DefaultMaxBodyBytes]. A
	// request that declares a larger one is answered 413 before anything else. Reading
	// more than MaxBodyBytes is an error, for verifiers and for the handler.
	MaxBodyBytes int64

	// MaxInFlight is the most memory for bodies that Verifiers read, in bytes; default 8 ×
	// MaxBodyBytes; negative: no limit. Memory counts when it is allocated. A body gets it in
	// pieces, each at most as large as what has arrived, and at most 256 KiB. A large
	// Content-Length alone costs nothing.
	//
	// Bodies that are not yet proven genuine may use half of MaxInFlight, so forgeries cannot
	// keep genuine messages out. So MaxInFlight must be at least twice MaxBodyBytes, unless
	// a proof in the headers comes first: a verification token ([AllOf] or nested wrappers),
	// or a signature with the hash of the body (X-Amz-Content-Sha256). A larger body is 503
	// at every retry.
	//
	// When the limit is reached, bodies that have stalled or are slow are given up (503), the
	// slowest first: those that got no byte for 250 ms, and after their first second those
	// below MaxBodyBytes in BodyTimeout, or below half the rate of the body that needs room.
	// Unproven bodies make room for unproven ones, and proven bodies for proven ones. If
	// nobody is slow, the body that needs room waits for up to 0.5 s, and is then refused. If
	// all of them wait for each other, the slowest is given up. So peers that stall keep no
	// sender out. Against strangers that are many times faster than Redox no rule helps. There
	// a proof in the headers helps. Behind [http.TimeoutHandler] the read of a body that was
	// given up cannot be ended, so it keeps up to 256 KiB until ReadTimeout.
	//
	// With nested wrappers, the limit of the outermost wrapper counts. Middleware gives the
	// memory back when the handler returns. Check gives it back when the context of the
	// request ends if the request comes from a net/http server, and otherwise before Check
	// returns.
	MaxInFlight int64

	// BodyTimeout is how long a Verifier, or [ReadBody], may read one body; default 60 s.
	// After that the answer is 503. What the handler reads is limited by ReadTimeout of
	// [http.Server] alone. ReadTimeout limits Verifiers too: see "Limits of your server" in
	// the package documentation.
	BodyTimeout time.Duration

	// RetryAfter is the Retry-After of 503 answers; default 10 s.
	RetryAfter time.Duration

	// Observe is called once for every decision, before the handler runs. It must be
	// safe for concurrent use. The Decision holds no secret, but r does: do not log the
	// headers or the query of r. See [LogDecisions]. r is a copy of the request without its
	// body: reading r.Body or parsing r.Form yields nothing, and takes nothing from the
	// handler.
	Observe func(r *http.Request, d Decision)

	budget budget
}

const (
	// DefaultMaxBodyBytes is Redox's own limit for one message.
	DefaultMaxBodyBytes = 40 << 20

	defaultBodyTimeout = 60 * time.Second
	defaultRetryAfter  = 10 * time.Second
)

// defaults are the Options of all who pass nil. They share one budget.
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
	return min(o.MaxBodyBytes, 1<<40) // products of it must not overflow
}

func (o *Options) maxInFlight() int64 {
	if o.MaxInFlight == 0 {
		return 8 * o.maxBodyBytes()
	}
	return o.MaxInFlight
}

func (o *Options) bodyTimeout() time.Duration { return positive(o.BodyTimeout, defaultBodyTimeout) }

func (o *Options) retryAfter() time.Duration { return positive(o.RetryAfter, defaultRetryAfter) }

// positive returns d, or standard if d is not positive.
func positive(d, standard time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return standard
}

// An Event is what a [Decision] is about: "message", "handshake" or "token_request", or "report"
// for what [InsecureReportOnly] would have decided about a message.
type Event string

// A Decision is what was decided about one request. Exactly one of Identity and Err is
// set. Err is or wraps an [*Error].
type Decision struct {
	Event    Event
	Identity *Identity
	Err      error

	// Status is the HTTP status that the peer gets. It is 0 for an accepted message,
	// because the handler has not answered yet. After [Check] it is StatusCode(Err). Of a
	// report it is what [Middleware] would have sent.
	Status int

	Duration time.Duration // of the verification, reading the body included
}

// Middleware returns a wrapper that passes a request to the handler only if v accepts
// it, and otherwise answers with [WriteError]. The handler finds the [Identity] with
// [FromContext]. A nil opts means the defaults.
func Middleware(v Verifier, opts *Options) func(http.Handler) http.Handler {
	if v == nil {
		panic("redoxauth: Middleware: nil Verifier")
	}
	o := opts.orDefaults()
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, original := attach(w, r, o)
			defer b.detach(r, original)
			checked, err := check(v, r, o, b)
			if err != nil {
				b.detach(r, original) // the answer needs the original body
				WriteError(w, err)
				return
			}
			next.ServeHTTP(w, checked)
		})
	}
}

// Check decides as [Middleware] does, and writes no answer. It is for frameworks, and for
// answers of your own:
//
//	accepted, err := redoxauth.Check(verifier, w, r, nil)
//	if err != nil {
//		redoxauth.WriteError(w, err)
//		return
//	}
//	handler.ServeHTTP(w, accepted)
//
// If your framework has requests of its own, make r as a net/http server does: with Host,
// RequestURI, RemoteAddr, ContentLength, and a Header filled by Add. A map with other spellings
// of the names hides the credential: the reason is "missing".
//
// If v accepts r, hand on the request that Check returns: its context carries the
// [Identity]. If v refuses r, that request is nil, and the error is for [WriteError] or
// [StatusCode]. Set "Connection: close" in a 413 or 503 answer of your own on HTTP/1,
// because otherwise a peer that stalls in its body can delay the answer.
//
// w is the writer of the request's answer. By its read deadline
// ([http.ResponseController]) Check ends the read of a body that takes too long, in the
// goroutine that called it. If w hides the deadline, as the writer of [http.TimeoutHandler]
// and wrappers without Unwrap do, only ReadTimeout of [http.Server] ends such a read. w may
// be nil where the body is in memory, such as on AWS Lambda. A body that net/http does not
// read from a connection is closed when it takes too long: its Close must end a Read.
func Check(v Verifier, w http.ResponseWriter, r *http.Request, opts *Options) (*http.Request, error) {
	o := opts.orDefaults()
	b, original := attach(w, r, o)
	accepted := false
	defer func() {
		if !accepted { // refused, or Observe panicked
			b.leave(r, original)
		}
	}()
	checked, err := check(v, r, o, b)
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
	d := o.decide("message", v, r, r, b)
	if d.Err != nil {
		b.refuse(d.Err.(*Error))
		return nil, d.Err
	}
	return r.WithContext(NewContext(r.Context(), d.Identity)), nil
}

// decide asks v about r, and shows the Decision and seen to Observe.
func (o *Options) decide(event Event, v Verifier, r, seen *http.Request, b *body) Decision {
	start := time.Now()
	if b != nil && o.Observe != nil {
		b.observe = true
	}
	id, e := o.ask(v, r, b)
	d := Decision{Event: event, Identity: id}
	if e != nil {
		d.Err, d.Status = o.refusal(e, r), StatusCode(e)
	}
	if o.Observe != nil {
		d.Duration = time.Since(start)
		o.Observe(b.observed(seen), d)
	}
	return d
}

// refusal returns e with what the answer to r needs.
func (o *Options) refusal(e *Error, r *http.Request) *Error {
	if e.Kind == ErrUnavailable || e.unread() {
		c := *e
		c.protoMajor = r.ProtoMajor
		if c.Kind == ErrUnavailable {
			c.RetryAfter = positive(c.RetryAfter, o.retryAfter())
		}
		return &c
	}
	return e
}

func (o *Options) ask(v Verifier, r *http.Request, b *body) (*Identity, *Error) {
	if r.ContentLength > o.maxBodyBytes() {
		e := tooLarge(r.ContentLength, o.maxBodyBytes())
		if b != nil {
			b.declared = e
		}
		return nil, e
	}
	streamed := b != nil && b.streamed
	id, e := verify(v, r)
	if e == nil && b != nil && b.streamed && !streamed && (!b.buffered || b.calls != nil) {
		id, e = nil, Errorf(nil, "internal", "the Verifier has read r.Body, want redoxauth.Body or HashBody: other copies of the request have no body now")
	}
	if e != nil {
		return nil, e
	}
	b.prove()
	return id, nil
}

// verify calls v. A Verifier that breaks its contract refuses the request (500). The
// error is classified here because that too may run code of the Verifier's author.
func verify(v Verifier, r *http.Request) (id *Identity, e *Error) {
	defer func() {
		if p := recover(); p != nil {
			id, e = nil, Errorf(nil, "internal", "%w", panicked("verifier", p))
		}
	}()
	id, err := v.Verify(r)
	if err != nil {
		return nil, classify(err)
	}
	if id == nil {
		return nil, Errorf(nil, "internal", "the Verifier returned neither an Identity nor an error, want one of them")
	}
	return id, nil
}

// panicked reports where the panic occurred. It shows only values that the runtime made:
// others may hold what the peer sent.
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
	return fmt.Errorf("%s panicked in %s: %s", who, where, what)
}
