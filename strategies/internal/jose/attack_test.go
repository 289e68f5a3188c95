package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

func TestUnsignedTokens(t *testing.T) {
	for _, alg := range []string{"none", "None", "NONE", "noNE", ""} {
		input := b64([]byte(object(with(goodHeader, map[string]any{"alg": alg})))) + "." + b64([]byte(object(goodClaims)))
		check(t, config(), input+".", redoxauth.ErrRejected, "malformed")
		check(t, config(), input+".AAAA", redoxauth.ErrRejected, "algorithm")
	}
}

// A public key must not be used as a secret, in any form: CVE-2015-9235,
// CVE-2024-33663 (python-jose), CVE-2026-48526 (PyJWT), CVE-2026-44699 (LibJWT: an
// empty one), CVE-2026-22817 and CVE-2026-22818 (Hono: a JWK without alg).
func TestPublicKeyIsNoSecret(t *testing.T) {
	k := keys()
	der, err := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pemText := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	for name, secret := range map[string][]byte{
		"PEM": pemText, "PEM without its last line break": pemText[:len(pemText)-1], "DER": der,
		"PKCS 1": x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey), "modulus": k.rsa.N.Bytes(),
		"JWK": []byte(object(jwk(k.rsa, map[string]any{"kid": "1"}))), "nothing": {},
	} {
		for _, alg := range []string{"HS256", "HS384", "HS512"} {
			t.Run(name+" "+alg, func(t *testing.T) {
				token := signedWith(alg, secret)
				check(t, config(), token, redoxauth.ErrRejected, "algorithm")

				// Not even if Algorithms lists it, which CheckAlgorithms refuses.
				mixed := config()
				mixed.Algorithms = []string{alg, "RS256"}
				check(t, mixed, token, redoxauth.ErrRejected, "algorithm")
			})
		}
	}
}

// A key with alg has one algorithm (RFC 8725bis, Section 3.1). A key without alg serves
// every listed one of its type, because its publisher may use any of them, and no other.
func TestTokenDoesNotChooseTheAlgorithm(t *testing.T) {
	for alg, want := range map[string]error{
		"RS256": nil, "RS384": nil, "PS256": nil, "RS512": redoxauth.ErrRejected, "PS512": redoxauth.ErrRejected,
	} {
		cfg := config()
		cfg.Algorithms = []string{"RS256", "RS384", "PS256", "ES256"}
		check(t, cfg, signedWith(alg, keys().rsa), want, "algorithm")
		if alg != "PS256" {
			want = redoxauth.ErrRejected
		}
		cfg.Keys = jwks(jwk(keys().rsa, map[string]any{"kid": "1", "alg": "PS256"}))
		check(t, cfg, signedWith(alg, keys().rsa), want, "algorithm")
	}
}

// CVE-2018-0114 (node-jose), CVE-2026-27962 (Authlib): the token supplies the key.
func TestKeyInTheHeaderIsNotUsed(t *testing.T) {
	attacker := jwk(keys().rsa2, map[string]any{"kid": "1"})
	for name, extra := range map[string]map[string]any{
		"jwk":              {"jwk": attacker},
		"jwk, another kid": {"jwk": with(attacker, map[string]any{"kid": "2"}), "kid": "2"},
		"jku":              {"jku": "https://attacker.example/keys.json"},
	} {
		t.Run(name, func(t *testing.T) {
			want := redoxauth.Reason("signature")
			if extra["kid"] != nil {
				want = "unknown_key"
			}
			check(t, config(), sign("RS256", keys().rsa2, object(with(goodHeader, extra)), object(goodClaims)), redoxauth.ErrRejected, want)
		})
	}
}

// CVE-2022-21449, and the SpecialCaseEs256 and p1363 tests of Wycheproof: RFC 7518,
// Section 3.4, requires r and s of full length, and ECDSA requires them from 1 to n-1.
func TestSignaturesOfECDSA(t *testing.T) {
	k := keys().p256
	cfg := config()
	cfg.Keys = jwks(jwk(k, map[string]any{"kid": "1"}))
	header := object(with(goodHeader, map[string]any{"alg": "ES256"}))
	good := sign("ES256", k, header, object(goodClaims))
	dot := strings.LastIndexByte(good, '.')
	raw := signature("ES256", k, good[:dot])
	n := k.Params().N
	r, s := new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Fatal(err)
	}
	fill := func(r, s *big.Int, size int) []byte {
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	}
	zero := new(big.Int)
	check(t, cfg, good[:dot]+"."+b64(raw), nil, "")
	for name, sig := range map[string][]byte{
		"zeros": make([]byte, 64), "r zero": fill(zero, s, 32), "s zero": fill(r, zero, 32),
		"r is n": fill(n, s, 32), "s is n": fill(r, n, 32), "both n": fill(n, n, 32),
		"one": fill(big.NewInt(1), big.NewInt(1), 32), "r plus n": fill(new(big.Int).Add(r, n), s, 33),
		"DER": der, "short": raw[:63], "long": append(raw[:64:64], 0), "longer halves": fill(r, s, 48),
		"swapped": fill(s, r, 32), "one byte": {1},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, cfg, good[:dot]+"."+b64(sig), redoxauth.ErrRejected, "signature")
		})
	}
}

// RFC 7518, Section 3.5: the salt is as long as the hash.
func TestSaltOfPSS(t *testing.T) {
	cfg := config()
	cfg.Algorithms, cfg.Keys = []string{"PS256"}, jwks(jwk(keys().rsa, map[string]any{"kid": "1"}))
	input := b64([]byte(object(with(goodHeader, map[string]any{"alg": "PS256"})))) + "." + b64([]byte(object(goodClaims)))
	digest := sha256.Sum256([]byte(input))
	for size, want := range map[int]error{32: nil, 31: redoxauth.ErrRejected, 64: redoxauth.ErrRejected} {
		sig, err := rsa.SignPSS(rand.Reader, keys().rsa, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: size})
		if err != nil {
			t.Fatal(err)
		}
		check(t, cfg, input+"."+b64(sig), want, "signature")
	}
}

// Each algorithm has its curve (RFC 7518, Section 3.4).
func TestWrongCurve(t *testing.T) {
	k := keys()
	for name, private := range map[string]*ecdsa.PrivateKey{"ES256": k.p384, "ES384": k.p256, "ES512": k.p256} {
		cfg := config()
		cfg.Keys, cfg.Algorithms = jwks(jwk(private, map[string]any{"kid": "1"})), []string{name}
		token := sign("ES256", private, object(with(goodHeader, map[string]any{"alg": name})), object(goodClaims))
		check(t, cfg, token, redoxauth.ErrRejected, "algorithm")
	}
}

func TestAlgorithms(t *testing.T) {
	k := keys()
	for alg, key := range map[string]any{
		"RS256": k.rsa, "RS384": k.rsa, "RS512": k.rsa, "PS256": k.rsa, "PS384": k.rsa, "PS512": k.rsa,
		"ES256": k.p256, "ES384": k.p384, "ES512": k.p521, "EdDSA": k.ed, "Ed25519": k.ed, // RFC 9864 renames EdDSA
	} {
		t.Run(alg, func(t *testing.T) {
			cfg := config()
			cfg.Algorithms = []string{alg}
			cfg.Keys = jwks(jwk(key, map[string]any{"kid": "1", "alg": alg, "use": "sig", "key_ops": []string{"verify"}}))
			token := signedWith(alg, key)
			check(t, cfg, token, nil, "")

			dot := strings.LastIndexByte(token, '.')
			forged := []byte(token)
			forged[dot+5] = flip(forged[dot+5]) // of the signature
			check(t, cfg, string(forged), redoxauth.ErrRejected, "signature")

			other := sign(alg, key, object(with(goodHeader, map[string]any{"alg": alg})), object(with(goodClaims, map[string]any{"sub": "admin"})))
			mixed := other[:strings.LastIndexByte(other, '.')] + token[dot:]
			check(t, cfg, mixed, redoxauth.ErrRejected, "signature")
		})
	}
	// EdDSA and Ed25519 are one algorithm.
	cfg := config()
	cfg.Algorithms, cfg.Keys = []string{"EdDSA"}, jwks(jwk(k.ed, map[string]any{"kid": "1", "alg": "EdDSA"}))
	check(t, cfg, signedWith("Ed25519", k.ed), nil, "")
}

// The keys of one issuer verify no token of another one, even if they have the same kid
// (CVE-2025-59936, get-jwks).
func TestKeysOfOneIssuerDoNotServeAnother(t *testing.T) {
	a, b := config(), config()
	b.Issuers, b.Keys = []string{"b"}, jwks(jwk(keys().rsa2, map[string]any{"kid": "1"}))
	claimsB := object(with(goodClaims, map[string]any{"iss": "b"}))
	check(t, b, sign("RS256", keys().rsa2, object(goodHeader), claimsB), nil, "")
	check(t, b, sign("RS256", keys().rsa, object(goodHeader), claimsB), redoxauth.ErrRejected, "signature") // A speaks for B
	check(t, a, signedWith("RS256", keys().rsa2), redoxauth.ErrRejected, "signature")
}
