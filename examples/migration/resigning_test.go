package migration_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// Before: the request is signed again, with the date and the hash that it says it has.
func resigningBefore(credentials aws.Credentials, handler http.Handler) http.Handler {
	signer := v4.NewSigner()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		date, _ := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		again := r.Clone(r.Context())
		again.Header.Del("Authorization")
		err := signer.SignHTTP(r.Context(), credentials, again, r.Header.Get("X-Amz-Content-Sha256"), "redox", "us-east-1", date)
		if err != nil || again.Header.Get("Authorization") != r.Header.Get("Authorization") {
			http.Error(w, "wrong signature", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// After: the date must be near the clock, the body must have the hash that was signed, and the
// headers that were signed are those that the request names.
func resigningAfter(credentials []sigv4.Credential, handler http.Handler) (http.Handler, error) {
	verifier, err := sigv4.New(sigv4.Config{Credentials: credentials, Region: "us-east-1", Service: "redox"})
	if err != nil {
		return nil, err
	}
	return verifier.Wrap(handler), nil
}

func Example_resigning() {
	before := resigningBefore(aws.Credentials{AccessKeyID: "REDOX1", SecretAccessKey: "theSecret"}, store)
	after, err := resigningAfter([]sigv4.Credential{{AccessKeyID: "REDOX1", SecretAccessKey: "theSecret"}}, store)
	if err != nil {
		log.Fatal(err)
	}

	// play sends a genuine request that somebody has changed on the way.
	play := func(what string, signedAt time.Time, change func(r *http.Request)) {
		redox := redoxtest.SigV4{
			AccessKey: "REDOX1", SecretKey: "theSecret", ServiceName: "redox", AWSRegion: "us-east-1",
			DeclarePayloadHash: true,
			Now:                func() time.Time { return signedAt },
		}
		var statuses []int
		for _, h := range []http.Handler{before, after} {
			r := signed(redox)
			change(r)
			statuses = append(statuses, status(h, r))
		}
		fmt.Println(what, statuses[0], "->", statuses[1])
	}
	now := time.Now()
	play("genuine:            ", now, func(*http.Request) {})
	play("recorded last year: ", now.AddDate(-1, 0, 0), func(*http.Request) {})
	play("another body:       ", now, func(r *http.Request) {
		forged, _ := io.ReadAll(r.Body)
		forged = bytes.Replace(forged, []byte(`"`), []byte(`'`), 1) // of the same length
		r.Body = io.NopCloser(bytes.NewReader(forged))
	})
	play("genuine, by a proxy:", now, func(r *http.Request) { r.Header.Set("X-Real-Ip", "203.0.113.9") })
	play("another path:       ", now, func(r *http.Request) { r.URL.Path, r.RequestURI = "/other", "/other" })
	// Output:
	// genuine:             200 -> 200
	// recorded last year:  200 -> 401
	// another body:        200 -> 401
	// genuine, by a proxy: 401 -> 200
	// another path:        401 -> 401
}
