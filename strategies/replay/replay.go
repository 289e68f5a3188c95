// Package replay records the use of single-use credentials, so that a replay is refused.
//
// Token endpoints need a [Store]: the assertion of a SMART Backend client or of an RFC 7523
// grant is single-use ([SMART App Launch, Signature Verification]). For jwtbearer and sigv4
// a Store is optional, and mostly wrong: Redox sends one token with many messages, and sends
// a message again when it got no answer. The other strategies use no Store.
//
// No field of the Redox dashboard is about replay.
//
// # Operation
//
// With one process, use [NewMemory]. It forgets everything when the process ends. An
// assertion that was used just before a restart can be used once more after it, until it
// expires a few minutes later.
//
// With several replicas behind one URL, an assertion that was used at one replica could be
// used at each other replica. Use the package redisreplay, which is a module of its own, or
// a Store of your own.
//
// A Store that fails or is full returns [redoxauth.ErrUnavailable], reason "replay_store".
// The peer gets 503 and tries again. Make this reason an alert.
//
// [SMART App Launch, Signature Verification]: https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html#signature-verification
package replay

import (
	"context"
	"time"
)

// A Store records which ids were used. It must be safe for concurrent use.
type Store interface {
	// Add records id within scope until the given time, and reports whether it is fresh:
	// not recorded before. It is atomic: of any number of calls with the same scope and
	// id, before the until of the first call has passed, only one is fresh. A later call
	// does not change that until.
	//
	// Scope and id are any strings. ("ab", "c") and ("a", "bc") are different. If until
	// has already passed, the Store keeps the id for a minute: the caller found the
	// credential valid, so its clock differs or it allows for a difference.
	//
	// If the Store cannot tell, because it is full, a server is down or ctx has ended,
	// the error wraps [redoxauth.ErrUnavailable]. The caller must then refuse the
	// credential with that error.
	Add(ctx context.Context, scope, id string, until time.Time) (fresh bool, err error)
}
