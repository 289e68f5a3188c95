package main

import (
	"regexp"
	"slices"
	"strings"
)

// variables returns the names of all variables of this command.
func variables() []string {
	names := regexp.MustCompile(`\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b`).FindAllString(usage(), -1)
	slices.Sort(names)
	return slices.Compact(names)
}

// checkNames refuses variables that look as if they were meant for this command: a name with a
// typing error would turn off a check without a word. environ is what os.Environ returns.
func (d *destination) checkNames(environ []string) {
	known := variables()
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if name == "" || slices.Contains(known, name) {
			continue
		}
		nearest := slices.MinFunc(known, func(a, b string) int { return distance(a, name) - distance(b, name) })
		prefix, _, _ := strings.Cut(name, "_")
		if slices.Contains(prefixes(), prefix+"_") || distance(nearest, name) <= 2 {
			d.fail("%s: no such variable; did you mean %s? (-h lists them)", name, nearest)
		}
	}
}

// prefixes are those of the strategies' variables. Others, such as GOOGLE_, belong to other
// programs too.
func prefixes() []string {
	prefixes := []string{}
	for _, s := range strategies {
		prefix, _, _ := strings.Cut(s.first(), "_")
		prefixes = append(prefixes, prefix+"_")
	}
	return prefixes
}

// distance returns how many characters must be inserted, removed or replaced to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
