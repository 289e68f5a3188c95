package jwtbearer_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
)

func TestGrantTokensKeepThePromises(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	url := server.URL + "/token"
	e := newEndpoint(t, func(c *jwtbearer.EndpointConfig) { c.TokenURL, c.Now = url, nil })
	mux.Handle("/token", e)
	s := &redoxtest.JWTBearer{Key: grantRS256, Issuer: "redox", Subject: "feed", TokenURL: url, Scopes: []string{"write"}}
	verifiertest.TestVerifier(t, verifiertest.Suite{
		New:     func() redoxauth.Verifier { return e.verifier(t, "write") },
		Genuine: func() *http.Request { return redoxtest.NewRequest(s) },
		Forged:  redoxtest.ForgedRequests(s.Forgeries()),
		Secrets: []string{string(grantSecret)},
	})
}

func BenchmarkVerifyIssued(b *testing.B) {
	e := newEndpoint(b)
	a, _ := e.ask(b, grantRequest(grantAssertion(b)), "200")
	v := e.verifier(b, "write")
	for _, c := range []struct{ name, authorization string }{
		{"accepted", "Bearer " + a.Token},
		{"absent", ""},
		{"forged", "Bearer " + a.Token[:len(a.Token)-4] + "AAAA"},
	} {
		b.Run("jwtbearer/"+c.name, func(b *testing.B) {
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
