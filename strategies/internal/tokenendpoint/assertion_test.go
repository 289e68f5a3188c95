package tokenendpoint_test

import (
	"context"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	checks "github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// While one replica accepts an assertion, all know that it was used: also one whose clock is
// behind by the Leeway, which accepts it until the Leeway after its end by that clock.
func TestUseIsRecordedForAsLongAsAnAssertionIsAccepted(t *testing.T) {
	key := redoxtest.NewKey("k", "ES256")
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(key))
	if err != nil {
		t.Fatal(err)
	}
	for configured, leeway := range map[time.Duration]time.Duration{0: time.Minute, time.Second: time.Second, 90 * time.Second: 90 * time.Second, 5 * time.Minute: 5 * time.Minute} {
		clock := now
		a := tokenendpoint.Assertions{
			TokenURL: "https://api.example.com/token", Types: []string{"JWT"}, MaxLifetime: 5 * time.Minute, Leeway: configured,
			Replay: store(nil), Now: func() time.Time { return clock }, UnknownReason: "client",
		}
		var p checks.Problems
		a.Check(&p)
		a.Add(&p, "Clients[0]", tokenendpoint.Client{ID: "redox"}, keys, []string{"ES256"})
		if err := p.Err(); err != nil {
			t.Fatal(err)
		}
		sender := redoxtest.JWTBearer{Key: key, Issuer: "redox", Subject: "redox", TokenURL: a.TokenURL, Now: func() time.Time { return now }}
		assertion, err := sender.Token()
		if err != nil {
			t.Fatal(err)
		}
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
