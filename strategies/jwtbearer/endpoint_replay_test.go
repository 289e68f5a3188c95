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

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// Of an ECDSA signature (r, s) anybody can make (r, n−s), which verifies too. Without a
// jti only what was signed tells assertions apart.
func TestMalleableSignatureIsAReplay(t *testing.T) {
	for name, jti := range map[string]any{"with jti": "one", "without jti": nil} {
		s := grantSender()
		s.Claims = map[string]any{"jti": jti}
		genuine := grantAssertion(t, s)
		dot := strings.LastIndexByte(genuine, '.')
		signature, err := base64.RawURLEncoding.DecodeString(genuine[dot+1:])
		if err != nil || len(signature) != 64 {
			t.Fatalf("signature of %d bytes: %v", len(signature), err)
		}
		twin := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(signature[32:]))
		twin.FillBytes(signature[32:])
		malleated := genuine[:dot+1] + base64.RawURLEncoding.EncodeToString(signature)

		if got, _ := grant(t, newTokenEndpoint(t, endpointConfig(t)), grantRequest(malleated)); got != "200" {
			t.Fatalf("%s: the twin does not verify: got %s", name, got)
		}
		e := newTokenEndpoint(t, endpointConfig(t))
		if got, _ := grant(t, e, grantRequest(genuine)); got != "200" {
			t.Fatalf("%s: got %s", name, got)
		}
		if got, _ := grant(t, e, grantRequest(malleated)); got != "400 invalid_grant" {
			t.Errorf("%s: the twin: got %s", name, got)
		}
	}
}

func TestParallelGrantsGetOneToken(t *testing.T) {
	for name, jti := range map[string]any{"with jti": "parallel", "without jti": nil} {
		e := newTokenEndpoint(t, endpointConfig(t))
		s := grantSender()
		s.Claims = map[string]any{"jti": jti}
		assertion := grantAssertion(t, s)
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
	e := newTokenEndpoint(t, endpointConfig(t))
	for _, c := range []struct {
		issuer, subject, want string
		key                   redoxtest.Key
	}{
		{"redox", "feed", "200", grantES256},
		{"other", "system", "200", grantOther},
		{"redox", "feed", "400 invalid_grant", grantRS256},
	} {
		s := grantSender()
		s.Issuer, s.Subject, s.Key, s.Claims = c.issuer, c.subject, c.key, map[string]any{"jti": "one"}
		if got, _ := grant(t, e, grantRequest(grantAssertion(t, s))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.issuer, got, c.want)
		}
	}
}
