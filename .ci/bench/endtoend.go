package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A route is a way for messages through the server, beside others with the same body.
type route struct {
	name     string
	requests [][]byte // as sent, to use in turn
	above    float64  // the most processor time above plain, in µs; 0: no goal
	p99      float64  // the most p99, as a ratio to plain; 0: no goal

	// Of each round.
	processor, added, ratios []float64 // µs, µs above plain, ratios to plain
	p50s, p99s               []float64 // ratios to plain
	allocated                []float64 // bytes a request above plain
}

// endToEnd measures whole requests. The processor time of the server is that of a
// connection that sends again as soon as it is answered. The latencies are those at half
// of the rate that the plain handler reaches then.
func endToEnd(e effort, g *goals) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(1, runtime.NumCPU()-1))) // leave the server its own
	s := startServer()
	defer s.stop()
	small, large := bytes.Repeat([]byte("x"), 1<<10), bytes.Repeat([]byte("x"), 100<<10)
	compareRoutes(s, "1 KB", smallRoutes(small), e, g)
	compareRoutes(s, "100 KB", largeRoutes(large), e, g)
}

func smallRoutes(body []byte) []*route {
	bearer := func(path string, tokens ...string) (requests [][]byte) {
		for _, t := range tokens {
			r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+t)
			requests = append(requests, wire(r))
		}
		return requests
	}
	token := httptest.NewRequest(http.MethodPost, "/verifytoken", bytes.NewReader(body))
	check(redoxtest.VerificationToken{Token: verificationToken}.Sign(token))
	return []*route{
		{name: "plain", requests: unsigned("/plain", body)},
		{name: "plain, again", requests: unsigned("/plain", body)},
		{name: "trivial wrapper", requests: unsigned("/wrapper", body)},
		{name: "verifytoken", requests: [][]byte{wire(token)}},
		{name: "jwtbearer, repeated use", requests: bearer("/jwtbearer", jwts()[0]), above: 3.5},
		{name: "jwtbearer, first use", requests: bearer("/jwtbearer", jwts()...)},
		{name: "issued token, repeated use", requests: bearer("/issued", issuedTokens()[0])},
		{name: "golang-jwt v5 RS256", requests: bearer("/golang-jwt", jwts()[0])},
		{name: "jwx v2 RS256", requests: bearer("/jwx", jwts()[0])},
		{name: "sigv4", requests: sigV4("/sigv4", body, false), above: 5, p99: 1.25},
		{name: "sigv4, hash declared", requests: sigV4("/sigv4", body, true), above: 5, p99: 1.25},
		{name: "re-sign with the AWS SDK", requests: sigV4("/aws-sdk", body, false)},
	}
}

func largeRoutes(body []byte) []*route {
	return []*route{
		{name: "plain", requests: unsigned("/plain", body)},
		{name: "plain, again", requests: unsigned("/plain", body)},
		{name: "sigv4", requests: sigV4("/sigv4", body, false)},
		{name: "sigv4, hash declared", requests: sigV4("/sigv4", body, true)},
		{name: "re-sign with the AWS SDK", requests: sigV4("/aws-sdk", body, false)},
	}
}

func unsigned(path string, body []byte) [][]byte {
	return [][]byte{wire(httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body)))}
}

func sigV4(path string, body []byte, declareHash bool) [][]byte {
	return [][]byte{wire(signedRequest(path, body, declareHash))}
}

// wire returns the bytes of r on HTTP/1.1.
func wire(r *http.Request) []byte {
	var b bytes.Buffer
	check(r.Write(&b))
	return b.Bytes()
}

// compareRoutes compares routes with the first of them.
func compareRoutes(s *server, body string, routes []*route, e effort, g *goals) {
	l := newLoad(s.address)
	defer l.close()
	var reached, p50s, p99s []float64 // of the first, in requests a second and µs
	for round := range e.rounds + 1 {
		var limit, rate, p50, p99, allocated float64
		for i, x := range routes {
			before := s.usage()
			n := float64(len(l.run(x.requests, 0, 2*e.slice)))
			after := s.usage()
			cost := (after.Processor - before.Processor).Seconds() * 1e6 / n
			bytes := float64(after.Allocated-before.Allocated) / n
			if i == 0 {
				limit, rate, allocated = cost, n/(2*e.slice).Seconds(), bytes
			}
			var latencies []time.Duration
			if cost*rate/2 < 0.9e6 { // it can keep up
				latencies = l.run(x.requests, rate/2, 2*e.slice)
			}
			if i == 0 {
				p50, p99 = float64(quantile(latencies, 0.5)), float64(quantile(latencies, 0.99))
			}
			if round == 0 { // to warm up
				continue
			}
			x.processor, x.added, x.ratios = append(x.processor, cost), append(x.added, cost-limit), append(x.ratios, cost/limit)
			x.allocated = append(x.allocated, bytes-allocated)
			if latencies != nil {
				x.p50s = append(x.p50s, float64(quantile(latencies, 0.5))/p50)
				x.p99s = append(x.p99s, float64(quantile(latencies, 0.99))/p99)
			}
		}
		if round > 0 {
			reached, p50s, p99s = append(reached, rate), append(p50s, p50/1e3), append(p99s, p99/1e3)
		}
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "end to end, %s body\tµs above plain\tµs\tratio\tp50 ratio\tp99 ratio\tB above plain\n", body)
	for _, x := range routes {
		fmt.Fprintf(t, "  %s\t%.1f\t%.1f\t%.2f\t%s\t%s\t%.0f\n",
			x.name, median(x.added), median(x.processor), median(x.ratios), latencyRatio(x.p50s), latencyRatio(x.p99s), median(x.allocated))
		what := "end to end, " + body + " body: " + x.name
		if x.above > 0 {
			g.add(what, median(x.added), "µs above plain", x.above)
		}
		if x.p99 > 0 {
			g.add(what, median(x.p99s), "× plain's p99", x.p99)
		}
	}
	t.Flush()
	fmt.Printf("  plain reaches %.0f requests a second; at half of that p50 is %.0f µs and p99 %.0f µs\n\n",
		median(reached), median(p50s), median(p99s))
}

func latencyRatio(v []float64) string {
	if len(v) == 0 {
		return "overload"
	}
	return fmt.Sprintf("%.2f", median(v))
}
