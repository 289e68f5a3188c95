package redoxauth

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// AnyOf returns a Verifier that accepts what one of its members accepts: the first
// that recognises a credential, so does not answer [ErrNoCredentials], decides. When
// none does, the error carries the challenges of all and the most telling reason.
//
// It is as strong as its weakest member. It cannot tell apart what looks alike: two
// bearer verifiers of one issuer, two sigv4 regions, gcpjwt beside wif belong on two
// paths. A verification token and a credential is [AllOf]. Introspection of opaque
// tokens knows no shape of its own and comes last.
func AnyOf(first Verifier, rest ...Verifier) Verifier {
	return anyOf(members("AnyOf", first, rest))
}

// AllOf returns a Verifier that accepts what all its members accept, asked in order.
// The Identity is the last one's, as with nested wrappers. When the first has
// accepted, a later one's [ErrNoCredentials] becomes [ErrRejected].
//
// It is one decision for Observe, which does not see the KeyID of an earlier member. To
// see all during a rotation nest wrappers with the same Options: Observe is called for each.
func AllOf(first Verifier, rest ...Verifier) Verifier {
	return allOf(members("AllOf", first, rest))
}

func members(name string, first Verifier, rest []Verifier) []Verifier {
	all := append([]Verifier{first}, rest...)
	if slices.Contains(all, nil) {
		panic("redoxauth: " + name + ": nil Verifier")
	}
	return all
}

type anyOf []Verifier

func (vs anyOf) Verify(r *http.Request) (*Identity, error) {
	var telling *Error
	var challenges []string
	for _, v := range vs {
		id, e := verify(v, r)
		if e == nil {
			return id, nil
		}
		if e.Kind != ErrNoCredentials {
			return nil, e
		}
		if telling == nil || telling.Reason == "missing" {
			telling = e
		}
		if e.Challenge != "" && !slices.Contains(challenges, e.Challenge) {
			challenges = append(challenges, e.Challenge)
		}
	}
	e := *telling
	e.Challenge = strings.Join(challenges, ", ")
	return nil, &e
}

type allOf []Verifier

func (vs allOf) Verify(r *http.Request) (*Identity, error) {
	var id *Identity
	for i, v := range vs {
		var e *Error
		if id, e = verify(v, r); e != nil {
			if i > 0 && e.Kind == ErrNoCredentials {
				// A secret was compared already, so what is missing is no longer "not
				// mine" for an AnyOf around it.
				return nil, &Error{Kind: ErrRejected, Strategy: e.Strategy, Reason: e.Reason, Challenge: e.Challenge, Err: errors.New("missing beside the proof before it")}
			}
			return nil, e
		}
	}
	return id, nil
}
