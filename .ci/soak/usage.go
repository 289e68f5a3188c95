package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

const (
	sampling = time.Second
	samples  = 100 // that are enough to tell: those of 2 minutes on a busy machine

	// How much more the least of the last quarter may be than that of the second.
	heapGrowth      = 4 << 20
	goroutineGrowth = 20
)

// usage is what the destination takes.
type usage struct {
	Heap       int // bytes, after a garbage collection
	Goroutines int
}

func measureUsage() usage {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{int(m.HeapAlloc), runtime.NumGoroutine()}
}

// watch measures the usage of the destination until ctx is done.
func (p *process) watch(ctx context.Context) (all []usage) {
	for {
		var u usage
		p.call("GET", "/usage", &u)
		all = append(all, u)
		if pause(ctx, sampling); ctx.Err() != nil {
			return all
		}
	}
}

// judgeUsage prints the figures of each quarter of the run, and compares the second with the
// last. In the first quarter caches fill. The least figures are compared: a leak raises them
// too, and the goroutines of an outage, or of many messages at once, do not.
func judgeUsage(out io.Writer, all []usage) error {
	if len(all) < samples {
		return fmt.Errorf("memory and goroutines: %d measurements are too few to tell, want %d: use a longer -duration, such as 3m", len(all), samples)
	}
	var least [4]usage
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\nquarter\theap after GC, MiB: least\tmedian\tgoroutines: least\tmedian\t")
	for i := range least {
		var heap, goroutines []int
		for _, u := range all[i*len(all)/4 : (i+1)*len(all)/4] {
			heap, goroutines = append(heap, u.Heap), append(goroutines, u.Goroutines)
		}
		slices.Sort(heap)
		slices.Sort(goroutines)
		least[i] = usage{heap[0], goroutines[0]}
		fmt.Fprintf(t, "%d\t%.1f\t%.1f\t%d\t%d\t\n", i+1, mib(heap[0]), mib(heap[len(heap)/2]), goroutines[0], goroutines[len(goroutines)/2])
	}
	t.Flush()
	early, late := least[1], least[3]
	switch {
	case late.Heap > early.Heap+heapGrowth:
		return fmt.Errorf("memory grew by %.1f MiB from the second quarter to the last, want at most %.0f", mib(late.Heap-early.Heap), mib(heapGrowth))
	case late.Goroutines > early.Goroutines+goroutineGrowth:
		return fmt.Errorf("goroutines grew by %d from the second quarter to the last, want at most %d", late.Goroutines-early.Goroutines, goroutineGrowth)
	}
	return nil
}

func mib(bytes int) float64 { return float64(bytes) / (1 << 20) }
