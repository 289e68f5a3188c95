// Package bearer is what the strategies that take bearer tokens share: the token of a
// request, and errors with the challenges of [RFC 6750, Section 3].
//
// [RFC 6750, Section 3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
package bearer

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// Token returns the bearer token of r. The errors are those of redoxauth.BearerToken,
// as [Challenge] completes them.
func Token(strategy string, r *http.Request) (string, error) {
	token, err := redoxauth.BearerToken(r)
	if err != nil {
		return "", Challenge(strategy, err)
	}
	return token, nil
}

// Challenge returns a copy of err that names the strategy and carries the challenge for
// its kind: without an error code when there was no token (RFC 6750, Section 3.1), and
// with the code and nothing else otherwise, so that a peer learns no reason. An error
// that is no [*redoxauth.Error] is returned as it is.
func Challenge(strategy string, err error) error {
	var e *redoxauth.Error
	if !errors.As(err, &e) {
		return err
	}
	c := *e
	c.Strategy = strategy
	switch e.Kind {
	case redoxauth.ErrNoCredentials:
		c.Challenge = `Bearer realm="redox"`
	case redoxauth.ErrRejected:
		c.Challenge = `Bearer realm="redox", error="invalid_token"`
	case redoxauth.ErrMalformed:
		c.Challenge = `Bearer realm="redox", error="invalid_request"`
	}
	return &c
}

// CheckScopes returns redoxauth.ErrForbidden unless all required scopes are granted.
func CheckScopes(strategy string, granted, required []string) error {
	for _, scope := range required {
		if !slices.Contains(granted, scope) {
			return Insufficient(strategy, required)
		}
	}
	return nil
}

// Insufficient returns the redoxauth.ErrForbidden of a genuine token that lacks one of
// the required scopes, which must be [ValidScope].
func Insufficient(strategy string, required []string) error {
	scope := strings.Join(required, " ")
	return &redoxauth.Error{
		Kind:      redoxauth.ErrForbidden,
		Strategy:  strategy,
		Reason:    "scope",
		Challenge: `Bearer realm="redox", error="insufficient_scope", scope="` + scope + `"`,
		Err:       errors.New("required: " + scope),
	}
}

// ValidScope reports whether s is a scope-token (RFC 6749, Section 3.3): what a
// challenge can quote.
func ValidScope(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}
