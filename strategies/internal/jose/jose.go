// Package jose verifies JSON Web Tokens ([RFC 7519]) in the compact form of JWS
// ([RFC 7515]). It is the only JWT code of this module. Only this package and redoxtest
// import the library that parses keys and checks signatures.
//
// A [Config] says which tokens a [Verifier] accepts. This package parses what a peer sends,
// strictly ([RFC 8725], RFC 8725bis): there is one form and one spelling, no name occurs
// twice, and no header parameter supplies a key.
//
// [RFC 7515]: https://www.rfc-editor.org/rfc/rfc7515
// [RFC 7519]: https://www.rfc-editor.org/rfc/rfc7519
// [RFC 8725]: https://www.rfc-editor.org/rfc/rfc8725
package jose

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// Config says which tokens a [Verifier] accepts. Its zero fields are strict: no issuer,
// algorithm or type is accepted unless it is listed.
type Config struct {
	// Keys verify the tokens, with one of Algorithms. Either all Algorithms or none are
	// symmetric (HS256). A key without alg serves each of them that fits its type and
	// curve.
	Keys       Source
	Algorithms []string

	// OneKey refuses a token whose kid several keys have. Otherwise each of them that fits
	// is tried.
	OneKey bool

	// Issuers are the accepted values of iss. A token of another issuer, or without iss, is
	// redoxauth.ErrNoCredentials, whatever else is wrong with it.
	Issuers []string

	// Subject, if not empty, is the only accepted sub.
	Subject string

	// Audience lists our names. The aud of a token must contain one of them, and with
	// OneAudience nothing else. If Audience is empty, the token must have no aud: one with
	// an aud is for somebody else (RFC 7519, Section 4.1.3).
	Audience    []string
	OneAudience bool

	// Types are the accepted values of typ, compared without case and without
	// "application/"; "" accepts a token without typ.
	Types []string

	// Required lists claims that must be present, beside iss, exp and those that the
	// Config compares.
	Required []string

	// Claims lists other claims that the strategy reads. Token.Claim finds no others.
	Claims []string

	// MaxLifetime limits exp − iat, or exp − now without iat, with Leeway. Zero: no limit.
	MaxLifetime time.Duration

	// Leeway is added to every comparison with the clock.
	Leeway time.Duration

	// ExpiryAlone compares exp with the clock, and neither nbf nor iat. It is for tokens of
	// our own: what was issued while our clock was ahead stays valid when it is set right.
	ExpiryAlone bool

	// MatchJKU refuses a token with a jku in its header that is not the URL of Keys. A jku
	// is never followed, with MatchJKU or without it.
	MatchJKU bool

	Now func() time.Time // default time.Now

	Fields Fields
}

// Fields are the names under which users configured what a Config holds, such as
// "Config.Audience; Redox dashboard: audience". Errors and Explain show them behind what was
// expected. Those that are empty are left out.
type Fields struct {
	Keys, Algorithms, Issuers, Subject, Audience, Types, Required, MaxLifetime, Leeway string
}

// A Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	cfg    Config
	claims []string // the names of those that are read
	cache  *cache

	issuers string // for the errors of tokens that are another Verifier's
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
	registered := []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf"}
	issuers := diagnosis.OneOf(cfg.Issuers) + diagnosis.Field(cfg.Fields.Issuers)
	return &Verifier{cfg, slices.Concat(registered, cfg.Required, cfg.Claims), newCache(), issuers}
}

// Verify returns the verified token, or an [*redoxauth.Error]:
//
//   - ErrNoCredentials: not the form of a JWT ("missing"), or another issuer ("issuer")
//   - ErrRejected: everything else that is wrong with the token
//   - ErrUnavailable: the keys are not available now
//
// The error's cause shows what the token said, shortened and quoted, and never the token,
// its signature or a key. It names no strategy.
//
// Verify follows one order: form, issuer, header, key, signature, claims. The issuer comes
// before the rest of the header, which differs between issuers. So a token of another
// Verifier's issuer is passed on, and not refused here, even if it is malformed or larger
// than 16 KiB. If its claims name one of Issuers and another issuer, it is refused here.
func (v *Verifier) Verify(ctx context.Context, token string) (*Token, error) {
	if err := checkForm(token); err != nil {
		return nil, v.unlessForeign(token, err)
	}
	now := v.cfg.Now()
	id, known := v.cache.get(ctx, token, now)
	c := known.content
	if c == nil {
		var err error
		if c, err = v.read(token); err != nil {
			return nil, err
		}
	}
	if !v.acceptsType(c) {
		return nil, v.wrongType(c)
	}
	key, err := c.Verify(ctx, token, &v.cfg, known.key)
	if err != nil {
		return nil, err
	}
	if err := v.checkJKU(c); err != nil {
		return nil, err
	}
	if known.content == nil { // else others share the content, and its claims are read
		if wrong := c.readClaims(); wrong != nil {
			return nil, wrong[0]
		}
	}
	if err := v.checkClaims(c, now); err != nil {
		return nil, err
	}
	t := &Token{Issuer: c.iss, Subject: c.sub, JTI: c.jti, KeyID: key.id, Expiry: c.exp, content: c}
	if known.content == nil && !rotation.IsLoadedOnly(ctx) {
		t.remember = func() { v.cache.add(id, entry{c, key}) }
	}
	return t, nil
}

// read reads a token of an accepted issuer.
func (v *Verifier) read(token string) (*content, error) {
	c, err := readContent(token, v.claims)
	if err != nil {
		return nil, v.unlessForeign(token, err)
	}
	if c.iss == "" || !slices.Contains(v.cfg.Issuers, c.iss) {
		return nil, redoxauth.Errorf(redoxauth.ErrNoCredentials, "issuer", "iss is %s, want %s", c.body.Get("iss").Said(), v.issuers)
	}
	return c, nil
}

func (v *Verifier) wrongType(c *content) error {
	accepted := slices.DeleteFunc(slices.Clone(v.cfg.Types), func(t string) bool { return t == "" })
	want := diagnosis.OneOf(accepted)
	switch {
	case len(accepted) == 0:
		want = "no typ"
	case len(accepted) < len(v.cfg.Types):
		want += " or no typ"
	}
	return refuse("type", "typ is %s, want %s%s", diagnosis.Text(c.typ, c.hasTyp), want, diagnosis.Field(v.cfg.Fields.Types))
}

// acceptsType reports whether the typ is one of Types (RFC 8725, Section 3.11).
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

// checkJKU accepts the URL of our keys, and no other. It comes after the keys are found,
// because finding them may discover their URL.
func (v *Verifier) checkJKU(c *content) error {
	if c.jku == "" || !v.cfg.MatchJKU {
		return nil
	}
	ours := v.cfg.Keys.URL()
	if s, ok := c.jku.Text(); ok && s != "" && s == ours {
		return nil
	}
	if ours == "" {
		return refuse("unknown_key", "jku is %s, and the configured keys have no URL%s", c.jku.Said(), diagnosis.Field(v.cfg.Fields.Keys))
	}
	return refuse("unknown_key", "jku is %s, want %s, the URL of the configured keys%s", c.jku.Said(), diagnosis.Quote(ours), diagnosis.Field(v.cfg.Fields.Keys))
}

func (v *Verifier) checkClaims(c *content, now time.Time) error {
	if err := checkBinding(c); err != nil {
		return err
	}
	if err := v.checkExpiry(c, now); err != nil {
		return err
	}
	if err := v.checkStart("nbf", c.nbf, now); err != nil {
		return err
	}
	if err := v.checkStart("iat", c.iat, now); err != nil {
		return err
	}
	if err := v.checkLifetime(c, now); err != nil {
		return err
	}
	if err := v.checkAudience(c.aud); err != nil {
		return err
	}
	if err := v.checkSubject(c); err != nil {
		return err
	}
	for _, name := range v.cfg.Required {
		if err := v.checkRequired(c, name); err != nil {
			return err
		}
	}
	return nil
}

// checkBinding refuses tokens of RFC 7800. To accept one as a bearer token would drop its
// binding.
func checkBinding(c *content) error {
	if c.body.Get("cnf") != "" {
		return refuse("binding", "the token is bound to a key (cnf), which is not checked here: want a bearer token without cnf")
	}
	return nil
}

func (v *Verifier) checkExpiry(c *content, now time.Time) error {
	switch {
	case c.exp.IsZero():
		return refuse("lifetime", "exp is absent, want seconds since 1970")
	case c.exp.Unix() > MaxDate:
		if unit := diagnosis.Unit(c.exp.Unix()); unit != "" {
			return refuse("lifetime", "exp is %d, which looks like %s: want seconds since 1970", c.exp.Unix(), unit)
		}
		return refuse("lifetime", "exp is %d, want seconds since 1970, up to the year 9999", c.exp.Unix())
	case now.Unix() > 1e9 && 0 < c.exp.Unix() && c.exp.Unix() < 1e8: // three years
		return refuse("expired", "exp is %d, which looks like a duration: want seconds since 1970", c.exp.Unix())
	case !now.Before(c.exp.Add(v.cfg.Leeway)):
		return refuse("expired", "expired %v ago by this server's clock (%s)", now.Sub(c.exp).Round(time.Second), v.times("exp", c.exp, now))
	}
	return nil
}

// checkStart checks nbf or iat.
func (v *Verifier) checkStart(name string, start, now time.Time) error {
	if v.cfg.ExpiryAlone || !now.Before(start.Add(-v.cfg.Leeway)) {
		return nil
	}
	if unit := diagnosis.Unit(start.Unix()); unit != "" {
		return refuse("not_yet_valid", "%s is %d, which looks like %s: want seconds since 1970", name, start.Unix(), unit)
	}
	verb := "valid"
	if name == "iat" {
		verb = "issued"
	}
	return refuse("not_yet_valid", "%s only in %v by this server's clock (%s)", verb, start.Sub(now).Round(time.Second), v.times(name, start, now))
}

// times tells what a date was compared with.
func (v *Verifier) times(name string, date, now time.Time) string {
	field := cmp.Or(v.cfg.Fields.Leeway, "leeway")
	return fmt.Sprintf("%s %s, now %s, %s %v", name, diagnosis.Time(date), diagnosis.Time(now), field, v.cfg.Leeway)
}

func (v *Verifier) checkLifetime(c *content, now time.Time) error {
	start, most, from := c.iat, v.cfg.MaxLifetime, "from iat to exp"
	if start.IsZero() {
		start, most, from = now, most+v.cfg.Leeway, "from now to exp, without iat"
	}
	if life := c.exp.Sub(start); v.cfg.MaxLifetime > 0 && life > most {
		return refuse("lifetime", "valid for %v (%s), want at most %v%s", life.Round(time.Second), from, v.cfg.MaxLifetime, diagnosis.Field(v.cfg.Fields.MaxLifetime))
	}
	return nil
}

func (v *Verifier) checkAudience(aud []string) error {
	switch ours := v.cfg.Audience; {
	case len(ours) == 0 && aud == nil:
		return nil
	case len(ours) == 0:
		return v.wrongAudience(aud, "none")
	case v.cfg.OneAudience && len(aud) > 1:
		return v.wrongAudience(aud, diagnosis.OneOf(ours)+" and nothing else")
	case slices.ContainsFunc(aud, func(name string) bool { return slices.Contains(ours, name) }):
		return nil
	default:
		return v.wrongAudience(aud, diagnosis.OneOf(ours))
	}
}

func (v *Verifier) wrongAudience(aud []string, want string) error {
	return refuse("audience", "aud is %s, want %s%s", diagnosis.List(aud), want, diagnosis.Field(v.cfg.Fields.Audience))
}

func (v *Verifier) checkSubject(c *content) error {
	if s := v.cfg.Subject; s != "" && c.sub != s {
		return refuse("subject", "sub is %s, want %s%s", c.body.Get("sub").Said(), diagnosis.Quote(s), diagnosis.Field(v.cfg.Fields.Subject))
	}
	return nil
}

func (v *Verifier) checkRequired(c *content, name string) error {
	if value := c.body.Get(name); value == "" || value == "null" || value == `""` {
		return refuse("malformed", "the claim %s is %s, want a value%s", name, value.Said(), diagnosis.Field(v.cfg.Fields.Required))
	}
	return nil
}

func refuse(reason redoxauth.Reason, format string, args ...any) error {
	return redoxauth.Errorf(redoxauth.ErrRejected, reason, format, args...)
}
