// Command bench measures what the library costs, in one run:
//
//   - each strategy in process, beside other libraries and beside the work that nobody can
//     avoid;
//   - whole requests on loopback, beside a plain handler;
//   - the memory of a server that gets large bodies, or bodies that stall;
//   - all figures that have a goal, beside it. It exits with 1 if one misses its goal.
//
// It needs Linux. Only figures of one run can be compared, and ratios tell more than times.
// Everything runs once in each of many short rounds. Processor time is the least of all
// rounds, because other work on the machine can only add to it.
//
//	cd .ci/bench && go run .         # about 2 minutes
//	cd .ci/bench && go run . -short  # less than a minute
//	cd .ci/bench && go run . -only jwt
//
// With -timing it measures something else: whether the time of a refusal tells what is wrong.
//
//	cd .ci/bench && go run . -timing # about 2 minutes
//
// It refuses different inputs in turn, and prints how much longer each took than the first one.
// The first is also compared with itself: "differences below N ns cannot be seen" says how far
// from zero the time of that may be by chance. "DIFFERS" says that an input took longer or
// shorter by more than that, with 99 % confidence, so a peer could measure it. Then it exits
// with 1.
//
// The inputs differ in secrets: a verification token, a client's secret, the secret of our own
// tokens or of a JWT with HMAC, and a SigV4 key. There is none for the assertions that the token
// endpoints of jwtbearer and smartbackend accept. They are checked with public keys, so whoever
// sends one can compute everything that the check computes. An unknown issuer is refused sooner
// than a wrong signature, and the name of an issuer is no secret.
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
		if timing(e, *only) {
			os.Exit(1)
		}
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
	if g.print() {
		os.Exit(1)
	}
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
