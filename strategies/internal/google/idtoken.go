package google

import (
	"context"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// newIDTokens pins what Google's own validators leave to the caller: the algorithm and
// the issuer. There is no bound on age and no store of what was seen: Google's senders
// use one token for up to an hour, and give it no jti.
func newIDTokens(cfg Config, keys keyset.Set) *jose.Verifier {
	return jose.New(jose.Config{
		Keys:       jose.SourceOf(keys),
		Algorithms: []string{"RS256"},
		Issuers:    issuers,
		Audience:   cfg.Audience,
		Types:      []string{"", "JWT"},
		Required:   []string{"sub"},
		Leeway:     config.DefaultLeeway,
		Now:        cfg.Now,
	})
}

// idToken decides about anything that is no access token of Google.
func (v *Verifier) idToken(ctx context.Context, token string) (*redoxauth.Identity, error) {
	if v.idTokens == nil {
		return nil, refuse(redoxauth.ErrNoCredentials, "type", "not a Google access token")
	}
	t, err := v.idTokens.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	// The audience alone proves nothing: whoever has a Google account can get a token
	// for any.
	account, err := v.account(t.Subject, verifiedEmail(t))
	if err != nil {
		return nil, err
	}
	t.Remember()
	id := t.Identity(v.strategy, "")
	id.Subject = account
	return id, nil
}

// verifiedEmail returns the token's e-mail address. One that is not verified is whatever
// its owner typed.
func verifiedEmail(t *jose.Token) string {
	if !t.True("email_verified") {
		return ""
	}
	email, _ := t.Text("email")
	return email
}
