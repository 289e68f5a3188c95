// Package singleuse records the use of what a peer may use once, such as an assertion.
package singleuse

import (
	"context"
	"fmt"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// wait is more time than can pass between the reading of the clock by which something is
// valid and its record: key servers are waited for 10 s. redisreplay may wait longer for
// Redis, and fails if the end of the record passes meanwhile.
const wait = time.Minute

// Until returns when the record of something that expires may be dropped: when no replica
// accepts it any more. The clock of a replica may be slow by leeway, and the replica may
// have read it before it waited for keys or for the store.
func Until(expiry time.Time, leeway time.Duration) time.Time {
	return expiry.Add(2*leeway + wait)
}

// Use records the use of id within scope, in one atomic step: of any number of requests
// with one id, one passes. Ask it after every other check, so that a refused request can be
// sent again. The error is ErrRejected ("replayed") if id was used before, and
// ErrUnavailable ("replay_store") if the store failed. With a context of [rotation.LoadedOnly]
// it does not ask the store, and returns nil.
func Use(ctx context.Context, store replay.Store, scope, id string, until time.Time) error {
	if rotation.IsLoadedOnly(ctx) {
		return nil
	}
	fresh, err := store.Add(ctx, scope, id, until)
	if err != nil {
		return redoxauth.Errorf(redoxauth.ErrUnavailable, "replay_store", "the store in the field Replay failed: %w", cause(err))
	}
	if !fresh {
		return redoxauth.Errorf(redoxauth.ErrRejected, "replayed", "used before, want a new one for each request (the field Replay)")
	}
	return nil
}

// cause returns the error of a store without the kind and the reason, which the error of Use
// has too.
func cause(err error) error {
	e, ok := err.(*redoxauth.Error)
	switch {
	case !ok || e == nil || e.Kind != redoxauth.ErrUnavailable || e.Reason != "replay_store" || e.Err == nil:
		return err
	case e.Strategy == "":
		return e.Err
	}
	return fmt.Errorf("%s: %w", e.Strategy, e.Err)
}
