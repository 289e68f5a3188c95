// Package prometheus exports, as Prometheus metrics, the decisions of Verifiers, the status of
// every answer, and the health of the keys that Verifiers fetch.
//
// Every label has a bounded set of values. The library defines event, strategy, status and
// reason. The label key names a configured secret or a published key, because only an Identity
// has one. Path, peer and Subject are not labels, because a peer chooses them.
//
// A decision is made before the handler answers: an accepted message has the status "". So the
// answers are counted beside the decisions, outermost: a 500 of the handler pauses the feed too.
//
// What to alert on, as in the documentation of package redoxauth:
//
//	increase(redoxauth_answers_total{status!~"[123]..|401|413"}[5m]) > 0
//	    the feed pauses: a dependency is down, a limit is reached, there is a bug, or the handler failed
//	increase(redoxauth_decisions_total{event!="report",reason!~"|missing|body_size"}[5m]) > 0
//	    a credential was refused: Redox, or an attacker
//	increase(redoxauth_decisions_total{event="message",strategy="sigv4",reason=""}[1h]) == 0
//	    nothing was accepted
//	increase(redoxauth_decisions_total{key="1"}[1h]) > 0
//	    the old secret is still in use
//	redoxauth_keys == 0
//	    the answer to every token is 503
//	redoxauth_keys_fetch_failed == 1
//	    soon: 503 for new keys, then for all
//
// increase does not see the first sample of a series. So Count begins with a 0 for 500 and 503.
// For the reasons, which cannot be listed before, add "or (x unless x offset 5m)".
package prometheus

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// Observe registers the metrics of decisions and returns a function for
// redoxauth.Options.Observe, and for the Observe of handshakes and token endpoints.
func Observe(r prometheus.Registerer) (func(*http.Request, redoxauth.Decision), error) {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "redoxauth_decisions_total",
		Help: "Decisions about requests; a refusal has a reason, an acceptance the key that matched.",
	}, []string{"event", "strategy", "status", "reason", "key"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "redoxauth_decision_duration_seconds",
		Help:    "Time to decide, reading the body included.",
		Buckets: prometheus.ExponentialBuckets(10e-6, 4, 12), // 10 µs to 42 s
	}, []string{"event", "strategy"})
	observe := func(_ *http.Request, d redoxauth.Decision) {
		var strategy, status, reason, key string
		var refusal *redoxauth.Error
		switch {
		case d.Identity != nil:
			strategy, key = d.Identity.Strategy, d.Identity.KeyID
		case errors.As(d.Err, &refusal):
			strategy, reason = refusal.Strategy, string(refusal.Reason)
		}
		if d.Status != 0 {
			status = strconv.Itoa(d.Status)
		}
		total.WithLabelValues(string(d.Event), strategy, status, reason, key).Inc()
		duration.WithLabelValues(string(d.Event), strategy).Observe(d.Duration.Seconds())
	}
	return observe, errors.Join(r.Register(total), r.Register(duration))
}

// Count registers the metric of answers, and returns a wrapper that counts the status of each. It
// goes outermost.
func Count(r prometheus.Registerer) (func(http.Handler) http.Handler, error) {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "redoxauth_answers_total",
		Help: "Answers by the status that was sent, by Verifiers and by the handler.",
	}, []string{"status"})
	for _, status := range []string{"500", "503"} {
		total.WithLabelValues(status)
	}
	count := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := &answer{ResponseWriter: w}
			status := http.StatusInternalServerError // of a panic
			defer func() { total.WithLabelValues(strconv.Itoa(status)).Inc() }()
			next.ServeHTTP(answer, r)
			status = cmp.Or(answer.status, http.StatusOK)
		})
	}
	return count, r.Register(total)
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

// ObserveKeys registers the health of set under a name of your choice.
func ObserveKeys(r prometheus.Registerer, name string, set *keyset.RemoteSet) error {
	gauge := func(metric, help string, value func(keyset.Status) float64) error {
		opts := prometheus.GaugeOpts{Name: metric, Help: help, ConstLabels: prometheus.Labels{"set": name}}
		return r.Register(prometheus.NewGaugeFunc(opts, func() float64 { return value(set.Status()) }))
	}
	return errors.Join(
		gauge("redoxauth_keys", "Keys that can verify tokens now.", func(s keyset.Status) float64 { return float64(s.Keys) }),
		gauge("redoxauth_keys_fetch_failed", "1 if the last fetch failed.", func(s keyset.Status) float64 {
			if s.Err != nil {
				return 1
			}
			return 0
		}),
	)
}
