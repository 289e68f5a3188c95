package verifytoken

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// Handshake answers every handshake that has a token. All other requests go to next, with their
// body and unchecked: Handshake protects no message. Put [Verifier.Wrap] inside. The forms of a
// handshake are
//
//	POST  {"verification-token":"<token>","challenge":"<challenge>"}, other members allowed
//	POST  {"challenge":"<challenge>"}, with the token in the header
//	GET   ?challenge=<challenge>&verification-token=<token>
//	GET   ?challenge=<challenge>, with the token in the header
//
// An empty or null token counts as none.
//
// The answer to the right token is 200 with exactly the challenge as plain text. It is 401 if
// the token is wrong or the header holds another one, and 400 if the handshake is malformed: a
// challenge has 1 to 1024 bytes of UTF-8 without control characters.
//
// Handshake reads POST bodies of up to 4 KiB; larger ones go to next. One that breaks off is
// 400, and one that takes longer than 60 s is 503. If something in front has read the body, the
// answer is 500 (reason "body_consumed"). But if a token is in the header, such a request is a
// message, and goes to next without a body.
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

// CheckHandshake decides as [Verifier.Handshake] does, and writes no answer. Frameworks call it
// in front of [redoxauth.Check]:
//
//   - If err is not nil, answer with [redoxauth.WriteError].
//   - If handled is true, answer 200 with exactly the challenge and these headers, because a
//     peer chose it: Content-Type "text/plain; charset=utf-8", X-Content-Type-Options "nosniff",
//     Cache-Control "no-store", Content-Security-Policy "default-src 'none'".
//   - Otherwise r is no handshake: go on with r.
//
// r.Body is readable from its beginning afterwards. The read deadline of w ends a slow read, also
// when the context of r ends. w may be nil where the body is in memory, such as on AWS Lambda.
func (v *Verifier) CheckHandshake(w http.ResponseWriter, r *http.Request) (challenge string, handled bool, err error) {
	start := time.Now()
	c, readErr := readChallenge(w, r)
	id, handled, err := v.decide(r, c, readErr)
	if !handled {
		return "", false, nil
	}
	if v.observe != nil {
		seen := *r
		seen.Body = &observed{c, readErr}
		v.observe(&seen, redoxauth.Decision{Event: "handshake", Identity: id, Err: err, Status: redoxauth.StatusCode(err), Duration: time.Since(start)})
	}
	if err != nil {
		return "", true, err
	}
	return c.text, true, nil
}

// An observed body is in the request that Config.Observe gets. It is empty, because the next
// reader needs the body. It holds what Handshake has read, so that Explain works later too.
type observed struct {
	challenge *challenge // a pointer, so that printing the request does not show the token
	err       error
}

func (*observed) Read([]byte) (int, error) { return 0, io.EOF }

func (*observed) Close() error { return nil }

// decide decides about a request in which readChallenge has found c or readErr.
func (v *Verifier) decide(r *http.Request, c *challenge, readErr error) (id *redoxauth.Identity, handled bool, err error) {
	headers := r.Header[header]
	switch {
	case readErr == nil && !c.isHandshake(headers):
		return nil, false, nil
	case consumed(readErr) && strings.Join(headers, "") != "":
		return nil, false, nil // a message, whose body may be nobody's business
	case readErr != nil:
		return nil, true, within("a POST with a small body may be a handshake", readErr)
	}
	id, err = v.verifyHandshake(r, c)
	return id, true, err
}

// within says in err, which is an [redoxauth.Error], what it is about.
func within(form string, err error) error {
	var e *redoxauth.Error
	if !errors.As(err, &e) || e.Kind == nil && e.Reason == "internal" {
		return err
	}
	e = e.In(strategy)
	e.Err = fmt.Errorf("%s: %w", form, e.Err)
	return e
}

// isHandshake reports whether a token is beside c, or is in the headers and nothing but c is
// in the body.
func (c *challenge) isHandshake(headers []string) bool {
	return c != nil && (c.hasToken || c.alone && strings.Join(headers, "") != "")
}

// form says how the parts of a handshake arrived.
func (c *challenge) form(method string) string {
	where := "header"
	switch {
	case c.hasToken && method == http.MethodGet:
		where = "query"
	case c.hasToken:
		where = "body"
	}
	return fmt.Sprintf("handshake (%s, token in the %s)", method, where)
}

func (v *Verifier) verifyHandshake(r *http.Request, c *challenge) (*redoxauth.Identity, error) {
	id, err := v.matchHandshake(r, c)
	if err != nil {
		return nil, within(c.form(r.Method), err)
	}
	return id, nil
}

func (v *Verifier) matchHandshake(r *http.Request, c *challenge) (*redoxauth.Identity, error) {
	headers := r.Header[header]
	inHeader := strings.Join(headers, "")
	token := c.token
	switch {
	case v.tokens == nil:
		return nil, errZero
	case len(headers) > 1:
		return nil, v.two
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
		return nil, refused(redoxauth.ErrRejected, "token", "the verification-token header has another token, want the same in both (Redox dashboard: verification token)")
	}
	if wrong := c.check(); wrong != "" {
		return nil, refused(redoxauth.ErrMalformed, "challenge", wrong)
	}
	return id, nil
}
