// Package huma puts a Verifier in front of an operation of huma.
//
// huma's middleware has a context of its own. [Middleware] makes it of the wrappers of this
// module:
//
//	protect := func(next http.Handler) http.Handler { return token.Handshake(v.Wrap(next)) }
//	huma.Register(api, huma.Operation{
//		Method:          http.MethodPost,
//		Path:            "/redox",
//		Middlewares:     huma.Middlewares{Middleware(protect)},
//		MaxBodyBytes:    -1,              // huma's own is 1 MiB: 413
//		BodyReadTimeout: 2 * time.Minute, // huma's own is 5 s
//	}, receive)
//	mux.Handle("GET /redox", protect(http.NotFoundHandler())) // the GET form of the handshake
//
// Without a verification token, protect returns v.Wrap(verifytoken.Challenge(next)). The
// handler gets the Identity with redoxauth.FromContext(ctx), and the verified bytes in Body or
// RawBody of its input.
//
// Protect each destination as above. Middleware of the whole API (api.UseMiddleware) would
// also protect its other operations, but not /openapi.json and /docs.
//
// MaxBodyBytes of -1 is safe, because Middleware reads the body before huma does, within the
// limits of redoxauth.Options and at most 40 MiB. It answers 413 to a body that is too large,
// and 400 to one that breaks off, where huma would answer 500. A BodyReadTimeout of -1 is not
// safe: it removes ReadTimeout of the server, which http.ListenAndServe does not set either.
// Serve the mux with an http.Server that has ReadHeaderTimeout and ReadTimeout, such as 10 s
// and 2 min.
//
// Resolvers and validation come after the Verifier. Middleware in front of it must not read
// the body: sigv4 would answer 500 with the reason "body_consumed". Refusals are plain text
// and not huma's JSON, so that a peer learns no more than the status.
//
// huma's middleware in front finds a ctx.Status() of 0 for every answer, because the answers
// go to the writer of net/http. To count statuses, wrap the mux, such as with Count of
// redoxprometheus.
//
// The package uses humago, the adapter of net/http. With humachi or humamux only that name
// differs. humagin, humaecho and humafiber have requests of their own: put the middleware of
// this module's gin, echo or fiber on the router.
package huma

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// Middleware makes a wrapper of net/http, such as Handshake and Wrap of a Verifier, the
// middleware of an operation.
func Middleware(wrap func(http.Handler) http.Handler) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := redoxauth.ReadBody(w, r, nil); err != nil {
				redoxauth.WriteError(w, err)
				return
			}
			next(humago.NewContext(ctx.Operation(), r, w))
		})).ServeHTTP(w, r.WithContext(ctx.Context()))
	}
}
