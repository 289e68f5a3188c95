// Command inspect shows what Redox sends, and prints a Go program that accepts it. Redox does not
// document everything that it sends. So point a destination of a development environment
// at inspect, click "Verify & Save", and send a test message:
//
//	go run ./examples/inspect -listen localhost:8080 -url https://dev.example/redox
//
// The flag -url is the endpoint as it is entered in the dashboard. It is the public URL of a
// tunnel or a proxy that leads to the address of -listen. Every path of inspect answers
// handshakes, token requests and messages. So the dashboard's token URL may be any other path,
// such as https://dev.example/token.
//
// inspect proves nothing by itself: it answers the challenge of every handshake, and gives an
// access token to everybody. It answers messages 503, so that Redox keeps them, or 200 with
// -accept. It prints no message, no secret, no token and no signature.
//
// Given a secret or the sender's keys, it also builds the Verifier that it proposes, tries it
// on the request that arrived, and says whether it accepts that request, or why not. Secrets
// can be in the variables that examples/destination reads:
//
//	SIGV4_SECRET_KEY=… go run ./examples/inspect -url https://dev.example/redox
//
// The flag -h lists them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const warning = `inspect proves nothing by itself. Everybody gets an answer and an access token here.
Use it in a development environment only, and never for the health data of real people.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "inspect:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	s, err := parse(args, getenv)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", s.listen)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: newInspector(s, out),
		// A stranger may find the URL. These bounds are for peers that send nothing.
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	fmt.Fprintf(out, "%s\nlistening on http://%s for %s\n", warning, l.Addr(), s.url)
	fmt.Fprintln(out, s.answer())
	if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		fmt.Fprintln(out, "other machines can reach this address")
	}
	fmt.Fprintln(out, `Now click "Verify & Save" in Redox's dashboard, and send a test message.`)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
