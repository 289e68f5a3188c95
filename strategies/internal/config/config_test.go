package config_test

import (
	"strings"
	"testing"

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
	} {
		for _, plain := range []bool{false, true} {
			wrong := config.WrongURL(test.url, plain)
			if want := test.https && !plain || test.plain && plain; (wrong == "") != want || strings.Contains(wrong, "s3cret") {
				t.Errorf("WrongURL(%q, %v) = %q", test.url, plain, wrong)
			}
		}
	}
}
