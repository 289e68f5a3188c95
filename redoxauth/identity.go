package redoxauth

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// An Identity says who sent a request, and which proof showed it. Every request gets a
// new Identity.
type Identity struct {
	// Strategy is the package that accepted the proof: "verifytoken", "sigv4", …
	Strategy string

	// Subject is the access key ID, client ID, service account or sub; empty if the
	// proof names nobody, as a shared token does.
	Subject string

	// Issuer is who issued the proof; empty if the Subject made it.
	Issuer string

	// KeyID is the configured secret (its position, from "0") or the key (its kid, or its
	// position if it has none) that matched. It shows whether an old one is still in use.
	KeyID string

	// Scopes are the scopes of an access token.
	Scopes []string

	// Expiry is when the proof ends; zero if it does not.
	Expiry time.Time

	// RawClaims is the JSON object that was verified; nil if the proof has no claims.
	RawClaims json.RawMessage
}

// Claims decodes RawClaims into v, as [json.Unmarshal] does.
func (id *Identity) Claims(v any) error {
	if id.RawClaims == nil {
		return errors.New("redoxauth: the proof has no claims")
	}
	return json.Unmarshal(id.RawClaims, v)
}

type identityKey struct{}

// NewContext returns a context that carries id.
func NewContext(ctx context.Context, id *Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// FromContext returns the Identity that [Middleware] or [Check] put into the context.
// With nested wrappers it is the Identity of the innermost one.
func FromContext(ctx context.Context) (*Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(*Identity)
	return id, ok && id != nil
}
