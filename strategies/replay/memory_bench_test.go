package replay_test

import (
	"context"
	"encoding/binary"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

const clientID = "3f1c9b1e-6f0e-4f43-9b1e-6f0e4f43aa11"

// filled returns a Memory with n entries that expire at until, and room for more.
func filled(b *testing.B, n int, until time.Time) *replay.Memory {
	m := replay.NewMemory(n + 100_000_000)
	for i := range n {
		add(b, m, "filler", strconv.Itoa(i), until)
	}
	b.ResetTimer()
	return m
}

// jti returns an ID as long as a UUID.
func jti(n uint64) string {
	b := []byte("00000000-0000-0000-0000-0000")
	return string(binary.BigEndian.AppendUint64(b, n))
}

func BenchmarkMemory(b *testing.B) {
	hour := time.Now().Add(time.Hour)
	b.Run("fresh, a million live", func(b *testing.B) {
		m := filled(b, 1_000_000, hour)
		b.ReportAllocs()
		var next atomic.Uint64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if fresh, err := m.Add(context.Background(), clientID, jti(next.Add(1)), hour); !fresh || err != nil {
					b.Error(fresh, err)
				}
			}
		})
	})
	b.Run("fresh, a million live, in a map instead", func(b *testing.B) {
		var mu sync.Mutex
		m := make(map[string]time.Time)
		for i := range 1_000_000 {
			m["filler "+strconv.Itoa(i)] = hour
		}
		b.ResetTimer()
		b.ReportAllocs()
		var next atomic.Uint64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				k := clientID + " " + jti(next.Add(1))
				mu.Lock()
				if until, ok := m[k]; !ok || !until.After(time.Now()) {
					m[k] = hour
				}
				mu.Unlock()
			}
		})
	})
	b.Run("replayed, a million live", func(b *testing.B) {
		m := filled(b, 1_000_000, hour)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if fresh, err := m.Add(context.Background(), "filler", "77777", hour); fresh || err != nil {
					b.Error(fresh, err)
				}
			}
		})
	})
	b.Run("full, a million live", func(b *testing.B) {
		m := replay.NewMemory(1_000_000)
		for i := range 1_000_000 {
			add(b, m, "filler", strconv.Itoa(i), hour)
		}
		b.ResetTimer()
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if fresh, err := m.Add(context.Background(), clientID, "new", hour); fresh || err == nil {
					b.Error("not full")
				}
			}
		})
	})
}

// BenchmarkMemoryExpiry adds while 2.5 million entries expire, and reports the longest
// Add. What it reads includes whatever else the machine did.
func BenchmarkMemoryExpiry(b *testing.B) {
	const old = 2_500_000
	until := time.Now().Add(3 * time.Second)
	m := filled(b, old, until)
	time.Sleep(time.Until(until) - 100*time.Millisecond)
	later := time.Now().Add(time.Hour)
	var worst time.Duration
	b.ResetTimer()
	for n := uint64(0); b.Loop(); n++ {
		id := jti(n)
		start := time.Now()
		fresh, err := m.Add(b.Context(), clientID, id, later)
		worst = max(worst, time.Since(start))
		if !fresh || err != nil {
			b.Fatal(fresh, err)
		}
	}
	b.ReportMetric(float64(worst.Nanoseconds()), "longest-ns")
}
