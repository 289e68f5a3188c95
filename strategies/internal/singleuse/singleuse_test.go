package singleuse_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/singleuse"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

type failing struct{ error }

func (f failing) Add(context.Context, string, string, time.Time) (bool, error) { return true, f.error }

// A replica whose clock is slow by the leeway accepts a credential for twice the leeway after its
// expiry, and may wait for keys meanwhile.
func TestUseIsRecordedUntilNoReplicaAcceptsTheCredential(t *testing.T) {
	now := time.Now()
	if got, least := singleuse.Until(now, time.Minute).Sub(now), 2*time.Minute+10*time.Second; got < least || got > least+time.Minute {
		t.Errorf("until %v after the expiry, want %v and no more than a minute beyond", got, least)
	}
}

// A store that asks a server gives up when the request ends.
func TestStoreGetsTheContextOfTheRequest(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	end()
	err := singleuse.Use(ctx, asking{}, "a", "id", time.Now().Add(time.Minute))
	if verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "replay_store"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled in it", err)
	}
}

// asking is a store that looks at its context.
type asking struct{}

func (asking) Add(ctx context.Context, _, _ string, _ time.Time) (bool, error) {
	return true, ctx.Err()
}

func TestUse(t *testing.T) {
	store, until := replay.NewMemory(10), time.Now().Add(time.Minute)
	for _, scope := range []string{"a", "b"} { // an ID counts within its scope
		if err := singleuse.Use(t.Context(), store, scope, "id", until); err != nil {
			t.Errorf("first use in %s: %v", scope, err)
		}
		verifiertest.CheckError(t, singleuse.Use(t.Context(), store, scope, "id", until), redoxauth.ErrRejected, "replayed")
	}
	down := errors.New("connection refused")
	err := singleuse.Use(t.Context(), failing{down}, "a", "id", until)
	if verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "replay_store"); !errors.Is(err, down) {
		t.Errorf("error %v lost its cause", err)
	}
	for text, err := range map[string]error{
		"connection refused":               down,
		"replay: full":                     &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Strategy: "replay", Reason: "replay_store", Err: errors.New("full")},
		"full":                             redoxauth.Errorf(redoxauth.ErrUnavailable, "replay_store", "full"),
		"redoxauth: cannot be decided now": redoxauth.ErrUnavailable,
		"redoxauth: cannot be decided now (replay_store)":    &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "replay_store"},
		"redoxauth: credentials rejected (replay_store): no": redoxauth.Errorf(redoxauth.ErrRejected, "replay_store", "no"),
		"<nil>": (*redoxauth.Error)(nil),
		"keys: cannot be decided now (keys): down": &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Strategy: "keys", Reason: "keys", Err: errors.New("down")},
	} {
		err := singleuse.Use(t.Context(), failing{err}, "a", "id", until)
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "replay_store")
		if want := "redoxauth: cannot be decided now (replay_store): the store in the field Replay failed: " + text; err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := singleuse.Use(rotation.LoadedOnly(t.Context()), failing{down}, "a", "id", until); err != nil {
		t.Errorf("Explain asks the store: %v", err)
	}
}
