package redoxauth

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The kinds of error. An error of a [Verifier] wraps one of them; match with [errors.Is]. If it
// wraps none, the status is 500: the Verifier has a fault, or something in front has read the
// body.
var (
	ErrNoCredentials = errors.New("redoxauth: no credentials")        // 401
	ErrRejected      = errors.New("redoxauth: credentials rejected")  // 401
	ErrForbidden     = errors.New("redoxauth: insufficient scope")    // 403
	ErrMalformed     = errors.New("redoxauth: malformed request")     // 400
	ErrTooLarge      = errors.New("redoxauth: body too large")        // 413
	ErrUnavailable   = errors.New("redoxauth: cannot be decided now") // 503
)

// kinds are in order of precedence: if an error wraps several of them, the first counts.
var kinds = [...]struct {
	err    error
	status int
	reason Reason // of an error that names none
}{
	{ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
	{ErrTooLarge, http.StatusRequestEntityTooLarge, "body_size"},
	{ErrForbidden, http.StatusForbidden, "scope"},
	{ErrMalformed, http.StatusBadRequest, "malformed"},
	{ErrRejected, http.StatusUnauthorized, "rejected"},
	{ErrNoCredentials, http.StatusUnauthorized, "missing"},
}

// An Error is the error of a Verifier. Kind and Challenge are for the peer, Reason and Err for
// the operator. It never holds a token, a key, a signature or a whole header.
type Error struct {
	Kind       error         // one of the kinds, such as ErrRejected
	Strategy   string        // the package that decided, such as "sigv4"
	Reason     Reason        // for metrics
	Challenge  string        // the value of WWW-Authenticate; if it is empty, a 401 gets Redox realm="redox"
	RetryAfter time.Duration // of ErrUnavailable; zero: Options.RetryAfter
	Err        error         // the cause, if there is more to say

	protoMajor int // of the request; zero if Check and ReadBody have not seen it
}

// Errorf returns an [*Error] whose Err is fmt.Errorf(format, args...), or nil if format is
// empty. The text must not hold a secret. A nil kind means a fault of the Verifier: the status
// is 500.
func Errorf(kind error, reason Reason, format string, args ...any) *Error {
	e := &Error{Kind: kind, Reason: reason}
	if format != "" {
		e.Err = fmt.Errorf(format, args...)
	}
	return e
}

// In returns a copy of e whose Strategy is strategy.
func (e *Error) In(strategy string) *Error {
	c := *e
	c.Strategy = strategy
	return &c
}

// A Reason is a short stable word for metrics: it says why a request was refused. The
// list may grow.
//
//	missing         no credential of this kind
//	malformed       a credential or its header cannot be read
//	rejected        refused by a Verifier that gives no reason
//	internal        a fault of a Verifier, such as a panic
//	unavailable     a dependency failed
//	token           the verification token is not configured
//	challenge       the handshake's challenge is missing, too long or unprintable
//	signature       the signature does not verify
//	algorithm       the algorithm is not accepted
//	unknown_key     the key ID names no configured key, or more than one
//	keys            the public keys cannot be fetched
//	issuer          issued by another issuer
//	subject         issued for another subject
//	client          the client is unknown, or its credentials are wrong
//	audience        issued for another audience
//	type            another kind of token
//	expired         past its expiry
//	not_yet_valid   before its start, or issued in the future
//	lifetime        valid for longer than accepted
//	clock_skew      the request's date is too far from the clock
//	stale           the same, but the signature holds: an old request is repeated
//	scope           a scope is missing
//	inactive        the authorization server says that the token is not active
//	binding         bound to a key or certificate that this server cannot check
//	replayed        used before
//	replay_store    the replay store failed or is full
//	region          signed for another AWS region
//	service         signed for another AWS service
//	unsigned_header a header that must be signed is not
//	payload         the body does not match its declared hash
//	host            signed for another host
//	path            the path has no canonical form
//	query           the query has no canonical form, or credentials are in it
//	session_token   the session token is missing, unexpected or wrong
//	body_size       the body is larger than Options.MaxBodyBytes
//	body_timeout    the body did not arrive within Options.BodyTimeout or ReadTimeout
//	body_read       the body broke off
//	body_consumed   something in front has read the body: see "How wrappers nest"
//	busy            Options.MaxInFlight or the budget of outgoing calls is used up
//	canceled        the request's context ended
//	secrets         the function that supplies the secrets failed
type Reason string

// Error returns one line: strategy, kind, reason and cause.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Strategy != "" {
		b.WriteString(e.Strategy)
	} else {
		b.WriteString("redoxauth")
	}
	if e.Kind != nil {
		b.WriteString(": ")
		b.WriteString(strings.TrimPrefix(e.Kind.Error(), "redoxauth: "))
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, " (%s)", e.Reason)
	}
	if e.Err != nil {
		if cause := e.Err.Error(); e.Kind == nil || cause != e.Kind.Error() {
			b.WriteString(": ")
			b.WriteString(cause)
		}
	}
	return b.String()
}

// Unwrap returns Kind and Err, so that errors.Is matches both.
func (e *Error) Unwrap() []error {
	errs := make([]error, 0, 2)
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// unknown is the kind of an error that wraps none of kinds.
const unknown = len(kinds)

// find returns the kind of err, as an index into kinds, and the Error that names it, if
// there is one. The Kind of an Error decides, whatever its cause wraps.
func find(err error) (kind int, e *Error) {
	kind = unknown
	switch x := err.(type) {
	case nil:
		return unknown, nil
	case *Error:
		if x == nil {
			return unknown, nil
		}
		said := x.Kind
		if said == nil {
			said = x.Err
		}
		kind, _ = find(said)
		return kind, x
	case interface{ Unwrap() error }:
		kind, e = find(x.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range x.Unwrap() {
			if k, found := find(err); k < kind {
				kind, e = k, found
			}
		}
	}
	matcher, _ := err.(interface{ Is(error) bool })
	for i := range kind {
		if err == kinds[i].err || matcher != nil && matcher.Is(kinds[i].err) {
			return i, nil
		}
	}
	return kind, e
}

// classify returns err as an Error with a reason, and with a kind if err has one. It
// returns err itself if that is such an Error.
func classify(err error) *Error {
	i, e := find(err)
	var kind error
	reason := Reason("internal")
	if i != unknown {
		kind, reason = kinds[i].err, kinds[i].reason
	}
	var c Error
	if e != nil {
		c = *e
	}
	c.Kind, c.Reason = kind, cmp.Or(c.Reason, reason)
	if bare, _ := err.(*Error); bare == nil && err != kind { // keep what was wrapped around e
		_ = err.Error() // a typed nil panics here, where verify recovers
		c.Err = err
	} else if bare != nil && bare.Kind == kind && bare.Reason == c.Reason {
		return bare
	}
	return &c
}

// StatusCode returns the HTTP status for err: 200 for nil, and 500 for an error without a kind.
func StatusCode(err error) int {
	if err == nil {
		return http.StatusOK
	}
	if kind, _ := find(err); kind != unknown {
		return kinds[kind].status
	}
	return http.StatusInternalServerError
}

// unread reports whether the body of the refused request was not read to its end.
func (e *Error) unread() bool {
	switch e.Reason {
	case "body_timeout", "canceled", "body_size", "busy":
		return true
	}
	return false
}

// defaultChallenge is for verifiers that set none: a 401 must have a challenge.
const defaultChallenge = `Redox realm="redox"`

// WriteError answers a request that was refused with err: the status, WWW-Authenticate,
// Retry-After, and one fixed line.
func WriteError(w http.ResponseWriter, err error) {
	status := StatusCode(err)
	_, e := find(err)
	if e == nil {
		e = &Error{}
	}
	h := w.Header()
	challenge := e.Challenge
	if challenge == "" && status == http.StatusUnauthorized {
		challenge = defaultChallenge
	}
	if challenge != "" {
		h.Set("WWW-Authenticate", challenge)
	}
	if status == http.StatusServiceUnavailable {
		wait := positive(e.RetryAfter, defaultRetryAfter)
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	if e.unread() && e.protoMajor < 2 {
		// Without the header net/http reads the rest of the body before it sends the
		// answer, and the peer may stall. In HTTP/2 a body is a stream of its own, and
		// the header would end all streams of the connection.
		h.Set("Connection", "close")
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	fmt.Fprintln(w, http.StatusText(status))
}
