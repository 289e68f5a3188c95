package tokenendpoint_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	checks "github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// trusted are the keys of two clients, and one of nobody.
type trusted struct {
	redox, nobody redoxtest.Key
	partner       []redoxtest.Key
}

func newTrusted() trusted {
	key := func(id string) redoxtest.Key {
		k := redoxtest.NewKey(id, "RS384")
		k.ID, k.OmitAlgorithm = "k", true
		return k
	}
	return trusted{key("redox"), key("nobody"), []redoxtest.Key{key("partner")}}
}

// asAssertion is the explanation of a good assertion.
var asAssertion = []string{
	`header: alg "RS384", typ "JWT", kid "k"`,
	`iss: "redox", as configured (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`,
	`typ: "JWT", accepted (fixed)`,
	`alg: "RS384", accepted (fixed by SMART)`,
	`signature: verifies under key "k" (RSA 2048 bits) (EndpointConfig.Clients[].Keys)`,
	`exp: 2026-11-23T12:05:00Z, in 5m0s, accepted (EndpointConfig.Leeway)`,
	`iat: 2026-11-23T12:00:00Z, 0s ago, accepted (EndpointConfig.Leeway)`,
	`aud: "https://api.example.com/token", accepted (EndpointConfig.AssertionAudiences, by default TokenURL)`,
	`sub: "redox", accepted (EndpointConfig.Clients[].ID)`,
	`jti: "1"; the replay store is not asked, so a replay is not seen here (EndpointConfig.Replay)`,
	`life time: 5m0s from now to exp, accepted: at most 5m0s (fixed by SMART) plus 1m0s (EndpointConfig.Leeway)`,
}

// Each explanation as a whole, as in TestExplain.
func TestExplainOfAnAssertion(t *testing.T) {
	k := newTrusted()
	type m = map[string]any
	type assertions = tokenendpoint.Assertions
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	audiences := func(names ...string) func(*assertions) {
		return func(a *assertions) { a.AssertionAudiences = names }
	}
	const last = 253402300799 // the last second of 9999
	const tokenURL, issuer, ours = "https://api.example.com/token", "https://api.example.com", "https://api.example.com/redox"
	const field = "(EndpointConfig.Clients[].ID; Redox dashboard: clientId)"
	const audField = "(EndpointConfig.AssertionAudiences, by default TokenURL)"
	const leeway = "(EndpointConfig.Leeway)"
	const unmade = "the other checks depend on the issuer, so they are not made"
	const everyCheck = "header, iss, typ, alg, signature, exp, iat, aud, sub"
	wrongIssuer := func(said string) string {
		return "iss is " + said + `, want one of ["redox" "partner"] ` + field
	}
	const noneFits = `the signature verifies under none of the keys that fit kid "k": 1 tried, key "k" (RSA 2048 bits) (EndpointConfig.Clients[].Keys)`
	const subConfigured = `- sub is a configured sender, and iss is not: want iss "redox" too`
	const nearAud = `- aud "https://api.example.com/token/" and the configured "https://api.example.com/token" ` + audField + ` differ only in the slash at the end`
	rs256, nobody256 := k.redox, k.nobody
	rs256.Algorithm, nobody256.Algorithm = "RS256", "RS256"
	late := func(a *assertions) { a.Now = func() time.Time { return time.Unix(last-300, 0) } }
	required := func(a *assertions) { a.Required = []string{"jti"} }
	wrongAud := func(aud string) string { return fmt.Sprintf("aud is %q, want %q %s", aud, tokenURL, audField) }
	life := func(text string) string {
		return "life time: " + text + ": at most 5m0s (fixed by SMART) plus 1m0s " + leeway
	}
	for _, test := range []struct {
		name   string
		change func(*assertions)
		key    redoxtest.Key
		claims m
		lost   string // as in TestExplain
		want   []string
	}{
		{"as required", nil, k.redox, nil, "", nil},

		{"the key of nobody", nil, k.nobody, nil, "signature", []string{noneFits}},
		{"the key of another", nil, k.partner[0], nil, "signature", []string{noneFits,
			`- the signature verifies under a key of "partner", whose iss must be "partner": either iss or the key is that of another sender`}},
		{"another alg", nil, rs256, nil, "header, alg", []string{`header: alg "RS256", typ "JWT", kid "k"`, `alg is "RS256", want "RS384" (fixed by SMART)`,
			`- the signature is right, and its algorithm is not accepted: want alg "RS384" (fixed by SMART)`}},
		{"another alg, and the key of nobody", nil, nobody256, nil, "header, alg, signature", []string{`header: alg "RS256", typ "JWT", kid "k"`,
			`alg is "RS256", want "RS384" (fixed by SMART)`, noneFits}},

		{"an unknown issuer", nil, k.nobody, m{"iss": "stranger", "sub": "stranger"}, everyCheck, []string{wrongIssuer(`"stranger"`), unmade}},
		{"no issuer", nil, k.nobody, m{"iss": nil, "sub": nil}, everyCheck, []string{wrongIssuer("absent"), unmade}},
		{"an empty issuer", nil, k.nobody, m{"iss": "", "sub": nil}, everyCheck, []string{wrongIssuer("empty"), unmade}},
		{"a number as issuer", nil, k.nobody, m{"iss": 5, "sub": nil}, everyCheck, []string{wrongIssuer("the number 5"), unmade}},
		{"a long issuer with a line break", nil, k.nobody, m{"iss": "\n" + strings.Repeat("x", 200)}, everyCheck, []string{
			wrongIssuer(`"\n` + strings.Repeat("x", 127) + `..."`), unmade, subConfigured}},
		{"the issuer in capitals", nil, k.nobody, m{"iss": "PARTNER", "sub": "stranger"}, everyCheck, []string{wrongIssuer(`"PARTNER"`), unmade,
			`- iss "PARTNER" and the configured "partner" ` + field + ` differ only in upper and lower case`}},
		{"sub is configured", nil, k.nobody, m{"iss": "stranger"}, everyCheck, []string{wrongIssuer(`"stranger"`), unmade, subConfigured}},
		{"iss is the token URL", nil, k.nobody, m{"iss": tokenURL, "sub": "stranger"}, everyCheck, []string{wrongIssuer(`"` + tokenURL + `"`), unmade,
			"- iss is this token endpoint " + audField + ", where the sender is expected"}},
		{"iss is our Issuer", nil, k.nobody, m{"iss": issuer, "sub": "stranger"}, everyCheck, []string{wrongIssuer(`"` + issuer + `"`), unmade,
			"- iss is EndpointConfig.Issuer, the name of this server, where the sender is expected"}},
		{"an unknown issuer, and the key of a client", nil, k.redox, m{"iss": "stranger", "sub": "stranger"}, "iss, sub", []string{
			wrongIssuer(`"stranger"`), `iss is "stranger", want "redox" ` + field, `sub is "stranger", want "redox" (EndpointConfig.Clients[].ID)`,
			`the next lines say what is made of it as an assertion of "redox", whose key signed it`, `- the signature verifies under a key of "redox": then iss must be "redox"`}},

		{"another aud", nil, k.redox, m{"aud": "https://other.example/a"}, "aud", []string{wrongAud("https://other.example/a")}},
		{"aud with a slash", nil, k.redox, m{"aud": tokenURL + "/"}, "aud", []string{wrongAud(tokenURL + "/"), nearAud}},
		{"aud with a slash, of an unknown issuer", nil, k.nobody, m{"iss": "stranger", "sub": "stranger", "aud": tokenURL + "/"}, everyCheck, []string{
			wrongIssuer(`"stranger"`), unmade, nearAud}},
		{"aud is our Issuer", nil, k.redox, m{"aud": issuer}, "aud", []string{wrongAud(issuer),
			`- aud "https://api.example.com" and the configured "https://api.example.com/token" ` + audField + ` differ only in what follows "https://api.example.com"`,
			"- aud is EndpointConfig.Issuer, where the token URL is expected: if the sender writes the issuer, as RFC 10070 says, list it in EndpointConfig.AssertionAudiences"}},
		{"aud is our Issuer, as configured", audiences(issuer), k.redox, m{"aud": issuer}, "aud", []string{`aud: "` + issuer + `", accepted ` + audField}},
		{"aud is our Audience", nil, k.redox, m{"aud": ours}, "aud", []string{wrongAud(ours), "- aud is EndpointConfig.Audience, the destination, where the token URL is expected"}},
		{"aud is our Audience, as configured", audiences(ours), k.redox, m{"aud": ours}, "aud", []string{`aud: "` + ours + `", accepted ` + audField}},

		{"no jti", nil, k.redox, m{"jti": nil}, "jti", []string{"jti is absent; then the assertion is accepted until 2m0s after its iat (EndpointConfig.Leeway and 1m0s)"}},
		{"no jti, which is required", required, k.redox, m{"jti": nil}, "jti", []string{"jti is absent, want one that is new in each assertion (fixed)", "the claim jti is absent, want a value (fixed)"}},
		{"a number as jti, where one is required", required, k.redox, m{"jti": 5}, "jti", []string{
			"jti is the number 5, want one that is new in each assertion (fixed)", "the claim jti is the number 5, want a string"}},
		{"a jti of 256 bytes", nil, k.redox, m{"jti": strings.Repeat("x", 256)}, "jti", []string{
			`jti: "` + strings.Repeat("x", 128) + `..."; the replay store is not asked, so a replay is not seen here (EndpointConfig.Replay)`}},
		{"a jti of 257 bytes", nil, k.redox, m{"jti": strings.Repeat("x", 257)}, "jti", []string{"jti has 257 bytes, want at most 256 (fixed)"}},

		{"valid for the most", nil, k.redox, m{"exp": at(6 * time.Minute)}, "exp, life time", []string{
			"exp: 2026-11-23T12:06:00Z, in 6m0s, accepted " + leeway, life("6m0s from now to exp, accepted")}},
		{"valid for too long", nil, k.redox, m{"exp": at(6*time.Minute + time.Second)}, "exp, life time", []string{
			"exp: 2026-11-23T12:06:01Z, in 6m1s, accepted " + leeway, life("6m1s from now to exp, too long")}},
		{"valid for the most since iat", nil, k.redox, m{"iat": at(-time.Minute)}, "iat, life time", []string{
			"iat: 2026-11-23T11:59:00Z, 1m0s ago, accepted " + leeway, life("6m0s from iat to exp, accepted")}},
		{"valid for too long since iat", nil, k.redox, m{"iat": at(-time.Minute - time.Second)}, "iat, life time", []string{
			"iat: 2026-11-23T11:58:59Z, 1m1s ago, accepted " + leeway, life("6m1s from iat to exp, too long")}},
		{"iat ahead", nil, k.redox, m{"iat": at(time.Minute)}, "iat, life time", []string{
			"iat: 2026-11-23T12:01:00Z, in 1m0s, accepted " + leeway, life("5m0s from now to exp, accepted")}},
		{"no iat", nil, k.redox, m{"iat": nil}, "iat", nil},
		{"a word as iat", nil, k.redox, m{"iat": "now"}, "iat", []string{`the claim iat is "now", want a number: seconds since 1970`}},
		{"no exp", nil, k.redox, m{"exp": nil}, "exp, life time", []string{"exp is absent, want seconds since 1970"}},
		{"exp is the last second of 9999", late, k.redox, m{"exp": last, "iat": last - 300}, "exp, iat", []string{
			"exp: 9999-12-31T23:59:59Z, in 5m0s, accepted " + leeway, "iat: 9999-12-31T23:54:59Z, 0s ago, accepted " + leeway}},
		{"exp is after 9999", late, k.redox, m{"exp": last + 1, "iat": last - 300}, "exp, iat, life time", []string{
			"exp is 253402300800, want seconds since 1970, up to the year 9999", "iat: 9999-12-31T23:54:59Z, 0s ago, accepted " + leeway}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := assertionsOfBoth(t, k, test.change)
			claims := m{"iss": "redox", "sub": "redox", "aud": tokenURL, "exp": at(5 * time.Minute), "iat": at(0), "jti": "1"}
			for name, value := range test.claims {
				if claims[name] = value; value == nil {
					delete(claims, name)
				}
			}
			assertion, err := test.key.Token(nil, claims)
			if err != nil {
				t.Fatal(err)
			}
			size := fmt.Sprintf("assertion: %d bytes with 2 dots; a JWT has two", len(assertion))
			want := whole(append(slices.Clone(asAssertion), size), test.lost, test.want...)
			if diff := cmp.Diff(want, explainedAssertion(t, a, assertion)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// assertionsOfBoth are those of the clients "redox" and "partner".
func assertionsOfBoth(t *testing.T, k trusted, change func(*tokenendpoint.Assertions)) *tokenendpoint.Assertions {
	t.Helper()
	a := &tokenendpoint.Assertions{
		TokenURL: "https://api.example.com/token", Types: []string{"JWT"}, MaxLifetime: 5 * time.Minute, Replay: store(nil), Now: func() time.Time { return now },
		UnknownReason: "client", IssuerField: "Clients[].ID", Dashboard: "clientId", SubjectField: "Clients[].ID", KeysField: "Clients[].Keys",
		AlgorithmsBy: "fixed by SMART", LifetimeBy: "fixed by SMART", Issuer: "https://api.example.com", Audience: "https://api.example.com/redox",
	}
	if change != nil {
		change(a)
	}
	var p checks.Problems
	a.Check(&p)
	add := func(id string, keys ...redoxtest.Key) {
		set, err := keyset.ParseJWKS(redoxtest.JWKS(keys...))
		if err != nil {
			t.Fatal(err)
		}
		a.Add(&p, "Clients[0]", tokenendpoint.Client{ID: id, Subject: id}, set, []string{"RS384"})
	}
	add("redox", k.redox)
	add("partner", k.partner...)
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return a
}

// explainedAssertion returns the lines of what a makes of an assertion. There are no hints for
// one that is accepted.
func explainedAssertion(t *testing.T, a *tokenendpoint.Assertions, assertion string) []string {
	t.Helper()
	var to diagnosis.Report
	client := a.Explain(t.Context(), &to, "assertion", assertion)
	lines := linesOf(to.Text("decision"))
	proof, err := a.Verify(context.Background(), assertion)
	switch {
	case err == nil && (len(hintsOf(lines)) > 0 || client != proof.Client):
		t.Errorf("client %q, want %q, and hints for an assertion that is accepted:\n%s", client, proof.Client, strings.Join(lines, "\n"))
	case err != nil && !errors.Is(err, redoxauth.ErrRejected):
		t.Error(err)
	case !slices.Contains([]string{"", "redox", "partner"}, client): // what may be granted to it is looked up
		t.Errorf("the assertion is said to be of %q, which is no client", client)
	}
	return lines
}

// What is no JWT gets the hints that apply, and no text shows a part of it.
func TestExplainOfAnAssertionThatIsNoJWT(t *testing.T) {
	k := newTrusted()
	a := assertionsOfBoth(t, k, nil)
	token, err := k.redox.Token(nil, map[string]any{"iss": "redox", "s": "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	header, rest, _ := strings.Cut(token, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	const noJWT = "not a JWT: want three segments with dots between them, the first of them a JSON object in base64url"
	const around = "- assertion is a JWT when the white space and the quotation marks around it are removed"
	const bearer = "- assertion is a JWT after the word Bearer, want the JWT alone"
	const padding = "- assertion is in base64 with padding, or in its standard alphabet, want base64url without padding (RFC 7515, Section 2)"
	for _, test := range []struct {
		name, assertion string
		want            []string // with the line about the form first
	}{
		{"s3cret", "s3cret", []string{"6 bytes with 0 dots", noJWT}},
		{"s3cret in quotation marks", ` "s3cret"`, []string{"9 bytes with 0 dots", noJWT}},
		{"Bearer s3cret", "Bearer s3cret", []string{"13 bytes with 0 dots", noJWT}},
		{"s3cret with padding", "s3cret==", []string{"8 bytes with 0 dots", noJWT}},
		{"a JWE", "s3cret....", []string{"10 bytes with 4 dots", "five segments, as an encrypted token (JWE) has, want the three of a signed JWT"}},
		{"white space", " " + token + "\r\n", []string{fmt.Sprintf("%d bytes with 2 dots", len(token)+3), noJWT, around}},
		{"quotation marks", `"` + token + `"`, []string{fmt.Sprintf("%d bytes with 2 dots", len(token)+2), noJWT, around}},
		{"Bearer", "Bearer " + token, []string{fmt.Sprintf("%d bytes with 2 dots", len(token)+7), noJWT, bearer}},
		{"Bearer and white space", "Bearer " + token + " ", []string{fmt.Sprintf("%d bytes with 2 dots", len(token)+8), noJWT, bearer}},
		{"padding", header + "==." + rest, []string{fmt.Sprintf("%d bytes with 2 dots", len(token)+2), noJWT, padding}},
		{"no signature", header + "." + claims + ".", []string{fmt.Sprintf("%d bytes with 2 dots", len(token)-len(signature)), "signature: missing, or not base64url"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := slices.Clone(test.want)
			want[0] = "assertion: " + want[0] + "; a JWT has two"
			slices.Sort(want)
			if diff := cmp.Diff(want, explainedAssertion(t, a, test.assertion)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A signer is named if its key is one that Verify would take: with OneKey, the only one of its
// kid.
func TestSignerHasOneKeyOfAKid(t *testing.T) {
	k := newTrusted()
	k.partner = append(k.partner, k.nobody)
	for oneKey, want := range map[bool]string{
		true:  "",
		false: `- the signature verifies under a key of "partner": then iss must be "partner"`,
	} {
		a := assertionsOfBoth(t, k, func(a *tokenendpoint.Assertions) { a.OneKey = oneKey })
		token, err := k.nobody.Token(nil, map[string]any{"iss": "stranger"})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(hintsOf(explainedAssertion(t, a, token)), "\n"); got != want {
			t.Errorf("OneKey %v: got %q, want %q", oneKey, got, want)
		}
	}
}
