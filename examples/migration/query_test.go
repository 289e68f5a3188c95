package migration_test

import (
	"crypto/subtle"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Before: the dashboard has the URL https://example.org/redox?token=theToken.
func queryBefore(token string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.URL.Query().Get("token")), []byte(token)) != 1 {
			http.Error(w, "wrong token", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// After: the dashboard has the URL https://example.org/redox, and theToken as the verification
// token. Redox sends it in a header.
func queryAfter(token *verifytoken.Verifier, handler http.Handler) http.Handler {
	return token.Handshake(token.Wrap(handler))
}

// accessLog is what every proxy and many a server writes.
func accessLog(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.RequestURI, status(next, r))
	})
}

func Example_query() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		log.Fatal(err)
	}
	before := accessLog(queryBefore("theToken", store))
	after := accessLog(queryAfter(token, store))

	inQuery := func() *http.Request { return httptest.NewRequest(http.MethodPost, "/redox?token=theToken", nil) }
	status(before, inQuery())
	status(after, inQuery())
	status(after, withToken("theToken"))
	// Output:
	// POST /redox?token=theToken 200
	// POST /redox?token=theToken 401
	// POST /redox 200
}
