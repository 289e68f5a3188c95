package authservers_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// A process is a program that answers at url once it has started. It can be killed and
// started again, and knows when it was down.
type process struct {
	url     string
	command func(t *testing.T) *exec.Cmd

	cmd     *exec.Cmd
	mu      sync.Mutex
	outages []outage
}

// An outage is a time in which nobody can rely on a process; end is zero while it lasts.
type outage struct{ begin, end time.Time }

// start starts the process, until the test ends or it is killed.
func (p *process) start(t *testing.T) {
	t.Helper()
	p.cmd = p.command(t)
	p.cmd.Stderr = t.Output()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.end)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get(p.url)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %v", p.cmd.Path, err)
		}
	}
}

// end ends the process without giving it a chance to tidy up.
func (p *process) end() {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
}

// restart kills the process, lets the outage last until enough is true, and starts it
// again.
func (p *process) restart(t *testing.T, enough func() bool) {
	t.Helper()
	p.interrupt(func() {
		p.end()
		await(t, "messages during the outage", enough)
		p.start(t)
	})
}

// interrupt notes that the process is down during f.
func (p *process) interrupt(f func()) {
	p.mu.Lock()
	p.outages = append(p.outages, outage{begin: time.Now()})
	p.mu.Unlock()
	f()
	p.mu.Lock()
	p.outages[len(p.outages)-1].end = time.Now()
	p.mu.Unlock()
}

// wasDown reports whether the process was down at any time between begin and end.
func (p *process) wasDown(begin, end time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.outages {
		if end.After(o.begin) && (o.end.IsZero() || begin.Before(o.end)) {
			return true
		}
	}
	return false
}

// await waits until something is true.
func await(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !true(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain awaited: %s", what)
		}
	}
}

// missing skips a test, or fails it where every tool has to be there.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if *all || os.Getenv("REDOXAUTH_REQUIRE_TOOLS") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// need returns the path of a program.
func need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "%s is not installed", name)
	}
	return path
}

// freeAddress returns a port of loopback that is free, and its address.
func freeAddress(t *testing.T) (port int, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, l.Addr().String()
}
