package smartbackend

import (
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
)

// A scope of SMART App Launch: "system/Patient.rs?status=active". Version 1 wrote
// "read", "write" and "*" for the access ([Scopes and Launch Context]).
//
// [Scopes and Launch Context]: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
type scope struct {
	text     string // as written
	context  string // "system", "patient", "user"; "" if text is another kind of scope
	resource string // a type, or "*"
	access   access
	query    string
	v1       bool
}

// access is a set of create, read, update, delete, search.
type access uint8

// letters of access in the order in which they must be written.
const letters = "cruds"

var v1 = []struct {
	word string
	access
}{{"read", 0b10010}, {"write", 0b01101}, {"*", 0b11111}}

// parseScope reads text. A scope of another kind, or one that is misspelt, means
// nothing but itself.
func parseScope(text string) scope {
	other := scope{text: text}
	s := scope{text: text}
	var ok bool
	var rest string
	if s.context, rest, ok = strings.Cut(text, "/"); !ok || !slices.Contains([]string{"system", "patient", "user"}, s.context) {
		return other
	}
	rest, s.query, ok = strings.Cut(rest, "?")
	if ok && s.query == "" {
		return other
	}
	var word string
	if s.resource, word, ok = strings.Cut(rest, "."); !ok || !isResource(s.resource) {
		return other
	}
	for _, form := range v1 {
		if form.word == word {
			s.access, s.v1 = form.access, true
			return s
		}
	}
	s.access, ok = parseAccess(word)
	if !ok {
		return other
	}
	return s
}

func isResource(name string) bool {
	if name == "*" {
		return true
	}
	for i := range len(name) {
		c := name[i] | 0x20
		if c < 'a' || c > 'z' || i == 0 && name[i] == c {
			return false
		}
	}
	return name != ""
}

func parseAccess(word string) (access, bool) {
	var a access
	next := 0
	for i := range len(word) {
		at := strings.IndexByte(letters[next:], word[i])
		if at < 0 {
			return 0, false
		}
		a |= 1 << (next + at)
		next += at + 1
	}
	return a, a != 0
}

// isScope reports whether text can be configured: a SMART scope, or one of another kind
// that does not look like a SMART scope gone wrong.
func isScope(text string) bool {
	return bearer.ValidScope(text) && (parseScope(text).context != "" || !strings.Contains(text, "/"))
}

func parseScopes(texts []string) []scope {
	scopes := make([]scope, len(texts))
	for i, text := range texts {
		scopes[i] = parseScope(text)
	}
	return scopes
}

// covers reports whether together the granted scopes include s.
func covers(granted []scope, s scope) bool {
	var a access
	for _, g := range granted {
		if g.text == s.text {
			return true
		}
		if s.context != "" && g.context == s.context &&
			(g.resource == "*" || g.resource == s.resource) &&
			(g.query == "" || g.query == s.query) {
			a |= g.access
		}
	}
	return s.context != "" && s.access&^a == 0
}

// maxGranted is more than a token can hold. It ends the work that a request of many
// scopes makes, each with something in common with many allowed ones.
const maxGranted = 400

// narrow returns what of the requested scopes is within the allowed ones: a scope as it
// was requested, or where that is too much, what it has in common with each of those
// allowed. It returns nothing if that is more than maxGranted.
func narrow(allowed, requested []scope) []scope {
	var granted []scope
	for _, r := range requested {
		if len(granted) > maxGranted {
			return nil
		}
		if covers(allowed, r) {
			granted = append(granted, r)
			continue
		}
		for _, a := range allowed {
			if common, ok := intersect(r, a); ok && !covers(granted, common) {
				granted = append(granted, common)
			}
		}
	}
	return granted
}

func intersect(r, a scope) (scope, bool) {
	s := scope{context: r.context, access: r.access & a.access, v1: r.v1}
	if r.context == "" || a.context != r.context || s.access == 0 {
		return scope{}, false
	}
	var sameResource, sameQuery bool
	s.resource, sameResource = narrower(r.resource, a.resource, "*")
	s.query, sameQuery = narrower(r.query, a.query, "")
	s.text = s.String()
	return s, sameResource && sameQuery
}

// narrower returns the one of a and b that is not all, if they have that or are equal.
func narrower(a, b, all string) (string, bool) {
	switch {
	case a == all:
		return b, true
	case b == all, a == b:
		return a, true
	}
	return "", false
}

// String writes s in the version of who requested it, if that has a word for it.
func (s scope) String() string {
	word := ""
	for i := range len(letters) {
		if s.access&(1<<i) != 0 {
			word += letters[i : i+1]
		}
	}
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
