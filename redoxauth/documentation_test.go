package redoxauth_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/doc"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A listed is a package as go list describes it.
type listed struct {
	ImportPath, Name, Dir, Export string
	GoFiles                       []string
	Module                        *struct{ Main bool }
}

// listPackages returns the packages of this module, and the files with the compiled types
// of all packages.
func listPackages(t *testing.T) (ours []listed, exports map[string]string) {
	t.Helper()
	out, err := goList()
	if err != nil {
		t.Fatal(err)
	}
	exports = map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if p.Module != nil && p.Module.Main {
			ours = append(ours, p)
		}
	}
	return ours, exports
}

var goList = sync.OnceValues(func() ([]byte, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Name,Dir,Export,GoFiles,Module", "./...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, &stderr)
	}
	return out, nil
})

func (p listed) parse(t *testing.T, fset *token.FileSet) []*ast.File {
	t.Helper()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// The documentation of type Reason lists every reason in use, because operators look up
// the labels of their metrics there.
func TestEveryReasonIsDocumented(t *testing.T) {
	const core = "github.com/redoxauth/redoxauth-go/redoxauth"
	ours, exports := listPackages(t)
	documented := map[string]bool{}
	used := map[string][]string{}
	for _, p := range ours {
		fset := token.NewFileSet()
		files := p.parse(t, fset)
		if p.ImportPath == core {
			documented = documentedReasons(p.documentation(t))
		}
		info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
		conf := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })}
		if _, err := conf.Check(p.ImportPath, fset, files, info); err != nil {
			t.Fatalf("%s: %v", p.ImportPath, err)
		}
		for expr, tv := range info.Types {
			if tv.Value != nil && tv.Value.Kind() == constant.String && types.TypeString(tv.Type, nil) == core+".Reason" {
				reason := constant.StringVal(tv.Value)
				used[reason] = append(used[reason], fset.Position(expr.Pos()).String())
			}
		}
	}
	delete(used, "") // no reason
	if len(documented) < 10 || len(used) < 10 {
		t.Fatalf("found %d documented and %d used reasons: the test does not find them any more", len(documented), len(used))
	}
	for reason, where := range used {
		if !documented[reason] {
			t.Errorf("Reason %q is not in the list of type Reason: %s", reason, slices.Min(where))
		}
	}
	for reason := range documented {
		if used[reason] == nil {
			t.Errorf("Reason %q is in the list of type Reason, but nothing uses it", reason)
		}
	}
}

// documentation parses a package as go doc does.
func (p listed) documentation(t *testing.T) *doc.Package {
	t.Helper()
	fset := token.NewFileSet()
	d, err := doc.NewFromFiles(fset, p.parse(t, fset), p.ImportPath)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// documentedReasons are the words in the list of type Reason.
func documentedReasons(core *doc.Package) map[string]bool {
	reasons := map[string]bool{}
	for _, typ := range core.Types {
		if typ.Name != "Reason" {
			continue
		}
		for _, m := range regexp.MustCompile(`(?m)^\t(\w+) +\S`).FindAllStringSubmatch(typ.Doc, -1) {
			reasons[m[1]] = true
		}
	}
	return reasons
}

func TestEveryExportedNameIsDocumented(t *testing.T) {
	ours, _ := listPackages(t)
	names := 0
	for _, p := range ours {
		if strings.HasSuffix(p.ImportPath, "/examples/quickstart") { // its text is the README's
			continue
		}
		check := func(name, doc string) {
			names++
			if doc == "" {
				t.Errorf("%s: %s has no comment", p.ImportPath, name)
			}
		}
		d := p.documentation(t)
		check("package "+p.Name, d.Doc)
		checkFuncs := func(funcs []*doc.Func) {
			for _, f := range funcs {
				check(f.Name, f.Doc)
			}
		}
		values := slices.Concat(d.Consts, d.Vars)
		checkFuncs(d.Funcs)
		for _, typ := range d.Types {
			check(typ.Name, typ.Doc)
			checkFuncs(slices.Concat(typ.Funcs, typ.Methods))
			values = slices.Concat(values, typ.Consts, typ.Vars)
		}
		for _, v := range values {
			text := v.Doc
			for _, spec := range v.Decl.Specs { // one comment may introduce several
				spec := spec.(*ast.ValueSpec)
				text += spec.Doc.Text() + spec.Comment.Text()
			}
			check(v.Names[0], text)
		}
	}
	if names < 50 {
		t.Fatalf("found %d exported names: the test does not find them any more", names)
	}
}
