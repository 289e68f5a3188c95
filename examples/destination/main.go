// Command destination is a Redox destination: a server that verifies messages by every
// strategy. Each strategy has its own path, and every path answers Redox's handshake.
//
// Without arguments it starts on loopback, and the test kit plays Redox and its attackers:
// it sends genuine, forged, changed, old and replayed messages over HTTP. The command
// prints the answers, and exits with an error if an answer is not as expected.
//
//	go run ./examples/destination
//
// With -listen it serves real traffic until it is interrupted, and logs every decision. At the
// start it prints what to enter in Redox's dashboard.
//
//	REDOX_TOKENS=theToken go run ./examples/destination -listen localhost:8080
//
// The flag -h lists the paths and the variables. A variable with a wrong name is an error.
//
// # A server in another language
//
// With -forward it hands accepted messages on to a server in any language. The path is added to
// that of the URL.
//
//	destination -listen :8080 -forward http://localhost:9000
//
// That server must be reachable by this command alone, because it believes these headers:
//
//	Redox-Auth-Strategy  the package that accepted the message, such as sigv4
//	Redox-Auth-Subject   access key ID, client ID, service account or sub
//	Redox-Auth-Issuer    iss of the token
//	Redox-Auth-Key-Id    which secret or key matched
//	Redox-Auth-Scopes    scopes, with spaces between them
//	Redox-Auth-Expiry    when the proof expires, such as 2026-11-29T06:00:00Z
//
// The values are percent-encoded UTF-8 (RFC 3986, Section 2.1): decodeURIComponent,
// urllib.parse.unquote. A header without a value is left out. The claims of a token are not
// forwarded: they may be larger than the headers that servers take.
//
// Headers of these names that the peer sent are removed, in any spelling, and so are credentials,
// cookies, trailers, X-Forwarded-… and the like, and headers whose names have other characters than
// letters, digits and "-". WebSockets and other upgrades are not forwarded.
//
// The status of that server is the answer, so 400 or more pauses the whole feed until a retry
// succeeds. If that server is down, takes longer than a minute, or redirects, the answer is 503
// with Retry-After. A message whose answer gets lost comes again: handlers must be idempotent.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if err := run(ctx, os.Args[1:], newEnvironment(os.Environ()), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "destination:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, env environment, out, log io.Writer) error {
	s := &server{env: env, out: out, log: slog.New(slog.NewTextHandler(log, nil)), drain: func() { time.Sleep(drainTime) }}
	f := flag.NewFlagSet("destination", flag.ContinueOnError)
	f.SetOutput(io.Discard) // the caller prints the error
	f.StringVar(&s.address, "listen", "", "serve real traffic on this `address` instead of rehearsing")
	f.StringVar(&s.forward, "forward", "", "hand accepted messages on to the server at this `URL`")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage())
		f.SetOutput(out)
		f.PrintDefaults()
		return nil
	case err != nil:
		return err
	case f.NArg() > 0:
		return fmt.Errorf("unexpected argument %q (-h lists the flags)", f.Arg(0))
	case s.address != "":
		return s.serve(ctx)
	case s.forward != "":
		return errors.New("-forward: want -listen too")
	}
	return rehearse(ctx, out)
}

// usage lists the paths and the variables.
func usage() string {
	var text strings.Builder
	fmt.Fprintln(&text, "Paths:")
	for _, s := range strategies {
		for _, path := range append([]string{"/redox/" + s.name}, s.endpoints...) {
			if line := "  " + path + "\n"; !strings.Contains(text.String(), line) {
				text.WriteString(line)
			}
		}
	}
	fmt.Fprint(&text, `  /healthz (200, or 503 until there are keys and when it stops)

A path below /redox takes messages, also on all paths below it. A path below /token is a
token endpoint: the field url of the dashboard.

Variables. The destination serves a strategy if its first variable is set. White space separates
the items of a list. A duration is written as 90s or 5m, and a switch as true or false.
`)
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, s := range strategies {
		fmt.Fprintf(w, "\n%s: %s\n", s.name, s.title)
		for _, x := range s.settings {
			if x.variable != "" && x.path == "" {
				note := x.dashboard
				if note != "" {
					note += " of the dashboard"
				}
				if x.note != "" {
					note = strings.TrimPrefix(note+"; "+x.note, "; ")
				}
				fmt.Fprintln(w, strings.TrimRight("  "+x.variable+"\t"+x.field+"\t"+note, "\t"))
			}
		}
	}
	fmt.Fprintln(w, "\nCommon to all:")
	for _, v := range commonVariables {
		fmt.Fprintf(w, "  %s\t%s\n", v.name, v.help)
	}
	w.Flush()
	fmt.Fprintln(&text, "\nFlags:")
	return text.String()
}
