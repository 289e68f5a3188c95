package oauthclients_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A table is what COMPATIBILITY.md of a strategy says about clients.
type table struct {
	file string
	rows []string

	mu       sync.Mutex
	measured []string
}

// readTable finds the table by the head of its last column.
func readTable(t *testing.T, strategy string) *table {
	t.Helper()
	a := &table{file: "../../../strategies/" + strategy + "/COMPATIBILITY.md"}
	data, err := os.ReadFile(a.file)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(data), "| gets a new token |\n")
	body, _, _ = strings.Cut(body, "\n\n")
	lines := strings.Split(body, "\n")
	if len(lines) < 2 {
		t.Fatalf("%s has no table of clients", a.file)
	}
	a.rows = lines[1:]
	return a
}

// compare fails unless the table has this row.
func (a *table) compare(t *testing.T, cells ...string) {
	t.Helper()
	row := "| " + strings.Join(cells, " | ") + " |"
	if !slices.Contains(a.rows, row) {
		t.Errorf("%s lacks what was measured:\n%s", a.file, row)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.measured = append(a.measured, row)
}

// complete fails if the table has a row that was not measured, once all clients ran.
func (a *table) complete(t *testing.T) {
	t.Helper()
	if !*all || flag.Lookup("test.run").Value.String() != "" {
		return
	}
	for _, row := range a.rows {
		if !slices.Contains(a.measured, row) {
			t.Errorf("%s has what was not measured:\n%s", a.file, row)
		}
	}
}
