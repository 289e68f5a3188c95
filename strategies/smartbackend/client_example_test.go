package smartbackend_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

// Two clients get tokens from one endpoint. Each has its own keys and scopes. Both request
// two scopes. The second client gets the one that it may have.
func ExampleClient() {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux) // stands for https://api.example.com
	defer server.Close()
	productionKey, stagingKey := redoxtest.NewKey("production", "ES384"), redoxtest.NewKey("staging", "ES384")
	production, err := keyset.ParseJWKS(redoxtest.JWKS(productionKey))
	if err != nil {
		log.Fatal(err)
	}
	staging, err := keyset.ParseJWKS(redoxtest.JWKS(stagingKey))
	if err != nil {
		log.Fatal(err)
	}

	endpoint, err := smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
		Clients: []smartbackend.Client{
			{ID: "redox-production", Keys: production, Scopes: []string{"system/*.cud"}},
			{ID: "redox-staging", Keys: staging, Scopes: []string{"system/Observation.c"}},
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
	for path, scope := range map[string]string{"/patients": "system/Patient.c", "/observations": "system/Observation.c"} {
		verifier, err := endpoint.Verifier(scope)
		if err != nil {
			log.Fatal(err)
		}
		mux.Handle(path, verifier.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, _ := redoxauth.FromContext(r.Context())
			fmt.Println("message from", id.Subject, "with", id.Scopes)
		})))
	}

	// What the two do.
	for _, redox := range []*redoxtest.SMARTBackend{
		{URL: server.URL + "/token", ClientID: "redox-production", Key: productionKey, Scopes: []string{"system/Patient.c", "system/Observation.c"}},
		{URL: server.URL + "/token", ClientID: "redox-staging", Key: stagingKey, Scopes: []string{"system/Patient.c", "system/Observation.c"}},
	} {
		for _, path := range []string{"/patients", "/observations"} {
			response, err := redox.Send(context.Background(), server.URL+path, redoxtest.FHIRBundle())
			if err != nil {
				log.Fatal(err)
			}
			response.Body.Close()
			fmt.Println(path, response.Status)
		}
	}
	// Output:
	// message from redox-production with [system/Patient.c system/Observation.c]
	// /patients 200 OK
	// message from redox-production with [system/Patient.c system/Observation.c]
	// /observations 200 OK
	// /patients 403 Forbidden
	// message from redox-staging with [system/Observation.c]
	// /observations 200 OK
}
