package redoxauth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	secretsInterval = 30 * time.Second // between calls
	secretsTimeout  = 10 * time.Second // of one call
	secretsMaxAge   = 24 * time.Hour   // of the last good list
	secretsOld      = 5 * time.Minute  // a list that is worth waiting for a newer one
	secretsWait     = time.Second      // for that
)

// Secrets is a list of secrets that a function supplies, so that a rotation needs no
// restart. It is called on use: at most every 30 s, in the background once there is a
// list, and for at most 10 s. An error or an empty list keeps the last good one for
// at most 24 h; then, or if there never was one, the error is [ErrUnavailable].
//
// So a change is seen within a minute under traffic. After a pause in traffic, when the
// list is older than 5 min, a request waits up to a second for the new one, lest a
// secret that was withdrawn be good once more.
//
// It is for authors of verifiers; the strategies' …Func fields are built on it. S is
// what a Verifier makes of the list, as digests. Secrets are safe for concurrent use.
type Secrets[S any] struct {
	strategy string
	load     func(context.Context) (S, error)
	now      func() time.Time

	mu      sync.Mutex
	last    *S            // a pointer, so that printing Secrets shows none
	good    time.Time     // when last was loaded; zero: never
	called  time.Time     // when load was last called
	running bool          // load has not returned
	pending chan struct{} // closed when it has, or its time is over; nil then
	err     error         // why the last call gave no list
}

// NewSecrets returns the Secrets of the package strategy that list supplies and
// prepare checks and converts. An empty list never reaches prepare. Errors of either
// are shown to the operator: they must hold no secret.
func NewSecrets[T, S any](strategy string, list func(context.Context) ([]T, error), prepare func([]T) (S, error), now func() time.Time) *Secrets[S] {
	load := func(ctx context.Context) (S, error) {
		var none S
		secrets, err := list(ctx)
		if err != nil {
			return none, err
		}
		if len(secrets) == 0 {
			return none, errors.New("empty list")
		}
		return prepare(secrets)
	}
	return &Secrets[S]{strategy: strategy, load: load, now: now}
}

// Get returns the prepared list. The first call waits for it, within ctx.
func (s *Secrets[S]) Get(ctx context.Context) (S, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if !s.running && (s.called.IsZero() || now.Sub(s.called) >= secretsInterval) {
		s.called, s.running, s.pending = now, true, make(chan struct{})
		go s.call(s.pending)
	}
	var none S
	if err := s.wait(ctx, now); err != nil {
		return none, &Error{Kind: ErrUnavailable, Strategy: s.strategy, Reason: "canceled", Err: err}
	}
	if !s.fresh(now) {
		return none, &Error{Kind: ErrUnavailable, Strategy: s.strategy, Reason: "secrets", Err: s.err}
	}
	return *s.last, nil
}

// wait waits for the call in flight as long as the age of the list demands. It is
// called with s.mu held, and lets go of it meanwhile.
func (s *Secrets[S]) wait(ctx context.Context, now time.Time) error {
	pending := s.pending
	var enough <-chan time.Time // never, if there is no list to fall back on
	if s.fresh(now) {
		left := secretsWait - now.Sub(s.called)
		if now.Sub(s.good) < secretsOld || left <= 0 {
			return nil
		}
		t := time.NewTimer(left)
		defer t.Stop()
		enough = t.C
	}
	if pending == nil {
		return nil
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-pending:
	case <-enough:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

func (s *Secrets[S]) fresh(now time.Time) bool {
	return !s.good.IsZero() && now.Sub(s.good) <= secretsMaxAge
}

// call runs apart from the request that caused it, whose end must not fail the others
// that wait. A function that ignores its context keeps this one goroutine: it is not
// called again before it has returned, and nobody waits for it beyond its time.
func (s *Secrets[S]) call(pending chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), secretsTimeout)
	defer cancel()
	end := func(err error) { // with s.mu held
		if s.pending == pending {
			s.pending, s.err = nil, err
			close(pending)
		}
	}
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		end(context.Cause(ctx))
	})
	defer stop()
	list, err := s.try(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	if err == nil {
		s.last, s.good = list, s.now()
	}
	end(err)
}

// try keeps a panic of the function from ending the process, and a function that ends
// its goroutine from being waited for ever after.
func (s *Secrets[S]) try(ctx context.Context) (*S, error) {
	type result struct {
		list S
		err  error
	}
	done := make(chan result, 1)
	go func() {
		r := result{err: errors.New("the function ended its goroutine")}
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("the function panicked: %T", p)
			}
			done <- r
		}()
		r.list, r.err = s.load(ctx)
	}()
	r := <-done
	return &r.list, r.err
}
