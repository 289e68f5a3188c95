package replay

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// Memory is a [Store] in the memory of the process. Create it with [NewMemory]: the zero
// Memory refuses every Add. It is safe for concurrent use, and need not be closed.
//
// When a Memory is full, Add fails with [redoxauth.ErrUnavailable] until an entry expires. It
// never forgets a valid entry to make room.
//
// Everything is forgotten when the process ends. Then a credential that was used just before
// can be used once more, until it expires. The same happens after a snapshot of the machine was
// restored, and after the wall clock was wrongly ahead: expiry follows time.Now, whatever Now the
// strategies use.
type Memory struct {
	key    *[32]byte // behind a pointer, so that printing the Memory does not show it
	max    int64
	shards []shard
	sweep  atomic.Uint32 // the shard to look at first when full
	_      [64]byte      // keeps count, which every Add writes, off the cache line of the fields above
	count  atomic.Int64  // entries of all shards, expired ones included
}

const (
	minShards  = 1 << 6
	maxShards  = 1 << 12 // an Add that is refused because the Memory is full looks at each
	perShard   = 2048    // entries of a full shard; rebuilding so few stalls nobody
	million    = 1_000_000
	expiredFor = time.Minute
)

// NewMemory returns a Memory for at most maxEntries entries. With 0 or less it is for one
// million entries, which take up to 40 MB, allocated as needed.
//
// An entry stays for longer than its credential is valid. One SMART assertion a second, each
// valid for 5 minutes, makes 480 entries with the default Leeway. One client that sends many
// genuine assertions can fill a Memory for all. If your clients do not trust each other, give
// each an endpoint and a Memory of its own.
func NewMemory(maxEntries int) *Memory {
	if maxEntries <= 0 {
		maxEntries = million
	}
	shards := 1 << bits.Len(uint(maxEntries/perShard))
	m := &Memory{
		key:    new([32]byte),
		max:    int64(maxEntries),
		shards: make([]shard, min(max(shards, minShards), maxShards)),
	}
	rand.Read(m.key[:])
	return m
}

// Add implements [Store]. It does not wait.
func (m *Memory) Add(ctx context.Context, scope, id string, until time.Time) (fresh bool, err error) {
	return m.addAt(ctx, scope, id, until, time.Now())
}

// addAt is Add at a time of the wall clock. That alone decides, because it alone decides how
// long a credential is valid: while a machine is suspended both go on, and if the clock is set
// back, credentials are valid for longer, and entries stay as long.
func (m *Memory) addAt(ctx context.Context, scope, id string, until, wall time.Time) (fresh bool, err error) {
	if ctx.Err() != nil { // a request that has ended must not use up its credential
		return false, unavailable(context.Cause(ctx))
	}
	if m.shards == nil {
		return false, unavailable(errors.New("a zero Memory: make it with NewMemory"))
	}
	d := m.digest(scope, id)
	s := &m.shards[d[0]&uint64(len(m.shards)-1)]
	now, end := nanoseconds(wall), nanoseconds(until)
	if end <= now {
		end = now + int64(expiredFor)
	}
	for {
		fresh, ok := m.add(s, d, now, end)
		if ok {
			return fresh, nil
		}
		if !m.reclaim(now) {
			return false, unavailable(errors.New("full"))
		}
	}
}

// nanoseconds is t.UnixNano from 1970 to 2262, where it is defined, and else the nearer of
// the two ends. A number that overflowed would drop an entry too early.
func nanoseconds(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < 0:
		return 0
	case s >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	}
	return t.UnixNano()
}

func unavailable(cause error) error {
	return &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Strategy: "replay", Reason: "replay_store", Err: cause}
}

// digest is a keyed hash. Without the key nobody can find two names with one digest, which
// would make a genuine credential look replayed, or many names for one shard. hash/maphash
// takes 20 ns instead of 140, but does not promise this where an attacker chooses the
// names, as clients do here.
func (m *Memory) digest(scope, id string) digest {
	var space [256]byte
	b := append(space[:0], m.key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(len(scope)))
	b = append(b, scope...)
	b = append(b, id...)
	sum := sha256.Sum256(b)
	return digest{binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])}
}

// add is Add within one shard. ok is false if there is no room for a new entry.
func (m *Memory) add(s *shard, d digest, now, end int64) (fresh, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(d)
	if e == nil || e.until == 0 {
		if !m.reserve() {
			return false, false
		}
		if s.used >= len(s.slots)*4/5 {
			m.count.Add(-s.rebuild(now))
			e = s.find(d)
		}
		s.used++
	} else if e.until > now {
		return false, true
	}
	*e = entry{d, end}
	if end < s.next.Load() {
		s.next.Store(end)
	}
	return true, true
}

// reserve counts one more entry. It reports false if the Memory is full.
func (m *Memory) reserve() bool {
	for {
		n := m.count.Load()
		if n >= m.max {
			return false
		}
		if m.count.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// reclaim removes the expired entries of one shard that has some, and reports whether there
// was such a shard. It locks only such a shard, so that refusing is cheap. The shards take
// turns.
func (m *Memory) reclaim(now int64) bool {
	n := uint32(len(m.shards)) // a power of two
	first := m.sweep.Load()
	for i := first; i != first+n; i++ {
		s := &m.shards[i&(n-1)]
		if s.next.Load() > now {
			continue
		}
		s.mu.Lock()
		expired := s.rebuild(now)
		s.mu.Unlock()
		if expired > 0 {
			m.count.Add(-expired)
			m.sweep.Store(i + 1)
			return true
		}
	}
	return false
}

type digest [2]uint64

// An entry is empty if until, in nanoseconds of Unix time, is 0.
type entry struct {
	digest
	until int64
}

// A shard is a hash table with linear probing. Entries are removed only by rebuilding it.
type shard struct {
	mu    sync.Mutex
	slots []entry      // at most four fifths in use
	used  int          // expired ones included
	next  atomic.Int64 // when the first entry expires, or earlier; written with the lock held
}

// find returns the slot of d, or if it has none, the slot to put it in. Without slots it
// returns nil.
func (s *shard) find(d digest) *entry {
	if len(s.slots) == 0 {
		return nil
	}
	// The shard is chosen by d[0], so d[1] alone is spread over the slots.
	n := len(s.slots)
	i, _ := bits.Mul64(d[1], uint64(n))
	for {
		if e := &s.slots[i]; e.until == 0 || e.digest == d {
			return e
		}
		if i++; i == uint64(n) {
			i = 0
		}
	}
}

// rebuild moves the valid entries to a new table, which is then two thirds full, and returns how
// many entries had expired. Those keep their memory until then. A shard has a few thousand
// entries at most, so that no Add is slow when many expire together.
func (s *shard) rebuild(now int64) (expired int64) {
	valid := 0
	for i := range s.slots {
		if s.slots[i].until > now {
			valid++
		}
	}
	old, next := s.slots, int64(math.MaxInt64)
	s.slots = make([]entry, valid*3/2+8)
	for i := range old {
		if e := &old[i]; e.until > now {
			*s.find(e.digest) = *e
			next = min(next, e.until)
		}
	}
	expired = int64(s.used - valid)
	s.used = valid
	s.next.Store(next)
	return expired
}
