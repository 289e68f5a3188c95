package tokenendpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
)

// An observed body is in the request that Observe gets. It reads as empty, and keeps what
// was parsed, so that Explain works later too.
type observed struct {
	request *Request
	err     error // of the decision
}

func (*observed) Read([]byte) (int, error) { return 0, io.EOF }

func (*observed) Close() error { return nil }

// A Report collects what Explain says, beside the decision.
type Report struct {
	facts strings.Builder
	hints []string
}

// Fact adds a line.
func (x *Report) Fact(format string, args ...any) {
	fmt.Fprintf(&x.facts, format+"\n", args...)
}

// Hint adds a cause that was tried and fits. It is written once.
func (x *Report) Hint(format string, args ...any) {
	if hint := "- " + fmt.Sprintf(format, args...) + "\n"; !slices.Contains(x.hints, hint) {
		x.hints = append(x.hints, hint)
	}
}

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
	x := &Report{}
	if f := (*redoxauth.Error)(nil); errors.As(err, &f) && f.Reason == "body_consumed" {
		x.Hint("explain the request that Observe got: it keeps what the endpoint has parsed")
	}
	if when != nil && when.Error() != text {
		x.Fact("when the request was served: %v", when)
	}
	e.head(x, r, q)
	if q.parameters != nil {
		e.body(ctx, x, q, id)
	}
	text += "\n" + x.facts.String()
	if len(x.hints) > 0 {
		text += "\nhints:\n" + strings.Join(x.hints, "")
	}
	return text
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
func (e *Endpoint) head(x *Report, r *http.Request, q *Request) {
	if r.Method == http.MethodPost {
		x.Fact("method: \"POST\", as required")
	} else {
		x.Fact("method: %s, want \"POST\"", Quote(r.Method))
	}
	if r.URL != nil {
		x.Fact("path: %s; your mux decides it, and not the token endpoint", Quote(r.URL.Path))
		if err := checkQuery(r.URL.RawQuery); err != nil {
			x.Fact("query: %v", err.(*redoxauth.Error).Err)
		} else {
			x.Fact("query: no credentials in it, as required")
		}
	}
	switch values := r.Header["Authorization"]; {
	case len(values) > 1:
		x.Fact("Authorization: %d headers, want at most one", len(values))
	case q.HasBasic:
		x.Fact("Authorization: Basic")
	case len(values) == 1:
		x.Fact("Authorization: another scheme than Basic, which is ignored")
	default:
		x.Fact("Authorization: absent")
	}
	if e.parserFor(r.Header) != nil {
		x.Fact("media type: %s, as accepted", Quote(r.Header.Get("Content-Type")))
	} else {
		x.Fact("media type: %s", e.wrongType(r.Header))
		if !e.cfg.JSON && strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "application/json") {
			x.Hint("the body is declared as JSON, and %s takes forms only: set contentType in Redox's dashboard to application/x-www-form-urlencoded", e.cfg.Strategy)
		}
	}
	switch {
	case q.parameters != nil:
	case q.unread:
		x.Fact("body: not read, so nothing can be said of its parameters")
	default:
		x.Fact("body: read, and it cannot be parsed")
	}
}

// body explains the parameters, and what they prove.
func (e *Endpoint) body(ctx context.Context, x *Report, q *Request, id *redoxauth.Identity) {
	defer func() {
		if p := recover(); p != nil {
			x.Fact("panic: %T: this is a fault of redoxauth", p)
		}
	}()
	x.Fact("body: %s", q.arrived())
	e.misnamed(x, q)
	switch grant := q.Get("grant_type"); grant {
	case e.cfg.GrantType:
		x.Fact("grant_type: %q, as required", grant)
	default:
		x.Fact("grant_type: %s, want %q (Redox dashboard: grantType)", Quote(grant), e.cfg.GrantType)
		e.foreign(x, q, grant)
	}
	client := ""
	if e.cfg.Facts != nil {
		client = e.cfg.Facts(ctx, x, q)
	}
	e.target(x, q)
	e.scopes(x, q, client)
	if id != nil {
		x.Fact("access token: it would have iss %q (EndpointConfig.Issuer), aud %q (EndpointConfig.Audience) and be valid for %v (EndpointConfig.Lifetime); none was issued",
			e.cfg.Issuer, e.cfg.Audience, e.cfg.Lifetime)
	}
}

// misnamed looks for parameters whose names are those of ours in another spelling.
func (e *Endpoint) misnamed(x *Report, q *Request) {
	if len(q.json) > maxNamed {
		return
	}
	for _, name := range q.names() {
		i := slices.IndexFunc(parameters, func(p string) bool { return p != name && plain(p) == plain(name) })
		if i < 0 || !isName(name) || q.parameters.Has(parameters[i]) {
			continue
		}
		field := ""
		if f := dashboard[parameters[i]].name; f != "" {
			field = ": set " + f + " in Redox's dashboard"
		}
		x.Hint("the parameter %s is %q in another spelling, and names must be equal in every character%s", Quote(name), parameters[i], field)
	}
}

// plain returns the letters and digits of a name, in lower case.
func plain(name string) string {
	return strings.Map(func(c rune) rune {
		if c == '_' || c == '-' || c == '.' || c == ' ' {
			return -1
		}
		return c
	}, strings.ToLower(name))
}

// foreign names the package that serves a request of another grant type.
func (e *Endpoint) foreign(x *Report, q *Request, grant string) {
	serves := ""
	switch {
	case grant == "":
		return
	case strings.EqualFold(strings.TrimSpace(grant), e.cfg.GrantType):
		x.Hint("grant_type differs from %q only in case or white space", e.cfg.GrantType)
		return
	case grant == "urn:ietf:params:oauth:grant-type:jwt-bearer" && q.HasAny("assertion"):
		serves = "jwtbearer"
	case grant == "client_credentials" && q.HasAny("client_assertion"):
		serves = "smartbackend"
	case grant == "client_credentials" && (q.HasBasic || q.HasAny("client_secret")):
		serves = "clientcredentials"
	}
	if serves != "" && serves != e.cfg.Strategy {
		x.Hint("this is a token request for package %s: it has NewTokenEndpoint too", serves)
	}
}

func (e *Endpoint) target(x *Report, q *Request) {
	for _, name := range targets {
		for i, target := range q.parameters[name] {
			switch {
			case i == maxListed:
				x.Fact("%s: and more values", name)
			case i > maxListed || target == "":
			case target == e.cfg.Audience:
				x.Fact("%s: %s, as configured", name, Quote(target))
			default:
				x.Fact("%s: %s, want %q or none (EndpointConfig.Audience; Redox dashboard: %s)", name, Quote(target), e.cfg.Audience, name)
				x.Near(name, target, e.cfg.Audience, "EndpointConfig.Audience")
				if target == e.cfg.Issuer {
					x.Hint("%s is EndpointConfig.Issuer, where EndpointConfig.Audience is expected", name)
				}
			}
		}
		if !q.HasAny(name) {
			x.Fact("%s: absent, as allowed", name)
		}
	}
}

func (e *Endpoint) scopes(x *Report, q *Request, client string) {
	c, known := e.clients[client]
	parameter := q.Get("scope")
	if !known {
		x.Fact("scope: %s; what may be granted is not known without a client", Quote(parameter))
		return
	}
	field := fmt.Sprintf("EndpointConfig.%s[].Scopes", e.cfg.ClientField)
	if parameter == "" {
		x.Fact("scope: absent; client %s may get %s (%s; Redox dashboard: scopes)", Quote(client), list(c.Scopes), field)
		return
	}
	requested, err := splitScopes(parameter)
	if err != nil {
		x.Fact("scope: %v (Redox dashboard: scopes)", err)
		return
	}
	x.Fact("scope: %s; client %s may get %s (%s; Redox dashboard: scopes)", list(requested), Quote(client), list(c.Scopes), field)
	for i, s := range requested {
		if i == maxListed {
			x.Fact("scope: and %d more", len(requested)-i)
			break
		}
		switch granted := e.cfg.Scopes.Narrow(c.Scopes, []string{s}); {
		case len(granted) == 0:
			x.Fact("scope %s: nothing of it would be granted: it %s", Quote(s), e.cfg.Scopes.Why(c.Scopes, s))
		case slices.Equal(granted, []string{s}):
			x.Fact("scope %s: would be granted", Quote(s))
		default:
			x.Fact("scope %s: would be narrowed to %s", Quote(s), list(granted))
		}
	}
}

// Near adds a hint if got is one of the values that are often mistaken for want.
func (x *Report) Near(name, got, want, field string) {
	trimmed := func(s string) string { return strings.TrimRight(s, "/") }
	scheme := func(s string) string {
		_, rest, ok := strings.Cut(s, "://")
		if !ok {
			return s
		}
		return rest
	}
	port := func(s string) string {
		return strings.Replace(strings.Replace(s, ":443/", "/", 1), ":80/", "/", 1)
	}
	switch {
	case got == want || got == "":
	case strings.TrimSpace(got) == want:
		x.Hint("%s has white space around it: without it, it is %s", name, field)
	case trimmed(got) == trimmed(want):
		x.Hint("%s and %s differ only in the slash at the end", name, field)
	case strings.EqualFold(got, want):
		x.Hint("%s and %s differ only in case", name, field)
	case scheme(got) == scheme(want):
		x.Hint("%s and %s differ only in http and https", name, field)
	case port(got+"/") == port(want+"/"):
		x.Hint("%s and %s differ only in the port", name, field)
	case strings.EqualFold(trimmed(scheme(strings.TrimSpace(got))), trimmed(scheme(want))):
		x.Hint("%s and %s differ only in http and https, the slash at the end, case or white space", name, field)
	}
}

// date writes a time, and how far it is from now.
func date(at, now time.Time) string {
	how := fmt.Sprintf("in %v", at.Sub(now).Round(time.Second))
	if !at.After(now) {
		how = fmt.Sprintf("%v ago", now.Sub(at).Round(time.Second))
	}
	return fmt.Sprintf("%s, %s by this server's clock", at.UTC().Format(time.RFC3339), how)
}
