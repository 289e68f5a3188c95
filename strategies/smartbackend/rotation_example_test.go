package smartbackend_test

import (
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

// Redox publishes its keys, and rotates them without notice. The first assertion of the new
// key makes the endpoint fetch the keys.
func ExampleClient_rotationOfPublishedKeys() {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux) // stands for https://api.example.com
	defer server.Close()
	published := redoxtest.NewKeyServer(redoxtest.NewKey("2026", "ES384")) // stands in for Redox's
	defer published.Close()

	keys, err := keyset.NewRemote(keyset.RemoteConfig{
		URL:               published.JWKSURL,
		InsecureAllowHTTP: true, // for this example: it is on loopback
	})
	if err != nil {
		log.Fatal(err)
	}
	endpoint, err := smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
		Clients:      []smartbackend.Client{{ID: "redox", Keys: keys, Scopes: []string{"system/*.rs"}}},
		TokenURL:     server.URL + "/token",
		Issuer:       server.URL,
		Audience:     server.URL + "/redox",
		TokenSecrets: [][]byte{[]byte("32 bytes or more: openssl rand -hex 32")},
		Replay:       replay.NewMemory(10_000), // with more than one replica: redisreplay
		Observe: func(_ *http.Request, d redoxauth.Decision) {
			if d.Err != nil {
				log.Fatal(d.Err)
			}
			fmt.Println("a token for", d.Identity.Subject, "under key", d.Identity.KeyID)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/token", endpoint)

	signMessage := func(key redoxtest.Key) { // for that Redox gets a token
		redoxtest.NewRequest(&redoxtest.SMARTBackend{URL: server.URL + "/token", ClientID: "redox", Key: key})
	}
	signMessage(published.Key())
	published.Rotate(redoxtest.NewKey("2027", "ES384"))
	signMessage(published.Key())
	// Output:
	// a token for redox under key 2026
	// a token for redox under key 2027
}

// Redox gave you its public key in a file. Before Redox changes the key, add the new one to
// the file. When KeyID names only the new key, remove the old one.
func ExampleClient_rotationOfKeys() {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux) // stands for https://api.example.com
	defer server.Close()
	oldKey, newKey := redoxtest.NewKey("2026", "ES384"), redoxtest.NewKey("2027", "ES384")

	keys, err := keyset.ParseJWKS(redoxtest.JWKS(oldKey, newKey)) // of the file; ParsePEM for PEM
	if err != nil {
		log.Fatal(err)
	}
	endpoint, err := smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
		Clients:      []smartbackend.Client{{ID: "redox", Keys: keys, Scopes: []string{"system/*.rs"}}},
		TokenURL:     server.URL + "/token",
		Issuer:       server.URL,
		Audience:     server.URL + "/redox",
		TokenSecrets: [][]byte{[]byte("32 bytes or more: openssl rand -hex 32")},
		Replay:       replay.NewMemory(10_000), // with more than one replica: redisreplay
		Observe: func(_ *http.Request, d redoxauth.Decision) {
			if d.Err != nil {
				log.Fatal(d.Err)
			}
			fmt.Println("a token for", d.Identity.Subject, "under key", d.Identity.KeyID)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/token", endpoint)

	for _, key := range []redoxtest.Key{oldKey, newKey} {
		// What Redox does before it sends a message.
		redoxtest.NewRequest(&redoxtest.SMARTBackend{URL: server.URL + "/token", ClientID: "redox", Key: key})
	}
	// Output:
	// a token for redox under key 2026
	// a token for redox under key 2027
}
