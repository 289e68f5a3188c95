package verifytoken_test

import (
	"crypto/sha256"
	"crypto/subtle"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// BenchmarkLimit is what Verify cannot go below: hash the presented token, compare it
// with a stored hash, and make an Identity.
func BenchmarkLimit(b *testing.B) {
	stored := sha256.Sum256([]byte(newToken))
	presented := []byte(newToken)
	b.Run("sha256+compare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sum := sha256.Sum256(presented)
			if subtle.ConstantTimeCompare(sum[:], stored[:]) != 1 {
				b.Fatal("differ")
			}
		}
	})
	var id *redoxauth.Identity
	b.Run("identity", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			id = &redoxauth.Identity{Strategy: "verifytoken", KeyID: "0"}
		}
	})
	_ = id
}
