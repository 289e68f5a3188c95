package replay_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/testclock"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// An entry stays as long as its credential is valid by the wall clock, whatever the monotonic
// clock says: it stands still while a machine is suspended. A replay is refused until then, an
// id that was not used is fresh, and then the room is free again.
func TestMemoryFollowsTheWallClock(t *testing.T) {
	const life, jump = 5 * time.Minute, 48 * time.Hour
	for _, wallOnly := range []bool{false, true} {
		t.Run(fmt.Sprint("wall clock alone ", wallOnly), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, m := testclock.New(wallOnly), replay.NewMemory(2)
				want := func(id string, until time.Time, want bool) {
					t.Helper()
					if fresh, err := m.AddAt(t.Context(), "scope", id, until, c.Now()); fresh != want || err != nil {
						t.Errorf("%s: fresh %v, error %v, want %v", id, fresh, err, want)
					}
				}
				full := func(id string) {
					t.Helper()
					if _, err := m.AddAt(t.Context(), "scope", id, c.Now().Add(life), c.Now()); !errors.Is(err, redoxauth.ErrUnavailable) {
						t.Errorf("%s: error %v, want that the Memory is full", id, err)
					}
				}
				start := c.Now()
				until := start.Add(life)
				want("a", until, true)

				c.Suspend(life - 1) // within its life
				want("a", until, false)
				c.Suspend(jump) // past it
				want("b", c.Now().Add(life), true)
				want("c", c.Now().Add(life), true) // in the place of a
				full("d")

				until = c.Now().Add(life)
				c.SetBack(jump) // b and c are valid for longer than two days now
				time.Sleep(jump - 1)
				want("b", until, false)
				full("d")
				time.Sleep(life + 1) // but not for ever
				want("d", c.Now().Add(life), true)
				want("e", c.Now().Add(life), true)

				m = replay.NewMemory(2)
				c.SetBack(jump)
				want("f", c.Now().Add(life), true)
				time.Sleep(life) // while the clock is wrong, new entries end as always
				want("g", c.Now().Add(life), true)
				want("h", c.Now().Add(life), true)
			})
		})
	}
}

// The end of an entry is a wall time too, even if it has a monotonic reading.
func TestMemoryEndOnTheWallClock(t *testing.T) {
	c, m := testclock.New(false), replay.NewMemory(10)
	c.Suspend(48 * time.Hour)
	until := c.Now().Add(-47 * time.Hour) // by the monotonic reading this is long past
	for _, want := range []bool{true, false} {
		if fresh, err := m.AddAt(t.Context(), "scope", "id", until, time.Now()); fresh != want || err != nil {
			t.Errorf("fresh %v, error %v, want %v", fresh, err, want)
		}
	}
	if fresh, err := m.AddAt(t.Context(), "scope", "id", until, time.Now().Round(0).Add(59*time.Minute)); fresh || err != nil {
		t.Errorf("fresh %v, error %v after 59 of 60 min", fresh, err)
	}
	if fresh, err := m.AddAt(t.Context(), "scope", "id", until, time.Now().Round(0).Add(time.Hour)); !fresh || err != nil {
		t.Errorf("fresh %v, error %v after the end", fresh, err)
	}
}
