package keyset_test

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
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/testclock"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// An outage is 503 and never 401. Known keys keep working.
func TestUnknownKeyWhileTheServerIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		check(t, s.Ready(t.Context()), nil, "")
		srv.set(down)
		time.Sleep(2 * time.Second)
		check(t, lookUp(t.Context(), s, "b"), redoxauth.ErrUnavailable, "keys")
		before := srv.count()
		for i := range 10 { // one fetch a second, for which the token waits
			start := time.Now()
			check(t, lookUp(t.Context(), s, "a"), nil, "")
			check(t, lookUp(t.Context(), s, "b as a"), redoxauth.ErrUnavailable, "keys") // not even if its kid is known
			if d := time.Since(start); d != 0 {
				t.Fatalf("waited %v", d)
			}
			check(t, lookUp(t.Context(), s, "b"), redoxauth.ErrUnavailable, "keys")
			if d := time.Since(start); d != time.Second {
				t.Fatalf("waited %v, want 1s", d)
			}
			srv.wantFetches(t, before+i+1)
		}
		srv.set(respond(200, jwks("a", "b")))
		check(t, lookUp(t.Context(), s, "b"), nil, "")
	})
}

// Known keys serve while requests for other keys wait for a server that hangs or is slow.
func TestKnownKeysNeverWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		check(t, s.Ready(t.Context()), nil, "")
		srv.set(hang)
		time.Sleep(2 * time.Second)
		var wg sync.WaitGroup
		wg.Go(func() {
			start := time.Now()
			check(t, lookUp(t.Context(), s, "b"), redoxauth.ErrUnavailable, "keys")
			if d := time.Since(start); d != 10*time.Second {
				t.Errorf("the request waited %v, want the fetch's 10s", d)
			}
		})
		for range 9 {
			synctest.Wait()
			start := time.Now()
			check(t, lookUp(t.Context(), s, "a"), nil, "")
			if d := time.Since(start); d != 0 {
				t.Errorf("a known key waited %v", d)
			}
			time.Sleep(time.Second)
		}
		wg.Wait()
	})
}

// Known keys serve at once all through an outage, also when their life is over in the middle
// of it, and whatever else is asked for: only the first request after their life waits, for
// a second, because the refresh may succeed.
func TestKnownKeysDuringAnOutage(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"down": down, "hanging": hang, "busy": respond(503, "", "Retry-After: 7"), "slow": slowly(4*time.Second, respond(500, "")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, srv := remote(t, keyset.RemoteConfig{}, "a")
				check(t, s.Ready(t.Context()), nil, "")
				srv.set(answer)
				ctx, stop := context.WithCancel(t.Context())
				var strangers sync.WaitGroup
				waits := 0
				for i := range 1000 {
					strangers.Go(func() { lookUp(ctx, s, fmt.Sprint("stranger as ", i)) })
					if d := took(func() { check(t, lookUp(t.Context(), s, "a"), nil, "") }); d > time.Second {
						t.Fatalf("waited %v", d)
					} else if d > 0 {
						waits++
					}
					time.Sleep(time.Second)
				}
				if waits > 1 {
					t.Errorf("%d requests waited, want 1 at most", waits)
				}
				stop()
				strangers.Wait()
				time.Sleep(10 * time.Second) // the last fetch
			})
		})
	}
}

// After an outage of five seconds, a new key is known within about a second.
func TestOutageIsOverSoon(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"down": down, "500": respond(500, ""), "no usable key": respond(200, jwks()),
	} {
		for _, warm := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", warm ", warm), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, srv := remote(t, keyset.RemoteConfig{}, "a")
					if warm {
						check(t, s.Ready(t.Context()), nil, "")
					}
					srv.set(answer)
					start := time.Now()
					var all sync.WaitGroup
					var last atomic.Int64 // when the last refused one came
					for time.Since(start) < 10*time.Second {
						if time.Since(start) >= 5*time.Second {
							srv.set(respond(200, jwks("b")))
						}
						all.Go(func() {
							came := time.Since(start)
							if err := lookUp(t.Context(), s, "b"); err != nil {
								check(t, err, redoxauth.ErrUnavailable, "keys")
								last.Store(max(last.Load(), int64(came)))
							}
						})
						time.Sleep(100 * time.Millisecond)
					}
					all.Wait()
					if d := time.Duration(last.Load()); d > 6*time.Second {
						t.Errorf("still 503 %v after the outage", d-5*time.Second)
					}
					if n := srv.count(); n > 10 {
						t.Errorf("%d fetches, want one a second", n)
					}
				})
			})
		}
	}
}

// RFC 9110, Section 10.2.3; RFC 6585, Section 4. A server can ask for a pause, within bounds.
func TestRetryAfter(t *testing.T) {
	now := func() time.Time { return time.Now().Add(time.Hour) } // dates are compared with Config.Now
	in := func(d time.Duration) string {
		// Fake time starts at this moment.
		return "Retry-After: " + time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC).Add(d).Format(http.TimeFormat)
	}
	for _, test := range []struct {
		name   string
		status int
		header string
		want   time.Duration
	}{
		{"none", 503, "X: y", time.Second},
		{"seconds, 503", 503, "Retry-After: 4", 4 * time.Second},
		{"seconds, 429", 429, "Retry-After: 30", 30 * time.Second},
		{"seconds, another status", 500, "Retry-After: 30", time.Second},
		{"a date", 503, in(20 * time.Second), 20 * time.Second},
		{"a date in the past", 503, in(-time.Hour), time.Second},
		{"zero", 503, "Retry-After: 0", time.Second},
		{"negative", 503, "Retry-After: -5", time.Second},
		{"no number", 503, "Retry-After: soon", time.Second},
		{"more than a minute", 503, "Retry-After: 86400", time.Minute},
		{"more than fits", 429, "Retry-After: 99999999999999999999", time.Minute},
		{"more nanoseconds than fit", 503, "Retry-After: 18446744074", time.Minute},
		{"a date far away", 429, in(24 * 365 * time.Hour), time.Minute},
	} {
		for _, warm := range []bool{true, false} {
			t.Run(fmt.Sprint(test.name, ", warm ", warm), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, srv := remote(t, keyset.RemoteConfig{Now: now}, "a")
					if warm {
						check(t, s.Ready(t.Context()), nil, "")
					}
					srv.set(respond(test.status, "", test.header))
					start := time.Now()
					err := lookUp(t.Context(), s, "b")
					check(t, err, redoxauth.ErrUnavailable, "keys")
					if want := fmt.Sprintf("next fetch in %v", test.want); !strings.Contains(err.Error(), want) {
						t.Errorf("error %q, want %q", err, want)
					}
					srv.set(respond(200, jwks("a", "b")))
					before := srv.count()
					for test.want-time.Since(start) > cooldown { // too long to wait
						if d := took(func() { check(t, lookUp(t.Context(), s, "b"), redoxauth.ErrUnavailable, "keys") }); d > 0 {
							t.Fatalf("waited %v", d)
						}
						time.Sleep(time.Second / 2)
					}
					srv.wantFetches(t, before)
					check(t, lookUp(t.Context(), s, "b"), nil, "")
					if d := time.Since(start); d != test.want {
						t.Errorf("accepted after %v, want %v", d, test.want)
					}
				})
			})
		}
	}
}

// Before the first fetch nothing can be decided, so everybody waits. When it has failed, 64
// do.
func TestColdBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		burst := func(answer func(*http.Request) (*http.Response, error)) (accepted int64) {
			srv.set(slowly(time.Second, answer))
			var n atomic.Int64
			var all sync.WaitGroup
			for range 200 {
				all.Go(func() {
					if err := lookUp(t.Context(), s, "a"); err == nil {
						n.Add(1)
					} else {
						check(t, err, redoxauth.ErrUnavailable, "keys")
					}
				})
			}
			all.Wait()
			return n.Load()
		}
		if d := took(func() {
			if n := burst(down); n != 0 {
				t.Errorf("%d accepted without keys", n)
			}
		}); d != time.Second {
			t.Errorf("503 after %v, want it with the end of the fetch", d)
		}
		if n := burst(respond(200, jwks("a"))); n != 64 {
			t.Errorf("%d accepted of those that came after an outage, want the 64 that waited", n)
		}
		if n := burst(down); n != 200 {
			t.Errorf("%d accepted with keys, want all", n)
		}

		s, srv = remote(t, keyset.RemoteConfig{})
		if n := burst(respond(200, jwks("a"))); n != 200 {
			t.Errorf("%d accepted of those that came before the first fetch, want all", n)
		}
	})
}

// The end of the context of one request does not end the wait of the others.
func TestFetchOutlivesItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		srv.set(func(r *http.Request) (*http.Response, error) {
			time.Sleep(3 * time.Second)
			if err := r.Context().Err(); err != nil {
				return nil, err
			}
			return respond(200, jwks("a"))(r)
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			start := time.Now()
			err := lookUp(ctx, s, "a")
			check(t, err, redoxauth.ErrUnavailable, "canceled")
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want the context's", err)
			}
			if d := time.Since(start); d != time.Second {
				t.Errorf("waited %v, want 1s", d)
			}
		})
		synctest.Wait()
		check(t, lookUp(t.Context(), s, "a"), nil, "")
		wg.Wait()
		srv.wantFetches(t, 1)
	})
}

// Without keys, a request waits for the next fetch, and there is one fetch a second. So the
// first request after an outage succeeds, and a flood causes no more fetches.
func TestColdOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		srv.set(down)
		start := time.Now()
		for time.Since(start) < 10*time.Second {
			check(t, lookUp(t.Context(), s, "a"), redoxauth.ErrUnavailable, "keys")
			check(t, s.Ready(t.Context()), redoxauth.ErrUnavailable, "keys")
		}
		if n, d := srv.count(), time.Since(start); n > int(d/time.Second)+1 {
			t.Errorf("%d fetches in %v, want at most one a second", n, d)
		}
		if st := s.Status(); st.Keys != 0 || st.Err == nil || !st.Fetched.IsZero() {
			t.Errorf("status %+v", st)
		}
		srv.set(respond(200, jwks("a")))
		check(t, lookUp(t.Context(), s, "a"), nil, "") // without a pause
		srv.set(respond(200, jwks("b")))
		check(t, lookUp(t.Context(), s, "b"), nil, "") // the same for a rotation
	})
}

func TestColdFloodWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{})
		srv.set(down)
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() { check(t, lookUp(t.Context(), s, fmt.Sprint(i)), redoxauth.ErrUnavailable, "keys") })
		}
		wg.Wait()
		if n := srv.count(); n > 2 {
			t.Errorf("%d fetches, want at most 2", n)
		}
	})
}

// A set without a usable key is an outage: 503, not 401.
func TestEmptySetIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		check(t, s.Ready(t.Context()), nil, "")
		srv.set(respond(200, `{"keys":[{"kty":"oct","k":"AAAA","kid":"a"}]}`))
		time.Sleep(9 * time.Minute)
		check(t, lookUp(t.Context(), s, "a"), nil, "") // starts the refresh
		synctest.Wait()
		check(t, lookUp(t.Context(), s, "a"), redoxauth.ErrUnavailable, "keys")
		if st := s.Status(); st.Keys != 0 || len(st.Dropped) > 0 {
			t.Errorf("status %+v", st)
		}
		start := time.Now()
		for time.Since(start) < 5*time.Second {
			check(t, s.Ready(t.Context()), redoxauth.ErrUnavailable, "keys")
			check(t, lookUp(t.Context(), s, "a"), redoxauth.ErrUnavailable, "keys")
		}
		if n := srv.count(); n > 9 {
			t.Errorf("%d fetches, want one a second at most", n)
		}
		srv.set(respond(200, jwks("a")))
		check(t, lookUp(t.Context(), s, "a"), nil, "")
	})
}

// When the life of the keys is over, requests wait for a refresh, but not after it has taken
// a second. Then the old keys serve. CVE-2026-48524 (PyJWT): a failed refresh must not drop
// them.
func TestStaleKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{MaxStale: time.Hour}, "a")
		check(t, s.Ready(t.Context()), nil, "")
		srv.set(hang)
		time.Sleep(10 * time.Minute)
		start := time.Now()
		check(t, lookUp(t.Context(), s, "a"), nil, "")
		if d := time.Since(start); d != time.Second {
			t.Errorf("the first request waited %v, want 1s", d)
		}
		check(t, lookUp(t.Context(), s, "a"), nil, "")
		if d := time.Since(start); d != time.Second {
			t.Errorf("the next one waited too: %v", d)
		}
		time.Sleep(9*time.Second + time.Second/2)
		srv.set(down)
		before := srv.count()
		for range 10 { // the fetch failed half a second ago
			check(t, lookUp(t.Context(), s, "a"), nil, "")
		}
		srv.wantFetches(t, before)
		time.Sleep(time.Second)
		for range 10 {
			check(t, lookUp(t.Context(), s, "a"), nil, "")
		}
		synctest.Wait()
		srv.wantFetches(t, before+1)
		if st := s.Status(); st.Keys != 1 || st.Err == nil || !st.Expires.Before(time.Now()) {
			t.Errorf("status %+v", st)
		}
		time.Sleep(time.Hour)
		if st := s.Status(); st.Keys != 0 {
			t.Errorf("status %+v past MaxStale", st)
		}
		check(t, lookUp(t.Context(), s, "a"), redoxauth.ErrUnavailable, "keys")
		srv.set(respond(200, jwks("a")))
		check(t, lookUp(t.Context(), s, "a"), nil, "")
	})
}

// An outage that is over, or that nobody has asked about for long, is no reason to trust a key
// whose life is over without a look at what is published now: it may be withdrawn.
func TestStaleKeysAfterAnOutage(t *testing.T) {
	for _, test := range []struct {
		name   string
		outage func(context.Context, *keyset.RemoteSet, *server, *testclock.Clock)
	}{
		{"an outage that is over", func(ctx context.Context, s *keyset.RemoteSet, srv *server, _ *testclock.Clock) {
			lookUp(ctx, s, "new")
			srv.set(respond(200, jwks("stayed", "withdrawn"), "Cache-Control: max-age=2"))
			time.Sleep(time.Second)
			lookUp(ctx, s, "new")
			time.Sleep(2 * time.Second)
		}},
		{"an outage of long ago", func(ctx context.Context, s *keyset.RemoteSet, _ *server, _ *testclock.Clock) {
			lookUp(ctx, s, "new")
			time.Sleep(time.Hour)
		}},
		{"an outage that the clock tells nothing about", func(ctx context.Context, s *keyset.RemoteSet, _ *server, c *testclock.Clock) {
			lookUp(ctx, s, "new")
			c.SetBack(time.Hour)
		}},
	} {
		for _, first := range []string{"stayed", "withdrawn"} {
			t.Run(test.name+", "+first, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := testclock.New(true)
					s, srv := remote(t, keyset.RemoteConfig{MinRefresh: time.Second, Now: c.Now}, "stayed", "withdrawn")
					check(t, s.Ready(t.Context()), nil, "")
					srv.set(down)
					test.outage(t.Context(), s, srv, c)
					srv.set(slowly(time.Second/2, respond(200, jwks("stayed"))))
					if err := lookUp(t.Context(), s, first); first == "stayed" {
						check(t, err, nil, "")
						check(t, lookUp(t.Context(), s, "withdrawn"), redoxauth.ErrRejected, "unknown_key")
					} else {
						check(t, err, redoxauth.ErrRejected, "unknown_key")
					}
				})
			})
		}
	}
}

// What an operator reads of the keys during an outage.
func TestErrorDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		says := func(want string) {
			t.Helper()
			if err := lookUp(t.Context(), s, "b as a"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		}
		check(t, s.Ready(t.Context()), nil, "")
		srv.set(down)
		time.Sleep(time.Minute)
		says(`connection refused; the keys are 1m0s old, next fetch in 1s at the earliest (RemoteConfig.URL "https://keys.example/jwks.json")`)
		time.Sleep(time.Second)
		loaded := lookUp(rotation.LoadedOnly(t.Context()), s, "b")
		if want := "the keys are 1m1s old, next fetch on demand; Explain fetches none"; loaded == nil || !strings.Contains(loaded.Error(), want) {
			t.Errorf("error %v, want %s", loaded, want)
		}
		srv.set(hang)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() { lookUp(ctx, s, "b") })
		}
		synctest.Wait()
		says("connection refused; the keys are 1m1s old, and a fetch is running")
		cancel()
		all.Wait()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if err := s.Status().Err; err == nil || !strings.Contains(err.Error(), "https://keys.example/jwks.json: no answer in time") {
			t.Errorf("status %v", err)
		}
	})
}

// A request that waits for the next fetch is not decided by a set without a usable key.
func TestEmptySetWhileOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testclock.New(true)
		s, srv := remote(t, keyset.RemoteConfig{Now: c.Now})
		srv.set(respond(503, "", "Retry-After: 4"))
		check(t, s.Ready(t.Context()), redoxauth.ErrUnavailable, "keys")
		var all sync.WaitGroup
		all.Go(func() { check(t, s.Ready(t.Context()), redoxauth.ErrUnavailable, "keys") })
		all.Go(func() { check(t, lookUp(t.Context(), s, "a"), redoxauth.ErrUnavailable, "keys") })
		synctest.Wait()
		c.SetBack(time.Hour) // so another fetch need not wait
		srv.set(respond(200, jwks()))
		check(t, lookUp(t.Context(), s, "a"), redoxauth.ErrUnavailable, "keys")
		srv.wantFetches(t, 2)
		all.Wait()
	})
}

// Keys whose life is over when they come serve those that waited for them, and nobody else.
func TestKeysWithoutALife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{MinRefresh: time.Nanosecond, MaxStale: -1})
		srv.set(slowly(time.Second, respond(200, jwks("a"), "Cache-Control: no-store")))
		for i := range 2 {
			check(t, s.Ready(t.Context()), nil, "")
			check(t, lookUp(t.Context(), s, "a"), nil, "")
			check(t, lookUp(t.Context(), s, "b"), redoxauth.ErrRejected, "unknown_key")
			srv.wantFetches(t, 3*i+3)
		}
	})
}

// SMART App Launch 2.2: keys are not used for longer than Cache-Control allows.
func TestNoStaleKeys(t *testing.T) {
	for _, none := range []time.Duration{-1, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s, srv := remote(t, keyset.RemoteConfig{MaxStale: none}, "a")
			check(t, s.Ready(t.Context()), nil, "")
			srv.set(down)
			time.Sleep(10*time.Minute - time.Second)
			check(t, lookUp(t.Context(), s, "a"), nil, "")
			time.Sleep(time.Second)
			check(t, lookUp(t.Context(), s, "a"), redoxauth.ErrUnavailable, "keys")
			srv.set(respond(200, jwks("a"), "Cache-Control: no-store"))
			check(t, lookUp(t.Context(), s, "a"), nil, "")
		})
	}
}

// The key server may withdraw a key while its answer is on the way (RFC 9111, Section 4.2.3).
func TestAgeOfKeysCountsFromTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		start := time.Now()
		srv.set(func(r *http.Request) (*http.Response, error) {
			time.Sleep(5 * time.Second)
			return respond(200, jwks("a"), "Cache-Control: max-age=600")(r)
		})
		check(t, s.Ready(t.Context()), nil, "")
		if st := s.Status(); !st.Fetched.Equal(start) || !st.Expires.Equal(start.Add(10*time.Minute)) {
			t.Errorf("fetched %v after the request, expires %v after it", st.Fetched.Sub(start), st.Expires.Sub(start))
		}
	})
}

// A Client that panics or ignores its context costs at most one goroutine.
func TestClientThatMisbehaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		srv.set(func(*http.Request) (*http.Response, error) { panic("secret") })
		err := lookUp(t.Context(), s, "a")
		check(t, err, redoxauth.ErrUnavailable, "keys")
		if strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), ": the Client panicked: string;") {
			t.Errorf("error %q, want it to tell of the panic without its value", err)
		}
		release := make(chan struct{})
		srv.set(func(*http.Request) (*http.Response, error) { <-release; return nil, errors.New("late") })
		goroutines := runtime.NumGoroutine()
		for range 20 {
			err := lookUp(t.Context(), s, "a")
			check(t, err, redoxauth.ErrUnavailable, "keys")
			if !strings.Contains(err.Error(), ": the key server did not answer in time;") {
				t.Errorf("error %v", err)
			}
			time.Sleep(time.Second)
		}
		if n := goroutinesSince(goroutines, 6); n > 6 { // the fetch, and those of others, which may come and go
			t.Errorf("%d goroutines more, want that of the fetch", n)
		}
		close(release)
		synctest.Wait()
		srv.set(respond(200, jwks("a")))
		check(t, lookUp(t.Context(), s, "a"), nil, "")
	})
}

// It is an outage for a request that waits for that refresh too, with kid or without.
func TestKeysThatAreWithdrawnWhileARequestWaits(t *testing.T) {
	for _, name := range []string{"a", "a as "} {
		synctest.Test(t, func(t *testing.T) {
			s, srv := remote(t, keyset.RemoteConfig{}, "a")
			check(t, s.Ready(t.Context()), nil, "")
			time.Sleep(10 * time.Minute)
			srv.set(func(r *http.Request) (*http.Response, error) {
				time.Sleep(time.Second / 2)
				return respond(200, jwks())(r)
			})
			check(t, lookUp(t.Context(), s, name), redoxauth.ErrUnavailable, "keys")
		})
	}
}
