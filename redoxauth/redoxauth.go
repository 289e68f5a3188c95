package redoxauth

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// A Verifier decides whether a request comes from Redox. Verify returns an Identity and a nil
// error, or a nil Identity and an error that wraps one of the kinds, such as [ErrRejected].
// Package verifiertest lists and tests what else a Verifier of yours must promise.
type Verifier interface {
	Verify(r *http.Request) (*Identity, error)
}

// VerifierFunc is a function that is a [Verifier].
type VerifierFunc func(r *http.Request) (*Identity, error)

// Verify calls f(r).
func (f VerifierFunc) Verify(r *http.Request) (*Identity, error) { return f(r) }

// Options are the limits of [Middleware], [Check] and [ReadBody]. The zero value is ready to
// use.
//
// Options hold the budget of MaxInFlight: do not copy them after first use. Wrappers with the
// same *Options share its budget, and wrappers with nil share that of the defaults.
type Options struct {
	// MaxBodyBytes is the largest body, in bytes; 0 or less means [DefaultMaxBodyBytes]. A
	// request that declares more is 413 at once. Verifiers and the handler cannot
	// read more.
	MaxBodyBytes int64

	// MaxInFlight is the most memory for bodies that Verifiers read, in bytes; default 8 ×
	// MaxBodyBytes; negative: no limit. It counts what has arrived, and not Content-Length.
	// With nested wrappers the outermost limit counts.
	//
	// Bodies that are not yet proven genuine may use half of it, so that forgeries cannot keep
	// genuine messages out. If half is less than MaxBodyBytes, a larger body is 503 at every
	// retry, unless a proof in the headers comes first: a verification token ([AllOf] or nested
	// wrappers), or a signature with the hash of the body (X-Amz-Content-Sha256).
	//
	// When the limit is reached, the slowest bodies are given up (503): those that got no byte
	// for 250 ms, or, after their first second, are below MaxBodyBytes in BodyTimeout, or
	// below half the rate of the body that needs room. If nobody is slow, that body is refused
	// after 0.5 s. Against strangers many times faster than Redox only a proof in the headers
	// helps.
	//
	// The memory is free when the handler returns. After [Check] it is free when the context of
	// the request ends, or, without a net/http server, when Check returns.
	MaxInFlight int64

	// BodyTimeout is how long a Verifier, or [ReadBody], may read one body; default 60 s. After
	// that the answer is 503. See "Limits of your server" in the package documentation.
	BodyTimeout time.Duration

	// RetryAfter is the Retry-After of 503 answers; default 10 s.
	RetryAfter time.Duration

	// Observe is called once for every decision, before the handler runs; see [LogDecisions].
	// It must be safe for concurrent use. The Decision holds no secret, but r does: do not log
	// its headers or its query. r is a copy of the request without its body.
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

// An Event is what a [Decision] is about: "message", "handshake", "token_request", or "report"
// of [InsecureReportOnly].
type Event string

// A Decision is what was decided about one request. Exactly one of Identity and Err is set.
// Err is or wraps an [*Error].
type Decision struct {
	Event    Event
	Identity *Identity
	Err      error

	// Status is the HTTP status that the peer gets: 0 for an accepted message, because the
	// handler has not answered yet; after [Check], StatusCode(Err); of a report, that of
	// [Middleware].
	Status int

	Duration time.Duration // of the verification, reading the body included
}

// Middleware returns a wrapper that passes a request to the handler only if v accepts it, and
// otherwise answers with [WriteError]. The handler finds the [Identity] with [FromContext]. A
// nil opts means the defaults.
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

// Check is [Middleware] without an answer, for frameworks and for answers of your own:
//
//	accepted, err := redoxauth.Check(verifier, w, r, nil)
//	if err != nil {
//		redoxauth.WriteError(w, err)
//		return
//	}
//	handler.ServeHTTP(w, accepted)
//
// Hand on the request that Check returns: its context carries the [Identity]. It is nil if v
// refuses r. In a 413 or 503 answer of your own on HTTP/1, set "Connection: close": otherwise a
// peer that stalls in its body can delay the answer.
//
// If your framework has requests of its own, make r as a net/http server does: with Host,
// RequestURI, RemoteAddr, ContentLength, and a Header filled by Add. Other spellings of the
// names hide the credential (reason "missing").
//
// w is the writer of the answer, or nil where the body is in memory, such as on AWS Lambda. By
// its read deadline ([http.ResponseController]) Check ends the read of a slow body. If w hides
// the deadline, as the writer of [http.TimeoutHandler] and wrappers without Unwrap do, only
// ReadTimeout of [http.Server] ends it. A slow body that net/http does not read from a
// connection is closed: its Close must end a Read.
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
	if e == nil && b != nil && b.streamed && !streamed {
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
