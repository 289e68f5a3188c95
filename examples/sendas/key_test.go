package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// The key decides the algorithm, unless a flag names another that fits it.
func TestAlgorithmOfAKey(t *testing.T) {
	for _, tt := range []struct{ key, flag, want string }{
		{"RS256", "", "RS384"}, // the default that the strategy gives
		{"RS256", "PS512", "PS512"},
		{"ES256", "", "ES256"},
		{"ES384", "", "ES384"},
		{"ES384", "ES384", "ES384"},
		{"ES512", "", "ES512"},
		{"EdDSA", "", "EdDSA"},
		{"EdDSA", "Ed25519", "Ed25519"},
		{"ES384", "RS256", "-algorithm RS256 does not fit the key in FILE: want ES384"},
		{"ES384", "ES256", "-algorithm ES256 does not fit the key in FILE: want ES384"},
		{"RS256", "HS256", "-algorithm HS256 does not fit the key in FILE: want RS256, RS384, RS512, PS256, PS384 or PS512"},
	} {
		name := file(t, privatePEM(redoxtest.NewKey("", tt.key)))
		key, err := (&settings{keyFile: name, algorithm: tt.flag}).key("RS384")
		if got := key.Algorithm; err == nil && got != tt.want || err != nil && err.Error() != strings.Replace(tt.want, "FILE", name, 1) {
			t.Errorf("%s with -algorithm %q: got %s, %v, want %s", tt.key, tt.flag, got, err, tt.want)
		}
		if err == nil {
			if _, err := key.Token(nil, map[string]any{}); err != nil {
				t.Errorf("%s with -algorithm %q: %v", tt.key, tt.flag, err)
			}
		}
	}
}

// What is not a private key says what it is, and what is wanted.
func TestKeyFile(t *testing.T) {
	key := redoxtest.NewKey("", "RS256")
	der := must(x509.MarshalECPrivateKey(redoxtest.NewKey("", "ES256").Signer.(*ecdsa.PrivateKey)))
	p224 := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	for _, tt := range []struct {
		name string
		text []byte
		want string // empty: the key is read
	}{
		{"PKCS #8", privatePEM(key), ""},
		{"SEC 1, as openssl ecparam -genkey writes it", append(block("EC PARAMETERS", []byte{6, 8}), block("EC PRIVATE KEY", der)...), ""},
		{"public", key.PEM(), `a public key ("PUBLIC KEY"), want the private one: openssl genpkey writes it`},
		{"certificate", block("CERTIFICATE", der), `a public key ("CERTIFICATE"), want the private one`},
		{"encrypted", block("ENCRYPTED PRIVATE KEY", der), "an encrypted key: openssl pkey decrypts it"},
		{"OpenSSH", block("OPENSSH PRIVATE KEY", der), `"OPENSSH PRIVATE KEY", want PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY`},
		{"damaged", block("PRIVATE KEY", der[1:]), "asn1: "},
		{"another curve", block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(p224))), "a key that signs no JWT: want RSA, P-256, P-384, P-521 or Ed25519"},
		{"no PEM", []byte("theKey"), "no PEM, want -----BEGIN PRIVATE KEY-----"},
	} {
		name := file(t, tt.text)
		var out bytes.Buffer
		err := run(strings.Fields("-strategy jwtbearer -issuer i -audience a -url http://127.0.0.1:1/ -key "+name), &out)
		sent := out.Len() > 0
		if tt.want == "" && !sent || tt.want != "" && (sent || err == nil || !strings.Contains(err.Error(), name+": "+tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}
