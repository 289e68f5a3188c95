package redoxtest_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// newDestination is the handler of your server, with its verifier.
func newDestination(token string, save func(message string)) (http.Handler, error) {
	v, err := verifytoken.New(verifytoken.Config{Tokens: []string{token}})
	if err != nil {
		return nil, err
	}
	return v.Handshake(v.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		message, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "the body cannot be read", http.StatusBadRequest)
			return
		}
		save(string(message))
	}))), nil
}

// A test of your own server. In a TestXxx, failed is t.Errorf and ctx is t.Context().
func Example() {
	ctx, failed := context.Background(), log.Fatalf

	var saved []string
	destination, err := newDestination("theToken", func(message string) { saved = append(saved, message) })
	if err != nil {
		failed("%v", err)
	}
	server := httptest.NewServer(destination)
	defer server.Close()
	url := server.URL + "/redox"
	redox := redoxtest.VerificationToken{Token: "theToken"}

	// The dashboard can verify the destination, with both methods.
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		if err := redoxtest.Handshake(ctx, url, "theToken", method); err != nil {
			failed("%s: %v", method, err)
		}
	}

	// A genuine message arrives as it was sent.
	message := redoxtest.PatientAdmin()
	response, err := redox.Send(ctx, url, message)
	if err != nil {
		failed("%v", err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK || len(saved) != 1 || saved[0] != string(message) {
		failed("genuine: status %d, saved %q", response.StatusCode, saved)
	}

	// No forgery arrives.
	for _, forgery := range redox.Forgeries() {
		response, err := forgery.Send(ctx, url, redoxtest.PatientAdmin())
		if err != nil {
			failed("%s: %v", forgery.Name, err)
		}
		response.Body.Close()
		if response.StatusCode != forgery.Status || len(saved) != 1 {
			failed("%s: status %d, want %d; saved %d", forgery.Name, response.StatusCode, forgery.Status, len(saved))
		}
	}
	fmt.Println("saved:", len(saved))
	// Output: saved: 1
}
