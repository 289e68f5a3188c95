package lookup

import (
	"hash/maphash"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
)

const (
	maxCalls    = 64 // at once; about known and unknown tokens
	maxUnknown  = 48 // of them about unknown tokens
	maxStranger = 32 // of them for strangers

	buckets  = 256            // of strangers
	fraction = 8              // one bucket gets at most an eighth of the strangers' calls
	trust    = 24 * time.Hour // since a token of the peer was accepted
)

// A ration shares out the calls about unknown tokens. A peer that an accepted token came
// from within a day has nothing to fear from strangers: such peers have a minute's calls of
// their own, and places of their own among the calls at once. There is a limit for them too:
// behind a proxy that adds no header, strangers have the address of a genuine peer.
//
// All others are strangers, and share a minute's calls by buckets of peers under a keyed
// hash. A bucket has one call a minute of its own. What is left over, PerMinute less the
// number of buckets, is for all. A bucket gets at most an eighth of PerMinute in all, and an
// eighth of the strangers' places. So one address cannot use up the minute, and a hundred
// addresses leave a genuine new peer its first call, unless one of them is in its bucket or
// all places are taken. That call makes it an accepted peer. Equal shares alone would leave a
// bucket one call a minute even if nobody else calls.
//
// The methods are called under the lock of the Cache.
type ration struct {
	perMinute int
	seed      maphash.Seed

	accepted recent[uint64, *time.Time] // when a token of a peer was accepted, by hash
	peers    allowance                  // of all of them
	shared   allowance                  // what strangers have beside their buckets' own
	buckets  [buckets]bucket

	unknown, strangers int // calls at once; the second are part of the first

	failure   error     // of the last call; nil if it succeeded
	givenBack allowance // calls that failed
	owed      bool      // a call has failed that was not given back
	renewed   time.Time // last
}

// A bucket is strangers whose hashes are equal modulo the number of buckets.
type bucket struct {
	own, all allowance
	calls    int // at once
}

func newRation(perMinute int) *ration {
	return &ration{perMinute: perMinute, seed: maphash.MakeSeed(), accepted: newRecent[uint64, *time.Time]()}
}

func (r *ration) hash(peer string) uint64 { return maphash.String(r.seed, peer) }

// accept says that a token from peer was accepted. Nothing else makes it a peer, so
// strangers push no peer out.
func (r *ration) accept(peer string, now time.Time) {
	if peer == "" {
		return
	}
	h := r.hash(peer)
	last := r.accepted.get(h)
	if last == nil {
		last = new(time.Time)
		r.accepted.put(h, last)
	}
	*last = now
}

// A grant is a call about an unknown token.
type grant struct {
	bucket *bucket      // nil: of an accepted peer
	taken  []*allowance // that it is part of
}

// take grants a call about a token that s sent, or returns [redoxauth.ErrUnavailable].
func (r *ration) take(s sender, now time.Time) (*grant, error) {
	h := r.hash(s.peer)
	if known(r.accepted.get(h), now) {
		if r.unknown >= maxUnknown || !r.peers.take(now, r.perMinute) {
			return nil, r.busy("peers of which a token was accepted have used up their calls about new tokens, %d at once or %d a minute; the peer of this one is %v: if that is a proxy, set %s.Peer", maxUnknown, r.perMinute, s, s.cfg.Fields)
		}
		r.unknown++
		return &grant{nil, []*allowance{&r.peers}}, nil
	}
	b, share := &r.buckets[h%buckets], r.perMinute/fraction
	if r.unknown >= maxUnknown || r.strangers >= maxStranger {
		return nil, r.stranger(s, "all peers", maxStranger, r.perMinute)
	}
	if b.calls >= maxStranger/fraction || !b.all.take(now, share) {
		return nil, r.stranger(s, "a few peers", maxStranger/fraction, share)
	}
	from := &b.own
	if !from.take(now, 1) {
		if from = &r.shared; !from.take(now, r.perMinute-buckets) {
			return nil, r.stranger(s, "all peers", maxStranger, r.perMinute)
		}
	}
	r.unknown++
	r.strangers++
	b.calls++
	return &grant{b, []*allowance{&b.all, from}}, nil
}

// known reports whether a token of a peer was accepted within a day; last is when, or nil.
func known(last *time.Time, now time.Time) bool {
	return last != nil && rotation.Age(now, *last) < trust
}

// stranger returns the error of a call that those strangers do not have.
func (r *ration) stranger(s sender, those string, atOnce, perMinute int) error {
	return r.busy("%s of which no token was accepted within a day have used up their calls about new tokens, %d at once or %d a minute; the peer of this one is %v: require the verification token first (redoxauth.AllOf), and behind a proxy set %s.Peer", those, atOnce, perMinute, s, s.cfg.Fields)
}

func (r *ration) busy(format string, args ...any) error {
	if r.failure != nil { // the operator must not look for strangers alone
		format, args = format+"; the last call failed: %v", append(args, r.failure)
	}
	return redoxauth.Errorf(redoxauth.ErrUnavailable, "busy", format, args...)
}

// landed takes note of how a call ended; g is nil if it was about a known token.
//
// A call that failed is given back, so that a failing service makes nobody busy for longer
// than it fails. At most a minute's calls are given back at once: a flood would make calls
// without limit to a service that is down or throttles us, and hold it there. The others are
// given back when the service answers again: then the minute starts anew, once a minute at
// most, because strangers may know a token that makes the service fail.
func (r *ration) landed(g *grant, failure error, now time.Time) {
	if g != nil {
		r.unknown--
		if g.bucket != nil {
			r.strangers--
			g.bucket.calls--
		}
	}
	r.failure = failure
	renewed := rotation.Age(now, r.renewed)
	switch {
	case failure == nil && r.owed && (renewed < 0 || renewed >= time.Minute):
		r.owed, r.renewed = false, now
		r.peers, r.shared = allowance{}, allowance{}
		for i := range r.buckets {
			r.buckets[i].own, r.buckets[i].all = allowance{}, allowance{}
		}
	case failure == nil || g == nil:
	case r.givenBack.take(now, r.perMinute):
		for _, a := range g.taken {
			a.used = max(a.used-1, 0)
		}
	default:
		r.owed = true
	}
}

// An allowance is a number of calls that grows evenly, up to those of one minute. If the clock
// was set back, it grows from then on.
type allowance struct {
	used float64 // as of last
	last time.Time
}

func (a *allowance) take(now time.Time, perMinute int) bool {
	if elapsed := rotation.Age(now, a.last); elapsed != 0 {
		a.used = max(0, a.used-max(0, elapsed.Minutes())*float64(perMinute))
		a.last = now
	}
	if a.used+1 > float64(perMinute) {
		return false
	}
	a.used++
	return true
}
