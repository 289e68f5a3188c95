package migration_test

import (
	"fmt"
	"log"
	"net/http"

	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Before: the comparison takes longer the more of a guess is right.
func comparisonBefore(token string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("verification-token") != token {
			http.Error(w, "wrong token", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// After: every token is compared in constant time.
func comparisonAfter(tokens []string, handler http.Handler) (http.Handler, error) {
	token, err := verifytoken.New(verifytoken.Config{Tokens: tokens})
	if err != nil {
		return nil, err
	}
	return token.Handshake(token.Wrap(handler)), nil
}

// A test cannot show the time of a comparison, but two other faults of the same line: a second
// header is not looked at, and a rotation refuses messages until everything is restarted.
func Example_comparison() {
	before := comparisonBefore("theOldToken", store)
	after, err := comparisonAfter([]string{"theNewToken", "theOldToken"}, store)
	if err != nil {
		log.Fatal(err)
	}

	two := func() *http.Request {
		r := withToken("theOldToken")
		r.Header.Add("verification-token", "guessed")
		return r
	}
	fmt.Println("two tokens:      ", status(before, two()), "->", status(after, two()))
	fmt.Println("after a rotation:", status(before, withToken("theNewToken")), "->", status(after, withToken("theNewToken")))
	fmt.Println("genuine:         ", status(before, withToken("theOldToken")), "->", status(after, withToken("theOldToken")))
	fmt.Println("guessed:         ", status(before, withToken("guessed")), "->", status(after, withToken("guessed")))
	// Output:
	// two tokens:       200 -> 400
	// after a rotation: 401 -> 200
	// genuine:          200 -> 200
	// guessed:          401 -> 401
}
