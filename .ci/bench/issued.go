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

func newTokenEndpoint() *clientcredentials.TokenEndpoint {
	return must(clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients:      []clientcredentials.Client{{ID: "redox", Secrets: []string{"aSecretForBenchmarks"}, Scopes: []string{"messages"}}},
		Issuer:       "https://us.example",
		Audience:     audience,
		TokenSecrets: [][]byte{[]byte("a secret of our own, of 32 bytes at least")},
		Lifetime:     time.Hour,
	}))
}

func newIssuedVerifier() *clientcredentials.Verifier { return must(newTokenEndpoint().Verifier()) }

// manyIssued are so many more tokens than a Verifier remembers that, if they are used in
// turn, each use is a first one.
const manyIssued = 20_000

var issuedTokens = sync.OnceValue(func() []string {
	endpoint := newTokenEndpoint()
	form := url.Values{"grant_type": {"client_credentials"}}.Encode()
	tokens := make([]string, manyIssued)
	for i := range tokens {
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
	v, key, next := newIssuedVerifier(), make([]byte, 32), 0
	return []contest{{"token issued by our endpoint", len(token), []contender{
		{"HMAC-SHA256 of it", func() {
			mac := hmac.New(sha256.New, key)
			mac.Write(token)
			mac.Sum(nil)
		}, nil},
		{"redoxauth, first use", func() { next++; must(v.Verify(requests[next%manyIssued])) }, []goal{{"µs", 5}}},
		{"redoxauth, repeated use", func() { must(v.Verify(requests[0])) }, nil},
	}}}
}
