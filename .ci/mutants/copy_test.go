package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A test that always fails, and one that fails once, find no mutant.
func TestAFailureCountsIfTheMutantMakesIt(t *testing.T) {
	const tests = `package p

import (
	"os"
	"testing"
)

func TestBroken(t *testing.T) { t.Fatal() }

func TestFlaky(t *testing.T) {
	if _, err := os.Stat("ran"); err != nil {
		os.WriteFile("ran", nil, 0o644)
		t.Fatal()
	}
}

func TestPromise(t *testing.T) {
	if _, err := os.Stat("mutant"); err == nil {
		t.Fatal()
	}
}
`
	folder := func(files ...string) string {
		dir := t.TempDir()
		for _, name := range append(files, "go.mod", "p_test.go") {
			text := map[string]string{"go.mod": "module example.com/p\n", "p_test.go": tests}[name]
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	g := &genuine{root: folder("ran"), tests: map[trial]bool{}}
	w := &workspace{dir: folder("mutant"), genuine: g}
	out, ok := w.test(".", []string{"."}, "-vet=off")
	if ok || !strings.Contains(out, "--- FAIL: TestPromise") {
		t.Errorf("the mutant: ok = %v\n%s", ok, out)
	}
	if got := g.failing(); !slices.Equal(got, []string{"TestBroken"}) {
		t.Errorf("%v fail in the genuine code, want TestBroken", got)
	}
	w.dir = g.root
	if out, ok = w.test(".", []string{"."}, "-vet=off"); !ok {
		t.Errorf("the genuine code:\n%s", out)
	}
}

func TestFirstFailed(t *testing.T) {
	for name, test := range map[string]struct {
		out  string
		want failed
	}{
		"a test":             {"--- FAIL: TestA (0.01s)\n    --- FAIL: TestA/sub (0.00s)\nFAIL\nFAIL\texample.com/p\t0.1s\nFAIL\n", failed{"example.com/p", "TestA"}},
		"a time-out":         {"panic: test timed out after 1s\n\trunning tests:\n\t\tTestA/sub (1s)\n\ngoroutine 7\nFAIL\texample.com/p\t1.0s\n", failed{"example.com/p", "TestA"}},
		"a goroutine":        {"panic: no\n\ngoroutine 7\nFAIL\texample.com/p\t0.1s\n", failed{"example.com/p", ""}},
		"nothing of a test":  {"ok  \texample.com/p\t0.1s\n", failed{}},
		"the second package": {"ok  \texample.com/p\t0.1s\n--- FAIL: ExampleB (0.00s)\nFAIL\nFAIL\texample.com/q\t0.1s\n", failed{"example.com/q", "ExampleB"}},
	} {
		if got := firstFailed(test.out); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestDefects(t *testing.T) {
	for _, test := range []struct {
		by, survives string
		want         bool
	}{
		{survived, "", true},
		{survived, "a reason", false},
		{byOwn, "", false},
		{byOwn, "a wrong reason", true},
		{byTimeout, "", false},
		{byTimeout, "a wrong reason", true},
		{broken, "", true},
		{broken, "a reason", true},
	} {
		o := outcome{by: test.by, mutant: mutant{survives: test.survives}}
		if got := o.defect(); got != test.want {
			t.Errorf("%q, reason %q: defect = %v", test.by, test.survives, got)
		}
	}
}
