package jwtbearer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// Redox publishes its keys, and rotates them without notice. The first token of the new key
// makes the Verifier fetch the keys.
func ExampleConfig_rotationOfPublishedKeys() {
	published := redoxtest.NewKeyServer(redoxtest.NewKey("2026", "RS256")) // stands in for Redox's
	defer published.Close()

	keys, err := keyset.NewRemote(keyset.RemoteConfig{
		URL:               published.JWKSURL,
		InsecureAllowHTTP: true, // for this example: it is on loopback
	})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := jwtbearer.New(jwtbearer.Config{
		Keys:     keys,
		Issuer:   "https://redox.example",
		Audience: []string{"https://customer.example/redox"},
	})
	if err != nil {
		log.Fatal(err)
	}
	send := func(key redoxtest.Key) {
		id, err := verifier.Verify(redoxtest.NewRequest(&redoxtest.JWTBearer{
			Key:      key,
			Issuer:   "https://redox.example",
			Audience: []string{"https://customer.example/redox"},
		}))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("accepted under key", id.KeyID)
	}
	send(published.Key())
	published.Rotate(redoxtest.NewKey("2027", "RS256"))
	send(published.Key())
	// Output:
	// accepted under key 2026
	// accepted under key 2027
}

// Redox gave you its public key in a file. Before Redox changes the key, add the new one to
// the file. When KeyID names only the new key, remove the old one.
func ExampleConfig_rotationOfKeys() {
	oldKey, newKey := redoxtest.NewKey("2026", "RS256"), redoxtest.NewKey("2027", "RS256")

	keys, err := keyset.ParsePEM(append(oldKey.PEM(), newKey.PEM()...)) // of the file
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := jwtbearer.New(jwtbearer.Config{
		Keys:     keys,
		Issuer:   "https://redox.example",
		Audience: []string{"https://customer.example/redox"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, key := range []redoxtest.Key{oldKey, newKey} {
		id, err := verifier.Verify(redoxtest.NewRequest(&redoxtest.JWTBearer{
			Key:      key,
			Issuer:   "https://redox.example",
			Audience: []string{"https://customer.example/redox"},
		}))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("accepted under key", id.KeyID) // keys in PEM have no ID: it is the position
	}
	// Output:
	// accepted under key 0
	// accepted under key 1
}

// Add the new secret before Redox changes it. When KeyID names only the position of the new
// one, remove the old one. With SecretsFunc this needs no restart.
func ExampleConfig_rotationOfSecrets() {
	oldSecret := []byte("0123456789abcdef0123456789abcdef")
	newSecret := []byte("fedcba9876543210fedcba9876543210")

	verifier, err := jwtbearer.New(jwtbearer.Config{
		Secrets:  [][]byte{newSecret, oldSecret},
		Issuer:   "https://redox.example",
		Audience: []string{"https://customer.example/redox"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, secret := range [][]byte{oldSecret, newSecret, []byte("a secret that a stranger made up")} {
		id, err := verifier.Verify(redoxtest.NewRequest(&redoxtest.JWTBearer{
			Key:      redoxtest.Key{Algorithm: "HS256", Secret: secret},
			Issuer:   "https://redox.example",
			Audience: []string{"https://customer.example/redox"},
		}))
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("accepted under secret", id.KeyID)
	}
	// Output:
	// accepted under secret 1
	// accepted under secret 0
	// jwtbearer: credentials rejected (signature): the signature verifies under none of the 2 secrets (Config.Secrets; Redox dashboard: shared secret)
}

// A secret manager keeps the secrets in a file, one a line. A change is seen within 90 s,
// without a restart.
func ExampleConfig_secretsFunc() {
	file, err := os.CreateTemp("", "secrets")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(file.Name())
	io.WriteString(file, "fedcba9876543210fedcba9876543210\n0123456789abcdef0123456789abcdef\n")

	verifier, err := jwtbearer.New(jwtbearer.Config{
		SecretsFunc: func(context.Context) ([][]byte, error) {
			data, err := os.ReadFile(file.Name())
			return bytes.Fields(data), err
		},
		Issuer:   "https://redox.example",
		Audience: []string{"https://customer.example/redox"},
	})
	if err != nil {
		log.Fatal(err)
	}
	id, err := verifier.Verify(redoxtest.NewRequest(&redoxtest.JWTBearer{
		Key:      redoxtest.Key{Algorithm: "HS256", Secret: []byte("0123456789abcdef0123456789abcdef")},
		Issuer:   "https://redox.example",
		Audience: []string{"https://customer.example/redox"},
	}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("accepted under secret", id.KeyID)
	// Output: accepted under secret 1
}
