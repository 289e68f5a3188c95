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
