package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
)

// genuine is the unchanged code. A test that fails there says nothing about a mutant.
type genuine struct {
	root string

	mu    sync.Mutex
	tests map[trial]bool // whether they pass
}

// failed names a test that failed.
type failed struct{ pkg, test string }

// trial is a test, and the flags that it was run with.
type trial struct {
	failed
	flags string
}

// alone returns the arguments of a go command that runs one test.
func (f failed) alone(flags []string) []string {
	return slices.Concat(flags, []string{"-run=^" + f.test + "$", f.pkg})
}

// passes reports whether the test that failed in dir, a folder of a copy, passes in the
// unchanged code with the same flags.
func (g *genuine) passes(dir string, f failed, flags []string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := trial{f, fmt.Sprint(flags)}
	passes, known := g.tests[t]
	if !known {
		_, passes = goCommand(filepath.Join(g.root, dir), "test", f.alone(flags)...)
		g.tests[t] = passes
	}
	return passes
}

// failing returns the names of the tests that fail in the unchanged code.
func (g *genuine) failing() (names []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for t, passes := range g.tests {
		if !passes {
			names = append(names, t.test)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var (
	failedTest    = regexp.MustCompile(`(?m)^--- FAIL: (\w+)|^\trunning tests:\n\t+(\w+)`)
	failedPackage = regexp.MustCompile(`(?m)^FAIL\t(\S+)`)
)

// firstFailed returns the first test that failed in a run, or that its time-out ended.
func firstFailed(out string) (f failed) {
	if m := failedTest.FindStringSubmatch(out); m != nil {
		f.test = m[1] + m[2]
	}
	if m := failedPackage.FindStringSubmatch(out); m != nil {
		f.pkg = m[1]
	}
	return f
}
