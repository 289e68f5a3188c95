package clientcredentials

import (
	"net/http"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
)

// An EndpointConfig configures a [TokenEndpoint].
type EndpointConfig struct {
	Clients []Client // required

	Issuer, Audience string // required: iss and aud of the tokens, usually URLs, at most 512 bytes

	// TokenSecrets, required, sign the tokens. Each has at least 32 random bytes. The first
	// signs, all verify. To rotate, list [old, new] on all replicas, then [new, old], and after
	// Lifetime and a minute [new].
	TokenSecrets [][]byte

	// Lifetime of the tokens, from 1 s to 24 h, default 5 min. They are accepted 60 s longer. To
	// end all tokens at once, replace TokenSecrets.
	Lifetime time.Duration

	// Observe is called once for every token request, with the Status that was sent. The body
	// reads as empty, but is kept for Explain, secrets included.
	Observe func(*http.Request, redoxauth.Decision)

	Now func() time.Time // default time.Now
}

// A Client may request access tokens.
type Client struct {
	ID string // required, unique, at most 512 bytes

	// Secrets, required, are all accepted: rotate from [old] to [new, old] to [new] (see
	// ExampleNewTokenEndpoint_rotation). The KeyID of a token request is the position in this
	// list, from 0, and that of a message is the position in TokenSecrets. Each has at most
	// 1 KiB. They must be random, because guessers are not delayed.
	Secrets []string

	Scopes []string // a token has those that were requested, or all
}

// A TokenEndpoint is the token URL. It is safe for concurrent use.
//
// It takes a form or a JSON object. The client authenticates with HTTP Basic, in the body, or
// with both if they agree. After 100 wrong credentials of one client from one address, more
// within that minute are answered 429, and a right one passes. COMPATIBILITY.md lists all
// answers.
type TokenEndpoint struct{ endpoint *tokenendpoint.Endpoint }

var _ http.Handler = (*TokenEndpoint)(nil)

// NewTokenEndpoint returns a TokenEndpoint. Its error names everything that is wrong with cfg.
func NewTokenEndpoint(cfg EndpointConfig) (*TokenEndpoint, error) {
	p := config.Problems{Package: strategy}
	g := newGrant(cfg.Clients, &p)
	e, err := tokenendpoint.New(tokenendpoint.Config{
		Strategy:     strategy,
		Issuer:       cfg.Issuer,
		Audience:     cfg.Audience,
		TokenSecrets: cfg.TokenSecrets,
		Lifetime:     cfg.Lifetime,
		MaxLifetime:  24 * time.Hour,
		GrantType:    "client_credentials",
		JSON:         true,
		Challenge:    tokenendpoint.BasicChallenge,
		Clients:      g.clients,
		ClientField:  "Clients",
		ClientKey:    "ID",
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

// Verifier returns a Verifier of the tokens of t and its replicas. A token must have all scopes,
// and its Client must still be configured. KeyID is the position in TokenSecrets. The error
// names a scope that no Client can get.
func (t *TokenEndpoint) Verifier(scopes ...string) (*Verifier, error) {
	v, err := t.endpoint.Verifier(scopes)
	if err != nil {
		return nil, err
	}
	return &Verifier{v}, nil
}
