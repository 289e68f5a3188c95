// Package smartbackend verifies requests of Redox's strategy "SMART Backend" ([SMART Backend
// Services]). Redox signs a JWT, the assertion, exchanges it for an access token at your token
// endpoint, and sends that with its messages.
//
//	endpoint, err := smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
//		Clients:      []smartbackend.Client{{ID: "redox", Keys: keys, Scopes: []string{"system/*.c"}}},
//		TokenURL:     "https://api.example.com/token",
//		Issuer:       "https://api.example.com",
//		Audience:     "https://api.example.com/redox",
//		TokenSecrets: secrets,
//		Replay:       replay.NewMemory(0),
//	})
//	verifier, err := endpoint.Verifier("system/*.c")
//	mux.Handle("/token", endpoint)
//	mux.Handle("/redox/.well-known/smart-configuration", endpoint.Configuration())
//	mux.Handle("/redox", verifier.Wrap(verifytoken.Challenge(handler)))
//
// # Redox dashboard
//
// Redox documents some fields. You choose clientId and scopes, and enter them on both sides:
//
//	dashboard                      EndpointConfig
//	url                            TokenURL
//	clientId                       Clients[].ID
//	scopes                         Clients[].Scopes
//	key pair, or its URL (JKU)     Clients[].Keys: package keyset
//	audience, resource             Audience, or leave them out
//	grantType                      choose client_credentials
//	grantTypeName, clientIdName    choose grant_type, client_id
//	noBasic                        choose true
//
// # Settings
//
// Examples on pkg.go.dev:
//
//   - Rotation: ExampleClient_rotationOf...
//   - Several clients: ExampleClient
//   - Replicas: ExampleEndpointConfig_replicas
//
// # Operation
//
// The error that Observe gets names the field that decides. Explain names likely causes.
//
// Published keys rotate without your help: see [keyset.RemoteSet]. Otherwise list the old and
// the new key, with different key IDs or none. The KeyID of token requests names the key in
// use. That of messages is the position in TokenSecrets.
//
// While the key server is down, known keys keep working. Without a key or the replay store
// the answer is 503.
//
// # Limits
//
// An access token does not cover the body. Anyone who obtains it can use it until it expires.
// [COMPATIBILITY.md] lists deviations from SMART, and all answers.
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
	TokenURL           string   // required: as Redox calls it
	AssertionAudiences []string // accepted aud (receiver) of assertions; default TokenURL

	// Issuer and Audience, required, are iss (who issues) and aud (who receives) of the
	// access tokens. An audience or resource in a token request must be this Audience.
	Issuer, Audience string

	// TokenSecrets, required, sign the access tokens: at least 32 random bytes each. The
	// first signs, all verify. To rotate, list [old, new] on all replicas, then [new, old], and
	// after Lifetime and a minute [new].
	TokenSecrets [][]byte

	// Lifetime of the access tokens: 1 s to 5 min, default 5 min. They are accepted for 60 s
	// more. To end all at once, replace TokenSecrets.
	Lifetime time.Duration

	Leeway time.Duration // how far clocks may differ; default 60 s, at most 5 min
	Replay replay.Store  // required: records each assertion's ID (jti); shared by all replicas

	// Observe gets every token request; Explain can read it later.
	Observe func(*http.Request, redoxauth.Decision)

	Now func() time.Time // default time.Now
}

// A Client may request access tokens.
type Client struct {
	ID   string     // required: iss and sub (who signed) of the assertions
	Keys keyset.Set // required: of this Client and of nobody else

	// Scopes, required, are what the Client may get. In "system/*.cud", * is every resource
	// type, and the letters are create (c), update (u) and delete (d); read and search are
	// r and s. Sending new data needs c. A Client that requests more gets the part that is
	// allowed.
	Scopes []string
}

// A TokenEndpoint is the token URL. It is safe for concurrent use.
//
// An assertion must be signed with RS384 or ES384 and expire within 5 minutes. It is accepted
// once.
type TokenEndpoint struct {
	endpoint      *tokenendpoint.Endpoint
	configuration []byte
}

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

// Explain is for operators: see [redoxauth.Explain].
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

// Explain is for operators: see [redoxauth.Explain].
func (v *Verifier) Explain(r *http.Request) string {
	if v == nil {
		v = &Verifier{}
	}
	return v.bearer.Explain(r)
}

// Wrap is redoxauth.Middleware(v, nil). It logs nothing: for that give Middleware an Observe.
func (v *Verifier) Wrap(next http.Handler) http.Handler {
	return redoxauth.Middleware(v, nil)(next)
}
