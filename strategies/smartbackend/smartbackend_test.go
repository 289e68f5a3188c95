package smartbackend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

const (
	tokenURL      = "https://api.example.com/token"
	destination   = "https://api.example.com/redox"
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

var (
	es384       = redoxtest.NewKey("es", "ES384")
	rs384       = redoxtest.NewKey("rs", "RS384")
	other384    = redoxtest.NewKey("other", "ES384")
	tokenSecret = []byte("a secret of more than 32 bytes, for tests")
	now         = time.Now().Truncate(time.Second)
)

func keys(t testing.TB, k ...redoxtest.Key) keyset.Set {
	t.Helper()
	s, err := keyset.ParseJWKS(redoxtest.JWKS(k...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type change = func(*smartbackend.EndpointConfig)

func config(t testing.TB, changes ...change) smartbackend.EndpointConfig {
	cfg := smartbackend.EndpointConfig{
		Clients: []smartbackend.Client{
			{ID: "redox", Keys: keys(t, es384, rs384), Scopes: []string{"system/*.rs", "system/Patient.c"}},
			{ID: "other", Keys: keys(t, other384), Scopes: []string{"system/*.rs"}},
		},
		TokenURL: tokenURL, Issuer: "https://api.example.com", Audience: destination,
		TokenSecrets: [][]byte{tokenSecret},
		Replay:       replay.NewMemory(1000),
		Now:          func() time.Time { return now },
	}
	for _, change := range changes {
		if change != nil {
			change(&cfg)
		}
	}
	return cfg
}

// An endpoint keeps the decisions about the last request.
type endpoint struct {
	*smartbackend.TokenEndpoint
	decisions *[]redoxauth.Decision
}

func newEndpoint(t testing.TB, changes ...change) endpoint {
	t.Helper()
	var mu sync.Mutex
	var last []redoxauth.Decision
	e, err := smartbackend.NewTokenEndpoint(config(t, append(changes, func(c *smartbackend.EndpointConfig) {
		c.Observe = func(_ *http.Request, d redoxauth.Decision) {
			mu.Lock()
			defer mu.Unlock()
			last = append(last, d)
		}
	})...))
	if err != nil {
		t.Fatal(err)
	}
	return endpoint{e, &last}
}

func (e endpoint) verifier(t testing.TB, scopes ...string) *smartbackend.Verifier {
	t.Helper()
	v, err := e.Verifier(scopes...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type senders = func(*redoxtest.SMARTBackend)

func sender(changes ...senders) *redoxtest.SMARTBackend {
	s := &redoxtest.SMARTBackend{URL: tokenURL, ClientID: "redox", Key: es384, Now: func() time.Time { return now }}
	for _, change := range changes {
		if change != nil {
			change(s)
		}
	}
	return s
}

func claim(pairs ...any) senders {
	return func(s *redoxtest.SMARTBackend) {
		s.Claims = map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			s.Claims[pairs[i].(string)] = pairs[i+1]
		}
	}
}

func header(name string, value any) senders {
	return func(s *redoxtest.SMARTBackend) { s.Header = map[string]any{name: value} }
}

func assertion(t testing.TB, s *redoxtest.SMARTBackend) string {
	t.Helper()
	a, err := s.Assertion()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func parameters(assertion string) url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "scope": {"system/*.rs"},
		"client_assertion_type": {assertionType}, "client_assertion": {assertion},
	}
}

func tokenRequest(p url.Values) *http.Request {
	r := httptest.NewRequest("POST", "/token", strings.NewReader(p.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// signed is a token request with an assertion of sender.
func signed(t testing.TB, changes ...senders) *http.Request {
	t.Helper()
	return tokenRequest(parameters(assertion(t, sender(changes...))))
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

type tokenAnswer struct {
	Token     string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn any    `json:"expires_in"`
	Scope     string `json:"scope"`
	Error     string `json:"error"`
}

// A reply is the answer to a token request, and what Observe saw.
type reply struct {
	tokenAnswer
	header   http.Header
	decision redoxauth.Decision
}

// ask wants a status, and an error if it is no 200. It checks the headers, and that Observe
// sees the status once, without the assertion.
func (e endpoint) ask(t testing.TB, r *http.Request, want string) reply {
	t.Helper()
	*e.decisions = nil
	w := serve(e, r)
	var a tokenAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	if got := strings.TrimSpace(fmt.Sprint(w.Code, " ", a.Error)); got != want {
		t.Errorf("got %s: %s, want %s", got, w.Body, want)
	}
	h, d := w.Header(), (*e.decisions)[0]
	if h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" || h.Get("Content-Type") != "application/json" || (h.Get("Retry-After") != "") != (w.Code == 503) {
		t.Errorf("status %d, headers %v", w.Code, h)
	}
	if len(*e.decisions) != 1 || d.Status != w.Code || (d.Identity != nil) != (w.Code == 200) || (d.Err != nil) != (w.Code != 200) {
		t.Errorf("status %d, decisions %+v", w.Code, *e.decisions)
	}
	if d.Err != nil && (!strings.HasPrefix(d.Err.Error(), "smartbackend: ") || strings.Contains(d.Err.Error(), "eyJ")) {
		t.Errorf("observed %q", d.Err)
	}
	return reply{a, h, d}
}

func message(token string) *http.Request {
	r := httptest.NewRequest("POST", "/redox", strings.NewReader("{}"))
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// A store is a replay.Store.
type store func(scope, id string, until time.Time) (bool, error)

func (s store) Add(_ context.Context, scope, id string, until time.Time) (bool, error) {
	return s(scope, id, until)
}

func TestTokenAnswer(t *testing.T) {
	e := newEndpoint(t)
	a := e.ask(t, signed(t), "200")
	if id, err := e.verifier(t, "system/Patient.r").Verify(message(a.Token)); err != nil || id.Subject != "redox" || id.Strategy != "smartbackend" {
		t.Errorf("got %+v, %v", id, err)
	}
	a.Token, a.decision.Duration = "", 0
	if diff := cmp.Diff(tokenAnswer{Type: "bearer", ExpiresIn: 300.0, Scope: "system/*.rs"}, a.tokenAnswer); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	want := redoxauth.Decision{Event: "token_request", Status: 200, Identity: &redoxauth.Identity{
		Strategy: "smartbackend", Subject: "redox", Issuer: "https://api.example.com", KeyID: "es",
		Scopes: []string{"system/*.rs"}, Expiry: now.Add(5 * time.Minute),
	}}
	if diff := cmp.Diff(want, a.decision); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}
}

// A scope without a slash is none of SMART, and means itself.
func TestScopeOfAnotherKind(t *testing.T) {
	e := newEndpoint(t, func(c *smartbackend.EndpointConfig) { c.Clients[0].Scopes = []string{"redox.write"} })
	for scope, want := range map[string]string{"redox.write": "200", "redox.read": "400 invalid_scope"} {
		p := parameters(assertion(t, sender()))
		p.Set("scope", scope)
		if got := e.ask(t, tokenRequest(p), want).Scope; want == "200" && got != scope {
			t.Errorf("got %q, want %q", got, scope)
		}
	}
}

// RFC 8725, Section 3.12: kinds of JWT exclude one another.
func TestAssertionIsNoAccessToken(t *testing.T) {
	e := newEndpoint(t)
	for name, s := range map[string]*redoxtest.SMARTBackend{
		"assertion": sender(), "assertion for the destination": sender(func(s *redoxtest.SMARTBackend) { s.Audience = destination }),
	} {
		if id, err := e.verifier(t).Verify(message(assertion(t, s))); err == nil {
			t.Errorf("%s: accepted as %+v", name, id)
		}
	}
	e.ask(t, tokenRequest(parameters(e.ask(t, signed(t), "200").Token)), "401 invalid_client")
}

func TestTokenOfAnotherEndpoint(t *testing.T) {
	issued := newEndpoint(t).ask(t, signed(t), "200").Token
	for name, change := range map[string]change{
		"another audience": func(c *smartbackend.EndpointConfig) { c.Audience = "https://api.example.com/other" },
		"client removed":   func(c *smartbackend.EndpointConfig) { c.Clients = c.Clients[1:] },
		"expired":          func(c *smartbackend.EndpointConfig) { c.Now = func() time.Time { return now.Add(6 * time.Minute) } },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newEndpoint(t, change).verifier(t).Verify(message(issued))
			verifiertest.CheckError(t, err, redoxauth.ErrRejected, "")
		})
	}
	_, err := newEndpoint(t).verifier(t, "system/Patient.rs", "system/Patient.c").Verify(message(issued))
	verifiertest.CheckError(t, err, redoxauth.ErrForbidden, "scope")
	if challenge := err.(*redoxauth.Error).Challenge; !strings.Contains(challenge, `error="insufficient_scope", scope="system/Patient.rs system/Patient.c"`) {
		t.Errorf("challenge %s", challenge)
	}
}

// Scopes are compared by what they cover.
func TestVerifierNeedsScopesThatAClientCanGet(t *testing.T) {
	e := newEndpoint(t)
	for scope, want := range map[string]bool{
		"system/*.rs": true, "system/Patient.s": true, "system/*.read": true, "system/Patient.crs": true, "system/Patient.r?a=b": true,
		"system/*.sr": false, "system/Patient.u": false, "system/*.c": false, "system/*.*": false, "user/Patient.r": false, "launch": false, "system/*.rs\"\r\nX: y": false,
	} {
		_, err := e.Verifier("system/*.rs", scope)
		allowed := fmt.Sprintf("%q: Clients[].Scopes are %q", scope, []string{"system/*.rs", "system/Patient.c"})
		if (err == nil) != want || err != nil && !strings.Contains(err.Error(), allowed) {
			t.Errorf("%q: got %v", scope, err)
		}
	}
	// One client must be able to get all of a scope.
	e = newEndpoint(t, func(c *smartbackend.EndpointConfig) {
		c.Clients[0].Scopes, c.Clients[1].Scopes = []string{"system/Patient.c"}, []string{"system/Patient.r"}
	})
	for scope, want := range map[string]bool{"system/Patient.c": true, "system/Patient.r": true, "system/Patient.cr": false} {
		if _, err := e.Verifier(scope); (err == nil) != want {
			t.Errorf("%q: got %v", scope, err)
		}
	}
}

func TestNewTokenEndpointRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change change
		want   []string
	}{
		{"everything", func(c *smartbackend.EndpointConfig) { *c = smartbackend.EndpointConfig{} },
			[]string{"Clients", "TokenURL", "Replay", "Issuer", "Audience", "TokenSecrets"}},
		{"token URL relative", func(c *smartbackend.EndpointConfig) { c.TokenURL = "/token" }, []string{"TokenURL"}},
		{"token URL with a fragment", func(c *smartbackend.EndpointConfig) { c.TokenURL += "#" }, []string{"TokenURL"}},
		{"empty audience", func(c *smartbackend.EndpointConfig) { c.AssertionAudiences = []string{""} }, []string{"AssertionAudiences[0]"}},
		{"leeway too long", func(c *smartbackend.EndpointConfig) { c.Leeway = 6 * time.Minute }, []string{"Leeway"}},
		{"lifetime too long", func(c *smartbackend.EndpointConfig) { c.Lifetime = 301 * time.Second }, []string{"Lifetime"}},
		{"no keys", func(c *smartbackend.EndpointConfig) { c.Clients[1].Keys = nil }, []string{"Clients[1].Keys"}},
		{"keys for other algorithms", func(c *smartbackend.EndpointConfig) { c.Clients[1].Keys = keys(t, redoxtest.NewKey("k", "RS256")) },
			[]string{"Clients[1].Keys: RS384, ES384: no configured key is for that, want RS256"}},
		{"no scopes", func(c *smartbackend.EndpointConfig) { c.Clients[1].Scopes = nil }, []string{"Clients[1].Scopes"}},
		{"misspelt scope", func(c *smartbackend.EndpointConfig) {
			c.Clients[0].Scopes = []string{"system/*.rs", "system/Patient.sr"}
		},
			[]string{`Clients[0].Scopes[1]: "system/Patient.sr" is not a SMART scope such as "system/Patient.rs", with the letters in the order "cruds"`}},
		{"scopes in one string", func(c *smartbackend.EndpointConfig) {
			c.Clients[0].Scopes = []string{"system/*.c system/*.u"}
		},
			[]string{`Clients[0].Scopes[0]: "system/*.c system/*.u" has a space: list each scope as an entry of its own`}},
		{"scope of an app launch", func(c *smartbackend.EndpointConfig) { c.Clients[0].Scopes = []string{"launch/patient"} },
			[]string{`Clients[0].Scopes[0]: "launch/patient" is not a system/, patient/ or user/ scope`}},
		{"scope of no context of SMART", func(c *smartbackend.EndpointConfig) { c.Clients[0].Scopes = []string{"System/Patient.rs"} },
			[]string{`Clients[0].Scopes[0]: "System/Patient.rs" is not a system/, patient/ or user/ scope`}},
		{"ID twice", func(c *smartbackend.EndpointConfig) { c.Clients[1].ID = "redox" }, []string{"Clients[1].ID"}},
		{"ID pasted with a newline", func(c *smartbackend.EndpointConfig) { c.Clients[1].ID = "redox\n" }, []string{"Clients[1].ID"}},
		{"ID too long", func(c *smartbackend.EndpointConfig) { c.Clients[1].ID = strings.Repeat("x", 513) }, []string{"Clients[1].ID"}},
		{"short secret", func(c *smartbackend.EndpointConfig) { c.TokenSecrets[0] = []byte("short") }, []string{"TokenSecrets[0]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := smartbackend.NewTokenEndpoint(config(t, c.change))
			if err == nil || e != nil {
				t.Fatalf("got %v, %v", e, err)
			}
			if lines := strings.Split(err.Error(), "\n"); len(lines) != len(c.want) {
				t.Errorf("got %q, want %d lines", lines, len(c.want))
			}
			for _, field := range c.want {
				if !strings.Contains(err.Error()+": ", "smartbackend: "+field+": ") {
					t.Errorf("got %v, want %s in it", err, field)
				}
			}
		})
	}
}

func TestZeroValues(t *testing.T) {
	var zero smartbackend.TokenEndpoint
	if v, err := zero.Verifier(); err == nil {
		t.Errorf("got the Verifier %v", v)
	}
	for name, h := range map[string]http.Handler{
		"TokenEndpoint": &zero, "Configuration": zero.Configuration(), "Verifier": new(smartbackend.Verifier).Wrap(http.NotFoundHandler()),
	} {
		if w := serve(h, message("a.b.c")); w.Code != 500 {
			t.Errorf("%s: status %d", name, w.Code)
		}
	}
}

func TestEndpointShowsNoSecret(t *testing.T) {
	e := newEndpoint(t)
	for _, v := range []any{e.TokenEndpoint, *e.TokenEndpoint, e.verifier(t)} {
		if text := fmt.Sprintf("%+v %#v", v, v); strings.Contains(text, string(tokenSecret)) || strings.Contains(text, fmt.Sprint(tokenSecret)) {
			t.Errorf("%T shows a secret: %s", v, text)
		}
	}
}
