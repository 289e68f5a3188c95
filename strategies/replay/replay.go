// Package replay remembers what was seen once, so that a credential that may be used
// once is used once.
package replay

import (
	"context"
	"time"
)

// A Store remembers what was seen. It must be safe for concurrent use.
type Store interface {
	// Add records id within scope until the given time and reports whether that is
	// new. It is atomic: of any number of calls with one scope and one id, before
	// the first one's until has passed, exactly one gets fresh.
	//
	// Scope and id are any strings: implementations must keep ("ab", "c") and
	// ("a", "bc") apart. An until that has passed is recorded for no time at all
	// and is fresh; the caller has refused what has expired.
	//
	// When it cannot tell, because a server is down or a limit is reached, the error
	// wraps [redoxauth.ErrUnavailable], its reason is "replay_store", and the
	// caller must refuse with it: a store that cannot remember must not accept.
	Add(ctx context.Context, scope, id string, until time.Time) (fresh bool, err error)
}
