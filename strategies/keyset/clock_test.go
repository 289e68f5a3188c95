package keyset_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/testclock"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// remoteAt is remote with a clock of its own.
func remoteAt(t *testing.T, c *testclock.Clock, kids ...string) (*keyset.RemoteSet, *server) {
	t.Helper()
	s, srv := remote(t, keyset.RemoteConfig{Now: c.Now}, kids...)
	check(t, s.Ready(t.Context()), nil, "")
	return s, srv
}

// The monotonic clock stands still while a machine is suspended, and the wall clock can be set
// back. Neither prolongs the life of keys: one that was withdrawn meanwhile is refused at its
// first use, and a key that stayed is accepted.
func TestClockJumps(t *testing.T) {
	for name, jump := range map[string]func(*testclock.Clock){
		"suspended for 48 h":   func(c *testclock.Clock) { c.Suspend(48 * time.Hour) },
		"suspended for 12 min": func(c *testclock.Clock) { c.Suspend(12 * time.Minute) },
		"set back by 48 h":     func(c *testclock.Clock) { c.SetBack(48 * time.Hour); time.Sleep(12 * time.Minute) },
	} {
		for _, wallOnly := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", wall clock alone ", wallOnly), func(t *testing.T) {
				for _, first := range []string{"withdrawn", "stayed"} {
					synctest.Test(t, func(t *testing.T) {
						c := testclock.New(wallOnly)
						s, srv := remoteAt(t, c, "withdrawn", "stayed")
						check(t, lookUp(t.Context(), s, "withdrawn"), nil, "")
						srv.set(respond(200, jwks("stayed"), "Cache-Control: max-age=600"))
						jump(c)
						for _, name := range []string{first, "withdrawn", "stayed"} {
							if err := lookUp(t.Context(), s, name); name == "stayed" {
								check(t, err, nil, "")
							} else {
								check(t, err, redoxauth.ErrRejected, "unknown_key")
							}
						}
						before := srv.count()
						srv.set(respond(200, jwks("next"))) // and it goes on
						time.Sleep(10 * time.Minute)
						check(t, lookUp(t.Context(), s, "next"), nil, "")
						srv.wantFetches(t, before+1)
					})
				}
			})
		}
	}
}

// A clock that was set back ends no key while the key server is down, and is not a reason to
// keep it for longer than the life of the keys and MaxStale from then on.
func TestClockSetBackWhileTheServerIsDown(t *testing.T) {
	for _, wallOnly := range []bool{false, true} {
		t.Run(fmt.Sprint("wall clock alone ", wallOnly), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := testclock.New(wallOnly)
				s, srv := remoteAt(t, c, "a")
				srv.set(down)
				c.SetBack(48 * time.Hour)
				for range 24 { // and it is asked again and again
					before := srv.count()
					check(t, lookUp(t.Context(), s, "a"), nil, "")
					synctest.Wait()
					time.Sleep(time.Hour)
					if n := srv.count() - before; n > 1 || n == 0 && wallOnly {
						t.Errorf("%d fetches an hour", n)
					}
				}
				check(t, lookUp(t.Context(), s, "a"), nil, "")
				time.Sleep(10 * time.Minute)
				check(t, lookUp(t.Context(), s, "a"), redoxauth.ErrUnavailable, "keys")
				srv.set(respond(200, jwks("a")))
				time.Sleep(time.Second)
				check(t, lookUp(t.Context(), s, "a"), nil, "")
			})
		})
	}
}

// A wrong clock that is set right again has ended nothing.
func TestClockSetBackAndRightAgainWhileTheServerIsDown(t *testing.T) {
	for _, wallOnly := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := testclock.New(wallOnly)
			s, srv := remoteAt(t, c, "a")
			srv.set(down)
			c.SetBack(48 * time.Hour)
			check(t, lookUp(t.Context(), s, "a"), nil, "")
			c.SetBack(-48 * time.Hour)
			check(t, lookUp(t.Context(), s, "a"), nil, "")
			if st := s.Status(); st.Keys != 1 || st.Expires.Sub(st.Fetched) != 10*time.Minute {
				t.Errorf("status %+v", st)
			}
			time.Sleep(23 * time.Hour)
			check(t, lookUp(t.Context(), s, "a"), nil, "")
			c.SetBack(24 * time.Hour) // and wrong again, but less
			check(t, lookUp(t.Context(), s, "a"), nil, "")
		})
	}
}

// Keys are as old as the fetch that brought them. If the machine was suspended meanwhile, they
// are fetched again before anybody is decided by them.
func TestMachineSuspendedDuringAFetch(t *testing.T) {
	for _, warm := range []bool{false, true} {
		for _, name := range []string{"withdrawn", "new"} {
			synctest.Test(t, func(t *testing.T) {
				c := testclock.New(false)
				s, srv := remote(t, keyset.RemoteConfig{Now: c.Now}, "withdrawn")
				if warm {
					check(t, s.Ready(t.Context()), nil, "")
					time.Sleep(12 * time.Minute)
				}
				srv.set(func(r *http.Request) (*http.Response, error) {
					c.Suspend(25 * time.Hour)
					srv.set(respond(200, jwks("new")))
					return respond(200, jwks("withdrawn"))(r)
				})
				if err := lookUp(t.Context(), s, name); name == "new" {
					check(t, err, nil, "")
				} else {
					check(t, err, redoxauth.ErrRejected, "unknown_key")
				}
			})
		}
	}
}

// If that happens to both fetches, nobody is decided by what they brought.
func TestMachineSuspendedDuringBothFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testclock.New(false)
		s, srv := remote(t, keyset.RemoteConfig{Now: c.Now})
		srv.set(func(r *http.Request) (*http.Response, error) {
			c.Suspend(25 * time.Hour)
			return respond(200, jwks("withdrawn"))(r)
		})
		check(t, lookUp(t.Context(), s, "withdrawn"), redoxauth.ErrUnavailable, "keys")
		srv.wantFetches(t, 2)
		srv.set(respond(200, jwks("new")))
		check(t, lookUp(t.Context(), s, "withdrawn"), redoxauth.ErrRejected, "unknown_key")
		check(t, lookUp(t.Context(), s, "new"), nil, "")
	})
}

// A Client that ignores its context brings keys that are older than they look, and may be
// older than the clock says. It is not called once more.
func TestKeysThatComeTooLateAreDropped(t *testing.T) {
	for _, setBack := range []time.Duration{0, 25 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			c := testclock.New(true)
			s, srv := remote(t, keyset.RemoteConfig{Now: c.Now})
			srv.set(slowly(25*time.Hour, respond(200, jwks("withdrawn"))))
			check(t, lookUp(t.Context(), s, "withdrawn"), redoxauth.ErrUnavailable, "keys")
			srv.set(respond(200, jwks("new")))
			c.SetBack(setBack)
			time.Sleep(25 * time.Hour)
			srv.wantFetches(t, 1)
			if st := s.Status(); st.Keys != 0 || st.Err == nil || !strings.Contains(st.Err.Error(), "the keys came more than 10s after they were asked for") {
				t.Errorf("status %+v", st)
			}
			check(t, lookUp(t.Context(), s, "new"), nil, "")
			check(t, lookUp(t.Context(), s, "withdrawn"), redoxauth.ErrRejected, "unknown_key")
		})
	}
}
