package token_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// A stalled body ends after 10 s, or with its request.
func TestStalledBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			cancel, want time.Duration
			reason       redoxauth.Reason
		}{
			{want: 10 * time.Second, reason: "body_timeout"},
			{cancel: 3 * time.Second, want: 3 * time.Second, reason: "canceled"},
		} {
			stalled, write := io.Pipe()
			r := streamed(stalled)
			if c.cancel > 0 {
				ctx, cancel := context.WithTimeout(r.Context(), c.cancel)
				defer cancel()
				r = r.WithContext(ctx)
			}
			cfg := config()
			var seen error
			cfg.Observe = func(_ *http.Request, d redoxauth.Decision) { seen = d.Err }
			start := time.Now()
			w := serve(endpoint(t, cfg), r)
			checkAnswer(t, w, 503, "temporarily_unavailable")
			if got := time.Since(start); got != c.want {
				t.Errorf("ended after %v, want %v", got, c.want)
			}
			if w.Header().Get("Connection") != "close" {
				t.Error("the connection stays open")
			}
			var e *redoxauth.Error
			if !errors.As(seen, &e) || e.Reason != c.reason {
				t.Errorf("observed %v, want reason %s", seen, c.reason)
			}
			write.Close()
		}
	})
}

func streamed(body io.Reader) *http.Request {
	r := httptest.NewRequest("POST", "/token", body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// What stalls elsewhere, at another endpoint or with messages, keeps nobody out here.
func TestEndpointHasABudgetOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flooded, other := endpoint(t, config()), endpoint(t, config())
		for range 512 {
			stalled, write := io.Pipe()
			defer write.Close()
			go serve(flooded, streamed(io.MultiReader(strings.NewReader("x="+strings.Repeat("x", 64<<10-2)), stalled)))
		}
		synctest.Wait()
		issue(t, other)
		checkAnswer(t, serve(flooded, form("grant_type=client_credentials")), 503, "temporarily_unavailable")
	})
}

// Also behind a Middleware, whose limits are larger, a body has at most 64 KiB.
func TestEndpointBehindMiddleware(t *testing.T) {
	accepts := redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) { return &redoxauth.Identity{}, nil })
	h := redoxauth.Middleware(accepts, nil)(endpoint(t, config()))
	issue(t, h)
	checkAnswer(t, serve(h, form("x="+strings.Repeat("x", 64<<10))), 413, "invalid_request")
	checkAnswer(t, serve(h, streamed(io.MultiReader(strings.NewReader("x="+strings.Repeat("x", 64<<10))))), 413, "invalid_request")
}

// net/http sends no answer before it has read a body that is not large, unless the
// connection is closed after it.
func TestRefusalDoesNotWaitForTheBody(t *testing.T) {
	server := httptest.NewServer(endpoint(t, config()))
	defer server.Close()
	const urlencoded = "Content-Type: application/x-www-form-urlencoded\r\n"
	for _, c := range []struct {
		name, method, target, header string
		want                         int
	}{
		{"method", "PUT", "/", urlencoded, 405},
		{"media type", "POST", "/", "Content-Type: text/plain\r\n", 415},
		{"two Authorization headers", "POST", "/", urlencoded + "Authorization: a\r\nAuthorization: b\r\n", 400},
		{"query", "POST", "/?client_secret=x", urlencoded, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetReadDeadline(time.Now().Add(20 * time.Second)) // a hang is a failure, not a hung test
			fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n%s\r\nx=", c.method, c.target, c.header)
			w, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || w.StatusCode != c.want || !w.Close {
				t.Errorf("got %v, %v, want %d and the connection closed", w, err, c.want)
			}
		})
	}
}
