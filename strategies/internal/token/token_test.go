package token_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/token"
)

var (
	now    = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	secret = []byte("a secret of more than 32 bytes, for tests")
)

// A grant proves everybody to be the client "redox".
type grant struct {
	token.PlainScopes
	seen    *token.Request
	err     error
	use     func(context.Context) error
	removed bool
}

func (g *grant) Prove(_ context.Context, q *token.Request) (*token.Proof, error) {
	g.seen = q
	if g.err != nil {
		return nil, g.err
	}
	return &token.Proof{Client: "redox", Subject: "redox", KeyID: "7", Allowed: []string{"read", "write"}, Use: g.use}, nil
}

func (g *grant) Known(client, subject string) bool { return client == "redox" && !g.removed }

func config() token.Config {
	return token.Config{
		Strategy: "strategy", Issuer: "https://api.example.com", Audience: "https://api.example.com/redox",
		TokenSecrets: [][]byte{secret}, MaxLifetime: time.Hour, GrantType: "client_credentials",
		JSON: true, Grant: &grant{}, Now: func() time.Time { return now },
	}
}

func endpoint(t testing.TB, cfg token.Config) *token.Endpoint {
	t.Helper()
	e, err := token.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func post(contentType, body string) *http.Request {
	r := httptest.NewRequest("POST", "/token", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return r
}

func form(body string) *http.Request { return post("application/x-www-form-urlencoded", body) }

func serve(e http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func answer(t testing.TB, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var a map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	return a
}

func issue(t testing.TB, e http.Handler) string {
	t.Helper()
	w := serve(e, form("grant_type=client_credentials"))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return answer(t, w)["access_token"].(string)
}

func bearer(value string) *http.Request {
	r := httptest.NewRequest("POST", "/redox", nil)
	r.Header.Set("Authorization", "Bearer "+value)
	return r
}

// RFC 6749, Section 5.1.
func TestSuccessAnswer(t *testing.T) {
	w := serve(endpoint(t, config()), form("grant_type=client_credentials&scope=write+unknown"))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	a := answer(t, w)
	delete(a, "access_token")
	want := map[string]any{"token_type": "bearer", "expires_in": 300.0, "scope": "write"}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// RFC 9068, Section 2.
func TestTokenClaims(t *testing.T) {
	parts := strings.Split(issue(t, endpoint(t, config())), ".")
	decode := func(s string) (m map[string]any) {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if diff := cmp.Diff(map[string]any{"alg": "HS256", "typ": "at+jwt"}, decode(parts[0])); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	claims := decode(parts[1])
	if id, _ := claims["jti"].(string); len(id) < 22 {
		t.Errorf("jti %q has less than 128 bits", id)
	}
	delete(claims, "jti")
	want := map[string]any{
		"iss": "https://api.example.com", "aud": "https://api.example.com/redox", "sub": "redox", "client_id": "redox",
		"iat": float64(now.Unix()), "exp": float64(now.Unix() + 300), "scope": "read write",
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestVerifyIdentity(t *testing.T) {
	e := endpoint(t, config())
	id, err := e.Verify(bearer(issue(t, e)), []string{"write"})
	if err != nil {
		t.Fatal(err)
	}
	id.RawClaims = nil
	want := &redoxauth.Identity{
		Strategy: "strategy", Subject: "redox", Issuer: "https://api.example.com", KeyID: "0",
		Scopes: []string{"read", "write"}, Expiry: now.Add(5 * time.Minute),
	}
	if diff := cmp.Diff(want, id, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

func TestVerifyRefuses(t *testing.T) {
	issued := issue(t, endpoint(t, config()))
	with := func(change func(*token.Config)) token.Config {
		cfg := config()
		change(&cfg)
		return cfg
	}
	at := func(d time.Duration) func(*token.Config) {
		return func(c *token.Config) { c.Now = func() time.Time { return now.Add(d) } }
	}
	for _, c := range []struct {
		name       string
		cfg        token.Config
		required   []string
		want       error
		wantReason redoxauth.Reason
	}{
		{name: "nothing", cfg: config()},
		{name: "just before 60 s past expiry", cfg: with(at(6*time.Minute - time.Second))},
		{name: "60 s past expiry", cfg: with(at(6 * time.Minute)), want: redoxauth.ErrRejected, wantReason: "expired"},
		{name: "issued 2 min in the future", cfg: with(at(-2 * time.Minute)), want: redoxauth.ErrRejected, wantReason: "not_yet_valid"},
		{name: "scope missing", cfg: config(), required: []string{"read", "admin"}, want: redoxauth.ErrForbidden, wantReason: "scope"},
		{name: "client removed", cfg: with(func(c *token.Config) { c.Grant = &grant{removed: true} }), want: redoxauth.ErrRejected, wantReason: "client"},
		{name: "other secret", cfg: with(func(c *token.Config) { c.TokenSecrets = [][]byte{make([]byte, 32)} }), want: redoxauth.ErrRejected, wantReason: "signature"},
		{name: "other strategy, same secrets", cfg: with(func(c *token.Config) { c.Strategy = "other" }), want: redoxauth.ErrRejected, wantReason: "signature"},
		{name: "other audience, same secrets", cfg: with(func(c *token.Config) { c.Audience = "https://b.example.com" }), want: redoxauth.ErrRejected, wantReason: "signature"},
		{name: "other issuer, same secrets", cfg: with(func(c *token.Config) { c.Issuer = "https://b.example.com" }), want: redoxauth.ErrNoCredentials, wantReason: "issuer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := endpoint(t, c.cfg).Verify(bearer(issued), c.required)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || (id == nil) != (err != nil) {
				t.Fatalf("got %v, %v, want %v", id, err, c.want)
			}
			var e *redoxauth.Error
			if errors.As(err, &e) && e.Reason != c.wantReason {
				t.Errorf("reason %q, want %q", e.Reason, c.wantReason)
			}
		})
	}
}

// Concatenated, ("a", "bc") and ("ab", "c") would give one key.
func TestKeysOfDifferentNamesDiffer(t *testing.T) {
	a, b := config(), config()
	a.Issuer, a.Audience = `x" "y`, "z"
	b.Issuer, b.Audience = "x", `y" "z`
	if _, err := endpoint(t, b).Verify(bearer(issue(t, endpoint(t, a))), nil); err == nil {
		t.Error("accepted")
	}
	if a, b := issue(t, endpoint(t, config())), issue(t, endpoint(t, config())); a == b {
		t.Error("two tokens are the same")
	}
}

func TestRotationRefusesNoMessage(t *testing.T) {
	old, next := secret, []byte(strings.Repeat("n", 32))
	steps := [][][]byte{{old}, {old, next}, {next, old}, {next}}
	replica := func(secrets [][]byte) *token.Endpoint {
		cfg := config()
		cfg.TokenSecrets = secrets
		return endpoint(t, cfg)
	}
	for i := range steps[1:] {
		before, after := replica(steps[i]), replica(steps[i+1])
		issuers := []*token.Endpoint{before, after}
		if i == 2 {
			issuers = []*token.Endpoint{after} // the old ones have expired by now
		}
		for j, issuer := range issuers {
			issued := issue(t, issuer)
			for k, verifier := range []*token.Endpoint{before, after} {
				if _, err := verifier.Verify(bearer(issued), nil); err != nil {
					t.Errorf("step %d: issued by replica %d, verified by replica %d: %v", i, j, k, err)
				}
			}
		}
	}
	id, err := replica(steps[2]).Verify(bearer(issue(t, replica(steps[1]))), nil)
	if err != nil || id.KeyID != "1" {
		t.Errorf("got %v, %v, want key ID 1, the old secret's position", id, err)
	}
}

func TestCarriers(t *testing.T) {
	const urlencoded = "application/x-www-form-urlencoded"
	const good = "grant_type=client_credentials"
	many := strings.Builder{}
	for i := range 101 {
		fmt.Fprintf(&many, "&p%d=1", i)
	}
	for _, c := range []struct {
		name       string
		method     string // default POST
		target     string // default /token
		header     http.Header
		body       string
		wantStatus int
		wantError  string
	}{
		{name: "form", body: good, wantStatus: 200},
		{name: "form with charset", header: http.Header{"Content-Type": {urlencoded + ";charset=UTF-8"}}, body: good, wantStatus: 200},
		{name: "media type in capitals", header: http.Header{"Content-Type": {"Application/X-WWW-Form-Urlencoded"}}, body: good, wantStatus: 200},
		{name: "JSON", header: http.Header{"Content-Type": {"application/json"}}, body: `{"grant_type":"client_credentials"}`, wantStatus: 200},
		{name: "JSON, unknown members of any type", header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, body: `{"grant_type":"client_credentials","n":1,"o":{"p":[true]},"q":null}`, wantStatus: 200},
		{name: "unknown parameter", body: good + "&custom=1", wantStatus: 200},
		{name: "parameter without value", body: good + "&scope=&client_id", wantStatus: 200},
		{name: "empty pairs", body: "&&" + good + "&", wantStatus: 200},
		{name: "unrelated query", target: "/token?tenant=1&api-version=2", body: good, wantStatus: 200},
		{name: "identity encoding", header: http.Header{"Content-Encoding": {"identity"}}, body: good, wantStatus: 200},
		{name: "bearer token beside", header: http.Header{"Authorization": {"Bearer verification-token"}}, body: good, wantStatus: 200},
		{name: "our audience and resource", body: good + "&audience=https%3A%2F%2Fapi.example.com%2Fredox&resource=https%3A%2F%2Fapi.example.com%2Fredox", wantStatus: 200},

		{name: "GET", method: "GET", body: good, wantStatus: 405, wantError: "invalid_request"},
		{name: "HEAD", method: "HEAD", wantStatus: 405, wantError: "invalid_request"},
		{name: "PUT", method: "PUT", body: good, wantStatus: 405, wantError: "invalid_request"},
		{name: "OPTIONS", method: "OPTIONS", wantStatus: 405, wantError: "invalid_request"},
		{name: "no media type", header: http.Header{"Content-Type": nil}, body: good, wantStatus: 415, wantError: "invalid_request"},
		{name: "text", header: http.Header{"Content-Type": {"text/plain"}}, body: good, wantStatus: 415, wantError: "invalid_request"},
		{name: "multipart", header: http.Header{"Content-Type": {"multipart/form-data; boundary=b"}}, body: good, wantStatus: 415, wantError: "invalid_request"},
		{name: "two media types", header: http.Header{"Content-Type": {urlencoded, "application/json"}}, body: good, wantStatus: 415, wantError: "invalid_request"},
		{name: "gzip", header: http.Header{"Content-Encoding": {"gzip"}}, body: good, wantStatus: 415, wantError: "invalid_request"},
		{name: "too large", body: good + "&x=" + strings.Repeat("x", 64<<10), wantStatus: 413, wantError: "invalid_request"},
		{name: "no body", wantStatus: 400, wantError: "invalid_request"},
		{name: "grant_type missing", body: "scope=write", wantStatus: 400, wantError: "invalid_request"},
		{name: "grant_type without value", body: "grant_type=", wantStatus: 400, wantError: "invalid_request"},
		{name: "grant_type in the query", target: "/token?" + good, wantStatus: 400, wantError: "invalid_request"},
		{name: "grant_type unknown", body: "grant_type=password", wantStatus: 400, wantError: "unsupported_grant_type"},
		{name: "grant_type in capitals", body: "grant_type=CLIENT_CREDENTIALS", wantStatus: 400, wantError: "unsupported_grant_type"},
		{name: "parameter twice", body: good + "&scope=read&scope=read", wantStatus: 400, wantError: "invalid_request"},
		{name: "unknown parameter twice", body: good + "&x=1&x=2", wantStatus: 400, wantError: "invalid_request"},
		{name: "parameter twice, once encoded", body: good + "&sc%6Fpe=read&scope=read", wantStatus: 400, wantError: "invalid_request"},
		{name: "semicolon in the form", body: good + "&a=1;scope=read", wantStatus: 400, wantError: "invalid_request"},
		{name: "bad escape in a value", body: good + "&a=%zz", wantStatus: 400, wantError: "invalid_request"},
		{name: "bad escape in a name", body: good + "&%zz=a", wantStatus: 400, wantError: "invalid_request"},
		{name: "not UTF-8", body: good + "&a=%ff", wantStatus: 400, wantError: "invalid_request"},
		{name: "101 parameters", body: good + many.String(), wantStatus: 400, wantError: "invalid_request"},
		{name: "secret in the query", target: "/token?client_secret=s", body: good, wantStatus: 400, wantError: "invalid_request"},
		{name: "secret in the query, encoded, in capitals", target: "/token?CLIENT%5FSECRET=s", body: good, wantStatus: 400, wantError: "invalid_request"},
		{name: "client_id in the query", target: "/token?client_id=redox", body: good, wantStatus: 400, wantError: "invalid_request"},
		{name: "assertion in the query", target: "/token?a=b&client_assertion=j", body: good, wantStatus: 400, wantError: "invalid_request"},
		{name: "semicolon in the query", target: "/token?a=1;client_secret=s", body: good, wantStatus: 400, wantError: "invalid_request"},
		{name: "bad escape in the query", target: "/token?%zz", body: good, wantStatus: 400, wantError: "invalid_request"},
		{name: "two Authorization headers", header: http.Header{"Authorization": {"Basic YTpi", "Basic YTpi"}}, body: good, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON array", header: http.Header{"Content-Type": {"application/json"}}, body: `["grant_type"]`, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON, a name twice", header: http.Header{"Content-Type": {"application/json"}}, body: `{"grant_type":"client_credentials","scope":"read","sc\u006fpe":"write"}`, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON, a nested name twice", header: http.Header{"Content-Type": {"application/json"}}, body: `{"grant_type":"client_credentials","x":{"a":1,"a":2}}`, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON, a parameter of another type", header: http.Header{"Content-Type": {"application/json"}}, body: `{"grant_type":"client_credentials","scope":["read"]}`, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON, another case", header: http.Header{"Content-Type": {"application/json"}}, body: `{"GRANT_TYPE":"client_credentials"}`, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON, more after it", header: http.Header{"Content-Type": {"application/json"}}, body: `{"grant_type":"client_credentials"}{}`, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON, cut off", header: http.Header{"Content-Type": {"application/json"}}, body: `{"grant_type":"client_cred`, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON, a lone surrogate", header: http.Header{"Content-Type": {"application/json"}}, body: `{"grant_type":"client_credentials","x":"\ud800"}`, wantStatus: 400, wantError: "invalid_request"},
		{name: "other audience", body: good + "&audience=https%3A%2F%2Fother.example.com", wantStatus: 400, wantError: "invalid_target"},
		{name: "other resource", body: good + "&resource=https%3A%2F%2Fapi.example.com%2Fredox%2F", wantStatus: 400, wantError: "invalid_target"},
		{name: "no scope granted", body: good + "&scope=admin", wantStatus: 400, wantError: "invalid_scope"},
		{name: "scope with a quote", body: good + "&scope=read+%22", wantStatus: 400, wantError: "invalid_scope"},
		{name: "scope of blanks", body: good + "&scope=+", wantStatus: 400, wantError: "invalid_scope"},
		{name: "scope too long", body: good + "&scope=read" + strings.Repeat("+x", 4<<10), wantStatus: 400, wantError: "invalid_scope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.method == "" {
				c.method = "POST"
			}
			if c.target == "" {
				c.target = "/token"
			}
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			r.Header.Set("Content-Type", urlencoded)
			for name, values := range c.header {
				r.Header[name] = values
			}
			decisions := 0
			cfg := config()
			cfg.Observe = func(_ *http.Request, d redoxauth.Decision) {
				decisions++
				if (d.Identity == nil) == (d.Err == nil) || (d.Err == nil) != (c.wantStatus == 200) {
					t.Errorf("decision %+v", d)
				}
			}
			w := serve(endpoint(t, cfg), r)
			checkAnswer(t, w, c.wantStatus, c.wantError)
			if decisions != 1 {
				t.Errorf("%d decisions, want 1", decisions)
			}
		})
	}
}

// checkAnswer checks what every answer has in common (RFC 6749, Sections 5.1 and 5.2;
// RFC 9110, Sections 15.5.2 and 15.5.6).
func checkAnswer(t *testing.T, w *httptest.ResponseRecorder, wantStatus int, wantError string) {
	t.Helper()
	a := answer(t, w)
	code, _ := a["error"].(string)
	if w.Code != wantStatus || code != wantError {
		t.Fatalf("got %d %s, want %d %q", w.Code, w.Body, wantStatus, wantError)
	}
	h := w.Header()
	if h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" || h.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", h)
	}
	if got := h.Get("Allow"); (got == "POST") != (w.Code == 405) {
		t.Errorf("Allow %q", got)
	}
	if got := h.Get("Retry-After"); (got != "") != (w.Code == 503 || w.Code == 429) {
		t.Errorf("Retry-After %q", got)
	}
	if got := h.Get("WWW-Authenticate"); (got != "") != (w.Code == 401) {
		t.Errorf("WWW-Authenticate %q", got)
	}
	if description, ok := a["error_description"].(string); ok {
		for _, c := range description {
			if c < 0x20 || c > 0x7E || c == '"' || c == '\\' {
				t.Errorf("description %q has a character that RFC 6749 does not allow", description)
			}
		}
	}
}

func TestStreamedBodyTooLarge(t *testing.T) {
	r := httptest.NewRequest("POST", "/token", io.MultiReader(strings.NewReader("grant_type=client_credentials&x="), strings.NewReader(strings.Repeat("x", 64<<10))))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if r.ContentLength != -1 {
		t.Fatal("not streamed")
	}
	w := serve(endpoint(t, config()), r)
	checkAnswer(t, w, 413, "invalid_request")
	if w.Header().Get("Connection") != "close" {
		t.Error("the connection stays open for the rest of the body")
	}
}

func TestErrorsOfTheGrant(t *testing.T) {
	for _, c := range []struct {
		name       string
		grant      *grant
		wantStatus int
		wantError  string
		want       error
	}{
		{"unavailable", &grant{err: &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "keys"}}, 503, "temporarily_unavailable", redoxauth.ErrUnavailable},
		{"unavailable at last", &grant{use: func(context.Context) error {
			return &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "replay_store", RetryAfter: time.Minute}
		}}, 503, "temporarily_unavailable", redoxauth.ErrUnavailable},
		{"of no kind", &grant{err: errors.New("hm")}, 500, "server_error", nil},
		{"a panic", &grant{use: func(context.Context) error { panic("client_secret=x") }}, 500, "server_error", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config()
			cfg.Grant = c.grant
			var seen error
			cfg.Observe = func(_ *http.Request, d redoxauth.Decision) { seen = d.Err }
			w := serve(endpoint(t, cfg), form("grant_type=client_credentials"))
			checkAnswer(t, w, c.wantStatus, c.wantError)
			if seen == nil || c.want != nil && !errors.Is(seen, c.want) || strings.Contains(seen.Error(), "client_secret") {
				t.Errorf("observed %v, want %v", seen, c.want)
			}
		})
	}
}

// A wrong credential is told to slow down; a right one is never asked.
func TestTooManyWrongCredentials(t *testing.T) {
	g := &grant{}
	cfg := config()
	cfg.Grant = g
	clock := now
	cfg.Now = func() time.Time { return clock }
	e := endpoint(t, cfg)
	request := func(client, peer string) *httptest.ResponseRecorder {
		g.err = token.InvalidClient(client, `Basic realm="redox"`, &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: "client"})
		r := form("grant_type=client_credentials")
		r.RemoteAddr = peer
		return serve(e, r)
	}
	for range 100 {
		checkAnswer(t, request("redox", "192.0.2.1:1"), 401, "invalid_client")
	}
	w := request("redox", "192.0.2.1:2")
	checkAnswer(t, w, 429, "invalid_client")
	if got := w.Header().Get("Retry-After"); got != "60" {
		t.Errorf("Retry-After %q, want 60", got)
	}
	checkAnswer(t, request("redox", "192.0.2.2:1"), 401, "invalid_client")
	checkAnswer(t, request("other", "192.0.2.1:1"), 401, "invalid_client")
	g.err = nil
	issue(t, e)
	clock = now.Add(time.Minute)
	checkAnswer(t, request("redox", "192.0.2.1:1"), 401, "invalid_client")
	clock = now.Add(-time.Hour) // the clock was set back
	checkAnswer(t, request("redox", "192.0.2.1:1"), 401, "invalid_client")
}

func TestNewRefuses(t *testing.T) {
	cfg := config()
	cfg.Issuer, cfg.Audience, cfg.Lifetime, cfg.TokenSecrets = "", "", time.Millisecond, [][]byte{secret, secret[:31]}
	_, err := token.New(cfg)
	for _, want := range []string{"strategy: Issuer: ", "strategy: Audience: ", "strategy: Lifetime: ", "strategy: TokenSecrets[1]: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	cfg = config()
	cfg.TokenSecrets = nil
	if _, err := token.New(cfg); err == nil || !strings.Contains(err.Error(), "strategy: TokenSecrets: required") {
		t.Errorf("got %v", err)
	}
	cfg = config()
	cfg.Lifetime = time.Hour + 1
	if _, err := token.New(cfg); err == nil {
		t.Error("a lifetime above the strategy's is accepted")
	}
}
