// Package google verifies that a token belongs to a listed Google service account: an ID
// token that Google signed, or an access token that Google's tokeninfo endpoint knows.
// The strategies gcpjwt and wif are this package under the names of the Redox dashboard.
// Their documentation is for users.
package google

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/lookup"
)

// Google's endpoints: the keys of ID tokens as a JWKS, and tokeninfo.
const (
	certsURL     = "https://www.googleapis.com/oauth2/v3/certs"
	tokenInfoURL = "https://oauth2.googleapis.com/tokeninfo"
)

// issuers are the values of iss in Google's ID tokens
// (https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken).
var issuers = []string{"https://accounts.google.com", "accounts.google.com"}

// Config is the Config of gcpjwt and wif. Strategy is the package that errors name.
type Config struct {
	Strategy               string
	ServiceAccounts        []string
	Audience               []string
	AccessTokens           bool
	Scopes                 []string
	CertsURL, TokenInfoURL string
	Client                 *http.Client
	Peer                   func(*http.Request) string
	InsecureAllowHTTP      bool
	Now                    func() time.Time
}

type verifier struct {
	cfg      Config
	idTokens *jose.Verifier       // nil: ID tokens are not accepted
	answers  *lookup.Cache[*info] // nil: access tokens are not accepted
}

// New returns a Verifier, or everything that is wrong with cfg. It makes no request.
func New(cfg Config) (none bearer.Verifier, err error) {
	cfg.CertsURL = cmp.Or(cfg.CertsURL, certsURL)
	cfg.TokenInfoURL = cmp.Or(cfg.TokenInfoURL, tokenInfoURL)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.check(); err != nil {
		return none, err
	}
	cfg.ServiceAccounts, cfg.Scopes = slices.Clone(cfg.ServiceAccounts), slices.Clone(cfg.Scopes)
	for i, a := range cfg.ServiceAccounts {
		cfg.ServiceAccounts[i] = strings.ToLower(a) // as Google writes them
	}
	v := &verifier{cfg: cfg}
	if len(cfg.Audience) > 0 {
		if v.idTokens, err = newIDTokens(cfg); err != nil {
			return none, err
		}
	}
	if cfg.AccessTokens {
		v.answers = newAnswers(cfg)
	}
	return bearer.New(cfg.Strategy, v.decide, nil), nil
}

func (c *Config) check() error {
	p := config.Problems{Package: c.Strategy}
	if len(c.ServiceAccounts) == 0 {
		p.Add("ServiceAccounts", "required, because any Google account can get a token for your audience")
	}
	for i, a := range c.ServiceAccounts {
		field := fmt.Sprintf("ServiceAccounts[%d]", i)
		switch {
		case isNumericID(a), isServiceAccount(a):
		case config.Trim(a) != a:
			p.Add(field, "%q is written with white space around it", a)
		case emailAddress.MatchString(a):
			p.Add(field, "%q is no service account's address: it does not end in .gserviceaccount.com, so it may be a person's", a)
		default:
			p.Add(field, "%q is neither a numeric ID nor an e-mail address", a)
		}
	}
	if len(c.Audience) == 0 && !c.AccessTokens {
		p.Add("Audience", "required, unless AccessTokens is set")
	}
	if len(c.Scopes) > 0 && !c.AccessTokens {
		p.Add("Scopes", "only access tokens have scopes: set AccessTokens")
	}
	p.Names("Audience", c.Audience)
	p.Scopes("Scopes", c.Scopes)
	p.URL("Endpoints.CertsURL", c.CertsURL, c.InsecureAllowHTTP)
	p.URL("Endpoints.TokenInfoURL", c.TokenInfoURL, c.InsecureAllowHTTP)
	return p.Err()
}

func isNumericID(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "0123456789") == ""
}

// emailAddress matches printable ASCII with one @. It has no slash and no colon: they are
// in an impersonation URL, and in the IAM member "serviceAccount:EMAIL".
var emailAddress = regexp.MustCompile(`^[!-.0-9;-?A-~]+@[!-.0-9;-?A-~]+$`)

// isServiceAccount reports whether email is the address of a service account. All of them are
// in subdomains of gserviceaccount.com, those that Google manages and those of projects with
// a domain in their name included (https://cloud.google.com/iam/docs/service-account-types,
// https://cloud.google.com/iam/docs/service-agents). Nobody else has an address there.
func isServiceAccount(email string) bool {
	return emailAddress.MatchString(email) && serviceAccountDomain.MatchString(email)
}

var serviceAccountDomain = regexp.MustCompile(`(?i)@([a-z0-9-]+\.)+gserviceaccount\.com$`)

func (v *verifier) decide(r *http.Request, token string) (*redoxauth.Identity, error) {
	if strings.HasPrefix(token, prefix) {
		return v.accessToken(r, token)
	}
	return v.idToken(r.Context(), token)
}

// checkHolder refuses the token of a person, even if somebody listed the person's numeric
// ID. A service account with domain-wide delegation gets such tokens too
// (https://developers.google.com/identity/protocols/oauth2/service-account#delegatingauthority).
// email is the address in the token, verified or not; "" if there is none.
func checkHolder(email string) error {
	if email == "" || isServiceAccount(email) {
		return nil
	}
	return redoxauth.Errorf(redoxauth.ErrRejected, "subject", "the e-mail address %+.128q is no service account's, want a token of one of ServiceAccounts", email)
}

// account returns which of the two names that Google gives an account is listed. The audience
// of a token alone proves nothing: anybody with a Google account can get a token for any.
func (v *verifier) account(numericID, verifiedEmail string) (string, error) {
	for _, name := range []string{numericID, verifiedEmail} {
		if name != "" && slices.Contains(v.cfg.ServiceAccounts, name) {
			return name, nil
		}
	}
	name, hint := fmt.Sprintf("verified e-mail address %+.128q", verifiedEmail), ""
	if verifiedEmail == "" {
		name = "no verified e-mail address"
		if slices.ContainsFunc(v.cfg.ServiceAccounts, emailAddress.MatchString) {
			hint = "; list the unique ID, or get access tokens with the scope userinfo.email and ID tokens with includeEmail"
		}
	}
	return "", redoxauth.Errorf(redoxauth.ErrRejected, "subject", "the account has ID %+.64q and %s, want one of ServiceAccounts%s", numericID, name, hint)
}
