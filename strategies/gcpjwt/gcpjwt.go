// Package gcpjwt verifies the tokens that Redox gets from Google for a service account of yours
// ([Using OAuth 2.0 for Server to Server Applications]): access tokens ("ya29.…"), which are
// opaque (only Google can read them), and signed ID tokens. The dashboard's strategy is "OAuth 2.0 2-legged with JWT for GCP".
//
//	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"..."}})
//	google, err := gcpjwt.New(gcpjwt.Config{
//		ServiceAccounts: []string{"112233445566778899001"}, // the unique ID
//		AccessTokens:    true,
//	})
//	http.Handle("/redox", token.Handshake(token.Wrap(google.Wrap(handler))))
//
// # Redox dashboard
//
// Redox documents neither the fields nor the kind of token. Google's flow needs these values:
//
//	dashboard                                  Config
//	e-mail address of the service account      ServiceAccounts: that account, better by its unique ID
//	scopes                                     Scopes, with AccessTokens
//	target audience, if there is such a field  Audience: then Redox sends an ID token
//	private key of the service account         nothing: Google checks it
//	token URL                                  nothing: it is https://oauth2.googleapis.com/token
//
// The strategy is made for Google's own APIs, so expect access tokens. You can accept both
// kinds.
//
// # Settings
//
//   - Require the verification token first, as above or with [redoxauth.AllOf]. Then strangers
//     cannot make this server call Google, and a replayed access token alone does not suffice.
//   - Accept ID tokens: list Audience (ExampleNew_idTokens on pkg.go.dev).
//   - Replace the service account: list the old and the new one together
//     (ExampleNew_rotation).
//   - Behind a proxy: set Peer (ExampleConfig_peer on pkg.go.dev). Without it all senders are
//     one peer, whose calls strangers can use up.
//   - On Cloud Run: turn off its own check ("Require authentication"), which replaces the
//     signatures of ID tokens ([Service to service], [Public access]): gcloud run services
//     update SERVICE --no-invoker-iam-check. If it must stay on, require the verification token
//     here instead.
//
// # Operation
//
// The server calls the URLs of [Endpoints]. Google's keys are fetched when they change, and a
// new key of the service account changes nothing here.
//
// When Google is unreachable or throttles, the answer is 503. Meanwhile known keys serve for 24
// h, and an answer about an access token for 5 minutes, even if Google has ended the token. A
// refusal by Google is remembered for 10 s. Clocks may differ by 60 s.
//
// Anybody can invent an access token, and only Google can tell. So calls about new tokens are
// rationed. Peers that sent an accepted token within a day (the last 1024) have 300 calls a
// minute and at least 16 at once, which strangers cannot use up. All other peers together have
// 300 calls a minute and 32 at once, and each peer at most an eighth of them. Above that the
// answer is 503. A token that was accepted before is always asked about, within 64 calls at
// once. Google promises no rate for tokeninfo.
//
// The error of a refusal, which Observe of [redoxauth.Options] gets, says what arrived and
// which field decides. Causes that often surprise, by reason:
//
//	inactive       Google does not know the token, or it has expired
//	subject        the token shows the unique ID alone, and ServiceAccounts lists the address
//	signature      Cloud Run has replaced the signature
//	busy           strangers use up the calls, or Peer is not set behind a proxy
//
// [Verifier.Explain] tells more.
//
// # Limits
//
// An access token names no audience. A service that Redox calls with it can replay it here. So
// use the account for this destination only. An ID token is bound to Audience. Neither kind
// covers the body of a message.
//
// Refused are tokens that a service account signs itself ([AIP-4111]), tokens of Identity-Aware
// Proxy, and tokens of persons, even if a person's numeric ID is listed. Verify recognises a
// person by an address outside gserviceaccount.com, an OAuth client as azp, or a sub that is
// not azp. An access token without the scope userinfo.email shows none of this. So give the
// account no [domain-wide delegation]. The Workspace claim hd is not checked.
//
// [Using OAuth 2.0 for Server to Server Applications]: https://developers.google.com/identity/protocols/oauth2/service-account
// [domain-wide delegation]: https://developers.google.com/identity/protocols/oauth2/service-account#delegatingauthority
// [Service to service]: https://cloud.google.com/run/docs/authenticating/service-to-service
// [Public access]: https://cloud.google.com/run/docs/authenticating/public
// [AIP-4111]: https://google.aip.dev/auth/4111
package gcpjwt

import (
	"net/http"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/google"
)

// Config configures [New]. ServiceAccounts is required, and so is Audience or
// AccessTokens.
type Config struct {
	// ServiceAccounts lists the accounts whose tokens are accepted, by numeric unique ID
	// or by e-mail address, which ends in .gserviceaccount.com. The ID is better: Google
	// may give the address of a deleted account to another one, and an access token names
	// the address only with the scope https://www.googleapis.com/auth/userinfo.email. An
	// ID does not show whether it is a person's, so take it from here:
	//
	//	gcloud iam service-accounts describe EMAIL --format='value(uniqueId)'
	ServiceAccounts []string

	// Audience lists the accepted values of aud in ID tokens, usually the URL of this
	// endpoint. If it is empty, no ID token is accepted. It does not replace ServiceAccounts:
	// Google gives anybody an ID token for any audience.
	Audience []string

	// AccessTokens accepts access tokens. The Verifier asks Google about each, at most
	// every 5 minutes.
	AccessTokens bool

	// Scopes are all required of an access token. ID tokens have none.
	Scopes []string

	// Endpoints replace Google's URLs, for tests and proxies.
	Endpoints Endpoints

	// Client makes the calls; default one with http.DefaultTransport. The Verifier uses a
	// copy, which follows no redirect. A call takes at most 10 s.
	Client *http.Client

	// Peer returns who sent a request, which rations calls: see "Operation". An address
	// counts without port, and an IPv6 address by its /64. "" is a stranger. The default
	// is the address of the connection, or "" if there is X-Forwarded-For or Forwarded.
	// Behind a proxy set Peer to the last address of X-Forwarded-For, which your own proxy
	// appended: the sender chooses the others. Peer must be safe for concurrent use.
	Peer func(*http.Request) string

	// InsecureAllowHTTP accepts Endpoints with http, for tests. Anybody on the network
	// path can then read the tokens and replace the keys.
	InsecureAllowHTTP bool

	Now func() time.Time // default time.Now
}

// Endpoints are the URLs that a Verifier calls.
type Endpoints struct {
	CertsURL     string // the keys of ID tokens, as a JWKS; default https://www.googleapis.com/oauth2/v3/certs
	TokenInfoURL string // default https://oauth2.googleapis.com/tokeninfo
}

// A Verifier verifies tokens of Google. It is safe for concurrent use. The zero Verifier
// refuses every request with status 500.
type Verifier struct{ bearer bearer.Verifier }

var _ redoxauth.Verifier = (*Verifier)(nil)

// New returns a Verifier. Its error names everything that is wrong with cfg. It makes no
// request.
func New(cfg Config) (*Verifier, error) {
	v, err := google.New(google.Config{
		Strategy:          "gcpjwt",
		Dashboard:         google.Dashboard{ServiceAccounts: "e-mail address of the service account", Audience: "target audience", Scopes: "scopes"},
		ServiceAccounts:   cfg.ServiceAccounts,
		Audience:          cfg.Audience,
		AccessTokens:      cfg.AccessTokens,
		Scopes:            cfg.Scopes,
		CertsURL:          cfg.Endpoints.CertsURL,
		TokenInfoURL:      cfg.Endpoints.TokenInfoURL,
		Client:            cfg.Client,
		Peer:              cfg.Peer,
		InsecureAllowHTTP: cfg.InsecureAllowHTTP,
		Now:               cfg.Now,
	})
	if err != nil {
		return nil, err
	}
	return &Verifier{v}, nil
}

// Verify accepts a request with "Authorization: Bearer" and a token of one of the
// ServiceAccounts that has not expired:
//
//   - An ID token: Google signed it with RS256, its iss is accounts.google.com or
//     https://accounts.google.com, its aud is in Audience, and its sub or verified e-mail
//     address is listed.
//   - An access token: it begins with "ya29." and has at most 4096 bytes, Google says that it
//     was issued to the account itself, and it has all Scopes.
//
// The error is [redoxauth.ErrNoCredentials] without a token of a kind that is configured (another
// is never sent to Google), ErrMalformed for two Authorization headers, ErrForbidden if a scope
// is missing, ErrUnavailable if Google cannot be asked, and else ErrRejected.
//
// The Identity's Subject is the entry of ServiceAccounts that matched, in lower case. Its
// RawClaims are what Google signed or answered.
func (v *Verifier) Verify(r *http.Request) (*redoxauth.Identity, error) { return v.bearer.Verify(r) }

// Explain tells an operator what v makes of r: see [redoxauth.Explain]. About an access token it
// uses the last answer of Google, and says how old that is.
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
