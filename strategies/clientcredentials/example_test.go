package clientcredentials_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// The authorization server issues JWTs of RFC 9068.
func ExampleNew() {
	as := redoxtest.NewAuthorizationServer(redoxtest.NewKey("k1", "ES256"))
	defer as.Close()
	as.AddClient("redox", "secret", "write")

	keys, err := keyset.NewRemote(keyset.RemoteConfig{
		Issuer:            as.Issuer, // such as "https://login.example.com"
		InsecureAllowHTTP: true,      // in production this is left out
	})
	if err != nil {
		log.Fatal(err)
	}
	v, err := clientcredentials.New(clientcredentials.Config{
		Keys:      keys,
		Issuer:    as.Issuer,
		Audience:  []string{"https://api.example.com"},
		ClientIDs: []string{"redox"},
		Scopes:    []string{"write"},
	})
	if err != nil {
		log.Fatal(err)
	}
	send(as, v)
	// Output:
	// message from redox [write]
	// 200 OK
}

// The authorization server issues opaque tokens. The Verifier asks it about each of them
// once a minute.
func ExampleNewIntrospection() {
	as := redoxtest.NewAuthorizationServer(redoxtest.NewKey("k1", "ES256"))
	defer as.Close()
	as.Opaque = true
	as.AddClient("redox", "secret", "write")
	as.AddClient("api", "another secret")

	v, err := clientcredentials.NewIntrospection(clientcredentials.IntrospectionConfig{
		URL:               as.IntrospectionURL, // such as "https://login.example.com/introspect"
		InsecureAllowHTTP: true,                // in production this is left out
		ClientID:          "api",
		ClientSecret:      "another secret",
		Audience:          []string{"https://api.example.com"},
		ClientIDs:         []string{"redox"},
		Scopes:            []string{"write"},
	})
	if err != nil {
		log.Fatal(err)
	}
	send(as, v)
	// Output:
	// message from redox [write]
	// 200 OK
}

// send plays Redox.
func send(as *redoxtest.AuthorizationServer, v *clientcredentials.Verifier) {
	server := httptest.NewServer(v.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Println("message from", id.Subject, id.Scopes)
	})))
	defer server.Close()
	redox := &redoxtest.ClientCredentials{
		URL: as.TokenURL, ClientID: "redox", ClientSecret: "secret", Audience: "https://api.example.com",
	}
	resp, err := redox.Send(context.Background(), server.URL, redoxtest.PatientAdmin())
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
}
