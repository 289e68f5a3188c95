package verifytoken

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

const (
	maxHandshake  = 4 << 10 // bytes of a POST body; Redox's has 93
	maxChallenge  = 1 << 10
	tokenName     = "verification-token"
	challengeName = "challenge"
)

// Challenge answers the handshake of a destination that has a credential and no verification
// token. It answers only requests that a wrapper around it has accepted, which it sees by their
// [redoxauth.Identity], and of these only
//
//	POST  {"challenge":"<challenge>"}; "verification-token" may be null or ""
//	GET   ?challenge=<challenge>
//
// It answers and reads bodies as [Verifier.Handshake] does. Everything else goes to next, such as
// an object with other members. The Observe of the wrapper takes these handshakes for messages.
//
// Without [http.Handler], give it the request of [redoxauth.Check]. If next is called, go on
// with the request that next gets. Otherwise the handshake is answered. See
// examples/frameworks/gin.
func Challenge(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, accepted := redoxauth.FromContext(r.Context()); accepted {
			c, err := readChallenge(w, r)
			if err != nil && !consumed(err) { // else next has what was read in front of it
				redoxauth.WriteError(w, err)
				return
			}
			if c != nil && c.alone && c.malformed == nil && c.check() == "" {
				writeChallenge(w, c.text)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// writeChallenge echoes what a peer sent. The headers keep browsers and caches from using
// it as a page or a script. Plain text fits both descriptions of Redox: the challenge
// alone, and the challenge anywhere in the body.
func writeChallenge(w http.ResponseWriter, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'")
	io.WriteString(w, text)
}

// A challenge is what a request asks its receiver to repeat.
type challenge struct {
	text      string
	alone     bool   // nothing but a null or empty token is beside it in the body
	hasToken  bool   // a token is beside it, in the body or the query
	token     string // that one
	malformed error  // of the challenge or the token
}

func (c *challenge) check() (wrong string) {
	switch {
	case c.text == "":
		return "the challenge is empty, want 1 to 1024 bytes"
	case len(c.text) > maxChallenge:
		return fmt.Sprintf("the challenge has %d bytes, want 1 to 1024", len(c.text))
	}
	for i, char := range c.text {
		switch {
		case char == utf8.RuneError:
			return fmt.Sprintf("the challenge is not UTF-8 at byte %d, want UTF-8", i)
		case unicode.IsControl(char):
			return fmt.Sprintf("the challenge has the control character %U at byte %d, want none", char, i)
		}
	}
	return ""
}

// readChallenge returns nil and no error if r has no challenge.
func readChallenge(w http.ResponseWriter, r *http.Request) (*challenge, error) {
	switch r.Method {
	case http.MethodGet:
		return fromQuery(r), nil
	case http.MethodPost:
		return fromBody(w, r)
	}
	return nil, nil
}

// fromQuery does not care about other parameters. They may be in the URL of the destination.
func fromQuery(r *http.Request) *challenge {
	if r.URL == nil || r.URL.RawQuery == "" {
		return nil
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	challenges, tokens := q[challengeName], q[tokenName]
	if len(challenges) == 0 {
		return nil
	}
	c := &challenge{text: challenges[0], alone: true, token: strings.Join(tokens, "")}
	c.hasToken = c.token != ""
	wrong := cmp.Or(repeated(challengeName, len(challenges)), repeated(tokenName, len(tokens)))
	if err != nil { // not err itself: it quotes the query, and the token with it
		wrong = `the query has a "%" that starts no escape, or a semicolon, want neither`
	}
	if wrong != "" {
		c.malformed = refused(redoxauth.ErrMalformed, "query", wrong)
	}
	return c
}

func repeated(name string, times int) (wrong string) {
	if times > 1 {
		return fmt.Sprintf("%s is there %d times, want it once", name, times)
	}
	return ""
}

// peek are the limits of reading a possible handshake. It has no budget: 4 KiB a request
// are as much as net/http holds, and messages must not depend on what strangers send.
var peek = redoxauth.Options{MaxBodyBytes: maxHandshake + 1, MaxInFlight: -1}

// fromBody reads the body of a small POST and puts it back.
func fromBody(w http.ResponseWriter, r *http.Request) (*challenge, error) {
	if r.ContentLength > maxHandshake {
		return nil, nil
	}
	head, hasBody := *r, r.Body != nil && r.Body != http.NoBody
	if hasBody {
		head.Body = &part{io.LimitReader(r.Body, maxHandshake+1), r.Body}
		// What decompresses or trims the body in front may leave a ContentLength that is too
		// large. Such a body is passed on as it is. An adapter of a framework may set none.
		head.ContentLength = -1
	}
	data, err := redoxauth.ReadBody(w, &head, &peek)
	if err == nil && len(data) == 0 && r.ContentLength > 0 { // nothing is left of it
		head.Body, head.ContentLength = http.NoBody, r.ContentLength
		_, err = redoxauth.ReadBody(w, &head, &peek)
	}
	switch {
	case err != nil:
		var e *redoxauth.Error
		errors.As(err, &e)
		return nil, e.In(strategy)
	case !hasBody:
		return nil, nil
	case len(data) > maxHandshake:
		r.Body = &part{io.MultiReader(bytes.NewReader(data), r.Body), r.Body}
		return nil, nil
	}
	r.Body = complete{bytes.NewReader(data), r.Body}
	return fromObject(data), nil
}

// A part is the beginning of a body, or a body whose beginning was read.
type part struct {
	io.Reader
	whole io.ReadCloser
}

func (p *part) Close() error { return p.whole.Close() }

// Unwrap tells redoxauth who reads the connection.
func (p *part) Unwrap() io.ReadCloser { return p.whole }

// A complete body was read to its end. It has no Unwrap, because nobody reads the connection
// any more.
type complete struct {
	*bytes.Reader
	io.Closer
}

// consumed reports whether err is about a body that something in front has read.
func consumed(err error) bool {
	var e *redoxauth.Error
	return errors.As(err, &e) && e.Reason == "body_consumed"
}

// fromObject reads the two members of a JSON object by their exact names. It returns nil for
// other JSON. Decoding into a struct would also accept "Challenge", and would take the last
// of two tokens.
func fromObject(data []byte) *challenge {
	if !utf8.Valid(data) {
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // a byte order mark (RFC 8259, Section 8.1)
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var challenges, tokens []any
	others := false
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil
		}
		switch name {
		case challengeName:
			challenges = append(challenges, value)
		case tokenName:
			tokens = append(tokens, value)
		default:
			others = true
		}
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil
	}
	if _, err := d.Token(); err != io.EOF {
		return nil
	}
	if len(challenges) == 0 {
		return nil
	}
	c := &challenge{}
	wrong := cmp.Or(repeated(challengeName, len(challenges)), repeated(tokenName, len(tokens)))
	for _, token := range tokens {
		if token != nil && token != "" {
			c.hasToken = true
			c.token, _ = token.(string)
			wrong = cmp.Or(wrong, noText(tokenName, token))
		}
	}
	c.text, _ = challenges[0].(string)
	wrong = cmp.Or(wrong, noText(challengeName, challenges[0]))
	c.alone = !others && !c.hasToken
	if wrong != "" {
		c.malformed = refused(redoxauth.ErrMalformed, "malformed", wrong)
	}
	return c
}

func noText(name string, value any) (wrong string) {
	kind := ""
	switch value.(type) {
	case string:
		return ""
	case nil:
		kind = "null"
	case bool:
		kind = "a boolean"
	case float64:
		kind = "a number"
	case []any:
		kind = "an array"
	default:
		kind = "an object"
	}
	return fmt.Sprintf("%s is %s, want a string", name, kind)
}
