package keyset

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

const (
	fetchTimeout = 10 * time.Second
	patience     = time.Second // that a request has with a fetch while there are old keys
	interval     = time.Second // between the starts of fetches while they fail, at the least
	maxWanted    = 16          // a peer can ask and hang up, again and again
)

// A flight is one fetch. Its context ends with it, or with its time.
type flight struct {
	context.Context
	started time.Time
	wanted  []jose.Wanted // by the first requests that wait for it
	landed  bool
}

// start returns the fetch that is running, or a new one. While fetches succeed, the life
// of the keys and the cool-down bound how many there are; else the interval does.
func (s *RemoteSet) start(now time.Time) *flight {
	if s.flight != nil {
		return s.flight
	}
	var delay time.Duration
	if !s.started.IsZero() && (s.err != nil || len(s.good.keys) == 0) {
		delay = min(max(interval-now.Sub(s.started), 0), interval)
	}
	ctx, cancel := context.WithTimeout(context.Background(), delay+fetchTimeout)
	s.flight = &flight{Context: ctx, started: now.Add(delay)}
	s.started = s.flight.started
	go s.fly(s.flight, cancel, delay)
	return s.flight
}

// fly fetches. It is the only goroutine of a RemoteSet, and there is one at a time: a
// Client that never returns keeps it, but is not called again.
func (s *RemoteSet) fly(f *flight, cancel context.CancelFunc, delay time.Duration) {
	time.Sleep(delay)
	got, err := s.try(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer cancel()
	s.flight, f.landed, s.err = nil, true, err
	if err == nil {
		s.replace(got)
	}
	if len(s.good.keys) == 0 {
		return // nothing is known, so nothing is unknown: the interval bounds the fetches
	}
	for _, w := range f.wanted {
		if w.HasKeyID && !w.Known(s.good.keys) {
			s.asked = f.started
			return
		}
	}
}

// replace drops keys that the new set lacks: they were withdrawn.
func (s *RemoteSet) replace(got fetched) {
	now := s.cfg.Now()
	life := min(max(got.life, s.cfg.MinRefresh), s.cfg.MaxRefresh)
	s.good, s.at = got, now
	s.expires, s.refresh = now.Add(life), now.Add(life/5*4)
	if len(got.keys) == 0 {
		s.err = errors.New("the set has no usable key")
	}
}

// try keeps a panic of the Client's transport from ending the process.
func (s *RemoteSet) try(ctx context.Context) (got fetched, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the client panicked: %T", p)
		}
	}()
	return s.fetch(ctx)
}

// await waits for f, with s.mu unlocked, and returns its error.
func (s *RemoteSet) await(ctx context.Context, f *flight) error {
	s.mu.Unlock()
	select {
	case <-f.Done():
	case <-ctx.Done():
	}
	s.mu.Lock()
	switch {
	case f.landed && s.err != nil:
		return unavailable(s.err)
	case f.landed:
		return nil
	case f.Err() != nil:
		return unavailable(errors.New("the key server did not answer in time"))
	}
	return &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "canceled", Err: context.Cause(ctx)}
}

// awaitBriefly waits until f has been under way for as long as requests have patience.
// Later ones find it older and do not wait at all.
func (s *RemoteSet) awaitBriefly(ctx context.Context, f *flight, now time.Time) {
	left := patience - now.Sub(f.started)
	if left <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, min(left, patience))
	defer cancel()
	s.await(ctx, f)
}

func unavailable(err error) error {
	return &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "keys", Err: err}
}
