// Command destination is a Redox destination: a server that verifies messages by every
// strategy. Each strategy has its own path, and every path answers Redox's handshake.
//
// Without arguments it starts on loopback, and the test kit plays Redox and its attackers:
// it sends genuine, forged, changed, old and replayed messages over HTTP. The command
// prints the answers, and exits with an error if an answer is not as expected.
//
//	go run ./examples/destination
//
// With -listen it serves real traffic until it is interrupted, and logs every decision.
//
//	REDOX_TOKENS=theToken go run ./examples/destination -listen localhost:8080
//
// The flag -h lists the paths and the variables.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

func main() {
	listen := flag.String("listen", "", "serve real traffic on this `address` instead of rehearsing")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage())
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := func() error { return rehearse(ctx, os.Stdout) }
	if *listen != "" {
		run = func() error { return serve(ctx, *listen, os.Environ(), os.Stderr) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "destination:", err)
		os.Exit(1)
	}
}

// usage lists the paths and the variables.
func usage() string {
	var paths, variables string
	for _, s := range strategies {
		for _, path := range append([]string{"/redox/" + s.name}, s.endpoints...) {
			if line := "  " + path + "\n"; !strings.Contains(paths, line) {
				paths += line
			}
		}
		variables += "  " + strings.ReplaceAll(s.variables, "\n", "\n    ") + "\n"
	}
	return `Paths:
` + paths + `  /healthz (readiness: 503 until there are keys)

A path below /redox takes messages, also on all paths below it. A path below /token is a
token endpoint: the field url of the dashboard.

Variables (the destination serves a strategy if the first variable of its line is set; white
space separates the items of a list):
` + variables + `
  PUBLIC_URL     "https://host" of this server, as Redox sees it; for token endpoints
  TOKEN_SECRETS  signing secrets of the token endpoints, 32 bytes or more each
  TLS_CERT TLS_KEY  files; without them a proxy must do TLS
  REQUIRE_TOKEN  if set, the paths gcpjwt and wif, and clientcredentials with introspection, want
                 the verification token beside the credential: the strongest set-up
  ALLOW_HTTP     if set, key, introspection and Google URLs may be http; for tests
  GOOGLE_CERTS_URL GOOGLE_TOKENINFO_URL (for a fake Google)

Flags:
`
}

// serve serves until ctx is done. Messages in progress may finish.
func serve(ctx context.Context, address string, environ []string, out io.Writer) error {
	log := slog.New(slog.NewTextHandler(out, nil))
	env := environmentOf(environ)
	d := &destination{environment: env, observe: redoxauth.LogDecisions(log), log: log}
	d.checkNames(environ)
	handler, err := d.handler()
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler,
		// The library bounds what it reads itself. These bounds are for peers that send
		// nothing. A message of 40 MB must arrive within ReadTimeout.
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		if cert, key := env("TLS_CERT"), env("TLS_KEY"); cert != "" || key != "" {
			ended <- server.ServeTLS(l, cert, key)
		} else {
			ended <- server.Serve(l)
		}
	}()
	d.announce(out, l.Addr().String())
	log.Info("listening", "address", l.Addr().String())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
