// Command bench compares the strategies with other libraries, on the same inputs in
// one run. It prints the median of ratios to the work that nobody can avoid, and the
// allocations; only ratios within one run mean anything.
//
//	cd .ci/bench && go run .
//	cd .ci/bench && go run . -rounds 15 -only jwt
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// A contender does one operation.
type contender struct {
	name string
	op   func()
}

// A contest is between contenders with the same inputs. The first is the limit: the
// cryptography alone.
type contest struct {
	name       string
	contenders []contender
}

func main() {
	rounds := flag.Int("rounds", 9, "interleaved rounds, of which the medians are printed")
	slice := flag.Duration("slice", 60*time.Millisecond, "how long one contender runs in one round")
	only := flag.String("only", "", "contests whose name contains this `text`")
	flag.Parse()
	for _, c := range slices.Concat(tokenContest(), jwtContests(), issuedContest(), sigv4Contests()) {
		if strings.Contains(c.name, *only) {
			c.run(*rounds, *slice)
		}
	}
}

func (c contest) run(rounds int, slice time.Duration) {
	ratios, times := make([][]float64, len(c.contenders)), make([][]float64, len(c.contenders))
	for range rounds {
		var limit float64
		for i, x := range c.contenders {
			ns := measure(x.op, slice)
			if i == 0 {
				limit = ns
			}
			times[i] = append(times[i], ns)
			ratios[i] = append(ratios[i], ns/limit)
		}
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\tratio\tµs\tallocs\tB\n", c.name)
	for i, x := range c.contenders {
		allocs, bytes := allocations(x.op)
		fmt.Fprintf(t, "  %s\t%.2f\t%.2f\t%d\t%d\n", x.name, median(ratios[i]), median(times[i])/1e3, allocs, bytes)
	}
	t.Flush()
	fmt.Println()
}

// measure counts processor time, the garbage collector's included: other programs on
// the machine disturb it less than they do a clock.
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

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// must is for what this program made itself.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
