package jwtbearer_test

import (
	"crypto/elliptic"
	"encoding/base64"
	"math/big"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// Of an ECDSA signature (r, s) anybody can make (r, n−s), which verifies too. Without a
// jti only what was signed tells assertions apart.
func TestMalleableSignatureIsAReplay(t *testing.T) {
	for name, jti := range map[string]any{"with jti": "one", "without jti": nil} {
		genuine := grantAssertion(t, claim("jti", jti))
		dot := strings.LastIndexByte(genuine, '.')
		signature, err := base64.RawURLEncoding.DecodeString(genuine[dot+1:])
		if err != nil || len(signature) != 64 {
			t.Fatalf("signature of %d bytes: %v", len(signature), err)
		}
		twin := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(signature[32:]))
		twin.FillBytes(signature[32:])
		malleated := genuine[:dot+1] + base64.RawURLEncoding.EncodeToString(signature)

		t.Run(name, func(t *testing.T) {
			newEndpoint(t).ask(t, grantRequest(malleated), "200") // the twin verifies
			e := newEndpoint(t)
			e.ask(t, grantRequest(genuine), "200")
			e.ask(t, grantRequest(malleated), "400 invalid_grant")
		})
	}
}

func TestParallelGrantsGetOneToken(t *testing.T) {
	for name, jti := range map[string]any{"with jti": "parallel", "without jti": nil} {
		e := newEndpoint(t)
		assertion := grantAssertion(t, claim("jti", jti))
		var wg sync.WaitGroup
		var issued atomic.Int32
		for range 100 {
			wg.Go(func() {
				w := httptest.NewRecorder()
				e.ServeHTTP(w, grantRequest(assertion))
				if w.Code == 200 {
					issued.Add(1)
				}
			})
		}
		wg.Wait()
		if issued.Load() != 1 {
			t.Errorf("%s: %d tokens, want 1", name, issued.Load())
		}
	}
}

func TestSameJTIOfAnotherSigner(t *testing.T) {
	e := newEndpoint(t)
	for _, c := range []struct {
		issuer, subject, want string
		key                   redoxtest.Key
	}{
		{"redox", "feed", "200", grantES256},
		{"other", "system", "200", grantOther},
		{"redox", "feed", "400 invalid_grant", grantRS256},
	} {
		assertion := grantAssertion(t, claim("jti", "one"), func(s *redoxtest.JWTBearer) { s.Issuer, s.Subject, s.Key = c.issuer, c.subject, c.key })
		e.ask(t, grantRequest(assertion), c.want)
	}
}

// While one replica still accepts a token, all know that it was used: also one that read
// its clock just before the end and records it only after, because it waited for keys or
// for the store, and one whose clock is behind by the Leeway.
func TestUsedTokenIsNotTakenAgainAtItsEdge(t *testing.T) {
	const leeway, wait = 30 * time.Second, 50 * time.Second
	grantTo := func(t *testing.T, store replay.Store, now func() time.Time) bool {
		e := newEndpoint(t, func(c *jwtbearer.EndpointConfig) { c.Leeway, c.Now, c.Replay = leeway, now, store })
		w := httptest.NewRecorder()
		e.ServeHTTP(w, grantRequest(grantAssertion(t, claim("jti", "one"))))
		return w.Code == 200
	}
	direct := func(t *testing.T, store replay.Store, now func() time.Time) bool {
		cfg := directConfig(t)
		cfg.Leeway, cfg.Now, cfg.Replay = leeway, now, store
		_, err := newDirect(t, cfg).Verify(signedBy(func(s *redoxtest.JWTBearer) {
			s.Now, s.Claims = func() time.Time { return grantNow }, map[string]any{"jti": "one"}
		}))
		return err == nil
	}
	for name, try := range map[string]func(*testing.T, replay.Store, func() time.Time) bool{"grant": grantTo, "direct": direct} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(grantNow))
				store := replay.NewMemory(10)
				if !try(t, store, time.Now) {
					t.Fatal("refused at first")
				}
				time.Sleep(5*time.Minute + 2*leeway - time.Nanosecond)
				read := time.Now().Add(-leeway)
				waited := false
				if try(t, store, func() time.Time {
					if !waited {
						waited = true
						time.Sleep(wait)
					}
					return read
				}) {
					t.Error("accepted again")
				}
			})
		})
	}
}
