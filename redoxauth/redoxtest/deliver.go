package redoxtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// backOff is how long Redox waits before each retry. The last value repeats. An older page
// of Redox gives these values, after an immediate first retry that is left out here. The
// newer pages say only that the pauses grow from seconds to one or two minutes.
var backOff = []time.Duration{
	10 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second,
	50 * time.Second, 80 * time.Second, 120 * time.Second,
}

// An Attempt is one try of [Deliver] to deliver a message.
type Attempt struct {
	Message int           // its position in the feed, from 0
	Try     int           // from 1
	Status  int           // of the answer; 0 if there was none
	Err     error         // why there was none
	Pause   time.Duration // how long the whole feed now waits; 0 if the message was delivered
}

// Deliver sends a feed as Redox does: in order, and each message at least once. It sends
// the next message only after a 2xx. An answer of 400 or more, or no answer, pauses the
// whole feed. Deliver retries the same message after 10, 10, 20, 30, 50, 80 and then every
// 120 s, until it succeeds or ctx is done. It calls report, which may be nil, after every
// attempt.
//
// The error is nil if everything was delivered. Redox does not document what it does with
// a 3xx; Deliver returns an error.
//
// In a bubble of testing/synctest the pauses take no time, but only without a network: a
// server there stands still. So give the sender a Client whose RoundTripper calls the handler,
// as in the example. [Both] and [Replay] have no Client, and need a server.
func Deliver(ctx context.Context, s Sender, url string, messages [][]byte, report func(Attempt)) error {
	for i, message := range messages {
		for try := 1; ; try++ {
			a := Attempt{Message: i, Try: try}
			a.Status, a.Err = deliverOnce(ctx, s, url, message)
			delivered := a.Err == nil && a.Status < http.StatusMultipleChoices
			redirected := a.Err == nil && !delivered && a.Status < http.StatusBadRequest
			if !delivered && !redirected {
				a.Pause = backOff[min(try, len(backOff))-1]
			}
			if report != nil {
				report(a)
			}
			if redirected {
				return fmt.Errorf("redoxtest: Deliver: message %d: answered %d, neither success nor failure", i, a.Status)
			}
			if delivered {
				break
			}
			select {
			case <-time.After(a.Pause):
			case <-ctx.Done():
				return fmt.Errorf("redoxtest: Deliver: message %d: %w", i, errors.Join(context.Cause(ctx), a.Err))
			}
		}
	}
	return nil
}

func deliverOnce(ctx context.Context, s Sender, url string, message []byte) (status int, err error) {
	response, err := s.Send(ctx, url, message)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20)) // so that the connection can be reused
	return response.StatusCode, nil
}
