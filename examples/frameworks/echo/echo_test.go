package echo_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	redoxecho "github.com/redoxauth/redoxauth-go/examples/frameworks/echo"
	"github.com/redoxauth/redoxauth-go/examples/frameworks/internal/trial"
	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

func TestCheck(t *testing.T) {
	trial.RunHTTP(t, func(t *testing.T, token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options) http.Handler {
		e := echo.New()
		for _, path := range []string{"/redox", "/redox/*"} {
			e.Match([]string{"GET", "POST"}, path, func(c echo.Context) error {
				body, err := io.ReadAll(c.Request().Body)
				if err != nil {
					trial.Unreadable(c.Response(), err)
					return nil
				}
				c.Response().Header().Set("Strategy", trial.Strategy(c.Request().Context()))
				return c.Blob(http.StatusOK, "text/plain", body)
			}, redoxecho.Handshake(token), redoxecho.Check(v, opts), redoxecho.Challenge)
		}
		return e
	})
}

func TestFormReadInFrontOfCheck(t *testing.T) {
	trial.ReadInFront(t, func(v redoxauth.Verifier) string {
		e := echo.New()
		e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.FormValue("a")
				return next(c)
			}
		})
		e.POST("/redox", func(c echo.Context) error {
			body, err := io.ReadAll(c.Request().Body)
			if err != nil {
				return err
			}
			c.Response().Header().Set("Strategy", trial.Strategy(c.Request().Context()))
			return c.Blob(http.StatusOK, "text/plain", body)
		}, redoxecho.Check(v, nil))
		server := httptest.NewServer(e)
		t.Cleanup(server.Close)
		return server.URL
	}, http.StatusInternalServerError)
}

// The error of a handler behind both is Echo's to answer.
func TestHandlerError(t *testing.T) {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.POST("/redox", func(echo.Context) error { return echo.NewHTTPError(http.StatusTeapot) }, redoxecho.Handshake(token), redoxecho.Check(token, nil))
	r, w := httptest.NewRequest(http.MethodPost, "/redox", http.NoBody), httptest.NewRecorder()
	r.Header.Set("Verification-Token", "theToken")
	e.ServeHTTP(w, r)
	if w.Code != http.StatusTeapot {
		t.Errorf("got status %d, want %d", w.Code, http.StatusTeapot)
	}
}

// A destination in Echo. For a server of yours see the package comment.
func ExampleCheck() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	receive := func(c echo.Context) error {
		id, _ := redoxauth.FromContext(c.Request().Context())
		fmt.Println("a message from Redox, proven by", id.Strategy)
		return c.NoContent(http.StatusOK)
	}
	e := echo.New()
	e.Match([]string{"GET", "POST"}, "/redox", receive, redoxecho.Handshake(token), redoxecho.Check(token, nil))
	server := httptest.NewServer(e)
	defer server.Close()

	// Redox sends a handshake of each form, a message, and a message with another token.
	trial.Show(server.URL + "/redox")
	// Output:
	// POST handshake, error: <nil>
	// GET handshake, error: <nil>
	// a message from Redox, proven by verifytoken
	// 200 OK
	// 401 Unauthorized
}
