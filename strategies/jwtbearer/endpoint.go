package jwtbearer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/token"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// An EndpointConfig configures a [TokenEndpoint]. Of the fields that Redox's dashboard
// may have for it, url is TokenURL, scopes are a Signer's Scopes, audience and resource
// are Audience or left out, and noBasic must be true: Basic beside an assertion is
// refused.
type EndpointConfig struct {
	Signers []Signer // required: who may present an assertion, and what it may get

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
	// the same list on every replica. The first signs, all verify. Rotate on all
	// replicas from [old, new] to [new, old], and after Lifetime to [new].
	TokenSecrets [][]byte

	// Lifetime of the access tokens; default 5 min, from 1 s to 24 h. A token is
	// accepted until 60 s past it.
	Lifetime time.Duration

	// Leeway for Redox's clock; default 60 s, at most 5 min.
	Leeway time.Duration

	// Replay, required, remembers the assertions until they expire, and for twice the
	// Leeway and a minute longer: replicas may have clocks that differ by Leeway. They
	// must share it, or an assertion passes once at each.
	Replay replay.Store

	// Observe is called once for every token request. The error of its Decision has
	// the Kind that the refusal means; the status of the answer is that of RFC 6749.
	Observe func(*http.Request, redoxauth.Decision)

	Now func() time.Time // default time.Now
}

// A Signer may present assertions.
type Signer struct {
	Issuer  string     // required, of one Signer only, at most 512 bytes: the assertions' iss
	Subject string     // their sub, at most 512 bytes; empty: any
	Keys    keyset.Set // required: its keys and nobody else's

	// Algorithms are the accepted values of alg; default RS256, ES256 and ES384.
	Algorithms []string

	// Scopes are what it may request. A token holds those of them that were requested;
	// without the parameter scope, all. A claim scope in the assertion, as Google's
	// libraries put there, says nothing.
	Scopes []string
}

// A TokenEndpoint is the token URL of the JWT bearer grant ([RFC 7523, Section 2.1]):
// it exchanges an assertion for an access token. It is safe for concurrent use.
//
// It takes POST alone, with a form of at most 64 KiB that arrives within 10 s. An
// assertion must have iss, sub, one aud and exp, within an hour, and is accepted once:
// it is recorded by its jti or, as Google's libraries send none, by the SHA-256 of what
// was signed. Those libraries send a sub only for a subject that is set; Python's
// google-auth 1.5.1 (Debian 12) pads its base64url, and is refused. The endpoint has no
// clients with credentials, so it refuses a request that has some; a client_id alone
// says nothing. It answers
//
//	200  the token
//	400  invalid_request: a parameter twice or missing, credentials in the URL, a
//	     secret or a client assertion beside the assertion, a sub so long that the
//	     access token would be longer than 16 KiB
//	400  invalid_grant: everything that is wrong with the assertion
//	400  unsupported_grant_type, invalid_scope (none of them can be granted, or more
//	     than 200 are requested), invalid_target (another audience or resource)
//	405, 413, 415  invalid_request: not POST, too large, not a form
//	429  invalid_grant: more than 100 wrong assertions of one issuer from one address
//	     within a minute; a right one is never refused for it
//	503  temporarily_unavailable: keys or replay store cannot be had, the body did not
//	     arrive in time, or 32 MiB of bodies are arriving
//
// [RFC 7523, Section 2.1]: https://www.rfc-editor.org/rfc/rfc7523#section-2.1
type TokenEndpoint struct{ endpoint *token.Endpoint }

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
		MaxLifetime:  24 * time.Hour,
		GrantType:    "urn:ietf:params:oauth:grant-type:jwt-bearer",
		Grant:        g,
		Observe:      cfg.Observe,
		Now:          cfg.Now,
	})
	if err := errors.Join(grantErr, err); err != nil {
		return nil, err
	}
	return &TokenEndpoint{e}, nil
}

// ServeHTTP answers a token request.
func (t *TokenEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.endpoint.ServeHTTP(w, r)
}

// Verifier returns a Verifier of the tokens that t issues, and any endpoint of this
// package with the same TokenSecrets, Issuer and Audience. A token must have all the
// scopes, else the error is [redoxauth.ErrForbidden]; its signer must still be
// configured here. The Identity's Subject is the assertion's sub, its KeyID the position
// of the secret in TokenSecrets.
func (t *TokenEndpoint) Verifier(scopes ...string) *Verifier {
	return &Verifier{t.endpoint.Verifier(scopes)}
}

// A grant knows the signers of a TokenEndpoint, by issuer.
type grant struct {
	token.PlainScopes
	signers map[string]signer
}

type signer struct {
	assertions *token.Assertions
	subject    string
	scopes     []string
}

func newGrant(cfg EndpointConfig) (*grant, error) {
	terms := &token.Terms{
		Strategy:    strategy,
		TokenURL:    cfg.TokenURL,
		Audiences:   slices.Clone(cfg.Audiences),
		Types:       []string{"JWT", "authorization-grant+jwt", ""},
		Required:    []string{"sub"},
		MaxLifetime: time.Hour,
		Leeway:      cfg.Leeway,
		Replay:      cfg.Replay,
		Now:         cfg.Now,
		Refuse:      token.InvalidGrant,
	}
	errs := []error{terms.Complete()}
	wrong := func(field, what string) {
		errs = append(errs, fmt.Errorf("%s: %s: %s", strategy, field, what))
	}
	if len(cfg.Signers) == 0 {
		wrong("Signers", "required")
	}
	g := &grant{signers: make(map[string]signer)}
	for i, s := range cfg.Signers {
		field := fmt.Sprintf("Signers[%d]", i)
		if what := token.Unfit(s.Issuer, token.MaxName); what != "" {
			wrong(field+".Issuer", what)
		}
		if what := token.Unfit(s.Subject, token.MaxName); what != "" && s.Subject != "" {
			wrong(field+".Subject", what)
		}
		if _, twice := g.signers[s.Issuer]; twice {
			wrong(field+".Issuer", "the issuer of an earlier signer")
		}
		if s.Algorithms == nil {
			s.Algorithms = []string{"RS256", "ES256", "ES384"}
		}
		if err := jose.CheckAlgorithms(s.Algorithms, false); err != nil {
			wrong(field+".Algorithms", err.Error())
		}
		if !token.FitScopes(s.Scopes) {
			wrong(field+".Scopes", "not scope tokens, or more than 4 KiB of them")
		}
		if s.Keys == nil {
			wrong(field+".Keys", "required")
			continue
		}
		g.signers[s.Issuer] = signer{
			terms.Of(s.Issuer, s.Subject, jose.SourceOf(s.Keys), s.Algorithms), s.Subject, slices.Clone(s.Scopes),
		}
	}
	return g, errors.Join(errs...)
}

// Prove implements [token.Grant].
func (g *grant) Prove(ctx context.Context, q *token.Request) (*token.Proof, error) {
	if q.HasBasic || q.HasAny("client_secret", "client_assertion", "client_assertion_type") {
		return nil, token.Malformed("a client credential beside the assertion")
	}
	assertion := q.Get("assertion")
	if assertion == "" {
		return nil, token.Malformed("assertion is missing")
	}
	// Who presents an assertion of nobody is told at once: there is no key whose check
	// could take the same time, and an issuer is no secret.
	issuer := jose.UnverifiedIssuer(assertion)
	s, ok := g.signers[issuer]
	if !ok {
		return nil, token.InvalidGrant(issuer, &redoxauth.Error{
			Kind: redoxauth.ErrRejected, Reason: "issuer", Err: token.Unknown(issuer, "signer"),
		})
	}
	t, use, err := s.assertions.Verify(ctx, assertion)
	if err != nil {
		return nil, err
	}
	return &token.Proof{Client: issuer, Subject: t.Subject, KeyID: t.KeyID, Allowed: s.scopes, Use: use}, nil
}

// Known implements [token.Grant].
func (g *grant) Known(client, subject string) bool {
	s, ok := g.signers[client]
	return ok && (s.subject == "" || s.subject == subject)
}
