package tokenendpoint_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
)

// What a strategy or its replay store returns, and what becomes of it. Wrong credentials
// count: the 101st is answered 429.
func TestAnswers(t *testing.T) {
	wrong := func(kind error) prove {
		return failing(tokenendpoint.WrongCredential("redox", kind, "client", "unknown"))
	}
	unavailable := redoxauth.Errorf(redoxauth.ErrUnavailable, "keys", "")
	later := *unavailable
	later.RetryAfter = 59*time.Second + 1
	added := func(fresh bool, err error) prove { return once(func() (bool, error) { return fresh, err }) }
	const clients, grants = `X realm="x"`, "" // Challenge
	for _, c := range []struct {
		name      string
		prove     prove
		challenge string
		basic     bool
		want      string
		wantKind  error
		reason    redoxauth.Reason
		header    string // WWW-Authenticate or Retry-After
		counted   bool
	}{
		{"wrong credential", wrong(redoxauth.ErrRejected), clients, false, "401 invalid_client", redoxauth.ErrRejected, "client", clients, true},
		{"wrong credential in Basic", wrong(redoxauth.ErrRejected), clients, true, "401 invalid_client", redoxauth.ErrRejected, "client", `Basic realm="redox"`, true},
		{"no credential", wrong(redoxauth.ErrNoCredentials), clients, false, "401 invalid_client", redoxauth.ErrNoCredentials, "client", clients, true},
		{"wrong grant", wrong(redoxauth.ErrRejected), grants, false, "400 invalid_grant", redoxauth.ErrRejected, "client", "", true},
		{"wrong grant, and Basic", wrong(redoxauth.ErrRejected), grants, true, "400 invalid_grant", redoxauth.ErrRejected, "client", "", true},
		{"two credentials", wrong(redoxauth.ErrMalformed), clients, false, "400 invalid_request", redoxauth.ErrMalformed, "client", "", true},
		{"malformed", failing(tokenendpoint.Malformed("x is missing", "x is %s", "absent")), clients, false, "400 invalid_request", redoxauth.ErrMalformed, "malformed", "", false},
		{"scope", failing(redoxauth.Errorf(redoxauth.ErrForbidden, "scope", "")), grants, false, "400 invalid_scope", redoxauth.ErrForbidden, "scope", "", false},
		{"unavailable", failing(unavailable), clients, false, "503 temporarily_unavailable", redoxauth.ErrUnavailable, "keys", "10", false},
		{"unavailable, and Basic", failing(unavailable), clients, true, "503 temporarily_unavailable", redoxauth.ErrUnavailable, "keys", "10", false},
		{"unavailable for a time", failing(&later), grants, false, "503 temporarily_unavailable", redoxauth.ErrUnavailable, "keys", "60", false},
		{"of no kind", failing(errors.New("hm")), clients, false, "500 server_error", nil, "internal", "", false},
		{"a fault", failing(redoxauth.Errorf(nil, "internal", "hm")), grants, false, "500 server_error", nil, "internal", "", false},
		{"used before", added(false, nil), clients, false, "401 invalid_client", redoxauth.ErrRejected, "replayed", clients, true},
		{"grant used before", added(false, nil), grants, false, "400 invalid_grant", redoxauth.ErrRejected, "replayed", "", true},
		{"store fails", added(true, errors.New("hm")), clients, false, "503 temporarily_unavailable", redoxauth.ErrUnavailable, "replay_store", "10", false},
		{"store fails with a kind of ours", added(true, redoxauth.ErrRejected), clients, false, "503 temporarily_unavailable", redoxauth.ErrUnavailable, "replay_store", "10", false},
		{"store panics", once(func() (bool, error) { panic("client_secret=x") }), clients, false, "500 server_error", nil, "internal", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEndpoint(t, func(cfg *tokenendpoint.Config) { cfg.Prove, cfg.Challenge = c.prove, c.challenge })
			for n := range 101 {
				r := form("grant_type=client_credentials")
				if c.basic {
					r.SetBasicAuth("redox", "x")
				}
				want, header := c.want, c.header
				if n == 100 && c.counted {
					want, header = "429"+want[3:], "60"
				}
				w, _ := e.ask(t, r, want)
				if got := w.Header().Get("WWW-Authenticate") + w.Header().Get("Retry-After"); got != header {
					t.Errorf("WWW-Authenticate or Retry-After: got %q, want %q", got, header)
				}
				verifiertest.CheckError(t, e.decision.Err, c.wantKind, c.reason)
				if text := e.decision.Err.Error(); !strings.HasPrefix(text, "strategy") || strings.Contains(text, "client_secret") {
					t.Fatalf("observed %s", text)
				}
			}
		})
	}
}

// The peer gets the description of what is malformed, and nothing of what was sent.
func TestDescription(t *testing.T) {
	e := newEndpoint(t, func(c *tokenendpoint.Config) {
		c.Prove = failing(tokenendpoint.WrongCredential("redox", redoxauth.ErrMalformed, "client", "%w: %q", tokenendpoint.InvalidRequest("two of them"), "sent"))
	})
	_, a := e.ask(t, form("grant_type=client_credentials"), "400 invalid_request")
	if a["error_description"] != "two of them" || !strings.HasSuffix(e.decision.Err.Error(), `(client): two of them: "sent"`) {
		t.Errorf("answer %v, observed %v", a, e.decision.Err)
	}
}

// A peer cannot have more guesses by making them at the same time.
func TestWrongCredentialsAtTheSameTimeAreCounted(t *testing.T) {
	cfg := config(func(c *tokenendpoint.Config) {
		c.Prove = failing(tokenendpoint.WrongCredential("redox", redoxauth.ErrRejected, "client", "wrong"))
	})
	e, err := tokenendpoint.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var wrong atomic.Int64
	var peers sync.WaitGroup
	for range 8 {
		peers.Go(func() {
			for range 50 {
				w := httptest.NewRecorder()
				e.ServeHTTP(w, form("grant_type=client_credentials"))
				if w.Code == http.StatusUnauthorized {
					wrong.Add(1)
				}
			}
		})
	}
	peers.Wait()
	if n := wrong.Load(); n != 100 {
		t.Errorf("%d of 400 requests are answered 401, want 100", n)
	}
}

// Too many wrong credentials of one client from one peer are answered 429. A right one is
// always accepted.
func TestTooManyWrongCredentials(t *testing.T) {
	var failure error
	clock := now
	e := newEndpoint(t, func(c *tokenendpoint.Config) {
		c.Now = func() time.Time { return clock }
		c.Prove = func(ctx context.Context, q *tokenendpoint.Request) (*tokenendpoint.Proof, error) {
			p, _ := proven(ctx, q)
			return p, failure
		}
	})
	request := func(client, peer, want string) *httptest.ResponseRecorder {
		t.Helper()
		failure = tokenendpoint.WrongCredential(client, redoxauth.ErrRejected, "client", "wrong")
		r := form("grant_type=client_credentials")
		r.RemoteAddr = peer
		w, _ := e.ask(t, r, want)
		return w
	}
	const wrong, limited = "401 invalid_client", "429 invalid_client"
	for range 100 {
		request("redox", "192.0.2.1:1", wrong)
	}
	request("redox", "192.0.2.1:2", limited)
	for range 100 {
		request("redox", "192.0.2.1", "") // some wrappers leave out the port
	}
	// The count is kept in one of 1024 places, which others may share. So most of them are
	// counted apart, and which ones differs from run to run.
	for what, pair := range map[string]func(n int) (client, peer string){
		"peers":                func(n int) (string, string) { return "redox", fmt.Sprintf("192.0.2.%d:1", 2+n) },
		"peers without a port": func(n int) (string, string) { return "redox", fmt.Sprintf("192.0.2.%d", 20+n) },
		"pairs whose names joined are the same": func(n int) (string, string) {
			const joined = "192.0.2.1redox"
			return joined[n%9:], joined[:n%9] + ":1"
		},
		"clients": func(n int) (string, string) { return fmt.Sprint("other", n), "192.0.2.1:1" },
	} {
		apart := 0
		for n := range 10 {
			if client, peer := pair(n); request(client, peer, "").Code == 401 {
				apart++
			}
		}
		if apart < 5 {
			t.Errorf("only %d of 10 other %s are counted apart", apart, what)
		}
	}
	failure = nil
	e.issue(t)
	clock = now.Add(time.Minute)
	for range 100 {
		request("redox", "192.0.2.1:1", wrong)
	}
	request("redox", "192.0.2.1:1", limited)
	clock = now.Add(-time.Hour) // the clock was set back
	request("redox", "192.0.2.1:1", wrong)
}
