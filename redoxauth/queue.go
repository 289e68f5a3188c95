package redoxauth

import (
	"slices"
	"time"
)

const (
	patience = 500 * time.Millisecond // of a waiter
	turn     = 10 * time.Millisecond  // between two looks for room
)

// A waiter is a body that waits for room for its next chunk.
type waiter struct {
	body    *body
	size    int64
	since   time.Time
	over    chan struct{} // closed when the waiting is over
	granted bool
	chunk   *chunk // an old one, or nil
}

// A queue has the waiters, the first in front. Room that becomes free goes to them, and never
// to a body that came later: strangers that come in great numbers would take it all.
//
// Only serve looks for room, and at most once a turn. If every waiter looked, the waiters
// would keep the lock from all others.
type queue struct {
	waiters []*waiter
	served  time.Time   // when serve last ran
	next    *time.Timer // of serve, while there are waiters
}

// has reports whether a body of that kind waits.
func (q *queue) has(proven bool) bool {
	return slices.ContainsFunc(q.waiters, func(w *waiter) bool { return w.body.proven == proven })
}

// remove ends the waiting of w, which may be nil.
func (q *queue) remove(w *waiter) {
	if i := slices.Index(q.waiters, w); i >= 0 {
		q.waiters = slices.Delete(q.waiters, i, i+1)
		w.end(time.Now())
	}
}

func (w *waiter) end(now time.Time) {
	w.body.waited += now.Sub(w.since)
	w.body.waiting = nil
	close(w.over)
}

// wait puts b into the queue.
func (g *budget) wait(b *body, size int64) *waiter {
	now := time.Now()
	w := &waiter{body: b, size: size, since: now, over: make(chan struct{})}
	if b.givenUp.Load() != nil || b.calls != nil {
		close(w.over)
		return w
	}
	b.waiting = w
	g.queue.waiters = append(g.queue.waiters, w)
	switch q := &g.queue; {
	case q.next != nil:
	case now.Sub(q.served) >= turn:
		g.serve(now)
	default:
		g.serveLater()
	}
	return w
}

func (g *budget) serveLater() {
	g.queue.next = time.AfterFunc(turn, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.serve(time.Now())
	})
}

// serve gives room to the waiters, makes some for those that it is not enough for, and
// refuses those that have waited long enough.
func (g *budget) serve(now time.Time) {
	q := &g.queue
	q.served, q.next = now, nil
	g.share(now)
	for _, proven := range []bool{false, true} {
		young, fastest := q.first(proven, now)
		switch {
		case young == nil && fastest == nil:
		case young != nil && g.makeRoom(young, now):
		case fastest != nil && g.makeRoom(fastest, now):
		default:
			if slowest := g.deadlocked(proven, now); slowest != nil {
				g.end(slowest.pace(now))
			}
		}
	}
	g.share(now)
	q.expire(now)
	if len(q.waiters) > 0 {
		g.serveLater()
	}
}

// share gives room to the waiters in their order, but lets a small one pass a large one that
// there is no room for.
func (g *budget) share(now time.Time) {
	g.queue.waiters = slices.DeleteFunc(g.queue.waiters, func(w *waiter) bool {
		if g.room(w.body) < w.size {
			return false
		}
		w.chunk, w.granted = g.grant(w.body, w.size), true
		w.end(now)
		return true
	})
}

// deadlocked returns nil unless all memory of bodies of one kind is held by waiters: then
// each waits for the others, and one has to go. It returns the slowest.
func (g *budget) deadlocked(proven bool, now time.Time) (slowest *body) {
	held, all := int64(0), g.used
	if !proven {
		all = g.unproven
	}
	for _, w := range g.queue.waiters {
		if w.body.proven && !proven {
			continue
		}
		held += w.body.charged
		if w.body.charged > 0 && (slowest == nil || w.body.pace(now).compare(slowest.pace(now)) < 0) {
			slowest = w.body
		}
	}
	if held < all {
		return nil
	}
	return slowest
}

// expire refuses those that have waited long enough.
func (q *queue) expire(now time.Time) {
	q.waiters = slices.DeleteFunc(q.waiters, func(w *waiter) bool {
		if now.Sub(w.since) < patience {
			return false
		}
		w.end(now)
		return true
	})
}

// first returns who of one kind has the best claim to room: of the waiters whose rate says
// little yet the one that wants least, and the fastest of the others. Either may be nil.
func (q *queue) first(proven bool, now time.Time) (young, fastest *waiter) {
	var most float64
	for _, w := range q.waiters {
		switch p := w.body.pace(now); {
		case w.body.proven != proven:
		case !p.judged():
			if young == nil || w.size < young.size {
				young = w
			}
		case p.rate > most:
			fastest, most = w, p.rate
		}
	}
	return young, fastest
}
