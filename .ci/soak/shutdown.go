package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// shutDown shuts a second server down, which shares its handler with the first, while 100
// stalled peers are there and genuine messages arrive at 4 MiB/s each. The messages must be
// accepted, and Shutdown must return. Slower ones without a declared hash may be given up
// while strangers send many times as fast: see redoxauth.Options.MaxInFlight.
func (s *siege) shutDown(ctx, hold context.Context, t *tally) {
	var url string
	s.destination.call("POST", "/second", &url)
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { s.stall(ctx, hold, t, 100, url, stalledMessage) })
	time.Sleep(2 * time.Second)

	signer, message := s.signer(), redoxtest.Large(8<<20)
	for n := range 12 {
		declared := n%2 == 0
		signer.DeclarePayloadHash = declared
		r, err := http.NewRequest("POST", url+"/sigv4", bytes.NewReader(message))
		must(err)
		must(signer.Sign(r))
		r.Body = io.NopCloser(&slow{data: message, end: time.Now().Add(2 * time.Second)})
		group.Go(func() {
			client := &http.Client{Transport: genuineTransport(n%4 == 0)}
			if refused := outcome(client.Do(r)); refused != "" {
				t.fail("a genuine message that was arriving at Shutdown was refused, hash declared %v: %s", declared, refused)
			}
		})
	}
	time.Sleep(time.Second)
	var took time.Duration
	s.destination.call("DELETE", "/second", &took)
	t.note("Shutdown after " + took.Round(100*time.Millisecond).String())
	if limit := readTimeout + 5*time.Second; took > limit {
		t.fail("Shutdown took %v, want at most %v", took, limit)
	}
}

// slow is a body that arrives at a steady rate until end.
type slow struct {
	data []byte
	end  time.Time
}

func (s *slow) Read(p []byte) (int, error) {
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	const piece = 16 << 10
	time.Sleep(time.Until(s.end) * piece / time.Duration(max(len(s.data), piece)))
	n := copy(p, s.data[:min(len(s.data), piece)])
	s.data = s.data[n:]
	return n, nil
}
