package sigv4_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

var redox = redoxtest.SigV4{AccessKey: "REDOX1", SecretKey: "a-long-random-secret-of-your-own", AWSRegion: "us-east-1", ServiceName: "redox"}

func protected(t *testing.T, opts *redoxauth.Options) *httptest.Server {
	v := newVerifier(t, sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: redox.AccessKey, SecretAccessKey: redox.SecretKey}},
		Region:      redox.AWSRegion, Service: redox.ServiceName,
	})
	server := httptest.NewUnstartedServer(redoxauth.Middleware(v, opts)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func deliver(t *testing.T, server *httptest.Server, sender redoxtest.SigV4, size int) {
	t.Helper()
	sender.Client = server.Client()
	resp, err := sender.Send(t.Context(), server.URL+"/redox", make([]byte, size))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a genuine message of %d bytes: status %d", size, resp.StatusCode)
	}
}

// A peer that knows the access key ID, region and service can make us read a body whose hash
// is not declared. 350 such bodies that stall must keep no genuine one out.
func TestStalledBodiesKeepNoMessageOut(t *testing.T) {
	const kib, mib = 1 << 10, 1 << 20
	server := protected(t, &redoxauth.Options{MaxBodyBytes: 4 * mib, MaxInFlight: 16 * mib})
	plain := httptest.NewServer(server.Config.Handler)
	t.Cleanup(plain.Close)
	for i := range 350 {
		r, err := http.NewRequest(http.MethodPost, plain.URL+"/redox", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := redox.Sign(r); err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", plain.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		length := "Content-Length: 4194304\r\n\r\n"
		if i%2 == 0 {
			length = "Transfer-Encoding: chunked\r\n\r\n400000\r\n"
		}
		fmt.Fprintf(conn, "POST /redox HTTP/1.1\r\nHost: %s\r\n", r.URL.Host)
		r.Header.Write(conn)
		io.WriteString(conn, length)
		conn.Write(make([]byte, (i%5)*16*kib+1))
	}
	for range 10 {
		deliver(t, server, redox, 1*kib)
		deliver(t, server, redox, 2*mib)
	}
}

// Headers that declare the hash of the body can be replayed within MaxSkew. Eight of them
// that claim the largest body and send nothing, on one HTTP/2 connection, hold nearly nothing.
func TestReplayedHeadersThatSendNoBodyHoldNothing(t *testing.T) {
	const mib = 1 << 20
	server := protected(t, &redoxauth.Options{MaxBodyBytes: 4 * mib})
	declared := redox
	declared.DeclarePayloadHash = true
	r, err := http.NewRequest(http.MethodPost, server.URL+"/redox", bytes.NewReader(make([]byte, 4*mib)))
	if err != nil {
		t.Fatal(err)
	}
	if err := declared.Sign(r); err != nil {
		t.Fatal(err)
	}
	client := server.Client()
	for range 8 {
		stalled, peer := io.Pipe()
		defer peer.Close()
		replay := r.Clone(t.Context())
		replay.Body, replay.GetBody = stalled, nil
		go func() {
			if resp, err := client.Do(replay); err == nil {
				resp.Body.Close()
			}
		}()
	}
	time.Sleep(50 * time.Millisecond)
	for range 4 {
		deliver(t, server, declared, mib)
		deliver(t, server, redox, mib)
	}
}
