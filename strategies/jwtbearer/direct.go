package jwtbearer

import (
	"context"
	"net/http"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/token"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// direct verifies tokens that are sent directly.
type direct struct {
	tokens *jose.Verifier
	scopes []string
	replay replay.Store // nil: a token is good until it expires
	leeway time.Duration
}

func (d *direct) verify(r *http.Request) (*redoxauth.Identity, error) {
	raw, err := bearer.Token(strategy, r)
	if err != nil {
		return nil, err
	}
	t, err := d.tokens.Verify(r.Context(), raw)
	if err != nil {
		return nil, bearer.Challenge(strategy, err)
	}
	scopes := t.Scopes("scope")
	if err := bearer.CheckScopes(strategy, scopes, d.scopes); err != nil {
		return nil, err
	}
	if d.replay != nil {
		if err := d.useOnce(r.Context(), t, raw); err != nil {
			return nil, bearer.Challenge(strategy, err)
		}
	}
	return &redoxauth.Identity{
		Strategy: strategy, Subject: t.Subject, Issuer: t.Issuer, KeyID: t.KeyID,
		Scopes: scopes, Expiry: t.Expiry, RawClaims: t.Claims(),
	}, nil
}

// useOnce comes last: a request that is refused for anything else may be sent again.
func (d *direct) useOnce(ctx context.Context, t *jose.Token, raw string) error {
	fresh, err := d.replay.Add(ctx, strategy+" "+t.Issuer, t.ReplayID(raw), token.RecordedUntil(t.Expiry, d.leeway))
	if err != nil {
		return &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "replay_store", Err: err}
	}
	if !fresh {
		return &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: "replayed"}
	}
	return nil
}
