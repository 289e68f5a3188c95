package interop_test

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// A proxy is a program, its configuration with what it needs to run in dir, and its
// arguments.
type proxy struct {
	program string
	around  func(dir, configuration string) string
	args    func(dir, file, address string) []string
	all     bool // only with -all
}

var all = flag.Bool("all", false, "also the proxies in proxies/packages")

var proxies = map[string]proxy{
	"nginx.conf": {program: "nginx",
		around: func(dir, configuration string) string {
			var temp strings.Builder
			for _, of := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
				fmt.Fprintf(&temp, "%s_temp_path %s/%s;\n", of, dir, of)
			}
			return "daemon off; master_process off; pid " + dir + "/pid; events {}\nhttp { access_log off;\n" + temp.String() + configuration + "}\n"
		},
		args: func(dir, file, _ string) []string { return []string{"-p", dir, "-e", dir + "/error.log", "-c", file} },
	},
	"haproxy.cfg": {program: "haproxy",
		around: func(_, configuration string) string { return configuration },
		args:   func(_, file, _ string) []string { return []string{"-f", file} },
	},
	"Caddyfile": {program: "caddy",
		around: func(_, configuration string) string {
			return "{\n\tadmin off\n\tauto_https off\n}\n" + configuration
		},
		args: func(_, file, _ string) []string {
			return []string{"run", "--config", file, "--adapter", "caddyfile"}
		},
	},
	"httpd.conf": {program: "apache2", all: true,
		around: func(dir, configuration string) string {
			text := "ServerRoot /usr/lib/apache2\nServerName localhost\nUser nobody\nGroup nogroup\nDefaultRuntimeDir " + dir + "\nPidFile " + dir + "/pid\nErrorLog /dev/stderr\n"
			for _, module := range []string{"mpm_event", "authz_core", "proxy", "proxy_http"} {
				text += "LoadModule " + module + "_module modules/mod_" + module + ".so\n"
			}
			return text + configuration
		},
		args: func(_, file, _ string) []string { return []string{"-X", "-f", file} }, // -X: one process
	},
	"varnish.vcl": {program: "varnishd", all: true,
		around: func(_, configuration string) string { return configuration },
		args: func(dir, file, address string) []string {
			return []string{"-F", "-j", "none", "-n", dir, "-a", address, "-f", file}
		},
	},
}

// serve starts the proxy between a free address, which it returns, and server. In the
// configuration these are 127.0.0.1:8101 and 127.0.0.1:8080.
func (p proxy) serve(t *testing.T, configuration, server string) (address string) {
	t.Helper()
	path := program(t, p.program)
	for range 3 { // another program may take the port in between
		dir := t.TempDir()
		address = freeAddress(t)
		_, port, _ := net.SplitHostPort(address)
		text := strings.NewReplacer("127.0.0.1:8101", address, "http://:8101", "http://:"+port, "127.0.0.1:8080", server).Replace(configuration)
		file := filepath.Join(dir, "configuration")
		if err := os.WriteFile(file, []byte(p.around(dir, text)), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(path, p.args(dir, file, address)...)
		cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
		var output bytes.Buffer
		cmd.Stdout, cmd.Stderr = &output, &output
		ended := start(t, cmd)
		if listens(address, ended) {
			return address
		}
		cmd.Process.Kill()
		<-ended
		t.Logf("%s does not listen:\n%s", p.program, &output)
	}
	t.Fatalf("%s does not start", p.program)
	return ""
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// listens waits until something listens at the address.
func listens(address string, ended <-chan struct{}) bool {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return true
		}
		select {
		case <-ended:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false
}

// The configurations in proxies/ are those that the documentation points to.
func TestProxiesKeepSignatures(t *testing.T) {
	t.Parallel()
	server := destination(t, sigv4Environment...)
	huge := file(t, bytes.Repeat([]byte("0123456789abcdef"), 40<<20/16))
	tests := []struct {
		name, client string
		change       func(*signature)
		want         int
	}{
		{"UTF-8", "aws4", func(s *signature) {}, 200},
		{"Host with capitals and a port", "aws4", func(s *signature) { s.host = "API.example.test:8443" }, 200},
		{"escaped path", "aws4", func(s *signature) { s.target += "/a%20b/c%2fd/%C3%BC/~e%7E!'(f)*/%3A:" }, 200},
		{"query", "aws4", func(s *signature) { s.target += "?b=%c3%bc&a=2&a=1&c&d=x+y" }, 200},
		{"headers", "aws4", func(s *signature) {
			s.headers = map[string]string{"x_under_score": "1", "X-Spaces": "  a   b  ", "User-Agent": "sender/1", "Accept-Encoding": "gzip, br"}
		}, 200},
		{"chunked", "smithy", func(s *signature) { s.chunked = true }, 200},
		{"40 MiB", "aws4", func(s *signature) { s.body = huge }, 200},
		{"Expect: 100-continue", "curl", func(s *signature) { s.body = huge }, 200}, // curl adds it to large bodies
		{"wrong secret", "aws4", func(s *signature) { s.secretKey += "x" }, 401},
	}
	for name, serve := range forwardings(t) {
		t.Run(name, func(t *testing.T) {
			address := serve(t, server)
			for _, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					s := signed(t, address, "/redox/sigv4")
					tt.change(&s)
					if got := signers[tt.client](t, s); got.Status != tt.want {
						t.Errorf("got %+v, want %d", got, tt.want)
					}
				})
			}
			repeated := http.StatusOK
			if name == "httpd.conf" {
				repeated = http.StatusUnauthorized // Apache makes one of them, with ", " between the values
			}
			if got := sendRepeated(t, "http://"+address+"/redox/sigv4"); got != repeated {
				t.Errorf("repeated header: got %d, want %d", got, repeated)
			}
			for value, want := range map[string]int{theToken: http.StatusOK, "another": http.StatusUnauthorized} {
				got := curl(t, "--header", "verification-token: "+value, "--data-binary", "@"+file(t, message), "http://"+address+"/redox/verifytoken")
				if got.Status != want {
					t.Errorf("token %q: got %+v, want %d", value, got, want)
				}
				for _, method := range []string{http.MethodPost, http.MethodGet} {
					err := redoxtest.Handshake(t.Context(), "http://"+address+"/redox/sigv4", value, method)
					if (err == nil) != (want == http.StatusOK) {
						t.Errorf("handshake by %s with token %q: %v", method, value, err)
					}
				}
			}
		})
	}
}

func sendRepeated(t *testing.T, url string) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	r.Header["X-Note"] = []string{"one", "two"}
	signer := redoxtest.SigV4{AccessKey: accessKey, SecretKey: secretKey, ServiceName: "execute-api", AWSRegion: "us-east-1"}
	if err := signer.Sign(r); err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// What people configure instead, and what mends it on our side.
func TestProxiesThatBreakSignatures(t *testing.T) {
	t.Parallel()
	const host = "api.example.test:8443"
	hosts := sigv4.Config{Hosts: []string{"old.example.test", host}}
	nginx := func(directives string) string {
		return "server { listen 127.0.0.1:8101; location / { " + directives + " } }\n"
	}
	apache := func(directives string) string { return "Listen 127.0.0.1:8101\n" + directives + "\n" }
	tests := []struct {
		name, proxy, configuration string
		explained                  string // without a remedy
		remedy                     sigv4.Config
		mended                     int
	}{
		{"nginx replaces Host", "nginx.conf", nginx("proxy_pass http://127.0.0.1:8080;"),
			"if a proxy is in front, it has replaced Host", hosts, 200},
		{"nginx replaces Host by the name of an upstream", "nginx.conf", "upstream backend { server 127.0.0.1:8080; }\n" + nginx("proxy_pass http://backend;"),
			"Host looks internal: a proxy seems to have replaced it", hosts, 200},
		{"nginx drops the port", "nginx.conf", nginx("proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host;"),
			`Host "api.example.test"`, hosts, 200},
		{"nginx tells the host otherwise", "nginx.conf", nginx("proxy_pass http://127.0.0.1:8080; proxy_set_header X-Forwarded-Host $http_host;"),
			`it verifies with Host "` + host + `"`, hosts, 200},
		{"HAProxy sets Host", "haproxy.cfg", "defaults\n mode http\n timeout client 9s\n timeout server 9s\n timeout connect 9s\nlisten in\n bind 127.0.0.1:8101\n http-request set-header Host internal\n server s 127.0.0.1:8080\n",
			"Host looks internal: a proxy seems to have replaced it", hosts, 200},
		{"Caddy sets Host", "Caddyfile", "http://:8101 {\n bind 127.0.0.1\n reverse_proxy 127.0.0.1:8080 {\n  header_up Host {upstream_hostport}\n }\n}\n",
			`it verifies with Host "` + host + `"`, hosts, 200},
		{"Caddy strips a prefix", "Caddyfile", "http://:8101 {\n bind 127.0.0.1\n handle_path /a/* {\n  reverse_proxy 127.0.0.1:8080\n }\n}\n",
			"compare the canonical request", sigv4.Config{PathPrefix: "/a"}, 200},
		{"nginx decodes the path", "nginx.conf", nginx("proxy_pass http://127.0.0.1:8080/; proxy_set_header Host $http_host;"),
			`it verifies with the path "/a/b%2Fc": something on the way decoded`, hosts, 401},
	}
	if *all {
		tests = append(tests, []struct {
			name, proxy, configuration, explained string
			remedy                                sigv4.Config
			mended                                int
		}{
			{"Apache replaces Host", "httpd.conf", apache("AllowEncodedSlashes NoDecode\nProxyPass / http://127.0.0.1:8080/ nocanon"), `it verifies with Host "` + host + `"`, hosts, 200},
			{"Apache decodes the path", "httpd.conf", apache("ProxyPreserveHost On\nAllowEncodedSlashes On\nProxyPass / http://127.0.0.1:8080/"), `it verifies with the path "/a/b%2Fc": something on the way decoded`, hosts, 401},
		}...)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got [2]answer
			var why string
			for i, cfg := range []sigv4.Config{{}, tt.remedy} {
				server, explained := verifying(t, cfg)
				s := signed(t, proxies[tt.proxy].serve(t, tt.configuration, server), "/a/b%2Fc")
				s.host = host
				if got[i] = signers["aws4"](t, s); i == 0 && got[i].Status != http.StatusOK {
					why = <-explained
				}
			}
			if got[0].Status != http.StatusUnauthorized || !strings.Contains(why, tt.explained) {
				t.Errorf("got %+v, explained by\n%s\nwant 401, %q", got[0], why, tt.explained)
			}
			if got[1].Status != tt.mended {
				t.Errorf("with the remedy: got %+v, want %d", got[1], tt.mended)
			}
		})
	}
}

// nginx takes 1 MB at most unless told otherwise, and answers 413 itself.
func TestNginxRefusesLargeBodiesByDefault(t *testing.T) {
	t.Parallel()
	server := destination(t)
	address := proxies["nginx.conf"].serve(t, "server { listen 127.0.0.1:8101; location / { proxy_pass http://127.0.0.1:8080; } }\n", server)
	got := curl(t, "--header", "verification-token: "+theToken, "--data-binary", "@"+file(t, make([]byte, 2<<20)), "http://"+address+"/redox/verifytoken")
	if got.Status != http.StatusRequestEntityTooLarge || !strings.Contains(got.Text, "nginx") {
		t.Errorf("got %+v, want 413 of nginx", got)
	}
}
