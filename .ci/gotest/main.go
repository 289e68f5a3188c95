// Command gotest runs "go test -json". It prints one line for each package, the output of
// failed tests, and how many tests ran. It appends the names of skipped tests to a file,
// because go test says nothing about them. It fails if go test fails, and if a package ends
// before all of its tests, or has test files and no test: then go test says "ok".
//
//	gotest file [arguments of go test]
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: gotest file [arguments of go test]")
		os.Exit(2)
	}
	if err := run(os.Stdout, os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, file string, args []string) error {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ran, skipped, err := report(out, events)
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d tests ran, %d were skipped\n", ran, len(skipped))
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	for _, name := range skipped {
		fmt.Fprintln(f, name)
	}
	return f.Close()
}

// An event is a line of "go test -json": see "go doc test2json".
type event struct{ Action, Package, Test, Output string }

// report writes the output of failed tests and one line for each package. It counts the tests
// that ran, without subtests, and names the tests and subtests that were skipped. An input that
// a fuzz target does not take is no skipped test. The error names the packages that did not
// run all of their tests.
func report(w io.Writer, events io.Reader) (ran int, skipped []string, err error) {
	output := map[string]string{} // by package and test
	tests := map[string]int{}     // by package that has started and not ended
	var unproven []error
	for lines := bufio.NewReader(events); ; {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			for name := range tests {
				unproven = append(unproven, fmt.Errorf("%s: the process ended before its tests did", name))
			}
			return ran, skipped, errors.Join(unproven...)
		}
		if err != nil {
			return 0, nil, err
		}
		var e event
		if json.Unmarshal(line, &e) != nil {
			w.Write(line) // of the go command itself
			continue
		}
		test, _, sub := strings.Cut(e.Test, "/")
		key := e.Package + " " + test
		switch e.Action {
		case "start":
			tests[e.Package] = 0
		case "build-output":
			io.WriteString(w, e.Output)
		case "output":
			output[key] += e.Output
		case "pass", "fail", "skip":
			if e.Action == "skip" && test != "" && !(sub && strings.HasPrefix(test, "Fuzz")) {
				skipped = append(skipped, strings.TrimPrefix(e.Package+" "+e.Test, "github.com/redoxauth/redoxauth-go/"))
			}
			if sub {
				continue
			}
			if test != "" {
				tests[e.Package]++
				if e.Action != "skip" {
					ran++
				}
			}
			text := output[key]
			delete(output, key)
			if test == "" {
				// The function m.Run of TestMain prints PASS, after all tests.
				if e.Action == "pass" && (tests[e.Package] == 0 || !strings.Contains(text, "PASS\n")) {
					unproven = append(unproven, fmt.Errorf("%s: no test ran, or TestMain hides what failed", e.Package))
				}
				delete(tests, e.Package)
			}
			if test == "" && e.Action != "fail" {
				text = text[strings.LastIndex(strings.TrimSpace(text), "\n")+1:] // "ok", the package, the time
			}
			if test == "" || e.Action == "fail" {
				io.WriteString(w, text)
			}
		}
	}
}
