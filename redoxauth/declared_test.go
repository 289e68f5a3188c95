package redoxauth_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

// A peer of HTTP/2 can declare a length, and end its message with the headers. net/http passes
// that on, with the header and a ContentLength of 0. It is malformed (RFC 9113, Section
// 8.1.1), and no fault of a middleware, which nobody should search for.
func TestPeerThatDeclaresABodyAndSendsNone(t *testing.T) {
	for name, front := range map[string]front{"untouched": func(*http.Request) {}, "read in front": func(r *http.Request) { readAll(r) }} {
		t.Run(name, func(t *testing.T) {
			answers := make(chan error, 1)
			h := redoxauth.Middleware(covers(""), &redoxauth.Options{Observe: func(_ *http.Request, d redoxauth.Decision) {
				answers <- d.Err
			}})(http.NotFoundHandler())
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				front(r)
				h.ServeHTTP(w, r)
			}))
			server.Config.Protocols = new(http.Protocols)
			server.Config.Protocols.SetUnencryptedHTTP2(true)
			server.Start()
			defer server.Close()
			conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go io.Copy(io.Discard, conn)
			// RFC 7541, Section 6.2.2: literals without indexing. 0x83, 0x86 and 0x84 are
			// ":method: POST", ":scheme: http" and ":path: /".
			block := []byte{0x83, 0x86, 0x84}
			for _, f := range [][2]string{{":authority", "a"}, {"content-length", "100"}} {
				block = append(append(block, 0, byte(len(f[0]))), f[0]...)
				block = append(append(block, byte(len(f[1]))), f[1]...)
			}
			const headers, endStream, endHeaders = 1, 1, 4
			var b bytes.Buffer
			b.WriteString("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
			b.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0}) // SETTINGS
			length := binary.BigEndian.AppendUint32(nil, uint32(len(block)))
			b.Write(append(length[1:], headers, endStream|endHeaders, 0, 0, 0, 1))
			b.Write(block)
			conn.Write(b.Bytes())
			select {
			case err := <-answers:
				verifiertest.CheckError(t, err, redoxauth.ErrMalformed, "body_read")
			case <-time.After(5 * time.Second):
				t.Fatal("no answer")
			}
		})
	}
}
