package jwtbearer

import (
	"net/http"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// An EndpointConfig configures a [TokenEndpoint]. Fields of Redox's dashboard that may
// exist for this strategy:
//
//	dashboard             EndpointConfig
//	url                   TokenURL
//	scopes                Signers[].Scopes
//	audience, resource    Audience, or leave them out
//	noBasic               true: Basic beside an assertion is refused
type EndpointConfig struct {
	// Signers, required, lists who may present an assertion, and what each may get.
	Signers []Signer

	// TokenURL, required, is the absolute URL of the TokenEndpoint as Redox calls it. It is
	// the same on all replicas, because Replay records it with each assertion.
	TokenURL string

	// AssertionAudiences lists the accepted values of an assertion's aud. The assertion
	// must have exactly one. The default is TokenURL.
	AssertionAudiences []string

	// Issuer and Audience, both required, are iss and aud of the access tokens: the names
	// of the token endpoint and of the destination. Usually they are URLs. Each has at most
	// 512 bytes. A token request may name audiences and resources. Then each of them must
	// be this Audience.
	Issuer, Audience string

	// TokenSecrets, required, sign the access tokens. Each has at least 32 random bytes.
	// All replicas have the same list. The first secret signs, and all verify. To rotate,
	// change all replicas from [old, new] to [new, old], and after Lifetime to [new]. A
	// secret that is text has no white space around it.
	TokenSecrets [][]byte

	// Lifetime of the access tokens: from 1 s to 24 h, default 5 min. A token is accepted
	// until 60 s after it expires. Its exp alone decides: a token that was issued while the
	// clock was ahead stays valid when the clock is set right, and ends later by as much. To
	// end all tokens at once, replace TokenSecrets.
	Lifetime time.Duration

	// Leeway is how far the clocks of Redox and this server may differ: default 60 s, at
	// most 5 min. An assertion without jti is accepted until 60 s and Leeway after its iat.
	Leeway time.Duration

	// Replay, required, remembers each assertion that has a jti until it expires, and then
	// for twice the Leeway and a minute: the clocks of replicas may differ by Leeway. All
	// replicas must share it. Otherwise an assertion is accepted once at each. TokenEndpoints
	// with different TokenURLs may share it too: each accepts an assertion once.
	Replay replay.Store

	// Observe is called once for every token request. The Decision's Status is the status
	// that was sent, and its Err says what arrived, what was expected and which field
	// decides. The body of the request reads as empty. It keeps what was parsed, the assertion
	// included, so that Explain works later too.
	Observe func(*http.Request, redoxauth.Decision)

	Now func() time.Time // default time.Now
}

// A Signer may present assertions.
type Signer struct {
	// Issuer, required, is the iss of the assertions. It has at most 512 bytes. No two
	// Signers have the same.
	Issuer string

	// Subject is the only accepted sub. It has at most 512 bytes. The default is any.
	Subject string

	// Keys, required, are the public keys of this Signer and of nobody else.
	Keys keyset.Set

	// Algorithms are the accepted values of alg. The default is every asymmetric one: see
	// [Config].
	Algorithms []string

	// Scopes are what the Signer may get. A token has those of them that were requested,
	// or all if the parameter scope is missing. A claim scope in the assertion, which
	// Google's libraries send, is ignored.
	Scopes []string
}

// A TokenEndpoint is the token URL of the JWT bearer grant ([RFC 7523, Section 2.1]): it
// exchanges an assertion for an access token. It is safe for concurrent use.
//
// It accepts POST with a form of at most 64 KiB, which must arrive within 10 s. An
// assertion must have iss, sub, exactly one aud, an exp within an hour, and jti or iat. No
// client authenticates here, so a request with a client credential is refused. A client_id
// is ignored.
//
// With a jti the assertion is accepted once. Without one it cannot be used up: Google's
// libraries send none, and two workers that sign in the same second send the same
// assertion. So it is accepted as often as it comes, until 60 s and Leeway after its iat.
// Whoever captures it can get tokens until then. To prevent that, send a jti.
//
// The answers:
//
//	200  the access token
//	400  invalid_request         a parameter is missing, or another one than audience and
//	                             resource comes twice; a credential in the URL; a secret or
//	                             a client assertion beside the assertion; a sub so long that
//	                             the token would exceed 16 KiB
//	400  invalid_grant           anything is wrong with the assertion
//	400  unsupported_grant_type  another grant_type
//	400  invalid_scope           none of the scopes can be granted, or more than 200 are
//	                             requested
//	400  invalid_target          another audience or resource
//	405  invalid_request         not POST
//	413  invalid_request         more than 64 KiB
//	415  invalid_request         not a form
//	429  invalid_grant           more than 100 wrong assertions of one issuer from one
//	                             address within a minute; a right assertion still passes
//	500  server_error            a bug, or a panic of Replay
//	503  temporarily_unavailable no keys or no replay store; the body did not arrive in
//	                             time; 32 MiB of bodies are arriving
//
// Google's libraries send a sub only if one is configured, and no jti. Version 1.5.1 of
// Python's google-auth (Debian 12) pads its base64url, and is refused.
//
// When a token request is refused, the peer learns no more than that. The error that Observe
// gets says what to change here or in Redox's dashboard, and Explain makes all checks and tries
// the usual mistakes.
//
// The zero TokenEndpoint answers 500.
//
// [RFC 7523, Section 2.1]: https://www.rfc-editor.org/rfc/rfc7523#section-2.1
type TokenEndpoint struct{ endpoint *tokenendpoint.Endpoint }

var _ http.Handler = (*TokenEndpoint)(nil)

// NewTokenEndpoint returns a TokenEndpoint. Its error names everything that is wrong with
// cfg. It makes no request.
func NewTokenEndpoint(cfg EndpointConfig) (*TokenEndpoint, error) {
	p := config.Problems{Package: strategy}
	g := newGrant(cfg, &p)
	e, err := tokenendpoint.New(tokenendpoint.Config{
		Strategy:     strategy,
		Issuer:       cfg.Issuer,
		Audience:     cfg.Audience,
		TokenSecrets: cfg.TokenSecrets,
		Lifetime:     cfg.Lifetime,
		MaxLifetime:  24 * time.Hour,
		GrantType:    "urn:ietf:params:oauth:grant-type:jwt-bearer",
		Clients:      g.Clients,
		ClientField:  "Signers",
		ClientKey:    "Issuer",
		Prove:        g.prove,
		Explain:      g.explain,
		Observe:      cfg.Observe,
		Now:          cfg.Now,
	})
	if err := p.Err(err); err != nil {
		return nil, err
	}
	return &TokenEndpoint{e}, nil
}

// ServeHTTP answers a token request.
func (t *TokenEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.endpoint.ServeHTTP(w, r)
}

// Explain tells an operator, in plain lines, what t makes of a token request: the decision, and
// then each check, with what arrived, what is expected, and the field that decides. See
// [redoxauth.Explain], whose promises it keeps: it uses up no assertion,
// counts no failure and fetches no key.
//
// r is a request that t has not read, or the one that Observe got, which keeps what was parsed.
// A body that Explain reads can be read again.
func (t *TokenEndpoint) Explain(r *http.Request) string {
	if t == nil {
		t = &TokenEndpoint{}
	}
	return t.endpoint.Explain(r)
}

// Verifier returns a Verifier of the access tokens that t issues. It also accepts those of
// any other TokenEndpoint of this package with the same TokenSecrets, Issuer and Audience.
//
// A token must have all scopes, or the error is [redoxauth.ErrForbidden]. Its Signer must
// still be configured. The Identity's Subject is the sub of the assertion. Its KeyID is the
// position of the secret in TokenSecrets.
//
// The error names a scope that no Signer can get, a malformed one included: the Verifier
// would refuse every message.
func (t *TokenEndpoint) Verifier(scopes ...string) (*Verifier, error) {
	v, err := t.endpoint.Verifier(scopes)
	if err != nil {
		return nil, err
	}
	return &Verifier{v}, nil
}
