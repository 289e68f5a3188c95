package smartbackend_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
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

func config(t testing.TB) smartbackend.EndpointConfig {
	return smartbackend.EndpointConfig{
		Clients: []smartbackend.Client{
			{ID: "redox", Keys: keys(t, es384, rs384), Scopes: []string{"system/*.rs", "system/Patient.c"}},
			{ID: "other", Keys: keys(t, other384), Scopes: []string{"system/*.rs"}},
		},
		TokenURL: tokenURL, Issuer: "https://api.example.com", Audience: destination,
		TokenSecrets: [][]byte{tokenSecret},
		Replay:       replay.NewMemory(1000),
		Now:          func() time.Time { return now },
	}
}

func newEndpoint(t testing.TB, cfg smartbackend.EndpointConfig) *smartbackend.TokenEndpoint {
	t.Helper()
	e, err := smartbackend.NewTokenEndpoint(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func sender() *redoxtest.SMARTBackend {
	return &redoxtest.SMARTBackend{URL: tokenURL, ClientID: "redox", Key: es384, Now: func() time.Time { return now }}
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

func readAnswer(t testing.TB, w *httptest.ResponseRecorder) tokenAnswer {
	t.Helper()
	var a tokenAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	return a
}

func message(token string) *http.Request {
	r := httptest.NewRequest("POST", "/redox", strings.NewReader("{}"))
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// outcome is the status and the error of an answer.
func outcome(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	return strings.TrimSpace(fmt.Sprint(w.Code, " ", readAnswer(t, w).Error))
}

func TestTokenAnswer(t *testing.T) {
	var decision redoxauth.Decision
	cfg := config(t)
	cfg.Observe = func(_ *http.Request, d redoxauth.Decision) { decision = d }
	e := newEndpoint(t, cfg)
	w := serve(e, tokenRequest(parameters(assertion(t, sender()))))
	a := readAnswer(t, w)
	if id, err := e.Verifier("system/Patient.r").Verify(message(a.Token)); err != nil || id.Subject != "redox" || id.Strategy != "smartbackend" {
		t.Errorf("got %+v, %v", id, err)
	}
	a.Token = ""
	if diff := cmp.Diff(tokenAnswer{Type: "bearer", ExpiresIn: 300.0, Scope: "system/*.rs"}, a); diff != "" || w.Code != 200 {
		t.Errorf("status %d, answer (-want +got):\n%s", w.Code, diff)
	}
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Pragma") != "no-cache" {
		t.Errorf("headers %v", w.Header())
	}
	want := redoxauth.Decision{Identity: &redoxauth.Identity{
		Strategy: "smartbackend", Subject: "redox", Issuer: "https://api.example.com", KeyID: "es",
		Scopes: []string{"system/*.rs"}, Expiry: now.Add(5 * time.Minute),
	}}
	decision.Duration = 0
	if diff := cmp.Diff(want, decision); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}
}

// What may differ between genuine senders.
func TestGenuineAssertions(t *testing.T) {
	for _, c := range []struct {
		name   string
		sender func(*redoxtest.SMARTBackend)
		config func(*smartbackend.EndpointConfig)
	}{
		{name: "ES384"},
		{name: "RS384", sender: func(s *redoxtest.SMARTBackend) { s.Key = rs384 }},
		{name: "key without alg", config: func(c *smartbackend.EndpointConfig) {
			k := es384
			k.OmitAlgorithm = true
			c.Clients[0].Keys = keys(t, k)
		}},
		{name: "key in PEM", config: func(c *smartbackend.EndpointConfig) {
			s, err := keyset.ParsePEM(es384.PEM())
			if err != nil {
				t.Fatal(err)
			}
			c.Clients[0].Keys = s
		}},
		{name: "no kid, one key fits", sender: func(s *redoxtest.SMARTBackend) { s.Header = map[string]any{"kid": nil} }},
		{name: "no typ", sender: func(s *redoxtest.SMARTBackend) { s.Header = map[string]any{"typ": nil} }},
		{name: "typ of RFC 10070", sender: func(s *redoxtest.SMARTBackend) { s.Header = map[string]any{"typ": "client-authentication+jwt"} }},
		{name: "typ in lower case", sender: func(s *redoxtest.SMARTBackend) { s.Header = map[string]any{"typ": "jwt"} }},
		{name: "aud an array of one", sender: func(s *redoxtest.SMARTBackend) { s.Claims = map[string]any{"aud": []string{tokenURL}} }},
		{name: "aud the issuer, as RFC 10070 has it", sender: func(s *redoxtest.SMARTBackend) { s.Audience = "https://api.example.com" },
			config: func(c *smartbackend.EndpointConfig) { c.Audiences = []string{tokenURL, "https://api.example.com"} }},
		{name: "no iat, expires in 5 minutes", sender: func(s *redoxtest.SMARTBackend) { s.Claims = map[string]any{"iat": nil} }},
		{name: "exp with a fraction", sender: func(s *redoxtest.SMARTBackend) { s.Claims = map[string]any{"exp": float64(now.Unix()) + 300.75} }},
		{name: "iat set back by the sender", sender: func(s *redoxtest.SMARTBackend) { s.Claims = map[string]any{"iat": now.Unix() - 30} }},
		{name: "sender's clock 59 s ahead", sender: func(s *redoxtest.SMARTBackend) { s.Now = func() time.Time { return now.Add(59 * time.Second) } }},
		{name: "expired 59 s ago", sender: func(s *redoxtest.SMARTBackend) {
			s.Now = func() time.Time { return now.Add(-5*time.Minute - 59*time.Second) }
		}},
		{name: "sender's clock 4 min ahead, leeway 5 min", sender: func(s *redoxtest.SMARTBackend) { s.Now = func() time.Time { return now.Add(4 * time.Minute) } },
			config: func(c *smartbackend.EndpointConfig) { c.Leeway = 5 * time.Minute }},
		{name: "jti of 256 bytes", sender: func(s *redoxtest.SMARTBackend) { s.Claims = map[string]any{"jti": strings.Repeat("x", 256)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, s := config(t), sender()
			if c.config != nil {
				c.config(&cfg)
			}
			if c.sender != nil {
				c.sender(s)
			}
			if w := serve(newEndpoint(t, cfg), tokenRequest(parameters(assertion(t, s)))); w.Code != 200 {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
}

func TestJKU(t *testing.T) {
	server := redoxtest.NewKeyServer(es384)
	defer server.Close()
	remote, err := keyset.Remote(keyset.RemoteConfig{URL: server.JWKSURL, InsecureAllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	attacker := redoxtest.NewKeyServer(redoxtest.NewKey("attacker", "ES384"))
	defer attacker.Close()
	cfg := config(t)
	cfg.Clients[0].Keys = remote
	e := newEndpoint(t, cfg)
	for _, c := range []struct{ jku, want string }{
		{"", "200"},
		{server.JWKSURL, "200"},
		{attacker.JWKSURL, "401 invalid_client"},
		{server.JWKSURL + "/", "401 invalid_client"},
		{server.JWKSURL + "?", "401 invalid_client"},
		{strings.ToUpper(server.JWKSURL), "401 invalid_client"},
		{strings.Replace(server.JWKSURL, "http://", "http://user@", 1), "401 invalid_client"},
		{"file:///etc/passwd", "401 invalid_client"},
	} {
		s := sender()
		s.JKU = c.jku
		if got := outcome(t, serve(e, tokenRequest(parameters(assertion(t, s))))); got != c.want {
			t.Errorf("jku %q: got %s, want %s", c.jku, got, c.want)
		}
	}
	if n := attacker.Fetches(); n != 0 {
		t.Errorf("the attacker's key server was asked %d times", n)
	}
	discovered, err := keyset.Remote(keyset.RemoteConfig{Issuer: server.Issuer, InsecureAllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	s := sender()
	s.JKU = server.JWKSURL
	cfg.Clients[0].Keys = discovered
	if got := outcome(t, serve(newEndpoint(t, cfg), tokenRequest(parameters(assertion(t, s))))); got != "200" {
		t.Errorf("jku, before the URL is discovered: got %s", got)
	}
	if got := outcome(t, serve(newEndpoint(t, config(t)), tokenRequest(parameters(assertion(t, s))))); got != "401 invalid_client" {
		t.Errorf("jku, but no URL is configured: got %s", got)
	}
}

// An outage of ours is never the client's fault.
func TestOutagesAre503(t *testing.T) {
	server := redoxtest.NewKeyServer(es384)
	defer server.Close()
	remote := func() keyset.Set {
		s, err := keyset.Remote(keyset.RemoteConfig{URL: server.JWKSURL, InsecureAllowHTTP: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct {
		name   string
		config func(*smartbackend.EndpointConfig)
		fail   redoxtest.Outage
		want   string
		reason redoxauth.Reason
	}{
		{"key server answers 500", func(c *smartbackend.EndpointConfig) { c.Clients[0].Keys = remote() }, redoxtest.Status(500), "503 temporarily_unavailable", "keys"},
		{"key server resets", func(c *smartbackend.EndpointConfig) { c.Clients[0].Keys = remote() }, redoxtest.Reset(), "503 temporarily_unavailable", "keys"},
		{"replay store full", func(c *smartbackend.EndpointConfig) { c.Replay = replay.NewMemory(0) }, nil, "503 temporarily_unavailable", "replay_store"},
		{"replay store fails", func(c *smartbackend.EndpointConfig) {
			c.Replay = store(func(string, string, time.Time) (bool, error) { return true, errors.New("connection refused") })
		}, nil, "503 temporarily_unavailable", "replay_store"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(t)
			c.config(&cfg)
			var seen error
			cfg.Observe = func(_ *http.Request, d redoxauth.Decision) { seen = d.Err }
			server.Fail(c.fail)
			defer server.Fail(nil)
			w := serve(newEndpoint(t, cfg), tokenRequest(parameters(assertion(t, sender()))))
			if got := outcome(t, w); got != c.want || w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("got %s, headers %v, want %s", got, w.Header(), c.want)
			}
			var e *redoxauth.Error
			if !errors.Is(seen, redoxauth.ErrUnavailable) || !errors.As(seen, &e) || e.Reason != c.reason || e.Strategy != "smartbackend" {
				t.Errorf("observed %v", seen)
			}
		})
	}
	t.Run("unknown kid after a good fetch", func(t *testing.T) {
		cfg := config(t)
		cfg.Clients[0].Keys = remote()
		s := sender()
		s.Key = redoxtest.NewKey("unknown", "ES384")
		if got := outcome(t, serve(newEndpoint(t, cfg), tokenRequest(parameters(assertion(t, s))))); got != "401 invalid_client" {
			t.Errorf("got %s", got)
		}
	})
}

// A store is a replay.Store.
type store func(scope, id string, until time.Time) (bool, error)

func (s store) Add(_ context.Context, scope, id string, until time.Time) (bool, error) {
	return s(scope, id, until)
}

func TestAssertionIsAcceptedOnce(t *testing.T) {
	cfg := config(t)
	e, replica := newEndpoint(t, cfg), newEndpoint(t, cfg)
	p := parameters(assertion(t, sender()))
	if got := outcome(t, serve(e, tokenRequest(p))); got != "200" {
		t.Fatalf("got %s", got)
	}
	for name, h := range map[string]http.Handler{"again": e, "at another replica, or after a restart": replica} {
		if got := outcome(t, serve(h, tokenRequest(p))); got != "401 invalid_client" {
			t.Errorf("%s: got %s", name, got)
		}
	}
	jti := map[string]any{"jti": "one"}
	mine, reissued, others := sender(), sender(), sender()
	mine.Claims, reissued.Claims, others.Claims = jti, jti, jti
	reissued.Key = rs384
	others.ClientID, others.Key = "other", other384
	for _, c := range []struct {
		name string
		s    *redoxtest.SMARTBackend
		want string
	}{
		{"first", mine, "200"},
		{"another assertion with its jti", reissued, "401 invalid_client"},
		{"another client's with that jti", others, "200"},
	} {
		if got := outcome(t, serve(e, tokenRequest(parameters(assertion(t, c.s))))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestParallelReplaysGetOneToken(t *testing.T) {
	e := newEndpoint(t, config(t))
	p := parameters(assertion(t, sender()))
	var wg sync.WaitGroup
	var issued, refused atomic.Int32
	for range 100 {
		wg.Go(func() {
			w := httptest.NewRecorder()
			e.ServeHTTP(w, tokenRequest(p))
			switch w.Code {
			case 200:
				issued.Add(1)
			case 401:
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if issued.Load() != 1 || refused.Load() != 99 {
		t.Errorf("%d tokens and %d refusals, want 1 and 99", issued.Load(), refused.Load())
	}
}

// An assertion is used up by nothing but a token: what was refused can be corrected.
func TestRefusedRequestDoesNotUseUpTheAssertion(t *testing.T) {
	e := newEndpoint(t, config(t))
	good := parameters(assertion(t, sender()))
	for _, c := range []struct{ name, value, want string }{
		{"scope", "system/*.d", "400 invalid_scope"},
		{"resource", "https://elsewhere.example", "400 invalid_target"},
		{"client_id", "other", "401 invalid_client"},
	} {
		p := url.Values{}
		for name, values := range good {
			p[name] = values
		}
		p.Set(c.name, c.value)
		if got := outcome(t, serve(e, tokenRequest(p))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	tampered := good.Get("client_assertion")
	tampered = tampered[:len(tampered)-8] + "AAAAAAAA"
	if got := outcome(t, serve(e, tokenRequest(parameters(tampered)))); got != "401 invalid_client" {
		t.Errorf("tampered: got %s", got)
	}
	if got := outcome(t, serve(e, tokenRequest(good))); got != "200" {
		t.Errorf("at last: got %s", got)
	}
}

// The record lasts as long as the assertion would be accepted.
func TestReplayRecordOutlivesTheAssertion(t *testing.T) {
	cfg := config(t)
	cfg.Leeway = 2 * time.Minute
	var scopes, ids []string
	var until time.Time
	cfg.Replay = store(func(scope, id string, u time.Time) (bool, error) {
		scopes, ids, until = append(scopes, scope), append(ids, id), u
		return true, nil
	})
	serve(newEndpoint(t, cfg), tokenRequest(parameters(assertion(t, sender()))))
	if len(ids) != 1 || !until.Equal(now.Add(7*time.Minute)) || !strings.Contains(scopes[0], "redox") {
		t.Errorf("recorded %q %q until %v", scopes, ids, until)
	}
}

// RFC 8725, Section 3.12: kinds of JWT exclude one another.
func TestAssertionIsNoAccessToken(t *testing.T) {
	cfg := config(t)
	e := newEndpoint(t, cfg)
	s := sender()
	s.Audience = destination
	for name, token := range map[string]string{"assertion": assertion(t, sender()), "assertion for the destination": assertion(t, s)} {
		if id, err := e.Verifier().Verify(message(token)); err == nil {
			t.Errorf("%s: accepted as %+v", name, id)
		}
	}
	issued := readAnswer(t, serve(e, tokenRequest(parameters(assertion(t, sender()))))).Token
	if got := outcome(t, serve(e, tokenRequest(parameters(issued)))); got != "401 invalid_client" {
		t.Errorf("access token as assertion: got %s", got)
	}
}

func TestTokenOfAnotherEndpoint(t *testing.T) {
	a, b := config(t), config(t)
	b.Audience = "https://api.example.com/other"
	issued := readAnswer(t, serve(newEndpoint(t, a), tokenRequest(parameters(assertion(t, sender()))))).Token
	if _, err := newEndpoint(t, b).Verifier().Verify(message(issued)); !errors.Is(err, redoxauth.ErrRejected) {
		t.Errorf("another audience: got %v", err)
	}
	c := config(t)
	c.Clients = c.Clients[1:]
	if _, err := newEndpoint(t, c).Verifier().Verify(message(issued)); !errors.Is(err, redoxauth.ErrRejected) {
		t.Errorf("client removed: got %v", err)
	}
	d := config(t)
	d.Now = func() time.Time { return now.Add(6 * time.Minute) }
	if _, err := newEndpoint(t, d).Verifier().Verify(message(issued)); !errors.Is(err, redoxauth.ErrRejected) {
		t.Errorf("expired: got %v", err)
	}
	v := newEndpoint(t, config(t)).Verifier("system/Patient.rs", "system/Patient.u")
	_, err := v.Verify(message(issued))
	var e *redoxauth.Error
	if !errors.Is(err, redoxauth.ErrForbidden) || !errors.As(err, &e) || !strings.Contains(e.Challenge, `error="insufficient_scope", scope="system/Patient.rs system/Patient.u"`) {
		t.Errorf("scope: got %v", err)
	}
}

func TestNewTokenEndpointRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*smartbackend.EndpointConfig)
		want   []string
	}{
		{"everything", func(c *smartbackend.EndpointConfig) { *c = smartbackend.EndpointConfig{} },
			[]string{"Clients", "TokenURL", "Replay", "Issuer", "Audience", "TokenSecrets"}},
		{"token URL relative", func(c *smartbackend.EndpointConfig) { c.TokenURL = "/token" }, []string{"TokenURL"}},
		{"token URL with a fragment", func(c *smartbackend.EndpointConfig) { c.TokenURL += "#" }, []string{"TokenURL"}},
		{"empty audience", func(c *smartbackend.EndpointConfig) { c.Audiences = []string{""} }, []string{"Audiences"}},
		{"leeway too long", func(c *smartbackend.EndpointConfig) { c.Leeway = 6 * time.Minute }, []string{"Leeway"}},
		{"lifetime too long", func(c *smartbackend.EndpointConfig) { c.Lifetime = 301 * time.Second }, []string{"Lifetime"}},
		{"no keys", func(c *smartbackend.EndpointConfig) { c.Clients[1].Keys = nil }, []string{"Clients[1].Keys"}},
		{"no scopes", func(c *smartbackend.EndpointConfig) { c.Clients[1].Scopes = nil }, []string{"Clients[1].Scopes"}},
		{"misspelt scope", func(c *smartbackend.EndpointConfig) { c.Clients[0].Scopes = []string{"system/Patient.sr"} }, []string{"Clients[0].Scopes"}},
		{"ID twice", func(c *smartbackend.EndpointConfig) { c.Clients[1].ID = "redox" }, []string{"Clients[1].ID"}},
		{"ID pasted with a newline", func(c *smartbackend.EndpointConfig) { c.Clients[1].ID = "redox\n" }, []string{"Clients[1].ID"}},
		{"short secret", func(c *smartbackend.EndpointConfig) { c.TokenSecrets[0] = []byte("short") }, []string{"TokenSecrets[0]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(t)
			c.change(&cfg)
			e, err := smartbackend.NewTokenEndpoint(cfg)
			if err == nil || e != nil {
				t.Fatalf("got %v, %v", e, err)
			}
			if lines := strings.Split(err.Error(), "\n"); len(lines) != len(c.want) {
				t.Errorf("got %q, want %d lines", lines, len(c.want))
			}
			for _, field := range c.want {
				if !strings.Contains(err.Error(), "smartbackend: "+field+": ") {
					t.Errorf("got %v, want %s in it", err, field)
				}
			}
		})
	}
}

func TestEndpointShowsNoSecret(t *testing.T) {
	e := newEndpoint(t, config(t))
	for _, v := range []any{e, *e, e.Verifier()} {
		if text := fmt.Sprintf("%+v %#v", v, v); strings.Contains(text, string(tokenSecret)) || strings.Contains(text, fmt.Sprint(tokenSecret)) {
			t.Errorf("%T shows a secret: %s", v, text)
		}
	}
}
