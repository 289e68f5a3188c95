// Command soak sends mixed traffic of all seven proofs to a destination on loopback,
// at full speed and one in ten of it hostile, while what the destination depends on
// (key server, introspection, Google, Redis) is slowed, cut and restored. It needs
// redis-server on the PATH, ends by itself, and fails unless
//
//   - no forged message is accepted, and no genuine one is answered 401 or 403;
//   - genuine messages are answered 503 only while a dependency of theirs is down;
//   - a feed that Redox delivers in order pauses and resumes, and loses nothing;
//   - memory and goroutines stay flat.
//
// .
//
//	cd .ci/soak && go run . -duration 3m
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
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), *duration)
	defer cancel()
	if err := run(ctx, *workers); err != nil {
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
