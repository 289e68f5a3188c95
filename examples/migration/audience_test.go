package migration_test

import (
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// Before: the signature and the expiry are checked. For whom the token is made is not.
func audienceBefore(keys jwk.Set, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if _, err := jwt.Parse([]byte(token), jwt.WithKeySet(keys)); err != nil {
			http.Error(w, "wrong token", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// After: the token must be of this issuer and for this API.
func audienceAfter(keys keyset.Set, handler http.Handler) (http.Handler, error) {
	verifier, err := jwtbearer.New(jwtbearer.Config{
		Keys:     keys,
		Issuer:   "https://redox.example",
		Audience: []string{"https://customer.example/redox"},
	})
	if err != nil {
		return nil, err
	}
	return verifier.Wrap(handler), nil
}

func Example_audience() {
	key := redoxtest.NewKey("2026-11", "RS256")
	theirs, err := jwk.Parse(redoxtest.JWKS(key))
	if err != nil {
		log.Fatal(err)
	}
	ours, err := keyset.ParseJWKS(redoxtest.JWKS(key))
	if err != nil {
		log.Fatal(err)
	}
	before := audienceBefore(theirs, store)
	after, err := audienceAfter(ours, store)
	if err != nil {
		log.Fatal(err)
	}

	// play sends a token that the issuer has made for an audience.
	play := func(issuer, audience string) {
		redox := &redoxtest.JWTBearer{Key: key, Issuer: issuer, Audience: []string{audience}}
		fmt.Println(issuer, "for", audience+":", status(before, signed(redox)), "->", status(after, signed(redox)))
	}
	play("https://redox.example", "https://customer.example/redox")
	play("https://redox.example", "https://somebody-else.example")
	play("https://tenant-2.example", "https://customer.example/redox")
	// Output:
	// https://redox.example for https://customer.example/redox: 200 -> 200
	// https://redox.example for https://somebody-else.example: 200 -> 401
	// https://tenant-2.example for https://customer.example/redox: 200 -> 401
}
