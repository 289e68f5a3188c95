package redoxauth

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Body returns the body of r, for a Verifier that must read it before it can decide.
// It is read once, within the limits of [Options], shared by all verifiers, and left
// readable for the handler; the slice must not be modified.
//
// Outside of [Middleware] and [Check] the default limits hold; a request whose context
// cannot end is then read without a limit of time. The errors are [ErrTooLarge],
// [ErrMalformed] (the body broke off) and [ErrUnavailable] (too slow, the budget is
// used up, the context ended); they name no Strategy: set yours on a copy. Like r.Body, it
// is for one goroutine at a time.
func Body(r *http.Request) ([]byte, error) {
	_, proven := FromContext(r.Context())
	return buffer(r, proven)
}

// ProvenBody is [Body] for a Verifier that has already verified the signature over
// the headers, and now only compares the body with the hash that was signed. The
// whole of [Options].MaxInFlight is open to it, and the buffer takes Content-Length's
// size at once.
func ProvenBody(r *http.Request) ([]byte, error) { return buffer(r, true) }

func buffer(r *http.Request, proven bool) ([]byte, error) {
	b, attached := r.Body.(*body)
	if !attached {
		if r.Body == nil || r.Body == http.NoBody {
			return nil, nil
		}
		if r.ContentLength > defaults.maxBodyBytes() {
			return nil, &Error{Kind: ErrTooLarge, Reason: "body_size"}
		}
		b, _ = attach(r, &defaults)
		b.held = false
		if r.Context().Done() == nil {
			b.timeout = 0
		}
	}
	if !b.held {
		defer b.releaseAfter(r.Context())
	}
	return b.buffer(r.Context(), proven)
}

// A body replaces r.Body. Until a Verifier asks for it, it streams within the limit;
// then it is buffered and read from the buffer. All copies of a request share it, so
// a framework that keeps another *http.Request reads the verified bytes too.
type body struct {
	src     io.ReadCloser
	max     int64
	left    int64 // of max
	length  int64 // Content-Length, or -1
	timeout time.Duration
	charge  charge
	held    bool // by Middleware or Check, who will release the charge

	streamed bool // the stream was read from: too late to buffer it
	buffered bool
	buf      []byte
	err      error // of buffering
	off      int   // how far buf was read
}

// attach puts a body into r, or finds the one that an outer wrapper put there. The
// latter belongs to that wrapper: then the returned original is nil. A nil *body is
// that of a request without one, and all its methods but Read and Close allow it.
func attach(r *http.Request, o *Options) (b *body, original io.ReadCloser) {
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
		max:     limit,
		left:    limit,
		length:  r.ContentLength,
		timeout: o.bodyTimeout(),
		charge:  charge{opts: o},
		held:    true,
	}
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
	if !b.buffered { // else both are the reading goroutine's, which may have been given up
		b.left, b.max = max(b.left-(b.max-limit), 0), limit
	} else if b.err == nil && int64(len(b.buf)) > limit {
		b.err = &Error{Kind: ErrTooLarge, Reason: "body_size"}
	}
}

// prove says that the request is genuine, and leaves all of the body to the handler.
func (b *body) prove() {
	if b != nil {
		b.charge.prove()
		b.off = 0
	}
}

// detach ends what attach began: it releases the charge, and puts a body back that is
// not buffered. net/http treats its own better: it does not ask for the body of a
// request that waits for "100 Continue", and closes the connection on a large one.
func (b *body) detach(r *http.Request, original io.ReadCloser) {
	if b == nil || original == nil {
		return
	}
	b.charge.release()
	if !b.buffered {
		r.Body = original
	}
}

// releaseAfter lets go of the body, and releases its charge when the request has
// ended. Only the context of net/http's server is known to end with its request; that
// of another framework may never end, and waiting for it would leak.
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

// Read streams, or reads the buffer once there is one.
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
		p = p[:b.left+1] // one more, to see that there is more
	}
	n, err := b.src.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, &http.MaxBytesError{Limit: b.max}
	}
	return n, err
}

// Close closes the source, unless a goroutine may still be reading it: net/http's
// Close would wait for that Read, and closes it by itself when the handler returns.
func (b *body) Close() error {
	if b.buffered {
		return nil
	}
	return b.src.Close()
}
