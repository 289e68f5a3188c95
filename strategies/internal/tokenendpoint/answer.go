package tokenendpoint

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// Challenges for [Config]. RedoxChallenge is for clients without a secret: a 401 must name
// a scheme, and there is none for assertions.
const (
	BasicChallenge = `Basic realm="redox"`
	RedoxChallenge = `Redox realm="redox"`
)

// An answer tells the peer why it gets no token ([RFC 6749, Section 5.2]).
//
// [RFC 6749, Section 5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
type answer struct {
	status      int
	code        string // the parameter error
	description string // the parameter error_description: fixed text, never what was sent
	challenge   string // of a 401
	retryAfter  time.Duration
}

// answers holds the answers to errors, by the [redoxauth.StatusCode] of the error's kind.
// All reasons for a 401 look the same to the peer, so it does not learn which clients
// exist.
var answers = map[int]answer{
	401: {status: 401, code: "invalid_client", description: "client authentication failed"},
	403: {status: 400, code: "invalid_scope", description: "none of the scopes can be granted"},
	400: {status: 400, code: "invalid_request", description: "the body cannot be read"},
	413: {status: 413, code: "invalid_request", description: "the body is too large"},
	503: {status: 503, code: "temporarily_unavailable", description: "the request cannot be decided now"},
	500: {status: 500, code: "server_error", description: "the request could not be decided"},
}

// These answers are causes of errors whose kind does not decide the answer. [InvalidRequest]
// returns others.
var (
	notPosted        = answer{status: 405, code: "invalid_request", description: "token requests are posted"}
	wrongMediaType   = answer{status: 415, code: "invalid_request", description: "unsupported media type"}
	unsupportedGrant = answer{status: 400, code: "unsupported_grant_type", description: "this grant type is not supported"}
	invalidTarget    = answer{status: 400, code: "invalid_target", description: "no tokens are issued for this resource or audience"}
)

// answerTo decides the answer to err: the one that is a cause of err, or else the one for
// its kind. It also counts wrong credentials. It returns err, and says so in it if there were
// too many.
func (e *Endpoint) answerTo(err *redoxauth.Error, r *http.Request, q *Request) (a answer, _ *redoxauth.Error) {
	if !errors.As(err, &a) {
		a = answers[redoxauth.StatusCode(err)]
	}
	switch {
	case a.status == http.StatusUnauthorized && e.cfg.Challenge == "":
		a = answer{status: 400, code: "invalid_grant", description: "the assertion was refused"}
	case a.status == http.StatusUnauthorized && q.HasBasic:
		a.challenge = BasicChallenge // RFC 6749, Section 5.2: the scheme that the client used
	case a.status == http.StatusUnauthorized:
		a.challenge = e.cfg.Challenge
	case a.status == http.StatusServiceUnavailable:
		a.retryAfter = cmp.Or(max(err.RetryAfter, 0), 10*time.Second)
	}
	var wrong wrongCredential
	if errors.As(err, &wrong) {
		if wait := e.failures.add(wrong.client, peer(r), e.cfg.Now()); wait > 0 {
			a.status, a.retryAfter = http.StatusTooManyRequests, wait
			limited := *err
			limited.Err = tooMany{err.Err, wait}
			err = &limited
		}
	}
	return a, err
}

// tooMany is the cause of an error that is answered 429. Many guesses make many of them, so
// the text is written when it is read.
type tooMany struct {
	error
	wait time.Duration
}

func (t tooMany) Unwrap() error { return t.error }

func (t tooMany) Error() string {
	return fmt.Sprintf("%v; answered 429, because more than %d wrong credentials of one client came from one address within %v (fixed): this ends in %v, and a right credential passes meanwhile",
		t.error, failuresMost, failuresWindow, t.wait.Round(time.Second))
}

// Error makes an answer the cause of an error.
func (a answer) Error() string { return a.description }

func (a answer) body() []byte {
	return encode(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{a.code, a.description})
}

func write(w http.ResponseWriter, a answer, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	switch a.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", a.challenge)
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodPost)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(a.retryAfter.Seconds()))))
	}
	w.WriteHeader(a.status)
	w.Write(body)
}

// InvalidRequest is the cause of a [redoxauth.ErrMalformed]. The peer gets the description.
// It must be a fixed text in the characters that RFC 6749 allows.
func InvalidRequest(description string) error {
	return answer{status: http.StatusBadRequest, code: "invalid_request", description: description}
}

// Malformed returns the error of a request that cannot be read, or that contradicts
// itself. The description is that of [InvalidRequest]. The rest is for the operator alone.
func Malformed(description, format string, args ...any) *redoxauth.Error {
	return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%w: "+format, append([]any{InvalidRequest(description)}, args...)...)
}

// wrongCredential is the cause of an error that answerTo counts.
type wrongCredential struct {
	client string
	error
}

func (w wrongCredential) Unwrap() error { return w.error }

// WrongCredential returns an error that counts as a wrong credential of the client. Too
// many from one peer are answered 429. The client is the one that the request claims to
// come from.
func WrongCredential(client string, kind error, reason redoxauth.Reason, format string, args ...any) *redoxauth.Error {
	return redoxauth.Errorf(kind, reason, "%w", wrongCredential{client, fmt.Errorf(format, args...)})
}

// failure returns err as an Error. An Error of no known kind is a fault of ours.
func (e *Endpoint) failure(err error) *redoxauth.Error {
	var f *redoxauth.Error
	if !errors.As(err, &f) {
		f = redoxauth.Errorf(nil, "internal", "%w", err)
	}
	return f.In(e.cfg.Strategy)
}

func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
