package main

import (
	"bytes"
	"io"
	"net/netip"
	"syscall"
	"time"
)

const connections = 32

// A load generates load on keep-alive connections. One loop serves all of them: a goroutine
// for each would cost as much as the server.
type load struct {
	epoll       int
	connections []connection
}

type connection struct {
	fd       int
	due      time.Time
	busy     bool
	unsent   []byte
	received int
	answer   [512]byte
}

func newLoad(address string) *load {
	const edges = syscall.EPOLLIN | syscall.EPOLLOUT | 1<<31 // EPOLLET, which package syscall has as a negative number
	l := &load{epoll: must(syscall.EpollCreate1(0)), connections: make([]connection, connections)}
	server := netip.MustParseAddrPort(address)
	for i := range l.connections {
		fd := must(syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0))
		check(syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(server.Port()), Addr: server.Addr().As4()}))
		check(syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1))
		check(syscall.SetNonblock(fd, true))
		check(syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: edges, Fd: int32(i)}))
		l.connections[i].fd = fd
	}
	return l
}

func (l *load) close() {
	for _, c := range l.connections {
		syscall.Close(c.fd)
	}
	syscall.Close(l.epoll)
}

// run sends what next returns for the duration d, and returns how long each answer took.
// With rate 0 a connection sends again as soon as it is answered. Else requests are due at
// that many a second, and a late one counts from when it was due.
func (l *load) run(next func() []byte, rate float64, d time.Duration) (latencies []time.Duration) {
	var interval time.Duration
	wait := 1 // ms, for an answer
	if rate > 0 {
		interval = time.Duration(connections / rate * float64(time.Second))
		wait = 0 // even 1 ms would be too late for the next request
	}
	start := time.Now()
	for i := range l.connections {
		l.connections[i].due = start.Add(interval * time.Duration(i) / connections)
	}
	var ready [connections]syscall.EpollEvent
	for busy := 0; ; {
		now := time.Now()
		ended := now.Sub(start) > d && len(latencies) > 0
		if ended && busy == 0 {
			return latencies
		}
		for i := range l.connections {
			if c := &l.connections[i]; !ended && !c.busy && !now.Before(c.due) {
				c.busy, c.unsent = true, next()
				c.send()
				busy++
			}
		}
		n, err := syscall.EpollWait(l.epoll, ready[:], wait)
		if err != syscall.EINTR {
			check(err)
		}
		for _, e := range ready[:max(n, 0)] {
			c := &l.connections[e.Fd]
			c.send()
			if !c.busy || !c.receive() {
				continue
			}
			now := time.Now()
			latencies = append(latencies, now.Sub(c.due))
			c.busy = false
			busy--
			if c.due = c.due.Add(interval); rate == 0 {
				c.due = now
			}
		}
	}
}

// send sends what it can without waiting.
func (c *connection) send() {
	if len(c.unsent) > 0 {
		n, err := syscall.Write(c.fd, c.unsent)
		if err == syscall.EAGAIN || err == syscall.EINTR {
			return
		}
		check(err)
		c.unsent = c.unsent[n:]
	}
}

// receive reports whether all of the answer is there. Answers have no body.
func (c *connection) receive() bool {
	n, err := syscall.Read(c.fd, c.answer[c.received:])
	if err == syscall.EAGAIN || err == syscall.EINTR {
		return false
	}
	check(err)
	c.received += n
	answer := c.answer[:c.received]
	switch {
	case n == 0:
		panic(io.ErrUnexpectedEOF)
	case !bytes.HasSuffix(answer, []byte("\r\n\r\n")):
		return false
	case !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")):
		panic(string(answer))
	}
	c.received = 0
	return true
}
