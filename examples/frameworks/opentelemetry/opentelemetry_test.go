package opentelemetry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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

	const accepted = "redoxauth.key=1,redoxauth.status=200,redoxauth.strategy=verifytoken"
	const refused = "redoxauth.reason=token,redoxauth.status=401,redoxauth.strategy=verifytoken"
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
	if got := attribute.NewSet(ended[0].Attributes()...); encode(got) != "redoxauth.key=1,redoxauth.status=200,redoxauth.strategy=verifytoken,redoxauth.subject=" {
		t.Errorf("got span attributes %s", encode(got))
	}
	if got := attribute.NewSet(ended[2].Attributes()...); encode(got) != refused {
		t.Errorf("got span attributes %s, want %s", encode(got), refused)
	}
	if len(ended[2].Events()) != 1 {
		t.Errorf("got %d events in the refusal's span, want its error", len(ended[2].Events()))
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
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}, Observe: observe}) // handshakes
	if err != nil {
		fmt.Println(err)
		return
	}
	protect := redoxauth.Middleware(token, &redoxauth.Options{Observe: observe}) // messages
	http.Handle("/redox", token.Handshake(protect(http.NotFoundHandler())))
}
