// Package clientcredentials verifies requests of a destination with the strategy
// "OAuth 2.0 2-legged". Redox gets an access token by the client credentials grant
// ([RFC 6749, Section 4.4]) and sends it with its messages as "Authorization: Bearer".
// Which function you need depends on who issues the token:
//
//	your authorization server, as a JWT       New
//	your authorization server, opaque         NewIntrospection
//	you have no authorization server          NewTokenEndpoint
//
// With an authorization server that issues JWTs:
//
//	keys, err := keyset.NewRemote(keyset.RemoteConfig{Issuer: "https://..."})
//	access, err := clientcredentials.New(clientcredentials.Config{
//		Keys:      keys,
//		Issuer:    "https://...",
//		Audience:  []string{"..."}, // this API
//		ClientIDs: []string{"..."}, // Redox
//	})
//	http.Handle("/redox", access.Wrap(verifytoken.Challenge(handler))) // with a verification token: see verifytoken
//
// # Redox dashboard
//
// Redox documents the names of these fields, but not their defaults:
//
//	dashboard                 with an authorization server        with NewTokenEndpoint
//	url                       its token URL                       where the TokenEndpoint is
//	clientId                  ClientIDs                           Clients[].ID
//	clientSecret              known to that server only           Clients[].Secrets
//	scopes                    all of Scopes, perhaps more         some or all of Clients[].Scopes
//	audience, resource        if the server wants it; Audience    Audience, or empty
//	grantType                 client_credentials                  client_credentials
//	contentType, noBasic      as the server wants it              any
//	customFieldName, …Value   if the server wants it              ignored
//	grantTypeName, …Name      grant_type, client_id, …            grant_type, client_id, …
//
// # Access tokens of well-known servers
//
// The default is [RFC 9068], with typ "at+jwt". These servers issue other tokens, unless
// they are configured otherwise:
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
// "" is a token without typ. An issuer must be equal in every character, with or without
// the slash at its end. [keyset.RemoteConfig].Issuer finds the keys of all these servers.
//
// Auth0, and Keycloak from 26.2, can be configured to issue RFC 9068. That is better,
// because their ID tokens have the typ "JWT" too.
//
// Cognito's tokens have no aud. They need InsecureNoAudience. Set Scopes too: a scope of
// Cognito begins with the name of your API, and replaces the audience.
//
// oidc-provider issues JWTs for a resource whose accessTokenFormat is "jwt". Their aud is
// the resource. It introspects opaque tokens only: a JWT is answered 503.
//
// Entra ID issues v2.0 only if requestedAccessTokenVersion in the manifest of your API is 2,
// else v1.0. In v2.0 aud is the API's application ID (a GUID). In v1.0 it is the GUID or the
// API's URI, as the client asked. The dashboard's scopes are "URI/.default". Config.Scopes are
// the app roles that an administrator granted to Redox's client.
//
// glewlwyd puts the scopes that Redox asked for into aud, in one string with spaces between
// them. Its introspection answers have no iss, so leave Issuer empty. Introspection takes a
// token with a scope of introspection-revocation-auth-scope: set Client to a client of
// golang.org/x/oauth2. It does not decode HTTP Basic, so use only letters and digits in
// secrets. Restart it for new keys: resetting the plugin can crash it.
//
// # When a token is refused
//
// The error says what arrived, what was expected, and which field decides, such as
//
//	client_id is absent, want "redox" (Config.ClientIDs; Redox dashboard: clientId; the claim: Config.ClientIDClaim)
//
// "absent" is a claim that the token does not have, and "empty" one without text. With the
// reason "issuer" the token is of another server, or Issuer is not written as in the token. With
// "type", "client" and "scope", compare with the table above. "audience" means that Redox asks
// for a token for another API, or for none: see audience, resource and scopes in the dashboard.
// "unknown_key" lists the keys that there are. "keys" means that the server's keys cannot be
// fetched, and says why.
//
// [Verifier].Explain runs all checks, also after the first that fails, and names causes that fit,
// such as a slash at the end, a client ID in another claim, or an ID token instead of an access
// token. Call it with the request that [redoxauth.Options].Observe gets.
//
// # Operation
//
// Keys rotate without a restart with [keyset.NewRemote]. Publish a new key before
// you sign with it, for as long as the set may be cached. Otherwise the first token of the
// new key waits for a fetch, at most [keyset.RemoteConfig].Cooldown. If 64 requests wait
// already, or if the new key has the key ID of the old one, it is refused meanwhile. To
// change Redox's client, list the old and the new one in ClientIDs. To change its secret,
// list both in Clients[].Secrets. TokenSecrets rotate in three steps, each on all replicas
// before the next: [old, new], [new, old], and after Lifetime [new].
//
// Clocks may differ by Leeway, or by 60 s with introspection. The error of a refusal
// "expired" says how long ago the token expired. The error of "not_yet_valid" says how long
// it is until the token is valid.
//
// During an outage of the key server known keys keep working, and a token of a new key is
// answered 503. During an outage of the introspection endpoint a token that it was asked
// about within CacheTTL keeps working, and other tokens are answered 503. An outage never
// causes 401.
//
// A token proves who sent a message. It does not cover the body, and anyone who obtains it
// can use it until it expires. A revoked JWT is accepted until it expires.
//
// [RFC 6749, Section 4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
// [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068
package clientcredentials

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

const strategy = "clientcredentials"

// Config configures [New]. Keys, Issuer, one of Audience and InsecureNoAudience, and one
// of ClientIDs and InsecureAnyClient are required.
type Config struct {
	// Keys are the public keys of the authorization server.
	Keys keyset.Set

	// Issuer is the only accepted iss, equal in every character. A token of another
	// issuer is [redoxauth.ErrNoCredentials], reason "issuer".
	Issuer string

	// Audience lists the names of this API at the authorization server. The aud of a
	// token must contain one of them.
	Audience []string

	// InsecureNoAudience accepts only tokens without aud; Audience must be empty. Anyone
	// who obtains a token that Redox uses at another API of that server can replay it
	// here.
	InsecureNoAudience bool

	// ClientIDs lists the client IDs of Redox. The audience is not enough: the server
	// gives tokens with it to other clients too.
	ClientIDs []string

	// InsecureAnyClient accepts every client of the server; ClientIDs must be empty.
	InsecureAnyClient bool

	// Scopes are all required in ScopeClaim. A genuine token without one of them is
	// [redoxauth.ErrForbidden].
	Scopes []string

	// Algorithms are the accepted values of alg ([RFC 7518, Section 3.1]). The default is
	// every asymmetric one: RS, PS and ES with 256, 384 and 512, and EdDSA. A key with an
	// alg serves that one alone. A key without alg serves each that fits its type and
	// curve. At least one of the configured Keys must serve one of them.
	//
	// [RFC 7518, Section 3.1]: https://www.rfc-editor.org/rfc/rfc7518#section-3.1
	Algorithms []string

	// Types are the accepted values of typ, compared without case and without
	// "application/"; "" accepts a token without typ. The default is "at+jwt". With the
	// default, all claims that RFC 9068, Section 2.2, requires must be present. "JWT"
	// also accepts other tokens that the server signs for the Audience, such as ID
	// tokens.
	Types []string

	// ClientIDClaim and ScopeClaim are the names of the claims; default "client_id" and
	// "scope". The scopes are a string with spaces between them, or an array.
	ClientIDClaim, ScopeClaim string

	// Leeway is how far clocks may differ; default 60 s, at most 5 min.
	Leeway time.Duration

	Now func() time.Time // default time.Now
}

// A Verifier verifies access tokens. It is safe for concurrent use. The zero Verifier
// refuses every request with status 500.
type Verifier struct{ bearer bearer.Verifier }

var _ redoxauth.Verifier = (*Verifier)(nil)

// New returns a Verifier. Its error names everything that is wrong with cfg. It makes no
// request. The Verifier is for JWTs of an authorization server.
func New(cfg Config) (*Verifier, error) {
	cfg.ClientIDClaim, cfg.ScopeClaim = cmp.Or(cfg.ClientIDClaim, "client_id"), cmp.Or(cfg.ScopeClaim, "scope")
	var required []string
	if cfg.Types == nil {
		cfg.Types, required = []string{"at+jwt"}, []string{"sub", cfg.ClientIDClaim, "iat", "jti"}
	}
	if cfg.Algorithms == nil {
		cfg.Algorithms = jose.Asymmetric()
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	a := &accessTokens{
		policy:   newPolicy("Config", cfg.ClientIDClaim, cfg.ScopeClaim, cfg.ClientIDs, cfg.Scopes),
		audience: cfg.Audience,
		tokens: jose.New(jose.Config{
			Keys:       jose.SourceOf(cfg.Keys),
			Algorithms: cfg.Algorithms,
			Issuers:    []string{cfg.Issuer},
			Audience:   cfg.Audience,
			Types:      cfg.Types,
			Claims:     []string{cfg.ClientIDClaim, cfg.ScopeClaim},
			Required:   required,
			Leeway:     cfg.Leeway,
			Now:        cfg.Now,
			Fields:     cfg.fields(),
		}),
	}
	return &Verifier{bearer.New(strategy, a.decide, a.explain)}, nil
}

// fields names what errors show, in the words of Config and of the package comment.
func (c *Config) fields() jose.Fields {
	f := jose.Fields{
		Keys:       "Config.Keys",
		Algorithms: "Config.Algorithms",
		Issuers:    "Config.Issuer",
		Audience:   "Config.Audience; Redox dashboard: audience or resource",
		Types:      "Config.Types",
		Required:   "required by RFC 9068, as long as Config.Types is nil; Config.ClientIDClaim names the claim of the client",
		Leeway:     "Config.Leeway",
	}
	if c.InsecureNoAudience {
		f.Audience = "Config.InsecureNoAudience; list the audience in Config.Audience instead"
	}
	return f
}

func (c *Config) check() error {
	p := config.Problems{Package: strategy}
	if c.Keys == nil {
		p.Add("Keys", "required")
	}
	p.Name("Issuer", c.Issuer, 0)
	if (len(c.Audience) == 0) != c.InsecureNoAudience {
		p.Add("Audience", "exactly one of Audience and InsecureNoAudience is required")
	}
	p.Names("Audience", c.Audience)
	if len(c.Types) == 0 {
		p.Add("Types", "required (nil means the default)")
	}
	p.Types(c.Types)
	p.Name("ClientIDClaim", c.ClientIDClaim, 0)
	p.Name("ScopeClaim", c.ScopeClaim, 0)
	if err := jose.CheckAlgorithms(c.Algorithms, false, jose.SourceOf(c.Keys)); err != nil {
		p.Add("Algorithms", "%w", err)
	}
	p.Leeway(&c.Leeway)
	checkPolicy(&p, c.ClientIDs, c.InsecureAnyClient, c.Scopes)
	return p.Err()
}

// Verify accepts a request with an access token for this API, of an accepted client. The
// Identity's Subject is the client ID, or sub if there is no client ID.
//
// The errors:
//
//   - [redoxauth.ErrNoCredentials]: no bearer token, or one of another shape or issuer, however
//     malformed or large it is
//   - [redoxauth.ErrMalformed]: two Authorization headers
//   - [redoxauth.ErrForbidden]: a scope is missing
//   - [redoxauth.ErrUnavailable]: the keys, or the answer about an opaque token, are not available now
//   - [redoxauth.ErrRejected]: everything else, such as a token that is bound to a key (cnf)
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

// accessTokens decides about JWTs.
type accessTokens struct {
	policy
	audience []string
	tokens   *jose.Verifier
}

func (a *accessTokens) decide(r *http.Request, token string) (*redoxauth.Identity, error) {
	t, err := a.tokens.Verify(r.Context(), token)
	if err != nil {
		return nil, err
	}
	id := t.Identity(strategy, a.scopeClaim)
	client, present := t.Claim(a.clientClaim).Text()
	if err := a.accept(id, client, present); err != nil {
		return nil, err
	}
	t.Remember()
	return id, nil
}

func (a *accessTokens) explain(r *http.Request, token string, to *diagnosis.Report) {
	t := a.tokens.Explain(r.Context(), token, to)
	if t == nil {
		return
	}
	client, present := t.Claim(a.clientClaim).Text()
	a.explainClient(to, client, present)
	bearer.ExplainScopes(to, t, a.scopes, a.scopeClaim, a.scopeField)
	a.hint(to, t, client, present)
}

// A policy says which clients are accepted, and with which scopes.
type policy struct {
	config                  string   // the name of the Config that users see
	clientClaim, scopeClaim string   // where client and scopes are
	clientIDs               []string // empty: any
	scopes                  []string // all of them
	scopeField              string   // which decides them
}

func newPolicy(config, clientClaim, scopeClaim string, clientIDs, scopes []string) policy {
	p := policy{config, clientClaim, scopeClaim, slices.Clone(clientIDs), slices.Clone(scopes), ""}
	p.scopeField = config + ".Scopes; Redox dashboard: scopes" + p.claimField("ScopeClaim")
	return p
}

func checkPolicy(p *config.Problems, clientIDs []string, anyClient bool, scopes []string) {
	if (len(clientIDs) == 0) != anyClient {
		p.Add("ClientIDs", "exactly one of ClientIDs and InsecureAnyClient is required")
	}
	p.Names("ClientIDs", clientIDs)
	p.Scopes("Scopes", scopes)
}

// accept refuses id unless the client in the claim and the scopes are accepted. present tells an
// absent client from an empty one. The client becomes the Subject, because it is the one who
// acts. The sub may be a user (RFC 9068, Section 5).
func (p policy) accept(id *redoxauth.Identity, client string, present bool) error {
	if err := p.checkClient(client, present); err != nil {
		return err
	}
	id.Subject = cmp.Or(client, id.Subject)
	return p.checkScopes(id.Scopes)
}

func (p policy) checkClient(client string, present bool) error {
	if len(p.clientIDs) > 0 && !slices.Contains(p.clientIDs, client) {
		return redoxauth.Errorf(redoxauth.ErrRejected, "client", "%s is %s, want %s (%s)",
			p.clientClaim, diagnosis.Text(client, present), diagnosis.OneOf(p.clientIDs), p.clientField())
	}
	return nil
}

func (p policy) clientField() string {
	return p.config + ".ClientIDs; Redox dashboard: clientId" + p.claimField("ClientIDClaim")
}

// claimField names the field that decides which claim is read, if there is one.
func (p policy) claimField(name string) string {
	if p.config != "Config" {
		return ""
	}
	return "; the claim: Config." + name
}

func (p policy) checkScopes(granted []string) error {
	return bearer.CheckScopes(granted, p.scopes, p.scopeClaim, p.scopeField)
}

// explainClient adds a line for the client.
func (p policy) explainClient(to *diagnosis.Report, client string, present bool) {
	switch err := p.checkClient(client, present); {
	case err != nil:
		to.Error(err)
		to.Near(p.clientClaim, client, p.clientIDs, p.clientField())
	case len(p.clientIDs) == 0:
		to.Line("%s: %s, and any is accepted (%s.InsecureAnyClient)", p.clientClaim, diagnosis.Text(client, present), p.config)
	default:
		to.Line("%s: %s, as configured (%s)", p.clientClaim, diagnosis.Text(client, present), p.clientField())
	}
}
