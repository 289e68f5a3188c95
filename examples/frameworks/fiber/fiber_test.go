package fiber_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"

	redoxfiber "github.com/redoxauth/redoxauth-go/examples/frameworks/fiber"
	"github.com/redoxauth/redoxauth-go/examples/frameworks/internal/trial"
	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

func newApp() *fiber.App {
	app := fiber.New(fiber.Config{
		BodyLimit:                    redoxauth.DefaultMaxBodyBytes,
		Concurrency:                  4096,
		ReadTimeout:                  10 * time.Second,
		ReadBufferSize:               20 << 10,
		DisablePreParseMultipartForm: true,
	})
	app.Server().HeaderReceived = redoxfiber.HeaderReceived
	return app
}

// listen serves app on loopback until the test ends.
func listen(t *testing.T, app *fiber.App) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- app.Listener(l, fiber.ListenConfig{DisableStartupMessage: true}) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := app.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func TestCheck(t *testing.T) {
	trial.RunAll(t, func(t *testing.T, token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options) string {
		app := newApp()
		for _, path := range []string{"/redox", "/redox/*"} {
			app.Add([]string{"GET", "POST"}, path, redoxfiber.Handshake(token), redoxfiber.Check(v, opts), redoxfiber.Challenge, func(c fiber.Ctx) error {
				if !bytes.Equal(c.Body(), c.BodyRaw()) {
					t.Error("Body and BodyRaw differ")
				}
				c.Set("Strategy", trial.Strategy(c.Context()))
				return c.Send(c.Body())
			})
		}
		return "http://" + listen(t, app)
	})
}

// Reading takes nothing away in Fiber. Dropping the body does.
func TestFormReadInFrontOfCheck(t *testing.T) {
	for name, tt := range map[string]struct {
		front func(fiber.Ctx)
		want  int
	}{
		"read": {func(c fiber.Ctx) { c.FormValue("a"); c.Bind().Body(&struct{ A string }{}) }, http.StatusOK},
		"read and dropped": {func(c fiber.Ctx) {
			if c.FormValue("a") != "" {
				c.Request().ResetBody()
			}
		}, http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			trial.ReadInFront(t, func(v redoxauth.Verifier) string {
				app := newApp()
				front := func(c fiber.Ctx) error {
					tt.front(c)
					return c.Next()
				}
				app.Post("/redox", front, redoxfiber.Check(v, nil), func(c fiber.Ctx) error {
					c.Set("Strategy", trial.Strategy(c.Context()))
					return c.Send(c.Body())
				})
				return "http://" + listen(t, app)
			}, tt.want)
		})
	}
}

// unreachable has a Verifier that accepts everything. Nevertheless no request may reach its
// handler.
func unreachable(t *testing.T) *fiber.App {
	v := redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) { return &redoxauth.Identity{}, nil })
	app := newApp()
	app.Post("/*", redoxfiber.Check(v, nil), func(c fiber.Ctx) error {
		t.Errorf("%s reached the handler as %s %s", c.OriginalURL(), c.Hostname(), c.Path())
		return nil
	})
	return app
}

// RFC 9112, Section 3.2.2, allows an absolute target. "//host/path" is a path for Fiber and
// SigV4, and for http.NewRequest a URL with a host.
func TestTargetsThatAreReadInTwoWaysAreRefused(t *testing.T) {
	address := listen(t, unreachable(t))
	for _, target := range []string{"//evil/redox", "http://evil/redox", "/redox/%zz"} {
		res := raw(t, address, "POST "+target+" HTTP/1.1\r\nHost: destination\r\nContent-Length: 0\r\n\r\n")
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: got status %d, want 400", target, res.StatusCode)
		}
	}
}

// fasthttp itself answers requests whose body is too large, without calling a handler.
func TestBodyTooLarge(t *testing.T) {
	address := listen(t, unreachable(t))
	for _, header := range []string{"Content-Length: 4097\r\n", "Content-Length: 41943041\r\nAuthorization: Bearer x\r\n", "Content-Length: 41943041\r\nverification-token: x\r\n"} {
		res := raw(t, address, "POST /redox HTTP/1.1\r\nHost: destination\r\n"+header+"\r\n")
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%q: got status %d, want 413", header, res.StatusCode)
		}
	}
}

// A bearer token has at most 16 KiB.
func TestLargestToken(t *testing.T) {
	header := "verification-token: theToken\r\nAuthorization: Bearer " + strings.Repeat("x", 16<<10) + "\r\n"
	res := raw(t, destination(t, newApp()), "POST /redox HTTP/1.1\r\nHost: destination\r\nContent-Length: 0\r\n"+header+"\r\n")
	if res.StatusCode != http.StatusOK {
		t.Errorf("got status %d, want 200", res.StatusCode)
	}
}

// destination is a server with the token of the cases.
func destination(t *testing.T, app *fiber.App) (address string) {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		t.Fatal(err)
	}
	app.Add([]string{"GET", "POST"}, "/redox", redoxfiber.Handshake(token), redoxfiber.Check(token, nil), func(c fiber.Ctx) error {
		return c.SendString(fmt.Sprint(len(c.BodyRaw())))
	})
	return listen(t, app)
}

// ReadTimeout is for strangers.
func TestMessagesHaveMoreTime(t *testing.T) {
	app := fiber.New(fiber.Config{ReadTimeout: time.Second})
	app.Server().HeaderReceived = redoxfiber.HeaderReceived
	conn, err := net.Dial("tcp", destination(t, app))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /redox HTTP/1.1\r\nHost: destination\r\nverification-token: theToken\r\nContent-Length: 2\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond)
	if _, err := io.WriteString(conn, "}"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("got %v, %v, want 200", res, err)
	}
	with, without := new(fasthttp.RequestHeader), new(fasthttp.RequestHeader)
	with.Set("authorization", "Bearer x")
	if a, b := redoxfiber.HeaderReceived(with).ReadTimeout, redoxfiber.HeaderReceived(without).ReadTimeout; b <= 0 || b >= a {
		t.Errorf("a message has %v, and a stranger %v", a, b)
	}
}

// raw sends bytes that the client of net/http would not send.
func raw(t *testing.T, address, request string) *http.Response {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res
}

// fasthttp reuses the memory of a request after its handler has returned. The request of
// the Verifier must stay valid, because Observe may log later and caches keep strings.
func TestRequestOutlivesTheHandler(t *testing.T) {
	var seen []*http.Request
	v := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		seen = append(seen, r)
		return &redoxauth.Identity{}, nil
	})
	var ended []context.Context
	app := newApp()
	app.Post("/*", redoxfiber.Check(v, nil), func(c fiber.Ctx) error {
		ended = append(ended, c.Context())
		return nil
	})
	address := listen(t, app)
	for i, text := range trial.SendTwo(t, "http://"+address+"/") {
		r := seen[i]
		if r.Host != text || r.URL.String() != "/"+text+"?"+text || r.RequestURI != r.URL.String() || r.Header.Get("X-Note") != text {
			t.Errorf("request %d became %s %s %s, X-Note %s", i, r.Host, r.URL, r.RequestURI, r.Header.Get("X-Note"))
		}
		if ended[i].Err() == nil {
			t.Errorf("the context of request %d did not end", i)
		}
	}
}

// A destination in Fiber, with the settings that the package comment explains.
func ExampleCheck() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	receive := func(c fiber.Ctx) error {
		id, _ := redoxauth.FromContext(c.Context())
		fmt.Println("a message from Redox, proven by", id.Strategy)
		return nil
	}
	app := fiber.New(fiber.Config{
		BodyLimit:                    redoxauth.DefaultMaxBodyBytes,
		Concurrency:                  4096,
		ReadTimeout:                  10 * time.Second,
		ReadBufferSize:               20 << 10,
		DisablePreParseMultipartForm: true,
	})
	app.Server().HeaderReceived = redoxfiber.HeaderReceived
	app.Add([]string{"GET", "POST"}, "/redox", redoxfiber.Handshake(token), redoxfiber.Check(token, nil), receive)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go app.Listener(l, fiber.ListenConfig{DisableStartupMessage: true})
	defer app.Shutdown()

	// Redox sends a handshake of each form, a message, and a message with another token.
	trial.Show("http://" + l.Addr().String() + "/redox")
	// Output:
	// POST handshake, error: <nil>
	// GET handshake, error: <nil>
	// a message from Redox, proven by verifytoken
	// 200 OK
	// 401 Unauthorized
}
