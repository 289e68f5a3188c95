package main

import (
	"bytes"
	"context"
	"net/http"
	"sync"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// panics is how many messages a second make a handler panic.
const panics = 50

// provokePanics sends genuine messages to handlers that panic, half of them in a
// TimeoutHandler, and stalls 100 peers in a TimeoutHandler.
func (s *siege) provokePanics(ctx, hold context.Context, t *tally) {
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		s.stall(ctx, hold, t, 100, s.destination.URL, func(n, try int) partial {
			r := stalledMessage(10*n, try)
			r.path = "/timeout"
			return r
		})
	})
	signer, message := s.signer(), redoxtest.Large(256<<10)
	s.send(ctx, t, panics, func(n int) (string, http.Header, []byte) {
		path := []string{"/panic", "/timeout/panic"}[n%2]
		r, err := http.NewRequest("POST", s.destination.URL+path, bytes.NewReader(message))
		must(err)
		must(signer.Sign(r))
		return path, r.Header, message
	})
}
