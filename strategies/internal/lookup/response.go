package lookup

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// Unexpected returns the error of an answer with a status that says nothing about the token.
// want is what was expected, and who decides it. Of the body it shows the error code of an
// OAuth server alone.
func (r *Response) Unexpected(want string) error {
	said := ""
	if o, err := jose.ReadObject(r.Body, "error"); err == nil {
		if code, _ := o.Get("error").Text(); errorCode.MatchString(code) {
			said = " with the error " + code
		}
	}
	switch {
	case r.Status == http.StatusTooManyRequests:
		said += " (it throttles this server)"
	case r.Status >= 300 && r.Status < 400:
		said += " (a redirect, which is not followed)"
	}
	return fmt.Errorf("%s answered %s%s, want %s", r.URL, strings.TrimSpace(fmt.Sprint(r.Status, " ", http.StatusText(r.Status))), said, want)
}

// errorCode matches the error codes of OAuth, and is too short for a token.
var errorCode = regexp.MustCompile(`^[a-z_]{1,32}$`)

// Unreadable returns the error of a 200 whose body is not as expected. field is that of the
// URL. It shows nothing of the body.
func (r *Response) Unreadable(cause error, field string) error {
	types, body := r.Header["Content-Type"], bytes.TrimSpace(r.Body)
	media := ""
	if len(types) > 0 {
		media, _, _ = mime.ParseMediaType(types[0])
	}
	what := ""
	switch {
	case len(body) == 0:
		what = " and an empty body"
	case body[0] == '<':
		what = " and HTML or XML, such as the page of a proxy or of a log-in"
	case media == "application/token-introspection+jwt":
		what = " and a signed answer (RFC 9701), which is not read here"
	}
	return fmt.Errorf("%s answered 200 with the Content-Type %s%s, want a JSON object (%s): %w", r.URL, diagnosis.List(types), what, field, cause)
}
