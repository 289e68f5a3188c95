package clientcredentials_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

// BenchmarkVerifyServer shows repeated use, as Redox sends one token with many messages,
// and what strangers cost without a call to the authorization server.
func BenchmarkVerifyServer(b *testing.B) {
	s, cfg := newServer(b)
	token := issue(b, s, clientID, destination, "write")
	jwt := newVerifier(b, cfg)
	if _, err := jwt.Verify(message(token)); err != nil {
		b.Fatal(err)
	}
	answers := introspectionConfig(answering(http.StatusOK, good))
	inactive := introspectionConfig(answering(http.StatusOK, `{"active":false}`))
	for _, bench := range []struct {
		name     string
		verifier *clientcredentials.Verifier
		token    string
	}{
		{"clientcredentials-jwt/accepted", jwt, token},
		{"clientcredentials-jwt/absent", jwt, ""},
		{"clientcredentials-jwt/forged", jwt, token[:len(token)-4] + "AAAA"},
		{"clientcredentials-jwt/hostile", jwt, strings.Repeat("a", 300<<10) + "." + strings.Repeat("a", 300<<10) + "." + strings.Repeat("a", 300<<10)},
		{"clientcredentials-introspection/accepted", newIntrospection(b, answers), opaque},
		{"clientcredentials-introspection/absent", newIntrospection(b, answers), ""},
		{"clientcredentials-introspection/forged", newIntrospection(b, inactive), opaque},
		{"clientcredentials-introspection/hostile", newIntrospection(b, answers), strings.Repeat("a", 900<<10)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r := message(bench.token)
			if bench.token == "" {
				r.Header.Del("Authorization")
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bench.verifier.Verify(r); (err == nil) != strings.HasSuffix(bench.name, "accepted") {
					b.Fatal(err)
				}
			}
		})
	}
}
