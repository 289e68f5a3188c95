// Package diagnosis writes what errors and Explain tell an operator: what arrived, what was
// expected, and which field of a Config decides. What a peer wrote is quoted and bounded.
package diagnosis

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

const (
	maxQuoted   = 128 // bytes of one value
	maxReceived = 8   // values of a peer's list
	maxAccepted = 16  // values of a configured list
)

// Quote returns a value of a peer in printable ASCII, with at most 128 bytes of it.
func Quote(s string) string {
	if len(s) > maxQuoted {
		s = s[:maxQuoted] + "..."
	}
	return fmt.Sprintf("%+q", s)
}

// Text returns a value that may be missing: absent, empty or quoted.
func Text(s string, present bool) string {
	switch {
	case !present:
		return "absent"
	case s == "":
		return "empty"
	}
	return Quote(s)
}

// List returns the values of a peer: absent if the list is nil, empty, one value, or the first
// eight.
func List(values []string) string {
	switch {
	case values == nil:
		return "absent"
	case len(values) == 0:
		return "empty"
	case len(values) == 1:
		return Text(values[0], true)
	}
	return list(values, maxReceived)
}

// OneOf returns the values that are accepted, the first 16 of them.
func OneOf(accepted []string) string {
	if len(accepted) == 1 {
		return Quote(accepted[0])
	}
	return "one of " + list(accepted, maxAccepted)
}

func list(values []string, most int) string {
	var quoted []string
	for _, v := range values[:min(len(values), most)] {
		quoted = append(quoted, Quote(v))
	}
	text := "[" + strings.Join(quoted, " ") + "]"
	if more := len(values) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// URL returns an address without what may be a secret: user, password, query and fragment.
func URL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "a URL that cannot be read"
	}
	return Quote((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}

// Content says what an answer of a server is that should have been another.
func Content(body []byte) string {
	text := strings.TrimSpace(string(body[:min(len(body), 4<<10)]))
	lower := strings.ToLower(text)
	switch {
	case text == "":
		return "an empty answer"
	case strings.HasPrefix(lower, "<!doctype html"), strings.HasPrefix(lower, "<html"):
		return "an HTML page"
	case strings.HasPrefix(text, "<"):
		return "XML or HTML"
	case strings.HasPrefix(text, "-----BEGIN "):
		return "PEM"
	case strings.HasPrefix(text, "{") && !json.Valid(body), strings.HasPrefix(text, "[") && !json.Valid(body):
		return "JSON that is malformed or cut off"
	case strings.HasPrefix(text, "{") && (strings.Contains(text, `"error"`) || strings.Contains(text, `"errors"`)):
		return "a JSON object that tells an error"
	case strings.HasPrefix(text, "{"):
		return "a JSON object"
	case strings.HasPrefix(text, "["):
		return "a JSON array"
	}
	return "text that is no JSON"
}

// Field returns " (field)", or nothing if field is empty.
func Field(field string) string {
	if field == "" {
		return ""
	}
	return " (" + field + ")"
}

// Time returns a date in UTC, without fractions of a second.
func Time(t time.Time) string {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return fmt.Sprintf("%d s since 1970", t.Unix())
	}
	return t.UTC().Format(time.RFC3339)
}

// Unit returns the unit in which a date is today's, if that is not seconds: "milliseconds",
// "microseconds" or "nanoseconds"; else "".
func Unit(sinceEpoch int64) string {
	const from, to = 946684800, 4102444800 // the years 2000 and 2100
	within := func(s int64) bool { return from <= s && s < to }
	switch {
	case within(sinceEpoch / 1e3):
		return "milliseconds"
	case within(sinceEpoch / 1e6):
		return "microseconds"
	case within(sinceEpoch / 1e9):
		return "nanoseconds"
	}
	return ""
}

// Cause returns the cause of a refusal, which has neither its strategy nor its kind in the text.
func Cause(err error) error {
	var e *redoxauth.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err
	}
	return err
}

// A Report is what Explain tells beside the decision: facts, and hints, which name a cause that
// was tried and fits. The zero Report is empty.
type Report struct{ lines, hints []string }

// Line adds a fact. Values of peers in it must be quoted.
func (r *Report) Line(format string, args ...any) {
	r.lines = append(r.lines, oneLine(fmt.Sprintf(format, args...)))
}

// Error adds the cause of a refusal as a line.
func (r *Report) Error(err error) { r.Line("%v", Cause(err)) }

// Hint adds a hint, once.
func (r *Report) Hint(format string, args ...any) {
	if hint := oneLine(fmt.Sprintf(format, args...)); !slices.Contains(r.hints, hint) {
		r.hints = append(r.hints, hint)
	}
}

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", "; ") }

// Text returns the text of Explain. The decision is its first line.
func (r *Report) Text(decision string) string {
	var b strings.Builder
	b.WriteString(oneLine(decision) + "\n")
	for _, line := range r.lines {
		b.WriteString(line + "\n")
	}
	if len(r.hints) > 0 {
		b.WriteString("\nhints:\n")
	}
	for _, hint := range r.hints {
		b.WriteString("- " + hint + "\n")
	}
	return b.String()
}

// Near adds a hint if received is nearly one of the accepted values. name is that of what was
// received, such as "iss", and field decides what is accepted.
func (r *Report) Near(name, received string, accepted []string, field string) {
	for _, want := range accepted {
		if difference := Difference(received, want); difference != "" {
			r.Hint("%s %s and the configured %s%s differ only in %s", name, Quote(received), Quote(want), Field(field), difference)
		}
	}
}

// Difference says in what received and want differ, if that is little; else "".
func Difference(received, want string) string {
	if received == want || received == "" || want == "" {
		return ""
	}
	plain := func(s string, without int) string {
		for i, step := range steps {
			if i != without {
				s = step.apply(s)
			}
		}
		return s
	}
	if plain(received, -1) == plain(want, -1) {
		var found []string
		for i, step := range steps {
			if plain(received, i) != plain(want, i) {
				found = append(found, step.name)
			}
		}
		return strings.Join(found, " and ")
	}
	switch n := oneCharacter(received, want); {
	case n > 0:
		return fmt.Sprintf("character %d", n)
	case len(want) >= 8 && strings.HasPrefix(received, want), len(received) >= 8 && strings.HasPrefix(want, received):
		return "what follows " + Quote(received[:min(len(received), len(want))])
	case len(want) >= 8 && strings.HasSuffix(received, want), len(received) >= 8 && strings.HasSuffix(want, received):
		return "what precedes " + Quote(received[max(len(received)-len(want), 0):])
	}
	a, errA := url.Parse(received)
	b, errB := url.Parse(want)
	if errA == nil && errB == nil && a.Host != "" && b.Host != "" && a.Path == b.Path && len(a.Path) > 1 {
		return "what precedes the path " + Quote(a.Path)
	}
	return ""
}

// steps make values equal that people take for the same.
var steps = []struct {
	name  string
	apply func(string) string
}{
	{"white space", strings.TrimSpace},
	{"quotation marks", func(s string) string { return strings.Trim(s, `"'`) }},
	{"upper and lower case", strings.ToLower},
	{"the scheme", withoutScheme},
	{"the port", withoutPort},
	{"the slash at the end", func(s string) string { return strings.TrimRight(s, "/") }},
}

func withoutScheme(s string) string {
	if scheme, rest, ok := strings.Cut(s, "://"); ok && !strings.ContainsAny(scheme, " \t\r\n\"'") {
		return rest
	}
	return s
}

func withoutPort(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "", s
	}
	end := strings.IndexByte(rest+"/", '/')
	u, err := url.Parse("//" + rest[:end])
	if err != nil || u.Port() == "" {
		return s
	}
	rest = strings.TrimSuffix(rest[:end], ":"+u.Port()) + rest[end:]
	if ok {
		return scheme + "://" + rest
	}
	return rest
}

// oneCharacter returns the position of the only character in which a and b differ, from 1; 0
// if they differ in more.
func oneCharacter(a, b string) int {
	if len(a) < 8 || max(len(a), len(b))-min(len(a), len(b)) > 1 {
		return 0
	}
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	x, y := a[i:], b[i:]
	if len(x) >= len(y) {
		x = x[1:]
	}
	if len(b) >= len(a) {
		y = y[1:]
	}
	if x != y {
		return 0
	}
	return i + 1
}

// Token adds a line about the form of a bearer token, and hints about what it is. It shows
// no part of the token.
func (r *Report) Token(token string) {
	dots := strings.Count(token, ".")
	form := fmt.Sprintf("%d dots", dots)
	if dots == 1 {
		form = "one dot"
	}
	switch {
	case strings.HasPrefix(token, "ya29."):
		form += ", with the prefix of Google's access tokens (ya29.)"
	case dots == 2 && strings.HasPrefix(token, "eyJ"): // base64url of {"
		form = "two dots, the form of a JWT"
	case dots == 2:
		form = "two dots, but what is before the first is no JSON object"
	case dots == 4:
		form = "four dots, the form of an encrypted token (JWE)"
		r.Hint("encrypted tokens are not accepted: the issuer must sign the token and not encrypt it")
	case dots == 0 && strings.HasPrefix(token, "eyJ"):
		r.Hint("the token is the first part of a JWT: something cut it off at the dot")
	}
	r.Line("token: %d bytes with %s", len(token), form)
}
