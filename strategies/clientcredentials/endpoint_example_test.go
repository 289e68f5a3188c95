package clientcredentials_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A destination that has no authorization server is its own: Redox gets a token at /token with
// client ID and secret, and sends it with its messages.
func ExampleNewTokenEndpoint() {
	os.Setenv("TOKEN_SECRET", "32 bytes or more: openssl rand -hex 32")
	os.Setenv("REDOX_CLIENT_SECRET", "what the dashboard has as clientSecret")

	observe := redoxauth.LogDecisions(slog.Default())
	endpoint, err := clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients: []clientcredentials.Client{{
			ID:      "redox",                                    // the dashboard's clientId
			Secrets: []string{os.Getenv("REDOX_CLIENT_SECRET")}, // clientSecret
			Scopes:  []string{"messages.write"},                 // scopes
		}},
		Issuer:       "https://api.example.com",
		Audience:     "https://api.example.com/redox", // audience, if one is set there
		TokenSecrets: [][]byte{[]byte(os.Getenv("TOKEN_SECRET"))},
		Observe:      observe, // token requests
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
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Println("message from", id.Subject)
	})
	protect := redoxauth.Middleware(verifier, &redoxauth.Options{Observe: observe}) // messages
	mux.Handle("/redox", protect(verifytoken.Challenge(handler)))                   // answers "Verify & Save"

	server := httptest.NewServer(mux) // http.ListenAndServe(":8080", mux)
	defer server.Close()

	// What Redox does.
	redox := &redoxtest.ClientCredentials{URL: server.URL + "/token", ClientID: "redox", ClientSecret: os.Getenv("REDOX_CLIENT_SECRET")}
	ctx := context.Background()
	fmt.Println("handshake:", redoxtest.SignedHandshake(ctx, server.URL+"/redox", redox, http.MethodPost))
	response, err := redox.Send(ctx, server.URL+"/redox", redoxtest.PatientAdmin())
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()
	fmt.Println(response.Status)
	// Output:
	// handshake: <nil>
	// message from redox
	// 200 OK
}

// To rotate the client secret, put the new one first, and then change the dashboard. Observe
// shows when Redox uses the new one: KeyID is its position. Then remove the old one.
func ExampleNewTokenEndpoint_rotation() {
	endpoint, err := clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients: []clientcredentials.Client{{
			ID:      "redox",
			Secrets: []string{"the new secret", "the old secret"},
			Scopes:  []string{"messages.write"},
		}},
		Issuer:       "https://api.example.com",
		Audience:     "https://api.example.com/redox",
		TokenSecrets: [][]byte{[]byte("32 bytes or more: openssl rand -hex 32")},
		Observe: func(_ *http.Request, d redoxauth.Decision) {
			if d.Err != nil {
				fmt.Println(d.Err)
				return
			}
			fmt.Println(d.Identity.Subject, "used secret", d.Identity.KeyID)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(endpoint)
	defer server.Close()

	// What Redox does before and after the change of the dashboard, and what a stranger does.
	for _, secret := range []string{"the old secret", "the new secret", "a guess"} {
		redox := &redoxtest.ClientCredentials{URL: server.URL, ClientID: "redox", ClientSecret: secret}
		if err := redox.Sign(httptest.NewRequest("POST", "/redox", nil)); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// redox used secret 1
	// redox used secret 0
	// clientcredentials: credentials rejected (client): in Basic: wrong secret of client "redox", want one of its Secrets (EndpointConfig.Clients[].Secrets; Redox dashboard: clientSecret)
	// redoxtest: token endpoint answered 401 invalid_client client authentication failed
}
