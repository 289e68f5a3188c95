// Package clientcredentials verifies requests of a destination with the strategy
// "OAuth 2.0 2-legged": Redox gets an access token by the client credentials grant
// ([RFC 6749, Section 4.4]) and sends it as "Authorization: Bearer" with its messages.
// It depends on who issues the token:
//
//	your authorization server, as a JWT       New
//	your authorization server, opaque         NewIntrospection
//	you have none: this package               NewTokenEndpoint
//
// # Redox dashboard
//
// Redox documents the names of these fields, and none of their defaults:
//
//	dashboard                 with an authorization server        with NewTokenEndpoint
//	url                       its token URL                       where the TokenEndpoint is
//	clientId                  ClientIDs                           Clients[].ID
//	clientSecret              known there alone                   Clients[].Secrets
//	scopes                    Scopes, or more of them             Clients[].Scopes, or fewer
//	audience, resource        if the server wants it; Audience    Audience, or none
//	grantType                 client_credentials                  client_credentials
//	contentType, noBasic      as the server wants it              any
//	customFieldName, …Value   if the server wants it              ignored
//	grantTypeName, …Name      grant_type, client_id, …            grant_type, client_id, …
//
// # Access tokens of well-known servers
//
// The default is [RFC 9068], with typ "at+jwt". What else servers issue unless told
// otherwise:
//
//	                     Types    ClientIDClaim  ScopeClaim   Issuer
//	RFC 9068             default  default        default
//	Auth0                "JWT"    azp            default      https://TENANT.auth0.com/
//	Okta                 ""       cid            scp          https://ORG.okta.com/oauth2/SERVER
//	Entra ID v2.0        "JWT"    azp            roles        https://login.microsoftonline.com/TENANT/v2.0
//	Entra ID v1.0        "JWT"    appid          roles        https://sts.windows.net/TENANT/
//	Cognito              ""       default        default      https://cognito-idp.REGION.amazonaws.com/POOL
//	Keycloak             "JWT"    azp            default      https://HOST/realms/REALM
//	Ory Hydra            "JWT"    default        scp          https://HOST/
//	oidc-provider        default  default        default      https://HOST
//	glewlwyd             default  default        default      https://HOST/api/oidc
//
// "" is a token without typ. Cognito's tokens have no aud: they need InsecureNoAudience,
// and Scopes, which there begin with the name of your API, in place of it. Auth0 and
// Keycloak (from 26.2) issue RFC 9068 when told to, which is better: ID tokens are "JWT"
// too. Issuers count character by character, with the
// slash at the end or without. [keyset.RemoteConfig].Issuer finds the keys of all.
//
// oidc-provider issues JWTs for a resource whose accessTokenFormat is "jwt", with aud the
// resource. Its keys have no alg: if the resource's is RS384, say, Algorithms must be that.
// It introspects opaque tokens alone; a JWT is then answered 503.
//
// glewlwyd's aud are the scopes that Redox asked for, with spaces between them in one
// string. Its answers to introspection have no iss: leave Issuer empty. Who may ask is a
// Client of x/oauth2 whose token has a scope of introspection-revocation-auth-scope. It
// does not decode HTTP Basic, so secrets should be letters and digits. New keys need a
// restart: resetting the plugin amid requests can crash it.
//
// # Operation
//
// Keys rotate by themselves with [keyset.NewRemote]. Publish a key for as long as the set may
// be cached before signing with it: else whoever names unknown keys can have its tokens
// refused for up to [keyset.RemoteConfig].Cooldown. To change Redox's client, list old
// and new in ClientIDs, and its secret in Clients[].Secrets. TokenSecrets rotate in
// three steps, each on all replicas before the next: [old, new], [new, old], and after
// Lifetime [new]. Clocks may differ by Leeway, by 60 s with introspection; a
// refusal "expired" or "not_yet_valid" says by how much.
//
// When the key server is down, known keys go on serving, and a token of a new key is
// answered 503. When the introspection endpoint is down, tokens it was asked about
// within CacheTTL go on serving, and others are answered 503. Neither is ever 401.
//
// A token proves who sent a message, not what: it does not cover the body, and who sees
// it can use it until it expires. A JWT passes until then even if it was revoked.
//
// [RFC 6749, Section 4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
// [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068
package clientcredentials

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// Config configures [New]. Keys, Issuer, one of Audience and InsecureNoAudience, and one
// of ClientIDs and InsecureAnyClient are required.
type Config struct {
	// Keys are the public keys of the authorization server.
	Keys keyset.Set

	// Issuer is the only accepted iss, character by character. The token of another
	// issuer is [redoxauth.ErrNoCredentials], reason "issuer".
	Issuer string

	// Audience are the names that the server has for this API: aud must hold one.
	Audience []string

	// InsecureNoAudience accepts tokens without aud instead of Audience, and no others.
	// A token for another API of that server, with the same scopes, is as good here.
	InsecureNoAudience bool

	// ClientIDs are Redox's client IDs. An audience alone lets in every client that
	// the server gives such a token.
	ClientIDs []string

	// InsecureAnyClient accepts every client of the server instead of ClientIDs.
	InsecureAnyClient bool

	// Scopes must all be in ScopeClaim; a genuine token that lacks one is
	// [redoxauth.ErrForbidden].
	Scopes []string

	// Algorithms are the accepted values of alg ([RFC 7518, Section 3.1]); default
	// RS256, ES256 and ES384. A key that names no algorithm takes the first that fits
	// its type and curve.
	//
	// [RFC 7518, Section 3.1]: https://www.rfc-editor.org/rfc/rfc7518#section-3.1
	Algorithms []string

	// Types are the accepted values of typ, compared without case and without
	// "application/"; "" stands for none. The default is "at+jwt", and then the claims
	// that RFC 9068, Section 2.2, requires must all be there. In a list of yours,
	// "JWT" also lets in what else the server signs for the Audience, as ID tokens.
	Types []string

	// ClientIDClaim and ScopeClaim are the names of the claims; default "client_id" and
	// "scope". The latter is a string with spaces between the scopes, or an array.
	ClientIDClaim, ScopeClaim string

	// Leeway is how far clocks may differ; default 60 s, at most 5 min.
	Leeway time.Duration

	Now func() time.Time // default time.Now
}

// A Verifier verifies access tokens. It is safe for concurrent use.
type Verifier struct{ bearer bearer.Verifier }

var _ redoxauth.Verifier = (*Verifier)(nil)

// New returns a Verifier of JWTs of an authorization server, or all that is wrong with
// cfg. It does no network.
func New(cfg Config) (*Verifier, error) {
	profile := cfg.Types == nil
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	t := &accessTokens{
		policy:        newPolicy(cfg.ClientIDs, cfg.Scopes),
		clientIDClaim: cfg.ClientIDClaim,
		scopeClaim:    cfg.ScopeClaim,
	}
	trust := jose.Config{
		Keys:       jose.SourceOf(cfg.Keys),
		Algorithms: cfg.Algorithms,
		Issuers:    []string{cfg.Issuer},
		Audience:   cfg.Audience,
		Types:      cfg.Types,
		Leeway:     cfg.Leeway,
		Now:        cfg.Now,
	}
	if profile {
		trust.Required = []string{"sub", cfg.ClientIDClaim, "iat", "jti"}
	}
	t.tokens = jose.New(trust)
	return &Verifier{bearer.New(strategy, t.decide)}, nil
}

// Verify accepts a request whose bearer token is an access token for us, of a client
// that is let in. The Identity's Subject is the client ID, or sub if there is none.
//
// The errors: [redoxauth.ErrNoCredentials] without a bearer token, or for one of another
// shape or issuer; ErrMalformed for two Authorization headers; ErrForbidden for a scope;
// ErrUnavailable when the keys, or the answer about an opaque token, cannot be had;
// ErrRejected for anything else, a token that is bound to a key (cnf) included.
func (v *Verifier) Verify(r *http.Request) (*redoxauth.Identity, error) { return v.bearer.Verify(r) }

// Wrap returns a handler that lets through to next what v accepts: it is
// redoxauth.Middleware(v, nil)(next).
func (v *Verifier) Wrap(next http.Handler) http.Handler {
	return redoxauth.Middleware(v, nil)(next)
}

func (c *Config) setDefaults() {
	if c.Types == nil {
		c.Types = []string{"at+jwt"}
	}
	if c.Algorithms == nil {
		c.Algorithms = []string{"RS256", "ES256", "ES384"}
	}
	if c.ClientIDClaim == "" {
		c.ClientIDClaim = "client_id"
	}
	if c.ScopeClaim == "" {
		c.ScopeClaim = "scope"
	}
	if c.Leeway == 0 {
		c.Leeway = config.DefaultLeeway
	}
}

func (c *Config) check() error {
	var errs []error
	wrong := func(field, what string) { errs = append(errs, fmt.Errorf("%s: %s: %s", strategy, field, what)) }
	if c.Keys == nil {
		wrong("Keys", "required")
	}
	if c.Issuer == "" {
		wrong("Issuer", "required")
	}
	if (len(c.Audience) == 0) != c.InsecureNoAudience {
		wrong("Audience", "exactly one of Audience and InsecureNoAudience is required")
	}
	if slices.Contains(c.Audience, "") {
		wrong("Audience", "an empty name")
	}
	if len(c.Types) == 0 {
		wrong("Types", "an empty list")
	}
	if err := jose.CheckAlgorithms(c.Algorithms, false); err != nil {
		wrong("Algorithms", err.Error())
	}
	if c.Leeway < 0 || c.Leeway > config.MaxLeeway {
		wrong("Leeway", "not from 0 to 5 min")
	}
	checkPolicy(c.ClientIDs, c.InsecureAnyClient, c.Scopes, wrong)
	return errors.Join(errs...)
}

func checkPolicy(clientIDs []string, anyClient bool, scopes []string, wrong func(field, what string)) {
	if (len(clientIDs) == 0) != anyClient {
		wrong("ClientIDs", "exactly one of ClientIDs and InsecureAnyClient is required")
	}
	if slices.Contains(clientIDs, "") {
		wrong("ClientIDs", "an empty ID")
	}
	if slices.ContainsFunc(scopes, func(s string) bool { return !config.ValidScope(s) }) {
		wrong("Scopes", "not a scope of RFC 6749, Section 3.3")
	}
}
