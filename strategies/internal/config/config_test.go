package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
)

// RFC 6749, Section 3.3, and the characters of its Section 5.2.
func TestValidScope(t *testing.T) {
	for scope, want := range map[string]bool{
		"system/*.rs": true, "https://www.googleapis.com/auth/cloud-platform": true, "!": true, "~": true,
		"": false, "a b": false, `a"b`: false, `a\b`: false, "a\nb": false, "é": false, "\x7f": false,
	} {
		if got := config.ValidScope(scope); got != want {
			t.Errorf("ValidScope(%q) = %v, want %v", scope, got, want)
		}
	}
}

// A number without a unit is a time.Duration of nanoseconds.
func TestDurationNeedsAUnit(t *testing.T) {
	for d, want := range map[time.Duration]bool{
		0: true, -1: true, time.Nanosecond: true, time.Microsecond: true, time.Millisecond: true, time.Hour: true,
		5: false, 300: false, 3600: false, 86400: false,
	} {
		p := config.Problems{Package: "p"}
		p.Duration("Leeway", d)
		if err := p.Err(); (err == nil) != want {
			t.Errorf("%d: got %v, want accepted %v", d, err, want)
		} else if !want && err.Error() != fmt.Sprintf("p: Leeway: %v: a duration needs a unit, such as %d * time.Second", d, d) {
			t.Errorf("%d: got %v", d, err)
		}
	}
}

// A name, a scope or a Leeway that no genuine message fits is refused at the start, with the reason.
func TestProblems(t *testing.T) {
	name := func(s string, most int) func(*config.Problems) {
		return func(p *config.Problems) { p.Name("ID", s, most) }
	}
	scopes := func(s ...string) func(*config.Problems) { return func(p *config.Problems) { p.Scopes("Scopes", s) } }
	leeway := func(d time.Duration) func(*config.Problems) { return func(p *config.Problems) { p.Leeway(&d) } }
	for _, test := range []struct {
		check func(*config.Problems)
		want  string // "" accepts
	}{
		{name("Redox EHR \u00fc", 0), ""},
		{name("", 0), "p: ID: required"},
		{name("redox", 5), ""},
		{name("redox", 4), "p: ID: longer than 4 bytes"},
		{name("r\u00fcdox"[:2], 0), "p: ID: not UTF-8"},
		{name("redox\x00", 0), "p: ID: control characters in it"},
		{name("re\ndox", 0), "p: ID: control characters in it"},
		{name("redox\n", 0), "p: ID: white space around it"},
		{scopes("a", "system/*.rs"), ""},
		{scopes("a", "b "), "p: Scopes[1]: white space around it"},
		{scopes("a b"), `p: Scopes[0]: "a b" has a space: list each scope as an entry of its own`},
		{scopes("a\"b"), `p: Scopes[0]: "a\"b" is not a scope of RFC 6749, Section 3.3`},
		{scopes(""), `p: Scopes[0]: "" is not a scope of RFC 6749, Section 3.3`},
		{leeway(time.Second), ""},
		{leeway(config.MaxLeeway), ""},
		{leeway(config.MaxLeeway + 1), "p: Leeway: 5m0.000000001s, want 0 to 5m0s"},
		{leeway(-1), "p: Leeway: -1ns, want 0 to 5m0s"},
		{leeway(60), "p: Leeway: 60ns: a duration needs a unit, such as 60 * time.Second"},
	} {
		p := config.Problems{Package: "p"}
		test.check(&p)
		if err := p.Err(); err == nil && test.want != "" || err != nil && err.Error() != test.want {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
	var d time.Duration
	if new(config.Problems).Leeway(&d); d != config.DefaultLeeway {
		t.Errorf("default Leeway %v", d)
	}
}

func TestWrongURLShowsWhatArrived(t *testing.T) {
	for url, want := range map[string]string{
		"":                       "required",
		"as.example/introspect":  `"as.example/introspect" is not an absolute http or https URL`,
		"ftp://as/?key=s3cret":   "not an absolute http or https URL", // nor a key
		"https://as.example/ ":   "white space around it",
		"ftp://a:s3cret@as":      "not an absolute http or https URL", // the password is not shown
		"https://a:s3cret@as:po": "not an absolute http or https URL",
		"a:s3cret@as.example":    "not an absolute http or https URL",
	} {
		if got := config.WrongURL(url, false); got != want {
			t.Errorf("%q: got %q, want %q", url, got, want)
		}
	}
}

func TestWrongURL(t *testing.T) {
	for _, test := range []struct {
		url          string
		https, plain bool // accepted, without and with InsecureAllowHTTP
	}{
		{"https://as.example", true, true},
		{"https://as.example:8443/introspect?tenant=1", true, true},
		{"http://127.0.0.1:8080/tokeninfo", false, true},
		{"", false, false},
		{"/tokeninfo", false, false},
		{"://", false, false},
		{"https:///tokeninfo", false, false},
		{"https:as.example", false, false},
		{"ftp://as.example", false, false},
		{"file:///introspect", false, false},
		{"https://s3cret@as.example/", false, false},
		{"https://a:s3cret@as.example/", false, false},
		{"https://a:s3cret@as.example:port/", false, false},
		{"https://as.example/#fragment", false, false},
		{"https://as.example/#", false, false},
		{"https://as\x89.example/", false, false},
	} {
		for _, plain := range []bool{false, true} {
			wrong := config.WrongURL(test.url, plain)
			if want := test.https && !plain || test.plain && plain; (wrong == "") != want || strings.Contains(wrong, "s3cret") {
				t.Errorf("WrongURL(%q, %v) = %q", test.url, plain, wrong)
			}
		}
	}
}
