package google

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
)

// accessToken decides about a token that begins with prefix. What Google said is
// remembered; what that means here is decided every time.
func (v *Verifier) accessToken(ctx context.Context, token string) (*redoxauth.Identity, error) {
	if v.answers == nil {
		return nil, refuse(redoxauth.ErrNoCredentials, "type", "a Google access token, and AccessTokens is not set")
	}
	if len(token) > maxToken {
		return nil, refuse(redoxauth.ErrRejected, "malformed", fmt.Sprintf("longer than %d bytes", maxToken))
	}
	a, err := v.answers.Get(ctx, token)
	if err != nil {
		return nil, err
	}
	i := a.Value
	account, err := v.holder(i)
	if err != nil {
		return nil, err
	}
	if now := v.now(); !now.Before(i.expiry.Add(config.DefaultLeeway)) {
		return nil, refuse(redoxauth.ErrRejected, "expired", fmt.Sprintf("expired %v ago", now.Sub(i.expiry).Round(time.Second)))
	}
	if err := bearer.CheckScopes(i.scopes, v.scopes); err != nil {
		return nil, err
	}
	a.Remember()
	return &redoxauth.Identity{
		Strategy:  v.strategy,
		Subject:   account,
		Issuer:    issuers[0],
		Scopes:    slices.Clone(i.scopes),
		Expiry:    i.expiry,
		RawClaims: bytes.Clone(i.raw),
	}, nil
}

// holder returns the listed account that a token was issued to. For a service account
// both azp and aud are its numeric ID. Of a person's token they are the OAuth client
// that the person gave access to; to go by the e-mail address then, or where neither is
// said, would let every such client act as that person here.
func (v *Verifier) holder(i *info) (string, error) {
	id := i.azp
	if id == "" {
		id = i.aud
	}
	switch {
	case id == "":
		return "", refuse(redoxauth.ErrRejected, "subject", "Google names no account: neither azp nor aud")
	case !isNumericID(id) || i.aud != "" && i.aud != id:
		return "", refuse(redoxauth.ErrRejected, "client", fmt.Sprintf("issued to %+.128q for %+.128q, which is no service account", i.azp, i.aud))
	}
	return v.account(id, i.email)
}
