package main

import (
	"testing"
	"time"
)

// A phase here is 100 looks of 250 ms. Its messages, ten in each look, take 5 ms.
func TestJudge(t *testing.T) {
	const quiet = 5 * time.Millisecond
	start := time.Now()
	phase := func(busyLooks, slow int) (*busy, []span) {
		b := &busy{}
		var messages []span
		for n := range 100 {
			begin := start.Add(time.Duration(n) * look)
			if n < busyLooks {
				b.spans = append(b.spans, span{begin, begin.Add(look)})
			}
			for m := range 10 {
				at := begin.Add(time.Duration(m) * look / 10)
				messages = append(messages, span{at, at.Add(quiet)})
			}
		}
		for n := range slow { // in the last looks
			last := &messages[len(messages)-1-n]
			last.end = last.begin.Add(1500 * time.Millisecond)
		}
		return b, messages
	}
	// A core is idle when a slow message begins, and none is when it ends.
	b, overlapping := phase(0, 0)
	for n := range 50 {
		m := &overlapping[n*20]
		m.end = m.begin.Add(1500 * time.Millisecond)
		b.spans = append(b.spans, span{m.begin.Add(look), m.begin.Add(2 * look)})
	}
	if _, err := b.judge(overlapping, quiet, 1); err == nil {
		t.Error("messages that are slow because they last into a busy look pass")
	}

	for _, c := range []struct {
		name        string
		busy, slow  int
		quiet       time.Duration
		spare       float64
		wantFailure bool
	}{
		{name: "quick", quiet: quiet, spare: 1.5},
		{name: "quick, the quiet phase", spare: 1.5},
		{name: "slow", slow: 20, quiet: quiet, spare: 1.5, wantFailure: true},
		{name: "quick where a core was idle", busy: 90, quiet: quiet, spare: 0.2},
		{name: "slow where a core was idle", busy: 90, slow: 5, quiet: quiet, spare: 0.2, wantFailure: true},
		{name: "never a core idle", busy: 100, quiet: quiet, spare: 0.2},
		{name: "never a core idle in a look, but on average", busy: 100, quiet: quiet, spare: 1.1, wantFailure: true},
		{name: "never a core idle, the quiet phase", busy: 100, spare: 0.2, wantFailure: true},
	} {
		b, messages := phase(c.busy, c.slow)
		if j, err := b.judge(messages, c.quiet, c.spare); (err != nil) != c.wantFailure {
			t.Errorf("%s: %+v, %v; want a failure: %t", c.name, j, err, c.wantFailure)
		}
	}
}
