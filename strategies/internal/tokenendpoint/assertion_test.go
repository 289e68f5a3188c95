package tokenendpoint_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	checks "github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// While one replica accepts an assertion, all know that it was used: also one whose clock is
// behind by the Leeway, which accepts it until the Leeway after its end by that clock.
func TestUseIsRecordedForAsLongAsAnAssertionIsAccepted(t *testing.T) {
	key := redoxtest.NewKey("k", "ES256")
	for configured, leeway := range map[time.Duration]time.Duration{0: time.Minute, time.Second: time.Second, 90 * time.Second: 90 * time.Second, 5 * time.Minute: 5 * time.Minute} {
		clock := now
		a := assertionsOf(t, func(a *tokenendpoint.Assertions) { a.Leeway, a.Now = configured, func() time.Time { return clock } }, key)
		assertion := assertionWith(t, key, nil)
		behind := func(d time.Duration) bool { // at the time d after the end
			clock = now.Add(5*time.Minute + d - leeway)
			_, err := a.Verify(context.Background(), assertion)
			return err == nil
		}
		if !behind(2*leeway-1) || behind(2*leeway) {
			t.Errorf("leeway %v: the replica with the slow clock does not accept it for %v more", leeway, 2*leeway)
		}
		clock = now
		proof, err := a.Verify(context.Background(), assertion)
		if err != nil {
			t.Fatal(err)
		}
		if more := proof.Once.Until.Sub(now.Add(5 * time.Minute)); more <= 2*leeway || more > 2*leeway+5*time.Minute {
			t.Errorf("leeway %v: recorded for %v more, want a little more than %v", leeway, more, 2*leeway)
		}
	}
}

// assertionsOf are those of the client "redox" with these keys.
func assertionsOf(t *testing.T, change func(*tokenendpoint.Assertions), keys ...redoxtest.Key) *tokenendpoint.Assertions {
	t.Helper()
	set, err := keyset.ParseJWKS(redoxtest.JWKS(keys...))
	if err != nil {
		t.Fatal(err)
	}
	a := &tokenendpoint.Assertions{
		TokenURL: "https://api.example.com/token", Types: []string{"JWT"}, MaxLifetime: 5 * time.Minute,
		Replay: store(nil), Now: func() time.Time { return now }, UnknownReason: "client",
		IssuerField: "Clients[].ID", Dashboard: "clientId", SubjectField: "Clients[].Name", KeysField: "Clients[].Keys", AlgorithmsBy: "fixed by SMART", LifetimeBy: "fixed",
	}
	if change != nil {
		change(a)
	}
	var p checks.Problems
	a.Check(&p)
	a.Add(&p, "Clients[0]", tokenendpoint.Client{ID: "redox", Subject: "redox"}, set, []string{"ES256"})
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return a
}

// An empty audience, or one that no sender can mean, is a mistake of the configuration.
func TestWrongAssertionAudiencesAreNamed(t *testing.T) {
	for audience, wrong := range map[string]bool{"https://api.example.com/token": false, "": true, " https://api.example.com/token": true} {
		a := &tokenendpoint.Assertions{TokenURL: "https://api.example.com/token", AssertionAudiences: []string{"https://api.example.com", audience}, Replay: store(nil)}
		var p checks.Problems
		a.Check(&p)
		if err := p.Err(); (err != nil) != wrong || wrong && !strings.Contains(err.Error(), "AssertionAudiences[1]") {
			t.Errorf("%q: got %v, want an error: %t", audience, err, wrong)
		}
	}
}

// assertionWith is a genuine assertion of the client "redox" with these claims changed.
func assertionWith(t *testing.T, key redoxtest.Key, claims map[string]any) string {
	t.Helper()
	sender := redoxtest.JWTBearer{Key: key, Issuer: "redox", Subject: "redox", TokenURL: "https://api.example.com/token", Now: func() time.Time { return now }, Claims: claims}
	assertion, err := sender.Token()
	if err != nil {
		t.Fatal(err)
	}
	return assertion
}

func TestBoundsOfAssertions(t *testing.T) {
	key := redoxtest.NewKey("k", "ES256")
	a := assertionsOf(t, nil, key)
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, c := range []struct {
		name   string
		claims map[string]any
		reason redoxauth.Reason
		says   string
	}{
		{"exp at MaxLifetime and the leeway", map[string]any{"iat": nil, "exp": at(6 * time.Minute)}, "", ""},
		{"exp after that", map[string]any{"iat": nil, "exp": at(6*time.Minute + time.Second)}, "lifetime", "valid for 6m1s, want at most 5m0s (fixed)"},
		{"MaxLifetime and the leeway since iat", map[string]any{"iat": at(-2 * time.Minute), "exp": at(4 * time.Minute)}, "", ""},
		{"more since iat", map[string]any{"iat": at(-2*time.Minute - time.Second), "exp": at(4 * time.Minute)}, "lifetime", "valid for 6m1s, want at most 5m0s (fixed)"},
		{"exp after that, iat ahead", map[string]any{"iat": at(30 * time.Second), "exp": at(6*time.Minute + time.Second)}, "lifetime", "valid for 6m1s, want at most 5m0s (fixed)"},
		{"jti of 256 bytes", map[string]any{"jti": strings.Repeat("x", 256)}, "", ""},
		{"jti of 257 bytes", map[string]any{"jti": strings.Repeat("x", 257)}, "malformed", "jti has 257 bytes, want at most 256 (fixed)"},
		{"no jti, just before the end of its time", map[string]any{"jti": nil, "iat": at(-2*time.Minute + time.Second), "exp": at(time.Minute)}, "", ""},
		{"no jti, at the end of its time", map[string]any{"jti": nil, "iat": at(-2 * time.Minute), "exp": at(time.Minute)}, "expired",
			"issued 2m0s ago by this server's clock (iat 2026-11-23T11:58:00Z), want at most 2m0s for an assertion without jti (EndpointConfig.Leeway and 1m0s); one with a jti is accepted until it expires"},
		{"neither jti nor iat", map[string]any{"jti": nil, "iat": nil}, "malformed", "jti and iat are absent, want a jti, or else an iat in seconds since 1970"},
	} {
		p, err := a.Verify(t.Context(), assertionWith(t, key, c.claims))
		if c.reason != "" {
			verifiertest.CheckError(t, err, redoxauth.ErrRejected, c.reason)
			if want := `: assertion of "redox": ` + c.says; !strings.HasSuffix(err.Error(), want) {
				t.Errorf("%s: got %v, want %s", c.name, err, want)
			}
		} else if _, hasJTI := c.claims["jti"]; err != nil || p.Client != "redox" || (p.Once == nil) != (hasJTI && c.claims["jti"] == nil) {
			t.Errorf("%s: got %v, %v", c.name, p, err)
		}
	}
}

// Wrong assertions, and those that were used before, are counted for the client that they claim
// to come from.
func TestWrongAssertionsAreCountedByClient(t *testing.T) {
	key, foreign := redoxtest.NewKey("k", "ES256"), redoxtest.NewKey("other", "ES256")
	foreign.ID = key.ID
	set, err := keyset.ParseJWKS(redoxtest.JWKS(key))
	if err != nil {
		t.Fatal(err)
	}
	a := assertionsOf(t, func(a *tokenendpoint.Assertions) { a.Replay = store(func() (bool, error) { return false, nil }) }, key)
	for n := range 10 {
		id := fmt.Sprint("partner", n)
		a.Add(&checks.Problems{}, "Clients[1]", tokenendpoint.Client{ID: id, Subject: id}, set, []string{"ES256"})
	}
	for _, c := range []struct {
		name         string
		key          redoxtest.Key
		first, other string
		reason       redoxauth.Reason
	}{
		{"used before", key, "redox", "partner", "replayed"},
		{"wrong signature", foreign, "redox", "partner", "signature"},
		{"unknown issuer", key, "stranger", "stranger", "client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEndpoint(t, func(cfg *tokenendpoint.Config) {
				cfg.Clients = a.Clients
				cfg.Prove = func(ctx context.Context, q *tokenendpoint.Request) (*tokenendpoint.Proof, error) {
					return a.Verify(ctx, q.Get("assertion"))
				}
			})
			ask := func(id, want string) int {
				t.Helper()
				assertion := assertionWith(t, c.key, map[string]any{"iss": id, "sub": id})
				w, _ := e.ask(t, form("grant_type=client_credentials&assertion="+assertion), want)
				verifiertest.CheckError(t, e.decision.Err, redoxauth.ErrRejected, c.reason)
				return w.Code
			}
			for range 100 {
				ask(c.first, "401 invalid_client")
			}
			ask(c.first, "429 invalid_client")
			apart := 0 // as in TestTooManyWrongCredentials
			for n := range 10 {
				if ask(fmt.Sprint(c.other, n), "") == 401 {
					apart++
				}
			}
			if apart < 5 {
				t.Errorf("only %d of 10 other clients are counted apart", apart)
			}
		})
	}
}

// Two keys of one kid: each verifies, or neither with OneKey.
func TestKeysOfOneKeyID(t *testing.T) {
	first, second := redoxtest.NewKey("k", "ES256"), redoxtest.NewKey("other", "ES256")
	second.ID = first.ID
	for _, oneKey := range []bool{false, true} {
		a := assertionsOf(t, func(a *tokenendpoint.Assertions) { a.OneKey = oneKey }, first, second)
		for _, key := range []redoxtest.Key{first, second} {
			_, err := a.Verify(t.Context(), assertionWith(t, key, nil))
			if oneKey {
				verifiertest.CheckError(t, err, redoxauth.ErrRejected, "unknown_key")
			} else if err != nil {
				t.Error(err)
			}
		}
	}
}

// Errors and Explain name the fields that decide.
func TestAssertionsNameTheFields(t *testing.T) {
	key := redoxtest.NewKey("k", "ES256")
	a := assertionsOf(t, nil, key)
	for _, c := range []struct {
		name, assertion string
		lines           []string
	}{
		{"genuine", assertionWith(t, key, nil), []string{
			`iss: "redox", as configured (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`,
			`typ: "JWT", accepted (fixed)`,
			`alg: "ES256", accepted (fixed by SMART)`,
			`signature: verifies under key "k" (EC P-256, alg ES256) (EndpointConfig.Clients[].Keys)`,
			`sub: "redox", accepted (EndpointConfig.Clients[].Name)`,
			`aud: "https://api.example.com/token", accepted (EndpointConfig.AssertionAudiences, by default TokenURL)`,
		}},
		{"another sub", assertionWith(t, key, map[string]any{"sub": "x"}), []string{`sub is "x", want "redox" (EndpointConfig.Clients[].Name)`}},
		{"another key", assertionWith(t, redoxtest.NewKey("other", "ES256"), nil), []string{`kid is "other", want "k" (EndpointConfig.Clients[].Keys)`}},
		{"an algorithm that is not accepted", assertionWith(t, redoxtest.NewKey("k", "ES384"), nil), []string{`alg is "ES384", want "ES256" (fixed by SMART)`}},
		{"an unknown issuer", assertionWith(t, key, map[string]any{"iss": "x"}), []string{`iss is "x", want "redox" (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`}},
	} {
		var to diagnosis.Report
		a.Explain(t.Context(), &to, "assertion", c.assertion)
		got := to.Text("")
		for _, want := range c.lines {
			if !strings.Contains(got, "\n"+want+"\n") {
				t.Errorf("%s: got %s, want %s", c.name, got, want)
			}
		}
	}
}
