package verifiertest_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing/iotest"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

// A broken Verifier breaks one promise, as receivers and gateways in the field did.
type broken struct {
	promise string   // the sub-test that must fail
	also    []string // those that cannot hold without it, or others
	alone   bool     // no other sub-test is run: the Verifier would hang there, or race under -race
	suite   verifiertest.Suite
}

// others means that any other sub-test may fail: whoever accepts a forgery keeps few promises.
const others = "others"

func brokenVerifiers() map[string]broken {
	all := map[string]broken{}
	add := func(promise, name string, s verifiertest.Suite, also ...string) {
		all[name] = broken{promise, also, false, s}
	}
	alone := func(promise, name string, s verifiertest.Suite) { all[name] = broken{promise, nil, true, s} }
	token, bearer := newToken("Verification-Token"), newToken("")

	add("genuine accepted", "neither identity nor error", around(macSuite, newMAC(), onError(func(*http.Request, error) (*redoxauth.Identity, error) { return nil, nil })), others)
	add("genuine accepted", "error of no known kind", around(macSuite, newMAC(), onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) {
		if errors.Is(err, redoxauth.ErrRejected) {
			err = errors.New("no")
		}
		return nil, err
	})), "fail closed")
	add("genuine accepted", "identity beside an error", around(macSuite, newMAC(), onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) { return &redoxauth.Identity{}, err })), others)
	var calls atomic.Int32
	add("genuine accepted", "refuses the second message", around(tokenSuite, token, before(func(*http.Request) error {
		if calls.Add(1) == 2 {
			return macError(redoxauth.ErrRejected, "replayed")
		}
		return nil
	})))

	shared := &redoxauth.Identity{Strategy: "shared"}
	alone("identity complete and fresh", "one identity for all", around(tokenSuite, token, onSuccess(func(*redoxauth.Identity) *redoxauth.Identity { return shared })))
	add("identity complete and fresh", "no strategy", around(tokenSuite, token, onSuccess(func(*redoxauth.Identity) *redoxauth.Identity { return &redoxauth.Identity{} })))
	scopes := []string{"all"}
	alone("identity complete and fresh", "shared scopes", around(tokenSuite, token, onSuccess(func(id *redoxauth.Identity) *redoxauth.Identity { id.Scopes = scopes; return id })))
	claims := []byte(`{"iss":"a"}`)
	alone("identity complete and fresh", "shared claims", around(tokenSuite, token, onSuccess(func(id *redoxauth.Identity) *redoxauth.Identity { id.RawClaims = claims; return id })))

	var made atomic.Int32
	onlyFirst := tokenSuite(token)
	onlyFirst.New = func() redoxauth.Verifier {
		if made.Add(1) == 1 {
			return token
		}
		return redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) { return nil, macError(redoxauth.ErrRejected, "token") })
	}
	add("identity complete and fresh", "only the first that New returns accepts", onlyFirst, others)
	var used sync.Map
	add("identity complete and fresh", "a used proof has another reason than replayed", around(freshSuite, newMAC(), func(v verify) verify {
		return func(r *http.Request) (*redoxauth.Identity, error) {
			id, err := v(r)
			if err == nil {
				if _, again := used.LoadOrStore(r.Header.Get("Authorization"), true); again {
					return nil, macError(redoxauth.ErrRejected, "used")
				}
			}
			return id, err
		}
	}))
	for _, raw := range []string{`["a"]`, `{"iss":`} {
		add("identity complete and fresh", "claims are "+raw, around(tokenSuite, token, onSuccess(func(id *redoxauth.Identity) *redoxauth.Identity { id.RawClaims = []byte(raw); return id })))
	}

	for _, part := range []string{"method", "host", "path", "query", "body"} {
		s := macSuite(macVerifier{read: redoxauth.Body, without: part})
		s.Genuine = request(macSender{id: macKeyID, key: macKey, without: part})
		var also []string
		if part == "body" {
			also = []string{"handler reads verified bytes"}
		}
		add("covered parts refused when changed", "does not cover the "+part, s, also...)
	}
	add("covered parts refused when changed", "a changed date is ErrNoCredentials", around(macSuite, newMAC(), onError(func(r *http.Request, err error) (*redoxauth.Identity, error) {
		if r.Header.Get("X-Date") == date+"x" {
			err = macError(redoxauth.ErrNoCredentials, "missing")
		}
		return nil, err
	})))
	add("covered parts refused when changed", "a missing date is the usual one", around(macSuite, newMAC(), before(func(r *http.Request) error {
		if r.Header.Get("X-Date") == "" {
			r.Header.Set("X-Date", date)
		}
		return nil
	})))
	add("covered parts refused when changed", "takes the first of two dates", around(macSuite, newMAC(), before(func(r *http.Request) error {
		if r.Header.Get("X-Date") != "" {
			r.Header.Set("X-Date", r.Header.Get("X-Date"))
		}
		return nil
	})))
	add("uncovered parts may change", "knows its proxies", around(tokenSuite, token, before(func(r *http.Request) error {
		if r.Header.Get("X-Forwarded-For") != "" {
			return macError(redoxauth.ErrRejected, "proxy")
		}
		return nil
	})))
	add("uncovered parts may change", "refuses a token beside its credential", around(bearerSuite, bearer, before(func(r *http.Request) error {
		if r.Header.Get("Verification-Token") != "" && r.Header.Get("Authorization") != "" {
			return macError(redoxauth.ErrMalformed, "malformed")
		}
		return nil
	})))
	coversMore := macSuite(newMAC())
	coversMore.Covers = []string{"method", "host", "path", "header:X-Date", "body"}
	add("uncovered parts may change", "covers more than it says", coversMore)

	add("absent is ErrNoCredentials", "absent is rejected", around(tokenSuite, token, onError(func(*http.Request, error) (*redoxauth.Identity, error) {
		return nil, macError(redoxauth.ErrRejected, "token")
	})), "any order in AnyOf", "foreign is ErrNoCredentials")
	add("absent is ErrNoCredentials", "absent is accepted", around(tokenSuite, token, func(v verify) verify { // as unset configuration did
		return func(r *http.Request) (*redoxauth.Identity, error) {
			if r.Header.Get("Verification-Token") == "" {
				return &redoxauth.Identity{Strategy: "token"}, nil
			}
			return v(r)
		}
	}), others)
	add("foreign is ErrNoCredentials", "claims every Authorization header", around(tokenSuite, token, before(func(r *http.Request) error {
		if r.Header.Get("Authorization") != "" && r.Header.Get("Verification-Token") == "" {
			return macError(redoxauth.ErrRejected, "token")
		}
		return nil
	})))
	add("foreign is ErrNoCredentials", "accepts any signature that is there", around(macSuite, newMAC(), func(v verify) verify { // MiniStack#1232
		return func(r *http.Request) (*redoxauth.Identity, error) {
			if strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
				return &redoxauth.Identity{Strategy: "mac"}, nil
			}
			return v(r)
		}
	}), "context honoured", "fail closed", "nesting is AllOf")
	add("forged is never ErrNoCredentials", "a wrong token is ErrNoCredentials", around(tokenSuite, token, onError(func(r *http.Request, err error) (*redoxauth.Identity, error) {
		if r.Header.Get("Verification-Token") == wrongToken {
			err = macError(redoxauth.ErrNoCredentials, "token")
		}
		return nil, err
	})))
	add("forged is never ErrNoCredentials", "accepts a forgery", around(tokenSuite, token, onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) {
		if errors.Is(err, redoxauth.ErrRejected) {
			return &redoxauth.Identity{Strategy: "token"}, nil
		}
		return nil, err
	})), others)
	add("forged is never ErrNoCredentials", "accepts a JWT without an algorithm", jwtSuite(jwtVerifier{allowNone: true}), others)
	add("foreign is ErrNoCredentials", "claims every JWT", jwtSuite(jwtVerifier{claimAll: true}))
	add("any order in AnyOf", "removes what it does not know", around(tokenSuite, token, before(func(r *http.Request) error {
		for name := range r.Header {
			if name != "Verification-Token" && name != "Content-Type" {
				delete(r.Header, name)
			}
		}
		return nil
	})))

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
	})), others)
	add("fail closed", "Wrap goes on after the answer", tokenSuite(wrapper{token, func(w http.ResponseWriter, err error) (ended bool) { // gatewaygo
		redoxauth.WriteError(w, err)
		return false
	}}))
	add("fail closed", "Wrap takes an absent credential for a malformed one", tokenSuite(wrapper{token, func(w http.ResponseWriter, err error) (ended bool) {
		if errors.Is(err, redoxauth.ErrNoCredentials) {
			err = redoxauth.ErrMalformed
		}
		redoxauth.WriteError(w, err)
		return true
	}}))

	add("no secrets", "quotes the token", around(tokenSuite, token, onError(func(r *http.Request, err error) (*redoxauth.Identity, error) {
		return nil, fmt.Errorf("token %q: %w", r.Header.Get("Verification-Token"), err)
	})))
	add("no secrets", "shows the key", around(macSuite, newMAC(), onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) {
		return nil, fmt.Errorf("%w: want a signature with %s", err, macKey)
	})))
	expected := func(r *http.Request) string {
		body, _ := redoxauth.Body(r)
		return hex.EncodeToString(mac(macKey, r, body, ""))
	}
	add("no secrets", "shows the expected signature", around(freshSuite, newMAC(), onError(func(r *http.Request, err error) (*redoxauth.Identity, error) {
		var e *redoxauth.Error
		if errors.As(err, &e) && e.Reason == "signature" {
			err = fmt.Errorf("%w: want %s", err, expected(r)) // adnanh/webhook#83
		}
		return nil, err
	})))
	add("no secrets", "wraps an error that quotes the token", around(tokenSuite, token, onError(func(r *http.Request, err error) (*redoxauth.Identity, error) {
		return nil, quiet{fmt.Errorf("token %q: %w", r.Header.Get("Verification-Token"), err)}
	})))
	add("no secrets", "echoes the token", around(bearerSuite, bearer, onError(func(r *http.Request, err error) (*redoxauth.Identity, error) {
		var e *redoxauth.Error
		if errors.As(err, &e) && e.Kind == redoxauth.ErrRejected {
			e.Challenge += `, scope="` + r.Header.Get("Authorization") + `"`
		}
		return nil, err
	})))
	add("no secrets", "takes the token for a name", around(tokenSuite, token, onSuccess(func(id *redoxauth.Identity) *redoxauth.Identity { id.Subject = secretToken; return id })))
	add("no secrets", "prints its key", macSuite(printable{Key: []byte(macKey)}))

	alone("handler reads verified bytes", "consumes the body", macReading(func(r *http.Request) ([]byte, error) { return io.ReadAll(r.Body) })) // go-playground/webhooks
	alone("handler reads verified bytes", "leaves another body", macReading(func(r *http.Request) ([]byte, error) {
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(bytes.TrimSuffix(body, []byte("}"))))
		return body, err
	}))
	add("handler reads verified bytes", "leaves a body that fails", macReading(func(r *http.Request) ([]byte, error) {
		body, err := redoxauth.Body(r)
		r.Body = io.NopCloser(iotest.ErrReader(http.ErrBodyReadAfterClose))
		return body, err
	}), others)
	add("consumed body is our fault", "accepts when the body is consumed", around(macSuite, newMAC(), onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) {
		var e *redoxauth.Error
		if errors.As(err, &e) && e.Reason == "body_consumed" {
			return &redoxauth.Identity{Strategy: "mac"}, nil
		}
		return nil, err
	})))
	add("consumed body is our fault", "a consumed body is rejected", macReading(func(r *http.Request) ([]byte, error) {
		body, err := redoxauth.Body(r)
		if err != nil && redoxauth.StatusCode(err) == http.StatusInternalServerError {
			return nil, macError(redoxauth.ErrRejected, "signature")
		}
		return body, err
	}))
	alone("consumed body is our fault", "verifies what is left of the body", macReading(func(r *http.Request) ([]byte, error) {
		if r.Body == nil {
			return nil, nil
		}
		return io.ReadAll(r.Body)
	}))
	add("consumed body is our fault", "wants a body that it does not cover", around(tokenSuite, token, before(func(r *http.Request) error {
		_, err := redoxauth.Body(r)
		return err
	})), "body within the limit", "headers before body", "slow body ends")
	add("body within the limit", "a large body is rejected", macReading(func(r *http.Request) ([]byte, error) {
		body, err := redoxauth.Body(r)
		if errors.Is(err, redoxauth.ErrTooLarge) {
			err = macError(redoxauth.ErrRejected, "body_size")
		}
		return body, err
	}))
	readBody := func(r *http.Request) error {
		_, err := redoxauth.Body(r)
		return err
	}
	add("headers before body", "reads the body first", around(macSuite, newMAC(), before(readBody)))
	add("headers before body", "reads the body first, without a key ID", around(webhookSuite, webhookVerifier{}, before(readBody)))
	add("headers before body", "reads the body for an unknown key", around(macSuite, newMAC(), before(func(r *http.Request) error {
		if _, _, err := parseMAC(r); err != nil {
			return nil
		}
		return readBody(r)
	})))
	add("headers before body", "reads a body it does not cover", around(tokenSuite, token, func(v verify) verify {
		return func(r *http.Request) (*redoxauth.Identity, error) {
			id, err := v(r)
			if err == nil {
				err = readBody(r)
			}
			return id, err
		}
	}), "body within the limit", "consumed body is our fault", "slow body ends")
	add("headers before body", "reads the body before it checks the signature over the headers", around(sigV4Suite, newSigV4(), before(func(r *http.Request) error {
		if values := r.Header.Values("Authorization"); len(values) == 1 && strings.Contains(values[0], accessKey+"/") {
			return readBody(r)
		}
		return nil
	})))
	alone("slow body ends", "waits for the body forever", macReading(func(r *http.Request) ([]byte, error) { return io.ReadAll(r.Body) }))
	alone("context honoured", "waits after the context has ended", macReading(func(r *http.Request) ([]byte, error) {
		return redoxauth.Body(r.WithContext(context.WithoutCancel(r.Context())))
	}))
	add("context honoured", "rejects when the context has ended", macReading(func(r *http.Request) ([]byte, error) {
		if r.Context().Err() != nil {
			return nil, macError(redoxauth.ErrRejected, "canceled")
		}
		return redoxauth.Body(r)
	}))

	ends := macSuite(newMAC())
	ends.New = func() redoxauth.Verifier {
		var ended atomic.Bool
		return redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
			if r.Context().Err() != nil {
				ended.Store(true)
			}
			if ended.Load() {
				return nil, macError(redoxauth.ErrUnavailable, "unavailable")
			}
			return newMAC().Verify(r)
		})
	}
	add("context honoured", "one ended context is an outage for good", ends)

	presented := func(r *http.Request) string { return r.Header.Get("Verification-Token") }
	add("hostile input refused", "reads past the end", around(tokenSuite, token, before(func(r *http.Request) error {
		if p := presented(r); p != "" && p[9] == 0 {
			return macError(redoxauth.ErrRejected, "token")
		}
		return nil
	})), "headers before body", "own header is decided")
	add("hostile input refused", "compares to the shorter length", around(tokenSuite, token, onError(func(r *http.Request, err error) (*redoxauth.Identity, error) { // CVE-2024-21491
		if p := presented(r); errors.Is(err, redoxauth.ErrRejected) && len(p) >= 8 && strings.HasPrefix(secretToken, p) {
			return &redoxauth.Identity{Strategy: "token"}, nil
		}
		return nil, err
	})))
	add("hostile input refused", "takes the first of two", around(tokenSuite, token, before(func(r *http.Request) error {
		if p := presented(r); p != "" {
			r.Header.Set("Verification-Token", p)
		}
		return nil
	})), "own header is decided")
	var one sync.Mutex
	second := make(chan struct{})
	comes := sync.OnceFunc(func() { close(second) })
	alone("concurrent use", "serves one at a time", around(tokenSuite, token, before(func(r *http.Request) error {
		if !one.TryLock() {
			comes()
			return macError(redoxauth.ErrRejected, "busy")
		}
		defer one.Unlock()
		<-second
		return nil
	})))
	var mu sync.Mutex
	tried := map[string]bool{}
	add("memory bounded", "remembers every token", around(tokenSuite, token, before(func(r *http.Request) error {
		mu.Lock()
		defer mu.Unlock()
		tried[presented(r)] = true
		return nil
	})))
	add("memory bounded", "never ends what it began", around(tokenSuite, token, onError(func(r *http.Request, err error) (*redoxauth.Identity, error) {
		go func() { <-forever; r.Body.Close() }()
		return nil, err
	})))
	add("behind a router", "has one route", around(tokenSuite, token, before(func(r *http.Request) error {
		if r.Pattern != "" {
			return macError(nil, "internal")
		}
		return nil
	})))
	add("own header is decided", "a token that it cannot read is absent", around(tokenSuite, token, before(func(r *http.Request) error {
		if strings.ContainsFunc(presented(r), func(c rune) bool { return c < ' ' || c > '~' }) {
			return macError(redoxauth.ErrNoCredentials, "missing")
		}
		return nil
	})))
	add("own header is decided", "two headers are none", around(bearerSuite, bearer, onError(func(r *http.Request, err error) (*redoxauth.Identity, error) {
		if len(r.Header.Values("Authorization")) > 1 {
			err = bearer.error(redoxauth.ErrNoCredentials, "")
		}
		return nil, err
	})))
	add("nothing after the answer", "leaves the body to a goroutine", macReading(func(r *http.Request) ([]byte, error) {
		if r.Context().Err() != nil {
			return nil, redoxauth.Errorf(redoxauth.ErrUnavailable, "canceled", "")
		}
		type result struct {
			body []byte
			err  error
		}
		read := make(chan result, 1)
		source := &http.Request{Body: r.Body, ContentLength: r.ContentLength}
		go func() {
			body, err := redoxauth.Body(source)
			read <- result{body, err}
		}()
		select {
		case got := <-read:
			r.Body = source.Body
			return got.body, got.err
		case <-r.Context().Done():
			return nil, redoxauth.Errorf(redoxauth.ErrUnavailable, "canceled", "")
		}
	}))
	add("nesting is AllOf", "trusts the wrapper outside", tokenSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if id, ok := redoxauth.FromContext(r.Context()); ok {
			return id, nil
		}
		return token.Verify(r)
	})))

	challenge := func(challenge string) verifiertest.Suite {
		return around(bearerSuite, bearer, onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) {
			var e *redoxauth.Error
			if errors.As(err, &e) {
				e.Challenge = challenge
			}
			return nil, err
		}))
	}
	add("challenge on 401", "a Bearer challenge without parameters", challenge("Bearer"))
	add("challenge on 401", "an error code though nothing was sent", challenge(`Bearer realm="redox", error="invalid_token"`))
	add("challenge on 401", "no error code for a wrong token", challenge(`Bearer realm="redox"`))
	add("challenge on 401", "not a Bearer challenge", challenge(""))
	add("challenge on 401", "cannot be parsed", challenge(`Bearer realm="redox`))
	add("challenge on 401", "a list of no challenge", challenge(","))
	for _, kind := range []error{redoxauth.ErrForbidden, redoxauth.ErrMalformed} {
		add("challenge on 401", fmt.Sprintf("another error code with status %d", redoxauth.StatusCode(kind)), around(bearerSuite, bearer, onError(func(_ *http.Request, err error) (*redoxauth.Identity, error) {
			if errors.Is(err, kind) {
				err = bearer.error(kind, `, error="invalid_token"`)
			}
			return nil, err
		})))
	}

	explaining := func(f func(*http.Request) string) verifiertest.Suite { return freshSuite(explainer{newMAC(), f}) }
	add("explain decides nothing", "explains with the expected signature", explaining(func(r *http.Request) string {
		if _, _, err := parseMAC(r); err != nil {
			return err.Error()
		}
		return "want " + expected(r)
	}))
	afterExplain := func(f func(error) error) verifiertest.Suite {
		var explained sync.Map // the credentials
		v := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
			id, err := newMAC().Verify(r)
			if _, ok := explained.Load(r.Header.Get("Authorization")); ok {
				if err = f(err); err != nil {
					return nil, err
				}
				return &redoxauth.Identity{Strategy: "mac"}, nil
			}
			return id, err
		})
		return freshSuite(explainer{v, func(r *http.Request) string {
			explained.Store(r.Header.Get("Authorization"), true)
			return ""
		}})
	}
	add("explain decides nothing", "uses up the proof", afterExplain(func(err error) error {
		if err == nil {
			err = macError(redoxauth.ErrRejected, "replayed")
		}
		return err
	}))
	add("explain decides nothing", "accepts what was explained", afterExplain(func(error) error { return nil }))
	add("explain decides nothing", "explains with the credential", explaining(func(r *http.Request) string { return fmt.Sprint(r.Header) }))
	add("explain decides nothing", "explains the header alone", explaining(func(r *http.Request) string { return r.Header["Content-Type"][0] }))
	add("explain decides nothing", "redacts the request itself", explaining(func(r *http.Request) string {
		r.Header.Del("X-Forwarded-For")
		r.Header.Set("Authorization", r.Header.Get("Authorization"))
		return ""
	}))
	add("explain decides nothing", "uses up the body", explaining(func(r *http.Request) string {
		if r.Body != nil {
			io.ReadAll(r.Body)
		}
		return ""
	}))
	return all
}

// forever is never closed.
var forever chan struct{}

type wrapper struct {
	redoxauth.Verifier
	refuse func(w http.ResponseWriter, err error) (ended bool)
}

func (v wrapper) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := v.Verify(r); err != nil && v.refuse(w, err) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

type printable struct{ Key []byte }

func (p printable) Verify(r *http.Request) (*redoxauth.Identity, error) { return newMAC().Verify(r) }

type quiet struct{ err error }

func (q quiet) Error() string { return "refused" }
func (q quiet) Unwrap() error { return q.err }

type explainer struct {
	redoxauth.Verifier
	explain func(*http.Request) string
}

func (e explainer) Explain(r *http.Request) string { return e.explain(r) }

type verify = func(r *http.Request) (*redoxauth.Identity, error)

// around returns a suite for a Verifier that f changed.
func around(suite func(redoxauth.Verifier) verifiertest.Suite, v redoxauth.Verifier, f func(verify) verify) verifiertest.Suite {
	return suite(redoxauth.VerifierFunc(f(v.Verify)))
}

// onError changes how a Verifier refuses.
func onError(f func(r *http.Request, err error) (*redoxauth.Identity, error)) func(verify) verify {
	return func(v verify) verify {
		return func(r *http.Request) (*redoxauth.Identity, error) {
			id, err := v(r)
			if err != nil {
				return f(r, err)
			}
			return id, nil
		}
	}
}

// onSuccess changes the Identity of a Verifier.
func onSuccess(f func(*redoxauth.Identity) *redoxauth.Identity) func(verify) verify {
	return func(v verify) verify {
		return func(r *http.Request) (*redoxauth.Identity, error) {
			id, err := v(r)
			if err != nil {
				return nil, err
			}
			return f(id), nil
		}
	}
}

// before adds a check to a Verifier.
func before(f func(r *http.Request) error) func(verify) verify {
	return func(v verify) verify {
		return func(r *http.Request) (*redoxauth.Identity, error) {
			if err := f(r); err != nil {
				return nil, err
			}
			return v(r)
		}
	}
}
