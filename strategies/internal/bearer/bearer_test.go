package bearer_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
)

// refuse returns the error that a Verifier makes of err.
func refuse(err error) error {
	v := bearer.New("test", func(*http.Request, string) (*redoxauth.Identity, error) { return nil, err }, nil)
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Authorization", "Bearer abc")
	_, err = v.Verify(r)
	return err
}

// RFC 6750, Section 3: the challenge has no error code if there was no token, and otherwise
// the code for the kind and nothing else.
func TestErrorsAreCompleted(t *testing.T) {
	for _, test := range []struct {
		kind error
		want string
	}{
		{redoxauth.ErrNoCredentials, `Bearer realm="redox"`},
		{redoxauth.ErrRejected, `Bearer realm="redox", error="invalid_token"`},
		{redoxauth.ErrMalformed, `Bearer realm="redox", error="invalid_request"`},
		{redoxauth.ErrUnavailable, ""},
	} {
		given := redoxauth.Error{Kind: test.kind, Reason: "signature", RetryAfter: time.Second, Err: errors.New("cause")}
		want, err := given, given
		want.Strategy, want.Challenge = "test", test.want
		var got *redoxauth.Error
		if errors.As(refuse(&err), &got); got == nil || *got != want {
			t.Errorf("error %+v, want %+v", got, want)
		}
		if err != given {
			t.Error("the error given was changed")
		}
	}
	if err := refuse(context.Canceled); err != context.Canceled {
		t.Errorf("error %v, want it as it was", err)
	}
}

func TestVerify(t *testing.T) {
	none, malformed := redoxauth.ErrNoCredentials, redoxauth.ErrMalformed
	for _, test := range []struct {
		name          string
		authorization []string
		query         string
		want          error
		challenge     string
	}{
		{"one", []string{"Bearer abc"}, "", nil, ""},
		{"scheme in another case", []string{"bEARER abc"}, "", nil, ""}, // RFC 9110, Section 11.1
		{"none", nil, "", none, `Bearer realm="redox"`},
		{"another scheme", []string{"Basic abc"}, "", none, `Bearer realm="redox"`},
		{"two headers", []string{"Bearer abc", "Bearer abc"}, "", malformed, `Bearer realm="redox", error="invalid_request"`},
		{"in the query too", []string{"Bearer abc"}, "?access_token=abc", malformed, `Bearer realm="redox", error="invalid_request"`}, // RFC 6750, Section 2
		{"in the query alone", nil, "?access_token=abc", none, `Bearer realm="redox"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := bearer.New("test", func(_ *http.Request, token string) (*redoxauth.Identity, error) {
				return &redoxauth.Identity{Subject: token}, nil
			}, nil)
			r := httptest.NewRequest("POST", "/"+test.query, nil)
			r.Header["Authorization"] = test.authorization
			id, err := v.Verify(r)
			if test.want == nil {
				if err != nil || id.Subject != "abc" {
					t.Errorf("Identity %v, error %v", id, err)
				}
				return
			}
			verifiertest.CheckError(t, err, test.want, "")
			var e *redoxauth.Error
			if !errors.As(err, &e) || e.Challenge != test.challenge || e.Strategy != "test" {
				t.Errorf("error %+v, want the challenge %q", err, test.challenge)
			}
		})
	}
}

func TestZeroVerifierRefuses(t *testing.T) {
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Authorization", "Bearer abc")
	_, err := bearer.Verifier{}.Verify(r)
	verifiertest.CheckError(t, err, nil, "internal")
}

func TestCheckScopes(t *testing.T) {
	for _, test := range []struct {
		granted, required []string
		challenge         string // empty: enough
	}{
		{[]string{"a", "b"}, []string{"b"}, ""},
		{nil, nil, ""},
		{[]string{"a", "B"}, []string{"a", "b"}, `Bearer realm="redox", error="insufficient_scope", scope="a b"`},
		// Not a scope of RFC 6749, Section 3.3. It must not end the quoted string or the header.
		{nil, []string{"a", "b\"\r\nSet-Cookie: x"}, `Bearer realm="redox", error="insufficient_scope"`},
	} {
		err := bearer.CheckScopes(test.granted, test.required, "scope", "Config.Scopes")
		if test.challenge == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		err = refuse(err)
		verifiertest.CheckError(t, err, redoxauth.ErrForbidden, "scope")
		var e *redoxauth.Error
		if !errors.As(err, &e) || e.Challenge != test.challenge || e.Strategy != "test" {
			t.Errorf("error %+v, want the challenge %q", err, test.challenge)
		}
	}
}

// FuzzInsufficient: whatever the scopes are, the challenge has the form of RFC 6750.
func FuzzInsufficient(f *testing.F) {
	for _, s := range []string{"a", "system/*.rs", `"`, `\`, "\r\n", "é", ""} {
		f.Add(s)
	}
	form := regexp.MustCompile(`^Bearer realm="redox", error="insufficient_scope"(, scope="[\x21\x23-\x5B\x5D-\x7E]+")?$`)
	f.Fuzz(func(t *testing.T, scope string) {
		var e *redoxauth.Error
		if err := bearer.Insufficient(nil, []string{scope}, "scope", "Config.Scopes"); !errors.As(err, &e) || !form.MatchString(e.Challenge) {
			t.Errorf("challenge %q", e.Challenge)
		}
	})
}
