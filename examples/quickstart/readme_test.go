package main_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const root = "../.."

// TestCommandsOfREADME runs them in this clone, one after the other. A command that listens
// runs until the next one that does.
func TestCommandsOfREADME(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := map[string]string{ // the file that runs a command
		"go test ./...": ".ci/run",
		"go get github.com/redoxauth/redoxauth-go@latest": ".ci/release-dry-run",
	}
	commands := 0
	stop := func() {}
	defer func() { stop() }()
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		for line := range strings.Lines(block[1]) {
			line, _, _ = strings.Cut(line, " #")
			line = strings.TrimSpace(line)
			commands++
			if file, ok := elsewhere[line]; ok {
				if data, err := os.ReadFile(filepath.Join(root, file)); err != nil || !strings.Contains(string(data), line) {
					t.Errorf("%s does not run %q: %v", file, line, err)
				}
				continue
			}
			c := parseCommand(t, line)
			if !c.listens {
				if out, err := c.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", line, err, out)
				}
				continue
			}
			stop()
			stop = c.serve(t)
		}
	}
	if commands < 6 {
		t.Errorf("README.md has %d commands: the test does not find them any more", commands)
	}
}

// A command is "go run" of a program of this module.
type command struct {
	*exec.Cmd
	listens bool
}

const readmeAddress = "localhost:8080"

// address stands for readmeAddress, which may be in use. Each command that listens gets one.
var address string

func parseCommand(t *testing.T, line string) command {
	words := strings.Fields(line)
	var env []string
	for len(words) > 0 && strings.Contains(words[0], "=") {
		env, words = append(env, words[0]), words[1:]
	}
	if len(words) < 3 || words[0] != "go" || words[1] != "run" {
		t.Fatalf("README.md has the command %q, and this test cannot run it", line)
	}
	program, args := words[2], words[3:]
	program = strings.TrimSuffix(strings.Replace(program, "github.com/redoxauth/redoxauth-go/", "./", 1), "@latest")
	listens := program == "." || strings.Contains(line, "-listen")
	own := program == "." // the user's, which is the quickstart
	if own {
		program = "./examples/quickstart"
	}
	bin := build(t, program)
	if listens {
		address = freeAddress() // after the build: another process may take the port meanwhile
	}
	if own {
		env = append(env, "ADDR="+address)
	}
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, readmeAddress, address)
	}
	cmd := exec.Command(bin, args...)
	cmd.Env = append(os.Environ(), env...)
	return command{cmd, listens}
}

// serve returns when the command listens, or fails the test.
func (c command) serve(t *testing.T) (stop func()) {
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() { c.Process.Kill(); c.Wait() }
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return stop
		}
		if time.Now().After(deadline) {
			stop()
			t.Fatalf("%v does not listen: %v", c.Args, err)
		}
	}
}

func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return readmeAddress
	}
	defer l.Close()
	return l.Addr().String()
}
