package jwtbearer

import (
	"context"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/singleuse"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// direct verifies tokens that are sent directly.
type direct struct {
	tokens *jose.Verifier
	scopes []string
	replay replay.Store // nil: a token is good until it expires
	leeway time.Duration
}

func (d *direct) decide(ctx context.Context, token string) (*redoxauth.Identity, error) {
	t, err := d.tokens.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	id := t.Identity(strategy, "scope")
	if err := bearer.CheckScopes(id.Scopes, d.scopes); err != nil {
		return nil, err
	}
	if d.replay == nil {
		t.Remember()
		return id, nil
	}
	until := singleuse.Until(t.Expiry, d.leeway)
	if err := singleuse.Use(ctx, d.replay, strategy+" "+t.Issuer, t.ReplayID(token), until); err != nil {
		return nil, err
	}
	return id, nil
}
