package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A mutant is one deliberate fault.
type mutant struct {
	file     string // it is in, relative to the root of the repository
	promise  string // that it breaks
	survives string // the reason why no test finds it; empty: a test must
	edits    []edit
	where    string // of the list it is from, for errors
}

// An edit replaces a snippet, which is in the file once.
type edit struct{ old, new string }

func (m mutant) String() string { return m.file + ": " + m.promise }

// load parses the lists in dir.
func load(dir string) ([]mutant, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	var all []mutant
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		mutants, err := parse(name, data)
		if err != nil {
			return nil, err
		}
		all = append(all, mutants...)
	}
	return all, nil
}

// parse parses one list:
//
//	file strategies/sigv4/verification.go
//	promise the region of the credential scope is compared
//	-	if scope.region != v.region {
//	+	if false {
//
// The file holds for all mutants that follow. A mutant starts with the promise that it
// breaks. Lines with "-" are the snippet, with "+" its replacement; a "-" after a "+" starts a
// further edit. A line "survives" has the reason why no test can find the mutant. Empty
// lines and lines with "#" do not count.
func parse(name string, data []byte) ([]mutant, error) {
	var all []mutant
	file, last := "", byte('+')
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		where := fmt.Sprintf("%s:%d", name, n)
		if f, ok := strings.CutPrefix(line, "file "); ok {
			file = f
			continue
		}
		if p, ok := strings.CutPrefix(line, "promise "); ok {
			all = append(all, mutant{file: file, promise: p, where: where})
			last = '+'
			continue
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("%s: a mutant starts with a line \"promise\"", where)
		}
		m := &all[len(all)-1]
		if s, ok := strings.CutPrefix(line, "survives "); ok {
			m.survives = s
			continue
		}
		c, text := line[0], line[1:]
		switch {
		case c == '-' && last == '+':
			m.edits = append(m.edits, edit{old: text})
		case c == '-':
			m.edits[len(m.edits)-1].old += "\n" + text
		case c == '+' && len(m.edits) > 0 && last == '-':
			m.edits[len(m.edits)-1].new = text
		case c == '+' && len(m.edits) > 0:
			m.edits[len(m.edits)-1].new += "\n" + text
		default:
			return nil, fmt.Errorf("%s: want file, promise, survives, - or +", where)
		}
		last = c
	}
	return all, lines.Err()
}

// apply returns source with the fault.
func (m mutant) apply(source []byte) ([]byte, error) {
	for _, e := range m.edits {
		if n := bytes.Count(source, []byte(e.old)); n != 1 {
			return nil, fmt.Errorf("%s: the snippet %q is %d times in %s, want once", m.where, e.old, n, m.file)
		}
		source = bytes.Replace(source, []byte(e.old), []byte(e.new), 1)
	}
	return source, nil
}
