package redoxprometheus_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxprometheus"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// printMetrics prints the metrics of this package, without comments and histograms.
func printMetrics(registry *prometheus.Registry) {
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "redoxauth_") && !strings.Contains(line, "duration") && !strings.HasSuffix(line, " 0\n") {
			fmt.Print(line)
		}
	}
}

// A destination with a verification token logs and counts. The second message has a wrong token.
// At the third the handler fails: no decision shows it, the answers do.
func ExampleObserve() {
	registry := prometheus.NewRegistry()
	metrics, log := redoxprometheus.Observe(registry), redoxauth.LogDecisions(slog.New(slog.DiscardHandler))
	observe := func(r *http.Request, d redoxauth.Decision) { metrics(r, d); log(r, d) }

	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"secret"}, Observe: observe})
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if message, err := io.ReadAll(r.Body); err != nil || len(message) == 0 {
			http.Error(w, "the message is empty", http.StatusInternalServerError)
		}
	})
	protect := redoxauth.Middleware(token, &redoxauth.Options{Observe: observe})
	count := redoxprometheus.Count(registry)
	server := httptest.NewServer(token.Handshake(count(protect(handler))))
	defer server.Close()

	ctx := context.Background()
	if err := redoxtest.Handshake(ctx, server.URL, "secret", http.MethodPost); err != nil {
		fmt.Println(err)
	}
	send(ctx, server.URL, "secret", redoxtest.PatientAdmin())
	send(ctx, server.URL, "guess", redoxtest.PatientAdmin())
	send(ctx, server.URL, "secret", nil)
	printMetrics(registry)
	// Output:
	// 200
	// 401
	// 500
	// redoxauth_answers_total{status="200"} 1
	// redoxauth_answers_total{status="401"} 1
	// redoxauth_answers_total{status="500"} 1
	// redoxauth_decisions_total{event="handshake",reason="",strategy="verifytoken"} 1
	// redoxauth_decisions_total{event="message",reason="",strategy="verifytoken"} 2
	// redoxauth_decisions_total{event="message",reason="token",strategy="verifytoken"} 1
}

// send sends one message and prints the status.
func send(ctx context.Context, url, token string, message []byte) {
	response, err := redoxtest.VerificationToken{Token: token}.Send(ctx, url, message)
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()
	fmt.Println(response.StatusCode)
}

// Two destinations in one process: a label tells them apart.
func ExampleObserve_destinations() {
	registry := prometheus.NewRegistry()
	mux := http.NewServeMux()
	for _, name := range []string{"orders", "results"} {
		labelled := prometheus.WrapRegistererWith(prometheus.Labels{"destination": name}, registry)
		token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"secret of " + name}})
		if err != nil {
			fmt.Println(err)
			return
		}
		protect := redoxauth.Middleware(token, &redoxauth.Options{Observe: redoxprometheus.Observe(labelled)})
		count := redoxprometheus.Count(labelled)
		mux.Handle("/redox/"+name, token.Handshake(count(protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))))
	}
	r := httptest.NewRequest(http.MethodPost, "/redox/orders", bytes.NewReader(redoxtest.PatientAdmin()))
	if err := (redoxtest.VerificationToken{Token: "secret of orders"}).Sign(r); err != nil {
		fmt.Println(err)
	}
	mux.ServeHTTP(httptest.NewRecorder(), r)
	printMetrics(registry)
	// Output:
	// redoxauth_answers_total{destination="orders",status="200"} 1
	// redoxauth_decisions_total{destination="orders",event="message",reason="",strategy="verifytoken"} 1
}

// The keys of an authorization server: the collector shows that they are there.
func ExampleNewKeySetCollector() {
	server := redoxtest.NewKeyServer(redoxtest.NewKey("1", "ES384"), redoxtest.NewKey("2", "RS384"))
	defer server.Close()
	keys, err := keyset.NewRemote(keyset.RemoteConfig{URL: server.JWKSURL, InsecureAllowHTTP: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(redoxprometheus.NewKeySetCollector(keys, "redox"))
	if err := keys.Ready(context.Background()); err != nil {
		fmt.Println(err)
	}
	printMetrics(registry)
	// Output: redoxauth_keyset_keys{keyset="redox"} 2
}
