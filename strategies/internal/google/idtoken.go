package google

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
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
		Keys:       certs{jose.SourceOf(keys)},
		Algorithms: []string{"RS256"},
		Issuers:    issuers,
		Audience:   cfg.Audience,
		Types:      []string{"", "JWT"},
		Required:   []string{"sub"},
		Claims:     []string{"azp", "email", "email_verified"},
		Leeway:     config.DefaultLeeway,
		Now:        cfg.Now,
		Fields: jose.Fields{
			Keys:       "Google's keys: Config.Endpoints.CertsURL",
			Algorithms: "Google's algorithm",
			Issuers:    "Google's issuer",
			Audience:   field("Audience", cfg.Dashboard.Audience),
			Types:      "Google's type of ID tokens",
			Required:   "Google's ID tokens have it",
		},
	}), nil
}

// certs are Google's keys. Their errors name the field of this package's Config.
type certs struct{ jose.Source }

func (c certs) Find(ctx context.Context, q *jose.Search) (*jose.Key, error) {
	key, err := c.Source.Find(ctx, q)
	if err == nil {
		return key, nil
	}
	var e *redoxauth.Error
	if errors.As(err, &e) && e.Err != nil && strings.Contains(e.Err.Error(), "RemoteConfig.URL") {
		named := *e
		named.Err = renamed{e.Err}
		return nil, &named
	}
	return nil, err
}

type renamed struct{ error }

func (r renamed) Error() string {
	return strings.ReplaceAll(r.error.Error(), "RemoteConfig.URL", "Config.Endpoints.CertsURL")
}

func (r renamed) Unwrap() error { return r.error }

// idToken decides about every token that is not an access token of Google.
func (v *verifier) idToken(ctx context.Context, token string) (*redoxauth.Identity, error) {
	if v.idTokens == nil {
		return nil, redoxauth.Errorf(redoxauth.ErrNoCredentials, "type", "the token is no Google access token (ya29.): Config.Audience is empty, so no ID token is accepted")
	}
	t, err := v.idTokens.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	h := holderOf(t.Claim)
	if err := v.checkPerson(h.email); err != nil {
		return nil, err
	}
	if err := v.checkClient(t.Claim); err != nil {
		return nil, err
	}
	account, err := v.account(h)
	if err != nil {
		return nil, err
	}
	t.Remember()
	id := t.Identity(v.cfg.Strategy, "")
	id.Subject = account
	return id, nil
}

// holderOf returns the account that an ID token names.
func holderOf(claim func(string) jose.Value) holder {
	id, _ := claim("sub").Text()
	email, ok := claim("email").Text()
	if !ok {
		email = string(claim("email")) // no string: no address of a service account either
	}
	return holder{id, email, claim("email") != "", claim("email_verified") == "true"}
}

// checkClient refuses the token of a person who has signed in at an OAuth client. The azp of
// a service account is its own ID or address.
func (v *verifier) checkClient(claim func(string) jose.Value) error {
	azp, _ := claim("azp").Text()
	if !strings.HasSuffix(azp, ".apps.googleusercontent.com") {
		return nil
	}
	return redoxauth.Errorf(redoxauth.ErrRejected, "client", "azp is %s, the OAuth client of a person's token, want a token of %s", diagnosis.Quote(azp), v.accounts)
}
