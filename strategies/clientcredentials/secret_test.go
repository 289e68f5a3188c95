package clientcredentials_test

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/internal/testclock"
)

// A secret may be in the place of the client ID in another form. No form of it is shown.
func TestSecretInThePlaceOfTheIDIsNotShown(t *testing.T) {
	const marks = "???>>>???>>>"
	longest := strings.Repeat("?", 1024)
	for name, id := range map[string]string{
		"quotation marks":  `"` + clientSecret + `"`,
		"base64":           base64.StdEncoding.EncodeToString([]byte(clientSecret)),
		"base64url":        base64.RawURLEncoding.EncodeToString([]byte(clientSecret)),
		"a line in base64": base64.StdEncoding.EncodeToString([]byte(clientSecret + "\n")),
		"hex":              hex.EncodeToString([]byte(clientSecret)),
		"a scheme":         "Bearer " + clientSecret,
		"before a colon":   clientSecret + ":x",
		"behind a colon":   "x:" + clientSecret,

		"base64url with its own letters": base64.RawURLEncoding.EncodeToString([]byte(marks)),

		"the longest, in base64":    base64.StdEncoding.EncodeToString([]byte(longest)),
		"the longest, in hex":       hex.EncodeToString([]byte(longest)),
		"the longest, form-encoded": url.QueryEscape(longest),
	} {
		e := newEndpoint(t, func(c *clientcredentials.EndpointConfig) {
			c.Clients[0].Secrets = []string{clientSecret, marks, longest}
		})
		seen := e.ask(t, tokenRequest("", "client_id", id, "client_secret", "x"), "").decision.Err
		if seen == nil || !strings.Contains(seen.Error(), "in the body: a secret in the place of the client ID") || strings.Contains(seen.Error(), id) {
			t.Errorf("%s: %v", name, seen)
		}
	}
}

// RFC 6749, Section 2.3.1, and what its clients make of it.
func TestClientAuthentication(t *testing.T) {
	const secret = clientSecret
	encoded := url.QueryEscape(clientID) + ":" + url.QueryEscape(secret)
	latin1 := clientID + ":s3cr&t/+ %\xe9"
	const unauthorized, malformed = "401 invalid_client", "400 invalid_request"
	for _, c := range []struct {
		name       string
		basic      string
		header     string // the Authorization header, instead
		parameters []string
		want       string // default 200
	}{
		{name: "Basic, form-encoded", basic: encoded},
		{name: "Basic, raw UTF-8", basic: genuine},
		{name: "Basic, raw Latin-1", basic: latin1},
		{name: "Basic, everything encoded", basic: "redox%2Dclient%3A1:s3cr%26t%2F%2B+%25%C3%A9"},
		{name: "Basic, nothing encoded but spaces", basic: clientID + ":the+old+secret"},
		{name: "Basic, an old secret", basic: clientID + ":the old secret"},
		{name: "Basic, another case of the scheme", header: "bASIC " + base64.StdEncoding.EncodeToString([]byte(encoded))},
		{name: "Basic, two spaces", header: "Basic  " + base64.StdEncoding.EncodeToString([]byte(encoded))},
		{name: "Basic, client_id beside", basic: encoded, parameters: []string{"client_id", clientID}},
		{name: "body", parameters: []string{"client_id", clientID, "client_secret", secret}},
		{name: "Basic and body", basic: encoded, parameters: []string{"client_id", clientID, "client_secret", secret}},
		{name: "Basic and body, an old and a new secret", basic: encoded, parameters: []string{"client_id", clientID, "client_secret", "the old secret"}},
		{name: "body, beside a bearer token", header: "Bearer verification-token", parameters: []string{"client_id", clientID, "client_secret", secret}},

		{name: "nothing", want: unauthorized},
		{name: "client_id alone", parameters: []string{"client_id", clientID}, want: unauthorized},
		{name: "client_secret alone", parameters: []string{"client_secret", secret}, want: unauthorized},
		{name: "Basic, no colon", basic: "redox-client", want: unauthorized},
		{name: "Basic, the colon encoded", basic: url.QueryEscape(clientID + ":" + secret), want: unauthorized},
		{name: "Basic, empty", header: "Basic ", want: unauthorized},
		{name: "Basic, no value", header: "Basic", want: unauthorized},
		{name: "Basic, a colon alone", basic: ":", want: unauthorized},
		{name: "Basic, no ID", basic: ":" + secret, want: unauthorized},
		{name: "Basic, no secret", basic: clientID + ":", want: unauthorized},
		{name: "Basic, wrong secret", basic: clientID + ":wrong", want: unauthorized},
		{name: "Basic, unknown client", basic: "nobody:" + secret, want: unauthorized},
		{name: "Basic, another client's secret", basic: clientID + ":another's secret", want: unauthorized},
		{name: "Basic, prefix of the secret", basic: clientID + ":the old secre", want: unauthorized},
		{name: "Basic, secret and more", basic: clientID + ":the old secret ", want: unauthorized},
		{name: "Basic, secret in another case", basic: clientID + ":The old secret", want: unauthorized},
		{name: "Basic, encoded twice", basic: url.QueryEscape(url.QueryEscape(clientID)) + ":" + url.QueryEscape(url.QueryEscape(secret)), want: unauthorized},
		{name: "Basic, a bad escape", basic: "redox-client%3A1:s3cr%2", want: unauthorized},
		{name: "Basic, not UTF-8", basic: "\xff\xfe:\xc3", want: unauthorized},
		{name: "Basic, NUL", basic: clientID + ":the old secret\x00", want: unauthorized},
		{name: "Basic, not base64", header: "Basic ***", want: unauthorized},
		{name: "Basic, more after it", header: "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":the old secret")) + "***", want: unauthorized},
		{name: "Basic, two values", header: "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":the old secret")) + ", Basic YTpi", want: unauthorized},
		{name: "Basic, not encoded", header: "Basic another:secret", want: unauthorized},
		{name: "Basic, 1 MB", basic: clientID + ":" + strings.Repeat("x", 1<<20), want: unauthorized},
		{name: "body, wrong secret", parameters: []string{"client_id", clientID, "client_secret", "wrong"}, want: unauthorized},
		{name: "body, unknown client", parameters: []string{"client_id", "nobody", "client_secret", secret}, want: unauthorized},
		{name: "body, ID and secret cut elsewhere", parameters: []string{"client_id", "redox-client", "client_secret", "1:" + secret}, want: unauthorized},
		{name: "body, another client's secret", parameters: []string{"client_id", clientID, "client_secret", "another's secret"}, want: unauthorized},
		{name: "body, secret form-encoded twice", parameters: []string{"client_id", clientID, "client_secret", url.QueryEscape(secret)}, want: unauthorized},
		{name: "assertion alone", parameters: []string{"client_assertion", "a.b.c", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, want: unauthorized},

		{name: "Basic, another client_id beside", basic: encoded, parameters: []string{"client_id", "another"}, want: malformed},
		{name: "Basic right, body wrong", basic: encoded, parameters: []string{"client_id", clientID, "client_secret", "wrong"}, want: malformed},
		{name: "Basic wrong, body right", basic: clientID + ":wrong", parameters: []string{"client_id", clientID, "client_secret", secret}, want: malformed},
		{name: "Basic and body both wrong", basic: clientID + ":wrong", parameters: []string{"client_id", clientID, "client_secret", "wrong"}, want: malformed},
		{name: "Basic and body of two clients", basic: encoded, parameters: []string{"client_id", "another", "client_secret", "another's secret"}, want: malformed},
		{name: "Basic and body without ID", basic: encoded, parameters: []string{"client_secret", secret}, want: malformed},
		{name: "Basic and assertion", basic: encoded, parameters: []string{"client_assertion", "a.b.c"}, want: malformed},
		{name: "Basic and type of assertion", basic: encoded, parameters: []string{"client_assertion_type", "x"}, want: malformed},
		{name: "body and assertion", parameters: []string{"client_id", clientID, "client_secret", secret, "client_assertion", "a.b.c"}, want: malformed},
		{name: "Basic and grant assertion", basic: encoded, parameters: []string{"assertion", "a.b.c"}, want: malformed},
		{name: "client_id twice", parameters: []string{"client_id", clientID, "client_secret", secret, "client_id", clientID}, want: malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := tokenRequest(c.basic, c.parameters...)
			if c.header != "" {
				r.Header.Set("Authorization", c.header)
			}
			if id := newEndpoint(t).ask(t, r, cmp.Or(c.want, "200")).decision.Identity; id != nil && (id.Subject != clientID || id.Strategy != "clientcredentials") {
				t.Errorf("identity %+v", id)
			}
		})
	}
}

// A secret that is not form-encoded may look as if it were, in UTF-8 and in Latin-1.
func TestRawSecretThatLooksFormEncoded(t *testing.T) {
	e := newEndpoint(t, clients(clientcredentials.Client{ID: "redox", Secrets: []string{"größe+1"}}))
	for secret, want := range map[string]string{
		"größe+1": "200", "gr%C3%B6%C3%9Fe%2B1": "200", "gr\xf6\xdfe+1": "200",
		"größe 1": "401 invalid_client", "größe%2B1": "200", "größe%2b2": "401 invalid_client",
	} {
		t.Run(secret, func(t *testing.T) { e.ask(t, tokenRequest("redox:"+secret), want) })
	}
}

// The secret ends with a colon. A text that is not form-encoded, or has no colon, is not read as if
// it had one.
func TestNoColonIsAddedToBasic(t *testing.T) {
	e := newEndpoint(t, clients(clientcredentials.Client{ID: "a", Secrets: []string{"b:"}}))
	for basic, want := range map[string]string{
		"a:b:": "200", "a:b%3A": "200",
		"a%3Ab": "401 invalid_client", "a%3Ab:%zz": "401 invalid_client", "a%3Ab:%": "401 invalid_client",
	} {
		t.Run(basic, func(t *testing.T) { e.ask(t, tokenRequest(basic), want) })
	}
}

// After a rotation it must be seen that an old secret is still in use, wherever it is sent.
func TestKeyIDIsThatOfTheOlderSecret(t *testing.T) {
	e := newEndpoint(t, clients(clientcredentials.Client{ID: "redox", Secrets: []string{"new", "old"}}))
	for _, c := range []struct{ basic, body, want string }{
		{"new", "new", "0"}, {"old", "old", "1"}, {"new", "old", "1"}, {"old", "new", "1"}, {"new", "", "0"}, {"old", "", "1"},
	} {
		r := tokenRequest("redox:" + c.basic)
		if c.body != "" {
			r = tokenRequest("redox:"+c.basic, "client_id", "redox", "client_secret", c.body)
		}
		if got := e.ask(t, r, "200").decision.Identity.KeyID; got != c.want {
			t.Errorf("%s in Basic, %q in the body: key ID %q, want %q", c.basic, c.body, got, c.want)
		}
	}
}

// What arrived may be two of the secrets, form-encoded and not. It is the first of them.
func TestKeyIDIsThatOfTheFirstSecretThatMatches(t *testing.T) {
	for _, secrets := range [][]string{{"a b", "a+b"}, {"a+b", "a b"}} {
		e := newEndpoint(t, clients(clientcredentials.Client{ID: "redox", Secrets: secrets}))
		if got := e.ask(t, tokenRequest("redox:a+b"), "200").decision.Identity.KeyID; got != "0" {
			t.Errorf("secrets %q: key ID %q, want 0", secrets, got)
		}
	}
}

// What can be configured can be sent, also where form-encoding makes three bytes of one.
func TestLongestCredentials(t *testing.T) {
	id, secret := strings.Repeat("%", 512), strings.Repeat("%", 1024)
	e := newEndpoint(t, clients(clientcredentials.Client{ID: id, Secrets: []string{secret}}))
	e.ask(t, tokenRequest(url.QueryEscape(id)+":"+url.QueryEscape(secret)), "200")
	e.ask(t, tokenRequest(id+":"+secret), "200")
	e.ask(t, tokenRequest("", "client_id", id, "client_secret", secret), "200")
}

// The operator learns which client failed and why, and no secret: also not where one was
// sent in the place of the ID.
func TestRefusalTellsWhichClient(t *testing.T) {
	long := strings.Repeat("é", 100)
	for _, c := range []struct {
		name       string
		basic      string
		parameters []string
		want       string // the end of the error
	}{
		{"Basic, unknown", "nobody:" + clientSecret, nil, `(client): in Basic: unknown client "nobody", want one of ["another" "redox-client:1"] (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`},
		{"Basic, wrong secret", "another:wrong", nil, `(client): in Basic: wrong secret of client "another", want one of its Secrets (EndpointConfig.Clients[].Secrets; Redox dashboard: clientSecret)`},
		{"Basic, wrong secret, a colon in the ID", clientID + ":wrong", nil, `(client): in Basic: wrong secret of client "redox-client:1", want one of its Secrets (EndpointConfig.Clients[].Secrets; Redox dashboard: clientSecret)`},
		{"Basic, wrong secret, form-encoded", url.QueryEscape(clientID) + ":wrong", nil, `(client): in Basic: wrong secret of client "redox-client:1", want one of its Secrets (EndpointConfig.Clients[].Secrets; Redox dashboard: clientSecret)`},
		{"Basic, the ID of a client and more", "another2:x", nil, `(client): in Basic: unknown client "another2", want one of ["another" "redox-client:1"] (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`},
		{"Basic, no ID", ":x", nil, `(client): in Basic: no client ID, want one of ["another" "redox-client:1"] (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`},
		{"Basic, 8 KiB of base64", "another:" + strings.Repeat("x", 6136), nil, `(client): in Basic: wrong secret of client "another", want one of its Secrets (EndpointConfig.Clients[].Secrets; Redox dashboard: clientSecret)`},
		{"Basic, over 8 KiB of base64", "another:" + strings.Repeat("x", 6137), nil, `(client): in Basic: no base64 of at most 8 KiB, want base64 of ID:secret (Redox dashboard: noBasic)`},
		{"Basic, no colon", url.QueryEscape(clientID + ":" + clientSecret), nil, `(client): in Basic: base64 of a text without a colon, want base64 of ID:secret`},
		{"Basic, swapped", clientSecret + ":" + clientID, nil, `(client): in Basic: a secret in the place of the client ID, want one of ["another" "redox-client:1"] (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`},
		{"Basic, too long", long + ":x", nil, `(client): in Basic: unknown client "` + strings.Repeat(`\u00e9`, 64) + `...", want one of ["another" "redox-client:1"] (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`},
		{"Basic, another client_id", clientID + ":" + clientSecret, []string{"client_id", "x\n"}, `(malformed): client_id names another client: it is "x\n", want "redox-client:1", whose secret is in Basic (Redox dashboard: clientId)`},
		{"body, unknown", "", []string{"client_id", "nobody", "client_secret", "x"}, `(client): in the body: unknown client "nobody", want one of ["another" "redox-client:1"] (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`},
		{"body, wrong secret", "", []string{"client_id", clientID, "client_secret", "x"}, `(client): in the body: wrong secret of client "redox-client:1", want one of its Secrets (EndpointConfig.Clients[].Secrets; Redox dashboard: clientSecret)`},
		{"body, swapped", "", []string{"client_id", clientSecret, "client_secret", clientID}, `(client): in the body: a secret in the place of the client ID, want one of ["another" "redox-client:1"] (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`},
		{"body, a secret behind 4 KiB, where none is looked for or shown", "", []string{"client_id", strings.Repeat(" ", 4<<10) + clientSecret, "client_secret", "x"}, `(client): in the body: unknown client "` + strings.Repeat(" ", 128) + `...", want one of ["another" "redox-client:1"] (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`},
		{"body, no secret", "", []string{"client_id", clientID}, `(missing): no secret of client "redox-client:1", want one of its Secrets (EndpointConfig.Clients[].Secrets; Redox dashboard: clientSecret); there is no Authorization header, the parameter client_secret is absent, the parameters that arrived: ["client_id" "grant_type"] (Redox dashboard: clientSecretName, want "client_secret"), want HTTP Basic or both parameters (Redox dashboard: noBasic)`},
		{"body, a secret alone, as the ID", "", []string{"client_id", clientSecret}, `(missing): a secret in the place of the client ID, want one of ["another" "redox-client:1"] (EndpointConfig.Clients[].ID; Redox dashboard: clientId); there is no Authorization header, the parameter client_secret is absent, the parameters that arrived: ["client_id" "grant_type"] (Redox dashboard: clientSecretName, want "client_secret"), want HTTP Basic or both parameters (Redox dashboard: noBasic)`},
		{"nothing", "", nil, `(missing): no client ID and no secret; there is no Authorization header, the parameter client_id is absent, the parameter client_secret is absent, the parameters that arrived: "grant_type" (Redox dashboard: clientIdName, want "client_id"; clientSecretName, want "client_secret"), want HTTP Basic or both parameters (Redox dashboard: noBasic)`},
		{"both, of two", "another:another's secret", []string{"client_id", clientID, "client_secret", clientSecret},
			`two client authentications that are not both right for one client: in Basic: a right secret of client "another"; in the body: a right secret of client "redox-client:1"`},
		{"both, one wrong", "another:another's secret", []string{"client_id", "another", "client_secret", "x"},
			`two client authentications that are not both right for one client: in Basic: a right secret of client "another"; in the body: wrong secret of client "another", want one of its Secrets (EndpointConfig.Clients[].Secrets; Redox dashboard: clientSecret)`},
	} {
		seen := newEndpoint(t).ask(t, tokenRequest(c.basic, c.parameters...), "").decision.Err
		if seen == nil || !strings.HasSuffix(seen.Error(), c.want) {
			t.Errorf("%s: got %v, want %s at the end", c.name, seen, c.want)
		}
	}
}

// No peer may learn which clients exist.
func TestUnknownClientLooksLikeWrongSecret(t *testing.T) {
	e := newEndpoint(t)
	for name, pair := range map[string][2]*http.Request{
		"Basic": {tokenRequest("nobody:wrong"), tokenRequest(clientID + ":wrong")},
		"body": {
			tokenRequest("", "client_id", "nobody", "client_secret", "wrong"),
			tokenRequest("", "client_id", clientID, "client_secret", "wrong"),
		},
	} {
		unknown, wrong := serve(e, pair[0]), serve(e, pair[1])
		if unknown.Code != wrong.Code || unknown.Body.String() != wrong.Body.String() || !gocmp.Equal(unknown.Header(), wrong.Header()) {
			t.Errorf("%s: %d %s, but %d %s", name, unknown.Code, unknown.Body, wrong.Code, wrong.Body)
		}
	}
}

// The client that is guessed at counts, whatever else the request has.
func TestTooManyWrongSecretsInBasic(t *testing.T) {
	for name, guess := range map[string]func(n int) *http.Request{
		"another client_id beside": func(n int) *http.Request { return tokenRequest(clientID+":wrong", "client_id", fmt.Sprint("x", n)) },
		"without a colon":          func(n int) *http.Request { return tokenRequest(fmt.Sprint("guess", n)) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t)
			for n := range 101 {
				e.ask(t, guess(n), map[bool]string{true: "401 invalid_client", false: "429 invalid_client"}[n < 100])
			}
		})
	}
}

// The limit is for the guesses at one client, wherever the secret is or should be.
func TestWrongSecretsAreCountedByClient(t *testing.T) {
	for name, guess := range map[string]func(client string) *http.Request{
		"Basic": func(client string) *http.Request { return tokenRequest(client + ":wrong") },
		"body": func(client string) *http.Request {
			return tokenRequest("", "client_id", client, "client_secret", "wrong")
		},
		"Basic and body": func(client string) *http.Request {
			return tokenRequest(client+":wrong", "client_id", client, "client_secret", "wrong")
		},
		"no secret": func(client string) *http.Request { return tokenRequest("", "client_id", client) },
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			e := newEndpoint(t, func(c *clientcredentials.EndpointConfig) { c.Now = func() time.Time { return now } })
			for range 100 {
				e.ask(t, guess(clientID), "")
			}
			if d := e.ask(t, guess(clientID), "").decision; d.Status != 429 {
				t.Errorf("guess 101: status %d, want 429", d.Status)
			}
			limited := 0
			for _, other := range []string{"another", "nobody", "x", "y"} {
				if e.ask(t, guess(other), "").decision.Status == 429 {
					limited++ // its place in the table may be that of clientID
				}
			}
			if limited == 4 {
				t.Error("the guesses at one client count for all clients")
			}
		})
	}
}

// Guessing is answered 429, with two credentials at once too. A right secret still passes.
func TestTooManyWrongSecrets(t *testing.T) {
	for name, c := range map[string]struct {
		parameters    []string
		want, limited string
	}{
		"Basic":          {nil, "401 invalid_client", "429 invalid_client"},
		"Basic and body": {[]string{"client_id", clientID, "client_secret", clientSecret}, "400 invalid_request", "429 invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t)
			for n := range 120 {
				want := c.want
				if n >= 100 {
					want = c.limited
				}
				e.ask(t, tokenRequest(clientID+":wrong", c.parameters...), want)
				e.ask(t, tokenRequest(genuine), "200")
			}
		})
	}
}

// The limit ends after a minute, also if the wall clock was set back, and after a machine was
// suspended. Whatever the clock does, a right secret passes.
func TestTooManyWrongSecretsAndAClockThatJumps(t *testing.T) {
	for name, jump := range map[string]func(*testclock.Clock){
		"suspended for 48 h": func(c *testclock.Clock) { c.Suspend(48 * time.Hour) },
		"set back by 48 h":   func(c *testclock.Clock) { c.SetBack(48 * time.Hour); time.Sleep(time.Minute) },
	} {
		for _, wallOnly := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", wall clock alone ", wallOnly), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := testclock.New(wallOnly)
					e := newEndpoint(t, func(cfg *clientcredentials.EndpointConfig) { cfg.Now = c.Now })
					guess := func(want string) {
						t.Helper()
						e.ask(t, tokenRequest(clientID+":wrong"), want)
						e.ask(t, tokenRequest(genuine), "200")
					}
					for range 2 {
						for range 100 {
							guess("401 invalid_client")
						}
						guess("429 invalid_client")
						jump(c)
					}
				})
			})
		}
	}
}

// Whatever a Basic credential is, it passes only if one of three readings is right.
func FuzzBasic(f *testing.F) {
	for _, seed := range []string{
		clientID + ":" + clientSecret, url.QueryEscape(clientID) + ":" + url.QueryEscape(clientSecret), clientID + ":s3cr&t/+ %\xe9",
		"", ":", "a", "a:", ":b", "a:b:c", "%", "%3A:%", "redox-client%3A1:the+old+secret", "another:another's secret\x00",
	} {
		f.Add(seed)
	}
	e := newEndpoint(f)
	right := map[string]bool{
		clientID + ":" + clientSecret: true,
		clientID + ":the old secret":  true,
		"another:another's secret":    true,
	}
	f.Fuzz(func(t *testing.T, credential string) {
		var latin1 strings.Builder
		for _, b := range []byte(credential) {
			latin1.WriteRune(rune(b))
		}
		want := right[credential] || right[latin1.String()]
		if id, secret, ok := strings.Cut(credential, ":"); ok {
			id, err1 := url.QueryUnescape(id)
			secret, err2 := url.QueryUnescape(secret)
			want = want || err1 == nil && err2 == nil && right[id+":"+secret]
		}
		r := tokenRequest("")
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(credential)))
		w := serve(e, r)
		switch w.Code {
		case http.StatusOK:
			if !want {
				t.Errorf("accepted %q", credential)
			}
		case http.StatusUnauthorized, http.StatusTooManyRequests:
			if want {
				t.Errorf("refused %q", credential)
			}
		default:
			t.Errorf("status %d for %q", w.Code, credential)
		}
	})
}
