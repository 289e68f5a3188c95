package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"time"
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

	// Each is signed once: twelve times the hash of 8 MiB would keep this process, which has the
	// genuine senders too, from running.
	var signed [2]*http.Request
	for n := range signed {
		signer := s.signer()
		signer.DeclarePayloadHash = n == 0
		r, err := http.NewRequest("POST", url+"/sigv4", bytes.NewReader(s.upload))
		must(err)
		must(signer.Sign(r))
		signed[n] = r
	}
	for n := range 12 {
		declared, r := n%2 == 0, signed[n%2].Clone(context.Background())
		r.Body = io.NopCloser(&slow{data: s.upload, end: time.Now().Add(2 * time.Second)})
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
