package jwtbearer_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// wantText checks that text has each of the parts, and that it shows no 16 bytes of the
// credential in r.
func wantText(t *testing.T, text string, r *http.Request, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
	if !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") {
		t.Errorf("the text ends with %q, want one line break", text[max(len(text)-2, 0):])
	}
	for _, credential := range r.Header["Authorization"] {
		if _, after, spaced := strings.Cut(credential, " "); spaced {
			credential = after
		}
		for i := 0; i+16 <= len(credential); i++ {
			if strings.Contains(text, credential[i:i+16]) {
				t.Fatalf("16 bytes of the credential in:\n%s", text)
			}
		}
	}
}

// Each refusal says what arrived, what was expected and which field decides. Explain begins
// with it, goes on with the other checks, and names causes that fit.
func TestRefusalsAndExplain(t *testing.T) {
	type config = func(*jwtbearer.Config)
	type sender = func(*redoxtest.JWTBearer)
	claim := func(name string, value any) sender {
		return func(s *redoxtest.JWTBearer) { s.Claims = map[string]any{name: value} }
	}
	head := func(name string, value any) sender {
		return func(s *redoxtest.JWTBearer) { s.Header = map[string]any{name: value} }
	}
	secrets := func(form func([]byte) []byte) config {
		return func(c *jwtbearer.Config) {
			c.Keys, c.Secrets = nil, [][]byte{form(directSecret.Secret)}
		}
	}
	hmac := func(s *redoxtest.JWTBearer) { s.Key = directSecret }
	marks := []byte(strings.Repeat("???>>>", 6)) // - and _ in base64url
	at := directNow.Unix()
	for _, test := range []struct {
		name   string
		config config
		sender sender
		want   string   // in the error
		more   []string // in the text of Explain
	}{
		{"iss absent", nil, claim("iss", nil), `iss is absent, want "redox" (Config.Issuer; Redox dashboard: issuer)`, nil},
		{"iss empty", nil, claim("iss", ""), `iss is empty, want "redox"`, nil},
		{"iss is a number", nil, claim("iss", 5), `iss is the number 5, want "redox"`, nil},
		{"iss with a slash", func(c *jwtbearer.Config) { c.Issuer = "https://redox.example" }, claim("iss", "https://redox.example/"),
			`iss is "https://redox.example/", want "https://redox.example" (Config.Issuer; `, []string{"differ only in the slash at the end", `aud: "https://customer.example/redox", accepted`}},
		{"iss in another case", nil, claim("iss", "Redox"), `iss is "Redox", want "redox"`, []string{"differ only in upper and lower case"}},
		{"iss with another scheme and slash", func(c *jwtbearer.Config) { c.Issuer = "https://redox.example" }, claim("iss", "http://redox.example/"),
			`iss is "http://redox.example/"`, []string{"differ only in the scheme and the slash at the end"}},
		{"iss with a port", func(c *jwtbearer.Config) { c.Issuer = "https://redox.example/x" }, claim("iss", "https://redox.example:443/x"),
			`iss is "https://redox.example:443/x"`, []string{"differ only in the port"}},
		{"iss of Google", nil, claim("iss", "https://accounts.google.com"), `want "redox"`, []string{"gcpjwt or wif verifies ID tokens of Google"}},
		{"iss of an assertion", nil, func(s *redoxtest.JWTBearer) { s.Issuer, s.Subject = "client-1", "client-1" }, `iss is "client-1"`, []string{"client assertion (RFC 7523"}},
		{"iss of Entra v1", func(c *jwtbearer.Config) { c.Issuer = "https://login.microsoftonline.com/t/v2.0" }, claim("iss", "https://sts.windows.net/t/"),
			`want "https://login.microsoftonline.com/t/v2.0"`, []string{"requestedAccessTokenVersion"}},
		{"aud absent", nil, claim("aud", nil), `aud is absent, want "https://customer.example/redox" (Config.Audience; Redox dashboard: audience)`, nil},
		{"aud empty", nil, claim("aud", ""), `aud is empty, want "https://customer.example/redox" (Config.Audience`, nil},
		{"aud is an empty list", nil, claim("aud", []string{}), `aud is empty, want "https://customer.example/redox" (Config.Audience`, nil},
		{"aud is a number", nil, claim("aud", 5), `the claim aud is the number 5, want a string or an array of strings`, nil},
		{"aud of another", func(c *jwtbearer.Config) { c.Audience = []string{"a", "b"} }, nil, `aud is "https://customer.example/redox", want one of ["a" "b"] (Config.Audience`, nil},
		{"aud with a slash", nil, claim("aud", "https://customer.example/redox/"), `aud is "https://customer.example/redox/"`, []string{"differ only in the slash at the end"}},
		{"aud is the client ID", nil, func(s *redoxtest.JWTBearer) {
			s.Claims = map[string]any{"aud": "client-1", "azp": "client-1", "nonce": "n"}
		},
			`aud is "client-1"`, []string{"aud is the token's own client ID (azp)", "nonce, as ID tokens have"}},
		{"aud is configured as one string", func(c *jwtbearer.Config) { c.Audience = []string{"https://x,https://customer.example/redox"} }, nil,
			`want "https://x,https://customer.example/redox"`, []string{"a list in one string"}},
		{"aud though none is accepted", func(c *jwtbearer.Config) { c.Audience, c.InsecureNoAudience = nil, true }, nil,
			`aud is "https://customer.example/redox", want none (Config.InsecureNoAudience; list the audience in Config.Audience instead)`, nil},
		{"sub absent", func(c *jwtbearer.Config) { c.Subject = "feed" }, claim("sub", nil), `sub is absent, want "feed" (Config.Subject; Redox dashboard: subject)`, nil},
		{"sub of another", func(c *jwtbearer.Config) { c.Subject = "other" }, nil, `sub is "feed", want "other" (Config.Subject`, nil},
		{"typ of another", nil, head("typ", "at+jwt"), `typ is "at+jwt", want "JWT" or no typ (Config.Types)`, nil},
		{"typ absent", func(c *jwtbearer.Config) { c.Types = []string{"JWT"} }, head("typ", nil), `typ is absent, want "JWT" (Config.Types)`, nil},
		{"alg is not listed", func(c *jwtbearer.Config) { c.Algorithms = []string{"RS256", "RS384"} }, func(s *redoxtest.JWTBearer) { s.Key = ecKey },
			`alg is "ES256", want one of ["RS256" "RS384"] (Config.Algorithms; Redox dashboard: signing algorithm)`, nil},
		{"alg none", nil, head("alg", "none"), `alg is "none", want one of [`, []string{"the token is not signed"}},
		{"alg absent", nil, head("alg", nil), `alg is absent, want one of [`, nil},
		{"secrets where keys are configured", nil, hmac, `HS256 is for shared secrets, and public keys are configured (Config.Keys`, nil},
		{"keys where secrets are configured", secrets(same), nil, `RS256 is for public keys, and shared secrets are configured (Config.Secrets`, nil},
		{"alg of another key", func(c *jwtbearer.Config) { c.Keys = parseKeys(t, ecKey, directKey) }, func(s *redoxtest.JWTBearer) { s.Header = map[string]any{"kid": ecKey.ID} },
			`no key is for alg "RS256" and kid "ec", want a signature by key "ec" (EC P-256, alg ES256) (Config.Keys`, []string{`the signature verifies under key "2026-11" (RSA 2048 bits, alg RS256), and the token has kid "ec"`}},
		{"alg of the key", func(c *jwtbearer.Config) {
			k := directKey
			k.Algorithm = "RS512"
			c.Keys = parseKeys(t, k)
		}, nil, `no key is for alg "RS256" and kid "2026-11"`, []string{`the signature verifies under key "2026-11" (RSA 2048 bits, alg RS512), and alg "RS256" is not the alg of that key: change alg where the key is published`}},
		{"kid of another", nil, head("kid", "k9"), `kid is "k9", want "2026-11" (Config.Keys; `, []string{`the signature verifies under key "2026-11"`}},
		{"signature of another", func(c *jwtbearer.Config) { c.Keys = parseKeys(t, otherKey) }, func(s *redoxtest.JWTBearer) { s.Header = map[string]any{"kid": "other"} }, `1 tried, key "other" (RSA 2048 bits, alg RS256) (Config.Keys`, nil},
		{"secret with a line break", func(c *jwtbearer.Config) {
			c.Keys, c.Secrets = nil, [][]byte{[]byte("0123456789abcdef0123456789abcdef")}
		},
			func(s *redoxtest.JWTBearer) {
				s.Key = redoxtest.Key{Algorithm: "HS256", Secret: []byte("0123456789abcdef0123456789abcdef\n")}
			}, `the signature does not verify under the one secret (Config.Secrets; Redox dashboard: shared secret)`, []string{"taken with a line break at its end: the sender uses that form, so enter it at the sender anew, without that"}},
		{"secret as base64", secrets(func(s []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(s)) }), hmac, `under the one secret`, []string{"decoded from base64"}},
		{"secret as base64url", secrets(func(s []byte) []byte { return []byte(base64.RawURLEncoding.EncodeToString(s)) }), hmac, `under the one secret`, []string{"decoded from base64"}},
		{"secret as base64url with its own letters", func(c *jwtbearer.Config) {
			c.Keys, c.Secrets = nil, [][]byte{[]byte(base64.RawURLEncoding.EncodeToString(marks))}
		}, func(s *redoxtest.JWTBearer) { s.Key = redoxtest.Key{Algorithm: "HS256", Secret: marks} }, `under the one secret`, []string{"decoded from base64"}},
		{"secret as hex", secrets(func(s []byte) []byte { return []byte(hex.EncodeToString(s)) }), hmac, `under the one secret`, []string{"decoded from hex"}},
		{"expired", nil, claim("exp", at-3*3600),
			`expired 3h0m0s ago by this server's clock (exp 2023-11-14T19:13:20Z, now 2023-11-14T22:13:20Z, Config.Leeway 1m0s)`, []string{"iat: 2023-11-14T22:13:20Z"}},
		{"exp absent", nil, claim("exp", nil), `exp is absent, want seconds since 1970`, nil},
		{"exp in milliseconds", nil, claim("exp", (at+60)*1000), `exp is 1700000060000, which looks like milliseconds: want seconds since 1970`, nil},
		{"exp is a duration", nil, claim("exp", 300), `exp is 300, which looks like a duration: want seconds since 1970`, nil},
		{"exp in nanoseconds", nil, claim("exp", (at+60)*1e9), `looks like nanoseconds`, nil},
		{"exp is a string", nil, claim("exp", "1700000060"), `the claim exp is "1700000060", want a number: seconds since 1970`, nil},
		{"iat in milliseconds", nil, claim("iat", at*1000), `iat is 1700000000000, which looks like milliseconds`, nil},
		{"issued in the future", nil, claim("iat", at+3600), `issued only in 1h0m0s by this server's clock (iat 2023-11-14T23:13:20Z, now 2023-11-14T22:13:20Z, Config.Leeway 1m0s)`, []string{"local time for UTC"}},
		{"valid in the future", nil, claim("nbf", at+600), `valid only in 10m0s by this server's clock (nbf 2023-11-14T22:23:20Z`, nil},
		{"valid for too long", nil, claim("exp", at+48*3600), `valid for 48h0m0s (from iat to exp), want at most 24h0m0s (Config.MaxLifetime)`, nil},
		{"bound to a key", nil, claim("cnf", map[string]any{"jkt": "x"}), `the token is bound to a key (cnf)`, nil},
		{"scope absent", func(c *jwtbearer.Config) { c.Scopes = []string{"admin"} }, func(s *redoxtest.JWTBearer) { s.Scopes, s.Claims = nil, map[string]any{"scp": []string{"admin"}} },
			`scope is absent, want "admin" (Config.Scopes; Redox dashboard: scopes)`, []string{`the claim scp has all that is required: "admin"`}},
		{"a scope is missing", func(c *jwtbearer.Config) { c.Scopes = []string{"write", "admin"} }, nil, `scope is ["read" "write"], want all of ["write" "admin"] (Config.Scopes`, nil},
		{"a header with an extension", nil, head("crit", []string{"b64"}), `the header has the extension crit`, nil},
		{"kid is a number", nil, head("kid", 5), `header: kid is the number 5, want a string`, nil},
		{"iss and aud exchanged", func(c *jwtbearer.Config) {
			c.Issuer, c.Audience = "https://customer.example/redox", []string{"redox"}
		}, claim("iss", "redox"), `iss is "redox", want "https://customer.example/redox"`, []string{"iss and aud are exchanged"}},
		{"aud is the sub", nil, func(s *redoxtest.JWTBearer) { s.Subject, s.Audience = "feed", []string{"feed"} }, `aud is "feed"`, []string{"aud is the same as sub"}},
		{"aud of another host", nil, claim("aud", "https://other.example/redox"), `aud is "https://other.example/redox"`, []string{`differ only in what precedes the path "/redox"`}},
		{"typ JWT where at+jwt is configured", func(c *jwtbearer.Config) { c.Types = []string{"at+jwt"} }, nil, `typ is "JWT", want "at+jwt"`, []string{`list "JWT" in Config.Types`}},
		{"an old token, by whole hours", nil, func(s *redoxtest.JWTBearer) {
			s.Claims = map[string]any{"iat": at - 3*3600, "exp": at - 3*3600 + 300}
		}, `expired 2h55m0s ago`, []string{"iat is 3h0m0s ago, to within two minutes"}},
		{"a large token", nil, claim("x", strings.Repeat("x", 20<<10)), `bytes, want at most 16384 (fixed)`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := directConfig(t)
			if test.config != nil {
				test.config(&cfg)
			}
			v, r := newDirect(t, cfg), signedBy(test.sender)
			_, err := v.Verify(r)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v\nwant %s", err, test.want)
			}
			text := redoxauth.Explain(v, r)
			if !strings.HasPrefix(text, err.Error()+"\n") {
				t.Errorf("the text begins with %q, want %q", strings.SplitN(text, "\n", 2)[0], err)
			}
			wantText(t, text, r, test.more...)
			if _, again := v.Verify(r); again == nil || again.Error() != err.Error() {
				t.Errorf("after Explain the error is %v, want %v", again, err)
			}
		})
	}
}

var (
	ecKey    = redoxtest.NewKey("ec", "ES256")
	otherKey = redoxtest.NewKey("other", "RS256")
)

func same(s []byte) []byte { return s }

// A hint that does not fit, or a line that contradicts another, sends the operator the wrong
// way.
func TestExplainSaysNothingWrong(t *testing.T) {
	at := directNow.Unix()
	for _, test := range []struct {
		name   string
		sender func(*redoxtest.JWTBearer)
		config func(*jwtbearer.Config)
		never  string
	}{
		{"aud is a number", func(s *redoxtest.JWTBearer) { s.Claims = map[string]any{"aud": 5} }, nil, "aud is absent"},
		{"aud and sub are empty", func(s *redoxtest.JWTBearer) { s.Subject, s.Claims = "", map[string]any{"aud": ""} }, nil, "hints:"},
		{"sub is a number", func(s *redoxtest.JWTBearer) { s.Claims = map[string]any{"sub": 5} }, nil, "and any is accepted"},
		{"exp in milliseconds", func(s *redoxtest.JWTBearer) { s.Claims = map[string]any{"exp": (at + 60) * 1000} }, nil, "valid for"},
		{"exp and iat in milliseconds", func(s *redoxtest.JWTBearer) {
			s.Claims = map[string]any{"exp": (at + 60) * 1000, "iat": at * 1000}
		}, nil, "valid for"},
		{"alg for a longer secret", func(s *redoxtest.JWTBearer) {
			s.Key = redoxtest.Key{Algorithm: "HS512", Secret: []byte("0123456789abcdef0123456789abcdef")}
		}, func(c *jwtbearer.Config) {
			c.Keys, c.Secrets = nil, [][]byte{[]byte("0123456789abcdef0123456789abcdef")}
		}, "white space"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := directConfig(t)
			if test.config != nil {
				test.config(&cfg)
			}
			if text := newDirect(t, cfg).Explain(signedBy(test.sender)); strings.Contains(text, test.never) || strings.Contains(text, "accepted: jwtbearer") {
				t.Error(text)
			}
		})
	}
}

// A map of headers that Add did not fill hides the credential.
func TestExplainFindsTheHeaderUnderAnotherName(t *testing.T) {
	for name, want := range map[string]string{
		"authorization":   `http.Header has the key "authorization"`,
		"X-Authorization": `the header "X-Authorization" arrived`,
	} {
		r := signedBy(nil)
		r.Header[name] = r.Header["Authorization"]
		delete(r.Header, "Authorization")
		wantText(t, newDirect(t, directConfig(t)).Explain(r), r, "Authorization is absent", want)
	}
}

// Explain runs every check, whichever fails first.
func TestExplainRunsEveryCheck(t *testing.T) {
	r := signedBy(func(s *redoxtest.JWTBearer) {
		s.Issuer, s.Audience, s.Scopes = "Redox", []string{"x"}, nil
		s.Header = map[string]any{"typ": "x", "kid": "k9"}
		s.Claims = map[string]any{"exp": directNow.Unix() - 3600, "iat": nil, "cnf": 1}
	})
	cfg := directConfig(t)
	cfg.Scopes, cfg.Subject = []string{"write"}, "feed"
	wantText(t, newDirect(t, cfg).Explain(r), r,
		`jwtbearer: no credentials (issuer): iss is "Redox", want "redox"`, `header: alg "RS256", typ "x", kid "k9"`, "\niss is", "\ntyp is", "\nkid is",
		"\nthe token is bound", "\nexpired 1h0m0s ago", "\naud is", "\nscope is absent", `sub: "feed", accepted (Config.Subject`, "\n\nhints:\n- iss ")
}

func TestExplainOfAnAcceptedToken(t *testing.T) {
	cfg := directConfig(t)
	store := &counting{Store: replay.NewMemory(10)}
	cfg.Replay = store
	v, r := newDirect(t, cfg), signedBy(nil)
	text := v.Explain(r)
	wantText(t, text, r, `jwtbearer: accepted: jwtbearer, subject "feed", issuer "redox", key ID "2026-11"`, `iss: "redox", as configured (Config.Issuer`,
		`signature: verifies under key "2026-11"`, "the replay store is not asked")
	if strings.Contains(text, "hints:") || strings.Contains(text, ", want ") {
		t.Errorf("hints for an accepted token:\n%s", text)
	}
	if n := store.calls.Load(); n != 0 {
		t.Errorf("%d calls of the replay store, want none", n)
	}
	if text := newDirect(t, directConfig(t)).Explain(r); strings.Contains(text, "replay") {
		t.Errorf("no replay store: got %s", text)
	}
	if _, err := v.Verify(r); err != nil {
		t.Errorf("after Explain: %v", err)
	}
}

type counting struct {
	replay.Store
	calls atomic.Int32
}

func (c *counting) Add(ctx context.Context, scope, id string, until time.Time) (bool, error) {
	c.calls.Add(1)
	return c.Store.Add(ctx, scope, id, until)
}

// Explain makes no call, and uses the keys once they are there.
func TestExplainFetchesNothing(t *testing.T) {
	var calls atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Write(redoxtest.JWKS(directKey))
	}))
	defer srv.Close()
	keys, err := keyset.NewRemote(keyset.RemoteConfig{URL: srv.URL, InsecureAllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	cfg := directConfig(t)
	cfg.Keys = keys
	v, r := newDirect(t, cfg), signedBy(nil)
	wantText(t, v.Explain(r), r, "jwtbearer: cannot be decided now (keys): not loaded yet", "RemoteConfig.URL", "\naud: ")
	if n := calls.Load(); n != 0 {
		t.Fatalf("%d calls, want none", n)
	}
	if _, err := v.Verify(r); err != nil {
		t.Fatal(err)
	}
	wantText(t, v.Explain(r), r, "jwtbearer: accepted: ")
	unknown := signedBy(func(s *redoxtest.JWTBearer) { s.Header = map[string]any{"kid": "new"} })
	wantText(t, v.Explain(unknown), unknown, `kid is "new", want "2026-11"`, "Explain fetches none")
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls, want one, of Verify", n)
	}
}

// What is no bearer token is described and never shown.
func TestExplainOfOtherCredentials(t *testing.T) {
	v := newDirect(t, directConfig(t))
	const secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"
	for _, test := range []struct {
		name   string
		header http.Header
		want   []string
	}{
		{"none", nil, []string{"jwtbearer: no credentials (missing)", `Authorization is absent, want "Bearer" and a token`}},
		{"the verification token", http.Header{"Verification-Token": {secret}}, []string{"verifytoken verifies it"}},
		{"the verification token as bearer token", http.Header{"Authorization": {"Bearer " + secret}, "Verification-Token": {secret}}, []string{"token: 27 bytes with 0 dots", "Redox's verification token"}},
		{"Basic", http.Header{"Authorization": {"Basic " + secret}}, []string{`scheme "Basic" and 33 bytes, want "Bearer"`, "belongs to a token request"}},
		{"SigV4", http.Header{"Authorization": {"AWS4-HMAC-SHA256 Credential=" + secret}}, []string{"sigv4 verifies it"}},
		{"a token without scheme", http.Header{"Authorization": {secret}}, []string{"no scheme that is known here and 27 bytes"}},
		{"a JWT without scheme", http.Header{"Authorization": {"eyJ9." + secret + ".x"}}, []string{`without "Bearer " in front`}},
		{"two headers", http.Header{"Authorization": {"Bearer " + secret, "Bearer " + secret}}, []string{"2 headers, want one", "twice"}},
		{"of Google", http.Header{"Authorization": {"Bearer ya29." + secret}}, []string{"Google's access tokens", "wif"}},
		{"encrypted", http.Header{"Authorization": {"Bearer eyJ9." + secret + "." + secret + ".x.y"}}, []string{"five segments", "four dots, the form of an encrypted token (JWE)"}},
		{"Bearer twice", http.Header{"Authorization": {"Bearer Bearer " + secret}}, []string{`"Bearer" is there twice`}},
		{"a template", http.Header{"Authorization": {"Bearer {{" + secret + "}}"}}, []string{"characters of a template"}},
		{"Bearer alone", http.Header{"Authorization": {"Bearer "}}, []string{"Bearer without a token"}},
	} {
		r := &http.Request{Header: test.header}
		t.Run(test.name, func(t *testing.T) { wantText(t, v.Explain(r), r, test.want...) })
	}
}

func TestExplainNeverPanics(t *testing.T) {
	var none *jwtbearer.Verifier
	r := signedBy(nil)
	for _, v := range []*jwtbearer.Verifier{none, {}} {
		wantText(t, v.Explain(r), r, "internal")
		wantText(t, v.Explain(&http.Request{}), r, "internal")
	}
	wantText(t, newDirect(t, directConfig(t)).Explain(&http.Request{}), r, "no credentials")
}

// What cannot be read has no scopes, and no use that could be replayed.
func TestExplainOfAnOpaqueToken(t *testing.T) {
	cfg := directConfig(t)
	cfg.Replay, cfg.Scopes = replay.NewMemory(10), []string{"read"}
	r := &http.Request{Header: http.Header{"Authorization": {"Bearer opaque"}}}
	if text := newDirect(t, cfg).Explain(r); strings.Contains(text, "scope") || strings.Contains(text, "replay") {
		t.Error(text)
	}
}

func TestExplainLoadsNoSecrets(t *testing.T) {
	var calls atomic.Int32
	cfg := secretConfig()
	cfg.Secrets = nil
	cfg.Now = time.Now
	cfg.SecretsFunc = func(context.Context) ([][]byte, error) {
		calls.Add(1)
		return [][]byte{directSecret.Secret}, nil
	}
	v := newDirect(t, cfg)
	r := signedBy(func(s *redoxtest.JWTBearer) { s.Key, s.Now = directSecret, time.Now })
	wantText(t, v.Explain(r), r, "jwtbearer: cannot be decided now (secrets): not loaded yet", "\naud: ")
	if n := calls.Load(); n != 0 {
		t.Errorf("%d calls of SecretsFunc, want none", n)
	}
	if _, err := v.Verify(r); err != nil {
		t.Fatal(err)
	}
	wantText(t, v.Explain(r), r, "jwtbearer: accepted: ")
	other := signedBy(func(s *redoxtest.JWTBearer) {
		s.Key, s.Now = redoxtest.Key{Algorithm: "HS256", Secret: []byte(strings.Repeat("x", 32))}, time.Now
	})
	_, err := v.Verify(other)
	const want = "the signature does not verify under the one secret (Config.SecretsFunc; Redox dashboard: shared secret)"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}
