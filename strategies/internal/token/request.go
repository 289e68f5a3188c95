package token

import (
	"encoding/json"
	"net/http"
	"net/url"
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

	// maxBodies bounds what all bodies of an endpoint hold at once. Half of it is for
	// those that still arrive, of which a genuine one has some 2 KiB.
	maxBodies = 64 << 20
)

// A Request is a token request whose carriers are well formed: posted, one body of
// parameters, none twice, no credential in the URL.
type Request struct {
	HasBasic bool
	Basic    string // what follows the scheme in "Authorization: Basic"

	parameters map[string]string
}

// Get returns the value of a parameter, or "". A parameter without a value counts as
// omitted ([RFC 6749, Section 3.2]).
//
// [RFC 6749, Section 3.2]: https://www.rfc-editor.org/rfc/rfc6749#section-3.2
func (q *Request) Get(name string) string { return q.parameters[name] }

// HasAny reports whether one of the parameters has a value.
func (q *Request) HasAny(names ...string) bool {
	for _, name := range names {
		if q.parameters[name] != "" {
			return true
		}
	}
	return false
}

// read reads the request r. When it could not read the whole body, the Refusal says so.
func (e *Endpoint) read(w http.ResponseWriter, r *http.Request) (*Request, error) {
	q, parse, err := readHead(r, e.cfg.JSON)
	var body []byte
	if err == nil {
		body, err = e.readBody(w, r)
	}
	if err != nil {
		f := refusalOf(err)
		f.Unread = true
		return nil, f
	}
	if q.parameters, err = parse(body); err != nil {
		return nil, err
	}
	return q, nil
}

type parser func([]byte) (map[string]string, error)

// readHead reads what comes before the body. An Authorization header of another scheme than Basic is
// no client authentication and is left alone: a sender may put its verification token
// there on every request.
func readHead(r *http.Request, acceptJSON bool) (*Request, parser, error) {
	if r.Method != http.MethodPost {
		return nil, nil, carrier(http.StatusMethodNotAllowed, redoxauth.ErrMalformed, "malformed", "token requests are posted")
	}
	if err := checkQuery(r.URL.RawQuery); err != nil {
		return nil, nil, err
	}
	q := &Request{}
	switch values := r.Header["Authorization"]; len(values) {
	case 0:
	case 1:
		scheme, rest, _ := strings.Cut(values[0], " ")
		if strings.EqualFold(scheme, "Basic") {
			q.HasBasic, q.Basic = true, strings.TrimLeft(rest, " ")
		}
	default:
		return nil, nil, Malformed("more than one Authorization header")
	}
	parse, err := parserFor(r.Header, acceptJSON)
	return q, parse, err
}

// checkQuery refuses credentials in the URL, where every proxy logs them
// ([RFC 6749, Section 2.3.1]). Any other query is the operator's.
//
// [RFC 6749, Section 2.3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
func checkQuery(query string) error {
	if strings.Contains(query, ";") {
		return Malformed("the query of the URL is malformed")
	}
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
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

// parserFor chooses the parser by the media type. Its parameters, as charset, do not
// matter: both forms are UTF-8.
func parserFor(h http.Header, acceptJSON bool) (parser, error) {
	unsupported := carrier(http.StatusUnsupportedMediaType, redoxauth.ErrMalformed, "malformed", "unsupported media type")
	if len(h["Content-Type"]) != 1 {
		return nil, unsupported
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, unsupported
	}
	mediaType, _, _ := strings.Cut(h["Content-Type"][0], ";")
	switch strings.ToLower(strings.TrimSpace(mediaType)) {
	case "application/x-www-form-urlencoded":
		return parseForm, nil
	case "application/json":
		if acceptJSON {
			return parseJSON, nil
		}
	}
	return nil, unsupported
}

// readBody reads a body of at most 64 KiB within 10 s, on the endpoint's own budget: the
// messages that stall elsewhere keep no token request out. Behind a Middleware, which has
// decided who may send a body at all, the time and the budget are that Middleware's.
func (e *Endpoint) readBody(w http.ResponseWriter, r *http.Request) (body []byte, err error) {
	return redoxauth.ReadBody(w, r.WithContext(r.Context()), e.bodies) // of a copy, as ReadBody replaces its Body
}

// parseForm is stricter than url.ParseQuery: no name twice, and few of them.
func parseForm(body []byte) (map[string]string, error) {
	parameters := make(map[string]string)
	for rest := string(body); rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || strings.Contains(pair, ";") {
			return nil, Malformed("the form is malformed")
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, Malformed("the form is malformed")
		}
		if err := add(parameters, name, value); err != nil {
			return nil, err
		}
	}
	return parameters, nil
}

// parseJSON reads an object of strings. What is none of the parameters may be anything.
func parseJSON(body []byte) (map[string]string, error) {
	object, err := jose.ParseObject(body)
	if err != nil {
		return nil, Malformed("the JSON is malformed")
	}
	parameters := make(map[string]string)
	for name, raw := range object {
		var value string
		if err := json.Unmarshal(raw, &value); err != nil {
			if isParameter[name] {
				return nil, Malformed("a parameter is not a string")
			}
			continue
		}
		if err := add(parameters, name, value); err != nil {
			return nil, err
		}
	}
	return parameters, nil
}

// isParameter are the parameters that an endpoint here reads.
var isParameter = map[string]bool{
	"grant_type": true, "scope": true, "audience": true, "resource": true,
	"client_id": true, "client_secret": true,
	"client_assertion": true, "client_assertion_type": true, "assertion": true,
}

func add(parameters map[string]string, name, value string) error {
	if _, twice := parameters[name]; twice {
		return Malformed("a parameter is repeated")
	}
	if len(parameters) == maxParameters {
		return Malformed("too many parameters")
	}
	if !utf8.ValidString(name) || !utf8.ValidString(value) {
		return Malformed("a parameter is not UTF-8")
	}
	parameters[name] = value
	return nil
}
