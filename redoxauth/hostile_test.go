package redoxauth_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

var (
	accepting = redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) {
		return &redoxauth.Identity{Strategy: "test"}, nil
	})
	refusing = redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) {
		return nil, redoxauth.ErrRejected
	})
	hashing = redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		_, err := redoxauth.Body(r)
		return &redoxauth.Identity{Strategy: "test"}, err
	})
)

// A charge that is not given back turns into 503 for everybody, for ever.
func TestChargeIsGivenBackWhateverHappens(t *testing.T) {
	tests := []struct {
		name    string
		v       redoxauth.Verifier
		observe func(*http.Request, redoxauth.Decision)
		context func(context.Context) context.Context
	}{
		{"Observe panics", hashing, func(*http.Request, redoxauth.Decision) { panic("observe") }, nil},
		{"a Verifier ends its goroutine", redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
			redoxauth.Body(r)
			runtime.Goexit()
			return nil, nil
		}), nil, nil},
		{"the context lost its end", hashing, nil, context.WithoutCancel},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opts := &redoxauth.Options{MaxBodyBytes: 1000, MaxInFlight: 2000, Observe: tt.observe}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/after" {
					opts.Observe = nil
					if _, err := redoxauth.Check(hashing, nil, r, opts); err != nil {
						redoxauth.WriteError(w, err)
					}
					return
				}
				done := make(chan struct{})
				go func() { // apart, so that net/http need not survive it
					defer close(done)
					defer func() { recover() }()
					if tt.context != nil {
						r = r.WithContext(tt.context(r.Context()))
					}
					redoxauth.Check(tt.v, nil, r, opts)
				}()
				<-done
			}))
			defer server.Close()
			post := func(path string) int {
				res, err := http.Post(server.URL+path, "", strings.NewReader(strings.Repeat("x", 900)))
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				return res.StatusCode
			}
			for range 5 {
				post("/")
			}
			if got := post("/after"); got != http.StatusOK {
				t.Errorf("got %d after it, want 200", got)
			}
		})
	}
}

// The body is read in a goroutine of its own, where net/http recovers nothing.
func TestPanicInReadIsRefused(t *testing.T) {
	for name, read := range map[string]func([]byte) (int, error){
		"panic":  func([]byte) (int, error) { panic("a broken decompressor") },
		"Goexit": func([]byte) (int, error) { runtime.Goexit(); return 0, nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(readerFunc(read)))
			_, err := redoxauth.Check(hashing, nil, r, &redoxauth.Options{})
			if got := redoxauth.StatusCode(err); got != http.StatusInternalServerError {
				t.Errorf("got %d, %v, want 500", got, err)
			}
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestLimitsDoNotOverflow(t *testing.T) {
	for _, limit := range []int64{math.MaxInt64, 1 << 61, 1 << 60} {
		opts := &redoxauth.Options{MaxBodyBytes: limit}
		r := httptest.NewRequest(http.MethodPost, "/", iotest.OneByteReader(strings.NewReader(strings.Repeat("x", 10_000))))
		if _, err := redoxauth.Check(hashing, nil, r, opts); err != nil {
			t.Errorf("MaxBodyBytes %d: %v", limit, err)
		}
	}
}

// A request whose headers are proven may say that 40 MiB follow, and send none.
func TestBufferOfAProvenBodyIsCharged(t *testing.T) {
	proven := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		err := redoxauth.HashProvenBody(r, sha256.New())
		return &redoxauth.Identity{}, err
	})
	opts := &redoxauth.Options{MaxBodyBytes: 1000, MaxInFlight: 1500}
	stalled, _ := io.Pipe()
	first := httptest.NewRequest(http.MethodPost, "/", stalled)
	first.ContentLength = 1000
	started := make(chan struct{})
	first.Body = io.NopCloser(io.MultiReader(readerFunc(func([]byte) (int, error) { close(started); return 0, io.EOF }), stalled))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := redoxauth.Check(proven, nil, first.WithContext(ctx), opts)
		done <- err
	}()
	<-started
	second := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", 1000)))
	if _, err := redoxauth.Check(proven, nil, second, opts); redoxauth.StatusCode(err) != http.StatusServiceUnavailable {
		t.Errorf("got %v, want 503: two buffers of 1000 bytes are over the 1500", err)
	}
	cancel()
	<-done
}

// A careless verifier may accept although the body did not arrive; the goroutine that
// reads it goes on while an inner wrapper applies its smaller limits (-race).
func TestInnerLimitDoesNotTouchAReadGivenUp(t *testing.T) {
	careless := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		redoxauth.Body(r)
		return &redoxauth.Identity{}, nil
	})
	peer, body := io.Pipe()
	arriving := make(chan struct{})
	go func() {
		defer close(arriving)
		for range 200 {
			body.Write([]byte("x"))
			time.Sleep(100 * time.Microsecond)
		}
		body.Close()
	}()
	r, err := redoxauth.Check(careless, nil, httptest.NewRequest(http.MethodPost, "/", peer), &redoxauth.Options{BodyTimeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := redoxauth.Check(hashing, nil, r, &redoxauth.Options{MaxBodyBytes: 10}); !errors.Is(err, redoxauth.ErrUnavailable) {
		t.Errorf("got %v, want the body still unavailable", err)
	}
	peer.Close()
	<-arriving
}

// What net/http does for a plain handler that leaves the body unread, it must do behind
// a wrapper: answer at once, and not ask for the body first (RFC 9110, Section 10.1.1).
func TestUnreadBodyDoesNotDelayTheAnswer(t *testing.T) {
	unread := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnsupportedMediaType) })
	wrap := func(v redoxauth.Verifier) func(http.Handler) http.Handler { return redoxauth.Middleware(v, nil) }
	for name, h := range map[string]http.Handler{
		"refused by an inner wrapper":    wrap(accepting)(wrap(refusing)(unread)),
		"not read by the handler":        wrap(accepting)(unread),
		"not read behind two wrappers":   wrap(accepting)(wrap(accepting)(unread)),
		"refused by the second of AllOf": wrap(redoxauth.AllOf(accepting, refusing))(unread),
	} {
		for _, header := range []string{"Expect: 100-continue\r\nContent-Length: 1000\r\n", "Content-Length: 30000000\r\n"} {
			t.Run(name+", "+header[:6], func(t *testing.T) {
				server := httptest.NewServer(h)
				defer server.Close()
				conn, err := net.Dial("tcp", server.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n", header)
				conn.SetReadDeadline(time.Now().Add(5 * time.Second))
				line, err := bufio.NewReader(conn).ReadString('\n')
				if err != nil || !strings.Contains(line, " 4") {
					t.Errorf("got %q, %v, want the refusal at once", line, err)
				}
			})
		}
	}
}

// The classic typed nil: a Verifier that returns its *Error variable.
func TestOddErrorsOfAVerifierAreClosed(t *testing.T) {
	none := &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Reason: "missing"}
	down := &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "keys"}
	wrong := &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: "signature"}
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"a nil *Error", (*redoxauth.Error)(nil), 500},
		{"one that panics when unwrapped", (*unwrapPanics)(nil), 500},
		{"one that cannot be compared", uncomparable{"x"}, 500},
		{"an Error of such a kind", &redoxauth.Error{Kind: uncomparable{"x"}, Err: uncomparable{"x"}}, 500},
		{"none and unavailable", errors.Join(none, down), 503},
		{"unavailable and none", errors.Join(down, none), 503},
		{"none and rejected", fmt.Errorf("tried: %w", errors.Join(none, wrong)), 401},
		{"an Error that leaves the kind to its cause", fmt.Errorf("x: %w", &redoxauth.Error{Reason: "keys", Err: redoxauth.ErrUnavailable}), 503},
		{"an Error with another kind as its cause", &redoxauth.Error{Kind: redoxauth.ErrRejected, Err: down}, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) { return nil, tt.err })
			var observed redoxauth.Decision
			opts := &redoxauth.Options{Observe: func(_ *http.Request, d redoxauth.Decision) { observed = d }}
			h := redoxauth.Middleware(redoxauth.AnyOf(v, accepting), opts)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				t.Error("the handler ran")
			}))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
			if w.Code != tt.want {
				t.Errorf("got %d, want %d", w.Code, tt.want)
			}
			var e *redoxauth.Error
			if !errors.As(observed.Err, &e) || e.Reason == "" {
				t.Errorf("observed %#v, want an Error with a reason", observed.Err)
			}
			_ = observed.Err.Error() // must not panic
		})
	}
}

type unwrapPanics struct{ err error }

func (e *unwrapPanics) Error() string { return "panics" }
func (e *unwrapPanics) Unwrap() error { return e.err }

type uncomparable []string

func (uncomparable) Error() string { return "cannot be compared" }

// net/http quotes a malformed trailer in its error, and a peer may put a credential there.
func TestErrorOfTheBodyDoesNotQuoteThePeer(t *testing.T) {
	var observed error
	opts := &redoxauth.Options{Observe: func(_ *http.Request, d redoxauth.Decision) { observed = d.Err }}
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		redoxauth.Middleware(hashing, opts)(http.NotFoundHandler()).ServeHTTP(w, r)
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nAuthorization Bearer SECRET\r\n\r\n")
	<-done
	if !errors.Is(observed, redoxauth.ErrMalformed) || strings.Contains(observed.Error(), "SECRET") {
		t.Errorf("got %v, want ErrMalformed without the trailer", observed)
	}
}

func TestLogLineIsBounded(t *testing.T) {
	var log bytes.Buffer
	observe := redoxauth.LogDecisions(slog.New(slog.NewJSONHandler(&log, nil)))
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	long := strings.Repeat("x", 1<<20)
	r.Method, r.RemoteAddr = long, long
	observe(r, redoxauth.Decision{Err: &redoxauth.Error{Kind: redoxauth.ErrRejected, Err: errors.New(long)}})
	if log.Len() > 4096 {
		t.Errorf("a line of %d bytes", log.Len())
	}
}

// A verifier that drains r.Body would leave the handler an empty message, and a 200.
func TestVerifierThatReadsTheRawBodyIsNoticed(t *testing.T) {
	careless := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		io.Copy(io.Discard, r.Body)
		return &redoxauth.Identity{}, nil
	})
	_, err := redoxauth.Check(careless, nil, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("message")), nil)
	if got := redoxauth.StatusCode(err); got != http.StatusInternalServerError {
		t.Errorf("got %d, want 500", got)
	}
	rereading := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		redoxauth.Body(r)
		io.Copy(io.Discard, r.Body)
		return &redoxauth.Identity{}, nil
	})
	r, err := redoxauth.Check(rereading, nil, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("message")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(r.Body); string(got) != "message" {
		t.Errorf("the handler reads %q", got)
	}
}
