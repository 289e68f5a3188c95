// Package redoxprometheus exports Prometheus metrics: what Verifiers decide, which status is
// sent, and whether the keys that Verifiers fetch are there. The file alerts.yml beside it has
// the rules that alert on them.
//
//	observe := redoxprometheus.Observe(prometheus.DefaultRegisterer)
//	count := redoxprometheus.Count(prometheus.DefaultRegisterer)
//	token, err := verifytoken.New(verifytoken.Config{Tokens: tokens, Observe: observe}) // handshakes
//	protect := redoxauth.Middleware(token, &redoxauth.Options{Observe: observe})        // messages
//	http.Handle("/redox", token.Handshake(count(protect(handler))))                     // answers
//
//	metrics := http.NewServeMux() // of its own, on a port that strangers cannot reach
//	metrics.Handle("/metrics", promhttp.Handler())
//	go func() { log.Fatal(http.ListenAndServe(":9464", metrics)) }()
//
// # Metrics
//
//	redoxauth_decisions_total{event,strategy,reason}     counter    Observe; the reason of an acceptance is ""
//	redoxauth_decision_duration_seconds{event,strategy}  histogram  Observe; reading the body included
//	redoxauth_answers_total{status}                      counter    Count; your handler's answers too
//	redoxauth_keyset_keys{keyset}                        gauge      NewKeySetCollector
//	redoxauth_keyset_last_fetch_failed{keyset}           gauge      NewKeySetCollector; 0 or 1
//
// The values of event and reason are listed at [redoxauth.Event] and [redoxauth.Reason].
// Strategy is the package that decided.
//
// # Settings
//
// Log too: one function calls that of [redoxauth.LogDecisions] and that of Observe, as
// ExampleObserve on pkg.go.dev does.
//
// Your own token endpoint: set the Observe of its EndpointConfig. Do not wrap it with Count: its
// answers of 200 would hide that no message comes.
//
// Several destinations in one process share the metrics if they share a Registerer. To tell them
// apart, give each one a label "destination", by which the rules group. The example
// [Observe (Destinations)] shows it.
//
// Fetched keys: register a [NewKeySetCollector] for each [keyset.RemoteSet].
//
// A framework without http.Handler: Observe works with [redoxauth.Check]. Count the statuses with
// the framework's own middleware, and put its metric into the rules.
//
// # Operation
//
// This command prints where alerts.yml is. Copy it, set the time after which RedoxSilent fires to
// the longest pause of your feed, and load it with rule_files in Prometheus's configuration:
//
//	go list -m -f '{{.Dir}}/alerts.yml' github.com/redoxauth/redoxauth-go/redoxauth/redoxprometheus
//
// Its alerts:
//
//	RedoxFeedPaused      an answer other than 2xx, 400, 401 and 413 was sent: Redox sends nothing until a retry succeeds
//	RedoxBadRequest      400 or 413 has been sent for 10 minutes: to Redox, or to strangers
//	RedoxRefused         refused for a reason that strangers without a credential do not cause
//	RedoxSilent          no message was answered with 2xx for an hour
//	RedoxDown            no process exports the metrics
//	RedoxNoKeys          a token was refused with 503, because there are no keys
//	RedoxKeysNotFetched  the last fetch failed, and none has succeeded for 10 minutes
//
// The log of [redoxauth.LogDecisions] says why.
//
// RedoxFeedPaused leaves out 400, 401 and 413, because strangers get them without a credential. If
// Redox gets one, the feed is paused too, and RedoxBadRequest, RedoxRefused or RedoxSilent shows
// it. For example, a message over MaxBodyBytes of [redoxauth.Options] is answered 413.
//
// # Limits
//
// No label has a value that a peer chooses, such as a path, an address, a subject or a key ID. So
// the number of series is bounded. Which secret matched ([redoxauth.Identity].KeyID) is in the
// log. If you write a Verifier of your own, keep its Strategy and Reason to a few words.
//
// RedoxDown fires if Prometheus scrapes no process at all. If several jobs export the metrics,
// write the rule for each. For one of several replicas, alert on Prometheus's own metric "up".
//
// [Observe (Destinations)]: https://pkg.go.dev/github.com/redoxauth/redoxauth-go/redoxauth/redoxprometheus#example-Observe-Destinations
package redoxprometheus

import (
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// Observe registers the metrics of decisions, and returns a function for
// [redoxauth.Options].Observe and for the Observe of handshakes and token endpoints. It is safe
// for concurrent use.
//
// It may be called again with the same r: then both functions count in the same metrics. It
// panics, as [prometheus.MustRegister] does, if r has metrics of these names with other labels.
func Observe(r prometheus.Registerer) func(*http.Request, redoxauth.Decision) {
	decisions := register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "redoxauth_decisions_total",
		Help: "Decisions about requests. A refusal has a reason.",
	}, []string{"event", "strategy", "reason"}))
	duration := register(r, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "redoxauth_decision_duration_seconds",
		Help:    "Time to decide, reading the body included.",
		Buckets: prometheus.ExponentialBuckets(10e-6, 4, 12), // 10 µs to 42 s
	}, []string{"event", "strategy"}))
	return func(_ *http.Request, d redoxauth.Decision) {
		var strategy, reason string
		var refusal *redoxauth.Error
		switch {
		case d.Identity != nil:
			strategy = d.Identity.Strategy
		case errors.As(d.Err, &refusal):
			strategy, reason = refusal.Strategy, string(refusal.Reason)
		}
		decisions.WithLabelValues(string(d.Event), strategy, reason).Inc()
		duration.WithLabelValues(string(d.Event), strategy).Observe(d.Duration.Seconds())
	}
}

// register returns c, or the equal collector that r has already.
func register[C prometheus.Collector](r prometheus.Registerer, c C) C {
	err := r.Register(c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		return already.ExistingCollector.(C)
	}
	if err != nil {
		panic(err)
	}
	return c
}
