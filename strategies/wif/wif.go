// Package wif verifies the tokens that Redox gets by Google's Workload Identity Federation:
// opaque Google access tokens ("ya29.…"), and ID tokens. They belong to a service account of
// yours that Redox's identity impersonates.
//
//	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"..."}})
//	google, err := wif.New(wif.Config{
//		ServiceAccounts: []string{"112233445566778899001"}, // the unique ID
//		AccessTokens:    true,
//	})
//	http.Handle("/redox", token.Handshake(token.Wrap(google.Wrap(handler))))
//
// # Redox dashboard
//
// The strategy is "Google Workload Identity Federation" (GoogleWIF). Its fields are those of
// external_account in google-auth-library. Most of them matter only between Redox and Google
// ([Workload Identity Federation]):
//
//	dashboard                          Config
//	service_account_impersonation_url  ServiceAccounts: the account in the URL, better by its unique ID
//	scope                              Scopes: those that you require
//	audience                           nothing: it is the workload identity provider, not Config.Audience
//	token_url, sts_scope, options      nothing: they are for the federated token, which you do not get
//	delegates, lifetime                nothing: they say how the account is impersonated, and for how long
//
// No field asks for an ID token, so set AccessTokens. Without
// service_account_impersonation_url Redox would send the federated token itself. It is
// refused, because it belongs to no service account and tokeninfo does not know it. The
// error of a refusal, which Observe of [redoxauth.Options] gets, says what the token says
// about its account.
//
// # Access tokens are not bound to you
//
// An access token names no audience. A service that Redox calls with the account's access
// token can replay that token at this endpoint. So use the account for this destination
// only, and let only Redox's identity impersonate it. Check the verification token first: this
// also keeps strangers from making this server call Google.
//
//	token.Wrap(google.Wrap(handler)) // as above, or with redoxauth.AllOf(token, google)
//
// An ID token is bound to Audience, and is checked offline. Neither kind covers the body of
// a message.
//
// # Calls about new tokens are rationed
//
// Anybody can invent tokens that begin with "ya29.", and only Google can tell. So calls about
// tokens that were not accepted before are rationed by sender ([Config.Peer]):
//
//   - A peer is known for a day after it sent an accepted token. Strangers cannot use up
//     the calls of known peers: together these have 300 calls a minute, and at least 16 at
//     once. The last 1024 known peers are remembered.
//   - All other peers are strangers. Together they have 300 calls a minute, and 32 at
//     once. They are sorted into 256 buckets by a secret hash. One bucket gets at most an
//     eighth of the calls, and has one call a minute of its own. So a genuine new peer gets
//     its first call, unless a stranger is in its bucket or 32 calls are in progress.
//
// Above these limits the answer is 503 with the reason "busy". A token that was accepted
// before is asked about at any time, within 64 calls at once. A call that several requests
// wait for counts once. Failed calls do not count, up to a minute's calls.
//
// Behind a proxy, all connections come from the proxy. So Peer is required there: without it
// everybody is a stranger, in one bucket. If the proxy adds no header, all peers have its
// address. Then strangers share the calls of Redox.
//
// The strongest set-up is to require the verification token first, by
// redoxauth.AllOf(token, google) or token.Wrap(google.Wrap(handler)). Then strangers cost no
// call at all.
//
// # Operation
//
// The server calls https://www.googleapis.com for the keys of ID tokens, and
// https://oauth2.googleapis.com for access tokens. A firewall must let these calls pass.
//
// Rotation needs nothing. Google's keys are fetched when they change, and federation uses no
// key of the service account.
//
// Clocks may differ by 60 s.
//
// When Google is unreachable or throttles, the answer is 503, never 401. Meanwhile known keys
// keep working for 24 h, and an answer about an access token is used for 5 minutes. So an
// access token that Google has ended may be accepted for 5 minutes more. A refusal by Google
// is remembered for 10 s.
//
// Google calls tokeninfo a tool for debugging and promises no rate. This package asks about
// an accepted token once in 5 minutes.
//
// # When a token is refused
//
// The error says what arrived, what was expected, and which field decides. The usual causes:
//
//	inactive       the token has expired, or is the federated token: service_account_impersonation_url
//	subject        the token shows the unique ID alone, and ServiceAccounts lists the address
//	audience       Audience is not equal in every character, such as the slash at the end
//	type           AccessTokens is false, or Audience is empty, and such a token arrived
//	scope          a scope is missing: Scopes, or scope in the dashboard
//	unavailable    Google cannot be reached, or throttles: the error has its answer
//	busy           strangers use up the calls, or Peer is not set behind a proxy
//
// [Verifier.Explain] tells more, about every check, with the answer that Google gave last.
//
// # Cloud Run
//
// Cloud Run's own IAM check ("Require authentication") takes an ID token in the Authorization
// header for itself, and replaces its signature by SIGNATURE_REMOVED_BY_GOOGLE before the
// request arrives ([Service to service]). What is left proves nothing, so it is refused with the
// reason "signature", and the error says so. Turn that check off, so that the token arrives as it
// was sent, and is checked here ([Public access]):
//
//	gcloud run services update SERVICE --no-invoker-iam-check
//
// If that check must stay on, Cloud Run alone checks the token, and this package cannot. Then
// require the verification token here.
//
// # Limits
//
// Federated tokens without impersonation, tokens that a service account signs itself
// ([AIP-4111]) and tokens of Identity-Aware Proxy are not accepted. The Workspace claim hd is
// not checked.
//
// Persons are refused. [New] refuses their addresses. Verify refuses a token of a person, even
// if the person's numeric ID is listed. It knows such a token by an address outside
// gserviceaccount.com, by an OAuth client as its azp, or by a sub that is not its azp (an
// access token by [domain-wide delegation]). An access token without the scope userinfo.email
// shows none of this. So a listed service account with domain-wide delegation can still send
// one that acts for a person. Give the account no such delegation.
//
// [Workload Identity Federation]: https://cloud.google.com/iam/docs/workload-identity-federation
// [domain-wide delegation]: https://developers.google.com/identity/protocols/oauth2/service-account#delegatingauthority
// [Service to service]: https://cloud.google.com/run/docs/authenticating/service-to-service
// [Public access]: https://cloud.google.com/run/docs/authenticating/public
// [AIP-4111]: https://google.aip.dev/auth/4111
package wif

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
	// or by e-mail address. The ID is better: Google may give the address of a deleted
	// account to another account, and an access token names the address only with the
	// scope https://www.googleapis.com/auth/userinfo.email. An address counts only if
	// Google says that it is verified. It ends in .gserviceaccount.com. Upper case does
	// not matter: Google writes addresses in lower case. An ID does not show whether it
	// is a person's, so take it from here:
	//
	//	gcloud iam service-accounts describe EMAIL --format='value(uniqueId)'
	ServiceAccounts []string

	// Audience lists the accepted values of aud in ID tokens, usually the URL of this
	// endpoint. If it is empty, no ID token is accepted. An audience alone proves
	// nothing: any Google account can get an ID token for any audience.
	Audience []string

	// AccessTokens accepts access tokens. The Verifier asks Google about each.
	AccessTokens bool

	// Scopes are all required of an access token. A genuine token without one of them is
	// [redoxauth.ErrForbidden]. ID tokens have no scopes.
	Scopes []string

	// Endpoints replace Google's URLs, for tests and proxies.
	Endpoints Endpoints

	// Client makes the calls; default one with http.DefaultTransport. The Verifier uses a
	// copy, which follows no redirect. A call takes at most 10 s.
	Client *http.Client

	// Peer returns who sent a request. It rations the calls about new tokens: see
	// "Calls about new tokens are rationed". By default it is the address of the
	// connection. A request with the header X-Forwarded-For or Forwarded comes from a
	// stranger then, because the address is the proxy's. Behind a proxy set Peer to the
	// last address of X-Forwarded-For, which your own proxy appended (see the example): the
	// sender chooses what stands before it. An address counts without port, and an IPv6
	// address by its /64. "" means that nobody knows. Peer must be safe for concurrent use.
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
		Strategy:          "wif",
		Dashboard:         google.Dashboard{ServiceAccounts: "service_account_impersonation_url", Scopes: "scope"},
		Federated:         true,
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
// ServiceAccounts:
//
//   - An ID token: Google signed it with RS256, its iss is accounts.google.com or
//     https://accounts.google.com, its aud is in Audience, it has not expired, and its sub or
//     verified e-mail address is listed.
//   - An access token: it begins with "ya29." and has at most 4096 bytes, Google knows it, it
//     was issued to the account itself, it has not expired, and it has all Scopes.
//
// The errors:
//
//   - [redoxauth.ErrNoCredentials]: no bearer token, a token of neither kind, or of a kind that
//     is not configured; such a token is never sent to Google
//   - [redoxauth.ErrMalformed]: two Authorization headers
//   - [redoxauth.ErrForbidden]: a scope is missing
//   - [redoxauth.ErrUnavailable]: Google cannot be asked now
//   - [redoxauth.ErrRejected]: everything else
//
// The Identity's Subject is the entry of ServiceAccounts that matched, in lower case. Its
// RawClaims are what Google signed or answered.
func (v *Verifier) Verify(r *http.Request) (*redoxauth.Identity, error) { return v.bearer.Verify(r) }

// Explain tells an operator what v makes of r: see [redoxauth.Explain]. About an access token it
// uses what Google answered before, and says how old that is. It asks Google nothing.
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
