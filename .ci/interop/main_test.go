// Package interop_test sends to examples/destination with independent programs: their
// idea of a protocol and ours have to agree, directly and through proxies. All traffic
// stays on loopback.
//
// A test whose program is not installed is skipped, and fails if
// REDOXAUTH_REQUIRE_TOOLS is set. .ci/packages lists what Debian has, package.json what
// npm has and a test installs. With "go test . -all", Apache and Varnish are tested too, which
// proxies/packages lists: then they must be there.
package interop_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	theToken  = "theVerificationToken"
	publicURL = "https://destination.example"
	secrets   = "a-signing-secret-that-has-32-bytes-or-more"
)

var destinationProgram, inspectProgram string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	destinationProgram, inspectProgram = filepath.Join(dir, "destination"), filepath.Join(dir, "inspect")
	build := exec.Command("go", "build", "-o", dir, "./examples/destination", "./examples/inspect")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// destination starts examples/destination with the variables env and returns its address.
func destination(t *testing.T, env ...string) string {
	t.Helper()
	log := &announcement{before: "msg=listening address=", address: make(chan string, 1)}
	cmd := exec.Command(destinationProgram, "-listen", "127.0.0.1:0")
	cmd.Env = append([]string{"REDOX_TOKENS=" + theToken, "PUBLIC_URL=" + publicURL, "TOKEN_SECRETS=" + secrets, "ALLOW_HTTP=1"}, env...)
	cmd.Stderr = log
	ended := start(t, cmd)
	select {
	case address := <-log.address:
		return address
	case <-ended:
		t.Fatalf("the destination does not start:\n%s", &log.text)
	case <-time.After(time.Minute):
		t.Fatal("the destination does not listen")
	}
	return ""
}

// An announcement finds in a log where a program listens.
type announcement struct {
	before  string // what the log says before the address
	address chan string
	text    bytes.Buffer // until then
	found   bool
}

func (a *announcement) Write(p []byte) (int, error) {
	if a.found {
		return len(p), nil
	}
	a.text.Write(p)
	_, after, ok := strings.Cut(a.text.String(), a.before)
	if address, _, whole := strings.Cut(after, "\n"); ok && whole {
		a.address <- address
		a.found = true
	}
	return len(p), nil
}

// start starts a program that runs until the test ends.
func start(t *testing.T, cmd *exec.Cmd) (ended <-chan struct{}) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		cmd.Wait()
		close(done)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-done
	})
	return done
}

// missing skips a test, or fails it where every tool has to be there.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if *all || os.Getenv("REDOXAUTH_REQUIRE_TOOLS") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// program returns the path of a program, also of one for administrators.
func program(t *testing.T, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	missing(t, "%s is not installed", name)
	return ""
}

var npm = sync.OnceValue(func() error {
	if _, err := os.Stat("node_modules/.package-lock.json"); err == nil { // npm writes it last
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput()
	if err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
})
