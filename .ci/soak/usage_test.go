package main

import (
	"io"
	"testing"
)

// The run that is documented lasts 3 minutes, so it has 180 measurements.
func TestJudgeUsage(t *testing.T) {
	const minutes3 = 180
	for _, c := range []struct {
		name        string
		n           int
		usage       func(n int) usage
		wantFailure bool
	}{
		{"flat", minutes3, func(int) usage { return usage{20 << 20, 100} }, false},
		{"caches fill in the first quarter", minutes3, func(n int) usage { return usage{min(n, 45) << 19, 100} }, false},
		{"an outage in each quarter", minutes3, func(n int) usage { return usage{20<<20 + n%5/4*30<<20, 100 + n%5/4*500} }, false},
		{"2 MiB and 10 goroutines more", minutes3, func(n int) usage { return usage{20<<20 + n*2<<20/minutes3, 100 + n*10/minutes3} }, false},
		{"memory leaks slowly", minutes3, func(n int) usage { return usage{20<<20 + n*10<<20/minutes3, 100} }, true},
		{"memory leaks slowly, amid outages", minutes3, func(n int) usage { return usage{20<<20 + n%5/4*30<<20 + n*10<<20/minutes3, 100} }, true},
		{"goroutines leak slowly", minutes3, func(n int) usage { return usage{20 << 20, 100 + n/3} }, true},
		{"goroutines leak slowly, amid outages", minutes3, func(n int) usage { return usage{20 << 20, 100 + n%5/4*500 + n/3} }, true},
		{"too short to tell", samples - 1, func(int) usage { return usage{20 << 20, 100} }, true},
		{"long enough to tell", samples, func(int) usage { return usage{20 << 20, 100} }, false},
	} {
		var all []usage
		for n := range c.n {
			all = append(all, c.usage(n))
		}
		if err := judgeUsage(io.Discard, all); (err != nil) != c.wantFailure {
			t.Errorf("%s: %v; want a failure: %t", c.name, err, c.wantFailure)
		}
	}
}
