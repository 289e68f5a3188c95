package redoxauth_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"

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

// A token and a credential are stronger than either. Handshake is outermost, because "Verify &
// Save" has no credential.
func ExampleAllOf() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"secret"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	signed, signer := signature()
	protect := redoxauth.Middleware(redoxauth.AllOf(token, signed), nil)
	h := token.Handshake(protect(destination))

	play(h, redoxtest.VerificationToken{Token: "secret"}, signer)
	play(h, redoxtest.VerificationToken{Token: "secret"})
	play(h, signer)
	// Output:
	// accepted by sigv4
	// 200
	// 401
	// 401
}

// Each destination of Redox has a path and a secret of its own. With one Options for all paths
// they share one budget of memory. A pattern such as "POST /redox/orders" would lose the GET form
// of the handshake.
func Example_paths() {
	opts := &redoxauth.Options{MaxBodyBytes: 10 << 20}
	mux := http.NewServeMux()
	for path, secret := range map[string]string{"/redox/orders": "theOrderToken", "/redox/results": "theResultToken"} {
		token, err := verifytoken.New(verifytoken.Config{Tokens: []string{secret}})
		if err != nil {
			fmt.Println(err)
			return
		}
		mux.Handle(path, token.Handshake(redoxauth.Middleware(token, opts)(destination)))
	}

	for _, path := range []string{"/redox/orders", "/redox/results"} {
		r := httptest.NewRequest(http.MethodPost, path, nil)
		r.Header.Set("verification-token", "theOrderToken")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(path, w.Code)
	}
	// Output:
	// accepted by verifytoken
	// /redox/orders 200
	// /redox/results 401
}

// A test of a handler without a Verifier: the context has the Identity.
func ExampleNewContext() {
	id := &redoxauth.Identity{Strategy: "sigv4", Subject: "AKIDEXAMPLE"}
	r := httptest.NewRequest(http.MethodPost, "/redox", nil)
	r = r.WithContext(redoxauth.NewContext(r.Context(), id))
	destination.ServeHTTP(httptest.NewRecorder(), r)
	// Output: accepted by sigv4
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

// logStatus logs the status of every answer, also the handler's own. It is outermost.
func logStatus(logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &statusWriter{ResponseWriter: w}
		level, status := slog.LevelError, http.StatusInternalServerError // of a panic
		defer func() { logger.Log(r.Context(), level, "redox request answered", "status", status, "path", r.URL.Path) }()
		next.ServeHTTP(s, r)
		if status = cmp.Or(s.status, http.StatusOK); status < 500 {
			level = slog.LevelInfo
		}
	})
}

// A statusWriter keeps the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	if s.status == 0 && status >= 200 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap leads to the read deadline of the connection: without it BodyTimeout ends no read.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// stdout returns a logger for examples. It leaves out what differs from run to run.
func stdout() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey, "duration", "method", "path", "remote", "error":
			return slog.Attr{}
		}
		return a
	}}))
}

// The log shows the decisions, and beside them what the handler answered: its 500 pauses the
// feed too. The section "Alerts" of the package says which of these lines need an alert.
func ExampleLogDecisions() {
	logger := stdout()
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"secret"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "the database is down", http.StatusInternalServerError)
	})
	protect := redoxauth.Middleware(token, &redoxauth.Options{Observe: redoxauth.LogDecisions(logger)})
	h := logStatus(logger, protect(handler))
	play(h, redoxtest.VerificationToken{Token: "guess"})
	play(h, redoxtest.VerificationToken{Token: "secret"})
	// Output:
	// level=WARN msg="redox request refused" event=message status=401 strategy=verifytoken reason=token help="redoxauth.Explain(verifier, r) tells what to change"
	// level=INFO msg="redox request answered" status=401
	// 401
	// level=INFO msg="redox request accepted" event=message strategy=verifytoken subject="" key_id=0
	// level=ERROR msg="redox request answered" status=500
	// 500
}

// The verification token is enforced already. The signature is only tried, behind it: the log
// says what Middleware would do. When it shows no refusal for a day, replace
// InsecureReportOnly by Middleware.
func ExampleInsecureReportOnly() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"secret"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	signed, signer := signature()
	opts := &redoxauth.Options{Observe: redoxauth.LogDecisions(stdout())}
	h := redoxauth.Middleware(token, opts)(redoxauth.InsecureReportOnly(signed, opts)(destination))

	play(h, redoxtest.VerificationToken{Token: "secret"})
	play(h, redoxtest.VerificationToken{Token: "secret"}, signer)
	// Output:
	// level=INFO msg="redox request accepted" event=message strategy=verifytoken subject="" key_id=0
	// level=WARN msg="redox request would be refused" event=report status=401 strategy=sigv4 reason=missing help="redoxauth.Explain(verifier, r) tells what to change"
	// accepted by verifytoken
	// 200
	// level=INFO msg="redox request accepted" event=message strategy=verifytoken subject="" key_id=0
	// level=INFO msg="redox request would be accepted" event=report strategy=sigv4 subject=AKIDEXAMPLE key_id=0
	// accepted by verifytoken
	// 200
}

// A page on a private port explains the last request that was refused. Observe keeps it: it has
// the hash of its body, but not the body.
func ExampleExplain() {
	signed, signer := signature()
	var last atomic.Pointer[http.Request]
	opts := &redoxauth.Options{Observe: func(r *http.Request, d redoxauth.Decision) {
		if d.Err != nil {
			last.Store(r)
		}
	}}
	debug := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		r := last.Load()
		if r == nil {
			fmt.Fprintln(w, "no request was refused")
			return
		}
		fmt.Fprint(w, redoxauth.Explain(signed, r))
	})
	// go http.ListenAndServe("localhost:6060", debug) // on loopback only: the text is for operators

	sent := httptest.NewRequest(http.MethodPost, "/redox", strings.NewReader(`{"Meta":{}}`))
	if err := signer.Sign(sent); err != nil {
		fmt.Println(err)
		return
	}
	sent.Body = io.NopCloser(strings.NewReader(`{"Meta":[]}`)) // something on the way has changed it
	redoxauth.Middleware(signed, opts)(destination).ServeHTTP(httptest.NewRecorder(), sent)

	page := httptest.NewRecorder()
	debug.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/", nil))
	decision, _, _ := strings.Cut(page.Body.String(), "):")
	fmt.Println(decision + ")")
	// Output: sigv4: credentials rejected (signature)
}
