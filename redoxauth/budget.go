package redoxauth

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"
)

// A budget counts the memory of the buffered bodies of one Options. It knows which of them
// are still arriving, and gives the slowest of these up when it is full. Because of its
// mutex go vet refuses a copy of the Options.
type budget struct {
	mu       sync.Mutex // also guards body.charged and body.proven, and body.first until it has arrived
	used     int64      // bytes
	unproven int64      // of used
	arriving map[*body]struct{}
	free     stack     // memory for the next bodies, while much is used
	waiting  int       // bodies that wait for room
	futile   time.Time // when makeRoom last made none
	paces    []pace    // of makeRoom: to allocate under the lock would let all wait for the garbage collector
}

// Bounds on the work that a full budget causes.
const (
	maxWaiting = 1024
	waits      = 5 // of a body for one chunk
	waitTime   = 100 * time.Millisecond
	futileTime = 10 * time.Millisecond // for which makeRoom does not look again
)

// wait lets b wait for room, and reports false if enough others do.
func (g *budget) wait(b *body) bool {
	g.mu.Lock()
	ok := g.waiting < maxWaiting
	if ok {
		g.waiting++
	}
	g.mu.Unlock()
	if ok {
		time.Sleep(waitTime) // others may end, or turn out to have stalled
		g.mu.Lock()
		g.waiting--
		g.mu.Unlock()
	}
	return ok
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
	}
}

// charge charges a chunk of size bytes to b, or of the largest class below it. It returns
// false if there is no room, or if b was given up. The last chunk of b is full.
func (g *budget) charge(b *body, size int64) (*chunk, bool) {
	if i := class(size); i >= 0 {
		size = minChunk << i
	}
	c, ok := g.reserve(b, size)
	if c == nil && ok {
		c = newChunk(max(size, 1))
	}
	return c, ok
}

func (g *budget) reserve(b *body, size int64) (c *chunk, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b.append()
	switch {
	case b.givenUp.Load() != nil:
		return nil, false
	case b.opts.MaxInFlight < 0 || size <= 0: // what comes after the last byte is the end, or too much
		return nil, true
	case g.room(b) < size && !g.makeRoom(b, size):
		return nil, false
	}
	b.charged += size
	g.used += size
	if !b.proven {
		g.unproven += size
	}
	if c = g.free.pop(size); c == nil && size >= minChunk {
		g.free.drain() // it has other sizes than those in use: do not hold them beside these
	}
	return c, true
}

// room returns how many bytes are left for b.
func (g *budget) room(b *body) int64 {
	left := b.opts.maxInFlight() - g.used
	if !b.proven {
		left = min(left, b.limit()-g.unproven)
	}
	return left
}

// limit returns how many bytes bodies of b's kind may use.
func (b *body) limit() int64 {
	if b.proven {
		return b.opts.maxInFlight()
	}
	return b.opts.maxInFlight() / 2
}

func (b *body) kind() string {
	if b.proven {
		return "proven"
	}
	return "unproven"
}

// makeRoom gives up bodies of b's kind that are slow, the slowest first, and reports whether
// there is room for n bytes then. It goes on until a part of what such bodies have is free,
// so that it is not called for every chunk.
//
// It spares bodies that arrive at a fair rate. If it gave up an old body for every new one,
// a little more genuine traffic than there is room for would end nearly all of it.
func (g *budget) makeRoom(b *body, n int64) bool {
	now := time.Now()
	if since := now.Sub(g.futile); 0 <= since && since < futileTime {
		return false // to look again costs time, and strangers can make us look often
	}
	own, held, possible := b.pace(now), int64(0), g.room(b)
	slow := g.paces[:0]
	defer func() {
		g.paces = slow[:0]
		clear(slow[:cap(slow)])
	}()
	for c := range g.arriving {
		if c != b && c.proven == b.proven && c.charged > 0 {
			held += c.charged
			if p := c.pace(now); p.slow(own) {
				slow = append(slow, p)
				possible += c.charged
			}
		}
	}
	if possible < n {
		g.futile = now
		return false
	}
	slices.SortFunc(slow, pace.compare)
	want, room := max(n, held/16), g.room(b)
	first := 0
	for ; first < len(slow) && room < want; first++ {
		room += slow[first].body.charged
	}
	// Small bodies need not go if a large one that goes is enough.
	victims := slow[:first]
	slices.SortFunc(victims, func(p, q pace) int { return cmp.Compare(p.body.charged, q.body.charged) })
	for _, p := range victims {
		if room-p.body.charged >= want {
			room -= p.body.charged
			continue
		}
		if p.body.endRead() {
			// Its reader still has the last chunk, for a moment.
			delete(g.arriving, p.body)
			g.giveBack(p.body, p.body.charged)
			g.free.push(p.body.take())
			p.body.givenUp.Store(Errorf(ErrUnavailable, "busy", "%s in %v: this body was the slowest, and the %d bytes for %s bodies were full (Options.MaxInFlight)",
				p.body.arrived(), p.age.Round(time.Millisecond), b.limit(), b.kind()))
		}
	}
	return g.room(b) >= n
}

// A pace is how fast a body arrives.
type pace struct {
	body  *body
	age   time.Duration
	still time.Duration // since the last byte, while it waits for more
	rate  float64       // bytes a second
}

// pace halves the rate for every second without a byte. Otherwise strangers that send fast
// and then stall would pass for faster than a steady sender for a long time.
func (b *body) pace(now time.Time) pace {
	age, still := now.Sub(b.began), time.Duration(0)
	if b.blocked.Load() {
		still = age - time.Duration(b.moved.Load())
	}
	return pace{b, age, still, float64(b.received.Load()) / age.Seconds() * math.Exp2(-still.Seconds())}
}

// slow reports whether a body may be given up for one with the pace q: if it has stalled, if
// it would not arrive within BodyTimeout, were it as large as MaxBodyBytes, or if q is twice
// as fast. In the first second rates say little. Then only a body that has stalled is slow.
func (p pace) slow(q pace) bool {
	judged := q.age >= time.Second && q.body.charged > 0
	if judged && p.compare(q) >= 0 {
		return false
	}
	fair := float64(q.body.opts.maxBodyBytes()) / q.body.opts.bodyTimeout().Seconds()
	return p.still >= 250*time.Millisecond || p.age >= time.Second && (p.rate < fair || judged && p.rate < q.rate/2)
}

// compare puts the body to give up first in front: the slowest. Bodies in their first second
// come after the others, the newest last.
func (p pace) compare(q pace) int {
	switch young := p.age < time.Second; {
	case young != (q.age < time.Second):
		if young {
			return 1
		}
		return -1
	case young:
		return cmp.Compare(q.age, p.age)
	}
	return cmp.Compare(p.rate, q.rate)
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
}
