// Package differential_test sends bytes of HTTP/1 to the net/http server, with fuzzed request
// targets and bodies, and compares what a handler sees with what the signature covers.
package differential_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

const (
	accessKey = "REDOX1"
	secretKey = "a-secret-of-the-fuzz-targets"
	region    = "us-east-1"
	service   = "redox"
	theToken  = "theVerificationToken"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// newSigV4 returns a Verifier of the signatures of sign.
func newSigV4(t testing.TB, change func(*sigv4.Config)) *sigv4.Verifier {
	t.Helper()
	cfg := sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: accessKey, SecretAccessKey: secretKey}},
		Region:      region, Service: service,
		Now: func() time.Time { return now },
	}
	if change != nil {
		change(&cfg)
	}
	v, err := sigv4.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sign returns the headers of a POST whose canonical path, canonical query and Host are given
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
func sign(path, query, host string, body []byte, declared bool) string {
	date, hash := now.Format("20060102T150405Z"), fmt.Sprintf("%x", sha256.Sum256(body))
	scope := strings.Join([]string{date[:8], region, service, "aws4_request"}, "/")
	headers, names, sent := "host:"+host+"\n", "host", ""
	if declared {
		headers, names = headers+"x-amz-content-sha256:"+hash+"\n", names+";x-amz-content-sha256"
		sent = "X-Amz-Content-Sha256: " + hash + "\r\n"
	}
	headers, names = headers+"x-amz-date:"+date+"\n", names+";x-amz-date"
	canonical := strings.Join([]string{"POST", path, query, headers, names, hash}, "\n")
	key := []byte("AWS4" + secretKey)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	signature := mac(key, fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", date, scope, sha256.Sum256([]byte(canonical))))
	return fmt.Sprintf("%sX-Amz-Date: %s\r\nAuthorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x\r\n",
		sent, date, accessKey, scope, names, signature)
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	io.WriteString(h, message)
	return h.Sum(nil)
}

// exchange sends raw on a connection to a server of h, and returns the answers. The clock
// stands still while anybody is at work, so no time-out decides.
func exchange(t *testing.T, h http.Handler, raw string) (answers string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client, accepted := net.Pipe()
		listener := &oneConn{conn: accepted, closed: make(chan struct{})}
		var errors bytes.Buffer
		server := &http.Server{Handler: h, DisableGeneralOptionsHandler: true, ErrorLog: log.New(&errors, "", 0)}
		go server.Serve(listener)
		go io.WriteString(client, raw)
		var answer bytes.Buffer
		read := make(chan struct{})
		go func() {
			io.Copy(&answer, client)
			close(read)
		}()
		time.Sleep(5 * time.Second) // more than a server waits for a peer that was refused
		client.Close()
		<-read
		server.Shutdown(t.Context())
		if strings.Contains(errors.String(), "panic") {
			t.Errorf("%q:\n%s", raw, &errors)
		}
		answers = answer.String()
	})
	return answers
}

// A oneConn listens for one connection.
type oneConn struct {
	conn   net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	close(l.closed)
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// options are the limits of one exchange: shared ones would carry channels from one to the
// next.
func options() *redoxauth.Options { return &redoxauth.Options{MaxBodyBytes: 1 << 20} }
