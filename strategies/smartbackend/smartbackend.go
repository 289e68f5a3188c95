// Package smartbackend verifies requests of Redox's strategy "SMART Backend" ([SMART Backend
// Services]). Redox signs an assertion, exchanges it for an access token at your token
// endpoint, and sends that with its messages.
//
//	endpoint, err := smartbackend.NewTokenEndpoint(cfg)
//	verifier, err := endpoint.Verifier("system/*.rs")
//	mux.Handle("/token", endpoint)
//	mux.Handle("/redox/.well-known/smart-configuration", endpoint.Configuration())
//	mux.Handle("/redox", verifier.Wrap(verifytoken.Challenge(handler))) // with a verification token: see verifytoken
//
// # Redox dashboard
//
// Redox documents some fields:
//
//	dashboard                      EndpointConfig
//	url                            TokenURL
//	clientId                       Clients[].ID
//	scopes                         Clients[].Scopes
//	key pair, JKU                  Clients[].Keys: package keyset
//	audience, resource             Audience, or empty
//	grantType                      choose client_credentials
//	grantTypeName, clientIdName    choose grant_type, client_id
//	noBasic                        choose true
//
// # Settings
//
//   - Rotation: examples Client (RotationOf...).
//   - Several clients or replicas: examples Client, EndpointConfig.
//
// # Operation
//
// The error that Observe gets says what arrived, what was expected and which field decides.
// [redoxauth.Reason] lists the reasons. Explain makes all checks and names likely causes.
//
// Published keys rotate without your help: see [keyset.RemoteSet]. Otherwise list the old and
// the new key, with different key IDs or none.
//
// While the key server is down, known keys keep working. Without a key or the replay store
// the answer is 503, never 401.
//
// # Limits
//
// An access token does not cover the body. Anyone who obtains it can use it until it expires.
// [COMPATIBILITY.md] lists deviations from SMART.
//
// [SMART Backend Services]: https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
// [COMPATIBILITY.md]: https://github.com/redoxauth/redoxauth-go/blob/main/strategies/smartbackend/COMPATIBILITY.md
package smartbackend

import (
	"net/http"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

const strategy = "smartbackend"

// An EndpointConfig configures a [TokenEndpoint].
type EndpointConfig struct {
	Clients            []Client // required; removing one ends its tokens
	TokenURL           string   // required: absolute, as Redox calls it, the same on all replicas
	AssertionAudiences []string // accepted aud of assertions; default TokenURL

	// Issuer and Audience, required, are iss and aud of the access tokens, such as the URLs
	// of the token endpoint and of the destination. An audience or resource in a token
	// request must be this Audience.
	Issuer, Audience string

	// TokenSecrets, required, sign the access tokens: at least 32 random bytes each. The
	// first signs, all verify. To rotate, change all replicas from [old, new] to [new, old],
	// and after Lifetime to [new].
	TokenSecrets [][]byte

	// Lifetime of the access tokens: 1 s to 5 min, default 5 min. They are accepted for 60 s
	// more. To end all at once, replace TokenSecrets.
	Lifetime time.Duration

	Leeway time.Duration // how far clocks may differ; default 60 s, at most 5 min
	Replay replay.Store  // required: records each jti; shared by all replicas

	// Observe gets every token request; Explain can read it later.
	Observe func(*http.Request, redoxauth.Decision)

	Now func() time.Time // default time.Now
}

// A Client may request access tokens.
type Client struct {
	ID   string     // required: iss and sub of the assertions
	Keys keyset.Set // required: of this Client and of nobody else

	// Scopes, required, are what the Client may get, such as "system/*.rs", in version 1 or
	// 2 of the syntax. A Client that requests more gets the part that is allowed.
	Scopes []string
}

// A TokenEndpoint is the token URL of SMART Backend Services. It is safe for concurrent use.
//
// An assertion must be signed with RS384 or ES384 and expire within 5 minutes. It is accepted
// once. A jku must be the URL of the Client's Keys. COMPATIBILITY.md lists all answers.
type TokenEndpoint struct {
	endpoint      *tokenendpoint.Endpoint
	configuration []byte
}

var _ http.Handler = (*TokenEndpoint)(nil)

// NewTokenEndpoint makes no request. Its error names everything that is wrong with cfg.
func NewTokenEndpoint(cfg EndpointConfig) (*TokenEndpoint, error) {
	p := config.Problems{Package: strategy}
	g := newGrant(cfg, &p)
	e, err := tokenendpoint.New(tokenendpoint.Config{
		Strategy:     strategy,
		Issuer:       cfg.Issuer,
		Audience:     cfg.Audience,
		TokenSecrets: cfg.TokenSecrets,
		Lifetime:     cfg.Lifetime,
		MaxLifetime:  maxLifetime,
		GrantType:    grantType,
		Challenge:    tokenendpoint.RedoxChallenge,
		Clients:      g.Clients,
		ClientField:  "Clients",
		ClientKey:    "ID",
		Scopes:       scopes{},
		Prove:        g.prove,
		Explain:      g.explain,
		Observe:      cfg.Observe,
		Now:          cfg.Now,
	})
	if err := p.Err(err); err != nil {
		return nil, err
	}
	return &TokenEndpoint{e, describe(cfg)}, nil
}

// ServeHTTP answers a token request.
func (t *TokenEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.endpoint.ServeHTTP(w, r)
}

// Explain tells an operator what t makes of a token request: see [redoxauth.Explain].
func (t *TokenEndpoint) Explain(r *http.Request) string {
	if t == nil {
		t = &TokenEndpoint{}
	}
	return t.endpoint.Explain(r)
}

// Verifier returns a Verifier of the access tokens of t and its replicas whose scopes cover
// all scopes. The error names a scope that no Client can get.
func (t *TokenEndpoint) Verifier(scopes ...string) (*Verifier, error) {
	v, err := t.endpoint.Verifier(scopes)
	if err != nil {
		return nil, err
	}
	return &Verifier{v}, nil
}

// A Verifier verifies access tokens. It is safe for concurrent use.
type Verifier struct{ bearer bearer.Verifier }

var _ redoxauth.Verifier = (*Verifier)(nil)

// Verify implements [redoxauth.Verifier]. The Identity's Subject is the client ID. Without a
// JWT of Issuer the error is [redoxauth.ErrNoCredentials].
func (v *Verifier) Verify(r *http.Request) (*redoxauth.Identity, error) { return v.bearer.Verify(r) }

// Explain tells an operator what v makes of r: see [redoxauth.Explain].
func (v *Verifier) Explain(r *http.Request) string {
	if v == nil {
		v = &Verifier{}
	}
	return v.bearer.Explain(r)
}

// Wrap is redoxauth.Middleware(v, nil).
func (v *Verifier) Wrap(next http.Handler) http.Handler {
	return redoxauth.Middleware(v, nil)(next)
}
