package redoxauth

import (
	"context"
	"hash"
	"io"
	"net/http"
	"time"
)

// Body returns the body of r, for a Verifier that must read it before it can decide. The
// body is read once, within the limits of [Options]. All verifiers share it, and the
// handler can still read it. The slice must not be modified.
//
// Outside of [Middleware], [Check] and [ReadBody] the default limits apply; a request
// whose context cannot end is then read without a limit of time.
//
// The errors are [ErrTooLarge], [ErrMalformed] (the body broke off) and [ErrUnavailable]
// (too slow, over the budget, or the context ended). They name no Strategy: see
// [Error.In]. Like r.Body, Body is for one goroutine at a time.
func Body(r *http.Request) ([]byte, error) { return readBody(r, false) }

// HashBody reads the body of r as [Body] does, and writes it to h.
func HashBody(r *http.Request, h hash.Hash) error { return hashBody(r, h, false) }

// HashProvenBody is [HashBody] for a Verifier that has already verified the signature
// over the headers, and now compares the body with the hash that was signed. It may use
// all of [Options].MaxInFlight, and allocates Content-Length bytes at once.
func HashProvenBody(r *http.Request, h hash.Hash) error { return hashBody(r, h, true) }

// ReadBody returns the small body of a request that is no message, such as a token
// request. It reads within the limits of opts; nil means the defaults. It is for
// endpoints that are not a [Verifier]. If a wrapper in front has limits, the smaller
// ones apply. w is the writer of the request's answer, and may be nil. The errors are
// those of [Body].
func ReadBody(w http.ResponseWriter, r *http.Request, opts *Options) ([]byte, error) {
	o := opts.orDefaults()
	if r.ContentLength > o.maxBodyBytes() {
		return nil, o.refusal(Errorf(ErrTooLarge, "body_size", ""), r)
	}
	b, original := attach(w, r, o)
	data, err := Body(r)
	if err != nil {
		b.detach(r, original)
		return nil, o.refusal(classify(err), r)
	}
	if original != nil {
		b.releaseAfter(r.Context())
	}
	return data, nil
}

func hashBody(r *http.Request, h hash.Hash, proven bool) error {
	data, err := readBody(r, proven)
	if err == nil {
		h.Write(data)
	}
	return err
}

func readBody(r *http.Request, proven bool) ([]byte, error) {
	b, attached := r.Body.(*body)
	if !attached {
		if r.Body == nil || r.Body == http.NoBody {
			return nil, nil
		}
		if r.ContentLength > defaults.maxBodyBytes() {
			return nil, Errorf(ErrTooLarge, "body_size", "")
		}
		b, _ = attach(nil, r, &defaults)
		b.held = false
		if r.Context().Done() == nil {
			b.timeout = 0
		}
	}
	if !b.held {
		defer b.releaseAfter(r.Context())
	}
	data, err := b.buffer(r.Context(), proven)
	if err == nil && r != b.request {
		r.Trailer = b.request.Trailer // net/http sets unannounced trailers there alone
	}
	return data, err
}

// A body replaces r.Body. It streams within the limit until a Verifier asks for it. Then
// it is buffered, and is read from the buffer. All copies of a request share it, so a
// framework that keeps another *http.Request also reads the verified bytes.
type body struct {
	src     io.ReadCloser
	request *http.Request       // that src belongs to
	writer  http.ResponseWriter // of its answer; may be nil
	max     int64
	left    int64 // of max
	length  int64 // Content-Length, or -1
	timeout time.Duration
	charge  charge
	held    bool // Middleware, Check or ReadBody will give the charge back
	proven  bool // a Verifier has accepted the request

	streamed bool // the stream was read from: too late to buffer it
	buffered bool
	buf      []byte
	err      error // of buffering
	off      int   // how far buf was read
}

// attach puts a body into r and returns the original one. If an outer wrapper has
// attached a body, attach returns that body and a nil original: the outer wrapper gives
// the charge back. A request without body has a nil *body; all methods but Read and
// Close allow it.
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
		max:     limit,
		left:    limit,
		length:  r.ContentLength,
		timeout: o.bodyTimeout(),
		charge:  charge{opts: o},
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
	if !b.buffered { // otherwise a goroutine that was given up may still use both
		b.left, b.max = max(b.left-(b.max-limit), 0), limit
	} else if b.err == nil && int64(len(b.buf)) > limit {
		b.err = Errorf(ErrTooLarge, "body_size", "")
	}
}

// prove marks the body of a request that a Verifier has accepted. What is read next, by
// another Verifier or by the handler, starts at the beginning.
func (b *body) prove() {
	if b != nil {
		b.proven = true
		b.charge.prove()
		b.off = 0
	}
}

// detach gives the charge back, and puts back the original body if nothing was
// buffered. net/http treats its own body better: it does not send "100 Continue" for a
// body that nobody reads, and closes the connection on a large one.
func (b *body) detach(r *http.Request, original io.ReadCloser) {
	if b == nil || original == nil {
		return
	}
	b.charge.release()
	if !b.buffered {
		r.Body = original
	}
}

// releaseAfter gives the charge back when the request has ended. Only the context of
// net/http's server is known to end with its request. The context of another framework
// may never end, so the charge is then given back at once.
func (b *body) releaseAfter(ctx context.Context) {
	if b == nil {
		return
	}
	b.held = false
	switch {
	case !b.buffered: // nothing is charged, and the handler may still ask for it
	case ctx.Done() != nil && ctx.Value(http.ServerContextKey) != nil:
		context.AfterFunc(ctx, b.charge.release)
	default:
		b.charge.release()
	}
}

// Read streams, or reads the buffer if there is one.
func (b *body) Read(p []byte) (int, error) {
	if !b.buffered {
		b.streamed = true
		return b.pull(p)
	}
	if b.err != nil {
		return 0, b.err
	}
	if b.off == len(b.buf) {
		return 0, io.EOF
	}
	n := copy(p, b.buf[b.off:])
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
	if b.left -= int64(n); b.left < 0 {
		return n - 1, &http.MaxBytesError{Limit: b.max}
	}
	return n, err
}

// Close closes the source, unless a goroutine may still read it. net/http's Close would
// wait for that Read. net/http closes the source itself when the handler returns.
func (b *body) Close() error {
	if b.buffered {
		return nil
	}
	return b.src.Close()
}
