package redoxtest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"
)

// A Forgery is a request that an attacker may send to pass for Redox. A destination must
// refuse it.
//
// The method Forgeries of a sender makes forgeries from its genuine settings. That of a
// server makes what only the issuer of a token can make, such as a revoked token. These
// methods panic if nothing can be signed, for example without a Key. [Replay] sends a
// genuine request twice.
//
// A Forgery is a [Sender] and a [Signer]. It is safe for concurrent use.
type Forgery struct {
	Name   string // what is wrong, such as "wrong secret"
	Status int    // the right answer: 400, 401 or 403

	// NoCredentials is true if the request has no credential that this destination's
	// Verifier can claim: none at all, or one of another kind or issuer. The Verifier
	// returns redoxauth.ErrNoCredentials.
	NoCredentials bool

	// TokenRequest is true if the token endpoint must refuse. Then there is no message:
	// Send and Sign return a [TokenError].
	TokenRequest bool

	client *http.Client
	sign   func(*http.Request) error
}

// Send implements [Sender].
func (f Forgery) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	return send(ctx, f.client, url, message, f)
}

// Sign implements [Signer]. It may also change the request's URL, headers and body.
func (f Forgery) Sign(r *http.Request) error {
	err := f.sign(r)
	if err != nil && !f.TokenRequest {
		return fmt.Errorf("redoxtest: Forgery %q: %v", f.Name, err) // a TokenError would look like the refusal
	}
	return err
}

// ForgedRequests returns, for each name of a forgery, a function that makes such a request.
// The result fits the field Forged of a verifiertest.Suite. So it leaves out forgeries with
// NoCredentials or TokenRequest: a Verifier does not claim them, or does not receive them.
func ForgedRequests(forgeries []Forgery) map[string]func() *http.Request {
	requests := make(map[string]func() *http.Request)
	for _, f := range forgeries {
		if !f.NoCredentials && !f.TokenRequest {
			requests[f.Name] = func() *http.Request { return NewRequest(f) }
		}
	}
	return requests
}

// Replay returns a Sender that sends every request twice, byte for byte, and returns the
// second answer.
func Replay(s Signer) Sender { return replay{s} }

type replay struct{ Signer }

func (p replay) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	first, err := signed(ctx, url, message, p)
	if err != nil {
		return nil, err
	}
	second := first.Clone(ctx)
	setBody(second, message)
	response, err := do(nil, first)
	if err != nil {
		return nil, err
	}
	response.Body.Close()
	return do(nil, second)
}

// forgeries collects what is made from one sender.
type forgeries struct {
	client *http.Client
	all    []Forgery
}

func (f *forgeries) add(name string, status int, sign func(*http.Request) error) *Forgery {
	f.all = append(f.all, Forgery{Name: name, Status: status, client: f.client, sign: sign})
	return &f.all[len(f.all)-1]
}

// signed adds what another signer signs.
func (f *forgeries) signed(name string, s Signer) *Forgery {
	return f.add(name, http.StatusUnauthorized, s.Sign)
}

// tampered adds what s signs and somebody changes on the way.
func (f *forgeries) tampered(name string, status int, s Signer, change func(*http.Request)) {
	f.add(name, status, func(r *http.Request) error {
		if err := s.Sign(r); err != nil {
			return err
		}
		change(r)
		return nil
	})
}

// carrier adds what can be done to every credential that is in a header.
func (f *forgeries) carrier(header string, s Signer) {
	f.add("no credential", http.StatusUnauthorized, func(*http.Request) error { return nil }).NoCredentials = true
	f.tampered("credential altered", http.StatusUnauthorized, s, func(r *http.Request) {
		r.Header.Set(header, alterCredential(r.Header.Get(header)))
	})
	f.tampered("credential sent twice", http.StatusBadRequest, s, func(r *http.Request) {
		r.Header.Add(header, r.Header.Get(header))
	})
	f.tampered("altered credential beside the genuine one", http.StatusBadRequest, s, func(r *http.Request) {
		r.Header.Add(header, alterCredential(r.Header.Get(header)))
	})
}

// alterCredential changes one character of a credential. It keeps the scheme and the name
// of a parameter. A token stays a token, and hexadecimal stays hexadecimal.
func alterCredential(value string) string {
	start := strings.LastIndexAny(value, " =") + 1
	if start == len(value) {
		return value + "1"
	}
	b := []byte(value)
	i := max(start, len(b)-10) // not the last, where base64 may have bits without meaning
	if b[i] == '1' {
		b[i] = '2'
	} else {
		b[i] = '1'
	}
	return string(b)
}

// tokenRequest adds a token request that the endpoint must refuse. If the endpoint issues
// a token, the message carries it, and the destination accepts the forgery.
func (f *forgeries) tokenRequest(name string, status int, fetch fetch) {
	f.add(name, status, func(r *http.Request) error {
		return new(accessToken).sign(r, nil, fetch)
	}).TokenRequest = true
}

// A tokenSource returns a new token each time.
type tokenSource func() (string, error)

// Sign implements [Signer] with a bearer token.
func (t tokenSource) Sign(r *http.Request) error {
	token, err := t()
	r.Header.Set("Authorization", "Bearer "+token)
	return err
}

// token adds a message with a bearer token.
func (f *forgeries) token(name string, status int, t tokenSource) *Forgery {
	return f.add(name, status, t.Sign)
}

// jwts calls add for each way to forge a JWT. The genuine JWTs are those of t, signed with
// key.
func (f *forgeries) jwts(t tokenSource, key Key, now func() time.Time, add func(name string, forged tokenSource)) {
	forge := func() ([]forgedJWT, error) {
		genuine, err := t()
		if err != nil {
			return nil, err
		}
		return forgeJWT(genuine, key, clock(now)())
	}
	sample, err := forge()
	if err != nil {
		panic("redoxtest: Forgeries: " + err.Error())
	}
	for i, j := range sample {
		add(j.name, func() (string, error) {
			forged, err := forge()
			if err != nil {
				return "", err
			}
			return forged[i].sign()
		})
	}
}

// assertions adds token requests with assertions that are forged or replayed, and a
// message with an assertion instead of an access token.
func (f *forgeries) assertions(status int, issue tokenSource, key Key, now func() time.Time, trade func(context.Context, string) (string, time.Duration, error)) {
	f.jwts(issue, key, now, func(name string, forged tokenSource) {
		f.tokenRequest("assertion: "+name, status, func(ctx context.Context) (string, time.Duration, error) {
			assertion, err := forged()
			if err != nil {
				return "", 0, err
			}
			return trade(ctx, assertion)
		})
	})
	f.tokenRequest("assertion: replayed", status, func(ctx context.Context) (string, time.Duration, error) {
		assertion, err := issue()
		if err == nil {
			_, _, err = trade(ctx, assertion)
		}
		if err != nil {
			return "", 0, fmt.Errorf("redoxtest: genuine assertion: %v", err) // as in Sign
		}
		return trade(ctx, assertion)
	})
	f.token("assertion as an access token", http.StatusUnauthorized, issue).NoCredentials = true
	f.noJWTs()
}

// noJWTs adds bearer tokens that are not JWTs, for destinations that take nothing else.
func (f *forgeries) noJWTs() {
	f.token("opaque token", http.StatusUnauthorized, func() (string, error) { return newUUID(), nil }).NoCredentials = true
	f.token("segments that are not JSON", http.StatusUnauthorized, func() (string, error) { return "a.b.c", nil }).NoCredentials = true
}

// issued adds forgeries of the access tokens that s gets from a token endpoint. They need
// no key of the endpoint. If a token is not a JWT, one character of it is altered instead.
func (f *forgeries) issued(s Signer) {
	sample := func() (string, error) { return Key{Algorithm: "HS256", Secret: []byte("sample")}.Token(nil, nil) }
	f.jwts(sample, Key{}, nil, func(name string, _ tokenSource) {
		f.tampered("access token: "+name, http.StatusUnauthorized, s, func(r *http.Request) {
			genuine, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			forged, _ := ForgeJWT(genuine, Key{}, time.Now())
			r.Header.Set("Authorization", "Bearer "+cmp.Or(forged[name], alterCredential(genuine)))
		})
	})
}

// variant returns a changed copy of the sender s. The copy has no token yet.
func variant[T any](s *T, change func(*T)) *T {
	v := new(T)
	from, to := reflect.ValueOf(s).Elem(), reflect.ValueOf(v).Elem()
	for i := range to.NumField() {
		if to.Field(i).CanSet() { // is exported
			to.Field(i).Set(from.Field(i))
		}
	}
	change(v)
	return v
}
