package redoxprometheus

import (
	"bufio"
	"cmp"
	"net"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Count registers the metric of answers, and returns a wrapper that counts the status of each
// answer. A decision cannot have that status: it is made before your handler answers, and a 500
// of your handler pauses the feed too.
//
// The wrapper is the outermost one of a destination's messages, and Handshake is around it: with
// a handshake whose body stalls, a stranger causes a 503, which would alert you. Do not put the
// wrapper around a mux or a health check either: the 404 of a stranger would alert you, and the
// 200 of a health check would hide that no message comes. A handler that panics counts as 500. A
// connection that the handler hijacks is not counted.
//
// In the handler, use [http.ResponseController]: the writer is no [http.Flusher]. As behind every
// wrapper of a writer, [http.MaxBytesReader] refuses the body, but does not close the connection.
//
// Count may be called again with the same r, and panics as [Observe] does.
func Count(r prometheus.Registerer) func(http.Handler) http.Handler {
	answers := register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "redoxauth_answers_total",
		Help: "Answers by the status that was sent, by Verifiers and by the handler.",
	}, []string{"status"}))
	// Without a series there is no increase of 0, and a feed that never began would not alert.
	// The first sample of a series is no increase either, so the series that the rules sum up
	// begin with 0.
	for _, status := range []string{"200", "201", "202", "204", "400", "413"} {
		answers.WithLabelValues(status)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := &answer{ResponseWriter: w}
			status := http.StatusInternalServerError // of a panic
			defer func() {
				if !a.hijacked {
					answers.WithLabelValues(strconv.Itoa(status)).Inc()
				}
			}()
			next.ServeHTTP(a, r)
			status = cmp.Or(a.status, http.StatusOK)
		})
	}
}

// An answer keeps its status.
type answer struct {
	http.ResponseWriter
	status   int
	hijacked bool
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) { // not "103 Early Hints"
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap leads to the read deadline of the connection: without it redoxauth cannot end the read
// of a stalled body.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Hijack marks a as hijacked: the status is in what the handler writes to the connection.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err == nil {
		a.hijacked = true
	}
	return conn, rw, err
}
