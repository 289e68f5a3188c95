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
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// A response is what an introspection endpoint said about a token (RFC 7662, Section
// 2.2). Nobody modifies it.
type response struct {
	active             bool
	inactive           string // what the server said instead
	iss, sub, clientID string
	aud, scopes        []string // nil: absent
	exp, nbf           time.Time
	tokenType          string
	tokenUse           string   // of Ory Hydra: "refresh_token" tokens are active too
	present            []string // names of members
	raw                json.RawMessage
}

// has reports whether a member is present. A member that is null is absent.
func (a *response) has(name string) bool { return slices.Contains(a.present, name) }

// parseResponse reads an answer as strictly as a token: if a name occurs twice, other
// readers take another value.
func parseResponse(data []byte) (*response, error) {
	a := &response{raw: data}
	members := map[string]any{
		"iss": &a.iss, "sub": &a.sub, "client_id": &a.clientID, "token_type": &a.tokenType, "token_use": &a.tokenUse,
		"aud": &a.aud, "exp": &a.exp, "nbf": &a.nbf,
		"scope": &a.scopes, // the RFC has no array of scopes, but older servers of Spring send one
	}
	names := append(slices.Collect(maps.Keys(members)), "active", "cnf")
	o, err := jose.ReadObject(data, names...)
	if err != nil {
		return nil, err
	}
	if a.active = o.Get("active") == "true"; !a.active {
		a.inactive = saidActive(o.Get("active"))
		return a, nil
	}
	for _, name := range names {
		if v := o.Get(name); v != "" && v != "null" {
			a.present = append(a.present, name)
		}
	}
	for name, into := range members {
		if !a.has(name) {
			continue
		}
		v, ok, want := o.Get(name), false, ""
		switch into := into.(type) {
		case *string:
			*into, ok = v.Text()
			want = "a string"
		case *[]string:
			*into, ok = v.Texts()
			want = "a string or an array of strings"
		case *time.Time:
			*into, ok = v.Date()
			want = "a number: seconds since 1970"
		}
		if !ok {
			return nil, fmt.Errorf("%s is of another type, want %s", name, want)
		}
	}
	if a.scopes != nil {
		a.scopes = strings.Fields(strings.Join(a.scopes, " "))
	}
	return a, nil
}

// said returns a text that the answer may not have, for errors.
func (a *response) said(name, text string) string { return diagnosis.Text(text, a.has(name)) }

// saidActive returns what is in the place of true.
func saidActive(v jose.Value) string {
	switch v {
	case "":
		return "active is absent"
	case "false", "null":
		return "active is " + string(v)
	}
	return "active is of another type than true and false"
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
	if err := a.checkBinding(); err != nil {
		return err
	}
	if err := a.checkType(); err != nil {
		return err
	}
	if err := a.checkIssuer(issuer); err != nil {
		return err
	}
	if err := a.checkExpiry(now); err != nil {
		return err
	}
	if err := a.checkStart(now); err != nil {
		return err
	}
	return a.checkAudience(audience)
}

// checkBinding refuses bound tokens. To accept one as a bearer token would drop its binding.
func (a *response) checkBinding() error {
	if a.has("cnf") {
		return refuse("binding", "the token is bound to a key (cnf), which is not checked here: want a bearer token without cnf")
	}
	return nil
}

// checkType accepts the word of token_type_hint (RFC 7662, Section 2.1), which some servers
// repeat in token_type.
func (a *response) checkType() error {
	if a.tokenType != "" && a.tokenType != "access_token" && !strings.EqualFold(a.tokenType, "Bearer") {
		return refuse("type", `token_type is %s, want "Bearer", "access_token" or none (RFC 6750)`, diagnosis.Quote(a.tokenType))
	}
	if a.tokenUse == "refresh_token" {
		return refuse("type", `token_use is "refresh_token", want an access token: Redox must send the access_token of the server's answer`)
	}
	return nil
}

func (a *response) checkIssuer(issuer string) error {
	if issuer != "" && a.iss != issuer {
		return refuse("issuer", "iss is %s, want %s (%s)", a.said("iss", a.iss), diagnosis.Quote(issuer), issuerField)
	}
	return nil
}

func (a *response) checkExpiry(now time.Time) error {
	switch {
	case a.exp.Unix() > jose.MaxDate:
		if unit := diagnosis.Unit(a.exp.Unix()); unit != "" {
			return refuse("lifetime", "exp is %d, which looks like %s: want seconds since 1970", a.exp.Unix(), unit)
		}
		return refuse("lifetime", "exp is %d, want seconds since 1970, up to the year 9999", a.exp.Unix())
	case a.has("exp") && !now.Before(a.exp.Add(config.DefaultLeeway)):
		return refuse("expired", "expired %v ago by this server's clock (exp %s, now %s, leeway %v)",
			now.Sub(a.exp).Round(time.Second), diagnosis.Time(a.exp), diagnosis.Time(now), config.DefaultLeeway)
	}
	return nil
}

func (a *response) checkStart(now time.Time) error {
	if !now.Before(a.nbf.Add(-config.DefaultLeeway)) {
		return nil
	}
	if unit := diagnosis.Unit(a.nbf.Unix()); unit != "" {
		return refuse("not_yet_valid", "nbf is %d, which looks like %s: want seconds since 1970", a.nbf.Unix(), unit)
	}
	return refuse("not_yet_valid", "valid in %v by this server's clock (nbf %s, now %s, leeway %v)",
		a.nbf.Sub(now).Round(time.Second), diagnosis.Time(a.nbf), diagnosis.Time(now), config.DefaultLeeway)
}

func (a *response) checkAudience(audience []string) error {
	switch {
	case len(audience) == 0 && len(a.aud) == 0:
		return nil
	case len(audience) == 0:
		return refuse("audience", "aud is %s, want none, because IntrospectionConfig.Audience is empty: list the name of this API there", diagnosis.List(a.aud))
	case !slices.ContainsFunc(a.aud, func(name string) bool { return slices.Contains(audience, name) }):
		return refuse("audience", "aud is %s, want %s (%s)", diagnosis.List(a.aud), diagnosis.OneOf(audience), audienceField)
	}
	return nil
}

const (
	issuerField   = "IntrospectionConfig.Issuer"
	audienceField = "IntrospectionConfig.Audience; Redox dashboard: audience or resource"
)

func refuse(reason redoxauth.Reason, format string, args ...any) error {
	return redoxauth.Errorf(redoxauth.ErrRejected, reason, format, args...)
}

// explain adds a line for each check, and hints.
func (a *response) explain(issuer string, audience []string, now time.Time, to *diagnosis.Report) {
	if err := a.checkBinding(); err != nil {
		to.Error(err)
	}
	if err := a.checkType(); err != nil {
		to.Error(err)
	} else {
		to.Line("token_type: %s, as it may be", a.said("token_type", a.tokenType))
	}
	switch err := a.checkIssuer(issuer); {
	case err != nil:
		to.Error(err)
		to.Near("iss", a.iss, []string{issuer}, issuerField)
		if !a.has("iss") {
			to.Hint("the answer has no iss, as with some servers: if this is yours, leave %s empty", issuerField)
		}
	case issuer == "":
		to.Line("iss: %s, not compared (%s is empty)", a.said("iss", a.iss), issuerField)
	default:
		to.Line("iss: %s, as configured (%s)", a.said("iss", a.iss), issuerField)
	}
	if err := a.checkExpiry(now); err != nil {
		to.Error(err)
	} else if a.has("exp") {
		to.Line("exp: %s, not expired", diagnosis.Time(a.exp))
	} else {
		to.Line("exp: absent, as it may be")
	}
	if err := a.checkStart(now); err != nil {
		to.Error(err)
	}
	if err := a.checkAudience(audience); err != nil {
		to.Error(err)
		for _, name := range a.aud {
			to.Near("aud", name, audience, audienceField)
		}
		if slices.Contains(audience, a.clientID) {
			to.Hint("IntrospectionConfig.Audience lists the client ID %s, which belongs into IntrospectionConfig.ClientIDs", diagnosis.Quote(a.clientID))
		}
		if len(a.aud) == 0 {
			to.Hint("the answer has no aud: let the server put the name of this API there (Redox dashboard: audience or resource), or leave IntrospectionConfig.Audience empty, if the server tells each API about its own tokens alone")
		}
	} else {
		to.Line("aud: %s, as configured (%s)", diagnosis.List(a.aud), audienceField)
	}
}
