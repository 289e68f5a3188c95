package migration_test

import (
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Step 1: the old check decides. The new one tells the log what it would do.
func reportOnly(old func(http.Handler) http.Handler, token *verifytoken.Verifier, opts *redoxauth.Options, handler http.Handler) http.Handler {
	return old(redoxauth.InsecureReportOnly(token, opts)(handler))
}

// Step 2: both must accept.
func enforce(old func(http.Handler) http.Handler, token *verifytoken.Verifier, opts *redoxauth.Options, handler http.Handler) http.Handler {
	return old(token.Handshake(redoxauth.Middleware(token, opts)(handler)))
}

// Step 3: the old check is gone.
func onlyNew(token *verifytoken.Verifier, opts *redoxauth.Options, handler http.Handler) http.Handler {
	return token.Handshake(redoxauth.Middleware(token, opts)(handler))
}

// The first Config has a wrong token. The report says so, and the message arrives all the same.
func Example() {
	old := func(next http.Handler) http.Handler { return comparisonBefore("theToken", next) }
	opts := &redoxauth.Options{Observe: redoxauth.LogDecisions(slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: short})))}
	wrong, err := verifytoken.New(verifytoken.Config{Tokens: []string{"anotherToken"}})
	if err != nil {
		log.Fatal(err)
	}
	right, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		log.Fatal(err)
	}

	for _, h := range []http.Handler{
		reportOnly(old, wrong, opts, store),
		reportOnly(old, right, opts, store),
		enforce(old, right, opts, store),
		onlyNew(right, opts, store),
	} {
		fmt.Println(status(h, withToken("theToken")))
	}
	fmt.Println(status(onlyNew(right, opts, store), withToken("")))
	// Output:
	// level=WARN msg="redox request would be refused" event=report status=401 method=POST path=/redox strategy=verifytoken reason=token error="verifytoken: credentials rejected (token): the token is another one, want Config.Tokens[0] (Redox dashboard: verification token)"
	// 200
	// level=INFO msg="redox request would be accepted" event=report method=POST path=/redox strategy=verifytoken subject="" key_id=0
	// 200
	// level=INFO msg="redox request accepted" event=message method=POST path=/redox strategy=verifytoken subject="" key_id=0
	// 200
	// level=INFO msg="redox request accepted" event=message method=POST path=/redox strategy=verifytoken subject="" key_id=0
	// 200
	// level=WARN msg="redox request refused" event=message status=401 method=POST path=/redox strategy=verifytoken reason=missing error="verifytoken: no credentials (missing): the verification-token header is absent, want it with Config.Tokens[0] (Redox dashboard: verification token); a handshake may have its token in the body or query, where only Handshake looks"
	// 401
}

// short leaves out what differs from run to run.
func short(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey, "duration", "remote", "help":
		return slog.Attr{}
	}
	return a
}
