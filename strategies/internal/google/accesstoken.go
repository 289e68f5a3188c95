package google

import (
	"bytes"
	"net/http"
	"slices"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
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
		return nil, redoxauth.Errorf(redoxauth.ErrNoCredentials, "type", "the token is a Google access token (ya29.), want an ID token: Config.AccessTokens is false, so no access token is accepted")
	}
	if len(token) > maxToken {
		return nil, redoxauth.Errorf(redoxauth.ErrRejected, "malformed", "the access token has %d bytes, want at most %d (Google documents at most 2048)", len(token), maxToken)
	}
	answer, err := v.answers.Get(r, token)
	if err != nil {
		return nil, err
	}
	i := answer.Value
	if err := v.checkActor(i); err != nil {
		return nil, err
	}
	if err := v.checkPerson(i.email); err != nil {
		return nil, err
	}
	account, err := v.account(i.holder())
	if err != nil {
		return nil, err
	}
	if err := i.checkExpiry(v.cfg.Now()); err != nil {
		return nil, err
	}
	if err := v.checkScopes(i); err != nil {
		return nil, err
	}
	answer.Remember()
	return &redoxauth.Identity{
		Strategy: v.cfg.Strategy, Subject: account, Issuer: issuers[0],
		Scopes: slices.Clone(i.scopes), Expiry: i.expiry, RawClaims: bytes.Clone(i.raw),
	}, nil
}

// checkActor refuses a token that is not of the account itself. The azp and aud of a service
// account are its numeric ID, and so is its sub. The azp and aud of a person's token are the
// OAuth client that the person gave access to, or the service account that acts for the person
// by domain-wide delegation. If such a token counted, every such client could act as that
// person here.
func (v *verifier) checkActor(i *info) error {
	id := i.id()
	switch {
	case id == "":
		return redoxauth.Errorf(redoxauth.ErrRejected, "subject", "azp is %s and aud is %s, want the unique ID of %s: tokeninfo names no account", i.said("azp"), i.said("aud"), v.accounts)
	case !isNumericID(id) || i.aud != "" && i.aud != id:
		return redoxauth.Errorf(redoxauth.ErrRejected, "client", "azp is %s and aud is %s, want the unique ID of %s in both: the token was issued to a client that acts for somebody", i.said("azp"), i.said("aud"), v.accounts)
	case i.sub != "" && i.sub != id:
		return redoxauth.Errorf(redoxauth.ErrRejected, "subject", "sub is %s and azp is %s, want the unique ID of %s in both: the token acts for another account (domain-wide delegation)", i.said("sub"), diagnosis.Quote(id), v.accounts)
	}
	return nil
}

func (i *info) checkExpiry(now time.Time) error {
	if now.Before(i.expiry.Add(config.DefaultLeeway)) {
		return nil
	}
	return redoxauth.Errorf(redoxauth.ErrRejected, "expired", "expired %v ago by this server's clock (tokeninfo's exp %s, now %s, leeway %v)",
		now.Sub(i.expiry).Round(time.Second), diagnosis.Time(i.expiry), diagnosis.Time(now), config.DefaultLeeway)
}

func (v *verifier) checkScopes(i *info) error {
	return bearer.CheckScopes(i.scopes, v.cfg.Scopes, "scope", v.scopes)
}
