package tokenendpoint

import (
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
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
}

// plainScopes are scopes that mean themselves alone.
type plainScopes struct{}

func (plainScopes) Narrow(allowed, requested []string) []string {
	return slices.DeleteFunc(requested, func(s string) bool { return !slices.Contains(allowed, s) })
}

func (plainScopes) Covers(granted []string, required string) bool {
	return slices.Contains(granted, required)
}

// grant returns the scopes that a client gets.
func (e *Endpoint) grant(client, parameter string) ([]string, error) {
	allowed := e.clients[client].Scopes
	if parameter == "" {
		return allowed, nil
	}
	var granted []string
	if requested, ok := splitScopes(parameter); ok {
		granted = e.cfg.Scopes.Narrow(allowed, requested)
	}
	if len(granted) == 0 || len(joinScopes(granted)) > 2*maxScope { // the token would be too long
		return nil, redoxauth.Errorf(redoxauth.ErrForbidden, "scope", "client %q", client)
	}
	return granted, nil
}

// splitScopes reads the parameter scope ([RFC 6749, Section 3.3]). A scope that is repeated
// counts once.
//
// [RFC 6749, Section 3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
func splitScopes(parameter string) ([]string, bool) {
	if len(parameter) > maxScope {
		return nil, false
	}
	var scopes []string
	for s := range strings.SplitSeq(parameter, " ") {
		switch {
		case s == "" || slices.Contains(scopes, s):
		case !config.ValidScope(s) || len(scopes) == maxScopes:
			return nil, false
		default:
			scopes = append(scopes, s)
		}
	}
	return scopes, true
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
