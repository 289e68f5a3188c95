package migration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Before: only "Verify & Save" needs the token. A message needs none.
func handshakeBefore(token string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "cannot read the body", http.StatusBadRequest)
			return
		}
		var handshake struct {
			Token     string `json:"verification-token"`
			Challenge string `json:"challenge"`
		}
		json.Unmarshal(body, &handshake)
		if handshake.Challenge != "" {
			if handshake.Token != token {
				http.Error(w, "wrong token", http.StatusUnauthorized)
				return
			}
			io.WriteString(w, handshake.Challenge)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler.ServeHTTP(w, r)
	})
}

// After: Handshake answers "Verify & Save", and Wrap checks every message.
func handshakeAfter(token *verifytoken.Verifier, handler http.Handler) http.Handler {
	return token.Handshake(token.Wrap(handler))
}

func Example_handshake() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		log.Fatal(err)
	}
	before := handshakeBefore("theToken", store)
	after := handshakeAfter(token, store)

	verifyAndSave := func(token string) *http.Request {
		return httptest.NewRequest(http.MethodPost, "/redox", strings.NewReader(`{"verification-token":"`+token+`","challenge":"d9908e78"}`))
	}
	fmt.Println("handshake:          ", status(before, verifyAndSave("theToken")), "->", status(after, verifyAndSave("theToken")))
	fmt.Println("handshake, guessed: ", status(before, verifyAndSave("guessed")), "->", status(after, verifyAndSave("guessed")))
	fmt.Println("message, genuine:   ", status(before, withToken("theToken")), "->", status(after, withToken("theToken")))
	fmt.Println("message, guessed:   ", status(before, withToken("guessed")), "->", status(after, withToken("guessed")))
	fmt.Println("message of anybody: ", status(before, withToken("")), "->", status(after, withToken("")))
	// Output:
	// handshake:           200 -> 200
	// handshake, guessed:  401 -> 401
	// message, genuine:    200 -> 200
	// message, guessed:    200 -> 401
	// message of anybody:  200 -> 401
}
