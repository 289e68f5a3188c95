package redoxauth_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A queue keeps messages. In production it is a table of a database, with the hash as its key.
type queue struct {
	mu       sync.Mutex // messages can come at the same time
	full     bool
	messages map[[sha256.Size]byte][]byte
}

// put returns nil only when the message is stored. A message that came twice is stored once.
func (q *queue) put(message []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full {
		return errors.New("the disk is full")
	}
	q.messages[sha256.Sum256(message)] = message
	return nil
}

// ServeHTTP answers 200 only when the message is stored. Somebody else takes it from the queue
// and works on it.
func (q *queue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST only", http.StatusMethodNotAllowed)
		return
	}
	message, err := io.ReadAll(r.Body) // at most Options.MaxBodyBytes
	if tooLarge := new(*http.MaxBytesError); errors.As(err, tooLarge) {
		http.Error(w, "the message is too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	if err := q.put(message); err != nil {
		http.Error(w, "not stored", http.StatusInternalServerError)
	}
}

// Redox never sends a message again that was answered 200, so store it first. Redox repeats a
// message that was answered 500, and one whose answer got lost.
func Example_store() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		log.Fatal(err)
	}
	q := &queue{messages: map[[sha256.Size]byte][]byte{}}
	h := token.Handshake(token.Wrap(q))

	message := redoxtest.PatientAdmin()
	send := func(token string) {
		r := httptest.NewRequest(http.MethodPost, "/redox", bytes.NewReader(message))
		r.Header.Set("verification-token", token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code, "stored:", len(q.messages))
	}
	q.full = true
	send("theToken")
	q.full = false
	send("theToken") // Redox tries again
	send("theToken") // the answer got lost
	send("guessed")
	// Output:
	// 500 stored: 0
	// 200 stored: 1
	// 200 stored: 1
	// 401 stored: 1
}
