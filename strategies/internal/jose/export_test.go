package jose

import (
	"testing"

	"github.com/lestrrat-go/jwx/v2/jws"
)

// Remembered returns how many tokens v remembers.
func (v *Verifier) Remembered() int {
	v.cache.mu.Lock()
	defer v.cache.mu.Unlock()
	return len(v.cache.entries)
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
