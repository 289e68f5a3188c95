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
