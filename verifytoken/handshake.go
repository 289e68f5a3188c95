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

// Handshake answers Redox's destination verification and passes everything else on to
// next, body intact. It recognises
//
//	POST  {"verification-token":"<token>","challenge":"<challenge>"}, at most 4 KiB
//	GET   ?challenge=<challenge>&verification-token=<token>
//	GET   ?challenge=<challenge>, with the token in the header
//
// and answers 200 with exactly the challenge as plain text, but only after the token
// matched. The challenge is opaque, of 1 to 1024 bytes, without control characters.
// A wrong token, and a token in the header that differs from the other, is 401 and
// nothing is echoed; a request that is a handshake but not a well-formed one is 400.
// A larger POST streams through untouched. A smaller one must arrive within 60 s; one that
// does not is answered here, 503 or 400, and shown to Config.Observe.
func (v *Verifier) Handshake(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		h, err := readHandshake(r)
		if h == nil && err == nil {
			next.ServeHTTP(w, r)
			return
		}
		var id *redoxauth.Identity
		if err == nil {
			id, err = v.verifyHandshake(r, h)
		}
		if v.observe != nil {
			v.observe(r, redoxauth.Decision{Identity: id, Err: err, Duration: time.Since(start)})
		}
		if err != nil {
			redoxauth.WriteError(w, err)
			return
		}
		writeChallenge(w, h.challenge)
	})
}

// A handshake is what Redox sends to verify a destination.
type handshake struct {
	challenge string
	token     string // of the body or the query
	inHeader  bool   // there is none: the header's counts
}

func (v *Verifier) verifyHandshake(r *http.Request, h *handshake) (*redoxauth.Identity, error) {
	headers := r.Header[header]
	switch {
	case len(headers) > 1:
		return nil, refused(redoxauth.ErrMalformed, "malformed", errors.New("more than one verification-token header"))
	case h.inHeader:
		h.token = headers[0]
	}
	id, err := v.match(r.Context(), h.token)
	if err != nil {
		return nil, err
	}
	if len(headers) == 1 && headers[0] != h.token {
		return nil, refused(redoxauth.ErrRejected, "token", errors.New("the header holds another token"))
	}
	if err := checkChallenge(h.challenge); err != nil {
		return nil, refused(redoxauth.ErrMalformed, "challenge", err)
	}
	return id, nil
}

// writeChallenge echoes what a peer sent, so nothing in it may be taken for a page, a
// script or a cacheable answer. Plain text fits both of Redox's descriptions: the
// challenge alone, and the challenge anywhere in the body.
func writeChallenge(w http.ResponseWriter, challenge string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'")
	io.WriteString(w, challenge)
}

func checkChallenge(challenge string) error {
	switch {
	case challenge == "":
		return errors.New("the challenge is empty")
	case len(challenge) > maxChallenge:
		return errors.New("the challenge is too long")
	case !utf8.ValidString(challenge), strings.ContainsRune(challenge, utf8.RuneError), strings.ContainsFunc(challenge, unicode.IsControl):
		return errors.New("the challenge has a control character or is not UTF-8")
	}
	return nil
}

// readHandshake returns nil and no error if r is no handshake.
func readHandshake(r *http.Request) (*handshake, error) {
	switch r.Method {
	case http.MethodGet:
		return fromQuery(r)
	case http.MethodPost:
		return fromBody(r)
	}
	return nil, nil
}

func fromQuery(r *http.Request) (*handshake, error) {
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	tokens, challenges := q[tokenName], q["challenge"]
	if len(challenges) == 0 || len(tokens) == 0 && len(r.Header[header]) == 0 {
		return nil, nil
	}
	if err != nil || len(challenges) > 1 || len(tokens) > 1 {
		// Not err: it would quote the query, and the token with it.
		return nil, refused(redoxauth.ErrMalformed, "query", errors.New("the query has a repeated or malformed parameter"))
	}
	if len(tokens) == 0 {
		return &handshake{challenge: challenges[0], inHeader: true}, nil
	}
	return &handshake{challenge: challenges[0], token: tokens[0]}, nil
}

// peek bounds the time that a peer may take to send a handshake. It has no budget: a few
// KiB of each request are no more than net/http itself holds, and messages that wait
// for one would depend on what strangers send.
var peek = redoxauth.Options{MaxBodyBytes: maxHandshake + 1, MaxInFlight: -1}

// fromBody looks at the body of a small POST and puts it back.
func fromBody(r *http.Request) (*handshake, error) {
	if r.Body == nil || r.ContentLength == 0 || r.ContentLength > maxHandshake {
		return nil, nil
	}
	head := *r
	head.Body = io.NopCloser(io.LimitReader(r.Body, maxHandshake+1))
	var data []byte
	if _, err := redoxauth.Check(redoxauth.VerifierFunc(func(head *http.Request) (*redoxauth.Identity, error) {
		var err error
		data, err = redoxauth.Body(head)
		return &redoxauth.Identity{}, err
	}), &head, &peek); err != nil {
		var e *redoxauth.Error
		errors.As(err, &e)
		named := *e
		named.Strategy = strategy
		return nil, &named
	}
	r.Body = &rejoined{Reader: io.MultiReader(bytes.NewReader(data), r.Body), Closer: r.Body}
	if len(data) > maxHandshake {
		return nil, nil
	}
	return parseHandshake(data)
}

// rejoined is a body whose first part was read.
type rejoined struct {
	io.Reader
	io.Closer
}

// parseHandshake reads the two members of a JSON object, by their exact names: what
// encoding/json makes of a struct would also take "Challenge", and the last of two
// tokens. Other members are allowed; anything that is not such an object is no
// handshake.
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
		return nil, refused(redoxauth.ErrMalformed, "malformed", errors.New("a member of the handshake is repeated or no string"))
	}
	return &handshake{challenge: challenge, token: token}, nil
}
