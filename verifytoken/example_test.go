package verifytoken_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// One endpoint for the handshake and for messages, in the middle of a rotation.
func Example() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theNewToken", "theOldToken"}})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/redox", token.Handshake(token.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Println("message, accepted by token", id.KeyID)
	}))))

	// What Redox sends on "Verify & Save", and a message.
	handshake := httptest.NewRequest("POST", "/redox", strings.NewReader(`{"verification-token":"theNewToken","challenge":"d9908e78"}`))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, handshake)
	fmt.Println("handshake", w.Code, w.Body)

	message := httptest.NewRequest("POST", "/redox", strings.NewReader(`{"Meta":{"DataModel":"PatientAdmin"}}`))
	message.Header.Set("verification-token", "theOldToken")
	mux.ServeHTTP(httptest.NewRecorder(), message)
	// Output:
	// handshake 200 d9908e78
	// message, accepted by token 1
}

// Decisions in the log, about handshakes and about messages.
func Example_observe() {
	tokens, handler := []string{"theToken"}, http.NotFoundHandler()

	observe := redoxauth.LogDecisions(slog.Default())
	token, err := verifytoken.New(verifytoken.Config{Tokens: tokens, Observe: observe})
	protect := redoxauth.Middleware(token, &redoxauth.Options{Observe: observe})
	http.Handle("/redox", token.Handshake(protect(handler)))

	fmt.Println(err)
	// Output: <nil>
}

// Tokens from a file that a secret store keeps up to date: a rotation needs no restart.
func ExampleNew_tokensFunc() {
	file, err := os.CreateTemp("", "tokens")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(file.Name())
	io.WriteString(file, "theNewToken\ntheOldToken\n")

	token, err := verifytoken.New(verifytoken.Config{
		TokensFunc: func(context.Context) ([]string, error) {
			data, err := os.ReadFile(file.Name())
			return strings.Fields(string(data)), err
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/redox", nil)
	r.Header.Set("verification-token", "theOldToken")
	id, err := token.Verify(r)
	fmt.Println(id.KeyID, err)
	// Output: 1 <nil>
}

// A pattern with a method loses the GET form of the handshake: the mux answers 405,
// and the dashboard shows "HTTP response code". Register the path alone.
func ExampleVerifier_Handshake_incorrect() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /redox", token.Handshake(token.Wrap(http.NotFoundHandler()))) // wrong

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/redox?challenge=d9908e78&verification-token=theToken", nil))
	fmt.Println(w.Code)
	// Output: 405
}
