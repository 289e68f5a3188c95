// Package echo puts a Verifier in front of Echo's handlers.
//
// The functions are middleware of one route, with the handshake first. The route must also
// accept GET, because the handshake has a GET form:
//
//	e.Match([]string{"GET", "POST"}, "/redox", receive, Handshake(token), Check(v, nil))
//	e.Match([]string{"GET", "POST"}, "/redox", receive, Check(v, nil), Challenge) // no verification token
//
// The handler gets the Identity with redoxauth.FromContext(c.Request().Context()). It
// reads the verified bytes with c.Bind or from c.Request().Body. A token does not cover the
// body, so it arrives when the handler reads it. If the read fails with an *http.MaxBytesError,
// answer 413, otherwise 400.
//
// Echo sets no time-outs, so silent connections stay for ever. Set ReadHeaderTimeout and
// ReadTimeout of e.Server, such as 10 s and 2 min, before e.Start (of e.TLSServer, before
// e.StartTLS).
//
// Nothing in front of Check may read the body and not put it back: no FormValue of a form,
// no Bind. Otherwise sigv4 answers 500 with the reason "body_consumed". BodyDump puts it
// back. Middleware that changes the body (such as Decompress) must come after Check. Set the
// limit of bodies in Options. If Echo's BodyLimit stands in front of Check, Check sees a
// read error, and answers 400 instead of 413. Echo's Logger logs queries with ${uri}. The
// GET form of the handshake has the token in the query, so log ${path}.
//
// With Echo 5 (5.4.4) only the type of the context differs: *echo.Context.
package echo

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Check calls the next handler only if v accepts the request.
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

// Handshake answers Redox's destination verification, and passes on everything else.
func Handshake(token *verifytoken.Verifier) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			challenge, handled, err := token.CheckHandshake(c.Response(), c.Request())
			switch {
			case err != nil:
				redoxauth.WriteError(c.Response(), err)
				return nil
			case handled:
				h := c.Response().Header()
				h.Set("X-Content-Type-Options", "nosniff")
				h.Set("Cache-Control", "no-store")
				h.Set("Content-Security-Policy", "default-src 'none'")
				return c.Blob(http.StatusOK, "text/plain; charset=utf-8", []byte(challenge))
			}
			return next(c)
		}
	}
}

// Challenge is [verifytoken.Challenge]. It comes after Check.
func Challenge(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			c.SetRequest(r)
			err = next(c)
		})
		verifytoken.Challenge(handler).ServeHTTP(c.Response(), c.Request())
		return err
	}
}
