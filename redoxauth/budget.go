package redoxauth

import "sync"

// A budget counts the memory of the buffered bodies of one Options. It knows which of them
// are still arriving, and gives the slowest of these up when it is full. Because of its
// mutex go vet refuses a copy of the Options.
type budget struct {
	mu       sync.Mutex // also guards body.charged, proven, waiting and waited, and body.first until it has arrived
	used     int64      // bytes
	unproven int64      // of used
	reported int64      // of used: by InsecureReportOnly
	arriving map[*body]struct{}
	free     stack // memory for the next bodies, while much is used
	queue    queue
	paces    []pace // of makeRoom: to allocate under the lock would let all wait for the garbage collector
}

// enter notes that b begins to arrive. From now on it can be given up.
func (g *budget) enter(b *body) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.arriving == nil {
		g.arriving = make(map[*body]struct{})
	}
	g.arriving[b] = struct{}{}
}

// leave notes that b has arrived. From now on nobody ends a read of its connection: that
// would be a read of the next request.
func (g *budget) leave(b *body) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.arriving, b)
}

// giveUp makes b fail, if it is still arriving.
func (g *budget) giveUp(b *body, why *Error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, arriving := g.arriving[b]; arriving {
		b.givenUp.Store(why)
		b.endRead()
		g.queue.remove(b.waiting)
	}
}

// charge charges a chunk of size bytes to b, or of the largest class below it. If there is no
// room, b waits for some. charge returns false if there is none in time, or if b was given
// up. The last chunk of b is full.
func (g *budget) charge(b *body, size int64) (*chunk, bool) {
	if i := class(size); i >= 0 {
		size = minChunk << i
	}
	c, w := g.reserve(b, size)
	if w != nil {
		<-w.over
		c = w.chunk
		if !w.granted {
			return nil, false
		}
	}
	if c == nil {
		c = newChunk(max(size, 1))
	}
	return c, true
}

// reserve is charge without waiting. It returns an old chunk, or nil for a new one, or a
// waiter.
func (g *budget) reserve(b *body, size int64) (*chunk, *waiter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b.append()
	switch {
	case b.opts.MaxInFlight < 0 || size <= 0: // what comes after the last byte is the end, or too much
		return nil, nil
	case b.givenUp.Load() == nil && g.room(b) >= size && !g.queue.has(b.proven):
		return g.grant(b, size), nil
	}
	return nil, g.wait(b, size)
}

// grant charges size bytes to b. It returns an old chunk of that size, or nil.
func (g *budget) grant(b *body, size int64) *chunk {
	b.charged += size
	b.newest = size
	g.used += size
	if !b.proven {
		g.unproven += size
	}
	if b.calls != nil {
		g.reported += size
	}
	c := g.free.pop(size)
	if c == nil && size >= minChunk {
		g.free.drain() // it has other sizes than those in use: do not hold them beside these
	}
	return c
}

// room returns how many bytes are left for b.
func (g *budget) room(b *body) int64 {
	left := b.opts.maxInFlight() - g.used
	if !b.proven {
		left = min(left, b.opts.maxInFlight()/2-g.unproven)
	}
	if b.calls != nil {
		left = min(left, b.limit()-g.reported)
	}
	return left
}

// limit returns how many bytes bodies of b's kind may use.
func (b *body) limit() int64 {
	limit := b.opts.maxInFlight()
	if !b.proven {
		limit /= 2
	}
	if b.calls != nil { // it is never given up, so it must leave room for those that are
		limit /= 2
	}
	return limit
}

func (b *body) kind() string {
	if b.calls != nil {
		return "report-only"
	}
	if b.proven {
		return "proven"
	}
	return "unproven"
}

// prove moves b out of the half of the budget that is for unproven bodies.
func (g *budget) prove(b *body) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !b.proven {
		b.proven = true
		g.unproven -= b.charged
	}
}

// release gives back what b has, and the memory of c and the chunks after it.
func (g *budget) release(b *body, c *chunk) { g.shrink(b, 0, c) }

// shrink gives back what b has above n bytes, and the memory of c and the chunks after it.
func (g *budget) shrink(b *body, n int64, c *chunk) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.giveBack(b, max(b.charged-n, 0))
	g.free.push(c)
	if g.used <= max(b.opts.maxInFlight(), 0)/16 {
		g.free.drain()
	}
}

func (g *budget) giveBack(b *body, n int64) {
	b.charged -= n
	g.used -= n
	if !b.proven {
		g.unproven -= n
	}
	if b.calls != nil {
		g.reported -= n
	}
}

// discharge gives back n bytes of b, or what it has left.
func (g *budget) discharge(b *body, n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.giveBack(b, min(n, b.charged))
}
