package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// genuine knows which tests fail although nothing was changed. They find no mutant.
type genuine struct {
	root string

	mu     sync.Mutex
	failed map[string][]string
}

var fails = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// failing returns the names of such tests of packages, as the go command in dir calls these.
func (g *genuine) failing(dir string, packages []string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if strings.HasSuffix(packages[len(packages)-1], "...") {
		dir, packages = module(filepath.Join(g.root, dir)), []string{"./..."}
	} else {
		dir = filepath.Join(g.root, dir)
	}
	key := dir + " " + strings.Join(packages, " ")
	if failed, known := g.failed[key]; known {
		return failed
	}
	out, _ := goCommand(dir, "test", append([]string{"-timeout", "600s"}, packages...)...)
	var failed []string
	for _, match := range fails.FindAllStringSubmatch(out, -1) {
		failed = append(failed, match[1])
	}
	slices.Sort(failed)
	g.failed[key] = slices.Compact(failed)
	return g.failed[key]
}
