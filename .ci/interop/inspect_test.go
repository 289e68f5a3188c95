package interop_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// An inspected is a client that sends to examples/inspect first, and then to what inspect
// proposes.
type inspected struct {
	name, strategy string
	args           []string
	environment    map[string]string // what the operator knows
	// send sends to a destination at base. Forged is by somebody who lacks the secret or key.
	send      func(t *testing.T, base, path, tokenPath string, forged bool) answer
	handshake bool
}

// A way leads from an address that stays to one program after another. It keeps Host and
// the path as they are.
type way struct {
	*httptest.Server
	to atomic.Pointer[string]
}

func newWay(t *testing.T) *way {
	w := &way{}
	w.Server = httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: *w.to.Load()})
		r.Out.Host = r.In.Host
		r.Out.URL.Path, r.Out.URL.RawPath, r.Out.URL.RawQuery = r.In.URL.Path, r.In.URL.RawPath, r.In.URL.RawQuery
	}})
	t.Cleanup(w.Close)
	return w
}

// A transcript is the output of inspect.
type transcript struct {
	announcement
	mu  sync.Mutex
	all bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all.Write(p)
	return t.announcement.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.String()
}

// inspect starts examples/inspect.
func inspect(t *testing.T, public string, c inspected) (address string, out *transcript) {
	t.Helper()
	out = &transcript{announcement: announcement{before: "listening on http://", address: make(chan string, 1)}}
	cmd := exec.Command(inspectProgram, append([]string{"-listen", "127.0.0.1:0", "-url", public}, c.args...)...)
	for name, value := range c.environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	start(t, cmd)
	select {
	case line := <-out.address:
		address, _, _ = strings.Cut(line, " ")
		return address, out
	case <-time.After(time.Minute):
		t.Fatal("inspect does not listen")
	}
	return "", nil
}

// proposed returns the Go code and the variables that inspect printed last.
func proposed(text string, known map[string]string) (code string, environment []string) {
	_, code, _ = strings.Cut(text[max(0, strings.LastIndex(text, "-------- Go:")):], "\n")
	code, _, _ = strings.Cut(code, "-------- end of Go")
	_, lines, _ := strings.Cut(text[max(0, strings.LastIndex(text, "-------- variables")):], "\n")
	lines, _, _ = strings.Cut(lines, "\n\n")
	for line := range strings.Lines(lines) {
		if m := regexp.MustCompile(`^(\w+)="\$(\w+)"\n`).FindStringSubmatch(line); m != nil {
			value := known[m[2]]
			if m[2] == "TOKEN_SECRETS" {
				value = secrets
			}
			environment = append(environment, m[1]+"="+value)
		} else if m := regexp.MustCompile(`^(\w+)='(.*)'\n`).FindStringSubmatch(line); m != nil {
			environment = append(environment, m[1]+"="+m[2])
		}
	}
	return code, environment
}

// Each client sends to inspect. What inspect proposes then accepts the client's next request,
// and refuses a forged one: the Go code, compiled, and examples/destination with the variables.
func TestInspectFindsTheConfig(t *testing.T) {
	t.Parallel()
	type found struct {
		inspected
		way  *way
		code string
	}
	var all []found
	for _, c := range inspectedClients(t) {
		way := newWay(t)
		t.Run(c.name, func(t *testing.T) {
			address, out := inspect(t, way.URL+"/redox", c)
			way.to.Store(&address)
			want := http.StatusServiceUnavailable
			if c.handshake {
				want = http.StatusOK
			}
			if got := c.send(t, way.URL, "/redox", "/token", false); got.Status != want {
				t.Fatalf("inspect answers %+v, want %d\n%s", got, want, out)
			}
			text := out.String()
			if !strings.Contains(text[max(0, strings.LastIndex(text, "-------- trial")):], "accepted with this Config") {
				t.Fatalf("inspect does not accept with its own proposal:\n%s", text)
			}
			for name, value := range c.environment {
				if strings.HasPrefix(value, "s3cr") && strings.Contains(text, value) {
					t.Errorf("the output shows %s", name)
				}
			}
			code, environment := proposed(text, c.environment)
			all = append(all, found{c, way, code})
			to := destination(t, environment...)
			way.to.Store(&to)
			c.accepts(t, "destination with "+strings.Join(environment, " "), way, "/redox/"+c.strategy, "/token/"+c.strategy)
		})
	}
	var codes []string
	var environments []map[string]string
	for _, f := range all {
		codes, environments = append(codes, f.code), append(environments, f.environment)
	}
	for n, address := range compiled(t, codes, environments) {
		f := all[n]
		f.way.to.Store(&address)
		t.Run(f.name+", compiled", func(t *testing.T) { f.accepts(t, f.code, f.way, "/redox", "/token") })
	}
}

// accepts demands that the next request is accepted, and a forged one refused.
func (c inspected) accepts(t *testing.T, what string, way *way, path, tokenPath string) {
	t.Helper()
	if got := c.send(t, way.URL, path, tokenPath, false); got.Status != http.StatusOK {
		t.Errorf("the next request is answered %+v, want 200, by %s", got, what)
	}
	if got := c.send(t, way.URL, path, tokenPath, true); got.Status < 400 || got.Status >= 500 {
		t.Errorf("a forged request is answered %+v by %s", got, what)
	}
}

// compiled compiles the Go code of all proposals into one program, which serves each at an
// address of its own.
func compiled(t *testing.T, codes []string, environments []map[string]string) (addresses []string) {
	t.Helper()
	dir, overlay := t.TempDir(), map[string]string{}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	add := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay[filepath.Join(root, "proposed", name)] = file
		return file
	}
	functions := ""
	for n, code := range codes {
		own := strings.NewReplacer(" main(", fmt.Sprintf(" main%d(", n), " redox(", fmt.Sprintf(" redox%d(", n))
		add(fmt.Sprintf("proposal%d.go", n), own.Replace(code))
		functions += fmt.Sprintf("redox%d, ", n)
	}
	add("main.go", strings.ReplaceAll(proposedMain, "FUNCTIONS", functions))
	replace, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "proposed")
	build := exec.Command("go", "build", "-overlay", add("overlay.json", string(replace)), "-o", program, "./proposed")
	build.Dir = root
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	cmd := exec.Command(program)
	text, err := json.Marshal(environments)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = []string{"ENVIRONMENTS=" + string(text), "TOKEN_SECRETS=" + secrets}
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd)
	for range codes {
		var address string
		if _, err := fmt.Fscanln(stdout, &address); err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, address)
	}
	return addresses
}

const proposedMain = `package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	var environments []map[string]string
	if err := json.Unmarshal([]byte(os.Getenv("ENVIRONMENTS")), &environments); err != nil {
		log.Fatal(err)
	}
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for n, redox := range []func(http.Handler) (http.Handler, error){FUNCTIONS} {
		for name, value := range environments[n] {
			os.Setenv(name, value)
		}
		h, err := redox(next)
		if err != nil {
			log.Fatal(n, ": ", err)
		}
		for name := range environments[n] {
			os.Unsetenv(name)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			log.Fatal(err)
		}
		go http.Serve(l, h)
		fmt.Println(l.Addr())
	}
	select {}
}
`

// inspectedClients are the clients of clients/, one of each way to send.
func inspectedClients(t *testing.T) (all []inspected) {
	const secret = "s3cr&t/+%é-for-tests"
	es, rs, other := redoxtest.NewKey("es", "ES384"), redoxtest.NewKey("rs", "RS256"), redoxtest.NewKey("other", "ES384")
	either := func(forged bool, wrong, right string) string {
		if forged {
			return wrong
		}
		return right
	}
	sent := file(t, message)

	for client, send := range senders {
		f := inspected{name: "verification token by " + client, strategy: "verifytoken", environment: map[string]string{"REDOX_TOKENS": "s3cretToken4Tests"}}
		f.send = func(t *testing.T, base, path, _ string, forged bool) answer {
			return send(t, plain{base + path, "POST", map[string]string{"Content-Type": "application/json", "verification-token": either(forged, "guessed", "s3cretToken4Tests")}, sent})
		}
		all = append(all, f)
		f.name, f.handshake = "handshake by "+client, true
		f.send = func(t *testing.T, base, path, _ string, forged bool) answer {
			return send(t, plain{base + path, "POST", map[string]string{"Content-Type": "application/json"},
				file(t, []byte(`{"verification-token":"`+either(forged, "guessed", "s3cretToken4Tests")+`","challenge":"4a4e5a2c-5f1d-4f0e-9c57-1f0e3f0d1c11"}`))})
		}
		all = append(all, f)
	}

	for client, send := range signers {
		for name, target := range map[string]string{"": "", ", an escaped path, a session token": "/a%20b"} {
			f := inspected{name: "SigV4 by " + client + name, strategy: "sigv4", environment: map[string]string{"SIGV4_SECRET_KEY": "s3cr3tKey/For+Tests"}}
			session := ""
			if strings.Contains(name, "session") {
				session = "s3ssion/token+=="
				f.environment["SIGV4_SESSION_TOKEN"] = session
			}
			f.send = func(t *testing.T, base, path, _ string, forged bool) answer {
				s := signed(t, addressOf(t, base), path+target)
				s.secretKey, s.sessionToken = "s3cr3tKey/For+Tests"+either(forged, "x", ""), session
				return send(t, s)
			}
			all = append(all, f)
		}
	}

	key := func(forged bool, k redoxtest.Key) string {
		if forged {
			k = other
		}
		return privatePEM(t, k)
	}
	all = append(all, inspected{name: "JWT by jose", strategy: "jwtbearer", args: []string{"-jwks", published(t, es)},
		send: func(t *testing.T, base, path, _ string, forged bool) answer {
			return parameters{"url": base + path, "body": sent, "claims": parameters{"iss": "https://redox.example", "aud": "the-destination", "sub": "redox", "name": "Zoë"},
				"header": parameters{"alg": "ES384", "kid": "es", "typ": "JWT"}, "key": key(forged, es)}.run(t, "jose.mjs")
		}})
	all = append(all, inspected{name: "SMART by axios and jose", strategy: "smartbackend", args: []string{"-jwks", published(t, es)},
		send: func(t *testing.T, base, path, tokenPath string, forged bool) answer {
			return parameters{"tokenUrl": base + tokenPath, "url": base + path, "audience": base + tokenPath, "clientId": "redox", "scope": "system/*.rs",
				"algorithm": "ES384", "keyId": "es", "key": key(forged, es), "body": sent}.run(t, "smart.mjs")
		}})
	all = append(all, inspected{name: "SMART by openid-client", strategy: "smartbackend", args: []string{"-jwks", published(t, es)},
		send: func(t *testing.T, base, path, tokenPath string, forged bool) answer {
			return parameters{"issuer": publicURL, "tokenUrl": base + tokenPath, "url": base + path, "method": "private_key_jwt", "clientId": "redox", "scope": "system/*.rs",
				"algorithm": "ES384", "keyId": "es", "key": key(forged, es), "body": sent}.run(t, "openid-client.mjs")
		}})
	for _, method := range []string{"basic", "post"} {
		all = append(all, inspected{name: "OAuth by openid-client, " + method, strategy: "clientcredentials", environment: map[string]string{"OAUTH_CLIENT_SECRETS": secret},
			send: func(t *testing.T, base, path, tokenPath string, forged bool) answer {
				return parameters{"issuer": publicURL, "tokenUrl": base + tokenPath, "url": base + path, "method": method, "clientId": "redox-client:1",
					"secret": either(forged, "guessed", secret), "scope": "messages.write", "body": sent}.run(t, "openid-client.mjs")
			}})
	}
	for name, args := range map[string]func(secret string) []string{
		"Basic": func(secret string) []string {
			return []string{"--user", "redox:" + secret, "--data", "grant_type=client_credentials"}
		},
		"JSON": func(secret string) []string {
			return []string{"--json", `{"grant_type":"client_credentials","client_id":"redox","client_secret":"` + secret + `"}`}
		},
	} {
		all = append(all, inspected{name: "OAuth by curl, " + name, strategy: "clientcredentials", environment: map[string]string{"OAUTH_CLIENT_SECRETS": secret},
			send: func(t *testing.T, base, path, tokenPath string, forged bool) answer {
				got := curl(t, append(args(either(forged, "guessed", secret)), base+tokenPath)...)
				var issued struct {
					Token string `json:"access_token"`
				}
				if got.Status != http.StatusOK || json.Unmarshal([]byte(got.Text), &issued) != nil {
					return got
				}
				return curl(t, "--header", "Authorization: Bearer "+issued.Token, "--header", "Content-Type: application/json", "--data-binary", "@"+sent, base+path)
			}})
	}

	const email = "redox@project.iam.gserviceaccount.com"
	signer := redoxtest.NewKey(email, "RS256")
	all = append(all, inspected{name: "grant by google-auth-library", strategy: "jwtbearer", args: []string{"-jwks", published(t, signer)},
		send: func(t *testing.T, base, path, tokenPath string, forged bool) answer {
			return parameters{"url": base + path, "tokenUrl": base + tokenPath, "body": sent, "kind": "access token", "email": email, "subject": email,
				"key": map[bool]string{false: privatePEM(t, signer), true: privatePEM(t, rs)}[forged], "keyId": signer.ID, "scopes": []string{cloudScope}}.run(t, "google-auth-library.mjs")
		}})
	google := redoxtest.NewGoogle()
	t.Cleanup(google.Close)
	tokenURL := google.TokenURL
	google.TokenURL = googleTokenURL
	account, stranger := google.AddServiceAccount(email), google.AddServiceAccount("other@project.iam.gserviceaccount.com")
	for kind, strategy := range map[string]string{"access token": "gcpjwt", "ID token": "gcpjwt", "impersonated": "wif", "impersonated ID token": "wif"} {
		all = append(all, inspected{name: "google-auth-library, " + kind, strategy: strategy, args: []string{"-strategy", strategy},
			environment: map[string]string{"GCP_SERVICE_ACCOUNTS": account.ID, "WIF_SERVICE_ACCOUNTS": account.ID,
				"GOOGLE_CERTS_URL": google.CertsURL, "GOOGLE_TOKENINFO_URL": google.TokenInfoURL},
			send: func(t *testing.T, base, path, _ string, forged bool) answer {
				a := account
				if forged {
					a = stranger
				}
				p := parameters{"url": base + path, "tokenUrl": tokenURL, "body": sent, "kind": kind, "email": a.Email, "key": privatePEM(t, a.Key),
					"keyId": a.Key.ID, "scopes": []string{cloudScope}, "audience": publicURL}
				if strategy == "wif" {
					p = p.with(parameters{"tokenUrl": google.STSURL, "subjectToken": file(t, []byte("the token of an identity provider")),
						"impersonationUrl": google.ImpersonationURL(a.Email)})
				}
				return p.run(t, "google-auth-library.mjs")
			}})
	}
	return all
}
