package redoxtest_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func ExampleNewKey() {
	key := redoxtest.NewKey("2026-11", "RS256")
	// The sender signs with the key. The destination trusts it, as JWK Set or PEM.
	sender := &redoxtest.JWTBearer{Key: key, Issuer: "redox", Audience: []string{"https://customer.example"}}
	set, pem := redoxtest.JWKS(key), key.PEM()

	_, err := sender.Token()
	fmt.Println(err, json.Valid(set), strings.HasPrefix(string(pem), "-----BEGIN PUBLIC KEY-----"))
	// Output: <nil> true true
}

// An opened is a JWT. The standard library has verified its signature.
type opened struct {
	header, claims map[string]any
}

func open(t *testing.T, token string, key redoxtest.Key) opened {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("token has %d parts, want 3", len(parts))
	}
	signature := decode(t, parts[2])
	if err := check(key, []byte(parts[0]+"."+parts[1]), signature); err != nil {
		t.Fatalf("signature: %v", err)
	}
	var o opened
	for i, v := range []*map[string]any{&o.header, &o.claims} {
		if err := json.Unmarshal(decode(t, parts[i]), v); err != nil {
			t.Fatalf("part %d: %v", i, err)
		}
	}
	return o
}

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		t.Fatalf("base64url: %v", err)
	}
	return b
}

// check verifies by RFC 7518, Section 3, and RFC 8037, Section 3.1.
func check(key redoxtest.Key, input, signature []byte) error {
	if key.Algorithm == "EdDSA" || key.Algorithm == "Ed25519" {
		if !ed25519.Verify(key.Signer.Public().(ed25519.PublicKey), input, signature) {
			return errors.New("Ed25519: wrong")
		}
		return nil
	}
	newHash, id := map[string]func() hash.Hash{"256": sha256.New, "384": sha512.New384, "512": sha512.New}[key.Algorithm[2:]],
		map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[key.Algorithm[2:]]
	h := newHash()
	h.Write(input)
	sum := h.Sum(nil)
	switch key.Algorithm[:2] {
	case "RS":
		return rsa.VerifyPKCS1v15(key.Signer.Public().(*rsa.PublicKey), id, sum, signature)
	case "PS":
		return rsa.VerifyPSS(key.Signer.Public().(*rsa.PublicKey), id, sum, signature, &rsa.PSSOptions{SaltLength: id.Size()})
	case "ES":
		public := key.Signer.Public().(*ecdsa.PublicKey)
		size := (public.Params().BitSize + 7) / 8
		if len(signature) != 2*size {
			return fmt.Errorf("ECDSA: signature of %d bytes, want %d", len(signature), 2*size)
		}
		if !ecdsa.Verify(public, sum, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])) {
			return errors.New("ECDSA: wrong")
		}
		return nil
	case "HS":
		mac := hmac.New(newHash, key.Secret)
		mac.Write(input)
		if !hmac.Equal(mac.Sum(nil), signature) {
			return errors.New("HMAC: wrong")
		}
		return nil
	}
	return fmt.Errorf("algorithm %q", key.Algorithm)
}

func TestTokenIsSignedWithEveryAlgorithm(t *testing.T) {
	for _, algorithm := range []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "HS256", "HS384", "HS512",
	} {
		t.Run(algorithm, func(t *testing.T) {
			key := redoxtest.NewKey("a", algorithm)
			token := must(key.Token(map[string]any{"typ": "at+jwt", "jku": "https://a.example/"}, map[string]any{"sub": "x"}))
			got := open(t, token, key)
			want := opened{
				header: map[string]any{"alg": algorithm, "kid": "a", "typ": "at+jwt", "jku": "https://a.example/"},
				claims: map[string]any{"sub": "x"},
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(opened{})); diff != "" {
				t.Errorf("token (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTokenWithoutKidAndTyp(t *testing.T) {
	key := redoxtest.NewKey("", "ES256")
	token := must(key.Token(map[string]any{"typ": nil}, nil))
	if diff := cmp.Diff(map[string]any{"alg": "ES256"}, open(t, token, key).header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

func TestTokenWithoutKeyIsAnError(t *testing.T) {
	for _, key := range []redoxtest.Key{{}, {Algorithm: "RS256"}, {Algorithm: "HS256"}, redoxtest.NewKey("a", "none")} {
		if token, err := key.Token(nil, nil); err == nil {
			t.Errorf("algorithm %q: token %q, want an error", key.Algorithm, token)
		}
	}
}

func TestKeyIsGeneratedOnce(t *testing.T) {
	a, b := redoxtest.NewKey("once", "RS256"), redoxtest.NewKey("once", "PS384")
	if a.Signer != b.Signer {
		t.Error("RS256 and PS384 of one ID have different keys")
	}
	if a.Signer == redoxtest.NewKey("other", "RS256").Signer {
		t.Error("two IDs have one key")
	}
}

func TestPublicKeys(t *testing.T) {
	rs, es, hs := redoxtest.NewKey("r", "RS256"), redoxtest.NewKey("e", "ES384"), redoxtest.NewKey("h", "HS256")
	es.OmitAlgorithm = true
	set := redoxtest.JWKS(rs, es, hs, redoxtest.Key{})
	var got struct{ Keys []map[string]string }
	if err := json.Unmarshal(set, &got); err != nil {
		t.Fatal(err)
	}
	r, e := rs.Signer.Public().(*rsa.PublicKey), es.Signer.Public().(*ecdsa.PublicKey)
	point := must(e.Bytes())
	b64 := base64.RawURLEncoding.EncodeToString
	want := []map[string]string{
		{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "r", "n": b64(r.N.Bytes()), "e": "AQAB"},
		{"kty": "EC", "use": "sig", "kid": "e", "crv": "P-384", "x": b64(point[1:49]), "y": b64(point[49:])},
	}
	if diff := cmp.Diff(want, got.Keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}

	block, rest := pem.Decode(rs.PEM())
	if block == nil || block.Type != "PUBLIC KEY" || len(rest) != 0 {
		t.Fatalf("PEM: %q", rs.PEM())
	}
	public := must(x509.ParsePKIXPublicKey(block.Bytes))
	if !r.Equal(public) {
		t.Error("PEM holds another key")
	}
	if hs.PEM() != nil || !bytes.Contains(redoxtest.JWKS(), []byte(`"keys":[]`)) {
		t.Error("a key set of nothing is not empty")
	}
}
