// Package smartbackend verifies requests of a destination with the strategy "SMART
// Backend" ([SMART Backend Services]). Redox signs an assertion (private_key_jwt) and sends
// it to our token endpoint. It gets an access token with SMART scopes, and sends that with
// its messages.
//
//	endpoint, err := smartbackend.NewTokenEndpoint(cfg)
//	verifier, err := endpoint.Verifier("system/*.rs")
//	mux.Handle("/token", endpoint)
//	mux.Handle("/.well-known/smart-configuration", endpoint.Configuration())
//	mux.Handle("/redox", verifier.Wrap(verifytoken.Challenge(handler))) // with a verification token: see verifytoken
//
// # Redox dashboard
//
// Redox documents some names of the strategy's fields and none of their defaults. What
// goes where:
//
//	dashboard                             EndpointConfig
//	url (the token URL)                   TokenURL
//	clientId                              Clients[].ID
//	scopes                                Clients[].Scopes
//	the key pair, its JWKS URL ("JKU")    Clients[].Keys: keyset.NewRemote, or ParseJWKS, ParsePEM
//	audience, resource                    Audience, or leave them out
//	grantType                             client_credentials
//	grantTypeName, clientIdName           grant_type, client_id
//	noBasic                               true: Basic beside an assertion is refused
//
// # When a token request is refused
//
// The error that EndpointConfig.Observe gets says what arrived, what was expected and which
// field decides. For more, keep the request that Observe gets, and print
// [TokenEndpoint.Explain] of it: the header and the claims of the assertion, every check with
// the field, what each scope gives, and mistakes that were tried and fit, such as an aud that
// is the issuer. The peer gets none of this.
//
// # Operation
//
// With [keyset.NewRemote], Redox can rotate its keys without you: the first assertion of a
// new key makes the set fetch, and waits for it. To rotate configured keys, list the old and
// the new key. SMART wants one key for a key ID: if the set has two keys with the kid that
// an assertion names, it is refused (reason "unknown_key"). To rotate TokenSecrets, change
// all replicas from [old, new] to [new, old], and after Lifetime to [new].
//
// Clocks may differ by Leeway. The error of an assertion that is refused as "expired" says
// how long ago it expired. The error of "not_yet_valid" says how long it is until the
// assertion is valid.
//
// When a key server is down, keys that are known still serve, for MaxStale of
// [keyset.RemoteConfig]. SMART allows this only for as long as Cache-Control says. To obey,
// set MaxStale to a negative value. Without a key or the replay store nothing can be decided,
// and the answer is 503, never 401. All replicas must share the replay store. Otherwise an
// assertion is accepted once at each.
//
// An access token proves who sent a message, not what was sent: it does not cover the
// body. Anyone who obtains it can use it until it expires.
//
// # Deviations
//
// SMART says that aud is the token URL. [RFC 10070] says that it is the issuer, and nothing
// else. This package follows SMART, and also accepts what AssertionAudiences lists.
//
// It accepts an assertion without typ, which SMART requires. It accepts one without kid:
// then the keys that fit are tried, at most four.
//
// [SMART Backend Services]: https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
// [RFC 10070]: https://www.rfc-editor.org/rfc/rfc10070
package smartbackend

import (
	"net/http"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

const strategy = "smartbackend"

// An EndpointConfig configures a [TokenEndpoint].
type EndpointConfig struct {
	Clients []Client // required

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
	// All replicas have the same list. The first secret signs, and all verify. A secret that
	// is text has no white space around it.
	TokenSecrets [][]byte

	// Lifetime of the access tokens: from 1 s to 5 min, default 5 min. A token is accepted
	// until 60 s after it expires. Its exp alone decides: a token that was issued while the
	// clock was ahead stays valid when the clock is set right, and ends later by as much. To
	// end all tokens at once, replace TokenSecrets.
	Lifetime time.Duration

	// Leeway is how far the clocks of Redox and this server may differ: default 60 s, at
	// most 5 min.
	Leeway time.Duration

	// Replay, required, remembers each assertion until it expires, and then for twice the
	// Leeway and a minute: the clocks of replicas may differ by Leeway. All replicas must
	// share it. TokenEndpoints with different TokenURLs may share it too: each accepts an
	// assertion once.
	Replay replay.Store

	// Observe is called once for every token request. The Decision's Status is the status
	// that was sent, and its Err says what arrived, what was expected and which field
	// decides. The body of the request reads as empty. It keeps what was parsed, the assertion
	// included, so that Explain works later too.
	Observe func(*http.Request, redoxauth.Decision)

	Now func() time.Time // default time.Now
}

// A Client may request access tokens.
type Client struct {
	// ID, required, is iss and sub of the Client's assertions. It has at most 512 bytes. No
	// two Clients have the same.
	ID string

	// Keys, required, are the public keys of this Client and of nobody else, for RS384 and
	// ES384. At least one of the configured Keys must serve one of them.
	Keys keyset.Set

	// Scopes, required, are what the Client may get, such as "system/*.rs". They are in
	// version 1 or 2 of the syntax, or in both, and are compared by what they cover. A
	// Client that requests more gets the part that is allowed.
	Scopes []string
}

// A TokenEndpoint is the token URL of SMART Backend Services. It is safe for concurrent
// use.
//
// It accepts POST with a form of at most 64 KiB, which must arrive within 10 s. The
// parameter scope is required. An assertion must be signed with RS384 or ES384 and expire
// within 5 minutes. It is accepted once. If its header has a jku, that must be the URL of
// the Client's Keys. It is never followed. The answers:
//
//	200  the access token
//	400  invalid_request         a parameter is missing, or another one than audience and
//	                             resource comes twice; a credential in the URL; a secret
//	                             beside the assertion; another client_assertion_type
//	400  unsupported_grant_type  another grant_type
//	400  invalid_scope           no scope; none of the scopes can be granted; more than 200
//	                             are requested
//	400  invalid_target          another audience or resource
//	401  invalid_client          no assertion, or anything is wrong with it
//	405  invalid_request         not POST
//	413  invalid_request         more than 64 KiB
//	415  invalid_request         not a form
//	429  invalid_client          more than 100 wrong assertions of one client from one
//	                             address within a minute; a right assertion still passes
//	500  server_error            a bug, or a panic of Replay
//	503  temporarily_unavailable no keys or no replay store; the body did not arrive in
//	                             time; 32 MiB of bodies are arriving
//
// When a token request is refused, the peer learns no more than that. The error that Observe
// gets says what to change here or in Redox's dashboard, and Explain makes all checks and tries
// the usual mistakes.
//
// The zero TokenEndpoint answers 500.
type TokenEndpoint struct {
	endpoint      *tokenendpoint.Endpoint
	configuration []byte
}

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
		MaxLifetime:  maxLifetime,
		GrantType:    grantType,
		Challenge:    tokenendpoint.RedoxChallenge,
		Clients:      g.Clients,
		ClientField:  "Clients",
		ClientKey:    "ID",
		Scopes:       scopes{},
		Prove:        g.prove,
		Explain:      g.explain,
		Observe:      cfg.Observe,
		Now:          cfg.Now,
	})
	if err := p.Err(err); err != nil {
		return nil, err
	}
	return &TokenEndpoint{e, describe(cfg)}, nil
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
// The scopes of a token must cover all scopes, or the error is [redoxauth.ErrForbidden].
// Its Client must still be configured.
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

// A Verifier verifies the access tokens of a [TokenEndpoint]. It is safe for concurrent
// use. The zero Verifier refuses every request with status 500.
type Verifier struct{ bearer bearer.Verifier }

var _ redoxauth.Verifier = (*Verifier)(nil)

// Verify accepts a request whose bearer token was issued by the TokenEndpoint. The
// Identity's Subject is the client ID. Its KeyID is the position of the secret in
// TokenSecrets.
//
// The errors:
//
//   - [redoxauth.ErrNoCredentials]: no bearer token, or one that is no JWT or has another
//     issuer
//   - [redoxauth.ErrMalformed]: two Authorization headers
//   - [redoxauth.ErrForbidden]: a scope is missing
//   - [redoxauth.ErrRejected]: everything else
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
