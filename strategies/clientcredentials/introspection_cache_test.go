package clientcredentials_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

// RFC 7662, Section 4: answers may be cached, for a short time and never past exp.
func TestAnswersAreRemembered(t *testing.T) {
	start := time.Unix(2_000_000_000, 0)
	exp := func(d time.Duration) string { return with("exp", fmt.Sprint(start.Add(d).Unix())) }
	type use struct {
		at    time.Duration
		calls int64
		kind  error
	}
	for _, test := range []struct {
		name   string
		ttl    time.Duration
		answer string
		uses   []use
	}{
		{"for a minute", 0, good, []use{{0, 1, nil}, {0, 1, nil}, {time.Minute - 1, 1, nil}, {time.Minute, 2, nil}}},
		{"for CacheTTL", time.Hour, good, []use{{0, 1, nil}, {time.Hour - 1, 1, nil}, {time.Hour, 2, nil}}},
		{"not past exp", time.Hour, exp(10 * time.Second), []use{
			{0, 1, nil}, {10*time.Second - 1, 1, nil}, {10 * time.Second, 2, nil}, {69 * time.Second, 3, nil}, {70 * time.Second, 4, redoxauth.ErrRejected},
		}},
		{"inactive for 5 s", time.Hour, `{"active":false}`, []use{
			{0, 1, redoxauth.ErrRejected}, {5*time.Second - 1, 1, redoxauth.ErrRejected}, {5 * time.Second, 2, redoxauth.ErrRejected},
		}},
		{"inactive for no longer than CacheTTL", time.Second, `{"active":false}`, []use{
			{0, 1, redoxauth.ErrRejected}, {time.Second, 2, redoxauth.ErrRejected},
		}},
		{"the scope is decided anew, not asked again", 0, with("scope", `"read"`), []use{{0, 1, redoxauth.ErrForbidden}, {time.Second, 1, redoxauth.ErrForbidden}}},
		{"nbf is decided anew", 0, with("nbf", fmt.Sprint(start.Add(90*time.Second).Unix())), []use{
			{29 * time.Second, 1, redoxauth.ErrRejected}, {30 * time.Second, 1, nil},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := answering(http.StatusOK, test.answer)
			cfg := introspectionConfig(w)
			now := start
			cfg.CacheTTL, cfg.Now = test.ttl, func() time.Time { return now }
			v := newIntrospection(t, cfg)
			for _, u := range test.uses {
				now = start.Add(u.at)
				id, err := v.Verify(message(opaque))
				if (err == nil) != (u.kind == nil) || !errors.Is(err, u.kind) {
					t.Errorf("after %v: error %v, want %v", u.at, err, u.kind)
				}
				if id != nil {
					id.Scopes[0] = "changed by the handler"
					id.RawClaims[0] = 'X'
				}
				wantCalls(t, w, u.calls)
			}
		})
	}
}

// CVE-2021-32701: of two endpoints that share an authorization server, one remembered
// the other's decision and left out its own scopes.
func TestAnotherEndpointDecidesForItself(t *testing.T) {
	w := answering(http.StatusOK, with("scope", `"read"`))
	cfg := introspectionConfig(w)
	cfg.Scopes = []string{"read"}
	reads := newIntrospection(t, cfg)
	cfg.Scopes = []string{"write"}
	writes := newIntrospection(t, cfg)
	if _, err := reads.Verify(message(opaque)); err != nil {
		t.Error(err)
	}
	_, err := writes.Verify(message(opaque))
	verifiertest.CheckError(t, err, redoxauth.ErrForbidden, "scope")
	_, err = redoxauth.AllOf(reads, writes).Verify(message(opaque))
	verifiertest.CheckError(t, err, redoxauth.ErrForbidden, "scope")
}

// slowly answers after a second of the test's clock.
func slowly(body string) *wire {
	return &wire{serve: func(r *http.Request) (*http.Response, error) {
		select {
		case <-time.After(time.Second):
			return response(r, http.StatusOK, body), nil
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}}
}

func TestParallelUsesShareOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := slowly(good)
		v := newIntrospection(t, introspectionConfig(w))
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				r := message(opaque)
				if i == 0 { // whose end must not fail the others
					ctx, cancel := context.WithTimeout(r.Context(), time.Millisecond)
					defer cancel()
					_, err := v.Verify(r.WithContext(ctx))
					verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "canceled")
					return
				}
				if _, err := v.Verify(r); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		wantCalls(t, w, 1)
	})
}

// A stranger who invents tokens costs a bounded number of calls, and keeps nobody out
// whose token is known.
func TestInventedTokensAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := slowly(good)
		v := newIntrospection(t, introspectionConfig(w))
		if _, err := v.Verify(message(opaque)); err != nil {
			t.Fatal(err)
		}
		w.serve = slowly(`{"active":false}`).serve
		var busy, rejected atomic.Int64
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				_, err := v.Verify(message(fmt.Sprintf("invented%d", i)))
				switch {
				case errors.Is(err, redoxauth.ErrUnavailable):
					busy.Add(1)
				case errors.Is(err, redoxauth.ErrRejected):
					rejected.Add(1)
				default:
					t.Errorf("error %v", err)
				}
			})
		}
		synctest.Wait()
		if _, err := v.Verify(message(opaque)); err != nil {
			t.Errorf("a known token amid the flood: %v", err)
		}
		wg.Wait()
		wantCalls(t, w, 1+32)
		if busy.Load() != 1000-32 || rejected.Load() != 32 {
			t.Errorf("%d busy, %d rejected, want 968 and 32", busy.Load(), rejected.Load())
		}
	})
}

// Every client of the authorization server has tokens that are active.
func TestOtherClientsTokensKeepOursNotOut(t *testing.T) {
	now := time.Unix(2_000_000_000, 0)
	w := answering(http.StatusOK, good)
	cfg := introspectionConfig(w)
	cfg.CacheTTL, cfg.Now = time.Hour, func() time.Time { return now }
	v := newIntrospection(t, cfg)
	if _, err := v.Verify(message(opaque)); err != nil {
		t.Fatal(err)
	}
	w.serve = answering(http.StatusOK, with("client_id", `"another"`)).serve
	for i := range 1100 { // more than are remembered
		now = now.Add(100 * time.Millisecond)
		_, err := v.Verify(message(fmt.Sprint("another", i)))
		verifiertest.CheckError(t, err, redoxauth.ErrRejected, "client")
	}
	wantCalls(t, w, 1101)
	if _, err := v.Verify(message(opaque)); err != nil {
		t.Error(err)
	}
	wantCalls(t, w, 1101)
}

func TestSilentEndpointIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{serve: func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}
		v := newIntrospection(t, introspectionConfig(w))
		start := time.Now()
		_, err := v.Verify(message(opaque))
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("took %v, want 10 s", d)
		}
	})
}

// Revocation is what introspection is for; an outage is survived by what is remembered.
func TestRevocationAndOutage(t *testing.T) {
	s, _ := newServer(t)
	s.Opaque = true
	s.AddClient(ours, ourPass)
	now := time.Now()
	v := newIntrospection(t, clientcredentials.IntrospectionConfig{
		URL: s.IntrospectionURL, InsecureAllowHTTP: true, ClientID: ours, ClientSecret: ourPass,
		ClientIDs: []string{clientID}, Audience: []string{destination}, Issuer: s.Issuer,
		Now: func() time.Time { return now },
	})
	token, fresh := issue(t, s, clientID, destination), issue(t, s, clientID, destination)
	if _, err := v.Verify(message(token)); err != nil {
		t.Fatal(err)
	}
	s.Fail(redoxtest.Reset())
	if _, err := v.Verify(message(token)); err != nil {
		t.Errorf("a remembered token during an outage: %v", err)
	}
	_, err := v.Verify(message(fresh))
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
	now = now.Add(time.Minute)
	_, err = v.Verify(message(token))
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
	s.Fail(nil)
	if _, err := v.Verify(message(token)); err != nil {
		t.Errorf("after the outage: %v", err)
	}
	s.Revoke(token)
	now = now.Add(time.Minute)
	_, err = v.Verify(message(token))
	verifiertest.CheckError(t, err, redoxauth.ErrRejected, "inactive")
}
