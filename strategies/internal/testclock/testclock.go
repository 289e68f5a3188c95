// Package testclock is a clock for tests whose two readings can be moved apart: the wall
// clock, and the monotonic clock, which stands still while a machine is suspended. Only
// tests import it.
package testclock

import (
	"sync"
	"time"
	"unsafe"
)

// A Clock starts at time.Now and goes as fast. It is safe for concurrent use.
type Clock struct {
	wallOnly bool
	begun    time.Time

	mu    sync.Mutex
	ahead time.Duration // of the wall clock
}

// New returns a Clock whose times have both readings, as those of time.Now, or only a wall
// reading, as those of many users' own clocks.
func New(wallOnly bool) *Clock { return &Clock{wallOnly: wallOnly, begun: time.Now()} }

// Now is a Config.Now.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	passed := time.Since(c.begun)
	wall := c.begun.Add(passed + c.ahead).Round(0)
	if c.wallOnly {
		return wall
	}
	return at(wall, passed)
}

// Suspend lets time pass on the wall clock alone.
func (c *Clock) Suspend(d time.Duration) { c.SetBack(-d) }

// SetBack sets the wall clock back.
func (c *Clock) SetBack(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead -= d
}

// base has both readings: it is not read within testing/synctest, where time.Now has one.
var base = time.Now()

// at returns a time with these two readings; monotonic counts from base. Nothing in package
// time can make one: Add moves both readings, and everything else that changes a time drops
// the monotonic one. So at writes over the private field that holds it.
func at(wall time.Time, monotonic time.Duration) time.Time {
	t := base.Add(wall.Sub(base))
	p := (*struct {
		wall uint64
		ext  int64 // the monotonic reading
		loc  *time.Location
	})(unsafe.Pointer(&t))
	p.ext += int64(monotonic - t.Sub(base))
	if t.Sub(base) != monotonic || !t.Round(0).Equal(wall) {
		panic("a time.Time is made in another way than this package knows")
	}
	return t
}
