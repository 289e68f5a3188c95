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

// maxAnswer bounds an answer of tokeninfo, in bytes. Genuine ones have a few hundred,
// and the cache keeps them.
const maxAnswer = 16 << 10

// An info is what tokeninfo said about an access token.
type info struct {
	azp, aud string
	email    string // only if it is verified
	scopes   []string
	expiry   time.Time
	raw      json.RawMessage
}

// A tokenInfo is the client of Google's tokeninfo endpoint.
type tokenInfo struct {
	url    string
	client *lookup.Client
	now    func() time.Time
}

// fetch is a lookup.Fetch.
func (t *tokenInfo) fetch(ctx context.Context, token string) (*info, time.Time, error) {
	resp, err := t.client.Do(ctx, t.url, http.Header{"Accept": {"application/json"}}, url.Values{"access_token": {token}})
	switch {
	case err != nil:
		return nil, time.Time{}, fmt.Errorf("tokeninfo: %w", err)
	case resp.Status == http.StatusBadRequest && saysInvalid(resp.Body):
		return nil, time.Time{}, refuse(redoxauth.ErrRejected, "inactive", "Google does not know the token, or no longer")
	case resp.Status != http.StatusOK:
		return nil, time.Time{}, fmt.Errorf("tokeninfo: status %d", resp.Status)
	}
	i, err := parseInfo(resp.Body, t.now())
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("tokeninfo: %w", err)
	}
	return i, i.expiry, nil
}

// saysInvalid reports whether the body of a 400 says that the token is not, or no
// longer, valid. Versions of the endpoint differ in whether they name an error beside
// its description. Any other 400 is about our request, so no verdict on the token.
func saysInvalid(data []byte) bool {
	m, err := jose.ParseObject(data)
	if err != nil {
		return false
	}
	if code, ok := m["error"]; ok {
		s, _ := text(code)
		return s == "invalid_token"
	}
	s, _ := text(m["error_description"])
	return s == "Invalid Value"
}

// parseInfo reads an answer at the time now. Google writes numbers and booleans as
// strings; both forms are read.
func parseInfo(data []byte, now time.Time) (*info, error) {
	m, err := jose.ParseObject(data)
	if err != nil {
		return nil, err
	}
	i := &info{raw: json.RawMessage(data)}
	var scope, email string
	for _, f := range []struct {
		name string
		into *string
	}{{"azp", &i.azp}, {"aud", &i.aud}, {"scope", &scope}, {"email", &email}} {
		raw, present := m[f.name]
		if !present {
			continue
		}
		var ok bool
		if *f.into, ok = text(raw); !ok {
			return nil, fmt.Errorf("%s is not a string", f.name)
		}
	}
	i.scopes = strings.Fields(scope)
	if verified := string(m["email_verified"]); verified == "true" || verified == `"true"` {
		i.email = email
	}
	if i.expiry, err = parseExpiry(m, now); err != nil {
		return nil, err
	}
	return i, nil
}

// parseExpiry takes the earlier of exp and expires_in: the latter knows nothing of how
// far our clock is off.
func parseExpiry(m map[string]json.RawMessage, now time.Time) (expiry time.Time, err error) {
	if raw, ok := m["exp"]; ok {
		exp, ok := seconds(raw)
		if !ok {
			return expiry, errors.New("exp is not a time")
		}
		expiry = time.Unix(exp, 0)
	}
	if raw, ok := m["expires_in"]; ok {
		left, ok := seconds(raw)
		if !ok || left > int64(10*365*24*time.Hour/time.Second) {
			return expiry, errors.New("expires_in is not a duration")
		}
		if end := now.Add(time.Duration(left) * time.Second); expiry.IsZero() || end.Before(expiry) {
			expiry = end
		}
	}
	if expiry.IsZero() {
		return expiry, errors.New("neither exp nor expires_in")
	}
	return expiry, nil
}

func text(raw json.RawMessage) (s string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// seconds reads a whole number of seconds that is not negative.
func seconds(raw json.RawMessage) (int64, bool) {
	s, ok := text(raw)
	if !ok {
		s = string(raw)
	}
	n, err := strconv.ParseUint(s, 10, 53)
	return int64(n), err == nil
}
