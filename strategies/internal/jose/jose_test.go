package jose_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

var now = time.Unix(1_700_000_000, 0)

// The header and the claims that the tests change.
var (
	goodHeader = map[string]any{"alg": "RS256", "typ": "JWT", "kid": "1"}
	goodClaims = map[string]any{
		"iss": "redox", "sub": "feed", "aud": "https://customer.example/redox", "jti": "j1",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Unix() + 300, "scope": "read write",
	}
)

// config accepts goodHeader and goodClaims signed with the RSA key.
func config() jose.Config {
	return jose.Config{
		Keys:        jwks(jwk(keys().rsa, map[string]any{"kid": "1"})),
		Algorithms:  []string{"RS256", "ES256"},
		Issuers:     []string{"redox"},
		Audience:    []string{"https://customer.example/redox"},
		Types:       []string{"", "JWT"},
		MaxLifetime: time.Hour,
		Leeway:      time.Minute,
		Now:         func() time.Time { return now },
	}
}

func signed(header, claims map[string]any) string {
	return sign("RS256", keys().rsa, object(with(goodHeader, header)), object(with(goodClaims, claims)))
}

func TestVerifyReturnsWhatTheTokenSays(t *testing.T) {
	cfg := config()
	cfg.Claims = []string{"email_verified", "scope", "scp", "spaces", "empty", ""} // "": of a strategy without a claim of scopes
	claims := object(with(goodClaims, map[string]any{"email_verified": true, "scp": []string{"a", "b"}, "spaces": " a  b ", "empty": "", "": "no scope"}))
	got, err := jose.New(cfg).Verify(t.Context(), sign("RS256", keys().rsa, object(goodHeader), claims))
	if err != nil {
		t.Fatal(err)
	}
	if got.Issuer != "redox" || got.Subject != "feed" || got.JTI != "j1" || got.KeyID != "1" || got.Expiry != now.Add(300*time.Second) {
		t.Errorf("token %+v", got)
	}
	if v := got.Claim("email_verified"); v != "true" {
		t.Errorf("email_verified is %s", v)
	}
	if s, ok := got.Claim("sub").Text(); s != "feed" || !ok {
		t.Errorf("sub is %q, %v", s, ok)
	}
	if at, ok := got.Claim("iat").Date(); at != now || !ok {
		t.Errorf("iat is %v, %v", at, ok)
	}
	for claim, scopes := range map[string][]string{"scope": {"read", "write"}, "scp": {"a", "b"}, "spaces": {"a", "b"}, "empty": {}, "iat": nil, "absent": nil, "": nil} {
		want := &redoxauth.Identity{
			Strategy: "test", Subject: "feed", Issuer: "redox", KeyID: "1",
			Scopes: scopes, Expiry: now.Add(300 * time.Second), RawClaims: json.RawMessage(claims),
		}
		id := got.Identity("test", claim)
		if diff := cmp.Diff(want, id); diff != "" {
			t.Errorf("scopes of %q (-want +got):\n%s", claim, diff)
		}
		if id.Expiry.Location() != time.UTC { // elsewhere it may be the year 10000 already, which is no JSON
			t.Errorf("the Expiry is in the zone %v", id.Expiry.Location())
		}
	}
}

func TestHeaderAndClaims(t *testing.T) {
	rejected := redoxauth.ErrRejected
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, test := range []struct {
		name           string
		header, claims map[string]any
		want           error
		reason         redoxauth.Reason
	}{
		{"as configured", nil, nil, nil, ""},
		// RFC 8725, Section 3.11, and RFC 7515, Section 4.1.9.
		{"typ absent", map[string]any{"typ": nil}, nil, nil, ""},
		{"typ in another case", map[string]any{"typ": "jwt"}, nil, nil, ""},
		{"typ with its optional prefix", map[string]any{"typ": "application/jwt"}, nil, nil, ""},
		{"typ with its optional prefix in another case", map[string]any{"typ": "Application/JWT"}, nil, nil, ""},
		{"typ with a prefix in another case that is not optional", map[string]any{"typ": "Application/x/JWT"}, nil, rejected, "type"},
		{"typ with a prefix that is not optional", map[string]any{"typ": "application/x/jwt"}, nil, rejected, "type"},
		{"typ with a prefix of the same length", map[string]any{"typ": "application.jwt"}, nil, rejected, "type"},
		{"typ of an access token", map[string]any{"typ": "at+jwt"}, nil, rejected, "type"},
		{"typ of a logout token", map[string]any{"typ": "logout+jwt"}, nil, rejected, "type"},
		{"typ of a security event", map[string]any{"typ": "secevent+jwt"}, nil, rejected, "type"},
		{"typ empty", map[string]any{"typ": ""}, nil, rejected, "type"},
		{"typ is the prefix alone", map[string]any{"typ": "application/"}, nil, rejected, "type"},
		{"typ not a string", map[string]any{"typ": 1}, nil, rejected, "malformed"},
		{"typ null", map[string]any{"typ": raw("null")}, nil, rejected, "malformed"},
		// RFC 8725, Section 3.1.
		{"alg none", map[string]any{"alg": "none"}, nil, rejected, "algorithm"},
		{"alg None", map[string]any{"alg": "None"}, nil, rejected, "algorithm"},
		{"alg noNE", map[string]any{"alg": "noNE"}, nil, rejected, "algorithm"},
		{"alg empty", map[string]any{"alg": ""}, nil, rejected, "algorithm"},
		{"alg absent", map[string]any{"alg": nil}, nil, rejected, "algorithm"},
		{"alg not a string", map[string]any{"alg": []string{"RS256"}}, nil, rejected, "malformed"},
		{"alg in another case", map[string]any{"alg": "rs256"}, nil, rejected, "algorithm"},
		{"alg that is not listed", map[string]any{"alg": "RS384"}, nil, rejected, "algorithm"},
		{"alg of another type of key", map[string]any{"alg": "ES256"}, nil, rejected, "algorithm"},
		{"alg for secrets", map[string]any{"alg": "HS256"}, nil, rejected, "algorithm"},
		// RFC 7515, Section 4.1.11; CVE-2025-59420 (Authlib), CVE-2026-32597 (PyJWT),
		// CVE-2026-35042 (fast-jwt).
		{"crit with an unknown name", map[string]any{"crit": []string{"x"}, "x": 1}, nil, rejected, "malformed"},
		{"crit empty", map[string]any{"crit": []string{}}, nil, rejected, "malformed"},
		{"crit with a registered name", map[string]any{"crit": []string{"alg"}}, nil, rejected, "malformed"},
		{"crit not an array", map[string]any{"crit": "exp"}, nil, rejected, "malformed"},
		{"crit null", map[string]any{"crit": raw("null")}, nil, rejected, "malformed"},
		// RFC 7797, Section 7: JWTs do not use it.
		{"b64 false", map[string]any{"b64": false}, nil, rejected, "malformed"},
		{"b64 false and critical", map[string]any{"b64": false, "crit": []string{"b64"}}, nil, rejected, "malformed"},
		{"b64 true", map[string]any{"b64": true}, nil, rejected, "malformed"},
		// RFC 8725, Section 3.10: these never supply a key, and are no reason to refuse.
		{"jku, never followed", map[string]any{"jku": "https://attacker.example/keys"}, nil, nil, ""},
		{"x5u, never followed", map[string]any{"x5u": "file:///etc/passwd"}, nil, nil, ""},
		{"x5c of another key", map[string]any{"x5c": []string{"MII="}}, nil, nil, ""},
		{"an unknown parameter", map[string]any{"x": map[string]any{"y": 1}}, nil, nil, ""},
		// kid only looks up a key that is in memory.
		{"kid absent, and one key", map[string]any{"kid": nil}, nil, nil, ""},
		{"kid empty is a kid", map[string]any{"kid": ""}, nil, rejected, "unknown_key"},
		{"kid of a path", map[string]any{"kid": "../../../../dev/null"}, nil, rejected, "unknown_key"},
		{"kid of SQL", map[string]any{"kid": "1' OR '1'='1"}, nil, rejected, "unknown_key"},
		{"kid with NUL", map[string]any{"kid": "1\x00"}, nil, rejected, "unknown_key"},
		{"kid a number", map[string]any{"kid": 1}, nil, rejected, "malformed"},
		{"kid an array", map[string]any{"kid": []string{"1"}}, nil, rejected, "malformed"},
		{"kid null", map[string]any{"kid": raw("null")}, nil, rejected, "malformed"},
		{"kid of 10 KiB", map[string]any{"kid": strings.Repeat("k", 10<<10)}, nil, rejected, "unknown_key"},
		// RFC 8725, Section 3.8. Another Verifier may accept a token of another issuer.
		{"iss foreign", nil, map[string]any{"iss": "other"}, redoxauth.ErrNoCredentials, "issuer"},
		{"iss with a slash more", nil, map[string]any{"iss": "redox/"}, redoxauth.ErrNoCredentials, "issuer"},
		{"iss in another case", nil, map[string]any{"iss": "Redox"}, redoxauth.ErrNoCredentials, "issuer"},
		{"iss absent", nil, map[string]any{"iss": nil}, redoxauth.ErrNoCredentials, "issuer"},
		{"iss in an array", nil, map[string]any{"iss": []string{"redox"}}, redoxauth.ErrNoCredentials, "issuer"},
		{"iss null", nil, map[string]any{"iss": raw("null")}, redoxauth.ErrNoCredentials, "issuer"},
		// RFC 7519, Section 4.1.3; CVE-2020-26160 (dgrijalva/jwt-go).
		{"aud in an array", nil, map[string]any{"aud": []string{"other", "https://customer.example/redox"}}, nil, ""},
		{"aud foreign", nil, map[string]any{"aud": "https://other.example"}, rejected, "audience"},
		{"aud with a slash more", nil, map[string]any{"aud": "https://customer.example/redox/"}, rejected, "audience"},
		{"aud in another case", nil, map[string]any{"aud": "https://customer.example/Redox"}, rejected, "audience"},
		{"aud a prefix", nil, map[string]any{"aud": "https://customer.example"}, rejected, "audience"},
		{"aud absent", nil, map[string]any{"aud": nil}, rejected, "audience"},
		{"aud empty", nil, map[string]any{"aud": ""}, rejected, "audience"},
		{"aud an empty array", nil, map[string]any{"aud": []string{}}, rejected, "audience"},
		{"aud null", nil, map[string]any{"aud": raw("null")}, rejected, "malformed"},
		{"aud a number", nil, map[string]any{"aud": 1}, rejected, "malformed"},
		{"aud an object", nil, map[string]any{"aud": map[string]any{"https://customer.example/redox": 1}}, rejected, "malformed"},
		{"aud with a number", nil, map[string]any{"aud": []any{"https://customer.example/redox", 1}}, rejected, "malformed"},
		{"aud in an array in an array", nil, map[string]any{"aud": raw(`[["https://customer.example/redox"]]`)}, rejected, "malformed"},
		// RFC 7519, Sections 2 and 4.1.4 to 4.1.6, at the edges of the leeway.
		{"exp absent", nil, map[string]any{"exp": nil}, rejected, "lifetime"},
		{"exp null", nil, map[string]any{"exp": raw("null")}, rejected, "malformed"},
		{"exp a string", nil, map[string]any{"exp": "1700000300"}, rejected, "malformed"},
		{"exp with a fraction", nil, map[string]any{"exp": raw("1700000300.5")}, nil, ""},
		{"exp with an exponent", nil, map[string]any{"exp": raw("1.7000003e9")}, nil, ""},
		{"exp beyond float64", nil, map[string]any{"exp": raw("1e400")}, rejected, "malformed"},
		{"exp 2^63", nil, map[string]any{"exp": raw("9223372036854775808")}, rejected, "malformed"},
		{"exp beyond 2^53", nil, map[string]any{"exp": raw("9007199254740994")}, rejected, "malformed"},
		{"exp 2^53", nil, map[string]any{"exp": raw("9007199254740992")}, rejected, "lifetime"},
		{"exp negative", nil, map[string]any{"exp": -1}, rejected, "expired"},
		{"exp a duration", nil, map[string]any{"exp": 3600}, rejected, "expired"},
		{"exp zero", nil, map[string]any{"exp": 0}, rejected, "expired"},
		{"exp a leeway ago", nil, map[string]any{"exp": at(-60 * time.Second)}, rejected, "expired"},
		{"exp less than a leeway ago", nil, map[string]any{"exp": at(-59 * time.Second), "iat": at(-10 * time.Minute), "nbf": nil}, nil, ""},
		{"exp half a second less than a leeway ago", nil, map[string]any{"exp": raw("1699999940.5"), "iat": at(-10 * time.Minute), "nbf": nil}, nil, ""},
		{"nbf in a leeway", nil, map[string]any{"nbf": at(60 * time.Second)}, nil, ""},
		{"nbf in more than a leeway", nil, map[string]any{"nbf": at(61 * time.Second)}, rejected, "not_yet_valid"},
		{"nbf half a second beyond the leeway", nil, map[string]any{"nbf": raw("1700000060.5")}, rejected, "not_yet_valid"},
		{"nbf in milliseconds", nil, map[string]any{"nbf": now.UnixMilli()}, rejected, "not_yet_valid"},
		{"nbf a string", nil, map[string]any{"nbf": "1700000000"}, rejected, "malformed"},
		{"nbf absent", nil, map[string]any{"nbf": nil}, nil, ""},
		{"iat in a leeway", nil, map[string]any{"iat": at(60 * time.Second)}, nil, ""},
		{"iat in more than a leeway", nil, map[string]any{"iat": at(61 * time.Second)}, rejected, "not_yet_valid"},
		{"iat in milliseconds", nil, map[string]any{"iat": now.UnixMilli()}, rejected, "not_yet_valid"},
		{"iat true", nil, map[string]any{"iat": true}, rejected, "malformed"},
		{"iat absent", nil, map[string]any{"iat": nil}, nil, ""},
		{"lifetime at its bound", nil, map[string]any{"exp": at(time.Hour)}, nil, ""},
		{"lifetime beyond its bound", nil, map[string]any{"exp": at(time.Hour + time.Second)}, rejected, "lifetime"},
		{"lifetime since long ago", nil, map[string]any{"iat": at(-time.Hour)}, rejected, "lifetime"},
		{"lifetime without iat, with leeway", nil, map[string]any{"iat": nil, "exp": at(time.Hour + time.Minute)}, nil, ""},
		{"lifetime without iat, beyond leeway", nil, map[string]any{"iat": nil, "exp": at(time.Hour + time.Minute + time.Second)}, rejected, "lifetime"},
		// RFC 7800, RFC 8705, RFC 9449: a token that is bound to a key is no bearer token.
		{"bound to a certificate", nil, map[string]any{"cnf": map[string]any{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}}, rejected, "binding"},
		{"bound to a DPoP key", nil, map[string]any{"cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}, rejected, "binding"},
		{"bound to nothing", nil, map[string]any{"cnf": raw("null")}, rejected, "binding"},
		{"sub a number", nil, map[string]any{"sub": 1}, rejected, "malformed"},
		{"jti a number", nil, map[string]any{"jti": 1}, rejected, "malformed"},
		{"sub absent", nil, map[string]any{"sub": nil}, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, config(), signed(test.header, test.claims), test.want, test.reason)
		})
	}
}

func TestConfigNarrows(t *testing.T) {
	rejected := redoxauth.ErrRejected
	for _, test := range []struct {
		name           string
		narrow         func(*jose.Config)
		header, claims map[string]any
		want           error
		reason         redoxauth.Reason
	}{
		// RFC 8725, Section 3.12: one kind of JWT is not accepted as another kind.
		{"at+jwt wanted, at+jwt", func(t *jose.Config) { t.Types = []string{"at+jwt"} }, map[string]any{"typ": "at+JWT"}, nil, nil, ""}, // as in RFC 9068's own figure
		{"at+jwt wanted, JWT", func(t *jose.Config) { t.Types = []string{"at+jwt"} }, nil, nil, rejected, "type"},
		{"at+jwt wanted, none", func(t *jose.Config) { t.Types = []string{"at+jwt"} }, map[string]any{"typ": nil}, nil, rejected, "type"},
		{"no type accepted", func(t *jose.Config) { t.Types = nil }, map[string]any{"typ": nil}, nil, rejected, "type"},
		// RFC 7515, Section 4.1.9: the prefix is left out only if there is no other slash.
		{"x/jwt wanted, x/jwt", func(t *jose.Config) { t.Types = []string{"x/jwt"} }, map[string]any{"typ": "x/jwt"}, nil, nil, ""},
		{"x/jwt wanted, application/x/jwt", func(t *jose.Config) { t.Types = []string{"x/jwt"} }, map[string]any{"typ": "application/x/jwt"}, nil, rejected, "type"},
		{"no algorithm accepted", func(t *jose.Config) { t.Algorithms = nil }, nil, nil, rejected, "algorithm"},
		{"subject, the same", func(t *jose.Config) { t.Subject = "feed" }, nil, nil, nil, ""},
		{"subject, another", func(t *jose.Config) { t.Subject = "feed" }, nil, map[string]any{"sub": "Feed"}, rejected, "subject"},
		{"subject, none", func(t *jose.Config) { t.Subject = "feed" }, nil, map[string]any{"sub": nil}, rejected, "subject"},
		// RFC 10070; CVE-2025-27370, CVE-2025-27371: an assertion names one server.
		{"one audience, a string", func(t *jose.Config) { t.OneAudience = true }, nil, nil, nil, ""},
		{"one audience, an array of one", func(t *jose.Config) { t.OneAudience = true }, nil, map[string]any{"aud": []string{"https://customer.example/redox"}}, nil, ""},
		{"one audience, two", func(t *jose.Config) { t.OneAudience = true }, nil, map[string]any{"aud": []string{"https://customer.example/redox", "https://other.example"}}, rejected, "audience"},
		{"one audience, twice", func(t *jose.Config) { t.OneAudience = true }, nil, map[string]any{"aud": []string{"https://customer.example/redox", "https://customer.example/redox"}}, rejected, "audience"},
		// RFC 7519, Section 4.1.3: a token with an aud is not for everybody.
		{"no audience, none", func(t *jose.Config) { t.Audience = nil }, nil, map[string]any{"aud": nil}, nil, ""},
		{"no audience, an empty array", func(t *jose.Config) { t.Audience = nil }, nil, map[string]any{"aud": []string{}}, rejected, "audience"},
		{"no audience, an empty string", func(t *jose.Config) { t.Audience = nil }, nil, map[string]any{"aud": ""}, rejected, "audience"},
		{"no audience, one", func(t *jose.Config) { t.Audience = nil }, nil, nil, rejected, "audience"},
		{"required claim", func(t *jose.Config) { t.Required = []string{"jti"} }, nil, nil, nil, ""},
		{"required claim absent", func(t *jose.Config) { t.Required = []string{"jti"} }, nil, map[string]any{"jti": nil}, rejected, "malformed"},
		{"required claim null", func(t *jose.Config) { t.Required = []string{"x"} }, nil, map[string]any{"x": json.RawMessage("null")}, rejected, "malformed"},
		{"required claim empty", func(t *jose.Config) { t.Required = []string{"jti"} }, nil, map[string]any{"jti": ""}, rejected, "malformed"},
		{"two required claims, the first absent", func(t *jose.Config) { t.Required = []string{"x", "jti"} }, nil, nil, rejected, "malformed"},
		{"two required claims, the second absent", func(t *jose.Config) { t.Required = []string{"jti", "x"} }, nil, nil, rejected, "malformed"},
		{"two required claims", func(t *jose.Config) { t.Required = []string{"jti", "x"} }, nil, map[string]any{"x": 1}, nil, ""},
		{"several issuers", func(t *jose.Config) { t.Issuers = []string{"a", "redox"} }, nil, nil, nil, ""},
		{"no issuer", func(t *jose.Config) { t.Issuers = nil }, nil, nil, redoxauth.ErrNoCredentials, "issuer"},
		{"an empty issuer is none", func(t *jose.Config) { t.Issuers = []string{""} }, nil, map[string]any{"iss": ""}, redoxauth.ErrNoCredentials, "issuer"},
		{"no bound on the lifetime", func(t *jose.Config) { t.MaxLifetime = 0 }, nil, map[string]any{"exp": now.AddDate(9, 0, 0).Unix()}, nil, ""},
		// Milliseconds by mistake, or the largest whole number of JavaScript.
		{"no bound on the lifetime, the end of 9999", func(t *jose.Config) { t.MaxLifetime = 0 }, nil, map[string]any{"exp": 253402300799}, nil, ""},
		{"no bound on the lifetime, the year 10000", func(t *jose.Config) { t.MaxLifetime = 0 }, nil, map[string]any{"exp": 253402300800}, rejected, "lifetime"},
		{"no bound on the lifetime, milliseconds", func(t *jose.Config) { t.MaxLifetime = 0 }, nil, map[string]any{"exp": now.UnixMilli()}, rejected, "lifetime"},
		{"no bound on the lifetime, 2^53", func(t *jose.Config) { t.MaxLifetime = 0 }, nil, map[string]any{"exp": json.RawMessage("9007199254740992")}, rejected, "lifetime"},
		{"exp alone, iat and nbf in a day", expiryAlone, nil, map[string]any{"iat": now.Unix() + 86400, "nbf": now.Unix() + 86400, "exp": now.Unix() + 90000}, nil, ""},
		{"exp alone, iat in milliseconds", expiryAlone, nil, map[string]any{"iat": now.UnixMilli()}, nil, ""},
		{"exp alone, a leeway ago", expiryAlone, nil, map[string]any{"exp": now.Unix() - 60}, rejected, "expired"},
		{"exp alone, the year 10000", expiryAlone, nil, map[string]any{"exp": 253402300800}, rejected, "lifetime"},
		{"a clock that is not set", func(t *jose.Config) { t.Now = func() time.Time { return time.Unix(1000, 0) } }, nil, map[string]any{"iat": 1000, "nbf": 1000, "exp": 1300}, nil, ""},
		{"no leeway", func(t *jose.Config) { t.Leeway = 0 }, nil, map[string]any{"exp": now.Unix()}, rejected, "expired"},
		// SMART App Launch 2.2, client-confidential-asymmetric, signature verification.
		{"jku, the same", matchJKU, map[string]any{"jku": "https://good.example/keys"}, nil, nil, ""},
		{"jku absent", matchJKU, nil, nil, nil, ""},
		{"jku, another", matchJKU, map[string]any{"jku": "https://evil.example/keys"}, nil, rejected, "unknown_key"},
		{"jku, ours as the user of another", matchJKU, map[string]any{"jku": "https://good.example@evil.example/keys"}, nil, rejected, "unknown_key"},
		{"jku, ours as a part of another", matchJKU, map[string]any{"jku": "https://good.example.evil.example/keys"}, nil, rejected, "unknown_key"},
		{"jku, ours and up", matchJKU, map[string]any{"jku": "https://good.example/keys/../evil"}, nil, rejected, "unknown_key"},
		{"jku, plain http", matchJKU, map[string]any{"jku": "http://good.example/keys"}, nil, rejected, "unknown_key"},
		{"jku, a file", matchJKU, map[string]any{"jku": "file:///etc/passwd"}, nil, rejected, "unknown_key"},
		{"jku, empty", matchJKU, map[string]any{"jku": ""}, nil, rejected, "unknown_key"},
		{"jku, no string", matchJKU, map[string]any{"jku": []string{"https://good.example/keys"}}, nil, rejected, "unknown_key"},
		{"jku, but the keys have no URL", func(t *jose.Config) { t.MatchJKU = true }, map[string]any{"jku": ""}, nil, rejected, "unknown_key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config()
			test.narrow(&cfg)
			check(t, cfg, signed(test.header, test.claims), test.want, test.reason)
		})
	}
}

func expiryAlone(t *jose.Config) { t.ExpiryAlone, t.MaxLifetime = true, 0 }

func matchJKU(t *jose.Config) {
	t.MatchJKU = true
	t.Keys.(*set).url = "https://good.example/keys"
}

// A discovered set has no URL before its first fetch.
type discovered struct{ set }

func (d *discovered) Find(ctx context.Context, q *jose.Search) (*jose.Key, error) {
	d.url = "https://good.example/keys"
	return d.set.Find(ctx, q)
}

func TestJKUIsComparedAfterDiscovery(t *testing.T) {
	for _, test := range []struct {
		jku    string
		want   error
		reason redoxauth.Reason
	}{
		{"https://good.example/keys", nil, ""},
		{"https://evil.example/keys", redoxauth.ErrRejected, "unknown_key"},
	} {
		cfg := config()
		cfg.MatchJKU = true
		cfg.Keys = &discovered{*cfg.Keys.(*set)}
		check(t, cfg, signed(map[string]any{"jku": test.jku}, nil), test.want, test.reason)
	}
}

// A token of another issuer is passed on, whatever else is wrong with it. Otherwise one
// Verifier in AnyOf would refuse the token of another one.
func TestForeignIssuerComesBeforeEverythingElse(t *testing.T) {
	for _, header := range []map[string]any{
		{"typ": "at+jwt"}, {"alg": "HS256"}, {"crit": []string{"x"}}, {"kid": "2"},
	} {
		check(t, config(), signed(header, map[string]any{"iss": "other", "exp": 0, "aud": 1}), redoxauth.ErrNoCredentials, "issuer")
	}
}

// CVE-2024-51744 (golang-jwt): with several faults the error is about the signature, and not
// about a claim that nobody has signed.
func TestSignatureComesBeforeClaims(t *testing.T) {
	for _, claims := range []map[string]any{
		{"exp": 0}, {"nbf": now.Unix() + 900}, {"aud": "x"}, {"exp": "x"}, {"cnf": 1},
	} {
		token := sign("RS256", keys().rsa2, object(goodHeader), object(with(goodClaims, claims)))
		check(t, config(), token, redoxauth.ErrRejected, "signature")
	}
}

// A token with several faults has the reason of the first check, so that logs and metrics
// always count it as the same.
func TestOrderOfTheChecks(t *testing.T) {
	header := map[string]any{"typ": "x", "crit": []string{"x"}, "alg": "none", "kid": "2", "jku": "https://evil.example/keys"}
	claims := map[string]any{
		"cnf": map[string]any{}, "exp": now.Unix() - 100, "nbf": now.Unix() + 100, "iat": now.Unix() + 100, "aud": "x", "sub": "x", "x": "",
	}
	signature := "SIGNATURE_REMOVED_BY_GOOGLE" // "" is that of our key
	cfg := config()
	matchJKU(&cfg)
	cfg.Subject, cfg.Required = "feed", []string{"x", "y"}
	for _, step := range []struct {
		reason redoxauth.Reason
		cause  string // begins so
		mend   func()
	}{
		{"type", "typ ", func() { delete(header, "typ") }},
		{"malformed", "the header has the extension crit", func() { delete(header, "crit") }},
		{"algorithm", "alg ", func() { delete(header, "alg") }},
		{"signature", "Cloud Run ", func() { signature = "AAAA" }},
		{"unknown_key", "kid ", func() { delete(header, "kid") }},
		{"signature", "the signature ", func() { signature = "" }},
		{"unknown_key", "jku ", func() { delete(header, "jku") }},
		{"binding", "", func() { delete(claims, "cnf") }},
		{"expired", "", func() { claims["exp"] = now.Unix() + 7300 }},
		{"not_yet_valid", "valid only ", func() { delete(claims, "nbf") }},
		{"not_yet_valid", "issued only ", func() { delete(claims, "iat") }},
		{"lifetime", "", func() { delete(claims, "exp") }},
		{"audience", "", func() { delete(claims, "aud") }},
		{"subject", "", func() { delete(claims, "sub") }},
		{"malformed", "the claim x ", func() { claims["x"] = "x" }},
		{"malformed", "the claim y ", func() {}},
	} {
		token := signed(header, claims)
		if signature != "" {
			token = token[:strings.LastIndexByte(token, '.')+1] + signature
		}
		_, err := jose.New(cfg).Verify(t.Context(), token)
		verifiertest.CheckError(t, err, redoxauth.ErrRejected, step.reason)
		if cause := fmt.Sprint(diagnosis.Cause(err)); !strings.HasPrefix(cause, step.cause) {
			t.Errorf("error %q, want %q first", cause, step.cause)
		}
		step.mend()
	}
}

// What a strategy does with its slices afterwards does not change what is accepted.
func TestNewCopiesTheConfig(t *testing.T) {
	cfg := config()
	cfg.Algorithms, cfg.Required = []string{"RS256", "Ed25519"}, []string{"jti"}
	v := jose.New(cfg)
	if cfg.Algorithms[1] != "Ed25519" {
		t.Errorf("Algorithms of the caller are %q", cfg.Algorithms)
	}
	cfg.Algorithms[0], cfg.Issuers[0], cfg.Audience[0], cfg.Types[1], cfg.Required[0] = "ES256", "evil", "evil", "evil", "x"
	if _, err := v.Verify(t.Context(), signed(nil, nil)); err != nil {
		t.Error(err)
	}
}

func TestNewWithoutKeysPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	cfg := config()
	cfg.Keys = nil
	jose.New(cfg)
}

func TestClockOfTheSystemIsTheDefault(t *testing.T) {
	cfg := config()
	cfg.Now = nil
	at := time.Now().Unix()
	check(t, cfg, signed(nil, map[string]any{"iat": at, "nbf": at, "exp": at + 300}), nil, "")
	check(t, cfg, signed(nil, nil), redoxauth.ErrRejected, "expired")
}

func TestErrorsOfTheSource(t *testing.T) {
	down := &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "keys"}
	cfg := config()
	cfg.Keys = &set{err: down}
	check(t, cfg, signed(nil, nil), redoxauth.ErrUnavailable, "keys")
	cfg.MatchJKU = true // the jku is compared with the URL that is found
	check(t, cfg, signed(map[string]any{"jku": "https://good.example/keys"}, nil), redoxauth.ErrUnavailable, "keys")
	cfg.Keys = &set{err: context.Canceled}
	if _, err := jose.New(cfg).Verify(t.Context(), signed(nil, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the Source's", err)
	}
}

// The error tells what was wanted, and under which name it is configured.
func TestErrorsTellWhatWasWanted(t *testing.T) {
	p256 := jwk(keys().p256, map[string]any{"kid": "1", "alg": "ES256"})
	for _, test := range []struct {
		narrow         func(*jose.Config)
		header, claims map[string]any
		want           string
	}{
		{func(c *jose.Config) { c.Types = []string{""} }, nil, nil, `typ is "JWT", want no typ (types)`},
		{func(c *jose.Config) { c.Types = []string{"at+jwt", ""} }, nil, nil, `typ is "JWT", want "at+jwt" or no typ (types)`},
		{func(c *jose.Config) { c.Types = []string{"at+jwt"} }, nil, nil, `typ is "JWT", want "at+jwt" (types)`},
		{matchJKU, map[string]any{"jku": "x"}, nil, `jku is "x", want "https://good.example/keys", the URL of the configured keys (keys)`},
		{func(c *jose.Config) { c.MatchJKU = true }, map[string]any{"jku": "x"}, nil, `jku is "x", and the configured keys have no URL (keys)`},
		// Nanoseconds are beyond 2^53.
		{nil, nil, map[string]any{"exp": now.UnixNano()}, "the claim exp is the number 1700000000000000000, want seconds since 1970: it looks like nanoseconds"},
		{nil, nil, map[string]any{"exp": "x"}, `the claim exp is "x", want a number: seconds since 1970`},
		{nil, nil, map[string]any{"aud": 1}, "the claim aud is the number 1, want a string or an array of strings"},
		{nil, nil, map[string]any{"exp": now.UnixMilli()}, "exp is 1700000000000, which looks like milliseconds: want seconds since 1970"},
		{func(c *jose.Config) { c.Keys = jwks(p256) }, nil, nil, `no key is for alg "RS256" and kid "1", want a signature by key "1" (EC P-256, alg ES256) (keys)`},
		{func(c *jose.Config) { c.Keys = jwks(edKeys(9)...) }, map[string]any{"kid": nil}, nil, `key "7" (Ed25519), and 1 more (keys)`},
		{func(c *jose.Config) { c.Keys = jwks(jwk(keys().rsa2, nil)) }, nil, nil, `1 tried, key 0 without kid (RSA 2048 bits) (keys)`},
		{func(c *jose.Config) { c.Keys = jwks(edKeys(2)...) }, map[string]any{"kid": "x"}, nil, `kid is "x", want one of ["0" "1"] (keys)`},
		{func(c *jose.Config) { c.Keys = jwks(p256, with(p256, map[string]any{"alg": nil})) }, map[string]any{"kid": "x"}, nil, `kid is "x", want "1" (keys)`},
		{func(c *jose.Config) {
			c.OneKey, c.Keys = true, jwks(jwk(keys().rsa, map[string]any{"kid": "1"}), jwk(keys().rsa2, map[string]any{"kid": "1"}))
		}, nil, nil, `more than one key has the kid "1", want one (keys)`},
		{func(c *jose.Config) { c.Algorithms, c.Keys = []string{"HS256"}, secrets(t, keys().secret) }, nil, nil, `alg is "RS256", want "HS256" (algorithms); RS256 is for public keys, and shared secrets are configured (keys)`},
		{nil, map[string]any{"crit": []string{"exp"}}, nil, "the header has the extension crit, want none: none is understood"},
		{nil, map[string]any{"b64": true}, nil, "the header has the extension b64, want none: none is understood"},
		{nil, map[string]any{"kid": 1}, nil, "header: kid is the number 1, want a string"},
		{nil, nil, map[string]any{"exp": 3600}, "exp is 3600, which looks like a duration: want seconds since 1970"},
		{nil, nil, map[string]any{"exp": 253402300800}, "exp is 253402300800, want seconds since 1970, up to the year 9999"},
		{nil, nil, map[string]any{"exp": now.Unix() - 100}, "expired 1m40s ago by this server's clock (exp 2023-11-14T22:11:40Z, now 2023-11-14T22:13:20Z, tolerance 1m0s)"},
		{func(c *jose.Config) { c.Fields.Leeway = "" }, nil, map[string]any{"exp": now.Unix() - 100}, "expired 1m40s ago by this server's clock (exp 2023-11-14T22:11:40Z, now 2023-11-14T22:13:20Z, leeway 1m0s)"},
		{func(c *jose.Config) { c.Audience = nil }, nil, nil, `aud is "https://customer.example/redox", want none (audience)`},
	} {
		cfg := config()
		cfg.Fields = jose.Fields{Keys: "keys", Types: "types", Algorithms: "algorithms", Audience: "audience", Leeway: "tolerance"}
		if test.narrow != nil {
			test.narrow(&cfg)
		}
		if _, err := jose.New(cfg).Verify(t.Context(), signed(test.header, test.claims)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %s", err, test.want)
		}
	}
}

// Each text as a whole, for tokens in a wrong form or with a wrong secret.
func TestErrorsAsAWhole(t *testing.T) {
	cfg := config()
	cfg.Algorithms, cfg.Keys = []string{"HS256"}, secrets(t, keys().secret)
	cfg.Fields = jose.Fields{Keys: "keys", Issuers: "issuers"}
	two := cfg
	two.Keys = secrets(t, keys().secret, keys().secret[1:])
	forged := signedWith("HS256", keys().other)
	segment := strings.Split(forged, ".")
	header := func(header string) string { return b64([]byte(header)) + "." + segment[1] + ".AAAA" }
	claims := func(claims string) string { return segment[0] + "." + b64([]byte(claims)) + ".AAAA" }
	for _, test := range []struct {
		cfg         jose.Config
		token, want string
	}{
		{cfg, forged + ".AA.AA", "five segments, as an encrypted token (JWE) has, want the three of a signed JWT"},
		{cfg, forged + ".AA", "not a JWT: want three segments with dots between them, the first of them a JSON object in base64url"},
		{cfg, forged + strings.Repeat("A", 16<<10+1-len(forged)), "the token has 16385 bytes, want at most 16384 (fixed)"},
		{cfg, segment[0] + "." + segment[1] + "=." + segment[2], "claims: not base64url"},
		{cfg, segment[0] + "." + segment[1] + ".", "signature: missing, or not base64url"},
		{cfg, header(`{"kid":"1","kid":"1"}`), "header: a name occurs twice"},
		{cfg, header(`{"kid":"1"`), "header: not a JSON object"},
		{cfg, claims(`{"iss":"redox","iss":"redox"}`), "claims: a name occurs twice"},
		{cfg, claims(`{"iss":"redox","x":` + nested(40) + `}`), "claims: nested too deeply"},
		{cfg, claims(`{"iss":"redox",` + numbered(300) + `}`), "claims: more than 256 names"},
		{cfg, claims("{\"iss\":\"redox\",\"x\":\"\xff\"}"), "claims: not UTF-8"},
		{cfg, claims(`{"iss":"other","iss":"other"}`), `iss is "other", want "redox" (issuers), and the token is malformed: claims: a name occurs twice`},
		{cfg, segment[0] + "." + segment[1] + ".SIGNATURE_REMOVED_BY_GOOGLE", "Cloud Run has replaced the signature by SIGNATURE_REMOVED_BY_GOOGLE: turn its IAM check off (--no-invoker-iam-check), so that the token arrives as it was sent"},
		{cfg, forged, "the signature does not verify under the one secret (keys)"},
		{two, forged, "the signature verifies under none of the 2 secrets (keys)"},
	} {
		_, err := jose.New(test.cfg).Verify(t.Context(), test.token)
		if err == nil || diagnosis.Cause(err).Error() != test.want {
			t.Errorf("error %v, want %s", err, test.want)
		}
		explain(t, test.cfg, test.token) // compares it with the error
	}
}

// An error, or a line of Explain, quotes a bounded part of what a peer wrote, and shows no token,
// signature or key.
func TestErrorsAreFitForLogs(t *testing.T) {
	long := strings.Repeat("x\n\x1b[31m", 1000)
	for name, token := range map[string]string{
		"iss": signed(nil, map[string]any{"iss": long}),
		"typ": signed(map[string]any{"typ": long}, nil),
		"alg": signed(map[string]any{"alg": long}, nil),
		"kid": signed(map[string]any{"kid": long}, nil),
		"aud": signed(nil, map[string]any{"aud": long}),
		"sub": signed(nil, map[string]any{"sub": long}),
		"exp": signed(nil, map[string]any{"exp": long}),
		"jku": signed(map[string]any{"jku": long}, nil),
		"all": signed(map[string]any{"typ": long, "kid": long, "jku": long}, map[string]any{"iss": long[:900], "sub": long[:900], "aud": []string{long[:800], long[:900]}, "azp": long[:900]}),
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			cfg.Subject, cfg.MatchJKU = "feed", true
			_, err := jose.New(cfg).Verify(t.Context(), token)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, text := range append(explain(t, cfg, token), err.Error()) {
				if len(text) > 1024 || strings.ContainsAny(text, "\n\x1b") {
					t.Errorf("text of %d bytes: %.200q", len(text), text)
				}
				for _, segment := range strings.Split(token, ".") {
					if strings.Contains(text, segment) {
						t.Error("the text shows a segment of the token")
					}
				}
			}
		})
	}
}
