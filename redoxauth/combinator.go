package redoxauth

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// AnyOf returns a Verifier that accepts what one of its members accepts. The first member
// whose answer is not [ErrNoCredentials] decides. If there is none, the error has the
// WWW-Authenticate values of all members, and the first reason that is not "missing".
//
// AnyOf is as strong as its weakest member, and cannot tell similar credentials apart: two
// bearer verifiers of one issuer, two sigv4 regions, or gcpjwt beside wif belong on two paths.
// Introspection, which asks the authorization server about a token, takes every bearer token. So
// it comes last.
func AnyOf(first Verifier, rest ...Verifier) Verifier {
	return anyOf(members("AnyOf", first, rest))
}

// AllOf returns a Verifier that accepts what all of its members accept, such as a verification
// token and a credential. They are asked in order, and the Identity is that of the last one.
// After the first member has accepted, [ErrNoCredentials] of a later one becomes
// [ErrRejected].
//
// AllOf is one decision: Observe sees one Identity. To see the KeyID of each member during a
// rotation, nest wrappers with the same Options.
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
				// A secret was already compared. An AnyOf around this must not try another
				// member.
				return nil, vs.lacks(i, e)
			}
			return nil, e
		}
		if b, ok := r.Body.(*body); ok {
			b.prove() // as an outer wrapper does
		}
	}
	return id, nil
}

// lacks is the error of member i, which finds no credential. The cause is only quoted: it may
// wrap ErrNoCredentials.
func (vs allOf) lacks(i int, e *Error) *Error {
	c := Errorf(ErrRejected, e.Reason, "%s", vs.lacking(i))
	if e.Err != nil && e.Err != e.Kind {
		c.Err = fmt.Errorf("%w: %v", c.Err, e.Err)
	}
	c.Strategy, c.Challenge = e.Strategy, e.Challenge
	return c
}

func (vs allOf) lacking(i int) string {
	return fmt.Sprintf("AllOf wants a credential of each of its %d members, and member %d finds none", len(vs), i+1)
}
