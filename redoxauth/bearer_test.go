package redoxauth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

var bearerTests = map[string]struct {
	headers []string
	query   string
	want    string
	err     error
}{
	"token":               {[]string{"Bearer abc.DEF-012_~+/=="}, "", "abc.DEF-012_~+/==", nil},
	"scheme in any case":  {[]string{"bEaReR abc"}, "", "abc", nil},   // RFC 9110, Section 11.1
	"several spaces":      {[]string{"Bearer   abc"}, "", "abc", nil}, // RFC 6750, Section 2.1: 1*SP
	"other query":         {[]string{"Bearer abc"}, "feed=1", "abc", nil},
	"none":                {nil, "", "", redoxauth.ErrNoCredentials},
	"empty":               {[]string{""}, "", "", redoxauth.ErrNoCredentials},
	"another scheme":      {[]string{"Basic dTpw"}, "", "", redoxauth.ErrNoCredentials},
	"scheme as prefix":    {[]string{"BearerX abc"}, "", "", redoxauth.ErrNoCredentials},
	"scheme alone":        {[]string{"Bearer"}, "", "", redoxauth.ErrMalformed},
	"scheme and space":    {[]string{"Bearer "}, "", "", redoxauth.ErrMalformed},
	"tab for space":       {[]string{"Bearer\tabc"}, "", "", redoxauth.ErrNoCredentials},
	"two headers":         {[]string{"Bearer abc", "Bearer abc"}, "", "", redoxauth.ErrMalformed},
	"two schemes":         {[]string{"Basic dTpw", "Bearer abc"}, "", "", redoxauth.ErrMalformed},
	"two in one":          {[]string{"Bearer abc, Bearer def"}, "", "", redoxauth.ErrMalformed},
	"inner space":         {[]string{"Bearer abc def"}, "", "", redoxauth.ErrMalformed},
	"trailing space":      {[]string{"Bearer abc "}, "", "", redoxauth.ErrMalformed},
	"padding inside":      {[]string{"Bearer ab=c"}, "", "", redoxauth.ErrMalformed},
	"padding alone":       {[]string{"Bearer =="}, "", "", redoxauth.ErrMalformed},
	"not ASCII":           {[]string{"Bearer abcé"}, "", "", redoxauth.ErrMalformed},
	"NUL":                 {[]string{"Bearer abc\x00"}, "", "", redoxauth.ErrMalformed},
	"line break":          {[]string{"Bearer abc\r\n"}, "", "", redoxauth.ErrMalformed},
	"quoted":              {[]string{`Bearer "abc"`}, "", "", redoxauth.ErrMalformed},
	"query only":          {nil, "access_token=abc", "", redoxauth.ErrNoCredentials},                // RFC 6750, Section 2.3: not recommended
	"query as well":       {[]string{"Bearer abc"}, "access_token=abc", "", redoxauth.ErrMalformed}, // RFC 6750, Section 2: one method a request
	"query, escaped name": {[]string{"Bearer abc"}, "a=1&access%5Ftoken=abc", "", redoxauth.ErrMalformed},
	"query, broken":       {[]string{"Bearer abc"}, "%zz&access_token=abc", "", redoxauth.ErrMalformed},
}

func TestBearerToken(t *testing.T) {
	for name, tt := range bearerTests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/redox", nil)
			r.URL.RawQuery = tt.query
			if tt.headers != nil {
				r.Header["Authorization"] = tt.headers
			}
			got, err := redoxauth.BearerToken(r)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v, want %q, %v", got, err, tt.want, tt.err)
			}
			if err != nil && strings.Contains(err.Error(), "abc") {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

func TestBearerTokenOfARequestWithoutURL(t *testing.T) {
	r := &http.Request{Header: http.Header{"Authorization": {"Bearer abc"}}} // as adapters of frameworks may build it
	if got, err := redoxauth.BearerToken(r); got != "abc" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// RFC 6750, Section 2.1: no character of a b64token is refused, and no other one is let through.
func TestBearerTokenAlphabet(t *testing.T) {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/="
	for c := range 256 {
		token, want := "x"+string([]byte{byte(c)}), error(nil)
		if strings.IndexByte(alphabet, byte(c)) < 0 {
			want = redoxauth.ErrMalformed
		}
		r := &http.Request{Header: http.Header{"Authorization": {"Bearer " + token}}}
		if got, err := redoxauth.BearerToken(r); !errors.Is(err, want) || err == nil && got != token {
			t.Errorf("%q: got %q, %v, want %v", token, got, err, want)
		}
	}
}

// A token that is returned is all of what follows the scheme, in RFC 6750's alphabet.
func FuzzBearerToken(f *testing.F) {
	for _, tt := range bearerTests {
		f.Add(strings.Join(tt.headers, "\x01"), tt.query)
	}
	f.Fuzz(func(t *testing.T, header, query string) {
		r := httptest.NewRequest(http.MethodPost, "/redox", nil)
		r.URL.RawQuery = query
		r.Header["Authorization"] = strings.Split(header, "\x01")
		token, err := redoxauth.BearerToken(r)
		switch {
		case err != nil && token != "":
			t.Fatalf("%q beside the error %v", token, err)
		case err != nil && !errors.Is(err, redoxauth.ErrNoCredentials) && !errors.Is(err, redoxauth.ErrMalformed):
			t.Fatalf("an error of another kind: %v", err)
		case err != nil:
			return
		}
		const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/"
		rest, isBearer := strings.CutPrefix(strings.ToLower(header), "bearer ")
		if !isBearer || strings.TrimLeft(rest, " ") != strings.ToLower(token) {
			t.Fatalf("%q of %q", token, header)
		}
		if body := strings.TrimRight(token, "="); body == "" || strings.Trim(body, alphabet) != "" {
			t.Fatalf("%q is no b64token", token)
		}
	})
}

// The error says what to change, and shows no part of what may be a token.
func TestBearerTokenSaysWhatArrived(t *testing.T) {
	const secret = "c2VjcmV0LXRva2Vu"
	for _, tt := range []struct {
		values []string
		query  string
		want   string
	}{
		{nil, "", `the header Authorization is absent, want "Bearer <token>" (Redox dashboard: the destination's auth credential)`},
		{[]string{secret}, "", `the header Authorization has another scheme or none, want "Bearer <token>" (Redox dashboard: the strategy of the auth credential)`},
		{[]string{"Basic " + secret}, "", "another scheme"},
		{[]string{"Bearer " + secret, "Bearer " + secret}, "", "2 Authorization headers, want one"},
		{[]string{"Bearer "}, "", "nothing after Bearer, want a token"},
		{[]string{"Bearer Bearer " + secret}, "", "white space inside the token after Bearer"},
		{[]string{`Bearer "` + secret + `"`}, "", "a quotation mark after Bearer"},
		{[]string{"Bearer " + secret + ", Basic x"}, "", "white space inside"},
		{[]string{"Bearer " + secret + ",x"}, "", "a comma"},
		{[]string{"Bearer " + secret + "%3D"}, "", "a character that no token has"},
		{[]string{"Bearer " + secret}, "access_token=x", "access_token is in the query as well, want the header Authorization alone"},
	} {
		r := httptest.NewRequest("POST", "/?"+tt.query, nil)
		r.Header["Authorization"] = tt.values
		_, err := redoxauth.BearerToken(r)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: got %v, want %q", tt.values, err, tt.want)
		}
	}
}
