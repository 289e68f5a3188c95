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
	"strconv"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// A Key is a public key or an HMAC secret.
type Key struct {
	id       string // its kid, or its position in the list
	hasKid   bool
	alg      string // its only algorithm; "" if it names none
	material any    // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, or []byte: an HMAC secret
}

// ID returns the kid of a key. Without a kid, as with every secret, it is the position in
// the list that the key came from.
func (k *Key) ID() string { return k.id }

// String keeps a secret out of logs.
func (k *Key) String() string { return "key " + diagnosis.Quote(k.id) }

// describe says what kind of public key k is.
func (k *Key) describe() string {
	kind := ""
	switch m := k.material.(type) {
	case *rsa.PublicKey:
		kind = fmt.Sprintf("RSA %d bits", m.N.BitLen())
	case *ecdsa.PublicKey:
		kind = "EC " + m.Curve.Params().Name
	case ed25519.PublicKey:
		kind = "Ed25519"
	default:
		return "secret " + diagnosis.Quote(k.id)
	}
	if k.alg != "" {
		kind += ", alg " + k.alg
	}
	if !k.hasKid {
		return fmt.Sprintf("key %s without kid (%s)", k.id, kind)
	}
	return fmt.Sprintf("key %s (%s)", diagnosis.Quote(k.id), kind)
}

// NewKey returns the Key of a copy of a public key, without kid. It accepts RSA of 2048 to
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

// NewKeys returns the Keys of one public key or more, without kids. See [NewKey].
func NewKeys(public []crypto.PublicKey) ([]*Key, error) {
	if len(public) == 0 {
		return nil, errors.New("no key")
	}
	if len(public) > MaxKeys {
		return nil, fmt.Errorf("%d keys, want at most %d", len(public), MaxKeys)
	}
	var keys []*Key
	for i, p := range public {
		k, err := NewKey(p)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i, err)
		}
		if k.id = strconv.Itoa(i); !k.repeats(keys) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// repeats reports whether keys hold k already, with the same kid and the same alg.
func (k *Key) repeats(keys []*Key) bool {
	return slices.ContainsFunc(keys, func(o *Key) bool {
		return k.hasKid == o.hasKid && (k.id == o.id || !k.hasKid) && k.alg == o.alg && k.same(o)
	})
}

// same reports whether k and o are the same key. Their IDs and algs may differ.
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

// Keys is a [Source] of public keys that never change.
type Keys []*Key

// Find implements [Source].
func (k Keys) Find(_ context.Context, q *Search) (*Key, error) { return q.In(k) }

// URL implements [Source].
func (k Keys) URL() string { return "" }

// Secrets is a [Source] of HMAC keys. All of them are compared, whatever kid the token
// names. The function may be the method Get of rotation.Secrets.
type Secrets func(ctx context.Context) ([]*Key, error)

// Find implements [Source].
func (s Secrets) Find(ctx context.Context, q *Search) (*Key, error) {
	keys, err := s(ctx)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, redoxauth.Errorf(redoxauth.ErrUnavailable, "secrets", "")
	}
	return q.amongSecrets(keys)
}

// URL implements [Source].
func (s Secrets) URL() string { return "" }
