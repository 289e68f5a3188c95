package tokenendpoint_test

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
)

// RFC 9068, Section 2.
func TestTokenClaims(t *testing.T) {
	parts := strings.Split(newEndpoint(t).issue(t), ".")
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
	if a, b := newEndpoint(t).issue(t), newEndpoint(t).issue(t); a == b {
		t.Error("two tokens are the same")
	}
}

// A token has whole seconds. Observe sees the same end as the Verifier.
func TestExpiryHasWholeSeconds(t *testing.T) {
	e := newEndpoint(t, func(c *tokenendpoint.Config) { c.Now = func() time.Time { return now.Add(900 * time.Millisecond) } })
	token := e.issue(t)
	if got, want := e.decision.Identity.Expiry, now.Add(5*time.Minute); !got.Equal(want) {
		t.Errorf("Observe sees %v, want %v", got, want)
	}
	if e.decision.Duration <= 0 {
		t.Error("the Decision has no Duration")
	}
	if id, err := e.verify(t, token); err != nil || !id.Expiry.Equal(now.Add(5*time.Minute)) {
		t.Errorf("identity %v, error %v", id, err)
	}
}

// The scopes that a Verifier requires do not change with the caller's slice.
func TestRequiredScopesAreCopied(t *testing.T) {
	e := newEndpoint(t)
	_, answer := e.ask(t, form("grant_type=client_credentials&scope=read"), "200")
	r := httptest.NewRequest("POST", "/redox", nil)
	r.Header.Set("Authorization", "Bearer "+answer["access_token"].(string))
	required := []string{"write"}
	v, err := e.Verifier(required)
	if err != nil {
		t.Fatal(err)
	}
	required[0] = "read"
	_, err = v.Verify(r)
	verifiertest.CheckError(t, err, redoxauth.ErrForbidden, "scope")
	const want = `strategy: insufficient scope (scope): scope is "read", want "write" (the scopes of Verifier; EndpointConfig.Clients[].Scopes; Redox dashboard: scopes)`
	if got := err.Error(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Observe sees which secret or key the client used, and Verify which secret signed.
func TestIdentities(t *testing.T) {
	e := newEndpoint(t)
	id, err := e.verify(t, e.issue(t), "write")
	if err != nil {
		t.Fatal(err)
	}
	id.RawClaims = nil
	want := &redoxauth.Identity{
		Strategy: "strategy", Subject: "redox", Issuer: "https://api.example.com", KeyID: "0",
		Scopes: []string{"read", "write"}, Expiry: now.Add(5 * time.Minute),
	}
	if diff := cmp.Diff(want, id, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("verified (-want +got):\n%s", diff)
	}
	want.KeyID = "7"
	if diff := cmp.Diff(want, e.decision.Identity); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

func TestVerifyRefuses(t *testing.T) {
	issued := newEndpoint(t).issue(t)
	at := func(d time.Duration) func(*tokenendpoint.Config) {
		return func(c *tokenendpoint.Config) { c.Now = func() time.Time { return now.Add(d) } }
	}
	more := func(c *tokenendpoint.Config) { c.Clients[0].Scopes = append(c.Clients[0].Scopes, "admin") }
	for _, c := range []struct {
		name       string
		change     func(*tokenendpoint.Config)
		required   []string
		want       error
		wantReason redoxauth.Reason
	}{
		{name: "nothing", change: more},
		// The clock was ahead when the token was issued. Its exp alone bounds it.
		{name: "issued 10 min in the future", change: at(-10 * time.Minute)},
		{name: "issued a day in the future", change: at(-24 * time.Hour)},
		{name: "Lifetime is shorter now", change: func(c *tokenendpoint.Config) { c.Lifetime = time.Minute }},
		{name: "just before its end", change: at(6*time.Minute - 1)},
		{name: "expired", change: at(6 * time.Minute), want: redoxauth.ErrRejected, wantReason: "expired"},
		{name: "any sub is the client's", change: func(c *tokenendpoint.Config) { c.Clients[0].Subject = "" }},
		{name: "another sub is the client's", change: func(c *tokenendpoint.Config) { c.Clients[0].Subject = "other" }, want: redoxauth.ErrRejected, wantReason: "client"},
		{name: "client removed", change: func(c *tokenendpoint.Config) { c.Clients[0].ID = "other" }, want: redoxauth.ErrRejected, wantReason: "client"},
		{name: "scope missing", change: more, required: []string{"read", "admin"}, want: redoxauth.ErrForbidden, wantReason: "scope"},
		{name: "other secret", change: func(c *tokenendpoint.Config) { c.TokenSecrets = [][]byte{make([]byte, 32)} }, want: redoxauth.ErrRejected, wantReason: "signature"},
		{name: "other strategy, same secrets", change: func(c *tokenendpoint.Config) { c.Strategy = "other" }, want: redoxauth.ErrRejected, wantReason: "signature"},
		{name: "other audience, same secrets", change: func(c *tokenendpoint.Config) { c.Audience = "https://b.example.com" }, want: redoxauth.ErrRejected, wantReason: "signature"},
		{name: "other issuer, same secrets", change: func(c *tokenendpoint.Config) { c.Issuer = "https://b.example.com" }, want: redoxauth.ErrNoCredentials, wantReason: "issuer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := newEndpoint(t, c.change).verify(t, issued, c.required...)
			if c.want != nil {
				verifiertest.CheckError(t, err, c.want, c.wantReason)
			}
			if (err == nil) != (c.want == nil) || (id == nil) != (err != nil) {
				t.Errorf("got %v, %v", id, err)
			}
		})
	}
}

// Explain tells which of the client's fields decides.
func TestExplainOfAnIssuedToken(t *testing.T) {
	r := httptest.NewRequest("POST", "/redox", nil)
	r.Header.Set("Authorization", "Bearer "+newEndpoint(t).issue(t))
	const configured = `client_id: "redox", as configured (EndpointConfig.Clients[].ID)`
	for _, c := range []struct {
		id, subject, first, line string
	}{
		{"redox", "redox", "strategy: accepted: ", configured},
		{"redox", "", "strategy: accepted: ", configured},
		{"redox", "other", `strategy: credentials rejected (client): sub is "redox", want "other", which client "redox" has now (EndpointConfig.Clients[].Subject)`, `client_id: "redox", and sub is "redox", want "other" (EndpointConfig.Clients[].Subject)`},
		{"other", "redox", `strategy: credentials rejected (client): client "redox" is no longer configured (EndpointConfig.Clients[].ID)`, `client_id is "redox", want "other" (EndpointConfig.Clients[].ID)`},
	} {
		v, err := newEndpoint(t, func(cfg *tokenendpoint.Config) { cfg.Clients[0].ID, cfg.Clients[0].Subject = c.id, c.subject }).Verifier([]string{"read"})
		if err != nil {
			t.Fatal(err)
		}
		got := v.Explain(r)
		for _, want := range []string{c.line, `scope: has "read", which Verifier requires`} {
			if !strings.HasPrefix(got, c.first) || !strings.Contains(got, "\n"+want+"\n") {
				t.Errorf("ID %q, Subject %q: got %s, want %s and %s", c.id, c.subject, got, c.first, want)
			}
		}
	}
}

// Explain runs all checks of a token, and says which fields decide them. It tells an assertion,
// and the token of another endpoint, from a token of its own.
func TestExplainTellsWhatTokenItIs(t *testing.T) {
	const (
		secrets   = "- iss and aud are those of this endpoint: if nobody has made the token up, another replica has other TokenSecrets, "
		foreign   = "- the key of an access token depends on Issuer and Audience of its EndpointConfig beside TokenSecrets: "
		assertion = "- iss is that of a sender: this is an assertion, which the sender must exchange for an access token at the token endpoint"
	)
	with := func(change func(*tokenendpoint.Config)) string { return newEndpoint(t, change).issue(t) }
	signed := func(claims map[string]any) string {
		token, err := redoxtest.NewKey("k", "ES256").Token(nil, claims)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	own := newEndpoint(t)
	v, err := own.Verifier([]string{"read", "write"})
	if err != nil {
		t.Fatal(err)
	}
	explain := func(token string) string {
		r := httptest.NewRequest("POST", "/redox", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		return v.Explain(r)
	}
	_, readOnly := own.ask(t, form("grant_type=client_credentials&scope=read"), "200")
	for _, c := range []struct {
		name, token string
		says        []string
		hint        string // secrets, foreign, assertion or ""
	}{
		{"of this endpoint", own.issue(t), []string{
			`iss: "https://api.example.com", as configured (EndpointConfig.Issuer)`,
			`typ: "at+jwt", accepted (fixed for the tokens of a TokenEndpoint)`,
			`alg: "HS256", accepted (fixed for the tokens of a TokenEndpoint)`,
			`signature: verifies under secret "0" (EndpointConfig.TokenSecrets)`,
			`exp: 2026-11-23T12:05:00Z, in 5m0s, accepted (fixed for the tokens of a TokenEndpoint)`,
			`aud: "https://api.example.com/redox", accepted (EndpointConfig.Audience)`,
			`client_id: "redox", as configured (EndpointConfig.Clients[].ID)`,
			`scope: has "read", which Verifier requires`, `scope: has "write", which Verifier requires`,
		}, ""},
		{"without a scope", readOnly["access_token"].(string), []string{
			`scope: has "read", which Verifier requires`,
			`scope is "read", want "write" (the scopes of Verifier; what a client may get: EndpointConfig.Clients[].Scopes; what it asks for: Redox dashboard: scopes)`,
		}, ""},
		{"of another secret", with(func(c *tokenendpoint.Config) { c.TokenSecrets = [][]byte{bytes.Repeat([]byte("x"), 32)} }), nil, secrets},
		{"of another issuer", with(func(c *tokenendpoint.Config) { c.Issuer = "https://b.example.com" }), nil, foreign},
		{"for another audience", with(func(c *tokenendpoint.Config) { c.Audience = "https://b.example.com" }), nil, foreign},
		{"an assertion", signed(map[string]any{"iss": "redox"}), nil, assertion},
		{"an assertion of a stranger", signed(map[string]any{"iss": "stranger"}), nil, foreign},
		{"with iss and client_id of a sender", signed(map[string]any{"iss": "redox", "client_id": "redox"}), nil, foreign},
	} {
		got := explain(c.token)
		for _, want := range c.says {
			if !strings.Contains(got, "\n"+want+"\n") {
				t.Errorf("%s: got %s, want %s", c.name, got, want)
			}
		}
		for _, hint := range []string{secrets, foreign, assertion} {
			if strings.Contains(got, "\n"+hint) != (hint == c.hint) {
				t.Errorf("%s: got %s, want the hint %q alone", c.name, got, c.hint)
			}
		}
		if strings.Contains(got, "TokenEndpoint.Verifier verifies it") {
			t.Errorf("%s: got %s, and this is that Verifier", c.name, got)
		}
	}
	if got := explain("opaque"); strings.Contains(got, "client_id") || strings.Contains(got, "hints:") { // nothing is known of it
		t.Errorf("an opaque token: got %s", got)
	}
}

// While a new version is rolled out, the replicas of both accept each other's tokens: so the
// derived key is the same in all versions.
func TestKeyOfATokenIsTheSameInAllVersions(t *testing.T) {
	key, err := hkdf.Key(sha256.New, secret, nil, `redoxauth access token "strategy" "https://api.example.com" "https://api.example.com/redox"`, 32)
	if err != nil {
		t.Fatal(err)
	}
	token := newEndpoint(t).issue(t)
	end := strings.LastIndexByte(token, '.')
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(token[:end]))
	if got, want := token[end+1:], base64.RawURLEncoding.EncodeToString(mac.Sum(nil)); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

// Concatenated, ("a", "bc") and ("ab", "c") would give one key.
func TestKeysOfDifferentNamesDiffer(t *testing.T) {
	named := func(issuer, audience string) func(*tokenendpoint.Config) {
		return func(c *tokenendpoint.Config) { c.Issuer, c.Audience = issuer, audience }
	}
	if _, err := newEndpoint(t, named("x", `y" "z`)).verify(t, newEndpoint(t, named(`x" "y`, "z")).issue(t)); err == nil {
		t.Error("accepted")
	}
}

func TestRotationRefusesNoMessage(t *testing.T) {
	old, next := secret, []byte(strings.Repeat("n", 32))
	steps := [][][]byte{{old}, {old, next}, {next, old}, {next}}
	replica := func(step int) endpoint {
		return newEndpoint(t, func(c *tokenendpoint.Config) { c.TokenSecrets = steps[step] })
	}
	for i := range steps[1:] {
		before, after := replica(i), replica(i+1)
		issuers := []endpoint{before, after}
		if i == 2 {
			issuers = issuers[1:] // the old tokens have expired by now
		}
		for j, issuer := range issuers {
			issued := issuer.issue(t)
			for k, verifier := range []endpoint{before, after} {
				if _, err := verifier.verify(t, issued); err != nil {
					t.Errorf("step %d: issued by replica %d, verified by replica %d: %v", i, j, k, err)
				}
			}
		}
	}
	if id, err := replica(2).verify(t, replica(1).issue(t)); err != nil || id.KeyID != "1" {
		t.Errorf("got %v, %v, want key ID 1, the position of the old secret", id, err)
	}
}

// A token that is issued is accepted. One that is too long for that is refused before the
// assertion is used up.
func TestNoTokenTooLongToBeAccepted(t *testing.T) {
	subject, used := "", 0
	counted := once(func() (bool, error) { used++; return true, nil })
	e := newEndpoint(t, func(c *tokenendpoint.Config) {
		c.Clients[0].Subject = ""
		c.Prove = func(ctx context.Context, q *tokenendpoint.Request) (*tokenendpoint.Proof, error) {
			p, err := counted(ctx, q)
			p.Subject = subject
			return p, err
		}
	})
	const shortest = 11_000
	longest := shortest + sort.Search(2000, func(n int) bool {
		subject = strings.Repeat("x", shortest+n)
		w, _ := e.ask(t, form("grant_type=client_credentials"), "")
		return w.Code != 200
	})
	issued, refused, longestToken := 0, 0, 0
	used = 0
	for n := longest - 50; n < longest+50; n++ {
		subject = strings.Repeat("x", n)
		w, a := e.ask(t, form("grant_type=client_credentials"), "")
		if w.Code != 200 {
			refused++
			if w.Code != 400 || a["error"] != "invalid_request" {
				t.Fatalf("%d bytes: %s", n, w.Body)
			}
			verifiertest.CheckError(t, e.decision.Err, redoxauth.ErrMalformed, "malformed")
			if refused == 1 {
				want := fmt.Sprintf(`strategy: malformed request (malformed): client "redox": the access token would be too long: 16385 bytes, want at most 16384 (fixed): sub of the assertion has %d bytes`, n)
				if got := e.decision.Err.Error(); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			continue
		}
		issued++
		token := a["access_token"].(string)
		longestToken = max(longestToken, len(token))
		if _, err := e.verify(t, token); err != nil {
			t.Fatalf("issued for a subject of %d bytes: %v", n, err)
		}
	}
	if issued == 0 || refused == 0 || used != issued || longestToken != 16<<10 {
		t.Errorf("%d issued, %d refused, %d used, the longest token has %d bytes", issued, refused, used, longestToken)
	}
}

// The longest names that can be configured, with all their scopes, are accepted. SMART scopes
// may have < > &, which encoding/json makes longer.
func TestTokenOfTheLongestNames(t *testing.T) {
	name, scopes := strings.Repeat(`"`, 512), strings.Fields(numbered(" <", 840)+" >&<>&<")
	if n := len(strings.Join(scopes, " ")); n != 4096 {
		t.Fatalf("%d bytes of scopes, which are not the most", n)
	}
	e := newEndpoint(t, func(c *tokenendpoint.Config) {
		c.Issuer, c.Audience = name, name
		c.Clients[0] = tokenendpoint.Client{ID: name, Subject: name, Scopes: scopes}
		c.Prove = func(context.Context, *tokenendpoint.Request) (*tokenendpoint.Proof, error) {
			return &tokenendpoint.Proof{Client: name, Subject: name}, nil
		}
	})
	if _, err := e.verify(t, e.issue(t), scopes...); err != nil {
		t.Error(err)
	}
}
