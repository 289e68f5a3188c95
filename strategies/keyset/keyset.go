// Package keyset holds the public keys that verify tokens: configured ones, as a JWK Set
// or in PEM, and published ones, fetched from a URL and kept fresh.
package keyset

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// A Set is public keys, made by [ParseJWKS], [ParsePEM] or [Remote]. Its methods are for
// the strategies of this module, and nothing outside can implement them. All Sets are
// safe for concurrent use, and one may serve several verifiers.
type Set interface {
	// Keys returns the key for the token that w describes.
	Keys(ctx context.Context, w jose.Wanted) ([]*jose.Key, error)

	// URL is where the keys are published; empty if they are configured, or if
	// discovery has not told yet.
	URL() string
}

// static is a Set that never changes.
type static []*jose.Key

// ParseJWKS returns the keys of a JWK Set ([RFC 7517]). Private and symmetric keys, keys
// for encryption, and keys of an unknown type, a weak size or a malformed form are left
// out; it is an error if that leaves none.
//
// [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517
func ParseJWKS(data []byte) (Set, error) {
	keys, dropped, err := jose.ParseJWKS(data)
	if err == nil && len(keys) == 0 {
		err = errors.New("no usable key")
		if len(dropped) > 0 {
			err = fmt.Errorf("no usable key: %s", strings.Join(dropped, "; "))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("keyset: ParseJWKS: %w", err)
	}
	return static(keys), nil
}

// ParsePEM returns the keys of "PUBLIC KEY" and "RSA PUBLIC KEY" blocks and of
// certificates, of which nothing but the key is looked at: not even the expiry. The keys
// have no IDs, so each serves tokens with any kid or none, as long as it is the only one
// that fits the token's algorithm.
func ParsePEM(data []byte) (Set, error) {
	keys, err := jose.ParsePEM(data)
	if err != nil {
		return nil, fmt.Errorf("keyset: ParsePEM: %w", err)
	}
	return static(keys), nil
}

func (s static) Keys(_ context.Context, w jose.Wanted) ([]*jose.Key, error) { return w.In(s) }

func (s static) URL() string { return "" }
