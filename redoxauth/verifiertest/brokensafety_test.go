package verifiertest_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

func addClosed(add adder) {
	token := newToken("Verification-Token")
	add("fail closed", "forged is unavailable", around(tokenSuite, token, onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) {
		if errors.Is(err, redoxauth.ErrRejected) {
			err = macError(redoxauth.ErrUnavailable, "unavailable")
		}
		return nil, err
	})))
	add("fail closed", "panics on a wrong token", around(tokenSuite, token, onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) {
		if errors.Is(err, redoxauth.ErrRejected) {
			panic("assertion failed")
		}
		return nil, err
	})))
	add("fail closed", "Wrap goes on after the answer", tokenSuite(missingReturn{token})) // gatewaygo
}

type missingReturn struct{ redoxauth.Verifier }

func (m missingReturn) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := m.Verify(r); err != nil {
			redoxauth.WriteError(w, err)
		}
		next.ServeHTTP(w, r)
	})
}

func addSecrets(add adder) {
	token := newToken("Verification-Token")
	bearer := newToken("")
	add("no secrets", "quotes the token", around(tokenSuite, token, onError(func(r *http.Request, err error) (*redoxauth.Identity, error) {
		return nil, fmt.Errorf("token %q: %w", r.Header.Get("Verification-Token"), err)
	})))
	add("no secrets", "shows the expected signature", around(macSuite, newMAC(), onError(func(r *http.Request, err error) (*redoxauth.Identity, error) {
		return nil, fmt.Errorf("%w: want %s", err, macKey) // adnanh/webhook#83
	})))
	add("no secrets", "echoes the token", around(bearerSuite, bearer, onError(func(r *http.Request, err error) (*redoxauth.Identity, error) {
		return nil, &redoxauth.Error{Kind: redoxauth.ErrRejected, Challenge: `Bearer realm="redox", error_description="` + r.Header.Get("Authorization") + `"`}
	})))
	add("no secrets", "prints its key", macSuite(printable{Key: []byte(macKey)}))
}

type printable struct{ Key []byte }

func (p printable) Verify(r *http.Request) (*redoxauth.Identity, error) { return newMAC().Verify(r) }

func addSafety(add adder) {
	token := newToken("Verification-Token")
	with := func(f func(r *http.Request, presented string) error) verifiertest.Suite {
		return tokenSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
			if presented := r.Header.Get("Verification-Token"); presented != "" {
				if err := f(r, presented); err != nil {
					return nil, err
				}
			}
			return token.Verify(r)
		}))
	}
	add("hostile input refused", "reads past the end", with(func(_ *http.Request, presented string) error {
		if presented[9] == 0 {
			return macError(redoxauth.ErrRejected, "token")
		}
		return nil
	}))
	add("hostile input refused", "compares to the shorter length", tokenSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) { // CVE-2024-21491
		presented := r.Header.Get("Verification-Token")
		if len(presented) >= 8 && strings.HasPrefix("0123456789abcdef0123456789abcdef", presented) {
			return &redoxauth.Identity{Strategy: "token"}, nil
		}
		return token.Verify(r)
	})))
	add("hostile input refused", "takes the first of two", tokenSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if values := r.Header["Verification-Token"]; len(values) > 1 {
			r = r.Clone(r.Context())
			r.Header["Verification-Token"] = values[:1]
		}
		return token.Verify(r)
	})))
	var busy sync.Mutex
	add("concurrent use", "is for one at a time", with(func(*http.Request, string) error {
		if !busy.TryLock() {
			return macError(redoxauth.ErrRejected, "busy")
		}
		defer busy.Unlock()
		time.Sleep(time.Millisecond) // so that others come meanwhile
		return nil
	}))
	var mu sync.Mutex
	tried := map[string]bool{}
	add("memory bounded", "remembers all that was tried", with(func(_ *http.Request, presented string) error {
		mu.Lock()
		defer mu.Unlock()
		tried[presented] = true
		return nil
	}))
	add("memory bounded", "splits what it was sent", with(func(_ *http.Request, presented string) error { // CVE-2025-30204
		if len(strings.Split(presented, ".")) == 3 {
			return macError(redoxauth.ErrRejected, "token")
		}
		return nil
	}))
	add("nesting is AllOf", "trusts whoever accepted before", tokenSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if id, ok := redoxauth.FromContext(r.Context()); ok {
			return id, nil
		}
		return token.Verify(r)
	})))
}

func addChallenge(add adder) {
	bearer := newToken("")
	with := func(f func(kind error) string) verifiertest.Suite {
		return bearerSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
			id, err := bearer.Verify(r)
			var e *redoxauth.Error
			if errors.As(err, &e) {
				e.Challenge = f(e.Kind)
			}
			return id, err
		}))
	}
	add("challenge on 401", "a Bearer challenge without parameters", with(func(error) string { return "Bearer" }))
	add("challenge on 401", "an error code though nothing was sent", with(func(error) string { return `Bearer realm="redox", error="invalid_token"` }))
	add("challenge on 401", "no error code for a wrong token", with(func(error) string { return `Bearer realm="redox"` }))
	add("challenge on 401", "not a Bearer challenge", with(func(error) string { return "" }))
	add("challenge on 401", "cannot be parsed", with(func(error) string { return `Bearer realm="redox` }))
}
