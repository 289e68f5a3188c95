package clientcredentials

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// accessTokens verifies JWTs.
type accessTokens struct {
	policy
	tokens                    *jose.Verifier
	clientIDClaim, scopeClaim string
}

func (a *accessTokens) decide(ctx context.Context, token string) (*redoxauth.Identity, error) {
	t, err := a.tokens.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	id := t.Identity(strategy, a.scopeClaim)
	client, _ := t.Text(a.clientIDClaim)
	if err := a.allow(id, client, t.Subject); err != nil {
		return nil, err
	}
	t.Remember()
	return id, nil
}

// A policy is which clients are let in, and with which scopes.
type policy struct {
	clientIDs []string // empty: any
	scopes    []string // all of them
}

func newPolicy(clientIDs, scopes []string) policy {
	return policy{clientIDs: slices.Clone(clientIDs), scopes: slices.Clone(scopes)}
}

func (p policy) admits(client string) bool {
	return len(p.clientIDs) == 0 || slices.Contains(p.clientIDs, client)
}

// allow completes id with its Subject, or refuses. The client is who acts: a sub may be
// a user's, whom the same client acts for elsewhere (RFC 9068, Section 5).
func (p policy) allow(id *redoxauth.Identity, client, sub string) error {
	if !p.admits(client) {
		return refuse("client", fmt.Sprintf("issued to the client %+.128q", client))
	}
	id.Subject = client
	if client == "" {
		id.Subject = sub
	}
	return bearer.CheckScopes(id.Scopes, p.scopes)
}

func refuse(reason redoxauth.Reason, why string) error {
	return &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: reason, Err: errors.New(why)}
}
