package jwtbearer_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Redox exchanges a JWT that it signs for an access token at /token, and sends that
// with its messages.
func ExampleNewTokenEndpoint() {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux) // stands for https://api.example.com
	defer server.Close()
	redoxKey := redoxtest.NewKey("1", "RS256")

	keys, err := keyset.ParsePEM(redoxKey.PEM()) // the public key that Redox gave you
	if err != nil {
		log.Fatal(err)
	}
	observe := redoxauth.LogDecisions(slog.Default())
	endpoint, err := jwtbearer.NewTokenEndpoint(jwtbearer.EndpointConfig{
		Signers:      []jwtbearer.Signer{{Issuer: "redox", Keys: keys, Scopes: []string{"messages.write"}}},
		TokenURL:     server.URL + "/token",
		Issuer:       server.URL,
		Audience:     server.URL + "/redox",
		TokenSecrets: [][]byte{[]byte("32 bytes or more: openssl rand -hex 32")},
		Replay:       replay.NewMemory(10_000), // with more than one replica: redisreplay
		Observe:      observe,                  // token requests
	})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := endpoint.Verifier("messages.write")
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/token", endpoint)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Println("message from", id.Subject)
	})
	protect := redoxauth.Middleware(verifier, &redoxauth.Options{Observe: observe}) // messages
	mux.Handle("/redox", protect(verifytoken.Challenge(handler)))                   // answers "Verify & Save"

	// What Redox does.
	redox := &redoxtest.JWTBearer{Key: redoxKey, Issuer: "redox", Subject: "production feed", TokenURL: server.URL + "/token"}
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
	// message from production feed
	// 200 OK
}
