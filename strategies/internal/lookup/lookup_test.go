package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/lookup"
)

// A remote is the remote service. Tokens that begin with "good" are good. The caller
// accepts those that do not begin with "good stranger".
type remote struct {
	calls  atomic.Int64
	delay  time.Duration
	expiry func() time.Time
	err    error
}

func (r *remote) fetch(ctx context.Context, token string) (string, time.Time, error) {
	r.calls.Add(1)
	if r.delay > 0 {
		select {
		case <-time.After(r.delay):
		case <-ctx.Done():
			return "", time.Time{}, ctx.Err()
		}
	}
	if r.err != nil {
		return "", time.Time{}, r.err
	}
	if !strings.HasPrefix(token, "good") {
		return "", time.Time{}, redoxauth.Errorf(redoxauth.ErrRejected, "inactive", "")
	}
	var expiry time.Time
	if r.expiry != nil {
		expiry = r.expiry()
	}
	return "about " + token, expiry, nil
}

const service = "service (https://as.example)"

// newCache returns a Cache that asks about a million unknown tokens a minute.
func newCache(fetch lookup.Fetch[string]) *lookup.Cache[string] {
	return lookup.New(lookup.Config{Service: service, Positive: 5 * time.Minute, Negative: 10 * time.Second, PerMinute: 1_000_000, Now: time.Now}, fetch)
}

// from returns a request from address, such as "192.0.2.1:1".
func from(address string) *http.Request {
	return &http.Request{Method: "POST", RemoteAddr: address, Header: http.Header{}}
}

// ask uses c like a strategy.
func ask(ctx context.Context, c *lookup.Cache[string], token string) error {
	return use(from("192.0.2.1:1").WithContext(ctx), c, token)
}

func use(r *http.Request, c *lookup.Cache[string], token string) error {
	a, err := c.Get(r, token)
	switch {
	case err != nil && a.Value != "":
		return fmt.Errorf("an answer %q beside the error %w", a.Value, err)
	case err == nil && a.Value != "about "+token:
		return fmt.Errorf("answer %q about %s", a.Value, token)
	case !strings.HasPrefix(token, "good stranger"):
		a.Remember() // after an error too, where it must do nothing
	}
	return err
}

func wantCalls(t *testing.T, r *remote, want int64) {
	t.Helper()
	if got := r.calls.Load(); got != want {
		t.Fatalf("%d calls, want %d", got, want)
	}
}

// RFC 7662, Section 4: a cached response must not outlive the token's expiry.
func TestAnswersAreKeptForTheirLife(t *testing.T) {
	tests := []struct {
		name   string
		token  string
		expiry time.Duration // zero: none
		life   time.Duration
	}{
		{"positive", "good", 0, 5 * time.Minute},
		{"positive, later expiry", "good", time.Hour, 5 * time.Minute},
		{"positive, sooner expiry", "good", time.Minute, time.Minute},
		{"positive, not accepted", "good stranger", 0, 5 * time.Minute},
		{"positive, past its expiry", "good", -time.Second, 0},
		{"negative", "bad", 0, 10 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &remote{}
				if test.expiry != 0 {
					expiry := time.Now().Add(test.expiry)
					r.expiry = func() time.Time { return expiry }
				}
				c := newCache(r.fetch)
				check := func(calls int64) {
					t.Helper()
					if err := ask(t.Context(), c, test.token); test.token == "bad" {
						verifiertest.CheckError(t, err, redoxauth.ErrRejected, "inactive")
					} else if err != nil {
						t.Fatal(err)
					}
					wantCalls(t, r, calls)
				}
				check(1)
				if test.life > 0 {
					time.Sleep(test.life - time.Nanosecond)
					check(1)
					time.Sleep(time.Nanosecond)
				}
				check(2)
				if test.life == 5*time.Minute { // the second answer is kept for as long
					time.Sleep(test.life - time.Nanosecond)
					check(2)
					time.Sleep(time.Nanosecond)
					check(3)
				}
			})
		})
	}
}

func TestAFailureIsUnavailableAndNeverKept(t *testing.T) {
	own := redoxauth.Errorf(redoxauth.ErrUnavailable, "own", "")
	for failure, reason := range map[error]redoxauth.Reason{errors.New("connection refused"): "unavailable", own: "own"} {
		synctest.Test(t, func(t *testing.T) {
			r := &remote{err: failure}
			c := newCache(r.fetch)
			for range 3 {
				err := ask(t.Context(), c, "good")
				verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, reason)
				if !errors.Is(err, failure) {
					t.Errorf("error %v does not wrap its cause", err)
				}
			}
			wantCalls(t, r, 3)
			r.err = nil
			if err := ask(t.Context(), c, "good"); err != nil {
				t.Fatalf("after the outage: %v", err)
			}
		})
	}
}

func TestAGoodTokenThatIsNoLongerActiveIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{}
		c := newCache(r.fetch)
		if err := ask(t.Context(), c, "good"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		r.err = redoxauth.Errorf(redoxauth.ErrRejected, "inactive", "")
		for range 2 {
			verifiertest.CheckError(t, ask(t.Context(), c, "good"), redoxauth.ErrRejected, "inactive")
		}
		wantCalls(t, r, 2)
	})
}

func TestOneCallServesAllWhoAskMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{delay: time.Second}
		c := newCache(r.fetch)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if err := ask(t.Context(), c, "good"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		wantCalls(t, r, 1)
	})
}

// The request that caused the call may end first. The others must not fail with it.
func TestTheEndOfOneRequestFailsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{delay: 2 * time.Second}
		c := newCache(r.fetch)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		first := make(chan error, 1)
		go func() {
			first <- ask(ctx, c, "good")
			if waited := time.Since(start); waited != time.Second {
				t.Errorf("the first waited %v, past the end of its context", waited)
			}
		}()
		synctest.Wait()
		if err := ask(t.Context(), c, "good"); err != nil {
			t.Fatalf("the second: %v", err)
		}
		err := <-first
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "canceled")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v does not wrap the context's", err)
		}
		if want := "the request ended before the answer of " + service; err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		wantCalls(t, r, 1)
	})
}

func TestACallEndsAfterTenSeconds(t *testing.T) {
	for _, name := range []string{"one that honours its context", "one that does not"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCache(func(ctx context.Context, _ string) (string, time.Time, error) {
					if name == "one that does not" {
						time.Sleep(time.Minute)
						return "late", time.Time{}, nil
					}
					<-ctx.Done()
					return "", time.Time{}, ctx.Err()
				})
				start := time.Now()
				err := ask(t.Context(), c, "good")
				verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v does not wrap the deadline", err)
				}
				if want := service + ": no answer within 10s"; name == "one that does not" && !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
				if waited := time.Since(start); waited != 10*time.Second {
					t.Errorf("waited %v", waited)
				}
				time.Sleep(time.Minute) // lets the call end
			})
		})
	}
}

func TestACallThatPanicsOrExitsIsAFailure(t *testing.T) {
	for want, fault := range map[string]func(token string){
		"the call panicked: string":              func(token string) { panic(token) },
		"the call panicked: runtime.boundsError": func(token string) { _ = []int{}[len(token)] },
		"the call ended its goroutine":           func(string) { runtime.Goexit() },
		"the call panicked: *runtime.PanicNil":   func(string) { panic(nil) },
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCache(func(_ context.Context, token string) (string, time.Time, error) {
					fault(token)
					return "", time.Time{}, nil
				})
				for range 100 { // more than calls at once: the place is given back
					err := ask(t.Context(), c, "s3cret")
					verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
					if strings.Contains(err.Error(), "s3cret") {
						t.Fatalf("the error shows the token: %v", err)
					}
					if !strings.Contains(err.Error(), service+": "+want) {
						t.Fatalf("error %v, want %q", err, want)
					}
				}
			})
		})
	}
}

// The allocations are the copy of the token that is hashed, and the address without port.
func TestAKeptAnswerCostsOneCopyOfTheToken(t *testing.T) {
	c := newCache((&remote{}).fetch)
	token, r := "good"+strings.Repeat("x", 200), from("192.0.2.1:1")
	if n := testing.AllocsPerRun(100, func() {
		a, err := c.Get(r, token)
		if err != nil {
			t.Fatal(err)
		}
		a.Remember()
	}); n > 2 {
		t.Errorf("%v allocations", n)
	}
}

func TestCallsAtOnceAreBounded(t *testing.T) {
	for _, test := range []struct {
		name  string
		known bool
		calls int64
	}{{"bad", false, 32}, {"good", true, 64}} {
		synctest.Test(t, func(t *testing.T) {
			r := &remote{}
			c := newCache(r.fetch)
			if err := ask(t.Context(), c, "good"); err != nil {
				t.Fatal(err)
			}
			for i := range 1000 {
				if test.known {
					ask(t.Context(), c, fmt.Sprint(test.name, i))
				}
			}
			time.Sleep(5 * time.Minute) // the known ones must be asked about again
			r.calls.Store(0)
			r.delay = time.Second
			start := time.Now()
			var wg sync.WaitGroup
			var busy atomic.Int64
			for i := range 1000 {
				wg.Go(func() {
					var e *redoxauth.Error
					if errors.As(use(from(fmt.Sprintf("198.51.100.%d:1", i%200)), c, fmt.Sprint(test.name, i)), &e) && e.Reason == "busy" {
						if busy.Add(1); !time.Now().Equal(start) {
							t.Error("busy was not answered at once")
						}
					}
				})
			}
			synctest.Wait()
			wantCalls(t, r, test.calls)
			if got := busy.Load(); got != 1000-test.calls {
				t.Errorf("%d were told that we are busy, want %d", got, 1000-test.calls)
			}
			if err := ask(t.Context(), c, "good"); err != nil && !test.known {
				t.Errorf("a token that was accepted before, during the flood: %v", err)
			}
			wg.Wait()
		})
	}
}

// Strangers may have accounts at the remote service, so their tokens are good there.
func TestAFloodPushesOutNoAcceptedToken(t *testing.T) {
	for name, kind := range map[string]error{"bad": redoxauth.ErrRejected, "good stranger": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &remote{}
				c := newCache(r.fetch)
				get := func(token string, kind error, calls int64) {
					t.Helper()
					if err := ask(t.Context(), c, token); !errors.Is(err, kind) {
						t.Fatalf("error %v, want %v", err, kind)
					}
					wantCalls(t, r, calls)
				}
				get("good", nil, 1)
				for i := range int64(5000) {
					get(fmt.Sprint(name, i), kind, i+2)
				}
				get("good", nil, 5001)
				get(name+"4999", kind, 5001) // still kept
				get(name+"0", kind, 5002)    // of so many, the first is not
			})
		})
	}
}

// An answer that is replaced must leave nothing behind that keeps others from going.
func TestAnAnswerThatIsReplacedCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{}
		c := newCache(r.fetch)
		for range 3 {
			ask(t.Context(), c, "bad")
			time.Sleep(10 * time.Second)
		}
		for i := range 1025 + 10 {
			ask(t.Context(), c, fmt.Sprint("bad", i))
		}
		calls := r.calls.Load()
		for i := 10; i >= 0; i-- {
			ask(t.Context(), c, fmt.Sprint("bad", i))
			calls++
			wantCalls(t, r, calls)
		}
	})
}

// A slow caller must not bring back an answer that a newer one has replaced.
func TestOnlyTheNewestAnswerIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{}
		c := newCache(r.fetch)
		old, err := c.Get(from("192.0.2.1:1"), "good")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		r.err = redoxauth.Errorf(redoxauth.ErrRejected, "inactive", "")
		for range 2 {
			verifiertest.CheckError(t, ask(t.Context(), c, "good"), redoxauth.ErrRejected, "inactive")
			old.Remember()
		}
		wantCalls(t, r, 2)
	})
}

func TestTheAnswerUsedLongestAgoGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{}
		c := newCache(r.fetch)
		ask(t.Context(), c, "good, and in use")
		for i := range 5000 {
			ask(t.Context(), c, fmt.Sprint("good", i))
			ask(t.Context(), c, "good, and in use")
		}
		wantCalls(t, r, 5001)
		ask(t.Context(), c, "good0")
		wantCalls(t, r, 5002)
	})
}

func TestManyAtOnce(t *testing.T) {
	r := &remote{expiry: func() time.Time { return time.Now().Add(time.Millisecond) }}
	c := newCache(r.fetch)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 500 {
				var e *redoxauth.Error
				err := ask(t.Context(), c, fmt.Sprint([]string{"good", "bad"}[i%2], (i+w)%50))
				if err != nil && (!errors.As(err, &e) || e.Reason != "inactive" && e.Reason != "busy") {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
