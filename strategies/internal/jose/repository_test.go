package jose_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// jwx v2 is no longer maintained. To move to its successor must mean to change this
// package, and redoxtest, which uses it as another implementation; tests may compare
// with it anywhere.
func TestNobodyElseImportsJWX(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{filepath.Join("strategies", "internal", "jose"): true, filepath.Join("redoxauth", "redoxtest"): true}
	found, files := 0, 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root && d.Name() != ".." {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			if !strings.Contains(spec.Path.Value, "lestrrat-go/jwx") {
				continue
			}
			rel, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			if found++; !allowed[rel] {
				t.Errorf("%s imports %s", path, spec.Path.Value)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 || found == 0 {
		t.Errorf("%d imports found in %d files: is the test looking at the repository?", found, files)
	}
}
