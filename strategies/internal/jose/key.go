package jose

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/subtle"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// A Key is a public key or an HMAC secret.
type Key struct {
	id       string
	hasID    bool
	alg      string // its only algorithm; "" if it names none
	material any    // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, or []byte: an HMAC secret
}

// ID returns the kid of a public key, the position of a secret, or "".
func (k *Key) ID() string { return k.id }

// String keeps a secret out of logs.
func (k *Key) String() string { return "key " + quote(k.id) }

// NewKey returns the Key of a copy of a public key, without ID. It accepts RSA of 2048 to
// 8192 bits, P-256, P-384, P-521 and Ed25519.
func NewKey(public crypto.PublicKey) (*Key, error) {
	switch p := public.(type) {
	case *rsa.PublicKey:
		if p == nil || p.N == nil {
			return nil, errors.New("an RSA key without modulus")
		}
		// Smaller keys are weak (RFC 7518, Section 3.3). Larger ones take so much time that
		// verifying is an attack.
		if n := p.N.BitLen(); n < 2048 || n > 8192 {
			return nil, errors.New("an RSA key must have 2048 to 8192 bits")
		}
		if p.E < 3 || p.E > 1<<31-1 || p.E%2 == 0 {
			return nil, errors.New("the exponent of an RSA key must be odd, and from 3 to 2^31-1")
		}
		public = &rsa.PublicKey{N: new(big.Int).Set(p.N), E: p.E}
	case *ecdsa.PublicKey:
		if p == nil || *p == (ecdsa.PublicKey{Curve: p.Curve}) {
			return nil, errors.New("an ECDSA key without point")
		}
		if p.Curve != elliptic.P256() && p.Curve != elliptic.P384() && p.Curve != elliptic.P521() {
			return nil, errors.New("unknown curve")
		}
		point, err := p.Bytes()
		if err == nil {
			public, err = ecdsa.ParseUncompressedPublicKey(p.Curve, point)
		}
		if err != nil {
			return nil, errors.New("the point is not on the curve")
		}
	case ed25519.PublicKey:
		if len(p) != ed25519.PublicKeySize {
			return nil, errors.New("an Ed25519 key must have 32 bytes")
		}
		public = slices.Clone(p)
	default:
		return nil, errors.New("unknown type of key")
	}
	return &Key{material: public}, nil
}

// NewKeys returns the Keys of one public key or more, without IDs. See [NewKey].
func NewKeys(public []crypto.PublicKey) ([]*Key, error) {
	if len(public) == 0 {
		return nil, errors.New("no key")
	}
	if len(public) > MaxKeys {
		return nil, fmt.Errorf("%d keys, want at most %d", len(public), MaxKeys)
	}
	keys := make([]*Key, len(public))
	for i, p := range public {
		var err error
		if keys[i], err = NewKey(p); err != nil {
			return nil, fmt.Errorf("key %d: %w", i, err)
		}
	}
	return keys, nil
}

// same reports whether k and o are the same key. Their IDs may differ.
func (k *Key) same(o *Key) bool {
	if k == o {
		return true
	}
	if secret, ok := k.material.([]byte); ok {
		other, ok := o.material.([]byte)
		return ok && subtle.ConstantTimeCompare(secret, other) == 1
	}
	p, ok := k.material.(interface{ Equal(crypto.PublicKey) bool })
	return ok && p.Equal(o.material)
}

// among returns the key that is the same as k. A refresh makes new Keys of old material.
func (k *Key) among(keys []*Key) *Key {
	if k == nil {
		return nil
	}
	for _, o := range keys {
		if k.same(o) {
			return o
		}
	}
	return nil
}

// A Source finds keys. [SourceOf] returns that of a keyset.Set.
type Source interface {
	// Keys returns the keys that may have signed the token that w describes: one public
	// key, or all secrets. The error is a [*redoxauth.Error]: ErrRejected if no key fits or
	// more than one does, ErrUnavailable if the keys are not available now.
	Keys(ctx context.Context, w Wanted) ([]*Key, error)

	// URL is where the keys are published. It is empty if they are configured, or if the
	// URL is not known yet.
	URL() string
}

// SourceOf returns the Source of a keyset.Set. Package keyset sets this variable. A method
// of keyset.Set would show users the types of this package.
var SourceOf func(set any) Source

// Wanted describes the key that a token needs. All of it comes from the peer, except
// Algorithms. Algorithm is one of Algorithms.
type Wanted struct {
	KeyID      string
	HasKeyID   bool // an empty kid is a kid
	Algorithm  string
	Algorithms []string // of the Config, in order
}

// In returns the one key that fits w. If no key has the wanted ID, a key without ID fits.
func (w Wanted) In(keys []*Key) ([]*Key, error) {
	named := w.HasKeyID && w.Known(keys)
	candidates, found := 0, []*Key(nil)
	for i, k := range keys {
		if w.HasKeyID && (k.hasID != named || named && k.id != w.KeyID) {
			continue
		}
		candidates++
		if k.algorithm(w.Algorithms) != w.Algorithm {
			continue
		}
		if found != nil {
			return nil, refuse("unknown_key", "more than one key fits %s", w.name())
		}
		found = keys[i : i+1 : i+1]
	}
	switch {
	case candidates == 0:
		return nil, refuse("unknown_key", "no key fits %s", w.name())
	case found == nil:
		return nil, refuse("algorithm", "no key is for alg %s and %s", quote(w.Algorithm), w.name())
	}
	return found, nil
}

// Known reports whether one of the keys has the wanted ID.
func (w Wanted) Known(keys []*Key) bool {
	for _, k := range keys {
		if w.HasKeyID && k.hasID && k.id == w.KeyID {
			return true
		}
	}
	return false
}

func (w Wanted) name() string {
	if !w.HasKeyID {
		return "a token without kid"
	}
	return "kid " + quote(w.KeyID)
}

// Secrets is a [Source] of HMAC keys. All of them are compared, whatever kid the token
// names. The function may be the method Get of rotation.Secrets.
type Secrets func(ctx context.Context) ([]*Key, error)

// Keys implements [Source].
func (s Secrets) Keys(ctx context.Context, w Wanted) ([]*Key, error) {
	keys, err := s(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if !k.fits(w.Algorithm) {
			return nil, refuse("algorithm", "a secret does not fit alg %s", quote(w.Algorithm))
		}
	}
	if len(keys) == 0 {
		return nil, redoxauth.Errorf(redoxauth.ErrUnavailable, "secrets", "")
	}
	return keys, nil
}

// URL implements [Source].
func (s Secrets) URL() string { return "" }
