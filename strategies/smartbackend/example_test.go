package smartbackend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Redox signs an assertion with its key, gets a token for it at /token, and sends that
// with its messages.
func ExampleNewTokenEndpoint() {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux) // stands for https://api.example.com
	defer server.Close()
	redoxKey := redoxtest.NewKey("1", "ES384")
	redoxKeys := redoxtest.NewKeyServer(redoxKey) // where Redox publishes its public key
	defer redoxKeys.Close()

	keys, err := keyset.NewRemote(keyset.RemoteConfig{
		URL:               redoxKeys.JWKSURL,
		InsecureAllowHTTP: true, // for this example: it is on loopback
	})
	if err != nil {
		log.Fatal(err)
	}
	observe := redoxauth.LogDecisions(slog.Default())
	endpoint, err := smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{ // cud: create, update, delete
		Clients:      []smartbackend.Client{{ID: "redox", Keys: keys, Scopes: []string{"system/*.cud"}}},
		TokenURL:     server.URL + "/token", // the dashboard's url
		Issuer:       server.URL,
		Audience:     server.URL + "/redox",
		TokenSecrets: [][]byte{[]byte("32 bytes or more: openssl rand -hex 32")},
		Replay:       replay.NewMemory(10_000), // with more than one replica: redisreplay
		Observe:      observe,                  // token requests
	})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := endpoint.Verifier("system/*.c") // messages create data
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/token", endpoint)
	mux.Handle("/redox/.well-known/smart-configuration", endpoint.Configuration())
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Println("message from", id.Subject, "with", id.Scopes)
	})
	protect := redoxauth.Middleware(verifier, &redoxauth.Options{Observe: observe}) // messages
	mux.Handle("/redox", protect(verifytoken.Challenge(handler)))                   // answers "Verify & Save"

	// What Redox does.
	configuration, err := http.Get(server.URL + "/redox/.well-known/smart-configuration")
	if err != nil {
		log.Fatal(err)
	}
	defer configuration.Body.Close()
	var found struct {
		Scopes []string `json:"scopes_supported"`
	}
	if err := json.NewDecoder(configuration.Body).Decode(&found); err != nil {
		log.Fatal(err)
	}
	fmt.Println("scopes", found.Scopes)
	redox := &redoxtest.SMARTBackend{URL: server.URL + "/token", ClientID: "redox", Key: redoxKey, Scopes: []string{"system/*.cud"}}
	ctx := context.Background()
	fmt.Println("handshake:", redoxtest.SignedHandshake(ctx, server.URL+"/redox", redox, http.MethodPost))
	response, err := redox.Send(ctx, server.URL+"/redox", redoxtest.FHIRBundle())
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()
	fmt.Println(response.Status)
	// Output:
	// scopes [system/*.cud]
	// handshake: <nil>
	// message from redox with [system/*.cud]
	// 200 OK
}
