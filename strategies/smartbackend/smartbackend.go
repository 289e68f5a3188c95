// Package smartbackend verifies requests of a destination with the strategy "SMART
// Backend": Redox proves itself at our token endpoint with an assertion that it signs
// (private_key_jwt), gets an access token with SMART scopes, and sends that with its
// messages ([SMART Backend Services]).
//
//	endpoint, err := smartbackend.NewTokenEndpoint(cfg)
//	mux.Handle("/token", endpoint)
//	mux.Handle("/.well-known/smart-configuration", endpoint.Configuration())
//	mux.Handle("/redox", endpoint.Verifier("system/*.rs").Wrap(handler))
//
// # Redox dashboard
//
// Redox documents some names of the strategy's fields and none of their defaults. What
// goes where:
//
//	dashboard                             EndpointConfig
//	url (the token URL)                   TokenURL
//	clientId                              Clients[].ID
//	scopes                                Clients[].Scopes
//	the key pair, its JWKS URL ("JKU")    Clients[].Keys: keyset.NewRemote, or ParseJWKS, ParsePEM
//	audience, resource                    Audience, or leave them out
//	grantType                             client_credentials
//	grantTypeName, clientIdName           grant_type, client_id
//	noBasic                               true: Basic beside an assertion is refused
//
// # Operation
//
// Keys rotate by themselves with [keyset.NewRemote]: a new key ID makes it fetch. For
// configured keys list old and new together. TokenSecrets rotate in three steps, each on
// all replicas before the next: [old, new], [new, old], and after Lifetime [new].
//
// Clocks may differ by Leeway. An assertion that is refused as "expired" or
// "not_yet_valid" says by how much.
//
// When a key server is down, known keys go on serving (SMART forbids that past their
// Cache-Control: a negative [keyset.RemoteConfig].MaxStale). What cannot be decided, for
// want of a key or of the replay store, is answered 503, never 401. With more than one
// replica the replay store must be shared, or an assertion passes once at each.
//
// An access token proves who sent a message, not what: it does not cover the body, and
// who sees it can use it until it expires.
//
// # Deviations
//
// SMART has aud name the token URL; [RFC 10070] has it name the issuer and nothing
// else. This package follows SMART, which Redox's strategy names, and takes what else
// Audiences lists. It takes an assertion without typ, which SMART requires, and one
// without kid if only one key fits.
//
// [SMART Backend Services]: https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
// [RFC 10070]: https://www.rfc-editor.org/rfc/rfc10070
package smartbackend

import (
	"errors"
	"net/http"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/token"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// An EndpointConfig configures a [TokenEndpoint].
type EndpointConfig struct {
	Clients []Client // required

	// TokenURL, required, is the absolute URL of the TokenEndpoint as Redox calls it.
	TokenURL string

	// Audiences are the accepted values of an assertion's aud; default TokenURL. The
	// assertion must have exactly one.
	Audiences []string

	// Issuer and Audience, both required, are iss and aud of the access tokens: names
	// of the token endpoint and of the destination, usually their URLs, of at most 512
	// bytes. A token request may name its audience or resource, and then it must be this
	// Audience.
	Issuer, Audience string

	// TokenSecrets, required, sign the access tokens: each of 32 random bytes or more,
	// the same list on every replica. The first signs, all verify.
	TokenSecrets [][]byte

	// Lifetime of the access tokens; default 5 min, from 1 s to 5 min. A token is
	// accepted until 60 s past it.
	Lifetime time.Duration

	// Leeway for Redox's clock; default 60 s, at most 5 min.
	Leeway time.Duration

	// Replay, required, remembers the assertions until they expire, and for twice the
	// Leeway and a minute longer: replicas, which must share it, may have clocks that
	// differ by Leeway.
	Replay replay.Store

	// Observe is called once for every token request. The error of its Decision has
	// the Kind that the refusal means; the status of the answer is that of RFC 6749.
	Observe func(*http.Request, redoxauth.Decision)

	Now func() time.Time // default time.Now
}

// A Client may request tokens.
type Client struct {
	ID   string     // required, at most 512 bytes: iss and sub of its assertions
	Keys keyset.Set // required: its keys and nobody else's, for RS384 and ES384

	// Scopes, required, are what it may request, as "system/*.rs", in version 1 or 2 of
	// the syntax, or in both: they are compared by what they cover. A client that
	// requests more gets what is within.
	Scopes []string
}

// A TokenEndpoint is the token URL of SMART Backend Services. It is safe for concurrent
// use.
//
// It takes POST alone, with a form of at most 64 KiB that arrives within 10 s. Scope is
// required. An assertion must be signed with RS384 or ES384, expire within 5 minutes,
// and is accepted once. If its header names a jku, that must be the URL of the client's
// Keys; it is never followed. The endpoint answers
//
//	200  the token
//	400  invalid_request: a parameter twice or missing, credentials in the URL, a secret
//	     beside the assertion
//	400  unsupported_grant_type, invalid_scope (none of them can be granted, or more
//	     than 200 are requested), invalid_target (another audience or resource)
//	401  invalid_client: everything that is wrong with the assertion
//	405, 413, 415  invalid_request: not POST, too large, not a form
//	429  invalid_client: more than 100 wrong assertions of one client from one address
//	     within a minute; a right one is never refused for it
//	503  temporarily_unavailable: keys or replay store cannot be had, the body did not
//	     arrive in time, or 32 MiB of bodies are arriving
type TokenEndpoint struct {
	endpoint      *token.Endpoint
	configuration []byte
}

var _ http.Handler = (*TokenEndpoint)(nil)

// NewTokenEndpoint returns the TokenEndpoint of cfg, or all that is wrong with cfg. It
// fetches nothing.
func NewTokenEndpoint(cfg EndpointConfig) (*TokenEndpoint, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	g, grantErr := newGrant(cfg)
	e, err := token.New(token.Config{
		Strategy:     strategy,
		Issuer:       cfg.Issuer,
		Audience:     cfg.Audience,
		TokenSecrets: cfg.TokenSecrets,
		Lifetime:     cfg.Lifetime,
		MaxLifetime:  maxLifetime,
		GrantType:    grantType,
		Grant:        g,
		Observe:      cfg.Observe,
		Now:          cfg.Now,
	})
	if err := errors.Join(grantErr, err); err != nil {
		return nil, err
	}
	body, err := describe(cfg)
	if err != nil {
		return nil, err
	}
	return &TokenEndpoint{e, body}, nil
}

// ServeHTTP answers a token request.
func (t *TokenEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.endpoint.ServeHTTP(w, r)
}

// Verifier returns a Verifier of the tokens that t issues, and any endpoint of this
// package with the same TokenSecrets, Issuer and Audience. A token's scopes must cover
// all of scopes, else the error is [redoxauth.ErrForbidden]; its client must still be
// configured here.
func (t *TokenEndpoint) Verifier(scopes ...string) *Verifier {
	return &Verifier{t.endpoint.Verifier(scopes)}
}

// A Verifier verifies the access tokens of a [TokenEndpoint]. It is safe for concurrent
// use.
type Verifier struct{ bearer bearer.Verifier }

var _ redoxauth.Verifier = (*Verifier)(nil)

// Verify accepts a request whose bearer token the TokenEndpoint issued. The Identity's
// Subject is the client ID, its KeyID the position of the secret that matched.
//
// The errors: [redoxauth.ErrNoCredentials] without a bearer token, or for one that is no
// JWT or of another issuer; ErrMalformed for two Authorization headers; ErrForbidden for
// a scope; ErrRejected for anything else.
func (v *Verifier) Verify(r *http.Request) (*redoxauth.Identity, error) { return v.bearer.Verify(r) }

// Wrap lets requests through to next that [Verifier.Verify] accepts, with the default
// limits of [redoxauth.Options].
func (v *Verifier) Wrap(next http.Handler) http.Handler {
	return redoxauth.Middleware(v, nil)(next)
}

const (
	strategy    = "smartbackend"
	grantType   = "client_credentials"
	maxLifetime = 5 * time.Minute // of assertions and of access tokens
)

var algorithms = []string{"RS384", "ES384"}
