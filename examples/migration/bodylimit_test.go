package migration_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Before: a stranger decides how much memory the server needs.
func bodyBefore(token string, save func(message []byte) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		message, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("verification-token") != token {
			http.Error(w, "refused", http.StatusUnauthorized)
			return
		}
		if err := save(message); err != nil {
			http.Error(w, "not stored", http.StatusInternalServerError)
		}
	})
}

// After: nothing of a stranger is read, and of a message no more than the limit.
func bodyAfter(token *verifytoken.Verifier, opts *redoxauth.Options, save func(message []byte) error) http.Handler {
	protect := redoxauth.Middleware(token, opts)
	return token.Handshake(protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		message, err := io.ReadAll(r.Body)
		if tooLarge := new(*http.MaxBytesError); errors.As(err, tooLarge) {
			http.Error(w, "the message is too large", http.StatusRequestEntityTooLarge)
			return
		}
		if err != nil {
			http.Error(w, "cannot read the message", http.StatusBadRequest)
			return
		}
		if err := save(message); err != nil {
			http.Error(w, "not stored", http.StatusInternalServerError)
		}
	})))
}

// counter counts what is read from a body.
type counter struct {
	io.Reader
	read int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

func Example_bodyLimit() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		log.Fatal(err)
	}
	save := func([]byte) error { return nil }
	before := bodyBefore("theToken", save)
	after := bodyAfter(token, &redoxauth.Options{MaxBodyBytes: 1 << 20}, save)

	// play sends a body without Content-Length, and prints how much of it was read.
	play := func(who, token string, size int) {
		for _, h := range []http.Handler{before, after} {
			body := &counter{Reader: bytes.NewReader(make([]byte, size))}
			r := httptest.NewRequest(http.MethodPost, "/redox", body)
			r.Header.Set("verification-token", token)
			answer := status(h, r)
			fmt.Println(who, answer, body.read>>20, "MiB read")
		}
	}
	play("stranger: ", "guessed", 16<<20)
	play("too large:", "theToken", 16<<20)
	play("genuine:  ", "theToken", 1<<20)
	// Output:
	// stranger:  401 16 MiB read
	// stranger:  401 0 MiB read
	// too large: 200 16 MiB read
	// too large: 413 1 MiB read
	// genuine:   200 1 MiB read
	// genuine:   200 1 MiB read
}
