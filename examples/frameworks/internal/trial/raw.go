package trial

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// raw sends, with the right token, requests that the client of net/http would not send: bodies
// that break off, and a Host that is not valid. It speaks HTTP/1.1. A server may close the
// connection instead of answering such a request.
func raw(t *testing.T, start Destination) {
	verifiers := newVerifiers(t)
	server := start(t, verifiers["verifytoken"].(*verifytoken.Verifier), verifiers["verifytoken"], nil)
	const half, body = "Content-Length: 10000\r\n\r\n", "Content-Length: 5000\r\n\r\n"
	const chunk = "Transfer-Encoding: chunked\r\n\r\n1388\r\n"
	sent := strings.Repeat("x", 5000) // more than a handshake has, so that the handler reads it
	for _, c := range []struct {
		name, host, rest string
		want             int
	}{
		{"body", "destination", body + sent, http.StatusOK},
		{"chunked body", "destination", chunk + sent + "\r\n0\r\n\r\n", http.StatusOK},
		{"IPv6 address", "[::1]:80", body + sent, http.StatusOK},
		{"body breaks off", "destination", half + sent, http.StatusBadRequest},
		{"chunked body breaks off", "destination", chunk + sent + "\r\n", http.StatusBadRequest},
		{"chunk breaks off", "destination", chunk + sent[:9], http.StatusBadRequest},
		{"invalid chunk", "destination", chunk + sent + "\r\nz\r\n", http.StatusBadRequest},
		{"space in Host", "a b", "Content-Length: 0\r\n\r\n", http.StatusBadRequest}, // RFC 9112, Section 3.2
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", host(t, server))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, "POST /redox HTTP/1.1\r\nHost: "+c.host+"\r\nVerification-Token: "+token+"\r\n"+c.rest); err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(c.name, "breaks off") { // Hertz answers nothing to a peer that has closed
				if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if errors.Is(err, io.ErrUnexpectedEOF) && c.want != http.StatusOK {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			answer, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != c.want {
				t.Errorf("got status %d, want %d; body %.80q", res.StatusCode, c.want, answer)
			}
		})
	}
}

// Unreadable answers for a handler that gets err when it reads the body. A token does not
// cover the body, so the handler is the first that reads it.
func Unreadable(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	if tooLarge := new(*http.MaxBytesError); errors.As(err, tooLarge) {
		status = http.StatusRequestEntityTooLarge
	}
	http.Error(w, http.StatusText(status), status)
}
