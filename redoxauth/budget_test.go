package redoxauth_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// stall opens a connection, sends a POST that declares length bytes and only the
// first sent of them, and keeps it open.
func stall(t *testing.T, url, path string, sent, length int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", path, length, strings.Repeat("a", sent)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A limited is a server with the paths /body, /proven and /check, and one budget.
type limited struct {
	url     string
	held    chan struct{} // receives when a handler holds its request
	release func()        // ends them
}

func newLimited(t *testing.T, opts *redoxauth.Options) limited {
	l := limited{held: make(chan struct{}, 10)}
	released := make(chan struct{})
	l.release = sync.OnceFunc(func() { close(released) })
	hold := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Hold") != "" {
			l.held <- struct{}{}
			<-released
		}
	})
	mux := http.NewServeMux()
	mux.Handle("/body", redoxauth.Middleware(readsBody, opts)(hold))
	mux.Handle("/proven", redoxauth.Middleware(provenBody, opts)(hold))
	mux.HandleFunc("/check", func(w http.ResponseWriter, r *http.Request) {
		checked, err := redoxauth.Check(readsBody, w, r, opts)
		if err != nil {
			redoxauth.WriteError(w, err)
			return
		}
		hold(w, checked)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(l.release)
	l.url = server.URL
	return l
}

// status sends a body of size bytes and returns the answer's status.
func status(t *testing.T, url string, size int, hold bool) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(strings.Repeat("a", size)))
	if err != nil {
		t.Fatal(err)
	}
	if hold {
		r.Header.Set("Hold", "yes")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	return response.StatusCode
}

// eventually waits for what other connections bring about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// Forgeries cannot use the half that is for genuine messages, and a full half refuses no
// newcomer: the bodies that stall are given up.
func TestStalledBodiesKeepNobodyOut(t *testing.T) {
	t.Parallel()
	const kib = 1 << 10
	for _, path := range []string{"/body", "/check", "/proven"} {
		t.Run(path, func(t *testing.T) {
			url := newLimited(t, &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: 200 * kib}).url
			for range 10 {
				stall(t, url, path, 90*kib, 100*kib)
			}
			time.Sleep(time.Second) // what stalls has come first
			eventually(t, "a message beside bodies that have stalled", func() bool { return status(t, url+path, 50*kib, false) == 200 })
			for range 5 {
				if got := status(t, url+path, 50*kib, false); got != 200 {
					t.Errorf("beside stalled bodies: status %d", got)
				}
			}
			if got := status(t, url+"/proven", 100*kib, false); got != 200 {
				t.Errorf("100 KiB, proven: status %d", got)
			}
		})
	}
}

// Bodies that stall are given up for an unproven body also while proven bodies wait, for which
// no room can be made.
func TestUnprovenBodyIsServedBesideProvenOnesThatWait(t *testing.T) {
	t.Parallel()
	const kib = 1 << 10
	l := newLimited(t, &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: 200 * kib})
	var senders sync.WaitGroup
	over := make(chan struct{})
	defer func() {
		close(over)
		l.release()
		senders.Wait()
	}()
	senders.Go(func() { status(t, l.url+"/proven", 100*kib, true) })
	<-l.held
	stall(t, l.url, "/body", 100*kib-1, 100*kib)
	time.Sleep(500 * time.Millisecond)
	for range 5 { // one after the other, so that at any time some wait
		senders.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					status(t, l.url+"/proven", 2*kib, false)
				}
			}
		})
		time.Sleep(100 * time.Millisecond)
	}
	if got := status(t, l.url+"/body", 50*kib, false); got != 200 {
		t.Errorf("status %d, want 200", got)
	}
}

// A TimeoutHandler in front hides the connection, so the reads of stalled bodies cannot be
// ended. They keep only what their readers hold: one chunk each.
func TestStalledBodiesBehindATimeoutHandlerKeepNobodyOut(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	opts := &redoxauth.Options{MaxBodyBytes: 4 * mib, MaxInFlight: 8 * mib}
	verified := redoxauth.Middleware(readsBody, opts)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	mux := http.NewServeMux()
	mux.Handle("/", verified)
	mux.Handle("/timeout", http.TimeoutHandler(verified, time.Minute, ""))
	server := httptest.NewServer(mux)
	defer server.Close()
	for range 5 {
		stall(t, server.URL, "/timeout", 3*mib, 4*mib)
	}
	time.Sleep(time.Second) // what stalls has come first

	// On a busy machine they stall later.
	eventually(t, "messages beside bodies that have stalled", func() bool {
		for _, path := range []string{"/", "/", "/timeout", "/"} {
			if status(t, server.URL+path, 2*mib, false) != 200 {
				return false
			}
		}
		return true
	})
	server.CloseClientConnections()
}

// Memory that the reader of a stalled body still holds is not given to another: that would be
// more than MaxInFlight (CWE-770). It is free when the read ends.
func TestMemoryOfAReaderThatWaitsOnIsNotGivenAway(t *testing.T) {
	t.Parallel()
	const kib = 1 << 10
	opts := &redoxauth.Options{MaxBodyBytes: 32 * kib, MaxInFlight: 64 * kib}
	verified := redoxauth.Middleware(readsBody, opts)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	mux := http.NewServeMux()
	mux.Handle("/", verified)
	mux.Handle("/timeout", http.TimeoutHandler(verified, time.Minute, ""))
	server := httptest.NewServer(mux)
	defer server.Close()
	var stalled []net.Conn
	for range 8 { // each holds a chunk of 4 KiB, together the unproven half
		stalled = append(stalled, stall(t, server.URL, "/timeout", 1, 20*kib))
	}
	eventually(t, "no room beside bodies that are read", func() bool { return status(t, server.URL+"/", kib, false) == 503 })
	for range 2 {
		if got := status(t, server.URL+"/", kib, false); got != 503 {
			t.Errorf("while the bodies are read: status %d, want 503", got)
		}
	}
	for _, conn := range stalled {
		conn.Close()
	}
	eventually(t, "room after the reads have ended", func() bool { return status(t, server.URL+"/", kib, false) == 200 })
}

// What was verified is still in memory while the handler runs, but no longer among
// the bodies that prove nothing.
func TestChargeIsHeldUntilTheHandlerReturns(t *testing.T) {
	t.Parallel()
	const kib = 1 << 10
	for _, path := range []string{"/body", "/check"} {
		t.Run(path, func(t *testing.T) {
			l := newLimited(t, &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: 200 * kib})
			answered := make(chan int, 2)
			for range 2 { // the second only passes because the first is proven by now
				go func() { answered <- status(t, l.url+path, 90*kib, true) }()
				select {
				case <-l.held:
				case got := <-answered:
					t.Fatalf("status %d, want it held", got)
				}
			}
			if got := status(t, l.url+"/proven", 30*kib, false); got != 503 {
				t.Errorf("30 KiB beside two times 90 of 200: status %d", got)
			}
			if got := status(t, l.url+"/proven", 15*kib, false); got != 200 {
				t.Errorf("15 KiB beside two times 90 of 200: status %d", got)
			}
			l.release()
			if a, b := <-answered, <-answered; a != 200 || b != 200 {
				t.Errorf("held requests: status %d and %d, want 200", a, b)
			}
			eventually(t, "released", func() bool { return status(t, l.url+"/body", 90*kib, false) == 200 })
		})
	}
}

func TestMaxInFlightNegativeIsNoBound(t *testing.T) {
	const kib = 1 << 10
	opts := &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: -1}
	url := newLimited(t, opts).url
	for range 20 {
		stall(t, url, "/body", 90*kib, 100*kib)
	}
	if got := status(t, url+"/body", 100*kib, false); got != 200 {
		t.Errorf("status %d", got)
	}
}

// The charge of a request that comes from elsewhere than net/http ends with Check:
// nothing says when the request does.
func TestCheckOutsideOfNetHTTPLeaksNoCharge(t *testing.T) {
	// The context of another framework may be that of its server, which ends with the process.
	endless, cancel := context.WithCancel(t.Context())
	defer cancel()
	for name, ctx := range map[string]context.Context{"without an end": context.Background(), "with an end that does not come": endless} {
		opts := &redoxauth.Options{MaxBodyBytes: 100, MaxInFlight: 200}
		for i := range 20 {
			r, _ := withBody(strings.NewReader(strings.Repeat("a", 90)), 90)
			if _, err := redoxauth.Check(readsBody, nil, r.WithContext(ctx), opts); err != nil {
				t.Fatalf("a context %s, request %d: %v", name, i, err)
			}
		}
	}
}

// The outermost wrapper has the charge, so what ends inside of it gives nothing back. Else more
// than MaxInFlight could be used (CWE-770).
func TestInnerCheckKeepsTheChargeOfTheOuterWrapper(t *testing.T) {
	for name, inner := range map[string]func(*http.Request) error{
		"Check":    func(r *http.Request) error { _, err := redoxauth.Check(readsBody, nil, r, nil); return err },
		"ReadBody": func(r *http.Request) error { _, err := redoxauth.ReadBody(nil, r, nil); return err },
	} {
		synctest.Test(t, func(t *testing.T) {
			opts := &redoxauth.Options{MaxBodyBytes: 100, MaxInFlight: 100}
			another := func(size int) error {
				_, err := redoxauth.Check(provenBody, nil, post(strings.Repeat("a", size)), opts)
				return err
			}
			serve(redoxauth.Middleware(provenBody, opts)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if err := inner(r); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if err := another(41); !errors.Is(err, redoxauth.ErrUnavailable) {
					t.Errorf("%s: 41 bytes beside 60 of 100: %v, want no room", name, err)
				}
				if err := another(40); err != nil {
					t.Errorf("%s: 40 bytes beside 60 of 100: %v", name, err)
				}
			})), post(strings.Repeat("a", 60)))
			if err := another(100); err != nil {
				t.Errorf("%s: after all: %v", name, err)
			}
		})
	}
}

func TestRefusedRequestsLeakNoCharge(t *testing.T) {
	opts := &redoxauth.Options{MaxBodyBytes: 100, MaxInFlight: 200}
	refuses := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if _, err := redoxauth.Body(r); err != nil {
			return nil, err
		}
		return nil, redoxauth.ErrRejected
	})
	panics := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		redoxauth.Body(r)
		panic("in the verifier")
	})
	for i := range 40 {
		for _, v := range []redoxauth.Verifier{refuses, panics, redoxauth.AllOf(readsBody, refuses)} {
			r, _ := withBody(strings.NewReader(strings.Repeat("a", 90)), 90)
			if _, err := redoxauth.Check(v, nil, r, opts); err == nil || errors.Is(err, redoxauth.ErrUnavailable) {
				t.Fatalf("request %d: %v", i, err)
			}
		}
	}
}

func TestPanickingHandlerLeaksNoCharge(t *testing.T) {
	opts := &redoxauth.Options{MaxBodyBytes: 100, MaxInFlight: 100}
	h := redoxauth.Middleware(provenBody, opts)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	for i := range 5 {
		r, _ := withBody(strings.NewReader(strings.Repeat("a", 90)), 90)
		w := httptest.NewRecorder()
		func() {
			defer func() { recover() }()
			h.ServeHTTP(w, r)
		}()
		if w.Code == http.StatusServiceUnavailable {
			t.Fatalf("request %d: 503", i)
		}
	}
}

// A peer that stalls gets its 503 at once, not when it sends the rest: net/http would
// wait for that if the connection were kept. What it had sent is given back although
// it keeps the connection open.
func TestStallingPeerIsAnsweredAfterBodyTimeout(t *testing.T) {
	t.Parallel()
	const kib = 1 << 10
	for _, path := range []string{"/body", "/proven", "/check"} {
		t.Run(path, func(t *testing.T) {
			url := newLimited(t, &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: 200 * kib, BodyTimeout: 50 * time.Millisecond}).url
			var peers []net.Conn
			for range 3 {
				peers = append(peers, stall(t, url, path, 60*kib, 100*kib))
			}
			for _, peer := range peers {
				peer.SetReadDeadline(time.Now().Add(10 * time.Second))
				answer, err := http.ReadResponse(bufio.NewReader(peer), nil)
				if err != nil {
					t.Fatal(err)
				}
				if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || !answer.Close {
					t.Errorf("answer %d %v, want 503 with Retry-After and Connection: close", answer.StatusCode, answer.Header)
				}
			}
			eventually(t, "released", func() bool { return status(t, url+path, 90*kib, false) == 200 })
		})
	}
}

// A charge that is not given back turns into 503 for everybody, for ever.
func TestChargeIsGivenBackWhateverHappens(t *testing.T) {
	tests := []struct {
		name    string
		v       redoxauth.Verifier
		observe func(*http.Request, redoxauth.Decision)
		context func(context.Context) context.Context
	}{
		{"Observe panics", readsBody, func(*http.Request, redoxauth.Decision) { panic("observe") }, nil},
		{"a Verifier ends its goroutine", redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
			redoxauth.Body(r)
			runtime.Goexit()
			return nil, nil
		}), nil, nil},
		{"the context lost its end", readsBody, nil, context.WithoutCancel},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opts := &redoxauth.Options{MaxBodyBytes: 1000, MaxInFlight: 2000, Observe: tt.observe}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/after" {
					opts.Observe = nil
					if _, err := redoxauth.Check(readsBody, w, r, opts); err != nil {
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

// A peer that knows one proof of AllOf must still send what we hold for it.
func TestProvenPeerMustSendWhatIsHeld(t *testing.T) {
	const kib = 1 << 10
	opts := &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: 200 * kib}
	accepts := verifier("accepts", nil)
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for name, h := range map[string]http.Handler{
		"AllOf":  redoxauth.Middleware(redoxauth.AllOf(accepts, readsBody), opts)(ok),
		"nested": redoxauth.Middleware(accepts, opts)(redoxauth.Middleware(readsBody, opts)(ok)),
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(h)
			t.Cleanup(server.Close)
			for range 8 {
				stall(t, server.URL, "/", 0, 100*kib)
			}
			time.Sleep(50 * time.Millisecond)
			if got := status(t, server.URL, 90*kib, false); got != 200 {
				t.Errorf("status %d, want 200: nothing of the other bodies has arrived", got)
			}
		})
	}
}

// Who reads a small body holds it for as long as the request lasts.
func TestReadBodyIsChargedUntilTheRequestEnds(t *testing.T) {
	t.Parallel()
	opts := &redoxauth.Options{MaxBodyBytes: 1000, MaxInFlight: 3000}
	held, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := redoxauth.ReadBody(w, r, opts); err != nil {
			redoxauth.WriteError(w, err)
		} else if r.Header.Get("Hold") != "" {
			held <- struct{}{}
			<-release
		}
	}))
	t.Cleanup(server.Close)
	answered := make(chan int, 1)
	go func() { answered <- status(t, server.URL, 900, true) }()
	<-held
	if got := status(t, server.URL, 900, false); got != 503 {
		t.Errorf("beside a body that is held: status %d, want 503", got)
	}
	close(release)
	if got := <-answered; got != 200 {
		t.Errorf("the body that was held: status %d", got)
	}
	eventually(t, "released", func() bool { return status(t, server.URL, 900, false) == 200 })
}
