package oauthclients_test

import (
	"os"
	"strings"
	"testing"
)

// compare fails unless a table in COMPATIBILITY.md of the package has this row.
func compare(t *testing.T, strategy string, cells ...string) {
	t.Helper()
	file := "../../../strategies/" + strategy + "/COMPATIBILITY.md"
	row := "| " + strings.Join(cells, " | ") + " |"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.TrimSpace(line) == row {
			return
		}
	}
	t.Errorf("%s lacks what was measured:\n%s", file, row)
}
