package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A feed is a sender of the test kit with one setting of the dashboard.
type feed struct {
	name, strategy string
	environment    map[string]string // what the operator knows
	args           string
	token          string // the verification token goes with every message
	sender         func(url string) redoxtest.Signer
	forgeries      func(url string, s redoxtest.Signer) []redoxtest.Forgery
}

type forger interface{ Forgeries() []redoxtest.Forgery }

// proof adds the verification token to a credential.
func (f feed) proof(s redoxtest.Signer) redoxtest.Signer {
	if f.token == "" {
		return s
	}
	return redoxtest.Both(redoxtest.VerificationToken{Token: f.token}, s)
}

// A front is the public server: its URL stays, and what answers changes.
type front struct {
	*httptest.Server
	mu      sync.Mutex
	handler http.Handler
	secrets []string // that arrived
}

func newFront(t *testing.T) *front {
	f := &front{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		h := f.handler
		f.mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *front) serve(h http.Handler) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handler = h
}

// overhear collects what must not be printed.
func (f *front) overhear(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := must(io.ReadAll(r.Body))
		r.Body = io.NopCloser(bytes.NewReader(body))
		if len(body) == 0 {
			r.Body = http.NoBody
		}
		_, authorization, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		_, signature, _ := strings.Cut(authorization, "Signature=")
		f.secrets = append(f.secrets, signature, r.Header.Get("Verification-Token"), r.Header.Get("X-Amz-Security-Token"))
		if !strings.Contains(authorization, "Credential=") {
			f.secrets = append(f.secrets, strings.Split(authorization, ".")...)
		}
		form, _ := url.ParseQuery(string(body))
		var parameters map[string]any
		if json.Unmarshal(body, &parameters) == nil && parameters["grant_type"] != nil {
			form = url.Values{"grant_type": {"JSON"}, "client_secret": {fmt.Sprint(parameters["client_secret"])}}
		}
		for _, name := range []string{"client_secret", "assertion", "client_assertion"} {
			f.secrets = append(f.secrets, strings.Split(form.Get(name), ".")...)
		}
		var token bytes.Buffer
		next.ServeHTTP(tee{w, &token}, r)
		var answer struct {
			Token string `json:"access_token"`
		}
		if json.Unmarshal(token.Bytes(), &answer) == nil {
			f.secrets = append(f.secrets, strings.Split(answer.Token, ".")...)
		}
		if !form.Has("grant_type") { // a message
			for n := 0; n+40 <= len(body); n += 20 {
				f.secrets = append(f.secrets, string(body[n:n+40]))
			}
		}
	})
}

type tee struct {
	http.ResponseWriter
	copy io.Writer
}

func (t tee) Write(p []byte) (int, error) { t.copy.Write(p); return t.ResponseWriter.Write(p) }
func (t tee) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// shows returns a secret, or a part of one, that is in text.
func (f *front) shows(text string, secrets ...string) string {
	const part = 16
	for _, s := range append(secrets, f.secrets...) {
		if len(s) < 6 {
			continue
		}
		for n := 0; n+min(part, len(s)) <= len(s); n++ {
			if p := s[n : n+min(part, len(s))]; strings.Contains(text, p) {
				return p
			}
		}
	}
	return ""
}

func send(ctx context.Context, url string, s redoxtest.Signer) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(redoxtest.PatientAdmin()))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	if err := s.Sign(r); err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	response.Body.Close()
	return response.StatusCode, nil
}

// between returns the text of a report between two lines.
func between(text, begin, end string) string {
	at := strings.LastIndex(text, begin)
	if at < 0 {
		return ""
	}
	inner, _, _ := strings.Cut(text[at+len(begin):], end)
	return inner
}

// Each sender of the test kit sends to inspect. The Config that inspect proposes must accept
// what the sender sends next, and refuse its forgeries: as inspect builds it, and as a program
// that is compiled from the Go code that inspect prints.
func TestProposedConfigsAcceptTheSender(t *testing.T) {
	google := redoxtest.NewGoogle()
	t.Cleanup(google.Close)
	feeds := feeds(t, google)
	type running struct {
		feed
		front *front
	}
	var all []running
	var codes []string
	for _, f := range feeds {
		front := newFront(t)
		address := front.URL + "/redox"
		var out bytes.Buffer
		s, err := parse(append([]string{"-url", address}, strings.Fields(f.args)...), func(name string) string { return f.environment[name] })
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		i := newInspector(s, &out)
		var last *finding
		front.serve(front.overhear(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			last = i.inspect(w, r)
			i.reports.print(i, last)
		})))
		sender := f.proof(f.sender(front.URL))
		status, err := send(t.Context(), address, sender)
		if err != nil || status != http.StatusServiceUnavailable {
			t.Fatalf("%s: inspect answers %d, %v, want 503\n%s", f.name, status, err, &out)
		}
		text := out.String()
		var secrets []string
		for name, v := range f.environment {
			if strings.Contains(name, "SECRET") && !strings.HasSuffix(name, "URL") || strings.Contains(name, "TOKENS") || strings.HasSuffix(name, "SESSION_TOKEN") {
				secrets = append(secrets, v)
			}
		}
		if s := front.shows(text, secrets...); s != "" {
			t.Errorf("%s: the output shows %q:\n%s", f.name, s, text)
		}
		if strings.Contains(text, "destination has no variable") {
			t.Errorf("%s: a variable is missing:\n%s", f.name, text)
		}
		p := last.proposal
		if p == nil || p.strategy != f.strategy {
			t.Errorf("%s: no proposal for %s:\n%s", f.name, f.strategy, text)
			continue
		}
		if !last.trial.accepted {
			t.Errorf("%s: the Config is not accepted:\n%s", f.name, text)
			continue
		}
		// As inspect builds it.
		b, missing, err := p.build(s, p.config)
		if err != nil || missing != nil {
			t.Errorf("%s: build: %v, missing %v", f.name, err, missing)
			continue
		}
		mux := http.NewServeMux()
		mux.Handle("/", redoxauth.Middleware(b.verifier, nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		if b.endpoint != nil {
			mux.Handle(p.tokenPath, b.endpoint)
		}
		front.serve(mux)
		fresh := f.proof(f.sender(front.URL)) // has no token yet
		if status, err := send(t.Context(), address, fresh); err != nil || status != http.StatusOK {
			t.Errorf("%s: the next request is answered %d, %v\n%s", f.name, status, err, text)
		}
		all = append(all, running{f, front})
		codes = append(codes, between(text, "Go: accepts such requests\n", "-------- end of Go"))
		if testing.Verbose() {
			t.Logf("%s:\n%s", f.name, text)
		}
	}
	var wait sync.WaitGroup
	limit := make(chan struct{}, 64)
	file := compile(t, codes)
	var programs []*program
	for n, f := range all {
		p := start(t, file, []string{strconv.Itoa(n)}, f.environment)
		programs = append(programs, p)
		f.front.serve(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: p.address})
			r.Out.Host = r.In.Host
			r.Out.URL.Path, r.Out.URL.RawPath, r.Out.URL.RawQuery = r.In.URL.Path, r.In.URL.RawPath, r.In.URL.RawQuery
		}})
		target := f.front.URL + "/redox"
		s := f.sender(f.front.URL)
		if status, err := send(t.Context(), target, f.proof(s)); err != nil || status != http.StatusOK {
			t.Errorf("%s: the compiled Config answers the next request %d, %v\n%s", f.name, status, err, codes[n])
			continue
		}
		if f.token != "" { // the credential alone
			if status, err := send(t.Context(), target, s); err != nil || status != http.StatusUnauthorized {
				t.Errorf("%s: without the verification token answered %d, %v, want 401", f.name, status, err)
			}
		}
		forgeries := forgeriesOf(f.feed, f.front.URL, s)
		if len(forgeries) == 0 {
			t.Errorf("%s: no forgeries", f.name)
		}
		for _, forged := range forgeries {
			wait.Go(func() { // some wait for a fetch of keys
				limit <- struct{}{}
				defer func() { <-limit }()
				status, err := send(t.Context(), target, f.proof(forged))
				if e := (*redoxtest.TokenError)(nil); errors.As(err, &e) {
					status, err = e.StatusCode, nil
				}
				if err != nil || status < 400 || status >= 500 {
					t.Errorf("%s: %s: answered %d, %v, want a refusal", f.name, forged.Name, status, err)
				}
			})
		}
	}
	wait.Wait()
	for n, p := range programs {
		log := p.end()
		for _, want := range []string{"redox request accepted", "redox request refused", "a message from Redox"} {
			if !strings.Contains(log, want) {
				t.Errorf("%s: the compiled program does not log %q:\n%s", all[n].name, want, log)
			}
		}
	}
}

// What inspect prints is a whole program.
func TestProposedCodeRunsAsItIs(t *testing.T) {
	endpoint, out := started(t, map[string]string{"SIGV4_SECRET_KEY": sender.SecretKey}, "-listen", "localhost:8081")
	if _, err := send(t.Context(), endpoint, sender); err != nil {
		t.Fatal(err)
	}
	contains(t, out.String(), `flag.String("listen", "localhost:8081"`)
	code := between(out.String(), "Go: accepts such requests\n", "-------- end of Go")
	p := start(t, build(t, map[string]string{"main.go": code}), nil, map[string]string{"SIGV4_SECRET_KEY": sender.SecretKey})
	forged := sender
	forged.SecretKey = "guessed"
	for want, s := range map[int]redoxtest.Signer{200: sender, 401: forged} {
		if status, err := send(t.Context(), "http://"+p.address+"/redox", s); err != nil || status != want {
			t.Errorf("answered %d, %v, want %d", status, err, want)
		}
	}
	if err := redoxtest.SignedHandshake(t.Context(), "http://"+p.address+"/redox", sender, "GET"); err != nil {
		t.Error(err)
	}
	contains(t, p.end(), "redox request accepted", "redox request refused", "a message from Redox")
}

func forgeriesOf(f feed, url string, s redoxtest.Signer) []redoxtest.Forgery {
	if f.forgeries != nil {
		return f.forgeries(url, s)
	}
	return s.(forger).Forgeries()
}

// A program is one that inspect has printed, compiled and running.
type program struct {
	*exec.Cmd
	address string
	log     bytes.Buffer
	logged  chan struct{} // closed when log is complete
}

// start starts the program with the variables alone, and waits until it listens.
func start(t *testing.T, file string, args []string, environment map[string]string) *program {
	t.Helper()
	p := &program{Cmd: exec.Command(file, append(args, "-listen", "127.0.0.1:0")...), logged: make(chan struct{})}
	p.Env = []string{"TOKEN_SECRETS=" + strings.Repeat("s", 32)}
	for name, value := range environment {
		p.Env = append(p.Env, name+"="+value)
	}
	stderr := bufio.NewReader(must(p.StderrPipe()))
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	for p.address == "" {
		line, err := stderr.ReadString('\n')
		if err != nil {
			t.Fatalf("the compiled program ends:\n%s%s", &p.log, line)
		}
		p.log.WriteString(line)
		_, p.address, _ = strings.Cut(strings.TrimSpace(line), "listening on http://")
	}
	go func() {
		defer close(p.logged)
		io.Copy(&p.log, stderr)
	}()
	return p
}

// end stops the program and returns what it has logged.
func (p *program) end() string {
	p.Process.Kill()
	<-p.logged
	p.Wait()
	return p.log.String()
}

// compile compiles the Go code of all proposals into one program, because linking each takes
// long. The first argument is the number of the proposal whose main it runs.
func compile(t *testing.T, codes []string) (file string) {
	files, functions := map[string]string{}, ""
	for n, code := range codes {
		main, redox := fmt.Sprintf(" main%d(", n), fmt.Sprintf(" redox%d(", n)
		files[fmt.Sprintf("proposal%d.go", n)] = strings.NewReplacer(" main(", main, " redox(", redox).Replace(code)
		functions += fmt.Sprintf("main%d, ", n)
	}
	files["main.go"] = `package main

import (
	"os"
	"strconv"
)

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	os.Args = os.Args[1:]
	[]func(){` + functions + `}[n]()
}
`
	return build(t, files)
}

// build compiles the files of a package main as if they were in this module, whose packages they
// import.
func build(t *testing.T, files map[string]string) (program string) {
	t.Helper()
	dir := t.TempDir()
	overlay := map[string]string{}
	write := func(name string, text []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for name, text := range files {
		overlay[filepath.Join(must(os.Getwd()), "proposed", name)] = write(name, []byte(text))
	}
	list := write("overlay.json", must(json.Marshal(map[string]any{"Replace": overlay})))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	program = filepath.Join(dir, "program")
	if text, err := exec.CommandContext(ctx, "go", "build", "-overlay", list, "-o", program, "./proposed").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return program
}
