package redisreplay_test

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// A server is a redis-server on a free loopback port, started by the test.
type server struct {
	addr string
	stop func()
}

// start starts a redis-server with more options, if any. It skips the test if none is
// installed.
func start(t testing.TB, options ...string) *server {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("REDOXAUTH_REQUIRE_TOOLS") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for range 5 { // the port may be taken between choosing and using it
		if s := run(t, binary, options); s != nil {
			return s
		}
	}
	t.Fatal("redis-server does not start")
	return nil
}

func run(t testing.TB, binary string, options []string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	ctx, cancel := context.WithCancel(context.Background())
	args := []string{"--bind", "127.0.0.1", "--port", port, "--dir", t.TempDir(), "--save", "", "--appendonly", "no"}
	cmd := exec.CommandContext(ctx, binary, append(args, options...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{addr: addr, stop: func() {
		cancel()
		cmd.Wait()
	}}
	t.Cleanup(s.stop)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			go func() { // lest a full pipe stops it
				for lines.Scan() {
				}
			}()
			return s
		}
	}
	s.stop()
	return nil
}

// client returns a client with its own pool.
func (s *server) client(t testing.TB) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.addr})
	t.Cleanup(func() { c.Close() })
	return c
}
