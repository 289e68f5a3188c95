// Package answer remembers what a remote service said about opaque bearer tokens:
// Google's tokeninfo, an introspection endpoint.
//
// It holds answers, never decisions: whoever asks decides anew on every hit. Tokens
// are kept as SHA-256 only. It is bounded in memory, in calls at once and, for tokens
// of which nothing is known, in calls a minute, because every such token costs a call
// and anybody can invent one.
package answer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

const (
	entries = 1024             // of ours, and of all others
	calls   = 64               // at once; about unknown tokens half as many
	timeout = 10 * time.Second // of one call
)

// Config configures a Cache. All fields but PerMinute are required.
type Config[A any] struct {
	Positive  time.Duration // how long an answer is kept, though never past its expiry
	Negative  time.Duration // how long a negative answer is kept
	PerMinute int           // calls about unknown tokens; zero: only bounded at once
	Now       func() time.Time

	// Ours reports whether an answer is about somebody who is let in. Strangers have
	// active tokens too, as many as they like: theirs evict none of ours.
	Ours func(A) bool
}

// A Fetch asks the remote service about token. The answer is not kept past expiry;
// zero means that it names none. An error that wraps [redoxauth.ErrRejected] is a
// negative answer and kept as such; any other is a failure and never kept. Nothing it
// returns may hold the token, and nobody may modify it.
type Fetch[A any] func(ctx context.Context, token string) (a A, expiry time.Time, err error)

// A Cache is safe for concurrent use.
type Cache[A any] struct {
	cfg   Config[A]
	fetch Fetch[A]

	mu      sync.Mutex
	ours    *recent[kept[A]]
	others  *recent[kept[A]] // apart: negative answers, and those about strangers
	flights map[key]*flight[A]
	unknown int // flights about tokens of which nothing is known
	allowed allowance
}

type key = [sha256.Size]byte

// kept is an answer, to be used until fresh and to be remembered until expiry.
type kept[A any] struct {
	a             A
	err           error // negative, instead of a
	fresh, expiry time.Time
}

// A flight is one call, for everybody who asks meanwhile.
type flight[A any] struct {
	ctx  context.Context // its own: the end of one request must not fail the others
	done chan struct{}   // closed when a and err are set
	a    A
	err  error
}

// New returns an empty Cache of what fetch answers.
func New[A any](cfg Config[A], fetch Fetch[A]) *Cache[A] {
	return &Cache[A]{
		cfg:     cfg,
		fetch:   fetch,
		ours:    newRecent[kept[A]](entries),
		others:  newRecent[kept[A]](entries),
		flights: make(map[key]*flight[A]),
		allowed: allowance{perMinute: cfg.PerMinute},
	}
}

// Get returns the answer about token: a kept one, or that of a call, for which it
// waits within ctx and 10 s. The error is a negative answer as Fetch returned it, or
// [redoxauth.ErrUnavailable]. The caller has checked the length and characters of
// the token.
func (c *Cache[A]) Get(ctx context.Context, token string) (A, error) {
	k := sha256.Sum256([]byte(token))
	a, f, err := c.lookup(k, token)
	if f == nil {
		return a, err
	}
	select {
	case <-f.done:
	case <-f.ctx.Done(): // also when the call ignores that its time is over
	case <-ctx.Done():
		return a, unavailable("canceled", context.Cause(ctx))
	}
	select {
	case <-f.done:
		return f.a, f.err
	default:
		return a, unavailable("unavailable", context.Cause(f.ctx))
	}
}

// lookup returns what is kept about k, or else the flight to wait for.
func (c *Cache[A]) lookup(k key, token string) (none A, f *flight[A], err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	own, known := c.ours.get(k)
	if known && now.Before(own.fresh) {
		return own.a, nil, nil
	}
	if other, ok := c.others.get(k); ok && now.Before(other.fresh) {
		return other.a, nil, other.err
	}
	if f := c.flights[k]; f != nil {
		return none, f, nil
	}
	// A token that was good is asked about again even amid a flood of invented ones.
	known = known && (own.expiry.IsZero() || now.Before(own.expiry))
	if len(c.flights) >= calls || !known && (c.unknown >= calls/2 || !c.allowed.take(now)) {
		return none, nil, unavailable("busy", nil)
	}
	return none, c.launch(k, known, token), nil
}

func (c *Cache[A]) launch(k key, known bool, token string) *flight[A] {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	f := &flight[A]{ctx: ctx, done: make(chan struct{})}
	c.flights[k] = f
	if !known {
		c.unknown++
	}
	go func() {
		defer cancel()
		c.call(k, f, known, token)
	}()
	return f
}

// call makes the call, and keeps a panic of it from ending the process.
func (c *Cache[A]) call(k key, f *flight[A], known bool, token string) {
	a := kept[A]{err: errors.New("the call did not return")} // but ended its goroutine
	ours := false
	defer func() {
		if p := recover(); p != nil {
			a.err = fmt.Errorf("the call panicked: %T", p) // its value may hold the token
		}
		c.land(k, f, known, a, ours)
	}()
	a.a, a.expiry, a.err = c.fetch(f.ctx, token)
	ours = a.err == nil && c.cfg.Ours(a.a)
}

// land keeps the answer and hands it to all who wait.
func (c *Cache[A]) land(k key, f *flight[A], known bool, a kept[A], ours bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	switch {
	case a.err == nil:
		a.fresh = now.Add(c.cfg.Positive)
		if !a.expiry.IsZero() && a.expiry.Before(a.fresh) {
			a.fresh = a.expiry
		}
	case errors.Is(a.err, redoxauth.ErrRejected):
		a.fresh = now.Add(c.cfg.Negative)
	case !errors.Is(a.err, redoxauth.ErrUnavailable):
		a.err = unavailable("unavailable", a.err)
	}
	if now.Before(a.fresh) {
		c.keep(k, a, ours)
	}
	f.a, f.err = a.a, a.err
	delete(c.flights, k)
	if !known {
		c.unknown--
	}
	close(f.done)
}

func (c *Cache[A]) keep(k key, a kept[A], ours bool) {
	c.ours.drop(k)
	if ours {
		c.ours.put(k, a)
	} else {
		c.others.put(k, a)
	}
}

func unavailable(reason redoxauth.Reason, cause error) error {
	return &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: reason, Err: cause}
}
