package main

import (
	"os"
	"slices"
	"strings"
	"time"
)

// A span is from one time to another.
type span struct{ begin, end time.Time }

func (s span) overlaps(t span) bool { return s.begin.Before(t.end) && t.begin.Before(s.end) }

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

// spared returns those that had a core to spare from begin to end.
func (b *busy) spared(messages []span) []span {
	return slices.DeleteFunc(slices.Clone(messages), func(m span) bool { return slices.ContainsFunc(b.spans, m.overlaps) })
}

func quantile(q float64, messages []span) time.Duration {
	if len(messages) == 0 {
		return 0
	}
	var latencies []time.Duration
	for _, m := range messages {
		latencies = append(latencies, m.end.Sub(m.begin))
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
