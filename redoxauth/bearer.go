package redoxauth

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// BearerToken returns the token of the request's "Authorization: Bearer" header
// ([RFC 6750, Section 2.1]). Without that header, or with another scheme, the error
// is [ErrNoCredentials]. With two Authorization headers, with a token in the query as
// well, or with characters that no token has, it is [ErrMalformed]. A token in the
// query alone is never taken.
//
// [RFC 6750, Section 2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
func BearerToken(r *http.Request) (string, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return "", &Error{Kind: ErrNoCredentials, Reason: "missing"}
	}
	if len(values) > 1 {
		return "", malformed("more than one Authorization header")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", &Error{Kind: ErrNoCredentials, Reason: "missing"}
	}
	token = strings.TrimLeft(token, " ")
	if !isToken68(token) {
		return "", malformed("not a bearer token")
	}
	if r.URL != nil && r.URL.RawQuery != "" {
		if q, _ := url.ParseQuery(r.URL.RawQuery); q.Has("access_token") {
			return "", malformed("a bearer token in the query as well")
		}
	}
	return token, nil
}

func malformed(what string) error {
	return &Error{Kind: ErrMalformed, Reason: "malformed", Err: errors.New(what)}
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
