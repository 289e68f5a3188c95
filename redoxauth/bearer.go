package redoxauth

import (
	"net/http"
	"net/url"
	"strings"
)

// BearerToken returns the token of the request's "Authorization: Bearer" header
// ([RFC 6750, Section 2.1]). Without that header, or with another scheme, the error
// is [ErrNoCredentials]. With two Authorization headers, with another token in the
// query, or with characters that no token has, it is [ErrMalformed]. A token in the
// query alone is ignored.
//
// [RFC 6750, Section 2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
func BearerToken(r *http.Request) (string, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return "", Errorf(ErrNoCredentials, "missing", "")
	}
	if len(values) > 1 {
		return "", Errorf(ErrMalformed, "malformed", "more than one Authorization header")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", Errorf(ErrNoCredentials, "missing", "")
	}
	token = strings.TrimLeft(token, " ")
	if !isToken68(token) {
		return "", Errorf(ErrMalformed, "malformed", "not a bearer token")
	}
	if r.URL != nil && r.URL.RawQuery != "" {
		if q, _ := url.ParseQuery(r.URL.RawQuery); q.Has("access_token") {
			return "", Errorf(ErrMalformed, "malformed", "a bearer token in the query as well")
		}
	}
	return token, nil
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
