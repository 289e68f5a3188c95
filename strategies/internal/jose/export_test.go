package jose

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jws"
)

// Remembered returns how many tokens v remembers.
func (v *Verifier) Remembered() int {
	v.cache.mu.Lock()
	defer v.cache.mu.Unlock()
	return len(v.cache.entries)
}

// Forgotten returns which of a few tokens a full memory forgets, by their expiry.
func Forgotten(expiries ...time.Time) (first time.Time) {
	c := newCache()
	for i, exp := range expiries {
		c.entries[[sha256.Size]byte{byte(i)}] = entry{content: &content{exp: exp}}
	}
	c.evict()
	for i, exp := range expiries {
		if _, ok := c.entries[[sha256.Size]byte{byte(i)}]; !ok {
			first = exp
		}
	}
	return first
}

// CountHS256 returns a function that returns how many HS256 signatures were verified since
// its last call. It counts until the test ends.
func CountHS256(t *testing.T) func() int {
	genuine := algorithms["HS256"]
	t.Cleanup(func() { algorithms["HS256"] = genuine })
	n, a := 0, genuine
	a.check = counted{genuine.check, &n}
	algorithms["HS256"] = a
	return func() int {
		last := n
		n = 0
		return last
	}
}

type counted struct {
	jws.Verifier
	n *int
}

func (c counted) Verify(input, signature []byte, key any) error {
	*c.n++
	return c.Verifier.Verify(input, signature, key)
}
