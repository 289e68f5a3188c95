package smartbackend

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// scopes compares scopes by what they give access to. It implements tokenendpoint.Scopes.
type scopes struct{}

// Narrow returns the part of the requested scopes that is allowed.
func (scopes) Narrow(allowed, requested []string) []string {
	var granted []string
	for _, s := range narrow(parseScopes(allowed), parseScopes(requested)) {
		granted = append(granted, s.text)
	}
	return granted
}

// Covers reports whether the granted scopes include the required one.
func (scopes) Covers(granted []string, required string) bool {
	return coverOf(parseScopes(granted)).includes(parseScope(required))
}

// Why says why nothing of the requested scope is allowed.
func (scopes) Why(allowed []string, requested string) string {
	r := parseScope(requested)
	if r.context == "" {
		context, rest, _ := strings.Cut(requested, "/")
		_, word, _ := strings.Cut(rest, ".")
		word, _, _ = strings.Cut(word, "?")
		a, _ := parseAccess(word)
		switch {
		case !slices.Contains(contexts, context):
			return "is no SMART scope: it begins with none of system/, patient/, user/"
		case a == 0:
			return fmt.Sprintf("is misspelt: after the dot it has %s, want letters of %q in this order (SMART App Launch 2), or read, write or * (SMART App Launch 1)", diagnosis.Quote(word), letters)
		}
		return "is misspelt: want such as \"system/Patient.rs\""
	}
	rank, why := 0, fmt.Sprintf("has the context %s/, and none of them has", r.context)
	for _, a := range parseScopes(allowed) {
		if a.context != r.context {
			continue
		}
		_, sameResource := narrower(r.resource, a.resource, "*")
		_, sameQuery := narrower(r.query, a.query, "")
		switch {
		case sameResource && sameQuery:
			return fmt.Sprintf("asks for the access %q to %s, and they give none of it", r.letters(), diagnosis.Quote(r.resource))
		case sameResource:
			rank, why = 2, "has another query than theirs: "+diagnosis.Quote(r.query)
		case rank < 1:
			rank, why = 1, "is for "+diagnosis.Quote(r.resource)+", and none of them is"
		}
	}
	return why
}

// A scope of SMART App Launch: "system/Patient.rs?status=active". Version 1 wrote
// "read", "write" and "*" for the access ([Scopes and Launch Context]).
//
// [Scopes and Launch Context]: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
type scope struct {
	place
	access access
	text   string // as written
	v1     bool
}

// A place is what a scope gives access to. A scope of another kind has no context, and its
// text as the query.
type place struct {
	context  string // one of contexts
	resource string // a type, or "*"
	query    string
}

var contexts = []string{"system", "patient", "user"}

// access is a set of create, read, update, delete, search.
type access uint8

// letters are those of access, in the order in which they must be written.
const letters = "cruds"

var v1 = []struct {
	word string
	access
}{{"read", 0b10010}, {"write", 0b01101}, {"*", 0b11111}}

// parseScope reads text. A scope of another kind, or one that is misspelt, means nothing
// but itself.
func parseScope(text string) scope {
	s := scope{text: text}
	context, rest, _ := strings.Cut(text, "/")
	rest, query, hasQuery := strings.Cut(rest, "?")
	resource, word, _ := strings.Cut(rest, ".")
	s.place = place{context, resource, query}
	s.access, s.v1 = parseAccess(word)
	if !slices.Contains(contexts, context) || !isResource(resource) || s.access == 0 || hasQuery && query == "" {
		return scope{place: place{query: text}, access: 1, text: text}
	}
	return s
}

func isResource(name string) bool {
	noLetter := func(c rune) bool { return c|0x20 < 'a' || c|0x20 > 'z' }
	return name == "*" || name != "" && name[0] <= 'Z' && !strings.ContainsFunc(name, noLetter)
}

// parseAccess returns 0 if word is misspelt.
func parseAccess(word string) (a access, isV1 bool) {
	for _, form := range v1 {
		if form.word == word {
			return form.access, true
		}
	}
	next := 0
	for i := range len(word) {
		at := strings.IndexByte(letters[next:], word[i])
		if at < 0 {
			return 0, false
		}
		a |= 1 << (next + at)
		next += at + 1
	}
	return a, false
}

func parseScopes(texts []string) []scope {
	parsed := make([]scope, len(texts))
	for i, text := range texts {
		parsed[i] = parseScope(text)
	}
	return parsed
}

// A cover is what several scopes give access to together, by place. Comparing one scope
// with many then takes as long as comparing it with one.
type cover map[place]access

func coverOf(list []scope) cover {
	c := make(cover)
	for _, s := range list {
		c[s.place] |= s.access
	}
	return c
}

// includes reports whether everything that s gives access to is in c.
func (c cover) includes(s scope) bool {
	missing := s.access
	for _, p := range [...]place{ // for a scope of another kind, only the first can be in c
		s.place, {s.context, "*", s.query}, {s.context, s.resource, ""}, {s.context, "*", ""},
	} {
		if missing &^= c[p]; missing == 0 {
			return true
		}
	}
	return false
}

// maxGranted is more than a token can hold. It limits the work for a request with many
// scopes that each overlap with many allowed ones.
const maxGranted = 400

// narrow returns the part of the requested scopes that is allowed. A scope that is allowed
// as a whole stays as it is. Another one is replaced by what it has in common with each of
// the allowed scopes. Once that has made more than maxGranted, narrow returns nothing.
func narrow(allowed, requested []scope) []scope {
	var granted []scope
	within, have := coverOf(allowed), make(cover)
	grant := func(s scope) {
		granted = append(granted, s)
		have[s.place] |= s.access
	}
	for _, r := range requested {
		if len(granted) > maxGranted {
			return nil
		}
		if within.includes(r) {
			grant(r)
			continue
		}
		for _, a := range allowed {
			if common, ok := intersect(r, a); ok && !have.includes(common) {
				common.text = common.String()
				grant(common)
			}
		}
	}
	return granted
}

// intersect returns what r and a have in common, without its text.
func intersect(r, a scope) (scope, bool) {
	s := scope{place: place{context: r.context}, access: r.access & a.access, v1: r.v1}
	if r.context == "" || a.context != r.context || s.access == 0 {
		return scope{}, false
	}
	var sameResource, sameQuery bool
	s.resource, sameResource = narrower(r.resource, a.resource, "*")
	s.query, sameQuery = narrower(r.query, a.query, "")
	return s, sameResource && sameQuery
}

// narrower returns the smaller one of a and b, of which all means everything. It reports
// false if they differ and neither is all.
func narrower(a, b, all string) (string, bool) {
	switch {
	case a == all:
		return b, true
	case b == all, a == b:
		return a, true
	}
	return "", false
}

// String writes s in version 1 of the syntax if it was requested so and has a word there.
func (s scope) String() string {
	word := s.letters()
	for _, form := range v1 {
		if s.v1 && form.access == s.access {
			word = form.word
		}
	}
	text := s.context + "/" + s.resource + "." + word
	if s.query != "" {
		text += "?" + s.query
	}
	return text
}

// letters returns the access, in version 2 of the syntax.
func (s scope) letters() (word string) {
	for i := range len(letters) {
		if s.access&(1<<i) != 0 {
			word += letters[i : i+1]
		}
	}
	return word
}
