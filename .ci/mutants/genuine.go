package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// genuine is the code without a mutant. A test that fails there finds no mutant.
type genuine struct {
	root string

	mu    sync.Mutex
	tests map[failed]bool // whether they pass
}

// failed names a test that failed.
type failed struct{ pkg, test string }

var (
	failedTest    = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)
	failedPackage = regexp.MustCompile(`(?m)^FAIL\t(\S+)`)
)

// passes reports whether the test that failed in a run of the go command in dir, a folder
// of a copy, passes in the genuine code.
func (g *genuine) passes(dir string, f failed) bool {
	if f.test == "" || f.pkg == "" {
		return true // the run was ended by its time-out, or by a goroutine's panic
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	passes, known := g.tests[f]
	if !known {
		_, passes = goCommand(filepath.Join(g.root, dir), "test", "-run", "^"+f.test+"$", f.pkg)
		g.tests[f] = passes
	}
	return passes
}

// failing returns the names of tests that fail although nothing was changed.
func (g *genuine) failing() (names []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for f, passes := range g.tests {
		if !passes {
			names = append(names, f.test)
		}
	}
	slices.Sort(names)
	return names
}

// firstFailed returns the first failed test of a run.
func firstFailed(out string) (f failed) {
	if m := failedTest.FindStringSubmatch(out); m != nil {
		f.test, _, _ = strings.Cut(m[1], "/")
	}
	if m := failedPackage.FindStringSubmatch(out); m != nil {
		f.pkg = m[1]
	}
	return f
}
