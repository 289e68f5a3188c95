package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
)

func TestAge(t *testing.T) {
	const hour, longest = time.Hour, time.Duration(1<<63 - 1)
	wall := func(d time.Duration) time.Time { return base.Round(0).Add(d) }
	both := func(w, m time.Duration) time.Time { return at(wall(w), m) }
	for name, tt := range map[string]struct {
		now, since time.Time
		want       time.Duration
	}{
		"both clocks agree":                      {both(hour, hour), both(0, 0), hour},
		"the machine was suspended":              {both(48*hour, hour), both(0, 0), 48 * hour},
		"the wall clock was set back":            {both(-48*hour, hour), both(0, 0), hour},
		"set back, wall clock alone":             {wall(-48 * hour), wall(0), -48 * hour},
		"suspended, wall clock alone":            {wall(48 * hour), wall(0), 48 * hour},
		"one has a wall reading alone":           {both(48*hour, hour), wall(0), 48 * hour},
		"the other has":                          {wall(48 * hour), both(0, 0), 48 * hour},
		"a constant clock":                       {wall(0), wall(0), 0},
		"read at different moments":              {both(-1, -1), both(0, 0), 0},
		"read at different moments, wall alone":  {wall(-time.Second), wall(0), 0},
		"more than a second apart":               {wall(-time.Second - 1), wall(0), -time.Second - 1},
		"both clocks back, by more than that":    {both(-hour, -hour), both(0, 0), -hour},
		"never":                                  {both(0, 0), time.Time{}, longest},
		"another time zone is the same moment":   {both(hour, hour).UTC(), both(0, 0).In(time.FixedZone("", 3600)), hour},
		"the wall clock is behind by less, back": {both(-time.Millisecond, 0), both(0, 0), 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := rotation.Age(tt.now, tt.since); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func (v *vault) secretsAt(c *clock) *rotation.Secrets[string] {
	return rotation.NewSecrets("test", "SecretsFunc", v.call, func(list []string) (string, error) { return list[0], nil }, c.now)
}

// The wall clock alone knows how long a machine was suspended, and the monotonic clock alone
// what passed while the wall clock was set back. Whatever happened, a withdrawn secret is not
// accepted once more, and a new one is not refused.
func TestClockJumps(t *testing.T) {
	jumps := map[string]func(*clock){
		"suspended for 48 h":       func(c *clock) { c.suspend(48 * time.Hour) },
		"suspended for 2 min":      func(c *clock) { c.suspend(2 * time.Minute) },
		"set back by 48 h":         func(c *clock) { c.setBack(48 * time.Hour); time.Sleep(2 * time.Minute) },
		"set back after 2 min":     func(c *clock) { time.Sleep(2 * time.Minute); c.setBack(time.Minute + 59*time.Second) },
		"set back, then set ahead": func(c *clock) { c.setBack(48 * time.Hour); time.Sleep(2 * time.Minute); c.setBack(-48 * time.Hour) },
	}
	for name, jump := range jumps {
		for _, wallOnly := range []bool{false, true} {
			if wallOnly && name == "set back after 2 min" {
				continue // nothing tells that the age is more than a second
			}
			t.Run(name+readings(wallOnly), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, v := newClock(wallOnly), &vault{list: gives("withdrawn")}
					s := v.secretsAt(c)
					want(t, s, "withdrawn")
					v.now(gives("new"))
					jump(c)
					want(t, s, "new")
					v.now(gives("newer")) // and it goes on
					time.Sleep(2 * time.Minute)
					want(t, s, "newer")
				})
			})
		}
	}
}

func readings(wallOnly bool) string {
	if wallOnly {
		return ", wall clock alone"
	}
	return ""
}

// A clock that was set back ends no list while the source is down. From then on, the list
// has its 24 h, whatever the wall clock shows.
func TestClockSetBackWhileTheSourceIsDown(t *testing.T) {
	for _, wallOnly := range []bool{false, true} {
		for _, uses := range []int{1, 2, 3} { // before that
			t.Run(fmt.Sprint(uses, " uses", readings(wallOnly)), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, v := newClock(wallOnly), &vault{list: gives("a")}
					s := v.secretsAt(c)
					for range uses {
						want(t, s, "a")
					}
					v.now(failsWith(errors.New("vault is down")))
					c.setBack(48 * time.Hour)
					for range 23 {
						want(t, s, "a")
						synctest.Wait()
						time.Sleep(time.Hour)
					}
					time.Sleep(2 * time.Hour)
					wantUnavailable(t, s, "secrets")
					v.now(gives("b"))
					time.Sleep(30 * time.Second)
					want(t, s, "b")
				})
			})
		}
	}
}

// A wrong clock that is set right again has ended nothing. If it is set back once more, the 24 h
// count from then, unless the other reading tells how much time has passed.
func TestClockSetBackAndRightAgainWhileTheSourceIsDown(t *testing.T) {
	for _, wallOnly := range []bool{false, true} {
		t.Run(readings(wallOnly), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, v := newClock(wallOnly), &vault{list: gives("a")}
				s := v.secretsAt(c)
				want(t, s, "a")
				v.now(failsWith(errors.New("vault is down")))
				c.setBack(48 * time.Hour)
				want(t, s, "a")
				c.setBack(-48 * time.Hour)
				want(t, s, "a")
				time.Sleep(10 * time.Hour)
				c.setBack(48 * time.Hour)
				want(t, s, "a")
				time.Sleep(20 * time.Hour)
				if wallOnly {
					want(t, s, "a")
				} else {
					wantUnavailable(t, s, "secrets")
				}
			})
		})
	}
}

// A list is as old as the call for it. One that is a day old already when it comes, because
// the machine was suspended meanwhile, is asked for again.
func TestMachineSuspendedDuringACall(t *testing.T) {
	for _, warm := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c, v := newClock(false), &vault{list: gives("withdrawn")}
			s := v.secretsAt(c)
			if warm {
				want(t, s, "withdrawn")
			}
			time.Sleep(time.Hour)
			v.now(func(context.Context) ([]string, error) {
				c.suspend(25 * time.Hour)
				v.now(gives("new"))
				return []string{"withdrawn"}, nil
			})
			before := v.calls.Load()
			want(t, s, "new")
			for age, calls := range []int64{2, 2, 3} { // the second counts: 30 s later there is another one
				if n := v.calls.Load() - before; n != calls {
					t.Errorf("%d s later: %d calls, want %d", age*15, n, calls)
				}
				time.Sleep(15 * time.Second)
				want(t, s, "new")
				synctest.Wait()
			}
		})
	}
}

// A machine that is suspended again meanwhile has a list that may be out of date again.
func TestMachineSuspendedDuringBothCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, v := newClock(false), &vault{list: gives("a")}
		s := v.secretsAt(c)
		want(t, s, "a")
		v.now(func(context.Context) ([]string, error) { c.suspend(11 * time.Second); return []string{"late"}, nil })
		time.Sleep(time.Minute)
		want(t, s, "a") // and calls
		synctest.Wait()
		want(t, s, "a")
		if n := v.calls.Load(); n != 3 {
			t.Errorf("%d calls, want 3", n)
		}
	})
}

// An answer that comes within its time counts from the start of the call.
func TestListIsAsOldAsItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{list: func(context.Context) ([]string, error) { time.Sleep(9 * time.Second); return []string{"a"}, nil }}
		s := v.secrets()
		want(t, s, "a")
		v.now(failsWith(errors.New("vault is down")))
		time.Sleep(24*time.Hour - 9*time.Second)
		want(t, s, "a")
		time.Sleep(time.Second)
		wantUnavailable(t, s, "secrets")
	})
}
