package sigv4_test

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// A wire is a request as its bytes on a connection. The path is signed in its place.
type wire struct {
	method      string // default POST
	target      string
	signed      string // path and query; default target
	host        string // default api.example.test
	signedHost  string // default host
	encodeOnce  bool
	wrongSecret bool
}

func (w wire) String() string {
	w.method, w.signed, w.host = cmp.Or(w.method, "POST"), cmp.Or(w.signed, w.target), cmp.Or(w.host, "api.example.test")
	r := request("/")
	r.Method, r.RequestURI, r.Host = w.method, w.signed, w.host
	s := testSigner
	s.host, s.encodeOnce = w.signedHost, w.encodeOnce
	if w.wrongSecret {
		s.secret = "wrong"
	}
	s.sign(r)
	var raw strings.Builder
	fmt.Fprintf(&raw, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nConnection: close\r\n", w.method, w.target, w.host, len(testBody))
	r.Header.Write(&raw)
	return raw.String() + "\r\n" + testBody
}

// send returns the status and the body of the answer of a server.
func (w wire) send(t *testing.T, server *httptest.Server) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, w.String())
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// serve serves h with every method that net/http may answer itself.
func serve(t *testing.T, h http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(h)
	server.Config.DisableGeneralOptionsHandler = true
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// echo answers the path that a handler sees.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })

// The handler must see the path that was verified. The forms of a request target: RFC 9112,
// Section 3.2. Of "x:y://h/redox" net/http makes an opaque URL, whose path is "".
func TestHandlerSeesTheVerifiedPath(t *testing.T) {
	server := serve(t, newVerifier(t, testConfig()).Wrap(echo))
	for _, test := range []struct {
		wire
		status int
		path   string
	}{
		{wire{target: "/"}, 200, "/"},
		{wire{target: "/redox/"}, 200, "/redox/"},
		{wire{target: "//x"}, 200, "//x"},
		{wire{target: "//api.example.test/x"}, 200, "//api.example.test/x"},
		{wire{target: "/a%2Fb?x=1"}, 200, "/a/b"},
		{wire{target: "/..foo/a..b/.../.b/c../a%2F..b%2F...%2Fc"}, 200, "/..foo/a..b/.../.b/c../a/..b/.../c"},
		{wire{target: "/a%2Fb/%C3%BC"}, 200, "/a/b/\u00fc"},
		{wire{target: "/a%20b/\u00fc"}, 200, "/a b/\u00fc"},
		{wire{target: "/a%2Fb/!$&'()*+,;=:@[]"}, 200, "/a/b/!$&'()*+,;=:@[]"},
		{wire{target: "/redox:y://h/x"}, 200, "/redox:y://h/x"},
		{wire{target: "/redox?x=a:b://h/../x"}, 200, "/redox"},
		{wire{target: "http://api.example.test/redox/prod", signed: "/redox/prod"}, 200, "/redox/prod"},
		{wire{target: "HTTPS://api.example.test/a%2Fb?x=1", signed: "/a%2Fb?x=1"}, 200, "/a/b"},
		{wire{target: "http://api.example.test//x", signed: "//x"}, 200, "//x"},
		{wire{target: "http://api.example.test", signed: "/"}, 200, ""},
		{wire{method: "OPTIONS", target: "/redox"}, 200, "/redox"},
		{wire{target: "http://api.example.test/redox/test", signed: "/redox/prod"}, 401, ""},

		{wire{target: "x:y://h/redox/prod", signed: "/redox/prod"}, 400, ""},
		{wire{target: "x:http://api.example.test/redox/prod", signed: "/redox/prod"}, 400, ""},
		{wire{target: "http:redox/prod", signed: "/redox/prod"}, 400, ""},
		{wire{target: "x:?/redox/prod", signed: "/redox/prod"}, 400, ""},
		{wire{target: "http:/redox/prod", signed: "/redox/prod"}, 400, ""},
		{wire{target: "http:/x://h/redox/prod", signed: "/redox/prod"}, 400, ""},
		{wire{target: "http://user:pw@api.example.test/redox", signed: "/redox"}, 400, ""},
		{wire{method: "OPTIONS", target: "*", signed: "/"}, 400, ""},
		{wire{method: "OPTIONS", target: "*"}, 400, ""},
		{wire{method: "CONNECT", target: "api.example.test:443", signed: "/"}, 400, ""},
		{wire{method: "CONNECT", target: "http://api.example.test/redox", signed: "/redox"}, 400, ""},
		{wire{target: "/prod/../test/redox", signed: "/test/redox"}, 400, ""},
		{wire{target: "/prod/..%2Ftest/redox"}, 400, ""},
		{wire{target: "/a%2Fb/\u00fc"}, 400, ""},
		{wire{target: `/a\b%2fc`}, 400, ""},
	} {
		status, path := test.send(t, server)
		if status != test.status || status == 200 && path != test.path {
			t.Errorf("%s %s: status %d, path %q, want %d, %q", test.method, test.target, status, path, test.status, test.path)
		}
	}
	if status, _ := (wire{target: "x:y://h/redox", signed: "/redox", wrongSecret: true}).send(t, server); status != 400 {
		t.Errorf("opaque target with a wrong signature: status %d, want 400", status)
	}
}

// Of a path with characters that must be escaped, url.URL.EscapedPath loses "%2F". A signature
// for one path must not run the handler of another.
func TestEscapedSlashIsNoSlashForARouter(t *testing.T) {
	cfg := testConfig()
	cfg.DisableDoubleEncoding = true // then "\u00fc" and "%C3%BC" have the same canonical form
	mux := http.NewServeMux()
	mux.HandleFunc("/{all...}", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "all "+r.URL.EscapedPath()) })
	mux.HandleFunc("/prod/{rest...}", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "prod "+r.PathValue("rest")) })
	server := serve(t, newVerifier(t, cfg).Wrap(mux))
	for _, test := range []struct {
		target string
		status int
		body   string
	}{
		{"/prod%2Ftest/%C3%BC", 200, "all /prod%2Ftest/%C3%BC"},
		{"/prod%2Ftest/\u00fc", 400, "Bad Request\n"},
		{"/prod/test/\u00fc", 401, "Unauthorized\n"},
	} {
		w := wire{target: test.target, signed: "/prod%2Ftest/%C3%BC", encodeOnce: true}
		if status, body := w.send(t, server); status != test.status || body != test.body {
			t.Errorf("%s: got %d %q, want %d %q", test.target, status, body, test.status, test.body)
		}
	}
}

// ReverseProxy sends an opaque target to the host in it.
func TestReverseProxyReachesNoOtherHost(t *testing.T) {
	reached := make(chan string, 1)
	backend := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.Host + " " + r.RequestURI }))
	to, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := serve(t, newVerifier(t, testConfig()).Wrap(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}))
	for target, want := range map[string]string{
		"/redox/prod":                             to.Host + " /redox/prod",
		"http://api.example.test/redox/prod":      to.Host + " /redox/prod",
		"x:http://internal.example/redox/prod":    "",
		"http:http://internal.example/redox/prod": "",
	} {
		status, _ := wire{target: target, signed: "/redox/prod"}.send(t, proxy)
		got := ""
		select {
		case got = <-reached:
		default:
		}
		if got != want || (status == 200) != (want != "") {
			t.Errorf("%s: status %d, the backend got %q, want %q", target, status, got, want)
		}
	}
}

// The error tells how the target starts. It does not show a password or a long target.
func TestRefusedTargetIsNotEchoed(t *testing.T) {
	v := newVerifier(t, testConfig())
	for _, target := range []string{
		"x:user:secret@h/redox", strings.Repeat("x", 5000) + ":secret", "http:" + strings.Repeat("secret", 1000), "secret@" + strings.Repeat("h", 5000) + "/",
		"http://user:secret@" + strings.Repeat("h", 5000) + "/", "*?secret",
	} {
		for _, kind := range []string{"HTTP/1", "HTTP/2", "opaque"} {
			r := scenario{after: received(target)}.request()
			if kind == "HTTP/2" {
				r.ProtoMajor = 2
			}
			if kind == "opaque" {
				if r.URL, _ = url.ParseRequestURI(target); r.URL == nil {
					continue
				}
			}
			_, err := v.Verify(r)
			if redoxauth.StatusCode(err) != http.StatusBadRequest || len(err.Error()) > 300 || strings.Contains(err.Error(), "secret") && !strings.HasPrefix(target, "secret") {
				t.Errorf("%s: %v", target[:20], err)
			}
		}
	}
}

// A message for one host must not pass at another (CVE-2025-49827 in Conjur): a router would
// run the handler of the received host. Hosts compare as RFC 3986, Section 3.2.2, and RFC
// 1034, Section 3.1, say: without case, and without a dot at the end.
func TestHostsOnTheWire(t *testing.T) {
	prodAndStaging := []string{"prod.example.com", "staging.example.com"}
	ports := []string{"api.example.com:8443", "api.example.com:9443", "b.example.com"}
	ipv6 := []string{"[::1]:8080", "[2001:db8::1]"}
	for _, test := range []struct {
		hosts            []string
		signed, received string
		ok               bool
	}{
		{nil, "prod.example.com", "prod.example.com", true},
		{nil, "prod.example.com:443", "prod.example.com:443", true},
		{nil, "[::1]:8080", "[::1]:8080", true},
		{nil, "prod.example.com", "prod.example.com:443", false},
		{nil, "prod.example.com", "PROD.example.com", false},

		{prodAndStaging, "staging.example.com", "staging.example.com", true},
		{prodAndStaging, "staging.example.com", "10.0.0.1:8080", true},
		{prodAndStaging, "staging.example.com", "prod.example.com", false},
		{prodAndStaging, "staging.example.com", "prod.example.com:443", false},
		{prodAndStaging, "staging.example.com", "prod.example.com:1", false},
		{prodAndStaging, "staging.example.com", "prod.example.com:", false},
		{prodAndStaging, "staging.example.com", "prod.example.com:x", false},
		{prodAndStaging, "staging.example.com", "PROD.Example.Com", false},
		{prodAndStaging, "staging.example.com", "prod.example.com.", false},
		{prodAndStaging, "staging.example.com", "Prod.example.com.:443", false},
		{prodAndStaging, "other.example.com", "10.0.0.1:8080", false},
		{prodAndStaging, "other.example.com", "other.example.com", false},

		{prodAndStaging, "prod.example.com", "prod.example.com:443", true},
		{prodAndStaging, "prod.example.com", "prod.example.com:8080", true},
		{prodAndStaging, "prod.example.com:8080", "prod.example.com:8080", true},
		{prodAndStaging, "prod.example.com:8080", "prod.example.com", false},
		{prodAndStaging, "prod.example.com:8080", "prod.example.com:8081", false},
		{prodAndStaging, "prod.example.com", "PROD.example.com.", true},
		{prodAndStaging, "PROD.example.com", "PROD.example.com", true},
		{prodAndStaging, "PROD.example.com", "prod.example.com", false},

		{ports, "api.example.com:8443", "api.example.com", true},
		{ports, "api.example.com:9443", "api.example.com", true},
		{ports, "api.example.com:9443", "api.example.com:8443", true},
		{ports, "api.example.com", "api.example.com", true},
		{ports, "api.example.com:9443", "proxy", true},
		{ports, "b.example.com", "api.example.com", false},
		{ports, "api.example.com:8443", "b.example.com:8443", false},

		{ipv6, "[::1]:8080", "[::1]:8080", true},
		{ipv6, "[::1]:8080", "[::1]", true},
		{ipv6, "[2001:db8::1]", "[2001:DB8::1]:443", true},
		{ipv6, "[2001:db8::1]", "[::1]", false},
		{ipv6, "[2001:db8::1]", "[::1]:443", false},
		{ipv6, "[2001:db8::1]", "[::2]", true},
	} {
		cfg := testConfig()
		cfg.Hosts = test.hosts
		server := serve(t, newVerifier(t, cfg).Wrap(echo))
		status, _ := wire{target: "/redox", host: test.received, signedHost: test.signed}.send(t, server)
		if want := map[bool]int{true: 200, false: 401}[test.ok]; status != want {
			t.Errorf("Hosts %q: signed for %q, received with %q: status %d, want %d", test.hosts, test.signed, test.received, status, want)
		}
		server.Close()
	}
}

// FuzzHost: under a signature for one of Hosts no Host makes http.ServeMux run the handler of
// another.
func FuzzHost(f *testing.F) {
	for _, seed := range []string{"prod.example.com", "prod.example.com:443", "prod.example.com:x", "prod.example.com.", "PROD.example.com", "staging.example.com",
		"", "10.0.0.1", "[::1]:8080", "prod.example.com:", "prod.example.com:1:2", "[prod.example.com]:1"} {
		f.Add(seed)
	}
	cfg := testConfig()
	cfg.Hosts = []string{"staging.example.com", "prod.example.com"}
	v := newVerifier(f, cfg)
	s := testSigner
	s.host = "staging.example.com"
	f.Fuzz(func(t *testing.T, host string) {
		// http.ServeMux compares the host as it is. Other routers fold its case, for example.
		for _, routed := range []string{host, strings.ToLower(strings.TrimRight(host, "."))} {
			ran := ""
			mux := http.NewServeMux()
			mux.HandleFunc("prod.example.com/", func(http.ResponseWriter, *http.Request) { ran = "prod" })
			mux.HandleFunc("staging.example.com/", func(http.ResponseWriter, *http.Request) { ran = "staging" })
			route := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Host = routed
				mux.ServeHTTP(w, r)
			})
			r := request("/redox")
			r.Host = host
			w := httptest.NewRecorder()
			v.Wrap(route).ServeHTTP(w, s.sign(r))
			if ran == "prod" || host == "staging.example.com" && ran != "staging" {
				t.Errorf("Host %q: status %d, %q ran", host, w.Code, ran)
			}
		}
	})
}

func TestNewRefusesWhatIsNoHost(t *testing.T) {
	four := testConfig()
	four.Hosts = []string{"a.test", "b.test", "c.test", "d.test"}
	newVerifier(t, four)
	for _, host := range []string{"api.example.test", "api.example.test:8443", "API.example.test.", "api.example.test.:443", "localhost", "10.0.0.1:8080", "[::1]", "[::1]:8080", "b\u00fccher.example"} {
		cfg := testConfig()
		cfg.Hosts = []string{host}
		newVerifier(t, cfg)
	}
	for _, host := range []string{"", ":8443", ".", "::1", "fe80::1", "api.example.test:", "api.example.test:x", "api.example.test:65536", "api.example.test:4a", "a b", " a", "http://a", "a/b", "u@a", "a,b", "a..", "ab]", "a.test\u00a0", "[::1]8080", "[a.example]", "[]", "[::1"} {
		cfg := testConfig()
		cfg.Hosts = []string{host}
		_, err := sigv4.New(cfg)
		if want := fmt.Sprintf("sigv4: Hosts[0]: %q is not a host or host:port", host); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
