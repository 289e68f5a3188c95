package tokenendpoint

import (
	"cmp"
	"errors"
	"fmt"
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

var (
	// Answers to errors of a kind. All reasons for a wrong credential look the same to the
	// peer, so it does not learn which clients exist.
	invalidClient = answer{status: 401, code: "invalid_client", description: "client authentication failed"}
	invalidGrant  = answer{status: 400, code: "invalid_grant", description: "the assertion was refused"}
	invalidScope  = answer{status: 400, code: "invalid_scope", description: "none of the scopes can be granted"}
	unreadable    = answer{status: 400, code: "invalid_request", description: "the body cannot be read"}
	tooLarge      = answer{status: 413, code: "invalid_request", description: "the body is too large"}
	unavailable   = answer{status: 503, code: "temporarily_unavailable", description: "the request cannot be decided now"}
	fault         = answer{status: 500, code: "server_error", description: "the request could not be decided"}

	// Answers to single causes.
	notPosted        = answer{status: 405, code: "invalid_request", description: "token requests are posted"}
	wrongMediaType   = answer{status: 415, code: "invalid_request", description: "unsupported media type"}
	unsupportedGrant = answer{status: 400, code: "unsupported_grant_type", description: "this grant type is not supported"}
	invalidTarget    = answer{status: 400, code: "invalid_target", description: "no tokens are issued for this resource or audience"}
)

// answerTo decides how err is answered: by the answer that it names as its cause, or else
// by its kind. If a credential was wrong, it also counts that.
func (e *Endpoint) answerTo(err *redoxauth.Error, r *http.Request, q *Request) (a answer) {
	switch kind := redoxauth.StatusCode(err); {
	case errors.As(err, &a):
	case kind == http.StatusUnauthorized && e.cfg.Challenge == "":
		a = invalidGrant
	case kind == http.StatusUnauthorized:
		a = invalidClient
		a.challenge = e.cfg.Challenge
		if q.HasBasic { // RFC 6749, Section 5.2, asks for the scheme that the client used
			a.challenge = BasicChallenge
		}
	case kind == http.StatusForbidden:
		a = invalidScope
	case kind == http.StatusBadRequest:
		a = unreadable
	case kind == http.StatusRequestEntityTooLarge:
		a = tooLarge
	case kind == http.StatusServiceUnavailable:
		a = unavailable
		a.retryAfter = cmp.Or(max(err.RetryAfter, 0), 10*time.Second)
	default:
		a = fault
	}
	var wrong wrongCredential
	if errors.As(err, &wrong) {
		if wait := e.failures.add(wrong.client, peer(r), e.cfg.Now()); wait > 0 {
			a.status, a.retryAfter = http.StatusTooManyRequests, wait
		}
	}
	return a
}

// Error makes an answer the cause of an error.
func (a answer) Error() string { return a.description }

func (a answer) body() []byte {
	return encode(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{a.code, a.description})
}

// InvalidRequest is the cause of a [redoxauth.ErrMalformed]. The peer gets the description: a fixed
// text in the characters that RFC 6749 allows.
func InvalidRequest(description string) error {
	return answer{status: http.StatusBadRequest, code: "invalid_request", description: description}
}

// Malformed returns the error of a request that cannot be read, or that contradicts
// itself. The description is that of [InvalidRequest].
func Malformed(description string) *redoxauth.Error {
	return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%w", InvalidRequest(description))
}

// wrongCredential is the cause of an error that counts.
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

// Quote returns what a peer sent in a form that is fit for the operator's log: short, and
// on one line.
func Quote(s string) string {
	const most = 64
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return strconv.Quote(s[:most]) + "..."
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
