package smartbackend_test

import (
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

func TestAssertionIsAcceptedOnce(t *testing.T) {
	shared := replay.NewMemory(1000)
	stored := func(c *smartbackend.EndpointConfig) { c.Replay = shared }
	e, replica := newEndpoint(t, stored), newEndpoint(t, stored)
	p := parameters(assertion(t, sender()))
	e.ask(t, tokenRequest(p), "200")
	e.ask(t, tokenRequest(p), "401 invalid_client")
	replica.ask(t, tokenRequest(p), "401 invalid_client") // also after a restart

	jti := claim("jti", "one")
	e.ask(t, signed(t, jti), "200")
	e.ask(t, signed(t, jti, func(s *redoxtest.SMARTBackend) { s.Key = rs384 }), "401 invalid_client") // another assertion
	e.ask(t, signed(t, jti, func(s *redoxtest.SMARTBackend) { s.ClientID, s.Key = "other", other384 }), "200")
}

func TestParallelReplaysGetOneToken(t *testing.T) {
	e := newEndpoint(t)
	p := parameters(assertion(t, sender()))
	var wg sync.WaitGroup
	var issued, refused atomic.Int32
	for range 100 {
		wg.Go(func() {
			switch serve(e, tokenRequest(p)).Code {
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

// Two endpoints with one store, which one client uses with one jti, keep apart.
func TestSameJTIAtAnotherEndpoint(t *testing.T) {
	shared := replay.NewMemory(100)
	for _, path := range []string{"/a", "/b"} {
		e := newEndpoint(t, func(c *smartbackend.EndpointConfig) { c.TokenURL, c.Replay = tokenURL+path, shared })
		p := parameters(assertion(t, sender(claim("jti", "one"), func(s *redoxtest.SMARTBackend) { s.URL += path })))
		e.ask(t, tokenRequest(p), "200")
		e.ask(t, tokenRequest(p), "401 invalid_client")
	}
}

// An assertion is used up by nothing but a token: what was refused can be corrected.
func TestRefusedRequestDoesNotUseUpTheAssertion(t *testing.T) {
	e := newEndpoint(t)
	good := parameters(assertion(t, sender()))
	genuine := good.Get("client_assertion")
	for _, c := range []struct{ name, value, want string }{
		{"scope", "system/*.d", "400 invalid_scope"},
		{"resource", "https://elsewhere.example", "400 invalid_target"},
		{"client_id", "other", "401 invalid_client"},
		{"client_assertion", genuine[:len(genuine)-8] + "AAAAAAAA", "401 invalid_client"},
	} {
		p := maps.Clone(good)
		p.Set(c.name, c.value)
		e.ask(t, tokenRequest(p), c.want)
	}
	e.ask(t, tokenRequest(good), "200")
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
				clock, shared := time.Now, replay.NewMemory(1000)
				e := newEndpoint(t, func(cfg *smartbackend.EndpointConfig) {
					cfg.Leeway, cfg.Replay, cfg.Now = leeway, shared, func() time.Time { return clock() }
				})
				p := parameters(assertion(t, sender(func(s *redoxtest.SMARTBackend) { s.Now = time.Now })))
				e.ask(t, tokenRequest(p), "200")
				time.Sleep(5*time.Minute + leeway + c.behind - time.Nanosecond)
				wait := c.wait
				clock = func() time.Time {
					read := time.Now().Add(-c.behind)
					time.Sleep(wait)
					wait = 0
					return read
				}
				seen := e.ask(t, tokenRequest(p), "401 invalid_client").decision.Err
				verifiertest.CheckError(t, seen, redoxauth.ErrRejected, "replayed")
			})
		})
	}
}

// The record lasts for longer than the assertion would be accepted.
func TestReplayRecordOutlivesTheAssertion(t *testing.T) {
	var recorded [][2]string
	var until time.Time
	newEndpoint(t, func(c *smartbackend.EndpointConfig) {
		c.Leeway = 2 * time.Minute
		c.Replay = store(func(scope, id string, u time.Time) (bool, error) {
			recorded, until = append(recorded, [2]string{scope, id}), u
			return true, nil
		})
	}).ask(t, signed(t, claim("jti", "one")), "200")
	want := [][2]string{{`smartbackend "https://api.example.com/token" "redox"`, "jti:one"}}
	if diff := cmp.Diff(want, recorded); diff != "" || until.Before(now.Add(10*time.Minute)) {
		t.Errorf("recorded until %v (-want +got):\n%s", until, diff)
	}
}
