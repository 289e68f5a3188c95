package clientcredentials_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

// A destination that has no authorization server is its own: Redox gets a token at
// /token with client ID and secret, and sends it with its messages.
func ExampleNewTokenEndpoint() {
	os.Setenv("TOKEN_SECRET", "32 bytes or more: openssl rand -hex 32")
	os.Setenv("REDOX_CLIENT_SECRET", "what the dashboard has as clientSecret")

	endpoint, err := clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients: []clientcredentials.Client{{
			ID:      "redox",                                    // the dashboard's clientId
			Secrets: []string{os.Getenv("REDOX_CLIENT_SECRET")}, // clientSecret
			Scopes:  []string{"messages.write"},                 // scopes
		}},
		Issuer:       "https://api.example.com",
		Audience:     "https://api.example.com/redox", // audience, if one is set there
		TokenSecrets: [][]byte{[]byte(os.Getenv("TOKEN_SECRET"))},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/token", endpoint) // the dashboard's url
	verifier, err := endpoint.Verifier("messages.write")
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/redox", verifier.Wrap(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			id, _ := redoxauth.FromContext(r.Context())
			fmt.Println("message from", id.Subject)
		})))

	// What Redox does.
	server := httptest.NewServer(mux)
	defer server.Close()
	redox := &redoxtest.ClientCredentials{URL: server.URL + "/token", ClientID: "redox", ClientSecret: os.Getenv("REDOX_CLIENT_SECRET")}
	response, err := redox.Send(context.Background(), server.URL+"/redox", redoxtest.PatientAdmin())
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()
	fmt.Println(response.Status)
	// Output:
	// message from redox
	// 200 OK
}
