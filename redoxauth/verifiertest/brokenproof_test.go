package verifiertest_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

func addGenuine(add adder) {
	token := newToken("Verification-Token")
	add("genuine accepted", "neither identity nor error", around(macSuite, newMAC(), onError(func(*http.Request, error) (*redoxauth.Identity, error) { return nil, nil })))
	add("genuine accepted", "error of no kind", around(macSuite, newMAC(), onError(func(*http.Request, error) (*redoxauth.Identity, error) { return nil, errors.New("no") })))
	add("genuine accepted", "identity beside an error", around(macSuite, newMAC(), onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) { return &redoxauth.Identity{}, err })))
	add("genuine accepted", "accepts only once", around(tokenSuite, token, func(v verify) verify {
		var once sync.Once
		return func(r *http.Request) (*redoxauth.Identity, error) {
			err := macError(redoxauth.ErrRejected, "replayed")
			once.Do(func() { err = nil })
			if err != nil {
				return nil, err
			}
			return v(r)
		}
	}))
}

func addIdentity(add adder) {
	token := newToken("Verification-Token")
	shared := &redoxauth.Identity{Strategy: "shared"}
	add("identity complete and fresh", "one identity for all", around(tokenSuite, token, onSuccess(func(*redoxauth.Identity) *redoxauth.Identity { return shared })))
	add("identity complete and fresh", "no strategy", around(tokenSuite, token, onSuccess(func(*redoxauth.Identity) *redoxauth.Identity { return &redoxauth.Identity{} })))
	scopes := []string{"all"}
	add("identity complete and fresh", "shared scopes", around(tokenSuite, token, onSuccess(func(id *redoxauth.Identity) *redoxauth.Identity { id.Scopes = scopes; return id })))
	claims := []byte(`{"iss":"a"}`)
	add("identity complete and fresh", "shared claims", around(tokenSuite, token, onSuccess(func(id *redoxauth.Identity) *redoxauth.Identity { id.RawClaims = claims; return id })))
}

func addParts(add adder) {
	token := newToken("Verification-Token")
	bearer := newToken("")
	for _, part := range []string{"method", "path", "query", "body"} {
		add("covered parts refused when changed", "does not cover the "+part, macSuite(uncovering{part}))
	}
	add("covered parts refused when changed", "a changed body is not mine", around(macSuite, newMAC(), onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) {
		return nil, macError(redoxauth.ErrNoCredentials, "missing")
	})))
	add("uncovered parts may change", "knows its proxies", around(tokenSuite, token, before(func(r *http.Request) error {
		if r.Header.Get("X-Forwarded-For") != "" {
			return macError(redoxauth.ErrRejected, "proxy")
		}
		return nil
	})))
	add("uncovered parts may change", "refuses a token beside its credential", around(bearerSuite, bearer, before(func(r *http.Request) error {
		if r.Header.Get("Verification-Token") != "" {
			return macError(redoxauth.ErrMalformed, "malformed")
		}
		return nil
	})))
	add("uncovered parts may change", "covers more than it says", func() verifiertest.Suite {
		s := macSuite(newMAC())
		s.Covers = []string{"method", "path"}
		return s
	}())
}

// uncovering leaves one part of the request out of the MAC.
type uncovering struct{ part string }

func (u uncovering) Verify(r *http.Request) (*redoxauth.Identity, error) {
	id, err := newMAC().Verify(r)
	if err == nil || !errors.Is(err, redoxauth.ErrRejected) {
		return id, err
	}
	for _, method := range []string{http.MethodPost, r.Method} {
		for _, path := range []string{"/redox", r.URL.Path} {
			for _, query := range []string{"feed=1", r.URL.RawQuery} {
				other := r.Clone(r.Context())
				other.Body = r.Body
				if u.part == "method" {
					other.Method = method
				}
				if u.part == "path" {
					other.URL.Path = path
				}
				if u.part == "query" {
					other.URL.RawQuery = query
				}
				if id, err := newMAC().Verify(other); err == nil {
					return id, nil
				}
			}
		}
	}
	if keyID, _, _ := parseMAC(r); u.part == "body" && keyID == macKeyID {
		return &redoxauth.Identity{Strategy: "mac"}, nil
	}
	return nil, err
}

func addMine(add adder) {
	token := newToken("Verification-Token")
	add("absent is not mine", "absent is rejected", around(tokenSuite, token, onError(func(*http.Request, error) (*redoxauth.Identity, error) {
		return nil, macError(redoxauth.ErrRejected, "token")
	})))
	add("absent is not mine", "absent is accepted", around(tokenSuite, token, func(v verify) verify { // as unset configuration did
		return func(r *http.Request) (*redoxauth.Identity, error) {
			if r.Header.Get("Verification-Token") == "" {
				return &redoxauth.Identity{Strategy: "token"}, nil
			}
			return v(r)
		}
	}))
	add("foreign is not mine", "claims every Authorization header", around(tokenSuite, token, before(func(r *http.Request) error {
		if r.Header.Get("Authorization") != "" && r.Header.Get("Verification-Token") == "" {
			return macError(redoxauth.ErrRejected, "token")
		}
		return nil
	})))
	add("foreign is not mine", "accepts any signature that is there", around(macSuite, newMAC(), func(v verify) verify { // MiniStack#1232
		return func(r *http.Request) (*redoxauth.Identity, error) {
			if strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
				return &redoxauth.Identity{Strategy: "mac"}, nil
			}
			return v(r)
		}
	}))
	add("forged is never not mine", "a wrong token is not mine", around(tokenSuite, token, onError(func(*http.Request, error) (*redoxauth.Identity, error) {
		return nil, macError(redoxauth.ErrNoCredentials, "token")
	})))
	add("forged is never not mine", "accepts a forgery", around(tokenSuite, token, onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) {
		if errors.Is(err, redoxauth.ErrRejected) {
			return &redoxauth.Identity{Strategy: "token"}, nil
		}
		return nil, err
	})))
	add("any order in AnyOf", "removes what it does not know", around(tokenSuite, token, before(func(r *http.Request) error {
		for name := range r.Header {
			if name != "Verification-Token" && name != "Content-Type" {
				delete(r.Header, name)
			}
		}
		return nil
	})))
}
