// Package rotation holds what changes while a server runs: lists of secrets that a function
// supplies, and the age of what is kept.
//
// The fields TokensFunc, SecretsFunc and CredentialsFunc of the strategies are [Secrets]. The
// examples take them from a mounted file and from a secret manager. The rest of the package is
// for authors of verifiers.
package rotation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

const (
	interval = 30 * time.Second // between calls
	timeout  = 10 * time.Second // of one call
	maxAge   = 24 * time.Hour   // of the last good list
	oldAge   = 90 * time.Second // of a list that is worth waiting for a newer one
	patience = time.Second      // of a request that waits for it
)

// Secrets is a list of secrets that a function supplies. It is safe for concurrent use. S is
// what a Verifier makes of the list, such as digests.
//
// The function is called on use: at most every 30 s, in the background once there is a list,
// and with a context of 10 s. So a change is seen within 90 s. When the list is older, because
// there was no traffic, a request waits up to a second for the new list. A function that has not
// returned is not called again. So it must return when its context ends.
//
// After an error or an empty list, the last good list serves until it is 24 h old (see [Age]).
// Then, or if there never was one, the error is [redoxauth.ErrUnavailable]. Meanwhile only
// refusals tell of the failure (see Refusal), so let the function log its errors.
type Secrets[S any] struct {
	strategy string
	field    string
	load     func(context.Context) (S, error) // nil: last never changes
	now      func() time.Time

	mu      sync.Mutex
	last    *S            // a pointer, so that printing Secrets shows none
	good    time.Time     // when the call began that brought last; zero: never
	setBack time.Time     // when the clock was first seen to be before good; zero: it is not
	called  time.Time     // when load was last called
	running bool          // load has not returned
	pending chan struct{} // of a call: closed when it returns or its time is over
	enough  time.Time     // of a call: when nobody who has a list waits for it any more; by time.Now
	err     error         // why the last call gave no list
}

// Static returns Secrets that never change.
func Static[S any](list S) *Secrets[S] { return &Secrets[S]{last: &list} }

// NewSecrets returns the Secrets that list supplies to the package strategy. field is the name
// of list in the package's Config, for errors. prepare checks and converts the secrets; it never
// gets an empty list. The errors of list and prepare must hold no secret.
func NewSecrets[T, S any](strategy, field string, list func(context.Context) ([]T, error), prepare func([]T) (S, error), now func() time.Time) *Secrets[S] {
	load := func(ctx context.Context) (S, error) {
		var none S
		secrets, err := list(ctx)
		if err == nil && len(secrets) == 0 {
			err = errors.New("empty list, want at least one entry")
		}
		if err != nil {
			return none, fmt.Errorf("%s: %w", field, err)
		}
		return prepare(secrets)
	}
	return &Secrets[S]{strategy: strategy, field: field, load: load, now: now}
}

// Get returns the prepared list. The first call waits for it, within ctx.
func (s *Secrets[S]) Get(ctx context.Context) (S, error) {
	var none S
	switch {
	case s.load == nil && s.last == nil:
		return none, redoxauth.Errorf(redoxauth.ErrUnavailable, "secrets", "zero Secrets: make them with NewSecrets or Static")
	case s.load == nil:
		return *s.last, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if IsLoadedOnly(ctx) {
		return s.loaded(now)
	}
	if age := Age(now, s.called); !s.running && (s.called.IsZero() || age < 0 || age >= interval) {
		s.start(now)
	}
	fresh := s.fresh(now)
	if s.pending != nil && !(fresh && s.recent(now)) {
		if err := s.wait(ctx, fresh); err != nil {
			return none, redoxauth.Errorf(redoxauth.ErrUnavailable, "canceled", "%w", err).In(s.strategy)
		}
		fresh = fresh || s.err == nil // the call has just brought a list
	}
	if !fresh {
		return none, redoxauth.Errorf(redoxauth.ErrUnavailable, "secrets", "%w", s.err).In(s.strategy)
	}
	return *s.last, nil
}

// Refusal returns err, the refusal of a credential that is not on the list. If an older list
// serves because the last call failed, or has not returned yet, the refusal says so: most likely
// the list lacks a new secret.
func (s *Secrets[S]) Refusal(err error) error {
	var refused *redoxauth.Error
	if s.load == nil || !errors.As(err, &refused) || errors.Is(err, redoxauth.ErrUnavailable) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	old, age := *refused, Age(now, s.good).Round(time.Second)
	switch {
	case s.good.IsZero():
		return err
	case s.err != nil:
		old.Err = fmt.Errorf("%w; the list is %v old, because the last call failed: %w", refused.Err, age, s.err)
	case s.running && !s.recent(now):
		old.Err = fmt.Errorf("%w; the list is %v old, and a call of %s is running", refused.Err, age, s.field)
	default:
		return err
	}
	return &old
}

// loaded is Get for a context of [LoadedOnly].
func (s *Secrets[S]) loaded(now time.Time) (S, error) {
	if s.fresh(now) {
		return *s.last, nil
	}
	var none S
	why := s.err
	if why == nil {
		why = errors.New("not loaded yet, and Explain loads nothing")
	}
	return none, redoxauth.Errorf(redoxauth.ErrUnavailable, "secrets", "%w", why).In(s.strategy)
}

func (s *Secrets[S]) start(now time.Time) {
	s.called, s.running, s.pending = now, true, make(chan struct{})
	s.enough = time.Now().Add(patience) // like a timer it does not care how the wall clock is set
	go s.call(now, s.pending)
}

// wait waits for the running call. If there is a list to fall back on, it waits until the
// call has taken a second. It is called with s.mu held, and unlocks it while it waits.
func (s *Secrets[S]) wait(ctx context.Context, fallback bool) error {
	pending := s.pending
	var enough <-chan time.Time
	if fallback {
		t := time.NewTimer(time.Until(s.enough))
		defer t.Stop()
		enough = t.C
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

// recent reports whether the list is good enough for a request not to wait for a newer one.
func (s *Secrets[S]) recent(now time.Time) bool {
	age := Age(now, s.good)
	return 0 <= age && age < oldAge
}

// fresh reports whether there is a list that may still be used. If the clock was set back,
// the age of the list is not known, and counts from when that was seen.
func (s *Secrets[S]) fresh(now time.Time) bool {
	if s.good.IsZero() {
		return false
	}
	age := Age(now, s.good)
	switch {
	case age >= 0:
		s.setBack = time.Time{}
	case s.setBack.IsZero():
		s.setBack = now
	default:
		age = Age(now, s.setBack)
	}
	return age <= maxAge
}

// call runs in a goroutine of its own, because the end of one request must not fail the
// others that wait. If the function ignores its context, it is not called again before
// it returns, and nobody waits for it after its 10 s. If the machine was suspended
// meanwhile, what comes is as old as that, so the function is called once more.
func (s *Secrets[S]) call(began time.Time, pending chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
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
		end(fmt.Errorf("%s: no list within %v: %w", s.field, timeout, context.Cause(ctx)))
	})
	defer stop()
	list, err := s.try(ctx)
	if now := s.now(); Age(now, began) > timeout && ctx.Err() == nil {
		began = now
		list, err = s.try(ctx)
	}
	late := ctx.Err() != nil || Age(s.now(), began) > timeout
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.called = false, began
	switch {
	case err != nil:
	case late:
		err = fmt.Errorf("the list came more than %v after it was asked for", timeout)
	default:
		s.last, s.good, s.setBack = list, began, time.Time{}
	}
	end(err)
}

// try calls load. It turns a panic of the function, and the end of its goroutine, into
// an error.
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
