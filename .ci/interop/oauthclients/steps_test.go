// Package oauthclients_test drives OAuth and JWT clients of five languages against the
// token endpoints of this module: each gets a token, and sends a message with it. Clients
// and endpoints talk over loopback.
//
// Without a flag the clients of Go run. They need nothing but Go. With -all the others run
// too: they come from npm (package.json) and Debian (the file packages). A client that is
// missing fails its test. With -alter every accepted request of the clients is altered, and
// without it one of each proof.
package oauthclients_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	all   = flag.Bool("all", false, "run the clients of npm and Debian too")
	alter = flag.Bool("alter", false, "alter every accepted request")
)

// A client is a library, and what it can do.
type client struct {
	name     string
	language string
	methods  []string // see step.Method; after a comma, an option of the client

	byHand string // methods for which the application makes the JWT
}

var clients = []client{
	{"golang.org/x/oauth2", "go", []string{"basic", "post", "grant"}, ""},
	{"github.com/zitadel/oidc", "go", []string{"basic", "post", "assertion", "grant"}, ""},
	{"cloud.google.com/go/auth", "go", []string{"grant"}, ""},
	{"openid-client", "npm", []string{"basic", "post", "assertion", "grant"}, "grant"},
	{"oauth4webapi", "npm", []string{"basic", "post", "assertion", "grant"}, "grant"},
	{"simple-oauth2", "npm", []string{"basic", "basic, loose", "post", "json"}, ""},
	{"client-oauth2", "npm", []string{"basic", "grant", "grant, Basic"}, "grant"},
	{"@badgateway/oauth2-client", "npm", []string{"basic", "basic, interop", "post"}, ""},
	{"jose", "npm", []string{"assertion", "grant", "direct"}, "assertion grant"},
	{"requests-oauthlib", "python", []string{"basic", "basic, bytes", "post", "grant", "grant, Basic"}, ""},
	{"authlib", "python", []string{"basic", "post", "assertion", "assertion, exp", "grant"}, ""},
	{"PyJWT", "python", []string{"assertion", "grant", "direct"}, "assertion grant"},
	{"ruby oauth2", "ruby", []string{"basic", "post", "grant"}, ""},
	{"rack-oauth2", "ruby", []string{"basic", "basic, raw", "post", "assertion", "grant", "grant, Basic"}, "grant"},
	{"signet", "ruby", []string{"grant"}, ""},
	{"googleauth", "ruby", []string{"grant"}, ""},
	{"ruby-jwt", "ruby", []string{"assertion", "grant", "direct"}, "assertion grant"},
	{"google-auth-library-oauth2-http", "java", []string{"grant"}, ""},
}

// A step tells a client what to do. It gets a token, and sends a message with it.
type step struct {
	Client string `json:"client"`

	// Method is how the client proves itself: basic, post or json (a secret), assertion (a
	// client assertion, which is private_key_jwt), grant (a JWT for an access token), direct
	// (a JWT in place of an access token).
	Method string `json:"method"`

	// Again is empty for a new client. Otherwise the client of the last step sends another
	// message: "message" with the token that it has, "token" with a new one.
	Again string `json:"again,omitempty"`

	TokenURL          string   `json:"tokenUrl"`
	Issuer            string   `json:"issuer"`            // of the access tokens
	AssertionAudience string   `json:"assertionAudience"` // where the client lets one choose
	URL               string   `json:"url"`
	Body              string   `json:"body"`
	ID                string   `json:"id"`
	Secret            string   `json:"secret"`
	Subject           string   `json:"subject"`
	Algorithm         string   `json:"algorithm"`
	Key               string   `json:"key"` // PEM
	KeyID             string   `json:"keyId"`
	Scopes            []string `json:"scopes"`
	Audience          string   `json:"audience,omitempty"`
	Resource          string   `json:"resource,omitempty"`
}

// An answer is what the client got.
type answer struct {
	Version string
	Status  int    // of the message; 0 if it was not sent
	Error   string // what the client shows, if there is no token
}

// each runs test for each client with a method of the kind.
func each(t *testing.T, kind string, test func(t *testing.T, p *program)) {
	for _, c := range clients {
		methods := slices.DeleteFunc(slices.Clone(c.methods), func(m string) bool {
			return !slices.Contains(strings.Split(kind, " "), strings.Split(m, ",")[0])
		})
		if len(methods) == 0 || c.language != "go" && !*all {
			continue
		}
		c.methods = methods
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t, c))
		})
	}
}

// A program is a process with one client.
type program struct {
	client
	version string
	steps   *json.Encoder
	answers *bufio.Scanner
	stderr  *strings.Builder
}

func start(t *testing.T, c client) *program {
	t.Helper()
	var args []string
	switch c.language {
	case "go":
		args = []string{build(t)}
	case "npm":
		if err := npm(); err != nil {
			t.Fatal(err)
		}
		args = []string{"node", "clients.mjs"}
	case "python": // Debian's, which alone sees Debian's packages
		args = []string{"/usr/bin/python3", "-I", "clients.py"}
	case "ruby":
		args = []string{"ruby", "clients.rb"}
	case "java":
		args = []string{"java", "-cp", "/usr/share/java/*", "Clients.java"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	p := &program{client: c, stderr: &strings.Builder{}}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stderr = p.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s is missing: %v", c.name, err)
	}
	t.Cleanup(func() {
		in.Close()
		cancel()
		cmd.Wait()
	})
	p.steps, p.answers = json.NewEncoder(in), bufio.NewScanner(out)
	return p
}

var steps atomic.Int64

// do makes the client do a step.
func (p *program) do(t *testing.T, s step) answer {
	t.Helper()
	s.Client = p.name
	steps.Add(1)
	if err := p.steps.Encode(s); err != nil {
		t.Fatalf("%s is missing or ended: %v\n%s", p.name, err, p.stderr)
	}
	var a answer
	if !p.answers.Scan() {
		t.Fatalf("%s is missing or ended\n%s", p.name, p.stderr)
	}
	if err := json.Unmarshal(p.answers.Bytes(), &a); err != nil || a.Version == "" {
		t.Fatalf("%s: %v: %s", p.name, err, p.answers.Text())
	}
	p.version = a.Version
	return a
}

var goProgram struct {
	sync.Once
	dir string
	err error
}

// build returns the program with the clients of Go.
func build(t *testing.T) string {
	t.Helper()
	goProgram.Do(func() {
		if goProgram.dir, goProgram.err = os.MkdirTemp("", "oauthclients"); goProgram.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-C", "go", "-o", filepath.Join(goProgram.dir, "clients"), ".").CombinedOutput()
		if err != nil {
			goProgram.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if goProgram.err != nil {
		t.Fatal(goProgram.err)
	}
	return filepath.Join(goProgram.dir, "clients")
}

func TestMain(m *testing.M) {
	code := m.Run()
	fmt.Printf("%d steps of clients\n", steps.Load())
	if goProgram.dir != "" {
		os.RemoveAll(goProgram.dir)
	}
	os.Exit(code)
}

var npm = sync.OnceValue(func() error {
	if _, err := os.Stat("node_modules/.package-lock.json"); err == nil { // npm writes it last
		return nil
	}
	out, err := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput()
	if err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
})
