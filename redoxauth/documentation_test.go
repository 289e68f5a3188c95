package redoxauth_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/constant"
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
	"testing"
)

// A listed is what the go command says of a package.
type listed struct {
	ImportPath, Name, Dir, Export string
	GoFiles                       []string
	Module                        *struct{ Main bool }
}

// listPackages returns the module's packages, and all packages with compiled types.
func listPackages(t *testing.T) (ours []listed, exports map[string]string) {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Name,Dir,Export,GoFiles,Module", "./...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
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

// Every word that is used as a Reason anywhere is in Reason's documentation: a metric
// with a label that nobody can look up is of no use.
func TestEveryReasonIsDocumented(t *testing.T) {
	const core = "github.com/redoxauth/redoxauth-go/redoxauth"
	ours, exports := listPackages(t)
	documented := map[string]bool{}
	used := map[string][]string{}
	for _, p := range ours {
		fset := token.NewFileSet()
		files := p.parse(t, fset)
		if p.ImportPath == core {
			documented = documentedReasons(files)
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
	delete(used, "") // none yet
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

func documentedReasons(files []*ast.File) map[string]bool {
	reasons := map[string]bool{}
	for _, f := range files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE || g.Specs[0].(*ast.TypeSpec).Name.Name != "Reason" {
				continue
			}
			for _, m := range regexp.MustCompile(`(?m)^\t(\w+) +\S`).FindAllStringSubmatch(g.Doc.Text(), -1) {
				reasons[m[1]] = true
			}
		}
	}
	return reasons
}

// Every exported name carries a comment that begins with it.
func TestExportedNamesAreDocumented(t *testing.T) {
	ours, _ := listPackages(t)
	names := 0
	for _, p := range ours {
		if p.Name == "main" {
			continue
		}
		fset := token.NewFileSet()
		check := func(name *ast.Ident, doc *ast.CommentGroup, anyWords bool) {
			if !name.IsExported() {
				return
			}
			names++
			text := strings.TrimPrefix(strings.TrimPrefix(doc.Text(), "A "), "An ")
			if doc == nil || !anyWords && !strings.HasPrefix(text, name.Name) {
				t.Errorf("%s: %s has no comment that begins with its name", fset.Position(name.Pos()), name.Name)
			}
		}
		for _, f := range p.parse(t, fset) {
			for _, d := range f.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if d.Recv == nil || exportedReceiver(d.Recv) {
						check(d.Name, d.Doc, false)
					}
				case *ast.GenDecl:
					for _, spec := range d.Specs {
						switch spec := spec.(type) {
						case *ast.TypeSpec:
							check(spec.Name, firstDoc(spec.Doc, d.Doc), false)
						case *ast.ValueSpec: // one comment may introduce several
							for _, name := range spec.Names {
								check(name, firstDoc(spec.Doc, spec.Comment, d.Doc), true)
							}
						}
					}
				}
			}
		}
	}
	if names < 50 {
		t.Fatalf("found %d exported names: the test does not find them any more", names)
	}
}

func firstDoc(groups ...*ast.CommentGroup) *ast.CommentGroup {
	for _, g := range groups {
		if g != nil {
			return g
		}
	}
	return nil
}

func exportedReceiver(recv *ast.FieldList) bool {
	typ := recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if generic, ok := typ.(*ast.IndexExpr); ok {
		typ = generic.X
	}
	name, ok := typ.(*ast.Ident)
	return ok && name.IsExported()
}
