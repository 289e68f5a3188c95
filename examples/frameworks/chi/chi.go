// Package chi puts a Verifier in front of a chi router's routes.
//
// chi's middleware is net/http's, so [redoxauth.Middleware] and
// [verifytoken.Verifier.Handshake] are all the glue there is. Put them on a router of
// their own with Use: chi runs these before it looks at the method, so the GET form of
// the handshake is answered although only POST is routed. With r.With(…).Post the GET
// form would be 405.
//
// Middleware that changes the body (decompression) or the request target must come
// after the Verifier; chi's own StripSlashes, CleanPath and Mount change only what
// routing sees, never r.RequestURI, over which SigV4 signs. What is put in front and
// logs the target, as middleware.Logger does, logs the token of a GET handshake.
package chi

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Destination returns a router to mount where Redox sends, as in
//
//	r.Mount("/redox", Destination(token, v, nil, receive))
//
// token answers the handshake, v decides about everything else. receive finds who sent
// with [redoxauth.FromContext], and reads the verified bytes from r.Body.
func Destination(token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options, receive http.HandlerFunc) chi.Router {
	r := chi.NewRouter()
	r.Use(token.Handshake, redoxauth.Middleware(v, opts))
	r.Post("/", receive)
	r.Post("/*", receive)
	return r
}
