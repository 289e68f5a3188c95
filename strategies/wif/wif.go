// Package wif verifies the tokens that Redox gets by Google's Workload Identity
// Federation: opaque Google access tokens ("ya29.…"), and ID tokens, of the service
// account of yours that Redox's identity impersonates.
//
// # Redox dashboard
//
// The strategy is "Google Workload Identity Federation" (GoogleWIF). Its fields are
// those of google-auth-library's external_account, and most of them are between Redox
// and Google ([Workload Identity Federation]):
//
//	dashboard                          Config
//	service_account_impersonation_url  ServiceAccounts: the account it names, better by its unique ID
//	scope                              Scopes: those that you insist on
//	audience                           nothing: the workload identity provider, not Config.Audience
//	token_url, sts_scope, options      nothing: for the federated token, which is not sent to you
//	delegates, lifetime                nothing: how the account is impersonated, and for how long
//
// No field asks for an ID token, so set AccessTokens. Without
// service_account_impersonation_url Redox would send the federated token itself, which
// is of no service account and which tokeninfo does not know: it is refused. Each
// refusal tells the observer ([redoxauth.Options]) what the token said about its
// account.
//
// # Access tokens are not bound to you
//
// An access token names no audience. The account's token is good here whatever server
// it was sent to first, so any service that is called as that account can replay it at
// yours. Give the account to this one destination, let nobody but Redox's identity
// impersonate it, and combine it with the verification token, which also keeps
// strangers from making this server ask Google:
//
//	redoxauth.AllOf(token, google) // or token.Wrap(google.Wrap(handler))
//
// An ID token is bound to Audience, and is checked offline. Neither covers the message.
//
// # Operation
//
// The server calls https://www.googleapis.com for the keys of ID tokens and
// https://oauth2.googleapis.com for access tokens: let a firewall pass them.
//
// Rotation needs nothing: Google's keys are fetched when they change, and federation
// needs no key of the service account.
//
// Clocks may differ by 60 s.
//
// When Google cannot be reached, or throttles, the answer is 503, never 401. Known keys
// serve for 24 h meanwhile, and what Google said about an access token serves for 5
// minutes: so long may a token pass that Google has ended. A refusal by Google is kept
// for 10 s. Google calls tokeninfo a tool for debugging and promises no rate: this
// package asks it about each token once in 5 minutes, and about at most 300 tokens a
// minute that it does not know to be a listed account's, 32 at once; over that the
// answer is 503.
//
// Not covered are federated tokens without impersonation, tokens that a service account
// signs itself ([AIP-4111]), tokens of Identity-Aware Proxy, and the Workspace claim hd.
//
// [Workload Identity Federation]: https://cloud.google.com/iam/docs/workload-identity-federation
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
	// ServiceAccounts are the accounts whose tokens are accepted, by numeric unique ID
	// or by e-mail address, character by character. The ID is better: the address of a
	// deleted account can be given to another, and an access token names it only with
	// the scope https://www.googleapis.com/auth/userinfo.email. To find the ID:
	//
	//	gcloud iam service-accounts describe EMAIL --format='value(uniqueId)'
	//
	// An address counts only if Google says that it is verified.
	ServiceAccounts []string

	// Audience are the accepted values of aud in ID tokens, usually the URL of this
	// endpoint. Empty: no ID token is accepted. It alone proves nothing, as any Google
	// account can get an ID token for any audience.
	Audience []string

	// AccessTokens accepts access tokens, by asking Google about each.
	AccessTokens bool

	// Scopes must all have been granted to an access token; one that lacks any is
	// [redoxauth.ErrForbidden]. ID tokens have no scopes.
	Scopes []string

	// Endpoints are Google's, unless set: for tests and for proxies.
	Endpoints Endpoints

	// Client makes the calls; default one of its own. Of a Client given here a copy is
	// used, which never follows redirects. A call has 10 s.
	Client *http.Client

	// InsecureAllowHTTP allows Endpoints with plain http, where anybody on the way can
	// read the tokens and replace the keys: for tests.
	InsecureAllowHTTP bool

	Now func() time.Time // default time.Now
}

// Endpoints are the URLs that are called.
type Endpoints struct {
	CertsURL     string // keys of ID tokens, as a JWKS; default https://www.googleapis.com/oauth2/v3/certs
	TokenInfoURL string // default https://oauth2.googleapis.com/tokeninfo
}

// A Verifier verifies Google's tokens. It is safe for concurrent use.
type Verifier struct{ bearer bearer.Verifier }

var _ redoxauth.Verifier = (*Verifier)(nil)

// New returns a Verifier, or all that is wrong with cfg. It makes no request.
func New(cfg Config) (*Verifier, error) {
	v, err := google.New(google.Config{
		Strategy:          "wif",
		ServiceAccounts:   cfg.ServiceAccounts,
		Audience:          cfg.Audience,
		AccessTokens:      cfg.AccessTokens,
		Scopes:            cfg.Scopes,
		CertsURL:          cfg.Endpoints.CertsURL,
		TokenInfoURL:      cfg.Endpoints.TokenInfoURL,
		Client:            cfg.Client,
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
//   - an ID token: signed by Google with RS256, its iss accounts.google.com or
//     https://accounts.google.com, for an Audience, not expired, its sub or verified
//     e-mail address listed
//   - an access token: begins with "ya29.", at most 4096 bytes, known to Google, issued
//     to the account itself, not expired, with all Scopes
//
// A token that is neither, or of the kind that is not configured, is
// [redoxauth.ErrNoCredentials], and is never sent to Google. A wrong one is
// [redoxauth.ErrRejected], one that lacks a scope [redoxauth.ErrForbidden], and what
// Google cannot be asked now [redoxauth.ErrUnavailable].
//
// The Identity's Subject is the entry of ServiceAccounts that matched, its RawClaims
// what was signed or what Google answered.
func (v *Verifier) Verify(r *http.Request) (*redoxauth.Identity, error) {
	return v.bearer.Verify(r)
}

// Wrap returns [redoxauth.Middleware] with the default options around next.
func (v *Verifier) Wrap(next http.Handler) http.Handler {
	return redoxauth.Middleware(v, nil)(next)
}
