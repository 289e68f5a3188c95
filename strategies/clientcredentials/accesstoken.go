package clientcredentials

import (
	"errors"
	"fmt"
	"net/http"
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

func (a *accessTokens) verify(r *http.Request) (*redoxauth.Identity, error) {
	token, err := bearer.Token(strategy, r)
	if err != nil {
		return nil, err
	}
	t, err := a.tokens.Verify(r.Context(), token)
	if err != nil {
		return nil, bearer.Challenge(strategy, err)
	}
	id := &redoxauth.Identity{
		Strategy: strategy, Issuer: t.Issuer, KeyID: t.KeyID,
		Scopes: t.Scopes(a.scopeClaim), Expiry: t.Expiry, RawClaims: t.Claims(),
	}
	client, _ := t.Text(a.clientIDClaim)
	if err := a.allow(id, client, t.Subject); err != nil {
		return nil, bearer.Challenge(strategy, err)
	}
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
	return bearer.CheckScopes(strategy, id.Scopes, p.scopes)
}

func refuse(reason redoxauth.Reason, why string) error {
	return &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: reason, Err: errors.New(why)}
}
