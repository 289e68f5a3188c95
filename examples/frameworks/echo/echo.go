// Package echo puts a Verifier in front of Echo's handlers.
//
// Both functions are middleware of one route, the handshake first, and the route takes
// GET too, for the other form of the handshake:
//
//	e.Match([]string{"GET", "POST"}, "/redox", receive, Handshake(token), Check(v, nil))
//
// The handler finds who sent with redoxauth.FromContext(c.Request().Context()) and
// reads the verified bytes with c.Bind or from c.Request().Body.
//
// Middleware that changes the body (Decompress) must come after Check. Leave the limit of
// bodies to Options: Echo's BodyLimit in front of Check is an error of reading to it,
// 400, where 413 is meant. Echo's Logger logs queries with ${uri}, and the GET form of
// the handshake has the token there: log ${path}.
//
// With Echo 5 (5.4.4) the code is the same but for the type: *echo.Context.
package echo

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Check lets a request through to the next handler only when v accepts it.
func Check(v redoxauth.Verifier, opts *redoxauth.Options) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r, err := redoxauth.Check(v, c.Response(), c.Request(), opts)
			if err != nil {
				redoxauth.WriteError(c.Response(), err)
				return nil
			}
			c.SetRequest(r)
			return next(c)
		}
	}
}

// Handshake answers Redox's destination verification, and hands on everything else.
func Handshake(token *verifytoken.Verifier) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				c.SetRequest(r)
				err = next(c)
			})
			token.Handshake(handler).ServeHTTP(c.Response(), c.Request())
			return err
		}
	}
}
