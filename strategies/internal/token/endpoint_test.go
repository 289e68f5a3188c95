package token_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/token"
)

// RFC 6749, Section 5.1.
func TestSuccessAnswer(t *testing.T) {
	w := serve(endpoint(t, config()), form("grant_type=client_credentials&scope=write+unknown"))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	a := answer(t, w)
	delete(a, "access_token")
	want := map[string]any{"token_type": "bearer", "expires_in": 300.0, "scope": "write"}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// checkAnswer checks what every answer has in common (RFC 6749, Sections 5.1 and 5.2;
// RFC 9110, Sections 15.5.2 and 15.5.6).
func checkAnswer(t *testing.T, w *httptest.ResponseRecorder, wantStatus int, wantError string) {
	t.Helper()
	a := answer(t, w)
	code, _ := a["error"].(string)
	if w.Code != wantStatus || code != wantError {
		t.Fatalf("got %d %s, want %d %q", w.Code, w.Body, wantStatus, wantError)
	}
	h := w.Header()
	if h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" || h.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", h)
	}
	if got := h.Get("Allow"); (got == "POST") != (w.Code == 405) {
		t.Errorf("Allow %q", got)
	}
	if got := h.Get("Retry-After"); (got != "") != (w.Code == 503 || w.Code == 429) {
		t.Errorf("Retry-After %q", got)
	}
	if got := h.Get("WWW-Authenticate"); (got != "") != (w.Code == 401) {
		t.Errorf("WWW-Authenticate %q", got)
	}
	if description, ok := a["error_description"].(string); ok {
		for _, c := range description {
			if c < 0x20 || c > 0x7E || c == '"' || c == '\\' {
				t.Errorf("description %q has a character that RFC 6749 does not allow", description)
			}
		}
	}
}

func TestErrorsOfTheGrant(t *testing.T) {
	for _, c := range []struct {
		name       string
		grant      *grant
		wantStatus int
		wantError  string
		want       error
	}{
		{"unavailable", &grant{err: &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "keys"}}, 503, "temporarily_unavailable", redoxauth.ErrUnavailable},
		{"unavailable at last", &grant{use: func(context.Context) error {
			return &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "replay_store", RetryAfter: time.Minute}
		}}, 503, "temporarily_unavailable", redoxauth.ErrUnavailable},
		{"of no kind", &grant{err: errors.New("hm")}, 500, "server_error", nil},
		{"a panic", &grant{use: func(context.Context) error { panic("client_secret=x") }}, 500, "server_error", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config()
			cfg.Grant = c.grant
			var seen error
			cfg.Observe = func(_ *http.Request, d redoxauth.Decision) { seen = d.Err }
			w := serve(endpoint(t, cfg), form("grant_type=client_credentials"))
			checkAnswer(t, w, c.wantStatus, c.wantError)
			if seen == nil || c.want != nil && !errors.Is(seen, c.want) || strings.Contains(seen.Error(), "client_secret") {
				t.Errorf("observed %v, want %v", seen, c.want)
			}
		})
	}
}

// A wrong credential is told to slow down; a right one is never asked.
func TestTooManyWrongCredentials(t *testing.T) {
	g := &grant{}
	cfg := config()
	cfg.Grant = g
	clock := now
	cfg.Now = func() time.Time { return clock }
	e := endpoint(t, cfg)
	request := func(client, peer string) *httptest.ResponseRecorder {
		g.err = token.InvalidClient(client, `Basic realm="redox"`, &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: "client"})
		r := form("grant_type=client_credentials")
		r.RemoteAddr = peer
		return serve(e, r)
	}
	for range 100 {
		checkAnswer(t, request("redox", "192.0.2.1:1"), 401, "invalid_client")
	}
	w := request("redox", "192.0.2.1:2")
	checkAnswer(t, w, 429, "invalid_client")
	if got := w.Header().Get("Retry-After"); got != "60" {
		t.Errorf("Retry-After %q, want 60", got)
	}
	checkAnswer(t, request("redox", "192.0.2.2:1"), 401, "invalid_client")
	checkAnswer(t, request("other", "192.0.2.1:1"), 401, "invalid_client")
	g.err = nil
	issue(t, e)
	clock = now.Add(time.Minute)
	checkAnswer(t, request("redox", "192.0.2.1:1"), 401, "invalid_client")
	clock = now.Add(-time.Hour) // the clock was set back
	checkAnswer(t, request("redox", "192.0.2.1:1"), 401, "invalid_client")
}
