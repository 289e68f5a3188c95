package google

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
)

// An access token begins with prefix. Nothing else is ever sent to Google. Google documents
// tokens of at most 2048 bytes, and larger ones of its Security Token Service.
const (
	prefix   = "ya29."
	maxToken = 4096
)

// accessToken decides about a token that begins with prefix.
func (v *verifier) accessToken(r *http.Request, token string) (*redoxauth.Identity, error) {
	if v.answers == nil {
		return nil, redoxauth.Errorf(redoxauth.ErrNoCredentials, "type", "a Google access token, and Config.AccessTokens is not set")
	}
	if len(token) > maxToken {
		return nil, redoxauth.Errorf(redoxauth.ErrRejected, "malformed", "an access token of %d bytes, want at most %d", len(token), maxToken)
	}
	answer, err := v.answers.Get(r, token)
	if err != nil {
		return nil, err
	}
	i := answer.Value
	account, err := v.holder(i)
	if err != nil {
		return nil, err
	}
	if now := v.cfg.Now(); !now.Before(i.expiry.Add(config.DefaultLeeway)) {
		return nil, redoxauth.Errorf(redoxauth.ErrRejected, "expired", "expired %v ago", now.Sub(i.expiry).Round(time.Second))
	}
	if err := bearer.CheckScopes(i.scopes, v.cfg.Scopes, "scope", "Config.Scopes"); err != nil {
		return nil, err
	}
	answer.Remember()
	return &redoxauth.Identity{
		Strategy: v.cfg.Strategy, Subject: account, Issuer: issuers[0],
		Scopes: slices.Clone(i.scopes), Expiry: i.expiry, RawClaims: bytes.Clone(i.raw),
	}, nil
}

// holder returns the listed account that a token was issued to. The azp and aud of a
// service account are its numeric ID, and so is its sub. The azp and aud of a person's token
// are the OAuth client that the person gave access to, or the service account that acts for
// the person by domain-wide delegation. If such a token counted, every such client could act
// as that person here.
func (v *verifier) holder(i *info) (string, error) {
	id := cmp.Or(i.azp, i.aud)
	switch {
	case id == "":
		return "", redoxauth.Errorf(redoxauth.ErrRejected, "subject", "Google names no account: azp and aud are absent")
	case !isNumericID(id) || i.aud != "" && i.aud != id:
		return "", redoxauth.Errorf(redoxauth.ErrRejected, "client", "azp is %+.128q and aud is %+.128q, want the numeric ID of a service account in both", i.azp, i.aud)
	case i.sub != "" && i.sub != id:
		return "", redoxauth.Errorf(redoxauth.ErrRejected, "subject", "sub is %+.128q and azp is %+.128q: the token acts for another account (domain-wide delegation)", i.sub, id)
	}
	if err := checkHolder(i.email); err != nil {
		return "", err
	}
	email := ""
	if i.verified { // else it is whatever its owner typed
		email = i.email
	}
	return v.account(id, email)
}
