package config_test

import (
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
