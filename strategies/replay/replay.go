// Package replay records the use of single-use credentials, so that a replay, the second use of
// one, is refused. No field of the Redox dashboard is about it.
//
//	smartbackend.EndpointConfig{Replay: replay.NewMemory(0), /* the other fields */}
//
// # Settings
//
// Token endpoints need a [Store]: an assertion, a JWT that Redox signs to ask for an access token,
// is single-use in smartbackend ([SMART App Launch, Signature Verification]), and in jwtbearer if
// it has an ID (jti). One Store serves any number of endpoints. For jwtbearer's Config and for
// sigv4 a Store is optional. Usually leave it nil: Redox may send one token with many messages,
// and repeats a message that got no answer.
//
// With one process, use [NewMemory]. With several replicas behind one URL, use package
// redisreplay, which is a module of its own, or a Store of yours. Otherwise an assertion could
// be used once at each replica.
//
// # Operation
//
// A Store that fails or is full returns [redoxauth.ErrUnavailable], reason "replay_store". The
// peer gets 503 and tries again. Alert on this reason.
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
	// does not change that until. If until has already passed, the Store keeps the id for
	// a minute, because clocks differ.
	//
	// Scope and id are any strings: ("ab", "c") and ("a", "bc") are different.
	//
	//	smartbackend, jwtbearer grants   TokenURL and the client's ID or iss; the id is its jti
	//	jwtbearer's Config.Replay        iss; the id is the jti, or without one a SHA-256 of
	//	                                 what was signed
	//	sigv4                            nothing; the id comes from the signature
	//
	// They name clients, and a sender may write anything into a jti. So keep only hashes
	// of them, as Memory and redisreplay do.
	//
	// If the Store cannot tell, because it is full, a server is down or ctx has ended, the
	// error wraps [redoxauth.ErrUnavailable], and the caller refuses the credential with it.
	Add(ctx context.Context, scope, id string, until time.Time) (fresh bool, err error)
}
