package main_test

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestQuickstart runs the program of the README as a user would.
func TestQuickstart(t *testing.T) {
	url, log := start(t, "REDOX_TOKENS=theToken")
	for _, tt := range []struct {
		name, body, token string
		want              int
		logged            string
	}{
		{"handshake", `{"verification-token":"theToken","challenge":"d9908e78"}`, "", http.StatusOK, "accepted event=handshake status=200"},
		{"handshake, token in the header", `{"challenge":"d9908e78"}`, "theToken", http.StatusOK, "accepted event=handshake status=200"},
		{"handshake without a token", `{"challenge":"d9908e78"}`, "", http.StatusUnauthorized, ""},
		{"handshake with a wrong token", `{"verification-token":"guessed","challenge":"d9908e78"}`, "", http.StatusUnauthorized, "refused event=handshake status=401"},
		{"message", `{"Meta":{}}`, "theToken", http.StatusOK, "accepted event=message"},
		{"message with a wrong token", `{"Meta":{}}`, "guessed", http.StatusUnauthorized, "refused event=message status=401"},
		{"message without a token", `{"Meta":{}}`, "", http.StatusUnauthorized, "reason=missing"},
	} {
		r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		if tt.token != "" {
			r.Header.Set("verification-token", tt.token)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != tt.want || err != nil {
			t.Errorf("%s: got %d, %v, want %d", tt.name, res.StatusCode, err, tt.want)
		}
		if handshake := strings.Contains(tt.body, "d9908e78"); handshake && (string(body) == "d9908e78") != (tt.want == http.StatusOK) {
			t.Errorf("%s: got body %q", tt.name, body)
		}
		if text := log.take(); !strings.Contains(text, tt.logged) || strings.Contains(text, "theToken") || strings.Contains(text, "guessed") {
			t.Errorf("%s: logged %q, want a line with %q and no token", tt.name, text, tt.logged)
		}
	}
}

// A buffer keeps what a program writes.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// take returns what was written since the last call. The program has written it before it
// answered, but the pipe may take a moment.
func (b *buffer) take() string {
	for range 500 {
		b.mu.Lock()
		text := b.text.String()
		if strings.Contains(text, "event=") {
			b.text.Reset()
			b.mu.Unlock()
			return text
		}
		b.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
	return "nothing"
}

// Without a token in the environment the program must not start: an empty token would
// accept whoever sends none.
func TestQuickstartNeedsAToken(t *testing.T) {
	cmd := exec.Command(build(t, "./examples/quickstart"))
	cmd.Env = append(os.Environ(), "REDOX_TOKENS=", "ADDR=127.0.0.1:0")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "verifytoken: Tokens: exactly one of Tokens and TokensFunc is required") {
		t.Errorf("got %v, output %q, want it to name the field", err, out)
	}
}

var programs = struct {
	dir   string
	built map[string]string
}{built: map[string]string{}}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	programs.dir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// build builds a program of this module once.
func build(t *testing.T, program string) string {
	t.Helper()
	bin := programs.built[program]
	if bin == "" {
		bin = filepath.Join(programs.dir, path.Base(program)+".exe")
		cmd := exec.Command("go", "build", "-o", bin, program)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build %s: %v\n%s", program, err, out)
		}
		programs.built[program] = bin
	}
	return bin
}

// start runs the program on a free port, and returns its URL and its log when it listens.
func start(t *testing.T, env ...string) (string, *buffer) {
	bin := build(t, "./examples/quickstart")
	addr := freeAddress() // after the build: another process may take the port meanwhile
	cmd := exec.Command(bin)
	cmd.Env = append(os.Environ(), append(env, "ADDR="+addr)...)
	log := &buffer{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(10 * time.Second); ; {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return "http://" + addr + "/redox", log
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
