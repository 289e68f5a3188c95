package redoxauth

import (
	"sync"
	"sync/atomic"
)

// A budget counts the bytes of bodies that are buffered at once. Its atomics make
// go vet refuse a copy of the Options that hold it.
type budget struct {
	all, unproven atomic.Int64
}

// A charge is what one body costs the budget of its Options.
type charge struct {
	opts *Options

	mu            sync.Mutex
	all, unproven int64
	filling       bool // a goroutine may still be reading the body
	released      bool // as soon as it is not
}

// add charges n bytes, or reports that the budget is used up or that nobody waits
// for the body any more.
func (c *charge) add(n int64, proven bool) bool {
	limit := c.opts.MaxInFlight
	if limit == 0 {
		limit = 8 * c.opts.maxBodyBytes()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return false
	}
	if limit < 0 {
		return true
	}
	b := &c.opts.budget
	if !proven {
		if b.unproven.Add(n) > limit/2 {
			b.unproven.Add(-n)
			return false
		}
		c.unproven += n
	}
	c.all += n
	return b.all.Add(n) <= limit // what it did add is given back by release
}

// prove moves what was charged to the half of the budget that genuine bodies have to
// themselves.
func (c *charge) prove() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opts.budget.unproven.Add(-c.unproven)
	c.unproven = 0
}

// release gives the charge back, at the latest when the reading goroutine has ended:
// until then its buffer exists.
func (c *charge) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.released = true
	c.giveBack()
}

// filled says that the reading goroutine has ended.
func (c *charge) filled() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.filling = false
	c.giveBack()
}

func (c *charge) giveBack() {
	if !c.released || c.filling {
		return
	}
	c.opts.budget.unproven.Add(-c.unproven)
	c.opts.budget.all.Add(-c.all)
	c.all, c.unproven = 0, 0
}
