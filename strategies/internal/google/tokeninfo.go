package google

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/lookup"
)

// How long answers of tokeninfo are used, and how many unknown tokens a minute it is asked
// about. Google throttles tokeninfo, and then nobody's token can be checked.
const (
	positive  = 5 * time.Minute
	negative  = 10 * time.Second
	perMinute = 300
	maxAnswer = 16 << 10 // bytes; genuine answers have a few hundred
)

// An info is what tokeninfo said about an access token.
type info struct {
	azp, aud string
	sub      string // "" without a scope for it
	email    string // "" without a scope for it
	verified bool   // the email
	scopes   []string
	expiry   time.Time
	raw      json.RawMessage
}

// id returns the numeric ID of the account, or what is in its place.
func (i *info) id() string { return cmp.Or(i.azp, i.aud) }

func (i *info) holder() holder { return holder{i.id(), i.email, i.email != "", i.verified} }

// said returns what tokeninfo said in a member, for errors.
func (i *info) said(name string) string {
	o, _ := jose.ReadObject(i.raw, name)
	s, ok := o.Get(name).Text()
	return diagnosis.Text(s, ok)
}

// newAnswers returns the answers of tokeninfo.
func newAnswers(cfg Config) *lookup.Cache[*info] {
	t := &tokenInfo{cfg.TokenInfoURL, lookup.NewClient(cfg.Client, maxAnswer), cfg.Now, ""}
	if cfg.Federated {
		t.hint = "; it does not know federated tokens either, which Redox sends without " + cfg.Dashboard.ServiceAccounts
	}
	return lookup.New(lookup.Config{
		Service: fmt.Sprintf("tokeninfo (%s)", lookup.Name(cfg.TokenInfoURL)), Fields: "Config",
		Positive: positive, Negative: negative, PerMinute: perMinute, Peer: cfg.Peer, Now: cfg.Now,
	}, t.fetch)
}

// A tokenInfo is Google's tokeninfo endpoint.
type tokenInfo struct {
	url    string
	client *lookup.Client
	now    func() time.Time
	hint   string // about a token that it does not know
}

const urlField = "Config.Endpoints.TokenInfoURL"

// fetch is a [lookup.Fetch].
func (t *tokenInfo) fetch(ctx context.Context, token string) (i *info, expiry time.Time, err error) {
	began := t.now()
	resp, err := t.client.Do(ctx, t.url, http.Header{"Accept": {"application/json"}}, url.Values{"access_token": {token}})
	switch {
	case err != nil:
		err = fmt.Errorf("%w (%s, Config.Client)", err, urlField)
	case resp.Status == http.StatusBadRequest && saysInvalid(resp.Body):
		return nil, expiry, redoxauth.Errorf(redoxauth.ErrRejected, "inactive", "tokeninfo: %s answered 400 invalid_token, want a token that Google knows: this one was never issued, has expired or was revoked%s", resp.URL, t.hint)
	case resp.Status != http.StatusOK:
		err = resp.Unexpected("200, or 400 with the error invalid_token (" + urlField + ")")
	default:
		if i, err = parseInfo(resp.Body, began); err != nil {
			err = resp.Unreadable(err, urlField)
		}
	}
	if err != nil {
		return nil, expiry, fmt.Errorf("tokeninfo: %w", err)
	}
	return i, i.expiry, nil
}

// saysInvalid reports whether the body of a 400 says that the token is not valid. Some
// versions of the endpoint send an error and its description, others the description
// alone. Any other 400 is about our request, and says nothing about the token.
func saysInvalid(data []byte) bool {
	o, err := jose.ReadObject(data, "error", "error_description")
	if code := o.Get("error"); code != "" {
		return err == nil && code == `"invalid_token"`
	}
	return err == nil && o.Get("error_description") == `"Invalid Value"`
}

// parseInfo reads the answer to a call that began at a time. Google writes numbers and
// booleans as strings. Both forms are read.
func parseInfo(data []byte, began time.Time) (*info, error) {
	o, err := jose.ReadObject(data, "azp", "aud", "sub", "scope", "email", "email_verified", "exp", "expires_in")
	if err != nil {
		return nil, err
	}
	i := &info{raw: data}
	scope := ""
	for name, text := range map[string]*string{"azp": &i.azp, "aud": &i.aud, "sub": &i.sub, "scope": &scope, "email": &i.email} {
		v, ok := o.Get(name), false
		if *text, ok = v.Text(); !ok && v != "" {
			return nil, fmt.Errorf("%s is of another type than a string", name)
		}
	}
	if o.Get("scope") != "" {
		i.scopes = strings.Fields(scope)
	}
	verified := o.Get("email_verified")
	i.verified = verified == "true" || verified == `"true"`
	// The earlier of the two: expires_in does not know how far our clock is off.
	for _, name := range []string{"exp", "expires_in"} {
		v := o.Get(name)
		if v == "" {
			continue
		}
		n, err := strconv.ParseUint(strings.Trim(string(v), `"`), 10, 33) // 272 years
		if err != nil {
			return nil, fmt.Errorf("%s is %s, want a number of seconds", name, diagnosis.Quote(string(v)))
		}
		end := time.Unix(int64(n), 0)
		if name == "expires_in" {
			end = began.Round(0).Add(time.Duration(n) * time.Second) // an exp is on the wall clock
		}
		if i.expiry.IsZero() || end.Before(i.expiry) {
			i.expiry = end
		}
	}
	if i.expiry.IsZero() {
		return nil, errors.New("exp and expires_in are absent, want one of them")
	}
	return i, nil
}
