package redisreplay_test

import (
	"fmt"
	"log"
	"net/http"

	"github.com/redis/go-redis/v9"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay/redisreplay"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

// Two replicas behind one URL share a Redis and their TokenSecrets. An assertion that was used at
// one of them is refused at the other. A token that one issued is accepted by the other.
func ExampleNew() {
	redox := &redoxtest.SMARTBackend{URL: "https://api.example.com/token", ClientID: "redox", Key: redoxtest.NewKey("1", "ES384")}
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(redox.Key)) // in production keyset.NewRemote
	if err != nil {
		log.Fatal(err)
	}
	shared := redisOptions() // such as &redis.Options{Addr: "redis.internal:6379"}

	replica := func() http.Handler {
		seen, err := redisreplay.New(redisreplay.Config{Client: redis.NewClient(shared)})
		if err != nil {
			log.Fatal(err)
		}
		endpoint, err := smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
			Clients:      []smartbackend.Client{{ID: "redox", Keys: keys, Scopes: []string{"system/*.rs"}}},
			TokenURL:     "https://api.example.com/token",
			Issuer:       "https://api.example.com",
			Audience:     "https://api.example.com/redox",
			TokenSecrets: [][]byte{[]byte("of 32 random bytes or more, from the secret manager")},
			Replay:       seen,
		})
		if err != nil {
			log.Fatal(err)
		}
		verifier, err := endpoint.Verifier("system/*.rs")
		if err != nil {
			log.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.Handle("/token", endpoint)
		mux.Handle("/redox", verifier.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		return mux
	}
	first, second := replica(), replica()

	assertion, err := redox.Assertion()
	if err != nil {
		log.Fatal(err)
	}
	status, token := present(first, assertion)
	fmt.Println("assertion at the first:", status)
	status, _ = present(second, assertion)
	fmt.Println("assertion again at the second:", status)
	fmt.Println("token at the second:", deliver(second, token))

	if assertion, err = redox.Assertion(); err != nil {
		log.Fatal(err)
	}
	status, _ = present(second, assertion)
	fmt.Println("another assertion at the second:", status)
	// Output:
	// assertion at the first: 200
	// assertion again at the second: 401
	// token at the second: 200
	// another assertion at the second: 200
}

// redisOptions connect to a Redis in memory.
func redisOptions() *redis.Options {
	fake := &fakeRedis{}
	fake.well.Store(true)
	return fake.options()
}
