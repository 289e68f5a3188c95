// Command sendas sends a message to any URL as Redox would. Use it to try a deployed
// destination. It prints the status and the body of the answer. It exits with an error
// unless the status is 2xx.
//
//	sendas -strategy handshake   -secret theToken -url https://…
//	sendas -strategy verifytoken -secret theToken -url https://…
//	sendas -strategy verifytoken -secret theToken -url https://… -challenge
//
// The flag -h lists all strategies with their flags. With -challenge it sends a handshake
// that the strategy proves, as to a destination without a verification token.
//
// Other users of the machine can see a secret on the command line. So leave out -secret,
// and set the variable SENDAS_SECRET.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
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
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	if s.strategy == "handshake" {
		if err := redoxtest.Handshake(ctx, s.url, s.secret, s.method); err != nil {
			return err
		}
		fmt.Fprintln(out, "the destination answered the challenge")
		return nil
	}
	sender, err := s.sender()
	if err != nil {
		return err
	}
	if signer, ok := sender.(redoxtest.Signer); ok && s.challenge {
		if err := redoxtest.SignedHandshake(ctx, s.url, signer, s.method); err != nil {
			return err
		}
		fmt.Fprintln(out, "the destination answered the challenge")
		return nil
	}
	message := redoxtest.PatientAdmin()
	if s.message != "" {
		if message, err = os.ReadFile(s.message); err != nil {
			return err
		}
	}
	start := time.Now()
	response, err := sender.Send(ctx, s.url, message)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	fmt.Fprintf(out, "%s after %d ms\n", response.Status, time.Since(start).Milliseconds())
	if challenge := response.Header.Get("WWW-Authenticate"); challenge != "" {
		fmt.Fprintln(out, "WWW-Authenticate:", challenge)
	}
	if _, err := io.Copy(out, io.LimitReader(response.Body, 64<<10)); err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("on %s Redox would pause the feed and retry", response.Status)
	}
	return nil
}
