// Package gin puts a Verifier in front of gin's handlers.
//
// The handlers are middleware of one route, with the handshake first. The route must also
// accept GET, because the handshake has a GET form:
//
//	engine.Match([]string{"GET", "POST"}, "/redox", Handshake(token), Check(v, nil), receive)
//	engine.Match([]string{"GET", "POST"}, "/redox", Check(v, nil), Challenge, receive) // no verification token
//
// The handler gets the Identity with redoxauth.FromContext(c.Request.Context()). It reads
// the verified bytes with c.GetRawData, c.ShouldBindJSON or from c.Request.Body. A token does
// not cover the body, so it arrives when the handler reads it. If the read fails with an
// *http.MaxBytesError, answer 413, otherwise 400.
//
// engine.Run sets no time-outs, so silent connections stay for ever. Serve the engine with
// an http.Server that has ReadHeaderTimeout and ReadTimeout, such as 10 s and 2 min.
//
// Nothing in front of Check may read the body and not put it back: no PostForm, no Bind or
// ShouldBind, no middleware that logs bodies. Otherwise sigv4 answers 500 with the reason
// "body_consumed". Middleware that changes the body (such as decompression) must come after
// Check too.
//
// gin's Logger, which is part of gin.Default, logs queries. The GET form of the handshake
// has the token in the query, so give the Logger a LoggerConfig with SkipQueryString.
package gin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Check calls the next handlers only if v accepts the request.
func Check(v redoxauth.Verifier, opts *redoxauth.Options) gin.HandlerFunc {
	return func(c *gin.Context) {
		r, err := redoxauth.Check(v, c.Writer, c.Request, opts)
		if err != nil {
			redoxauth.WriteError(c.Writer, err)
			c.Abort()
			return
		}
		c.Request = r
	}
}

// Handshake answers Redox's destination verification, and passes on everything else.
func Handshake(token *verifytoken.Verifier) gin.HandlerFunc {
	return func(c *gin.Context) {
		challenge, handled, err := token.CheckHandshake(c.Writer, c.Request)
		switch {
		case err != nil:
			redoxauth.WriteError(c.Writer, err)
			c.Abort()
		case handled:
			c.Header("X-Content-Type-Options", "nosniff")
			c.Header("Cache-Control", "no-store")
			c.Header("Content-Security-Policy", "default-src 'none'")
			c.Data(http.StatusOK, "text/plain; charset=utf-8", []byte(challenge))
			c.Abort()
		}
	}
}

// Challenge is [verifytoken.Challenge]. It comes after Check.
func Challenge(c *gin.Context) {
	answered := true
	next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { c.Request, answered = r, false })
	verifytoken.Challenge(next).ServeHTTP(c.Writer, c.Request)
	if answered {
		c.Abort()
	}
}
