package verifytoken

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
)

// An observed body is in the request that Config.Observe gets. It is empty, and holds what the
// handshake was, for [Verifier.Explain].
type observed struct {
	c   *challenge
	err error // of reading it
}

func (observed) Read([]byte) (int, error) { return http.NoBody.Read(nil) }

func (observed) Close() error { return nil }

// Explain tells an operator what v makes of r, a handshake or a message, and what to change in
// the dashboard or in Config; see [redoxauth.Explain]. The text has lengths and positions of
// tokens, and never a byte of one. It looks for a token that arrived changed, in another header,
// in the query, or as a bearer token.
//
// Like [Verifier.Handshake] it reads the body of a small POST, and the handler can still read it.
// With TokensFunc it uses the list that is loaded.
func (v *Verifier) Explain(r *http.Request) string {
	if v == nil || v.tokens == nil {
		return errZero.Error() + "\n"
	}
	// As decided here, r is a copy that calls nothing.
	loaded := r.WithContext(rotation.LoadedOnly(r.Context()))
	e := explanation{request: loaded}
	e.digests, e.unavailable = v.tokens.Get(loaded.Context())
	c, unread := readAgain(r)
	headers := r.Header[header]
	var id *redoxauth.Identity
	var err error
	_, seen := r.Body.(observed)
	handshake := seen || c.isHandshake(headers)
	switch {
	case seen && unread != nil:
		err = unread
	case handshake:
		id, err = v.verifyHandshake(loaded, c)
	default:
		id, err = v.Verify(loaded)
	}
	if err != nil {
		e.fact("%v", err)
	} else {
		e.fact("%s: accepted: %v", strategy, id)
	}
	e.kind(r, c, handshake, unread)
	e.tokens(headers, c)
	if err != nil {
		e.search(r, c)
	}
	return e.text()
}

// readAgain returns the challenge of r, also of the request that Observe got. The error says why
// the body shows none.
func readAgain(r *http.Request) (*challenge, error) {
	if seen, ok := r.Body.(observed); ok {
		return seen.c, seen.err
	}
	return readChallenge(nil, r)
}

// An explanation is what Explain returns.
type explanation struct {
	request     *http.Request
	digests     []digest
	unavailable error // why there are none
	facts       []string
	hints       []string
}

func (e *explanation) fact(format string, args ...any) {
	e.facts = append(e.facts, fmt.Sprintf(format, args...))
}

func (e *explanation) hint(format string, args ...any) {
	if hint := fmt.Sprintf(format, args...); !slices.Contains(e.hints, hint) {
		e.hints = append(e.hints, hint)
	}
}

func (e *explanation) text() string {
	text := strings.Join(e.facts, "\n") + "\n"
	if len(e.hints) > 0 {
		text += "\nhints:\n- " + strings.Join(e.hints, "\n- ") + "\n"
	}
	return text
}

// kind says what r was taken for, and why.
func (e *explanation) kind(r *http.Request, c *challenge, handshake bool, unread error) {
	switch {
	case handshake && c == nil:
		e.fact("read as: what may be a handshake, but its body could not be read")
	case handshake && r.Method == http.MethodGet:
		e.fact("read as: a handshake by GET, with a challenge of %d bytes in the query", len(c.text))
	case handshake:
		e.fact("read as: a handshake by POST, with a challenge of %d bytes in the body", len(c.text))
	case c != nil && c.alone:
		e.fact("read as: a challenge without a token: the credential must prove it")
		e.hint("if the destination has no verification token, put verifytoken.Challenge inside the wrapper of the credential; otherwise choose the token in the dashboard")
	case r.Method == http.MethodGet:
		e.fact("read as: a message, because the query has no challenge; but Redox posts messages: received the method GET, want POST")
	default:
		e.fact("read as: a message, received by %+q; its token is in the header verification-token", bounded(r.Method))
	}
	if consumed(unread) && !handshake {
		e.fact("body: empty, though Content-Length is %d: if this is not the request that Observe got, something in front has read the body, "+
			"and a handshake with its token there cannot be seen", r.ContentLength)
	}
}

// tokens says where tokens arrived, and how many are configured.
func (e *explanation) tokens(headers []string, c *challenge) {
	switch len(headers) {
	case 0:
		e.fact("header verification-token: absent")
	case 1:
		e.fact("header verification-token: %d bytes", len(headers[0]))
	default:
		e.fact("header verification-token: %d of them, want one", len(headers))
	}
	if c != nil && c.hasToken {
		e.fact("verification-token beside the challenge: %d bytes", len(c.token))
	}
	if e.unavailable != nil {
		e.fact("configured: %v", e.unavailable)
		return
	}
	e.fact("configured: %d in Config.Tokens or from Config.TokensFunc (Redox dashboard: verification token)", len(e.digests))
}

// The places where a token belongs.
const (
	inHeader    = "the header verification-token"
	inHandshake = "verification-token beside the challenge"
)

// maxSearched bounds the values that are compared, and so the hashes, to a thousand.
const maxSearched = 60

// search compares what arrived, in any place and in several forms, with the configured tokens.
func (e *explanation) search(r *http.Request, c *challenge) {
	if len(e.digests) == 0 {
		return
	}
	left := maxSearched
	look := func(where, value string) {
		if left--; left >= 0 && value != "" && len(value) <= maxToken {
			e.compare(where, value)
		}
	}
	for _, value := range r.Header[header] {
		look(inHeader, value)
	}
	if c != nil && c.hasToken {
		look(inHandshake, c.token)
	}
	if r.URL != nil {
		for name, values := range r.URL.Query() {
			for _, value := range values {
				look(fmt.Sprintf("the parameter %+q of the query", bounded(name)), value)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			if name != header {
				look(fmt.Sprintf("the header %+q", bounded(name)), value)
			}
		}
	}
	if left < 0 {
		e.fact("more headers and parameters than %d: the rest was not compared with the tokens", maxSearched)
	}
}

// compare names the form of value that is a configured token.
func (e *explanation) compare(where, value string) {
	elsewhere := "; want it in the header verification-token: the sender has another name for it, or something on the way renames or drops headers"
	if where == inHeader || where == inHandshake {
		elsewhere = ""
	}
	if i := position(e.digests, value); i >= 0 {
		if elsewhere != "" {
			e.hint("%s holds the token at position %d%s", where, i, elsewhere)
		}
		return
	}
	for _, form := range forms {
		if changed := form.change(value); changed != value && changed != "" {
			if i := position(e.digests, changed); i >= 0 {
				e.hint("%s holds the token at position %d %s%s", where, i, form.how, elsewhere)
				return
			}
		}
	}
}

// forms are the ways in which a token changes between two settings. change returns "" if there
// is no such form.
var forms = []struct {
	how    string
	change func(string) string
}{
	{"with white space or invisible characters around it: correct it in the dashboard", func(s string) string { return strings.TrimFunc(s, isBlank) }},
	{"with quotes around it: remove them in the dashboard", unquoted},
	{`with "Bearer " in front`, withoutScheme},
	{"URL-encoded: want it as it is", func(s string) string { decoded, _ := url.PathUnescape(s); return decoded }},
	{"URL-encoded as in a form: want it as it is", func(s string) string { decoded, _ := url.QueryUnescape(s); return decoded }},
	{"in base64: want it as it is", func(s string) string { decoded, _ := base64.StdEncoding.DecodeString(s); return string(decoded) }},
	{"in hex: want it as it is", func(s string) string { decoded, _ := hex.DecodeString(s); return string(decoded) }},
	{"but for upper and lower case: the configured one is in lower case", strings.ToLower},
	{"but for upper and lower case: the configured one is in upper case", strings.ToUpper},
	{"twice or in a list: something on the way has joined two headers", func(s string) string { first, _, _ := strings.Cut(s, ","); return first }},
	{"without the quotes that the configured one has around it: remove them in Config.Tokens", func(s string) string { return `"` + s + `"` }},
	{"without the quotes that the configured one has around it: remove them in Config.Tokens", func(s string) string { return "'" + s + "'" }},
	{"and the configured one is its base64 form: configure the token itself", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"and the configured one is its URL-encoded form: configure the token itself", url.QueryEscape},
}

func unquoted(s string) string {
	for _, quote := range []string{`"`, "'", "`"} {
		if inner, ok := strings.CutPrefix(s, quote); ok {
			if inner, ok = strings.CutSuffix(inner, quote); ok {
				return inner
			}
		}
	}
	return ""
}

func withoutScheme(s string) string {
	const scheme = "bearer "
	if len(s) > len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
		return strings.TrimSpace(s[len(scheme):])
	}
	return ""
}

// bounded shortens a name that a peer chose.
func bounded(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}
