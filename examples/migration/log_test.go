package migration_test

import (
	"bytes"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Before: the secret is in the log, and whoever may read the log can send messages.
func logBefore(logger *log.Logger, token string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		logger.Print("message from Redox: ", r.Header)
		if got := r.Header.Get("verification-token"); got != token {
			logger.Printf("wrong token: got %q, want %q", got, token)
			http.Error(w, "wrong token", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// After: the log says what was decided and why, without a secret.
func logAfter(logger *slog.Logger, tokens []string, handler http.Handler) (http.Handler, error) {
	observe := redoxauth.LogDecisions(logger)
	token, err := verifytoken.New(verifytoken.Config{Tokens: tokens, Observe: observe})
	if err != nil {
		return nil, err
	}
	protect := redoxauth.Middleware(token, &redoxauth.Options{Observe: observe})
	return token.Handshake(protect(handler)), nil
}

func Example_log() {
	var old, lines bytes.Buffer
	before := logBefore(log.New(&old, "", 0), "theToken", store)
	after, err := logAfter(slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{ReplaceAttr: short})), []string{"theToken"}, store)
	if err != nil {
		log.Fatal(err)
	}
	for _, h := range []http.Handler{before, after} {
		fmt.Println(status(h, withToken("theToken")), status(h, withToken("heToken"))) // genuine, and badly copied
	}
	fmt.Println("the token is in the old log:", strings.Contains(old.String(), "theToken"))
	fmt.Println("the token is in the new log:", strings.Contains(lines.String(), "heToken"))
	fmt.Print(lines.String())
	// Output:
	// 200 401
	// 200 401
	// the token is in the old log: true
	// the token is in the new log: false
	// level=INFO msg="redox request accepted" event=message method=POST path=/redox strategy=verifytoken subject="" key_id=0
	// level=WARN msg="redox request refused" event=message status=401 method=POST path=/redox strategy=verifytoken reason=token error="verifytoken: credentials rejected (token): the token is another one, want Config.Tokens[0] (Redox dashboard: verification token)"
}
