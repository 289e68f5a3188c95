package jwtbearer

import (
	"net/http"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// An EndpointConfig configures a [TokenEndpoint].
type EndpointConfig struct {
	Signers            []Signer // required; removing one ends its tokens
	TokenURL           string   // required: absolute, as Redox calls it, the same on all replicas
	AssertionAudiences []string // accepted aud of assertions; default TokenURL

	// Issuer and Audience, required, are iss and aud of the access tokens, such as the URLs
	// of the token endpoint and of the destination. An audience or resource in a token
	// request must be this Audience.
	Issuer, Audience string

	// TokenSecrets, required, sign the access tokens: at least 32 random bytes each. The
	// first signs, all verify. To rotate, list [old, new] on all replicas, then [new, old], and
	// after Lifetime and a minute [new].
	TokenSecrets [][]byte

	// Lifetime of the access tokens: 1 s to 24 h, default 5 min. They are accepted for 60 s
	// more. To end all at once, replace TokenSecrets.
	Lifetime time.Duration

	Leeway time.Duration // how far clocks may differ; default 60 s, at most 5 min
	Replay replay.Store  // required: records each jti (an assertion's ID); shared by all replicas

	// Observe gets every token request; Explain can read it later.
	Observe func(*http.Request, redoxauth.Decision)

	Now func() time.Time // default time.Now
}

// A Signer may present assertions.
type Signer struct {
	Issuer     string     // required: iss
	Subject    string     // the only accepted sub; default any
	Keys       keyset.Set // required: of this Signer and of nobody else
	Algorithms []string   // the default is that of [Config] with Keys

	// Scopes are those that the Signer may get. A token has the requested ones, or all
	// without the parameter scope.
	Scopes []string
}

// A TokenEndpoint exchanges an assertion for an access token. It is safe for concurrent use.
//
// An assertion must have iss, sub, exactly one aud, an exp within an hour, and jti or iat.
// With a jti it is accepted once. Without one, whoever captures it can get tokens until 60 s
// and Leeway after its iat.
//
// If an assertion is refused, the answer is 400 invalid_grant. Without keys or the replay store
// it is 503. COMPATIBILITY.md lists all answers.
type TokenEndpoint struct{ endpoint *tokenendpoint.Endpoint }

var _ http.Handler = (*TokenEndpoint)(nil)

// NewTokenEndpoint returns an error that names everything that is wrong with cfg.
func NewTokenEndpoint(cfg EndpointConfig) (*TokenEndpoint, error) {
	p := config.Problems{Package: strategy}
	g := newGrant(cfg, &p)
	e, err := tokenendpoint.New(tokenendpoint.Config{
		Strategy:     strategy,
		Issuer:       cfg.Issuer,
		Audience:     cfg.Audience,
		TokenSecrets: cfg.TokenSecrets,
		Lifetime:     cfg.Lifetime,
		MaxLifetime:  24 * time.Hour,
		GrantType:    "urn:ietf:params:oauth:grant-type:jwt-bearer",
		Clients:      g.Clients,
		ClientField:  "Signers",
		ClientKey:    "Issuer",
		Prove:        g.prove,
		Explain:      g.explain,
		Observe:      cfg.Observe,
		Now:          cfg.Now,
	})
	if err := p.Err(err); err != nil {
		return nil, err
	}
	return &TokenEndpoint{e}, nil
}

// ServeHTTP answers a token request.
func (t *TokenEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.endpoint.ServeHTTP(w, r)
}

// Explain is for operators: see [redoxauth.Explain].
func (t *TokenEndpoint) Explain(r *http.Request) string {
	if t == nil {
		t = &TokenEndpoint{}
	}
	return t.endpoint.Explain(r)
}

// Verifier returns a Verifier of the access tokens of t and its replicas that have all scopes.
// The Identity's Subject is the assertion's sub. The error names a scope that no Signer can
// get.
func (t *TokenEndpoint) Verifier(scopes ...string) (*Verifier, error) {
	v, err := t.endpoint.Verifier(scopes)
	if err != nil {
		return nil, err
	}
	return &Verifier{v}, nil
}
