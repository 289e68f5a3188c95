package smartbackend_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

// What is wrong with an assertion, after the lists of smart-on-fhir/smart-launcher-v2,
// smart-on-fhir/bulk-data-server and the OpenID conformance suite, with the code that
// SMART Backend Services (invalid_client) and RFC 6749, Section 5.2, ask for.
func TestRefusedAssertions(t *testing.T) {
	with := func(id, algorithm string) func(*redoxtest.SMARTBackend) {
		return func(s *redoxtest.SMARTBackend) { s.Key = redoxtest.NewKey(id, algorithm) }
	}
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, c := range []struct {
		name   string
		sender senders
		reason redoxauth.Reason
	}{
		{"RS256, not listed", with("rs", "RS256"), "algorithm"},
		{"PS384, not listed", with("rs", "PS384"), "algorithm"},
		{"ES256, not listed", with("es", "ES256"), "algorithm"},
		{"EdDSA, not listed", with("es", "EdDSA"), "algorithm"},
		{"HS384 with a secret", with("es", "HS384"), "algorithm"},
		{"HS384 with the public key", func(s *redoxtest.SMARTBackend) {
			s.Key = redoxtest.Key{ID: "es", Algorithm: "HS384", Secret: es384.PEM()}
		}, "algorithm"},
		{"alg RS384 for the EC key", func(s *redoxtest.SMARTBackend) { s.Key = rs384; s.Header = map[string]any{"kid": "es"} }, "algorithm"},
		{"another key under the kid", func(s *redoxtest.SMARTBackend) { s.Key = other384; s.Header = map[string]any{"kid": "es"} }, "signature"},
		{"another client's key", func(s *redoxtest.SMARTBackend) { s.Key = other384 }, "unknown_key"},
		{"kid unknown", header("kid", "unknown"), "unknown_key"},
		{"kid empty", header("kid", ""), "unknown_key"},
		{"kid a path", header("kid", "../../dev/null"), "unknown_key"},
		{"kid a number", header("kid", 1), "client"},
		{"typ of an access token", header("typ", "at+jwt"), "type"},
		{"typ of a logout token", header("typ", "logout+jwt"), "type"},
		{"typ of a security event", header("typ", "secevent+jwt"), "type"},
		{"typ empty", header("typ", ""), "type"},
		{"crit", func(s *redoxtest.SMARTBackend) { s.Header = map[string]any{"crit": []string{"x"}, "x": 1} }, "malformed"},
		{"crit empty", header("crit", []string{}), "malformed"},
		{"b64", header("b64", false), "malformed"},
		{"iss unknown", claim("iss", "nobody"), "client"},
		{"iss missing", claim("iss", nil), "client"},
		{"iss an array", claim("iss", []string{"redox"}), "client"},
		{"iss another client", claim("iss", "other"), "unknown_key"},
		{"sub another client", claim("sub", "other"), "subject"},
		{"sub missing", claim("sub", nil), "subject"},
		{"aud missing", claim("aud", nil), "audience"},
		{"aud another server's", claim("aud", "https://elsewhere.example/token"), "audience"},
		{"aud the issuer", claim("aud", "https://api.example.com"), "audience"},
		{"aud with a slash more", claim("aud", tokenURL+"/"), "audience"},
		{"aud over http", claim("aud", strings.Replace(tokenURL, "https", "http", 1)), "audience"},
		{"aud ours and another", claim("aud", []string{tokenURL, "https://elsewhere.example/token"}), "audience"}, // CVE-2025-27370
		{"aud ours twice", claim("aud", []string{tokenURL, tokenURL}), "audience"},
		{"aud an empty array", claim("aud", []string{}), "audience"},
		{"aud an empty string", claim("aud", ""), "audience"},
		{"aud a number", claim("aud", 1), "malformed"},
		{"aud an object", claim("aud", map[string]any{tokenURL: true}), "malformed"},
		{"exp missing", claim("exp", nil), "lifetime"},
		{"exp past", claim("exp", at(-time.Hour), "iat", at(-time.Hour-time.Minute)), "expired"},
		{"exp past by the leeway", claim("exp", at(-time.Minute), "iat", at(-2*time.Minute)), "expired"},
		{"exp in 10 minutes", claim("exp", at(10*time.Minute)), "lifetime"},
		{"exp in 10 minutes, without iat", claim("exp", at(10*time.Minute), "iat", nil), "lifetime"},
		{"exp beyond the leeway", claim("exp", at(6*time.Minute+time.Second), "iat", nil), "lifetime"},
		{"an hour from iat to exp, nearly over", claim("exp", at(4*time.Minute), "iat", at(-56*time.Minute)), "lifetime"},
		{"exp a string", claim("exp", "4102444800"), "malformed"},
		{"exp in milliseconds", claim("exp", now.Add(5*time.Minute).UnixMilli()), "lifetime"},
		{"nbf in the future", claim("nbf", at(2*time.Minute)), "not_yet_valid"},
		{"iat in the future", claim("iat", at(2*time.Minute)), "not_yet_valid"},
		{"jti missing", claim("jti", nil), "malformed"},
		{"jti empty", claim("jti", ""), "malformed"},
		{"jti a number", claim("jti", 1), "malformed"},
		{"jti of 257 bytes", claim("jti", strings.Repeat("x", 257)), "malformed"},
		{"bound to a key", claim("cnf", map[string]any{"jkt": "x"}), "binding"},
		{"17 KiB", claim("x", strings.Repeat("x", 17<<10)), "client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := newEndpoint(t).ask(t, signed(t, c.sender), "401 invalid_client").decision.Err
			verifiertest.CheckError(t, seen, redoxauth.ErrRejected, c.reason)
		})
	}
}

// Other ways to write an assertion.
func TestRefusedForms(t *testing.T) {
	genuine := assertion(t, sender())
	parts := strings.Split(genuine, ".")
	head, claims, signature := parts[0], parts[1], parts[2]
	encode := base64.RawURLEncoding.EncodeToString
	decode := func(s string) string {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, form := range map[string]string{
		"no JWT":                    "x",
		"two segments":              head + "." + claims,
		"four segments":             genuine + ".x",
		"five segments, as JWE":     genuine + ".x.x",
		"two JWTs":                  genuine + genuine,
		"JSON serialisation":        `{"payload":"` + claims + `","protected":"` + head + `","signature":"` + signature + `"}`,
		"signature cut":             genuine[:len(genuine)-4],
		"signature longer":          genuine + "AAAA",
		"padding":                   genuine + "=",
		"space before":              " " + genuine,
		"newline after":             genuine + "\n",
		"newline within":            head + "\n." + claims + "." + signature,
		"standard base64":           head + "." + claims + "." + base64.StdEncoding.EncodeToString([]byte(decode(signature))) + "+/",
		"claims changed":            head + "." + encode([]byte(strings.Replace(decode(claims), `"redox"`, `"redox" `, 1))) + "." + signature,
		"alg noNE, signed":          encode([]byte(`{"alg":"noNE","typ":"JWT"}`)) + "." + claims + "." + signature,
		"a claim twice":             head + "." + encode([]byte(strings.TrimSuffix(decode(claims), "}")+`,"iss":"redox"}`)) + "." + signature,
		"a header parameter twice":  encode([]byte(strings.TrimSuffix(decode(head), "}")+`,"alg":"ES384"}`)) + "." + claims + "." + signature,
		"claims in another case":    head + "." + encode([]byte(strings.Replace(decode(claims), `"iss"`, `"ISS"`, 1))) + "." + signature,
		"65 KiB of dots and no JWT": strings.Repeat(".", 60<<10),
	} {
		t.Run(name, func(t *testing.T) {
			newEndpoint(t).ask(t, tokenRequest(parameters(form)), "401 invalid_client")
		})
	}
	forgeries, err := redoxtest.ForgeJWT(genuine, es384, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, forgery := range forgeries {
		t.Run("forgery: "+name, func(t *testing.T) {
			newEndpoint(t).ask(t, tokenRequest(parameters(forgery)), "401 invalid_client")
		})
	}
}

func TestRefusedRequests(t *testing.T) {
	const unauthorized, malformed = "401 invalid_client", "400 invalid_request"
	without := func(name string) func(url.Values) { return func(p url.Values) { p.Del(name) } }
	with := func(name, value string) func(url.Values) { return func(p url.Values) { p.Set(name, value) } }
	for _, c := range []struct {
		name    string
		change  func(url.Values)
		request func(*http.Request)
		want    string
	}{
		{name: "no assertion", change: func(p url.Values) { p.Del("client_assertion"); p.Del("client_assertion_type") }, want: unauthorized},
		{name: "client_id alone", change: func(p url.Values) {
			p.Del("client_assertion")
			p.Del("client_assertion_type")
			p.Set("client_id", "redox")
		}, want: unauthorized},
		{name: "client_assertion missing", change: without("client_assertion"), want: malformed},
		{name: "client_assertion_type missing", change: without("client_assertion_type"), want: malformed},
		{name: "client_assertion_type unknown", change: with("client_assertion_type", "not_an_assertion_type"), want: malformed},
		{name: "client_assertion_type of SAML", change: with("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), want: malformed},
		{name: "client_assertion_type in capitals", change: with("client_assertion_type", strings.ToUpper(assertionType)), want: malformed},
		{name: "client_assertion_type with a space", change: with("client_assertion_type", assertionType+" "), want: malformed},
		{name: "client_assertion_type unknown, and no JWT", change: func(p url.Values) {
			p.Set("client_assertion_type", "not_an_assertion_type")
			p.Set("client_assertion", "not_a_jwt")
		}, want: malformed},
		{name: "client_assertion no JWT", change: with("client_assertion", "not_a_jwt"), want: unauthorized},
		{name: "client_assertion twice", change: func(p url.Values) { p.Add("client_assertion", p.Get("client_assertion")) }, want: malformed},
		{name: "client_assertion_type twice", change: func(p url.Values) { p.Add("client_assertion_type", assertionType) }, want: malformed},
		{name: "client_id of another client", change: with("client_id", "other"), want: unauthorized},
		{name: "client_id of another client, and no scope", change: func(p url.Values) { p.Set("client_id", "other"); p.Del("scope") }, want: unauthorized},
		{name: "client_secret beside", change: with("client_secret", "s"), want: malformed},
		{name: "Basic beside", change: func(url.Values) {}, request: func(r *http.Request) { r.SetBasicAuth("redox", "s") }, want: malformed},
		{name: "client_secret alone", change: func(p url.Values) {
			p.Del("client_assertion")
			p.Del("client_assertion_type")
			p.Set("client_secret", "s")
		}, want: unauthorized},
		{name: "Basic alone", change: func(p url.Values) { p.Del("client_assertion"); p.Del("client_assertion_type") },
			request: func(r *http.Request) { r.SetBasicAuth("redox", "s") }, want: unauthorized},
		{name: "scope missing", change: without("scope"), want: "400 invalid_scope"},
		{name: "scope not allowed", change: with("scope", "system/Patient.d"), want: "400 invalid_scope"},
		{name: "scope of a user", change: with("scope", "user/Patient.rs"), want: "400 invalid_scope"},
		{name: "scope misspelt", change: with("scope", "system/Patient.sr"), want: "400 invalid_scope"},
		{name: "grant_type missing", change: without("grant_type"), want: malformed},
		{name: "grant_type unknown", change: with("grant_type", "not_a_grant_type"), want: "400 unsupported_grant_type"},
		{name: "grant_type of RFC 7523", change: with("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), want: "400 unsupported_grant_type"},
		{name: "another resource", change: with("resource", "https://elsewhere.example"), want: "400 invalid_target"},
		{name: "another audience", change: with("audience", "https://elsewhere.example"), want: "400 invalid_target"},
		{name: "assertion in the query", change: func(url.Values) {}, request: func(r *http.Request) { r.URL.RawQuery = "client_assertion=x" }, want: malformed},
		{name: "GET", change: func(url.Values) {}, request: func(r *http.Request) { r.Method = "GET" }, want: "405 invalid_request"},
		{name: "JSON", change: func(url.Values) {}, request: func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, want: "415 invalid_request"},
		{name: "too large", change: with("x", strings.Repeat("x", 64<<10)), want: "413 invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := parameters(assertion(t, sender()))
			c.change(p)
			r := tokenRequest(p)
			if c.request != nil {
				c.request(r)
			}
			challenge := ""
			switch {
			case c.name == "Basic alone":
				challenge = `Basic realm="redox"` // RFC 6749, Section 5.2: the scheme that was tried
			case c.want == unauthorized:
				challenge = `Redox realm="redox"`
			}
			if got := newEndpoint(t).ask(t, r, c.want).header.Get("WWW-Authenticate"); got != challenge {
				t.Errorf("WWW-Authenticate %q, want %q", got, challenge)
			}
		})
	}
}

// The operator learns which client failed, and why.
func TestRefusalTellsWhichClient(t *testing.T) {
	set := func(pairs ...string) func(url.Values) {
		return func(p url.Values) {
			for i := 0; i < len(pairs); i += 2 {
				p.Set(pairs[i], pairs[i+1])
			}
		}
	}
	for _, c := range []struct {
		name   string
		sender senders
		change func(url.Values)
		want   string
	}{
		{"unknown", claim("iss", "nobody\n"), nil, `(client): iss of the assertion is "nobody\n", want one of ["redox" "other"] (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`},
		{"a long name", claim("iss", strings.Repeat("x", 129)), nil, `(client): iss of the assertion is "` + strings.Repeat("x", 128) + `...", want one of ["redox" "other"] (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`},
		{"no JWT", nil, set("client_assertion", "x"), `(client): the assertion, of 1 bytes, cannot be read: want a signed JWT: not a JWT`},
		{"of another client_id", nil, set("client_id", "other"), `(client): client_id is "other", want "redox" or none, as iss of the assertion is (Redox dashboard: clientId)`},
		{"expired", claim("exp", now.Add(-time.Hour).Unix(), "iat", nil), nil, `(expired): assertion of "redox": expired 1h0m0s ago`},
		{"no jti", claim("jti", nil), nil, `(malformed): assertion of "redox": the claim jti is `},
		{"no scope", nil, set("scope", "x"), `(scope): client "redox": scope is "x", want some of ["system/*.rs" "system/Patient.c"] (EndpointConfig.Clients[].Scopes; Redox dashboard: scopes); "x" is no SMART scope: it begins with none of system/, patient/, user/`},
		{"scope absent", nil, set("scope", "", "client_id", "redox"), `(scope): client "redox": the parameter scope is empty`},
		{"a secret", nil, set("client_assertion", "", "client_assertion_type", "", "client_id", "redox", "client_secret", "s"), `(client): client_id is "redox": the parameter client_secret arrived, and secrets are not accepted: want a client_assertion, signed with the client's key`},
		{"a secret beside an assertion", nil, set("client_secret", "s"), `(malformed): a secret beside an assertion: the parameter client_secret arrived, want client_assertion and client_assertion_type alone (Redox dashboard: noBasic, clientSecret)`},
		{"a kind without an assertion", nil, set("client_assertion", ""), `(malformed): client_assertion is missing: the parameter client_assertion is empty`},
		{"another kind of assertion", nil, set("client_assertion_type", "x"), `(malformed): this client_assertion_type is not supported: it is "x", want "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" (fixed by SMART App Launch)`},
		{"no kind", nil, set("client_assertion_type", "", "client_id", "redox"), `(malformed): client_assertion_type is missing: the parameter client_assertion_type is empty`},
		{"no assertion", nil, set("client_assertion", "", "client_assertion_type", "", "client_id", "redox"), `(missing): client_id is "redox": no assertion: the parameter client_assertion is empty, the parameters that arrived: ["client_assertion" "client_assertion_type" "client_id" "grant_type" "scope"], want a signed JWT`},
	} {
		p := parameters(assertion(t, sender(c.sender)))
		if c.change != nil {
			c.change(p)
		}
		e := newEndpoint(t)
		serve(e, tokenRequest(p))
		if seen := (*e.decisions)[0].Err; seen == nil || !strings.Contains(seen.Error(), c.want) {
			t.Errorf("%s: got %v, want %s in it", c.name, seen, c.want)
		}
	}
}

// The limit is for the guesses at one client, however they are made.
func TestWrongCredentialsAreCountedByClient(t *testing.T) {
	e := newEndpoint(t)
	secret := func(client string) *http.Request {
		return tokenRequest(url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {"s"}})
	}
	mismatch := func() *http.Request {
		p := parameters(assertion(t, sender()))
		p.Set("client_id", "other")
		return tokenRequest(p)
	}
	for range 50 {
		e.ask(t, mismatch(), "401 invalid_client")
		e.ask(t, secret("redox"), "401 invalid_client")
	}
	limited := func(r *http.Request) bool { return serve(e, r).Code == http.StatusTooManyRequests }
	if !limited(mismatch()) || !limited(secret("redox")) {
		t.Error("more than 100 guesses at one client are not limited")
	}
	if limited(secret("other")) && limited(secret("nobody")) && limited(secret("x")) { // one may have the place of redox in the table
		t.Error("the guesses at one client count for all clients")
	}
	e.ask(t, signed(t), "200")
}
