package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// A usage records memory and goroutines over time.
type usage struct {
	heap       []uint64
	goroutines []int
}

func (u *usage) watch(ctx context.Context) {
	for {
		select {
		case <-time.After(5 * time.Second):
			u.sample()
		case <-ctx.Done():
			return
		}
	}
}

func (u *usage) sample() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u.heap = append(u.heap, m.HeapAlloc)
	u.goroutines = append(u.goroutines, runtime.NumGoroutine())
}

// report compares the second quarter of the run with the last. In the first quarter caches
// fill.
func (u *usage) report(out io.Writer) error {
	n := len(u.heap)
	if n < 8 {
		fmt.Fprintln(out, "memory: the run is too short to tell")
		return nil
	}
	early, late := slices.Max(u.heap[n/4:n/2]), slices.Max(u.heap[3*n/4:])
	earlyG, lateG := slices.Max(u.goroutines[n/4:n/2]), slices.Max(u.goroutines[3*n/4:])
	fmt.Fprintf(out, "heap after GC: %.1f MB early, %.1f MB late; goroutines: %d early, %d late\n", float64(early)/1e6, float64(late)/1e6, earlyG, lateG)
	if late > early*3/2+64<<20 || lateG > earlyG*3/2+100 {
		return fmt.Errorf("memory or goroutines grow")
	}
	return nil
}
