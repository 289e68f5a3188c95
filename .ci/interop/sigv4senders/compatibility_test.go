package sigv4senders

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A page is COMPATIBILITY.md.
type page struct {
	table      map[string][]string // cells by sender: the version, then the columns
	paragraphs []string            // also the items of lists and the rows of tables
}

func readPage(t *testing.T) page {
	t.Helper()
	text, err := os.ReadFile("../../../strategies/sigv4/COMPATIBILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	p := page{table: map[string][]string{}, paragraphs: []string{""}}
	for line := range strings.Lines(strings.ReplaceAll(string(text), "**", "")) {
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		for i := range cells {
			cells[i] = strings.Trim(cells[i], " `")
		}
		if len(cells) == 2+len(columns) && cells[0] != "sender" && cells[0] != "---" {
			p.table[cells[0]] = cells[1:]
		}
		if words := strings.Join(strings.Fields(line), " "); words == "" || strings.ContainsAny(words[:1], "-|#") {
			p.paragraphs = append(p.paragraphs, words)
		} else {
			p.paragraphs[len(p.paragraphs)-1] += " " + words
		}
	}
	return p
}

// says reports whether a paragraph that names the sender has these words.
func (p page) says(s sender, words string) bool {
	name, _, _ := strings.Cut(s.name, " (") // as in awscrt (Python)
	name, _, _ = strings.Cut(name, " --")
	named := regexp.MustCompile(`(^|[^\w@/:-])` + regexp.QuoteMeta(name) + `($|[^\w'/-])`) // and not as a part of another name
	return words != "" && slices.ContainsFunc(p.paragraphs, func(paragraph string) bool {
		return strings.Contains(paragraph, words) && named.MatchString(paragraph)
	})
}

func TestReasonsNameTheSender(t *testing.T) {
	p := page{paragraphs: []string{"aws4-axios, botocore's session and curl: avoid it.", "awscrt: send none."}}
	for _, tt := range []struct {
		sender, words string
		want          bool
	}{
		{"aws4-axios", "avoid it", true}, {"botocore's session", "avoid it", true}, {"curl --aws-sigv4", "avoid it", true}, {"awscrt (Python)", "send none", true},
		{"aws4", "avoid it", false}, {"axios", "avoid it", false}, {"botocore", "avoid it", false}, {"awscrt (Python)", "avoid it", false}, {"awscrt (Python)", "", false},
	} {
		if got := p.says(sender{name: tt.sender}, tt.words); got != tt.want {
			t.Errorf("%s, %q: got %v", tt.sender, tt.words, got)
		}
	}
}

// The table in COMPATIBILITY.md says what these senders do today, and which version of them
// does. Senders that sign only for S3 have no row: the text has their version.
func TestCompatibilityTable(t *testing.T) {
	page := readPage(t)
	for _, s := range selected() {
		row, outcome := []string{}, map[string]string{}
		for _, r := range record(t, s) {
			if r.service != "s3" {
				outcome[r.name] = r.outcome
			}
		}
		for _, name := range columns {
			if outcome[name] != "" {
				row = append(row, outcome[name])
			}
		}
		version := s.version(t)
		cells := page.table[s.name]
		if len(row) < len(columns) && cells == nil {
			if !page.says(s, s.name+" "+version) {
				t.Errorf("%s %s: COMPATIBILITY.md does not have this version", s, version)
			}
			continue
		}
		if s.name == "Postman" {
			version = "newman " + version
		}
		if diff := cmp.Diff(cells, append([]string{version}, row...)); diff != "" {
			t.Errorf("%s: -table +got:\n%s", s, diff)
		}
		delete(page.table, s.name)
	}
	if *all && len(page.table) > 0 {
		t.Errorf("the table has senders that the test does not: %v", slices.Collect(maps.Keys(page.table)))
	}
}
