package redoxauth_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

// A sending is a request whose body arrives piece by piece.
type sending struct {
	peer net.Conn
	sent int
	err  chan error // of Check
}

// A deadlineWriter has the read deadline of a connection.
type deadlineWriter struct {
	http.ResponseWriter
	net.Conn
}

func (w deadlineWriter) Write(p []byte) (int, error) { return w.ResponseWriter.Write(p) }

// begin begins to send a body of the given length to v.
func begin(t *testing.T, v redoxauth.Verifier, opts *redoxauth.Options, length int) *sending {
	ours, peer := net.Pipe()
	t.Cleanup(func() { ours.Close(); peer.Close() })
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(ours, int64(length)), ours}
	r.ContentLength = int64(length)
	s := &sending{peer: peer, err: make(chan error, 1)}
	go func() {
		_, err := redoxauth.Check(v, deadlineWriter{httptest.NewRecorder(), ours}, r, opts)
		s.err <- err
	}()
	synctest.Wait()
	return s
}

// holdsBody reads the body, and decides when done is closed.
func holdsBody(done <-chan struct{}) redoxauth.Verifier { return holds(readsBody, done) }

func holds(v redoxauth.Verifier, done <-chan struct{}) redoxauth.Verifier {
	return redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		id, err := v.Verify(r)
		<-done
		return id, err
	})
}

func (s *sending) send(n int) {
	s.peer.SetWriteDeadline(time.Now().Add(400 * time.Millisecond)) // it may wait for room
	s.peer.Write(make([]byte, n))
	synctest.Wait()
}

// state is "arriving", "accepted", or the reason of the refusal.
func (s *sending) state() string {
	synctest.Wait()
	select {
	case err := <-s.err:
		s.err <- err
		var e *redoxauth.Error
		if errors.As(err, &e) {
			return string(e.Reason)
		}
		return "accepted"
	default:
		return "arriving"
	}
}

// expect waits for as long as a body waits for room.
func expect(t *testing.T, what string, s *sending, want string) {
	t.Helper()
	time.Sleep(600 * time.Millisecond)
	if got := s.state(); got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// What is given up when the budget is full, and what is not. The unproven half is 64 KiB.
func TestFullBudgetGivesUpTheSlowestBody(t *testing.T) {
	const kib = 1 << 10
	options := func() *redoxauth.Options {
		return &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: 128 * kib}
	}
	tests := map[string]func(*testing.T, *redoxauth.Options){
		"the slowest, and no newcomer": func(t *testing.T, o *redoxauth.Options) {
			fast, slow := begin(t, readsBody, o, 40*kib), begin(t, readsBody, o, 40*kib)
			fast.send(30 * kib)
			slow.send(18 * kib)
			time.Sleep(2 * time.Second)
			newcomer := begin(t, readsBody, o, 16*kib)
			newcomer.send(16 * kib)
			expect(t, "newcomer", newcomer, "accepted")
			expect(t, "slow", slow, "busy")
			fast.send(10 * kib)
			expect(t, "fast", fast, "accepted")
		},
		"the slower one, not the larger one": func(t *testing.T, o *redoxauth.Options) {
			old := begin(t, readsBody, o, 50*kib)
			old.send(40 * kib)
			time.Sleep(40 * time.Second) // 1 KiB/s
			recent := begin(t, readsBody, o, 20*kib)
			recent.send(16 * kib)
			time.Sleep(2 * time.Second) // 8 KiB/s
			newcomer := begin(t, readsBody, o, 16*kib)
			newcomer.send(16 * kib)
			expect(t, "newcomer", newcomer, "accepted")
			expect(t, "old", old, "busy")
			expect(t, "recent", recent, "arriving")
		},
		"one that asks for more, if it is the slowest itself": func(t *testing.T, o *redoxauth.Options) {
			slow := begin(t, readsBody, o, 64*kib)
			slow.send(16 * kib)
			time.Sleep(10 * time.Second)
			fast := begin(t, readsBody, o, 48*kib)
			fast.send(40 * kib)
			time.Sleep(time.Second)
			slow.send(8 * kib)
			expect(t, "slow", slow, "busy")
			fast.send(8 * kib)
			expect(t, "fast", fast, "accepted")
		},
		"an older one before one in its first second": func(t *testing.T, o *redoxauth.Options) {
			older := begin(t, readsBody, o, 40*kib)
			older.send(32 * kib)
			time.Sleep(1500 * time.Millisecond)
			young := begin(t, readsBody, o, 40*kib)
			young.send(4 * kib)
			time.Sleep(time.Millisecond)
			newcomer := begin(t, readsBody, o, 32*kib)
			newcomer.send(32 * kib)
			expect(t, "newcomer", newcomer, "accepted")
			expect(t, "older", older, "busy")
			expect(t, "young", young, "arriving")
		},
		"one that has stalled, when all are in their first second": func(t *testing.T, o *redoxauth.Options) {
			first := begin(t, readsBody, o, 64*kib)
			first.send(48 * kib)
			time.Sleep(10 * time.Millisecond)
			newcomer := begin(t, readsBody, o, 32*kib)
			newcomer.send(32 * kib)
			expect(t, "newcomer", newcomer, "accepted")
			expect(t, "first", first, "busy")
		},
		"no proven body for an unproven one, and the reverse": func(t *testing.T, o *redoxauth.Options) {
			unproven := begin(t, readsBody, o, 60*kib)
			unproven.send(32 * kib)
			proven := begin(t, provenBody, o, 100*kib)
			proven.send(64 * kib)
			time.Sleep(2 * time.Second)
			another := begin(t, provenBody, o, 100*kib)
			another.send(64 * kib)
			expect(t, "unproven", unproven, "arriving")
			expect(t, "proven", proven, "busy")
			unproven.send(28 * kib)
			expect(t, "unproven", unproven, "accepted")
		},
		"no body that has arrived": func(t *testing.T, o *redoxauth.Options) {
			arrived := make(chan struct{})
			whole := begin(t, holdsBody(arrived), o, 60*kib)
			whole.send(60 * kib)
			time.Sleep(2 * time.Second)
			newcomer := begin(t, readsBody, o, 16*kib)
			newcomer.send(16 * kib)
			expect(t, "newcomer", newcomer, "busy")
			close(arrived)
			expect(t, "whole", whole, "accepted")
		},
		"nobody, and the room goes to who waits and not to a newcomer": func(t *testing.T, o *redoxauth.Options) {
			arrived := make(chan struct{})
			begin(t, holdsBody(t.Context().Done()), o, 60*kib).send(60 * kib)
			begin(t, holdsBody(arrived), o, 4*kib).send(4 * kib)
			waiting := begin(t, readsBody, o, 8*kib)
			time.Sleep(55 * time.Millisecond) // between two looks for room
			close(arrived)
			synctest.Wait()
			newcomer := begin(t, readsBody, o, kib)
			go newcomer.peer.Write(make([]byte, kib))
			for range 6 {
				waiting.send(10)
				time.Sleep(100 * time.Millisecond)
			}
			if a, b := waiting.state(), newcomer.state(); a != "arriving" || b != "busy" {
				t.Errorf("waiting: %s, want arriving; newcomer: %s, want busy", a, b)
			}
		},
		"some of those that wait for each other, and not all": func(t *testing.T, o *redoxauth.Options) {
			var all []*sending
			for range 4 {
				all = append(all, begin(t, readsBody, o, 28*kib))
			}
			for _, s := range all {
				s.send(12 * kib)
			}
			for _, s := range all {
				go s.peer.Write(make([]byte, 16*kib))
			}
			time.Sleep(time.Second)
			states := map[string]int{}
			for _, s := range all {
				states[s.state()]++
			}
			if want := (map[string]int{"accepted": 2, "busy": 2}); !cmp.Equal(states, want) {
				t.Errorf("%v, want %v", states, want)
			}
		},
		"none for the time that it waited for room": func(t *testing.T, o *redoxauth.Options) {
			arrived := make(chan struct{})
			begin(t, holdsBody(arrived), o, 24*kib).send(24 * kib)
			faster, slower := begin(t, readsBody, o, 60*kib), begin(t, readsBody, o, 60*kib)
			slower.send(16 * kib)
			faster.send(8 * kib) // and waits
			for range 3 {
				time.Sleep(100 * time.Millisecond)
				slower.send(1)
			}
			close(arrived)
			faster.send(8 * kib)
			time.Sleep(1600 * time.Millisecond)
			faster.send(4 * kib)
			slower.send(6 * kib)
			time.Sleep(260 * time.Millisecond) // now both are slow
			newcomer := begin(t, readsBody, o, 4*kib)
			newcomer.send(4 * kib)
			expect(t, "newcomer", newcomer, "accepted")
			expect(t, "faster", faster, "arriving")
			expect(t, "slower", slower, "busy")
		},
		"nobody, and proven bodies leave the half of the others as it is": func(t *testing.T, o *redoxauth.Options) {
			for range 3 {
				proven := begin(t, provenBody, o, 20*kib)
				proven.send(20 * kib)
				expect(t, "proven", proven, "accepted")
			}
			begin(t, holdsBody(t.Context().Done()), o, 60*kib).send(60 * kib)
			newcomer := begin(t, readsBody, o, 8*kib)
			newcomer.send(8 * kib)
			expect(t, "newcomer", newcomer, "busy")
		},
		"nobody, and four bodies of MaxBodyBytes have room by default": func(t *testing.T, o *redoxauth.Options) {
			o.MaxBodyBytes, o.MaxInFlight = 10*kib, 0
			arrived := make(chan struct{})
			var whole []*sending
			for range 4 {
				s := begin(t, holdsBody(arrived), o, 10*kib)
				s.send(10 * kib)
				whole = append(whole, s)
			}
			newcomer := begin(t, readsBody, o, 1)
			newcomer.send(1)
			expect(t, "newcomer", newcomer, "busy")
			close(arrived)
			for _, s := range whole {
				expect(t, "whole", s, "accepted")
			}
		},
		"none that waits for room, as if it had stalled": func(t *testing.T, o *redoxauth.Options) {
			begin(t, holdsBody(t.Context().Done()), o, 40*kib).send(40 * kib)
			waiting := begin(t, readsBody, o, 60*kib)
			waiting.send(16 * kib)
			time.Sleep(300 * time.Millisecond)
			newcomer := begin(t, readsBody, o, 12*kib)
			go newcomer.peer.Write(make([]byte, 12*kib))
			time.Sleep(100 * time.Millisecond)
			if a, b := waiting.state(), newcomer.state(); a != "arriving" || b != "arriving" {
				t.Errorf("waiting: %s, newcomer: %s, want both arriving", a, b)
			}
			expect(t, "newcomer", newcomer, "accepted")
		},
		"nobody for a body that cannot fit": func(t *testing.T, o *redoxauth.Options) {
			arriving := begin(t, readsBody, o, 20*kib)
			arriving.send(16 * kib)
			time.Sleep(2 * time.Second)
			expect(t, "too large for the half", begin(t, readsBody, o, 65*kib), "busy")
			arriving.send(4 * kib)
			expect(t, "arriving", arriving, "accepted")
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { test(t, options()) }) })
	}
}

// A body that waits for room is over when its context ends, and not when the wait would be.
func TestContextEndsTheWaitForRoom(t *testing.T) {
	const kib = 1 << 10
	synctest.Test(t, func(t *testing.T) {
		opts := &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: 128 * kib}
		begin(t, holdsBody(t.Context().Done()), opts, 64*kib).send(64 * kib)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		r, _ := withBody(zeros{}, 8*kib)
		start := time.Now()
		_, err := redoxauth.Check(readsBody, nil, r.WithContext(ctx), opts)
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "canceled")
		if got := time.Since(start); got != 50*time.Millisecond {
			t.Errorf("after %v, want 50ms", got)
		}
	})
}

// What has been given up for others, and reads on for a while, is not given up again for its time:
// the source is closed once, and the reason stays.
func TestBodyIsGivenUpOnce(t *testing.T) {
	const kib = 1 << 10
	synctest.Test(t, func(t *testing.T) {
		opts := &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: 128 * kib, BodyTimeout: 5 * time.Second}
		sent, closed := 0, 0
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Body, r.ContentLength = slowCloser{readerFunc(func(p []byte) (int, error) {
			if sent >= 48*kib {
				time.Sleep(10 * time.Second)
				return 0, io.ErrUnexpectedEOF
			}
			sent += len(p)
			return len(p), nil
		}), func() { closed++ }}, 60*kib
		refused := make(chan error, 1)
		go func() {
			_, err := redoxauth.Check(readsBody, nil, r, opts)
			refused <- err
		}()
		time.Sleep(2 * time.Second)
		newcomer := begin(t, readsBody, opts, 32*kib)
		newcomer.send(32 * kib)
		expect(t, "newcomer", newcomer, "accepted")
		verifiertest.CheckError(t, <-refused, redoxauth.ErrUnavailable, "busy")
		if closed != 1 {
			t.Errorf("the source was closed %d times, want once", closed)
		}
	})
}

// A report never waits for room. But one that has its whole body needs none, whoever waits.
func TestReportOfAWholeBodyIsNotBusy(t *testing.T) {
	const kib = 1 << 10
	synctest.Test(t, func(t *testing.T) {
		var reported []error
		opts := &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: 128 * kib, Observe: func(_ *http.Request, d redoxauth.Decision) {
			if d.Event == "report" {
				reported = append(reported, d.Err)
			}
		}}
		begin(t, holdsBody(t.Context().Done()), opts, 60*kib).send(60 * kib)
		rest := 4 * kib
		r, _ := withBody(readerFunc(func(p []byte) (int, error) {
			if rest == 0 {
				return 0, io.EOF
			}
			if waiting := begin(t, readsBody, opts, 8*kib); waiting.state() != "arriving" {
				t.Errorf("the other body: %s, want it to wait", waiting.state())
			}
			n := min(len(p), rest)
			rest -= n
			return n, nil
		}), int64(rest))
		serve(redoxauth.InsecureReportOnly(hashes(nil), opts)(drains), r)
		if len(reported) != 1 || reported[0] != nil {
			t.Errorf("reported %v, want that the body is accepted", reported)
		}
		time.Sleep(time.Second)
	})
}

// Bodies are charged what they hold, and no more: one as large as its part of MaxInFlight passes.
func TestBodyMayUseItsWholePartOfTheBudget(t *testing.T) {
	for name, tt := range map[string]struct {
		v     redoxauth.Verifier
		parts int64 // of MaxInFlight
	}{"proven": {provenBody, 1}, "unproven": {readsBody, 2}} {
		for _, size := range []int64{2, 4095, 4096, 4097, 13_192, 100_000, 1 << 20} { // 13192 is 8 KiB, and a rest between two sizes of chunks
			for _, length := range []int64{size, -1} {
				for missing, want := range map[int64]int{0: 200, 1: 503} {
					synctest.Test(t, func(t *testing.T) {
						opts := &redoxauth.Options{MaxBodyBytes: size, MaxInFlight: tt.parts*size - missing}
						r, _ := withBody(io.LimitReader(zeros{}, size), length)
						if _, err := redoxauth.Check(tt.v, nil, r, opts); redoxauth.StatusCode(err) != want {
							t.Errorf("%s, %d bytes, Content-Length %d, MaxInFlight %d: %v, want %d", name, size, length, opts.MaxInFlight, err, want)
						}
					})
				}
			}
		}
	}
}

// The error tells which part of MaxInFlight is too small.
func TestBusyTellsWhatABodyMayUse(t *testing.T) {
	var observed error
	opts := &redoxauth.Options{MaxBodyBytes: 1000, MaxInFlight: 400, Observe: func(_ *http.Request, d redoxauth.Decision) { observed = d.Err }}
	report := redoxauth.InsecureReportOnly(readsBody, opts)(drains)
	for want, h := range map[string]http.Handler{
		"Content-Length is 500 bytes, want at most 400, which proven bodies may use":      redoxauth.Middleware(provenBody, opts)(never(t)),
		"Content-Length is 500 bytes, want at most 200, which unproven bodies may use":    redoxauth.Middleware(readsBody, opts)(never(t)),
		"Content-Length is 500 bytes, want at most 100, which report-only bodies may use": report,
		"Content-Length is 500 bytes, want at most 200, which report-only bodies may use": redoxauth.Middleware(verifier("", nil), nil)(report),
	} {
		serve(h, post(strings.Repeat("x", 500)))
		verifiertest.CheckError(t, observed, redoxauth.ErrUnavailable, "busy")
		if !strings.Contains(fmt.Sprint(observed), want) {
			t.Errorf("got %v, %s", observed, want)
		}
	}
}

// The error tells how much had arrived when there was no room, and what became of the body.
func TestBusyTellsHowMuchArrived(t *testing.T) {
	const kib = 1 << 10
	options := func() *redoxauth.Options {
		return &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: 128 * kib}
	}
	for name, tt := range map[string]struct {
		refused func(*testing.T) *sending
		want    string
	}{
		"no room in time": {func(t *testing.T) *sending {
			o := options()
			hold(t, readsBody, o, 40*kib)
			s := begin(t, readsBody, o, 60*kib)
			s.send(20 * kib)
			return s
		}, "16384 of 61440 bytes arrived, and there is no room for more: unproven bodies may use 65536 bytes (Options.MaxInFlight)"},
		"room for another": {func(t *testing.T) *sending {
			o := options()
			slow := begin(t, readsBody, o, 60*kib)
			slow.send(40 * kib)
			time.Sleep(2 * time.Second)
			hold(t, readsBody, o, 20*kib)
			return slow
		}, "40960 of 61440 bytes arrived in 2s, and this body was the slowest when there was no room for others: unproven bodies may use 65536 bytes (Options.MaxInFlight)"},
		"room for another, after it has waited twice": {func(t *testing.T) *sending {
			o := options()
			slow := (*sending)(nil)
			for _, n := range []int{100, 32 * kib} { // more than it has room for
				release := hold(t, readsBody, o, 64*kib-n/2)
				if slow == nil {
					slow = begin(t, readsBody, o, 60*kib)
				}
				go slow.peer.Write(make([]byte, n))
				time.Sleep(305 * time.Millisecond) // room comes 5 ms later, at the end of a turn
				release()
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(1810 * time.Millisecond)
			hold(t, readsBody, o, 60*kib)
			return slow
		}, "32868 of 61440 bytes arrived in 2s, and this body was the slowest when there was no room for others: unproven bodies may use 65536 bytes (Options.MaxInFlight)"},
		"waits for another that waits": {func(t *testing.T) *sending {
			o := options()
			slow := begin(t, readsBody, o, 60*kib)
			slow.send(32*kib - 100)
			trickle(time.Second, slow)
			fast := begin(t, readsBody, o, 60*kib)
			fast.send(32*kib - 100)
			trickle(2*time.Second, slow, fast)
			for _, s := range []*sending{fast, slow} {
				go s.peer.Write(make([]byte, 100))
				synctest.Wait()
			}
			return slow
		}, "32768 of 61440 bytes arrived in 3s, and this body was the slowest when there was no room for others: unproven bodies may use 65536 bytes (Options.MaxInFlight)"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refused := tt.refused(t)
				time.Sleep(time.Second)
				if got := refused.state(); got != "busy" {
					t.Fatalf("got %s, want busy", got)
				}
				if err := <-refused.err; !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %s", err, tt.want)
				}
			})
		})
	}
}

// trickle sends a byte every 100 ms, so that the senders have not stalled.
func trickle(d time.Duration, to ...*sending) {
	for ; d > 0; d -= 100 * time.Millisecond {
		for _, s := range to {
			s.send(1)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// hold fills room that nobody can give up.
func hold(t *testing.T, v redoxauth.Verifier, o *redoxauth.Options, n int) (release func()) {
	done := make(chan struct{})
	begin(t, holds(v, done), o, n).send(n)
	release = sync.OnceFunc(func() { close(done) })
	t.Cleanup(release)
	return release
}

// want compares states by name.
func want(t *testing.T, got map[string]*sending, want map[string]string) {
	t.Helper()
	states := map[string]string{}
	for name, s := range got {
		states[name] = s.state()
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whose body may be given up for whom. A body has a chunk for what comes next as soon as the one
// before is full: after n bytes (n < 4 KiB, 8, 16, 32 …) it has that many. The unproven half is 64 KiB.
func TestWhoIsGivenUpForWhom(t *testing.T) {
	const kib = 1 << 10
	type sendings = map[string]*sending
	type states = map[string]string
	// fair is the rate that is spared, in KiB/s.
	options := func(fair int) *redoxauth.Options {
		return &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: 128 * kib, BodyTimeout: 100 * time.Second / time.Duration(fair)}
	}
	tests := map[string]func(*testing.T){
		"none for one that is slower": func(t *testing.T) {
			o := options(20)
			hold(t, readsBody, o, 16*kib)
			other, asks := begin(t, readsBody, o, 60*kib), begin(t, readsBody, o, 60*kib)
			asks.send(16*kib - 100)
			trickle(1900*time.Millisecond, other, asks)
			other.send(31 * kib)
			go asks.peer.Write(make([]byte, 100))
			trickle(600*time.Millisecond, other)
			want(t, sendings{"asks": asks, "other": other}, states{"asks": "busy", "other": "arriving"})
		},
		"none if a small one can pass a large one that waits": func(t *testing.T) {
			o := options(1)
			hold(t, readsBody, o, 40*kib)
			large := begin(t, readsBody, o, 60*kib)
			large.send(16 * kib) // asks for 16 KiB, and 8 KiB are free
			small := begin(t, readsBody, o, kib)
			small.send(kib)
			time.Sleep(55 * time.Millisecond) // and not when the large one has waited long enough
			want(t, sendings{"large": large, "small": small}, states{"large": "arriving", "small": "accepted"})
			expect(t, "large", large, "busy")
		},
		"one below the fair rate for a newcomer": func(t *testing.T) {
			o := options(20)
			hold(t, readsBody, o, 60*kib)
			slow := begin(t, readsBody, o, 60*kib)
			trickle(2*time.Second, slow)
			newcomer := begin(t, readsBody, o, kib)
			time.Sleep(55 * time.Millisecond) // too little to count as stalled
			want(t, sendings{"slow": slow}, states{"slow": "busy"})
			newcomer.send(kib)
			want(t, sendings{"newcomer": newcomer}, states{"newcomer": "accepted"})
		},
		"none with the fair rate for one in its first second": func(t *testing.T) {
			o := options(1)
			hold(t, readsBody, o, 48*kib)
			fair := begin(t, readsBody, o, 60*kib)
			fair.send(7 * kib)
			trickle(2*time.Second, fair)
			young := begin(t, readsBody, o, 60*kib)
			young.send(8 * kib)
			trickle(600*time.Millisecond, fair)
			want(t, sendings{"fair": fair, "young": young}, states{"fair": "arriving", "young": "busy"})
		},
		"none with the fair rate for one less than twice as fast": func(t *testing.T) {
			o := options(1)
			hold(t, readsBody, o, 48*kib)
			fair, faster := begin(t, readsBody, o, 60*kib), begin(t, readsBody, o, 60*kib)
			fair.send(6 * kib)
			faster.send(8*kib - 100)
			trickle(2*time.Second, fair, faster)
			go faster.peer.Write(make([]byte, 100))
			trickle(600*time.Millisecond, fair)
			want(t, sendings{"fair": fair, "faster": faster}, states{"fair": "arriving", "faster": "busy"})
		},
		"one that was fast and has stalled for one that sends steadily": func(t *testing.T) {
			o := options(1)
			hold(t, readsBody, o, 20*kib)
			stalled, steady := begin(t, readsBody, o, 60*kib), begin(t, readsBody, o, 60*kib)
			stalled.send(16 * kib)
			steady.send(6 * kib)
			trickle(4*time.Second, steady)
			go steady.peer.Write(make([]byte, 4*kib))
			time.Sleep(100 * time.Millisecond)
			want(t, sendings{"stalled": stalled, "steady": steady}, states{"stalled": "busy", "steady": "arriving"})
		},
		"one half as fast, also if another that is in its first second waits": func(t *testing.T) {
			o := options(1)
			hold(t, readsBody, o, 4*kib)
			slow := begin(t, readsBody, o, 60*kib)
			slow.send(16*kib + 100)
			trickle(3*time.Second, slow)
			fast := begin(t, readsBody, o, 60*kib)
			fast.send(16*kib - 100)
			trickle(2*time.Second, slow, fast)
			young := begin(t, readsBody, o, 60*kib)
			young.send(8*kib - 1)
			for _, s := range []*sending{young, fast} {
				go s.peer.Write(make([]byte, 100))
				synctest.Wait()
			}
			trickle(600*time.Millisecond, slow)
			want(t, sendings{"slow": slow, "fast": fast, "young": young}, states{"slow": "busy", "fast": "arriving", "young": "arriving"})
		},
		"one that has stalled for an older one": func(t *testing.T) {
			o := options(1)
			hold(t, readsBody, o, 16*kib)
			older := begin(t, readsBody, o, 60*kib)
			older.send(8 * kib)
			time.Sleep(10 * time.Millisecond)
			newer := begin(t, readsBody, o, 60*kib)
			newer.send(20 * kib)
			for range 3 {
				time.Sleep(100 * time.Millisecond)
				older.send(100)
			}
			go older.peer.Write(make([]byte, 8*kib))
			want(t, sendings{"newer": newer, "older": older}, states{"newer": "busy", "older": "arriving"})
		},
		"none that waits for us": func(t *testing.T) {
			o := options(20)
			hold(t, readsBody, o, 60*kib)
			hashed := begin(t, redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
				return verifier("", redoxauth.HashBody(r, slowHash{sha256.New()})).Verify(r)
			}), o, 4*kib)
			hashed.send(2 * kib)
			time.Sleep(1200 * time.Millisecond)
			newcomer := begin(t, readsBody, o, kib)
			expect(t, "newcomer", newcomer, "busy")
			time.Sleep(500 * time.Millisecond)
			hashed.send(2 * kib)
			time.Sleep(2500 * time.Millisecond)
			want(t, sendings{"hashed": hashed}, states{"hashed": "accepted"})
		},
		"one that waits for room too, at once": func(t *testing.T) {
			o := options(1)
			hold(t, readsBody, o, 48*kib)
			slow := begin(t, readsBody, o, 60*kib)
			slow.send(8*kib - 100)
			trickle(4*time.Second, slow)
			fast := begin(t, readsBody, o, 60*kib)
			fast.send(8*kib - 100)
			trickle(1500*time.Millisecond, fast, slow)
			go slow.peer.Write(make([]byte, 100))
			time.Sleep(25 * time.Millisecond)
			go fast.peer.Write(make([]byte, 200))
			time.Sleep(100 * time.Millisecond)
			want(t, sendings{"slow": slow, "fast": fast}, states{"slow": "busy", "fast": "arriving"})
		},
		"as many as a part of what they have, so that it is rarely needed": func(t *testing.T) {
			o := options(1)
			busy := 0
			var all []*sending
			for range 64 {
				all = append(all, begin(t, readsBody, o, kib))
			}
			time.Sleep(300 * time.Millisecond)
			newcomer := begin(t, readsBody, o, kib/2)
			newcomer.send(kib / 2)
			for _, s := range all {
				if s.state() == "busy" {
					busy++
				}
			}
			if got := newcomer.state(); got != "accepted" || busy != 4 {
				t.Errorf("newcomer: %s, want accepted; %d are given up, want 4, a 16th", got, busy)
			}
		},
		"the only one that has stalled, although it is less than that part": func(t *testing.T) {
			o := options(1)
			var all []*sending
			for range 64 {
				all = append(all, begin(t, readsBody, o, kib))
			}
			trickle(300*time.Millisecond, all[1:]...)
			newcomer := begin(t, readsBody, o, kib)
			newcomer.send(kib)
			want(t, sendings{"stalled": all[0], "another": all[1], "newcomer": newcomer}, states{"stalled": "busy", "another": "arriving", "newcomer": "accepted"})
		},
		"none if that is not enough": func(t *testing.T) {
			o := options(1)
			hold(t, readsBody, o, 40*kib)
			stalled := begin(t, readsBody, o, 60*kib)
			stalled.send(5 * kib)
			time.Sleep(500 * time.Millisecond)
			asks := begin(t, readsBody, o, 60*kib)
			asks.send(16 * kib)
			expect(t, "asks", asks, "busy")
			expect(t, "stalled", stalled, "arriving")
		},
		// As behind http.TimeoutHandler, which hides the deadline of the connection.
		"none for the chunk that the reader of one given up still holds": func(t *testing.T) {
			o := options(1)
			hold(t, readsBody, o, 40*kib)
			ours, peer := net.Pipe()
			given := &sending{peer: peer, err: make(chan error, 1)}
			t.Cleanup(func() { ours.Close(); peer.Close() })
			r := httptest.NewRequest(http.MethodPost, "/", http.MaxBytesReader(nil, ours, 100*kib)) // is of net/http
			r.ContentLength = 60 * kib
			go func() {
				_, err := redoxauth.Check(readsBody, httptest.NewRecorder(), r, o)
				given.err <- err
			}()
			given.send(5 * kib)
			time.Sleep(500 * time.Millisecond)
			hold(t, readsBody, o, 20*kib)() // there is room for it when the other has given back 4 of 8 KiB
			stalled := begin(t, readsBody, o, 60*kib)
			stalled.send(1)
			hold(t, readsBody, o, 8*kib)
			time.Sleep(500 * time.Millisecond)
			asks := begin(t, readsBody, o, 60*kib)
			asks.send(8 * kib)
			expect(t, "asks", asks, "busy")
			want(t, sendings{"given": given, "stalled": stalled}, states{"given": "arriving", "stalled": "arriving"})
			peer.Close()
			want(t, sendings{"given": given}, states{"given": "busy"})
		},
		"not a small one if a large one is enough": func(t *testing.T) {
			o := options(1)
			hold(t, readsBody, o, 28*kib)
			small, large := begin(t, readsBody, o, 60*kib), begin(t, readsBody, o, 60*kib)
			small.send(1)
			time.Sleep(time.Second)
			large.send(15 * kib)
			time.Sleep(time.Second)
			asks := begin(t, readsBody, o, 60*kib)
			asks.send(16 * kib)
			want(t, sendings{"small": small, "large": large, "asks": asks}, states{"small": "arriving", "large": "busy", "asks": "arriving"})
		},
		"one by one of either kind": func(t *testing.T) {
			o := options(1)
			hold(t, provenBody, o, 80*kib)
			stalled := begin(t, readsBody, o, 48*kib)
			stalled.send(47 * kib)
			time.Sleep(300 * time.Millisecond)
			proven := begin(t, provenBody, o, 2*kib)
			time.Sleep(25 * time.Millisecond)
			unproven := begin(t, readsBody, o, 4*kib)
			unproven.send(4 * kib)
			proven.send(2 * kib)
			want(t, sendings{"stalled": stalled, "proven": proven, "unproven": unproven}, states{"stalled": "busy", "proven": "accepted", "unproven": "accepted"})
		},
		"one whose time is over, also while it waits for room": func(t *testing.T) {
			o := options(1)
			o.BodyTimeout = 100 * time.Millisecond
			hold(t, readsBody, o, 64*kib)
			waits := begin(t, readsBody, o, kib)
			time.Sleep(150 * time.Millisecond)
			want(t, sendings{"waits": waits}, states{"waits": "body_timeout"})
		},
		"one below the fair rate that got the room of another": func(t *testing.T) {
			o := options(20)
			stalled := begin(t, readsBody, o, 64*kib)
			stalled.send(32 * kib)
			time.Sleep(300 * time.Millisecond)
			slow := begin(t, readsBody, o, 60*kib)
			want(t, sendings{"stalled": stalled}, states{"stalled": "busy"})
			trickle(2*time.Second, slow)
			hold(t, readsBody, o, 60*kib)
			newcomer := begin(t, readsBody, o, kib)
			time.Sleep(55 * time.Millisecond) // too little to count as stalled
			want(t, sendings{"slow": slow}, states{"slow": "busy"})
			newcomer.send(kib)
			want(t, sendings{"newcomer": newcomer}, states{"newcomer": "accepted"})
		},
		"one below the fair rate that has waited before": func(t *testing.T) {
			o := options(20)
			release := hold(t, readsBody, o, 64*kib)
			slow := begin(t, readsBody, o, 60*kib)
			time.Sleep(55 * time.Millisecond)
			release()
			trickle(2*time.Second, slow)
			hold(t, readsBody, o, 60*kib)
			newcomer := begin(t, readsBody, o, kib)
			time.Sleep(55 * time.Millisecond) // too little to count as stalled
			want(t, sendings{"slow": slow}, states{"slow": "busy"})
			newcomer.send(kib)
			want(t, sendings{"newcomer": newcomer}, states{"newcomer": "accepted"})
		},
	}
	for name, sizes := range map[string][2]int{"before the larger one": {2, 4}, "after the larger one": {4, 2}} {
		tests["not the smallest if others are enough: begun "+name] = func(t *testing.T) {
			o := options(1)
			hold(t, readsBody, o, 28*kib)
			ofSize := map[int]*sending{}
			for _, n := range sizes {
				ofSize[n] = begin(t, readsBody, o, n*kib)
				time.Sleep(10 * time.Millisecond)
			}
			last := begin(t, readsBody, o, 60*kib) // has 8 KiB
			last.send(4 * kib)
			time.Sleep(300 * time.Millisecond)
			asks := begin(t, readsBody, o, 60*kib) // for 16 KiB, and 6 KiB are free
			asks.send(16 * kib)
			want(t, sendings{"2 KiB": ofSize[2], "4 KiB": ofSize[4], "last": last, "asks": asks}, states{"2 KiB": "arriving", "4 KiB": "busy", "last": "busy", "asks": "arriving"})
		}
	}
	for _, first := range []string{"small", "large"} {
		tests["one for who wants least, before or after another: first "+first] = func(t *testing.T) {
			o := options(1)
			hold(t, readsBody, o, 40*kib)
			stalled := begin(t, readsBody, o, 60*kib)
			stalled.send(5 * kib)
			large, small := begin(t, readsBody, o, 60*kib), (*sending)(nil)
			large.send(16*kib - 1)
			for _, next := range []string{first, map[string]string{"small": "large", "large": "small"}[first]} {
				if next == "small" {
					small = begin(t, readsBody, o, 4*kib)
					go small.peer.Write(make([]byte, 4*kib))
				} else {
					large.send(1)
				}
				time.Sleep(15 * time.Millisecond)
			}
			time.Sleep(600 * time.Millisecond)
			want(t, sendings{"stalled": stalled, "large": large, "small": small}, states{"stalled": "busy", "large": "busy", "small": "accepted"})
		}
	}
	for _, first := range []string{"fast", "slow"} {
		// The slowest goes when its rate has come down to half of what that of the fastest was before
		// it waited. It is never that slow compared with the other.
		tests["one for the fastest, before or after another: first "+first] = func(t *testing.T) {
			o := options(1)
			hold(t, readsBody, o, 8*kib)
			slowest := begin(t, readsBody, o, 60*kib)
			slowest.send(16*kib + 100)
			trickle(1800*time.Millisecond, slowest)
			fast, slow := begin(t, readsBody, o, 60*kib), begin(t, readsBody, o, 60*kib)
			fast.send(16*kib - 100)
			slow.send(8*kib - 100)
			trickle(2*time.Second, slowest, fast, slow)
			slowest.send(1)
			both := []*sending{fast, slow}
			if first == "slow" {
				both = []*sending{slow, fast}
			}
			for _, s := range both {
				go s.peer.Write(make([]byte, 100))
				synctest.Wait()
			}
			want(t, sendings{"slowest": slowest}, states{"slowest": "arriving"})
			trickle(600*time.Millisecond, slowest)
			want(t, sendings{"slowest": slowest, "fast": fast, "slow": slow}, states{"slowest": "busy", "fast": "arriving", "slow": "arriving"})
		}
		tests["the slower of two that wait for each other: first "+first] = func(t *testing.T) {
			o := options(1)
			slow := begin(t, readsBody, o, 60*kib)
			slow.send(32*kib - 100)
			trickle(time.Second, slow)
			fast := begin(t, readsBody, o, 60*kib)
			fast.send(32*kib - 100)
			trickle(2*time.Second, slow, fast)
			both := []*sending{fast, slow}
			if first == "slow" {
				both = []*sending{slow, fast}
			}
			for _, s := range both {
				go s.peer.Write(make([]byte, 100))
				synctest.Wait()
			}
			time.Sleep(100 * time.Millisecond)
			want(t, sendings{"fast": fast, "slow": slow}, states{"fast": "arriving", "slow": "busy"})
		}
	}
	// The order of a map decides who is compared with whom, and seldom changes.
	const rounds = 64
	tests["an older one before a slower one in its first second"] = func(t *testing.T) {
		for range rounds {
			o := options(1)
			older := begin(t, readsBody, o, 48*kib)
			time.Sleep(time.Second)
			young := begin(t, readsBody, o, 60*kib)
			young.send(9 * kib)
			older.send(47 * kib)
			time.Sleep(300 * time.Millisecond)
			newcomer := begin(t, readsBody, o, 4*kib)
			newcomer.send(4 * kib)
			want(t, sendings{"older": older, "young": young, "newcomer": newcomer}, states{"older": "busy", "young": "arriving", "newcomer": "accepted"})
		}
	}
	tests["in the first second the older before a slower one"] = func(t *testing.T) {
		for range rounds {
			o := options(1)
			hold(t, readsBody, o, 16*kib)
			older := begin(t, readsBody, o, 60*kib)
			older.send(31 * kib)
			time.Sleep(300 * time.Millisecond)
			newer := begin(t, readsBody, o, 60*kib)
			newer.send(9 * kib)
			time.Sleep(300 * time.Millisecond)
			newcomer := begin(t, readsBody, o, 4*kib)
			newcomer.send(4 * kib)
			want(t, sendings{"older": older, "newer": newer, "newcomer": newcomer}, states{"older": "busy", "newer": "arriving", "newcomer": "accepted"})
		}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
}

// A slowHash keeps us at work.
type slowHash struct{ hash.Hash }

func (h slowHash) Write(p []byte) (int, error) {
	if len(p) > 0 {
		time.Sleep(2 * time.Second)
	}
	return h.Hash.Write(p)
}

// Some of those that wait for each other go, whatever bodies of the other kind have; and none if
// others will make room.
func TestWaitersThatWaitForEachOther(t *testing.T) {
	const kib = 1 << 10
	count := func(all []*sending) map[string]int {
		states := map[string]int{}
		for _, s := range all {
			states[s.state()]++
		}
		return states
	}
	for name, tt := range map[string]struct {
		v    redoxauth.Verifier
		kib  int // of the half, or of all
		held redoxauth.Verifier
	}{
		"unproven, beside a proven one": {readsBody, 64, provenBody},
		"proven":                        {provenBody, 128, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: 128 * kib}
				if tt.held != nil {
					hold(t, tt.held, o, 60*kib)
				}
				var all []*sending
				for range 4 {
					all = append(all, begin(t, tt.v, o, tt.kib*7/16*kib))
				}
				for _, s := range all {
					s.send(tt.kib * 3 / 16 * kib)
				}
				for _, s := range all {
					go s.peer.Write(make([]byte, tt.kib/4*kib))
				}
				time.Sleep(time.Second)
				if got, want := count(all), (map[string]int{"accepted": 2, "busy": 2}); !cmp.Equal(got, want) {
					t.Errorf("%v, want %v", got, want)
				}
			})
		})
	}
	t.Run("others will make room", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o := &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: 128 * kib}
			releases := []func(){hold(t, readsBody, o, 48*kib), hold(t, provenBody, o, 16*kib)}
			all := []*sending{begin(t, readsBody, o, 32*kib), begin(t, provenBody, o, 32*kib), begin(t, provenBody, o, 64*kib)}
			for i, n := range []int{16, 16, 32} {
				all[i].send(n*kib - 1)
			}
			for i, n := range []int{16, 16, 32} {
				go all[i].peer.Write(make([]byte, n*kib+1))
			}
			time.Sleep(100 * time.Millisecond)
			if got, want := count(all), (map[string]int{"arriving": 3}); !cmp.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
			for _, release := range releases {
				release()
			}
			time.Sleep(100 * time.Millisecond)
			if got, want := count(all), (map[string]int{"accepted": 3}); !cmp.Equal(got, want) {
				t.Errorf("when there is room: %v, want %v", got, want)
			}
		})
	})
}

// A sender of 400 KiB/s among strangers that send five times as much, and then stall, loses no
// upload, although they fill the budget all the time.
func TestUploadsPassAmidStrangers(t *testing.T) {
	t.Parallel()
	const kib = 1 << 10
	for _, size := range []int{1000, 2000, 3999} { // KiB that a stranger sends before it stalls
		t.Run(fmt.Sprintf("%d KiB", size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := &redoxauth.Options{MaxBodyBytes: 4000 * kib, MaxInFlight: 32_000 * kib}
				var strangers []*sending
				due, refused := 0, 0
				for upload := range 16 {
					s := begin(t, readsBody, opts, 4000*kib)
					for range 100 { // of 100 ms
						for due += 200; due >= size; due -= size {
							stranger := begin(t, readsBody, opts, 4000*kib)
							stranger.send(size * kib)
							strangers = append(strangers, stranger)
						}
						s.send(40 * kib)
						time.Sleep(100 * time.Millisecond)
					}
					if got := s.state(); got != "accepted" {
						t.Errorf("upload %d: %s", upload, got)
					}
				}
				for _, s := range strangers {
					if s.state() == "busy" {
						refused++
					}
				}
				if refused == 0 {
					t.Error("the budget was never full")
				}
			})
		})
	}
}

// With a little more traffic than there is room for, most uploads pass. If every new one ended
// an old one, hardly any would.
func TestMoreUploadsThanThereIsRoomFor(t *testing.T) {
	const kib = 1 << 10
	synctest.Test(t, func(t *testing.T) {
		opts := &redoxauth.Options{MaxBodyBytes: 1000 * kib, MaxInFlight: 16_000 * kib} // room for 8 unproven ones
		var uploads []*sending
		for tick := range 200 { // of 100 ms
			if tick%2 == 0 && tick < 180 { // 10 are under way at once
				uploads = append(uploads, begin(t, readsBody, opts, 1000*kib))
			}
			for _, s := range uploads {
				if s.sent < 1000*kib {
					s.sent += 50 * kib
					go s.peer.Write(make([]byte, 50*kib))
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Second)
		passed := 0
		for _, s := range uploads {
			if s.state() == "accepted" {
				passed++
			}
		}
		if passed < len(uploads)/2 {
			t.Errorf("%d of %d uploads passed", passed, len(uploads))
		}
	})
}

// A writer that panics, as some do when their request has ended, harms no other request.
func TestWriterThatPanicsHarmsNoOther(t *testing.T) {
	const kib = 1 << 10
	synctest.Test(t, func(t *testing.T) {
		opts := &redoxauth.Options{MaxBodyBytes: 100 * kib, MaxInFlight: 200 * kib}
		ours, peer := net.Pipe()
		r := httptest.NewRequest(http.MethodPost, "/", ours)
		r.ContentLength = 100 * kib
		done := make(chan error)
		go func() {
			_, err := redoxauth.Check(readsBody, panickingWriter{httptest.NewRecorder()}, r, opts)
			done <- err
		}()
		peer.Write(make([]byte, 90*kib))
		time.Sleep(2 * time.Second)
		newcomer := begin(t, readsBody, opts, 50*kib)
		newcomer.send(50 * kib)
		expect(t, "newcomer", newcomer, "accepted")
		if err := <-done; redoxauth.StatusCode(err) != http.StatusServiceUnavailable {
			t.Errorf("got %v, want it given up", err)
		}
	})
}

type panickingWriter struct{ http.ResponseWriter }

func (panickingWriter) SetReadDeadline(time.Time) error { panic("the request has ended") }

// Bodies that stall in chunks of one size, then of another, leave no more memory behind than
// the limit.
func TestChunksOfOtherSizesAreNotKept(t *testing.T) {
	const kib, mib = 1 << 10, 1 << 20
	opts := &redoxauth.Options{MaxBodyBytes: 8 * mib, MaxInFlight: 32 * mib} // the unproven half is 16 MiB
	heap := func() int {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapInuse)
	}
	before, peak := heap(), 0
	var bodies sync.WaitGroup
	var peers []*io.PipeWriter
	for size := 8 * kib; size <= 512*kib; size *= 2 {
		for range 18 * mib / size {
			ours, peer := io.Pipe()
			r := httptest.NewRequest(http.MethodPost, "/", ours)
			r.ContentLength = 8 * mib
			bodies.Go(func() { redoxauth.Check(readsBody, nil, r, opts) })
			peer.Write(make([]byte, size-kib))
			peers = append(peers, peer)
		}
		peak = max(peak, heap()-before)
	}
	for _, peer := range peers {
		peer.Close()
	}
	bodies.Wait()
	if peak > 32*mib {
		t.Errorf("%d MiB of memory for bodies that may have 16", peak/mib)
	}
}
