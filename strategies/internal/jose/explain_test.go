package jose_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// explain returns the lines of an explanation and its hints, which begin with "- ".
func explain(t *testing.T, cfg jose.Config, token string) []string {
	t.Helper()
	cfg.Fields = jose.Fields{
		Keys: "keys", Algorithms: "algorithms", Issuers: "issuers", Subject: "subject", Audience: "audience",
		Types: cfg.Fields.Types, Required: "required", MaxLifetime: "lifetime", Leeway: "leeway",
	}
	var to diagnosis.Report
	v := jose.New(cfg)
	v.Explain(t.Context(), token, &to)
	lines := strings.Split(strings.TrimSuffix(to.Text("decision"), "\n"), "\n")[1:]
	lines = slices.DeleteFunc(lines, func(line string) bool { return line == "" || line == "hints:" })
	_, err := v.Verify(t.Context(), token)
	switch {
	case err == nil && len(hints(lines)) > 0:
		t.Errorf("hints for a token that is accepted:\n%s", strings.Join(lines, "\n"))
	case err != nil && !slices.Contains(lines, diagnosis.Cause(err).Error()):
		t.Errorf("no line %q, why it is refused:\n%s", diagnosis.Cause(err), strings.Join(lines, "\n"))
	}
	return lines
}

// hints returns the hints alone.
func hints(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.HasPrefix(line, "- ") })
}

// asConfigured is the explanation of a token of goodHeader and goodClaims.
var asConfigured = []string{
	`header: alg "RS256", typ "JWT", kid "1"`,
	`iss: "redox", as configured (issuers)`,
	`typ: "JWT", accepted (Config.Types)`,
	`alg: "RS256", accepted (algorithms)`,
	`signature: verifies under key "1" (RSA 2048 bits) (keys)`,
	`exp: 2023-11-14T22:18:20Z, in 5m0s, accepted (leeway)`,
	`nbf: 2023-11-14T22:13:20Z, 0s ago, accepted (leeway)`,
	`iat: 2023-11-14T22:13:20Z, 0s ago, accepted (leeway)`,
	`lifetime: at most 1h0m0s, accepted (lifetime)`,
	`aud: "https://customer.example/redox", accepted (audience)`,
	`sub: "feed", and any is accepted`,
}

// Each explanation as a whole: what is no longer in that of a good token, and what is there
// beside the rest of it. A hint that does not fit sends the operator the wrong way.
func TestExplain(t *testing.T) {
	k := keys()
	type m = map[string]any
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	issuer := func(names ...string) func(*jose.Config) { return func(c *jose.Config) { c.Issuers = names } }
	audience := func(names ...string) func(*jose.Config) { return func(c *jose.Config) { c.Audience = names } }
	types := func(names ...string) func(*jose.Config) { return func(c *jose.Config) { c.Types = names } }
	published := func(list ...m) func(*jose.Config) { return func(c *jose.Config) { c.Keys = jwks(list...) } }
	const ours = "https://customer.example/redox"
	const v1, v2 = "https://sts.windows.net/", "https://login.microsoftonline.com/"
	const oldEntra = `- the token is one of Entra ID v1.0, and the issuer of v2.0 is configured: set requestedAccessTokenVersion to 2 in the manifest of the API, or configure what the token says`
	const newEntra = `- the token is one of Entra ID v2.0, and the issuer of v1.0 is configured: configure what the token says`
	const anyTenant = `- the configured issuer stands for any tenant of Entra ID: configure that of your tenant, as the token says (issuers)`
	const realms = `- Keycloak has /auth in front of /realms before version 17, and not since: configure what the token says (issuers)`
	const idToken = `, as ID tokens have (OpenID Connect Core 1.0): the sender must send the access token`
	const google = `- iss is Google's: gcpjwt or wif verifies ID tokens of Google`
	const assertion = `- iss and sub are equal, as in a client assertion (RFC 7523, SMART Backend Services): one belongs to a token endpoint (NewTokenEndpoint), which exchanges it for an access token`
	const anotherAudience = `aud is "x", want "https://customer.example/redox" (audience)`
	const auth0 = `- access tokens of Auth0, Entra ID and Keycloak have typ "JWT": if the issuer is one of them, list "JWT" in Config.Types`
	type test struct {
		name           string
		change         func(*jose.Config)
		header, claims m
		key            any    // by default the RSA key, which signs with RS256
		lost           string // what the lines that are missing are about
		want           []string
	}
	tests := []test{
		{"as configured", nil, nil, nil, nil, "", nil},

		{"iss absent", nil, nil, m{"iss": nil}, nil, "iss", []string{`iss is absent, want "redox" (issuers)`}},
		{"iss empty, and so configured", issuer(""), nil, m{"iss": ""}, nil, "iss", []string{`iss is empty, want "" (issuers)`}},
		{"iss with a slash", nil, nil, m{"iss": "redox/"}, nil, "iss", []string{
			`iss is "redox/", want "redox" (issuers)`, `- iss "redox/" and the configured "redox" (issuers) differ only in the slash at the end`}},
		{"iss and sub are numbers", nil, nil, m{"iss": 5, "sub": 5}, nil, "iss, sub", []string{
			`iss is the number 5, want "redox" (issuers)`, `the claim sub is the number 5, want a string`}},
		{"iss and sub absent", nil, nil, m{"iss": nil, "sub": nil}, nil, "iss, sub", []string{
			`iss is absent, want "redox" (issuers)`, `sub: absent, and any is accepted`}},
		{"iss and sub of a client", nil, nil, m{"iss": "client", "sub": "client"}, nil, "iss, sub", []string{
			`iss is "client", want "redox" (issuers)`, `sub: "client", and any is accepted`, assertion}},
		{"iss and sub of a client, to a token endpoint", func(c *jose.Config) { c.OneAudience = true }, nil, m{"iss": "client", "sub": "client"}, nil, "iss, sub", []string{
			`iss is "client", want "redox" (issuers)`, `sub: "client", and any is accepted`}},

		{"Entra v1, another configured", nil, nil, m{"iss": v1 + "t/"}, nil, "iss", []string{`iss is "https://sts.windows.net/t/", want "redox" (issuers)`}},
		{"Entra v2, another configured", nil, nil, m{"iss": v2 + "t/v2.0"}, nil, "iss", []string{`iss is "https://login.microsoftonline.com/t/v2.0", want "redox" (issuers)`}},
		{"another, Entra configured", issuer(v1+"t/", v2+"t/v2.0", v2+"common/v2.0", v2+"organizations/v2.0", v2+"{tenantid}/v2.0"), nil, nil, nil, "iss", []string{
			`iss is "redox", want one of ["https://sts.windows.net/t/" "https://login.microsoftonline.com/t/v2.0" "https://login.microsoftonline.com/common/v2.0" "https://login.microsoftonline.com/organizations/v2.0" "https://login.microsoftonline.com/{tenantid}/v2.0"] (issuers)`}},
		{"Entra v1, v2 configured", issuer(v2 + "t/v2.0"), nil, m{"iss": v1 + "t/"}, nil, "iss", []string{
			`iss is "https://sts.windows.net/t/", want "https://login.microsoftonline.com/t/v2.0" (issuers)`, oldEntra}},
		{"Entra v2, v1 configured", issuer(v1 + "t/"), nil, m{"iss": v2 + "t/v2.0"}, nil, "iss", []string{
			`iss is "https://login.microsoftonline.com/t/v2.0", want "https://sts.windows.net/t/" (issuers)`, newEntra}},
		{"Entra, another tenant", issuer(v2 + "another/v2.0"), nil, m{"iss": v2 + "t/v2.0"}, nil, "iss", []string{
			`iss is "https://login.microsoftonline.com/t/v2.0", want "https://login.microsoftonline.com/another/v2.0" (issuers)`}},
		{"Entra, common", issuer(v2 + "common/v2.0"), nil, m{"iss": v2 + "t/v2.0"}, nil, "iss", []string{
			`iss is "https://login.microsoftonline.com/t/v2.0", want "https://login.microsoftonline.com/common/v2.0" (issuers)`, anyTenant}},
		{"Entra, organizations", issuer(v2 + "organizations/v2.0"), nil, m{"iss": v2 + "t/v2.0"}, nil, "iss", []string{
			`iss is "https://login.microsoftonline.com/t/v2.0", want "https://login.microsoftonline.com/organizations/v2.0" (issuers)`, anyTenant}},
		{"Entra, a template", issuer(v2 + "{tenantid}/v2.0"), nil, m{"iss": v2 + "t/v2.0"}, nil, "iss", []string{
			`iss is "https://login.microsoftonline.com/t/v2.0", want "https://login.microsoftonline.com/{tenantid}/v2.0" (issuers)`, anyTenant}},
		{"Keycloak before 17", issuer("https://id.example/realms/r"), nil, m{"iss": "https://id.example/auth/realms/r"}, nil, "iss", []string{
			`iss is "https://id.example/auth/realms/r", want "https://id.example/realms/r" (issuers)`, realms}},
		{"Keycloak since 17", issuer("https://id.example/auth/realms/r"), nil, m{"iss": "https://id.example/realms/r"}, nil, "iss", []string{
			`iss is "https://id.example/realms/r", want "https://id.example/auth/realms/r" (issuers)`, realms}},
		{"Keycloak, another realm", issuer("https://id.example/realms/another"), nil, m{"iss": "https://id.example/realms/r"}, nil, "iss", []string{
			`iss is "https://id.example/realms/r", want "https://id.example/realms/another" (issuers)`}},
		{"Google", nil, nil, m{"iss": "https://accounts.google.com"}, nil, "iss", []string{`iss is "https://accounts.google.com", want "redox" (issuers)`, google}},
		{"Google without scheme", nil, nil, m{"iss": "accounts.google.com"}, nil, "iss", []string{`iss is "accounts.google.com", want "redox" (issuers)`, google}},

		{"an ID token that is accepted", nil, nil, m{"nonce": "n"}, nil, "", nil},
		{"an ID token of another issuer", nil, nil, m{"iss": "other", "nonce": "n", "at_hash": "h"}, nil, "iss", []string{
			`iss is "other", want "redox" (issuers)`, "- the token has nonce and at_hash" + idToken}},
		{"an ID token that is refused for its aud", nil, nil, m{"aud": "x", "c_hash": "h"}, nil, "aud", []string{anotherAudience, "- the token has c_hash" + idToken}},
		{"typ absent", types("JWT"), m{"typ": nil}, nil, nil, "header, typ", []string{
			`header: alg "RS256", typ absent, kid "1"`, `typ is absent, want "JWT" (Config.Types)`, "- an empty string in Config.Types accepts tokens without typ"}},
		{"typ absent in an ID token", types("JWT"), m{"typ": nil}, m{"nonce": "n"}, nil, "header, typ", []string{
			`header: alg "RS256", typ absent, kid "1"`, `typ is absent, want "JWT" (Config.Types)`, "- the token has nonce" + idToken}},
		{"typ absent, where types are fixed", func(c *jose.Config) { c.Types, c.Fields.Types = []string{"JWT"}, "fixed" }, m{"typ": nil}, nil, nil, "header, typ", []string{
			`header: alg "RS256", typ absent, kid "1"`, `typ is absent, want "JWT" (fixed)`}},
		{"typ absent, which is accepted", nil, m{"typ": nil}, m{"aud": "x"}, nil, "header, typ, aud", []string{
			`header: alg "RS256", typ absent, kid "1"`, `typ: absent, accepted (Config.Types)`, anotherAudience}},
		{"typ JWT for at+jwt", types("at+jwt"), nil, nil, nil, "typ", []string{`typ is "JWT", want "at+jwt" (Config.Types)`, auth0}},
		{"typ JWT for another", types("x"), nil, nil, nil, "typ", []string{`typ is "JWT", want "x" (Config.Types)`}},
		{"typ of another for at+jwt", types("at+jwt"), m{"typ": "x"}, nil, nil, "header, typ", []string{
			`header: alg "RS256", typ "x", kid "1"`, `typ is "x", want "at+jwt" (Config.Types)`}},
		{"typ at+jwt with a signature of a key", nil, m{"typ": "at+jwt"}, nil, nil, "header, typ", []string{
			`header: alg "RS256", typ "at+jwt", kid "1"`, `typ is "at+jwt", want "JWT" or no typ (Config.Types)`}},

		{"alg none", nil, m{"alg": "none"}, nil, nil, "header, alg, signature", []string{
			`header: alg "none", typ "JWT", kid "1"`, `alg is "none", want one of ["RS256" "ES256"] (algorithms); the token is not signed`}},
		{"alg that is not listed", nil, m{"alg": "RS384"}, nil, k.rsa, "header, alg", []string{
			`header: alg "RS384", typ "JWT", kid "1"`, `alg is "RS384", want one of ["RS256" "ES256"] (algorithms)`}},
		{"no alg is listed", func(c *jose.Config) { c.Algorithms = nil }, nil, nil, nil, "alg", []string{`alg is "RS256", want one of [] (algorithms)`}},
		{"alg for secrets", nil, m{"alg": "HS256"}, nil, k.secret, "header, alg, signature", []string{
			`header: alg "HS256", typ "JWT", kid "1"`, `alg is "HS256", want one of ["RS256" "ES256"] (algorithms); HS256 is for shared secrets, and public keys are configured (keys)`}},
		{"alg for secrets in an access token", nil, m{"alg": "HS256", "typ": "application/at+JWT"}, nil, k.secret, "header, typ, alg, signature", []string{
			`header: alg "HS256", typ "application/at+JWT", kid "1"`, `typ is "application/at+JWT", want "JWT" or no typ (Config.Types)`,
			`alg is "HS256", want one of ["RS256" "ES256"] (algorithms); HS256 is for shared secrets, and public keys are configured (keys)`,
			"- typ at+jwt with HS256 is what our own token endpoints issue: TokenEndpoint.Verifier verifies it"}},
		{"alg for secrets in an access token, where others are refused", types("at+jwt"), m{"alg": "HS256", "typ": "at+jwt"}, nil, k.secret, "header, typ, alg, signature", []string{
			`header: alg "HS256", typ "at+jwt", kid "1"`, `typ: "at+jwt", accepted (Config.Types)`,
			`alg is "HS256", want one of ["RS256" "ES256"] (algorithms); HS256 is for shared secrets, and public keys are configured (keys)`}},

		{"signed with a secret", func(c *jose.Config) { c.Algorithms, c.Keys = []string{"HS256"}, secrets(t, k.other, k.secret) }, m{"alg": "HS256"}, nil, k.secret, "header, alg, signature", []string{
			`header: alg "HS256", typ "JWT", kid "1"`, `alg: "HS256", accepted (algorithms)`, `signature: verifies under secret "1" (keys)`}},
		{"signed by another", func(c *jose.Config) { c.Algorithms = []string{"PS256"} }, m{"alg": "PS256"}, nil, k.rsa2, "header, alg, signature", []string{
			`header: alg "PS256", typ "JWT", kid "1"`, `alg: "PS256", accepted (algorithms)`,
			`the signature verifies under none of the keys that fit kid "1": 1 tried, key "1" (RSA 2048 bits) (keys)`}},
		{"kid of another", published(jwk(k.rsa2, m{"kid": "2"}), jwk(k.rsa, m{"kid": "3"})), nil, nil, nil, "signature", []string{
			`kid is "1", want one of ["2" "3"] (keys)`,
			`- the signature verifies under key "3" (RSA 2048 bits), and the token has kid "1": give both the same kid, where the key is published or configured, or at the sender`}},
		{"kid of no key, and another key", published(jwk(k.rsa2, m{"kid": "2"})), nil, nil, nil, "signature", []string{`kid is "1", want "2" (keys)`}},
		{"alg of the key", published(jwk(k.rsa, m{"kid": "1", "alg": "RS512"})), nil, nil, nil, "signature", []string{
			`no key is for alg "RS256" and kid "1", want a signature by key "1" (RSA 2048 bits, alg RS512) (keys)`,
			`- the signature verifies under key "1" (RSA 2048 bits, alg RS512), and alg "RS256" is not the alg of that key: change alg where the key is published or configured, or at the sender`}},
		{"alg of the key, without kid", published(jwk(k.rsa, m{"alg": "RS512"})), m{"kid": nil}, nil, nil, "header, signature", []string{
			`header: alg "RS256", typ "JWT", kid absent`,
			`no key is for alg "RS256" and a token without kid, want a signature by key 0 without kid (RSA 2048 bits, alg RS512) (keys)`,
			`- the signature verifies under key 0 without kid (RSA 2048 bits, alg RS512), and alg "RS256" is not the alg of that key: change alg where the key is published or configured, or at the sender`}},
		{"the URL of the keys as jku", matchJKU, m{"jku": "https://good.example/keys"}, nil, nil, "", []string{`jku: "https://good.example/keys", accepted (keys)`}},
		{"another jku", matchJKU, m{"jku": "https://evil.example/keys"}, nil, nil, "", []string{
			`jku is "https://evil.example/keys", want "https://good.example/keys", the URL of the configured keys (keys)`}},
		{"no jku", matchJKU, nil, nil, nil, "", nil},
		{"a jku that is not compared", nil, m{"jku": "https://evil.example/keys"}, nil, nil, "", nil},

		{"bound to a key", nil, nil, m{"cnf": m{}}, nil, "", []string{"the token is bound to a key (cnf), which is not checked here: want a bearer token without cnf"}},
		{"exp absent", nil, nil, m{"exp": nil}, nil, "exp, lifetime", []string{"exp is absent, want seconds since 1970"}},
		{"exp and aud are of another type", nil, nil, m{"exp": "x", "aud": 5}, nil, "exp, lifetime, aud", []string{
			`the claim exp is "x", want a number: seconds since 1970`, `the claim aud is the number 5, want a string or an array of strings`}},
		{"exp is a string", nil, nil, m{"exp": "x"}, nil, "exp, lifetime", []string{`the claim exp is "x", want a number: seconds since 1970`}},
		{"exp in milliseconds", nil, nil, m{"exp": now.UnixMilli()}, nil, "exp, lifetime", []string{"exp is 1700000000000, which looks like milliseconds: want seconds since 1970"}},
		{"exp is the last second of 9999", func(c *jose.Config) { c.Now = func() time.Time { return time.Unix(jose.MaxDate-300, 0) } }, nil,
			m{"exp": int64(jose.MaxDate), "iat": int64(jose.MaxDate) - 3601, "nbf": nil}, nil, "exp, nbf, iat, lifetime", []string{
				"exp: 9999-12-31T23:59:59Z, in 5m0s, accepted (leeway)", "iat: 9999-12-31T22:59:58Z, 55m1s ago, accepted (leeway)",
				"valid for 1h0m1s (from iat to exp), want at most 1h0m0s (lifetime)"}},
		{"nbf and iat absent", nil, nil, m{"nbf": nil, "iat": nil}, nil, "nbf, iat", nil},
		{"iat in milliseconds", nil, nil, m{"iat": now.UnixMilli()}, nil, "iat, lifetime", []string{"iat is 1700000000000, which looks like milliseconds: want seconds since 1970"}},
		{"nbf later", nil, nil, m{"nbf": at(10 * time.Minute)}, nil, "nbf", []string{
			"valid only in 10m0s by this server's clock (nbf 2023-11-14T22:23:20Z, now 2023-11-14T22:13:20Z, leeway 1m0s)"}},
		{"nbf of another zone", nil, nil, m{"nbf": at(2 * time.Hour)}, nil, "nbf", []string{
			"valid only in 2h0m0s by this server's clock (nbf 2023-11-15T00:13:20Z, now 2023-11-14T22:13:20Z, leeway 1m0s)",
			"- nbf is 2h0m0s ahead, to within two minutes a whole number of hours: a sender that takes its local time for UTC writes that"}},
		{"nbf later, where exp alone is compared", expiryAlone, nil, m{"nbf": at(2 * time.Hour)}, nil, "nbf, lifetime", []string{
			"nbf: 2023-11-15T00:13:20Z, in 2h0m0s, accepted (leeway)"}},
		{"lifetime too long", nil, nil, m{"exp": at(2 * time.Hour)}, nil, "exp, lifetime", []string{
			"exp: 2023-11-15T00:13:20Z, in 2h0m0s, accepted (leeway)", "valid for 2h0m0s (from iat to exp), want at most 1h0m0s (lifetime)"}},

		{"aud absent", nil, nil, m{"aud": nil}, nil, "aud", []string{`aud is absent, want "https://customer.example/redox" (audience)`}},
		{"aud is a number", nil, nil, m{"aud": 1}, nil, "aud", []string{"the claim aud is the number 1, want a string or an array of strings"}},
		{"aud, iss and sub empty", nil, nil, m{"aud": "", "iss": "", "sub": ""}, nil, "iss, aud, sub", []string{
			`iss is empty, want "redox" (issuers)`, `aud is empty, want "https://customer.example/redox" (audience)`, "sub: empty, and any is accepted"}},
		{"aud, without azp", nil, nil, m{"aud": "x"}, nil, "aud", []string{anotherAudience}},
		{"aud, and another azp", nil, nil, m{"aud": "x", "azp": "y"}, nil, "aud", []string{anotherAudience}},
		{"aud is azp and client_id", nil, nil, m{"aud": "x", "azp": "x", "client_id": "x"}, nil, "aud", []string{
			anotherAudience, "- aud is the token's own client ID (azp), as in an ID token: the sender must ask for a token for this API"}},
		{"aud is ours and sub, and nearly ours", nil, nil, m{"aud": []string{"feed", ours, ours + "/"}}, nil, "aud", []string{
			`aud: ["feed" "https://customer.example/redox" "https://customer.example/redox/"], accepted (audience)`}},
		{"aud is nearly ours", nil, nil, m{"aud": []string{"x", ours + "/"}}, nil, "aud", []string{
			`aud is ["x" "https://customer.example/redox/"], want "https://customer.example/redox" (audience)`,
			`- aud "https://customer.example/redox/" and the configured "https://customer.example/redox" (audience) differ only in the slash at the end`}},
		{"the eighth aud is nearly ours", nil, nil, m{"aud": []string{"a", "b", "c", "d", "e", "f", "g", ours + "/", "i"}}, nil, "aud", []string{
			`aud is ["a" "b" "c" "d" "e" "f" "g" "https://customer.example/redox/"] and 1 more, want "https://customer.example/redox" (audience)`,
			`- aud "https://customer.example/redox/" and the configured "https://customer.example/redox" (audience) differ only in the slash at the end`}},
		{"the ninth aud is nearly ours", nil, nil, m{"aud": []string{"a", "b", "c", "d", "e", "f", "g", "h", ours + "/"}}, nil, "aud", []string{
			`aud is ["a" "b" "c" "d" "e" "f" "g" "h"] and 1 more, want "https://customer.example/redox" (audience)`}},
		{"iss and aud exchanged", nil, nil, m{"iss": ours, "aud": "redox"}, nil, "iss, aud", []string{
			`iss is "https://customer.example/redox", want "redox" (issuers)`, `aud is "redox", want "https://customer.example/redox" (audience)`,
			"- iss and aud are exchanged, in the token or in the Config"}},
		{"iss is ours, and another aud", nil, nil, m{"iss": ours, "aud": "x"}, nil, "iss, aud", []string{
			`iss is "https://customer.example/redox", want "redox" (issuers)`, anotherAudience}},
		{"aud is iss", nil, nil, m{"aud": "redox"}, nil, "aud", []string{
			`aud is "redox", want "https://customer.example/redox" (audience)`, "- aud is the same as iss: aud must name the receiver"}},
		{"aud is sub", nil, nil, m{"aud": "feed"}, nil, "aud", []string{
			`aud is "feed", want "https://customer.example/redox" (audience)`, "- aud is the same as sub: aud must name the receiver"}},
		{"aud has a list with commas", audience("a", "b"), nil, m{"aud": "x,b"}, nil, "aud", []string{
			`aud is "x,b", want one of ["a" "b"] (audience)`, `- aud has several values in one string, and "b" is one of them: a token has them in an array`}},
		{"aud has a list with spaces", audience("a", "b"), nil, m{"aud": "x b"}, nil, "aud", []string{
			`aud is "x b", want one of ["a" "b"] (audience)`, `- aud has several values in one string, and "b" is one of them: a token has them in an array`}},
		{"aud has a list of others", nil, nil, m{"aud": "x y"}, nil, "aud", []string{`aud is "x y", want "https://customer.example/redox" (audience)`}},
		{"aud is configured as a list with commas", audience("a,b"), nil, m{"aud": "b"}, nil, "aud", []string{
			`aud is "b", want "a,b" (audience)`, `- the configured "a,b" is a list in one string: configure each value on its own (audience)`}},
		{"aud is configured as a list with spaces", audience("c", "a b"), nil, m{"aud": "b"}, nil, "aud", []string{
			`aud is "b", want one of ["c" "a b"] (audience)`, `- the configured "a b" is a list in one string: configure each value on its own (audience)`}},
		{"aud is configured as a list of others", audience("a b"), nil, m{"aud": "x"}, nil, "aud", []string{`aud is "x", want "a b" (audience)`}},
		{"aud, where one is accepted", func(c *jose.Config) { c.OneAudience = true }, nil, m{"aud": []string{ours, "x"}}, nil, "aud", []string{
			`aud is ["https://customer.example/redox" "x"], want "https://customer.example/redox" and nothing else (audience)`}},

		{"sub as configured", func(c *jose.Config) { c.Subject = "feed" }, nil, nil, nil, "sub", []string{`sub: "feed", accepted (subject)`}},
		{"sub in another case", func(c *jose.Config) { c.Subject = "feed" }, nil, m{"sub": "Feed"}, nil, "sub", []string{
			`sub is "Feed", want "feed" (subject)`, `- sub "Feed" and the configured "feed" (subject) differ only in upper and lower case`}},
		{"sub absent, and configured", func(c *jose.Config) { c.Subject = "feed" }, nil, m{"sub": nil}, nil, "sub", []string{`sub is absent, want "feed" (subject)`}},
		{"sub is a number, and configured", func(c *jose.Config) { c.Subject = "feed" }, nil, m{"sub": 1}, nil, "sub", []string{"the claim sub is the number 1, want a string"}},
		{"sub absent", nil, nil, m{"sub": nil}, nil, "sub", []string{"sub: absent, and any is accepted"}},
		{"sub required", func(c *jose.Config) { c.Required = []string{"sub"} }, nil, nil, nil, "", nil},
		{"sub and another required, and absent", func(c *jose.Config) { c.Required = []string{"sub", "x"} }, nil, m{"sub": nil, "x": raw("null")}, nil, "sub", []string{
			"the claim sub is absent, want a value (required)", "the claim x is null, want a value (required)"}},
	}
	// An old token, or one of a sender that takes its local time for UTC.
	for _, old := range []struct {
		iat, exp time.Duration
		zone     bool
	}{
		{-3 * time.Hour, -3*time.Hour + 5*time.Minute, true},
		{-3*time.Hour + 119*time.Second, -2 * time.Hour, true},
		{-3*time.Hour - 119*time.Second, -3 * time.Hour, true},
		{-3*time.Hour + 2*time.Minute, -2*time.Hour - 30*time.Minute, false},
		{-3*time.Hour - 2*time.Minute, -3 * time.Hour, false},
		{-150 * time.Minute, -2 * time.Hour, false},
		{-3 * time.Hour, -2*time.Hour - time.Second, true},
		{-3 * time.Hour, -2 * time.Hour, false},
		{-14 * time.Hour, -14*time.Hour + 5*time.Minute, true},
		{-15 * time.Hour, -15*time.Hour + 5*time.Minute, false},
		{-100 * time.Second, -90 * time.Second, false},
	} {
		utc := func(d time.Duration) string { return now.Add(d).UTC().Format(time.RFC3339) }
		want := []string{
			fmt.Sprintf("expired %v ago by this server's clock (exp %s, now 2023-11-14T22:13:20Z, leeway 1m0s)", -old.exp, utc(old.exp)),
			fmt.Sprintf("iat: %s, %v ago, accepted (leeway)", utc(old.iat), -old.iat),
		}
		if old.zone {
			want = append(want, fmt.Sprintf("- iat is %v ago, to within two minutes a whole number of hours: if every token has it, the sender takes its local time for UTC; if not, the token is old", -old.iat))
		}
		tests = append(tests, test{fmt.Sprintf("iat %v, exp %v", old.iat, old.exp), nil, nil, m{"iat": at(old.iat), "exp": at(old.exp)}, nil, "exp, iat", want})
	}
	tests = append(tests, test{"an hour old and accepted", nil, nil, m{"iat": at(-time.Hour), "exp": at(-30 * time.Second)}, nil, "exp, iat", []string{
		"exp: 2023-11-14T22:12:50Z, 30s ago, accepted (leeway)", "iat: 2023-11-14T21:13:20Z, 1h0m0s ago, accepted (leeway)"}},
		test{"expired before it is issued", nil, nil, m{"iat": at(2 * time.Hour), "exp": at(-5 * time.Minute)}, nil, "exp, iat", []string{
			"expired 5m0s ago by this server's clock (exp 2023-11-14T22:08:20Z, now 2023-11-14T22:13:20Z, leeway 1m0s)",
			"issued only in 2h0m0s by this server's clock (iat 2023-11-15T00:13:20Z, now 2023-11-14T22:13:20Z, leeway 1m0s)",
			"- iat is 2h0m0s ahead, to within two minutes a whole number of hours: a sender that takes its local time for UTC writes that"}})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := config()
			cfg.Fields.Types = "Config.Types"
			if test.change != nil {
				test.change(&cfg)
			}
			alg, key, header := "RS256", any(k.rsa), with(goodHeader, test.header)
			if test.key != nil {
				alg, key = header["alg"].(string), test.key
			}
			got := explain(t, cfg, sign(alg, key, object(header), object(with(goodClaims, test.claims))))
			want := slices.Clone(test.want)
			for _, line := range asConfigured {
				about, _, _ := strings.Cut(line, ":")
				if !slices.Contains(strings.Split(test.lost, ", "), about) {
					want = slices.Insert(want, 0, line)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The order is that of the checks.
func TestExplainOfAGoodToken(t *testing.T) {
	cfg := config()
	cfg.Fields.Types = "Config.Types"
	if diff := cmp.Diff(asConfigured, explain(t, cfg, signed(nil, nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Of the keys that the kid or their alg excludes, Explain tries the first 16 that fit.
func TestExplainTriesOtherKeys(t *testing.T) {
	eds := edKeys(21)
	signer := func(i int) ed25519.PrivateKey {
		seed := make([]byte, ed25519.SeedSize)
		seed[0] = byte(i)
		return ed25519.NewKeyFromSeed(seed)
	}
	token := func(i int, header map[string]any) string {
		return sign("EdDSA", signer(i), object(with(map[string]any{"alg": "EdDSA", "kid": "x"}, header)), object(goodClaims))
	}
	hint := func(kid, token string) string {
		return fmt.Sprintf(`- the signature verifies under key %q (Ed25519), and the token has kid %q: give both the same kid, where the key is published or configured, or at the sender`, kid, token)
	}
	var ofOtherTypes []map[string]any
	for i := range 17 {
		ofOtherTypes = append(ofOtherTypes, jwk([]any{keys().rsa, keys().p256}[i%2], map[string]any{"kid": fmt.Sprint("y", i)}))
	}
	var tried []map[string]any
	for _, ed := range eds[:4] {
		tried = append(tried, with(ed, map[string]any{"kid": "x"}))
	}
	for _, test := range []struct {
		name  string
		keys  []map[string]any
		token string
		want  string
	}{
		{"the first", eds, token(0, nil), hint("0", "x")},
		{"the 16th", eds, token(15, nil), hint("15", "x")},
		{"the 17th", eds, token(16, nil), ""},
		{"of the same type", append(ofOtherTypes, eds[0]), token(0, nil), hint("0", "x")},
		{"after those that were tried", slices.Concat(tried, eds[4:]), token(19, nil), hint("19", "x")},
		{"none", eds, token(30, nil), ""},
		{"the fifth, without kid", eds, token(4, map[string]any{"kid": nil}),
			`- the signature verifies under key "4" (Ed25519), and the token has no kid, so only 4 keys are tried: let the sender put the kid of that key into the header`},
		{"the fourth, without kid", eds, token(3, map[string]any{"kid": nil}), ""},
		{"the fifth, whose kid is empty, without kid", append(eds[:4:4], with(eds[4], map[string]any{"kid": ""})), token(4, map[string]any{"kid": nil}),
			`- the signature verifies under key "" (Ed25519), and the token has no kid, so only 4 keys are tried: let the sender put the kid of that key into the header`},
		{"the fifth of the same kid", append(tried, with(eds[4], map[string]any{"kid": "x"})), token(4, nil),
			`- the signature verifies under key "x" (Ed25519), and other keys have the same kid: give each key a kid of its own, where the keys are published or configured, and at the sender`},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config()
			cfg.Algorithms, cfg.Keys = []string{"EdDSA"}, jwks(test.keys...)
			if got := strings.Join(hints(explain(t, cfg, test.token)), "\n"); got != test.want {
				t.Errorf("hints %q, want %q", got, test.want)
			}
		})
	}
}

// A secret goes through settings, files and forms, and comes out in another form. Explain tells
// which one, and never the secret.
func TestExplainTriesFormsOfASecret(t *testing.T) {
	const configure, enter = "configure the same bytes (keys)", "enter it at the sender anew, without that"
	text := []byte("open-sesame-open-sesame-open-sesame")
	upper := bytes.ToUpper(text)
	raw := []byte(strings.Repeat("\xfb\xff~", 11) + "x") // - and _ in base64url, and padding
	form := func(name, do string) string {
		return "- the signature verifies if the secret at position 1 is " + name + ": the sender uses that form, so " + do
	}
	cut := func(b []byte) []byte { return b[1 : len(b)-1] }
	spaced, quoted, single := slices.Concat([]byte(" "), raw, []byte("\n")), slices.Concat([]byte(`"`), raw, []byte(`"`)), slices.Concat([]byte("'"), raw, []byte("'"))
	for _, test := range []struct {
		name         string
		ours, theirs []byte
		want         string
	}{
		{"LF", text, append(slices.Clone(text), '\n'), form("taken with a line break at its end", enter)},
		{"CR LF", text, append(slices.Clone(text), "\r\n"...), form("taken with a line break (CR LF) at its end", enter)},
		{"without white space", spaced, cut(spaced), form("taken without the white space around it", configure)},
		{"without quotation marks", quoted, cut(quoted), form("taken without the quotation marks around it", configure)},
		{"without single quotation marks", single, cut(single), form("taken without the quotation marks around it", configure)},
		{"with quotation marks", text, slices.Concat([]byte(`"`), text, []byte(`"`)), form("taken with quotation marks around it", configure)},
		{"base64 decoded", []byte(base64.StdEncoding.EncodeToString(raw)), raw, form("decoded from base64", configure)},
		{"base64 decoded, with white space around it", []byte(base64.StdEncoding.EncodeToString(spaced)), spaced, form("decoded from base64", configure)},
		{"base64url decoded", []byte(base64.RawURLEncoding.EncodeToString(raw)), raw, form("decoded from base64", configure)},
		{"hex decoded", fmt.Appendf(nil, "%x", raw), raw, form("decoded from hex", configure)},
		{"base64", raw, []byte(base64.StdEncoding.EncodeToString(raw)), form("encoded as base64", configure)},
		{"base64 without padding", raw, []byte(base64.RawStdEncoding.EncodeToString(raw)), form("encoded as base64 without padding", configure)},
		{"base64url", raw, []byte(base64.URLEncoding.EncodeToString(raw)), form("encoded as base64url", configure)},
		{"base64url without padding", raw, []byte(base64.RawURLEncoding.EncodeToString(raw)), form("encoded as base64url without padding", configure)},
		{"hex", raw, fmt.Appendf(nil, "%x", raw), form("encoded as hex", configure)},
		{"hex in upper case", raw, fmt.Appendf(nil, "%X", raw), form("encoded as hex in upper case", configure)},
		{"lower case", upper, text, form("written in lower case", configure)},
		{"upper case", text, upper, form("written in upper case", configure)},
		{"base64 up to a character of another alphabet", []byte(base64.StdEncoding.EncodeToString(raw[:33]) + "!"), raw[:33], ""},
		{"hex up to a character of another alphabet", fmt.Appendf(nil, "%xx", raw), raw, ""},
		{"another", upper, keys().other, ""},
		{"none", upper, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config()
			cfg.Algorithms, cfg.Keys = []string{"HS256"}, secrets(t, []byte(strings.Repeat("?", 32)), test.ours)
			lines := explain(t, cfg, signedWith("HS256", test.theirs))
			if got := strings.Join(hints(lines), "\n"); got != test.want {
				t.Errorf("hints %q, want %q", got, test.want)
			}
			for _, secret := range [][]byte{test.ours, test.theirs} {
				if len(secret) > 0 && strings.Contains(strings.Join(lines, "\n"), string(secret)) {
					t.Error("the explanation shows a secret")
				}
			}
		})
	}
}

// The first 32 secrets are tried in other forms, and each as it is under the alg of the token.
func TestExplainTriesOtherSecrets(t *testing.T) {
	cfg := config()
	cfg.Algorithms = []string{"HS256"}
	many := make([][]byte, 33)
	for i := range many {
		many[i] = fmt.Appendf(nil, "open-sesame-open-sesame-open-sesame-%d", i)
	}
	cfg.Keys = secrets(t, many...)
	want := []string{"- the signature verifies if the secret at position 31 is taken with a line break at its end: the sender uses that form, so enter it at the sender anew, without that"}
	if diff := cmp.Diff(want, hints(explain(t, cfg, signedWith("HS256", fmt.Appendf(nil, "%s\n", many[31]))))); diff != "" {
		t.Errorf("the 32nd (-want +got):\n%s", diff)
	}
	if got := hints(explain(t, cfg, signedWith("HS256", fmt.Appendf(nil, "%s\n", many[32])))); len(got) > 0 {
		t.Errorf("the 33rd: hints %q, want none", got)
	}
	cfg.Keys = secrets(t, keys().other[:32], keys().secret)
	want = []string{
		`header: alg "HS512", typ "JWT", kid "1"`,
		`alg is "HS512", want "HS256" (algorithms)`,
		`alg is "HS512", which secret "0" is too short for (keys)`,
		"- the signature verifies under the secret at position 1 as it is: only alg is wrong",
	}
	got := explain(t, cfg, signedWith("HS512", keys().secret))
	if diff := cmp.Diff(want, slices.DeleteFunc(got, func(line string) bool { return slices.Contains(asConfigured, line) || strings.HasPrefix(line, "typ: ") })); diff != "" {
		t.Errorf("HS512 (-want +got):\n%s", diff)
	}
}

// What cannot be read has one line, the cause, and tells nothing.
func TestExplainOfWhatCannotBeRead(t *testing.T) {
	good := signed(nil, nil)
	for name, token := range map[string]string{
		"nothing":                    "",
		"no JWT":                     "x",
		"a JWE":                      good + ".x.y",
		"too large":                  signed(nil, map[string]any{"x": strings.Repeat("x", 16<<10)}),
		"malformed claims":           sign("RS256", keys().rsa, object(goodHeader), `{"iss":"redox","iss":"redox"}`),
		"malformed claims of others": sign("RS256", keys().rsa, object(goodHeader), `{"iss":"other","iss":"other"}`),
	} {
		if lines := explain(t, config(), token); len(lines) != 1 { // explain compares it with the error of Verify
			t.Errorf("%s: got %q, want one line", name, lines)
		}
		if u := jose.New(config()).Explain(t.Context(), token, new(diagnosis.Report)); u != nil {
			t.Errorf("%s: got %v, want nil", name, u)
		}
	}
	var to diagnosis.Report
	for _, v := range []*jose.Verifier{nil, {}} {
		if u := v.Explain(t.Context(), good, &to); u != nil || to.Text("") != "\n" {
			t.Errorf("of a Verifier that New did not make: %v, %q; want nothing", u, to.Text(""))
		}
	}
}

func TestUnverified(t *testing.T) {
	v := jose.New(config())
	u := v.Explain(t.Context(), signed(nil, map[string]any{"azp": "client", "scp": []string{"a", "b c"}, "x": "y"}), new(diagnosis.Report))
	var none *jose.Unverified
	for _, test := range []struct {
		u       *jose.Unverified
		claims  []jose.Value
		scopes  [][]string
		present []string
	}{
		{u, []jose.Value{`"redox"`, `"client"`, "", ""}, [][]string{{"read", "write"}, {"a", "b c"}, nil}, []string{"scp", "iss"}},
		{none, []jose.Value{"", "", "", ""}, [][]string{nil, nil, nil}, []string{}},
	} {
		claims := []jose.Value{test.u.Claim("iss"), test.u.Claim("azp"), test.u.Claim("appid"), test.u.Claim("x")}
		scopes := [][]string{test.u.Scopes("scope"), test.u.Scopes("scp"), test.u.Scopes("roles")}
		if diff := cmp.Diff(test.claims, claims); diff != "" {
			t.Errorf("claims (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(test.scopes, scopes); diff != "" {
			t.Errorf("scopes (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(test.present, test.u.Present("scp", "nonce", "iss")); diff != "" {
			t.Errorf("present (-want +got):\n%s", diff)
		}
	}
}
