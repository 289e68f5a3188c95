package redoxtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// calling is a RoundTripper that calls a handler, without a network.
type calling struct{ http.Handler }

func (c calling) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Result(), nil
}

func ExampleDeliver() {
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	client := &http.Client{Transport: calling{handler}} // in synctest.Test, pauses would take no time
	redox := redoxtest.VerificationToken{Token: "secret", Client: client}

	messages := [][]byte{redoxtest.PatientAdmin(), redoxtest.HL7v2()}
	err := redoxtest.Deliver(context.Background(), redox, "https://destination.example/redox", messages, func(a redoxtest.Attempt) {
		fmt.Println("message", a.Message, "try", a.Try, "status", a.Status, "pause", a.Pause)
	})
	fmt.Println(err)
	// Output:
	// message 0 try 1 status 200 pause 0s
	// message 1 try 1 status 200 pause 0s
	// <nil>
}
