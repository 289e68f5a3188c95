package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A server is what a proposal describes, as its Go code builds it.
type server struct {
	token    *verifytoken.Verifier // nil without a verification token
	verifier redoxauth.Verifier    // of messages: all that the proposal demands
	endpoint http.Handler          // nil without a token endpoint
	refused  error                 // the endpoint's last refusal
}

// build returns nil if values of variables are missing.
func (p *proposal) build(s *settings, config any) (b *server, missing []string, err error) {
	b = new(server)
	for _, variable := range p.needs {
		if s.value(variable) == "" {
			missing = append(missing, variable)
		}
	}
	// The token of a handshake is not needed to try a message.
	if p.token || p.strategy == "verifytoken" || p.handshake && s.value("REDOX_TOKENS") != "" {
		c := s.filled(reflect.ValueOf(tokenConfig()), &missing).Interface().(verifytoken.Config)
		if len(missing) == 0 {
			b.token, err = verifytoken.New(c)
		}
	}
	if p.strategy == "verifytoken" {
		b.verifier = b.token
		return b, missing, err
	}
	filled := s.filled(reflect.ValueOf(config), &missing)
	if p.keys != nil {
		set, e := s.keys()
		if e == nil && set == nil {
			missing = append(missing, "the keys")
		}
		err = errors.Join(err, e)
		setKeys(filled, set)
	}
	if len(missing) > 0 || err != nil {
		return b, missing, err
	}
	observe := func(_ *http.Request, d redoxauth.Decision) { b.refused = d.Err }
	switch c := filled.Interface().(type) {
	case sigv4.Config:
		b.verifier, err = sigv4.New(c)
	case jwtbearer.Config:
		b.verifier, err = jwtbearer.New(c)
	case jwtbearer.EndpointConfig:
		c.Observe = observe
		err = serve(jwtbearer.NewTokenEndpoint(c))(b)
	case clientcredentials.Config:
		b.verifier, err = clientcredentials.New(c)
	case clientcredentials.IntrospectionConfig:
		b.verifier, err = clientcredentials.NewIntrospection(c)
	case clientcredentials.EndpointConfig:
		c.Observe = observe
		err = serve(clientcredentials.NewTokenEndpoint(c))(b)
	case smartbackend.EndpointConfig:
		c.Observe = observe
		err = serve(smartbackend.NewTokenEndpoint(c))(b)
	case gcpjwt.Config:
		b.verifier, err = gcpjwt.New(c)
	case wif.Config:
		b.verifier, err = wif.New(c)
	}
	if err == nil && p.token {
		b.verifier = redoxauth.AllOf(b.token, b.verifier)
	}
	return b, nil, err
}

// serve sets the endpoint and the Verifier of its tokens.
func serve[V redoxauth.Verifier](e interface {
	http.Handler
	Verifier(scopes ...string) (V, error)
}, err error) func(*server) error {
	return func(b *server) error {
		if err != nil {
			return err
		}
		b.endpoint = e
		b.verifier, err = e.Verifier()
		return err
	}
}

// setKeys sets every field of the type keyset.Set.
func setKeys(v reflect.Value, set keyset.Set) {
	switch {
	case v.Type() == reflect.TypeFor[keyset.Set]():
		if set != nil {
			v.Set(reflect.ValueOf(set))
		}
	case v.Kind() == reflect.Struct:
		for n := range v.NumField() {
			setKeys(v.Field(n), set)
		}
	case v.Kind() == reflect.Slice:
		for n := range v.Len() {
			setKeys(v.Index(n), set)
		}
	}
}

// A trial is what the proposed Verifier made of the request.
type trial struct {
	text     string
	accepted bool
	server   *server
	answer   *answer // of the token endpoint
}

// An answer is what a token endpoint answered.
type answer struct {
	header http.Header
	status int
	bytes.Buffer
}

func (a *answer) Header() http.Header    { return a.header }
func (a *answer) WriteHeader(status int) { a.status = status }

// try builds what p describes, and gives it the request. If the Config refuses, it tries the
// variants, and changes p to the first that accepts.
func (i *inspector) try(p *proposal, q *request, h *handshake) trial {
	select {
	case i.trials <- struct{}{}:
		defer func() { <-i.trials }()
	default:
		return trial{text: "not tried: too many requests at once"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	first := i.tryConfig(ctx, p, p.config, q, h)
	if first.accepted || first.server == nil || p.variants == nil {
		return first
	}
	for _, config := range p.variants() {
		if t := i.tryConfig(ctx, p, config, q, h); t.accepted {
			p.config = config
			t.text += "\nThe Config without the fields that begin with Disable, or PathPrefix, refuses it."
			return t
		}
	}
	return first
}

func (i *inspector) tryConfig(ctx context.Context, p *proposal, config any, q *request, h *handshake) trial {
	b, missing, err := p.build(i.settings, config)
	switch {
	case len(missing) > 0:
		slices.Sort(missing)
		var hints []string
		for _, m := range slices.Compact(missing) {
			if m == "the keys" {
				hints = append(hints, "-jwks URL or -keys FILE")
			} else {
				hints = append(hints, hint(m))
			}
		}
		return trial{text: "not tried: to try it, start inspect with " + strings.Join(hints, ", and ")}
	case err != nil:
		return trial{text: "not tried, this Config has a mistake:\n" + err.Error()}
	}
	r := q.again(ctx)
	t := trial{server: b}
	switch {
	case h != nil && (h.token != "" || p.strategy == "verifytoken"):
		if b.token == nil {
			return trial{text: "not tried: to try it, start inspect with " + hint("REDOX_TOKENS")}
		}
		if _, handled, err := b.token.CheckHandshake(nil, r); err != nil || !handled {
			t.text = "refused by this Config:\n" + refusal(b.token, q.again(ctx), err)
			return t
		}
		t.text = "accepted with this Config: the handshake is answered"
	case p.endpoint():
		t.answer = &answer{header: http.Header{}, status: http.StatusOK}
		b.endpoint.ServeHTTP(t.answer, r)
		if b.refused != nil || t.answer.status != http.StatusOK {
			t.text = fmt.Sprintf("refused with status %d by this Config:\n", t.answer.status) + refusal(b.endpoint, q.again(ctx), b.refused)
			return t
		}
		t.text = "accepted with this Config: the token endpoint issued an access token"
	default:
		return b.verify(ctx, q)
	}
	t.accepted = true
	return t
}

// verify gives a message to the Verifier.
func (b *server) verify(ctx context.Context, q *request) trial {
	t := trial{server: b}
	r, err := redoxauth.Check(b.verifier, nil, q.again(ctx), nil)
	if err != nil {
		t.text = "refused by this Config:\n" + refusal(b.verifier, q.again(ctx), err)
		return t
	}
	id, _ := redoxauth.FromContext(r.Context())
	t.text, t.accepted = "accepted with this Config: "+id.String(), true
	return t
}

// refusal explains why v refused r.
func refusal(v any, r *http.Request, err error) string {
	e, ok := v.(interface{ Explain(*http.Request) string })
	if !ok {
		return fmt.Sprintln(err)
	}
	text := e.Explain(r)
	if err != nil && !strings.HasPrefix(text, err.Error()) { // such as a replay: Explain asks no store
		text = err.Error() + "\n" + text
	}
	return text
}
