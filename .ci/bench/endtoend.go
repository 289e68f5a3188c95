package main

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A route is a way for messages through the server, beside others with the same body.
type route struct {
	name     string
	next     func() []byte // the next request, as sent
	above    float64       // the most processor time above plain, in µs; 0: no goal
	p99Ratio float64       // the most p99, as a ratio to plain; 0: no goal

	// Of each round.
	processor, allocated []float64 // µs and bytes a request
	p50, p99             []float64 // µs
}

// endToEnd measures whole requests. The processor time is that of the server while each
// connection sends again as soon as it is answered. The latencies are medians of all rounds,
// at a part of the rate that the plain handler reaches.
func endToEnd(e effort, g *goals) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(1, runtime.NumCPU()-1))) // leave the server its own
	s := startServer()
	defer s.stop()
	small, large := bytes.Repeat([]byte("x"), 1<<10), bytes.Repeat([]byte("x"), 100<<10)
	compareRoutes(s, "1 KB", smallRoutes(small), 2, e, g)
	compareRoutes(s, "100 KB", largeRoutes(large), 10, e, g) // a half would be too much for all that hash the body
}

func smallRoutes(body []byte) []*route {
	bearer := func(path string, tokens ...string) func() []byte {
		var requests [][]byte
		for _, t := range tokens {
			r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+t)
			requests = append(requests, wire(r))
		}
		return inTurn(requests...)
	}
	token := httptest.NewRequest(http.MethodPost, "/verifytoken", bytes.NewReader(body))
	check(redoxtest.VerificationToken{Token: verificationToken}.Sign(token))
	return []*route{
		{name: "plain", next: unsigned("/plain", body)},
		{name: "plain, again", next: unsigned("/plain", body)},
		{name: "plain, with a JWT", next: bearer("/plain", jwts()[0])}, // which net/http reads
		{name: "trivial wrapper", next: unsigned("/wrapper", body)},
		{name: "verifytoken", next: inTurn(wire(token))},
		{name: "jwtbearer, repeated use", next: bearer("/jwtbearer", jwts()[0]), above: 3.5},
		{name: "jwtbearer, first use", next: bearer("/first-use", jwts()...)},
		{name: "issued token, repeated use", next: bearer("/issued", issuedTokens()[0])},
		{name: "golang-jwt v5 RS256", next: bearer("/golang-jwt", jwts()[0])},
		{name: "jwx v2 RS256", next: bearer("/jwx", jwts()[0])},
		{name: "sigv4", next: sigV4("/sigv4", body, false), above: 5, p99Ratio: 1.25},
		{name: "sigv4, hash declared", next: sigV4("/sigv4", body, true), above: 5, p99Ratio: 1.25},
		{name: "re-sign with the AWS SDK", next: sigV4("/aws-sdk", body, false)},
	}
}

func largeRoutes(body []byte) []*route {
	return []*route{
		{name: "plain", next: unsigned("/plain", body)},
		{name: "plain, again", next: unsigned("/plain", body)},
		{name: "sigv4", next: sigV4("/sigv4", body, false)},
		{name: "sigv4, hash declared", next: sigV4("/sigv4", body, true)},
		{name: "re-sign with the AWS SDK", next: sigV4("/aws-sdk", body, false)},
	}
}

func unsigned(path string, body []byte) func() []byte {
	return inTurn(wire(httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))))
}

func sigV4(path string, body []byte, declareHash bool) func() []byte {
	return inTurn(wire(signedRequest(path, body, declareHash)))
}

func inTurn(requests ...[]byte) func() []byte {
	i := -1
	return func() []byte {
		i = (i + 1) % len(requests)
		return requests[i]
	}
}

// wire returns the bytes of r on HTTP/1.1.
func wire(r *http.Request) []byte {
	var b bytes.Buffer
	check(r.Write(&b))
	return b.Bytes()
}

// compareRoutes compares routes with the first of them: their latencies at 1/part of the
// rate that it reaches.
func compareRoutes(s *server, body string, routes []*route, part float64, e effort, g *goals) {
	l := newLoad(s.address)
	defer l.close()
	var reached []float64 // by the first, in requests a second
	for round := range e.rounds + 1 {
		for i, x := range routes {
			before := s.usage()
			n := float64(len(l.run(x.next, 0, e.slice)))
			after := s.usage()
			if round == 0 { // to warm up
				continue
			}
			cost := micros(after.Processor-before.Processor) / n
			x.processor = append(x.processor, cost)
			x.allocated = append(x.allocated, float64(after.Allocated-before.Allocated)/n)
			if i == 0 {
				reached = append(reached, n/e.slice.Seconds())
			}
			rate := reached[round-1] / part
			if cost*rate > 0.9e6 {
				continue // an overload: each answer would take longer than the one before it
			}
			latencies := l.run(x.next, rate, e.slice)
			x.p50 = append(x.p50, micros(quantile(latencies, 0.5)))
			x.p99 = append(x.p99, micros(quantile(latencies, 0.99)))
		}
	}
	plain := routes[0]
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "end to end, %s body\tµs above plain\tµs\tratio\tp50 ratio\tp99 ratio\tB above plain\n", body)
	for _, x := range routes {
		least, limit := slices.Min(x.processor), slices.Min(plain.processor)
		p50, p99 := math.Inf(1), math.Inf(1)
		if len(x.p50) > e.rounds/2 {
			p50, p99 = median(x.p50)/median(plain.p50), median(x.p99)/median(plain.p99)
		}
		fmt.Fprintf(t, "  %s\t%.1f\t%.1f\t%.2f\t%.2f\t%.2f\t%.0f\n",
			x.name, least-limit, least, least/limit, p50, p99, median(x.allocated)-median(plain.allocated))
		what := "end to end, " + body + " body: " + x.name
		if x.above > 0 {
			g.add(what, least-limit, "µs above plain", x.above)
		}
		if x.p99Ratio > 0 {
			g.add(what, p99, "× plain's p99", x.p99Ratio)
		}
	}
	t.Flush()
	fmt.Printf("  plain reaches %.0f requests a second; at 1/%.0f of that p50 is %.0f µs and p99 %.0f µs\n\n",
		slices.Max(reached), part, median(plain.p50), median(plain.p99))
}

func micros(d time.Duration) float64 { return float64(d) / 1e3 }
