package keyset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/lookup"
)

const (
	fetchTimeout = 10 * time.Second
	staleWait    = time.Second // how long requests wait for a refresh while old keys can serve
	retryPause   = time.Second // the least time between two fetches while there are no keys
	maxWanted    = 16          // kids that a fetch notes: a peer can ask and hang up, again and again
)

// A remote decides which of the published keys serve, and when they are fetched.
type remote struct {
	cfg    RemoteConfig
	client *lookup.Client

	mu           sync.Mutex
	current      published // of the last fetch that succeeded
	fetched      time.Time // when that was
	refresh      time.Time // after 80 % of their life
	expires      time.Time // the end of their life
	err          error     // why the last fetch failed; nil if it succeeded
	started      time.Time // when the last fetch started
	unknownAsked time.Time // when the last fetch for an unknown kid started
	running      *fetch    // nil if none is
}

func newRemote(cfg RemoteConfig) *remote {
	return &remote{cfg: cfg, client: lookup.NewClient(cfg.Client, maxResponse)}
}

// A fetch is one fetch of the keys. Its context ends when the fetch ends, or when its time
// is over.
type fetch struct {
	context.Context
	started time.Time
	wanted  []jose.Wanted // by the first requests that waited for it
	done    bool
}

// Keys implements [jose.Source]. Keys that are about to expire are refreshed first.
func (s *remote) Keys(ctx context.Context, w jose.Wanted) ([]*jose.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if s.usable(now) {
		s.keepFresh(ctx, now)
	}
	if !s.usable(s.cfg.Now()) {
		return s.keysAfter(ctx, s.start(now), w)
	}
	found, err := w.In(s.current.keys)
	if err != nil && w.HasKeyID && !w.Known(s.current.keys) {
		return s.unknownKey(ctx, now, w, err)
	}
	return found, err
}

// unknownKey decides about a token whose kid the set lacks. The publisher may have
// rotated, or a stranger has invented the kid. So the token waits for the fetch that is
// running, or starts one and waits for it. Within Cooldown of the last such fetch it is
// decided at once: unavailable if the last fetch failed, else rejected.
func (s *remote) unknownKey(ctx context.Context, now time.Time, w jose.Wanted, rejected error) ([]*jose.Key, error) {
	f := s.running
	if f == nil && (s.unknownAsked.IsZero() || now.Sub(s.unknownAsked) >= s.cfg.Cooldown) {
		f = s.start(now)
	}
	switch {
	case f != nil:
		return s.keysAfter(ctx, f, w)
	case s.err != nil:
		return nil, unavailable(s.err)
	}
	return nil, rejected
}

// usable reports whether there are keys that may serve. A negative MaxStale ends them with
// their life.
func (s *remote) usable(now time.Time) bool {
	return len(s.current.keys) > 0 && now.Before(s.expires.Add(max(s.cfg.MaxStale, 0)))
}

// keepFresh refreshes keys that are about to expire. If they have expired, it waits for
// the refresh until that has taken staleWait. Later requests find it older, and do not
// wait at all.
func (s *remote) keepFresh(ctx context.Context, now time.Time) {
	if !now.Before(s.refresh) && (s.err == nil || now.Sub(s.started) >= s.cfg.Cooldown) {
		s.start(now)
	}
	if now.Before(s.expires) || s.running == nil {
		return
	}
	if left := staleWait - now.Sub(s.running.started); left > 0 {
		ctx, cancel := context.WithTimeout(ctx, min(left, staleWait))
		defer cancel()
		s.wait(ctx, s.running)
	}
}

// keysAfter waits for f, and then returns the keys for w.
func (s *remote) keysAfter(ctx context.Context, f *fetch, w jose.Wanted) ([]*jose.Key, error) {
	if len(f.wanted) < maxWanted && f.Err() == nil {
		f.wanted = append(f.wanted, w)
	}
	failed := s.wait(ctx, f)
	if failed != nil && !s.usable(s.cfg.Now()) {
		return nil, failed
	}
	found, missing := w.In(s.current.keys)
	if failed != nil && missing != nil {
		return nil, failed
	}
	return found, missing
}

// wait waits for f, with s.mu unlocked, and returns why it failed.
func (s *remote) wait(ctx context.Context, f *fetch) error {
	s.mu.Unlock()
	select {
	case <-f.Done():
	case <-ctx.Done():
	}
	s.mu.Lock()
	switch {
	case f.done && s.err != nil:
		return unavailable(s.err)
	case f.done:
		return nil
	case f.Err() != nil:
		return unavailable(errors.New("the key server did not answer in time"))
	}
	return redoxauth.Errorf(redoxauth.ErrUnavailable, "canceled", "%w", context.Cause(ctx))
}

// start returns the fetch that is running, or starts one. While fetches succeed, the life
// of the keys and Cooldown limit how many there are. While they fail, retryPause does.
func (s *remote) start(now time.Time) *fetch {
	if s.running != nil {
		return s.running
	}
	var delay time.Duration
	if !s.started.IsZero() && (s.err != nil || len(s.current.keys) == 0) {
		delay = min(max(retryPause-now.Sub(s.started), 0), retryPause)
	}
	ctx, cancel := context.WithTimeout(context.Background(), delay+fetchTimeout)
	s.running = &fetch{Context: ctx, started: now.Add(delay)}
	s.started = s.running.started
	go s.run(s.running, cancel, delay)
	return s.running
}

// run is the only goroutine of a remote, and there is one at a time. A Client that never
// returns keeps it, and is not called again.
func (s *remote) run(f *fetch, cancel context.CancelFunc, delay time.Duration) {
	time.Sleep(delay)
	got, err := s.try(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer cancel()
	s.running, f.done, s.err = nil, true, err
	if err == nil {
		s.replace(got)
	}
	// Without keys no kid is known, so only retryPause limits the fetches.
	unknown := func(w jose.Wanted) bool { return w.HasKeyID && !w.Known(s.current.keys) }
	if len(s.current.keys) > 0 && slices.ContainsFunc(f.wanted, unknown) {
		s.unknownAsked = f.started
	}
}

// try turns a panic of the Client's transport into an error, so that it does not end the
// process.
func (s *remote) try(ctx context.Context) (got published, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the Client panicked: %T", p)
		}
	}()
	return s.download(ctx)
}

// replace replaces the old keys. A key that the new set lacks was withdrawn.
func (s *remote) replace(got published) {
	now := s.cfg.Now()
	life := min(max(got.life, s.cfg.MinRefresh), s.cfg.MaxRefresh)
	s.current, s.fetched = got, now
	s.expires, s.refresh = now.Add(life), now.Add(life/5*4)
	if len(got.keys) == 0 {
		s.err = errors.New("the set has no usable key")
	}
}

// URL implements [jose.Source]. It is empty until discovery has found it.
func (s *remote) URL() string {
	if s.cfg.URL != "" {
		return s.cfg.URL
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.url
}

func (s *remote) ready(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if s.usable(now) {
		return nil
	}
	return s.wait(ctx, s.start(now))
}

func (s *remote) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Fetched: s.fetched, Expires: s.expires, Err: s.err}
	if s.usable(s.cfg.Now()) {
		st.Keys, st.Dropped = len(s.current.keys), slices.Clone(s.current.dropped)
	}
	return st
}

func unavailable(err error) error {
	return redoxauth.Errorf(redoxauth.ErrUnavailable, "keys", "%w", err)
}
