// Package opentelemetry exports, as OpenTelemetry metrics, the decisions of Verifiers, the status
// of every answer to a message, and the health of the keys that Verifiers fetch. It also describes
// decisions on the request's span. The middleware that starts the span, such as otelhttp, must be
// in front of the Verifier.
//
// Every attribute of a metric has a bounded set of values. The library defines event, strategy,
// status and reason. The attribute key names a configured secret or a published key, because only
// an Identity has one. The Subject is only on the span.
//
// A decision is made before the handler answers: an accepted message has no status. So the answers
// are counted beside the decisions: a 500 of the handler pauses the feed too. If you use otelhttp,
// its http.server.request.duration has that status as http.response.status_code, of handshakes too.
//
// A stranger without a credential can cause the statuses 400, 401 and 413, and the reasons
// "missing", "malformed", "challenge", "query", "body_size", "body_read" and "body_timeout". The
// event "report" refuses nobody. So alert if
//
//   - redoxauth.answers grow with a redoxauth.status other than 2xx, 400, 401 and 413: the feed
//     pauses, because of a Verifier or of the handler
//   - redoxauth.answers grow for 10 minutes with 400 or 413: Redox repeats a message, or a
//     stranger goes on
//   - redoxauth.decisions grow with another redoxauth.reason, and an event other than "report"
//   - redoxauth.answers of 2xx do not grow, or are not there: no message was accepted and handled
//
// For Prometheus there is a module, redoxauth/redoxprometheus, and its alerts.yml has these rules.
package opentelemetry

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// Observe returns a function for redoxauth.Options.Observe, and for the Observe of
// handshakes and token endpoints.
func Observe(m metric.Meter) (func(*http.Request, redoxauth.Decision), error) {
	total, err := m.Int64Counter("redoxauth.decisions", metric.WithDescription("Decisions about requests."))
	duration, err2 := m.Float64Histogram("redoxauth.decision.duration", metric.WithUnit("s"),
		metric.WithDescription("Time to decide, reading the body included."),
		metric.WithExplicitBucketBoundaries(10e-6, 100e-6, 1e-3, 10e-3, 0.1, 1, 10, 60))
	observe := func(r *http.Request, d redoxauth.Decision) {
		attributes := []attribute.KeyValue{attribute.String("redoxauth.event", string(d.Event))}
		if d.Status != 0 {
			attributes = append(attributes, attribute.Int("redoxauth.status", d.Status))
		}
		span := trace.SpanFromContext(r.Context())
		var refusal *redoxauth.Error
		switch {
		case d.Identity != nil:
			attributes = append(attributes, attribute.String("redoxauth.strategy", d.Identity.Strategy), attribute.String("redoxauth.key", d.Identity.KeyID))
			span.SetAttributes(attribute.String("redoxauth.subject", d.Identity.Subject))
		case errors.As(d.Err, &refusal):
			attributes = append(attributes, attribute.String("redoxauth.strategy", refusal.Strategy), attribute.String("redoxauth.reason", string(refusal.Reason)))
			span.RecordError(d.Err) // it holds no secret
		}
		span.SetAttributes(attributes...)
		total.Add(r.Context(), 1, metric.WithAttributes(attributes...))
		duration.Record(r.Context(), d.Duration.Seconds(), metric.WithAttributes(attributes...))
	}
	return observe, errors.Join(err, err2)
}

// Count returns a wrapper that counts the status of every answer. It is the outermost one of a
// destination's messages, and Handshake is around it: with a handshake whose body stalls, a
// stranger causes a 503.
func Count(m metric.Meter) (func(http.Handler) http.Handler, error) {
	total, err := m.Int64Counter("redoxauth.answers", metric.WithDescription("Answers by the status that was sent, by Verifiers and by the handler."))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := &answer{ResponseWriter: w}
			status := http.StatusInternalServerError // of a panic
			defer func() {
				total.Add(r.Context(), 1, metric.WithAttributes(attribute.Int("redoxauth.status", status)))
			}()
			next.ServeHTTP(answer, r)
			status = cmp.Or(answer.status, http.StatusOK)
		})
	}, err
}

// An answer keeps its status.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 { // not "100 Continue" or "103 Early Hints"
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap leads to the read deadline of the connection: without it redoxauth cannot end the read
// of a stalled body.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// ObserveKeys exports the health of set under a name of your choice. A failed fetch is a
// warning: without keys the answer to every token is 503.
func ObserveKeys(m metric.Meter, name string, set *keyset.RemoteSet) error {
	keys, err := m.Int64ObservableGauge("redoxauth.keys", metric.WithDescription("Keys that can verify tokens now."))
	failed, err2 := m.Int64ObservableGauge("redoxauth.keys.fetch_failed", metric.WithDescription("1 if the last fetch failed."))
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	_, err = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		status, attributes := set.Status(), metric.WithAttributes(attribute.String("redoxauth.set", name))
		o.ObserveInt64(keys, int64(status.Keys), attributes)
		failure := int64(0)
		if status.Err != nil {
			failure = 1
		}
		o.ObserveInt64(failed, failure, attributes)
		return nil
	}, keys, failed)
	return err
}
