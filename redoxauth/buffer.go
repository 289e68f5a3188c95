package redoxauth

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"
)

// buffer reads the whole body, once, and writes it to h, unless h is nil.
func (b *body) buffer(ctx context.Context, h hash.Hash, proven bool) error {
	switch {
	case b.streamed: // in a report it is buffered too
		return consumed("%d bytes of the body were read from r.Body", b.max-b.left)
	case b.buffered:
		if b.err == nil && h != nil {
			for c := b.first; c != nil; c = c.next {
				h.Write(c.data)
			}
			b.keepState(h)
		}
		return b.err
	}
	b.buffered = true
	if proven {
		b.opts.budget.prove(b)
	}
	switch b.err = b.arrive(ctx, h); {
	case b.err == nil:
		b.keepState(h)
	case b.calls == nil:
		b.free()
	}
	b.at = b.first
	return b.err
}

// arrive reads the body on the goroutine of the request, within its time-out, its context
// and the budget.
func (b *body) arrive(ctx context.Context, h hash.Hash) error {
	if b.calls != nil {
		b.calls.Stop()
		defer b.calls.Reset(reportTime)
	} else if ctx.Err() != nil {
		return b.canceled(ctx)
	}
	if b.opts.MaxInFlight >= 0 && b.length > b.limit() {
		return Errorf(ErrUnavailable, "busy", "Content-Length is %d bytes, want at most %d, which %s bodies may use (Options.MaxInFlight)", b.length, b.limit(), b.kind())
	}
	drained := drained(b.src)
	b.began = time.Now()
	if b.calls == nil {
		b.watch(ctx)
	}
	defer b.unwatch() // also when the source ends this goroutine
	err := b.fill(h)
	b.unwatch()
	b.append()
	switch why := b.givenUp.Load(); {
	case why == nil:
	case why.Reason == "canceled" && b.ofServer() && err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
		// The connection broke, and therefore net/http has canceled the context.
	default:
		return why
	}
	if err != nil {
		return b.readError(err)
	}
	switch n := b.received.Load(); {
	case n == 0 && b.length <= 0 && !drained && !wasParsed(b.request) && b.ofServer() && declaresBody(b.request):
		// net/http lets a request of HTTP/2 end with its headers, whatever they declare.
		return Errorf(ErrMalformed, "body_read", "the header Content-Length declares a body, and none came (RFC 9113, Section 8.1.1)")
	case n < b.length, n == 0 && (drained || wasSent(b.request)):
		return consumed("the body ended after %s", b.arrived())
	}
	return nil
}

// watch lets the time-out, the context and the budget give b up, until unwatch.
//
// They end a read of the connection by a deadline in the past. A deadline in the future
// would replace that of the server, which cannot be read back. So http.Server.ReadTimeout
// holds for the whole request, whoever reads it.
func (b *body) watch(ctx context.Context) {
	b.opts.budget.enter(b)
	timeout := b.timeout // an inner wrapper may change it
	b.late = time.AfterFunc(timeout, func() { b.opts.budget.giveUp(b, b.tooSlow(timeout)) })
	if ctx.Done() != nil {
		b.ended = context.AfterFunc(ctx, func() { b.opts.budget.giveUp(b, b.canceled(ctx)) })
	}
}

func (b *body) unwatch() {
	if b.late == nil {
		return
	}
	b.opts.budget.leave(b)
	b.closing.Wait()
	b.late.Stop()
	b.late = nil
	if b.ended != nil {
		b.ended()
	}
}

func (b *body) tooSlow(timeout time.Duration) *Error {
	return Errorf(ErrUnavailable, "body_timeout", "%s arrived in %v, want all in that time (Options.BodyTimeout)", b.arrived(), timeout)
}

func (b *body) canceled(ctx context.Context) *Error {
	return Errorf(ErrUnavailable, "canceled", "%s had arrived when the context of the request ended: %w", b.arrived(), context.Cause(ctx))
}

// arrived says how much of the body has arrived.
func (b *body) arrived() string {
	n := b.received.Load()
	if b.length < 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d of %d bytes", n, b.length)
}

// endRead ends a read of the source. It reports false if net/http reads the source and the
// writer hides the deadline, as that of http.TimeoutHandler does. Then only the server's own
// deadline ends the read.
func (b *body) endRead() bool {
	ended := b.setReadDeadline(time.Unix(1, 0)) // as net/http does
	if !b.ofServer() {
		b.closing.Go(func() { // the budget is locked, and Close is somebody else's code
			defer func() { recover() }()
			b.src.Close()
		})
		ended = true
	}
	return ended
}

// setReadDeadline reports whether the writer has a deadline to set. Some writers panic when
// their request has ended.
func (b *body) setReadDeadline(t time.Time) bool {
	defer func() { recover() }()
	return b.writer != nil && http.NewResponseController(b.writer).SetReadDeadline(t) == nil
}

// ofServer reports whether net/http reads the source from a connection. Its Close would wait
// for a Read.
func (b *body) ofServer() bool {
	t := reflect.TypeOf(innermost(b.src))
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return isServers(t)
}

// innermost unwraps what reads another body, down to one that holds its bytes itself.
func innermost(src io.ReadCloser) io.ReadCloser {
	for {
		wrapper, ok := src.(interface{ Unwrap() io.ReadCloser })
		if b, ours := src.(*body); !ok || ours && b.buffered {
			return src
		}
		inner := wrapper.Unwrap()
		if inner == nil { // such as of one that is closed
			return src
		}
		src = inner
	}
}

// isServers reports whether t is a type of net/http or its HTTP/2.
func isServers(t reflect.Type) bool {
	return strings.HasPrefix(t.PkgPath(), "net/http") || strings.HasPrefix(t.PkgPath(), "golang.org/x/net/http2")
}

// fill reads until the body ends. It turns a panic of the source into an error.
func (b *body) fill(h hash.Hash) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Errorf(nil, "internal", "%w", panicked("body", p))
		}
	}()
	for empty := 0; empty < 100; {
		if b.last == nil || len(b.last.data) == cap(b.last.data) {
			if err := b.grow(); err != nil {
				return err
			}
		}
		data := b.last.data
		b.reading.Store(max(int64(time.Since(b.began)), 1))
		n, err := b.pull(data[len(data):cap(data)])
		b.reading.Store(0)
		b.last.data = data[:len(data)+n]
		b.received.Add(int64(n))
		if h != nil {
			h.Write(data[len(data) : len(data)+n])
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case b.givenUp.Load() != nil: // its read could not be ended
			return nil
		case b.calls != nil && time.Since(b.began) >= b.timeout: // nothing else ends a report
			return b.tooSlow(b.timeout)
		case n == 0:
			empty++
		default:
			empty = 0
		}
	}
	return io.ErrNoProgress
}

// grow gets a chunk for at most as much again as has arrived.
func (b *body) grow() error {
	received := b.received.Load()
	rest := b.left
	if b.length >= received {
		rest = min(rest, b.length-received)
	}
	size := min(rest, max(received, minChunk))
	c, ok := b.opts.budget.charge(b, size)
	if !ok {
		return Errorf(ErrUnavailable, "busy", "%s arrived, and there is no room for more: %s bodies may use %d bytes (Options.MaxInFlight)", b.arrived(), b.kind(), b.limit())
	}
	b.last = c
	return nil
}

// append adds the last chunk to those before it.
func (b *body) append() {
	switch c := b.last; {
	case c == nil:
	case b.first == nil:
		b.first, b.tail = c, c
	default:
		b.tail.next, b.tail = c, c
	}
	b.last = nil
}

// take returns the chunks, which b has no more.
func (b *body) take() *chunk {
	first := b.first
	b.first, b.tail, b.at = nil, nil, nil
	return first
}

// whole returns the body in one piece, which takes the place of the chunks.
func (b *body) whole() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.first == nil {
		return nil
	}
	if b.first.next != nil {
		whole := &chunk{data: make([]byte, 0, b.received.Load())}
		for c := b.first; c != nil; c = c.next {
			whole.data = append(whole.data, c.data...)
		}
		b.opts.budget.shrink(b, int64(cap(whole.data)), b.take())
		b.last = whole
		b.append()
		b.at, b.off = whole, 0
	}
	b.first.owned = true
	return b.first.data
}

// What is read of a body that is refused early. If the connection were closed while data
// is unread, the peer would get a reset, and might never see the answer (RFC 9112, Section
// 9.6).
const (
	drainBytes = 256 << 10
	drainTime  = 50 * time.Millisecond
)

// refuse prepares the connection of HTTP/1 for the answer to a body that was not read to its
// end. If that is the reason, e.unread, it reads a part of the body, unless that was given up,
// or the peer sends it only after "100 Continue".
func (b *body) refuse(e *Error) {
	if b == nil || b.request.ProtoMajor != 1 || b.writer == nil {
		return
	}
	if !e.unread() {
		// Then net/http reads the rest of the body, unless the peer asks to close the connection,
		// as nginx does by default: it would get the reset.
		if b.request.Close && !b.buffered {
			lingeringClose(b.writer)
		}
		return
	}
	lingeringClose(b.writer)
	waits := b.left == b.max && strings.EqualFold(b.request.Header.Get("Expect"), "100-continue")
	if waits || b.givenUp.Load() != nil || !b.ofServer() || e.Reason != "busy" && e.Reason != "body_size" {
		return
	}
	if b.setReadDeadline(time.Now().Add(drainTime)) {
		io.CopyN(io.Discard, b.src, drainBytes)
		// net/http reads on when it has sent the answer. It waits as long for the peer to
		// hang up.
		b.setReadDeadline(time.Now().Add(500 * time.Millisecond))
	}
}

// lingeringClose makes net/http end the connection after the answer, and wait before it closes
// it, so that the peer can read the answer. net/http does so by itself only if it finds its
// own body in the request. The limit of a MaxBytesReader is the way to ask for it.
func lingeringClose(w http.ResponseWriter) {
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = wrapper.Unwrap()
	}
	http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
}

func (b *body) readError(err error) error {
	var limit *http.MaxBytesError
	var own *Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, http.ErrBodyReadAfterClose), b.ofServer() && err.Error() == "body closed by handler": // of HTTP/2
		return consumed("r.Body was closed before it was read")
	case errors.As(err, &limit) && limit.Limit < b.max:
		return Errorf(ErrTooLarge, "body_size", "more than %d bytes arrived, want at most that (http.MaxBytesReader or MaxBytesHandler in front, and not Options.MaxBodyBytes)", limit.Limit)
	case errors.As(err, &limit):
		return tooLarge(-1, b.max)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return Errorf(ErrUnavailable, "body_timeout", "%s had arrived at the read deadline (http.Server.ReadTimeout, or a deadline of the application): %w", b.arrived(), err)
	case errors.Is(err, context.Canceled):
		return Errorf(ErrUnavailable, "canceled", "%s had arrived when the read was canceled: %w", b.arrived(), err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Errorf(ErrMalformed, "body_read", "the body broke off after %s: %w", b.arrived(), io.ErrUnexpectedEOF)
	}
	// Not err itself: net/http quotes a malformed trailer, which may be a credential.
	return Errorf(ErrMalformed, "body_read", "the body cannot be read after %s: %T", b.arrived(), err)
}
