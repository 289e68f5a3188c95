package clientcredentials

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// A response is what an introspection endpoint said about a token (RFC 7662, Section
// 2.2). Nobody modifies it.
type response struct {
	active             bool
	iss, sub, clientID string
	aud, scopes        []string
	exp, nbf           time.Time
	expires            bool // exp is present; it may be the zero time
	tokenType          string
	tokenUse           string // of Ory Hydra: "refresh_token" tokens are active too
	bound              bool   // cnf is present: the token is bound to a key or certificate
	raw                json.RawMessage
}

// parseResponse reads an answer as strictly as a token: if a name occurs twice, other
// readers take another value. A member that is null is absent.
func parseResponse(data []byte) (*response, error) {
	members, err := jose.ParseObject(data)
	if err != nil {
		return nil, err
	}
	a := &response{active: string(members["active"]) == "true", raw: data}
	if !a.active {
		return a, nil
	}
	maps.DeleteFunc(members, func(_ string, raw json.RawMessage) bool { return string(raw) == "null" })
	_, a.bound = members["cnf"]
	_, a.expires = members["exp"]
	for name, into := range map[string]any{
		"iss": &a.iss, "sub": &a.sub, "client_id": &a.clientID, "token_type": &a.tokenType, "token_use": &a.tokenUse,
		"scope": (*texts)(&a.scopes), "aud": (*texts)(&a.aud), "exp": (*date)(&a.exp), "nbf": (*date)(&a.nbf),
	} {
		if raw, ok := members[name]; ok && json.Unmarshal(raw, into) != nil {
			return nil, fmt.Errorf("%s in the answer has the wrong type", name)
		}
	}
	a.scopes = strings.Fields(strings.Join(a.scopes, " "))
	return a, nil
}

// texts is a string or an array of strings. The RFC has no array of scopes, but older
// servers of Spring send one.
type texts []string

func (t *texts) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(t))
}

// date is a number of seconds since 1970, exact up to 2^53.
type date time.Time

func (d *date) UnmarshalJSON(raw []byte) error {
	var f float64
	if err := json.Unmarshal(raw, &f); err != nil {
		return err
	}
	if math.Abs(f) > 1<<53 {
		return errors.New("out of range")
	}
	*d = date(time.Unix(int64(f), 0))
	return nil
}

// check makes the checks that the server may leave to us (RFC 7662, Section 4), at the
// time now.
func (a *response) check(issuer string, audience []string, now time.Time) error {
	refuse := func(reason redoxauth.Reason, format string, args ...any) error {
		return redoxauth.Errorf(redoxauth.ErrRejected, reason, format, args...)
	}
	switch {
	case a.bound: // to accept it as a bearer token would drop its binding
		return refuse("binding", "the token is bound to a key: cnf")
	case a.tokenType != "" && !strings.EqualFold(a.tokenType, "Bearer"):
		return refuse("type", "token_type is %+.128q, want Bearer", a.tokenType)
	case a.tokenUse == "refresh_token":
		return refuse("type", "a refresh token")
	case issuer != "" && a.iss != issuer:
		return refuse("issuer", "iss is %+.128q, want %q (IntrospectionConfig.Issuer)", a.iss, issuer)
	case a.expires && !now.Before(a.exp.Add(config.DefaultLeeway)):
		return refuse("expired", "expired %v ago", now.Sub(a.exp).Round(time.Second))
	case now.Before(a.nbf.Add(-config.DefaultLeeway)):
		return refuse("not_yet_valid", "valid in %v", a.nbf.Sub(now).Round(time.Second))
	case len(audience) == 0 && len(a.aud) == 0:
		return nil
	case !slices.ContainsFunc(a.aud, func(name string) bool { return slices.Contains(audience, name) }):
		return refuse("audience", "want one of %q (IntrospectionConfig.Audience), aud is %+.128q", audience, a.aud[:min(len(a.aud), 8)])
	}
	return nil
}
