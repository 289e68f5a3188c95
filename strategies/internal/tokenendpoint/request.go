package tokenendpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

const (
	maxBody       = 64 << 10
	maxParameters = 100
	bodyTimeout   = 10 * time.Second

	// maxBodies limits the memory of all bodies of an endpoint. Half of it is for those that
	// are still arriving. A genuine body has about 2 KiB.
	maxBodies = 64 << 20
)

// A Request is a token request in a proper form: it was posted with one body, has no
// parameter twice but for targets, and no credential in the URL.
type Request struct {
	HasBasic bool
	Basic    string // what follows the scheme in "Authorization: Basic"

	OtherScheme bool // an Authorization header of another scheme than Basic

	parameters url.Values
	json       []byte // the body, if it is JSON
	unread     bool   // the body was not read to its end
}

// targets are the parameters that may come several times ([RFC 8707, Section 2],
// [RFC 8693, Section 2.1]).
//
// [RFC 8693, Section 2.1]: https://www.rfc-editor.org/rfc/rfc8693#section-2.1
// [RFC 8707, Section 2]: https://www.rfc-editor.org/rfc/rfc8707#section-2
var targets = []string{"audience", "resource"}

// Get returns the value of a parameter, or "". A parameter without a value counts as
// omitted ([RFC 6749, Section 3.2]).
//
// [RFC 6749, Section 3.2]: https://www.rfc-editor.org/rfc/rfc6749#section-3.2
func (q *Request) Get(name string) string { return q.parameters.Get(name) }

// HasAny reports whether one of the parameters has a value.
func (q *Request) HasAny(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return q.Get(name) != "" })
}

// otherTarget returns the name and the value of an audience or a resource that is not ours,
// or "".
func (q *Request) otherTarget(ours string) (name, target string) {
	for _, name := range targets {
		for _, target := range q.parameters[name] {
			if target != "" && target != ours {
				return name, target
			}
		}
	}
	return "", ""
}

// read reads r into q.
//
// The body has at most 64 KiB and arrives within 10 s. It counts against the budget of this
// endpoint: bodies that stall elsewhere keep no token request out. A Middleware in front
// has decided already who may send a body. Then its limits apply too.
func (e *Endpoint) read(w http.ResponseWriter, r *http.Request, q *Request) error {
	parse, err := e.readHead(r, q)
	if err != nil {
		return err
	}
	// The body counts until its parameters are read. What follows may wait for a key server.
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	body, err := redoxauth.ReadBody(w, r.WithContext(ctx), e.bodies) // of a copy: ReadBody replaces its Body
	if err != nil {
		return unread(err)
	}
	q.unread = false
	return parse(q, body)
}

// unread returns the error of a body that was not read. Its text names the limits of a
// Middleware, and those of an endpoint are fixed.
func unread(err error) error {
	var e *redoxauth.Error
	if !errors.As(err, &e) {
		return err
	}
	limits := map[redoxauth.Reason]string{
		"body_size":    fmt.Sprintf("at most %d bytes", maxBody),
		"body_timeout": fmt.Sprintf("at most %v", bodyTimeout),
		"busy":         fmt.Sprintf("at most %d bytes of bodies at once, half of it for those that still arrive", maxBodies),
	}
	if want, ok := limits[e.Reason]; ok {
		c := *e
		c.Err = fmt.Errorf("a token request: %w; a token endpoint takes %s (fixed), or less if the Options of a wrapper in front say so", e.Err, want)
		return &c
	}
	return err
}

type parser func(*Request, []byte) error

// readHead reads what comes before the body. It ignores an Authorization header of another
// scheme than Basic, which authenticates no client: a sender may put its verification token
// there on every request.
func (e *Endpoint) readHead(r *http.Request, q *Request) (parser, error) {
	if r.Method != http.MethodPost {
		return nil, redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%w: the method is %s, want \"POST\" (RFC 6749, Section 3.2)", notPosted, diagnosis.Text(r.Method, true))
	}
	if r.URL != nil {
		if err := checkQuery(r.URL.RawQuery); err != nil {
			return nil, err
		}
	}
	switch values := r.Header["Authorization"]; len(values) {
	case 0:
	case 1:
		q.Basic, q.HasBasic = basic(values[0])
		q.OtherScheme = !q.HasBasic
	default:
		return nil, Malformed("more than one Authorization header", "%d, want at most one", len(values))
	}
	parse := e.parserFor(r.Header)
	if parse == nil {
		return nil, redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%w: %s", wrongMediaType, e.wrongType(r.Header))
	}
	return parse, nil
}

// basic returns what follows the scheme in "Authorization: Basic".
func basic(authorization string) (credentials string, ok bool) {
	scheme, rest, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", false
	}
	return strings.TrimLeft(rest, " "), true
}

// wrongType says why there is no parser for the media type.
func (e *Endpoint) wrongType(h http.Header) string {
	types := h["Content-Type"]
	switch encoding := h.Get("Content-Encoding"); {
	case len(types) > 1:
		return fmt.Sprintf("%d Content-Type headers arrived, want one", len(types))
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return fmt.Sprintf("Content-Encoding is %s, want it absent", diagnosis.Quote(encoding))
	}
	return fmt.Sprintf("Content-Type is %s, want %s (Redox dashboard: contentType)", diagnosis.Text(h.Get("Content-Type"), len(types) > 0), e.types())
}

// types says which media types are accepted.
func (e *Endpoint) types() string {
	if e.cfg.JSON {
		return diagnosis.OneOf([]string{"application/x-www-form-urlencoded", "application/json"})
	}
	return diagnosis.Quote("application/x-www-form-urlencoded")
}

// checkQuery refuses credentials in the URL, where every proxy logs them
// ([RFC 6749, Section 2.3.1]). Any other query is the operator's.
//
// [RFC 6749, Section 2.3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
func checkQuery(query string) error {
	if strings.Contains(query, ";") {
		return Malformed("the query of the URL is malformed", "it has a semicolon, want \"&\" between parameters")
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return Malformed("the query of the URL is malformed", "a name has a wrong escape")
		}
		switch strings.ToLower(name) {
		case "client_id", "client_secret", "client_assertion", "client_assertion_type", "assertion",
			"username", "password", "code", "token", "access_token", "refresh_token":
			return Malformed("credentials in the query of the URL", "it has %s, want it in the body (Redox dashboard: url)", diagnosis.Quote(name))
		}
	}
	return nil
}

// parserFor returns the parser for the media type, or nil. Parameters such as charset do
// not matter: forms and JSON are UTF-8.
func (e *Endpoint) parserFor(h http.Header) parser {
	if len(h["Content-Type"]) != 1 {
		return nil
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil
	}
	mediaType, _, _ := strings.Cut(h["Content-Type"][0], ";")
	switch strings.ToLower(strings.TrimSpace(mediaType)) {
	case "application/x-www-form-urlencoded":
		return parseForm
	case "application/json":
		if e.cfg.JSON {
			return parseJSON
		}
	}
	return nil
}

// parseForm is stricter than url.ParseQuery: no name may come twice but those of targets,
// and the number of parameters is limited.
func parseForm(q *Request, body []byte) error {
	values, n := make(url.Values), 0
	for pair := range strings.SplitSeq(string(body), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		n++
		switch {
		case err1 != nil || err2 != nil || strings.Contains(pair, ";"):
			return Malformed("the form is malformed", "parameter %d of the body has a wrong escape or a semicolon, want application/x-www-form-urlencoded", n)
		case !utf8.ValidString(name) || !utf8.ValidString(value):
			return Malformed("a parameter is not UTF-8", "it is number %d of the body", n)
		case values.Has(name) && !slices.Contains(targets, name):
			return Malformed("a parameter is repeated", "%s arrived twice, want it once: only audience and resource may be repeated", nameOf(name, value))
		case n > maxParameters:
			return Malformed("too many parameters", "more than %d arrived (fixed)", maxParameters)
		}
		values.Add(name, value)
	}
	q.parameters = values
	return nil
}

// parseJSON reads an object of strings. Those of targets may be arrays of strings. A member
// that is no parameter of ours may have any type.
func parseJSON(q *Request, body []byte) error {
	object, err := jose.ReadObject(body, parameters...)
	switch {
	case err != nil && bytes.Contains(body, []byte("grant_type=")):
		return Malformed("the JSON is malformed", "the body looks like a form, but its Content-Type says JSON (Redox dashboard: contentType)")
	case err != nil:
		return Malformed("the JSON is malformed", "the body, of %d bytes: %w, want an object of strings", len(body), err)
	}
	values := make(url.Values)
	for _, name := range parameters {
		v := object.Get(name)
		if v == "" || v == "null" {
			continue
		}
		text, ok := v.Text()
		values.Set(name, text)
		if !ok && slices.Contains(targets, name) && strings.Count(string(v), ",") < maxParameters {
			values[name], ok = v.Texts()
		}
		if !ok {
			return Malformed("a parameter is not a string", "%s is of another type, want a string", name)
		}
	}
	q.parameters, q.json = values, body
	return nil
}

// parameters lists the parameters that an endpoint reads.
var parameters = []string{
	"grant_type", "scope", "audience", "resource", "client_id", "client_secret",
	"client_assertion", "client_assertion_type", "assertion",
}
