package clientcredentials_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

func BenchmarkIssue(b *testing.B) {
	e := benchmarkEndpoint(b)
	b.ReportAllocs()
	for b.Loop() {
		if w := requestToken(e); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

func BenchmarkVerifyIssued(b *testing.B) {
	e := benchmarkEndpoint(b)
	var issued struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(requestToken(e).Body.Bytes(), &issued); err != nil {
		b.Fatal(err)
	}
	v := verifier(b, e, "write")
	for _, c := range []struct{ name, authorization string }{
		{"accepted", "Bearer " + issued.Token},
		{"absent", ""},
		{"forged", "Bearer " + issued.Token[:len(issued.Token)-4] + "AAAA"},
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

func benchmarkEndpoint(b *testing.B) *clientcredentials.TokenEndpoint {
	e, err := clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients: []clientcredentials.Client{{ID: "redox", Secrets: []string{"s3cret"}, Scopes: []string{"write"}}},
		Issuer:  "https://api.example.com", Audience: "https://api.example.com/redox",
		TokenSecrets: [][]byte{bytes.Repeat([]byte("k"), 32)},
	})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

func requestToken(h http.Handler) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/token", strings.NewReader("grant_type=client_credentials"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("redox", "s3cret")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
