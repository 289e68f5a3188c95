package rotation_test

import (
	"sync"
	"time"
	"unsafe"
)

// A clock starts at time.Now and goes as fast. Its two readings can be moved apart: the wall
// clock, and the monotonic clock, which stands still while a machine is suspended. The
// strategies have it as strategies/internal/testclock, which this package cannot import.
type clock struct {
	wallOnly bool
	begun    time.Time

	mu    sync.Mutex
	ahead time.Duration // of the wall clock
}

// newClock returns a clock whose times have both readings, as those of time.Now, or only a
// wall reading, as those of many users' own clocks.
func newClock(wallOnly bool) *clock { return &clock{wallOnly: wallOnly, begun: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	passed := time.Since(c.begun)
	wall := c.begun.Add(passed + c.ahead).Round(0)
	if c.wallOnly {
		return wall
	}
	return at(wall, passed)
}

// suspend lets time pass on the wall clock alone.
func (c *clock) suspend(d time.Duration) { c.setBack(-d) }

// setBack sets the wall clock back.
func (c *clock) setBack(d time.Duration) {
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
		panic("a time.Time is made in another way than this test knows")
	}
	return t
}
