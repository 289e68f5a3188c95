package tokenendpoint_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
)

var (
	now    = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	secret = []byte("a secret of more than 32 bytes, for tests")
)

type prove = func(context.Context, *tokenendpoint.Request) (*tokenendpoint.Proof, error)

// proven proves every request to come from the client "redox".
func proven(context.Context, *tokenendpoint.Request) (*tokenendpoint.Proof, error) {
	return &tokenendpoint.Proof{Client: "redox", Subject: "redox", KeyID: "7"}, nil
}

func failing(err error) prove {
	return func(context.Context, *tokenendpoint.Request) (*tokenendpoint.Proof, error) { return nil, err }
}

// once proves a request that uses something up, in a store that answers with the function.
func once(add func() (bool, error)) prove {
	return func(ctx context.Context, q *tokenendpoint.Request) (*tokenendpoint.Proof, error) {
		p, err := proven(ctx, q)
		p.Once = &tokenendpoint.Once{Store: store(add)}
		return p, err
	}
}

type store func() (bool, error)

func (s store) Add(context.Context, string, string, time.Time) (bool, error) { return s() }

func config(changes ...func(*tokenendpoint.Config)) tokenendpoint.Config {
	cfg := tokenendpoint.Config{
		Strategy: "strategy", Issuer: "https://api.example.com", Audience: "https://api.example.com/redox",
		TokenSecrets: [][]byte{secret}, MaxLifetime: time.Hour, GrantType: "client_credentials", JSON: true,
		Challenge: tokenendpoint.RedoxChallenge,
		Clients:   []tokenendpoint.Client{{ID: "redox", Subject: "redox", Scopes: []string{"read", "write"}}}, ClientField: "Clients", ClientKey: "ID",
		Prove: proven, Now: func() time.Time { return now },
	}
	for _, change := range changes {
		change(&cfg)
	}
	return cfg
}

// An endpoint remembers the last decision.
type endpoint struct {
	*tokenendpoint.Endpoint
	decision *redoxauth.Decision
}

func newEndpoint(t testing.TB, changes ...func(*tokenendpoint.Config)) endpoint {
	t.Helper()
	var last redoxauth.Decision
	cfg := config(changes...)
	cfg.Observe = func(r *http.Request, d redoxauth.Decision) {
		last = d
		if body, err := io.ReadAll(r.Body); len(body) > 0 || err != nil {
			t.Errorf("Observe reads %d bytes of the body, and %v", len(body), err)
		}
	}
	e, err := tokenendpoint.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return endpoint{e, &last}
}

func post(contentType, body string) *http.Request {
	r := httptest.NewRequest("POST", "/token", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return r
}

func form(body string) *http.Request { return post("application/x-www-form-urlencoded", body) }

// RFC 6749, Section 5.1: a client that keeps a token for longer sends one that is refused.
func TestExpiresInIsTheLifetime(t *testing.T) {
	e := newEndpoint(t, func(c *tokenendpoint.Config) { c.Lifetime = 90 * time.Second })
	_, answer := e.ask(t, form("grant_type=client_credentials"), "200")
	if got := answer["expires_in"]; got != 90.0 {
		t.Errorf("expires_in is %v, want 90", got)
	}
}

// narrowed are scopes of which a client gets these, whatever it requests.
type narrowed []string

func (n narrowed) Narrow(_, _ []string) []string { return n }

func (narrowed) Covers([]string, string) bool { return true }

func (narrowed) Why([]string, string) string { return "" }

// A short scope, such as one for all types of resources, may become a long list.
func TestScopesMayGetLonger(t *testing.T) {
	for n, want := range map[int]string{4 << 10: "200", 4<<10 + 1: "200", 8 << 10: "200", 8<<10 + 1: "400 invalid_scope"} {
		scopes := narrowed{"x", strings.Repeat("y", n-2)}
		e := newEndpoint(t, func(c *tokenendpoint.Config) { c.Scopes = scopes })
		_, answer := e.ask(t, form("grant_type=client_credentials&scope=read"), want)
		if want != "200" {
			verifiertest.CheckError(t, e.decision.Err, redoxauth.ErrForbidden, "scope")
			if want := `client "redox": the scopes that it may get of those it asks for have 8193 bytes, want at most 8192 (fixed; Redox dashboard: scopes)`; !strings.HasSuffix(e.decision.Err.Error(), ": "+want) {
				t.Errorf("got %v, want %s", e.decision.Err, want)
			}
			continue
		}
		id, err := e.verify(t, answer["access_token"].(string))
		if err != nil || !slices.Equal(id.Scopes, scopes) || answer["scope"] != strings.Join(scopes, " ") {
			t.Errorf("%d bytes: not all were granted, error %v", n, err)
		}
	}
}

// An assertion is used up by nothing but a token: what was refused can be corrected.
func TestRefusedRequestUsesUpNothing(t *testing.T) {
	used := 0
	e := newEndpoint(t, func(c *tokenendpoint.Config) { c.Prove = once(func() (bool, error) { used++; return true, nil }) })
	for _, c := range []struct {
		parameters, want string
		used             int
	}{
		{"&scope=admin", "400 invalid_scope", 0}, {"&scope=%22", "400 invalid_scope", 0}, {"&resource=x", "400 invalid_target", 0}, {"&audience=x", "400 invalid_target", 0},
		{"&scope=admin+read", "200", 1},
	} {
		e.ask(t, form("grant_type=client_credentials"+c.parameters), c.want)
		if used != c.used {
			t.Errorf("%s: used %d times, want %d", c.parameters, used, c.used)
		}
	}
}

// What a caller of Observe does to an Identity changes no later token.
func TestScopesOfAnIdentityAreItsOwn(t *testing.T) {
	e := newEndpoint(t)
	_, first := e.ask(t, form("grant_type=client_credentials"), "200")
	e.decision.Identity.Scopes[0] = "changed"
	if _, second := e.ask(t, form("grant_type=client_credentials"), "200"); second["scope"] != first["scope"] {
		t.Errorf("scope is %q, want %q", second["scope"], first["scope"])
	}
}

// A body that was not read ends the connection of HTTP/1, and one that was read does not. In
// HTTP/2 that would end all other streams (RFC 9113, Section 8.2.2: the header is not for
// HTTP/2).
func TestUnreadBodyEndsTheConnectionOfHTTP1(t *testing.T) {
	for major, want := range map[int]string{1: "close", 2: ""} {
		r := post("text/plain", "grant_type=client_credentials")
		r.ProtoMajor = major
		w := httptest.NewRecorder()
		newEndpoint(t).ServeHTTP(w, r)
		if got := w.Header().Get("Connection"); w.Code != http.StatusUnsupportedMediaType || got != want {
			t.Errorf("HTTP/%d: status %d, Connection %q, want 415 and %q", major, w.Code, got, want)
		}
	}
	for body, want := range map[string]string{"grant_type=client_credentials": "200", "scope=read": "400 invalid_request"} {
		if w, _ := newEndpoint(t).ask(t, form(body), want); w.Header().Get("Connection") != "" {
			t.Errorf("%s: Connection %q, want none", body, w.Header().Get("Connection"))
		}
	}
}

// The client is not at fault if something in front has parsed the form.
func TestFormParsedInFront(t *testing.T) {
	e := newEndpoint(t)
	for _, chunked := range []bool{false, true} {
		r := form("grant_type=client_credentials&scope=a")
		if chunked {
			r.ContentLength = -1
		}
		r.ParseForm()
		e.ask(t, r, "500 server_error")
		verifiertest.CheckError(t, e.decision.Err, nil, "body_consumed")
		if text := e.decision.Err.Error(); strings.Contains(text, "(fixed)") { // as the limits of an endpoint are
			t.Errorf("got %s", text)
		}
	}
}

func TestNilEndpoint(t *testing.T) {
	var none *tokenendpoint.Endpoint
	ask(t, none, form("grant_type=client_credentials"), "500 server_error")
}

// ask wants a status, and an error code if it is no 200. It checks what all answers have in
// common (RFC 6749, Sections 5.1 and 5.2; RFC 9110, Sections 15.5.2 and 15.5.6), and that
// Observe sees the status that was sent.
func (e endpoint) ask(t testing.TB, r *http.Request, want string) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	*e.decision = redoxauth.Decision{}
	w, a := ask(t, e, r, want)
	d := *e.decision
	if d.Event != "token_request" || d.Status != w.Code || (d.Identity != nil) != (w.Code == 200) || (d.Err == nil) != (w.Code == 200) {
		t.Errorf("decision %+v, status %d", d, w.Code)
	}
	return w, a
}

func ask(t testing.TB, handler http.Handler, r *http.Request, want string) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	var a map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	code, _ := a["error"].(string)
	if got := strings.TrimSpace(fmt.Sprint(w.Code, " ", code)); got != want && want != "" {
		t.Fatalf("got %s: %s, want %s", got, w.Body, want)
	}
	h := w.Header()
	if h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" || h.Get("Content-Type") != "application/json" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	for name, present := range map[string]bool{"Allow": w.Code == 405, "Retry-After": w.Code == 503 || w.Code == 429, "WWW-Authenticate": w.Code == 401} {
		if (h.Get(name) != "") != present {
			t.Errorf("status %d, %s %q", w.Code, name, h.Get(name))
		}
	}
	description, _ := a["error_description"].(string)
	if strings.ContainsFunc(description, func(c rune) bool { return c < 0x20 || c > 0x7E || c == '"' || c == '\\' }) {
		t.Errorf("description %q has a character that RFC 6749 does not allow", description)
	}
	return w, a
}

func (e endpoint) issue(t testing.TB) string {
	t.Helper()
	_, a := e.ask(t, form("grant_type=client_credentials"), "200")
	return a["access_token"].(string)
}

func (e endpoint) verify(t testing.TB, token string, scopes ...string) (*redoxauth.Identity, error) {
	t.Helper()
	v, err := e.Verifier(scopes)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/redox", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return v.Verify(r)
}

func TestNewRefuses(t *testing.T) {
	name := func(value string) func(*tokenendpoint.Config) {
		return func(c *tokenendpoint.Config) { c.Issuer, c.Audience, c.Clients[0].ID = value, value, value }
	}
	for _, c := range []struct {
		name   string
		change func(*tokenendpoint.Config)
		want   []string
	}{
		{"short lifetime", func(c *tokenendpoint.Config) { c.Lifetime = time.Millisecond }, []string{"Lifetime: 1ms, want 1s to 1h0m0s"}},
		{"long lifetime", func(c *tokenendpoint.Config) { c.Lifetime = 2 * time.Hour }, []string{"Lifetime: 2h0m0s, want 1s to 1h0m0s"}},
		{"short secret", func(c *tokenendpoint.Config) { c.TokenSecrets = [][]byte{secret[:31]} }, []string{"TokenSecrets[0]: 31 bytes, want at least 32"}},
		{"a secret with a line break", func(c *tokenendpoint.Config) {
			c.TokenSecrets = [][]byte{make([]byte, 32), []byte(string(secret) + "\n")}
		}, []string{"TokenSecrets[1]: white space"}},
		{"a public key as a secret", func(c *tokenendpoint.Config) {
			c.TokenSecrets = [][]byte{secret, []byte("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----")}
		}, []string{"TokenSecrets[1]: a key file, want a secret"}},
		{"a JWK as a secret", func(c *tokenendpoint.Config) {
			c.TokenSecrets = [][]byte{[]byte(`{"kty":"OKP","crv":"Ed25519","x":"AA"}`)}
		}, []string{"TokenSecrets[0]: a key file, want a secret"}},
		{"short second secret", func(c *tokenendpoint.Config) { c.TokenSecrets = [][]byte{secret, secret[:31]} }, []string{"TokenSecrets[1]: 31 bytes, want at least 32"}},
		{"no secret", func(c *tokenendpoint.Config) { c.TokenSecrets = nil }, []string{"TokenSecrets: required"}},
		{"no clients", func(c *tokenendpoint.Config) { c.Clients = nil }, []string{"Clients: required"}},
		{"a pasted subject", func(c *tokenendpoint.Config) { c.Clients[0].Subject = "redox\n" }, []string{"Clients[0].Subject: white space"}},
		{"two clients of one ID", func(c *tokenendpoint.Config) { c.Clients = append(c.Clients, c.Clients[0]) }, []string{`Clients[1].ID: an earlier entry has "redox" too`}},
		{"a long subject", func(c *tokenendpoint.Config) { c.Clients[0].Subject = strings.Repeat("x", 513) }, []string{"Clients[0].Subject: longer than 512"}},
		{"long names", name(strings.Repeat("x", 513)), []string{"Issuer: longer than 512", "Audience: longer than 512", "Clients[0].ID: longer than 512"}},
		{"names that would be others in the token", name("redox\xff"), []string{"Issuer: not UTF-8", "Audience: not UTF-8", "Clients[0].ID: not UTF-8"}},
		{"pasted names", name(" redox"), []string{"Issuer: white space", "Audience: white space", "Clients[0].ID: white space"}},
		{"names with NUL", name("red\x00ox"), []string{"Issuer: control characters", "Audience: control characters", "Clients[0].ID: control characters"}},
		{"scopes too long", func(c *tokenendpoint.Config) { c.Clients[0].Scopes = []string{strings.Repeat("x", 4097)} }, []string{"Clients[0].Scopes: 4097 bytes with the spaces between them, want at most 4096"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := tokenendpoint.New(config(c.change))
			if err == nil || e != nil {
				t.Fatalf("got %v, %v", e, err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(c.want) {
				t.Errorf("got %q, want %d lines", lines, len(c.want))
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), "strategy: "+want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
		})
	}
}

// The neighbours of what New refuses.
func TestNewAccepts(t *testing.T) {
	for name, change := range map[string]func(*tokenendpoint.Config){
		"the shortest lifetime": func(c *tokenendpoint.Config) { c.Lifetime = time.Second },
		"the longest lifetime":  func(c *tokenendpoint.Config) { c.Lifetime = time.Hour },
		"the shortest secret":   func(c *tokenendpoint.Config) { c.TokenSecrets = [][]byte{make([]byte, 32)} },
		"the longest scopes": func(c *tokenendpoint.Config) {
			c.Clients[0].Scopes = []string{strings.Repeat("x", 4095-len("read")), "read"}
		},
		"a subject that is long": func(c *tokenendpoint.Config) { c.Clients[0].Subject = strings.Repeat("x", 512) },
		"no scopes":              func(c *tokenendpoint.Config) { c.Clients[0].Scopes = nil },
	} {
		if _, err := tokenendpoint.New(config(change)); err != nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A client without scopes gets a token without scopes, if it asks for none. Explain tells what
// a client may get.
func TestClientWithoutScopes(t *testing.T) {
	none, some := newEndpoint(t, ofRedox, func(c *tokenendpoint.Config) { c.Clients[0].Scopes = nil }), newEndpoint(t, ofRedox)
	const plain, scoped = "grant_type=client_credentials", "grant_type=client_credentials&scope=admin"
	if _, answer := none.ask(t, form(plain), "200"); answer["scope"] != nil {
		t.Errorf("got the scope %v", answer["scope"])
	}
	none.ask(t, form(scoped), "400 invalid_scope")
	if text := none.decision.Err.Error(); !strings.Contains(text, `client "redox": scope is "admin", want it absent, or what "redox" may get configured: now that is nothing (EndpointConfig.Clients[].Scopes`) {
		t.Errorf("got %s", text)
	}
	for _, c := range []struct {
		e          endpoint
		body, want string
	}{
		{none, plain, `scope: absent; client "redox" may get nothing (EndpointConfig.Clients[].Scopes; Redox dashboard: scopes)`},
		{none, scoped, `scope: "admin"; client "redox" may get nothing (EndpointConfig.Clients[].Scopes; Redox dashboard: scopes)`},
		{some, plain, `scope: absent; client "redox" may get ["read" "write"] (EndpointConfig.Clients[].Scopes; Redox dashboard: scopes)`},
		{some, scoped, `scope: "admin"; client "redox" may get ["read" "write"] (EndpointConfig.Clients[].Scopes; Redox dashboard: scopes)`},
	} {
		if got := c.e.Explain(form(c.body)); !strings.Contains(got, "\n"+c.want+"\n") {
			t.Errorf("%s: got %s, want %s", c.body, got, c.want)
		}
	}
}

// ofRedox makes Explain take every request for one of the client "redox".
func ofRedox(c *tokenendpoint.Config) {
	c.Explain = func(context.Context, *diagnosis.Report, *tokenendpoint.Request) string { return "redox" }
}

func TestNewCopiesTheScopes(t *testing.T) {
	scopes := []string{"read", "write"}
	e := newEndpoint(t, func(c *tokenendpoint.Config) { c.Clients[0].Scopes = scopes })
	scopes[0] = "admin"
	if _, answer := e.ask(t, form("grant_type=client_credentials"), "200"); answer["scope"] != "read write" {
		t.Errorf("got the scope %v", answer["scope"])
	}
}

func TestVerifierNeedsScopesThatAClientCanGet(t *testing.T) {
	e := newEndpoint(t, func(c *tokenendpoint.Config) {
		c.Clients = append(c.Clients, tokenendpoint.Client{ID: "other", Scopes: []string{"admin"}})
	})
	for scope, want := range map[string]string{
		"write": "", "admin": "",
		"delete": `"delete"`, "": `""`, "write read": `"write read"`, "WRITE": `"WRITE"`, "write\"\r\nSet-Cookie: x": `"write\"\r\nSet-Cookie: x"`,
	} {
		_, err := e.Verifier([]string{"read", scope})
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != "strategy: Verifier: no client can get the scope "+want+`: Clients[].Scopes are ["admin" "read" "write"]`) {
			t.Errorf("%q: got %v", scope, err)
		}
	}
}
