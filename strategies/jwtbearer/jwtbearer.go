// Package jwtbearer verifies JSON Web Tokens that Redox signs: sent directly as
// "Authorization: Bearer" ([New]), or exchanged at a token endpoint of ours for an
// access token ([RFC 7523, Section 2.1]).
//
// # Redox dashboard
//
// The strategy is "JWT Bearer". Redox documents neither its fields nor its tokens, nor
// which of the two forms it is, so this package presumes nothing. What goes where:
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
// The one bearer JWT of Redox whose form is documented is that of its SSO data model
// ([Redox SSO]), another feature: HS256 under a secret that Redox generates and shows
// once, iss and aud UUIDs, an empty sub, 15 minutes from iat to exp.
//
// # The first real request
//
// To learn what Redox sends, configure what you know and log refusals with
// [redoxauth.Options].Observe and [redoxauth.LogDecisions]: each names what the token
// said, in the order of the checks. First its iss (reason "issuer"); with that as
// Issuer, its typ ("type"), its alg ("algorithm") and kid ("unknown_key"); and once the
// signature holds, its aud ("audience") and sub ("subject"). Nothing of a token is
// accepted meanwhile.
//
// # Operation
//
// Rotation of published keys needs nothing: a token with a new key ID makes
// [keyset.RemoteSet] fetch. For configured keys list old and new together. Secrets are
// listed the same way, and all are compared; [redoxauth.Identity].KeyID tells which
// one matched, by kid or by position.
//
// Clocks may differ by Leeway. A refusal "expired" or "not_yet_valid" tells by how much.
//
// When the key server is down, known keys go on serving; a token of a new key is
// answered 503 until it is back, never 401. See [keyset.RemoteConfig].
//
// A signature that was verified is remembered, for up to 1024 tokens and never past exp:
// the second use of a token skips that check and no other, so that a key that was
// withdrawn ends its tokens too.
//
// A token proves who sent it, not what: it does not cover the body, and who sees it can
// use it until it expires. A token is accepted any number of times unless Replay is
// set; leave it unset if Redox sends one token with many messages, or sends messages
// again.
//
// [RFC 7523, Section 2.1]: https://www.rfc-editor.org/rfc/rfc7523#section-2.1
// [Redox SSO]: https://developer.redoxengine.com/data-models/SSO.html
package jwtbearer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

const (
	strategy           = "jwtbearer"
	defaultMaxLifetime = 24 * time.Hour
)

// Config configures [New]. Issuer, one of Keys, Secrets and SecretsFunc, and one of
// Audience and InsecureNoAudience are required.
type Config struct {
	// Keys are Redox's public keys.
	Keys keyset.Set

	// Secrets are HMAC secrets instead, each at least as long as the hash of the
	// longest of Algorithms: 32 bytes for HS256 ([RFC 7518, Section 3.2]).
	//
	// [RFC 7518, Section 3.2]: https://www.rfc-editor.org/rfc/rfc7518#section-3.2
	Secrets [][]byte

	// SecretsFunc supplies the secrets instead, so that a rotation needs no restart: it
	// is called on use, at most every 30 s; see [rotation.Secrets].
	SecretsFunc func(context.Context) ([][]byte, error)

	// Algorithms are the accepted values of alg ([RFC 7518, Section 3.1]); default
	// RS256, ES256 and ES384 with Keys, HS256 with secrets. A key that names no
	// algorithm takes the first that fits its type and curve.
	//
	// [RFC 7518, Section 3.1]: https://www.rfc-editor.org/rfc/rfc7518#section-3.1
	Algorithms []string

	// Issuer is the only accepted iss, character by character. The token of another
	// issuer is [redoxauth.ErrNoCredentials], reason "issuer".
	Issuer string

	// Audience are the names that Redox may give us: the token's aud must hold one.
	Audience []string

	// InsecureNoAudience accepts tokens without aud instead of Audience, and no
	// others. Such a token, seen elsewhere, is as good here.
	InsecureNoAudience bool

	// Subject is the only accepted sub; default any or none.
	Subject string

	// Scopes must all be in the claim scope; a genuine token that lacks one is
	// [redoxauth.ErrForbidden].
	Scopes []string

	// Types are the accepted values of typ, compared without case and without
	// "application/"; default "JWT" or none. In a list, "" stands for none.
	Types []string

	// MaxLifetime bounds exp − iat, or exp − now without iat; default 24 h.
	MaxLifetime time.Duration

	// Leeway is how far clocks may differ; default 60 s, at most 5 min.
	Leeway time.Duration

	// Replay makes every token good for one request, named by its jti, or by the hash
	// of what was signed if it has none. Default: a token is good until it expires.
	Replay replay.Store

	Now func() time.Time // default time.Now
}

// A Verifier verifies bearer tokens. It is safe for concurrent use.
type Verifier struct{ bearer bearer.Verifier }

var _ redoxauth.Verifier = (*Verifier)(nil)

// New returns a Verifier of tokens that are sent directly, or all that is wrong with
// cfg. It does no network.
func New(cfg Config) (*Verifier, error) {
	cfg.setDefaults()
	secrets, err := cfg.check()
	if err != nil {
		return nil, err
	}
	keys := secrets
	if secrets == nil {
		keys = jose.SourceOf(cfg.Keys)
	}
	d := &direct{
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
		}),
		scopes: slices.Clone(cfg.Scopes),
		replay: cfg.Replay,
		leeway: cfg.Leeway,
	}
	return &Verifier{bearer.New(strategy, d.decide)}, nil
}

// Verify accepts a request whose bearer token was signed under the configured keys and
// says what Config asks for. The Identity's Subject is the token's sub.
//
// The errors: [redoxauth.ErrNoCredentials] without a bearer token, or for one that is no
// JWT or of another issuer; ErrMalformed for two Authorization headers; ErrForbidden for
// a scope; ErrUnavailable when keys, secrets or Replay cannot be had; ErrRejected for
// anything else.
func (v *Verifier) Verify(r *http.Request) (*redoxauth.Identity, error) { return v.bearer.Verify(r) }

// Wrap lets requests through to next that [Verifier.Verify] accepts, with the default
// limits of [redoxauth.Options].
func (v *Verifier) Wrap(next http.Handler) http.Handler {
	return redoxauth.Middleware(v, nil)(next)
}

func (c *Config) setDefaults() {
	symmetric := c.Keys == nil
	switch {
	case c.Algorithms != nil:
	case symmetric:
		c.Algorithms = []string{"HS256"}
	default:
		c.Algorithms = []string{"RS256", "ES256", "ES384"}
	}
	if c.Types == nil {
		c.Types = []string{"JWT", ""}
	}
	if c.MaxLifetime == 0 {
		c.MaxLifetime = defaultMaxLifetime
	}
	if c.Leeway == 0 {
		c.Leeway = config.DefaultLeeway
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// check returns the Source of the secrets, if there are any, and all that is wrong.
func (c *Config) check() (jose.Source, error) {
	var errs []error
	wrong := func(field, what string) { errs = append(errs, fmt.Errorf("%s: %s: %s", strategy, field, what)) }
	kinds := 0
	for _, given := range []bool{c.Keys != nil, c.Secrets != nil, c.SecretsFunc != nil} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		wrong("Keys", "exactly one of Keys, Secrets and SecretsFunc is required")
	}
	if err := jose.CheckAlgorithms(c.Algorithms, c.Keys == nil); err != nil {
		wrong("Algorithms", err.Error())
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
	if slices.ContainsFunc(c.Scopes, func(s string) bool { return !config.ValidScope(s) }) {
		wrong("Scopes", "not a scope of RFC 6749, Section 3.3")
	}
	if len(c.Types) == 0 {
		wrong("Types", "an empty list")
	}
	if c.MaxLifetime < 0 {
		wrong("MaxLifetime", "negative")
	}
	if c.Leeway < 0 || c.Leeway > config.MaxLeeway {
		wrong("Leeway", "not from 0 to 5 min")
	}
	secrets, err := c.secrets()
	if err != nil {
		wrong("Secrets", err.Error())
	}
	return secrets, errors.Join(errs...)
}

func (c *Config) secrets() (jose.Source, error) {
	names := slices.Clone(c.Algorithms)
	prepare := func(secrets [][]byte) ([]*jose.Key, error) { return jose.HMACKeys(secrets, names) }
	if c.SecretsFunc != nil {
		return jose.Secrets(rotation.NewSecrets(strategy, c.SecretsFunc, prepare, c.Now).Get), nil
	}
	if c.Secrets == nil {
		return nil, nil
	}
	if len(c.Secrets) == 0 {
		return nil, errors.New("an empty list")
	}
	keys, err := prepare(c.Secrets)
	if err != nil {
		return nil, err
	}
	return jose.Secrets(func(context.Context) ([]*jose.Key, error) { return keys, nil }), nil
}
