package redoxauth_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

type wrapper = func(http.Handler) http.Handler

// hashes reads the body as sigv4 does, and returns err.
func hashes(err error) redoxauth.Verifier {
	return redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if err := redoxauth.HashBody(r, sha256.New()); err != nil {
			return nil, err
		}
		return verifier("hashes", err).Verify(r)
	})
}

// verdicts are Verifiers of every sort, also those that break their promises.
var verdicts = map[string]redoxauth.Verifier{
	"accepts":                   verifier("", nil),
	"refuses":                   verifier("", redoxauth.ErrRejected),
	"unavailable":               verifier("", redoxauth.ErrUnavailable),
	"reads, accepts":            readsBody,
	"hashes, accepts":           hashes(nil),
	"hashes, refuses":           hashes(redoxauth.ErrRejected),
	"hashes as proven, accepts": provenBody,
	"two read it":               redoxauth.AllOf(hashes(nil), readsBody, provenBody),
	"neither": redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) {
		return nil, nil
	}),
	"hashes, panics": redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		redoxauth.HashBody(r, sha256.New())
		panic("p")
	}),
	"reads r.Body": redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if r.Body != nil {
			io.ReadFull(r.Body, make([]byte, 2))
		}
		return &redoxauth.Identity{}, nil
	}),
	"reads r.Body, then hashes": redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if r.Body != nil {
			r.Body.Read(make([]byte, 2))
		}
		return hashes(redoxauth.ErrRejected).Verify(r)
	}),
	"closes r.Body": redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, redoxauth.ErrRejected
	}),
	"writes to the request": redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		r.Header.Set("X-Front", "spoilt")
		r.URL.Path, r.Host, r.ContentLength = "/spoilt", "spoilt", 7
		r.ParseForm()
		r.Body = http.NoBody
		return nil, redoxauth.ErrRejected
	}),
}

// A seen request is what a handler finds.
type seen struct {
	Body, Err, Front, Path, Identity string
	Length                           int64
	Trailer                          http.Header
}

// sees returns a handler that reads a request into s.
func sees(s *seen) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.Front, s.Path, s.Length = r.Header.Get("X-Front"), r.URL.Path, r.ContentLength
		if id, ok := redoxauth.FromContext(r.Context()); ok {
			s.Identity = id.Strategy
		}
		body, err := io.ReadAll(r.Body)
		if len(body) > 1<<10 {
			body = fmt.Appendf(nil, "%d bytes %x", len(body), sha256.Sum256(body))
		}
		s.Body, s.Err, s.Trailer = string(body), fmt.Sprint(err), r.Trailer.Clone()
	})
}

// A switched server serves the handler that is set.
type switched struct {
	*httptest.Server
	handler atomic.Value
}

func newSwitched(t *testing.T, proto int) *switched {
	s := &switched{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != proto {
			t.Errorf("got %s", r.Proto)
		}
		s.handler.Load().(http.HandlerFunc)(w, r)
	}))
	if s.EnableHTTP2 = proto == 2; proto == 2 {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func (s *switched) send(t *testing.T, h http.Handler, body io.Reader, trailer http.Header) int {
	t.Helper()
	s.handler.Store(http.HandlerFunc(h.ServeHTTP))
	r, err := http.NewRequest("POST", s.URL+"/redox", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Front", "front")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Trailer = trailer
	answer, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// reports collects Decisions.
func reports(to *[]redoxauth.Decision) *redoxauth.Options {
	return &redoxauth.Options{Observe: func(_ *http.Request, d redoxauth.Decision) { *to = append(*to, d) }}
}

// Whatever a Verifier says or does, the handler sees what it would have seen without it, and
// the report says what Middleware would have sent.
func TestReportOnlyChangesNothing(t *testing.T) {
	t.Parallel()
	const text = "a=1&b=2"
	large := strings.Repeat("x", 600<<10)
	bodies := map[string]func() (io.Reader, http.Header){
		"none":           func() (io.Reader, http.Header) { return nil, nil },
		"with a length":  func() (io.Reader, http.Header) { return strings.NewReader(text), nil },
		"chunked, empty": func() (io.Reader, http.Header) { return io.MultiReader(), nil },
		"chunked, with trailers": func() (io.Reader, http.Header) {
			return io.MultiReader(strings.NewReader(text)), http.Header{"X-Sum": {"7"}}
		},
		"large": func() (io.Reader, http.Header) { return strings.NewReader(large), nil },
	}
	enforced := &redoxauth.Options{}
	stacks := map[string]func(report wrapper, h http.Handler) http.Handler{
		"alone": func(report wrapper, h http.Handler) http.Handler { return report(h) },
		"twice": func(report wrapper, h http.Handler) http.Handler { return report(report(h)) },
		"outside": func(report wrapper, h http.Handler) http.Handler {
			return report(redoxauth.Middleware(hashes(nil), enforced)(h))
		},
		"inside": func(report wrapper, h http.Handler) http.Handler {
			return redoxauth.Middleware(verifier("outer", nil), nil)(report(h))
		},
		"inside a reader": func(report wrapper, h http.Handler) http.Handler {
			return redoxauth.Middleware(hashes(nil), enforced)(report(h))
		},
		"between": func(report wrapper, h http.Handler) http.Handler {
			return redoxauth.Middleware(verifier("outer", nil), nil)(report(redoxauth.Middleware(hashes(nil), nil)(h)))
		},
	}
	for _, proto := range []int{1, 2} {
		server := newSwitched(t, proto)
		for bodyName, body := range bodies {
			for stackName, stack := range stacks {
				if bodyName == "large" && stackName != "alone" && stackName != "between" {
					continue
				}
				var want seen
				data, trailer := body()
				server.send(t, stack(func(h http.Handler) http.Handler { return h }, sees(&want)), data, trailer)
				for name, v := range verdicts {
					t.Run(fmt.Sprintf("HTTP %d, %s, %s, %s", proto, bodyName, stackName, name), func(t *testing.T) {
						var got seen
						var decisions []redoxauth.Decision
						data, trailer := body()
						status := server.send(t, stack(redoxauth.InsecureReportOnly(v, reports(&decisions)), sees(&got)), data, trailer)
						if diff := cmp.Diff(want, got); diff != "" || status != 200 {
							t.Errorf("status %d, (-without +with):\n%s", status, diff)
						}
						data, _ = body() // the trailers may come after the answer, and net/http then ends the connection
						status = server.send(t, stack(redoxauth.Middleware(v, nil), http.NotFoundHandler()), data, nil)
						if status == 404 {
							status = 0
						}
						for _, d := range decisions {
							if d.Event != "report" || d.Status != status || (d.Identity != nil) != (status == 0) {
								t.Errorf("got %+v, want a report of status %d", d, status)
							}
						}
						if n := len(decisions); n != 1 && stackName != "twice" {
							t.Errorf("%d reports, want 1", n)
						}
					})
				}
			}
		}
	}
}

// There is no limit of size: what Middleware would answer 413 is passed on, byte for byte.
func TestReportOnlyPassesALargeBody(t *testing.T) {
	t.Parallel()
	const size = redoxauth.DefaultMaxBodyBytes + 1<<20
	want := sha256.New()
	io.CopyN(want, zeros{}, size)
	for _, proto := range []int{1, 2} {
		server := newSwitched(t, proto)
		for _, length := range []int64{size, -1} {
			for name, v := range map[string]redoxauth.Verifier{"hashed": hashes(nil), "read": readsBody} {
				if name == "read" && length != -1 { // then Content-Length is enough to refuse it
					continue
				}
				var decisions []redoxauth.Decision
				got := sha256.New()
				h := redoxauth.InsecureReportOnly(v, reports(&decisions))(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if _, err := io.Copy(got, r.Body); err != nil || r.ContentLength != length {
						t.Errorf("got %v, Content-Length %d", err, r.ContentLength)
					}
				}))
				server.handler.Store(http.HandlerFunc(h.ServeHTTP))
				r, err := http.NewRequest("POST", server.URL, io.LimitReader(zeros{}, size))
				if err != nil {
					t.Fatal(err)
				}
				r.ContentLength = length
				answer, err := server.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				answer.Body.Close()
				if !bytes.Equal(got.Sum(nil), want.Sum(nil)) || len(decisions) != 1 || decisions[0].Status != 413 {
					t.Errorf("HTTP %d, length %d, %s: another body, or the reports %+v, want one of 413", proto, length, name, decisions)
				}
			}
		}
	}
}

// Wrappers with nil Options share one budget, of 320 MiB. Report-only bodies may use a quarter of it.
func TestNilOptionsShareOneBudget(t *testing.T) {
	read, over := make(chan error), make(chan struct{})
	var requests sync.WaitGroup
	defer requests.Wait()
	defer close(over)
	serve := func() error {
		h := redoxauth.InsecureReportOnly(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
			read <- redoxauth.HashBody(r, crc32.NewIEEE())
			<-over
			return nil, redoxauth.ErrRejected
		}), nil)(http.NotFoundHandler())
		r, _ := withBody(io.LimitReader(zeros{}, redoxauth.DefaultMaxBodyBytes), redoxauth.DefaultMaxBodyBytes)
		requests.Go(func() { h.ServeHTTP(httptest.NewRecorder(), r) })
		return <-read
	}
	for range 2 {
		if err := serve(); err != nil {
			t.Error(err)
		}
	}
	verifiertest.CheckError(t, serve(), redoxauth.ErrUnavailable, "busy")
}

// The handler gets what has arrived, and then the same error as without the wrapper: if the
// sender hangs up, and if it stalls until the server's ReadTimeout.
func TestReportOnlyPassesOnTheErrorOfABody(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		hangUp  bool
		timeout time.Duration
		want    redoxauth.Reason
	}{
		"hangs up": {true, time.Minute, "body_read"},
		"stalls":   {false, 300 * time.Millisecond, "body_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			var decisions []redoxauth.Decision
			var sights [2]string
			for i, wrap := range []wrapper{
				func(h http.Handler) http.Handler { return h },
				redoxauth.InsecureReportOnly(hashes(nil), reports(&decisions)),
			} {
				done := make(chan string, 1)
				server := newServer(t, wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					_, again := r.Body.Read(make([]byte, 1))
					timeout := isTimeout(err) && isTimeout(again)
					if timeout { // it names the ports
						err, again = nil, nil
					}
					done <- fmt.Sprintf("%q, %v, again %v, time-out %t", body, err, again, timeout)
				})), func(s *http.Server) { s.ReadTimeout = tt.timeout })
				for sights[i] == "" { // a busy machine may need longer than ReadTimeout for the headers
					conn := dial(t, server.URL)
					io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nthe beginning")
					if tt.hangUp {
						conn.(*net.TCPConn).CloseWrite()
					}
					io.Copy(io.Discard, conn)
					select {
					case sights[i] = <-done:
					default:
					}
				}
			}
			if sights[0] != sights[1] || !strings.Contains(sights[1], "the beginning") {
				t.Errorf("without: %s\nwith:    %s", sights[0], sights[1])
			}
			var e *redoxauth.Error
			if len(decisions) != 1 || !errors.As(decisions[0].Err, &e) || e.Reason != tt.want {
				t.Errorf("got %+v, want one report %q", decisions, tt.want)
			}
		})
	}
}

// A sender that waits for "100 Continue" is asked for its body only if somebody reads it.
func TestReportOnlyAsksForABodyThatSomebodyReads(t *testing.T) {
	for name, tt := range map[string]struct {
		v       redoxauth.Verifier
		handler http.Handler
		want    int
	}{
		"nobody":       {verifier("", redoxauth.ErrRejected), http.NotFoundHandler(), 404},
		"the handler":  {verifier("", redoxauth.ErrRejected), drains, 100},
		"the Verifier": {hashes(nil), http.NotFoundHandler(), 100},
		"too large":    {hashes(nil), http.NotFoundHandler(), 404},
	} {
		t.Run(name, func(t *testing.T) {
			opts := &redoxauth.Options{}
			if name == "too large" {
				opts.MaxBodyBytes = 10
			}
			server := newServer(t, redoxauth.InsecureReportOnly(tt.v, opts)(tt.handler), nil)
			answer := converse(t, server.URL, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n")
			response, err := http.ReadResponse(answer, nil)
			if err != nil || response.StatusCode != tt.want {
				t.Errorf("got %v, %v, want %d as the first answer", response, err, tt.want)
			}
		})
	}
}

// When there is no room, the body is not read for the report, and the handler gets it whole.
func TestReportOnlyIsBusyWhenTheBudgetIsFull(t *testing.T) {
	text := strings.Repeat("x", 100<<10)
	for name, tt := range map[string]struct {
		room   int64
		status int
		length int64
	}{
		"room":                         {400 << 10, 0, 100 << 10},
		"room, chunked":                {1 << 20, 0, -1},
		"less than Content-Length":     {300 << 10, 503, 100 << 10},
		"less, chunked":                {300 << 10, 503, -1},
		"none at all":                  {1, 503, -1},
		"without limit":                {-1, 0, -1},
		"without limit, with a length": {-1, 0, 100 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			var decisions []redoxauth.Decision
			opts := reports(&decisions)
			opts.MaxInFlight = tt.room
			for range 5 { // what is charged is given back
				r := post(text)
				r.ContentLength = tt.length
				got := ""
				serve(redoxauth.InsecureReportOnly(hashes(nil), opts)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = readAll(r) })), r)
				d := decisions[len(decisions)-1]
				var e *redoxauth.Error
				if busy := errors.As(d.Err, &e) && e.Reason == "busy"; got != text || d.Status != tt.status || busy != (tt.status == 503) {
					t.Fatalf("the handler got %d of %d bytes, the report is %+v, want status %d", len(got), len(text), d, tt.status)
				}
			}
		})
	}
}

// Bodies of the report are not given up, whoever needs room. So they leave room for those of
// Middleware: senders that stall keep no enforced message out.
func TestReportOnlyLeavesRoomForEnforcedBodies(t *testing.T) {
	var reported atomic.Int64
	opts := &redoxauth.Options{MaxInFlight: 1 << 20, Observe: func(_ *http.Request, d redoxauth.Decision) {
		if d.Event == "report" && d.Err == nil {
			reported.Add(1)
		}
	}}
	var whole atomic.Int64
	mux := http.NewServeMux()
	mux.Handle("/report", redoxauth.InsecureReportOnly(hashes(nil), opts)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); n == 100<<10 && err == nil {
			whole.Add(1)
		}
	})))
	mux.Handle("/enforced", redoxauth.Middleware(hashes(nil), opts)(drains))
	server := newServer(t, mux, nil)
	var stalled []net.Conn
	for range 8 {
		stalled = append(stalled, stall(t, server.URL, "/report", 90<<10, 100<<10))
	}
	for range 3 {
		answer, err := http.Post(server.URL+"/enforced", "", io.LimitReader(zeros{}, 200<<10))
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != 200 {
			t.Errorf("status %d beside stalled bodies of the report, want 200", answer.StatusCode)
		}
	}
	for _, conn := range stalled {
		conn.Write(make([]byte, 10<<10))
	}
	eventually(t, "all stalled bodies to go on", func() bool { return whole.Load() == int64(len(stalled)) })
	if reported.Load() == 0 {
		t.Error("none of the stalled bodies was read for the report")
	}
}

// Neither kind takes the room of the other, whatever is given back in between.
func TestRoomOfReportsAndOfEnforcedBodiesIsCountedApart(t *testing.T) {
	const kib = 1 << 10
	var decisions []redoxauth.Decision
	opts := reports(&decisions)
	opts.MaxInFlight = 128 * kib
	report := redoxauth.InsecureReportOnly(hashes(nil), opts)
	h := redoxauth.Middleware(verifier("", nil), nil)(report(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		enforced, _ := withBody(io.LimitReader(zeros{}, 50*kib), 50*kib)
		if w := serve(redoxauth.Middleware(hashes(nil), opts)(drains), enforced); w.Code != 200 {
			t.Errorf("unproven, beside a proven report of 60 of 128 KiB: status %d", w.Code)
		}
	})))
	serve(h, post(strings.Repeat("x", 60*kib)))
	larger, _ := withBody(io.LimitReader(zeros{}, 40*kib), -1)
	serve(report(drains), larger)
	var got []int
	for _, d := range decisions {
		if d.Event == "report" {
			got = append(got, d.Status)
		}
	}
	if want := []int{0, 503}; !cmp.Equal(got, want) {
		t.Errorf("the reports have the status %v, want %v", got, want)
	}
}

// What the handler has read of a body counts no more.
func TestHandlerThatHasReadTheBodyMakesRoomForReports(t *testing.T) {
	const kib = 1 << 10
	var decisions []redoxauth.Decision
	opts := reports(&decisions)
	opts.MaxInFlight = 128 * kib // a report may use 32 KiB
	report := redoxauth.InsecureReportOnly(hashes(nil), opts)
	serve(report(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		serve(report(drains), post(strings.Repeat("x", 20*kib)))
		readAll(r)
		serve(report(drains), post(strings.Repeat("x", 20*kib)))
	})), post(strings.Repeat("x", 30*kib)))
	var got []int
	for _, d := range decisions {
		got = append(got, d.Status)
	}
	if want := []int{0, 503, 0}; !cmp.Equal(got, want) {
		t.Errorf("the reports have the status %v, want %v", got, want)
	}
}

// Outgoing calls of the Verifier get 1 s, and the time in which a body arrives is not counted.
// The context of the handler goes on.
func TestReportOnlyGivesOutgoingCallsASecond(t *testing.T) {
	calls := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if err := redoxauth.HashBody(r, sha256.New()); err != nil {
			return nil, err
		}
		<-r.Context().Done() // nobody answers
		return nil, redoxauth.Errorf(redoxauth.ErrUnavailable, "canceled", "%w", context.Cause(r.Context()))
	})
	for name, tt := range map[string]struct {
		body io.Reader
		want time.Duration
	}{
		"no body":     {http.NoBody, time.Second},
		"a slow body": {&slow{strings.NewReader("slowly"), 2 * time.Second}, 7*2*time.Second + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var decisions []redoxauth.Decision
				r := httptest.NewRequest("POST", "/", tt.body)
				reached := false
				serve(redoxauth.InsecureReportOnly(calls, reports(&decisions))(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if reached = true; r.Context().Err() != nil {
						t.Error("the context of the handler has ended")
					}
				})), r)
				if d := decisions[0]; !reached || d.Duration != tt.want || !errors.Is(d.Err, context.DeadlineExceeded) || d.Status != 503 {
					t.Errorf("reached the handler: %t, report %+v after %v, want a 503 after %v", reached, d, d.Duration, tt.want)
				}
			})
		})
	}
}

// A slow body arrives byte for byte.
type slow struct {
	io.Reader
	pause time.Duration
}

func (s *slow) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.Reader.Read(p[:1])
}

func TestReportOnlyReadsNoLongerThanBodyTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var decisions []redoxauth.Decision
		opts := reports(&decisions)
		opts.BodyTimeout = 5 * time.Second
		got := ""
		r, body := withBody(&slow{strings.NewReader("slowly"), 2 * time.Second}, -1)
		serve(redoxauth.InsecureReportOnly(hashes(nil), opts)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = readAll(r) })), r)
		if body.closed.Load() {
			t.Error("the body of the handler was closed")
		}
		var e *redoxauth.Error
		if d := decisions[0]; got != "slowly" || !errors.As(d.Err, &e) || e.Reason != "body_timeout" || d.Duration != 6*time.Second || !strings.Contains(d.Err.Error(), " 3 bytes arrived in 5s") {
			t.Errorf("the handler got %q, the report is %+v, want body_timeout after 3 bytes", got, d)
		}
		nothing := readerFunc(func([]byte) (int, error) { time.Sleep(2 * time.Second); return 0, nil })
		r, _ = withBody(nothing, -1)
		serve(redoxauth.InsecureReportOnly(hashes(nil), opts)(http.NotFoundHandler()), r)
		if d := decisions[1]; !errors.As(d.Err, &e) || e.Reason != "body_timeout" || d.Duration != 6*time.Second {
			t.Errorf("a source that returns nothing: the report is %+v, want body_timeout", d)
		}
	})
}

func TestReportOnlyBodyIsReadInSmallPieces(t *testing.T) {
	text := strings.Repeat("0123456789", 2000)
	var decisions []redoxauth.Decision
	serve(redoxauth.InsecureReportOnly(hashes(nil), reports(&decisions))(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if n, err := r.Body.Read(nil); n != 0 || err != nil {
			t.Errorf("got %d, %v from an empty read", n, err)
		}
		if err := iotest.TestReader(r.Body, []byte(text)); err != nil {
			t.Error(err)
		}
	})), post(text))
}

// A body that the handler closes stays closed.
func TestReportOnlyBodyCanBeClosed(t *testing.T) {
	var errs [2]error
	for i, wrap := range []wrapper{func(h http.Handler) http.Handler { return h }, redoxauth.InsecureReportOnly(hashes(nil), nil)} {
		server := newServer(t, wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			r.Body.Close()
			_, errs[i] = r.Body.Read(make([]byte, 1))
		})), nil)
		answer, err := http.Post(server.URL, "", strings.NewReader("text"))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	if errs[0] != errs[1] || errs[0] == nil {
		t.Errorf("without: %v, with: %v", errs[0], errs[1])
	}
}

// A report must not end a request, also if the operator's own function does.
func TestReportOnlyOutlivesObserve(t *testing.T) {
	got := ""
	serve(redoxauth.InsecureReportOnly(hashes(nil), &redoxauth.Options{Observe: func(*http.Request, redoxauth.Decision) { panic("p") }})(
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = readAll(r) })), post("text"))
	if got != "text" {
		t.Errorf("the handler got %q", got)
	}
}

// A body that the wrapper in front has verified is still the handler's when a Verifier on trial
// has asked for it in one piece: its memory is not used for another request.
func TestReportLeavesTheBodyOfTheWrapperInFront(t *testing.T) {
	const size = 64 << 10
	held, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(redoxauth.Middleware(provenBody, nil)(redoxauth.InsecureReportOnly(readsBody, nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		letter := r.Header.Get("Letter")
		if letter == "a" {
			held <- struct{}{}
			<-release
		}
		if got, err := io.ReadAll(r.Body); string(got) != strings.Repeat(letter, size) || err != nil {
			t.Errorf("%s: the handler reads %d bytes that begin with %.8q, %v", letter, len(got), got, err)
		}
	}))))
	defer server.Close()
	send := func(letter string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(strings.Repeat(letter, size)))
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Letter", letter)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
	}
	var first sync.WaitGroup
	first.Go(func() { send("a") })
	<-held
	for range 10 {
		send("b")
	}
	close(release)
	first.Wait()
}

// What is charged for a report is given back, also if the handler panics. Behind a wrapper that
// has accepted, MaxInFlight of twice MaxBodyBytes is enough, else four times.
func TestChargeOfReports(t *testing.T) {
	raw := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if _, err := io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		return nil, redoxauth.ErrRejected
	})
	for name, tt := range map[string]struct {
		front wrapper
		times int64
		busy  bool
	}{
		"alone":              {func(h http.Handler) http.Handler { return h }, 4, false},
		"alone, too little":  {func(h http.Handler) http.Handler { return h }, 3, true},
		"behind a wrapper":   {redoxauth.Middleware(verifier("", nil), nil), 2, false},
		"behind, too little": {redoxauth.Middleware(verifier("", nil), nil), 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			const size = 8 << 10
			opts := &redoxauth.Options{MaxBodyBytes: size, MaxInFlight: tt.times * size, Observe: func(_ *http.Request, d redoxauth.Decision) {
				if busy := d.Err != nil && d.Status == http.StatusServiceUnavailable; busy != tt.busy {
					t.Errorf("got %v, want busy %v", d.Err, tt.busy)
				}
			}}
			for _, v := range []redoxauth.Verifier{readsBody, raw} {
				h := tt.front(redoxauth.InsecureReportOnly(v, opts)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("handler") })))
				for range 5 {
					func() {
						defer func() { recover() }()
						h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", size))))
					}()
				}
			}
		})
	}
}

// The limit of a report holds for a body that the wrapper in front has read. That wrapper's own
// limit is what the handler sees.
func TestReportOnABodyThatWasReadHasItsOwnLimit(t *testing.T) {
	for _, length := range []int64{7, -1} {
		for limit, want := range map[int64]int{6: 413, 7: 0, 8: 0} {
			var decisions []redoxauth.Decision
			opts := reports(&decisions)
			opts.MaxBodyBytes = limit
			r, got := post("message"), ""
			r.ContentLength = length
			handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = readAll(r) })
			serve(redoxauth.Middleware(hashes(nil), nil)(redoxauth.InsecureReportOnly(readsBody, opts)(handler)), r)
			says := map[int64]string{7: "Content-Length is 7 bytes, want at most 6 (", -1: "more than 6 bytes arrived, want at most that ("}[length]
			if len(decisions) != 1 || decisions[0].Status != want || got != "message" || want != 0 && !strings.Contains(decisions[0].Err.Error(), says) {
				t.Errorf("length %d, limit %d: the handler reads %q, the reports are %+v, want one of status %d", length, limit, got, decisions, want)
			}
		}
	}
}

// What a report has read of a body is no sign that something in front has read it. What that has
// read stays consumed.
func TestReportTellsNobodyThatAnEmptyBodyWasConsumed(t *testing.T) {
	for front, want := range map[bool]int{false: 0, true: 500} {
		var decisions []redoxauth.Decision
		report := redoxauth.InsecureReportOnly(covers(""), reports(&decisions))
		h := report(redoxauth.Middleware(verifier("", nil), nil)(report(drains)))
		server := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if front {
				readAll(r)
			}
			h.ServeHTTP(w, r)
		}), nil)
		answer, err := http.Post(server.URL, jsonType, io.MultiReader()) // chunked
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if len(decisions) != 2 || decisions[0].Status != want || decisions[1].Status != want {
			t.Errorf("read in front: %t: the reports are %+v, want two of status %d", front, decisions, want)
		}
	}
}

// A handler may leave a reader behind, such as an http.Transport. What it reads later was given
// back already. If it were given back twice, more than MaxInFlight could be used (CWE-770).
func TestReaderThatIsLeftBehindMakesNoRoom(t *testing.T) {
	const size = 16 << 10
	var decisions []redoxauth.Decision
	opts := reports(&decisions)
	opts.MaxInFlight = 4 * size // a report may use a quarter
	var left io.Reader
	h := redoxauth.InsecureReportOnly(hashes(nil), opts)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { left = r.Body }))
	text := strings.Repeat("x", size)
	for range 5 {
		serve(h, post(text))
		if got, err := io.ReadAll(left); string(got) != text || err != nil {
			t.Errorf("%d bytes are read later, %v, want all %d", len(got), err, size)
		}
	}
	larger := post(text + "x")
	larger.ContentLength = -1
	serve(h, larger)
	for i, d := range decisions {
		if busy := d.Status == http.StatusServiceUnavailable; busy != (i == 5) {
			t.Errorf("report %d: %v, want only the last one busy", i, d.Err)
		}
	}
}

// The context and the body of a report end with it, for a Verifier that leaves a reader behind:
// it must not get the bytes that the handler reads, and no context that never ends.
func TestVerifierThatReadsOnAfterItsReportGetsAnError(t *testing.T) {
	var left *http.Request
	keeps := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		left = r
		return hashes(nil).Verify(r)
	})
	serve(redoxauth.InsecureReportOnly(keeps, nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if !errors.Is(left.Context().Err(), context.Canceled) {
			t.Errorf("the context of the report: %v, want it canceled", left.Context().Err())
		}
		if n, err := left.Body.Read(make([]byte, 10)); n != 0 || !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("the Verifier reads on: %d bytes, %v, want ErrBodyReadAfterClose", n, err)
		}
		if got := readAll(r); got != "text" {
			t.Errorf("the handler reads %q", got)
		}
	})), post("text"))
}

// A scripted body has one step for each Read: text, or an error.
type scripted struct {
	steps  []any
	closed error
}

func (s *scripted) Read(p []byte) (int, error) {
	if len(s.steps) == 0 {
		return 0, io.EOF
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	if err, failed := step.(error); failed {
		return 0, err
	}
	return copy(p, step.(string)), nil
}

func (s *scripted) Close() error { return s.closed }

// An error that the source tells only once, such as that of a deadline that the application has
// set, reaches the handler too. So does that of Close.
func TestReportOnlyPassesOnWhatASourceTellsOnce(t *testing.T) {
	broken, closed := errors.New("broken"), errors.New("closed")
	for name, steps := range map[string][]any{
		"first":            {broken, "rest"},
		"after some bytes": {"some", broken, "rest"},
		"end, and more":    {"some", io.EOF, "rest"},
		"nothing":          {},
	} {
		t.Run(name, func(t *testing.T) {
			var sights [2]string
			for i, wrap := range []wrapper{func(h http.Handler) http.Handler { return h }, redoxauth.InsecureReportOnly(hashes(nil), nil)} {
				r := post("")
				r.ContentLength = -1
				r.Body = &scripted{steps, closed}
				serve(wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					for range 3 {
						data, err := io.ReadAll(r.Body)
						sights[i] += fmt.Sprintf("%q %v, ", data, err)
					}
					sights[i] += fmt.Sprint(r.Body.Close())
				})), r)
			}
			if sights[0] != sights[1] {
				t.Errorf("without: %s\nwith:    %s", sights[0], sights[1])
			}
		})
	}
}

// Bytes that the handler has read count no longer, although it goes on.
func TestReportChargesUntilTheHandlerHasReadTheBody(t *testing.T) {
	const size = 16 << 10
	var decisions []redoxauth.Decision
	opts := reports(&decisions)
	opts.MaxInFlight = 4 * size // a report may use a quarter
	text := strings.Repeat("x", size)
	report := redoxauth.InsecureReportOnly(hashes(nil), opts)
	serve(report(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		serve(report(drains), post(text))
		io.ReadFull(r.Body, make([]byte, size/2))
		serve(report(drains), post(text))
		readAll(r)
		serve(report(drains), post(text))
	})), post(text))
	var got []int
	for _, d := range decisions {
		got = append(got, d.Status)
	}
	if want := []int{0, 503, 503, 0}; !cmp.Equal(got, want) {
		t.Errorf("the reports have the status %v, want %v", got, want)
	}
}

// The bytes that the wrapper in front holds serve for the report too, and are not charged twice.
func TestReportOnABodyThatWasReadNeedsNoRoom(t *testing.T) {
	var decisions []redoxauth.Decision
	opts := reports(&decisions)
	opts.MaxInFlight = 1
	got := ""
	serve(redoxauth.Middleware(hashes(nil), nil)(redoxauth.InsecureReportOnly(hashes(nil), opts)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = readAll(r)
	}))), post("message"))
	if len(decisions) != 1 || decisions[0].Err != nil || got != "message" {
		t.Errorf("the handler reads %q, the reports are %+v, want one that accepts", got, decisions)
	}
}

// What reads the body between two wrappers is as much a fault for a report as for Middleware.
func TestReportOnABodyThatWasConsumed(t *testing.T) {
	for name, tt := range map[string]struct {
		read func(*http.Request)
		want redoxauth.Reason
	}{
		"read":         {func(r *http.Request) { readAll(r) }, "body_consumed"},
		"read in part": {func(r *http.Request) { r.Body.Read(make([]byte, 1)) }, "body_consumed"},
		"untouched":    {func(*http.Request) {}, ""},
		"dropped":      {func(r *http.Request) { r.Body = nil }, "body_consumed"},
	} {
		for _, length := range []int64{7, -1} {
			var decisions []redoxauth.Decision
			var want, got string
			for i, report := range []wrapper{func(h http.Handler) http.Handler { return h }, redoxauth.InsecureReportOnly(hashes(nil), reports(&decisions))} {
				r := post("message")
				r.ContentLength = length
				to := []*string{&want, &got}[i]
				serve(redoxauth.Middleware(verifier("", nil), nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					tt.read(r)
					report(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
						if r.Body != nil {
							*to = readAll(r)
						}
					})).ServeHTTP(w, r)
				})), r)
			}
			var e *redoxauth.Error
			if errors.As(decisions[0].Err, &e); got != want || e == nil && tt.want != "" || e != nil && e.Reason != tt.want {
				t.Errorf("%s, length %d: the handler reads %q, want %q; the report is %+v, want reason %q", name, length, got, want, decisions[0], tt.want)
			}
		}
	}
}

// A report hides from the wrapper behind it neither that something in front has read a body to its
// end, nor that one was sent empty.
func TestReportInFrontHidesNotWhatWasConsumed(t *testing.T) {
	for name, tt := range map[string]struct {
		front front
		body  string
		want  string
	}{
		"read to its end": {func(r *http.Request) { readAll(r) }, "{}", "500 body_consumed"},
		"untouched":       {func(*http.Request) {}, "{}", "200"},
		"sent empty":      {func(*http.Request) {}, "", "200"},
	} {
		t.Run(name, func(t *testing.T) {
			var got error
			behind := redoxauth.Middleware(covers(tt.body), &redoxauth.Options{Observe: func(_ *http.Request, d redoxauth.Decision) { got = d.Err }})(drains)
			h := redoxauth.InsecureReportOnly(hashes(nil), nil)(behind)
			onBothProtocols(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				tt.front(r)
				h.ServeHTTP(w, r)
			}), func(t *testing.T, client *http.Client, url string) {
				chunked := io.MultiReader(strings.NewReader(tt.body))
				if answer := answerTo(t, client, url, jsonType, chunked, &got); answer != tt.want {
					t.Errorf("got %s, want %s: %v", answer, tt.want, got)
				}
			})
		})
	}
}

// A body that broke off in front of a report is reported as that, not by its size.
func TestReportOnABodyThatBrokeOffInFront(t *testing.T) {
	ignores := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		redoxauth.Body(r)
		return &redoxauth.Identity{}, nil
	})
	var decisions []redoxauth.Decision
	opts := reports(&decisions)
	opts.MaxBodyBytes = 6
	r := post("")
	r.ContentLength = -1
	r.Body = &scripted{[]any{"message", io.ErrUnexpectedEOF}, nil}
	serve(redoxauth.Middleware(ignores, nil)(redoxauth.InsecureReportOnly(readsBody, opts)(drains)), r)
	if len(decisions) != 1 || decisions[0].Status != http.StatusBadRequest {
		t.Errorf("got %+v, want one report of status 400", decisions)
	}
}
