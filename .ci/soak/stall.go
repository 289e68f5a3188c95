package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// Stalled peers at messages and at a token endpoint, whose budget of 32 MiB is full with 512
// bodies of 64 KiB.
const (
	stalledMessages = 500
	stalledRequests = 700
)

// stallMessages sends the beginnings of messages. Most name the right key ID, region and
// service, which are no secret, so their bodies are read before the signature can be
// decided. They claim up to 40 MiB and send up to 2 MiB: together more than is open to
// bodies that are not proven. Who is refused tries a smaller body, so that nothing is left.
func (s *siege) stallMessages(ctx, hold context.Context, t *tally) {
	s.stall(ctx, hold, t, stalledMessages, s.destination.URL, stalledMessage)
}

func (s *siege) stallTokenRequests(ctx, hold context.Context, t *tally) {
	s.stall(ctx, hold, t, stalledRequests, s.destination.URL, func(n, try int) partial {
		length := int64(64 << 10)
		if n%5 == 0 {
			length = -1
		}
		return partial{path: "/clientcredentials/token", headers: formHeaders(), length: length, body: filler[:smaller(64<<10, try)-1]}
	})
}

// stall stalls that many peers. A quarter of them share eight HTTP/2 connections. They come
// within 3 s: all at once they would keep this process, which has the genuine senders too,
// from running.
func (s *siege) stall(ctx, hold context.Context, t *tally, peers int, url string, request func(n, try int) partial) {
	var group sync.WaitGroup
	var clients []*http.Client
	for n := range 8 {
		clients = append(clients, peer(n).client(true))
	}
	for n := range peers {
		group.Go(func() {
			pause(ctx, 3*time.Second*time.Duration(n)/time.Duration(peers))
			if next := func(try int) partial { return request(n, try) }; n%4 == 0 {
				stallStream(ctx, hold, t, clients[n/4%len(clients)], url, next)
			} else {
				peer(n).stall(ctx, hold, t, url, next)
			}
		})
	}
	group.Wait()
	for _, c := range clients {
		c.CloseIdleConnections()
	}
}

// stalledMessage is a message of peer n: of ten, one stops in its headers, two are at a
// Handshake and seven at SigV4.
func stalledMessage(n, try int) partial {
	sizes := []int{2 << 20, 1 << 20, 300 << 10, 60 << 10}
	r := partial{path: "/sigv4", headers: forgedSignature(), length: redoxauth.DefaultMaxBodyBytes, body: filler[:smaller(sizes[n/10%len(sizes)], try)]}
	switch n % 10 {
	case 1:
		r.cut = 40
	case 2, 3:
		r = partial{path: "/verifytoken", headers: http.Header{}, length: 3000, body: []byte(`{"challenge":"`)}
	case 4, 5, 6:
		r.length = int64(2 * len(r.body))
	}
	if n%3 == 0 {
		r.length = -1
	}
	return r
}

// smaller is an eighth of the size with every try, down to less than any genuine body has.
func smaller(size, try int) int { return max(size>>(3*try), 16) }

// forgedSignature has everything right but the signature, and declares no hash.
func forgedSignature() http.Header {
	date := time.Now().UTC().Format("20060102T150405Z")
	return http.Header{
		"X-Amz-Date": {date},
		"Authorization": {"AWS4-HMAC-SHA256 Credential=AK/" + date[:8] + "/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=" +
			strings.Repeat("0", 64)},
	}
}

func formHeaders() http.Header {
	return http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
}
