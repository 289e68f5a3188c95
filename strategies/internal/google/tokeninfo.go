package google

import (
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

// newAnswers returns the answers of tokeninfo.
func newAnswers(cfg Config) *lookup.Cache[*info] {
	t := &tokenInfo{cfg.TokenInfoURL, lookup.NewClient(cfg.Client, maxAnswer), cfg.Now}
	return lookup.New(lookup.Config{Positive: positive, Negative: negative, PerMinute: perMinute, Peer: cfg.Peer, Now: cfg.Now}, t.fetch)
}

// A tokenInfo is Google's tokeninfo endpoint.
type tokenInfo struct {
	url    string
	client *lookup.Client
	now    func() time.Time
}

// fetch is a [lookup.Fetch].
func (t *tokenInfo) fetch(ctx context.Context, token string) (i *info, expiry time.Time, err error) {
	began := t.now()
	resp, err := t.client.Do(ctx, t.url, http.Header{"Accept": {"application/json"}}, url.Values{"access_token": {token}})
	switch {
	case err != nil:
	case resp.Status == http.StatusBadRequest && saysInvalid(resp.Body):
		return nil, expiry, redoxauth.Errorf(redoxauth.ErrRejected, "inactive", "tokeninfo: Google does not know the token, or does not know it any more")
	case resp.Status != http.StatusOK:
		err = fmt.Errorf("status %d", resp.Status)
	default:
		i, err = parseInfo(resp.Body, began)
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
			return nil, fmt.Errorf("%s is not a string", name)
		}
	}
	i.scopes = strings.Fields(scope)
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
			return nil, fmt.Errorf("%s is not a number of seconds", name)
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
		return nil, errors.New("neither exp nor expires_in")
	}
	return i, nil
}
