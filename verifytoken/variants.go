package verifytoken

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A variant is what often becomes of a token between the place where it is kept and the
// dashboard, or the Config.
type variant struct {
	did    string // "it matches Config.Tokens[0] " + did
	advice string // has one %s: the name of the token
	apply  func(string) string
}

const (
	inDashboard = "enter %s in the Redox dashboard exactly as it is configured"
	inConfig    = "change %s, or enter the same in the Redox dashboard"
)

// surrounds take something away from around a token. The others are tried after them too.
var surrounds = []variant{
	{"without the white space around it", inDashboard, func(s string) string { return strings.TrimFunc(s, isBlank) }},
	{"without the quotation marks around it", inDashboard, func(s string) string { return strings.Trim(s, "\"'`\u201c\u201d\u2018\u2019") }},
	{"without the brackets around it", inDashboard, func(s string) string { return strings.Trim(s, "<>{}[]()") }},
	{"without the punctuation around it", inDashboard, func(s string) string { return strings.Trim(s, ",;:.") }},
	{"without the scheme in front of it, such as Bearer", inDashboard, func(s string) string { return scheme.ReplaceAllString(s, "") }},
	{"without the name in front of it", inDashboard, func(s string) string { return after(after(s, "="), ":") }},
	{"without the escape \\n, \\r or \\t around it", inDashboard, func(s string) string {
		return escapes.ReplaceAllString(s, "")
	}},
}

var others = []variant{
	{"in lower case", inDashboard, strings.ToLower},
	{"in upper case", inDashboard, strings.ToUpper},
	{"with the first letter in lower case", inDashboard, func(s string) string { return strings.ToLower(s[:1]) + s[1:] }},
	{"with the first letter in upper case", inDashboard, func(s string) string { return strings.ToUpper(s[:1]) + s[1:] }},
	{"without the white space in it", inDashboard, func(s string) string { return strings.Join(strings.FieldsFunc(s, isBlank), "") }},
	{"without the hyphens in it", inDashboard, func(s string) string { return strings.ReplaceAll(s, "-", "") }},
	{"without what follows the first comma, and a proxy may have joined two headers", inDashboard, func(s string) string {
		first, _, _ := strings.Cut(s, ",")
		return strings.TrimFunc(first, isBlank)
	}},
	{"when its escapes (%XX, +) are decoded", inDashboard, decoded(url.QueryUnescape)},
	{"when its escapes (%XX) are decoded", inDashboard, decoded(url.PathUnescape)},
	{"when its HTML escapes are decoded", inDashboard, html.UnescapeString},
	{"when it is decoded from base64", inDashboard, decoded(func(s string) (string, error) {
		plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(s), "="))
		return string(plain), err
	})},
	{"when it is decoded from hexadecimal", inDashboard, decoded(func(s string) (string, error) {
		plain, err := hex.DecodeString(s)
		return string(plain), err
	})},
	{"when it is converted from Latin-1 to UTF-8", inDashboard, toUTF8},
	{"when it is converted from UTF-8 to Latin-1", inDashboard, toLatin1},
	{"when it is escaped for a query", inConfig, url.QueryEscape},
	{"when it is escaped for a path", inConfig, url.PathEscape},
	{"when it is escaped for HTML", inConfig, html.EscapeString},
	{"when it is encoded in base64", inConfig, encoded(base64.StdEncoding.EncodeToString)},
	{"when it is encoded in base64 without padding", inConfig, encoded(base64.RawStdEncoding.EncodeToString)},
	{"when it is encoded in base64url", inConfig, encoded(base64.URLEncoding.EncodeToString)},
	{"when it is encoded in base64url without padding", inConfig, encoded(base64.RawURLEncoding.EncodeToString)},
	{"when it is encoded in base64 with a newline at its end", inConfig, func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s + "\n")) }},
	{"when it is encoded in hexadecimal", inConfig, encoded(hex.EncodeToString)},
	{"when it is hashed by SHA-256, in hexadecimal", inConfig, func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}},
	{"with quotation marks around it", inConfig, func(s string) string { return `"` + s + `"` }},
	{"with apostrophes around it", inConfig, func(s string) string { return `'` + s + `'` }},
	{"with Bearer in front of it", inConfig, func(s string) string { return "Bearer " + s }},
}

var scheme = regexp.MustCompile(`^[A-Za-z]+\s+`)

var escapes = regexp.MustCompile(`^(\\[nrt])+|(\\[nrt])+$`)

// after returns what follows separator, if that is there.
func after(s, separator string) string {
	if _, rest, ok := strings.Cut(s, separator); ok {
		return strings.TrimFunc(rest, isBlank)
	}
	return s
}

func decoded(decode func(string) (string, error)) func(string) string {
	return func(s string) string {
		if plain, err := decode(s); err == nil {
			return strings.TrimFunc(plain, isBlank)
		}
		return s
	}
}

func encoded(encode func([]byte) string) func(string) string {
	return func(s string) string { return encode([]byte(s)) }
}

func toUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

func toLatin1(s string) string {
	var b []byte
	for _, char := range s {
		if char > 0xff {
			return s
		}
		b = append(b, byte(char))
	}
	return string(b)
}

// nearly finds a variant of value that is a token. It returns the position -1 if none is.
func (e *explanation) nearly(value string) (position int, did, advice string) {
	tried := map[string]bool{value: true}
	try := func(value string) (position int) {
		if tried[value] {
			return -1
		}
		tried[value] = true
		return e.match(value)
	}
	type stripped struct{ value, did string }
	bases := []stripped{{value, ""}}
	for i := 0; i < len(bases) && i < 8; i++ { // breadth first: the simplest cause
		base := bases[i]
		for _, v := range surrounds {
			rest := v.apply(base.value)
			if rest == "" || tried[rest] {
				continue
			}
			did := join(base.did, v.did)
			if i := try(rest); i >= 0 {
				return i, did, v.advice
			}
			bases = append(bases, stripped{rest, did})
		}
	}
	for _, base := range bases {
		for _, v := range others {
			if i := try(v.apply(base.value)); i >= 0 {
				return i, join(base.did, v.did), v.advice
			}
		}
		for n := len(base.value) - 1; n > 0 && len(base.value) <= 128; n-- {
			if i := try(base.value[:n]); i >= 0 {
				return i, join(base.did, "without its last "+bytesOf(len(base.value)-n)), inDashboard
			}
			if i := try(base.value[len(base.value)-n:]); i >= 0 {
				return i, join(base.did, "without its first "+bytesOf(len(base.value)-n)), inDashboard
			}
		}
	}
	return -1, "", ""
}

func join(did, more string) string {
	if did == "" {
		return more
	}
	return did + " and " + more
}

func bytesOf(n int) string {
	if n == 1 {
		return "byte"
	}
	return strconv.Itoa(n) + " bytes"
}

var placeholder = regexp.MustCompile(`^(\$\{.*\}|\$\(.*\)|\{\{.*\}\}|<.*>|%.*%|\$[A-Za-z_]+|(?i:undefined|null|none))$`)
