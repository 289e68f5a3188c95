package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A mutant whose snippet is gone would be tried no more, and nobody would notice.
func TestEachSnippetIsInItsFileOnce(t *testing.T) {
	mutants, err := load("list")
	if err != nil {
		t.Fatal(err)
	}
	if len(mutants) < 150 {
		t.Errorf("%d mutants, want at least 150", len(mutants))
	}
	seen := map[string]string{}
	for _, m := range mutants {
		source, err := os.ReadFile(filepath.Join(root, m.file))
		if err != nil {
			t.Errorf("%s: %v", m.where, err)
			continue
		}
		mutated, err := m.apply(source)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(m.edits) == 0 || string(mutated) == string(source) {
			t.Errorf("%s: changes nothing", m.where)
		}
		if first, ok := seen[m.file+string(mutated)]; ok {
			t.Errorf("%s: is the mutant of %s again", m.where, first)
		}
		seen[m.file+string(mutated)] = m.where
	}
}
