package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A header is a peer that sends one header of its own making.
type header [2]string

// Send implements redoxtest.Sender.
func (h header) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(message))
	if err != nil {
		return nil, err
	}
	r.Header.Set(h[0], h[1])
	return http.DefaultClient.Do(r)
}

var serial atomic.Int64

// unique makes every signature another: at full speed two requests of one second
// would be the same, and the replay store refuses the second.
type unique struct{ redoxtest.SigV4 }

// Send implements redoxtest.Sender.
func (u *unique) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	return u.SigV4.Send(ctx, fmt.Sprintf("%s?n=%d", url, serial.Add(1)), message)
}
