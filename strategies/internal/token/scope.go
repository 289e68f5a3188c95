package token

import (
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
)

// The bounds of the parameter scope, and so of the tokens, and of the work to compare
// what is requested with what is allowed. FHIR has some 150 types of resources.
const (
	maxScope  = 4 << 10 // bytes
	maxScopes = 200
)

// PlainScopes are scopes that mean nothing but themselves. A [Grant] embeds them.
type PlainScopes struct{}

// Narrow returns the requested scopes that are allowed.
func (PlainScopes) Narrow(allowed, requested []string) []string {
	var granted []string
	for _, s := range requested {
		if slices.Contains(allowed, s) {
			granted = append(granted, s)
		}
	}
	return granted
}

// Covers reports whether required is one of the granted scopes.
func (PlainScopes) Covers(granted []string, required string) bool {
	return slices.Contains(granted, required)
}

// splitScopes reads the parameter scope ([RFC 6749, Section 3.3]), each scope once.
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

// FitScopes reports whether the configured scopes can stand in a request and in a
// challenge.
func FitScopes(scopes []string) bool {
	return !slices.ContainsFunc(scopes, func(s string) bool { return !config.ValidScope(s) }) &&
		len(joinScopes(scopes)) <= maxScope
}
