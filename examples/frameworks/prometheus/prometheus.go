// Package prometheus exports the decisions of Verifiers, and the health of the keys that
// they fetch, as Prometheus metrics.
//
// Every label has a bounded set of values. The library defines strategy, status and reason.
// The label key names a configured secret or a published key, because only an Identity has
// one. Path, peer and Subject are not labels, because a peer chooses them.
//
// What to alert on, as in the documentation of package redoxauth:
//
//	redoxauth_decisions_total{status=~"5.."}       a dependency is down, a limit is reached, or a bug
//	redoxauth_decisions_total{status=~"4..",reason!~"missing|body_size"}   Redox, or an attacker
//	redoxauth_decisions_total{strategy="sigv4",reason=""}   does not grow: nothing was accepted
//	redoxauth_decisions_total{key="1"}             the old secret is still in use
//	redoxauth_keys == 0                            the answer to every token is 503
//	redoxauth_keys_fetch_failed == 1               soon: 503 for new keys, then for all
package prometheus

import (
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
	}, []string{"strategy", "status", "reason", "key"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "redoxauth_decision_duration_seconds",
		Help:    "Time to decide, reading the body included.",
		Buckets: prometheus.ExponentialBuckets(10e-6, 4, 12), // 10 µs to 42 s
	}, []string{"strategy"})
	observe := func(_ *http.Request, d redoxauth.Decision) {
		var strategy, reason, key string
		var refusal *redoxauth.Error
		switch {
		case d.Identity != nil:
			strategy, key = d.Identity.Strategy, d.Identity.KeyID
		case errors.As(d.Err, &refusal):
			strategy, reason = refusal.Strategy, string(refusal.Reason)
		}
		total.WithLabelValues(strategy, strconv.Itoa(redoxauth.StatusCode(d.Err)), reason, key).Inc()
		duration.WithLabelValues(strategy).Observe(d.Duration.Seconds())
	}
	return observe, errors.Join(r.Register(total), r.Register(duration))
}

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
