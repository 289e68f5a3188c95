package jose_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"sync"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

var b64 = base64.RawURLEncoding.EncodeToString

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// sign makes a compact JWS with the standard library alone.
func sign(alg string, key any, header, payload string) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	return input + "." + b64(signature(alg, key, input))
}

func signature(alg string, key any, input string) []byte {
	if alg == "EdDSA" || alg == "Ed25519" {
		return ed25519.Sign(key.(ed25519.PrivateKey), []byte(input))
	}
	hash := hashes[alg[2:]]
	if secret, ok := key.([]byte); ok {
		mac := hmac.New(hash.New, secret)
		mac.Write([]byte(input))
		return mac.Sum(nil)
	}
	h := hash.New()
	h.Write([]byte(input))
	digest := h.Sum(nil)
	var sig []byte
	var err error
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if alg[0] == 'P' {
			sig, err = rsa.SignPSS(rand.Reader, k, hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			sig, err = rsa.SignPKCS1v15(nil, k, hash, digest)
		}
	case *ecdsa.PrivateKey:
		var r, s *big.Int
		r, s, err = ecdsa.Sign(rand.Reader, k, digest)
		if err == nil {
			n := (k.Curve.Params().BitSize + 7) / 8
			sig = append(r.FillBytes(make([]byte, n)), s.FillBytes(make([]byte, n))...)
		}
	}
	if err != nil {
		panic(err)
	}
	return sig
}

// object returns m as JSON.
func object(m map[string]any) string {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// with returns a copy of m with changes; nil removes a member.
func with(m, changes map[string]any) map[string]any {
	c := map[string]any{}
	for k, v := range m {
		c[k] = v
	}
	for k, v := range changes {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	return c
}

// signedWith returns a token of goodClaims, under another algorithm.
func signedWith(alg string, key any) string {
	return sign(alg, key, object(with(goodHeader, map[string]any{"alg": alg})), object(goodClaims))
}

// check verifies token under cfg, and compares the error; a nil want is success.
func check(t *testing.T, cfg jose.Config, token string, want error, reason redoxauth.Reason) {
	t.Helper()
	_, err := jose.New(cfg).Verify(t.Context(), token)
	if want != nil {
		verifiertest.CheckError(t, err, want, reason)
	} else if err != nil {
		t.Error(err)
	}
}

// The keys of all tests.
var keys = sync.OnceValue(func() (k struct {
	rsa, rsa2     *rsa.PrivateKey
	p256, p384    *ecdsa.PrivateKey
	p521          *ecdsa.PrivateKey
	ed            ed25519.PrivateKey
	secret, other []byte
}) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	var err error
	k.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	k.rsa2, err = rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	k.p256, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	k.p384, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(err)
	k.p521, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	must(err)
	_, k.ed, err = ed25519.GenerateKey(rand.Reader)
	must(err)
	k.secret = []byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
	k.other = []byte("fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210")
	return k
})

// set is a Source of fixed keys.
type set struct {
	keys []*jose.Key
	url  string
	err  error
}

func (s *set) Find(_ context.Context, q *jose.Search) (*jose.Key, error) {
	if s.err != nil {
		return nil, s.err
	}
	return q.In(s.keys)
}

func (s *set) URL() string { return s.url }

// jwks returns the Source of a JWK Set of public keys, as their JWKs are given.
func jwks(members ...map[string]any) *set {
	keys, dropped, err := jose.ParseJWKS([]byte(object(map[string]any{"keys": append([]map[string]any{}, members...)})))
	if err != nil || len(dropped) > 0 {
		panic(fmt.Sprint(err, dropped))
	}
	return &set{keys: keys}
}

// jwk returns the public JWK of a private key.
func jwk(private any, extra map[string]any) map[string]any {
	var m map[string]any
	switch k := private.(type) {
	case *rsa.PrivateKey:
		m = map[string]any{"kty": "RSA", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	case *ecdsa.PrivateKey:
		point, err := k.PublicKey.Bytes()
		if err != nil {
			panic(err)
		}
		n := len(point) / 2
		m = map[string]any{"kty": "EC", "crv": k.Curve.Params().Name, "x": b64(point[1 : 1+n]), "y": b64(point[1+n:])}
	case ed25519.PrivateKey:
		m = map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(k.Public().(ed25519.PublicKey))}
	}
	return with(m, extra)
}
