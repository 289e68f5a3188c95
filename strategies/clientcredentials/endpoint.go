package clientcredentials

import (
	"net/http"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
)

// An EndpointConfig configures a [TokenEndpoint].
type EndpointConfig struct {
	Clients []Client // required

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

	// Observe is called once for every token request. The Decision's Status is the status
	// that was sent, and its Err says what arrived, what was expected and which field
	// decides. The body of the request reads as empty. It keeps what was parsed, the secret
	// included, so that Explain works later too.
	Observe func(*http.Request, redoxauth.Decision)

	Now func() time.Time // default time.Now
}

// A Client may request access tokens.
type Client struct {
	// ID, required, is the client ID. It has at most 512 bytes. No two Clients have the
	// same.
	ID string

	// Secrets, required, are the client's secrets. Any one of them is accepted. Each has at
	// most 1 KiB. They should be random, because the endpoint delays nobody who guesses.
	//
	// To rotate, put the new secret before the old one, and change the dashboard. Observe
	// gets an Identity whose KeyID is the position of the secret that was used. If a request
	// has one secret in Basic and another in the body, KeyID is the higher position. When
	// KeyID is always 0, remove the old secret.
	Secrets []string

	// Scopes are what the Client may get. A token has those of them that were requested, or
	// all if the parameter scope is missing.
	Scopes []string
}

// A TokenEndpoint is the token URL of the client credentials grant, for a destination that
// has no authorization server ([RFC 6749, Section 4.4]). It is safe for concurrent use.
//
// It accepts POST with a form or a JSON object of at most 64 KiB, which must arrive within
// 10 s. The client authenticates with HTTP Basic, or in the body. It may also use both, if
// both are right and name the same client. In JSON, parameters are strings; audience and
// resource may be arrays of strings. The answers:
//
//	200  the access token
//	400  invalid_request         a parameter is missing, or another one than audience and
//	                             resource comes twice; a credential in the URL; two
//	                             credentials that are not both right for one client; an
//	                             assertion beside a secret
//	400  unsupported_grant_type  another grant_type
//	400  invalid_scope           none of the scopes can be granted, or more than 200 are
//	                             requested
//	400  invalid_target          another audience or resource
//	401  invalid_client          no credential, an unknown client, or a wrong secret
//	405  invalid_request         not POST
//	413  invalid_request         more than 64 KiB
//	415  invalid_request         neither a form nor JSON
//	429  invalid_client          more than 100 wrong credentials of one client from one
//	                             address within a minute; a right credential still passes
//	500  server_error            a bug
//	503  temporarily_unavailable the body did not arrive in time; 32 MiB of bodies are
//	                             arriving
//
// When a token request is refused, the peer learns no more than that. The error that Observe
// gets says what to change here or in Redox's dashboard, and Explain makes all checks and tries
// the usual mistakes.
//
// The zero TokenEndpoint answers 500.
//
// [RFC 6749, Section 4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
type TokenEndpoint struct{ endpoint *tokenendpoint.Endpoint }

var _ http.Handler = (*TokenEndpoint)(nil)

// NewTokenEndpoint returns a TokenEndpoint. Its error names everything that is wrong with
// cfg. It makes no request.
func NewTokenEndpoint(cfg EndpointConfig) (*TokenEndpoint, error) {
	p := config.Problems{Package: strategy}
	g := newGrant(cfg.Clients, &p)
	e, err := tokenendpoint.New(tokenendpoint.Config{
		Strategy:     strategy,
		Issuer:       cfg.Issuer,
		Audience:     cfg.Audience,
		TokenSecrets: cfg.TokenSecrets,
		Lifetime:     cfg.Lifetime,
		MaxLifetime:  24 * time.Hour,
		GrantType:    "client_credentials",
		JSON:         true,
		Challenge:    tokenendpoint.BasicChallenge,
		Clients:      g.clients,
		ClientField:  "Clients",
		ClientKey:    "ID",
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
// [redoxauth.Explain], whose promises it keeps: it counts no failure,
// and shows no secret.
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
// A token must have all scopes, or the error is [redoxauth.ErrForbidden]. Its Client must
// still be configured. The Identity's Subject is the client ID. Its KeyID is the position
// of the secret in TokenSecrets.
//
// The error names a scope that no Client can get, a malformed one included: the Verifier
// would refuse every message.
func (t *TokenEndpoint) Verifier(scopes ...string) (*Verifier, error) {
	v, err := t.endpoint.Verifier(scopes)
	if err != nil {
		return nil, err
	}
	return &Verifier{v}, nil
}
