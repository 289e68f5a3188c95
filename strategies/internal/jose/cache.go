package jose

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxRemembered bounds a cache. Only tokens that were accepted, and are ours, get in, so
// a stranger cannot push them out.
const maxRemembered = 1024

// A cache remembers, for the tokens of one Trust, what they say and which key verified
// it: facts that no time changes. It holds no token and no signature.
type cache struct {
	mu      sync.Mutex
	entries map[[sha256.Size]byte]entry
}

type entry struct {
	content *content
	key     *Key
}

func newCache() *cache { return &cache{entries: make(map[[sha256.Size]byte]entry)} }

// get returns what is remembered of token, and the name to add it under. It never
// returns a token that has expired.
func (c *cache) get(token []byte, now time.Time) (id [sha256.Size]byte, _ *content, _ *Key) {
	id = sha256.Sum256(token)
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[id]
	if ok && !now.Before(e.content.claims.exp) {
		delete(c.entries, id)
		return id, nil, nil
	}
	return id, e.content, e.key
}

func (c *cache) add(id [sha256.Size]byte, content *content, key *Key, now time.Time) {
	if !now.Before(content.claims.exp) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= maxRemembered {
		c.evict()
	}
	c.entries[id] = entry{content, key}
}

// evict drops, of a few entries, the one that expires first.
func (c *cache) evict() {
	const few = 8
	var first [sha256.Size]byte
	var soonest time.Time
	seen := 0
	for id, e := range c.entries {
		if exp := e.content.claims.exp; seen == 0 || exp.Before(soonest) {
			first, soonest = id, exp
		}
		if seen++; seen == few {
			break
		}
	}
	delete(c.entries, first)
}
