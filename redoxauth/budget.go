package redoxauth

import (
	"sync"
	"sync/atomic"
)

// A budget counts the bytes of all buffered bodies. Because of its atomics go vet refuses
// a copy of the Options.
type budget struct {
	all, unproven atomic.Int64
}

// A charge is the part of the budget that one body uses.
type charge struct {
	opts *Options

	mu            sync.Mutex
	all, unproven int64
	filling       bool // a goroutine may still be reading the body
	released      bool // give the charge back as soon as filling ends
}

// add charges n bytes. It reports false if the budget is used up or the body was given up.
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
	return b.all.Add(n) <= limit // if not, release gives n back
}

// prove moves the charge out of the half of the budget that is for unproven bodies.
func (c *charge) prove() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opts.budget.unproven.Add(-c.unproven)
	c.unproven = 0
}

// release gives the charge back now, or when the reading goroutine has ended: its buffer
// exists until then.
func (c *charge) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.released = true
	c.giveBack()
}

// filled marks the end of the reading goroutine.
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
