package redoxauth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const reportTime = time.Second // for outgoing calls, before and after the body is read

var errReportTime = fmt.Errorf("InsecureReportOnly gives %v for outgoing calls: %w", reportTime, context.DeadlineExceeded)

// InsecureReportOnly returns a wrapper that lets every request through. It asks v about each,
// and tells opts.Observe the Decision, with the Event "report" and the Status that
// [Middleware] would have sent. So you can try a Verifier on live traffic, behind a check that
// is enforced. Alone it protects nothing. It is safe for concurrent use.
//
// The handler gets the request as it came: without the Identity, and with the whole body,
// however large. A panic of v is reported as "internal", and one of Observe is dropped. But
// the handler waits until v has decided:
//
//   - v has 1 s for outgoing calls. After that the report is "canceled". A Verifier that ignores
//     the context of the request is waited for.
//   - A body that v reads is kept in memory. A stalled sender is waited for until ReadTimeout of
//     [http.Server], and a sender of "Expect: 100-continue" is asked for the body.
//   - A body above MaxBodyBytes or BodyTimeout is reported as "body_size" or "body_timeout".
//
// Bodies count for MaxInFlight until the handler has read them, and may use half of what
// bodies of Middleware may. Above that the report is "busy". So for bodies of MaxBodyBytes,
// MaxInFlight must be four times as large, or twice if a wrapper in front has accepted the
// request.
//
// v must not share a replay store with a Verifier that is enforced: the second of them would
// refuse a genuine message.
func InsecureReportOnly(v Verifier, opts *Options) func(http.Handler) http.Handler {
	if v == nil {
		panic("redoxauth: InsecureReportOnly: nil Verifier")
	}
	o := opts.orDefaults()
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b := o.report(v, r)
			if b != nil {
				defer o.budget.release(b, nil)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// report asks v about a copy of r. If that has read from the body, r gets one that is whole
// again. What is charged for it is returned.
func (o *Options) report(v Verifier, r *http.Request) *body {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	calls := time.AfterFunc(reportTime, func() { cancel(errReportTime) })
	defer calls.Stop()
	asked := r.Clone(ctx)
	b := o.peekAt(r, calls)
	if b == nil {
		o.tell(v, asked, r, nil)
		return nil
	}
	asked.Body = b
	drained := drained(b.src)
	o.tell(v, asked, r, b)
	if b.received.Load() > 0 || b.end != nil {
		r.Body = &peeked{src: b.src, charge: b, drained: drained, chunk: b.first, end: b.end}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err, b.first, b.at = errFreed, nil, nil // for a Verifier that reads on
	return b
}

// tell is decide without the panics of Observe: a report must not end the request.
func (o *Options) tell(v Verifier, asked, r *http.Request, b *body) {
	defer func() { recover() }()
	o.decide("report", v, asked, r, b)
}

// peekAt returns a body for a Verifier whose answer changes nothing. It is nil if r has none.
func (o *Options) peekAt(r *http.Request, calls *time.Timer) *body {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	b := &body{
		src:     r.Body,
		request: r,
		opts:    o,
		timeout: o.bodyTimeout(),
		max:     o.maxBodyBytes(),
		left:    o.maxBodyBytes(),
		length:  r.ContentLength,
		held:    true,
		calls:   calls,
	}
	_, b.proven = FromContext(r.Context())
	outer, ok := r.Body.(*body)
	switch {
	case ok && outer.buffered: // its bytes serve for both
		for c := outer.first; c != nil; c = c.next {
			c.owned = true
		}
		b.src, b.buffered, b.first, b.at, b.err = http.NoBody, true, outer.first, outer.first, outer.err
		if n := outer.received.Load(); b.err == nil && n > b.max {
			b.err = tooLarge(-1, b.max)
		}
	case ok:
		b.streamed = outer.streamed
	}
	return b
}

// A peeked body is what the handler reads: first what was read for the Verifier, and then the
// rest.
type peeked struct {
	src     io.ReadCloser
	charge  *body
	drained bool // before anything was read for the Verifier

	mu    sync.Mutex // a handler may leave a reader behind
	chunk *chunk     // the next to read
	off   int
	end   error // of src, which Read has not returned yet
}

func (p *peeked) Read(q []byte) (int, error) {
	if n, again, err := p.again(q); again {
		return n, err
	}
	return p.src.Read(q)
}

// again reads what was read for the Verifier, if there is more of it. It gives back the charge
// as it goes on.
func (p *peeked) again(q []byte) (n int, more bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := p.chunk; c != nil; c = p.chunk {
		if p.off < len(c.data) {
			n = copy(q, c.data[p.off:])
			p.off += n
			return n, true, nil
		}
		p.chunk, p.off = c.next, 0
		p.charge.opts.budget.discharge(p.charge, int64(cap(c.data)))
	}
	if p.end != nil { // once: then src decides what a further read returns
		err, p.end = p.end, nil
		return 0, true, err
	}
	return 0, false, nil
}

// Close makes Read return the error of src.
func (p *peeked) Close() error {
	p.mu.Lock()
	p.chunk, p.end = nil, nil
	p.mu.Unlock()
	return p.src.Close()
}

// Unwrap is for a body that has p as its source: see ofServer and drained.
func (p *peeked) Unwrap() io.ReadCloser { return p.src }
