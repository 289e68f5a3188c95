// Command bench measures what the library costs, in one run:
//
//   - each strategy in process, beside other libraries and beside the work that nobody can
//     avoid;
//   - whole requests on loopback, beside a plain handler;
//   - the memory of a server that gets large bodies, or bodies that stall;
//   - all figures that have a goal, beside it.
//
// It needs Linux. Only figures of one run can be compared, and ratios tell more than times.
// Everything runs once in each of many short rounds. Processor time is the least of all
// rounds, because other work on the machine can only add to it.
//
//	cd .ci/bench && go run .         # about 2 minutes
//	cd .ci/bench && go run . -short  # less than a minute
//	cd .ci/bench && go run . -only jwt
//
// With -timing it measures something else: whether the time of a refusal tells what is wrong. It
// prints differences, with their intervals of confidence, and that of two equal inputs.
//
//	cd .ci/bench && go run . -timing # about 2 minutes
package main

import (
	"flag"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	if jwks := os.Getenv(serverVariable); jwks != "" {
		serve([]byte(jwks))
		return
	}
	short := flag.Bool("short", false, "measure for less than a minute")
	only := flag.String("only", "", "measure what has this `text` in its name, such as jwt, \"end to end\" or memory")
	times := flag.Bool("timing", false, "measure whether the time of a refusal tells what is wrong, and nothing else")
	flag.Parse()
	e := effort{rounds: 40, slice: 25 * time.Millisecond}
	if *short {
		e = effort{rounds: 8, slice: 8 * time.Millisecond}
	}
	if *times {
		timing(e, *only)
		return
	}
	var g goals
	for _, c := range slices.Concat(tokenContests(), jwtContests(), issuedContests(), sigv4Contests(), hostileContests()) {
		if strings.Contains(c.name, *only) {
			c.run(e, &g)
		}
	}
	for _, m := range []struct {
		name string
		run  func(effort, *goals)
	}{
		{"end to end", endToEnd},
		{"memory", memory},
	} {
		if strings.Contains(m.name, *only) {
			m.run(e, &g)
		}
	}
	g.print()
}

// An effort is how long to measure.
type effort struct {
	rounds int
	slice  time.Duration // of one thing in one round
}

// must is for what this program made itself.
func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
