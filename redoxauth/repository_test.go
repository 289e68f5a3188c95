package redoxauth_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// These tests enforce the rules about the layout of the repository.

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

// sources returns the Go files of the root module, without nested modules and without
// folders that the go command ignores.
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
	core := []string{"redoxauth", "redoxauth/rotation"}
	type rule struct {
		dir          string   // with a slash at the end, all below it
		ours         []string // packages of this module that it may import
		standardOnly bool     // beside ours, only the standard library
	}
	rules := []rule{
		{"redoxauth", nil, true},
		{"redoxauth/rotation", []string{"redoxauth"}, true},
		{"redoxauth/verifiertest", []string{"redoxauth"}, true},
		{"redoxauth/redoxtest", []string{"redoxauth"}, false}, // it must share no code with what it tests
		{"verifytoken", core, true},
		{"strategies/replay", core, true},
		{"strategies/keyset", append(core, "strategies/internal/"), true},
		{"strategies/", append(core, "strategies/keyset", "strategies/replay", "strategies/internal/"), false}, // no other strategy
	}
	matches := func(dir, pattern string) bool {
		return dir == pattern || strings.HasSuffix(pattern, "/") && strings.HasPrefix(dir, pattern)
	}
	for _, s := range sources(t) {
		for _, p := range s.imports() {
			if strings.Contains(p, "lestrrat-go/jwx") && s.dir != "strategies/internal/jose" && s.dir != "redoxauth/redoxtest" && !s.test {
				t.Errorf("%s imports %s, which belongs in strategies/internal/jose alone", s, p)
			}
			i := slices.IndexFunc(rules, func(r rule) bool { return matches(s.dir, r.dir) })
			if i < 0 || s.test || standard(p) {
				continue
			}
			dir, ours := strings.CutPrefix(p, module)
			allowed := slices.ContainsFunc(rules[i].ours, func(pattern string) bool { return matches(dir, pattern) })
			if ours && !allowed || !ours && rules[i].standardOnly {
				t.Errorf("%s imports %s; of this module it may import %q", s, p, rules[i].ours)
			}
		}
	}
}

// A comparison that ends at the first difference, or a search that ends at the first match, tells
// by its time how much of a secret is right (CWE-208).
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	want := map[string]bool{ // false until found
		"verifytoken find":                          false,
		"strategies/sigv4 Verifier.match":           false,
		"strategies/sigv4 credential.holds":         false,
		"strategies/clientcredentials secrets.find": false,
		"strategies/clientcredentials secrets.look": false,
		"strategies/clientcredentials same":         false,
		"strategies/internal/jose Key.same":         false,
	}
	for _, s := range sources(t) {
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || s.test {
				continue
			}
			name := f.Name.Name
			if f.Recv != nil {
				name = receiver(f) + "." + name
			}
			name = s.dir + " " + name
			if _, listed := want[name]; !listed || !calls(f.Body, "subtle.ConstantTimeCompare") {
				continue
			}
			want[name] = true
			ast.Inspect(f.Body, func(n ast.Node) bool {
				switch n.(type) {
				case *ast.ForStmt, *ast.RangeStmt:
					if leaves(n) {
						t.Errorf("%s: its loop ends early", name)
					}
				}
				return true
			})
		}
	}
	for name, found := range want {
		if !found {
			t.Errorf("%s does not call subtle.ConstantTimeCompare", name)
		}
	}
}

// calls reports whether the function of that name is called in n.
func calls(n ast.Node, function string) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		found = found || ok && types.ExprString(c.Fun) == function
		return !found
	})
	return found
}

// leaves reports whether a return or a break is in n.
func leaves(n ast.Node) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		b, isBranch := n.(*ast.BranchStmt)
		_, isReturn := n.(*ast.ReturnStmt)
		found = found || isReturn || isBranch && b.Tok == token.BREAK
		return !found
	})
	return found
}

// Commands, and the kit that commands use, must not link package testing.
func TestCommandsDoNotLinkTesting(t *testing.T) {
	for _, dir := range []string{"./redoxauth/redoxtest", "./examples/destination", "./examples/sendas"} {
		cmd := exec.Command("go", "list", "-deps", dir)
		cmd.Dir = root
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		if deps := strings.Fields(string(out)); len(deps) < 10 || slices.Contains(deps, "testing") {
			t.Errorf("%s links testing, or its %d dependencies were not found", dir, len(deps))
		}
	}
}

// If an exported signature names a third-party type, a new major version of the third party
// breaks our users.
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
	if !strings.Contains(readme, "```go\n"+string(program)+"```\n") {
		t.Error("examples/quickstart/main.go is not in it byte for byte")
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
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(readme, -1) {
		if _, err := os.Stat(filepath.Join(root, link[1])); err != nil {
			t.Errorf("it links to %s: %v", link[1], err)
		}
	}
}

// Strategies have the skeleton that CONTRIBUTING.md describes, and a place in every list.
func TestEveryStrategyHasTheSkeleton(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(root, "strategies", "*"))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	strategies := []string{"verifytoken"}
	for _, f := range folders {
		if name := filepath.Base(f); !slices.Contains([]string{"internal", "keyset", "replay"}, name) {
			strategies = append(strategies, "strategies/"+name)
		}
	}
	all := sources(t)
	for _, dir := range strategies {
		declared, has := map[string]string{}, map[string]bool{}
		note := func(what string, found bool) { has[what] = has[what] || found }
		row := regexp.MustCompile(`(?m)^\| ([^|]+) \| \[` + dir + `\]`).FindSubmatch(readme)
		if note("a row in README.md", row != nil); row == nil {
			row = [][]byte{nil, []byte("no such row")}
		}
		listed := `\n\t` + regexp.QuoteMeta(string(row[1])) + ` +` // in a table of a package comment
		for _, s := range all {
			switch doc := s.ast.Doc.Text(); s.dir {
			case dir:
				if !s.test {
					s.declare(declared)
				}
				note("the section Redox dashboard", !s.test && strings.Contains(doc, "\n# Redox dashboard\n"))
				note("verifiertest.TestVerifier", s.test && names(s.ast, "verifiertest.TestVerifier"))
				note("BenchmarkVerify", s.test && names(s.ast, "BenchmarkVerify"))
				note("examples", strings.HasSuffix(s.name, "example_test.go"))
			case "redoxauth":
				note("a row in redoxauth/doc.go", regexp.MustCompile(listed+dir+`\n`).MatchString(doc))
			case "redoxauth/redoxtest":
				note("a row in redoxauth/redoxtest/redoxtest.go", regexp.MustCompile(listed+`&?\w+{…}\n`).MatchString(doc))
			case "examples/destination", "examples/sendas":
				for _, d := range s.ast.Decls {
					g, ok := d.(*ast.GenDecl)
					note("an entry in the table strategies of "+s.dir, ok && names(g, "strategies") && names(g, strconv.Quote(path.Base(dir))))
				}
			}
		}
		for what, found := range has {
			if !found {
				t.Errorf("%s: lacks %s", dir, what)
			}
		}
		want := map[string]string{
			"Verifier":        "type",
			"Verifier.Verify": "func(r *http.Request) (*redoxauth.Identity, error)",
			"Verifier.Wrap":   "func(next http.Handler) http.Handler",
		}
		if declared["New"] != "" || declared["NewTokenEndpoint"] == "" { // smartbackend has the latter alone
			want["Config"], want["New"] = "type", "func(cfg Config) (*Verifier, error)"
		}
		for name, is := range want {
			if declared[name] != is {
				t.Errorf("%s: %s is %q, want %q", dir, name, declared[name], is)
			}
		}
	}
}

// declare adds the exported types, functions and methods of s, each with its type.
func (s source) declare(names map[string]string) {
	for _, d := range s.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = receiver(d) + "." + name
			}
			names[name] = types.ExprString(d.Type)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok {
					names[ts.Name.Name] = "type"
				}
			}
		}
	}
}

// names reports whether the syntax tree has the qualified name or the literal.
func names(n ast.Node, text string) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if expr, ok := n.(ast.Expr); ok {
			found = found || types.ExprString(expr) == text
		}
		return !found
	})
	return found
}
