package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// addresses are where a destination listens.
type addresses struct{ URL, Control string }

// load is what a destination has open.
type load struct{ Goroutines, Genuine, Hostile int }

// A process is a destination, as the parent sees it.
type process struct {
	addresses
	cmd   *exec.Cmd
	stdin io.Closer
}

func startProcess(s settings) (*process, error) {
	encoded, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command("/proc/self/exe")}
	// The documentation of redoxauth advises a memory limit. Otherwise garbage of all kinds may
	// double what bodies take.
	limit := fmt.Sprintf("GOMEMLIMIT=%d", maxInFlight+maxInFlight/4+32<<20) // the quiet process takes less than 32 MiB
	p.cmd.Env = append(os.Environ(), limit, settingsVariable+"="+string(encoded))
	p.cmd.Stderr = os.Stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err := json.NewDecoder(bufio.NewReader(stdout)).Decode(&p.addresses); err != nil {
		p.stop()
		return nil, fmt.Errorf("the destination does not start: %w", err)
	}
	return p, nil
}

func (p *process) stop() {
	p.stdin.Close()
	p.cmd.Wait()
}

// call calls the control listener. A call that fails ends the soak: then the destination
// has died, and no figure means anything.
func (p *process) call(method, path string, answer any) {
	request, err := http.NewRequest(method, p.Control+path, nil)
	must(err)
	response, err := http.DefaultClient.Do(request)
	must(err)
	defer response.Body.Close()
	must(json.NewDecoder(response.Body).Decode(answer))
}

func (p *process) load() (l load) {
	p.call("GET", "/load", &l)
	return l
}

// rest gives free memory back to the system, and forgets the peak.
func (p *process) rest() {
	var none any
	p.call("POST", "/rest", &none)
	must(os.WriteFile(p.file("clear_refs"), []byte("5"), 0))
}

// peak is the most resident memory since rest, in bytes.
func (p *process) peak() int64 {
	status, err := os.ReadFile(p.file("status"))
	must(err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	return 1024 * number(strings.Fields(rest)[0])
}

// cpu is the time that the process has used.
func (p *process) cpu() time.Duration {
	stat, err := os.ReadFile(p.file("stat"))
	must(err)
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest) // from the third on
	return ticks(fields[11]) + ticks(fields[12])
}

func (p *process) file(name string) string {
	return fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name)
}

// ticks reads a time of /proc. Its unit is 10 ms on every architecture that Go has.
func ticks(field string) time.Duration { return time.Duration(number(field)) * 10 * time.Millisecond }

func number(field string) int64 {
	n, err := strconv.ParseInt(field, 10, 64)
	must(err)
	return n
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}
