package verifytoken

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

const (
	maxHandshake = 4 << 10 // bytes of a POST body; Redox's has 93
	maxChallenge = 1 << 10
	tokenName    = "verification-token"
)

// Handshake answers Redox's destination verification and passes every other request to
// next, with its body. It recognises
//
//	POST  {"verification-token":"<token>","challenge":"<challenge>"}, at most 4 KiB
//	GET   ?challenge=<challenge>&verification-token=<token>
//	GET   ?challenge=<challenge>, with the token in the header
//
// If the token matches, the answer is 200 with exactly the challenge as plain text. The
// challenge has 1 to 1024 bytes and no control characters. The answer is 401, without
// the challenge, if the token is wrong or the header holds another token. It is 400 if
// the handshake is not well formed.
//
// Handshake reads POST bodies of up to 4 KiB, within 60 s. If such a body breaks off or
// takes longer, Handshake answers 400 or 503 and calls Config.Observe. A larger body
// streams to next.
func (v *Verifier) Handshake(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		h, err := readHandshake(w, r)
		if h == nil && err == nil {
			next.ServeHTTP(w, r)
			return
		}
		d := redoxauth.Decision{Event: "handshake", Err: err}
		if err == nil {
			d.Identity, d.Err = v.verifyHandshake(r, h)
		}
		if v.observe != nil {
			d.Status, d.Duration = redoxauth.StatusCode(d.Err), time.Since(start)
			v.observe(r, d)
		}
		if d.Err != nil {
			redoxauth.WriteError(w, d.Err)
			return
		}
		writeChallenge(w, h.challenge)
	})
}

// A handshake is what Redox sends to verify a destination.
type handshake struct {
	challenge string
	token     string // of the body or the query
	inHeader  bool   // the token is in the header
}

func (v *Verifier) verifyHandshake(r *http.Request, h *handshake) (*redoxauth.Identity, error) {
	headers := r.Header[header]
	switch {
	case len(headers) > 1:
		return nil, errTwo
	case h.inHeader:
		h.token = headers[0]
	}
	id, err := v.match(r.Context(), h.token)
	if err != nil {
		return nil, err
	}
	if len(headers) == 1 && headers[0] != h.token {
		return nil, refused(redoxauth.ErrRejected, "token", "the header holds another token")
	}
	if wrong := checkChallenge(h.challenge); wrong != "" {
		return nil, refused(redoxauth.ErrMalformed, "challenge", wrong)
	}
	return id, nil
}

// writeChallenge echoes what a peer sent. The headers keep browsers and caches from using
// it as a page or a script. Plain text fits both descriptions of Redox: the challenge
// alone, and the challenge anywhere in the body.
func writeChallenge(w http.ResponseWriter, challenge string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'")
	io.WriteString(w, challenge)
}

func checkChallenge(challenge string) (wrong string) {
	switch {
	case challenge == "":
		return "the challenge is empty"
	case len(challenge) > maxChallenge:
		return "the challenge is longer than 1024 bytes"
	case !utf8.ValidString(challenge), strings.ContainsRune(challenge, utf8.RuneError), strings.ContainsFunc(challenge, unicode.IsControl):
		return "the challenge has a control character or is not UTF-8"
	}
	return ""
}

// readHandshake returns nil and no error if r is no handshake.
func readHandshake(w http.ResponseWriter, r *http.Request) (*handshake, error) {
	switch r.Method {
	case http.MethodGet:
		return fromQuery(r)
	case http.MethodPost:
		return fromBody(w, r)
	}
	return nil, nil
}

func fromQuery(r *http.Request) (*handshake, error) {
	if r.URL == nil || r.URL.RawQuery == "" {
		return nil, nil
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	tokens, challenges := q[tokenName], q["challenge"]
	if len(challenges) == 0 || len(tokens) == 0 && len(r.Header[header]) == 0 {
		return nil, nil
	}
	if err != nil || len(challenges) > 1 || len(tokens) > 1 {
		// Not err itself: it quotes the query, and the token with it.
		return nil, refused(redoxauth.ErrMalformed, "query", "the query has a repeated or malformed parameter")
	}
	if len(tokens) == 0 {
		return &handshake{challenge: challenges[0], inHeader: true}, nil
	}
	return &handshake{challenge: challenges[0], token: tokens[0]}, nil
}

// peek are the limits of reading a possible handshake. It has no budget: 4 KiB a request
// are as much as net/http holds, and messages must not depend on what strangers send.
var peek = redoxauth.Options{MaxBodyBytes: maxHandshake + 1, MaxInFlight: -1}

// fromBody reads the body of a small POST and puts it back.
func fromBody(w http.ResponseWriter, r *http.Request) (*handshake, error) {
	if r.Body == nil || r.ContentLength == 0 || r.ContentLength > maxHandshake {
		return nil, nil
	}
	head := *r
	head.Body = &part{io.LimitReader(r.Body, maxHandshake+1), r.Body}
	data, err := redoxauth.ReadBody(w, &head, &peek)
	if err != nil {
		var e *redoxauth.Error
		errors.As(err, &e)
		return nil, e.In(strategy)
	}
	r.Body = &part{io.MultiReader(bytes.NewReader(data), r.Body), r.Body}
	if len(data) > maxHandshake {
		return nil, nil
	}
	return parseHandshake(data)
}

// A part is the beginning of a body, or a body whose beginning was read.
type part struct {
	io.Reader
	whole io.ReadCloser
}

func (p *part) Close() error { return p.whole.Close() }

// Unwrap tells redoxauth who reads the connection.
func (p *part) Unwrap() io.ReadCloser { return p.whole }

// parseHandshake reads the two members of a JSON object by their exact names. Other
// members may be there. Other JSON is no handshake. Decoding into a struct would also
// accept "Challenge", and would take the last of two tokens.
func parseHandshake(data []byte) (*handshake, error) {
	if !utf8.Valid(data) {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil
	}
	found := map[string][]any{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, nil
		}
		found[name.(string)] = append(found[name.(string)], value)
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, nil
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, nil
	}
	tokens, challenges := found[tokenName], found["challenge"]
	if len(tokens) == 0 || len(challenges) == 0 {
		return nil, nil
	}
	token, isText := tokens[0].(string)
	challenge, isTextToo := challenges[0].(string)
	if !isText || !isTextToo || len(tokens) > 1 || len(challenges) > 1 {
		return nil, refused(redoxauth.ErrMalformed, "malformed", "challenge or verification-token is repeated, or is not a string")
	}
	return &handshake{challenge: challenge, token: token}, nil
}
