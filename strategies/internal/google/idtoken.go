package google

import (
	"context"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// Cooldown is that of the keys; zero means the default. Only tests set it.
var Cooldown time.Duration

// newIDTokens pins what Google's own validators leave to the caller: the algorithm and the
// issuer. It neither bounds the age of a token nor records its use: Google's senders use
// one token for up to an hour, and give it no jti.
func newIDTokens(cfg Config) (*jose.Verifier, error) {
	keys, err := keyset.NewRemote(keyset.RemoteConfig{
		URL: cfg.CertsURL, Client: cfg.Client, InsecureAllowHTTP: cfg.InsecureAllowHTTP, Now: cfg.Now, Cooldown: Cooldown,
	})
	if err != nil {
		return nil, err
	}
	return jose.New(jose.Config{
		Keys:       jose.SourceOf(keys),
		Algorithms: []string{"RS256"},
		Issuers:    issuers,
		Audience:   cfg.Audience,
		Types:      []string{"", "JWT"},
		Required:   []string{"sub"},
		Claims:     []string{"azp", "email", "email_verified"},
		Leeway:     config.DefaultLeeway,
		Now:        cfg.Now,
	}), nil
}

// idToken decides about every token that is not an access token of Google.
func (v *verifier) idToken(ctx context.Context, token string) (*redoxauth.Identity, error) {
	if v.idTokens == nil {
		return nil, redoxauth.Errorf(redoxauth.ErrNoCredentials, "type", "not a Google access token, and Config.Audience is empty, so no ID token is accepted")
	}
	t, err := v.idTokens.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	email, ok := t.Claim("email").Text()
	if !ok {
		email = string(t.Claim("email")) // no string: no address of a service account either
	}
	if err := checkHolder(email); err != nil {
		return nil, err
	}
	if azp, _ := t.Claim("azp").Text(); strings.HasSuffix(azp, ".apps.googleusercontent.com") {
		// A person has signed in there. The azp of a service account is its own ID or address.
		return nil, redoxauth.Errorf(redoxauth.ErrRejected, "client", "azp is %+.128q, the OAuth client of a person's token, want a token of one of ServiceAccounts", azp)
	}
	if t.Claim("email_verified") != "true" { // it is whatever its owner typed
		email = ""
	}
	account, err := v.account(t.Subject, email)
	if err != nil {
		return nil, err
	}
	t.Remember()
	id := t.Identity(v.cfg.Strategy, "")
	id.Subject = account
	return id, nil
}
