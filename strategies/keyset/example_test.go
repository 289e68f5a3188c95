package keyset_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

func ExampleParseJWKS() {
	_, err := keyset.ParseJWKS([]byte(`{"keys":[
		{"kty":"OKP","crv":"Ed25519","kid":"2026-11","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
	]}`))
	fmt.Println(err)
	_, err = keyset.ParseJWKS([]byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`))
	fmt.Println(err)
	_, err = keyset.ParseJWKS([]byte("-----BEGIN PUBLIC KEY-----\n"))
	fmt.Println(err)
	// Output:
	// <nil>
	// keyset: ParseJWKS: no usable key: key 0: not a public key
	// keyset: ParseJWKS: PEM, want a JWK Set: use ParsePEM
}

func ExampleParsePEM() {
	_, err := keyset.ParsePEM([]byte(`
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
`))
	fmt.Println(err)
	_, err = keyset.ParsePEM([]byte(`{"keys":[]}`))
	fmt.Println(err)
	// Output:
	// <nil>
	// keyset: ParsePEM: JSON, want PEM: use ParseJWKS
}

// Fetch at start-up instead of with the first request, and report the state to a health
// check.
func ExampleNewRemote() {
	published := redoxtest.NewKeyServer(redoxtest.NewKey("2026-11", "ES384"))
	defer published.Close()

	keys, err := keyset.NewRemote(keyset.RemoteConfig{
		Issuer:            published.Issuer, // or URL: published.JWKSURL
		InsecureAllowHTTP: true,             // of the test server
	})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := keys.Ready(ctx); err != nil {
		fmt.Println(err) // the server need not be up: the keys are fetched when it is
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) {
		if s := keys.Status(); s.Keys == 0 {
			http.Error(w, "no keys", http.StatusServiceUnavailable)
		}
	})
	fmt.Println(keys.Status().Keys, "key")
	// Output: 1 key
}

// The publisher replaces its key. The first token of the new key causes a fetch, and nobody has
// to do anything. The old key is withdrawn.
func ExampleNewRemote_rotation() {
	first, second := redoxtest.NewKey("2026-11", "ES384"), redoxtest.NewKey("2026-12", "ES384")
	published := redoxtest.NewKeyServer(first)
	defer published.Close()

	keys, err := keyset.NewRemote(keyset.RemoteConfig{
		URL:               published.JWKSURL,
		Cooldown:          time.Millisecond, // for this example, so that its last line need not wait
		InsecureAllowHTTP: true,             // of the test server
	})
	if err != nil {
		panic(err)
	}
	send(keys, first)
	published.Rotate(second)
	send(keys, second)
	send(keys, first)
	// Output:
	// 2026-11 accepted, KeyID 2026-11
	// 2026-12 accepted, KeyID 2026-12
	// 2026-11 refused: 401
}

// Configured keys have no key IDs in PEM. While Redox changes its key, list both: the order
// does not matter. Remove the old one when no KeyID names its position.
func ExampleParsePEM_rotation() {
	first, second := redoxtest.NewKey("2026-11", "RS256"), redoxtest.NewKey("2026-12", "RS256")

	keys, err := keyset.ParsePEM(slices.Concat(second.PEM(), first.PEM()))
	if err != nil {
		panic(err)
	}
	send(keys, first)
	send(keys, second)

	keys, err = keyset.ParsePEM(second.PEM())
	if err != nil {
		panic(err)
	}
	send(keys, first)
	send(keys, second)
	// Output:
	// 2026-11 accepted, KeyID 1
	// 2026-12 accepted, KeyID 0
	// 2026-11 refused: 401
	// 2026-12 accepted, KeyID 0
}

// send sends a token of the key to a Verifier with the keys.
func send(keys keyset.Set, key redoxtest.Key) {
	v, err := jwtbearer.New(jwtbearer.Config{Keys: keys, Issuer: "redox", Audience: []string{"https://api.example.com/redox"}})
	if err != nil {
		panic(err)
	}
	id, err := v.Verify(redoxtest.NewRequest(&redoxtest.JWTBearer{Key: key, Issuer: "redox", Audience: []string{"https://api.example.com/redox"}}))
	if err != nil {
		fmt.Println(key.ID, "refused:", redoxauth.StatusCode(err))
		return
	}
	fmt.Println(key.ID, "accepted, KeyID", id.KeyID)
}
