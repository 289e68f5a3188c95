package jose

import (
	"errors"
	"strconv"
	"strings"
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
	var o object
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
		if o == nil && p.depth == 1 { // nested objects are a peer's to multiply
			o = make(object, 0, 8)
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

// unit reads one \u escape, of four hexadecimal digits.
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
