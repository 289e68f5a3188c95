package replay

import (
	"context"
	"time"
)

// AddAt is Add at another time than now.
func (m *Memory) AddAt(ctx context.Context, scope, id string, until, now time.Time) (fresh bool, err error) {
	return m.addAt(ctx, scope, id, until, now)
}

// Key is the key of m's hashes.
func (m *Memory) Key() [32]byte { return *m.key }

// Digest is the hash of a name.
func (m *Memory) Digest(scope, id string) [2]uint64 { return m.digest(scope, id) }

// Shards is the number of hash tables that the names are spread over.
func (m *Memory) Shards() int { return len(m.shards) }

// Slots is the number of entries that memory is allocated for.
func (m *Memory) Slots() (n int) {
	for i := range m.shards {
		n += len(m.shards[i].slots)
	}
	return n
}
