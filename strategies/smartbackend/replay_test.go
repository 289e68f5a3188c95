package smartbackend_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func TestAssertionIsAcceptedOnce(t *testing.T) {
	cfg := config(t)
	e, replica := newEndpoint(t, cfg), newEndpoint(t, cfg)
	p := parameters(assertion(t, sender()))
	if got := outcome(t, serve(e, tokenRequest(p))); got != "200" {
		t.Fatalf("got %s", got)
	}
	for name, h := range map[string]http.Handler{"again": e, "at another replica, or after a restart": replica} {
		if got := outcome(t, serve(h, tokenRequest(p))); got != "401 invalid_client" {
			t.Errorf("%s: got %s", name, got)
		}
	}
	jti := map[string]any{"jti": "one"}
	mine, reissued, others := sender(), sender(), sender()
	mine.Claims, reissued.Claims, others.Claims = jti, jti, jti
	reissued.Key = rs384
	others.ClientID, others.Key = "other", other384
	for _, c := range []struct {
		name string
		s    *redoxtest.SMARTBackend
		want string
	}{
		{"first", mine, "200"},
		{"another assertion with its jti", reissued, "401 invalid_client"},
		{"another client's with that jti", others, "200"},
	} {
		if got := outcome(t, serve(e, tokenRequest(parameters(assertion(t, c.s))))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestParallelReplaysGetOneToken(t *testing.T) {
	e := newEndpoint(t, config(t))
	p := parameters(assertion(t, sender()))
	var wg sync.WaitGroup
	var issued, refused atomic.Int32
	for range 100 {
		wg.Go(func() {
			w := httptest.NewRecorder()
			e.ServeHTTP(w, tokenRequest(p))
			switch w.Code {
			case 200:
				issued.Add(1)
			case 401:
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if issued.Load() != 1 || refused.Load() != 99 {
		t.Errorf("%d tokens and %d refusals, want 1 and 99", issued.Load(), refused.Load())
	}
}

// An assertion is used up by nothing but a token: what was refused can be corrected.
func TestRefusedRequestDoesNotUseUpTheAssertion(t *testing.T) {
	e := newEndpoint(t, config(t))
	good := parameters(assertion(t, sender()))
	for _, c := range []struct{ name, value, want string }{
		{"scope", "system/*.d", "400 invalid_scope"},
		{"resource", "https://elsewhere.example", "400 invalid_target"},
		{"client_id", "other", "401 invalid_client"},
	} {
		p := url.Values{}
		for name, values := range good {
			p[name] = values
		}
		p.Set(c.name, c.value)
		if got := outcome(t, serve(e, tokenRequest(p))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	tampered := good.Get("client_assertion")
	tampered = tampered[:len(tampered)-8] + "AAAAAAAA"
	if got := outcome(t, serve(e, tokenRequest(parameters(tampered)))); got != "401 invalid_client" {
		t.Errorf("tampered: got %s", got)
	}
	if got := outcome(t, serve(e, tokenRequest(good))); got != "200" {
		t.Errorf("at last: got %s", got)
	}
}

// While one replica still accepts an assertion, all know that it was used: also one that
// read its clock just before the end and records it only after, because it waited for
// keys or for the store, and one whose clock is behind by the Leeway.
func TestUsedAssertionIsNotTakenAgainAtItsEdge(t *testing.T) {
	const leeway = 30 * time.Second
	for _, c := range []struct {
		name         string
		wait, behind time.Duration
	}{
		{name: "at once"},
		{name: "after a wait", wait: 50 * time.Second},
		{name: "a clock behind", behind: leeway},
		{name: "both", wait: 50 * time.Second, behind: leeway},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config(t)
				cfg.Leeway, cfg.Now = leeway, time.Now
				s := sender()
				s.Now = time.Now
				p := parameters(assertion(t, s))
				if got := outcome(t, serve(newEndpoint(t, cfg), tokenRequest(p))); got != "200" {
					t.Fatalf("got %s", got)
				}
				time.Sleep(5*time.Minute + leeway + c.behind - time.Nanosecond)
				wait := c.wait
				cfg.Now = func() time.Time {
					read := time.Now().Add(-c.behind)
					time.Sleep(wait)
					wait = 0
					return read
				}
				var seen error
				cfg.Observe = func(_ *http.Request, d redoxauth.Decision) { seen = d.Err }
				got := outcome(t, serve(newEndpoint(t, cfg), tokenRequest(p)))
				var e *redoxauth.Error
				if got != "401 invalid_client" || !errors.As(seen, &e) || e.Reason != "replayed" {
					t.Errorf("got %s, %v", got, seen)
				}
			})
		})
	}
}

// The record lasts for longer than the assertion would be accepted.
func TestReplayRecordOutlivesTheAssertion(t *testing.T) {
	cfg := config(t)
	cfg.Leeway = 2 * time.Minute
	var scopes, ids []string
	var until time.Time
	cfg.Replay = store(func(scope, id string, u time.Time) (bool, error) {
		scopes, ids, until = append(scopes, scope), append(ids, id), u
		return true, nil
	})
	serve(newEndpoint(t, cfg), tokenRequest(parameters(assertion(t, sender()))))
	if len(ids) != 1 || until.Before(now.Add(10*time.Minute)) || !strings.Contains(scopes[0], "redox") {
		t.Errorf("recorded %q %q until %v", scopes, ids, until)
	}
}
