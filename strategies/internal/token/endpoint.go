package token

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// A Grant is what differs between the token endpoints.
type Grant interface {
	// Prove verifies the client's credentials or its assertion. The error is a
	// [*Refusal], or one that wraps a kind of package redoxauth.
	Prove(ctx context.Context, q *Request) (*Proof, error)

	// Known reports whether the client of an earlier token is still configured.
	Known(client, subject string) bool

	// Narrow returns what of the requested scopes is within the allowed ones.
	Narrow(allowed, requested []string) []string

	// Covers reports whether the granted scopes include the required one.
	Covers(granted []string, required string) bool
}

// A Proof is what a token request has proved.
type Proof struct {
	Client  string   // client_id of the token
	Subject string   // its sub
	KeyID   string   // which secret or key
	Allowed []string // scopes that the client may have

	// Use records an assertion as used, when everything else is in order; nil for
	// what may be used again.
	Use func(context.Context) error
}

// ServeHTTP answers a token request.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id, body, err := e.try(w, r)
	var f *Refusal
	if err != nil {
		f = e.count(r, refusalOf(err))
	}
	e.observe(r, id, f, time.Since(start))
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	if f != nil {
		refuse(w, f, r.ProtoMajor)
		return
	}
	w.Write(body)
}

func (e *Endpoint) observe(r *http.Request, id *redoxauth.Identity, f *Refusal, d time.Duration) {
	if e.cfg.Observe == nil {
		return
	}
	decision := redoxauth.Decision{Event: "token_request", Status: http.StatusOK, Identity: id, Duration: d}
	if f != nil {
		named := *f.Err
		named.Strategy = e.cfg.Strategy
		decision.Err, decision.Status = &named, f.Status
	}
	e.cfg.Observe(r, decision)
}

// try is issue, with a panic of the operator's replay store as a fault of ours.
func (e *Endpoint) try(w http.ResponseWriter, r *http.Request) (id *redoxauth.Identity, body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			id, body, err = nil, nil, fmt.Errorf("panic: %T", p)
		}
	}()
	return e.issue(w, r)
}

// issue checks what a genuine client may have, and signs it, before its assertion is
// used up, so that a request refused for its scope can be sent again.
func (e *Endpoint) issue(w http.ResponseWriter, r *http.Request) (*redoxauth.Identity, []byte, error) {
	q, err := e.read(w, r)
	if err != nil {
		return nil, nil, err
	}
	switch q.Get("grant_type") {
	case e.cfg.GrantType:
	case "":
		return nil, nil, Malformed("grant_type is missing")
	default:
		return nil, nil, unsupportedGrant()
	}
	p, err := e.cfg.Grant.Prove(r.Context(), q)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range []string{"audience", "resource"} {
		if target := q.Get(name); target != "" && target != e.cfg.Audience {
			return nil, nil, invalidTarget(p.Client)
		}
	}
	granted, err := e.grantedScopes(q.Get("scope"), p)
	if err != nil {
		return nil, nil, err
	}
	token, id, err := e.sign(p, granted)
	if err != nil {
		return nil, nil, err
	}
	if p.Use != nil {
		if err := p.Use(r.Context()); err != nil {
			return nil, nil, err
		}
	}
	body, err := encode(struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int64  `json:"expires_in"`
		Scope       string `json:"scope,omitempty"`
	}{token, "bearer", int64(e.cfg.Lifetime / time.Second), joinScopes(granted)})
	return id, body, err
}

func (e *Endpoint) grantedScopes(parameter string, p *Proof) ([]string, error) {
	if parameter == "" {
		return p.Allowed, nil
	}
	requested, ok := splitScopes(parameter)
	if !ok {
		return nil, InvalidScope(p.Client)
	}
	granted := e.cfg.Grant.Narrow(p.Allowed, requested)
	if len(granted) == 0 || len(joinScopes(granted)) > 2*maxScope { // the token would be too large to be accepted
		return nil, InvalidScope(p.Client)
	}
	return granted, nil
}

// count counts a wrong credential. Beyond the rate it is answered 429.
func (e *Endpoint) count(r *http.Request, f *Refusal) *Refusal {
	if !f.Wrong {
		return f
	}
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		peer = r.RemoteAddr
	}
	wait := e.failures.add(f.Client, peer, e.cfg.Now())
	if wait == 0 {
		return f
	}
	limited := *f
	limited.Status, limited.RetryAfter = http.StatusTooManyRequests, wait
	return &limited
}

func refuse(w http.ResponseWriter, f *Refusal, protoMajor int) {
	h := w.Header()
	switch f.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", f.Challenge)
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodPost)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	if f.Unread {
		// Else net/http waits for the rest of the body before it sends the answer. In
		// HTTP/2 it would end all other streams of the connection.
		if protoMajor < 2 {
			h.Set("Connection", "close")
		}
	}
	w.WriteHeader(f.Status)
	body, _ := encode(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{f.Code, f.Description})
	w.Write(body)
}

// encode is json.Marshal that leaves < > & alone: scopes are full of them.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
