// Package fiber puts a Verifier in front of Fiber's handlers.
//
// Both handlers are middleware of one route, the handshake first, and the route takes
// GET too, for the other form of the handshake:
//
//	app.Add([]string{"GET", "POST"}, "/redox", Handshake(token), Check(v, nil), receive)
//
// The handler finds who sent with redoxauth.FromContext(c.Context()). c.BodyRaw has the
// verified bytes; c.Body has them too, unless there is a Content-Encoding, which it
// decodes without a limit of its own.
//
// # The app
//
// fasthttp reads a whole body before it calls a handler, so the limits of
// redoxauth.Options come too late to save memory: without credentials a peer costs up
// to BodyLimit × Concurrency bytes and ReadTimeout of waiting. Set all three:
//
//	fiber.New(fiber.Config{
//		BodyLimit:                    redoxauth.DefaultMaxBodyBytes, // Fiber's own is 4 MiB: 413
//		Concurrency:                  64,                            // connections
//		ReadTimeout:                  time.Minute,
//		DisablePreParseMultipartForm: true, // else a multipart body is not what was sent
//	})
//
// StreamRequestBody must stay off: it lifts BodyLimit. Give the route its methods, not
// app.Use: for a request that it could not read, as one above BodyLimit, Fiber still
// runs what Use has registered, with an empty body (measured on 3.1.0).
//
// # The request
//
// Fiber's adaptor package is not used: its ConvertRequest keeps only the last of
// repeated headers, so that a second Authorization would go unseen (measured on 3.1.0,
// adaptor.HTTPMiddleware is built on it), and its strings change when the handler has
// returned. Two headers that fasthttp itself keeps only the last of are Host and
// Content-Type: the Verifier and the handler then see the same one.
package fiber

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v3"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Check lets a request through to the next handler only when v accepts it. Fiber's
// context never ends; the one that v and the next handlers get ends with the request.
func Check(v redoxauth.Verifier, opts *redoxauth.Options) fiber.Handler {
	return func(c fiber.Ctx) error {
		ctx, cancel := context.WithCancel(c.Context())
		defer cancel()
		r, err := newRequest(ctx, c)
		if err == nil {
			r, err = redoxauth.Check(v, nil, r, opts)
		}
		if err != nil {
			redoxauth.WriteError(&response{c, http.Header{}}, err)
			return nil
		}
		c.SetContext(r.Context())
		return c.Next()
	}
}

// Handshake answers Redox's destination verification, and hands on everything else.
func Handshake(token *verifytoken.Verifier) fiber.Handler {
	return func(c fiber.Ctx) (err error) {
		w := &response{c, http.Header{}}
		r, err := newRequest(c.Context(), c)
		if err != nil {
			redoxauth.WriteError(w, err)
			return nil
		}
		next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { err = c.Next() })
		token.Handshake(next).ServeHTTP(w, r)
		return err
	}
}

// newRequest copies all but the body, which is fasthttp's until the handler returns.
// Targets that fasthttp and net/http read differently are refused: fasthttp takes
// "//host/path" for an absolute URL and routes to "/path".
func newRequest(ctx context.Context, c fiber.Ctx) (*http.Request, error) {
	target := strings.Clone(c.OriginalURL())
	r, err := http.NewRequestWithContext(ctx, strings.Clone(c.Method()), target, bytes.NewReader(c.BodyRaw()))
	if err != nil || !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") {
		// Not err: it would quote the query, and a handshake's token with it.
		return nil, &redoxauth.Error{Kind: redoxauth.ErrMalformed, Reason: "path", Err: errors.New("the request target is not a path")}
	}
	header := &c.Request().Header
	for name, value := range header.All() {
		r.Header.Add(string(name), string(value))
	}
	r.Header.Del("Host") // as net/http does
	r.Host = string(header.Host())
	r.RequestURI = target
	r.RemoteAddr = c.RequestCtx().RemoteAddr().String()
	r.TLS = c.RequestCtx().TLSConnectionState()
	return r, nil
}

// A response is an [http.ResponseWriter] that writes to Fiber's response.
type response struct {
	fiber  fiber.Ctx
	header http.Header
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	w.fiber.Status(status)
	for name := range w.header {
		w.fiber.Set(name, w.header.Get(name))
	}
}

func (w *response) Write(p []byte) (int, error) { return w.fiber.Write(p) }
