package replay_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

const (
	clientID = "3f1c9b1e-6f0e-4f43-9b1e-6f0e4f43aa11"
	live     = 1_000_000
	more     = 500_000
)

// ids are as long as UUIDs. They are made before the measurement, so that only Add is
// measured.
type ids string

func newIDs(n int) ids {
	b := make([]byte, 0, 36*n)
	for i := range n {
		var id [18]byte
		binary.BigEndian.PutUint64(id[10:], uint64(i))
		b = hex.AppendEncode(b, id[:])
	}
	return ids(b)
}

func (s ids) at(i int) string { return string(s[36*i : 36*i+36]) }

// parallel calls f with 0 to n-1, on all processors.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	step := runtime.GOMAXPROCS(0)
	for first := range step {
		wg.Go(func() {
			for i := first; i < n; i += step {
				f(i)
			}
		})
	}
	wg.Wait()
}

// filled returns a Memory that holds the first n ids.
func filled(b *testing.B, n, maxEntries int, s ids, until time.Time) *replay.Memory {
	m := replay.NewMemory(maxEntries)
	parallel(n, func(i int) { wantFresh(b, m, s.at(i), until) })
	return m
}

func wantFresh(b *testing.B, m *replay.Memory, id string, until time.Time) {
	if fresh, err := m.Add(context.Background(), clientID, id, until); !fresh || err != nil {
		b.Errorf("fresh %v, error %v", fresh, err)
	}
}

// perCall reports the time of one call, if an iteration makes n calls.
func perCall(b *testing.B, n int, total time.Duration, unit string) {
	b.ReportMetric(float64(total.Nanoseconds())/float64(b.N)/float64(n), unit)
}

// benchmarkAdd measures the Adds of a million entries, their memory, and 500,000 more Adds.
func benchmarkAdd(b *testing.B, s ids, newAdd func() (add func(id string))) {
	var filling time.Duration
	var bytes int64
	for b.Loop() {
		b.StopTimer()
		before := heap()
		start := time.Now()
		add := newAdd()
		parallel(live, func(i int) { add(s.at(i)) })
		filling += time.Since(start)
		bytes = heap() - before
		b.StartTimer()
		parallel(more, func(i int) { add(s.at(live + i)) })
	}
	perCall(b, more, b.Elapsed(), "ns/op")
	perCall(b, live, filling, "filling-ns/op")
	b.ReportMetric(float64(bytes)/live, "B/entry")
}

func BenchmarkMemory(b *testing.B) {
	s, hour := newIDs(live+more), time.Now().Add(time.Hour)
	b.Run("fresh, a million live", func(b *testing.B) {
		benchmarkAdd(b, s, func() func(string) {
			m := replay.NewMemory(live + more)
			return func(id string) { wantFresh(b, m, id, hour) }
		})
	})
	b.Run("fresh, a million live, in a map instead", func(b *testing.B) {
		benchmarkAdd(b, s, func() func(string) {
			m := guardedMap{entries: map[[2]string]time.Time{}}
			return func(id string) { m.add(clientID, id, hour) }
		})
	})
	b.Run("replayed, a million live", func(b *testing.B) {
		m := filled(b, live, live+more, s, hour)
		var accepted atomic.Int64
		for b.Loop() {
			parallel(live, func(i int) {
				if fresh, err := m.Add(context.Background(), clientID, s.at(i), hour); fresh || err != nil {
					accepted.Add(1)
				}
			})
		}
		perCall(b, live, b.Elapsed(), "ns/op")
		b.ReportMetric(float64(accepted.Load()), "accepted")
	})
	b.Run("full, a million live", func(b *testing.B) {
		m := filled(b, live, live, s, hour)
		for b.Loop() {
			parallel(more, func(i int) {
				if fresh, err := m.Add(context.Background(), clientID, s.at(live+i), hour); fresh || err == nil {
					b.Error("not full")
				}
			})
		}
		perCall(b, more, b.Elapsed(), "ns/op")
	})
}

// A guardedMap is the simplest implementation, for comparison.
type guardedMap struct {
	mu      sync.Mutex
	entries map[[2]string]time.Time
}

func (m *guardedMap) add(scope, id string, until time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := [2]string{scope, id}
	if end, ok := m.entries[k]; ok && end.After(time.Now()) {
		return false
	}
	m.entries[k] = until
	return true
}

// BenchmarkMemoryExpiry fills a Memory with 2.5 million entries that expire together, and then
// with as many others. It reports the longest of the later Adds, and how many of them took
// more than 2 ms. Between the Adds it reads the clock twice in a row, for as long, and reports
// the same: those pauses are the machine's, whatever code runs.
func BenchmarkMemoryExpiry(b *testing.B) {
	const size = 2_500_000
	s := newIDs(2 * size)
	var adds, idle pauses
	accepted := 0
	for b.Loop() {
		until := time.Now().Add(8 * time.Second)
		m := filled(b, size, size, s, until)
		if !time.Now().Before(until) {
			b.Fatal("they expired before all were there")
		}
		time.Sleep(time.Until(until))
		later := time.Now().Add(time.Hour)
		for i := range size {
			start := time.Now()
			wantFresh(b, m, s.at(size+i), later)
			end := time.Now()
			adds.note(end.Sub(start))
			for last := end; last.Sub(end) < end.Sub(start); {
				now := time.Now()
				idle.note(now.Sub(last))
				last = now
			}
		}
		for i := range size {
			if fresh, err := m.Add(context.Background(), clientID, s.at(size+i), later); fresh || err != nil {
				accepted++
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	adds.report(b, "add")
	idle.report(b, "idle")
	b.ReportMetric(float64(accepted), "accepted")
}

type pauses struct {
	longest time.Duration
	long    int // how many of more than 2 ms
}

func (p *pauses) note(d time.Duration) {
	p.longest = max(p.longest, d)
	if d > 2*time.Millisecond {
		p.long++
	}
}

func (p *pauses) report(b *testing.B, of string) {
	b.ReportMetric(float64(p.longest.Nanoseconds()), of+"-longest-ns")
	b.ReportMetric(float64(p.long), of+"s-over-2ms")
}
