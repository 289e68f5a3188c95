package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

const connections = 32

// A load generates load on keep-alive connections. One loop serves all of them and never
// waits, so that it is exact, and faster than the server.
type load struct{ connections []*connection }

func newLoad(address string) *load {
	l := &load{}
	for range connections {
		tcp := must(net.Dial("tcp", address)).(*net.TCPConn)
		l.connections = append(l.connections, &connection{tcp: tcp, raw: must(tcp.SyscallConn())})
	}
	return l
}

func (l *load) close() {
	for _, c := range l.connections {
		c.tcp.Close()
	}
}

// run sends the requests in turn for the duration d, and returns how long each answer
// took. With rate 0 a connection sends again as soon as it is answered. Else requests are
// due at that many a second, and a late one counts from when it was due.
func (l *load) run(requests [][]byte, rate float64, d time.Duration) (latencies []time.Duration) {
	var interval time.Duration
	if rate > 0 {
		interval = time.Duration(connections / rate * float64(time.Second))
	}
	start := time.Now()
	for i, c := range l.connections {
		c.due = start.Add(interval * time.Duration(i) / connections)
	}
	for sent, idle := 0, 0; idle < connections; {
		idle = 0
		for _, c := range l.connections {
			now := time.Now()
			switch {
			case c.busy:
				if !c.proceed() {
					continue
				}
				now = time.Now()
				latencies = append(latencies, now.Sub(c.due))
				if c.due = c.due.Add(interval); rate == 0 {
					c.due = now
				}
			case now.Sub(start) > d:
				idle++
			case !now.Before(c.due):
				c.begin(requests[sent%len(requests)])
				sent++
			}
		}
	}
	return latencies
}

type connection struct {
	tcp      *net.TCPConn
	raw      syscall.RawConn
	due      time.Time
	busy     bool
	unsent   []byte
	received int
	answer   [512]byte
}

func (c *connection) begin(request []byte) {
	c.busy, c.unsent, c.received = true, request, 0
	c.proceed()
}

// proceed sends and receives what it can without waiting. It reports whether the answer is
// there. The answers have no body.
func (c *connection) proceed() (done bool) {
	if len(c.unsent) > 0 {
		var n int
		var err error
		check(c.raw.Write(func(fd uintptr) bool {
			n, err = syscall.Write(int(fd), c.unsent)
			return true
		}))
		c.unsent = c.unsent[transferred(n, err):]
		return false
	}
	var n int
	var err error
	check(c.raw.Read(func(fd uintptr) bool {
		n, err = syscall.Read(int(fd), c.answer[c.received:])
		return true
	}))
	if n == 0 && err == nil {
		panic(io.ErrUnexpectedEOF)
	}
	c.received += transferred(n, err)
	answer := c.answer[:c.received]
	if !bytes.HasSuffix(answer, []byte("\r\n\r\n")) {
		return false
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) {
		panic(fmt.Sprintf("%s", answer))
	}
	c.busy = false
	return true
}

func transferred(n int, err error) int {
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return 0
	}
	check(err)
	return n
}
