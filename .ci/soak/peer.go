package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// A peer is an attacker's address. Peers 0 to 99 have the addresses 127.0.0.2 to 127.0.0.101.
type peer int

func (p peer) dialer() *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+p%100))}, Timeout: 10 * time.Second}
}

func (p peer) dial(ctx context.Context, url string) (net.Conn, error) {
	return p.dialer().DialContext(ctx, "tcp", strings.TrimPrefix(url, "http://"))
}

// client returns a client of its own, which keeps its connections.
func (p peer) client(http2 bool) *http.Client {
	t := &http.Transport{DialContext: p.dialer().DialContext, MaxIdleConnsPerHost: 100, Protocols: new(http.Protocols)}
	t.Protocols.SetHTTP1(!http2)
	t.Protocols.SetUnencryptedHTTP2(http2)
	return &http.Client{Transport: t}
}

// A partial is a request of which only the beginning is sent.
type partial struct {
	path    string
	headers http.Header
	length  int64 // -1: chunked
	body    []byte
	cut     int // bytes of the HTTP/1 head that are sent; 0: all
}

// filler is shared by all bodies that say nothing.
var filler = make([]byte, 2<<20)

// send sends the request over HTTP/1.
func (r partial) send(c net.Conn, url string) {
	var head bytes.Buffer
	fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: %s\r\n", r.path, strings.TrimPrefix(url, "http://"))
	r.headers.Write(&head)
	if r.length >= 0 {
		fmt.Fprintf(&head, "Content-Length: %d\r\n\r\n", r.length)
	} else {
		fmt.Fprintf(&head, "Transfer-Encoding: chunked\r\n\r\n%x\r\n", len(r.body)+1)
	}
	if r.cut > 0 {
		c.Write(head.Bytes()[:r.cut])
		return
	}
	c.Write(head.Bytes())
	c.Write(r.body)
}

// stall sends a request on a connection of its own and then nothing more, until the
// destination closes the connection.
func (p peer) stall(ctx, hold context.Context, t *tally, url string, request func(try int) partial) {
	insist(ctx, func(try int) {
		c, err := p.dial(ctx, url)
		if err != nil {
			return // the second server is shut down
		}
		defer c.Close()
		defer context.AfterFunc(hold, func() { c.Close() })()
		t.sent.Add(1)
		go request(try).send(c, url)
		t.readAnswer(c)
		io.Copy(io.Discard, c)
	})
}

// readAnswer notes the first answer on an HTTP/1 connection.
func (t *tally) readAnswer(c net.Conn) {
	if response, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
		t.note("no answer")
	} else {
		t.answer(response.StatusCode)
	}
}

// stallStream is stall on a stream of an HTTP/2 client.
func stallStream(ctx, hold context.Context, t *tally, client *http.Client, url string, request func(try int) partial) {
	insist(ctx, func(try int) {
		r := request(try)
		body, writer := io.Pipe()
		defer body.Close()
		h, err := http.NewRequestWithContext(hold, "POST", url+r.path, body)
		must(err)
		h.Header, h.ContentLength = r.headers.Clone(), r.length
		go writer.Write(r.body)
		t.sent.Add(1)
		response, err := client.Do(h)
		if err != nil {
			t.note("no answer")
			return
		}
		t.answer(response.StatusCode)
		response.Body.Close()
	})
}

// insist tries until ctx is done. The number of the try begins anew when a try was not
// refused at once.
func insist(ctx context.Context, f func(try int)) {
	for try := 0; ctx.Err() == nil; try++ {
		begin := time.Now()
		f(try)
		if time.Since(begin) > bodyTimeout/2 {
			try = -1
		}
		pause(ctx, time.Second/2)
	}
}
