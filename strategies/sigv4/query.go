package sigv4

import (
	"bytes"
	"slices"
	"strings"
)

// A pair is a query parameter: canonical.query[name:value] and [value:end].
type pair struct{ name, value, end int }

// readQuery reads the pairs of a query, decoded and encoded again. "+" is a space,
// because that is what handlers read: taking it as it is would let "+" and "%2B" be
// exchanged under a valid signature. What handlers refuse or drop (";", "%zz") is
// refused, as they would not see what was signed; then it reports false.
func (c *canonical) readQuery(query string) bool {
	c.query, c.pairs = c.query[:0], slices.Grow(c.pairs[:0], strings.Count(query, "&")+1)
	for query != "" {
		var text string
		text, query, _ = strings.Cut(query, "&")
		if text == "" {
			continue
		}
		name, value, _ := strings.Cut(text, "=")
		p := pair{name: len(c.query)}
		ok := c.appendReencoded(name)
		p.value = len(c.query)
		ok = ok && c.appendReencoded(value)
		p.end = len(c.query)
		if !ok {
			return false
		}
		c.pairs = append(c.pairs, p)
	}
	return true
}

func (c *canonical) appendReencoded(s string) bool {
	for i := 0; i < len(s); i++ {
		b := s[i]
		switch {
		case b == '%':
			if !isEscape(s[i:]) {
				return false
			}
			b = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		case b == '+':
			b = ' '
		case b == ';', b <= ' ', b == 0x7f:
			return false
		}
		if isUnreserved(b) {
			c.query = append(c.query, b)
		} else {
			c.query = appendEscape(c.query, b)
		}
	}
	return true
}

// appendQuery appends the pairs that were read, sorted by name, then value.
func (c *canonical) appendQuery(dst []byte) []byte {
	slices.SortFunc(c.pairs, func(a, b pair) int {
		if d := bytes.Compare(c.query[a.name:a.value], c.query[b.name:b.value]); d != 0 {
			return d
		}
		return bytes.Compare(c.query[a.value:a.end], c.query[b.value:b.end])
	})
	for i, p := range c.pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(append(dst, c.query[p.name:p.value]...), '=')
		dst = append(dst, c.query[p.value:p.end]...)
	}
	return dst
}
