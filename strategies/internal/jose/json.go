package jose

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// These bound the nesting of arrays and objects. The latter is for values of which each is
// read on its own, and not used if it is nested more deeply than maxDepth.
const (
	maxDepth   = 32
	maxShallow = 1000
)

// maxNames bounds the names of an object and of those around it, together. A genuine token
// has some dozens: its groups are strings in an array, which has no such limit.
const maxNames = 256

const byteOrderMark = "\ufeff"

var (
	errSyntax    = errors.New("not a JSON object")
	errDuplicate = errors.New("a name occurs twice")
	errDepth     = errors.New("nested too deeply")
	errNames     = errors.New("more than 256 names")
)

// An Object holds those members of a JSON object that its reader named.
type Object []member

type member struct {
	name  string
	value Value
}

// ReadObject reads data as one JSON object, and keeps the members with the given names. It
// checks the others and keeps nothing of them. The caller bounds the size of data.
//
// It is as strict as a token needs it, where encoding/json is lenient. Names match in
// their exact case. At every depth a name occurs once (RFC 7515, Section 4; RFC 7519,
// Section 4). The text is UTF-8, and a lone surrogate is an error, not U+FFFD. An object and
// those around it have at most 256 names together.
//
// It allocates at most 2.5 times the size of data and 10 KiB, whatever data holds.
func ReadObject(data []byte, names ...string) (Object, error) {
	return readObject(string(data), names)
}

func readObject(s string, names []string) (Object, error) {
	if !utf8.ValidString(s) {
		return nil, errors.New("not UTF-8")
	}
	p := scanner{s: s, names: make([]string, 0, 8)}
	return p.document(names)
}

// ReadShallow is ReadObject for a document of a trusted server. Of members that are not
// named it checks the syntax alone: what nobody reads is no reason to refuse the rest. It
// skips a byte order mark (RFC 8259, Section 8.1).
func ReadShallow(data []byte, names ...string) (Object, error) {
	return readShallow(strings.TrimPrefix(string(data), byteOrderMark), names)
}

func readShallow(s string, names []string) (Object, error) {
	p := scanner{s: s, shallow: true}
	return p.document(names)
}

// Get returns the value of a member; "" if there is none.
func (o Object) Get(name string) Value {
	for i := range o {
		if o[i].name == name {
			return o[i].value
		}
	}
	return ""
}

// A Value is the text of a JSON value whose syntax was checked; "" if it is absent.
type Value string

// Text returns a string. It reports false if v is anything else.
func (v Value) Text() (string, bool) {
	if v == "" || v[0] != '"' {
		return "", false
	}
	p := scanner{s: string(v)}
	raw, err := p.string()
	if err != nil {
		return "", false
	}
	return unescape(raw), true
}

// Texts returns a string as the only element, or an array of strings. It reports false if
// v is anything else.
func (v Value) Texts() ([]string, bool) {
	if s, ok := v.Text(); ok {
		return []string{s}, true
	}
	if !v.isArray() {
		return nil, false
	}
	texts := []string{}
	for e := range v.elements() {
		s, ok := e.Text()
		if !ok {
			return nil, false
		}
		texts = append(texts, s)
	}
	return texts, true
}

// MaxDate is the last second of the year 9999. JSON and RFC 3339 cannot write a later
// [time.Time]. Servers send it for "never". What is later is a mistake, such as
// milliseconds.
const MaxDate = 253402300799

// Date returns a NumericDate (RFC 7519, Section 2), which may have a fraction. Beyond
// 2^53 seconds a number is no longer exact, and no date.
func (v Value) Date() (time.Time, bool) {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1<<53 {
		return time.Time{}, false
	}
	seconds, fraction := math.Modf(f)
	return time.Unix(int64(seconds), int64(fraction*1e9)), true
}

// Said tells an operator what a peer sent: absent, empty, or what it is.
func (v Value) Said() string {
	if v == "" {
		return "absent"
	}
	if s, ok := v.Text(); ok {
		return diagnosis.Text(s, true)
	}
	if v.isArray() {
		return v.listed()
	}
	switch v[0] {
	case '{':
		return "an object"
	case 'n', 't', 'f':
		return string(v)
	}
	return "the number " + string(v[:min(len(v), 32)])
}

// listed is Said for an array, which may be large.
func (v Value) listed() string {
	const most = 8 // that diagnosis.List shows
	var texts []string
	n := 0
	for e := range v.elements() {
		s, ok := e.Text()
		if !ok {
			return "an array of other values than strings"
		}
		if n++; n <= most {
			texts = append(texts, s)
		}
	}
	switch {
	case n == 0:
		return "empty"
	case n > most:
		return fmt.Sprintf("%s and %d more", diagnosis.List(texts), n-most)
	}
	return diagnosis.List(texts)
}

func (v Value) isArray() bool { return v != "" && v[0] == '[' }

// elements returns the elements of an array.
func (v Value) elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		p := scanner{s: string(v), i: 1, depth: 1, shallow: true} // after the bracket
		for n := 0; ; n++ {
			if more, _ := p.next(']', n); !more {
				return
			}
			if e, err := p.value(); err != nil || !yield(e) {
				return
			}
		}
	}
}

// A scanner checks JSON in one pass. It allocates nothing for values. Of names it remembers
// those of the objects that are open, and copies only those with an escape.
type scanner struct {
	s       string
	i       int
	depth   int
	names   []string // of the objects that are open
	shallow bool     // of what is not kept, check no more than the syntax
}

// document reads one object and nothing after it.
func (p *scanner) document(keep []string) (Object, error) {
	p.space()
	if !p.take('{') {
		return nil, errSyntax
	}
	o, err := p.object(keep)
	if err != nil {
		return nil, err
	}
	if p.space(); p.i != len(p.s) {
		return nil, errSyntax
	}
	return o, nil
}

// enter opens an array or an object, if that is not too deep.
func (p *scanner) enter() bool {
	p.depth++
	return p.depth <= maxDepth || p.shallow && p.depth <= maxShallow
}

// object reads what follows the opening brace, and keeps the members that are named.
func (p *scanner) object(keep []string) (kept Object, _ error) {
	if !p.enter() {
		return nil, errDepth
	}
	open := len(p.names)
	for n := 0; ; n++ {
		more, err := p.next('}', n)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		p.space()
		raw, err := p.string()
		if err != nil {
			return nil, err
		}
		if p.space(); !p.take(':') {
			return nil, errSyntax
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		name := unescape(raw)
		if slices.Contains(keep, name) {
			if kept.Get(name) != "" {
				return nil, errDuplicate
			}
			if kept == nil {
				kept = make(Object, 0, len(keep))
			}
			kept = append(kept, member{name, v})
		}
		if p.shallow {
			continue
		}
		if len(p.names) == maxNames {
			return nil, errNames
		}
		p.names = append(p.names, name)
	}
	names := p.names[open:]
	p.names = p.names[:open]
	p.depth--
	if repeats(names) {
		return nil, errDuplicate
	}
	return kept, nil
}

// repeats reports whether a name occurs twice. It may change the order of names.
func repeats(names []string) bool {
	if len(names) <= 16 {
		for i, name := range names {
			if slices.Contains(names[:i], name) {
				return true
			}
		}
		return false
	}
	// Sorting bounds the work that a peer can cause with many names.
	slices.Sort(names)
	return len(slices.Compact(names)) < len(names)
}

// array reads what follows the opening bracket.
func (p *scanner) array() error {
	if !p.enter() {
		return errDepth
	}
	for n := 0; ; n++ {
		more, err := p.next(']', n)
		if err != nil {
			return err
		}
		if !more {
			p.depth--
			return nil
		}
		if _, err := p.value(); err != nil {
			return err
		}
	}
}

// next reports whether there is another element or member after n of them. It reads the
// comma in front of it, or the closing bracket.
func (p *scanner) next(closing byte, n int) (more bool, _ error) {
	p.space()
	switch {
	case p.take(closing):
		return false, nil
	case n == 0, p.take(','):
		return true, nil
	}
	return false, errSyntax
}

func (p *scanner) value() (Value, error) {
	p.space()
	start := p.i
	if p.i == len(p.s) {
		return "", errSyntax
	}
	var err error
	switch c := p.s[p.i]; {
	case c == '{':
		p.i++
		_, err = p.object(nil)
	case c == '[':
		p.i++
		err = p.array()
	case c == '"':
		_, err = p.string()
	case c == '-', '0' <= c && c <= '9':
		err = p.number()
	default:
		err = p.literal()
	}
	return Value(p.s[start:p.i]), err
}

func (p *scanner) literal() error {
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(p.s[p.i:], word) {
			p.i += len(word)
			return nil
		}
	}
	return errSyntax
}

// string reads a string, and returns what is between the quotes, with its escapes.
func (p *scanner) string() (string, error) {
	if !p.take('"') {
		return "", errSyntax
	}
	start := p.i
	for {
		end := p.i
		for end < len(p.s) && p.s[end] != '"' && p.s[end] != '\\' && p.s[end] >= ' ' {
			end++
		}
		p.i = end
		if p.take('"') {
			return p.s[start:end], nil
		}
		if _, ok := p.escape(); !ok {
			return "", errSyntax
		}
	}
}

// unescape returns what a string that was checked means. It allocates only if there is an
// escape, and no more than len(s).
func unescape(s string) string {
	plain := strings.IndexByte(s, '\\')
	if plain < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	p := scanner{s: s, shallow: true}
	for plain >= 0 {
		b.WriteString(s[p.i : p.i+plain])
		p.i += plain
		r, _ := p.escape()
		b.WriteRune(r)
		plain = strings.IndexByte(s[p.i:], '\\')
	}
	b.WriteString(s[p.i:])
	return b.String()
}

// escape reads one escape, or the two of a surrogate pair (RFC 8259, Section 7).
func (p *scanner) escape() (rune, bool) {
	if p.i+1 < len(p.s) && p.s[p.i] == '\\' {
		if c := strings.IndexByte(`"\/bfnrt`, p.s[p.i+1]); c >= 0 {
			p.i += 2
			return rune("\"\\/\b\f\n\r\t"[c]), true
		}
	}
	r, ok := p.unit()
	if ok && utf16.IsSurrogate(r) {
		second := p.i
		low, _ := p.unit()
		if r = utf16.DecodeRune(r, low); r == unicode.ReplacementChar {
			p.i, ok = second, p.shallow
		}
	}
	return r, ok
}

// unit reads one \u escape, of four hexadecimal digits.
func (p *scanner) unit() (rune, bool) {
	if len(p.s)-p.i < 6 || p.s[p.i] != '\\' || p.s[p.i+1] != 'u' {
		return 0, false
	}
	r, err := strconv.ParseUint(p.s[p.i+2:p.i+6], 16, 16)
	p.i += 6
	return rune(r), err == nil
}

func (p *scanner) number() error {
	p.take('-')
	if !p.take('0') && !p.digits() {
		return errSyntax
	}
	if p.take('.') && !p.digits() {
		return errSyntax
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		if !p.digits() {
			return errSyntax
		}
	}
	return nil
}

func (p *scanner) digits() bool {
	start := p.i
	for p.i < len(p.s) && '0' <= p.s[p.i] && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i > start
}

func (p *scanner) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t' || p.s[p.i] == '\n' || p.s[p.i] == '\r') {
		p.i++
	}
}

func (p *scanner) take(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}
