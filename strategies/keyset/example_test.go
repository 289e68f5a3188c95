package keyset_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
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
