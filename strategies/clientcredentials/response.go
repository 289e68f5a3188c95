package clientcredentials

import (
	"encoding/json"
	"fmt"
	"maps"
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
	a := &response{raw: data}
	members := map[string]any{
		"iss": &a.iss, "sub": &a.sub, "client_id": &a.clientID, "token_type": &a.tokenType, "token_use": &a.tokenUse,
		"aud": &a.aud, "exp": &a.exp, "nbf": &a.nbf,
		"scope": &a.scopes, // the RFC has no array of scopes, but older servers of Spring send one
	}
	o, err := jose.ReadObject(data, append(slices.Collect(maps.Keys(members)), "active", "cnf")...)
	if err != nil {
		return nil, err
	}
	if a.active = o.Get("active") == "true"; !a.active {
		return a, nil
	}
	present := func(name string) bool { return o.Get(name) != "" && o.Get(name) != "null" }
	a.bound, a.expires = present("cnf"), present("exp")
	for name, into := range members {
		if !present(name) {
			continue
		}
		v, ok := o.Get(name), false
		switch into := into.(type) {
		case *string:
			*into, ok = v.Text()
		case *[]string:
			*into, ok = v.Texts()
		case *time.Time:
			*into, ok = v.Date()
		}
		if !ok {
			return nil, fmt.Errorf("%s in the answer has the wrong type", name)
		}
	}
	a.scopes = strings.Fields(strings.Join(a.scopes, " "))
	return a, nil
}

// saysInvalid reports whether the body of a 400 says that the token is not valid, as that of
// Spring Security OAuth's CheckTokenEndpoint does. RFC 7662 knows only a 200 for it. Any
// other 400 is about our request.
func saysInvalid(body []byte) bool {
	o, err := jose.ReadObject(body, "error")
	code, _ := o.Get("error").Text()
	return err == nil && code == "invalid_token"
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
	case a.tokenType != "" && a.tokenType != "access_token" && !strings.EqualFold(a.tokenType, "Bearer"):
		// Some servers repeat the word of token_type_hint here (RFC 7662, Section 2.1).
		return refuse("type", "token_type is %+.128q, want Bearer", a.tokenType)
	case a.tokenUse == "refresh_token":
		return refuse("type", "a refresh token")
	case issuer != "" && a.iss != issuer:
		return refuse("issuer", "iss is %+.128q, want %q (IntrospectionConfig.Issuer)", a.iss, issuer)
	case a.exp.Unix() > jose.MaxDate:
		return refuse("lifetime", "exp is %d, want seconds since 1970, up to the year 9999", a.exp.Unix())
	case a.expires && !now.Before(a.exp.Add(config.DefaultLeeway)):
		return refuse("expired", "expired %v ago", now.Sub(a.exp).Round(time.Second))
	case now.Before(a.nbf.Add(-config.DefaultLeeway)):
		return refuse("not_yet_valid", "valid in %v", a.nbf.Sub(now).Round(time.Second))
	case len(audience) == 0 && len(a.aud) == 0:
		return nil
	case len(audience) == 0:
		return refuse("audience", "aud is %+.128q, but IntrospectionConfig.Audience is empty", a.aud[:min(len(a.aud), 8)])
	case !slices.ContainsFunc(a.aud, func(name string) bool { return slices.Contains(audience, name) }):
		return refuse("audience", "want one of %q (IntrospectionConfig.Audience), aud is %+.128q", audience, a.aud[:min(len(a.aud), 8)])
	}
	return nil
}
