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
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
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

// The smallest server: it answers the handshake, and accepts messages with the token.
func ExampleNew() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(token.Handshake(token.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("message")
	}))))
	defer server.Close()

	fmt.Println("handshake", redoxtest.Handshake(context.Background(), server.URL, "theToken", http.MethodPost))
	for _, sent := range []string{"theToken", "another"} {
		res, err := redoxtest.VerificationToken{Token: sent}.Send(context.Background(), server.URL, redoxtest.PatientAdmin())
		if err != nil {
			log.Fatal(err)
		}
		res.Body.Close()
		fmt.Println(res.Status)
	}
	// Output:
	// handshake <nil>
	// message
	// 200 OK
	// 401 Unauthorized
}

// A rotation has three steps. Change the dashboard during the second. With TokensFunc they need
// no restart.
func ExampleNew_rotation() {
	for _, tokens := range [][]string{{"old"}, {"new", "old"}, {"new"}} {
		token, err := verifytoken.New(verifytoken.Config{Tokens: tokens})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(tokens)
		for _, sent := range []string{"old", "new"} {
			id, err := token.Verify(redoxtest.NewRequest(redoxtest.VerificationToken{Token: sent}))
			if err != nil {
				fmt.Println(" ", sent, "refused:", redoxauth.StatusCode(err))
				continue
			}
			fmt.Println(" ", sent, "accepted, KeyID", id.KeyID)
		}
	}
	// Output:
	// [old]
	//   old accepted, KeyID 0
	//   new refused: 401
	// [new old]
	//   old accepted, KeyID 1
	//   new accepted, KeyID 0
	// [new]
	//   old refused: 401
	//   new accepted, KeyID 0
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

// A destination with a credential and no verification token: the credential proves the
// handshake too. Here it is a signature.
func ExampleChallenge() {
	signature, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "theSecret"}},
		Region:      "us-east-1",
		Service:     "redox",
	})
	if err != nil {
		log.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("message")
	})
	server := httptest.NewServer(signature.Wrap(verifytoken.Challenge(handler)))
	defer server.Close()

	redox := redoxtest.SigV4{AccessKey: "AKIDEXAMPLE", SecretKey: "theSecret", AWSRegion: "us-east-1", ServiceName: "redox"}
	fmt.Println("handshake", redoxtest.SignedHandshake(context.Background(), server.URL, redox, http.MethodPost))
	res, err := redox.Send(context.Background(), server.URL, redoxtest.PatientAdmin())
	if err != nil {
		log.Fatal(err)
	}
	res.Body.Close()

	stranger, err := http.Post(server.URL, "application/json", strings.NewReader(`{"challenge":"d9908e78"}`))
	if err != nil {
		log.Fatal(err)
	}
	stranger.Body.Close()
	fmt.Println("stranger", stranger.StatusCode)
	// Output:
	// handshake <nil>
	// message
	// stranger 401
}

// How a framework calls it: without a handler to wrap.
func ExampleVerifier_CheckHandshake() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		log.Fatal(err)
	}
	serve := func(w http.ResponseWriter, r *http.Request) {
		challenge, handled, err := token.CheckHandshake(w, r)
		switch {
		case err != nil:
			redoxauth.WriteError(w, err)
			return
		case handled:
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Content-Security-Policy", "default-src 'none'")
			io.WriteString(w, challenge)
			return
		}
		r, err = redoxauth.Check(token, w, r, nil)
		if err != nil {
			redoxauth.WriteError(w, err)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("message %s\n", body)
	}
	server := httptest.NewServer(http.HandlerFunc(serve))
	defer server.Close()

	fmt.Println("handshake", redoxtest.Handshake(context.Background(), server.URL, "theToken", http.MethodPost))
	res, err := redoxtest.VerificationToken{Token: "theToken"}.Send(context.Background(), server.URL, []byte(`{"Meta":{}}`))
	if err != nil {
		log.Fatal(err)
	}
	res.Body.Close()
	// Output:
	// handshake <nil>
	// message {"Meta":{}}
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
