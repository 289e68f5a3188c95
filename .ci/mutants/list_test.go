package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strconv"
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
		if unused := unusedImport(mutated); unused != "" {
			t.Errorf("%s: does not compile: %s", m.where, unused)
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

// unusedImport returns why a file cannot be parsed, or an import that nothing in it uses.
func unusedImport(source []byte) string {
	file, err := parser.ParseFile(token.NewFileSet(), "", source, 0)
	if err != nil {
		return err.Error()
	}
	used := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				used[x.Name] = true
			}
		}
		return true
	})
	for _, i := range file.Imports {
		name, _ := strconv.Unquote(i.Path.Value)
		name = path.Base(name)
		if name == "v9" { // of github.com/redis/go-redis
			name = "redis"
		}
		if i.Name != nil {
			name = i.Name.Name
		}
		if name != "_" && !used[name] {
			return "the import " + name + " is not used"
		}
	}
	return ""
}
