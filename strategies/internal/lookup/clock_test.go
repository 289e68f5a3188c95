package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/lookup"
	"github.com/redoxauth/redoxauth-go/strategies/internal/testclock"
)

func newCacheAt(c *testclock.Clock, perMinute int, fetch lookup.Fetch[string]) *lookup.Cache[string] {
	return lookup.New(lookup.Config{Service: service, Positive: 5 * time.Minute, Negative: 10 * time.Second, PerMinute: perMinute, Now: c.Now}, fetch)
}

var errRevoked = redoxauth.Errorf(redoxauth.ErrRejected, "inactive", "")

// The monotonic clock stands still while a machine is suspended, and the wall clock can be set
// back. Neither prolongs the use of an answer: a token that was revoked meanwhile is refused at
// its first use, and another one is accepted, also when the wall clock shows a second time when
// the answer came.
func TestClockJumps(t *testing.T) {
	for name, jump := range map[string]func(*testclock.Clock){
		"suspended for 48 h":  func(c *testclock.Clock) { c.Suspend(48 * time.Hour) },
		"suspended for 5 min": func(c *testclock.Clock) { c.Suspend(5 * time.Minute) },
		"set back by 48 h":    func(c *testclock.Clock) { c.SetBack(48 * time.Hour); time.Sleep(5 * time.Minute) },
	} {
		for _, wallOnly := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", wall clock alone ", wallOnly), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					clock, r := testclock.New(wallOnly), &remote{}
					c := newCacheAt(clock, 1000, r.fetch)
					tokens := []string{"good", "good stranger"} // accepted, and not
					for _, token := range tokens {
						if err := ask(t.Context(), c, token); err != nil {
							t.Fatal(err)
						}
					}
					jump(clock)
					for _, token := range tokens {
						r.err = errRevoked
						verifiertest.CheckError(t, ask(t.Context(), c, token), redoxauth.ErrRejected, "inactive")
						r.err = nil
						if err := ask(t.Context(), c, token+", another one"); err != nil {
							t.Error(err)
						}
					}
					wantCalls(t, r, 6)
					for _, token := range tokens { // and it goes on
						if err := ask(t.Context(), c, token+", another one"); err != nil {
							t.Error(err)
						}
					}
					wantCalls(t, r, 6)
				})
			})
		}
	}
}

// Once the clock was seen to be set back, an answer is not used when the wall clock shows a
// second time when it came.
func TestAnswerIsNotUsedAgainTwoDaysAfterTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock, r := testclock.New(true), &remote{}
		c := newCacheAt(clock, 1000, r.fetch)
		if err := ask(t.Context(), c, "good"); err != nil {
			t.Fatal(err)
		}
		clock.SetBack(48 * time.Hour)
		r.err = errors.New("status 503")
		verifiertest.CheckError(t, ask(t.Context(), c, "good"), redoxauth.ErrUnavailable, "unavailable")
		time.Sleep(48*time.Hour + time.Minute)
		r.err = errRevoked
		verifiertest.CheckError(t, ask(t.Context(), c, "good"), redoxauth.ErrRejected, "inactive")
	})
}

// An answer is as old as its call. If the machine was suspended meanwhile, the call is made
// again before anybody is decided by it.
func TestMachineSuspendedDuringACall(t *testing.T) {
	for _, name := range []string{"revoked", "good", "panics", "always", "for no longer than a call"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock, calls := testclock.New(false), 0
				c := newCacheAt(clock, 1000, func(_ context.Context, token string) (string, time.Time, error) {
					if calls++; calls == 1 || name == "always" {
						suspended := 25 * time.Hour
						if name == "for no longer than a call" {
							suspended = 10 * time.Second
						}
						clock.Suspend(suspended)
						return "about " + token, time.Time{}, nil
					}
					switch name {
					case "revoked":
						return "", time.Time{}, errRevoked
					case "panics":
						panic("now")
					}
					return "about " + token, time.Time{}, nil
				})
				switch err := ask(t.Context(), c, "good"); name {
				case "good":
					if err != nil {
						t.Error(err)
					}
				case "for no longer than a call":
					if err != nil || calls != 1 {
						t.Errorf("error %v after %d calls, want the answer of one", err, calls)
					}
				case "revoked":
					verifiertest.CheckError(t, err, redoxauth.ErrRejected, "inactive")
				default:
					verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
				}
			})
		})
	}
}

// The time that a call takes is part of the life of its answer.
func TestAnswerIsAsOldAsItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{delay: 9 * time.Second}
		c := newCache(r.fetch)
		get := func(calls int64) {
			t.Helper()
			if err := ask(t.Context(), c, "good"); err != nil {
				t.Fatal(err)
			}
			wantCalls(t, r, calls)
		}
		get(1)
		time.Sleep(5*time.Minute - 9*time.Second - 1)
		get(1)
		time.Sleep(time.Nanosecond)
		get(2)
	})
}

// What a call brings that ignores its context is not remembered, also if the wall clock says
// that the call was short.
func TestAnswerThatComesTooLateIsDropped(t *testing.T) {
	for _, token := range []string{"good", "bad"} {
		for _, setBack := range []time.Duration{0, 55 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				clock, r := testclock.New(true), &remote{}
				c := newCacheAt(clock, 1000, func(ctx context.Context, token string) (string, time.Time, error) {
					time.Sleep(time.Minute)
					clock.SetBack(setBack)
					return r.fetch(context.WithoutCancel(ctx), token)
				})
				for i := range int64(2) {
					verifiertest.CheckError(t, ask(t.Context(), c, token), redoxauth.ErrUnavailable, "unavailable")
					time.Sleep(50*time.Second + time.Millisecond) // until just after the call
					wantCalls(t, r, i+1)
				}
				err := ask(rotation.LoadedOnly(t.Context()), c, token)
				if want := "failed: " + service + ": the answer came more than 10s after the call"; !strings.HasSuffix(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
			})
		}
	}
}

// A negative answer counts although nobody knows how old it is: the token has no precedence any
// more, and Explain tells of it.
func TestRevokedWhileTheClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock, revoked := testclock.New(true), false
		c := newCacheAt(clock, 1000, func(_ context.Context, token string) (string, time.Time, error) {
			if revoked {
				clock.SetBack(time.Hour)
				return "", time.Time{}, errRevoked
			}
			return "about " + token, time.Time{}, nil
		})
		for _, want := range []bool{true, false} {
			ask(t.Context(), c, "good")
			var to diagnosis.Report
			if value, ok := c.Explain(from("192.0.2.1:1"), "good", &to); ok != want {
				t.Errorf("Explain tells of %q, ok %v, want %v", value, ok, want)
			}
			revoked = true
			time.Sleep(5 * time.Minute)
		}
	})
}

// If the clock is set back during a call, nobody knows how old the answer is. The token is asked
// about again, before those that strangers invent.
func TestAcceptedTokenKeepsItsPrecedenceWhenTheClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock, setBack := testclock.New(true), time.Duration(0)
		c := newCacheAt(clock, 10, func(_ context.Context, token string) (string, time.Time, error) {
			if token != "good" {
				return "", time.Time{}, errRevoked
			}
			clock.SetBack(setBack)
			return "about " + token, time.Time{}, nil
		})
		for _, setBack = range []time.Duration{0, time.Hour, 0} {
			if err := ask(t.Context(), c, "good"); err != nil {
				t.Errorf("when the clock is set back by %v: %v", setBack, err)
			}
			time.Sleep(5 * time.Minute)
			for i := range 20 {
				ask(t.Context(), c, fmt.Sprint("invented ", i))
			}
			verifiertest.CheckError(t, ask(t.Context(), c, "new"), redoxauth.ErrUnavailable, "busy")
		}
	})
}

// A token may expire while the machine is suspended.
func TestExpiryIsOnTheWallClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := testclock.New(false)
		r := &remote{expiry: func() time.Time { return clock.Now().Add(time.Minute) }}
		c := newCacheAt(clock, 1000, r.fetch)
		for _, calls := range []int64{1, 2} {
			for range 2 {
				if err := ask(t.Context(), c, "good"); err != nil {
					t.Fatal(err)
				}
				wantCalls(t, r, calls)
			}
			clock.Suspend(time.Minute)
		}
	})
}

// After the wall clock was set back, the calls of a minute come back in a minute, and an accepted
// peer is still one. After a suspended machine is back, they are all there.
func TestCallsComeBackWhenTheClockJumps(t *testing.T) {
	for name, jump := range map[string]func(*testclock.Clock){
		"suspended for 23 h": func(c *testclock.Clock) { c.Suspend(23 * time.Hour) },
		"set back by 48 h":   func(c *testclock.Clock) { c.SetBack(48 * time.Hour) },
	} {
		for _, wallOnly := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", wall clock alone ", wallOnly), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					clock, r := testclock.New(wallOnly), &remote{}
					c := newCacheAt(clock, 300, r.fetch)
					ask(t.Context(), c, "good") // makes it an accepted peer
					calls := func() int64 {
						r.calls.Store(0)
						for i := range 1000 {
							ask(t.Context(), c, fmt.Sprint("bad ", time.Now(), i))
						}
						return r.calls.Load()
					}
					if n := calls(); n != 300 {
						t.Fatalf("%d calls at first, want 300", n)
					}
					jump(clock)
					suspended := name == "suspended for 23 h"
					time.Sleep(time.Nanosecond)
					if n := calls(); suspended != (n == 300) || n > 300 {
						t.Errorf("%d calls at once", n)
					}
					time.Sleep(time.Minute)
					if n := calls(); n != 300 {
						t.Errorf("%d calls a minute later, want 300", n)
					}
				})
			})
		}
	}
}
