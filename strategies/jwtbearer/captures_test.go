package jwtbearer_test

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// Tokens that independent clients sent directly (axios with jose, jsonwebtoken), to a
// Verifier that is configured as the operator would: the certificate or public key, the
// algorithm, the issuer.
func TestRecordedTokens(t *testing.T) {
	data := os.Getenv("REDOXAUTH_TESTDATA")
	if data == "" {
		t.Skip("REDOXAUTH_TESTDATA is not set")
	}
	captures := filepath.Join(data, "captures")
	files, err := filepath.Glob(filepath.Join(captures, "oauth", "*.http"))
	if err != nil {
		t.Fatal(err)
	}
	direct := []string{
		"axios_jwt-bearer.http", "axios_jwt-hs256.http", "jsonwebtoken_ES256.http", "jsonwebtoken_ES384.http",
		"jsonwebtoken_PS256.http", "jsonwebtoken_RS256.http", "jsonwebtoken_RS384.http",
	}
	found := 0
	for _, file := range files {
		name := filepath.Base(file)
		if !slices.Contains(direct, name) {
			continue
		}
		found++
		t.Run(strings.TrimSuffix(name, ".http"), func(t *testing.T) {
			r := recorded(t, file)
			header, claims := unverified(t, r)
			cfg := jwtbearer.Config{
				Algorithms: []string{header["alg"].(string)}, Issuer: claims["iss"].(string), Subject: "redox",
				Now: func() time.Time { return time.Unix(int64(claims["iat"].(float64)), 0) },
			}
			if aud, ok := claims["aud"].(string); ok {
				cfg.Audience = []string{aud}
			} else {
				cfg.InsecureNoAudience = true
			}
			if cfg.Algorithms[0] == "HS256" {
				cfg.Secrets = [][]byte{[]byte("0123456789abcdef0123456789abcdef")}
			} else {
				cfg.Keys = publicKeys(t, filepath.Join(captures, "keys"))
			}
			if _, err := newDirect(t, cfg).Verify(r); err != nil {
				t.Error(err)
			}
			cfg.Now = func() time.Time { return time.Unix(int64(claims["exp"].(float64)), 0).Add(time.Minute) }
			_, err = newDirect(t, cfg).Verify(r)
			verifiertest.CheckError(t, err, redoxauth.ErrRejected, "expired")
		})
	}
	if found != len(direct) {
		t.Errorf("%d recorded tokens found, want %d", found, len(direct))
	}
}

func recorded(t *testing.T, file string) *http.Request {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func unverified(t *testing.T, r *http.Request) (header, claims map[string]any) {
	t.Helper()
	segments := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
	for i, v := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(segments[i])
		if err == nil {
			err = json.Unmarshal(b, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// publicKeys returns the keys in PEM, without IDs: jsonwebtoken was given the kid of
// the RSA key for all.
func publicKeys(t *testing.T, folder string) keyset.Set {
	t.Helper()
	all, err := os.ReadFile(filepath.Join(folder, "rsa.crt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ec256.pem", "ec384.pem"} {
		private, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(private)
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(key.(interface{ Public() crypto.PublicKey }).Public())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)
	}
	keys, err := keyset.ParsePEM(all)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
