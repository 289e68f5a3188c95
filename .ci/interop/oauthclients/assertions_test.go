package oauthclients_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// Client assertions (private_key_jwt) at the token endpoint of smartbackend.
func TestAssertions(t *testing.T) {
	testAssertions(t, "assertion", "smartbackend", "ES384", "RS384", (*server).serveAssertions)
}

// Assertions as a grant, at the token endpoint of jwtbearer.
func TestGrants(t *testing.T) {
	testAssertions(t, "grant", "jwtbearer", "RS256", "ES256", (*server).serveGrants)
}

func testAssertions(t *testing.T, kind, strategy, firstAlgorithm, secondAlgorithm string, serve func(*server, time.Duration, ...redoxtest.Key)) {
	keys := []redoxtest.Key{redoxtest.NewKey("first", firstAlgorithm), redoxtest.NewKey("second", secondAlgorithm)}
	rows := readTable(t, strategy)
	t.Cleanup(func() { rows.complete(t) })
	each(t, kind, func(t *testing.T, p *program) {
		for _, method := range p.methods {
			s := newServer(t)
			serve(s, longest(method), keys...)
			var sent []assertion
			var genuine step
			for _, k := range keys {
				q := s.step(method)
				q.ID, q.Subject, q.Scopes = "redox", "redox", scopes[:1]
				q.Algorithm, q.KeyID, q.Key = k.Algorithm, k.ID, privatePEM(t, k)
				a := p.do(t, q)
				requests := s.requests()
				if len(requests) == 0 {
					t.Logf("it cannot use a key for %s: %s", k.Algorithm, a.Error)
					continue
				}
				d := described(t, s, requests[0])
				switch {
				case a.Status == http.StatusOK:
					if genuine.Method == "" {
						genuine = q
					}
				case strings.HasPrefix(d.algorithm, "RS") && strings.HasPrefix(k.Algorithm, "ES"):
					continue // it names RS256 for every key
				default:
					d.algorithm += ": `" + requests[0].error + "`"
					t.Logf("%+v\n%s", a, requests[0].dump)
				}
				sent = append(sent, d)
			}
			parameters, shows, renewal, sub := "–", "–", "–", "–"
			if genuine.Method != "" {
				parameters = testParameters(t, p, s, genuine)
				shows = testWrong(t, p, s, genuine,
					func(q *step) { q.ID, q.Subject = "other", "other" },
					func(q *step) { q.Key = privatePEM(t, redoxtest.NewKey("other", genuine.Algorithm)) })
				testRotationOfKeys(t, p, genuine, serve)
				renewal = testExpiry(t, p, s, genuine, func(lifetime time.Duration) { serve(s, lifetime, keys...) })
				sub = "if set"
				q := genuine
				q.Subject = ""
				if a := p.do(t, q); a.Status == http.StatusOK {
					sub = "always"
				}
			}
			column := func(of func(assertion) string) string {
				var texts []string
				for _, a := range sent {
					if text := of(a); !slices.Contains(texts, text) {
						texts = append(texts, text)
					}
				}
				return cell(texts)
			}
			name := p.name + " " + p.version
			if _, option, ok := strings.Cut(method, ", "); ok {
				name += ", " + option
			}
			cells := []string{
				name,
				column(func(a assertion) string { return a.algorithm }),
				column(func(a assertion) string { return a.typ }),
				column(func(a assertion) string { return a.kid }),
			}
			claims := []string{
				column(func(a assertion) string { return a.aud }),
				column(func(a assertion) string { return a.jti }),
				column(func(a assertion) string { return a.lifetime }),
			}
			if kind == "grant" {
				claims = append(claims, sub)
			}
			if strings.Contains(p.byHand, kind) {
				for i := range claims {
					claims[i] = "*"
				}
			}
			rows.compare(t, append(append(cells, claims...), parameters, shows, renewal)...)
		}
	})
}

// An assertion, described for a row of the table.
type assertion struct{ algorithm, typ, kid, aud, jti, lifetime string }

func described(t *testing.T, s *server, e exchange) assertion {
	t.Helper()
	text := e.form.Get("client_assertion") + e.form.Get("assertion")
	header, claims := unverified(t, text)
	a := assertion{algorithm: fmt.Sprint(header["alg"]), typ: "–", kid: "–", aud: fmt.Sprint(claims["aud"]), jti: "–"}
	if typ := header["typ"]; typ != nil {
		a.typ = fmt.Sprintf("`%s`", typ)
	}
	if header["kid"] != nil {
		a.kid = "yes"
	}
	if claims["jti"] != nil {
		a.jti = "yes"
	}
	switch aud := strings.Trim(a.aud, "[]"); aud {
	case s.URL:
		a.aud = "issuer"
	case s.URL + "/token":
		a.aud = "token URL"
	default:
		a.aud = "`" + aud + "`"
	}
	exp, _ := claims["exp"].(float64)
	iat, ok := claims["iat"].(float64)
	a.lifetime = "no `iat`"
	if ok {
		a.lifetime = fmt.Sprintf("%d s", int(exp-iat))
	}
	return a
}

// testRotationOfKeys rotates from [old] to [old, new] to [new].
func testRotationOfKeys(t *testing.T, p *program, genuine step, serve func(*server, time.Duration, ...redoxtest.Key)) {
	t.Helper()
	s := newServer(t)
	keys := map[string]redoxtest.Key{"old": redoxtest.NewKey("old", genuine.Algorithm), "new": redoxtest.NewKey("new", genuine.Algorithm)}
	with := func(id, again string) step {
		q := s.step(genuine.Method)
		q.ID, q.Subject, q.Scopes, q.Algorithm = genuine.ID, genuine.Subject, genuine.Scopes, genuine.Algorithm
		q.KeyID, q.Key, q.Again = id, privatePEM(t, keys[id]), again
		return q
	}
	for _, tt := range []struct {
		keys []string
		send step
		want int
	}{
		{[]string{"old"}, with("new", ""), 0},
		{[]string{"old"}, with("old", ""), 200},
		{[]string{"old", "new"}, with("old", "token"), 200},
		{[]string{"new"}, with("old", "message"), 200}, // the token is the server's, and lives on
		{[]string{"new"}, with("old", "token"), 0},
		{[]string{"new"}, with("old", ""), 0},
		{[]string{"old", "new"}, with("new", ""), 200},
		{[]string{"new"}, with("new", "token"), 200},
	} {
		var published []redoxtest.Key
		for _, id := range tt.keys {
			published = append(published, keys[id])
		}
		serve(s, longest(genuine.Method), published...)
		if a := p.do(t, tt.send); a.Status != tt.want {
			t.Errorf("keys %q, signed with %s: got %+v, want %d", tt.keys, tt.send.KeyID, a, tt.want)
		}
	}
}

// JWTs that are sent with the message.
func TestDirectJWTs(t *testing.T) {
	each(t, "direct", func(t *testing.T, p *program) {
		s := newServer(t)
		accepted := 0
		for _, algorithm := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"} {
			key := redoxtest.NewKey("key", algorithm)
			s.serveJWTs(key)
			genuine := s.step("direct")
			genuine.ID, genuine.Subject, genuine.AssertionAudience = "redox", "redox", api
			genuine.Algorithm, genuine.KeyID, genuine.Key = algorithm, key.ID, privatePEM(t, key)
			a := p.do(t, genuine)
			if a.Status == 0 && p.name == "ruby-jwt" && algorithm == "EdDSA" { // it needs rbnacl
				continue
			}
			if a.Status != http.StatusOK {
				t.Errorf("%s: got %+v", algorithm, a)
				continue
			}
			accepted++
			again := genuine
			again.Again = "message"
			if a := p.do(t, again); a.Status != http.StatusOK {
				t.Errorf("%s, used again: got %+v", algorithm, a)
			}
			for name, change := range map[string]func(*step){
				"another issuer":   func(q *step) { q.ID = "other" },
				"another audience": func(q *step) { q.AssertionAudience = "https://other.example" },
				"another subject":  func(q *step) { q.Subject = "other" },
				"another key":      func(q *step) { q.Key = privatePEM(t, redoxtest.NewKey("other", algorithm)) },
			} {
				q := genuine
				change(&q)
				if a := p.do(t, q); a.Status != http.StatusUnauthorized {
					t.Errorf("%s, %s: got %+v, want 401", algorithm, name, a)
				}
			}
		}
		if accepted < 9 {
			t.Errorf("%d algorithms", accepted)
		}
	})
}
