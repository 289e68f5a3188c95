package tokenendpoint

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
)

const (
	failuresWindow = time.Minute
	failuresMost   = 100 // wrong credentials of one client from one peer in a window
)

// failures counts wrong credentials by client and peer, in a table of fixed size. A right
// credential is never counted or limited, so a peer that guesses cannot lock anybody out. A
// collision in the table turns a 401 into a 429, and does nothing else.
type failures struct {
	seed  maphash.Seed
	mu    sync.Mutex
	slots [1024]struct {
		start time.Time
		n     int
	}
}

func newFailures() *failures { return &failures{seed: maphash.MakeSeed()} }

// add counts one wrong credential. It returns how long the peer should wait if there were
// too many, else 0.
func (f *failures) add(client, peer string, now time.Time) time.Duration {
	var h maphash.Hash
	h.SetSeed(f.seed)
	h.WriteString(peer)
	h.WriteByte(0)
	h.WriteString(client)
	slot := &f.slots[h.Sum64()%uint64(len(f.slots))]

	f.mu.Lock()
	defer f.mu.Unlock()
	age := rotation.Age(now, slot.start)
	if age < 0 || age >= failuresWindow {
		slot.start, slot.n, age = now, 0, 0
	}
	slot.n++
	if slot.n <= failuresMost {
		return 0
	}
	return failuresWindow - age
}
