package prometheus_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	redoxprometheus "github.com/redoxauth/redoxauth-go/examples/frameworks/prometheus"
	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

func TestObserve(t *testing.T) {
	registry := prometheus.NewRegistry()
	observe, err := redoxprometheus.Observe(registry)
	if err != nil {
		t.Fatal(err)
	}
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"new", "old"}})
	if err != nil {
		t.Fatal(err)
	}
	handler := redoxauth.Middleware(token, &redoxauth.Options{Observe: observe})(http.NotFoundHandler())
	for i, value := range []string{"new", "old", "old", "forged"} {
		r := httptest.NewRequest(http.MethodPost, fmt.Sprintf("/redox/%d", i), http.NoBody)
		r.Header.Set("Verification-Token", value)
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	const want = `
# HELP redoxauth_decisions_total Decisions about requests; a refusal has a reason, an acceptance the key that matched.
# TYPE redoxauth_decisions_total counter
redoxauth_decisions_total{event="message",key="",reason="token",status="401",strategy="verifytoken"} 1
redoxauth_decisions_total{event="message",key="0",reason="",status="",strategy="verifytoken"} 1
redoxauth_decisions_total{event="message",key="1",reason="",status="",strategy="verifytoken"} 2
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "redoxauth_decisions_total"); err != nil {
		t.Error(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "redoxauth_decision_duration_seconds" {
			if n := f.GetMetric()[0].GetHistogram().GetSampleCount(); n != 4 {
				t.Errorf("got %d durations, want 4", n)
			}
			return
		}
	}
	t.Error("no durations")
}

// A message that is accepted and that the handler then fails on pauses the feed. No decision
// shows it, the answers do.
func TestFailureOfTheHandlerIsCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	observe, err := redoxprometheus.Observe(registry)
	if err != nil {
		t.Fatal(err)
	}
	count, err := redoxprometheus.Count(registry)
	if err != nil {
		t.Fatal(err)
	}
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"secret"}, Observe: observe})
	if err != nil {
		t.Fatal(err)
	}
	protect := redoxauth.Middleware(token, &redoxauth.Options{Observe: observe})
	handler := count(token.Handshake(protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/stores":
			w.Write([]byte("stored"))
		case "/hints":
			w.WriteHeader(http.StatusEarlyHints)
		case "/fails":
			http.Error(w, "the database is down", http.StatusInternalServerError)
		case "/panics":
			panic("p")
		}
	}))))
	for _, target := range []string{"/stores", "/hints", "/fails", "/panics"} {
		for _, value := range []string{"secret", "forged"} {
			r := httptest.NewRequest(http.MethodPost, target, http.NoBody)
			r.Header.Set("Verification-Token", value)
			func() {
				defer func() { recover() }()
				handler.ServeHTTP(httptest.NewRecorder(), r)
			}()
		}
	}
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/?challenge=c&verification-token=secret", http.NoBody))
	const want = `
# HELP redoxauth_answers_total Answers by the status that was sent, by Verifiers and by the handler.
# TYPE redoxauth_answers_total counter
redoxauth_answers_total{status="200"} 3
redoxauth_answers_total{status="401"} 4
redoxauth_answers_total{status="500"} 2
redoxauth_answers_total{status="503"} 0
# HELP redoxauth_decisions_total Decisions about requests; a refusal has a reason, an acceptance the key that matched.
# TYPE redoxauth_decisions_total counter
redoxauth_decisions_total{event="handshake",key="0",reason="",status="200",strategy="verifytoken"} 1
redoxauth_decisions_total{event="message",key="",reason="token",status="401",strategy="verifytoken"} 4
redoxauth_decisions_total{event="message",key="0",reason="",status="",strategy="verifytoken"} 4
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "redoxauth_answers_total", "redoxauth_decisions_total"); err != nil {
		t.Error(err)
	}
}

func TestObserveTwiceInOneRegistry(t *testing.T) {
	registry := prometheus.NewRegistry()
	if _, err := redoxprometheus.Observe(registry); err != nil {
		t.Fatal(err)
	}
	if _, err := redoxprometheus.Observe(registry); err == nil {
		t.Error("got no error")
	}
}

func TestObserveKeys(t *testing.T) {
	registry := prometheus.NewRegistry()
	up, down := redoxtest.NewKeyServer(redoxtest.NewKey("1", "ES256")), redoxtest.NewKeyServer()
	defer up.Close()
	defer down.Close()
	down.Fail(redoxtest.Status(http.StatusInternalServerError))
	for name, server := range map[string]*redoxtest.KeyServer{"up": up, "down": down} {
		set, err := keyset.NewRemote(keyset.RemoteConfig{URL: server.JWKSURL, InsecureAllowHTTP: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := set.Ready(t.Context()); (err == nil) != (name == "up") {
			t.Fatal(err)
		}
		if err := redoxprometheus.ObserveKeys(registry, name, set); err != nil {
			t.Fatal(err)
		}
	}
	const want = `
# HELP redoxauth_keys Keys that can verify tokens now.
# TYPE redoxauth_keys gauge
redoxauth_keys{set="down"} 0
redoxauth_keys{set="up"} 1
# HELP redoxauth_keys_fetch_failed 1 if the last fetch failed.
# TYPE redoxauth_keys_fetch_failed gauge
redoxauth_keys_fetch_failed{set="down"} 1
redoxauth_keys_fetch_failed{set="up"} 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func ExampleObserve() {
	observe, err := redoxprometheus.Observe(prometheus.DefaultRegisterer)
	if err != nil {
		fmt.Println(err)
		return
	}
	count, err := redoxprometheus.Count(prometheus.DefaultRegisterer)
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}, Observe: observe}) // handshakes
	if err != nil {
		fmt.Println(err)
		return
	}
	protect := redoxauth.Middleware(token, &redoxauth.Options{Observe: observe}) // messages
	http.Handle("/redox", count(token.Handshake(protect(http.NotFoundHandler()))))
}
