// Package bearer is what the strategies that take bearer tokens share: one Verifier, which
// completes errors with the challenges of [RFC 6750, Section 3].
//
// [RFC 6750, Section 3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
package bearer

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// A Verifier verifies the bearer token of a request. The zero Verifier refuses every
// request with status 500.
type Verifier struct {
	strategy string
	decide   func(r *http.Request, token string) (*redoxauth.Identity, error)
	explain  Explainer
}

// New returns a Verifier. It calls decide with a request and its token. Errors of decide
// need neither a strategy nor a challenge: the Verifier adds both. A nil explain adds nothing.
func New(strategy string, decide func(r *http.Request, token string) (*redoxauth.Identity, error), explain Explainer) Verifier {
	return Verifier{strategy, decide, explain}
}

// Verify returns what decide returns for the token of r. The errors of a request without
// one usable token are those of [redoxauth.BearerToken].
func (v Verifier) Verify(r *http.Request) (*redoxauth.Identity, error) {
	if v.decide == nil {
		return nil, redoxauth.Errorf(nil, "internal", "a zero Verifier: make it with a constructor of its package")
	}
	token, err := redoxauth.BearerToken(r)
	if err != nil {
		return nil, v.complete(err)
	}
	id, err := v.decide(r, token)
	if err != nil {
		return nil, v.complete(err)
	}
	return id, nil
}

// complete returns a copy of err that names the strategy and has the challenge for its
// kind. Without a token the challenge has no error code (RFC 6750, Section 3.1). Otherwise
// it has the code and nothing else, so that the peer does not learn the reason. An error
// that is no [*redoxauth.Error] is returned as it is.
func (v Verifier) complete(err error) error {
	var e *redoxauth.Error
	if !errors.As(err, &e) {
		return err
	}
	e = e.In(v.strategy)
	switch e.Kind {
	case redoxauth.ErrNoCredentials:
		e.Challenge = `Bearer realm="redox"`
	case redoxauth.ErrRejected:
		e.Challenge = `Bearer realm="redox", error="invalid_token"`
	case redoxauth.ErrMalformed:
		e.Challenge = `Bearer realm="redox", error="invalid_request"`
	}
	return e
}

// CheckScopes returns [Insufficient] unless granted holds all required scopes.
func CheckScopes(granted, required []string, claim, field string) error {
	for _, scope := range required {
		if !slices.Contains(granted, scope) {
			return Insufficient(granted, required, claim, field)
		}
	}
	return nil
}

// Insufficient returns the redoxauth.ErrForbidden of a genuine token that lacks one of
// the required scopes. claim is where granted comes from, and field says what is required. A
// nil granted means that there is no such claim. The challenge names the required scopes. If one
// of them is no scope-token (RFC 6749, Section 3.3), the challenge names none: a quote or a line
// break in a scope must not end the header.
func Insufficient(granted, required []string, claim, field string) error {
	e := redoxauth.Errorf(redoxauth.ErrForbidden, "scope", "%s is %s, want %s%s",
		claim, diagnosis.List(granted), allOf(required), diagnosis.Field(field))
	e.Challenge = `Bearer realm="redox", error="insufficient_scope"`
	if !slices.ContainsFunc(required, func(s string) bool { return !config.ValidScope(s) }) {
		e.Challenge += `, scope="` + strings.Join(required, " ") + `"`
	}
	return e
}

func allOf(required []string) string {
	return strings.Replace(diagnosis.OneOf(required), "one of", "all of", 1)
}
