package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// How a mutant ended. The first four are the stages, in order.
const (
	byOwn    = "by its package"
	byRace   = "by its package with -race"
	byUser   = "by importers"
	byModule = "by the module"

	byTimeout = "by its time-out" // in any stage
	survived  = "survived"
	broken    = "does not compile"
)

var stages = []string{byOwn, byRace, byUser, byModule}

// An outcome is how a mutant ended.
type outcome struct {
	mutant
	by   string
	test string // that failed first
	took time.Duration
}

// defect reports whether the list is wrong, or the tests are. A mutant that dies although the
// list has a reason why it survives is one too: the reason is wrong.
func (o outcome) defect() bool {
	return o.by == broken || (o.by == survived) == (o.survives == "")
}

func (o outcome) String() string {
	s := fmt.Sprintf("%-26s %4.0f s  %s", o.by, o.took.Seconds(), o.mutant)
	if o.test != "" {
		s += "\n\t" + o.test
	}
	if o.survives != "" {
		s += "\n\treason why it survives: " + o.survives
	}
	if o.defect() {
		s = "DEFECT " + s + " (" + o.where + ")"
	}
	return s
}

// A workspace is a copy of the repository.
type workspace struct {
	dir     string
	genuine *genuine
	stages  []string
}

func newCopy(root string, g *genuine, stages []string) (*workspace, error) {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return nil, err
	}
	// The files of git, so that the copy has no tools and no node_modules.
	list, err := exec.Command("git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.Lines(string(list)) {
		name = strings.TrimSuffix(name, "\n")
		data, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o755)
		}
		if err != nil {
			return nil, err
		}
	}
	return &workspace{dir, g, stages}, nil
}

func (w *workspace) remove() { os.RemoveAll(w.dir) }

// try applies m, runs the tests until one fails, and takes m back.
func (w *workspace) try(m mutant) (o outcome) {
	start := time.Now()
	o.mutant = m
	defer func() { o.took = time.Since(start) }()
	path := filepath.Join(w.dir, m.file)
	genuine, err := os.ReadFile(path)
	if err == nil {
		var mutated []byte
		if mutated, err = m.apply(genuine); err == nil {
			err = os.WriteFile(path, mutated, 0o755)
			defer os.WriteFile(path, genuine, 0o755)
		}
	}
	if err != nil {
		o.by, o.test = broken, err.Error()
		return o
	}
	dir := filepath.Dir(path)
	for _, stage := range w.stages {
		packages, race, timeout := []string{"."}, "-race=false", "600s"
		switch stage {
		case byOwn:
			timeout = "120s" // a mutant may hang
		case byRace:
			race = "-race"
		case byUser:
			packages = importers(dir)
		case byModule:
			packages = []string{module(dir) + "/..."}
		}
		if len(packages) == 0 {
			continue
		}
		out, ok := w.test(filepath.Dir(m.file), packages, "-vet=off", race, "-timeout="+timeout)
		if ok {
			continue
		}
		o.by, o.test = stage, failure(out)
		switch {
		case strings.Contains(out, buildFailed):
			o.by, o.test = broken, strings.TrimSpace(out)
		case strings.Contains(out, "panic: test timed out"):
			o.by, o.test = byTimeout, o.test+" in "+firstFailed(out).test
		}
		return o
	}
	o.by = survived
	return o
}

const buildFailed = "[build failed]" // in the output of go test

// test runs the tests of packages in dir. A failed test counts if it passes in the genuine
// code, and fails again when it is run alone. The others are skipped.
func (w *workspace) test(dir string, packages []string, flags ...string) (out string, ok bool) {
	mutated := filepath.Join(w.dir, dir)
	var flaky []string
	for {
		skip := "-skip=^(" + strings.Join(append(w.genuine.failing(), flaky...), "|") + ")$"
		args := slices.Concat(flags, []string{"-failfast", skip}, packages)
		out, ok = goCommand(mutated, "test", args...)
		f := firstFailed(out)
		switch {
		case ok, strings.Contains(out, buildFailed):
			return out, ok
		case f.test == "": // a goroutine of no test panicked
			return goCommand(mutated, "test", args...)
		case w.genuine.passes(dir, f, flags):
			if out, ok = goCommand(mutated, "test", f.alone(flags)...); !ok {
				return out, ok
			}
			flaky = append(flaky, f.test)
		}
	}
}

// goCommand runs the go command in dir. Because of -trimpath all copies share the build cache.
func goCommand(dir, command string, args ...string) (string, bool) {
	cmd := exec.Command("go", append([]string{command, "-trimpath", "-p", "1"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// failure returns the line that tells most about a failed run.
func failure(out string) string {
	for _, sign := range []string{"--- FAIL: ", "WARNING: DATA RACE", "panic: ", "FAIL"} {
		for line := range strings.Lines(out) {
			if strings.Contains(line, sign) {
				return strings.TrimSpace(line)
			}
		}
	}
	return strings.TrimSpace(out)
}

// module returns the folder of the module of dir.
func module(dir string) string {
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// importers returns the other packages of the module that import the package in dir, also
// for their tests.
func importers(dir string) []string {
	const format = `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}{{range .TestImports}} {{.}}{{end}}{{range .XTestImports}} {{.}}{{end}}`
	own := strings.TrimSpace(list(dir, "."))
	var users []string
	for line := range strings.Lines(list(module(dir), "-f", format, "./...")) {
		fields := strings.Fields(line)
		if fields[0] != own && slices.Contains(fields[1:], own) {
			users = append(users, fields[0])
		}
	}
	return users
}

func list(dir string, args ...string) string {
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = dir
	out, _ := cmd.Output()
	return string(out)
}
