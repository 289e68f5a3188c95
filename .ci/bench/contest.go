package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"
)

// A contest is between contenders with the same input. The first is the limit: the work
// that nobody can avoid.
type contest struct {
	name       string
	size       int // bytes of the input, for goals in "B a byte"
	contenders []contender
}

// A contender does one operation.
type contender struct {
	name  string
	op    func()
	goals []goal
}

// A goal is the most that a figure may be.
type goal struct {
	unit string // a key of the figures
	most float64
}

func (c contest) run(e effort, g *goals) {
	times := make([][]float64, len(c.contenders))
	for range e.rounds {
		for i, x := range c.contenders {
			times[i] = append(times[i], measure(x.op, e.slice))
		}
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\tµs\tratio\tallocs\tB\n", c.name)
	for i, x := range c.contenders {
		allocs, bytes := allocations(x.op)
		least := slices.Min(times[i])
		figures := map[string]float64{
			"µs":          least / 1e3,
			"× the limit": least / slices.Min(times[0]),
			"allocs":      float64(allocs),
			"B a byte":    float64(bytes) / float64(c.size),
		}
		fmt.Fprintf(t, "  %s\t%.2f\t%.2f\t%d\t%d\n", x.name, figures["µs"], figures["× the limit"], allocs, bytes)
		for _, want := range x.goals {
			g.add(c.name+": "+x.name, figures[want.unit], want.unit, want.most)
		}
	}
	t.Flush()
	fmt.Println()
}

// measure counts processor time, the garbage collector's included. Other programs on the
// machine disturb that less than they do a clock.
func measure(op func(), slice time.Duration) (ns float64) {
	for n := 1; ; n *= 2 {
		start := processorTime()
		for range n {
			op()
		}
		if d := processorTime() - start; d >= slice/2 {
			return float64(d.Nanoseconds()) / float64(n)
		}
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func allocations(op func()) (allocs, bytes uint64) {
	const n = 20
	var before, after runtime.MemStats
	op()
	runtime.ReadMemStats(&before)
	for range n {
		op()
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / n, (after.TotalAlloc - before.TotalAlloc) / n
}

func median[T ~int64 | ~float64](v []T) T { return quantile(v, 0.5) }

// quantile sorts v.
func quantile[T ~int64 | ~float64](v []T, q float64) T {
	slices.Sort(v)
	return v[int(q*float64(len(v)))]
}
