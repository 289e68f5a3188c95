package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A span is from one time to another.
type span struct{ begin, end time.Time }

func (s span) holds(t time.Time) bool { return !t.Before(s.begin) && t.Before(s.end) }

// look is how long each look at the cores is. The system counts idle time in steps of 10 ms.
const look = 250 * time.Millisecond

// busy are the spans in which less than one core was idle. Attackers and genuine senders are
// on the same machine, so what is slow then may be slow because of this process.
type busy struct {
	spans []span
	begin time.Time
	idle  time.Duration // at begin
}

func newBusy() *busy { return &busy{begin: time.Now(), idle: idle()} }

// sample ends the look if it has lasted long enough.
func (b *busy) sample() {
	now := time.Now()
	if now.Sub(b.begin) < look {
		return
	}
	until := idle()
	if until-b.idle < now.Sub(b.begin) {
		b.spans = append(b.spans, span{b.begin, now})
	}
	b.begin, b.idle = now, until
}

// spared returns those that began while a core was idle. Their ends do not count: a slow
// message lasts through more looks, so the slow ones would be left out.
func (b *busy) spared(messages []span) []span {
	return slices.DeleteFunc(slices.Clone(messages), func(m span) bool {
		return slices.ContainsFunc(b.spans, func(s span) bool { return s.holds(m.begin) })
	})
}

// enough is how many messages a 99th percentile needs.
const enough = 100

// A judgement is how slow the messages were that began while a core was idle.
type judgement struct {
	spared int
	p99    time.Duration
	ratio  float64 // to that of the quiet phase
}

// judge also says why the messages fail. The p99 of the quiet phase is 0 in that phase.
// Spare is how many cores were idle in the phase, on average. If that is less than one, too
// few messages to judge are no failure, except in the quiet phase, because the others are
// compared with it.
func (b *busy) judge(messages []span, quiet time.Duration, spare float64) (judgement, error) {
	spared := b.spared(messages)
	j := judgement{spared: len(spared), p99: quantile(0.99, latencies(spared)), ratio: 1}
	if quiet != 0 {
		j.ratio = float64(j.p99) / float64(quiet)
	}
	switch {
	case j.spared < enough && (quiet == 0 || spare >= 1):
		return j, fmt.Errorf("only %d of %d genuine messages began while a core was idle, want at least %d to judge p99", j.spared, len(messages), enough)
	case j.spared >= enough && j.ratio > 5:
		return j, fmt.Errorf("p99 while a core was idle is %.1f times that of the quiet phase, want at most 5", j.ratio)
	}
	return j, nil
}

// latencies returns how long each message took.
func latencies(messages []span) []time.Duration {
	var all []time.Duration
	for _, m := range messages {
		all = append(all, m.end.Sub(m.begin))
	}
	return all
}

// quantile sorts the latencies, and returns 0 if there are none.
func quantile(q float64, latencies []time.Duration) time.Duration {
	if len(latencies) == 0 {
		return 0
	}
	slices.Sort(latencies)
	return latencies[int(q*float64(len(latencies)-1))].Round(10 * time.Microsecond)
}

// idle is the time that the cores of the machine were idle, in sum.
func idle() time.Duration {
	stat, err := os.ReadFile("/proc/stat")
	must(err)
	fields := strings.Fields(string(stat))
	return ticks(fields[4]) + ticks(fields[5])
}
