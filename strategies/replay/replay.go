// Package replay remembers what was seen, so that a credential that may be used once
// is used once.
//
// Token endpoints need a [Store]: the assertion of a SMART Backend client or of an
// RFC 7523 grant is for one use ([SMART App Launch, Signature Verification]). For
// jwtbearer and sigv4 it is optional, and mostly wrong: Redox sends one token with
// many messages, and sends a message again when it got no answer. For the other
// strategies there is none.
//
// No field of the Redox dashboard has to do with it.
//
// # Operation
//
// With one process, use [NewMemory]. It forgets everything when the process ends: an
// assertion that was used just before a restart can be used once more after it, for
// the few minutes that it lives. With several replicas behind one URL, an assertion
// used at one could be used at each other: use the package redisreplay, a module of
// its own, or a Store of your own.
//
// A Store that cannot tell answers [redoxauth.ErrUnavailable], reason "replay_store",
// and the peer gets 503 and tries again: alert on it.
//
// [SMART App Launch, Signature Verification]: https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html#signature-verification
package replay

import (
	"context"
	"time"
)

// A Store remembers what was seen. It must be safe for concurrent use.
type Store interface {
	// Add records id within scope until the given time, and reports whether that is
	// new. It is atomic: of any number of calls with one scope and one id, before
	// the until of the first has passed, one alone is fresh. A later call does not
	// change that until.
	//
	// Scope and id are any strings; ("ab", "c") and ("a", "bc") are two things. An
	// until that has already passed is kept for a minute all the same: the caller,
	// who found the credential valid, has another clock or allows for one.
	//
	// When the Store cannot tell, because a limit is reached, a server is down or ctx
	// has ended, the error wraps [redoxauth.ErrUnavailable], and the caller must
	// refuse with it.
	Add(ctx context.Context, scope, id string, until time.Time) (fresh bool, err error)
}
