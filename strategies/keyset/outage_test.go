package keyset_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
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
		for range 100 { // within the cool-down, which does not depend on the outcome
			start := time.Now()
			check(t, lookUp(t.Context(), s, "b"), redoxauth.ErrUnavailable, "keys")
			check(t, lookUp(t.Context(), s, "a"), nil, "")
			if d := time.Since(start); d != 0 {
				t.Fatalf("waited %v", d)
			}
		}
		srv.wantFetches(t, before)
		srv.set(respond(200, jwks("a", "b")))
		time.Sleep(30 * time.Second)
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
		start := time.Now()
		for time.Since(start) < 5*time.Second {
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
		time.Sleep(10 * time.Second)
		srv.set(down)
		before := srv.count()
		for range 10 {
			check(t, lookUp(t.Context(), s, "a"), nil, "")
		}
		srv.wantFetches(t, before)
		time.Sleep(30 * time.Second)
		check(t, lookUp(t.Context(), s, "a"), nil, "")
		srv.wantFetches(t, before+1)
		if st := s.Status(); st.Keys != 1 || st.Err == nil || !st.Expires.Before(time.Now()) {
			t.Errorf("status %+v", st)
		}
		time.Sleep(time.Hour)
		check(t, lookUp(t.Context(), s, "a"), redoxauth.ErrUnavailable, "keys")
		srv.set(respond(200, jwks("a")))
		check(t, lookUp(t.Context(), s, "a"), nil, "")
	})
}

// SMART App Launch 2.2: keys are not used for longer than Cache-Control allows.
func TestNoStaleKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{MaxStale: -1}, "a")
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

// A Client that panics or ignores its context costs at most one goroutine.
func TestClientThatMisbehaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		srv.set(func(*http.Request) (*http.Response, error) { panic("secret") })
		err := lookUp(t.Context(), s, "a")
		check(t, err, redoxauth.ErrUnavailable, "keys")
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("error %q shows the panic's value", err)
		}
		release := make(chan struct{})
		srv.set(func(*http.Request) (*http.Response, error) { <-release; return nil, errors.New("late") })
		goroutines := runtime.NumGoroutine()
		for range 20 {
			check(t, lookUp(t.Context(), s, "a"), redoxauth.ErrUnavailable, "keys")
			time.Sleep(time.Second)
		}
		if n := runtime.NumGoroutine() - goroutines; n > 1 {
			t.Errorf("%d goroutines more, want at most 1", n)
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
