package tokenendpoint

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redoxauth/redoxauth-go/redoxauth"
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

	parameters url.Values
	unread     bool // the body was not read to its end
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

// otherTarget returns an audience or a resource that is not ours, or "".
func (q *Request) otherTarget(ours string) string {
	for _, name := range targets {
		for _, target := range q.parameters[name] {
			if target != "" && target != ours {
				return target
			}
		}
	}
	return ""
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
		return err
	}
	q.unread = false
	q.parameters, err = parse(body)
	return err
}

type parser func([]byte) (url.Values, error)

// readHead reads what comes before the body. It ignores an Authorization header of another
// scheme than Basic, which authenticates no client: a sender may put its verification token
// there on every request.
func (e *Endpoint) readHead(r *http.Request, q *Request) (parser, error) {
	if r.Method != http.MethodPost {
		return nil, redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "method %s: %w", Quote(r.Method), notPosted)
	}
	if err := checkQuery(r.URL.RawQuery); err != nil {
		return nil, err
	}
	switch values := r.Header["Authorization"]; len(values) {
	case 0:
	case 1:
		scheme, rest, _ := strings.Cut(values[0], " ")
		if strings.EqualFold(scheme, "Basic") {
			q.HasBasic, q.Basic = true, strings.TrimLeft(rest, " ")
		}
	default:
		return nil, Malformed("more than one Authorization header")
	}
	parse := e.parserFor(r.Header)
	if parse == nil {
		return nil, redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%w", wrongMediaType)
	}
	return parse, nil
}

// checkQuery refuses credentials in the URL, where every proxy logs them
// ([RFC 6749, Section 2.3.1]). Any other query is the operator's.
//
// [RFC 6749, Section 2.3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
func checkQuery(query string) error {
	if strings.Contains(query, ";") {
		return Malformed("the query of the URL is malformed")
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return Malformed("the query of the URL is malformed")
		}
		switch strings.ToLower(name) {
		case "client_id", "client_secret", "client_assertion", "client_assertion_type", "assertion",
			"username", "password", "code", "token", "access_token", "refresh_token":
			return Malformed("credentials in the query of the URL")
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
func parseForm(body []byte) (url.Values, error) {
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
			return nil, Malformed("the form is malformed")
		case !utf8.ValidString(name) || !utf8.ValidString(value):
			return nil, Malformed("a parameter is not UTF-8")
		case values.Has(name) && !slices.Contains(targets, name):
			return nil, Malformed("a parameter is repeated")
		case n > maxParameters:
			return nil, Malformed("too many parameters")
		}
		values.Add(name, value)
	}
	return values, nil
}

// parseJSON reads an object of strings. Those of targets may be arrays of strings. A member
// that is no parameter of ours may have any type.
func parseJSON(body []byte) (url.Values, error) {
	object, err := jose.ReadObject(body, parameters...)
	if err != nil {
		return nil, Malformed("the JSON is malformed")
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
			return nil, Malformed("a parameter is not a string")
		}
	}
	return values, nil
}

// parameters lists the parameters that an endpoint reads.
var parameters = []string{
	"grant_type", "scope", "audience", "resource", "client_id", "client_secret",
	"client_assertion", "client_assertion_type", "assertion",
}
