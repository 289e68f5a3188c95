package sigv4senders

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// A recorder is a server that keeps the requests that it gets, byte by byte.
type recorder struct {
	*httptest.Server
	mu       sync.Mutex
	requests [][]byte
}

func newRecorder(t *testing.T) *recorder {
	rec := &recorder{}
	rec.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := md5.New()
		io.Copy(sum, r.Body)
		rec.mu.Lock()
		rec.requests = append(rec.requests, r.Context().Value(connectionKey{}).(*connection).bytes())
		rec.mu.Unlock()
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum.Sum(nil))+`"`) // clients of S3 compare it
	}))
	rec.Listener = listener{rec.Listener}
	rec.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, c)
	}
	rec.Config.SetKeepAlivesEnabled(false) // so that each connection has one request
	rec.Start()
	t.Cleanup(rec.Close)
	return rec
}

// first returns the first request with the method. Some tools send others around it.
func (rec *recorder) first(method string) []byte {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, raw := range rec.requests {
		if bytes.HasPrefix(raw, []byte(method+" ")) {
			return raw
		}
	}
	return nil
}

// A listener accepts connections that keep what they read.
type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &connection{Conn: c}, err
}

type connectionKey struct{}

type connection struct {
	net.Conn
	mu   sync.Mutex
	read bytes.Buffer
}

func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.read.Write(p[:n])
	c.mu.Unlock()
	return n, err
}

func (c *connection) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.read.Bytes())
}

func parse(raw []byte) (*http.Request, error) {
	return http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
}
