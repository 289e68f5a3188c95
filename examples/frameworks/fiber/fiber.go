// Package fiber puts a Verifier in front of Fiber's handlers.
//
// The handlers are middleware of one route, with the handshake first. The route must also
// accept GET, because the handshake has a GET form:
//
//	app.Add([]string{"GET", "POST"}, "/redox", Handshake(token), Check(v, nil), receive)
//	app.Add([]string{"GET", "POST"}, "/redox", Check(v, nil), Challenge, receive) // no verification token
//
// The handler gets the Identity with redoxauth.FromContext(c.Context()). c.BodyRaw returns
// the verified bytes. c.Body returns them too, unless there is a Content-Encoding: c.Body
// decodes it without a limit.
//
// # The app
//
// fasthttp reads the whole body before it calls a handler. So the limits of
// redoxauth.Options come too late to save memory or time. Set these:
//
//	app := fiber.New(fiber.Config{
//		BodyLimit:                    redoxauth.DefaultMaxBodyBytes, // Fiber's own is 4 MiB: 413
//		Concurrency:                  4096,                          // connections, silent ones too
//		ReadTimeout:                  10 * time.Second,              // of strangers
//		ReadBufferSize:               20 << 10,                      // all headers; Fiber's own is 4 KiB: 431
//		DisablePreParseMultipartForm: true,                          // else a multipart body is not what was sent
//	})
//	app.Server().HeaderReceived = redoxfiber.HeaderReceived
//
// A small Concurrency saves memory, but then as many silent connections keep everybody out.
// HeaderReceived saves it instead: a request without a credential has a small body and
// little time. It cannot see whether a credential is genuine. Peers with an invented one
// can use BodyLimit for a minute on each connection: fasthttp allocates what Content-Length
// says. If the port is open to strangers, let a proxy in front buffer requests, or use
// net/http, where this module counts what has arrived.
//
// StreamRequestBody must stay off, because it disables BodyLimit. Register the route with
// its methods, not with app.Use. If Fiber cannot read a request, such as one above
// BodyLimit, it still runs the handlers of app.Use, with an empty body (measured with
// 3.1.0).
//
// Handlers in front of Check may read the body, because Fiber keeps it. They must not change
// or drop it (c.Request().SetBody, ResetBody), or sigv4 refuses the request.
//
// # The request
//
// This package does not use Fiber's adaptor package. ConvertRequest, on which
// adaptor.HTTPMiddleware is built, keeps only the last of repeated headers, so a second
// Authorization header would not be noticed (measured with 3.1.0). Its strings change after
// the handler has returned. fasthttp itself keeps only the last Host and Content-Type. The
// Verifier and the handler then see the same one.
//
// The package fasthttpadaptor of fasthttp has the same faults (measured with 1.69.0). Messages
// of Redox pass it. But of two Authorization headers the last one counts, instead of the answer
// 400, and a signature over repeated headers is refused. What "The app" says of the whole body
// holds there too: the limits and time-outs of redoxauth.Options come after the body.
package fiber

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// HeaderReceived is for the server of the app, and so for all of its routes. A request
// without a credential may be a handshake, whose body has at most 4 KiB. Otherwise it is
// refused anyway. A larger one is 413. A message has a minute to arrive.
func HeaderReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if len(h.Peek("Authorization")) == 0 && len(h.Peek("Verification-Token")) == 0 {
		return fasthttp.RequestConfig{MaxRequestBodySize: 4 << 10, ReadTimeout: 5 * time.Second}
	}
	return fasthttp.RequestConfig{ReadTimeout: time.Minute}
}

// Check calls the next handler only if v accepts the request. Fiber's context never ends.
// The context that v and the next handlers get ends with the request.
func Check(v redoxauth.Verifier, opts *redoxauth.Options) fiber.Handler {
	return func(c fiber.Ctx) error {
		ctx, cancel := context.WithCancel(c.Context())
		defer cancel()
		r, err := newRequest(ctx, c)
		if err == nil {
			r, err = redoxauth.Check(v, nil, r, opts)
		}
		if err != nil {
			redoxauth.WriteError(&response{fiber: c, header: http.Header{}}, err)
			return nil
		}
		c.SetContext(r.Context())
		return c.Next()
	}
}

// Handshake answers Redox's destination verification, and passes on everything else.
func Handshake(token *verifytoken.Verifier) fiber.Handler {
	return func(c fiber.Ctx) error {
		r, err := newRequest(c.Context(), c)
		challenge, handled := "", false
		if err == nil {
			challenge, handled, err = token.CheckHandshake(nil, r)
		}
		switch {
		case err != nil:
			redoxauth.WriteError(&response{fiber: c, header: http.Header{}}, err)
			return nil
		case handled:
			c.Set("Content-Type", "text/plain; charset=utf-8")
			c.Set("X-Content-Type-Options", "nosniff")
			c.Set("Cache-Control", "no-store")
			c.Set("Content-Security-Policy", "default-src 'none'")
			return c.SendString(challenge)
		}
		return c.Next()
	}
}

// Challenge is [verifytoken.Challenge]. It comes after Check.
func Challenge(c fiber.Ctx) (err error) {
	w := &response{fiber: c, header: http.Header{}}
	r, err := newRequest(c.Context(), c)
	if err != nil {
		redoxauth.WriteError(w, err)
		return nil
	}
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { err = c.Next() })
	verifytoken.Challenge(next).ServeHTTP(w, r)
	return err
}

// newRequest copies everything except the body, which belongs to fasthttp until the handler
// returns. It refuses targets that Fiber and net/http read differently: "//host/path" is a
// path for Fiber, and for http.NewRequest a URL with a host.
func newRequest(ctx context.Context, c fiber.Ctx) (*http.Request, error) {
	target := strings.Clone(c.OriginalURL())
	r, err := http.NewRequestWithContext(ctx, strings.Clone(c.Method()), target, bytes.NewReader(c.BodyRaw()))
	if err != nil || !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") {
		// err would quote the query, which may hold the token of a handshake.
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
	sent   bool // the header
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	w.sent = true
	w.fiber.Status(status)
	for name := range w.header {
		w.fiber.Set(name, w.header.Get(name))
	}
}

func (w *response) Write(p []byte) (int, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	return w.fiber.Write(p)
}
