// Command soak sends traffic of every strategy to a destination on loopback, at full
// speed. One message in ten is forged. Meanwhile it slows, cuts and restores what the
// destination depends on: key server, introspection, Google and Redis. It needs
// redis-server on the PATH. It fails unless all of this holds:
//
//   - No forged message is accepted, and no genuine message is 401 or 403.
//   - A genuine message is 503 only while a dependency of its proof is down.
//   - A feed that Redox delivers in order pauses and resumes, and loses nothing.
//   - Memory and goroutines stay flat.
//
// Run it with:
//
//	cd .ci/soak && go run . -duration 3m
//
// With -hostile it sends genuine messages of every strategy at a steady rate instead,
// while strangers attack: first one attack after the other, then all at once. The
// destination is a process of its own, so that its memory, goroutines and CPU are not
// those of the attackers. Linux only. It prints figures for each attack, and fails unless
// all of this holds:
//
//   - Every genuine message is accepted, and nothing else is.
//   - While a core is idle, the p99 of genuine messages is at most 5 times that of the quiet
//     phase.
//   - The resident memory is at most 1.3 times MaxInFlight above that of the quiet phase.
//   - The attackers' connections and the goroutines end after the attack, although the
//     attackers keep their connections open. Shutdown returns within ReadTimeout plus 5 s.
//   - In the end the budgets are free: genuine bodies of nearly their size pass at once.
//
// Run it with:
//
//	cd .ci/soak && go run . -hostile -duration 3m
//
// Here -duration is the time under attack. The waiting afterwards is not part of it. With
// -attack and a part of a name, only the attacks of such names run: "at once" is all of them
// together.
//
// With -rotation it rotates keys and secrets in every way, all at once, while genuine
// messages go on and strangers send tokens with unknown key IDs. It prints for each way the
// longest time without an accepted message, and fails unless all of this holds:
//
//   - No genuine message is refused later than Cooldown and one fetch after the rotation, and
//     none at all if the rotation was announced.
//   - No stranger is accepted.
//
// Run it with:
//
//	cd .ci/soak && go run . -rotation
//
// It takes 85 s.
//
// With -all it sends the traffic of the first kind for -duration, and rotates again and again
// meanwhile.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	duration := flag.Duration("duration", 3*time.Minute, "how long")
	workers := flag.Int("workers", 2, "senders for each proof")
	hostile := flag.Bool("hostile", false, "attack the destination instead")
	only := flag.String("attack", "", "with -hostile: only the attacks whose name contains this")
	rotation := flag.Bool("rotation", false, "rotate keys and secrets instead")
	all := flag.Bool("all", false, "rotate keys and secrets meanwhile")
	flag.Parse()
	var err error
	if encoded, child := os.LookupEnv(settingsVariable); child {
		err = serve(encoded)
	} else if *rotation {
		err = rotate()
	} else if *hostile {
		err = besiege(*duration, *only)
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), *duration)
		defer cancel()
		rotations := make(chan error, 1)
		go func() {
			var errs []error
			for *all && ctx.Err() == nil {
				errs = append(errs, rotate())
			}
			rotations <- errors.Join(errs...)
		}()
		err = errors.Join(run(ctx, *workers), <-rotations)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, workers int) error {
	w, err := newWorld()
	if err != nil {
		return err
	}
	defer w.close()
	resources := &usage{}
	resources.sample()
	done := make(chan error, 1)
	go func() { done <- w.deliverFeed(ctx) }()
	stopped := make(chan struct{})
	go func() { defer close(stopped); w.disturb(ctx) }()
	go resources.watch(ctx)
	w.traffic(ctx, workers)
	<-stopped
	return errors.Join(<-done, w.report(os.Stdout), resources.report(os.Stdout))
}
