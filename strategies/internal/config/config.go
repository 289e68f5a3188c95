// Package config checks the configurations of the strategies.
package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of every Leeway. A token may be "a few minutes" late at most ([RFC 7519,
// Section 4.1.4]).
//
// [RFC 7519, Section 4.1.4]: https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4
const (
	DefaultLeeway = 60 * time.Second
	MaxLeeway     = 5 * time.Minute
)

// Problems collects everything that is wrong with the Config of one package.
type Problems struct {
	Package string // that the errors name
	errs    []error
}

// Add adds a problem of a field.
func (p *Problems) Add(field, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s: %s: %w", p.Package, field, fmt.Errorf(format, args...)))
}

// Err returns all problems, joined, and the errors of others; nil if there are none.
func (p *Problems) Err(others ...error) error { return errors.Join(append(p.errs, others...)...) }

// Name checks a name or a secret that is required: an issuer, an audience, an ID. White
// space around it is refused, because it was most likely pasted by mistake. most is the
// largest length in bytes; 0 means no limit.
func (p *Problems) Name(field, name string, most int) {
	switch {
	case name == "":
		p.Add(field, "required")
	case most > 0 && len(name) > most:
		p.Add(field, "longer than %d bytes", most)
	case !utf8.ValidString(name):
		p.Add(field, "not UTF-8")
	case Trim(name) != name:
		p.Add(field, aroundIt)
	case strings.ContainsFunc(name, unicode.IsControl):
		p.Add(field, "control characters in it")
	}
}

// aroundIt is what the error says of white space, in every package.
const aroundIt = "white space around it"

// Trim returns s without the white space around it, and without characters there that
// nobody sees, such as a byte order mark.
func Trim(s string) string {
	return strings.TrimFunc(s, isBlank)
}

func isBlank(c rune) bool { return unicode.In(c, unicode.White_Space, unicode.Cf) }

// Secrets checks a list of secrets that are bytes. White space around one is refused if all
// of it is text, as the last line break of a file is. Random bytes may begin or end with a
// space.
func (p *Problems) Secrets(field string, secrets [][]byte) {
	for i, secret := range secrets {
		text := string(secret)
		isText := utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsGraphic(c) && !isBlank(c) })
		if isText && Trim(text) != text {
			p.Add(fmt.Sprintf("%s[%d]", field, i), aroundIt)
		}
	}
}

// Names checks a list of names. An empty list is allowed.
func (p *Problems) Names(field string, names []string) {
	for i, name := range names {
		p.Name(fmt.Sprintf("%s[%d]", field, i), name, 0)
	}
}

// Types checks the accepted values of typ. An empty one stands for a token without typ.
func (p *Problems) Types(types []string) {
	for i, typ := range types {
		if typ != "" {
			p.Name(fmt.Sprintf("Types[%d]", i), typ, 0)
		}
	}
}

// Scopes checks that each scope can stand in a token and in a challenge.
func (p *Problems) Scopes(field string, scopes []string) {
	for i, scope := range scopes {
		field := fmt.Sprintf("%s[%d]", field, i)
		switch {
		case ValidScope(scope):
		case Trim(scope) != scope:
			p.Add(field, aroundIt)
		case strings.Contains(scope, " "):
			p.Add(field, "%q has a space: list each scope as an entry of its own", scope)
		default:
			p.Add(field, "%q is not a scope of RFC 6749, Section 3.3", scope)
		}
	}
}

// ValidScope reports whether s is a scope-token ([RFC 6749, Section 3.3]).
//
// [RFC 6749, Section 3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
func ValidScope(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// Duration checks that a duration was not written without its unit: 300 is 300 nanoseconds.
// One nanosecond or microsecond is as good as none, and is nobody's mistake.
func (p *Problems) Duration(field string, d time.Duration) {
	if d > time.Nanosecond && d < time.Millisecond && d != time.Microsecond {
		p.Add(field, "%v: a duration needs a unit, such as %d * time.Second", d, d.Nanoseconds())
	}
}

// Leeway sets the default of a Leeway and checks it.
func (p *Problems) Leeway(leeway *time.Duration) {
	p.Duration("Leeway", *leeway)
	if *leeway == 0 {
		*leeway = DefaultLeeway
	}
	if *leeway < 0 || *leeway > MaxLeeway {
		p.Add("Leeway", "%v, want 0 to %v", *leeway, MaxLeeway)
	}
}

// URL checks a URL that is required. See [WrongURL].
func (p *Problems) URL(field, address string, allowHTTP bool) {
	if wrong := WrongURL(address, allowHTTP); wrong != "" {
		p.Add(field, "%s", wrong)
	}
}

// WrongURL says what is wrong with the URL of an endpoint; "" if nothing is. The URL must
// be absolute, with https, and without user, password or fragment. With allowHTTP it may
// have http.
func WrongURL(address string, allowHTTP bool) string {
	u, err := url.Parse(address)
	switch {
	case address == "":
		return "required"
	case Trim(address) != address:
		return aroundIt
	case err != nil, !utf8.ValidString(address), u.Host == "", u.Opaque != "", u.Scheme != "https" && u.Scheme != "http":
		if strings.ContainsAny(address, "@?") { // err would show a password or a key too
			return "not an absolute http or https URL"
		}
		return fmt.Sprintf("%+.128q is not an absolute http or https URL", address)
	case u.Scheme == "http" && !allowHTTP:
		return "http, want https (InsecureAllowHTTP allows http)"
	case u.User != nil:
		return "has a user or a password"
	case strings.Contains(address, "#"):
		return "has a fragment"
	}
	return ""
}
