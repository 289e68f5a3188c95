package redoxauth_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// These tests hold on connections of net/http what a plain handler would do: reading a body
// must not change how a connection lives on, or when it ends.

// checked is Middleware by Check and WriteError.
func checked(v redoxauth.Verifier, opts *redoxauth.Options) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			accepted, err := redoxauth.Check(v, w, r, opts)
			if err != nil {
				redoxauth.WriteError(w, err)
				return
			}
			next.ServeHTTP(w, accepted)
		})
	}
}

// readBody answers as a token endpoint would.
func readBody(opts *redoxauth.Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := redoxauth.ReadBody(w, r, opts); err != nil {
			redoxauth.WriteError(w, err)
		}
	})
}

var drains = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })

// newServer starts a server of h on loopback.
func newServer(t *testing.T, h http.Handler, configure func(*http.Server)) *httptest.Server {
	server := httptest.NewUnstartedServer(h)
	if configure != nil {
		configure(server.Config)
	}
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// closed waits until the server has closed conn. A server that does not would keep it for
// BodyTimeout, or for ever.
func closed(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Error("the server keeps the connection")
	}
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// A server's ReadTimeout ends every stalled connection, whoever reads, and with a longer
// BodyTimeout or a shorter one.
func TestStalledConnectionsEnd(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]func(*redoxauth.Options) http.Handler{
		"plain handler": func(*redoxauth.Options) http.Handler { return drains },
		"Middleware":    func(o *redoxauth.Options) http.Handler { return redoxauth.Middleware(readsBody, o)(drains) },
		"Check":         func(o *redoxauth.Options) http.Handler { return checked(readsBody, o)(drains) },
		"ReadBody":      func(o *redoxauth.Options) http.Handler { return readBody(o) },
		"the handler":   func(o *redoxauth.Options) http.Handler { return redoxauth.Middleware(verifier("a", nil), o)(drains) },
		"TimeoutHandler": func(o *redoxauth.Options) http.Handler {
			return http.TimeoutHandler(redoxauth.Middleware(readsBody, o)(drains), time.Minute, "")
		},
	} {
		for _, timeout := range []time.Duration{20 * time.Millisecond, time.Minute} {
			t.Run(fmt.Sprintf("%s, BodyTimeout %v", name, timeout), func(t *testing.T) {
				t.Parallel()
				server := newServer(t, handler(&redoxauth.Options{BodyTimeout: timeout}), func(s *http.Server) { s.ReadTimeout = 300 * time.Millisecond })
				var peers []net.Conn
				for i := range 10 {
					if i%2 == 0 {
						peers = append(peers, stall(t, server.URL, "/", 10, 100))
						continue
					}
					conn := dial(t, server.URL)
					io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\naaaaa\r\n")
					peers = append(peers, conn)
				}
				for _, conn := range peers {
					closed(t, conn)
				}
			})
		}
	}
}

func dial(t *testing.T, url string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Without a ReadTimeout, BodyTimeout alone ends the connection.
func TestShutdownIsNotHeldUpByStalledBodies(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ server, body time.Duration }{
		"ReadTimeout": {200 * time.Millisecond, time.Minute}, "BodyTimeout": {0, 200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			server := newServer(t, redoxauth.Middleware(readsBody, &redoxauth.Options{BodyTimeout: tt.body})(drains),
				func(s *http.Server) { s.ReadTimeout = tt.server })
			for range 5 {
				stall(t, server.URL, "/", 10, 100)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := server.Config.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// The goroutine of a request reads its body. Nothing else waits for the peer.
func TestBodyIsReadWithoutAGoroutine(t *testing.T) {
	const peers = 50
	started := make(chan struct{}, peers)
	v := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		started <- struct{}{}
		return readsBody.Verify(r)
	})
	plain := func(w http.ResponseWriter, r *http.Request) { started <- struct{}{}; io.Copy(io.Discard, r.Body) }
	count := func(h http.Handler) int {
		server := newServer(t, h, nil)
		before := runtime.NumGoroutine()
		for range peers {
			stall(t, server.URL, "/", 1, 100)
			<-started
		}
		time.Sleep(10 * time.Millisecond)
		defer server.CloseClientConnections()
		return runtime.NumGoroutine() - before
	}
	if want, got := count(http.HandlerFunc(plain)), count(redoxauth.Middleware(v, nil)(drains)); got > want+peers/2 {
		t.Errorf("%d goroutines for %d stalled bodies, a plain handler has %d", got, peers, want)
	}
}

// What ends the read of one body must not end that of the next request of the connection,
// or cancel its context.
func TestGivingUpABodyDoesNotHitTheNextRequest(t *testing.T) {
	t.Parallel()
	const kib = 1 << 10
	opts := &redoxauth.Options{BodyTimeout: 2 * time.Millisecond, MaxBodyBytes: 8 * kib, MaxInFlight: 32 * kib}
	var accepted, canceled atomic.Int64
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accepted.Add(1)
		select {
		case <-r.Context().Done():
			canceled.Add(1)
		case <-time.After(5 * time.Millisecond):
		}
	})
	server := newServer(t, redoxauth.Middleware(readsBody, opts)(h), nil)
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			var conn net.Conn
			var answers *bufio.Reader
			for i := range 60 {
				if conn == nil {
					conn = dial(t, server.URL)
					answers = bufio.NewReader(conn)
				}
				fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", 8*kib)
				conn.Write(bytes.Repeat([]byte("a"), 4*kib))
				time.Sleep(time.Duration(i%8) * 300 * time.Microsecond) // about BodyTimeout
				conn.Write(bytes.Repeat([]byte("a"), 4*kib))
				answer, err := http.ReadResponse(answers, nil)
				if err != nil || answer.Close {
					conn.Close()
					conn = nil
				}
			}
		})
	}
	senders.Wait()
	if accepted.Load() == 0 || canceled.Load() > 0 {
		t.Errorf("the context of %d of %d accepted requests was canceled", canceled.Load(), accepted.Load())
	}
}

// A middleware in front has read the body. Then net/http waits in the background for the
// peer to hang up, and a read deadline would end that wait and the context with it.
func TestBodyBufferedInFrontKeepsTheContext(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter, io.Reader) io.ReadCloser{
		"NopCloser": func(_ http.ResponseWriter, b io.Reader) io.ReadCloser { return io.NopCloser(b) },
		"MaxBytesReader": func(w http.ResponseWriter, b io.Reader) io.ReadCloser {
			return http.MaxBytesReader(w, io.NopCloser(b), 1000)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got error
			inner := redoxauth.Middleware(readsBody, &redoxauth.Options{BodyTimeout: 20 * time.Millisecond})(
				http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					time.Sleep(60 * time.Millisecond)
					got = r.Context().Err()
				}))
			server := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				data, _ := io.ReadAll(r.Body)
				r.Body = wrap(w, bytes.NewReader(data))
				inner.ServeHTTP(w, r)
			}), nil)
			if code := status(t, server.URL, 100, false); code != 200 || got != nil {
				t.Errorf("status %d, the context of the handler: %v", code, got)
			}
		})
	}
}

// A deadline that the application set in front holds: ours does not take its place.
func TestDeadlineOfTheApplicationHolds(t *testing.T) {
	t.Parallel()
	inner := redoxauth.Middleware(readsBody, nil)(drains)
	server := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		inner.ServeHTTP(w, r)
	}), nil)
	closed(t, stall(t, server.URL, "/", 10, 100))
}

// A context that a middleware in front cancels ends the read. The peer gets its answer.
func TestContextEndsTheReadOfAConnection(t *testing.T) {
	t.Parallel()
	var observed error
	inner := redoxauth.Middleware(readsBody, &redoxauth.Options{Observe: func(_ *http.Request, d redoxauth.Decision) { observed = d.Err }})(never(t))
	server := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeoutCause(r.Context(), 20*time.Millisecond, errors.New("deploying"))
		defer cancel()
		inner.ServeHTTP(w, r.WithContext(ctx))
	}), nil)
	answer, err := http.ReadResponse(bufio.NewReader(stall(t, server.URL, "/", 10, 100)), nil)
	if err != nil || answer.StatusCode != 503 || answer.Header.Get("Retry-After") == "" || !answer.Close {
		t.Fatalf("got %+v, %v, want 503", answer, err)
	}
	var e *redoxauth.Error
	if !errors.As(observed, &e) || e.Reason != "canceled" || !strings.Contains(e.Error(), "deploying") {
		t.Errorf("got %v, want the reason canceled, and the cause", observed)
	}
}

// A body that net/http does not read from a connection is closed when its context ends.
func TestBodyOfAnotherFrameworkIsClosed(t *testing.T) {
	pr, pw := io.Pipe()
	defer pw.Close()
	r, s := withBody(pr, -1)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := redoxauth.Check(readsBody, nil, r.WithContext(ctx), nil); !errors.Is(err, redoxauth.ErrUnavailable) || !s.closed.Load() {
		t.Errorf("got %v, closed: %t", err, s.closed.Load())
	}
}

// In HTTP/2 a stalled body is one stream of many.
func TestStalledStreamKeepsItsConnection(t *testing.T) {
	opts := &redoxauth.Options{BodyTimeout: 50 * time.Millisecond}
	for name, h := range map[string]http.Handler{
		"Middleware": redoxauth.Middleware(readsBody, opts)(drains), "Check": checked(readsBody, opts)(drains), "ReadBody": readBody(opts),
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(h)
			server.EnableHTTP2 = true
			var conns atomic.Int64
			server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
				if s == http.StateNew {
					conns.Add(1)
				}
			}
			server.StartTLS()
			t.Cleanup(server.Close)
			send := func(body io.Reader) int {
				answer, err := server.Client().Post(server.URL, "", body)
				if err != nil {
					t.Fatal(err)
				}
				answer.Body.Close()
				return answer.StatusCode
			}
			pr, pw := io.Pipe()
			defer pw.Close()
			go pw.Write([]byte("a"))
			if got := send(pr); got != 503 {
				t.Errorf("stalled: status %d, want 503", got)
			}
			if got := send(strings.NewReader("a")); got != 200 || conns.Load() != 1 {
				t.Errorf("after it: status %d, on connection %d", got, conns.Load())
			}
		})
	}
}

// A peer that asks to close the connection, as nginx does by default, gets the answer to a body
// that nobody has read, and then an orderly end (RFC 9112, Section 9.6).
func TestRefusalOfAPeerThatClosesTheConnectionReachesIt(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1\r\nConnection: close", "HTTP/1.0"} {
		asked, arrived := make(chan struct{}), make(chan struct{})
		v := redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) {
			asked <- struct{}{}
			<-arrived
			return nil, redoxauth.Errorf(redoxauth.ErrRejected, "token", "wrong")
		})
		server := newServer(t, redoxauth.Middleware(v, nil)(never(t)), nil)
		conn := dial(t, server.URL)
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "POST / %s\r\nHost: h\r\nContent-Length: 10\r\n\r\n", protocol)
		<-asked
		io.WriteString(conn, "0123456789")
		close(arrived)
		answer, err := io.ReadAll(conn)
		if !strings.Contains(string(answer), " 401 ") || err != nil {
			t.Errorf("%s: got %q, %v, want a 401 and no reset", protocol, answer, err)
		}
	}
}

// Closing a connection with unread data resets it, and the peer may lose the answer
// (RFC 9112, Section 9.6). The buffers of the connection are small here, so that a body which
// nobody reads is not sent to its end.
func TestEarlyRefusalReachesThePeer(t *testing.T) {
	const size = 290 << 10
	small := &redoxauth.Options{MaxBodyBytes: 100 << 10}
	full := &redoxauth.Options{MaxBodyBytes: size, MaxInFlight: 10}
	for name, h := range map[string]http.Handler{
		"413 Middleware": redoxauth.Middleware(readsBody, small)(drains),
		"413 Check":      checked(readsBody, small)(drains),
		"413 ReadBody":   readBody(small),
		"503 Middleware": redoxauth.Middleware(readsBody, full)(drains),
	} {
		chunked := "Transfer-Encoding: chunked\r\n\r\n%x\r\n"
		headers := map[string]int{"Content-Length: %d\r\n\r\n": size, chunked: size}
		if name[:3] == "413" { // it was asked for the body, before that was too large
			headers["Expect: 100-continue\r\n"+chunked] = 500 << 10
		}
		for header, size := range headers {
			server := newServer(t, h, func(s *http.Server) {
				s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
					c.(*net.TCPConn).SetReadBuffer(32 << 10)
					return ctx
				}
			})
			// One at a time: the server waits for 50 ms.
			t.Run(name+", "+header[:7], func(t *testing.T) {
				send := func() (int, error) {
					conn := dial(t, server.URL)
					defer conn.Close()
					conn.(*net.TCPConn).SetWriteBuffer(32 << 10)
					conn.SetDeadline(time.Now().Add(20 * time.Second))
					end := ""
					if strings.HasSuffix(header, chunked) {
						end = "\r\n0\r\n\r\n"
					}
					if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\n"+fmt.Sprintf(header, size)+strings.Repeat("a", size)+end); err != nil {
						return 0, err
					}
					answers := bufio.NewReader(conn)
					answer, err := http.ReadResponse(answers, nil)
					if err == nil && answer.StatusCode == http.StatusContinue {
						answer, err = http.ReadResponse(answers, nil)
					}
					if err != nil {
						return 0, err
					}
					return answer.StatusCode, nil
				}
				code, err := send()
				for range 5 { // a busy machine needs more than 50 ms
					if err == nil {
						break
					}
					code, err = send()
				}
				if fmt.Sprint(code) != name[:3] {
					t.Errorf("got %d, %v", code, err)
				}
			})
		}
	}
}

// A sender of a large body that is given up, or refused in the middle, gets its answer too.
// After such an answer net/http must end its own side first, and close the connection later
// (RFC 9112, Section 9.6). How long it waits is its decision, and on a busy machine that is too
// short for a sender. Here it closes when the sender is done.
func TestRefusalInTheMiddleOfALargeBodyReachesTheSender(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for name, h := range map[string]http.Handler{
		"busy, Middleware": redoxauth.Middleware(readsBody, &redoxauth.Options{MaxBodyBytes: 8 * mib, MaxInFlight: 20 * mib})(drains),
		"busy, Check":      checked(readsBody, &redoxauth.Options{MaxBodyBytes: 8 * mib, MaxInFlight: 20 * mib})(drains),
		"busy, ReadBody":   readBody(&redoxauth.Options{MaxBodyBytes: 8 * mib, MaxInFlight: 20 * mib}),
		"too large":        redoxauth.Middleware(readsBody, &redoxauth.Options{MaxBodyBytes: 6 * mib})(drains),
		"too large, wrapped writer": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			redoxauth.Middleware(readsBody, &redoxauth.Options{MaxBodyBytes: 6 * mib})(drains).ServeHTTP(unwrappingWriter{w}, r)
		}),
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, chunked: %t", name, chunked), func(t *testing.T) {
				server := httptest.NewUnstartedServer(h)
				done := make(chan struct{})
				listener := &patientListener{Listener: server.Listener, done: done}
				server.Listener = listener
				server.Start()
				t.Cleanup(server.Close)
				var senders sync.WaitGroup
				var refused atomic.Int64
				for range 4 {
					senders.Go(func() {
						var body io.Reader = bytes.NewReader(make([]byte, 7*mib))
						if chunked {
							body = io.MultiReader(body)
						}
						client := &http.Client{Transport: &http.Transport{}}
						defer client.CloseIdleConnections()
						answer, err := client.Post(server.URL, "", body)
						if err != nil {
							t.Error(err)
							return
						}
						answer.Body.Close()
						switch answer.StatusCode {
						case 200:
						case 413, 503:
							refused.Add(1)
						default:
							t.Errorf("status %d", answer.StatusCode)
						}
					})
				}
				senders.Wait()
				close(done)
				server.Close() // waits for what follows an answer
				if ended, want := listener.ended.Load(), refused.Load(); ended != want {
					t.Errorf("of %d refused connections the server ended its own side of %d first", want, ended)
				}
			})
		}
	}
}

// An unwrappingWriter is what a middleware that logs answers puts in front.
type unwrappingWriter struct{ http.ResponseWriter }

func (w unwrappingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A patientListener accepts connections that close late, if the server has ended its own side
// of them first.
type patientListener struct {
	net.Listener
	done  chan struct{} // when the late ones close
	ended atomic.Int64  // the server's own sides
}

func (l *patientListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &patientConn{TCPConn: conn.(*net.TCPConn), listener: l}, nil
}

type patientConn struct {
	*net.TCPConn
	listener *patientListener
	ended    atomic.Bool
}

func (c *patientConn) CloseWrite() error {
	if c.ended.CompareAndSwap(false, true) {
		c.listener.ended.Add(1)
	}
	return c.TCPConn.CloseWrite()
}

func (c *patientConn) Close() error {
	if c.ended.Load() {
		<-c.listener.done
	}
	return c.TCPConn.Close()
}

// A peer that waits for "100 Continue" has sent nothing, and need not.
func TestEarlyRefusalAsksForNoBody(t *testing.T) {
	t.Parallel()
	server := newServer(t, redoxauth.Middleware(readsBody, &redoxauth.Options{MaxBodyBytes: 10})(drains), nil)
	line, err := converse(t, server.URL, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n").ReadString('\n')
	if err != nil || !strings.Contains(line, " 413 ") {
		t.Errorf("got %q, %v, want the 413 at once", line, err)
	}
}

// A refused peer may stall as well. The answer then waits for a moment, and no longer.
func TestEarlyRefusalDoesNotWaitForAStalledPeer(t *testing.T) {
	t.Parallel()
	server := newServer(t, redoxauth.Middleware(readsBody, &redoxauth.Options{MaxBodyBytes: 10})(drains), nil)
	closed(t, stall(t, server.URL, "/", 5, 1000))
}

// A writer in front may hide the deadline. Then the answer does not wait at all.
func TestEarlyRefusalBehindAWriterThatHidesTheDeadline(t *testing.T) {
	t.Parallel()
	inner := redoxauth.Middleware(readsBody, &redoxauth.Options{MaxBodyBytes: 10})(drains)
	server := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	}), nil)
	conn := stall(t, server.URL, "/", 5, 1000)
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	conn.Close()
	if err != nil || answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %v, %v, want 413", answer, err)
	}
}

// A refusal that leaves nothing unread ends no connection: the peer can send its next message.
func TestRefusalOfAWholeBodyKeepsTheConnection(t *testing.T) {
	for _, kind := range []error{redoxauth.ErrNoCredentials, redoxauth.ErrRejected, redoxauth.ErrForbidden, redoxauth.ErrUnavailable} {
		server := newServer(t, redoxauth.Middleware(hashes(kind), nil)(never(t)), nil)
		const request = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\nmessage"
		answers := converse(t, server.URL, request+request)
		for i := range 2 {
			answer, err := http.ReadResponse(answers, nil)
			if err != nil || answer.Close || answer.StatusCode != redoxauth.StatusCode(kind) {
				t.Errorf("%v, answer %d: %v, %v, want the connection kept", kind, i, answer, err)
				break
			}
			io.Copy(io.Discard, answer.Body)
		}
	}
}

// An http.Transport may read the body after its handler has returned, as ReverseProxy's
// does. It must not see the next message in the memory of this one.
func TestBodyIsGoneWhenTheHandlerReturns(t *testing.T) {
	var left io.ReadCloser
	h := redoxauth.Middleware(provenBody, nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { left = r.Body }))
	serve(h, post(strings.Repeat("a", 10_000)))
	if n, err := left.Read(make([]byte, 100)); n != 0 || !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("read %d bytes, %v, want http.ErrBodyReadAfterClose", n, err)
	}
}

// A writer in front may hide the deadline. Then BodyTimeout is looked at whenever some bytes
// arrive, and ReadTimeout ends a read when none do.
func TestTricklingBodyEndsBehindAWriterThatHidesTheDeadline(t *testing.T) {
	inner := redoxauth.Middleware(readsBody, &redoxauth.Options{BodyTimeout: 50 * time.Millisecond})(never(t))
	server := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	}), nil)
	conn := stall(t, server.URL, "/", 1, 1_000_000)
	go func() {
		for {
			if _, err := conn.Write([]byte("a")); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %v, %v, want 503", answer, err)
	}
}
