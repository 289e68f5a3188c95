package main

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// key returns the key in the file, or else the secret. The strategy's algorithm is for an RSA key,
// unless a flag names another.
func (s *settings) key(algorithm string) (redoxtest.Key, error) {
	key, fitting, source := redoxtest.Key{ID: s.kid}, []string{"HS256", "HS384", "HS512"}, "-secret"
	if s.keyFile == "" {
		key.Secret, algorithm = []byte(s.secret), "HS256"
	} else {
		data, err := os.ReadFile(s.keyFile)
		if err != nil {
			return key, fmt.Errorf("-key: %w", err)
		}
		if key.Signer, err = parsePrivateKey(data); err != nil {
			return key, fmt.Errorf("-key %s: %w", s.keyFile, err)
		}
		fitting, source = algorithms(key.Signer), "the key in "+s.keyFile
		if len(fitting) == 0 {
			return key, fmt.Errorf("-key %s: a key that signs no JWT: want RSA, P-256, P-384, P-521 or Ed25519", s.keyFile)
		}
		if !slices.Contains(fitting, algorithm) {
			algorithm = fitting[0]
		}
	}
	key.Algorithm = cmp.Or(s.algorithm, algorithm)
	if !slices.Contains(fitting, key.Algorithm) {
		want := strings.Join(fitting, ", ")
		if i := strings.LastIndex(want, ", "); i >= 0 {
			want = want[:i] + " or " + want[i+2:]
		}
		return key, fmt.Errorf("-algorithm %s does not fit %s: want %s", key.Algorithm, source, want)
	}
	return key, nil
}

// algorithms returns the algorithms of JWTs that the key can sign (RFC 7518, Section 3.1; RFC 8037,
// Section 3.1; RFC 9864, Section 2.2), the default first.
func algorithms(key crypto.Signer) []string {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case ed25519.PrivateKey:
		return []string{"EdDSA", "Ed25519"}
	case *ecdsa.PrivateKey:
		switch key.Params().BitSize {
		case 256:
			return []string{"ES256"}
		case 384:
			return []string{"ES384"}
		case 521:
			return []string{"ES512"}
		}
	}
	return nil
}

// parsePrivateKey returns nil for a key that signs nothing, such as X25519.
func parsePrivateKey(data []byte) (crypto.Signer, error) {
	block, rest := pem.Decode(data)
	if block != nil && block.Type == "EC PARAMETERS" { // which openssl ecparam writes before the key
		block, _ = pem.Decode(rest)
	}
	switch {
	case block == nil:
		return nil, errors.New("no PEM, want -----BEGIN PRIVATE KEY-----")
	case block.Type == "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case block.Type == "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	case slices.Contains([]string{"PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"}, block.Type):
		return nil, fmt.Errorf("a public key (%q), want the private one: openssl genpkey writes it", block.Type)
	case block.Type == "ENCRYPTED PRIVATE KEY", bytes.Contains(data, []byte("Proc-Type: 4,ENCRYPTED")):
		return nil, errors.New("an encrypted key: openssl pkey decrypts it")
	case block.Type != "PRIVATE KEY":
		return nil, fmt.Errorf("%q, want PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY: openssl genpkey writes one", block.Type)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	signer, _ := key.(crypto.Signer)
	return signer, err
}
