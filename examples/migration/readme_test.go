package migration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every block of the page is code that is compiled, or output that is compared, and every
// example is on the page.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	indent := regexp.MustCompile(`(?m)^[\t ]+`)
	code, output := "\n", "\n"
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source, want, example := strings.Cut(string(data), "\t// Output:\n")
		if !example || name == "readme_test.go" {
			continue
		}
		code += indent.ReplaceAllString(source, "")
		output += strings.ReplaceAll(indent.ReplaceAllString(want, ""), "// ", "")
		if !strings.Contains(string(readme), "("+name+")") {
			t.Errorf("the page does not link to %s", name)
		}
	}
	blocks := regexp.MustCompile("(?s)```(go|text)\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 20 {
		t.Errorf("found %d blocks: the test does not find them any more", len(blocks))
	}
	for _, block := range blocks {
		have := map[string]string{"go": code, "text": output}[block[1]]
		if !strings.Contains(have, "\n"+indent.ReplaceAllString(block[2], "")) {
			t.Errorf("this is in no example, so nothing checks it:\n%s", block[2])
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(string(readme), -1) {
		if _, err := os.Stat(filepath.FromSlash(link[1])); err != nil {
			t.Errorf("the page links to %s: %v", link[1], err)
		}
	}
	for _, anchor := range regexp.MustCompile(`\]\(#([^)]+)\)`).FindAllStringSubmatch(string(readme), -1) {
		found := false
		for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(readme), -1) {
			kept := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
			found = found || strings.ReplaceAll(kept, " ", "-") == anchor[1]
		}
		if !found {
			t.Errorf("the page links to its section %s, which it has not", anchor[1])
		}
	}
}
