package token

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

const defaultRetryAfter = 10 * time.Second

// A Refusal is an answer that issues no token ([RFC 6749, Section 5.2]). The peer
// gets Status, Code and Description; the operator gets Err.
//
// [RFC 6749, Section 5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
type Refusal struct {
	Status      int
	Code        string // the parameter "error"
	Description string // fixed text of the characters that RFC 6749 allows: never what was sent
	Challenge   string // WWW-Authenticate of a 401
	RetryAfter  time.Duration
	Unread      bool   // the body was not read, or not all of it
	Wrong       bool   // a credential was wrong
	Client      string // whose, as claimed
	Err         *redoxauth.Error
}

// Error returns the operator's text.
func (f *Refusal) Error() string { return f.Err.Error() }

// Unwrap returns Err.
func (f *Refusal) Unwrap() error { return f.Err }

// Malformed refuses a request that cannot be read, or that contradicts itself.
func Malformed(description string) *Refusal {
	return &Refusal{
		Status: http.StatusBadRequest, Code: "invalid_request", Description: description,
		Err: &redoxauth.Error{Kind: redoxauth.ErrMalformed, Reason: "malformed", Err: errors.New(description)},
	}
}

// InvalidClient refuses a client that did not prove who it is. All reasons look the
// same to the peer, so it does not learn which clients exist.
func InvalidClient(client, challenge string, err *redoxauth.Error) *Refusal {
	return &Refusal{
		Status: http.StatusUnauthorized, Code: "invalid_client", Description: "client authentication failed",
		Challenge: challenge, Wrong: true, Client: client, Err: err,
	}
}

// InvalidGrant refuses an assertion that was presented as a grant.
func InvalidGrant(client string, err *redoxauth.Error) *Refusal {
	return &Refusal{
		Status: http.StatusBadRequest, Code: "invalid_grant", Description: "the assertion was refused",
		Wrong: true, Client: client, Err: err,
	}
}

// Quote makes what a peer wrote fit for the operator's log: bounded, and on one line.
func Quote(s string) string {
	const most = 64
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return strconv.Quote(s[:most]) + "..."
}

// InvalidScope refuses a genuine client that may have none of the scopes it asks for.
func InvalidScope(client string) *Refusal {
	return &Refusal{
		Status: http.StatusBadRequest, Code: "invalid_scope", Description: "none of the scopes can be granted",
		Err: &redoxauth.Error{Kind: redoxauth.ErrForbidden, Reason: "scope", Err: fmt.Errorf("client %q", client)},
	}
}

func invalidTarget(client string) *Refusal {
	return &Refusal{
		Status: http.StatusBadRequest, Code: "invalid_target", Description: "no tokens are issued for this resource or audience",
		Err: &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: "audience", Err: fmt.Errorf("client %q", client)},
	}
}

func tooLong(client string) *Refusal {
	f := Malformed("the access token would be too long")
	f.Err.Err = fmt.Errorf("client %q: %s", client, f.Description)
	return f
}

func unsupportedGrant() *Refusal {
	return &Refusal{
		Status: http.StatusBadRequest, Code: "unsupported_grant_type", Description: "this grant type is not supported",
		Err: &redoxauth.Error{Kind: redoxauth.ErrMalformed, Reason: "malformed", Err: errors.New("unsupported grant type")},
	}
}

// carrier refuses a request by its method, media type or size.
func carrier(status int, kind error, reason redoxauth.Reason, description string) *Refusal {
	return &Refusal{
		Status: status, Code: "invalid_request", Description: description,
		Err: &redoxauth.Error{Kind: kind, Reason: reason, Err: errors.New(description)},
	}
}

// refusalOf makes a Refusal of any error. What is neither one, nor of a kind that
// says whose fault it is, is a fault of ours: closed, and no 4xx.
func refusalOf(err error) *Refusal {
	var f *Refusal
	if errors.As(err, &f) {
		return f
	}
	var e *redoxauth.Error
	if !errors.As(err, &e) {
		e = &redoxauth.Error{Err: err}
	}
	switch {
	case errors.Is(err, redoxauth.ErrUnavailable):
		wait := e.RetryAfter
		if wait <= 0 {
			wait = defaultRetryAfter
		}
		return &Refusal{
			Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable",
			Description: "the request cannot be decided now", RetryAfter: wait, Err: e,
		}
	case errors.Is(err, redoxauth.ErrTooLarge):
		return &Refusal{
			Status: http.StatusRequestEntityTooLarge, Code: "invalid_request",
			Description: "the body is too large", Err: e,
		}
	case errors.Is(err, redoxauth.ErrMalformed):
		return &Refusal{
			Status: http.StatusBadRequest, Code: "invalid_request",
			Description: "the body cannot be read", Err: e,
		}
	}
	c := *e
	c.Reason = "internal"
	return &Refusal{
		Status: http.StatusInternalServerError, Code: "server_error",
		Description: "the request could not be decided", Err: &c,
	}
}
