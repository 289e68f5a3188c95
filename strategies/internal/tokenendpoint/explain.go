package tokenendpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// An observed body is in the request that Observe gets. It reads as empty, and keeps what
// was parsed, so that Explain works later too.
type observed struct {
	request *Request
	err     error // of the decision
}

func (*observed) Read([]byte) (int, error) { return 0, io.EOF }

func (*observed) Close() error { return nil }

// Explain tells an operator what e makes of a token request, in the form of
// [redoxauth.Explain]. It runs the code that decides, with a context that loads nothing.
func (e *Endpoint) Explain(r *http.Request) (text string) {
	switch {
	case e == nil:
		return redoxauth.Errorf(nil, "internal", "a zero TokenEndpoint: make it with NewTokenEndpoint").Error() + "\n"
	case r == nil:
		return e.failure(errors.New("no request")).Error() + "\n"
	}
	q, when := e.requestOf(r)
	ctx := rotation.LoadedOnly(r.Context())
	id, err := e.explained(ctx, r, q)
	if err == nil {
		text = e.cfg.Strategy + ": accepted: " + id.String()
	} else {
		text = e.failure(err).Error()
	}
	to := &diagnosis.Report{}
	if f := (*redoxauth.Error)(nil); errors.As(err, &f) && f.Reason == "body_consumed" {
		to.Hint("explain the request that Observe got: it keeps what the endpoint has parsed")
	}
	if when != nil && when.Error() != text {
		to.Line("when the request was served: %v", when)
	}
	e.head(to, r, q)
	if q.parameters != nil {
		e.body(ctx, to, q, id)
	}
	return to.Text(text)
}

// requestOf returns what ServeHTTP parsed, and its error, if r is the request that Observe
// got.
func (e *Endpoint) requestOf(r *http.Request) (*Request, error) {
	if seen, ok := r.Body.(*observed); ok {
		q := *seen.request
		return &q, seen.err
	}
	return &Request{unread: true}, nil
}

// explained decides about r, as issue does.
func (e *Endpoint) explained(ctx context.Context, r *http.Request, q *Request) (id *redoxauth.Identity, err error) {
	defer func() {
		if p := recover(); p != nil {
			id, err = nil, fmt.Errorf("panic: %T", p)
		}
	}()
	parse, err := e.readHead(r, q)
	if err != nil {
		return nil, err
	}
	if seen, ok := r.Body.(*observed); ok {
		if q.parameters == nil {
			return nil, seen.err
		}
	} else {
		body, err := redoxauth.ReadBody(nil, r, e.bodies) // r.Body can be read again
		if err != nil {
			return nil, unread(err)
		}
		q.unread = false
		if err := parse(q, body); err != nil {
			return nil, err
		}
	}
	id, _, err = e.answer(ctx, q)
	return id, err
}

// head explains what comes before the parameters.
func (e *Endpoint) head(to *diagnosis.Report, r *http.Request, q *Request) {
	if r.Method == http.MethodPost {
		to.Line("method: \"POST\", as required")
	} else {
		to.Line("method: %s, want \"POST\"", diagnosis.Text(r.Method, true))
	}
	if r.URL != nil {
		to.Line("path: %s; your mux decides it, and not the token endpoint", diagnosis.Quote(r.URL.Path))
		if err := checkQuery(r.URL.RawQuery); err != nil {
			to.Line("query: %v", err.(*redoxauth.Error).Err)
		} else {
			to.Line("query: no credentials in it, as required")
		}
	}
	switch values := r.Header["Authorization"]; {
	case len(values) > 1:
		to.Line("Authorization: %d headers, want at most one", len(values))
	case len(values) == 0:
		to.Line("Authorization: absent")
	default:
		if _, ok := basic(values[0]); ok { // q may be read up to the query only
			to.Line("Authorization: Basic")
		} else {
			to.Line("Authorization: another scheme than Basic, which is ignored")
		}
	}
	if e.parserFor(r.Header) != nil {
		to.Line("media type: %s, as accepted", diagnosis.Quote(r.Header.Get("Content-Type")))
	} else {
		to.Line("media type: %s", e.wrongType(r.Header))
		if !e.cfg.JSON && strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "application/json") {
			to.Hint("the body is declared as JSON, and %s takes forms only: set contentType in Redox's dashboard to application/x-www-form-urlencoded", e.cfg.Strategy)
		}
	}
	switch {
	case q.parameters != nil:
	case q.unread:
		to.Line("body: not read, so nothing can be said of its parameters")
	default:
		to.Line("body: read, and it cannot be parsed")
	}
}

// body explains the parameters, and what they prove.
func (e *Endpoint) body(ctx context.Context, to *diagnosis.Report, q *Request, id *redoxauth.Identity) {
	defer func() {
		if p := recover(); p != nil {
			to.Line("panic: %T: this is a fault of redoxauth", p)
		}
	}()
	to.Line("body: %s", q.arrived())
	e.misnamed(to, q)
	switch grant := q.Get("grant_type"); grant {
	case e.cfg.GrantType:
		to.Line("grant_type: %q, as required", grant)
	default:
		to.Line("grant_type: %s, want %q (Redox dashboard: grantType)", q.Said("grant_type"), e.cfg.GrantType)
		e.foreign(to, q, grant)
	}
	client := ""
	if e.cfg.Explain != nil {
		client = e.cfg.Explain(ctx, to, q)
	}
	e.target(to, q)
	e.scopes(to, q, client)
	if id != nil {
		to.Line("access token: it would have iss %q (EndpointConfig.Issuer), aud %q (EndpointConfig.Audience) and be valid for %v (EndpointConfig.Lifetime); Explain issues none",
			e.cfg.Issuer, e.cfg.Audience, e.cfg.Lifetime)
	}
}

// misnamed looks for parameters whose names are those of ours in another spelling.
func (e *Endpoint) misnamed(to *diagnosis.Report, q *Request) {
	if len(q.json) > maxNamed {
		return
	}
	for _, name := range q.names() {
		i := slices.IndexFunc(parameters, func(p string) bool { return p != name && plain(p) == plain(name) })
		if i < 0 || !q.shows(name) || q.parameters.Has(parameters[i]) {
			continue
		}
		field := ""
		if f := dashboard[parameters[i]].name; f != "" {
			field = ": set " + f + " in Redox's dashboard"
		}
		to.Hint("the parameter %s is %q in another spelling, and names must be equal in every character%s", diagnosis.Quote(name), parameters[i], field)
	}
}

// plain returns the letters and digits of a name, in lower case.
func plain(name string) string {
	return strings.Map(func(c rune) rune {
		if c == '_' || c == '-' || c == '.' {
			return -1
		}
		return c
	}, strings.ToLower(name))
}

// foreign names the package that serves a request of another grant type.
func (e *Endpoint) foreign(to *diagnosis.Report, q *Request, grant string) {
	serves := ""
	switch {
	case strings.EqualFold(strings.TrimSpace(grant), e.cfg.GrantType):
		to.Hint("grant_type differs from %q only in case or white space", e.cfg.GrantType)
		return
	case grant == "urn:ietf:params:oauth:grant-type:jwt-bearer" && q.HasAny("assertion"):
		serves = "jwtbearer"
	case grant == "client_credentials" && q.HasAny("client_assertion"):
		serves = "smartbackend"
	case grant == "client_credentials" && (q.HasBasic || q.HasAny("client_secret")):
		serves = "clientcredentials"
	}
	if serves != "" {
		to.Hint("this is a token request for package %s: it has NewTokenEndpoint too", serves)
	}
}

func (e *Endpoint) target(to *diagnosis.Report, q *Request) {
	for _, name := range targets {
		values := slices.DeleteFunc(slices.Clone(q.parameters[name]), func(s string) bool { return s == "" })
		for i, target := range values {
			switch {
			case i == 8:
				to.Line("%s: and more values", name)
			case i > 8:
			case target == e.cfg.Audience:
				to.Line("%s: %s, as configured", name, diagnosis.Quote(target))
			default:
				to.Line("%s: %s, want %q or none (EndpointConfig.Audience; Redox dashboard: %s)", name, diagnosis.Quote(target), e.cfg.Audience, name)
				to.Near(name, target, []string{e.cfg.Audience}, "EndpointConfig.Audience")
				if target == e.cfg.Issuer {
					to.Hint("%s is EndpointConfig.Issuer, where EndpointConfig.Audience is expected", name)
				}
			}
		}
		if len(values) == 0 {
			to.Line("%s: absent, as allowed", name)
		}
	}
}

func (e *Endpoint) scopes(to *diagnosis.Report, q *Request, client string) {
	c, known := e.clients[client]
	parameter := q.Get("scope")
	if !known {
		to.Line("scope: %s; what may be granted is not known without a client", q.Said("scope"))
		return
	}
	field := fmt.Sprintf("EndpointConfig.%s[].Scopes", e.cfg.ClientField)
	requested, err := splitScopes(parameter)
	if err != nil {
		to.Line("scope: %v (Redox dashboard: scopes)", err)
		return
	}
	to.Line("scope: %s; client %s may get %s (%s; Redox dashboard: scopes)", diagnosis.List(requested), diagnosis.Quote(client), offered(c.Scopes), field)
	for i, s := range requested {
		if i == 8 {
			to.Line("scope: and %d more", len(requested)-i)
			break
		}
		switch granted := e.cfg.Scopes.Narrow(c.Scopes, []string{s}); {
		case len(granted) == 0:
			to.Line("scope %s: nothing of it would be granted: it %s", diagnosis.Quote(s), e.cfg.Scopes.Why(c.Scopes, s))
		case slices.Equal(granted, []string{s}):
			to.Line("scope %s: would be granted", diagnosis.Quote(s))
		default:
			to.Line("scope %s: would be narrowed to %s", diagnosis.Quote(s), diagnosis.List(granted))
		}
	}
}
