package redoxauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// buffer reads the whole body, once.
func (b *body) buffer(ctx context.Context, ahead bool) ([]byte, error) {
	if b.buffered {
		return b.buf, b.err
	}
	if b.streamed {
		return nil, Errorf(nil, "internal", "the body was read before it could be verified")
	}
	b.buffered = true
	if b.timeout == 0 && ctx.Done() == nil {
		b.buf, b.err = b.fill(ahead, ahead || b.proven)
	} else {
		b.buf, b.err = b.fillWithin(ctx, ahead)
	}
	return b.buf, b.err
}

// fillWithin is fill within the time-out and the context. fill runs in a goroutine of its
// own, because a Read cannot be interrupted everywhere. A Read that is given up ends by
// the deadline of its connection, or when the handler returns.
func (b *body) fillWithin(ctx context.Context, ahead bool) ([]byte, error) {
	type result struct {
		buf []byte
		err error
	}
	done := make(chan result, 1)
	proven := ahead || b.proven
	b.charge.filling = true
	go func() {
		r := result{err: errors.New("reading the body ended its goroutine")}
		defer func() {
			if p := recover(); p != nil { // an unrecovered panic would end the process
				r = result{err: panicked("body", p)}
			}
			b.charge.filled() // before the answer, so that a refusal gives the charge back at once
			done <- r
		}()
		r.buf, r.err = b.fill(ahead, proven)
	}()
	var expired <-chan time.Time
	if b.timeout > 0 {
		t := time.NewTimer(b.timeout)
		defer t.Stop()
		expired = t.C
	}
	select {
	case r := <-done:
		return r.buf, r.err
	case <-expired:
		return nil, b.giveUp(Errorf(ErrUnavailable, "body_timeout", ""))
	case <-ctx.Done():
		return nil, b.giveUp(&Error{Kind: ErrUnavailable, Reason: "canceled", Err: context.Cause(ctx)})
	}
}

// giveUp ends the Read, where the connection allows it, and gives the charge back.
func (b *body) giveUp(e *Error) error {
	if b.writer != nil {
		http.NewResponseController(b.writer).SetReadDeadline(time.Now())
	}
	b.charge.release()
	return e
}

// The size of the first buffer. A peer must send what we hold for it. HashProvenBody is the
// exception: its caller's signature already holds, so it allocates Content-Length bytes ahead, up to
// maxAhead.
const (
	firstBuffer = 4 << 10
	maxAhead    = 64 << 20
)

func (b *body) fill(ahead, proven bool) ([]byte, error) {
	size, charged := int64(firstBuffer), 0
	switch {
	case b.length >= 0 && ahead:
		size = min(b.length, maxAhead)
		charged = int(size)
	case b.length >= 0:
		size = min(b.length, size)
	}
	if charged > 0 && !b.charge.add(int64(charged), proven) {
		return nil, Errorf(ErrUnavailable, "busy", "")
	}
	buf := make([]byte, 0, size+1) // one byte more shows the end without growing
	for empty := 0; empty < 100; {
		if len(buf) == cap(buf) {
			buf = b.grow(buf)
		}
		n, err := b.pull(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if more := len(buf) - charged; more > 0 {
			if !b.charge.add(int64(more), proven) {
				return nil, Errorf(ErrUnavailable, "busy", "")
			}
			charged = len(buf)
		}
		switch {
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, readError(err)
		case n == 0:
			empty++
		}
	}
	return nil, readError(io.ErrNoProgress)
}

// grow doubles the buffer, up to the largest size that the body can have.
func (b *body) grow(buf []byte) []byte {
	most := b.max
	if b.length >= int64(len(buf)) {
		most = b.length
	}
	size := min(2*int64(cap(buf)), most+1)
	return append(make([]byte, 0, max(size, int64(len(buf))+1)), buf...)
}

func readError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return Errorf(ErrTooLarge, "body_size", "")
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return Errorf(ErrUnavailable, "body_timeout", "%w", err)
	case errors.Is(err, context.Canceled):
		return Errorf(ErrUnavailable, "canceled", "%w", err)
	}
	// Not err itself: net/http quotes a malformed trailer, which may be a credential.
	return Errorf(ErrMalformed, "body_read", "the body broke off: %T", err)
}
