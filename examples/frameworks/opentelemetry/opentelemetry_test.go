package opentelemetry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	redoxotel "github.com/redoxauth/redoxauth-go/examples/frameworks/opentelemetry"
	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

func TestObserve(t *testing.T) {
	reader, spans := metric.NewManualReader(), tracetest.NewSpanRecorder()
	observe, err := redoxotel.Observe(metric.NewMeterProvider(metric.WithReader(reader)).Meter("redox"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"new", "old"}})
	if err != nil {
		t.Fatal(err)
	}
	tracer := trace.NewTracerProvider(trace.WithSpanProcessor(spans)).Tracer("redox")
	handler := redoxauth.Middleware(token, &redoxauth.Options{Observe: observe})(http.NotFoundHandler())
	for _, value := range []string{"old", "old", "forged"} {
		ctx, span := tracer.Start(t.Context(), "POST /redox")
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/redox", http.NoBody)
		r.Header.Set("Verification-Token", value)
		handler.ServeHTTP(httptest.NewRecorder(), r)
		span.End()
	}

	const accepted = "redoxauth.event=message,redoxauth.key=1,redoxauth.strategy=verifytoken"
	const refused = "redoxauth.event=message,redoxauth.reason=token,redoxauth.status=401,redoxauth.strategy=verifytoken"
	want := map[string]float64{
		"redoxauth.decisions " + accepted:         2,
		"redoxauth.decisions " + refused:          1,
		"redoxauth.decision.duration " + accepted: 2,
		"redoxauth.decision.duration " + refused:  1,
	}
	if diff := cmp.Diff(want, collect(t, reader)); diff != "" {
		t.Error(diff)
	}
	ended := spans.Ended()
	if got := attribute.NewSet(ended[0].Attributes()...); encode(got) != "redoxauth.event=message,redoxauth.key=1,redoxauth.strategy=verifytoken,redoxauth.subject=" {
		t.Errorf("got span attributes %s", encode(got))
	}
	if got := attribute.NewSet(ended[2].Attributes()...); encode(got) != refused {
		t.Errorf("got span attributes %s, want %s", encode(got), refused)
	}
	if len(ended[2].Events()) != 1 {
		t.Errorf("got %d events in the refusal's span, want its error", len(ended[2].Events()))
	}
}

// A message that is accepted and that the handler then fails on pauses the feed. No decision
// shows it, the answers do.
func TestFailureOfTheHandlerIsCounted(t *testing.T) {
	reader := metric.NewManualReader()
	meter := metric.NewMeterProvider(metric.WithReader(reader)).Meter("redox")
	observe, err := redoxotel.Observe(meter)
	if err != nil {
		t.Fatal(err)
	}
	count, err := redoxotel.Count(meter)
	if err != nil {
		t.Fatal(err)
	}
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"secret"}})
	if err != nil {
		t.Fatal(err)
	}
	protect := redoxauth.Middleware(token, &redoxauth.Options{Observe: observe})
	handler := count(protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/stores":
			w.Write([]byte("stored"))
		case "/fails":
			http.Error(w, "the database is down", http.StatusInternalServerError)
		case "/panics":
			panic("p")
		}
	})))
	for _, target := range []string{"/stores", "/fails", "/panics"} {
		for _, value := range []string{"secret", "forged"} {
			r := httptest.NewRequest(http.MethodPost, target, http.NoBody)
			r.Header.Set("Verification-Token", value)
			func() {
				defer func() { recover() }()
				handler.ServeHTTP(httptest.NewRecorder(), r)
			}()
		}
	}
	want := map[string]float64{
		"redoxauth.answers redoxauth.status=200":                                                                                 1,
		"redoxauth.answers redoxauth.status=401":                                                                                 3,
		"redoxauth.answers redoxauth.status=500":                                                                                 2,
		"redoxauth.decisions redoxauth.event=message,redoxauth.key=0,redoxauth.strategy=verifytoken":                             3,
		"redoxauth.decisions redoxauth.event=message,redoxauth.reason=token,redoxauth.status=401,redoxauth.strategy=verifytoken": 3,
	}
	got := collect(t, reader)
	for name := range got {
		if strings.HasPrefix(name, "redoxauth.decision.duration") {
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestObserveKeys(t *testing.T) {
	reader := metric.NewManualReader()
	meter := metric.NewMeterProvider(metric.WithReader(reader)).Meter("redox")
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
		if err := redoxotel.ObserveKeys(meter, name, set); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]float64{
		"redoxauth.keys redoxauth.set=up":                1,
		"redoxauth.keys redoxauth.set=down":              0,
		"redoxauth.keys.fetch_failed redoxauth.set=up":   0,
		"redoxauth.keys.fetch_failed redoxauth.set=down": 1,
	}
	if diff := cmp.Diff(want, collect(t, reader)); diff != "" {
		t.Error(diff)
	}
}

// collect returns the values, or the counts of histograms, by name and attributes.
func collect(t *testing.T, reader metric.Reader) map[string]float64 {
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				found[m.Name+" "+encode(p.Attributes)] = float64(p.Value)
			}
		case metricdata.Gauge[int64]:
			for _, p := range data.DataPoints {
				found[m.Name+" "+encode(p.Attributes)] = float64(p.Value)
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				found[m.Name+" "+encode(p.Attributes)] = float64(p.Count)
			}
		}
	}
	return found
}

func encode(s attribute.Set) string { return s.Encoded(attribute.DefaultEncoder()) }

func ExampleObserve() {
	observe, err := redoxotel.Observe(otel.Meter("example.com/destination"))
	if err != nil {
		fmt.Println(err)
		return
	}
	count, err := redoxotel.Count(otel.Meter("example.com/destination"))
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
	http.Handle("/redox", token.Handshake(count(protect(http.NotFoundHandler()))))
}
