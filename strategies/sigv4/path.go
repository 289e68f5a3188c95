package sigv4

import (
	"bytes"
	"strings"
)

// appendPath appends the canonical form of a path, of which there is one for each
// configuration. It reports false for a path without.
func (v *Verifier) appendPath(dst []byte, path string) ([]byte, bool) {
	if !isWirePath(path) {
		return dst, false
	}
	if v.prefix != "" {
		if hasDotSegments(path) { // "/../admin" must not leave the prefix
			return dst, false
		}
		path = v.prefix + path
	}
	if v.keepPath {
		return v.appendEncoded(dst, path), true
	}
	if isAmbiguous(path) {
		return dst, false
	}
	start := len(dst)
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			dst = dst[:start+max(0, bytes.LastIndexByte(dst[start:], '/'))]
		default:
			dst = v.appendEncoded(append(dst, '/'), segment)
		}
	}
	if len(dst) == start || path[len(path)-1] == '/' {
		dst = append(dst, '/')
	}
	return dst, true
}

// isWirePath reports whether a path is absolute, every "%" in it starts an escape, and
// nothing in it ends a line or a request target.
func isWirePath(path string) bool {
	for i := range len(path) {
		if path[i] == '%' && !isEscape(path[i:]) {
			return false
		}
	}
	return strings.HasPrefix(path, "/") && isVisible(path)
}

// isVisible reports whether s has no white space and no control characters of ASCII.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// hasDotSegments reports whether a path has dot segments, also escaped ones.
func hasDotSegments(path string) bool {
	raw, escaped := dotSegments(path)
	return raw || escaped
}

func dotSegments(path string) (raw, escaped bool) {
	for segment := range strings.SplitSeq(path, "/") {
		switch strings.ToLower(segment) {
		case ".", "..":
			raw = true
		case "%2e", "%2e%2e", ".%2e", "%2e.":
			escaped = true
		}
	}
	return raw, escaped
}

// isAmbiguous reports whether dot segments lead elsewhere once the path is decoded:
// "/secret%2Fx/../b" is "/b" on the wire, and "/secret/b" to a handler that cleans
// r.URL.Path (as CVE-2021-29492 in Envoy).
func isAmbiguous(path string) bool {
	if !strings.Contains(path, "%") && !strings.Contains(path, `\`) {
		return false
	}
	raw, escaped := dotSegments(path)
	path = strings.ToLower(path)
	slash := strings.Contains(path, "%2f") || strings.Contains(path, "%5c") || strings.Contains(path, `\`)
	return raw && escaped || (raw || escaped) && slash
}

// appendEncoded appends a part of the path, encoded once more, or as it was sent.
// Even then what is not ASCII is encoded, as AWS's test suite has it.
func (v *Verifier) appendEncoded(dst []byte, part string) []byte {
	for i := range len(part) {
		b := part[i]
		if isUnreserved(b) || b == '/' || v.encodeOnce && b < 0x80 {
			dst = append(dst, b)
		} else {
			dst = appendEscape(dst, b)
		}
	}
	return dst
}

func isUnreserved(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' ||
		b == '-' || b == '.' || b == '_' || b == '~'
}

func appendEscape(dst []byte, b byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[b>>4], digits[b&15])
}

// isEscape reports whether s, which starts with "%", starts with an escape.
func isEscape(s string) bool {
	return len(s) > 2 && isHex(s[1]) && isHex(s[2])
}

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

func unhex(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return b&7 + 9
}
