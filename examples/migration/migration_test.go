package migration_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// store is a handler that takes a message.
var store = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
})

// withToken is a message with the verification token, or without one if it is empty.
func withToken(token string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/redox", strings.NewReader(`{"Meta":{"DataModel":"PatientAdmin"}}`))
	if token != "" {
		r.Header.Set("verification-token", token)
	}
	return r
}

// signed is a message with the proof of a sender.
func signed(s redoxtest.Signer) *http.Request { return redoxtest.NewRequest(s) }

// status sends r to h, and returns the status of the answer.
func status(h http.Handler, r *http.Request) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}
