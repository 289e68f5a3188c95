package redoxauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// buffer reads the whole body, once.
func (b *body) buffer(ctx context.Context, proven bool) ([]byte, error) {
	if b.buffered {
		return b.buf, b.err
	}
	if b.streamed {
		return nil, errors.New("redoxauth: the body was read before it could be verified")
	}
	b.buffered = true
	if b.timeout == 0 && ctx.Done() == nil {
		b.buf, b.err = b.fill(proven)
	} else {
		b.buf, b.err = b.fillWithin(ctx, proven)
	}
	return b.buf, b.err
}

// fillWithin is fill with an end. A Read of a request's body cannot be interrupted
// without the ResponseWriter, so it runs in a goroutine of its own; one that stalls
// ends when the server closes the connection, at the latest as the handler returns.
func (b *body) fillWithin(ctx context.Context, proven bool) ([]byte, error) {
	type result struct {
		buf []byte
		err error
	}
	done := make(chan result, 1)
	b.charge.filling = true
	go func() {
		r := result{err: errors.New("redoxauth: reading the body ended its goroutine")}
		defer func() {
			if p := recover(); p != nil { // here nobody else would, and the process would end
				r = result{err: panicked("body", p)}
			}
			b.charge.filled() // before the answer, so that a refusal gives back at once
			done <- r
		}()
		r.buf, r.err = b.fill(proven)
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
		b.charge.release()
		return nil, &Error{Kind: ErrUnavailable, Reason: "body_timeout"}
	case <-ctx.Done():
		b.charge.release()
		return nil, &Error{Kind: ErrUnavailable, Reason: "canceled", Err: context.Cause(ctx)}
	}
}

// The first buffer of a body. Before the request is proven, a peer must send what it
// makes us hold; after it, the buffer is as large as the body, within reason.
const (
	firstUnproven = 4 << 10
	firstProven   = 64 << 20
)

func (b *body) fill(proven bool) ([]byte, error) {
	size, charged := int64(firstUnproven), 0
	switch {
	case b.length >= 0 && proven:
		size = min(b.length, firstProven)
		charged = int(size)
	case b.length >= 0:
		size = min(b.length, size)
	}
	if charged > 0 && !b.charge.add(int64(charged), proven) {
		return nil, &Error{Kind: ErrUnavailable, Reason: "busy"}
	}
	buf := make([]byte, 0, size+1) // one more, to see the end without growing
	for empty := 0; empty < 100; {
		if len(buf) == cap(buf) {
			buf = b.grow(buf)
		}
		n, err := b.pull(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if more := len(buf) - charged; more > 0 {
			if !b.charge.add(int64(more), proven) {
				return nil, &Error{Kind: ErrUnavailable, Reason: "busy"}
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

// grow doubles the buffer, but not beyond what the body can still be.
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
		return &Error{Kind: ErrTooLarge, Reason: "body_size"}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: ErrUnavailable, Reason: "body_timeout", Err: err}
	case errors.Is(err, context.Canceled):
		return &Error{Kind: ErrUnavailable, Reason: "canceled", Err: err}
	}
	// Not err: net/http quotes a malformed trailer, which may be a credential.
	return &Error{Kind: ErrMalformed, Reason: "body_read", Err: fmt.Errorf("the body broke off: %T", err)}
}
