// Package hertz puts a Verifier in front of a handler of Hertz.
//
// Hertz has an adaptor for handlers of net/http, and so for the wrappers of this module. The
// route must accept GET too, because the handshake has a GET form:
//
//	protect := func(next http.Handler) http.Handler { return token.Handshake(v.Wrap(next)) }
//	h.Any("/redox", Protect(protect, receive))
//
// Without a verification token, protect returns v.Wrap(verifytoken.Challenge(next)). The
// handler gets the Identity with redoxauth.FromContext(ctx). c.Request.Body returns the
// verified bytes.
//
// # The server
//
// Hertz reads the whole body before it calls a handler. So the limits of redoxauth.Options
// come too late to save memory or time. Set these:
//
//	h := server.New(
//		server.WithMaxRequestBodySize(redoxauth.DefaultMaxBodyBytes), // Hertz's own is 4 MiB: 413
//		server.WithDisablePreParseMultipartForm(true),                // else a multipart body is not what was sent
//		server.WithReadTimeout(10*time.Second),                       // of each read; Hertz's own is 3 min
//	)
//
// Any peer can have a body of that size read, because Hertz asks no handler before it reads.
// If the port is open to strangers, let a proxy in front buffer requests, or use net/http,
// where this module counts what has arrived.
//
// Hertz accepts ambiguous requests (measured with 0.10.4): two Content-Length or two Host
// headers, of which the last one counts, and Content-Length beside Transfer-Encoding. A proxy in
// front must refuse them ([RFC 9112, Section 11.2]). Otherwise a peer can hide a second request
// in the body of the first.
//
// WithStreamBody must stay off, because then the Verifier reads the body and the handler finds
// none. WithDisableHeaderNamesNormalizing must stay off, because then the Verifier finds no
// credential. Handlers in front may read the body, because Hertz keeps it. They must not change
// it.
//
// Do not use adaptor.GetCompatRequest (measured with 0.10.4): its request has no RequestURI,
// and its URL has a path that Hertz has decoded and cleaned. Then sigv4 refuses genuine paths
// such as "/a%2Fb", and accepts paths that nobody signed, such as "/other/../redox".
//
// [RFC 9112, Section 11.2]: https://www.rfc-editor.org/rfc/rfc9112#section-11.2
package hertz

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/common/adaptor"
)

// Protect calls next only with requests that protect, a wrapper of net/http, passes on. A
// request whose target is not a path, or whose Host is not valid, is 400 before protect sees
// it: to some of them Hertz's adaptor would answer 500, and quote them.
func Protect(protect func(http.Handler) http.Handler, next app.HandlerFunc) app.HandlerFunc {
	return func(ctx context.Context, c *app.RequestContext) {
		if _, err := url.Parse(c.URI().String()); err != nil || !strings.HasPrefix(string(c.Request.RequestURI()), "/") {
			c.String(http.StatusBadRequest, "Bad Request\n")
			return
		}
		adaptor.HertzHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Host = r.Header.Get("Host") // as it was sent and signed; Hertz makes it lower case
			protect(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { next(r.Context(), c) })).ServeHTTP(w, r)
		}))(ctx, c)
	}
}
