package bearer_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
)

// RFC 6750, Section 3: without a token no error code, with one the code for its kind,
// and no more.
func TestChallenge(t *testing.T) {
	for _, test := range []struct {
		kind error
		want string
	}{
		{redoxauth.ErrNoCredentials, `Bearer realm="redox"`},
		{redoxauth.ErrRejected, `Bearer realm="redox", error="invalid_token"`},
		{redoxauth.ErrMalformed, `Bearer realm="redox", error="invalid_request"`},
		{redoxauth.ErrUnavailable, ""},
	} {
		cause := errors.New("cause")
		given := &redoxauth.Error{Kind: test.kind, Reason: "signature", RetryAfter: time.Second, Err: cause}
		err := bearer.Challenge("test", given)
		var e *redoxauth.Error
		if !errors.As(err, &e) || !errors.Is(err, test.kind) || !errors.Is(err, cause) {
			t.Fatalf("error %v lost its kind or cause", err)
		}
		if e.Challenge != test.want || e.Strategy != "test" || e.Reason != "signature" || e.RetryAfter != time.Second {
			t.Errorf("%v: %+v, want challenge %q", test.kind, e, test.want)
		}
		if given.Strategy != "" || given.Challenge != "" {
			t.Error("the error given was changed")
		}
	}
	if err := bearer.Challenge("test", context.Canceled); err != context.Canceled {
		t.Errorf("error %v, want it as it was", err)
	}
}

func TestToken(t *testing.T) {
	for _, test := range []struct {
		name          string
		authorization []string
		query         string
		token         string
		want          error
		challenge     string
	}{
		{"one", []string{"Bearer abc"}, "", "abc", nil, ""},
		{"scheme in another case", []string{"bEARER abc"}, "", "abc", nil, ""}, // RFC 9110, Section 11.1
		{"none", nil, "", "", redoxauth.ErrNoCredentials, `Bearer realm="redox"`},
		{"another scheme", []string{"Basic abc"}, "", "", redoxauth.ErrNoCredentials, `Bearer realm="redox"`},
		{"two headers", []string{"Bearer abc", "Bearer abc"}, "", "", redoxauth.ErrMalformed, `Bearer realm="redox", error="invalid_request"`},
		{"in the query too", []string{"Bearer abc"}, "?access_token=abc", "", redoxauth.ErrMalformed, `Bearer realm="redox", error="invalid_request"`}, // RFC 6750, Section 2
		{"in the query alone", nil, "?access_token=abc", "", redoxauth.ErrNoCredentials, `Bearer realm="redox"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/"+test.query, nil)
			r.Header["Authorization"] = test.authorization
			token, err := bearer.Token("test", r)
			if token != test.token || !errors.Is(err, test.want) {
				t.Fatalf("token %q, error %v; want %q, %v", token, err, test.token, test.want)
			}
			var e *redoxauth.Error
			if errors.As(err, &e) && (e.Challenge != test.challenge || e.Strategy != "test") {
				t.Errorf("challenge %q of %q, want %q", e.Challenge, e.Strategy, test.challenge)
			}
		})
	}
}

func TestCheckScopes(t *testing.T) {
	if err := bearer.CheckScopes("test", []string{"a", "b"}, []string{"b"}); err != nil {
		t.Error(err)
	}
	if err := bearer.CheckScopes("test", nil, nil); err != nil {
		t.Error(err)
	}
	err := bearer.CheckScopes("test", []string{"a", "B"}, []string{"a", "b"})
	var e *redoxauth.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v", err)
	}
	want := redoxauth.Error{Kind: redoxauth.ErrForbidden, Strategy: "test", Reason: "scope", Challenge: `Bearer realm="redox", error="insufficient_scope", scope="a b"`}
	got := *e
	got.Err = nil
	if got != want {
		t.Error(cmp.Diff(want.Challenge, got.Challenge), got)
	}
}

// A challenge quotes scopes and nothing else, so a scope must be one (RFC 6749, Section
// 3.3, and the characters of its Section 5.2).
func TestValidScope(t *testing.T) {
	for scope, want := range map[string]bool{
		"system/*.rs": true, "https://www.googleapis.com/auth/cloud-platform": true, "!": true, "~": true,
		"": false, "a b": false, `a"b`: false, `a\b`: false, "a\nb": false, "é": false, "\x7f": false,
	} {
		if got := bearer.ValidScope(scope); got != want {
			t.Errorf("ValidScope(%q) = %v, want %v", scope, got, want)
		}
	}
}

// FuzzInsufficient: whatever is a valid scope, the challenge keeps RFC 6750's form.
func FuzzInsufficient(f *testing.F) {
	for _, s := range []string{"a", "system/*.rs", `"`, `\`, "\r\n", "é", ""} {
		f.Add(s)
	}
	form := regexp.MustCompile(`^Bearer realm="redox", error="insufficient_scope", scope="[\x21\x23-\x5B\x5D-\x7E]+"$`)
	f.Fuzz(func(t *testing.T, scope string) {
		if !bearer.ValidScope(scope) {
			return
		}
		var e *redoxauth.Error
		if err := bearer.Insufficient("test", []string{scope}); !errors.As(err, &e) || !form.MatchString(e.Challenge) {
			t.Errorf("challenge %q", e.Challenge)
		}
	})
}
