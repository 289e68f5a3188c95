package gcpjwt_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// BenchmarkVerify shows repeated use, as Redox sends one token with many messages, and
// what a stranger can make us do without a call to Google.
func BenchmarkVerify(b *testing.B) {
	g, account, cfg := newGoogle(b)
	idToken, err := g.IDToken(account, audience, nil)
	if err != nil {
		b.Fatal(err)
	}
	parts := strings.Split(idToken, ".")
	forged := parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2]))
	for _, bench := range []struct {
		name   string
		token  string
		status int
	}{
		{"accepted/access", g.AccessToken(account, scope), http.StatusOK},
		{"accepted/id", idToken, http.StatusOK},
		{"absent", "", http.StatusUnauthorized},
		{"forged/access", "ya29.c.invented-0123456789abcdef", http.StatusUnauthorized},
		{"forged/id", forged, http.StatusUnauthorized},
		{"hostile/access", "ya29." + strings.Repeat("a", 900<<10), http.StatusUnauthorized},
		{"hostile/id", strings.Repeat("a", 300<<10) + "." + strings.Repeat("a", 300<<10) + "." + strings.Repeat("a", 300<<10), http.StatusUnauthorized},
	} {
		b.Run("gcpjwt/"+bench.name, func(b *testing.B) {
			v := newVerifier(b, cfg)
			r := withToken(bench.token)()
			if bench.token == "" {
				r.Header.Del("Authorization")
			}
			if _, err := v.Verify(withToken(idToken)()); err != nil { // the keys are there
				b.Fatal(err)
			}
			if _, err := v.Verify(r); redoxauth.StatusCode(err) != bench.status {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				v.Verify(r)
			}
			if _, err := v.Verify(r); redoxauth.StatusCode(err) != bench.status {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkLimit is what the first use of an ID token cannot go below.
func BenchmarkLimit(b *testing.B) {
	g, account, _ := newGoogle(b)
	token, err := g.IDToken(account, audience, nil)
	if err != nil {
		b.Fatal(err)
	}
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		b.Fatal(err)
	}
	key := g.Key().Signer.Public().(*rsa.PublicKey)
	input := []byte(token[:dot])
	b.ReportAllocs()
	for b.Loop() {
		sum := sha256.Sum256(input)
		if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature); err != nil {
			b.Fatal(err)
		}
	}
}
