package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

func newTokenEndpoint(now func() time.Time) *clientcredentials.TokenEndpoint {
	return must(clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients:      []clientcredentials.Client{{ID: "redox", Secrets: []string{"aSecretForBenchmarks"}, Scopes: []string{"messages"}}},
		Issuer:       "https://us.example",
		Audience:     audience,
		TokenSecrets: [][]byte{[]byte("a secret of our own, of 32 bytes at least")},
		Lifetime:     2 * time.Hour,
		Now:          now,
	}))
}

var issuedTokens = sync.OnceValue(func() []string {
	clock := time.Now().Add(-time.Hour)
	endpoint := newTokenEndpoint(func() time.Time { return clock })
	form := url.Values{"grant_type": {"client_credentials"}}.Encode()
	tokens := make([]string, manyTokens)
	for i := range tokens {
		clock = clock.Add(time.Second) // each expires later than the one before it
		r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("redox", "aSecretForBenchmarks")
		w := httptest.NewRecorder()
		endpoint.ServeHTTP(w, r)
		var answer struct {
			Token string `json:"access_token"`
		}
		check(json.Unmarshal(w.Body.Bytes(), &answer))
		tokens[i] = answer.Token
	}
	return tokens
})

// issuedContests verify access tokens that our own token endpoint issued.
func issuedContests() []contest {
	requests := bearerRequests(issuedTokens())
	token := []byte(issuedTokens()[0])
	v, key, next := must(newTokenEndpoint(nil).Verifier()), make([]byte, 32), 0
	return []contest{{"token issued by our endpoint", len(token), []contender{
		{"HMAC-SHA256 of it", func() {
			mac := hmac.New(sha256.New, key)
			mac.Write(token)
			mac.Sum(nil)
		}, nil},
		{"redoxauth, first use", func() { next++; must(v.Verify(requests[next%manyTokens])) }, []goal{{"µs", 5}}},
		{"redoxauth, repeated use", func() { must(v.Verify(requests[0])) }, nil},
	}}}
}
