package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	jwxjwk "github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"

	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// BenchmarkToken compares the check of the signature alone, the first use of a token, its
// repeated use, and jwt.Parse of jwx with the same key.
func BenchmarkToken(b *testing.B) {
	k := keys()
	for _, bench := range []struct {
		alg string
		key any
	}{{"RS256", k.rsa}, {"RS384", k.rsa}, {"ES256", k.p256}, {"ES384", k.p384}} {
		now := time.Now()
		tokens := make([]string, 64)
		for i := range tokens {
			tokens[i] = sign(bench.alg, bench.key, `{"alg":"`+bench.alg+`","typ":"JWT","kid":"2026-11"}`, object(map[string]any{
				"iss": "https://api.redoxengine.example", "sub": "0f2c8e2e-5a0f-4a8c-9f0e-7f2f3a1d6b11", "aud": "https://customer.example/redox",
				"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Unix() + 3600, "jti": fmt.Sprintf("5bd1d0a2-1f67-4fd4-8a55-%012d", i), "scope": "messages:write",
			}))
		}
		cfg := jose.Config{
			Keys: jwks(jwk(bench.key, map[string]any{"kid": "2026-11", "alg": bench.alg, "use": "sig"})), Algorithms: []string{bench.alg},
			Issuers: []string{"https://api.redoxengine.example"}, Audience: []string{"https://customer.example/redox"},
			Types: []string{"JWT"}, MaxLifetime: 24 * time.Hour, Leeway: time.Minute,
		}
		b.Run(bench.alg+"/crypto", func(b *testing.B) { benchCrypto(b, bench.alg, bench.key, tokens[0]) })
		b.Run(bench.alg+"/first", func(b *testing.B) {
			b.ReportAllocs()
			var v *jose.Verifier
			for i := range b.N {
				if i%len(tokens) == 0 { // forget
					v = jose.New(cfg)
				}
				t, err := v.Verify(b.Context(), tokens[i%len(tokens)])
				if err != nil {
					b.Fatal(err)
				}
				t.Remember()
			}
		})
		b.Run(bench.alg+"/repeated", func(b *testing.B) {
			b.ReportAllocs()
			v := jose.New(cfg)
			t, err := v.Verify(b.Context(), tokens[0])
			if err != nil {
				b.Fatal(err)
			}
			t.Remember()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), tokens[0]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bench.alg+"/jwx", func(b *testing.B) { benchJWX(b, bench.alg, bench.key, tokens[0]) })
	}
}

func benchCrypto(b *testing.B, alg string, key any, token string) {
	dot := strings.LastIndexByte(token, '.')
	input, sig, hash := []byte(token[:dot]), signature(alg, key, token[:dot]), hashes[alg[2:]]
	for b.Loop() {
		h := hash.New()
		h.Write(input)
		digest := h.Sum(nil)
		switch k := key.(type) {
		case *rsa.PrivateKey:
			if err := rsa.VerifyPKCS1v15(&k.PublicKey, crypto.Hash(hash), digest, sig); err != nil {
				b.Fatal(err)
			}
		case *ecdsa.PrivateKey:
			r, s := new(big.Int).SetBytes(sig[:len(sig)/2]), new(big.Int).SetBytes(sig[len(sig)/2:])
			if !ecdsa.Verify(&k.PublicKey, digest, r, s) {
				b.Fatal("refused")
			}
		}
	}
}

func benchJWX(b *testing.B, alg string, key any, token string) {
	b.ReportAllocs()
	public, err := jwxjwk.PublicRawKeyOf(key)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := jwt.Parse([]byte(token), jwt.WithKey(jwa.SignatureAlgorithm(alg), public), jwt.WithAcceptableSkew(time.Minute)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadObject compares reading some members with the check of the syntax alone.
func BenchmarkReadObject(b *testing.B) {
	data := []byte(object(with(goodClaims, map[string]any{
		"email": "feed@customer.example", "groups": []string{"a", "b", "c"}, "realm_access": map[string]any{"roles": []string{"x", "y"}},
	})))
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := jose.ReadObject(data, "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json.Valid", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !json.Valid(data) {
				b.Fatal("not valid")
			}
		}
	})
}
