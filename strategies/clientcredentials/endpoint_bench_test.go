package clientcredentials_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

func one(c *clientcredentials.EndpointConfig) {
	c.Clients = []clientcredentials.Client{{ID: "redox", Secrets: []string{"s3cret"}, Scopes: []string{"write"}}}
}

func BenchmarkIssue(b *testing.B) {
	e, err := clientcredentials.NewTokenEndpoint(endpointConfig(one))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if w := serve(e, tokenRequest("redox:s3cret")); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

func BenchmarkVerifyIssued(b *testing.B) {
	e := newEndpoint(b, one)
	token := e.ask(b, tokenRequest("redox:s3cret"), "200").Token
	v := e.verifier(b, "write")
	for _, c := range []struct{ name, authorization string }{
		{"accepted", "Bearer " + token},
		{"absent", ""},
		{"forged", "Bearer " + token[:len(token)-4] + "AAAA"},
		{"hostile", "Bearer " + strings.Repeat("a.", 1<<16) + "a"},
	} {
		b.Run("clientcredentials/"+c.name, func(b *testing.B) {
			r := httptest.NewRequest("POST", "/redox", nil)
			if c.authorization != "" {
				r.Header.Set("Authorization", c.authorization)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(r); (err == nil) != (c.name == "accepted") {
					b.Fatal(err)
				}
			}
		})
	}
}
