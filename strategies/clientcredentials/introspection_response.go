package clientcredentials

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

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
	expires            bool // exp is said: it may be the zero time
	tokenType          string
	tokenUse           string // Ory Hydra's: "refresh_token" tokens are active too
	bound              bool   // to a key or certificate: cnf
	raw                json.RawMessage
}

// parseResponse reads an answer, as strictly as a token: whoever writes a name twice is
// read differently by others. A member that is null is absent.
func parseResponse(data []byte) (*response, error) {
	members, err := jose.ParseObject(data)
	if err != nil {
		return nil, err
	}
	a := &response{active: string(members["active"]) == "true", raw: data}
	if !a.active {
		return a, nil
	}
	said := func(name string) bool {
		raw, ok := members[name]
		return ok && string(raw) != "null"
	}
	a.bound, a.expires = said("cnf"), said("exp")
	for name, read := range map[string]func(json.RawMessage) error{
		"iss":        into(&a.iss),
		"sub":        into(&a.sub),
		"client_id":  into(&a.clientID),
		"token_type": into(&a.tokenType),
		"token_use":  into(&a.tokenUse),
		"scope":      texts(&a.scopes), // an array is not in the RFC, but in the field
		"aud":        texts(&a.aud),
		"exp":        date(&a.exp),
		"nbf":        date(&a.nbf),
	} {
		if said(name) && read(members[name]) != nil {
			return nil, fmt.Errorf("%s in the answer is of another type", name)
		}
	}
	a.scopes = strings.Fields(strings.Join(a.scopes, " "))
	return a, nil
}

func into(s *string) func(json.RawMessage) error {
	return func(raw json.RawMessage) error { return json.Unmarshal(raw, s) }
}

// texts reads a string or an array of strings.
func texts(list *[]string) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var one string
		if json.Unmarshal(raw, &one) == nil {
			*list = []string{one}
			return nil
		}
		return json.Unmarshal(raw, list)
	}
}

// date reads seconds since 1970, exact up to 2^53.
func date(t *time.Time) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var f float64
		if err := json.Unmarshal(raw, &f); err != nil {
			return err
		}
		if math.Abs(f) > 1<<53 {
			return errors.New("out of range")
		}
		*t = time.Unix(int64(f), 0)
		return nil
	}
}

// check is what the server may leave to us (RFC 7662, Section 4), at the time now.
func (a *response) check(issuer string, audience []string, now time.Time) error {
	switch {
	case a.bound:
		// To take such a token as a mere bearer would drop its binding.
		return refuse("binding", "the token is bound to a key: cnf")
	case a.tokenType != "" && !strings.EqualFold(a.tokenType, "Bearer"):
		return refuse("type", fmt.Sprintf("token_type is %+.128q", a.tokenType))
	case a.tokenUse == "refresh_token":
		return refuse("type", "a refresh token")
	case issuer != "" && a.iss != issuer:
		return refuse("issuer", fmt.Sprintf("iss is %+.128q", a.iss))
	case a.expires && !now.Before(a.exp.Add(config.DefaultLeeway)):
		return refuse("expired", fmt.Sprintf("expired %v ago", now.Sub(a.exp).Round(time.Second)))
	case now.Before(a.nbf.Add(-config.DefaultLeeway)):
		return refuse("not_yet_valid", fmt.Sprintf("valid in %v", a.nbf.Sub(now).Round(time.Second)))
	}
	return a.checkAudience(audience)
}

func (a *response) checkAudience(audience []string) error {
	if len(audience) == 0 && len(a.aud) == 0 {
		return nil
	}
	if !slices.ContainsFunc(a.aud, func(name string) bool { return slices.Contains(audience, name) }) {
		return refuse("audience", fmt.Sprintf("aud is %+.128q", a.aud[:min(len(a.aud), 8)]))
	}
	return nil
}
