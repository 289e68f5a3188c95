// Package token is what the three token endpoints share: reading a token request,
// refusing it as [RFC 6749, Section 5.2] says, and issuing access tokens that the same
// package verifies later.
//
// An access token is a JWT of [RFC 9068] under HS256, so that any replica with the same
// secrets verifies it and nothing is stored. The HMAC key is derived from the secret
// for one strategy, issuer and audience: with the same secrets everywhere, the token of
// one endpoint is nothing at another ([RFC 9700, Section 2.3]).
//
// [RFC 6749, Section 5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
// [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068
// [RFC 9700, Section 2.3]: https://www.rfc-editor.org/rfc/rfc9700#section-2.3
package token

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

const (
	// DefaultLifetime is what SMART asks for, and short enough to need no revocation.
	DefaultLifetime = 5 * time.Minute

	// MaxName is the most bytes of a name that stands in the tokens. Four of them, all
	// escaped, and the most scopes that a client may have make a token that is accepted.
	MaxName = 512

	maxToken = 16 << 10 // bytes that package jose reads
	leeway   = 60 * time.Second
)

// Config configures an [Endpoint]. The exported Config of a strategy has fields of the
// same names, so errors fit both.
type Config struct {
	Strategy         string // the package
	Issuer, Audience string
	TokenSecrets     [][]byte
	Lifetime         time.Duration
	MaxLifetime      time.Duration // of the strategy
	GrantType        string
	JSON             bool // a JSON body is accepted too
	Grant            Grant
	Observe          func(*http.Request, redoxauth.Decision)
	Now              func() time.Time
}

// An Endpoint issues access tokens and verifies them. It is safe for concurrent use.
type Endpoint struct {
	cfg      Config
	signing  []byte // the first key
	tokens   *jose.Verifier
	failures *failures
	bodies   *redoxauth.Options // limits of reading them, and the budget
}

// New returns the Endpoint of cfg, or all that is wrong with cfg, joined.
func New(cfg Config) (*Endpoint, error) {
	var errs []error
	wrong := func(field, what string) {
		errs = append(errs, fmt.Errorf("%s: %s: %s", cfg.Strategy, field, what))
	}
	if what := Unfit(cfg.Issuer, MaxName); what != "" {
		wrong("Issuer", what)
	}
	if what := Unfit(cfg.Audience, MaxName); what != "" {
		wrong("Audience", what)
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = DefaultLifetime
	}
	if cfg.Lifetime < time.Second || cfg.Lifetime > cfg.MaxLifetime {
		wrong("Lifetime", fmt.Sprintf("must be from 1s to %v", cfg.MaxLifetime))
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if len(cfg.TokenSecrets) == 0 {
		wrong("TokenSecrets", "required")
	}
	for i, secret := range cfg.TokenSecrets {
		if len(secret) < sha256.Size {
			wrong(fmt.Sprintf("TokenSecrets[%d]", i), "shorter than 32 bytes")
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	keys, err := derive(&cfg)
	if err != nil {
		return nil, err
	}
	joseKeys, err := jose.HMACKeys(keys, []string{"HS256"})
	if err != nil {
		return nil, err
	}
	cfg.TokenSecrets = nil // what is kept is the keys alone
	return &Endpoint{
		cfg:      cfg,
		signing:  keys[0],
		failures: newFailures(),
		bodies:   &redoxauth.Options{MaxBodyBytes: maxBody, MaxInFlight: maxBodies, BodyTimeout: bodyTimeout},
		tokens: jose.New(jose.Config{
			Keys:       jose.Secrets(func(context.Context) ([]*jose.Key, error) { return joseKeys, nil }),
			Algorithms: []string{"HS256"},
			Issuers:    []string{cfg.Issuer},
			Audience:   []string{cfg.Audience},
			Types:      []string{"at+jwt"},
			Leeway:     leeway,
			Now:        cfg.Now,
		}),
	}, nil
}

// Unfit says why a configured name or secret can never work, or is one that was pasted
// with something around it; "" if it is fit.
func Unfit(s string, most int) string {
	switch {
	case s == "":
		return "required"
	case len(s) > most:
		return fmt.Sprintf("longer than %d bytes", most)
	case !utf8.ValidString(s):
		return "not UTF-8"
	case strings.TrimSpace(s) != s:
		return "white space around it"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "control characters in it"
	}
	return ""
}

// derive makes an HMAC key of each secret ([RFC 5869]), bound to where its tokens count.
//
// [RFC 5869]: https://www.rfc-editor.org/rfc/rfc5869
func derive(cfg *Config) ([][]byte, error) {
	info := fmt.Sprintf("redoxauth access token %q %q %q", cfg.Strategy, cfg.Issuer, cfg.Audience)
	keys := make([][]byte, len(cfg.TokenSecrets))
	for i, secret := range cfg.TokenSecrets {
		key, err := hkdf.Key(sha256.New, secret, nil, info, sha256.Size)
		if err != nil {
			return nil, err
		}
		keys[i] = key
	}
	return keys, nil
}

// header of the tokens (RFC 9068, Section 2.1).
var header = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"at+jwt"}`))

// sign issues the token, and says for the operator to whom. It issues none that Verify
// would find too long: a subject may be of any length.
func (e *Endpoint) sign(p *Proof, scopes []string) (string, *redoxauth.Identity, error) {
	now := e.cfg.Now().Truncate(time.Second)
	expiry := now.Add(e.cfg.Lifetime)
	claims, err := encode(struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Client   string `json:"client_id"`
		Audience string `json:"aud"`
		Expiry   int64  `json:"exp"`
		IssuedAt int64  `json:"iat"`
		ID       string `json:"jti"`
		Scope    string `json:"scope,omitempty"`
	}{e.cfg.Issuer, p.Subject, p.Client, e.cfg.Audience, expiry.Unix(), now.Unix(), rand.Text(), joinScopes(scopes)})
	if err != nil {
		return "", nil, err
	}
	input := header + "." + base64.RawURLEncoding.EncodeToString(claims)
	mac := hmac.New(sha256.New, e.signing)
	mac.Write([]byte(input))
	token := input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	if len(token) > maxToken {
		return "", nil, tooLong(p.Client)
	}
	id := &redoxauth.Identity{
		Strategy: e.cfg.Strategy, Subject: p.Subject, Issuer: e.cfg.Issuer, KeyID: p.KeyID,
		Scopes: slices.Clone(scopes), Expiry: expiry,
	}
	return token, id, nil
}

// Verifier returns a verifier of the access tokens that e issues. A token must have the
// required scopes.
func (e *Endpoint) Verifier(required []string) bearer.Verifier {
	required = slices.Clone(required)
	return bearer.New(e.cfg.Strategy, func(ctx context.Context, token string) (*redoxauth.Identity, error) {
		return e.decide(ctx, token, required)
	})
}

func (e *Endpoint) decide(ctx context.Context, token string, required []string) (*redoxauth.Identity, error) {
	t, err := e.tokens.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	client, _ := t.Text("client_id")
	if !e.cfg.Grant.Known(client, t.Subject) {
		return nil, redoxauth.Errorf(redoxauth.ErrRejected, "client", "the client %q is no longer configured", client)
	}
	id := t.Identity(e.cfg.Strategy, "scope")
	for _, scope := range required {
		if !e.cfg.Grant.Covers(id.Scopes, scope) {
			return nil, bearer.Insufficient(required)
		}
	}
	t.Remember()
	return id, nil
}
