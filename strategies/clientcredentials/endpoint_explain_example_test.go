package clientcredentials_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

// In a development environment Observe explains each token request that is refused. It refers to
// the endpoint, so the endpoint is declared before. This example prints the hints alone.
func ExampleTokenEndpoint_Explain() {
	var endpoint *clientcredentials.TokenEndpoint
	var err error
	endpoint, err = clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients:      []clientcredentials.Client{{ID: "redox", Secrets: []string{"theSecret"}}},
		Issuer:       "https://api.example.com",
		Audience:     "https://api.example.com/redox",
		TokenSecrets: [][]byte{[]byte("32 bytes or more: openssl rand -hex 32")},
		Observe: func(r *http.Request, d redoxauth.Decision) {
			if d.Err != nil {
				_, hints, _ := strings.Cut(endpoint.Explain(r), "hints:\n")
				fmt.Print(hints)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(endpoint)
	defer server.Close()

	// What Redox does, after somebody has pasted the secret with a line break.
	redox := &redoxtest.ClientCredentials{URL: server.URL, ClientID: "redox", ClientSecret: "theSecret\n"}
	message := httptest.NewRequest(http.MethodPost, "https://api.example.com/redox", nil)
	fmt.Println(redox.Sign(message)) // gets a token
	redox.ClientSecret = "theSecret"
	fmt.Println(redox.Sign(message))
	// Output:
	// - the secret in Basic is right for client "redox" when the white space around it, such as a line break, is removed (EndpointConfig.Clients[].Secrets; Redox dashboard: clientSecret)
	// redoxtest: token endpoint answered 401 invalid_client client authentication failed
	// <nil>
}
