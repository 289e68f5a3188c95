package redoxauth_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The rules of the repository's layout, as tests.

const (
	root   = ".."
	module = "github.com/redoxauth/redoxauth-go/"
)

// A source is one Go file of the root module.
type source struct {
	dir  string // slash-separated, relative to the root
	name string
	test bool
	data []byte
	ast  *ast.File
}

// sources returns the Go files of the root module: those of nested modules and of
// folders that the go command ignores are not among them.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(p, "go.mod"))
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || nested == nil) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, data, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{filepath.ToSlash(filepath.Dir(rel)), d.Name(), strings.HasSuffix(p, "_test.go"), data, file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("found %d Go files", len(all))
	}
	return all
}

func (s source) String() string { return s.dir + "/" + s.name }

func (s source) imports() []string {
	var paths []string
	for _, i := range s.ast.Imports {
		paths = append(paths, strings.Trim(i.Path.Value, `"`))
	}
	return paths
}

func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

func TestTopLevelIsFixed(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"redoxauth", "verifytoken", "strategies", "examples", "go.mod", "go.sum", "LICENSE", "README.md"}
	for _, e := range entries {
		if !slices.Contains(allowed, e.Name()) && !strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s: not one of %v", e.Name(), allowed)
		}
	}
}

func TestWhoMayImportWhom(t *testing.T) {
	core := module + "redoxauth"
	for _, s := range sources(t) {
		for _, p := range s.imports() {
			ours := strings.HasPrefix(p, module)
			strategy, isStrategy := strings.CutPrefix(s.dir, "strategies/")
			strategy, _, _ = strings.Cut(strategy, "/")
			wrong := ""
			switch {
			case strings.Contains(p, "lestrrat-go/jwx") && s.dir != "strategies/internal/jose" && s.dir != "redoxauth/redoxtest" && !s.test:
				wrong = "jwx belongs in strategies/internal/jose alone"
			case s.test:
			case s.dir == "redoxauth" && !standard(p):
				wrong = "the core imports the standard library only"
			case s.dir == "redoxauth/redoxtest" && ours && p != core:
				wrong = "the test kit must not share code with what it tests"
			case p == core, p == core+"/rotation":
			case slices.Contains([]string{"verifytoken", "strategies/replay", "redoxauth/rotation"}, s.dir) && !standard(p):
				wrong = "it imports the standard library, the core and rotation only"
			case s.dir == "strategies/keyset" && !standard(p) && !strings.HasPrefix(p, module+"strategies/internal/"):
				wrong = "it imports the standard library, the core and strategies/internal only"
			case isStrategy && ours:
				other, found := strings.CutPrefix(p, module+"strategies/")
				other, _, _ = strings.Cut(other, "/")
				if !found || !slices.Contains([]string{strategy, "keyset", "replay", "internal"}, other) {
					wrong = "a strategy imports the core, keyset, replay and internal, never another strategy"
				}
			}
			if wrong != "" {
				t.Errorf("%s imports %s: %s", s, p, wrong)
			}
		}
	}
}

// A third-party type in an exported signature would make its next major version ours.
func TestExportedSignaturesNameNoThirdPartyType(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || strings.Contains(s.dir, "internal") || s.ast.Name.Name == "main" {
			continue
		}
		foreign := map[string]string{}
		for _, i := range s.ast.Imports {
			p := strings.Trim(i.Path.Value, `"`)
			if standard(p) || strings.HasPrefix(p, module) {
				continue
			}
			name := path.Base(p)
			if i.Name != nil {
				name = i.Name.Name
			} else if regexp.MustCompile(`^v\d+$`).MatchString(name) {
				name = path.Base(path.Dir(p))
			}
			foreign[name] = p
		}
		check := func(n ast.Node) {
			ast.Inspect(n, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := sel.X.(*ast.Ident); ok && foreign[x.Name] != "" {
						t.Errorf("%s: an exported declaration names %s.%s of %s", s, x.Name, sel.Sel, foreign[x.Name])
					}
				}
				return true
			})
		}
		for _, d := range s.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d))) {
					check(d.Type)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.IsExported() {
						checkExportedFields(ts.Type, check)
					}
				}
			}
		}
	}
}

// receiver returns the name of the method's type.
func receiver(d *ast.FuncDecl) string {
	name := ""
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return true
	})
	return name
}

func checkExportedFields(typ ast.Expr, check func(ast.Node)) {
	st, ok := typ.(*ast.StructType)
	if !ok {
		check(typ)
		return
	}
	for _, f := range st.Fields.List {
		exported := len(f.Names) == 0
		for _, n := range f.Names {
			exported = exported || n.IsExported()
		}
		if exported {
			check(f.Type)
		}
	}
}

func TestEveryPackageHasOneComment(t *testing.T) {
	comments := map[string]int{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		n := 0
		if s.ast.Doc != nil {
			n = 1
		}
		comments[s.dir] += n
	}
	delete(comments, "examples/quickstart") // its text is the README's
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("%s has %d package comments, want 1", dir, n)
		}
	}
}

func TestREADME(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	program, err := os.ReadFile(filepath.Join(root, "examples/quickstart/main.go"))
	if err != nil {
		t.Fatal(err)
	}
	block := "```go\n" + string(program) + "```\n"
	if i := strings.Index(readme, block); i < 0 {
		t.Error("examples/quickstart/main.go is not in it byte for byte")
	} else if line := strings.Count(readme[:i], "\n") + 1; line > 10 {
		t.Errorf("the program begins on line %d, want 10 at the latest", line)
	}
	examples := ""
	for _, s := range sources(t) {
		if strings.HasSuffix(s.name, "example_test.go") || strings.HasPrefix(s.dir, "examples/") {
			examples += string(s.data)
		}
	}
	indent := regexp.MustCompile(`(?m)^\t+`)
	for _, code := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readme, -1) {
		if !strings.Contains(indent.ReplaceAllString(examples, ""), indent.ReplaceAllString(code[1], "")) {
			t.Errorf("this is in no example, so nothing compiles it:\n%s", code[1])
		}
	}
	if n := strings.Count(readme, "\n"); n > 150 {
		t.Errorf("it has %d lines, want at most 150", n)
	}
	for _, command := range []string{"go run ./examples/destination", "go test ./..."} {
		if !strings.Contains(readme, command) {
			t.Errorf("it does not name %q", command)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(readme, -1) {
		if _, err := os.Stat(filepath.Join(root, link[1])); err != nil {
			t.Errorf("it links to %s: %v", link[1], err)
		}
	}
}

// A strategy has the skeleton of CONTRIBUTING.md, and everybody can find it.
func TestEveryStrategyHasTheSkeleton(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(root, "strategies", "*"))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"verifytoken"}
	for _, f := range folders {
		if name := filepath.Base(f); !slices.Contains([]string{"internal", "keyset", "replay"}, name) {
			names = append(names, "strategies/"+name)
		}
	}
	for _, dir := range names {
		name := path.Base(dir)
		code, conformance, example := "", false, false
		for _, s := range sources(t) {
			if s.dir == dir && !s.test {
				code += string(s.data)
			} else if s.dir == dir {
				conformance = conformance || bytes.Contains(s.data, []byte("verifiertest.TestVerifier(t, "))
				example = example || strings.HasSuffix(s.name, "example_test.go")
			}
		}
		parts := []string{"// # Redox dashboard\n", "\ntype Verifier struct", "\nfunc (v *Verifier) Verify(r *http.Request)", "\nfunc (v *Verifier) Wrap(next http.Handler)"}
		if strings.Contains(code, "\nfunc New(") || !strings.Contains(code, "\nfunc NewTokenEndpoint(") { // smartbackend has the latter alone
			parts = append(parts, "\ntype Config struct {", "\nfunc New(cfg Config) (*Verifier, error)")
		}
		for _, part := range parts {
			if !strings.Contains(code, part) {
				t.Errorf("%s lacks %q", dir, part)
			}
		}
		if !conformance || !example {
			t.Errorf("%s: runs verifiertest.TestVerifier: %t, has examples: %t", dir, conformance, example)
		}
		for file, want := range map[string]string{
			"README.md":                         "| [" + dir + "](" + dir + ") |",
			"redoxauth/doc.go":                  " " + dir + "\n",
			"examples/destination/main.go":      "//	/redox/" + name,
			"examples/destination/main_test.go": `"` + name + `"`,
			"examples/sendas/main.go":           "-strategy " + name + " ",
			"examples/sendas/sender.go":         `"` + name + `"`,
		} {
			data, err := os.ReadFile(filepath.Join(root, file))
			if err != nil || !strings.Contains(string(data), want) {
				t.Errorf("%s does not name %s (%q): %v", file, name, want, err)
			}
		}
	}
}
