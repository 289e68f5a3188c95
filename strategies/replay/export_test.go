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
