package keyset_test

import (
	"context"
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
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

const cooldown = 5 * time.Second // the default

// slowly answers with the keys that were published when the request arrived.
func slowly(d time.Duration, answer func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		time.Sleep(d)
		return answer(r)
	}
}

// took returns the fake time that f takes.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// Every kind of rotation is seen at the first token of the new key: the last two are what
// an authorization server does that is started anew and generates a key.
func TestRotationIsSeenAtOnce(t *testing.T) {
	for _, test := range []struct{ name, before, after string }{
		{"a new kid", "a", "b"},
		{"a kid where there was none", "a as ", "b"},
		{"no kid where there was one", "a", "b as "},
		{"without kid", "a as ", "b as "},
		{"a new key under the old kid", "a as k", "b as k"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, srv := remote(t, keyset.RemoteConfig{}, test.before)
				check(t, lookUp(t.Context(), s, test.before), nil, "")
				srv.set(slowly(time.Second, respond(200, jwks(test.after))))
				time.Sleep(time.Minute)
				if d := took(func() { check(t, lookUp(t.Context(), s, test.after), nil, "") }); d != time.Second {
					t.Errorf("waited %v, want the fetch's 1s", d)
				}
				srv.wantFetches(t, 2)
				// A key that was withdrawn is not trusted any more.
				err := lookUp(t.Context(), s, test.before)
				if redoxauth.StatusCode(err) != 401 {
					t.Errorf("error %v, want 401", err)
				}
			})
		})
	}
}

// A drill: the keys rotate at any moment while strangers name unknown kids, or none, all
// the time, and each fetch takes a while. No genuine token is refused that waited, and none
// that comes later than Cooldown and one fetch after the rotation.
func TestRotationAmongStrangers(t *testing.T) {
	const fetch = 300 * time.Millisecond
	for _, kind := range []struct{ name, before, after string }{
		{"announced", "a", "a"},
		{"a new kid", "a", "b"},
		{"without kid", "a as ", "b as "},
		{"a new key under the old kid", "a as k", "b as k"},
	} {
		for name, every := range map[string]time.Duration{"few strangers": time.Second, "many strangers": 60 * time.Millisecond} {
			t.Run(kind.name+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, srv := remote(t, keyset.RemoteConfig{}, kind.before)
					published := func(names ...string) {
						srv.set(func(r *http.Request) (*http.Response, error) {
							return slowly(fetch, respond(200, jwks(names...), "Cache-Control: max-age=86400"))(r)
						})
					}
					published(kind.before)
					check(t, s.Ready(t.Context()), nil, "")
					ctx, stop := context.WithCancel(t.Context())
					var all sync.WaitGroup
					all.Go(func() {
						for i := 0; ctx.Err() == nil; i++ {
							all.Go(func() { lookUp(ctx, s, fmt.Sprintf("stranger as %d", i)) })
							all.Go(func() { lookUp(ctx, s, "stranger as ") })
							all.Go(func() { lookUp(ctx, s, "stranger as "+strings.TrimPrefix(kind.before, "a as ")) })
							time.Sleep(every)
						}
					})
					time.Sleep(7 * time.Second)
					refusedAtOnce, longest := 0, time.Duration(0)
					for round := range 2 { // at other moments of a Cooldown
						time.Sleep(cooldown + time.Duration(round)*2900*time.Millisecond)
						sign, next := kind.before, kind.after
						if round%2 == 1 {
							sign, next = next, sign
						}
						if published(next); kind.name == "announced" {
							published("a", "b")
							time.Sleep(cooldown + fetch)
							next = "b"
						}
						if err := lookUp(ctx, s, sign); round == 0 && err != nil {
							t.Error(err) // genuine when it was sent
						}
						rotated := time.Now()
						var feed sync.WaitGroup
						var mu sync.Mutex
						for time.Since(rotated) < 2*cooldown {
							feed.Go(func() {
								start := time.Now()
								err := lookUp(ctx, s, next)
								mu.Lock()
								defer mu.Unlock()
								waited, age := time.Since(start), start.Sub(rotated)
								if err == nil {
									longest = max(longest, waited)
									return
								}
								refusedAtOnce++
								if waited > 0 || age > cooldown+fetch || kind.name == "announced" {
									t.Errorf("round %d: refused %v after the rotation, after a wait of %v: %v", round, age, waited, err)
								}
							})
							time.Sleep(200 * time.Millisecond)
						}
						feed.Wait()
					}
					start, before := time.Now(), srv.count()
					time.Sleep(5 * cooldown)
					if n := srv.count() - before; n > 5 {
						t.Errorf("%d fetches in %v, want one in %v", n, time.Since(start), cooldown)
					}
					stop()
					all.Wait()
					t.Logf("%d genuine tokens refused at once within Cooldown, longest wait %v", refusedAtOnce, longest)
				})
			})
		}
	}
}

// An answer that was on its way when the keys were rotated lacks the new one. A token that
// waits for it waits for the next fetch as well, even if its kid is known.
func TestFetchThatBeganBeforeTheRotation(t *testing.T) {
	for _, name := range []string{"b", "b as a", "b as "} {
		synctest.Test(t, func(t *testing.T) {
			s, srv := remote(t, keyset.RemoteConfig{}, "a")
			check(t, s.Ready(t.Context()), nil, "")
			srv.set(slowly(2*time.Second, respond(200, jwks("a"))))
			var wg sync.WaitGroup
			wg.Go(func() { check(t, lookUp(t.Context(), s, "stranger"), redoxauth.ErrRejected, "unknown_key") })
			time.Sleep(time.Second)
			srv.set(respond(200, jwks(name)))
			if d := took(func() { check(t, lookUp(t.Context(), s, name), nil, "") }); d != cooldown-time.Second {
				t.Errorf("%s: waited %v, want the rest of Cooldown", name, d)
			}
			wg.Wait()
			srv.wantFetches(t, 3)
		})
	}
}

// goroutinesSince returns how many goroutines there are more than before. One that ends counts for
// a moment longer, so while there are more than wanted it looks again.
func goroutinesSince(before, most int) (n int) {
	for range 10_000 {
		if n = runtime.NumGoroutine() - before; n <= most {
			break
		}
		runtime.Gosched()
	}
	return n
}

// CVE-2026-48524 (PyJWT), coreos/go-oidc#482: unknown kids must not flood the key server.
// At most 64 requests wait, in their own goroutines, and the others are decided at once.
func TestBurstOfUnknownKids(t *testing.T) {
	for name, cfg := range map[string]struct {
		warm bool
		kid  string // "": a new one each
	}{
		"unknown kids": {true, ""}, "no kid": {true, "stranger as "}, "a known kid": {true, "stranger as a"},
		"unknown kids before the first fetch": {false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, srv := remote(t, keyset.RemoteConfig{}, "a")
				srv.set(slowly(time.Second, respond(200, jwks("a"), "Cache-Control: max-age=86400")))
				if cfg.warm {
					check(t, s.Ready(t.Context()), nil, "")
				}
				burst := func(size int) (atOnce *atomic.Int64, all *sync.WaitGroup) {
					atOnce, all = &atomic.Int64{}, &sync.WaitGroup{}
					for i := range size {
						all.Go(func() {
							who := cfg.kid
							if who == "" {
								who = fmt.Sprint("stranger as ", i)
							}
							if took(func() {
								if err := lookUp(t.Context(), s, who); redoxauth.StatusCode(err) != 401 {
									t.Errorf("error %v, want 401", err)
								}
							}) == 0 {
								atOnce.Add(1)
							}
						})
					}
					return atOnce, all
				}
				before, goroutines := srv.count(), runtime.NumGoroutine()
				atOnce, all := burst(1000)
				synctest.Wait()
				if cfg.warm {
					if n := atOnce.Load(); n != 1000-64 {
						t.Errorf("%d decided at once, want all but 64", n)
					}
					// The burst's own that wait, the fetch with the timer of its transport, and those of other tests.
					if n := goroutinesSince(goroutines, 64+7); n > 64+7 {
						t.Errorf("%d goroutines more, want one for each request that waits, and the fetch", n)
					}
				}
				if d := took(func() { check(t, lookUp(t.Context(), s, "a"), nil, "") }); cfg.warm && d != 0 {
					t.Errorf("a known key waited %v", d)
				}
				all.Wait()
				if n := srv.count() - before; n > 2 {
					t.Errorf("%d fetches for the burst, want at most 2", n)
				}
				for range 2 { // then one for every Cooldown
					before = srv.count()
					_, all := burst(100)
					time.Sleep(cooldown)
					all.Wait()
					if n := srv.count() - before; n > 2 { // one more may have ended the waiting
						t.Errorf("%d fetches in a Cooldown", n)
					}
				}
			})
		})
	}
}

// The same on a real key server and with a real clock.
func TestBurstOfUnknownKidsOverHTTP(t *testing.T) {
	var fetches atomic.Int64
	s, _ := at(t, keyset.RemoteConfig{Cooldown: time.Hour}, func(w http.ResponseWriter, r *http.Request) {
		fetches.Add(1)
		fmt.Fprint(w, jwks("a"))
	})
	check(t, lookUp(t.Context(), s, "a"), nil, "")
	ctx, hangUp := context.WithCancel(t.Context())
	results := make(chan error, 1000)
	for i := range 1000 {
		go func() { results <- lookUp(ctx, s, fmt.Sprint("stranger as ", i)) }()
	}
	for range 1000 - 64 {
		check(t, <-results, redoxauth.ErrRejected, "unknown_key")
	}
	check(t, lookUp(t.Context(), s, "a"), nil, "")
	hangUp() // those that wait would do so for an hour
	for range 64 {
		if err := <-results; redoxauth.StatusCode(err) != 401 {
			check(t, err, redoxauth.ErrUnavailable, "canceled")
		}
	}
	if n := fetches.Load(); n > 2 {
		t.Errorf("%d fetches, want the first and one for the burst", n)
	}
}

// Within Cooldown a token whose kid is known is decided with keys that are not older. A kid
// that was unknown is looked for in the next fetch: a peer may have named tomorrow's.
func TestWithinCooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		check(t, s.Ready(t.Context()), nil, "")
		check(t, lookUp(t.Context(), s, "b"), redoxauth.ErrRejected, "unknown_key")
		check(t, lookUp(t.Context(), s, "b as a"), redoxauth.ErrRejected, "signature")
		srv.wantFetches(t, 2)
		time.Sleep(2 * time.Second)
		srv.set(respond(200, jwks("b as a", "b", "c as ")))
		err := lookUp(t.Context(), s, "b as a")
		check(t, err, redoxauth.ErrRejected, "signature")
		if want := "the keys are 2s old, next fetch in 3s"; !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q", err, want)
		}
		var wg sync.WaitGroup
		for _, name := range []string{"b", "c as "} {
			wg.Go(func() {
				if d := took(func() { check(t, lookUp(t.Context(), s, name), nil, "") }); d != 3*time.Second {
					t.Errorf("%s waited %v, want the rest of Cooldown", name, d)
				}
			})
		}
		wg.Wait()
		srv.wantFetches(t, 3)
		check(t, lookUp(t.Context(), s, "b as a"), nil, "")
		check(t, lookUp(t.Context(), s, "a"), redoxauth.ErrRejected, "signature")
	})
}

// Cooldown limits what strangers can cause. A refresh that was due does not put off the fetch
// for a new key.
func TestRefreshStartsNoCooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		check(t, s.Ready(t.Context()), nil, "")
		time.Sleep(9 * time.Minute)
		check(t, lookUp(t.Context(), s, "a"), nil, "") // starts the refresh
		synctest.Wait()
		srv.wantFetches(t, 2)
		srv.set(respond(200, jwks("a", "b")))
		if d := took(func() { check(t, lookUp(t.Context(), s, "b"), nil, "") }); d != 0 {
			t.Errorf("waited %v after a refresh", d)
		}
		srv.wantFetches(t, 3)
		srv.set(respond(200, jwks("a", "b", "c")))
		if d := took(func() { check(t, lookUp(t.Context(), s, "c"), nil, "") }); d != cooldown {
			t.Errorf("waited %v after a fetch that a token asked for, want Cooldown", d)
		}
		srv.wantFetches(t, 4)
	})
}

// Nor does Cooldown, after a token that a stranger invented, put off the refresh of the keys.
func TestCooldownDoesNotDelayARefresh(t *testing.T) {
	for _, maxStale := range []time.Duration{0, -1} {
		synctest.Test(t, func(t *testing.T) {
			s, srv := remote(t, keyset.RemoteConfig{Cooldown: time.Hour, MaxStale: maxStale}, "a")
			check(t, s.Ready(t.Context()), nil, "")
			check(t, lookUp(t.Context(), s, "stranger"), redoxauth.ErrRejected, "unknown_key")
			for _, age := range []time.Duration{9 * time.Minute, 10 * time.Minute} {
				before := srv.count()
				time.Sleep(age)
				if d := took(func() { check(t, lookUp(t.Context(), s, "a"), nil, "") }); d != 0 {
					t.Errorf("waited %v", d)
				}
				synctest.Wait()
				srv.wantFetches(t, before+1)
			}
		})
	}
}

// Requests that have ended hold no place, and those that wait do so for one fetch at most:
// strangers do not keep genuine tokens out.
func TestPlacesAreFreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		check(t, s.Ready(t.Context()), nil, "")
		strangers := func() (hangUp func()) {
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			for i := range 100 {
				all.Go(func() { lookUp(ctx, s, fmt.Sprint("stranger as ", i)) })
			}
			synctest.Wait()
			return func() { cancel(); all.Wait() }
		}
		check(t, lookUp(t.Context(), s, "stranger"), redoxauth.ErrRejected, "unknown_key")
		srv.set(respond(200, jwks("a", "b")))
		hangUp := strangers()
		if d := took(func() { check(t, lookUp(t.Context(), s, "b"), redoxauth.ErrRejected, "unknown_key") }); d != 0 {
			t.Errorf("waited %v although 64 wait", d)
		}
		hangUp()
		before := srv.count()
		check(t, lookUp(t.Context(), s, "b"), nil, "")
		srv.wantFetches(t, before+1)

		srv.set(respond(200, jwks("a", "c")))
		hangUp = strangers()
		defer hangUp()
		check(t, lookUp(t.Context(), s, "c"), redoxauth.ErrRejected, "unknown_key")
		time.Sleep(cooldown)
		synctest.Wait()                                // for the fetch
		check(t, lookUp(t.Context(), s, "c"), nil, "") // they have asked for it
	})
}

// Nobody waits for the next fetch, so nothing is left: no goroutine, no timer that fetches.
func TestNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		check(t, lookUp(t.Context(), s, "stranger"), redoxauth.ErrRejected, "unknown_key")
		synctest.Wait()
		goroutines := runtime.NumGoroutine()
		check(t, lookUp(t.Context(), s, "stranger"), redoxauth.ErrRejected, "unknown_key")
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second/10)
			check(t, lookUp(ctx, s, "stranger"), redoxauth.ErrUnavailable, "canceled")
			cancel()
		}
		if n := goroutinesSince(goroutines, 5); n > 5 { // those of others may come and go
			t.Errorf("%d goroutines left", n)
		}
		before := srv.count()
		time.Sleep(time.Minute)
		srv.wantFetches(t, before)
	})
}

// A clock that stands still, as an injected one may, does not stop the fetches.
func TestClockThatStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		s, srv := remote(t, keyset.RemoteConfig{Now: func() time.Time { return now }}, "a")
		check(t, s.Ready(t.Context()), nil, "")
		for i := range 3 {
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() { check(t, lookUp(t.Context(), s, "b"), redoxauth.ErrRejected, "unknown_key") })
			}
			wg.Wait()
			if n := srv.count(); n > 2+2*(i+1) {
				t.Errorf("%d fetches", n)
			}
		}
		srv.set(respond(200, jwks("a", "b")))
		check(t, lookUp(t.Context(), s, "b"), nil, "")
	})
}

// A remembered token skips the signature check. It ends all the same when its key is
// withdrawn, at the next refresh, and it does not when the key gets another kid or place.
func TestRememberedTokenAfterRotation(t *testing.T) {
	for _, test := range []struct {
		after  string
		reason redoxauth.Reason
	}{
		{"b as k", "signature"}, {"b", "unknown_key"}, {"b as ", "signature"},
		{"b as k, a as k", ""}, {"b as , a as ", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, srv := remote(t, keyset.RemoteConfig{}, "a as k")
			v := jose.New(jose.Config{
				Keys: jose.SourceOf(s), Algorithms: []string{"EdDSA"}, Issuers: []string{"redox"}, Types: []string{""},
			})
			token := compact("a", `{"alg":"EdDSA","kid":"k"}`, fmt.Sprintf(`{"iss":"redox","exp":%d}`, time.Now().Add(time.Hour).Unix()))
			accepted, err := v.Verify(t.Context(), token)
			check(t, err, nil, "")
			accepted.Remember()
			srv.set(respond(200, jwks(strings.Split(test.after, ", ")...)))
			_, err = v.Verify(t.Context(), token)
			check(t, err, nil, "")
			time.Sleep(9 * time.Minute)
			v.Verify(t.Context(), token) // starts the refresh
			synctest.Wait()
			_, err = v.Verify(t.Context(), token)
			if test.reason == "" {
				check(t, err, nil, "")
			} else {
				check(t, err, redoxauth.ErrRejected, test.reason)
			}
		})
	}
}
