// Package jose verifies JSON Web Tokens ([RFC 7519]) in the compact form of JWS
// ([RFC 7515]). It is the only JWT code of this module, and the only package beside
// redoxtest that knows the library that parses keys and checks signatures.
//
// A [Trust] says whose tokens are accepted and for what, a [Verifier] holds tokens to
// it. What a peer sends is parsed here, strictly ([RFC 8725], RFC 8725bis): one form,
// one spelling, no duplicate names, no header parameter that names a key.
//
// [RFC 7515]: https://www.rfc-editor.org/rfc/rfc7515
// [RFC 7519]: https://www.rfc-editor.org/rfc/rfc7519
// [RFC 8725]: https://www.rfc-editor.org/rfc/rfc8725
package jose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// Config says which tokens a [Verifier] accepts. Its zero fields are strict: no issuer,
// algorithm or type is accepted unless it is listed.
type Config struct {
	// Keys verify the tokens, under Algorithms alone: all of them symmetric (HS256) or
	// none. A key that names no algorithm takes the first of them that fits it, so
	// that a token never chooses.
	Keys       Source
	Algorithms []string

	// Issuers are the accepted values of iss. A token of another issuer, or without
	// one, is redoxauth.ErrNoCredentials.
	Issuers []string

	// Subject, if not empty, is the only accepted sub.
	Subject string

	// Audience are our names: the token must name one of them, and with OneAudience
	// nobody else. Without any, the token must have no aud at all: one that is
	// addressed to somebody is not for us (RFC 7519, Section 4.1.3).
	Audience    []string
	OneAudience bool

	// Types are the accepted values of typ, without "application/", compared without
	// case; "" stands for a token that has none.
	Types []string

	// Required are claims that must be present beside iss, exp and what else the
	// Trust compares.
	Required []string

	// MaxLifetime bounds exp − iat; without iat, exp − now, with Leeway. Zero: no bound.
	MaxLifetime time.Duration

	// Leeway widens every comparison with the clock.
	Leeway time.Duration

	// MatchJKU refuses a token whose header jku is not the URL of Keys. It is never
	// followed, with or without.
	MatchJKU bool

	Now func() time.Time // default time.Now
}

// A Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	cfg   Config
	cache *cache
}

// New returns the Verifier of cfg. [CheckAlgorithms] must accept Algorithms. New panics
// if Keys is nil.
func New(cfg Config) *Verifier {
	if cfg.Keys == nil {
		panic("jose: Config without Keys")
	}
	cfg.Algorithms = slices.Clone(cfg.Algorithms)
	for i, name := range cfg.Algorithms {
		cfg.Algorithms[i] = canonical(name)
	}
	cfg.Issuers, cfg.Audience = slices.Clone(cfg.Issuers), slices.Clone(cfg.Audience)
	cfg.Types, cfg.Required = slices.Clone(cfg.Types), slices.Clone(cfg.Required)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Verifier{cfg: cfg, cache: newCache()}
}

// Verify returns the verified token, or an [*redoxauth.Error]:
//
//   - ErrNoCredentials: not the form of a JWT ("missing"), or another issuer ("issuer")
//   - ErrRejected: everything else that is wrong with the token
//   - ErrUnavailable: the keys cannot be had now
//
// The error's cause shows what the token said, shortened and quoted; never the token,
// its signature or a key. It names no strategy.
//
// Verify follows one order: form, issuer, header, key, signature, claims. The issuer
// comes before what the header says, which differs between issuers: else the token of
// another Verifier's issuer would be refused here instead of passed on.
func (v *Verifier) Verify(ctx context.Context, token string) (*Token, error) {
	if err := checkForm(token); err != nil {
		return nil, err
	}
	now, raw := v.cfg.Now(), []byte(token)
	id, c, known := v.cache.get(raw, now)
	if c == nil {
		var err error
		if c, err = v.read(token); err != nil {
			return nil, err
		}
	}
	if err := v.checkHeader(c); err != nil {
		return nil, err
	}
	key, err := c.Verify(ctx, raw, v.cfg.Keys, v.cfg.Algorithms, known)
	if err != nil {
		return nil, err
	}
	if err := v.checkJKU(c); err != nil {
		return nil, err
	}
	if known == nil { // else the content is shared, and its claims are read
		if err := c.readClaims(); err != nil {
			return nil, err
		}
	}
	if err := v.checkClaims(c, now); err != nil {
		return nil, err
	}
	t := &Token{Issuer: c.iss, Subject: c.claims.sub, JTI: c.claims.jti, KeyID: key.id, Expiry: c.claims.exp, content: c}
	if known == nil {
		t.verifier, t.id, t.key = v, id, key
	}
	return t, nil
}

// read reads a token of ours.
func (v *Verifier) read(token string) (*content, error) {
	c, err := read(token)
	if err != nil {
		return nil, err
	}
	if c.iss == "" || !slices.Contains(v.cfg.Issuers, c.iss) {
		return nil, &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Reason: "issuer", Err: errors.New("iss is " + quote(c.iss))}
	}
	return c, nil
}

// checkHeader accepts no foreign type (RFC 8725, Section 3.11).
func (v *Verifier) checkHeader(c *content) error {
	if !v.acceptsType(c) {
		return refuse("type", "typ is "+quote(c.typ))
	}
	return nil
}

// checkJKU accepts no URL of keys but ours. It comes after the keys: to find them may be
// what discovers their URL.
func (v *Verifier) checkJKU(c *content) error {
	jku, ok := c.header.get("jku")
	if !ok || !v.cfg.MatchJKU {
		return nil
	}
	if s, ok := jku.text(); !ok || s == "" || s != v.cfg.Keys.URL() {
		return refuse("unknown_key", "jku is not the URL of the configured keys")
	}
	return nil
}

func (v *Verifier) acceptsType(c *content) bool {
	if !c.hasTyp {
		return slices.Contains(v.cfg.Types, "")
	}
	typ := c.typ
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) && !strings.Contains(typ[len(prefix):], "/") {
		typ = typ[len(prefix):] // RFC 7515, Section 4.1.9
	}
	return typ != "" && slices.ContainsFunc(v.cfg.Types, func(t string) bool { return strings.EqualFold(t, typ) })
}

func refuse(reason redoxauth.Reason, why string) error {
	return &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: reason, Err: errors.New(why)}
}

// quote makes what a peer wrote fit for a log: bounded, printable ASCII.
func quote(s string) string {
	const most = 128
	if len(s) > most {
		s = s[:most] + "..."
	}
	return fmt.Sprintf("%+q", s)
}
