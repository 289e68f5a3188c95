package rotation_test

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
)

// Secrets for a Verifier of your own, supplied by a vault.
func ExampleNewSecrets() {
	fromVault := func(ctx context.Context) ([]string, error) { return []string{"new", "old"}, nil }
	digest := func(tokens []string) (digests [][sha256.Size]byte, err error) {
		for _, t := range tokens {
			digests = append(digests, sha256.Sum256([]byte(t)))
		}
		return digests, nil
	}
	secrets := rotation.NewSecrets("example", "SecretsFunc", fromVault, digest, time.Now)

	v := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		digests, err := secrets.Get(r.Context())
		if err != nil {
			return nil, err // ErrUnavailable: 503, not 401
		}
		presented, matched := sha256.Sum256([]byte(r.Header.Get("X-Example"))), 0
		for _, d := range digests { // compare all of them, in constant time
			matched |= subtle.ConstantTimeCompare(presented[:], d[:])
		}
		if matched != 1 {
			return nil, redoxauth.Errorf(redoxauth.ErrRejected, "token", "").In("example")
		}
		return &redoxauth.Identity{Strategy: "example"}, nil
	})
	r := httptest.NewRequest(http.MethodPost, "/redox", nil)
	r.Header.Set("X-Example", "old")
	id, err := v.Verify(r)
	fmt.Println(id.Strategy, err)
	// Output: example <nil>
}
