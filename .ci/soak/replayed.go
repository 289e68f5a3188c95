package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// replayHeaders replays the headers of eight genuine messages of 40 MiB, whose hash is
// declared, and sends no body: on connections of their own and on one HTTP/2 connection.
// Whoever reads a log or a trace of headers can do so until MaxSkew is over.
func (s *siege) replayHeaders(ctx, hold context.Context, t *tally) {
	signer := s.signer()
	signer.DeclarePayloadHash = true
	client := peer(0).client(true)
	defer client.CloseIdleConnections()
	var group sync.WaitGroup
	for n := range 8 {
		path := fmt.Sprintf("/sigv4?n=%d", n)
		r, err := http.NewRequest("POST", s.destination.URL+path, nil)
		must(err)
		r.ContentLength = redoxauth.DefaultMaxBodyBytes // is signed; which hash is, nobody gets to see
		must(signer.Sign(r))
		replayed := func(int) partial { return partial{path: path, headers: r.Header, length: r.ContentLength} }
		group.Go(func() { peer(n).stall(ctx, hold, t, s.destination.URL, replayed) })
		group.Go(func() { stallStream(ctx, hold, t, client, s.destination.URL, replayed) })
	}
	group.Wait()
}
