package jose

import (
	"context"
	"fmt"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// A Source finds keys. [SourceOf] returns that of a keyset.Set.
type Source interface {
	// Keys returns the keys that may have signed the token that w describes: one
	// public key, or all secrets. The error is a [*redoxauth.Error]: ErrRejected when
	// no key fits, or more than one; ErrUnavailable when they cannot be had now.
	Keys(ctx context.Context, w Wanted) ([]*Key, error)

	// URL is where the keys are published; empty if they are configured, or if that is
	// not known yet.
	URL() string
}

// SourceOf returns the Source of a keyset.Set. Package keyset sets this variable. A method
// of keyset.Set would show users the types of this package.
var SourceOf func(set any) Source

// Wanted describes the key that a token needs. All of it was said by the peer, but for
// Algorithms, and Algorithm is one of these.
type Wanted struct {
	KeyID      string
	HasKeyID   bool // an empty kid is a kid
	Algorithm  string
	Algorithms []string // of the Trust, in order
}

// In returns the one key that w fits. A key without ID fits any if no key has the
// wanted one.
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
			return nil, refuse("unknown_key", "more than one key fits"+w.name())
		}
		found = keys[i : i+1 : i+1]
	}
	switch {
	case candidates == 0:
		return nil, refuse("unknown_key", "no key fits"+w.name())
	case found == nil:
		return nil, refuse("algorithm", "no key is for alg "+quote(w.Algorithm)+w.name())
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
		return " a token without kid"
	}
	return " kid " + quote(w.KeyID)
}

// Secrets is a [Source] of HMAC keys: all of them are compared, whatever kid the token
// names. The function may be Get of rotation.Secrets.
type Secrets func(ctx context.Context) ([]*Key, error)

// Keys implements [Source].
func (s Secrets) Keys(ctx context.Context, w Wanted) ([]*Key, error) {
	keys, err := s(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if !k.fits(w.Algorithm) {
			return nil, refuse("algorithm", fmt.Sprintf("a secret does not fit alg %s", quote(w.Algorithm)))
		}
	}
	if len(keys) == 0 {
		return nil, &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "secrets"}
	}
	return keys, nil
}

// URL implements [Source].
func (s Secrets) URL() string { return "" }
