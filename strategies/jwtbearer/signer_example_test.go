package jwtbearer_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// Two signers get tokens from one endpoint: Redox in production, and Redox's staging
// environment. Each has its own keys and scopes. The claim client_id of an access token names
// the Signer.
func ExampleSigner() {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux) // stands for https://api.example.com
	defer server.Close()
	productionKey, stagingKey := redoxtest.NewKey("production", "RS256"), redoxtest.NewKey("staging", "RS256")
	production, err := keyset.ParseJWKS(redoxtest.JWKS(productionKey))
	if err != nil {
		log.Fatal(err)
	}
	staging, err := keyset.ParseJWKS(redoxtest.JWKS(stagingKey))
	if err != nil {
		log.Fatal(err)
	}

	endpoint, err := jwtbearer.NewTokenEndpoint(jwtbearer.EndpointConfig{
		Signers: []jwtbearer.Signer{
			{Issuer: "redox-production", Keys: production, Scopes: []string{"messages.write", "messages.test"}},
			{Issuer: "redox-staging", Keys: staging, Scopes: []string{"messages.test"}},
		},
		TokenURL:     server.URL + "/token",
		Issuer:       server.URL,
		Audience:     server.URL,
		TokenSecrets: [][]byte{[]byte("32 bytes or more: openssl rand -hex 32")},
		Replay:       replay.NewMemory(10_000), // with more than one replica: redisreplay
	})
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/token", endpoint)
	for path, scope := range map[string]string{"/redox": "messages.write", "/redox-test": "messages.test"} {
		verifier, err := endpoint.Verifier(scope)
		if err != nil {
			log.Fatal(err)
		}
		mux.Handle(path, verifier.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, _ := redoxauth.FromContext(r.Context())
			var claims struct {
				ClientID string `json:"client_id"`
			}
			if err := id.Claims(&claims); err != nil {
				log.Fatal(err)
			}
			fmt.Println("message from", claims.ClientID)
		})))
	}

	// What the two do.
	for _, redox := range []*redoxtest.JWTBearer{
		{Key: productionKey, Issuer: "redox-production", Subject: "feed", TokenURL: server.URL + "/token"},
		{Key: stagingKey, Issuer: "redox-staging", Subject: "feed", TokenURL: server.URL + "/token"},
	} {
		for _, path := range []string{"/redox", "/redox-test"} {
			response, err := redox.Send(context.Background(), server.URL+path, redoxtest.PatientAdmin())
			if err != nil {
				log.Fatal(err)
			}
			response.Body.Close()
			fmt.Println(path, response.Status)
		}
	}
	// Output:
	// message from redox-production
	// /redox 200 OK
	// message from redox-production
	// /redox-test 200 OK
	// /redox 403 Forbidden
	// message from redox-staging
	// /redox-test 200 OK
}
