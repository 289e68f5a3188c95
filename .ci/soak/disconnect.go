package main

import (
	"context"
	"net"
	"sync"
	"time"
)

const disconnects = 2000

// disconnect sends half of a body and closes the connection, half of the time with a TCP
// reset.
func (s *siege) disconnect(ctx, _ context.Context, t *tally) {
	var group sync.WaitGroup
	defer group.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	pace(ctx, t.perSecond, func(n int, _ time.Time) {
		if n == disconnects {
			stop()
			return
		}
		group.Go(func() {
			defer t.sent.Add(1)
			c, err := peer(n).dial(ctx, s.destination.URL)
			if err != nil {
				return
			}
			defer c.Close()
			r := partial{path: "/sigv4", headers: forgedSignature(), length: 1 << 20, body: filler[:32<<10<<(n%5)]}
			switch n % 4 {
			case 0:
				r.length = -1
			case 1:
				r = partial{path: "/clientcredentials/token", headers: formHeaders(), length: 60 << 10, body: filler[:30<<10]}
			}
			c.SetWriteDeadline(time.Now().Add(10 * time.Second))
			r.send(c, s.destination.URL)
			if n%2 == 0 {
				c.(*net.TCPConn).SetLinger(0)
			}
		})
	})
}
