// Package lookup asks remote services: a [Client] makes one request, and a [Cache]
// remembers what a service said about opaque bearer tokens. Such services are Google's
// tokeninfo endpoint and introspection endpoints.
package lookup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
)

const (
	maxEntries = 1024             // accepted tokens, others, and peers
	timeout    = 10 * time.Second // of one call
)

// Config configures a [Cache]. Only Peer is optional.
type Config struct {
	Service   string                     // what errors call the service, such as "tokeninfo (https://…)"
	Fields    string                     // the name of the Config that users see
	Positive  time.Duration              // how long an answer is used, from the start of its call; never past the expiry of its token
	Negative  time.Duration              // how long a negative answer is used
	PerMinute int                        // calls about unknown tokens of strangers; more than 256
	Peer      func(*http.Request) string // who sent a request; default its address
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
// bounds its memory, the calls at once and the calls a minute. It keeps the tokens that the
// caller accepted, and the peers that sent them, apart from all others. It is safe for
// concurrent use.
type Cache[A any] struct {
	cfg   Config
	fetch Fetch[A]

	mu       sync.Mutex
	accepted recent[key, *kept[A]]
	others   recent[key, *kept[A]] // negative answers, and tokens that the caller has not accepted
	flights  map[key]*flight[A]
	ration   *ration
}

type key = [sha256.Size]byte

// An Answer is what the remote service said about one token.
type Answer[A any] struct {
	Value A
	kept  *kept[A]
	peer  string
	cache *Cache[A] // nil: there is no answer
}

// kept is an answer that is used while it is fresh. Its token may be asked about again, with
// precedence over unknown tokens, until it expires.
type kept[A any] struct {
	key    key
	value  A
	err    error         // a negative answer, instead of value
	began  time.Time     // the call
	life   time.Duration // from then
	expiry time.Time     // of the token, by the wall clock; zero: never
}

// fresh reports whether k is used. If the clock was set back, it is not, and not later
// either, when the wall clock comes to that time again.
func (k *kept[A]) fresh(now time.Time) bool {
	if rotation.Age(now, k.began) < 0 {
		k.life = 0
	}
	return k.used(now)
}

// used is fresh, and changes nothing.
func (k *kept[A]) used(now time.Time) bool {
	age := rotation.Age(now, k.began)
	return 0 <= age && age < k.life && !k.expired(now)
}

func (k *kept[A]) expired(now time.Time) bool { return !k.expiry.IsZero() && !now.Before(k.expiry) }

// A flight is one call. Everybody who asks about its token meanwhile waits for it.
type flight[A any] struct {
	ctx    context.Context // its own: the end of one request must not fail the others
	done   chan struct{}   // closed when the answer is there
	*grant                 // nil: the token was accepted before
	*kept[A]
}

// New returns an empty Cache of the answers of fetch.
func New[A any](cfg Config, fetch Fetch[A]) *Cache[A] {
	return &Cache[A]{
		cfg:      cfg,
		fetch:    fetch,
		accepted: newRecent[key, *kept[A]](),
		others:   newRecent[key, *kept[A]](),
		flights:  make(map[key]*flight[A]),
		ration:   newRation(cfg.PerMinute),
	}
}

// Get returns the answer about token, which r brought. If none is remembered, Get waits for a
// call, within r's context and 10 s. The error is a negative answer as fetch returned it, or
// [redoxauth.ErrUnavailable]. The caller has checked the length and the characters of token.
//
// With a context of [rotation.LoadedOnly] Get makes no call and waits for none, and changes
// nothing.
func (c *Cache[A]) Get(r *http.Request, token string) (none Answer[A], err error) {
	if rotation.IsLoadedOnly(r.Context()) {
		return c.loaded(token)
	}
	s := c.cfg.senderOf(r) // not under the lock: it is the user's code
	k, f, err := c.find(s, token)
	if err != nil {
		return none, err
	}
	if f != nil {
		select {
		case <-f.done:
		case <-f.ctx.Done(): // also when the call ignores that its time is over
		case <-r.Context().Done():
			return none, redoxauth.Errorf(redoxauth.ErrUnavailable, "canceled", "the request ended before the answer of %s: %w", c.cfg.Service, context.Cause(r.Context()))
		}
		select {
		case <-f.done:
			k = f.kept
		default:
			return none, redoxauth.Errorf(redoxauth.ErrUnavailable, "unavailable", "%s: no answer within %v: %w", c.cfg.Service, timeout, context.Cause(f.ctx))
		}
	}
	if k.err != nil {
		return none, k.err
	}
	return Answer[A]{k.value, k, s.peer, c}, nil
}

// Remember says that the caller accepted the token. From now on no answer about any other
// token pushes this answer out, a later call about the token has precedence, and no stranger
// limits the calls about new tokens of its peer.
func (a Answer[A]) Remember() {
	c := a.cache
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	c.ration.accept(a.peer, now)
	if a.kept.fresh(now) && c.others.get(a.kept.key) == a.kept { // else it is not worth keeping, or there is a newer one
		c.others.drop(a.kept.key)
		c.accepted.put(a.kept.key, a.kept)
	}
}

// find returns the remembered answer about token, or else the flight to wait for.
func (c *Cache[A]) find(s sender, token string) (*kept[A], *flight[A], error) {
	k := sha256.Sum256([]byte(token))
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	accepted := c.accepted.get(k)
	if accepted != nil && accepted.fresh(now) {
		return accepted, nil, nil
	}
	if other := c.others.get(k); other != nil && other.fresh(now) {
		return other, nil, nil
	}
	if f := c.flights[k]; f != nil {
		return nil, f, nil
	}
	if len(c.flights) >= maxCalls {
		return nil, nil, c.ration.busy("%s is asked about %d tokens at once, which is the limit", c.cfg.Service, maxCalls)
	}
	// A token that was accepted is asked about again even during a flood of invented ones.
	if accepted != nil && !accepted.expired(now) {
		return nil, c.launch(k, nil, token, now), nil
	}
	g, err := c.ration.take(s, now)
	if err != nil {
		return nil, nil, err
	}
	return nil, c.launch(k, g, token, now), nil
}

func (c *Cache[A]) launch(k key, g *grant, token string, now time.Time) *flight[A] {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	f := &flight[A]{ctx, make(chan struct{}), g, &kept[A]{key: k, began: now}}
	c.flights[k] = f
	go func() {
		defer cancel()
		c.call(f, token)
	}()
	return f
}

// call makes the call, and once more if the machine was suspended meanwhile, because the
// answer is as old as that. A panic in it must not end the process.
func (c *Cache[A]) call(f *flight[A], token string) {
	ended := fmt.Errorf("%s: the call ended its goroutine", c.cfg.Service)
	f.err = ended
	defer func() {
		if p := recover(); p != nil {
			f.err = fmt.Errorf("%s: the call panicked: %T", c.cfg.Service, p) // its value may hold the token
		}
		c.land(f)
	}()
	f.value, f.expiry, f.err = c.fetch(f.ctx, token)
	if now := c.cfg.Now(); rotation.Age(now, f.began) > timeout && f.ctx.Err() == nil {
		f.began, f.err = now, ended
		f.value, f.expiry, f.err = c.fetch(f.ctx, token)
	}
}

// land remembers the answer and hands it to all who wait.
func (c *Cache[A]) land(f *flight[A]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	late := f.ctx.Err() != nil || rotation.Age(now, f.began) > timeout
	if late && (f.err == nil || errors.Is(f.err, redoxauth.ErrRejected)) {
		f.err = fmt.Errorf("%s: the answer came more than %v after the call", c.cfg.Service, timeout)
	}
	var failure error
	f.expiry = f.expiry.Round(0)
	switch {
	case f.err == nil:
		f.life = c.cfg.Positive
	case errors.Is(f.err, redoxauth.ErrRejected):
		f.life = c.cfg.Negative
	default:
		if failure = f.err; !errors.Is(f.err, redoxauth.ErrUnavailable) {
			f.err = redoxauth.Errorf(redoxauth.ErrUnavailable, "unavailable", "%w", f.err)
		}
	}
	fresh := f.fresh(now)
	switch {
	case failure != nil:
	case f.grant == nil && f.err == nil && fresh: // the requests that asked may have been given up
		c.accepted.put(f.key, f.kept)
	case f.grant == nil && f.err == nil && !f.expired(now): // the clock was set back
	default:
		c.accepted.drop(f.key)
		c.others.put(f.key, f.kept) // if it is not fresh, for Explain alone
	}
	delete(c.flights, f.key)
	c.ration.landed(f.grant, failure, now)
	close(f.done)
}
