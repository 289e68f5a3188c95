package clientcredentials_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/verifytoken"
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
// once a minute. Anybody can invent such tokens. So the verification token is required too,
// and checked first: a request without it costs no call.
func ExampleNewIntrospection() {
	as := redoxtest.NewAuthorizationServer(redoxtest.NewKey("k1", "ES256"))
	defer as.Close()
	as.Opaque = true
	as.AddClient("redox", "secret", "write")
	as.AddClient("api", "another secret")

	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theVerificationToken"}})
	if err != nil {
		log.Fatal(err)
	}
	introspection, err := clientcredentials.NewIntrospection(clientcredentials.IntrospectionConfig{
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
	send(as, redoxauth.AllOf(token, introspection))
	// Output:
	// message from redox [write]
	// 200 OK
}

// send plays Redox.
func send(as *redoxtest.AuthorizationServer, v redoxauth.Verifier) {
	server := httptest.NewServer(redoxauth.Middleware(v, nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Println("message from", id.Subject, id.Scopes)
	})))
	defer server.Close()
	redox := &redoxtest.ClientCredentials{
		URL: as.TokenURL, ClientID: "redox", ClientSecret: "secret", Audience: "https://api.example.com",
		Client: &http.Client{Transport: withToken{}},
	}
	resp, err := redox.Send(context.Background(), server.URL, redoxtest.PatientAdmin())
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
}

// withToken is a transport that adds the verification token.
type withToken struct{}

func (withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("verification-token", "theVerificationToken")
	return http.DefaultTransport.RoundTrip(r)
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
