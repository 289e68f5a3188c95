package redoxauth

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// makeRoom gives up bodies that are slow compared with w, the slowest first, until there is
// room for w. It goes on until a part of what such bodies have is free, so that it is not
// called for every chunk. It reports whether there is room.
//
// It spares bodies that arrive at a fair rate. If it gave up an old body for every new one,
// a little more genuine traffic than there is room for would end nearly all of it.
func (g *budget) makeRoom(w *waiter, now time.Time) bool {
	b := w.body
	own, held, possible := b.pace(now), int64(0), g.room(b)
	slow := g.paces[:0]
	defer func() {
		g.paces = slow[:0]
		clear(slow[:cap(slow)])
	}()
	for c := range g.arriving {
		if c != b && c.proven == b.proven && c.charged > 0 && c.waits() && c.givenUp.Load() == nil {
			held += c.charged
			if p := c.pace(now); p.slow(own) {
				slow = append(slow, p)
				possible += c.charged
			}
		}
	}
	if possible < w.size {
		return false
	}
	slices.SortFunc(slow, pace.compare)
	want, room := max(w.size, held/16), g.room(b)
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
		g.end(p)
	}
	return g.room(b) >= w.size
}

// end gives up a body for others.
func (g *budget) end(p pace) {
	b := p.body
	kept := b.newest // by a reader that waits on, because its read cannot be ended
	if b.endRead() || b.waiting != nil {
		kept = 0 // or for a moment
		delete(g.arriving, b)
	}
	g.giveBack(b, b.charged-kept)
	g.free.push(b.take())
	b.givenUp.Store(Errorf(ErrUnavailable, "busy", "%s arrived in %v, and this body was the slowest when there was no room for others: %s bodies may use %d bytes (Options.MaxInFlight)",
		b.arrived(), p.age.Round(time.Millisecond), b.kind(), b.limit()))
	g.queue.remove(b.waiting)
}

// A pace is how fast a body arrives.
type pace struct {
	body  *body
	age   time.Duration // without the time that it waited for room
	still time.Duration // for which it has waited for its peer
	rate  float64       // bytes a second
}

// pace halves the rate for every second without a byte. Otherwise strangers that send fast
// and then stall would pass for faster than a steady sender for a long time.
func (b *body) pace(now time.Time) pace {
	p := pace{body: b, age: now.Sub(b.began) - b.waited}
	if b.waiting != nil {
		p.age -= now.Sub(b.waiting.since)
	}
	if reading := b.reading.Load(); reading != 0 {
		p.still = max(now.Sub(b.began)-time.Duration(reading), 0)
	}
	p.rate = float64(b.received.Load()) / max(p.age, time.Microsecond).Seconds() * math.Exp2(-p.still.Seconds())
	return p
}

// waits reports whether b waits for its peer or for room. Else we are at work on it. Then it
// is not slow, but this machine is.
func (b *body) waits() bool { return b.reading.Load() != 0 || b.waiting != nil }

// judged reports whether the rate says something.
func (p pace) judged() bool { return p.age >= time.Second && p.body.charged > 0 }

// slow reports whether a body may be given up for one with the pace q: if it has stalled, if
// it would not arrive within BodyTimeout, were it as large as MaxBodyBytes, or if q is twice
// as fast. In the first second rates say little. Then only a body that has stalled is slow.
func (p pace) slow(q pace) bool {
	if q.judged() && p.compare(q) >= 0 {
		return false
	}
	fair := float64(q.body.opts.maxBodyBytes()) / q.body.opts.bodyTimeout().Seconds()
	return p.still >= 250*time.Millisecond || p.age >= time.Second && (p.rate < fair || q.judged() && p.rate < q.rate/2)
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
