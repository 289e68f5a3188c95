// Package clientcredentials verifies requests of the strategy "OAuth 2.0 2-legged". Redox
// gets an access token for its client ID and secret (the client credentials grant, [RFC 6749,
// Section 4.4]), and sends it as "Authorization: Bearer". Choose by who issues the tokens:
//
//	you have no authorization server      NewTokenEndpoint
//	your authorization server, as JWTs    New
//	your authorization server, opaque     NewIntrospection, which asks it about each token
//
// Opaque means that only the server can read the token. Without a server:
//
//	endpoint, err := clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
//		Clients:      []clientcredentials.Client{{ID: "redox", Secrets: []string{"..."}}},
//		Issuer:       "https://api.example.com",
//		Audience:     "https://api.example.com/redox",
//		TokenSecrets: secrets,
//	})
//	verifier, err := endpoint.Verifier()
//	http.Handle("/token", endpoint)
//	http.Handle("/redox", verifier.Wrap(verifytoken.Challenge(handler)))
//
// On pkg.go.dev: ExampleNew, ExampleNewIntrospection.
//
// # Redox dashboard
//
// Redox documents these fields, but not their defaults. For NewTokenEndpoint you choose the
// values, and enter them on both sides:
//
//	dashboard           New, NewIntrospection     NewTokenEndpoint
//	url                 the server's token URL    URL of the TokenEndpoint
//	clientId            ClientIDs                 Clients[].ID
//	clientSecret        -                         Clients[].Secrets
//	scopes              Scopes, or a larger list  Clients[].Scopes, or a smaller list
//	audience, resource  as Audience needs         Audience, or empty
//	grantType           client_credentials        client_credentials
//	…Name               as the server wants       OAuth's (client_id, …)
//	all others          as the server wants       any
//
// # Settings
//
// By default tokens are those of [RFC 9068]. Many servers issue others. ExampleNew_auth0,
// ExampleNew_entraV1 and so on are whole, and [COMPATIBILITY.md] has more servers and clients.
//
//	          Types  ClientIDClaim  ScopeClaim
//	Auth0     "JWT"  azp
//	Okta      ""     cid            scp
//	Entra v1  "JWT"  appid          roles
//	Entra v2  "JWT"  azp            roles
//	Cognito   ""
//	Keycloak  "JWT"  azp
//
// To rotate, list the old and the new one in ClientIDs or Secrets.
//
// # Operation
//
// A refusal's error says which field decides. Explain runs all checks, and names mistakes that
// fit.
//
// Keys rotate without a restart ([keyset.RemoteSet]). When the key server or the
// introspection endpoint is down, known keys and cached answers remain in use. Other tokens are
// answered 503.
//
// # Limits
//
// A token does not cover the body. Anyone who obtains it can use it. A JWT stays usable until it
// expires, even after it is revoked. Tokens that are bound to a key (claim cnf) are refused, and
// those over 16 KiB, or 4 KiB with NewIntrospection.
//
// [RFC 6749, Section 4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
// [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068
// [COMPATIBILITY.md]: https://github.com/redoxauth/redoxauth-go/blob/main/strategies/clientcredentials/COMPATIBILITY.md
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

// A Config configures [New]. Keys, Issuer, Audience and ClientIDs are required.
type Config struct {
	Keys keyset.Set // of the authorization server

	Issuer string // must equal iss in every character; else [redoxauth.ErrNoCredentials]

	Audience []string // names of this API; aud (receivers) must contain one

	// InsecureNoAudience, instead of Audience, accepts only tokens without aud. A token that
	// Redox sends to another API of the server can be replayed here, unless Scopes forbid it.
	InsecureNoAudience bool

	ClientIDs []string // of Redox: other clients of the server get tokens for this API too

	InsecureAnyClient bool // instead of ClientIDs: accept every client of the server

	Scopes []string // all required; else [redoxauth.ErrForbidden]

	// Algorithms are the accepted alg; default RS, PS and ES with 256, 384 and 512, and EdDSA.
	Algorithms []string

	// Types are the accepted typ; "" if there is none. The default is "at+jwt", with all claims
	// of RFC 9068, Section 2.2. "JWT" accepts ID tokens too, if they are for the Audience.
	Types []string

	// ClientIDClaim and ScopeClaim default to "client_id" and "scope". Scopes are one string or
	// an array.
	ClientIDClaim, ScopeClaim string

	Leeway time.Duration // how far clocks may differ; default 60 s, at most 5 min

	Now func() time.Time // default time.Now
}

// A Verifier verifies access tokens. It is safe for concurrent use. The zero Verifier answers
// 500.
type Verifier struct{ bearer bearer.Verifier }

var _ redoxauth.Verifier = (*Verifier)(nil)

// New returns a Verifier of JWTs. Its error names everything that is wrong with cfg.
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

// Verify accepts an access token of a client for this API. The Subject is the client ID, or sub
// if there is none. The errors:
//
//	ErrNoCredentials  no bearer token, or one of another shape or issuer
//	ErrMalformed      two Authorization headers
//	ErrForbidden      a scope is missing
//	ErrUnavailable    no keys or introspection
//	ErrRejected       all else
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
