// Package alerts_test evaluates the rules of alerts.yml with Prometheus's own engine. It is a
// module of its own, so that users of redoxprometheus do not depend on Prometheus's server.
package alerts_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// rules returns the rules of alerts.yml, as Prometheus loads them.
func rules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile("../../alerts.yml", false, model.UTF8Validation)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var all []rulefmt.Rule
	for _, g := range groups.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("no rules")
	}
	return all
}

// A span is the first and the last minute in which an alert fires.
type span [2]int

// alerts returns when each alert fires, by alert and labels. The field "for" is explained in
// https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/.
func (w *world) alerts() map[string][]span {
	w.t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{Logger: slog.New(slog.DiscardHandler), MaxSamples: 1e6, Timeout: time.Minute})
	fired := map[string][]span{}
	for _, rule := range rules(w.t) {
		since := map[string]int{}
		for minute := range w.minute + 1 {
			active := map[string]int{}
			for _, sample := range w.query(engine, rule.Expr, minute) {
				id := rule.Alert + labels.NewBuilder(sample.Metric).Del(model.MetricNameLabel, "job", "instance").Labels().String()
				if _, ok := active[id]; ok {
					w.t.Errorf("minute %d: %s is there twice", minute, id)
				}
				active[id] = minute
				if begin, ok := since[id]; ok {
					active[id] = begin
				}
				if time.Duration(minute-active[id])*time.Minute < time.Duration(rule.For) {
					continue // pending
				}
				if n := len(fired[id]); n > 0 && fired[id][n-1][1] == minute-1 {
					fired[id][n-1][1] = minute
				} else {
					fired[id] = append(fired[id], span{minute, minute})
				}
			}
			since = active
		}
	}
	return fired
}

func (w *world) query(engine *promql.Engine, expr string, minute int) promql.Vector {
	query, err := engine.NewInstantQuery(w.t.Context(), w, nil, expr, w.begin.Add(time.Duration(minute)*time.Minute))
	if err != nil {
		w.t.Fatal(err)
	}
	defer query.Close()
	vector, err := query.Exec(w.t.Context()).Vector()
	if err != nil {
		w.t.Fatal(err)
	}
	return slices.Clone(vector)
}

func TestAlerts(t *testing.T) {
	tests := map[string]struct {
		happens func(w *world)
		want    map[string][]span
	}{
		"healthy traffic, with strangers and a trial of another secret": {func(w *world) {
			p := w.start("a")
			w.run(200, func() {
				w.feed(p, "")
				w.send(p, "", 401, message)
				if w.minute%7 == 0 {
					w.send(p, "", 413, make([]byte, 2<<20))
				}
			})
		}, nil},
		"a process has just started, and its keys are not fetched": {func(w *world) {
			w.start("a")
			w.run(50, func() {})
		}, nil},
		"the handler fails for the first time, and again": {func(w *world) {
			p := w.start("a")
			w.run(100, func() {
				if p.broken = w.minute == 42 || w.minute == 71; p.broken {
					w.send(p, "", 500, message, w.redox)
				}
				w.feed(p, "")
			})
		}, map[string][]span{`RedoxFeedPaused{status="500"}`: {{43, 47}, {72, 75}}}},
		"a stranger sends malformed requests without a break": {func(w *world) {
			p := w.start("a")
			w.run(100, func() {
				if w.minute%4 == 0 {
					w.malformed(p)
				}
				w.feed(p, "")
			})
		}, map[string][]span{`RedoxBadRequest{status="400"}`: {{15, 100}}}}, // never RedoxFeedPaused or RedoxRefused
		"a stranger sends malformed requests once": {func(w *world) {
			p := w.start("a")
			w.run(100, func() {
				if w.minute == 42 {
					w.malformed(p)
				}
				w.feed(p, "")
			})
		}, nil},
		"a stranger stalls the body of a handshake": {func(w *world) {
			p := w.start("a")
			w.run(100, func() {
				if w.minute == 42 {
					stalled := io.MultiReader(strings.NewReader("{"), after(61*time.Second))
					w.request(p, "", 503, httptest.NewRequest(http.MethodPost, "/redox", stalled))
				}
				w.feed(p, "")
			})
		}, nil},
		"the handler fails beside malformed requests of a stranger": {func(w *world) {
			p := w.start("a")
			w.run(100, func() {
				if w.minute%4 == 0 {
					w.malformed(p)
				}
				if p.broken = w.minute == 42; p.broken {
					w.send(p, "", 500, message, w.redox)
				}
				w.feed(p, "")
			})
		}, map[string][]span{
			`RedoxBadRequest{status="400"}`: {{15, 100}},
			`RedoxFeedPaused{status="500"}`: {{43, 47}},
		}},
		"a proxy makes the messages of Redox malformed": {func(w *world) {
			p := w.start("a")
			w.run(150, func() {
				switch {
				case w.minute <= 40:
					w.feed(p, "")
				case w.minute%2 == 0: // Redox repeats it
					w.send(p, "", 400, message, w.redox, twice{})
				}
			})
		}, map[string][]span{
			`RedoxBadRequest{status="400"}`: {{53, 150}},
			`RedoxSilent{}`:                 {{105, 150}},
		}},
		"forgeries": {func(w *world) {
			p := w.start("a")
			w.run(100, func() {
				if w.minute == 42 {
					w.send(p, "", 401, message, redoxtest.VerificationToken{Token: "guess"})
				}
				if w.minute == 72 {
					w.send(p, "", 401, message, w.forger)
				}
				w.feed(p, "")
			})
		}, map[string][]span{
			`RedoxRefused{event="message", reason="token", strategy="verifytoken"}`:   {{43, 47}},
			`RedoxRefused{event="message", reason="signature", strategy="jwtbearer"}`: {{73, 77}},
		}},
		"a message of Redox is over MaxBodyBytes": {func(w *world) {
			p := w.start("a")
			w.run(200, func() {
				if w.minute <= 40 {
					w.feed(p, "")
				} else {
					w.send(p, "", 413, make([]byte, 2<<20), w.redox)
				}
			})
		}, map[string][]span{
			`RedoxBadRequest{status="413"}`: {{52, 200}},
			`RedoxSilent{}`:                 {{105, 200}},
		}},
		"Redox stops signing, and only strangers are refused": {func(w *world) {
			p := w.start("a")
			w.run(200, func() {
				if w.minute <= 40 {
					w.feed(p, "")
				} else {
					w.send(p, "", 401, message, token)
				}
			})
		}, map[string][]span{`RedoxSilent{}`: {{105, 200}}}}, // an hour after the last message left the 5 minutes
		"no message since the process started": {func(w *world) {
			p := w.start("a")
			w.run(30, func() { w.feed(p, "") })
			w.start("a")
			w.run(100, func() {})
		}, map[string][]span{`RedoxSilent{}`: {{85, 130}}}},
		"a replica is idle": {func(w *world) {
			w.start("idle")
			p := w.start("busy")
			w.run(200, func() { w.feed(p, "") })
		}, nil},
		"the process is gone": {func(w *world) {
			p := w.start("a")
			w.run(30, func() { w.feed(p, "") })
			delete(w.processes, "a")
			w.run(120, func() {})
		}, map[string][]span{`RedoxDown{}`: {{36, 150}}}},
		"one of two replicas is gone": {func(w *world) {
			w.start("gone")
			p := w.start("a")
			w.run(30, func() { w.feed(p, "") })
			delete(w.processes, "gone")
			w.run(120, func() { w.feed(p, "") })
		}, nil},
		"the process restarts": {func(w *world) {
			p := w.start("a")
			w.run(40, func() { w.feed(p, "") })
			delete(w.processes, "a")
			w.run(4, func() {})
			p = w.start("a")
			w.run(100, func() { w.feed(p, "") })
		}, nil},
		"one of two destinations is silent": {func(w *world) {
			p := w.start("a", "orders", "results")
			w.run(100, func() { w.feed(p, "orders") })
		}, map[string][]span{`RedoxSilent{destination="results"}`: {{62, 100}}}},
		"the key server fails, until the keys end": {func(w *world) {
			p := w.start("a")
			w.run(200, func() {
				switch w.minute {
				case 40:
					w.keyServer.Fail(redoxtest.Status(http.StatusInternalServerError))
				case 150:
					w.keyServer.Fail(nil)
				}
				status := 200
				if w.minute >= 111 && w.minute < 150 { // life and MaxStale are over
					status = 503
				}
				w.send(p, "", status, message, w.redox)
			})
		}, map[string][]span{
			`RedoxKeysNotFetched{keyset="redox"}`:                                {{59, 150}},
			`RedoxNoKeys{keyset="redox"}`:                                        {{113, 150}},
			`RedoxFeedPaused{status="503"}`:                                      {{112, 153}},
			`RedoxRefused{event="message", reason="keys", strategy="jwtbearer"}`: {{112, 153}},
		}},
		"the key server fails once, and then no token arrives": {func(w *world) {
			p := w.start("a")
			w.run(60, func() {
				switch w.minute {
				case 14:
					w.keyServer.Fail(redoxtest.Status(http.StatusInternalServerError))
					w.send(p, "", 503, message, w.redox)
					w.keyServer.Fail(nil)
				case 55:
					w.send(p, "", 200, message, w.redox)
				}
			})
		}, map[string][]span{
			`RedoxFeedPaused{status="503"}`:                                      {{15, 19}},
			`RedoxRefused{event="message", reason="keys", strategy="jwtbearer"}`: {{15, 19}},
			`RedoxKeysNotFetched{keyset="redox"}`:                                {{25, 55}},
		}},
		"the key server fails for a moment": {func(w *world) {
			p := w.start("a")
			w.run(100, func() {
				switch w.minute {
				case 40:
					w.keyServer.Fail(redoxtest.Status(http.StatusInternalServerError))
				case 55:
					w.keyServer.Fail(nil)
				}
				w.send(p, "", 200, message, w.redox)
			})
		}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				test.happens(w)
				if diff := cmp.Diff(test.want, w.alerts(), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("alerts, and when they fire (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A rule about a metric or label that does not exist never fires.
func TestRulesNameWhatIsExported(t *testing.T) {
	exported := map[string]map[string]bool{} // labels by metric
	inWorld(t, func(w *world) {
		p := w.start("a", "orders")
		w.run(1, func() { w.feed(p, "orders") })
		for _, s := range w.series {
			name := s.Metric.Get(model.MetricNameLabel)
			exported[name] = map[string]bool{}
			s.Metric.Range(func(l labels.Label) { exported[name][l.Name] = true })
		}
	})
	for _, rule := range rules(t) {
		expr, err := parser.ParseExpr(rule.Expr)
		if err != nil {
			t.Fatal(err)
		}
		var metrics []string
		named := map[string][]string{} // labels by metric
		parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
			if n, ok := n.(*parser.VectorSelector); ok {
				metrics = append(metrics, n.Name)
				for _, m := range n.LabelMatchers {
					named[n.Name] = append(named[n.Name], m.Name)
				}
			}
			return nil
		})
		parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
			var shared []string
			switch n := n.(type) {
			case *parser.AggregateExpr:
				shared = n.Grouping
			case *parser.BinaryExpr:
				if n.VectorMatching != nil {
					shared = n.VectorMatching.MatchingLabels
				}
			}
			for _, metric := range metrics {
				named[metric] = append(named[metric], shared...)
			}
			return nil
		})
		for _, m := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(fmt.Sprint(rule.Annotations), -1) {
			named[metrics[0]] = append(named[metrics[0]], m[1]) // an alert has the labels of the first one
		}
		for metric, names := range named {
			if exported[metric] == nil {
				t.Errorf("%s: %s is not exported", rule.Alert, metric)
			}
			for _, l := range names {
				if !exported[metric][l] {
					t.Errorf("%s: %s has no label %s", rule.Alert, metric, l)
				}
			}
		}
	}
}
