package redoxauth

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// BearerToken returns the token of the header "Authorization: Bearer"
// ([RFC 6750, Section 2.1]). The error is [ErrNoCredentials] without that header, or with another
// scheme. It is [ErrMalformed] with two Authorization headers, with another token in the query, or
// with characters that no token has. A token in the query alone is ignored.
//
// [RFC 6750, Section 2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
func BearerToken(r *http.Request) (string, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return "", &Error{Kind: ErrNoCredentials, Reason: "missing", Err: errNoAuthorization}
	}
	if len(values) > 1 {
		return "", Errorf(ErrMalformed, "malformed", "%d Authorization headers, want one", len(values))
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", &Error{Kind: ErrNoCredentials, Reason: "missing", Err: errScheme}
	}
	token = strings.TrimLeft(token, " ")
	if !isToken68(token) {
		return "", Errorf(ErrMalformed, "malformed", "%s after Bearer, want a token of letters, digits and -._~+/, with = only at its end (RFC 6750, Section 2.1)", whyNot(token))
	}
	if r.URL != nil && r.URL.RawQuery != "" {
		if q, _ := url.ParseQuery(r.URL.RawQuery); q.Has("access_token") {
			return "", Errorf(ErrMalformed, "malformed", "access_token is in the query as well, want the header Authorization alone (RFC 6750, Section 2)")
		}
	}
	return token, nil
}

// Each request gets an Error of its own, but strangers cost no formatting. The scheme is not
// shown: it may be a token without a scheme.
var (
	errNoAuthorization = errors.New(`the header Authorization is absent, want "Bearer <token>" (Redox dashboard: the destination's auth credential)`)
	errScheme          = errors.New(`the header Authorization has another scheme or none, want "Bearer <token>" (Redox dashboard: the strategy of the auth credential)`)
)

// whyNot says what is wrong with a token that is not a b64token, and shows nothing of it.
func whyNot(token string) string {
	switch {
	case token == "":
		return "nothing"
	case strings.ContainsAny(token, " \t"):
		return "white space inside the token"
	case strings.ContainsAny(token, `"'`):
		return "a quotation mark"
	case strings.Contains(token, ","):
		return "a comma"
	}
	return "a character that no token has"
}

// isToken68 reports whether s is a b64token of RFC 6750.
func isToken68(s string) bool {
	body := strings.TrimRight(s, "=")
	if body == "" {
		return false
	}
	for i := range len(body) {
		switch c := body[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '.', c == '_', c == '~', c == '+', c == '/':
		default:
			return false
		}
	}
	return true
}
