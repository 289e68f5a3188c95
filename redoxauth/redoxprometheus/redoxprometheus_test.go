package redoxprometheus_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxprometheus"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

func compare(t *testing.T, registry *prometheus.Registry, want string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

// unlessWrong accepts every request without the header X-Wrong, as whom the peer says.
var unlessWrong = redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
	if r.Header.Get("X-Wrong") != "" {
		return nil, redoxauth.Errorf(redoxauth.ErrRejected, "signature", "").In("test")
	}
	return &redoxauth.Identity{Strategy: "test", Subject: r.Header.Get("X-Subject"), KeyID: r.Header.Get("X-Subject")}, nil
})

// request returns one that a peer has filled with its own values.
func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/path-of-the-peer?query-of-the-peer", http.NoBody)
	r.RemoteAddr = "peer:1"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func TestNoLabelHasAValueOfThePeer(t *testing.T) {
	registry := prometheus.NewRegistry()
	protect := redoxauth.Middleware(unlessWrong, &redoxauth.Options{Observe: redoxprometheus.Observe(registry)})
	h := redoxprometheus.Count(registry)(protect(http.NotFoundHandler()))
	h.ServeHTTP(httptest.NewRecorder(), request("X-Subject", "subject-of-the-peer"))
	h.ServeHTTP(httptest.NewRecorder(), request("X-Wrong", "yes"))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := 0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			series++
			if text := m.String(); strings.Contains(text, "peer") || strings.Contains(text, "yes") {
				t.Errorf("%s: %s", f.GetName(), text)
			}
		}
	}
	if want := 2 + 1 + 8; series != want { // decisions, a histogram, answers with those that begin with 0
		t.Errorf("got %d series, want %d", series, want)
	}
}

// Prometheus's base unit of time is the second: https://prometheus.io/docs/practices/naming/#base-units
func TestDurationIsInSeconds(t *testing.T) {
	registry := prometheus.NewRegistry()
	redoxprometheus.Observe(registry)(request(), redoxauth.Decision{Event: "message", Identity: &redoxauth.Identity{}, Duration: 1500 * time.Millisecond})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "redoxauth_decision_duration_seconds" {
			continue
		}
		if got := f.GetMetric()[0].GetHistogram().GetSampleSum(); got != 1.5 {
			t.Errorf("got %v s, want 1.5", got)
		}
		// To wait for a body or for keys takes seconds.
		buckets := f.GetMetric()[0].GetHistogram().GetBucket()
		if least, most := buckets[0].GetUpperBound(), buckets[len(buckets)-1].GetUpperBound(); least > 20e-6 || most < 10 {
			t.Errorf("the buckets end at %v s to %v s", least, most)
		}
		return
	}
	t.Error("no histogram")
}

// The names follow https://prometheus.io/docs/practices/naming/, as Prometheus's linter checks it.
func TestNamesFollowPrometheusConventions(t *testing.T) {
	registry := prometheus.NewRegistry()
	redoxprometheus.Observe(registry)(request(), redoxauth.Decision{Event: "message", Identity: &redoxauth.Identity{}})
	redoxprometheus.Count(registry)
	set, err := keyset.NewRemote(keyset.RemoteConfig{URL: "https://keys.example"})
	if err != nil {
		t.Fatal(err)
	}
	registry.MustRegister(redoxprometheus.NewKeySetCollector(set, "a"))
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

func TestCountSeesWhatWasSent(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		status  string
	}{
		"nothing":     {func(http.ResponseWriter, *http.Request) {}, "200"},
		"body only":   {func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("stored")) }, "200"},
		"early hints": {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusEarlyHints); w.WriteHeader(202) }, "202"},
		"switching":   {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusSwitchingProtocols) }, "101"},
		"200 first":   {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(200); w.WriteHeader(503) }, "200"},
		"the first":   {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503); w.WriteHeader(200) }, "503"},
		"panic":       {func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, "500"},
	}
	for name, test := range tests {
		registry := prometheus.NewRegistry()
		h := redoxprometheus.Count(registry)(test.handler)
		func() {
			defer func() {
				if (recover() != nil) != (name == "panic") {
					t.Errorf("%s: a panic must pass, and nothing else may", name)
				}
			}()
			h.ServeHTTP(httptest.NewRecorder(), request())
		}()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range families[0].GetMetric() {
			want := 0.0
			if m.GetLabel()[0].GetValue() == test.status {
				want = 1
			}
			if got := m.GetCounter().GetValue(); got != want {
				t.Errorf("%s: %s has %v, want %v", name, m.GetLabel()[0].GetValue(), got, want)
			}
		}
	}
}

// The wrapper must not hide the connection: redoxauth sets read deadlines on it.
func TestCountLeadsToTheConnection(t *testing.T) {
	h := redoxprometheus.Count(prometheus.NewRegistry())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), request())
}

// What a handler writes to a hijacked connection is unknown. Counted as 200 it would hide that no
// message comes.
func TestCountLeavesOutHijackedConnections(t *testing.T) {
	registry := prometheus.NewRegistry()
	count := redoxprometheus.Count(registry)
	server := httptest.NewServer(count(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/hijacks" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil || buffered == nil {
			t.Error(buffered, err)
			return
		}
		defer conn.Close()
		if _, _, err := w.(http.Hijacker).Hijack(); !errors.Is(err, http.ErrHijacked) {
			t.Errorf("hijacked again: got %v, want ErrHijacked", err)
		}
		fmt.Fprint(conn, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})))
	defer server.Close()
	for path, status := range map[string]int{"/hijacks": 500, "/answers": 204} {
		response, err := server.Client().Post(server.URL+path, "application/json", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != status {
			t.Errorf("%s: got %d, want %d", path, response.StatusCode, status)
		}
	}
	server.Close() // the deferred count of a handler may run after its answer

	// A connection that cannot be hijacked is answered, and counted.
	count(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("got %v, want ErrNotSupported", err)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	})).ServeHTTP(httptest.NewRecorder(), request())
	compare(t, registry, `
# HELP redoxauth_answers_total Answers by the status that was sent, by Verifiers and by the handler.
# TYPE redoxauth_answers_total counter
redoxauth_answers_total{status="200"} 0
redoxauth_answers_total{status="201"} 0
redoxauth_answers_total{status="202"} 0
redoxauth_answers_total{status="204"} 1
redoxauth_answers_total{status="400"} 0
redoxauth_answers_total{status="413"} 0
redoxauth_answers_total{status="503"} 1
`, "redoxauth_answers_total")
}

func TestRegisteringTwiceSharesTheMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	labelled := prometheus.WrapRegistererWith(prometheus.Labels{"destination": "orders"}, prometheus.NewRegistry())
	for _, r := range []prometheus.Registerer{registry, labelled, registry, labelled} {
		redoxprometheus.Observe(r)(request(), redoxauth.Decision{Event: "message", Identity: &redoxauth.Identity{Strategy: "test"}})
		redoxprometheus.Count(r)(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), request())
	}
	compare(t, registry, `
# HELP redoxauth_answers_total Answers by the status that was sent, by Verifiers and by the handler.
# TYPE redoxauth_answers_total counter
redoxauth_answers_total{status="200"} 0
redoxauth_answers_total{status="201"} 0
redoxauth_answers_total{status="202"} 0
redoxauth_answers_total{status="204"} 0
redoxauth_answers_total{status="400"} 0
redoxauth_answers_total{status="404"} 2
redoxauth_answers_total{status="413"} 0
# HELP redoxauth_decisions_total Decisions about requests. A refusal has a reason.
# TYPE redoxauth_decisions_total counter
redoxauth_decisions_total{event="message",reason="",strategy="test"} 2
`, "redoxauth_answers_total", "redoxauth_decisions_total")
}

// A metric of the same name with other labels cannot be shared: better to stop at the start.
func TestRegisteringBesideAForeignMetricPanics(t *testing.T) {
	for name, register := range map[string]func(prometheus.Registerer){
		"redoxauth_decisions_total": func(r prometheus.Registerer) { redoxprometheus.Observe(r) },
		"redoxauth_answers_total":   func(r prometheus.Registerer) { redoxprometheus.Count(r) },
	} {
		registry := prometheus.NewRegistry()
		registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: "another"}))
		func() {
			defer func() {
				if err, _ := recover().(error); err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("got %v, want an error that names %s", err, name)
				}
			}()
			register(registry)
		}()
	}
}

func TestKeySetCollector(t *testing.T) {
	registry := prometheus.NewRegistry()
	up, down := redoxtest.NewKeyServer(redoxtest.NewKey("1", "ES256")), redoxtest.NewKeyServer()
	defer up.Close()
	defer down.Close()
	down.Fail(redoxtest.Status(http.StatusInternalServerError))
	for name, server := range map[string]*redoxtest.KeyServer{"up": up, "down": down, "unused": up} {
		set, err := keyset.NewRemote(keyset.RemoteConfig{URL: server.JWKSURL, InsecureAllowHTTP: true})
		if err != nil {
			t.Fatal(err)
		}
		registry.MustRegister(redoxprometheus.NewKeySetCollector(set, name))
		if name == "unused" {
			continue
		}
		if err := set.Ready(t.Context()); (err == nil) != (name == "up") {
			t.Fatal(err)
		}
	}
	compare(t, registry, `
# HELP redoxauth_keyset_keys Keys that can verify tokens now.
# TYPE redoxauth_keyset_keys gauge
redoxauth_keyset_keys{keyset="down"} 0
redoxauth_keyset_keys{keyset="unused"} 0
redoxauth_keyset_keys{keyset="up"} 1
# HELP redoxauth_keyset_last_fetch_failed 1 if the last fetch of keys failed.
# TYPE redoxauth_keyset_last_fetch_failed gauge
redoxauth_keyset_last_fetch_failed{keyset="down"} 1
redoxauth_keyset_last_fetch_failed{keyset="unused"} 0
redoxauth_keyset_last_fetch_failed{keyset="up"} 0
`)
	var already prometheus.AlreadyRegisteredError
	set, err := keyset.NewRemote(keyset.RemoteConfig{URL: up.JWKSURL, InsecureAllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := registry.Register(redoxprometheus.NewKeySetCollector(set, "up")); !errors.As(err, &already) {
		t.Errorf("a second set of one name: got %v, want AlreadyRegisteredError", err)
	}
}
