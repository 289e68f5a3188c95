package redoxauth_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

// provenBody reads the body as a verifier that has already checked the signature.
var provenBody = redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
	if err := redoxauth.HashProvenBody(r, sha256.New()); err != nil {
		return nil, err
	}
	return &redoxauth.Identity{Strategy: "proven"}, nil
})

// A recordedBody is a body that records how it is read.
type recordedBody struct {
	io.Reader
	read   atomic.Int64
	closed atomic.Bool
}

func (s *recordedBody) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.read.Add(int64(n))
	return n, err
}

func (s *recordedBody) Close() error {
	s.closed.Store(true)
	if c, ok := s.Reader.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func withBody(body io.Reader, length int64) (*http.Request, *recordedBody) {
	r := httptest.NewRequest(http.MethodPost, "/redox", nil)
	s := &recordedBody{Reader: body}
	r.Body, r.ContentLength = s, length
	return r, s
}

func TestBodyIsSharedByAllVerifiersAndTheHandler(t *testing.T) {
	const message = "the message"
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader,
		"end with the data": iotest.DataErrReader, "in halves": iotest.HalfReader,
	} {
		for _, length := range []int64{int64(len(message)), -1} {
			t.Run(fmt.Sprint(name, length), func(t *testing.T) {
				r, _ := withBody(wrap(strings.NewReader(message)), length)
				var bodies [][]byte
				keep := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
					body, err := redoxauth.Body(r.Clone(r.Context())) // a copy shares it
					bodies = append(bodies, body)
					return &redoxauth.Identity{}, err
				})
				handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					body, err := redoxauth.Body(r)
					if err != nil {
						t.Error(err)
					}
					read, err := io.ReadAll(r.Body)
					if err != nil {
						t.Error(err)
					}
					bodies = append(bodies, body, read)
				})
				serve(redoxauth.Middleware(redoxauth.AllOf(keep, keep), nil)(redoxauth.Middleware(keep, nil)(handler)), r)
				if len(bodies) != 5 {
					t.Fatalf("%d bodies, want 5", len(bodies))
				}
				for i, body := range bodies {
					if string(body) != message || i < 4 && &body[0] != &bodies[0][0] {
						t.Errorf("body %d: %q, not the shared buffer", i, body)
					}
				}
			})
		}
	}
}

// Frameworks keep the request that they hand to a middleware, and their own handlers
// read from it.
func TestAnotherCopyOfTheRequestReadsTheVerifiedBytes(t *testing.T) {
	for name, v := range map[string]redoxauth.Verifier{"buffered": readsBody, "streamed": verifier("", nil)} {
		t.Run(name, func(t *testing.T) {
			kept, s := withBody(strings.NewReader("message"), 7)
			handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				first := make([]byte, 3)
				if _, err := io.ReadFull(r.Body, first); err != nil {
					t.Error(err)
				}
				rest, err := io.ReadAll(kept.Body)
				if got := string(first) + string(rest); got != "message" || err != nil {
					t.Errorf("read %q, %v", got, err)
				}
			})
			serve(redoxauth.Middleware(v, nil)(handler), kept)
			if s.read.Load() != 7 {
				t.Errorf("%d bytes were read from the source, want each once", s.read.Load())
			}
		})
	}
}

func TestBodyThatIsNotAskedForStreams(t *testing.T) {
	r, s := withBody(strings.NewReader("message"), 7)
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if s.read.Load() != 0 {
			t.Error("the body was read before the handler asked for it")
		}
		io.ReadAll(r.Body)
		r.Body.Close()
	})
	serve(redoxauth.Middleware(verifier("", nil), nil)(handler), r)
	if !s.closed.Load() {
		t.Error("Close did not reach the source")
	}
}

func TestRequestWithoutBody(t *testing.T) {
	for name, body := range map[string]io.ReadCloser{"nil": nil, "NoBody": http.NoBody} {
		r := httptest.NewRequest(http.MethodPost, "/redox", nil)
		r.Body = body
		checked, err := redoxauth.Check(redoxauth.AllOf(readsBody, provenBody), nil, r, nil)
		if err != nil || checked.Body != body {
			t.Errorf("%s: %v, body %v", name, err, checked)
		}
		r.Body = body
		canceled := redoxauth.Errorf(redoxauth.ErrUnavailable, "canceled", "asking for a key")
		if w := serve(redoxauth.Middleware(verifier("", canceled), nil)(never(t)), r); w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s, refused: status %d", name, w.Code)
		}
	}
	r, _ := withBody(strings.NewReader(""), 0)
	if _, err := redoxauth.Check(readsBody, nil, r, nil); err != nil {
		t.Errorf("empty: %v", err)
	}
}

func TestBodyLimit(t *testing.T) {
	const limit = 10
	for name, tt := range map[string]struct {
		v        redoxauth.Verifier
		size     int
		length   int64
		want     error
		mostRead int64
	}{
		"at the limit, declared":             {readsBody, 10, 10, nil, 10},
		"at the limit, chunked":              {readsBody, 10, -1, nil, 10},
		"proven, at the limit, chunked":      {provenBody, 10, -1, nil, 10},
		"over, declared":                     {readsBody, 11, 11, redoxauth.ErrTooLarge, 0},
		"over, declared, not needed":         {verifier("", nil), 11, 11, redoxauth.ErrTooLarge, 0},
		"over, declared, refused before all": {verifier("", redoxauth.ErrRejected), 11, 11, redoxauth.ErrTooLarge, 0},
		"over, chunked":                      {readsBody, 1 << 20, -1, redoxauth.ErrTooLarge, 11},
		"over, chunked, proven":              {provenBody, 1 << 20, -1, redoxauth.ErrTooLarge, 11},
		"Content-Length lies":                {readsBody, 1 << 20, 5, redoxauth.ErrTooLarge, 11}, // not with net/http, but with an adapter
	} {
		t.Run(name, func(t *testing.T) {
			r, s := withBody(io.LimitReader(zeros{}, int64(tt.size)), tt.length)
			conn, _ := net.Pipe() // another framework's: what it holds of the body is not drained
			_, err := redoxauth.Check(tt.v, deadlineWriter{httptest.NewRecorder(), conn}, r, &redoxauth.Options{MaxBodyBytes: limit})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if n := s.read.Load(); n > tt.mostRead {
				t.Errorf("%d bytes were read, want at most %d", n, tt.mostRead)
			}
			says := "more than 10 bytes arrived"
			if tt.length > limit {
				says = "Content-Length is 11 bytes, want at most 10"
			}
			if tt.want != nil && (err == nil || !strings.Contains(err.Error(), says)) {
				t.Errorf("got %v, want it to say %q", err, says)
			}
		})
	}
	t.Run("over, declared, dropped in front", func(t *testing.T) {
		r, _ := withBody(nil, limit+1)
		r.Body = http.NoBody
		w := serve(redoxauth.Middleware(readsBody, &redoxauth.Options{MaxBodyBytes: limit})(never(t)), r)
		if w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d, want 413", w.Code)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestHandlerCannotReadPastTheLimit(t *testing.T) {
	r, _ := withBody(io.LimitReader(zeros{}, 100), -1)
	serve(redoxauth.Middleware(verifier("", nil), &redoxauth.Options{MaxBodyBytes: 10})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var tooLarge *http.MaxBytesError
		if len(body) != 10 || !errors.As(err, &tooLarge) || tooLarge.Limit != 10 {
			t.Errorf("read %d bytes, %v", len(body), err)
		}
		tooLarge = nil
		if n, err := r.Body.Read(make([]byte, 1)); n != 0 || !errors.As(err, &tooLarge) || tooLarge.Limit != 10 {
			t.Errorf("read %d bytes after that, %v", n, err)
		}
	})), r)
}

// Of two wrappers the smaller limit holds, and no byte is to be had beside the error.
func TestSmallerLimitOfTwoWrappersHolds(t *testing.T) {
	inside := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		body, err := redoxauth.Body(r)
		if err != nil && body != nil {
			t.Errorf("Body returns %q beside the error %v", body, err)
		}
		return &redoxauth.Identity{}, err
	})
	for name, outer := range map[string]redoxauth.Verifier{"buffered": readsBody, "streamed": verifier("", nil)} {
		for _, length := range []int64{7, -1} {
			for limit, want := range map[int64]int{5: 413, 6: 413, 7: 200, 8: 200} {
				small := &redoxauth.Options{MaxBodyBytes: limit}
				for place, opts := range map[string][2]*redoxauth.Options{"inside": {nil, small}, "outside": {small, nil}, "twice": {small, small}} {
					r, _ := withBody(strings.NewReader("message"), length)
					got := ""
					handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = readAll(r) })
					w := serve(redoxauth.Middleware(outer, opts[0])(redoxauth.Middleware(inside, opts[1])(handler)), r)
					if w.Code != want || got != map[int]string{200: "message"}[want] {
						t.Errorf("%s, length %d, limit %d %s: status %d, the handler reads %q, want %d", name, length, limit, place, w.Code, got, want)
					}
				}
			}
		}
	}
}

// A wrapper for one path may want less time than the one in front. It cannot give more.
func TestSmallerBodyTimeoutHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long, short := &redoxauth.Options{BodyTimeout: 20 * time.Second}, &redoxauth.Options{BodyTimeout: 5 * time.Second}
		for _, tt := range []struct{ outer, inner *redoxauth.Options }{{long, short}, {short, long}} {
			start := time.Now()
			pr, pw := io.Pipe()
			r, _ := withBody(pr, -1)
			w := serve(redoxauth.Middleware(verifier("", nil), tt.outer)(redoxauth.Middleware(readsBody, tt.inner)(never(t))), r)
			if got := time.Since(start); w.Code != http.StatusServiceUnavailable || got != 5*time.Second {
				t.Errorf("outer %v, inner %v: status %d after %v, want 503 after 5s", tt.outer.BodyTimeout, tt.inner.BodyTimeout, w.Code, got)
			}
			pw.Close()
		}
	})
}

// What runs between two wrappers may read the body when the inner one has ended, as a logger
// does.
func TestInnerWrapperLeavesTheBodyToTheOuterOne(t *testing.T) {
	for name, outer := range map[string]redoxauth.Verifier{"buffered": readsBody, "streamed": verifier("", nil)} {
		for _, err := range []error{nil, redoxauth.ErrRejected} {
			inner := redoxauth.Middleware(verifier("", err), nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			w := serve(redoxauth.Middleware(outer, nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inner.ServeHTTP(w, r)
				if got := readAll(r); got != "message" {
					t.Errorf("%s, the inner one says %v: read %q", name, err, got)
				}
			})), post("message"))
			if want := redoxauth.StatusCode(err); w.Code != want {
				t.Errorf("%s: status %d, want %d", name, w.Code, want)
			}
		}
	}
}

func TestMaxBodyBytesOfZeroOrLessIsTheDefault(t *testing.T) {
	for _, n := range []int64{0, -1} {
		opts := &redoxauth.Options{MaxBodyBytes: n}
		if _, err := redoxauth.Check(readsBody, nil, post("message"), opts); err != nil {
			t.Errorf("MaxBodyBytes %d: %v", n, err)
		}
		r, _ := withBody(zeros{}, redoxauth.DefaultMaxBodyBytes+1)
		if _, err := redoxauth.Check(readsBody, nil, r, opts); !errors.Is(err, redoxauth.ErrTooLarge) || !strings.Contains(err.Error(), "want at most 41943040 ") {
			t.Errorf("MaxBodyBytes %d, a byte too many: %v", n, err)
		}
	}
}

// Outside of Middleware and Check the limits are the defaults.
func TestBodyOutsideOfMiddleware(t *testing.T) {
	r := post("message")
	for range 2 {
		if body, err := redoxauth.Body(r); err != nil || string(body) != "message" {
			t.Errorf("Body: %q, %v", body, err)
		}
	}
	if rest, err := io.ReadAll(r.Body); err != nil || string(rest) != "message" {
		t.Errorf("r.Body afterwards: %q, %v", rest, err)
	}
	hashed, _ := withBody(strings.NewReader("message"), -1)
	if err := redoxauth.HashBody(hashed, sha256.New()); err != nil || readAll(hashed) != "message" {
		t.Errorf("HashBody: %v, or r.Body is not the message afterwards", err)
	}
	r, s := withBody(zeros{}, redoxauth.DefaultMaxBodyBytes+1)
	if _, err := redoxauth.Body(r); !errors.Is(err, redoxauth.ErrTooLarge) || s.read.Load() != 0 || !strings.Contains(err.Error(), "Content-Length is 41943041 bytes, want at most 41943040 (Options.MaxBodyBytes)") {
		t.Errorf("over the default limit: %v, %d bytes read", err, s.read.Load())
	}
	r.Body = http.NoBody
	_, err := redoxauth.Body(r)
	verifiertest.CheckError(t, err, nil, "body_consumed")
	if !strings.Contains(fmt.Sprint(err), "r.Body is empty, and ContentLength is 41943041") {
		t.Errorf("over the default limit, dropped in front: %v", err)
	}
	for i := range 5 { // more than MaxInFlight gives to unproven bodies, if it were not given back
		r, _ := withBody(io.LimitReader(zeros{}, redoxauth.DefaultMaxBodyBytes), redoxauth.DefaultMaxBodyBytes)
		if err := redoxauth.HashBody(r, crc32.NewIEEE()); err != nil {
			t.Errorf("body %d, at the default limit: %v", i, err)
		}
	}
}

func TestBodyThatWasReadBeforeIsNotVerified(t *testing.T) {
	early := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		r.Body.Read(make([]byte, 1))
		return readsBody.Verify(r)
	})
	for _, length := range []int64{7, -1} {
		r, _ := withBody(strings.NewReader("message"), length)
		_, err := redoxauth.Check(early, nil, r, nil)
		verifiertest.CheckError(t, err, nil, "body_consumed")
		if !strings.Contains(fmt.Sprint(err), " 1 bytes of the body were read") {
			t.Errorf("length %d: got %v, want that 1 byte was read", length, err)
		}
	}
}

func TestBodyThatBreaksOff(t *testing.T) {
	for name, tt := range map[string]struct {
		body   io.Reader
		want   error
		reason redoxauth.Reason
	}{
		"peer gone":       {iotest.ErrReader(io.ErrUnexpectedEOF), redoxauth.ErrMalformed, "body_read"},
		"after some data": {io.MultiReader(strings.NewReader("mess"), iotest.ErrReader(io.ErrUnexpectedEOF)), redoxauth.ErrMalformed, "body_read"},
		"server's time":   {iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("message"))), redoxauth.ErrMalformed, "body_read"},
		"deadline":        {iotest.ErrReader(context.DeadlineExceeded), redoxauth.ErrUnavailable, "body_timeout"},
		"canceled":        {iotest.ErrReader(context.Canceled), redoxauth.ErrUnavailable, "canceled"},
		"never any data":  {stuck{}, redoxauth.ErrMalformed, "body_read"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := withBody(tt.body, -1)
			var e *redoxauth.Error
			_, err := redoxauth.Check(readsBody, nil, r, nil)
			if !errors.Is(err, tt.want) || !errors.As(err, &e) || e.Reason != tt.reason {
				t.Errorf("got %v, want %v (%s)", err, tt.want, tt.reason)
			}
			if _, err := r.Body.Read(make([]byte, 1)); err == nil {
				t.Error("what was not verified can be read")
			}
		})
	}
}

// stuck breaks io.Reader's advice, as some adapters of frameworks do.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestBodyTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, tt := range map[string]struct {
			opts *redoxauth.Options
			want time.Duration
		}{
			"default": {nil, 60 * time.Second},
			"option":  {&redoxauth.Options{BodyTimeout: 5 * time.Second}, 5 * time.Second},
		} {
			start := time.Now()
			pr, pw := io.Pipe()
			r, _ := withBody(pr, -1)
			var e *redoxauth.Error
			_, err := redoxauth.Check(readsBody, nil, r, tt.opts)
			says := fmt.Sprintf("0 bytes arrived in %v, want all in that time (Options.BodyTimeout)", tt.want)
			if !errors.Is(err, redoxauth.ErrUnavailable) || !errors.As(err, &e) || e.Reason != "body_timeout" || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: got %v, want it to say %q", name, err, says)
			}
			if got := time.Since(start); got != tt.want {
				t.Errorf("%s: after %v, want %v", name, got, tt.want)
			}
			pw.Close()
		}
	})
}

func TestBodyEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("peer gone")
		for name, verify := range map[string]func(*http.Request) error{
			"Check": func(r *http.Request) error { _, err := redoxauth.Check(readsBody, nil, r, nil); return err },
			"Body":  func(r *http.Request) error { _, err := redoxauth.Body(r); return err },
		} {
			pr, pw := io.Pipe()
			r, _ := withBody(pr, -1)
			ctx, cancel := context.WithCancelCause(r.Context())
			time.AfterFunc(time.Second, func() { cancel(gone) })
			if err := verify(r.WithContext(ctx)); !errors.Is(err, redoxauth.ErrUnavailable) || !errors.Is(err, gone) {
				t.Errorf("%s: got %v, want ErrUnavailable because of %v", name, err, gone)
			}
			pw.Close()
		}
	})
}

// What has not arrived when its context has ended is no empty body.
func TestBodyOfAContextThatHasEndedIsNotRead(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, v := range map[string]redoxauth.Verifier{"Body": readsBody, "HashBody": hashes(nil), "HashProvenBody": provenBody} {
		r, s := withBody(strings.NewReader("message"), 7)
		_, err := redoxauth.Check(v, nil, r.WithContext(ctx), nil)
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "canceled")
		if s.read.Load() != 0 || !strings.Contains(fmt.Sprint(err), " 0 of 7 bytes had arrived") {
			t.Errorf("%s: %d bytes were read, %v", name, s.read.Load(), err)
		}
	}
}

// net/http cancels the context when a connection breaks. That is the fault of the peer, and not
// of who ended the request. Only net/http does so: another source breaks off because we close it.
func TestReadThatEndsWithItsContext(t *testing.T) {
	for name, tt := range map[string]struct {
		server, late bool // late: BodyTimeout has ended the read, and not the context
		end          error
		kind         error
		reason       redoxauth.Reason
	}{
		"connection broken":              {true, false, io.ErrUnexpectedEOF, redoxauth.ErrMalformed, "body_read"},
		"whole body":                     {true, false, io.EOF, redoxauth.ErrUnavailable, "canceled"},
		"deadline":                       {true, false, os.ErrDeadlineExceeded, redoxauth.ErrUnavailable, "canceled"},
		"another source":                 {false, false, io.ErrUnexpectedEOF, redoxauth.ErrUnavailable, "canceled"},
		"connection broken, but late":    {true, true, io.ErrUnexpectedEOF, redoxauth.ErrUnavailable, "body_timeout"},
		"another source broken and late": {false, true, io.ErrUnexpectedEOF, redoxauth.ErrUnavailable, "body_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				r, _ := withBody(readerFunc(func([]byte) (int, error) {
					if tt.late {
						time.Sleep(2 * time.Minute)
					} else {
						cancel()
						time.Sleep(time.Second)
					}
					return 0, tt.end
				}), -1)
				if tt.server {
					r.Body = http.MaxBytesReader(nil, r.Body, 1<<10) // a type of net/http
				}
				_, err := redoxauth.Check(readsBody, nil, r.WithContext(ctx), nil)
				verifiertest.CheckError(t, err, tt.kind, tt.reason)
				cancel()
			})
		})
	}
}

// A slow body of another framework is closed, by its code. The framework may use the source again
// when Check has returned, and a panic must not end the process.
func TestCloseOfASlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, panics := range []bool{false, true} {
			pr, pw := io.Pipe()
			closed := false
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Body, r.ContentLength = slowCloser{pr, func() {
				pw.Close()
				time.Sleep(time.Second)
				closed = true
				if panics {
					panic("closed twice")
				}
			}}, -1
			_, err := redoxauth.Check(readsBody, nil, r, nil)
			verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "body_timeout")
			if !closed {
				t.Errorf("panics %t: Check returned before Close", panics)
			}
		}
	})
}

type slowCloser struct {
	io.Reader
	close func()
}

func (s slowCloser) Close() error { s.close(); return nil }

// The error tells an operator how much arrived, and what ended it.
func TestErrorTellsHowMuchArrived(t *testing.T) {
	for _, tt := range []struct {
		length int64
		end    error
		want   string
	}{
		{7, io.ErrUnexpectedEOF, "the body broke off after 4 of 7 bytes: unexpected EOF"},
		{-1, io.ErrUnexpectedEOF, "the body broke off after 4 bytes: unexpected EOF"},
		{7, io.ErrClosedPipe, "the body cannot be read after 4 of 7 bytes: *errors.errorString"},
		{7, io.EOF, "the body ended after 4 of 7 bytes"},
		{7, os.ErrDeadlineExceeded, "4 of 7 bytes had arrived at the read deadline (http.Server.ReadTimeout, or a deadline of the application): i/o timeout"},
		{-1, context.Canceled, "4 bytes had arrived when the read was canceled: context canceled"},
	} {
		r, _ := withBody(io.MultiReader(strings.NewReader("mess"), iotest.ErrReader(tt.end)), tt.length)
		if _, err := redoxauth.Body(r); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("length %d: got %v, want %s", tt.length, err, tt.want)
		}
	}
}

// A peer must send what it makes us hold, even if its headers are proven: they may be a
// replay. Content-Length is only a promise.
func TestBufferGrowsWithWhatArrived(t *testing.T) {
	const declared = 32 << 20
	for name, v := range map[string]redoxauth.Verifier{"Body": readsBody, "HashProvenBody": provenBody} {
		r, _ := withBody(io.MultiReader(strings.NewReader("a"), iotest.ErrReader(io.ErrUnexpectedEOF)), declared)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		redoxauth.Check(v, nil, r, &redoxauth.Options{MaxInFlight: -1})
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
			t.Errorf("%s: one byte of %d declared ones allocated %d bytes", name, declared, n)
		}
	}
}

func TestBufferOfLargeBodies(t *testing.T) {
	for _, size := range []int{1, 4095, 4096, 4097, 100_000, 1 << 20} {
		for _, length := range []int64{int64(size), -1} {
			want := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
			whole := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
				got, err := redoxauth.Body(r)
				if !bytes.Equal(got, want) {
					t.Errorf("Body: %d bytes, length %d: got %d", size, length, len(got))
				}
				return &redoxauth.Identity{}, err
			})
			for name, v := range map[string]redoxauth.Verifier{"Body": whole, "HashProvenBody": provenBody} {
				r, _ := withBody(bytes.NewReader(want), length)
				checked, err := redoxauth.Check(v, nil, r, &redoxauth.Options{MaxBodyBytes: 1 << 20})
				if err != nil {
					t.Fatalf("%s: %d bytes, length %d: %v", name, size, length, err)
				}
				if got, err := io.ReadAll(checked.Body); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %d bytes, length %d: read %d, %v", name, size, length, len(got), err)
				}
			}
		}
	}
}

func TestRefusedRequestKeepsItsUnreadBody(t *testing.T) {
	r, s := withBody(strings.NewReader("message"), 7)
	if _, err := redoxauth.Check(verifier("", redoxauth.ErrRejected), nil, r, nil); err == nil {
		t.Fatal("accepted")
	}
	if r.Body != s {
		t.Errorf("Body is %T, want the original: net/http treats its own better", r.Body)
	}
}

// A verifier that needs no body leaves it to the handler, which may ask for it after
// Check has returned.
func TestHandlerAsksForTheBodyAfterCheck(t *testing.T) {
	accept := redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) {
		return &redoxauth.Identity{Strategy: "test"}, nil
	})
	opts := &redoxauth.Options{MaxBodyBytes: 100, MaxInFlight: 200}
	for range 10 { // more than the budget, if it were not given back
		r, err := redoxauth.Check(accept, nil, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", 100))), opts)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := redoxauth.Body(r); err != nil || len(body) != 100 {
			t.Fatalf("got %d bytes, %v, want 100", len(body), err)
		}
	}
}

func TestReadBody(t *testing.T) {
	small := &redoxauth.Options{MaxBodyBytes: 10, RetryAfter: 3 * time.Second}
	for name, tt := range map[string]struct {
		body   io.Reader
		length int64
		want   error
		reason redoxauth.Reason
	}{
		"small":               {strings.NewReader("0123456789"), 10, nil, ""},
		"of unknown length":   {strings.NewReader("0123456789"), -1, nil, ""},
		"empty":               {strings.NewReader(""), 0, nil, ""},
		"declared too large":  {strings.NewReader(""), 11, redoxauth.ErrTooLarge, "body_size"},
		"too large":           {strings.NewReader("0123456789x"), -1, redoxauth.ErrTooLarge, "body_size"},
		"broken off":          {iotest.ErrReader(io.ErrUnexpectedEOF), 5, redoxauth.ErrMalformed, "body_read"},
		"over its time limit": {iotest.ErrReader(os.ErrDeadlineExceeded), 5, redoxauth.ErrUnavailable, "body_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			r, body := withBody(tt.body, tt.length)
			got, err := redoxauth.ReadBody(nil, r, small)
			if tt.want == nil {
				if err != nil || int64(len(got)) != body.read.Load() {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			verifiertest.CheckError(t, err, tt.want, tt.reason)
			if name == "declared too large" && r.Body != body {
				t.Errorf("Body is %T, want the original: net/http treats its own better", r.Body)
			}
			if name == "declared too large" && !strings.Contains(fmt.Sprint(err), "Content-Length is 11 bytes, want at most 10 (Options.MaxBodyBytes)") {
				t.Errorf("got %v, want both lengths", err)
			}
			var e *redoxauth.Error
			if errors.As(err, &e) && errors.Is(err, redoxauth.ErrUnavailable) && e.RetryAfter != 3*time.Second {
				t.Errorf("RetryAfter %v, want that of Options", e.RetryAfter)
			}
		})
	}
	// Behind a wrapper that has the body already, ReadBody returns it, within its own limit.
	h := redoxauth.Middleware(readsBody, nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got, err := redoxauth.ReadBody(w, r, nil); string(got) != "the message" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		for length, want := range map[int64]string{11: "Content-Length is 11 bytes, want at most 10 (", -1: "more than 10 bytes arrived, want at most that ("} {
			r.ContentLength = length
			if _, err := redoxauth.ReadBody(w, r, small); !errors.Is(err, redoxauth.ErrTooLarge) || !strings.Contains(err.Error(), want) {
				t.Errorf("length %d: got %v, want ErrTooLarge, %q", length, err, want)
			}
		}
	}))
	if w := serve(h, post("the message")); w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
}

func TestHashBody(t *testing.T) {
	for name, hashBody := range map[string]func(*http.Request, hash.Hash) error{"HashBody": redoxauth.HashBody, "HashProvenBody": redoxauth.HashProvenBody} {
		h, want := sha256.New(), sha256.Sum256([]byte("the message"))
		v := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
			return &redoxauth.Identity{}, hashBody(r, h)
		})
		r, err := redoxauth.Check(v, nil, post("the message"), nil)
		if err != nil || [32]byte(h.Sum(nil)) != want {
			t.Fatalf("%s: got %x, %v, want %x", name, h.Sum(nil), err, want)
		}
		if again, err := redoxauth.Body(r); string(again) != "the message" || err != nil {
			t.Errorf("%s: Body returns %q, %v", name, again, err)
		}
		if _, err := redoxauth.Check(v, nil, post("the message"), &redoxauth.Options{MaxBodyBytes: 3}); !errors.Is(err, redoxauth.ErrTooLarge) {
			t.Errorf("%s: got %v, want ErrTooLarge", name, err)
		}
	}
}

// A second Verifier, such as another sigv4 of an AnyOf, hashes the same body, which was read in
// several pieces.
func TestHashBodyTwice(t *testing.T) {
	const size = 100_000
	want := sha256.Sum256(bytes.Repeat([]byte("a"), size))
	r := post(strings.Repeat("a", size))
	for range 2 {
		h := sha256.New()
		if err := redoxauth.HashBody(r, h); err != nil || [32]byte(h.Sum(nil)) != want {
			t.Errorf("got %x, %v, want %x", h.Sum(nil), err, want)
		}
	}
}

// An operator explains a request after Check has refused it, or an application tries another
// Verifier. They must see what the first one saw, and no empty body.
func TestRefusedBodyCanBeReadAgain(t *testing.T) {
	refuses := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if _, err := redoxauth.Body(r); err != nil {
			return nil, err
		}
		return nil, redoxauth.ErrRejected
	})
	for _, size := range []int{10, 100_000} {
		r := post(strings.Repeat("a", size))
		if _, err := redoxauth.Check(refuses, nil, r, nil); !errors.Is(err, redoxauth.ErrRejected) {
			t.Fatal(err)
		}
		accepted, err := redoxauth.Check(readsBody, nil, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(accepted.Body); err != nil || len(got) != size {
			t.Errorf("%d of %d bytes, %v", len(got), size, err)
		}
	}
	var kept *http.Request
	h := redoxauth.Middleware(refuses, nil)(never(t))
	serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { kept = r; h.ServeHTTP(w, r) }), post("message"))
	if _, err := redoxauth.Check(readsBody, nil, kept, nil); redoxauth.StatusCode(err) != http.StatusInternalServerError {
		t.Errorf("after Middleware has answered: %v, want an error and no empty body", err)
	}
	kept.Body = http.MaxBytesReader(nil, kept.Body, 1<<10)
	_, err := redoxauth.Check(readsBody, nil, kept, nil)
	verifiertest.CheckError(t, err, nil, "internal")
}

// A source may return nothing now and then, as some adapters do.
func TestHesitantSource(t *testing.T) {
	message := strings.NewReader(strings.Repeat("a", 1000))
	turn := 0
	source := readerFunc(func(p []byte) (int, error) {
		if turn++; turn%2 == 0 {
			return 0, nil
		}
		return message.Read(p[:1])
	})
	r, _ := withBody(source, 1000)
	if _, err := redoxauth.Check(readsBody, nil, r, nil); err != nil {
		t.Error(err)
	}
}

// The error says where the panic occurred, and shows nothing of its value.
func TestPanicInReadIsRefused(t *testing.T) {
	broken := readerFunc(func([]byte) (int, error) { panic("a broken decompressor") })
	_, err := redoxauth.Check(readsBody, nil, httptest.NewRequest(http.MethodPost, "/", broken), nil)
	if got := redoxauth.StatusCode(err); got != http.StatusInternalServerError {
		t.Errorf("got %d, %v, want 500", got, err)
	}
	where := regexp.MustCompile(`body panicked in \S+\.TestPanicInReadIsRefused\.func1:[1-9]\d*: string$`)
	if !where.MatchString(fmt.Sprint(err)) {
		t.Errorf("got %v, want %s", err, where)
	}
	r := httptest.NewRequest(http.MethodPost, "/", broken)
	for range 2 {
		if body, err := redoxauth.Body(r); redoxauth.StatusCode(err) != http.StatusInternalServerError {
			t.Errorf("Body returns %q, %v, want an error, and no empty body", body, err)
		}
	}
}

// A reader of a test ends the goroutine with t.FailNow. Then nothing gives the body up later.
func TestSourceThatEndsTheGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := withBody(readerFunc(func([]byte) (int, error) { runtime.Goexit(); return 0, nil }), 7)
		go redoxauth.Check(readsBody, nil, r, &redoxauth.Options{BodyTimeout: time.Second})
		time.Sleep(time.Minute)
		if s.closed.Load() {
			t.Error("the body was closed after BodyTimeout, although nobody read it")
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestLimitsDoNotOverflow(t *testing.T) {
	for _, limit := range []int64{math.MaxInt64, 1 << 61, 1 << 60} {
		opts := &redoxauth.Options{MaxBodyBytes: limit}
		r := httptest.NewRequest(http.MethodPost, "/", iotest.OneByteReader(strings.NewReader(strings.Repeat("x", 10_000))))
		if _, err := redoxauth.Check(readsBody, nil, r, opts); err != nil {
			t.Errorf("MaxBodyBytes %d: %v", limit, err)
		}
	}
}

// A careless verifier may accept although the body did not arrive. A smaller limit behind it
// does not blame the sender for what came.
func TestBodyThatWasGivenUpStaysUnavailable(t *testing.T) {
	careless := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		redoxauth.Body(r)
		return &redoxauth.Identity{}, nil
	})
	synctest.Test(t, func(t *testing.T) {
		peer, body := io.Pipe()
		var arriving sync.WaitGroup
		defer arriving.Wait()
		arriving.Go(func() {
			for range 200 {
				body.Write([]byte("x"))
				time.Sleep(100 * time.Microsecond)
			}
			body.Close()
		})
		r, err := redoxauth.Check(careless, nil, httptest.NewRequest(http.MethodPost, "/", peer), &redoxauth.Options{BodyTimeout: 10 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := redoxauth.Check(readsBody, nil, r, &redoxauth.Options{MaxBodyBytes: 10}); !errors.Is(err, redoxauth.ErrUnavailable) {
			t.Errorf("got %v, want the body still unavailable", err)
		}
	})
}

// What net/http does for a plain handler that leaves the body unread, it must do behind
// a wrapper: answer at once, and not ask for the body first (RFC 9110, Section 10.1.1).
func TestUnreadBodyDoesNotDelayTheAnswer(t *testing.T) {
	t.Parallel()
	unread := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnsupportedMediaType) })
	wrap := func(v redoxauth.Verifier) func(http.Handler) http.Handler { return redoxauth.Middleware(v, nil) }
	accepts := wrap(verifier("a", nil))
	for name, h := range map[string]http.Handler{
		"refused by an inner wrapper":    accepts(wrap(verifier("b", redoxauth.ErrRejected))(unread)),
		"not read by the handler":        accepts(unread),
		"not read behind two wrappers":   accepts(accepts(unread)),
		"refused, and sent at once":      flushed(wrap(verifier("b", redoxauth.ErrRejected))(unread)),
		"refused by the second of AllOf": wrap(redoxauth.AllOf(verifier("a", nil), verifier("b", redoxauth.ErrRejected)))(unread),
	} {
		for _, header := range []string{"Expect: 100-continue\r\nContent-Length: 1000\r\n", "Content-Length: 30000000\r\n"} {
			t.Run(name+", "+header[:6], func(t *testing.T) {
				server := httptest.NewServer(h)
				t.Cleanup(server.Close)
				line, err := converse(t, server.URL, "POST / HTTP/1.1\r\nHost: x\r\n"+header+"\r\n").ReadString('\n')
				if err != nil || !strings.Contains(line, " 4") {
					t.Errorf("got %q, %v, want the refusal at once", line, err)
				}
			})
		}
	}
}

// flushed sends what h writes at once, as a middleware may.
func flushed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(flushing{w}, r) })
}

type flushing struct{ http.ResponseWriter }

func (w flushing) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.ResponseWriter.(http.Flusher).Flush()
	return n, err
}

// Who calls Body may keep the bytes. Their memory is not used for other requests.
func TestBytesOfBodyCanBeKept(t *testing.T) {
	const size = 4 << 10 // a whole chunk, which would be used again
	var kept [][]byte
	h := redoxauth.Middleware(readsBody, nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := redoxauth.Body(r)
		if err != nil {
			t.Error(err)
		}
		kept = append(kept, body)
	}))
	server := httptest.NewServer(h)
	defer server.Close()
	for i := range 50 {
		resp, err := http.Post(server.URL, "", strings.NewReader(strings.Repeat(string(rune('0'+i)), size)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	server.Close()
	for i, body := range kept {
		if want := strings.Repeat(string(rune('0'+i)), size); string(body) != want {
			t.Fatalf("body %d begins with %q later, want %q", i, body[:min(len(body), 8)], want[:8])
		}
	}
}

// Neither the timer of BodyTimeout nor a context that lives on holds a request that is over.
func TestRequestThatIsOverIsNotHeld(t *testing.T) {
	freed := make(chan struct{})
	ctx := t.Context()
	h := redoxauth.Middleware(readsBody, &redoxauth.Options{BodyTimeout: time.Hour})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	func() {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader("message"))
		runtime.AddCleanup(r, func(c chan struct{}) { close(c) }, freed)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}()
	eventually(t, "the request is free", func() bool {
		runtime.GC()
		select {
		case <-freed:
			return true
		default:
			return false
		}
	})
	runtime.KeepAlive(h) // and its Options
}

// Options live as long as the server. When the bodies of a busy time are gone, they hold no memory
// for more.
func TestMemoryOfABusyTimeIsGivenBack(t *testing.T) {
	for name, opts := range map[string]*redoxauth.Options{"limited": {}, "without a limit": {MaxInFlight: -1 << 30}} {
		t.Run(name, func(t *testing.T) { memoryIsGivenBack(t, opts) })
	}
}

func memoryIsGivenBack(t *testing.T, opts *redoxauth.Options) {
	const bodies, size = 16, 4 << 20
	held, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(redoxauth.Middleware(provenBody, opts)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		held <- struct{}{}
		<-release
	})))
	defer server.Close()
	heap := func() uint64 {
		runtime.GC()
		runtime.GC() // the pools keep what they have for one more
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var senders sync.WaitGroup
	for range bodies {
		senders.Go(func() {
			if got := status(t, server.URL, size, false); got != 200 {
				t.Errorf("status %d", got)
			}
		})
		<-held
	}
	if now := heap(); now < before+bodies*size {
		t.Errorf("%d bytes are in use, want at least those of %d bodies", now-before, bodies)
	}
	close(release)
	senders.Wait()
	eventually(t, "the memory is given back", func() bool { return heap() < before+bodies*size/4 })
	runtime.KeepAlive(opts)
}

// Observe can explain with the hash also if another Verifier has read the body before.
func TestObserveFindsTheHashOfABodyThatWasReadBefore(t *testing.T) {
	want := sha256.Sum256([]byte("message"))
	hashes := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		return nil, cmp.Or(redoxauth.HashBody(r, sha256.New()), redoxauth.ErrRejected)
	})
	opts := &redoxauth.Options{Observe: func(r *http.Request, _ redoxauth.Decision) {
		h := sha256.New()
		if err := redoxauth.HashBody(r, h); err != nil || !bytes.Equal(h.Sum(nil), want[:]) {
			t.Errorf("got the hash %x, %v, want %x", h.Sum(nil), err, want)
		}
	}}
	for _, v := range []redoxauth.Verifier{hashes, redoxauth.AllOf(readsBody, hashes)} {
		if _, err := redoxauth.Check(v, nil, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("message")), opts); !errors.Is(err, redoxauth.ErrRejected) {
			t.Errorf("got %v", err)
		}
	}
}

// Observe can explain why the body could not be read.
func TestObserveFindsTheErrorOfTheBody(t *testing.T) {
	var got, body error
	opts := &redoxauth.Options{MaxBodyBytes: 4, Observe: func(r *http.Request, _ redoxauth.Decision) {
		got = redoxauth.HashBody(r, sha256.New())
		_, body = redoxauth.Body(r)
	}}
	twice := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		redoxauth.HashBody(r, sha256.New())
		return hashes(nil).Verify(r)
	})
	for _, v := range []redoxauth.Verifier{hashes(nil), twice} {
		r, _ := withBody(strings.NewReader("message"), -1)
		if _, err := redoxauth.Check(v, nil, r, opts); !errors.Is(err, redoxauth.ErrTooLarge) || !errors.Is(got, redoxauth.ErrTooLarge) || !errors.Is(body, redoxauth.ErrTooLarge) {
			t.Errorf("got %v, %v and %v, want ErrTooLarge", err, got, body)
		}
	}
}

// A hash of another kind than that of the Verifier cannot be told later, and is no hash of an
// empty body.
func TestObserveFindsNoHashOfAnotherKind(t *testing.T) {
	for name, other := range map[string]hash.Hash{"SHA-512": sha512.New(), "without a state": struct{ hash.Hash }{sha256.New()}} {
		got := error(nil)
		opts := &redoxauth.Options{Observe: func(r *http.Request, _ redoxauth.Decision) { got = redoxauth.HashBody(r, other) }}
		if _, err := redoxauth.Check(hashes(nil), nil, post("message"), opts); err != nil {
			t.Fatal(err)
		}
		if got == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// net/http quotes a malformed trailer in its error, and a peer may put a credential there.
func TestErrorOfTheBodyDoesNotQuoteThePeer(t *testing.T) {
	var observed error
	opts := &redoxauth.Options{Observe: func(_ *http.Request, d redoxauth.Decision) { observed = d.Err }}
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		redoxauth.Middleware(readsBody, opts)(http.NotFoundHandler()).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	converse(t, server.URL, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nAuthorization Bearer SECRET\r\n\r\n")
	<-done
	if !errors.Is(observed, redoxauth.ErrMalformed) || strings.Contains(observed.Error(), "SECRET") {
		t.Errorf("got %v, want ErrMalformed without the trailer", observed)
	}
}

// A verifier that drains r.Body would leave the handler an empty message, and a 200. Its refusals
// stay what they are. A report says the same.
func TestVerifierThatReadsTheRawBodyIsNoticed(t *testing.T) {
	ignore := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for err, want := range map[error]int{nil: 500, redoxauth.ErrRejected: 401, redoxauth.ErrUnavailable: 503} {
		careless := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
			if got := readAll(r); got != "message" {
				t.Errorf("the verifier reads %q", got)
			}
			return verifier("", err).Verify(r)
		})
		var decisions []redoxauth.Decision
		opts := reports(&decisions)
		for name, wrap := range map[string]wrapper{
			"alone":  redoxauth.Middleware(careless, opts),
			"report": redoxauth.InsecureReportOnly(careless, opts),
			"behind another": func(h http.Handler) http.Handler {
				return redoxauth.Middleware(verifier("", nil), nil)(redoxauth.Middleware(careless, opts)(h))
			},
		} {
			decisions = nil
			if serve(wrap(ignore), post("message")); len(decisions) != 1 || decisions[0].Status != want {
				t.Errorf("%s, %v: decided %+v, want %d", name, err, decisions, want)
			}
		}
	}
	for _, n := range []int64{1, 7, 8} {
		rereading := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
			redoxauth.Body(r)
			io.CopyN(io.Discard, r.Body, n)
			return &redoxauth.Identity{}, nil
		})
		var decisions []redoxauth.Decision
		for name, wrap := range map[string]wrapper{
			"Check": checked(rereading, reports(&decisions)), "a report": redoxauth.InsecureReportOnly(rereading, reports(&decisions)),
		} {
			got := ""
			serve(wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = readAll(r) })), post("message"))
			if got != "message" {
				t.Errorf("%s, after %d bytes the handler reads %q", name, n, got)
			}
		}
		if len(decisions) != 2 || decisions[0].Err != nil || decisions[1].Err != nil {
			t.Errorf("%d bytes read again: decided %+v, want no error", n, decisions)
		}
	}
}
