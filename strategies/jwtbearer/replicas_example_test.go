package jwtbearer_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// Two replicas are behind one URL. They share the TokenSecrets and the replay store, so that
// each accepts the tokens of the other, and an assertion is accepted once. A rotation of the
// TokenSecrets has reached the second replica only.
func ExampleEndpointConfig_replicas() {
	loadBalancer := http.NewServeMux()
	server := httptest.NewServer(loadBalancer) // stands for https://api.example.com
	defer server.Close()
	redoxKey := redoxtest.NewKey("1", "RS256")
	keys, err := keyset.ParsePEM(redoxKey.PEM())
	if err != nil {
		log.Fatal(err)
	}
	oldSecret := []byte("the old 32 bytes of openssl rand -hex 32")
	newSecret := []byte("the new 32 bytes of openssl rand -hex 32")
	seen := replay.NewMemory(10_000) // stands for redisreplay

	replica := func(tokenSecrets ...[]byte) http.Handler {
		endpoint, err := jwtbearer.NewTokenEndpoint(jwtbearer.EndpointConfig{
			Signers:      []jwtbearer.Signer{{Issuer: "redox", Keys: keys, Scopes: []string{"messages.write"}}},
			TokenURL:     server.URL + "/token",
			Issuer:       server.URL,
			Audience:     server.URL + "/redox",
			TokenSecrets: tokenSecrets,
			Replay:       seen,
		})
		if err != nil {
			log.Fatal(err)
		}
		verifier, err := endpoint.Verifier("messages.write")
		if err != nil {
			log.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.Handle("/token", endpoint)
		mux.Handle("/redox", verifier.Wrap(http.HandlerFunc(
			func(w http.ResponseWriter, r *http.Request) {
				id, _ := redoxauth.FromContext(r.Context())
				fmt.Println("message from", id.Subject, "under secret", id.KeyID)
			})))
		return mux
	}
	replicas := []http.Handler{replica(oldSecret, newSecret), replica(newSecret, oldSecret)}
	var requests atomic.Int64
	loadBalancer.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		replicas[(requests.Add(1)-1)%2].ServeHTTP(w, r)
	})

	// Redox gets a token from the first replica, and sends its message to the second.
	redox := &redoxtest.JWTBearer{Key: redoxKey, Issuer: "redox", Subject: "feed", TokenURL: server.URL + "/token"}
	response, err := redox.Send(context.Background(), server.URL+"/redox", redoxtest.PatientAdmin())
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()
	fmt.Println(response.Status)

	// Somebody sends one assertion to both.
	assertion, err := redox.Token()
	if err != nil {
		log.Fatal(err)
	}
	for range replicas {
		response, err := http.PostForm(server.URL+"/token", url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
			"assertion":  {assertion},
		})
		if err != nil {
			log.Fatal(err)
		}
		response.Body.Close()
		fmt.Println("token request:", response.Status)
	}
	// Output:
	// message from feed under secret 1
	// 200 OK
	// token request: 200 OK
	// token request: 400 Bad Request
}
