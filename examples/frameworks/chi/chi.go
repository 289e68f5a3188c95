// Package chi puts a Verifier in front of a chi router's routes.
//
// chi uses the middleware of net/http, so [redoxauth.Middleware] and
// [verifytoken.Verifier.Handshake] need no adapter. Give them a router of their own with
// Use, as [Destination] and r.Route do. chi runs such middleware before it looks at the
// method, so it answers the GET form of the handshake although only POST is routed.
//
// In r.Group and r.With, chi runs middleware only for methods that are routed. If only POST
// is, the GET form is 405, so route GET as well. The example of a group shows it.
//
// http.ListenAndServe sets no time-outs, so silent connections stay for ever. Serve the
// router with an http.Server that has ReadHeaderTimeout and ReadTimeout, such as 10 s and
// 2 min.
//
// Middleware that changes the body (such as decompression) or the request target must come
// after the Verifier. chi's own StripSlashes, CleanPath and Mount are safe: they change the
// path for routing, but not r.RequestURI, which SigV4 signs. Middleware in front that logs
// the target, such as middleware.Logger, logs the token of a GET handshake.
package chi

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Destination returns a router for the path of the destination:
//
//	r.Mount("/redox", Destination(token, v, nil, receive))
//
// token answers the handshake, and v verifies everything else. A handshake without a token is
// proven by v. receive gets the Identity with [redoxauth.FromContext] and reads the verified
// bytes from r.Body. If a read fails with an *http.MaxBytesError, answer 413, otherwise 400.
func Destination(token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options, receive http.HandlerFunc) chi.Router {
	r := chi.NewRouter()
	r.Use(token.Handshake, redoxauth.Middleware(v, opts), verifytoken.Challenge)
	r.Post("/", receive)
	r.Post("/*", receive)
	return r
}
