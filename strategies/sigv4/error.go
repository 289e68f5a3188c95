package sigv4

import (
	"errors"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// challenge is that of every 401 (RFC 9110, Section 15.5.2).
const challenge = algorithm + ` realm="redox"`

func missing(why string) error {
	return &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Strategy: strategy, Reason: "missing", Challenge: challenge, Err: errors.New(why)}
}

func reject(reason redoxauth.Reason, why string) error {
	return &redoxauth.Error{Kind: redoxauth.ErrRejected, Strategy: strategy, Reason: reason, Challenge: challenge, Err: errors.New(why)}
}

func malformed(reason redoxauth.Reason, why string) error {
	return &redoxauth.Error{Kind: redoxauth.ErrMalformed, Strategy: strategy, Reason: reason, Err: errors.New(why)}
}

// named says whose error one of redoxauth.Body is.
func named(err error) error {
	e, ok := err.(*redoxauth.Error)
	if !ok {
		return err
	}
	named := *e
	named.Strategy = strategy
	return &named
}
