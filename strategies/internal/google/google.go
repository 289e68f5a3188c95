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
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
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
	Dashboard              Dashboard
	Federated              bool // tokens of the Security Token Service may arrive, which tokeninfo does not know
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

// Dashboard names the fields of Redox's dashboard that belong to those of a Config; "" if there
// is none.
type Dashboard struct{ ServiceAccounts, Audience, Scopes string }

// field returns the name of a field of the Config, and of the dashboard.
func field(name, dashboard string) string {
	if dashboard == "" {
		return "Config." + name
	}
	return "Config." + name + "; Redox dashboard: " + dashboard
}

type verifier struct {
	cfg      Config
	accounts string               // which are accepted, for errors
	scopes   string               // the field of the Config
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
	v := &verifier{
		cfg:      cfg,
		accounts: fmt.Sprintf("%s (%s)", diagnosis.OneOf(cfg.ServiceAccounts), field("ServiceAccounts", cfg.Dashboard.ServiceAccounts)),
		scopes:   field("Scopes", cfg.Dashboard.Scopes),
	}
	if len(cfg.Audience) > 0 {
		if v.idTokens, err = newIDTokens(cfg); err != nil {
			return none, err
		}
	}
	if cfg.AccessTokens {
		v.answers = newAnswers(cfg)
	}
	return bearer.New(cfg.Strategy, v.decide, v.explain), nil
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

// A holder is the account that a token belongs to, as Google says.
type holder struct {
	id       string // numeric
	email    string // if there is one
	named    bool   // there is an e-mail address
	verified bool   // the address; else it is whatever its owner typed
}

// account returns which of the two names that Google gives an account is listed. The audience of
// a token alone proves nothing: anybody with a Google account can get a token for any.
func (v *verifier) account(h holder) (string, error) {
	if h.id != "" && slices.Contains(v.cfg.ServiceAccounts, h.id) {
		return h.id, nil
	}
	if h.verified && h.email != "" && slices.Contains(v.cfg.ServiceAccounts, h.email) {
		return h.email, nil
	}
	return "", redoxauth.Errorf(redoxauth.ErrRejected, "subject", "the account has the unique ID %s and %s, want %s%s",
		diagnosis.Text(h.id, h.id != ""), h.address(), v.accounts, v.advice(h))
}

// checkPerson refuses the token of a person, even if somebody listed the person's numeric
// ID. A service account with domain-wide delegation gets such tokens too
// (https://developers.google.com/identity/protocols/oauth2/service-account#delegatingauthority).
// email is the address in the token, verified or not; "" if there is none.
func (v *verifier) checkPerson(email string) error {
	if email == "" || isServiceAccount(email) {
		return nil
	}
	return redoxauth.Errorf(redoxauth.ErrRejected, "subject", "the e-mail address %s is no service account's, want a token of %s: tokens of persons are refused", diagnosis.Quote(email), v.accounts)
}

func (h holder) address() string {
	switch {
	case !h.named:
		return "no e-mail address"
	case !h.verified:
		return fmt.Sprintf("the e-mail address %s, which is not verified", diagnosis.Text(h.email, true))
	}
	return "the verified e-mail address " + diagnosis.Text(h.email, true)
}

// advice says what to change if the token does not show the name that may be listed.
func (v *verifier) advice(h holder) string {
	switch {
	case h.named && !h.verified && slices.Contains(v.cfg.ServiceAccounts, h.email):
		return "; a listed address counts only if email_verified is true: list the unique ID"
	case !h.named && slices.ContainsFunc(v.cfg.ServiceAccounts, emailAddress.MatchString):
		return "; the token names no address: list the unique ID, or get access tokens with the scope " + emailScope + ", and ID tokens with includeEmail"
	}
	return ""
}

const emailScope = "https://www.googleapis.com/auth/userinfo.email"
