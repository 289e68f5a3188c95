// Command sendas sends a message to any URL as Redox would. Use it to try a deployed
// destination. It prints what it sends, without secrets, and what the destination answers. It
// exits with an error unless the status is 2xx.
//
//	sendas -strategy handshake   -token theToken -url https://…
//	sendas -strategy verifytoken -token theToken -url https://…
//	sendas -strategy verifytoken -token theToken -url https://… -challenge
//	sendas -strategy verifytoken,sigv4 -token theToken -secret theKey -access-key … -url https://…
//
// The flag -h lists all strategies with their flags. The verification token may be sent together
// with one credential. With -challenge it sends a handshake that the strategies prove, as to a
// destination without a verification token.
//
// Other users of the machine can see a secret on the command line. So leave out -token and
// -secret, and set the variables SENDAS_TOKEN and SENDAS_SECRET.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "sendas:", err)
		}
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	message := redoxtest.PatientAdmin()
	if s.message != "" {
		if message, err = os.ReadFile(s.message); err != nil {
			return err
		}
	}
	sender, err := s.sender()
	if err != nil {
		return err
	}
	// The senders use the default transport, also for token requests.
	original := http.DefaultTransport
	p := &printer{RoundTripper: original, out: out}
	http.DefaultTransport = p
	defer func() { http.DefaultTransport = original }()

	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	switch {
	case s.isHandshake():
		err = redoxtest.Handshake(ctx, s.url, s.token, s.method)
	case s.challenge:
		err = redoxtest.SignedHandshake(ctx, s.url, sender, s.method)
	default:
		return send(ctx, s.url, sender, message, p)
	}
	if err != nil {
		return s.handshakeFailure(err, p)
	}
	fmt.Fprintln(out, "the destination answered the challenge")
	return nil
}

// send sends a message and prints the answer.
func send(ctx context.Context, url string, sender redoxtest.Sender, message []byte, p *printer) error {
	start := time.Now()
	response, err := sender.Send(ctx, url, message)
	if err != nil {
		return failure(err, url, p, "Redox does not document what it does then, so expect the same as on 503: "+pause)
	}
	defer response.Body.Close()
	fmt.Fprintf(p.out, "%s after %d ms\n", response.Status, time.Since(start).Milliseconds())
	for _, name := range []string{"WWW-Authenticate", "Retry-After", "Location"} {
		if value := response.Header.Get(name); value != "" {
			fmt.Fprintf(p.out, "%s: %s\n", name, value)
		}
	}
	if _, err := io.Copy(p.out, io.LimitReader(response.Body, 64<<10)); err != nil {
		return err
	}
	switch status := response.StatusCode; {
	case status == http.StatusOK:
		return nil
	case status < 300:
		fmt.Fprintln(p.out, "Redox documents 200 as the answer to a message of a feed")
		return nil
	case status < 400:
		return fmt.Errorf("%s: %s", response.Status, cause(status))
	}
	return fmt.Errorf("%s: %s. %s", response.Status, cause(response.StatusCode), pause)
}
