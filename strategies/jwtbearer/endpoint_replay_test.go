package jwtbearer_test

import (
	"cmp"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2/jwt"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// Of an ECDSA signature (r, s) anybody can make (r, n−s), which verifies too.
func TestMalleableSignatureIsAReplay(t *testing.T) {
	genuine := grantAssertion(t, claim("jti", "one"))
	dot := strings.LastIndexByte(genuine, '.')
	signature, err := base64.RawURLEncoding.DecodeString(genuine[dot+1:])
	if err != nil || len(signature) != 64 {
		t.Fatalf("signature of %d bytes: %v", len(signature), err)
	}
	twin := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(signature[32:]))
	twin.FillBytes(signature[32:])
	malleated := genuine[:dot+1] + base64.RawURLEncoding.EncodeToString(signature)

	newEndpoint(t).ask(t, grantRequest(malleated), "200") // the twin verifies
	e := newEndpoint(t)
	e.ask(t, grantRequest(genuine), "200")
	e.ask(t, grantRequest(malleated), "400 invalid_grant")
}

func TestParallelGrantsGetOneToken(t *testing.T) {
	e := newEndpoint(t)
	assertion := grantAssertion(t, claim("jti", "parallel"))
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
		t.Errorf("%d tokens, want 1", issued.Load())
	}
}

// Google's libraries send no jti, and count iat in whole seconds (golang.org/x/oauth2/jws).
// So workers that sign in the same second send the same bytes. All of them are genuine.
func TestWorkersWithoutJTIGetTokens(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	url := server.URL + "/token"
	mux.Handle("/token", newEndpoint(t, func(c *jwtbearer.EndpointConfig) { c.TokenURL, c.Now = url, nil }))
	cfg := jwt.Config{
		Email: "redox", Subject: "feed", TokenURL: url, PrivateKeyID: "rs",
		PrivateKey: privatePEM(t, grantRS256),
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if token, err := cfg.TokenSource(t.Context()).Token(); err != nil || !token.Valid() {
				t.Errorf("token %v, error %v", token, err)
			}
		})
	}
	wg.Wait()
}

func privatePEM(t *testing.T, key redoxtest.Key) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// Without a jti an assertion is not used up. Its iat ends it, however far away its exp is.
func TestAssertionWithoutJTI(t *testing.T) {
	at := func(d time.Duration) int64 { return grantNow.Add(d).Unix() }
	const leeway = 30 * time.Second
	for _, c := range []struct {
		name   string
		jti    any // nil: absent
		iat    any
		exp    time.Duration // default 30 min
		reason redoxauth.Reason
		says   string
	}{
		{name: "now", iat: at(0)},
		{name: "jti empty", jti: "", iat: at(0)},
		{name: "10 s back, as golang.org/x/oauth2/jws signs", iat: at(-10 * time.Second)},
		{name: "just before its end", iat: at(-89 * time.Second)},
		{name: "a clock that is fast by the leeway", iat: at(leeway)},
		{name: "iat with a fraction", iat: float64(at(-90*time.Second)) + 0.5},
		{name: "at its end", iat: at(-90 * time.Second), reason: "expired", says: "issued 1m30s ago by this server's clock"},
		{name: "long ago", iat: at(-40 * time.Minute), exp: 10 * time.Minute, reason: "expired", says: "without jti"},
		{name: "exp before that", iat: at(-60 * time.Second), exp: -30 * time.Second, reason: "expired"},
		{name: "iat the beginning of 1970", iat: 0, reason: "lifetime"},
		{name: "iat in the future", iat: at(leeway + time.Second), reason: "not_yet_valid"},
		{name: "iat null", iat: json.RawMessage("null"), reason: "malformed"},
		{name: "iat a string", iat: "1700000000", reason: "malformed"},
		{name: "no iat", reason: "malformed", says: "jti and iat are absent, want a jti, or else an iat"},
		{name: "no iat, jti empty", jti: "", reason: "malformed", says: "jti and iat are absent"},
		{name: "jti null", jti: json.RawMessage("null"), iat: at(0), reason: "malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEndpoint(t, func(cfg *jwtbearer.EndpointConfig) { cfg.Leeway, cfg.Replay = leeway, failingStore{} })
			assertion := grantAssertion(t, claim("jti", c.jti, "iat", c.iat, "exp", at(cmp.Or(c.exp, 30*time.Minute))))
			for range 3 {
				if c.reason == "" {
					e.ask(t, grantRequest(assertion), "200") // without the replay store, too
					continue
				}
				_, d := e.ask(t, grantRequest(assertion), "400 invalid_grant")
				verifiertest.CheckError(t, d.Err, redoxauth.ErrRejected, c.reason)
				if !strings.Contains(d.Err.Error(), c.says) {
					t.Errorf("got %v, want %s in it", d.Err, c.says)
				}
			}
		})
	}
	// With a jti no iat is needed.
	newEndpoint(t).ask(t, grantRequest(grantAssertion(t, claim("jti", "one", "iat", nil))), "200")
}

// Two endpoints with one store, which one sender uses with one jti, keep apart.
func TestSameJTIAtAnotherEndpoint(t *testing.T) {
	shared := replay.NewMemory(100)
	for _, path := range []string{"/a", "/b"} {
		e := newEndpoint(t, func(c *jwtbearer.EndpointConfig) { c.TokenURL, c.Replay = grantURL+path, shared })
		assertion := grantAssertion(t, claim("jti", "one", "aud", grantURL+path))
		e.ask(t, grantRequest(assertion), "200")
		e.ask(t, grantRequest(assertion), "400 invalid_grant")
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
