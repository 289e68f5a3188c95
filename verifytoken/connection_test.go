package verifytoken_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What a stranger begins to send.
var stalledRequests = map[string]string{
	"small body":            "Content-Length: 93\r\n\r\n",
	"part of a small body":  "Content-Length: 93\r\n\r\n{",
	"chunks":                "Transfer-Encoding: chunked\r\n\r\n",
	"a small chunk":         "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
	"a large chunk":         "Transfer-Encoding: chunked\r\n\r\n1388\r\n" + strings.Repeat("a", 5000) + "\r\n",
	"a part of a large one": "Content-Length: 5000\r\n\r\n" + strings.Repeat("a", 4500),
}

func stall(t *testing.T, server *httptest.Server, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, "POST /redox HTTP/1.1\r\nHost: h\r\n"+request)
	return conn
}

// Handshake is the outermost wrapper, and reads what strangers send. http.Server.ReadTimeout
// must end their connections, and Shutdown must not wait for longer.
func TestConnectionsOfStalledPeersEnd(t *testing.T) {
	drains := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	server := httptest.NewUnstartedServer(newVerifier(t, newToken).Handshake(drains))
	server.Config.ReadTimeout = 300 * time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	var conns []net.Conn
	for _, request := range stalledRequests {
		for range 5 {
			conns = append(conns, stall(t, server, request))
		}
	}
	for _, conn := range conns {
		if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Fatal("the server keeps the connection")
		}
	}
	for _, request := range stalledRequests {
		stall(t, server, request)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := server.Config.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// Small messages that arrive slowly share no budget: however many strangers are as slow, none
// of them is refused.
func TestSlowMessagesArriveBesideEachOther(t *testing.T) {
	t.Parallel()
	body := `{"Meta":{},"Payload":"` + strings.Repeat("x", 4000) + `"}`
	drains := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	server := httptest.NewServer(newVerifier(t, newToken).Handshake(drains))
	t.Cleanup(server.Close)
	var conns []net.Conn
	for range 50 {
		conns = append(conns, stall(t, server, fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body[:4000])))
	}
	time.Sleep(time.Second) // longer than a body waits for room
	for _, conn := range conns {
		io.WriteString(conn, body[4000:])
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("status %d, want 200", resp.StatusCode)
		}
	}
}

// One stalled stream must not end the other streams of an HTTP/2 connection.
func TestStalledStreamKeepsItsConnection(t *testing.T) {
	var handled, conns atomic.Int64
	server := httptest.NewUnstartedServer(newVerifier(t, newToken).Handshake(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { handled.Add(1) })))
	server.EnableHTTP2 = true
	server.Config.ReadTimeout = time.Second // on a busy machine the handshake of TLS takes a while
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	send := func(body io.Reader) int {
		answer, err := server.Client().Post(server.URL, "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	stalled, peer := io.Pipe()
	defer peer.Close()
	go peer.Write([]byte("{"))
	if got := send(stalled); got != http.StatusServiceUnavailable {
		t.Errorf("stalled: status %d, want 503", got)
	}
	if got := send(strings.NewReader("a message")); got != 200 || handled.Load() != 1 || conns.Load() != 1 {
		t.Errorf("after it: status %d on connection %d, handled %d", got, conns.Load(), handled.Load())
	}
}
