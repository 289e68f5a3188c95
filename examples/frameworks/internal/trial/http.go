package trial

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A Handler is a [Destination] of a framework that is built on net/http. The caller starts the
// server.
type Handler func(t *testing.T, token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options) http.Handler

// RunHTTP is [RunAll] over HTTP/1.1, over HTTP/2 with TLS, and over HTTP/2 without TLS (h2c,
// [RFC 9113, Section 3.3]), which is what some proxies speak to a server. The message of
// 40 MiB takes the most time, so it is sent once, over h2c. Malformed requests are of
// HTTP/1.1.
//
// [RFC 9113, Section 3.3]: https://www.rfc-editor.org/rfc/rfc9113#section-3.3
func RunHTTP(t *testing.T, handler Handler) {
	var http1, http2, h2c http.Protocols
	http1.SetHTTP1(true)
	http2.SetHTTP2(true)
	h2c.SetUnencryptedHTTP2(true)
	for _, p := range []struct {
		name, proto string
		protocols   *http.Protocols
	}{
		{"HTTP/1.1", "HTTP/1.1", &http1},
		{"HTTP/2", "HTTP/2.0", &http2},
		{"h2c", "HTTP/2.0", &h2c},
	} {
		t.Run(p.name, func(t *testing.T) {
			transport := &http.Transport{Protocols: p.protocols, TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}}
			useTransport(t, transport)
			start := func(t *testing.T, token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options) string {
				destination := handler(t, token, v, opts)
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Proto != p.proto {
						t.Errorf("a request arrived over %s, want %s", r.Proto, p.proto)
					}
					destination.ServeHTTP(w, r)
				}))
				server.Config.Protocols = p.protocols
				server.Config.ErrorLog = log.New(io.Discard, "", 0) // strangers break off TLS handshakes
				if p.protocols.HTTP2() {
					server.EnableHTTP2 = true
					server.StartTLS()
					transport.TLSClientConfig.RootCAs.AddCert(server.Certificate())
				} else {
					server.Start()
				}
				t.Cleanup(func() {
					transport.CloseIdleConnections()
					server.Close()
				})
				return server.URL
			}
			runAll(t, start)
			if p.protocols.HTTP1() {
				t.Run("raw", func(t *testing.T) { raw(t, start) })
			}
			if p.protocols.UnencryptedHTTP2() {
				t.Run("largest message", func(t *testing.T) { largest(t, start) })
			}
		})
	}
}

// useTransport makes all senders use transport until the test ends: they use the default
// client.
func useTransport(t *testing.T, transport http.RoundTripper) {
	before := http.DefaultClient.Transport
	http.DefaultClient.Transport = transport
	t.Cleanup(func() { http.DefaultClient.Transport = before })
}
