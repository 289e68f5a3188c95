package jose

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// unlessForeign returns err, which says why token cannot be read. If token is another
// issuer's, the error is redoxauth.ErrNoCredentials: others write tokens that this package
// refuses, and another Verifier may accept them.
//
// A token whose claims name one of Issuers is ours, even if they name another issuer too. So
// a token that two parsers could read differently is passed on to nobody. Claims that are
// no JSON object name no issuer at all, and are refused here.
func (v *Verifier) unlessForeign(token string, err error) error {
	if errors.Is(err, redoxauth.ErrNoCredentials) {
		return err
	}
	head, rest, _ := strings.Cut(token, ".")
	claims, _, _ := strings.Cut(rest, ".")
	if first, _ := (&laxReader{encoded: head}).text(); first != '{' {
		return notJWT()
	}
	iss, isObject := laxIssuer(claims, v.cfg.Issuers)
	if !isObject || slices.Contains(v.cfg.Issuers, iss) {
		return err
	}
	var malformed *redoxauth.Error
	errors.As(err, &malformed)
	return redoxauth.Errorf(redoxauth.ErrNoCredentials, "issuer", "iss is %s, want %s, and the token is malformed: %w", diagnosis.Text(iss, iss != ""), v.issuers, malformed.Err)
}

// laxIssuer returns the iss of claims that may be malformed in any way: the first that is
// one of ours, or else the last; "" if there is none. It looks at the outermost object
// only. It allocates little, however large claims is.
func laxIssuer(claims string, ours []string) (iss string, isObject bool) {
	longest := 128 // what errors show
	for _, name := range ours {
		longest = max(longest, len(name))
	}
	r := laxReader{encoded: claims, string: make([]byte, 0, longest+utf8.UTFMax)}
	var other []byte
	depth, isValue, isIssuer := 0, false, false
	for {
		c, ok := r.text()
		if !ok {
			return string(other), isObject
		}
		switch c {
		case '{', '[':
			if depth == 0 {
				isObject, isValue = isObject || c == '{', false
			}
			depth++
		case '}', ']':
			depth = max(depth-1, 0)
		}
		if depth != 1 {
			continue
		}
		switch c {
		case ':':
			isValue = true
		case ',':
			isValue = false
		case '"':
			switch {
			case !isValue:
				isIssuer = string(r.string) == "iss"
			case isIssuer:
				if slices.Contains(ours, string(r.string)) {
					return string(r.string), isObject
				}
				other = append(other[:0], r.string...)
			}
		}
	}
}

// A laxReader reads what any decoder of base64 and any parser of JSON could read.
type laxReader struct {
	encoded string
	bits    uint
	n       int // how many of bits are left
	decoded [512]byte
	i, end  int    // the bytes of decoded that are left
	string  []byte // the last one that text has read; if it is longer than the capacity, anything
}

// text returns the next byte that is no white space. Of a string it reads all, and returns
// the quote.
func (r *laxReader) text() (byte, bool) {
	for {
		c, ok := r.byte()
		switch c {
		case ' ', '\t', '\n', '\r':
			continue
		case '"':
			r.readString()
		}
		return c, ok
	}
}

func (r *laxReader) byte() (byte, bool) {
	if r.i == r.end {
		if r.decode(); r.end == 0 {
			return 0, false
		}
	}
	r.i++
	return r.decoded[r.i-1], true
}

// decode skips what belongs to neither alphabet of base64 (RFC 4648, Sections 4 and 5).
func (r *laxReader) decode() {
	r.i, r.end = 0, 0
	for i := range len(r.encoded) {
		value := base64url[r.encoded[i]]
		switch {
		case value > 0:
		case r.encoded[i] == '+':
			value = base64url['-']
		case r.encoded[i] == '/':
			value = base64url['_']
		default:
			continue
		}
		r.bits = r.bits<<6 | uint(value-1)
		if r.n += 6; r.n < 8 {
			continue
		}
		r.n -= 8
		r.decoded[r.end] = byte(r.bits >> r.n)
		if r.end++; r.end == len(r.decoded) {
			r.encoded = r.encoded[i+1:]
			return
		}
	}
	r.encoded = ""
}

// readString reads what follows the opening quote.
func (r *laxReader) readString() {
	r.string = r.string[:0]
	for {
		c, ok := r.byte()
		if !ok || c == '"' {
			return
		}
		char := rune(-1)
		if c == '\\' {
			c, _ = r.byte()
			if i := strings.IndexByte("bfnrt", c); i >= 0 {
				c = "\b\f\n\r\t"[i]
			} else if c == 'u' {
				char = r.unit()
			}
		}
		switch {
		case len(r.string)+utf8.UTFMax > cap(r.string):
			r.string = r.string[:cap(r.string)]
		case char >= 0:
			r.string = utf8.AppendRune(r.string, char)
		default:
			r.string = append(r.string, c)
		}
	}
}

// unit reads the four digits of a \u escape. A surrogate stands for nothing: no issuer needs
// one.
func (r *laxReader) unit() rune {
	var digits [4]byte
	for i := range digits {
		digits[i], _ = r.byte()
	}
	n, err := strconv.ParseUint(string(digits[:]), 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
