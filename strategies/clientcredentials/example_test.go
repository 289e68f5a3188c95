package clientcredentials_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// The smallest server. Its authorization server issues JWTs of RFC 9068.
func ExampleNew() {
	as := redoxtest.NewAuthorizationServer(redoxtest.NewKey("k1", "ES256")) // plays yours
	defer as.Close()
	as.AddClient("redox", "secret", "messages.write")

	keys, err := keyset.NewRemote(keyset.RemoteConfig{
		Issuer:            as.Issuer, // such as "https://login.example.com"
		InsecureAllowHTTP: true,      // only in this test
	})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := clientcredentials.New(clientcredentials.Config{
		Keys:      keys,
		Issuer:    as.Issuer,
		Audience:  []string{"https://api.example.com"}, // this API
		ClientIDs: []string{"redox"},                   // the dashboard's clientId
		Scopes:    []string{"messages.write"},          // the dashboard's scopes
	})
	if err != nil {
		log.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Println("message from", id.Subject, id.Scopes)
	})
	protect := redoxauth.Middleware(verifier, &redoxauth.Options{Observe: redoxauth.LogDecisions(slog.Default())})
	mux := http.NewServeMux()
	mux.Handle("/redox", protect(verifytoken.Challenge(handler))) // answers "Verify & Save"
	server := httptest.NewServer(mux)                             // http.ListenAndServe(":8080", mux)
	defer server.Close()

	// What Redox does.
	redox := &redoxtest.ClientCredentials{URL: as.TokenURL, ClientID: "redox", ClientSecret: "secret", Audience: "https://api.example.com"}
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
	// message from redox [messages.write]
	// 200 OK
}

// The authorization server issues opaque tokens. Anybody can invent such tokens, so the
// verification token is required too, and is checked first: a request without it costs no call.
func ExampleNewIntrospection() {
	as := redoxtest.NewAuthorizationServer(redoxtest.NewKey("k1", "ES256")) // plays yours
	defer as.Close()
	as.Opaque = true
	as.AddClient("redox", "secret", "messages.write")
	as.AddClient("api", "another secret")

	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theVerificationToken"}})
	if err != nil {
		log.Fatal(err)
	}
	introspection, err := clientcredentials.NewIntrospection(clientcredentials.IntrospectionConfig{
		URL:               as.IntrospectionURL, // such as "https://login.example.com/introspect"
		InsecureAllowHTTP: true,                // only in this test
		ClientID:          "api",               // of this API, not of Redox
		ClientSecret:      "another secret",
		Audience:          []string{"https://api.example.com"},
		ClientIDs:         []string{"redox"},
		Scopes:            []string{"messages.write"},
	})
	if err != nil {
		log.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Println("message from", id.Subject, id.Scopes)
	})
	both := redoxauth.AllOf(token, introspection)
	protect := redoxauth.Middleware(both, &redoxauth.Options{Observe: redoxauth.LogDecisions(slog.Default())})
	server := httptest.NewServer(token.Handshake(protect(handler)))
	defer server.Close()

	// What Redox does, and then without the verification token.
	redox := &redoxtest.ClientCredentials{URL: as.TokenURL, ClientID: "redox", ClientSecret: "secret", Audience: "https://api.example.com"}
	verification := redoxtest.VerificationToken{Token: "theVerificationToken"}
	for _, sender := range []redoxtest.Sender{redoxtest.Both(verification, redox), redox} {
		response, err := sender.Send(context.Background(), server.URL, redoxtest.PatientAdmin())
		if err != nil {
			log.Fatal(err)
		}
		response.Body.Close()
		fmt.Println(response.Status)
	}
	fmt.Println(as.Calls(as.IntrospectionURL), "call")
	// Output:
	// message from redox [messages.write]
	// 200 OK
	// 401 Unauthorized
	// 1 call
}

// Behind a proxy all connections come from it. The proxy appends who connected to it to
// X-Forwarded-For. Only this last address is true: all others are what the sender wrote.
func ExampleIntrospectionConfig_peer() {
	peer := func(r *http.Request) string {
		all := strings.Join(r.Header["X-Forwarded-For"], ",")
		return strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:]) // "" is nobody
	}
	_, err := clientcredentials.NewIntrospection(clientcredentials.IntrospectionConfig{
		URL:          "https://login.example.com/introspect",
		ClientID:     "api",
		ClientSecret: "another secret",
		ClientIDs:    []string{"redox"},
		Peer:         peer,
	})
	if err != nil {
		log.Fatal(err)
	}

	r := httptest.NewRequest("POST", "/redox", nil)
	r.Header.Add("X-Forwarded-For", "198.51.100.7")
	r.Header.Add("X-Forwarded-For", "10.0.0.1, 203.0.113.9")
	fmt.Println(peer(r))
	// Output: 203.0.113.9
}
