package verifiertest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A site is a call in the suite that can fail a sub-test.
type site struct {
	file        string
	first, last int            // its lines
	message     *regexp.Regexp // instead of the lines, for a call in a helper: the failure has the line of the helper's caller
}

func (s site) String() string {
	if s.message != nil {
		return fmt.Sprintf("%s:%d, messages %v", s.file, s.first, s.message)
	}
	return fmt.Sprintf("%s:%d", s.file, s.first)
}

// failureLine is how package testing prints a failure.
var failureLine = regexp.MustCompile(`(?m)^ +(\w+\.go):(\d+): (.*)$`)

// failedIn reports whether the output of a sub-test has a failure of s.
func (s site) failedIn(output string) bool {
	for _, failure := range failureLine.FindAllStringSubmatch(output, -1) {
		line, _ := strconv.Atoi(failure[2])
		if s.message != nil && s.message.MatchString(failure[3]) || s.message == nil && failure[1] == s.file && s.first <= line && line <= s.last {
			return true
		}
	}
	return false
}

// sites finds the calls of fail, and of the helpers that call it, in the source.
func sites(t *testing.T) []site {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	positions := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(positions, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	helpers := map[string]bool{"fail": true}
	walk := func(visit func(call *ast.CallExpr, function string, isHelper bool)) {
		for _, file := range files {
			calls(file, "", false, visit)
		}
	}
	walk(func(call *ast.CallExpr, function string, isHelper bool) {
		// The callers of within expect neither a hang nor a panic of each call. Its messages count.
		if isHelper && called(call) == "fail" && function != "within" {
			helpers[function] = true
		}
	})
	var all []site
	walk(func(call *ast.CallExpr, _ string, isHelper bool) {
		name := called(call)
		from, to := positions.Position(call.Pos()), positions.Position(call.End())
		s := site{file: from.Filename, first: from.Line, last: to.Line}
		switch {
		case isHelper && name == "fail":
			format, _ := strconv.Unquote(call.Args[0].(*ast.BasicLit).Value)
			s.message = regexp.MustCompile("^" + regexp.MustCompile("%[a-z]").ReplaceAllString(regexp.QuoteMeta(format), ".*"))
			all = append(all, s)
		case !isHelper && helpers[name]:
			all = append(all, s)
		}
	})
	return all
}

// calls visits the calls in a function, which is a helper if it calls Helper.
func calls(node ast.Node, function string, isHelper bool, visit func(call *ast.CallExpr, function string, isHelper bool)) {
	name := function
	ast.Inspect(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			calls(n.Body, n.Name.Name, callsHelper(n.Body), visit)
			return false
		case *ast.AssignStmt:
			if variable, ok := n.Lhs[0].(*ast.Ident); ok {
				name = variable.Name
			}
		case *ast.FuncLit:
			calls(n.Body, name, callsHelper(n.Body), visit)
			return false
		case *ast.CallExpr:
			visit(n, function, isHelper)
		}
		return true
	})
}

func callsHelper(body *ast.BlockStmt) bool {
	for _, statement := range body.List {
		if e, ok := statement.(*ast.ExprStmt); ok {
			if call, ok := e.X.(*ast.CallExpr); ok && called(call) == "Helper" {
				return true
			}
		}
	}
	return false
}

// called returns the name of what is called, without what is in front of the dot.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}
