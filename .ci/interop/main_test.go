// Package interop_test sends to examples/destination with independent programs: their
// idea of a protocol and ours have to agree, directly and through proxies. All traffic
// stays on loopback.
//
// A test whose program is not installed is skipped, and fails if
// REDOXAUTH_REQUIRE_TOOLS is set. .ci/packages lists what Debian has, package.json what
// npm has.
package interop_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
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

var destinationProgram string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	destinationProgram = filepath.Join(dir, "destination")
	build := exec.Command("go", "build", "-o", destinationProgram, "./examples/destination")
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
	cmd := exec.Command(destinationProgram, "-listen", "127.0.0.1:0")
	cmd.Env = append([]string{"REDOX_TOKENS=" + theToken, "PUBLIC_URL=" + publicURL, "TOKEN_SECRETS=" + secrets, "ALLOW_HTTP=1"}, env...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd)
	lines := bufio.NewReader(stderr)
	address := make(chan string, 1)
	go func() {
		defer close(address)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if _, found, ok := strings.Cut(strings.TrimSpace(line), "msg=listening address="); ok {
				address <- found
				io.Copy(io.Discard, lines)
				return
			}
			t.Log(line)
		}
	}()
	select {
	case a, ok := <-address:
		if !ok {
			t.Fatal("the destination did not start")
		}
		return a
	case <-time.After(time.Minute):
		t.Fatal("the destination does not listen")
		return ""
	}
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
	if os.Getenv("REDOXAUTH_REQUIRE_TOOLS") != "" {
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
	if _, err := os.Stat("node_modules"); err == nil {
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
