package verifytoken

import (
	"net/http"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// Handshake answers Redox's destination verification and passes every other request to
// next, with its body. It is the outermost wrapper, and recognises
//
//	POST  {"verification-token":"<token>","challenge":"<challenge>"}, at most 4 KiB
//	POST  {"challenge":"<challenge>"}, with the token in the header
//	GET   ?challenge=<challenge>&verification-token=<token>
//	GET   ?challenge=<challenge>, with the token in the header
//
// In the first form the object may have other members. In the second an object with other
// members is a message. In all forms an empty token counts as none, and so does null. A byte
// order mark in front of an object is skipped.
// A request without a token is no handshake here; see [Challenge].
//
// If the token matches, the answer is 200 with exactly the challenge as plain text. The
// challenge has 1 to 1024 bytes and no control characters. The answer is 401, without
// the challenge, if the token is wrong or the header holds another token. It is 400 if
// the handshake is not well formed.
//
// Handshake reads POST bodies of up to 4 KiB, within 60 s. If such a body breaks off or
// takes longer, Handshake answers 400 or 503 and calls Config.Observe. A larger body
// streams to next. If something in front has read the body, and no token is in the header,
// the answer is 500 (reason "body_consumed"): put Handshake in front of it. With a token in
// the header the request is a message: Wrap accepts it, and your handler gets an empty body.
func (v *Verifier) Handshake(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch challenge, handled, err := v.CheckHandshake(w, r); {
		case err != nil:
			redoxauth.WriteError(w, err)
		case handled:
			writeChallenge(w, challenge)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// CheckHandshake decides as [Verifier.Handshake] does, and writes no answer. It is for
// frameworks, in front of [redoxauth.Check]:
//
//   - If err is not nil, answer with [redoxauth.WriteError]. handled is true.
//   - If handled is true, answer 200 with exactly the challenge and these headers, because a
//     challenge is text that a peer chose: Content-Type "text/plain; charset=utf-8",
//     X-Content-Type-Options "nosniff", Cache-Control "no-store", Content-Security-Policy
//     "default-src 'none'".
//   - Otherwise r is no handshake: go on with r. Its body is complete.
//
// CheckHandshake calls Config.Observe for each handshake. r.Body is readable from its
// beginning afterwards, also that of an answered handshake. w is the writer of the request's
// answer. Its read deadline ends a read that takes longer than 60 s or than the context of
// r. w may be nil where the body is in memory, such as on AWS Lambda; see [redoxauth.Check].
func (v *Verifier) CheckHandshake(w http.ResponseWriter, r *http.Request) (challenge string, handled bool, err error) {
	start := time.Now()
	c, err := readChallenge(w, r)
	switch headers := r.Header[header]; {
	case err == nil && !c.isHandshake(headers):
		return "", false, nil
	case consumed(err) && strings.Join(headers, "") != "":
		return "", false, nil // a message, whose body may be nobody's business
	}
	d := redoxauth.Decision{Event: "handshake", Err: err}
	if err == nil {
		d.Identity, d.Err = v.verifyHandshake(r, c)
	}
	if v.observe != nil {
		d.Status, d.Duration = redoxauth.StatusCode(d.Err), time.Since(start)
		seen := *r
		seen.Body = observed{c, err} // the next reader needs the body
		v.observe(&seen, d)
	}
	if d.Err != nil {
		return "", true, d.Err
	}
	return c.text, true, nil
}

// isHandshake reports whether a token is beside c, or is in the headers and nothing but c is
// in the body.
func (c *challenge) isHandshake(headers []string) bool {
	return c != nil && (c.hasToken || c.alone && strings.Join(headers, "") != "")
}

func (v *Verifier) verifyHandshake(r *http.Request, c *challenge) (*redoxauth.Identity, error) {
	headers := r.Header[header]
	inHeader := strings.Join(headers, "")
	token := c.token
	switch {
	case len(headers) > 1:
		return nil, errTwo
	case c.malformed != nil:
		return nil, c.malformed
	case !c.hasToken:
		token = inHeader
	}
	id, err := v.match(r.Context(), token)
	if err != nil {
		return nil, err
	}
	if inHeader != "" && inHeader != token {
		return nil, errOther
	}
	if wrong := c.check(); wrong != "" {
		return nil, refused(redoxauth.ErrMalformed, "challenge", wrong)
	}
	return id, nil
}
