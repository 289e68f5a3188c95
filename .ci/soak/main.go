// Command soak sends traffic of every strategy to a destination on loopback, at full
// speed. One message in ten is forged. Meanwhile it slows, cuts and restores the services that
// the destination depends on: key server, introspection, Google and Redis. The destination is a
// process of its own, so that its memory and goroutines are not those of the senders and
// services. Linux only. It needs redis-server on the PATH. It fails unless all of this holds:
//
//   - No forged message is accepted, and no genuine message is answered 401 or 403.
//   - A genuine message is answered 503 only while a service is down that its proof needs.
//   - A feed that is delivered in order, as Redox does, pauses and resumes, and loses nothing.
//   - Memory and goroutines of the destination stay flat: the least of the last quarter of the
//     run is at most 4 MiB and 20 goroutines above that of the second quarter. A run of less
//     than 2 minutes is too short to tell, and fails.
//
// Run it with:
//
//	cd .ci/soak && go run . -duration 3m
//
// With -hostile it sends genuine messages of every strategy at a steady rate instead, while
// strangers attack: first one attack after the other, then all at once. It prints figures for
// each attack, and fails unless all of this holds:
//
//   - Every genuine message is accepted, and no other message is.
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
// -attack and a part of a name, only the attacks with such names run: "at once" is all of them
// together.
//
// With -rotation it rotates keys and secrets in every way, all at once, while genuine
// messages go on and strangers send tokens with unknown key IDs. It prints for each way the
// longest time without an accepted message, and fails unless all of this holds:
//
//   - No genuine message that is sent later than Cooldown and one fetch after a rotation is
//     refused. If the rotation was announced, none is refused at all. A message may be refused
//     if its key was withdrawn while it was under way. If the machine was too busy to send or
//     to fetch in time, that time counts too.
//   - No stranger is accepted.
//
// Run it with:
//
//	cd .ci/soak && go run . -rotation
//
// It takes 85 s.
//
// With -all it does both, the traffic with outages and the rotations, for -duration, and up to
// 85 s longer. The rotations have a destination of their own, and begin again and again.
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
	all := flag.Bool("all", false, "rotate keys and secrets beside the traffic")
	flag.Parse()
	var err error
	if encoded, child := os.LookupEnv(settingsVariable); child {
		err = serve(encoded)
	} else if *rotation {
		err = rotate()
	} else if *hostile {
		err = besiege(*duration, *only)
	} else {
		err = run(*duration, *workers, *all)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(duration time.Duration, workers int, rotations bool) error {
	w, err := newWorld()
	if err != nil {
		return err
	}
	defer w.close()
	ctx, cancel := context.WithTimeout(context.Background(), duration)
	defer cancel()
	rotated := make(chan error, 1)
	go func() {
		var failed error
		for rotations && ctx.Err() == nil {
			if err := rotate(); err != nil {
				fmt.Fprintf(os.Stderr, "%s  soak: %v\n", time.Now().Format(time.TimeOnly), err)
				failed = errors.New("rotations failed: see above")
			}
		}
		rotated <- failed
	}()
	done := make(chan error, 1)
	go func() { done <- w.deliverFeed(ctx) }()
	stopped := make(chan struct{})
	go func() { defer close(stopped); w.disturb(ctx) }()
	usages := make(chan []usage, 1)
	go func() { usages <- w.destination.watch(ctx) }()
	w.traffic(ctx, workers)
	<-stopped
	return errors.Join(<-done, w.report(os.Stdout), judgeUsage(os.Stdout, <-usages), <-rotated)
}
