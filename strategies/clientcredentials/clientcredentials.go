// Package clientcredentials verifies requests of a destination with the strategy
// "OAuth 2.0 2-legged": the client credentials grant ([RFC 6749, Section 4.4]).
//
// [RFC 6749, Section 4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
package clientcredentials

import (
	"net/http"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// A Verifier verifies access tokens. It is safe for concurrent use.
type Verifier struct {
	verify func(*http.Request) (*redoxauth.Identity, error)
}

var _ redoxauth.Verifier = (*Verifier)(nil)

// Verify verifies the access token of r.
func (v *Verifier) Verify(r *http.Request) (*redoxauth.Identity, error) { return v.verify(r) }

// Wrap returns a handler that lets through to next what v accepts: it is
// redoxauth.Middleware(v, nil)(next).
func (v *Verifier) Wrap(next http.Handler) http.Handler {
	return redoxauth.Middleware(v, nil)(next)
}
