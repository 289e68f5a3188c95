// Package jwtbearer verifies JSON Web Tokens that Redox signs. Redox sends a token either
// directly, as "Authorization: Bearer" ([New]), or to a token endpoint of ours, which
// exchanges it for an access token ([NewTokenEndpoint]; [RFC 7523, Section 2.1]).
//
//	keys, err := keyset.NewRemote(keyset.RemoteConfig{URL: "https://..."}) // the JWKS of Redox
//	jwt, err := jwtbearer.New(jwtbearer.Config{
//		Keys:     keys,
//		Issuer:   "...",
//		Audience: []string{"..."},
//	})
//	http.Handle("/redox", jwt.Wrap(verifytoken.Challenge(handler))) // with a verification token: see verifytoken
//
// # Redox dashboard
//
// The strategy is "JWT Bearer". Redox does not document its fields, its tokens, or which of
// the two forms it uses. So you configure everything that Redox tells you:
//
//	what you agree with Redox                   Config
//	where its public keys are (JWKS, "JKU")     Keys: keyset.NewRemote
//	a public key or certificate in a file       Keys: keyset.ParsePEM, keyset.ParseJWKS
//	a shared secret                             Secrets (or SecretsFunc for rotation)
//	signing algorithm                           Algorithms
//	issuer (iss)                                Issuer
//	audience (aud)                              Audience
//	subject (sub)                               Subject
//	scopes (scope)                              Scopes
//	type in the header (typ)                    Types
//
// A jku in a token is never followed: a token must not choose the keys that verify it.
//
// [CDS Hooks] also has tokens that are sent directly. Their aud is the URL that is called, as the
// sender writes it. So list that URL in Audience.
//
// Redox documents the form of one bearer JWT: that of its SSO data model ([Redox SSO]),
// which is another feature. It is signed with HS256 under a secret that Redox generates and
// shows once. Its iss and aud are UUIDs, its sub is empty, and it is valid for 15 minutes.
//
// # The first real request
//
// To learn what Redox sends, configure what you know. For Issuer and Audience, put any word
// first, such as "unknown". Log refusals with [redoxauth.Options].Observe and
// [redoxauth.LogDecisions]. Each refusal shows what the token says, in the order of the
// checks. First you see iss (reason "issuer"). When Issuer is right, you see typ ("type"),
// alg ("algorithm") and kid ("unknown_key"). When the signature verifies, you see aud
// ("audience") and sub ("subject"). No token is accepted until all of this is right.
//
// # When a token is refused
//
// The error says what arrived, what was expected, and which field decides, such as
//
//	aud is "https://x/", want "https://x" (Config.Audience; Redox dashboard: audience)
//
// "absent" is a claim that the token does not have, and "empty" one without text. These are the
// reasons, in the order of the checks:
//
//	missing         no bearer token, or one that is no JWT
//	issuer          iss is another than Issuer: a token of another sender, or a wrong Issuer
//	malformed       the token cannot be read, or a required claim is absent
//	type            typ is none of Types
//	algorithm       alg is none of Algorithms, or the key is for another one
//	unknown_key     no key has the kid of the token: the error lists those that there are
//	keys, secrets   no keys or secrets are there: their server or function failed (503)
//	signature       no key or secret made the signature
//	binding         the token is bound to a key (cnf)
//	expired         exp is over, by this server's clock
//	not_yet_valid   nbf or iat is later, by this server's clock
//	lifetime        exp is absent, or the token is valid for longer than MaxLifetime
//	audience        aud has none of Audience
//	subject         sub is another than Subject
//	scope           scope lacks one of Scopes (403)
//	replayed        the token was used before (with Replay)
//
// [Verifier].Explain runs all checks, also after the first that fails, and names causes that fit:
// a slash at the end, a secret that is meant as base64, a token of another kind. Call it with the
// request that [redoxauth.Options].Observe gets.
//
// # Operation
//
// Published keys rotate without your help: the first token of a new key makes
// [keyset.RemoteSet] fetch, and waits for it. To rotate configured keys or secrets, list the
// old and the new one. [redoxauth.Identity].KeyID shows which one matched: the kid of the
// key, or the position of a secret or of a key without kid.
//
// Clocks may differ by Leeway. The error of a refusal "expired" says how long ago the token
// expired. The error of "not_yet_valid" says how long it is until the token is valid.
//
// During an outage of the key server known keys keep working. A token that they do not
// verify is answered 503 until the server is back. An outage never causes 401. See
// [keyset.RemoteConfig].
//
// The Verifier remembers the signatures of up to 1024 accepted tokens until they expire.
// The second use of a token skips the signature check, and no other check. So a token ends
// when its key is withdrawn.
//
// A token proves who sent a message. It does not cover the body, and anyone who obtains it
// can use it until it expires. A token is accepted any number of times, unless Replay is
// set. Leave Replay unset if Redox sends one token with many messages, or if it may send a
// message again.
//
// [RFC 7523, Section 2.1]: https://www.rfc-editor.org/rfc/rfc7523#section-2.1
// [CDS Hooks]: https://cds-hooks.hl7.org/2.0/#trusting-cds-clients
// [Redox SSO]: https://developer.redoxengine.com/data-models/SSO.html
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

// Config configures [New]. Issuer, one of Keys, Secrets and SecretsFunc, and one of
// Audience and InsecureNoAudience are required.
type Config struct {
	// Keys are the public keys of Redox.
	Keys keyset.Set

	// Secrets are HMAC secrets, instead of Keys. Each must be at least as long as the
	// longest hash of Algorithms: 32 bytes for HS256 ([RFC 7518, Section 3.2]). One that is
	// text has no white space around it, such as the line break at the end of a file.
	//
	// [RFC 7518, Section 3.2]: https://www.rfc-editor.org/rfc/rfc7518#section-3.2
	Secrets [][]byte

	// SecretsFunc supplies the secrets, so that a rotation needs no restart. It is called
	// on use, at most every 30 s: see [rotation.Secrets].
	SecretsFunc func(context.Context) ([][]byte, error)

	// Algorithms are the accepted values of alg ([RFC 7518, Section 3.1]). The default
	// with Keys is every asymmetric one: RS, PS and ES with 256, 384 and 512, and EdDSA.
	// With secrets it is HS256. A key with an alg serves that one alone. A key without alg
	// serves each that fits its type and curve. At least one of the configured Keys must
	// serve one of them.
	//
	// [RFC 7518, Section 3.1]: https://www.rfc-editor.org/rfc/rfc7518#section-3.1
	Algorithms []string

	// Issuer is the only accepted iss, equal in every character. A token of another
	// issuer is [redoxauth.ErrNoCredentials], reason "issuer".
	Issuer string

	// Audience lists the names that Redox has for this API. The aud of a token must
	// contain one of them.
	Audience []string

	// InsecureNoAudience accepts only tokens without aud; Audience must be empty. Anyone
	// who obtains a token that Redox uses at another API can replay it here.
	InsecureNoAudience bool

	// Subject is the only accepted sub. By default any sub is accepted, and a token without sub.
	Subject string

	// Scopes are all required in the claim scope. A genuine token without one of them is
	// [redoxauth.ErrForbidden].
	Scopes []string

	// Types are the accepted values of typ, compared without case and without
	// "application/"; "" accepts a token without typ. The default is "JWT" and "".
	Types []string

	// MaxLifetime limits exp − iat, or exp − now without iat; default 24 h.
	MaxLifetime time.Duration

	// Leeway is how far clocks may differ; default 60 s, at most 5 min.
	Leeway time.Duration

	// Replay makes every token single-use. It records the jti of a token, or a hash of
	// what was signed if there is no jti. By default a token is accepted until it expires.
	Replay replay.Store

	Now func() time.Time // default time.Now
}

// A Verifier verifies bearer tokens. It is safe for concurrent use. The zero Verifier
// refuses every request with status 500.
type Verifier struct{ bearer bearer.Verifier }

var _ redoxauth.Verifier = (*Verifier)(nil)

// New returns a Verifier. Its error names everything that is wrong with cfg. It makes no
// request. The Verifier is for tokens that Redox sends directly.
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
		keys, err := jose.HMACKeys(secrets, algorithms)
		p := config.Problems{Package: "Config.SecretsFunc"} // the error of Get names the strategy
		p.Secrets("", secrets)
		return keys, p.Err(err)
	}
	switch {
	case c.Keys != nil && c.Secrets == nil && c.SecretsFunc == nil:
	case c.Keys == nil && c.Secrets == nil && c.SecretsFunc != nil:
		keys = jose.Secrets(rotation.NewSecrets(strategy, "Config.SecretsFunc", c.SecretsFunc, prepare, c.Now).Get)
	case c.Keys == nil && c.Secrets != nil && c.SecretsFunc == nil:
		secrets, err := jose.HMACKeys(c.Secrets, algorithms)
		if err != nil {
			p.Add("Secrets", "%w", err)
		} else {
			p.Secrets("Secrets", c.Secrets)
		}
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
	if c.MaxLifetime < 0 {
		p.Add("MaxLifetime", "negative")
	}
	p.Leeway(&c.Leeway)
	return keys, p.Err()
}

// Verify accepts a request with a bearer token that was signed with the configured keys
// and that says what Config requires. The Identity's Subject is the token's sub.
//
// The errors:
//
//   - [redoxauth.ErrNoCredentials]: no bearer token, or one that is no JWT or is of another
//     issuer, however malformed or large it is
//   - [redoxauth.ErrMalformed]: two Authorization headers
//   - [redoxauth.ErrForbidden]: a scope is missing
//   - [redoxauth.ErrUnavailable]: keys, secrets or Replay are not available now
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
