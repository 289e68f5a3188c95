package oauthclients_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

// Client IDs and secrets, by the letters in them that clients encode differently.
var credentials = []struct{ letters, id, secret string }{
	{"letters", "redox", "s3cret"},
	{"`+ %&=/`", "redox 1+%41&=", "s3cr+t %25&=/?"},
	{"`:`", "redox:2", "sec:ret"},
	{"`:` with `%`", "redox:3%", "s:%41"},
	{"`ü`", "zoë", "sécrét/ü"},
	{"`李`", "李", "Łukasz 李"},
}

// Secrets at the token endpoint of clientcredentials.
func TestSecrets(t *testing.T) {
	rows := readTable(t, "clientcredentials")
	t.Cleanup(func() { rows.complete(t) })
	each(t, "basic post json", func(t *testing.T, p *program) {
		s := newServer(t)
		var list []clientcredentials.Client
		for _, c := range credentials {
			list = append(list, clientcredentials.Client{ID: c.id, Secrets: []string{c.secret}, Scopes: scopes})
		}
		s.serveSecrets(0, list...)
		var inBasic, inBody, cannot []string
		var parameters, shows string
		for _, method := range p.methods {
			genuine := s.step(method)
			genuine.ID, genuine.Secret = "redox", "s3cret"
			how := ""
			for _, c := range credentials {
				q := genuine
				q.ID, q.Secret = c.id, c.secret
				a := p.do(t, q)
				requests := s.requests()
				if len(requests) > 0 && c.letters != "letters" && (how == "" || c.letters == "`ü`") {
					how = encoding(t, requests[0], c.id, c.secret)
				}
				switch {
				case a.Status == http.StatusOK:
				case len(requests) == 0:
					cannot = append(cannot, c.letters+" ("+method+")")
				default:
					cannot = append(cannot, c.letters+" ("+method+": a 401)")
					t.Logf("%s: %+v\n%s", c.letters, a, requests[0].dump)
				}
			}
			if _, option, ok := strings.Cut(method, ", "); ok {
				how = option + ": " + how
			}
			if strings.HasPrefix(method, "basic") {
				inBasic = append(inBasic, how)
			} else {
				inBody = append(inBody, how)
			}
			sent := testParameters(t, p, s, genuine)
			shown := testWrong(t, p, s, genuine, func(q *step) { q.Secret += "x" }, func(q *step) { q.ID += "x" })
			if parameters != "" && (sent != parameters || shown != shows) {
				t.Errorf("%s: %s, %s; another method: %s, %s", method, sent, shown, parameters, shows)
			}
			parameters, shows = sent, shown
			testRotationOfSecrets(t, p, genuine)
		}
		genuine := s.step(p.methods[0])
		genuine.ID, genuine.Secret = "redox", "s3cret"
		renewal := testExpiry(t, p, s, genuine, func(lifetime time.Duration) { s.serveSecrets(lifetime, list[0]) })
		rows.compare(t, p.name+" "+p.version, cell(inBasic), cell(inBody), cell(cannot), parameters, shows, renewal)
	})
}

// cell writes a cell of the table.
func cell(texts []string) string {
	if len(texts) == 0 {
		return "–"
	}
	return strings.Join(texts, "; ")
}

// encoding says how the client sent its ID and secret.
func encoding(t *testing.T, e exchange, id, secret string) string {
	t.Helper()
	value, ok := strings.CutPrefix(e.header.Get("Authorization"), "Basic ")
	if !ok {
		if strings.HasPrefix(e.header.Get("Content-Type"), "application/json") {
			return "JSON"
		}
		return "form"
	}
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	first, second, _ := strings.Cut(text, ":")
	first, _ = url.QueryUnescape(first)
	second, _ = url.QueryUnescape(second)
	latin1 := []byte{}
	for _, c := range id + ":" + secret {
		latin1 = append(latin1, byte(c))
	}
	switch sent := id + ":" + secret; {
	case text == sent && text == string(latin1):
		return "raw"
	case text == sent:
		return "raw UTF-8"
	case text == string(latin1):
		return "raw Latin-1"
	case first == id && second == secret:
		return "form-encoded"
	}
	return "of its own"
}

// testParameters tries scopes, audience and resource, and returns which of them the client
// sends.
func testParameters(t *testing.T, p *program, s *server, genuine step) string {
	t.Helper()
	q := genuine
	q.Scopes, q.Audience, q.Resource = scopes[:1], api, api
	p.do(t, q)
	form := one(t, s).form
	if claims := claimsOf(t, form); claims["scope"] != nil {
		return "scope as a claim" // which is ignored: the token has all scopes
	}
	type parameters struct {
		scopes             []string
		audience, resource string
		want               string // error or granted scopes
	}
	var names []string
	var tests []parameters
	if form.Has("scope") {
		names = append(names, "scope")
		tests = append(tests,
			parameters{scopes: scopes[:1], want: scopes[0]},
			parameters{scopes: scopes[1:], want: strings.Join(scopes[1:], " ")},
			parameters{scopes: []string{"user/*.rs"}, want: "invalid_scope"})
	}
	none := parameters{want: strings.Join(scopes, " ")}
	if strings.HasPrefix(genuine.Method, "assertion") {
		none.want = "invalid_scope" // SMART demands a scope
	}
	tests = append(tests, none)
	if form.Has("audience") {
		names = append(names, "audience")
		tests = append(tests,
			parameters{scopes: scopes[:1], audience: api, want: scopes[0]},
			parameters{scopes: scopes[:1], audience: "https://other.example", want: "invalid_target"})
	}
	if form.Has("resource") {
		names = append(names, "resource")
		tests = append(tests,
			parameters{scopes: scopes[:1], resource: api, want: scopes[0]},
			parameters{scopes: scopes[:1], resource: "https://other.example", want: "invalid_target"})
	}
	for _, tt := range tests {
		q := genuine
		q.Scopes, q.Audience, q.Resource = tt.scopes, tt.audience, tt.resource
		a := p.do(t, q)
		e := one(t, s)
		refused := strings.HasPrefix(tt.want, "invalid")
		switch {
		case refused && (e.status != http.StatusBadRequest || e.error != tt.want || !strings.Contains(a.Error, tt.want)),
			!refused && (a.Status != http.StatusOK || !slices.Equal(strings.Fields(e.scope), strings.Fields(tt.want))):
			t.Errorf("%s, %+v: got %+v, %d %s %q\n%s", genuine.Method, tt, a, e.status, e.error, e.scope, e.dump)
		}
	}
	return strings.Join(names, ", ")
}

// one returns the only token request since the last one.
func one(t *testing.T, s *server) exchange {
	t.Helper()
	requests := s.requests()
	if len(requests) != 1 {
		t.Errorf("%d token requests, want one", len(requests))
		return exchange{}
	}
	return requests[0]
}

// testWrong makes each change to a genuine step, and returns what the client shows of a
// refusal.
func testWrong(t *testing.T, p *program, s *server, genuine step, changes ...func(*step)) string {
	t.Helper()
	status, code := http.StatusUnauthorized, "invalid_client"
	if genuine.Method == "grant" {
		status, code = http.StatusBadRequest, "invalid_grant"
	}
	shown := ""
	for _, change := range changes {
		q := genuine
		change(&q)
		a := p.do(t, q)
		e := one(t, s)
		if a.Status != 0 || e.status != status || e.error != code {
			t.Errorf("%+v: got %+v, %d %s", q, a, e.status, e.error)
		}
		switch {
		case strings.Contains(a.Error, code):
			shown = "`" + code + "`"
		case strings.Contains(a.Error, "WWW-Authenticate"):
			shown = "the challenge"
		default:
			t.Errorf("%s does not show the error: %s", p.name, a.Error)
		}
	}
	return shown
}

// testRotationOfSecrets rotates from [old] to [new, old] to [new].
func testRotationOfSecrets(t *testing.T, p *program, genuine step) {
	t.Helper()
	s := newServer(t)
	q := s.step(genuine.Method)
	q.ID = "redox"
	old, replacement := q, q
	old.Secret, replacement.Secret = "the-old-secret", "the-new-secret"
	serve := func(secrets ...string) {
		s.serveSecrets(0, clientcredentials.Client{ID: "redox", Secrets: secrets})
	}
	again := old
	again.Again = "token"
	for _, tt := range []struct {
		secrets []string
		send    step
		want    int
	}{
		{[]string{"the-old-secret"}, replacement, 0},
		{[]string{"the-old-secret"}, old, 200},
		{[]string{"the-new-secret", "the-old-secret"}, again, 200},
		{[]string{"the-new-secret"}, again, 0},
		{[]string{"the-new-secret"}, old, 0},
		{[]string{"the-new-secret", "the-old-secret"}, replacement, 200},
		{[]string{"the-new-secret"}, replacement, 200},
	} {
		serve(tt.secrets...)
		if a := p.do(t, tt.send); a.Status != tt.want {
			t.Errorf("%s, secrets %q, %q: got %+v, want %d", genuine.Method, tt.secrets, tt.send.Secret, a, tt.want)
		}
	}
}

// longest is the longest Lifetime that the endpoint allows, or one that is long enough.
// Some clients replace a token that has less than 5 minutes left.
func longest(method string) time.Duration {
	if strings.HasPrefix(method, "assertion") {
		return 5 * time.Minute
	}
	return time.Hour
}

// testExpiry returns when the client gets a new token for the one that has expired.
func testExpiry(t *testing.T, p *program, s *server, genuine step, serve func(lifetime time.Duration)) string {
	t.Helper()
	renewal := "when asked"
	message, token := genuine, genuine
	message.Again, token.Again = "message", "token"
	check := func(what string, a answer) {
		t.Helper()
		if a.Status != http.StatusOK {
			t.Errorf("%s: got %+v", what, a)
		}
	}

	// The server ends all tokens, and the client cannot know it.
	serve(longest(genuine.Method))
	check("first message", p.do(t, genuine))
	check("second message", p.do(t, message))
	s.endTokens()
	serve(longest(genuine.Method))
	switch a := p.do(t, message); a.Status {
	case http.StatusOK:
		renewal = "after a 401"
	case http.StatusUnauthorized:
	default:
		t.Errorf("a token that was ended: got %+v, want 401", a)
	}
	check("a new token", p.do(t, token))

	// The token expires for both: expires_in is 1, and the endpoint accepts it for 60 s more.
	serve(time.Second)
	check("a short token", p.do(t, genuine))
	s.requests()
	time.Sleep(2100 * time.Millisecond) // some clients round to seconds
	s.advance(65 * time.Second)
	switch a := p.do(t, message); {
	case a.Status == http.StatusOK && renewal == "when asked":
		renewal = "by `expires_in`"
	case a.Status == http.StatusOK: // because of either
		renewal = "by `expires_in`, after a 401"
	case a.Status == 0 && len(s.requests()) > 0:
		renewal += ": when it asks by itself, it is refused"
	case a.Status == 0:
		renewal += ": it does not send an expired one"
	case a.Status != http.StatusUnauthorized:
		t.Errorf("an expired token: got %+v, want 401", a)
	}
	check("a new token for an expired one", p.do(t, token))
	s.requests()
	s.advance(-65 * time.Second)

	serve(0)
	check("the default Lifetime", p.do(t, genuine))
	check("the default Lifetime, second message", p.do(t, message))
	if n := len(s.requests()); n > 2 {
		renewal += "; for each message with the default `Lifetime`"
	}
	return renewal
}
