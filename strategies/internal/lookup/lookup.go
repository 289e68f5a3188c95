// Package lookup asks remote services: a [Client] makes one request, and a [Cache]
// remembers what a service said about opaque bearer tokens. Such services are Google's
// tokeninfo endpoint and introspection endpoints.
package lookup

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

const (
	maxEntries = 1024             // accepted tokens; the same number of others
	maxCalls   = 64               // at once; half of them about unknown tokens
	timeout    = 10 * time.Second // of one call
)

// Config configures a [Cache]. Only PerMinute is optional.
type Config struct {
	Positive  time.Duration // how long an answer is used; never past the expiry of its token
	Negative  time.Duration // how long a negative answer is used
	PerMinute int           // calls about unknown tokens; 0: no limit a minute
	Now       func() time.Time
}

// A Fetch asks the remote service about token. The answer is not used past expiry; a zero
// expiry means that the service named none. An error that wraps [redoxauth.ErrRejected] is
// a negative answer, and is remembered. Any other error is a failure, and is not. The
// result must not hold the token, and must not be modified later.
type Fetch[A any] func(ctx context.Context, token string) (a A, expiry time.Time, err error)

// A Cache remembers answers, not decisions: the caller decides anew about every request.
// It keeps the SHA-256 of a token, not the token. A stranger can invent tokens, and can
// have genuine tokens of the same service; every such token costs a call. So the Cache
// bounds its memory, the calls at once and the calls a minute, and it keeps the tokens
// that the caller accepted apart from all others. It is safe for concurrent use.
type Cache[A any] struct {
	cfg   Config
	fetch Fetch[A]

	mu       sync.Mutex
	accepted recent[A]
	others   recent[A] // negative answers, and tokens that the caller has not accepted
	flights  map[key]*flight[A]
	unknown  int // flights about tokens that were not accepted before
	allowed  allowance
}

type key = [sha256.Size]byte

// An Answer is what the remote service said about one token.
type Answer[A any] struct {
	Value A
	kept  *kept[A]
	cache *Cache[A] // nil: the token was accepted before
}

// kept is an answer that is used until fresh. Its token may be asked about again, with
// precedence over unknown tokens, until expiry.
type kept[A any] struct {
	key           key
	value         A
	err           error // a negative answer, instead of value
	fresh, expiry time.Time
}

// A flight is one call. Everybody who asks about its token meanwhile waits for it.
type flight[A any] struct {
	ctx   context.Context // its own: the end of one request must not fail the others
	done  chan struct{}   // closed when the answer is there
	known bool
	*kept[A]
}

// New returns an empty Cache of the answers of fetch.
func New[A any](cfg Config, fetch Fetch[A]) *Cache[A] {
	return &Cache[A]{
		cfg:      cfg,
		fetch:    fetch,
		accepted: newRecent[A](),
		others:   newRecent[A](),
		flights:  make(map[key]*flight[A]),
		allowed:  allowance{perMinute: cfg.PerMinute},
	}
}

// Get returns the answer about token. If none is remembered, Get waits for a call, within
// ctx and 10 s. The error is a negative answer as fetch returned it, or
// [redoxauth.ErrUnavailable]. The caller has checked the length and the characters of
// token.
func (c *Cache[A]) Get(ctx context.Context, token string) (Answer[A], error) {
	a, f, err := c.find(token)
	if f == nil {
		return a, err
	}
	select {
	case <-f.done:
	case <-f.ctx.Done(): // also when the call ignores that its time is over
	case <-ctx.Done():
		return a, redoxauth.Errorf(redoxauth.ErrUnavailable, "canceled", "%w", context.Cause(ctx))
	}
	select {
	case <-f.done:
		return c.answer(f.kept)
	default:
		return a, redoxauth.Errorf(redoxauth.ErrUnavailable, "unavailable", "%w", context.Cause(f.ctx))
	}
}

// answer returns k as an answer to remember, or its error.
func (c *Cache[A]) answer(k *kept[A]) (Answer[A], error) {
	if k.err != nil {
		return Answer[A]{}, k.err
	}
	return Answer[A]{k.value, k, c}, nil
}

// Remember says that the caller accepted the token. From now on no answer about any other
// token pushes this answer out, and a later call about the token has precedence.
func (a Answer[A]) Remember() {
	c := a.cache
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.others.get(a.kept.key) == a.kept { // else it is not worth keeping, or there is a newer one
		c.others.drop(a.kept.key)
		c.accepted.put(a.kept)
	}
}

// find returns the remembered answer about token, or else the flight to wait for.
func (c *Cache[A]) find(token string) (none Answer[A], f *flight[A], err error) {
	k := sha256.Sum256([]byte(token))
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	accepted := c.accepted.get(k)
	if accepted != nil && now.Before(accepted.fresh) {
		return Answer[A]{Value: accepted.value}, nil, nil
	}
	if other := c.others.get(k); other != nil && now.Before(other.fresh) {
		a, err := c.answer(other)
		return a, nil, err
	}
	if f := c.flights[k]; f != nil {
		return none, f, nil
	}
	// A token that was accepted is asked about again even during a flood of invented ones.
	known := accepted != nil && (accepted.expiry.IsZero() || now.Before(accepted.expiry))
	if len(c.flights) >= maxCalls || !known && (c.unknown >= maxCalls/2 || !c.allowed.take(now)) {
		return none, nil, redoxauth.Errorf(redoxauth.ErrUnavailable, "busy", "")
	}
	return none, c.launch(k, known, token), nil
}

func (c *Cache[A]) launch(k key, known bool, token string) *flight[A] {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	f := &flight[A]{ctx, make(chan struct{}), known, &kept[A]{key: k}}
	c.flights[k] = f
	if !known {
		c.unknown++
	}
	go func() {
		defer cancel()
		c.call(f, token)
	}()
	return f
}

// call makes the call. A panic in it must not end the process.
func (c *Cache[A]) call(f *flight[A], token string) {
	f.err = errors.New("the call ended its goroutine")
	defer func() {
		if p := recover(); p != nil {
			f.err = fmt.Errorf("the call panicked: %T", p) // its value may hold the token
		}
		c.land(f)
	}()
	f.value, f.expiry, f.err = c.fetch(f.ctx, token)
}

// land remembers the answer and hands it to all who wait.
func (c *Cache[A]) land(f *flight[A]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	switch {
	case f.err == nil:
		f.fresh = now.Add(c.cfg.Positive)
		if !f.expiry.IsZero() && f.expiry.Before(f.fresh) {
			f.fresh = f.expiry
		}
	case errors.Is(f.err, redoxauth.ErrRejected):
		f.fresh = now.Add(c.cfg.Negative)
	case !errors.Is(f.err, redoxauth.ErrUnavailable):
		f.err = redoxauth.Errorf(redoxauth.ErrUnavailable, "unavailable", "%w", f.err)
	}
	switch {
	case !now.Before(f.fresh):
	case f.known && f.err == nil: // the requests that asked may have been given up
		c.accepted.put(f.kept)
	default:
		c.accepted.drop(f.key)
		c.others.put(f.kept)
	}
	delete(c.flights, f.key)
	if !f.known {
		c.unknown--
	}
	close(f.done)
}

// recent holds at most maxEntries answers. It drops the one that was used longest ago.
type recent[A any] struct {
	order *list.List // of *kept[A], the last used first
	items map[key]*list.Element
}

func newRecent[A any]() recent[A] {
	return recent[A]{order: list.New(), items: make(map[key]*list.Element)}
}

func (r recent[A]) get(k key) *kept[A] {
	e, ok := r.items[k]
	if !ok {
		return nil
	}
	r.order.MoveToFront(e)
	return e.Value.(*kept[A])
}

func (r recent[A]) put(a *kept[A]) {
	r.drop(a.key)
	if len(r.items) >= maxEntries {
		r.drop(r.order.Back().Value.(*kept[A]).key)
	}
	r.items[a.key] = r.order.PushFront(a)
}

func (r recent[A]) drop(k key) {
	if e, ok := r.items[k]; ok {
		r.order.Remove(e)
		delete(r.items, k)
	}
}

// An allowance is a number of calls that grows evenly, up to those of one minute.
type allowance struct {
	perMinute int
	used      float64 // of perMinute, as of last
	last      time.Time
}

func (a *allowance) take(now time.Time) bool {
	if a.perMinute <= 0 {
		return true
	}
	if elapsed := now.Sub(a.last); elapsed > 0 {
		a.used = max(0, a.used-elapsed.Minutes()*float64(a.perMinute))
		a.last = now
	}
	if a.used+1 > float64(a.perMinute) {
		return false
	}
	a.used++
	return true
}
