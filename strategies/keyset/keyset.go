// Package keyset holds the public keys that verify tokens: configured ones, as a JWK Set
// ([RFC 7517]) or in PEM, and published ones, fetched from a URL and kept fresh.
//
// # Redox dashboard
//
// Whose keys a strategy needs depends on who signs:
//
//	strategy              the keys of                                   here
//	JWT Bearer            Redox: the credential's JWKS ("JKU") or key   Remote, ParseJWKS or ParsePEM
//	SMART Backend         Redox: the same                               the same
//	OAuth 2.0 2-legged    your authorization server                     Remote, by Issuer or URL
//	the two of Google     Google                                        set by gcpjwt and wif
//
// Redox can publish the keys of a credential at a URL of their own ("JKU", toggled on the
// credential). It does not document the form of that URL, nor how often keys change.
//
// # Operation
//
// Rotation of published keys needs nothing: see [RemoteSet]. A new key should be published
// before it signs; one that signs first is found with the first token that names it.
// Configured keys rotate by listing old and new together, in one document.
//
// When the key server is down, the keys that were fetched go on serving for MaxStale.
// Requests that need others are answered 503 (reason "keys"), which Redox retries, and
// never 401. Alert on [Status].Err.
//
// A process that starts while the key server is down answers 503 until it is up. Nothing
// has to be restarted.
//
// A proxy's CA, a client certificate or a shorter time-out go into [RemoteConfig].Client.
//
// [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517
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

// ParseJWKS returns the keys of a JWK Set ([RFC 7517, Section 5]): RSA from 2048 to 8192
// bits, P-256, P-384, P-521 and Ed25519, at most 64. Private and symmetric keys, keys for
// encryption, and keys of an unknown type, a weak size or a malformed form are left out;
// it is an error if that leaves none.
//
// [RFC 7517, Section 5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
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
