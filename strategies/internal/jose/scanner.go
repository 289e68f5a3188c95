package jose

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxDepth bounds the nesting of arrays and objects.
const maxDepth = 32

var (
	errSyntax    = errors.New("not a JSON object")
	errDuplicate = errors.New("a name occurs twice")
	errDepth     = errors.New("nested too deeply")
)

// A scanner reads JSON as strictly as a token needs it, where encoding/json is lenient:
// names match in their exact case and occur once, at every depth (RFC 7515, Section 4;
// RFC 7519, Section 4), and a lone surrogate is an error instead of U+FFFD.
type scanner struct {
	s     string
	i     int
	depth int
}

// An object is the members of a JSON object, in order.
type object []member

type member struct {
	name string
	raw  value
}

// A value is the text of a JSON value whose syntax was checked.
type value string

func (o object) get(name string) (value, bool) {
	for i := range o {
		if o[i].name == name {
			return o[i].raw, true
		}
	}
	return "", false
}

func (o object) has(name string) bool {
	_, ok := o.get(name)
	return ok
}

// document reads one object and nothing after it.
func (p *scanner) document() (object, error) {
	p.space()
	if !p.take('{') {
		return nil, errSyntax
	}
	o, err := p.object()
	if err != nil {
		return nil, err
	}
	if p.space(); p.i != len(p.s) {
		return nil, errSyntax
	}
	return o, nil
}

// object reads what follows the opening brace.
func (p *scanner) object() (object, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errDepth
	}
	o := make(object, 0, 8)
	var seen map[string]bool // of an object that is large: a peer must not make us compare each with each
	if p.space(); p.take('}') {
		p.depth--
		return o, nil
	}
	for {
		p.space()
		raw, err := p.string()
		if err != nil {
			return nil, err
		}
		name, _ := value(raw).text()
		if p.space(); !p.take(':') {
			return nil, errSyntax
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		if len(o) == 32 {
			seen = make(map[string]bool, 64)
			for i := range o {
				seen[o[i].name] = true
			}
		}
		if seen[name] || seen == nil && o.has(name) {
			return nil, errDuplicate
		}
		if seen != nil {
			seen[name] = true
		}
		o = append(o, member{name, v})
		switch p.space(); {
		case p.take('}'):
			p.depth--
			return o, nil
		case !p.take(','):
			return nil, errSyntax
		}
	}
}

// array reads what follows the opening bracket.
func (p *scanner) array() ([]value, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errDepth
	}
	var values []value
	if p.space(); p.take(']') {
		p.depth--
		return values, nil
	}
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		values = append(values, v)
		switch p.space(); {
		case p.take(']'):
			p.depth--
			return values, nil
		case !p.take(','):
			return nil, errSyntax
		}
	}
}

func (p *scanner) value() (value, error) {
	p.space()
	start := p.i
	if p.i == len(p.s) {
		return "", errSyntax
	}
	var err error
	switch c := p.s[p.i]; {
	case c == '{':
		p.i++
		_, err = p.object()
	case c == '[':
		p.i++
		_, err = p.array()
	case c == '"':
		_, err = p.string()
	case c == '-', '0' <= c && c <= '9':
		err = p.number()
	default:
		err = p.literal()
	}
	return value(p.s[start:p.i]), err
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

// string reads a string and returns it as written, in its quotes.
func (p *scanner) string() (string, error) {
	start := p.i
	if !p.take('"') {
		return "", errSyntax
	}
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return p.s[start:p.i], nil
		case c < ' ':
			return "", errSyntax
		case c == '\\':
			if !p.escape() {
				return "", errSyntax
			}
		default:
			p.i++
		}
	}
	return "", errSyntax
}

// escape reads one escape, or the two of a surrogate pair (RFC 8259, Section 7).
func (p *scanner) escape() bool {
	if p.i+1 >= len(p.s) {
		return false
	}
	if strings.IndexByte(`"\/bfnrt`, p.s[p.i+1]) >= 0 {
		p.i += 2
		return true
	}
	r, ok := p.unit()
	if !ok || 0xDC00 <= r && r <= 0xDFFF {
		return false
	}
	if 0xD800 <= r && r <= 0xDBFF {
		low, ok := p.unit()
		return ok && 0xDC00 <= low && low <= 0xDFFF
	}
	return true
}

// unit reads \uXXXX.
func (p *scanner) unit() (uint64, bool) {
	if len(p.s)-p.i < 6 || p.s[p.i] != '\\' || p.s[p.i+1] != 'u' {
		return 0, false
	}
	r, err := strconv.ParseUint(p.s[p.i+2:p.i+6], 16, 16)
	p.i += 6
	return r, err == nil
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

// text returns a string.
func (v value) text() (string, bool) {
	if len(v) < 2 || v[0] != '"' {
		return "", false
	}
	if strings.IndexByte(string(v), '\\') < 0 {
		return string(v[1 : len(v)-1]), true
	}
	var s string
	err := json.Unmarshal([]byte(v), &s)
	return s, err == nil
}

// texts returns a string as the only element, or an array of strings.
func (v value) texts() ([]string, bool) {
	if s, ok := v.text(); ok {
		return []string{s}, true
	}
	if len(v) == 0 || v[0] != '[' {
		return nil, false
	}
	p := scanner{s: string(v), i: 1}
	values, err := p.array()
	if err != nil {
		return nil, false
	}
	texts := make([]string, len(values))
	for i, e := range values {
		var ok bool
		if texts[i], ok = e.text(); !ok {
			return nil, false
		}
	}
	return texts, true
}

// date returns a NumericDate (RFC 7519, Section 2), which may have a fraction. Beyond
// 2^53 seconds a number is no longer exact.
func (v value) date() (time.Time, bool) {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1<<53 {
		return time.Time{}, false
	}
	seconds, fraction := math.Modf(f)
	return time.Unix(int64(seconds), int64(fraction*1e9)), true
}
