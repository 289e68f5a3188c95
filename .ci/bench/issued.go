package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

// issuedContest verifies access tokens that our own token endpoint issued.
func issuedContest() []contest {
	endpoint := must(clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients:      []clientcredentials.Client{{ID: "redox", Secrets: []string{"aSecretForBenchmarks"}, Scopes: []string{"messages"}}},
		Issuer:       "https://us.example",
		Audience:     audience,
		TokenSecrets: [][]byte{[]byte("a secret of our own, of 32 bytes at least")},
	}))
	form := url.Values{"grant_type": {"client_credentials"}}.Encode()
	requests := make([]*http.Request, 3000) // more than are remembered, so that each use is a first one
	for i := range requests {
		r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("redox", "aSecretForBenchmarks")
		w := httptest.NewRecorder()
		endpoint.ServeHTTP(w, r)
		var answer struct {
			Token string `json:"access_token"`
		}
		check(json.Unmarshal(w.Body.Bytes(), &answer))
		requests[i] = httptest.NewRequest(http.MethodPost, "/redox", nil)
		requests[i].Header.Set("Authorization", "Bearer "+answer.Token)
	}
	token := []byte(requests[0].Header.Get("Authorization"))
	v, key, next := must(endpoint.Verifier()), make([]byte, 32), 0
	return []contest{{"token issued by our endpoint", []contender{
		{"HMAC-SHA256 of it", func() {
			mac := hmac.New(sha256.New, key)
			mac.Write(token)
			mac.Sum(nil)
		}},
		{"redoxauth, first use", func() { next++; must(v.Verify(requests[next%len(requests)])) }},
		{"redoxauth, repeated use", func() { must(v.Verify(requests[0])) }},
	}}}
}
