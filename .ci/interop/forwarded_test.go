package interop_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// serveReverseProxy starts Go's proxy, with what keeps signatures valid.
func serveReverseProxy(t *testing.T, server string) (address string) {
	t.Helper()
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: server})
		r.Out.Host = r.In.Host // SetURL makes it the destination's own
		r.SetXForwarded()
	}}
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	return addressOf(t, s.URL)
}

// A forwarding is a proxy with the configuration that the documentation points to.
type forwarding func(t *testing.T, server string) (address string)

func forwardings(t *testing.T) map[string]forwarding {
	t.Helper()
	named := map[string]forwarding{"ReverseProxy": serveReverseProxy}
	for name, p := range proxies {
		if p.all && !*all {
			continue
		}
		configuration, err := os.ReadFile(filepath.Join("proxies", name))
		if err != nil {
			t.Fatal(err)
		}
		named[name] = func(t *testing.T, server string) string { return p.serve(t, string(configuration), server) }
	}
	return named
}

// exchange sends a request as it is and returns the answer, with its header.
func exchange(t *testing.T, address, raw string) (response *http.Response, body string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	response, err = http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%.100q: %v", raw, err)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%.100q: %v", raw, err)
	}
	return response, string(text)
}

// What arrives behind each proxy, if it is not what was sent. A status is the proxy's own
// answer.
func TestProxiesForwardTargets(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RequestURI) }))
	t.Cleanup(server.Close)
	targets := []string{
		"/", "/a//b", "//a", "/a%2Fb", "/a%2fb", "/a;b=c", "/a/../b", "/a/./b", "/a/%2e%2e/b", "/%C3%BC", "/%c3%bc", "/\u00fc", "/~%7E%41!'(f)*@:,=+", "/a%20b", "/a%5Cb", "/a\\b",
		"/a?", "/a?x=1&&y=%2f&x=0", "/a?x=b+c%20d", "/a?x=%c3%bc", "/a?x=\u00fc", "/a?x;y", "/a?x=a/b//c?d", "/a?x=%zz",
	}
	for name, serve := range forwardings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := serve(t, addressOf(t, server.URL))
			got := map[string]string{}
			for _, target := range targets {
				response, text := exchange(t, address, "POST "+target+" HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				if response.StatusCode != http.StatusOK {
					text = response.Status[:3]
				}
				if text != target {
					got[target] = text
				}
			}
			if !maps.Equal(got, changedTargets[name]) {
				t.Errorf("got %q, want %q", got, changedTargets[name])
			}
		})
	}
}

var changedTargets = map[string]map[string]string{
	"nginx.conf":   {},
	"haproxy.cfg":  {"/\u00fc": "400", "/a?x=\u00fc": "400"},
	"Caddyfile":    {"/\u00fc": "/%C3%BC", "/a\\b": "/a%5Cb"},
	"ReverseProxy": {"/\u00fc": "/%C3%BC", "/a\\b": "/a%5Cb", "/a?x;y": "/a", "/a?x=%zz": "/a"},
	"httpd.conf":   {"//a": "/a"},
	"varnish.vcl":  {},
}

// What arrives of a header behind each proxy, if it is not what was sent, and of a body.
func TestProxiesForwardMessages(t *testing.T) {
	t.Parallel()
	type message struct {
		Header  http.Header // with Host
		Chunked bool
		Body    int
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Header.Set("Host", r.Host)
		r.Header.Del("Connection")
		json.NewEncoder(w).Encode(message{r.Header, len(r.TransferEncoding) > 0, len(body)})
	}))
	t.Cleanup(server.Close)
	sent := http.Header{
		"Host": {"API.example.test:8443"}, "X-Note": {"one", "two  three"}, "X_note": {"1"}, "Accept-Encoding": {"br"}, "User-Agent": {"sender/1"}, "Te": {"trailers"},
		"X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Host": {"other.test"}, "Forwarded": {"for=192.0.2.1"},
	}
	head := "POST / HTTP/1.1\r\nConnection: close\r\n"
	for name, values := range sent {
		for _, value := range values {
			head += name + ": " + value + "\r\n"
		}
	}
	body := strings.Repeat("0123456789abcdef", 1<<16)
	for name, serve := range forwardings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := serve(t, addressOf(t, server.URL))
			for _, chunked := range []bool{false, true} {
				raw := head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
				if chunked {
					raw = head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
				}
				var m message
				if _, text := exchange(t, address, raw); json.Unmarshal([]byte(text), &m) != nil {
					t.Fatalf("got %q", text)
				}
				if m.Chunked != chunked || m.Body != len(body) {
					t.Errorf("got %d bytes, chunked %v, want %d, %v", m.Body, m.Chunked, len(body), chunked)
				}
				m.Header.Del("Content-Length")
				if m.Header.Get("X-Varnish") != "" {
					m.Header.Set("X-Varnish", "an ID")
				}
				got := map[string]string{}
				for _, header := range []http.Header{sent, m.Header} {
					for field := range header {
						if !slices.Equal(m.Header[field], sent[field]) {
							got[field] = strings.Join(m.Header[field], "|")
						}
					}
				}
				if !maps.Equal(got, changedHeaders[name]) {
					t.Errorf("got %q, want %q", got, changedHeaders[name])
				}
			}
			for size, want := range map[int]int{7 << 10: http.StatusOK, 15 << 10: largeHeader[name]} {
				response, _ := exchange(t, address, head+"Content-Length: 0\r\nX-Large: "+strings.Repeat("x", size)+"\r\n\r\n")
				if response.StatusCode != want {
					t.Errorf("a header of %d bytes: got %d, want %d", size, response.StatusCode, want)
				}
			}
		})
	}
}

// "" is a header that does not arrive, and "|" is between repeated ones.
var changedHeaders = map[string]map[string]string{
	"nginx.conf":   {"Te": ""},
	"haproxy.cfg":  {},
	"Caddyfile":    {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "API.example.test:8443", "X-Forwarded-Proto": "http"},
	"ReverseProxy": {"Forwarded": "", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "API.example.test:8443", "X-Forwarded-Proto": "http"},
	"httpd.conf": {
		"Te": "", "X-Note": "one, two  three", "X-Forwarded-For": "192.0.2.1, 127.0.0.1", "X-Forwarded-Host": "other.test, API.example.test:8443", "X-Forwarded-Server": "localhost",
	},
	"varnish.vcl": {"Te": "", "X-Forwarded-For": "192.0.2.1, 127.0.0.1", "X-Varnish": "an ID"},
}

// The answer to a header of 15 KiB, with the proxy's default limits.
var largeHeader = map[string]int{"nginx.conf": 400, "haproxy.cfg": 400, "Caddyfile": 200, "ReverseProxy": 200, "httpd.conf": 400, "varnish.vcl": 400}
