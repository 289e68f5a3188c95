package tokenendpoint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// The limits of the parameter scope. They bound the tokens, and the work to compare what
// is requested with what is allowed. FHIR has about 150 types of resources.
const (
	maxScope  = 4 << 10 // bytes
	maxScopes = 200
)

// Scopes compares scopes.
type Scopes interface {
	// Narrow returns the part of the requested scopes that is allowed.
	Narrow(allowed, requested []string) []string

	// Covers reports whether the granted scopes include the required one.
	Covers(granted []string, required string) bool

	// Why says why nothing of the requested scope is allowed, if there is more to say than
	// that: such as "is misspelt". It is for the operator.
	Why(allowed []string, requested string) string
}

// plainScopes are scopes that mean themselves alone.
type plainScopes struct{}

func (plainScopes) Narrow(allowed, requested []string) []string {
	return slices.DeleteFunc(requested, func(s string) bool { return !slices.Contains(allowed, s) })
}

func (plainScopes) Covers(granted []string, required string) bool {
	return slices.Contains(granted, required)
}

func (plainScopes) Why(allowed []string, requested string) string {
	for _, s := range allowed {
		if strings.EqualFold(s, requested) {
			return fmt.Sprintf("differs from %q only in case", s)
		}
	}
	if strings.Contains(requested, ",") {
		return "has a comma, and scopes are separated by spaces"
	}
	return "is not among them"
}

// grant returns the scopes that a client gets.
func (e *Endpoint) grant(client, parameter string) ([]string, error) {
	allowed := e.clients[client].Scopes
	if parameter == "" {
		return allowed, nil
	}
	requested, err := splitScopes(parameter)
	if err != nil {
		return nil, redoxauth.Errorf(redoxauth.ErrForbidden, "scope", "client %s: scope %w (Redox dashboard: scopes)", diagnosis.Quote(client), err)
	}
	granted := e.cfg.Scopes.Narrow(allowed, requested)
	switch {
	case len(allowed) == 0:
		return nil, redoxauth.Errorf(redoxauth.ErrForbidden, "scope", "client %s: scope is %s, want it absent, or what %[1]s may get configured: now that is nothing (EndpointConfig.%[3]s[].Scopes; Redox dashboard: scopes)",
			diagnosis.Quote(client), diagnosis.Quote(parameter), e.cfg.ClientField)
	case len(granted) == 0:
		requested, _ = splitScopes(parameter) // Narrow may have changed the others
		return nil, redoxauth.Errorf(redoxauth.ErrForbidden, "scope", "client %s: scope is %s, want some of %s (EndpointConfig.%s[].Scopes; Redox dashboard: scopes)%s",
			diagnosis.Quote(client), diagnosis.Quote(parameter), diagnosis.List(allowed), e.cfg.ClientField, e.why(allowed, requested))
	case len(joinScopes(granted)) > 2*maxScope:
		return nil, redoxauth.Errorf(redoxauth.ErrForbidden, "scope", "client %s: the scopes that it may get of those it asks for have %d bytes, want at most %d (fixed; Redox dashboard: scopes)",
			diagnosis.Quote(client), len(joinScopes(granted)), 2*maxScope)
	}
	return granted, nil
}

// offered lists what a client may get.
func offered(allowed []string) string {
	if len(allowed) == 0 {
		return "nothing"
	}
	return diagnosis.List(allowed)
}

// why says of the first scopes why they are not allowed.
func (e *Endpoint) why(allowed, requested []string) (text string) {
	for _, s := range requested[:min(len(requested), 8)] {
		text += "; " + diagnosis.Quote(s) + " " + e.cfg.Scopes.Why(allowed, s)
	}
	return text
}

// splitScopes reads the parameter scope ([RFC 6749, Section 3.3]). A scope that is repeated
// counts once.
//
// [RFC 6749, Section 3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
func splitScopes(parameter string) ([]string, error) {
	if len(parameter) > maxScope {
		return nil, fmt.Errorf("has %d bytes, want at most %d (fixed)", len(parameter), maxScope)
	}
	var scopes []string
	for s := range strings.SplitSeq(parameter, " ") {
		switch {
		case s == "" || slices.Contains(scopes, s):
		case !config.ValidScope(s):
			return nil, fmt.Errorf("has the part %s, want printable ASCII without quotes and backslashes (RFC 6749, Section 3.3)", diagnosis.Quote(s))
		case len(scopes) == maxScopes:
			return nil, fmt.Errorf("has more than %d scopes (fixed)", maxScopes)
		default:
			scopes = append(scopes, s)
		}
	}
	return scopes, nil
}

func joinScopes(scopes []string) string { return strings.Join(scopes, " ") }

// checkRequired refuses a scope that no client can get. A malformed scope is such a scope,
// because clients have none.
func (e *Endpoint) checkRequired(required []string) error {
	p := config.Problems{Package: e.cfg.Strategy}
	for _, scope := range required {
		if e.available(scope) {
			continue
		}
		var all []string
		for _, c := range e.clients {
			all = append(all, c.Scopes...)
		}
		slices.Sort(all)
		p.Add("Verifier", "no client can get the scope %q: %s[].Scopes are %q", scope, e.cfg.ClientField, slices.Compact(all))
	}
	return p.Err()
}

func (e *Endpoint) available(scope string) bool {
	for _, c := range e.clients {
		if e.cfg.Scopes.Covers(c.Scopes, scope) {
			return true
		}
	}
	return false
}
