package migration_test

import (
	"crypto/subtle"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Before: if the variable is not set, a request without a token is accepted.
func emptyBefore(variable string, handler http.Handler) http.Handler {
	token := os.Getenv(variable)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("verification-token")), []byte(token)) != 1 {
			http.Error(w, "wrong token", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// After: if the variable is not set, New returns an error and the server does not start.
func emptyAfter(variable string, handler http.Handler) (http.Handler, error) {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{os.Getenv(variable)}})
	if err != nil {
		return nil, err
	}
	return token.Handshake(token.Wrap(handler)), nil
}

func Example_emptyToken() {
	os.Setenv("REDOX_TOKEN", "theToken")
	defer os.Unsetenv("REDOX_TOKEN")

	before := emptyBefore("REDOX_TOKN", store) // a typo: nobody sets this variable
	_, err := emptyAfter("REDOX_TOKN", store)
	fmt.Println("no token, before:", status(before, withToken("")))
	fmt.Println("after:", err)

	after, err := emptyAfter("REDOX_TOKEN", store)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("no token, after:", status(after, withToken("")))
	fmt.Println("genuine, after:", status(after, withToken("theToken")))
	// Output:
	// no token, before: 200
	// after: verifytoken: Tokens[0]: required
	// no token, after: 401
	// genuine, after: 200
}
