package redoxauth

import (
	"context"
	"hash"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Body returns the body of r, for a Verifier that needs it to decide. It is read once, all
// Verifiers share it, and the handler can still read it. Do not modify the slice. Body needs
// twice the memory of the body for a moment, and [HashBody] once. Like r.Body, it is for one
// goroutine at a time.
//
// The limits are those of [Options], or the defaults outside of [Middleware], [Check] and
// [ReadBody]. The errors are [ErrTooLarge], [ErrMalformed] (the body broke off),
// [ErrUnavailable] (too slow, no room in MaxInFlight, or the context ended), and one without a
// kind (500, reason "body_consumed") if something in front has read the body. All are
// [*Error]s without a Strategy; [Error.In] adds it.
func Body(r *http.Request) ([]byte, error) {
	if seen, ok := r.Body.(*observed); ok {
		return nil, seen.err
	}
	var data []byte
	err := readBody(r, func(b *body) (err error) {
		if err = b.buffer(r.Context(), nil, false); err == nil {
			data = b.whole()
		}
		return err
	})
	return data, err
}

// HashBody reads the body of r as [Body] does, and writes it to h as it arrives.
func HashBody(r *http.Request, h hash.Hash) error {
	return hashBody(r, h, false)
}

// HashProvenBody is [HashBody] for a Verifier that has verified the signature over the
// headers, and now compares the body with the hash that was signed. It may use all of
// [Options].MaxInFlight: called earlier, it gives all of it to strangers.
func HashProvenBody(r *http.Request, h hash.Hash) error {
	return hashBody(r, h, true)
}

func hashBody(r *http.Request, h hash.Hash, proven bool) error {
	if seen, ok := r.Body.(*observed); ok {
		return seen.hash(h)
	}
	return readBody(r, func(b *body) error { return b.buffer(r.Context(), h, proven) })
}

// ReadBody returns the small body of a request that is no message, such as a token request,
// for endpoints that are not a [Verifier]. Set MaxBodyBytes of opts; nil means the defaults,
// and their budget. The body is unproven, unless a wrapper in front has accepted the request.
// Of its limits and those of opts the smaller apply. For w see [Check], and for the errors
// [Body]. Observe is not called.
func ReadBody(w http.ResponseWriter, r *http.Request, opts *Options) ([]byte, error) {
	o := opts.orDefaults()
	b, original := attach(w, r, o)
	data, err := []byte(nil), error(nil)
	if r.ContentLength > o.maxBodyBytes() {
		err = tooLarge(r.ContentLength, o.maxBodyBytes())
	} else {
		data, err = Body(r)
	}
	if err != nil {
		e := o.refusal(classify(err), r)
		b.refuse(e)
		b.detach(r, original)
		return nil, e
	}
	if original != nil {
		b.releaseAfter(r.Context())
	}
	return data, nil
}

// tooLarge is the error of a body above limit; length is its Content-Length, or -1.
func tooLarge(length, limit int64) *Error {
	if length > limit {
		return Errorf(ErrTooLarge, "body_size", "Content-Length is %d bytes, want at most %d (Options.MaxBodyBytes)", length, limit)
	}
	return Errorf(ErrTooLarge, "body_size", "more than %d bytes arrived, want at most that (Options.MaxBodyBytes)", limit)
}

// readBody calls read with the body of r, if r has one.
func readBody(r *http.Request, read func(*body) error) error {
	b, attached := r.Body.(*body)
	if !attached {
		if r.Body == nil || r.Body == http.NoBody {
			if r.ContentLength != 0 || wasSent(r) {
				return consumed("r.Body is empty, and ContentLength is %d", r.ContentLength)
			}
			return nil
		}
		if r.ContentLength > unwrapped.maxBodyBytes() {
			return tooLarge(r.ContentLength, unwrapped.maxBodyBytes())
		}
		b, _ = attach(nil, r, &unwrapped)
		b.held = false
	}
	if !b.held {
		defer b.releaseAfter(r.Context())
	}
	if err := read(b); err != nil {
		return err
	}
	if r != b.request {
		r.Trailer = b.request.Trailer // net/http sets unannounced trailers there alone
	}
	return nil
}

// unwrapped are the Options of requests that no wrapper has seen. Nothing ends their reads, so
// they have a budget of their own.
var unwrapped Options

// A body replaces r.Body. It streams within the limit until a Verifier asks for it. Then
// it is buffered, and is read from the buffer. All copies of a request share it, so a
// framework that keeps another *http.Request also reads the verified bytes.
type body struct {
	src     io.ReadCloser
	request *http.Request       // that src belongs to
	writer  http.ResponseWriter // of its answer; may be nil
	opts    *Options            // of the outermost wrapper: its budget counts
	timeout time.Duration
	max     int64
	left    int64 // of max
	length  int64 // Content-Length, or -1
	held    bool  // Middleware, Check or ReadBody will give the charge back

	// What the budget knows.
	charged  int64
	newest   int64 // of charged: the last chunk
	proven   bool  // a Verifier has accepted the request, or the signature over its headers
	began    time.Time
	received atomic.Int64
	reading  atomic.Int64          // when its Read began, in nanoseconds since began; 0: it does not wait for its peer
	waiting  *waiter               // for room; nil: it does not wait
	waited   time.Duration         // for room
	givenUp  atomic.Pointer[Error] // why
	late     *time.Timer           // gives it up
	ended    func() bool           // stops the context from giving it up
	closing  sync.WaitGroup        // the source, because it was given up

	streamed bool  // the stream was read from: too late to buffer it
	buffered bool  // or the attempt failed
	err      error // of buffering

	calls *time.Timer // of InsecureReportOnly, for outgoing calls; else nil
	end   error       // of src, for the handler behind InsecureReportOnly

	observe  bool   // keep the state of the hash
	state    []byte // of the hash over the whole body
	declared *Error // too large a Content-Length: no Verifier was asked

	mu    sync.Mutex // a handler may leave a reader behind, such as an http.Transport
	first *chunk
	tail  *chunk // the last one of those
	last  *chunk // after tail, while the body arrives
	at    *chunk // how far it was read
	off   int
}

// attach puts a body into r and returns the original one. If an outer wrapper has
// attached a body, attach returns that body and a nil original: the outer wrapper gives
// the charge back. A request without body has a nil *body and a nil original.
func attach(w http.ResponseWriter, r *http.Request, o *Options) (b *body, original io.ReadCloser) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if b, ok := r.Body.(*body); ok {
		b.narrow(o)
		return b, nil
	}
	limit := o.maxBodyBytes()
	original = r.Body
	b = &body{
		src:     original,
		request: r,
		writer:  w,
		opts:    o,
		timeout: o.bodyTimeout(),
		max:     limit,
		left:    limit,
		length:  r.ContentLength,
		held:    true,
	}
	_, b.proven = FromContext(r.Context()) // of an outer wrapper, behind which r.Body was replaced
	r.Body = b
	return b, original
}

// narrow applies the smaller limits of an inner wrapper.
func (b *body) narrow(o *Options) {
	b.timeout = min(b.timeout, o.bodyTimeout())
	limit := o.maxBodyBytes()
	if limit >= b.max {
		return
	}
	b.left, b.max = max(b.left-(b.max-limit), 0), limit
	if b.err == nil && b.received.Load() > limit {
		b.err = tooLarge(-1, limit)
	}
}

// prove marks the body of a request that a Verifier has accepted. What is read next, by
// another Verifier or by the handler, starts at the beginning.
func (b *body) prove() {
	if b != nil {
		b.opts.budget.prove(b)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.at, b.off = b.first, 0
	}
}

// detach gives back the charge and the memory, and puts back the original body if nothing
// was buffered. net/http treats its own body better: it does not send "100 Continue" for a
// body that nobody reads, and closes the connection on a large one.
func (b *body) detach(r *http.Request, original io.ReadCloser) {
	if b.putBack(r, original) {
		b.free()
	}
}

// leave is detach for who may still read the request after it was refused, such as Explain:
// a body that has arrived stays, until the garbage collector takes it.
func (b *body) leave(r *http.Request, original io.ReadCloser) {
	if b.putBack(r, original) {
		b.opts.budget.release(b, nil)
	}
}

// putBack reports whether b was attached here and is buffered.
func (b *body) putBack(r *http.Request, original io.ReadCloser) bool {
	if original == nil {
		return false
	}
	if !b.buffered {
		r.Body = original
	}
	return b.buffered
}

// free gives back the charge and the memory. Whoever still reads gets an error, and never
// the bytes of another request.
func (b *body) free() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = errFreed
	}
	b.opts.budget.release(b, b.take())
}

var errFreed = Errorf(nil, "internal", "the body is gone: %w", http.ErrBodyReadAfterClose)

// releaseAfter gives the charge back when the request has ended. Only the context of
// net/http's server is known to end with its request. The context of another framework
// may never end, so the charge is then given back at once. The memory is left to the
// garbage collector, because the handler may still read it.
func (b *body) releaseAfter(ctx context.Context) {
	b.held = false
	switch {
	case !b.buffered: // nothing is charged, and the handler may still ask for it
	case ctx.Done() != nil && ctx.Value(http.ServerContextKey) != nil:
		context.AfterFunc(ctx, func() { b.opts.budget.release(b, nil) })
	default:
		b.opts.budget.release(b, nil)
	}
}

// Read streams, or reads the buffer if there is one.
func (b *body) Read(p []byte) (int, error) {
	if !b.buffered && b.calls != nil { // keep for the handler what the Verifier takes
		b.buffer(b.request.Context(), nil, false)
		b.streamed = true
	} else if !b.buffered {
		b.streamed = true
		return b.pull(p)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	for b.at != nil && b.off == len(b.at.data) {
		b.at, b.off = b.at.next, 0
	}
	if b.at == nil {
		return 0, io.EOF
	}
	n := copy(p, b.at.data[b.off:])
	b.off += n
	return n, nil
}

// pull reads from the source within the limit, as [http.MaxBytesReader] does.
func (b *body) pull(p []byte) (int, error) {
	if b.left < 0 {
		return 0, &http.MaxBytesError{Limit: b.max}
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one byte over the limit shows that there is more
	}
	n, err := b.src.Read(p)
	if b.calls != nil {
		b.end = err
	}
	if b.left -= int64(n); b.left < 0 {
		if b.calls == nil {
			n--
		}
		return n, &http.MaxBytesError{Limit: b.max}
	}
	return n, err
}

// Unwrap is for a body that has b as its source: see ofServer.
func (b *body) Unwrap() io.ReadCloser { return b.src }

// Close closes the source, unless it was buffered: net/http closes it itself when the
// handler returns.
func (b *body) Close() error {
	if b.buffered || b.calls != nil {
		return nil
	}
	return b.src.Close()
}
