// Package gin puts a Verifier in front of gin's handlers.
//
// Both handlers are middleware of one route, the handshake first, and the route takes
// GET too, for the other form of the handshake:
//
//	engine.Match([]string{"GET", "POST"}, "/redox", Handshake(token), Check(v, nil), receive)
//
// The handler finds who sent with redoxauth.FromContext(c.Request.Context()) and reads
// the verified bytes with c.GetRawData, c.ShouldBindJSON or from c.Request.Body.
//
// Middleware that changes the body (decompression) must come after Check. gin's Logger,
// part of gin.Default, logs queries, and the GET form of the handshake has the token
// there: give it a LoggerConfig with SkipQueryString.
package gin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Check lets a request through to the next handlers only when v accepts it.
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

// Handshake answers Redox's destination verification, and hands on everything else.
func Handshake(token *verifytoken.Verifier) gin.HandlerFunc {
	return func(c *gin.Context) {
		answered := true
		next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			c.Request, answered = r, false
		})
		token.Handshake(next).ServeHTTP(c.Writer, c.Request)
		if answered {
			c.Abort()
		}
	}
}
