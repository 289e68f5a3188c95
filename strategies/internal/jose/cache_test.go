package jose_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// remembering returns a Verifier that has accepted token, and its clock and keys.
func remembering(t *testing.T, token string) (v *jose.Verifier, clock *time.Time, source *set) {
	t.Helper()
	cfg := config()
	cfg.Claims = []string{"scope"}
	at := now
	cfg.Now = func() time.Time { return at }
	v = jose.New(cfg)
	accepted, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	accepted.Remember()
	if n := v.Remembered(); n != 1 {
		t.Fatalf("%d tokens remembered, want 1", n)
	}
	return v, &at, cfg.Keys.(*set)
}

// Others can get valid tokens of the same issuer. They must not push out those that a
// strategy accepts, so a token that verifies is not remembered until the strategy says so.
func TestTokenIsRememberedWhenAccepted(t *testing.T) {
	v := jose.New(config())
	token, err := v.Verify(t.Context(), signed(nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	for want, remember := range []func(){func() {}, token.Remember} {
		remember()
		if n := v.Remembered(); n != want {
			t.Errorf("%d tokens remembered, want %d", n, want)
		}
	}
}

// What runs for Explain remembers nothing, and forgets nothing.
func TestLoadedOnlyLeavesTheMemoryAlone(t *testing.T) {
	token := signed(nil, nil)
	v := jose.New(config())
	ctx := rotation.LoadedOnly(t.Context())
	accepted, err := v.Verify(ctx, token)
	if err != nil {
		t.Fatal(err)
	}
	accepted.Remember()
	if n := v.Remembered(); n != 0 {
		t.Errorf("%d tokens remembered, want none", n)
	}
	v, clock, _ := remembering(t, token)
	*clock = clock.Add(48 * time.Hour)
	for _, test := range []struct {
		ctx  context.Context
		want int
	}{{ctx, 1}, {t.Context(), 0}} {
		if _, err := v.Verify(test.ctx, token); err == nil {
			t.Error("an expired token was accepted")
		}
		if n := v.Remembered(); n != test.want {
			t.Errorf("%d tokens remembered, want %d", n, test.want)
		}
	}
}

// A key without kid is named by its position, and that may change.
func TestRememberedTokenNamesItsKeyAnew(t *testing.T) {
	token := signed(nil, nil)
	v, _, source := remembering(t, token)
	source.keys = jwks(jwk(keys().rsa2, nil), jwk(keys().p256, nil), jwk(keys().rsa, nil)).keys
	accepted, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if accepted.KeyID != "2" {
		t.Errorf("KeyID is %q, want 2", accepted.KeyID)
	}
}

// If a key is listed under two kids, each use of a token without kid has the same KeyID.
func TestRememberedTokenNamesTheFirstKey(t *testing.T) {
	cfg := config()
	cfg.Keys = jwks(jwk(keys().rsa, map[string]any{"kid": "a"}), jwk(keys().rsa, map[string]any{"kid": "b"}))
	v := jose.New(cfg)
	for range 2 {
		accepted, err := v.Verify(t.Context(), signed(map[string]any{"kid": nil}, nil))
		if err != nil || accepted.KeyID != "a" {
			t.Fatalf("token %+v, error %v; want the key a", accepted, err)
		}
		accepted.Remember()
	}
}

// The second use of a token skips the signature check, and no other check.
func TestRememberedTokenIsDecidedAnew(t *testing.T) {
	token := signed(nil, nil)
	for _, test := range []struct {
		name   string
		change func(clock *time.Time, source *set)
		want   error
		reason redoxauth.Reason
	}{
		{"nothing changed", func(*time.Time, *set) {}, nil, ""},
		{"expired, within the leeway", func(c *time.Time, _ *set) { *c = now.Add(301 * time.Second) }, nil, ""},
		{"expired", func(c *time.Time, _ *set) { *c = now.Add(360 * time.Second) }, redoxauth.ErrRejected, "expired"},
		{"the clock went back", func(c *time.Time, _ *set) { *c = now.Add(-61 * time.Second) }, redoxauth.ErrRejected, "not_yet_valid"},
		{"the key was withdrawn", func(_ *time.Time, s *set) { s.keys = nil }, redoxauth.ErrRejected, "unknown_key"},
		{"the key was replaced under its kid", func(_ *time.Time, s *set) { s.keys = jwks(jwk(keys().rsa2, map[string]any{"kid": "1"})).keys }, redoxauth.ErrRejected, "signature"},
		{"the key was renamed", func(_ *time.Time, s *set) { s.keys = jwks(jwk(keys().rsa, map[string]any{"kid": "2"})).keys }, redoxauth.ErrRejected, "unknown_key"},
		{"the key is for another algorithm now", func(_ *time.Time, s *set) {
			s.keys = jwks(jwk(keys().rsa, map[string]any{"kid": "1", "alg": "PS256"})).keys
		}, redoxauth.ErrRejected, "algorithm"},
		{"the key lost its kid", func(_ *time.Time, s *set) { s.keys = jwks(jwk(keys().rsa2, nil), jwk(keys().rsa, nil)).keys }, nil, ""},
		{"a new key was listed before it", func(_ *time.Time, s *set) {
			s.keys = jwks(jwk(keys().rsa2, map[string]any{"kid": "1"}), jwk(keys().rsa, map[string]any{"kid": "1"})).keys
		}, nil, ""},
		{"the key was replaced, without kid", func(_ *time.Time, s *set) { s.keys = jwks(jwk(keys().rsa2, nil)).keys }, redoxauth.ErrRejected, "signature"},
		{"the key was fetched again", func(_ *time.Time, s *set) { s.keys = jwks(jwk(keys().rsa, map[string]any{"kid": "1"})).keys }, nil, ""},
		{"the keys cannot be had", func(_ *time.Time, s *set) {
			s.err = &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "keys"}
		}, redoxauth.ErrUnavailable, "keys"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, clock, source := remembering(t, token)
			test.change(clock, source)
			_, err := v.Verify(t.Context(), token)
			if test.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			verifiertest.CheckError(t, err, test.want, test.reason)
		})
	}
}

func TestRepeatedUseCostsNoParsing(t *testing.T) {
	token := signed(nil, nil)
	v, _, _ := remembering(t, token)
	allocations := testing.AllocsPerRun(100, func() {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 4 {
		t.Errorf("%v allocations, want at most 4: the token was parsed again", allocations)
	}
}

func TestRememberedTokenIsFreshEachTime(t *testing.T) {
	token := signed(nil, nil)
	v, _, _ := remembering(t, token)
	first, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	id := first.Identity("test", "scope")
	clear(id.RawClaims)
	id.Scopes[0] = "evil"
	second, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if id := second.Identity("test", "scope"); string(id.RawClaims) != object(goodClaims) || id.Scopes[0] != "read" {
		t.Error("what one request changed, another reads")
	}
}

// When a secret moves in the list, its tokens stay valid under its new position.
func TestRememberedTokenAfterRotation(t *testing.T) {
	cfg := config()
	cfg.Algorithms = []string{"HS256"}
	list := secrets(t, keys().secret)
	cfg.Keys = jose.Secrets(func(ctx context.Context) ([]*jose.Key, error) { return list(ctx) })
	v := jose.New(cfg)
	token := signedWith("HS256", keys().secret)
	verified := jose.CountHS256(t)
	for i, list_ := range []jose.Secrets{list, secrets(t, keys().other, keys().secret)} {
		list = list_
		got, err := v.Verify(t.Context(), token)
		if err != nil || got.KeyID != fmt.Sprint(i) {
			t.Fatalf("token %+v, error %v; want the secret %d", got, err, i)
		}
		if n := verified(); n != 1-i {
			t.Errorf("use %d of the token checked %d signatures, want %d", i, n, 1-i)
		}
		got.Remember()
	}
	list = secrets(t, keys().other)
	_, err := v.Verify(t.Context(), token)
	verifiertest.CheckError(t, err, redoxauth.ErrRejected, "signature")
}

// Only accepted tokens are remembered, and only until they expire.
func TestWhatIsRemembered(t *testing.T) {
	token := signed(nil, nil)
	v, clock, _ := remembering(t, token)
	for _, bad := range []string{
		signed(nil, map[string]any{"aud": "other"}), signed(nil, map[string]any{"exp": now.Unix() - 100}),
		sign("RS256", keys().rsa2, object(goodHeader), object(goodClaims)), token[:len(token)-4] + "AAAA",
	} {
		if _, err := v.Verify(t.Context(), bad); err == nil {
			t.Error("accepted a bad token")
		}
	}
	if n := v.Remembered(); n != 1 {
		t.Errorf("%d tokens remembered, want 1", n)
	}
	*clock = now.Add(300 * time.Second) // exp, but within the leeway
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
	if n := v.Remembered(); n != 0 {
		t.Errorf("%d tokens remembered past exp, want none", n)
	}
}

// GHSA-rp9m-7r4c-75qg (fast-jwt): a cache must not take one token for another.
func TestRememberedTokenIsThatToken(t *testing.T) {
	for _, token := range []string{signed(nil, nil), signed(nil, map[string]any{"pad": strings.Repeat("a", 1000)})} {
		v, _, _ := remembering(t, token)
		for i := range token {
			changed := []byte(token)
			changed[i] ^= 1
			if _, err := v.Verify(t.Context(), string(changed)); err == nil {
				t.Fatalf("accepted with byte %d of %d changed", i, len(token))
			}
		}
	}
}

// Room is made by dropping what is of no use soonest.
func TestFirstToExpireIsForgotten(t *testing.T) {
	for range 30 { // a map has no order
		if got := jose.Forgotten(now.Add(3*time.Hour), now.Add(time.Hour), now.Add(2*time.Hour), now.Add(4*time.Hour)); got != now.Add(time.Hour) {
			t.Fatalf("forgot the token that expires at %v", got)
		}
	}
}

func TestMemoryOfTokensIsBounded(t *testing.T) {
	cfg := config()
	cfg.Algorithms, cfg.Keys = []string{"HS256"}, secrets(t, keys().secret)
	v := jose.New(cfg)
	header := object(with(goodHeader, map[string]any{"alg": "HS256"}))
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 600 {
				token := sign("HS256", keys().secret, header, object(with(goodClaims, map[string]any{"jti": fmt.Sprint(worker, i)})))
				for range 2 {
					verified, err := v.Verify(t.Context(), token)
					if err != nil {
						t.Error(err)
						continue
					}
					verified.Remember()
				}
			}
		})
	}
	wg.Wait()
	if n := v.Remembered(); n != 1024 {
		t.Errorf("%d tokens remembered, want 1024", n)
	}
}
