package answer_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/answer"
)

// A remote is the service that is asked. Tokens that begin with "good" are good, and
// ours unless it is "good stranger".
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
		return "", time.Time{}, &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: "inactive"}
	}
	var expiry time.Time
	if r.expiry != nil {
		expiry = r.expiry()
	}
	return "about " + token, expiry, nil
}

func newCache(r *remote) *answer.Cache[string] { return limited(r, 0) }

func limited(r *remote, perMinute int) *answer.Cache[string] {
	return answer.New(answer.Config[string]{
		Positive:  5 * time.Minute,
		Negative:  10 * time.Second,
		PerMinute: perMinute,
		Now:       time.Now,
		Ours:      func(a string) bool { return !strings.HasPrefix(a, "about good stranger") },
	}, r.fetch)
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
		{"negative", "bad", 0, 10 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &remote{}
				if test.expiry > 0 {
					expiry := time.Now().Add(test.expiry)
					r.expiry = func() time.Time { return expiry }
				}
				c := newCache(r)
				ask := func() {
					t.Helper()
					a, err := c.Get(t.Context(), test.token)
					if test.token == "bad" {
						verifiertest.CheckError(t, err, redoxauth.ErrRejected, "inactive")
					} else if err != nil || a != "about good" {
						t.Fatalf("Get = %q, %v", a, err)
					}
				}
				ask()
				time.Sleep(test.life - time.Nanosecond)
				ask()
				wantCalls(t, r, 1)
				time.Sleep(time.Nanosecond)
				ask()
				wantCalls(t, r, 2)
			})
		})
	}
}

func TestAnAnswerPastItsExpiryIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{expiry: func() time.Time { return time.Now().Add(-time.Second) }}
		c := newCache(r)
		for range 3 {
			if a, err := c.Get(t.Context(), "good"); err != nil || a != "about good" {
				t.Fatalf("Get = %q, %v", a, err)
			}
		}
		wantCalls(t, r, 3)
	})
}

func TestAFailureIsUnavailableAndNeverKept(t *testing.T) {
	own := &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Strategy: "own", Reason: "unavailable"}
	for _, failure := range []error{errors.New("connection refused"), own} {
		synctest.Test(t, func(t *testing.T) {
			r := &remote{err: failure}
			c := newCache(r)
			for range 3 {
				_, err := c.Get(t.Context(), "good")
				verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
				if !errors.Is(err, failure) {
					t.Errorf("error %v does not wrap its cause", err)
				}
			}
			wantCalls(t, r, 3)
			r.err = nil
			if _, err := c.Get(t.Context(), "good"); err != nil {
				t.Fatalf("after the outage: %v", err)
			}
		})
	}
}

func TestAGoodTokenThatIsNoLongerActiveIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{}
		c := newCache(r)
		if _, err := c.Get(t.Context(), "good"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		r.err = &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: "inactive"}
		for range 2 {
			_, err := c.Get(t.Context(), "good")
			verifiertest.CheckError(t, err, redoxauth.ErrRejected, "inactive")
		}
		wantCalls(t, r, 2)
	})
}

func TestOneCallServesAllWhoAskMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{delay: time.Second}
		c := newCache(r)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if _, err := c.Get(t.Context(), "good"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		wantCalls(t, r, 1)
	})
}

// The request that caused the call may end first; the others must not pay for it.
func TestTheEndOfOneRequestFailsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{delay: 2 * time.Second}
		c := newCache(r)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		first := make(chan error, 1)
		go func() {
			_, err := c.Get(ctx, "good")
			first <- err
			if waited := time.Since(start); waited != time.Second {
				t.Errorf("the first waited %v beyond its context", waited)
			}
		}()
		synctest.Wait()
		if _, err := c.Get(t.Context(), "good"); err != nil {
			t.Fatalf("the second: %v", err)
		}
		err := <-first
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "canceled")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v does not wrap the context's", err)
		}
		wantCalls(t, r, 1)
	})
}

func TestACallEndsAfterTenSeconds(t *testing.T) {
	for _, name := range []string{"one that honours its context", "one that does not"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := answer.New(answer.Config[string]{Positive: time.Minute, Negative: time.Second, Now: time.Now, Ours: func(string) bool { return true }},
					func(ctx context.Context, _ string) (string, time.Time, error) {
						if name == "one that does not" {
							time.Sleep(time.Minute)
							return "late", time.Time{}, nil
						}
						<-ctx.Done()
						return "", time.Time{}, ctx.Err()
					})
				start := time.Now()
				_, err := c.Get(t.Context(), "good")
				verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v does not wrap the deadline", err)
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
	faults := map[string]func(token string){
		"panic":      func(token string) { panic(token) },
		"index":      func(token string) { _ = []int{}[len(token)] },
		"Goexit":     func(string) { runtime.Goexit() },
		"nil dialer": func(string) { panic(nil) },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := answer.New(answer.Config[string]{Positive: time.Minute, Negative: time.Second, Now: time.Now, Ours: func(string) bool { return true }},
					func(_ context.Context, token string) (string, time.Time, error) {
						fault(token)
						return "", time.Time{}, nil
					})
				for range 100 { // more than calls at once: the place is given back
					_, err := c.Get(t.Context(), "s3cret")
					verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
					if strings.Contains(err.Error(), "s3cret") {
						t.Fatalf("the error shows the token: %v", err)
					}
				}
			})
		})
	}
}

// The copy is what it takes to hash a string.
func TestAKeptAnswerCostsOneCopyOfTheToken(t *testing.T) {
	c := newCache(&remote{})
	token := "good" + strings.Repeat("x", 200)
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := c.Get(ctx, token); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
