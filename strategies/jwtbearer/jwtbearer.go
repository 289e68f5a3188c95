// Package jwtbearer verifies the JSON Web Tokens of Redox's strategy "JWT Bearer". Redox
// signs a token and sends it with each message ([New]), or exchanges it, which is then called an
// assertion, for an access token at your token endpoint ([NewTokenEndpoint]; [RFC 7523, Section
// 2.1]).
//
//	keys, err := keyset.NewRemote(keyset.RemoteConfig{URL: "https://..."}) // the JWKS (public keys) of Redox
//	jwt, err := jwtbearer.New(jwtbearer.Config{
//		Keys:     keys,
//		Issuer:   "...",
//		Audience: []string{"..."},
//	})
//	http.Handle("/redox", jwt.Wrap(verifytoken.Challenge(handler))) // with a verification token: see verifytoken
//
// # Redox dashboard
//
// Redox does not document its tokens, or which of the two ways it uses. Agree with Redox on:
//
//	Redox                           Config                  EndpointConfig
//	url                                                     TokenURL
//	public keys, or their URL (JKU) Keys: package keyset    Signers[].Keys
//	shared secret                   Secrets, SecretsFunc
//	signing algorithm               Algorithms              Signers[].Algorithms
//	issuer                          Issuer                  Signers[].Issuer
//	audience                        Audience                AssertionAudiences
//	subject                         Subject                 Signers[].Subject
//	scopes                          Scopes                  Signers[].Scopes
//	noBasic                                                 choose true
//
// To find these values, run examples/inspect: it prints the Config that accepts what arrives. Or
// read the refusals: ExampleNew_unknownToken on pkg.go.dev.
//
// # Settings
//
//   - A shared secret: ExampleNew_secret.
//   - Rotation: ExampleConfig_rotationOf...
//   - A token endpoint, several signers, replicas: ExampleNewTokenEndpoint, ExampleSigner,
//     ExampleEndpointConfig_replicas.
//   - CDS Hooks, Redox SSO, Google's libraries: [COMPATIBILITY.md].
//
// # Operation
//
// The error of a refusal says what arrived, what was expected and which field decides. Explain
// makes all checks and names likely causes.
//
// Published keys rotate without your help: see [keyset.RemoteSet]. Otherwise list the old and
// the new key or secret until [redoxauth.Identity].KeyID names the new one. With a TokenEndpoint
// that is the KeyID of token requests: that of messages is the position in TokenSecrets. While
// the key server is down, known keys keep working. A token that they do not verify is answered
// 503.
//
// # Limits
//
// A token does not cover the body. Anyone who obtains it can use it until it expires. Tokens
// over 16 KiB, and those bound to a key (claim cnf), are refused. A token must not choose its
// keys: its jku is never followed.
//
// A Verifier remembers up to 1024 accepted tokens. On their next use only the signature is not
// checked again: a token ends when its key is withdrawn.
//
// [RFC 7523, Section 2.1]: https://www.rfc-editor.org/rfc/rfc7523#section-2.1
// [COMPATIBILITY.md]: https://github.com/redoxauth/redoxauth-go/blob/main/strategies/jwtbearer/COMPATIBILITY.md
package jwtbearer

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/singleuse"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

const strategy = "jwtbearer"

// Config configures [New]. Required are Issuer, one of Keys, Secrets and SecretsFunc, and one
// of Audience and InsecureNoAudience.
type Config struct {
	Keys    keyset.Set // the public keys of Redox
	Secrets [][]byte   // for HMAC: at least 32 bytes for HS256, 48 for HS384, 64 for HS512

	// SecretsFunc rotates without a restart: see [rotation.Secrets].
	SecretsFunc func(context.Context) ([][]byte, error)

	// Algorithms are the accepted values of alg. The default with Keys is RS, PS and ES with
	// 256, 384 and 512, and EdDSA. With secrets it is HS256.
	Algorithms []string

	Issuer   string   // the only accepted iss (issuer), equal in every character
	Audience []string // names of this API: aud (receivers) must contain one

	// InsecureNoAudience accepts only tokens without aud. Anyone who obtains a token that
	// Redox uses at another API can replay it here.
	InsecureNoAudience bool

	Subject string   // the only accepted sub (whom the token is about); by default it is not checked
	Scopes  []string // all required in the claim scope

	// Types are the accepted values of typ, without case and "application/". "" accepts a
	// token without typ. The default is "JWT" and "".
	Types []string

	MaxLifetime time.Duration // limits exp (end) − iat (issue), or exp − now without iat; default 24 h
	Leeway      time.Duration // how far clocks may differ; default 60 s, at most 5 min

	Replay replay.Store     // usually leave it nil: Redox may reuse a token
	Now    func() time.Time // default time.Now
}

// A Verifier verifies bearer tokens. It is safe for concurrent use.
type Verifier struct{ bearer bearer.Verifier }

var _ redoxauth.Verifier = (*Verifier)(nil)

// New returns a Verifier of tokens that Redox sends directly. Its error names everything that is
// wrong with cfg.
func New(cfg Config) (*Verifier, error) {
	cfg.setDefaults()
	keys, err := cfg.check()
	if err != nil {
		return nil, err
	}
	d := &directTokens{
		tokens: jose.New(jose.Config{
			Keys:        keys,
			Algorithms:  cfg.Algorithms,
			Issuers:     []string{cfg.Issuer},
			Subject:     cfg.Subject,
			Audience:    cfg.Audience,
			Types:       cfg.Types,
			Claims:      []string{"scope"},
			MaxLifetime: cfg.MaxLifetime,
			Leeway:      cfg.Leeway,
			Now:         cfg.Now,
			Fields:      cfg.fields(),
		}),
		scopes: slices.Clone(cfg.Scopes),
		replay: cfg.Replay,
		leeway: cfg.Leeway,
	}
	return &Verifier{bearer.New(strategy, d.decide, d.explain)}, nil
}

// fields names what errors show, in the words of Config and of the package comment.
func (c *Config) fields() jose.Fields {
	f := jose.Fields{
		Keys:        "Config.Keys; Redox dashboard: the public keys or JKU of the credential",
		Algorithms:  "Config.Algorithms; Redox dashboard: signing algorithm",
		Issuers:     "Config.Issuer; Redox dashboard: issuer",
		Subject:     "Config.Subject; Redox dashboard: subject",
		Audience:    "Config.Audience; Redox dashboard: audience",
		Types:       "Config.Types",
		MaxLifetime: "Config.MaxLifetime",
		Leeway:      "Config.Leeway",
	}
	switch {
	case c.SecretsFunc != nil:
		f.Keys = "Config.SecretsFunc; Redox dashboard: shared secret"
	case c.Secrets != nil:
		f.Keys = "Config.Secrets; Redox dashboard: shared secret"
	}
	if c.InsecureNoAudience {
		f.Audience = "Config.InsecureNoAudience; list the audience in Config.Audience instead"
	}
	return f
}

func (c *Config) setDefaults() {
	switch {
	case c.Algorithms != nil:
	case c.Keys == nil:
		c.Algorithms = []string{"HS256"}
	default:
		c.Algorithms = jose.Asymmetric()
	}
	if c.Types == nil {
		c.Types = []string{"JWT", ""}
	}
	c.MaxLifetime = cmp.Or(c.MaxLifetime, 24*time.Hour)
	if c.Now == nil {
		c.Now = time.Now
	}
}

// check returns the source of the keys or secrets, or everything that is wrong.
func (c *Config) check() (keys jose.Source, _ error) {
	p := config.Problems{Package: strategy}
	if c.Keys != nil {
		keys = jose.SourceOf(c.Keys)
	}
	algorithms := slices.Clone(c.Algorithms)
	prepare := func(secrets [][]byte) ([]*jose.Key, error) {
		p := config.Problems{Package: "Config.SecretsFunc"} // the error of Get names the strategy
		keys := jose.HMACKeys(&p, "", secrets, algorithms)
		p.Secrets("", secrets)
		return keys, p.Err()
	}
	switch {
	case c.Keys != nil && c.Secrets == nil && c.SecretsFunc == nil:
	case c.Keys == nil && c.Secrets == nil && c.SecretsFunc != nil:
		keys = rotated{rotation.NewSecrets(strategy, "Config.SecretsFunc", c.SecretsFunc, prepare, c.Now)}
	case c.Keys == nil && c.Secrets != nil && c.SecretsFunc == nil:
		secrets := jose.HMACKeys(&p, "Secrets", c.Secrets, algorithms)
		p.Secrets("Secrets", c.Secrets)
		keys = jose.Secrets(rotation.Static(secrets).Get)
	default:
		p.Add("Keys", "exactly one of Keys, Secrets and SecretsFunc is required")
	}
	if keys != nil { // otherwise nobody knows whether they are for keys or for secrets
		if err := jose.CheckAlgorithms(c.Algorithms, c.Keys == nil, keys); err != nil {
			p.Add("Algorithms", "%w", err)
		}
	}
	p.Name("Issuer", c.Issuer, 0)
	if c.Subject != "" {
		p.Name("Subject", c.Subject, 0)
	}
	if (len(c.Audience) == 0) != c.InsecureNoAudience {
		p.Add("Audience", "exactly one of Audience and InsecureNoAudience is required")
	}
	p.Names("Audience", c.Audience)
	p.Scopes("Scopes", c.Scopes)
	if len(c.Types) == 0 {
		p.Add("Types", "required (nil means the default)")
	}
	p.Types(c.Types)
	p.Duration("MaxLifetime", c.MaxLifetime)
	if c.MaxLifetime < 0 {
		p.Add("MaxLifetime", "negative")
	}
	p.Leeway(&c.Leeway)
	return keys, p.Err()
}

// Verify implements [redoxauth.Verifier]. The Identity's Subject is the token's sub. Without a
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

// rotated are the secrets of SecretsFunc.
type rotated struct {
	secrets *rotation.Secrets[[]*jose.Key]
}

func (s rotated) Find(ctx context.Context, q *jose.Search) (*jose.Key, error) {
	key, err := jose.Secrets(s.secrets.Get).Find(ctx, q)
	return key, s.secrets.Refusal(err)
}

func (rotated) URL() string { return "" }

// directTokens decides about tokens that are sent directly.
type directTokens struct {
	tokens *jose.Verifier
	scopes []string
	replay replay.Store // nil: a token may be used again
	leeway time.Duration
}

const scopesField = "Config.Scopes; Redox dashboard: scopes"

func (d *directTokens) explain(r *http.Request, token string, to *diagnosis.Report) {
	t := d.tokens.Explain(r.Context(), token, to)
	if t == nil {
		return
	}
	bearer.ExplainScopes(to, t, d.scopes, "scope", scopesField)
	if d.replay != nil {
		to.Line("replay: the replay store is not asked, so a token that was used before looks accepted here (Config.Replay)")
	}
}

func (d *directTokens) decide(r *http.Request, token string) (*redoxauth.Identity, error) {
	t, err := d.tokens.Verify(r.Context(), token)
	if err != nil {
		return nil, err
	}
	id := t.Identity(strategy, "scope")
	if err := bearer.CheckScopes(id.Scopes, d.scopes, "scope", scopesField); err != nil {
		return nil, err
	}
	if d.replay == nil {
		t.Remember()
		return id, nil
	}
	until := singleuse.Until(t.Expiry, d.leeway)
	if err := singleuse.Use(r.Context(), d.replay, strategy+" "+t.Issuer, t.ReplayID(token), until); err != nil {
		return nil, err
	}
	return id, nil
}
