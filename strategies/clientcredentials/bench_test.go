package clientcredentials_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

// BenchmarkVerify measures repeated use of one token, as Redox sends it with many messages,
// and what a stranger can cause.
func BenchmarkVerify(b *testing.B) {
	s, cfg := newServer(b)
	token := issue(b, s, clientID, destination, "write")
	v := newVerifier(b, cfg)
	if _, err := v.Verify(message(token)); err != nil {
		b.Fatal(err)
	}
	long := strings.Repeat("a", 300<<10)
	for name, token := range map[string]string{
		"accepted": token, "absent": "", "forged": token[:len(token)-4] + "AAAA", "hostile": long + "." + long + "." + long,
	} {
		benchmark(b, name, v, token)
	}
}

// BenchmarkVerifyIntrospection measures the same. Only the first use of a token calls the
// authorization server.
func BenchmarkVerifyIntrospection(b *testing.B) {
	v := newIntrospection(b, introspectionConfig(answering(http.StatusOK, good)))
	benchmark(b, "accepted", v, opaque)
	benchmark(b, "absent", v, "")
	benchmark(b, "hostile", v, strings.Repeat("a", 900<<10))
	benchmark(b, "forged", newIntrospection(b, introspectionConfig(answering(http.StatusOK, `{"active":false}`))), opaque)
}

func benchmark(b *testing.B, name string, v *clientcredentials.Verifier, token string) {
	b.Run("clientcredentials/"+name, func(b *testing.B) {
		r := message(token)
		if token == "" {
			r.Header.Del("Authorization")
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(r); (err == nil) != (name == "accepted") {
				b.Fatal(err)
			}
		}
	})
}
