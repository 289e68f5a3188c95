// Package google verifies that Google says who sends: by an ID token that it signed,
// or by an access token that its tokeninfo endpoint knows. The strategies gcpjwt and
// wif are this package under the names of the Redox dashboard, and document it.
package google

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/lookup"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// Google's endpoints: the keys of ID tokens as a JWKS, and tokeninfo.
const (
	certsURL     = "https://www.googleapis.com/oauth2/v3/certs"
	tokenInfoURL = "https://oauth2.googleapis.com/tokeninfo"
)

// issuers are the values of iss in Google's ID tokens, in full
// (https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken).
var issuers = []string{"https://accounts.google.com", "accounts.google.com"}

// An access token begins with prefix. Nothing else is ever sent to Google. It documents
// tokens of at most 2048 bytes, and those of its Security Token Service as larger.
const (
	prefix   = "ya29."
	maxToken = 4096
)

// How long answers of tokeninfo are kept, and how many invented tokens a minute it is
// asked about: Google throttles it, and then nobody's token can be checked.
const (
	positive  = 5 * time.Minute
	negative  = 10 * time.Second
	perMinute = 300
)

// Config is that of gcpjwt and wif.
type Config struct {
	Strategy               string // the package that errors name
	ServiceAccounts        []string
	Audience               []string
	AccessTokens           bool
	Scopes                 []string
	CertsURL, TokenInfoURL string
	Client                 *http.Client
	InsecureAllowHTTP      bool
	Now                    func() time.Time
}

// A Verifier is safe for concurrent use.
type Verifier struct {
	bearer   bearer.Verifier
	strategy string
	accounts []string
	scopes   []string
	now      func() time.Time
	idTokens *jose.Verifier       // nil: not accepted
	answers  *lookup.Cache[*info] // nil: access tokens are not accepted
}

// New returns a Verifier, or all that is wrong with cfg. It makes no request.
func New(cfg Config) (*Verifier, error) {
	if cfg.CertsURL == "" {
		cfg.CertsURL = certsURL
	}
	if cfg.TokenInfoURL == "" {
		cfg.TokenInfoURL = tokenInfoURL
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	v := &Verifier{
		strategy: cfg.Strategy,
		accounts: slices.Clone(cfg.ServiceAccounts),
		scopes:   slices.Clone(cfg.Scopes),
		now:      cfg.Now,
	}
	v.bearer = bearer.New(cfg.Strategy, v.decide)
	if len(cfg.Audience) > 0 {
		keys, err := keyset.NewRemote(keyset.RemoteConfig{
			URL:               cfg.CertsURL,
			Client:            cfg.Client,
			InsecureAllowHTTP: cfg.InsecureAllowHTTP,
			Now:               cfg.Now,
		})
		if err != nil {
			return nil, cfg.wrong("Endpoints.CertsURL", err.Error())
		}
		v.idTokens = newIDTokens(cfg, keys)
	}
	if cfg.AccessTokens {
		v.answers = lookup.New(lookup.Config{
			Positive:  positive,
			Negative:  negative,
			PerMinute: perMinute,
			Now:       cfg.Now,
		}, (&tokenInfo{cfg.TokenInfoURL, lookup.NewClient(cfg.Client, maxAnswer), cfg.Now}).fetch)
	}
	return v, nil
}

func (c Config) check() error {
	var errs []error
	wrong := func(field, why string) { errs = append(errs, c.wrong(field, why)) }
	if len(c.ServiceAccounts) == 0 {
		wrong("ServiceAccounts", "required: any Google account can get a token for your audience")
	}
	for _, a := range c.ServiceAccounts {
		if !isNumericID(a) && !isEmail(a) {
			wrong("ServiceAccounts", fmt.Sprintf("%q is neither a numeric ID nor an e-mail address", a))
		}
	}
	if len(c.Audience) == 0 && !c.AccessTokens {
		wrong("Audience", "required, unless AccessTokens is set")
	}
	if slices.Contains(c.Audience, "") {
		wrong("Audience", "an empty value")
	}
	if len(c.Scopes) > 0 && !c.AccessTokens {
		wrong("Scopes", "only access tokens have scopes: set AccessTokens")
	}
	for _, s := range c.Scopes {
		if !config.ValidScope(s) {
			wrong("Scopes", fmt.Sprintf("%q is not one scope", s))
		}
	}
	if why := wrongURL(c.CertsURL, c.InsecureAllowHTTP); why != "" {
		wrong("Endpoints.CertsURL", why)
	}
	if why := wrongURL(c.TokenInfoURL, c.InsecureAllowHTTP); why != "" {
		wrong("Endpoints.TokenInfoURL", why)
	}
	return errors.Join(errs...)
}

func (c Config) wrong(field, why string) error {
	return fmt.Errorf("%s: %s: %s", c.Strategy, field, why)
}

func isNumericID(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "0123456789") == ""
}

func isEmail(s string) bool {
	name, domain, _ := strings.Cut(s, "@")
	return name != "" && domain != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) && !strings.Contains(domain, "@")
}

func wrongURL(address string, allowHTTP bool) string {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return "not a URL" // its error would show a password
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return "not an https URL"
	case u.User != nil || u.Fragment != "":
		return "has a user or a fragment"
	case u.Scheme == "http" && !allowHTTP:
		return "plain http needs InsecureAllowHTTP"
	}
	return ""
}

// Verify accepts a request with a token of a service account that is listed.
func (v *Verifier) Verify(r *http.Request) (*redoxauth.Identity, error) {
	return v.bearer.Verify(r)
}

func (v *Verifier) decide(ctx context.Context, token string) (*redoxauth.Identity, error) {
	if strings.HasPrefix(token, prefix) {
		return v.accessToken(ctx, token)
	}
	return v.idToken(ctx, token)
}

// account returns the listed one of the names that Google gives an account.
func (v *Verifier) account(numericID, verifiedEmail string) (string, error) {
	for _, name := range []string{numericID, verifiedEmail} {
		if name != "" && slices.Contains(v.accounts, name) {
			return name, nil
		}
	}
	if verifiedEmail == "" && slices.ContainsFunc(v.accounts, isEmail) {
		return "", refuse(redoxauth.ErrRejected, "subject", fmt.Sprintf("ID %+.64q is not in ServiceAccounts, and the token names no verified e-mail address (no scope userinfo.email, or of an ID token no includeEmail): list the unique ID", numericID))
	}
	return "", refuse(redoxauth.ErrRejected, "subject", fmt.Sprintf("neither ID %+.64q nor verified e-mail address %+.128q is in ServiceAccounts", numericID, verifiedEmail))
}

func refuse(kind error, reason redoxauth.Reason, why string) error {
	return &redoxauth.Error{Kind: kind, Reason: reason, Err: errors.New(why)}
}
