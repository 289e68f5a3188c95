package redoxauth_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// destination is a handler that says whom it believes.
var destination = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	id, _ := redoxauth.FromContext(r.Context())
	fmt.Println("accepted by", id.Strategy)
})

// play sends one message to h and prints the status.
func play(h http.Handler, signers ...redoxtest.Signer) {
	r := httptest.NewRequest(http.MethodPost, "/redox", nil)
	for _, s := range signers {
		if err := s.Sign(r); err != nil {
			fmt.Println(err)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code)
}

func ExampleMiddleware() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"secret"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	protect := redoxauth.Middleware(token, &redoxauth.Options{
		MaxBodyBytes: 10 << 20,
		Observe: func(r *http.Request, d redoxauth.Decision) {
			var e *redoxauth.Error
			if errors.As(d.Err, &e) {
				fmt.Println("refused:", e.Reason) // for a metric
			}
		},
	})
	h := protect(destination)

	play(h, redoxtest.VerificationToken{Token: "secret"})
	play(h, redoxtest.VerificationToken{Token: "guess"})
	play(h)
	// Output:
	// accepted by verifytoken
	// 200
	// refused: token
	// 401
	// refused: missing
	// 401
}

// A framework that has no http.Handler calls Check, and hands on the request that it
// returns.
func ExampleCheck() {
	handler := destination
	verifier, err := verifytoken.New(verifytoken.Config{Tokens: []string{"secret"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	route := func(w http.ResponseWriter, r *http.Request) {
		accepted, err := redoxauth.Check(verifier, w, r, nil)
		if err != nil {
			redoxauth.WriteError(w, err)
			return
		}
		handler.ServeHTTP(w, accepted)
	}
	play(http.HandlerFunc(route), redoxtest.VerificationToken{Token: "secret"})
	play(http.HandlerFunc(route), redoxtest.VerificationToken{Token: "guess"})
	// Output:
	// accepted by verifytoken
	// 200
	// 401
}

// signature returns a verifier of AWS signatures, and its sender.
func signature() (redoxauth.Verifier, redoxtest.Signer) {
	v, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}},
		Region:      "us-east-1", Service: "redox",
	})
	if err != nil {
		panic(err)
	}
	return v, redoxtest.SigV4{AccessKey: "AKIDEXAMPLE", SecretKey: "secret", AWSRegion: "us-east-1", ServiceName: "redox"}
}

// While a destination moves from its token to a credential, either will do. AnyOf is
// as strong as the weaker of the two.
func ExampleAnyOf() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"secret"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	signed, signer := signature()
	h := redoxauth.Middleware(redoxauth.AnyOf(token, signed), nil)(destination)

	play(h, redoxtest.VerificationToken{Token: "secret"})
	play(h, signer)
	play(h)
	// Output:
	// accepted by verifytoken
	// 200
	// accepted by sigv4
	// 200
	// 401
}

// A token and a credential are stronger than either.
func ExampleAllOf() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"secret"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	signed, signer := signature()
	h := redoxauth.Middleware(redoxauth.AllOf(token, signed), nil)(destination)

	play(h, redoxtest.VerificationToken{Token: "secret"}, signer)
	play(h, redoxtest.VerificationToken{Token: "secret"})
	// Output:
	// accepted by sigv4
	// 200
	// 401
}

// A Verifier of your own: the peer is known by its client certificate.
func ExampleVerifierFunc() {
	certificate := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			return nil, &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Strategy: "mtls", Reason: "missing"}
		}
		return &redoxauth.Identity{Strategy: "mtls", Subject: r.TLS.PeerCertificates[0].Subject.CommonName}, nil
	})
	play(redoxauth.Middleware(certificate, nil)(destination))
	// Output: 401
}

func ExampleLogDecisions() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "duration" {
			return slog.Attr{} // so that the output is always the same
		}
		return a
	}}))
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"secret"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	h := redoxauth.Middleware(token, &redoxauth.Options{Observe: redoxauth.LogDecisions(logger)})(destination)
	play(h, redoxtest.VerificationToken{Token: "guess"})
	// Output:
	// level=WARN msg="redox request refused" event=message status=401 method=POST path=/redox remote=192.0.2.1:1234 strategy=verifytoken reason=token error="verifytoken: credentials rejected (token): the token is none of Config.Tokens"
	// 401
}
