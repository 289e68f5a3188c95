package google_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/google"
)

// dashboard is the one of the examples.
func dashboard(c *google.Config) {
	c.Dashboard = google.Dashboard{ServiceAccounts: "account", Audience: "target audience", Scopes: "scopes"}
}

// wantParts checks that text says what arrived, what was expected, and which field decides.
func wantParts(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("lacks %q:\n%s", part, text)
		}
	}
}

func TestRefusalsSayWhatToChange(t *testing.T) {
	const other = "other@example-project.iam.gserviceaccount.com"
	const field = "(Config.ServiceAccounts; Redox dashboard: account)"
	ids := func(c *google.Config) { c.ServiceAccounts = []string{"99"} }
	addresses := func(c *google.Config) { c.ServiceAccounts = []string{other} }
	noEmail := map[string]any{"email": nil, "email_verified": nil}
	for _, test := range []struct {
		name   string
		config func(*google.Config)
		access map[string]any // what tokeninfo says; nil: an ID token
		id     map[string]any
		want   []string
	}{
		{"another ID", ids, map[string]any{}, nil, []string{`the unique ID "` + accountID + `"`, `the verified e-mail address "` + account + `"`, `want "99" ` + field}},
		{"another ID, ID token", ids, nil, map[string]any{}, []string{`the unique ID "` + accountID + `"`, `want "99" ` + field}},
		{"an address, none in the token", addresses, noEmail, nil, []string{"no e-mail address", `want "` + other + `" ` + field, "list the unique ID", "userinfo.email"}},
		{"an address, none in the ID token", addresses, nil, noEmail, []string{"no e-mail address", `want "` + other + `" ` + field, "includeEmail"}},
		{"an address that is not verified", func(c *google.Config) { c.ServiceAccounts = []string{account} }, nil, map[string]any{"email_verified": false},
			[]string{`"` + account + `", which is not verified`, field, "email_verified is true"}},
		{"an address that is not verified, access token", func(c *google.Config) { c.ServiceAccounts = []string{account} }, map[string]any{"email_verified": "false"}, nil,
			[]string{`"` + account + `", which is not verified`, field, "email_verified is true"}},
		{"many accounts", func(c *google.Config) { c.ServiceAccounts = strings.Fields(strings.Repeat("99 ", 20)) }, map[string]any{}, nil, []string{`"99"] and 4 more ` + field}},
		{"a person", nil, map[string]any{"email": "jane@example.com"}, nil, []string{`"jane@example.com" is no service account's`, field, "persons"}},
		{"a person, ID token", nil, nil, map[string]any{"email": "jane@example.com"}, []string{`"jane@example.com" is no service account's`, field}},
		{"a person's client", nil, nil, map[string]any{"azp": "1-x.apps.googleusercontent.com"}, []string{`azp is "1-x.apps.googleusercontent.com"`, field}},
		{"a person's client, access token", nil, map[string]any{"azp": "1-x.apps.googleusercontent.com"}, nil, []string{`azp is "1-x.apps.googleusercontent.com" and aud is "` + accountID + `"`, field}},
		{"delegation", nil, map[string]any{"sub": "77"}, nil, []string{`sub is "77" and azp is "` + accountID + `"`, "domain-wide delegation", field}},
		{"nobody", nil, map[string]any{"azp": nil, "aud": nil}, nil, []string{"azp is absent and aud is absent", field}},
		{"scope", func(c *google.Config) { c.Scopes = []string{"a", "b"} }, map[string]any{"scope": "a c"}, nil, []string{`scope is ["a" "c"], want all of ["a" "b"] (Config.Scopes; Redox dashboard: scopes)`}},
		{"no scope", func(c *google.Config) { c.Scopes = []string{"a"} }, map[string]any{"scope": nil}, nil, []string{`scope is absent, want "a" (Config.Scopes; Redox dashboard: scopes)`}},
		{"expired", nil, map[string]any{"exp": start.Add(-3 * time.Hour).Unix()}, nil,
			[]string{"expired 3h0m0s ago by this server's clock", "exp 2026-03-01T09:00:00Z", "now 2026-03-01T12:00:00Z", "leeway 1m0s"}},
		{"no access tokens", func(c *google.Config) { c.AccessTokens = false }, map[string]any{}, nil, []string{"ya29.", "want an ID token", "Config.AccessTokens is false"}},
		{"no ID tokens", func(c *google.Config) { c.Audience = nil }, nil, map[string]any{}, []string{"Config.Audience is empty", "no ID token is accepted"}},
		{"audience", nil, nil, map[string]any{"aud": "https://other.example"}, []string{`aud is "https://other.example", want "` + audience + `" (Config.Audience; Redox dashboard: target audience)`}},
		{"no audience", nil, nil, map[string]any{"aud": nil}, []string{`aud is absent, want "` + audience + `" (Config.Audience`}},
		{"issuer", nil, nil, map[string]any{"iss": "https://issuer.example"}, []string{`iss is "https://issuer.example", want one of ["https://accounts.google.com" "accounts.google.com"] (Google's issuer)`}},
		{"expired ID token", nil, nil, map[string]any{"exp": start.Add(-3 * time.Hour).Unix()}, []string{"expired 3h0m0s ago by this server's clock", "exp 2026-03-01T09:00:00Z", "leeway 1m0s"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t)
			token := "ya29.c.token-0123456789"
			if f.answers[token] = info(test.access); test.access == nil {
				token = idToken(t, nil, test.id)
			}
			v := f.verifier(func(c *google.Config) {
				if dashboard(c); test.config != nil {
					test.config(c)
				}
			})
			_, err := decide(t, v, token)
			if err == nil {
				t.Fatal("accepted")
			}
			wantParts(t, err.Error(), test.want...)
		})
	}
}

// The operator must see which server said what.
func TestErrorsSayWhatTokeninfoSaid(t *testing.T) {
	const host = "https://oauth2.googleapis.com/tokeninfo"
	for _, test := range []struct {
		name   string
		answer reply
		change func(*http.Response)
		want   []string
	}{
		{"unknown token", reply{400, `{"error":"invalid_token"}`}, nil, []string{host + " answered 400 invalid_token", "has expired", "federated tokens", "account"}},
		{"another 400", reply{400, `{"error":"invalid_request"}`}, nil, []string{host + " answered 400 Bad Request with the error invalid_request, want 200", "Config.Endpoints.TokenInfoURL"}},
		{"throttled", reply{429, ""}, nil, []string{host + " answered 429 Too Many Requests (it throttles this server)"}},
		{"server error", reply{503, ""}, nil, []string{host + " answered 503 Service Unavailable"}},
		{"redirect", reply{302, ""}, nil, []string{host + " answered 302 Found (a redirect, which is not followed)"}},
		{"HTML", reply{200, "<!DOCTYPE html>"}, func(r *http.Response) { r.Header.Set("Content-Type", "text/html") },
			[]string{host + ` answered 200 with the Content-Type "text/html" and HTML or XML`, "want a JSON object (Config.Endpoints.TokenInfoURL)"}},
		{"empty", reply{200, ""}, nil, []string{"and an empty body"}},
		{"cut off", reply{200, `{"exp":`}, nil, []string{"want a JSON object (Config.Endpoints.TokenInfoURL): not a JSON object"}},
		{"another type", reply{200, `{"aud":["x"],"exp":"1"}`}, nil, []string{"aud is of another type than a string"}},
		{"expiry", reply{200, `{"exp":"soon"}`}, nil, []string{`exp is "\"soon\"", want a number of seconds`}},
		{"no expiry", reply{200, `{}`}, nil, []string{"exp and expires_in are absent"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t)
			f.fail(func(r *http.Request) (*http.Response, error) {
				resp := respond(r, test.answer.status, test.answer.body)
				if test.change != nil {
					test.change(resp)
				}
				return resp, nil
			})
			v := f.verifier(func(c *google.Config) { dashboard(c); c.Federated = true })
			_, err := decide(t, v, "ya29.c.token-0123456789")
			wantParts(t, err.Error(), test.want...)
		})
	}
	t.Run("not reachable", func(t *testing.T) {
		f := newFake(t)
		f.fail(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") })
		_, err := decide(t, f.verifier(nil), "ya29.c.token-0123456789")
		wantParts(t, err.Error(), "tokeninfo: "+host+": connection refused (Config.Endpoints.TokenInfoURL, Config.Client)")
	})
	t.Run("the keys", func(t *testing.T) {
		f := newFake(t)
		f.fail(func(r *http.Request) (*http.Response, error) { return respond(r, 404, ""), nil })
		_, err := decide(t, f.verifier(nil), idToken(t, nil, nil))
		wantParts(t, err.Error(), "https://www.googleapis.com/oauth2/v3/certs", "404", "(Config.Endpoints.CertsURL")
		if strings.Contains(err.Error(), "RemoteConfig") {
			t.Errorf("the error names a Config that the user does not have: %v", err)
		}
	})
	t.Run("good", func(t *testing.T) {
		f := newFake(t)
		f.answers["ya29.good"] = info(nil)
		if _, err := decide(t, f.verifier(dashboard), "ya29.good"); err != nil {
			t.Error(err)
		}
	})
}

func explain(t *testing.T, v redoxauth.Verifier, r *http.Request, token string) string {
	t.Helper()
	text := redoxauth.Explain(v, r)
	if !strings.HasSuffix(text, "\n") || strings.Contains(text, "panicked") {
		t.Errorf("text %q", text)
	}
	for i := 0; i+12 <= len(token); i++ { // a unit is 12 bytes, so that "ya29." may be named
		if part := token[i : i+12]; strings.Contains(text, part) {
			t.Errorf("the text has %q of the token:\n%s", part, text)
		}
	}
	return text
}

func TestExplain(t *testing.T) {
	const token = "ya29.0123456789abcdefghijklmnopqrstuvwxyz"
	const other = "other@example-project.iam.gserviceaccount.com"
	const client = "1-x.apps.googleusercontent.com"
	const neither, anotherID, notVerified = "kind: neither", "- Config.ServiceAccounts lists a unique ID, and the account", "is listed, but it counts only if email_verified is true"
	noEmail := map[string]any{"email": nil, "email_verified": nil}
	fitting := []string{ // each is in the text only if it is wanted
		neither, anotherID, notVerified, "sends the federated token", "lists an e-mail address", "is the number of the project", "differ only in",
		"set Config.AccessTokens", "holds a workload identity provider", "is an ID token of Google", "unique ID absent", "<nil>",
	}
	for _, test := range []struct {
		name   string
		config func(*google.Config)
		access map[string]any
		id     map[string]any
		want   []string
	}{
		{"accepted", nil, map[string]any{}, nil, []string{"example: accepted: ", "tokeninfo (https://oauth2.googleapis.com/tokeninfo): the answer is 0s old", "azp, aud, sub: ", "account: \"" + accountID + "\", as configured (Config.ServiceAccounts; Redox dashboard: account)", "exp: 2026-03-01T13:00:00Z, not expired",
			`scope: ["` + scope + `" "https://www.googleapis.com/auth/userinfo.email" "openid"], which is enough (Config.Scopes; Redox dashboard: scopes)`}},
		{"accepted, and no ID token is", func(c *google.Config) { c.Audience = nil }, map[string]any{}, nil, []string{"example: accepted: ", "azp, aud, sub: "}},
		{"several faults", func(c *google.Config) { c.ServiceAccounts, c.Scopes = []string{"99"}, []string{"a"} }, map[string]any{}, nil,
			[]string{"\nthe account has the unique ID", "\nscope is [", `want "a" (Config.Scopes`, anotherID}},
		{"an address instead of the ID", func(c *google.Config) { c.ServiceAccounts = []string{account} }, noEmail, nil,
			[]string{"\n- Config.ServiceAccounts lists an e-mail address, and the token names its account by the unique ID \"" + accountID + "\" alone", "- an access token names the address only with the scope https://www.googleapis.com/auth/userinfo.email"}},
		{"another ID", func(c *google.Config) { c.ServiceAccounts = []string{"99"} }, map[string]any{}, nil, []string{anotherID + ` "` + account + `" has another one, "` + accountID + `"`}},
		{"the project number", func(c *google.Config) { c.ServiceAccounts = []string{"445566"} }, map[string]any{"email": "445566-compute@developer.gserviceaccount.com"}, nil, []string{`- the listed "445566" is the number of the project`, anotherID}},
		{"the beginning of the project number", func(c *google.Config) { c.ServiceAccounts = []string{"4455"} }, map[string]any{"email": "445566-compute@developer.gserviceaccount.com"}, nil, []string{anotherID}},
		{"one character of the ID", func(c *google.Config) { c.ServiceAccounts = []string{accountID[:len(accountID)-1] + "9"} }, map[string]any{}, nil, []string{"differ only in character 21", anotherID}},
		{"another ID, no address", func(c *google.Config) { c.ServiceAccounts = []string{"99"} }, noEmail, nil, []string{"\nthe account has the unique ID"}},
		{"another ID and another address", func(c *google.Config) { c.ServiceAccounts = []string{"99", other} }, map[string]any{}, nil, []string{"\nthe account has the unique ID"}},
		{"one character of the address", func(c *google.Config) { c.ServiceAccounts = []string{"redoy" + account[5:]} }, map[string]any{}, nil, []string{`- the account's e-mail address "` + account + `" and the configured`, "differ only in character 5"}},
		{"another address, not verified", func(c *google.Config) { c.ServiceAccounts = []string{other} }, nil, map[string]any{"email_verified": false}, []string{"\nthe account has the unique ID"}},
		{"a person", nil, map[string]any{"email": "jane@example.com", "scope": nil}, nil, []string{"\nthe e-mail address \"jane@example.com\" is no service account's"}},
		{"a person's client", nil, map[string]any{"azp": client, "aud": client}, nil, []string{"\nazp is \"" + client + "\" and aud is"}},
		{"a person's client, ID token", nil, nil, map[string]any{"azp": client}, []string{"\nazp is \"" + client + "\", the OAuth client of a person's token"}},
		{"a scope twice, in two cases", func(c *google.Config) { c.Scopes = []string{"openid"} }, map[string]any{"scope": "openid OpenID"}, nil, []string{"example: accepted: "}},
		{"not verified", func(c *google.Config) { c.ServiceAccounts = []string{account} }, nil, map[string]any{"email_verified": false}, []string{"- the e-mail address \"" + account + "\" " + notVerified + `: list the unique ID "` + accountID + `"`}},
		{"scope in another case", func(c *google.Config) { c.Scopes = []string{"OpenID"} }, map[string]any{}, nil, []string{`- scope "openid" and the configured "OpenID" (Config.Scopes; Redox dashboard: scopes) differ only in upper and lower case`}},
		{"no access tokens", func(c *google.Config) { c.AccessTokens = false }, map[string]any{}, nil, []string{"\nConfig.AccessTokens: false", "set Config.AccessTokens\n"}},
		{"no ID tokens", func(c *google.Config) { c.Audience = nil }, nil, map[string]any{}, []string{"\nConfig.Audience: empty", `- the token is an ID token of Google for the audience "` + audience + `"`}},
		{"no ID tokens, one of another issuer", func(c *google.Config) { c.Audience = nil }, nil, map[string]any{"iss": "https://issuer.example"}, []string{"\nConfig.Audience: empty"}},
		{"workload identity provider", func(c *google.Config) {
			c.Audience = []string{"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"}
		}, nil, map[string]any{}, []string{"- Config.Audience holds a workload identity provider"}},
		{"slash", func(c *google.Config) { c.Audience = []string{audience + "/"} }, nil, map[string]any{}, []string{"differ only in the slash at the end"}},
		{"ID token", nil, nil, map[string]any{}, []string{"example: accepted: ", "header: alg \"RS256\"", "iss: ", "aud: ", "signature: verifies", `account: "` + accountID + `"`}},
		{"ID token with several faults", func(c *google.Config) { c.ServiceAccounts = []string{"99"} }, nil, map[string]any{"aud": "x", "exp": start.Add(-time.Hour).Unix()}, []string{"\nexpired 1h0m0s ago", "\naud is \"x\"", "\nthe account has the unique ID", anotherID}},
		{"no token of Google", nil, nil, nil, []string{neither}},
		{"no token of Google, and federated ones may arrive", func(c *google.Config) { c.Federated = true }, nil, nil, []string{neither, "- without account in the dashboard Redox sends the federated token"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t)
			token := token
			switch f.answers[token] = info(test.access); {
			case test.id != nil:
				token = idToken(t, nil, test.id)
			case test.access == nil:
				token = "opaque-0123456789abcdefghijklmnop"
			}
			v := f.verifier(func(c *google.Config) {
				if dashboard(c); test.config != nil {
					test.config(c)
				}
			})
			_, err := v.Verify(request(token))
			if _, e := v.Verify(request(idToken(t, nil, nil))); e == nil && f.fetches != 1 { // the keys are loaded
				t.Error("the keys are not loaded")
			}
			calls, fetches := f.calls(), f.fetches
			text := explain(t, v, request(token), token)
			wantParts(t, text, test.want...)
			for _, part := range fitting {
				wanted := slices.ContainsFunc(test.want, func(want string) bool { return strings.Contains(want, part) })
				if !wanted && strings.Contains(text, part) {
					t.Errorf("has %q:\n%s", part, text)
				}
			}
			if first, _, _ := strings.Cut(text, "\n"); err != nil && first != err.Error() {
				t.Errorf("first line\n%s\nwant\n%s", first, err)
			}
			if f.calls() != calls || f.fetches != fetches {
				t.Errorf("Explain made %d calls and %d fetches", f.calls()-calls, f.fetches-fetches)
			}
		})
	}
}

// No answer can be known about a token that is never sent.
func TestExplainOfATokenThatIsTooLong(t *testing.T) {
	const known = "no answer about this token is known here"
	v := newFake(t).verifier(nil)
	for size, want := range map[int]string{4096: known, 4097: "the access token has 4097 bytes"} {
		token := "ya29." + strings.Repeat("a", size-5)
		text := explain(t, v, request(token), token)
		wantParts(t, text, want)
		if want != known && strings.Contains(text, known) {
			t.Errorf("of %d bytes:\n%s", size, text)
		}
	}
	v, token := newFake(t).verifier(func(c *google.Config) { c.AccessTokens = false }), "ya29."+strings.Repeat("a", 4092)
	wantParts(t, explain(t, v, request(token), token), "set Config.AccessTokens\n")
}

// Explain asks nobody about a token that it does not know, and uses up none of the calls.
func TestExplainAsksNobody(t *testing.T) {
	f := newFake(t)
	f.answers["ya29.good"] = info(nil)
	v := f.verifier(nil)
	for range 1000 {
		explain(t, v, request("ya29.c.invented-0123456789abc"), "ya29.c.invented-0123456789abc")
	}
	text := explain(t, v, request("ya29.good"), "ya29.good")
	wantParts(t, text, "cannot be decided now (unavailable): tokeninfo (https://oauth2.googleapis.com/tokeninfo): not asked yet about this token, and Explain asks nobody")
	text = explain(t, v, request(idToken(t, nil, nil)), idToken(t, nil, nil))
	wantParts(t, text, "cannot be decided now (keys)", "iss: \"https://accounts.google.com\"", "aud: ")
	if f.calls() != 0 || f.fetches != 0 {
		t.Fatalf("%d calls and %d fetches", f.calls(), f.fetches)
	}
	if _, err := decide(t, v, "ya29.good"); err != nil {
		t.Errorf("after 1000 explanations: %v", err)
	}
}

// An operator explains a refusal later, when the answer of Google is not used any more.
func TestExplainTellsAnOldAnswer(t *testing.T) {
	f := newFake(t)
	v := f.verifier(nil)
	const token = "ya29.c.invented-0123456789abc"
	_, err := decide(t, v, token)
	text := explain(t, v, request(token), token)
	wantParts(t, text, err.Error()+"\n")
	f.pass(time.Minute)
	text = explain(t, v, request(token), token)
	wantParts(t, text, "the answer about this token is not used any more, because it is 1m0s old, and was used for 10s, and Explain asks nobody", "\ntokeninfo: https://oauth2.googleapis.com/tokeninfo answered 400 invalid_token")
	if f.calls() != 1 {
		t.Errorf("%d calls, want 1", f.calls())
	}
}

// The answer about a token that has expired is never used again, and it tells what is wrong.
func TestExplainTellsWhatAnExpiredTokenWas(t *testing.T) {
	f := newFake(t)
	const token = "ya29.c.expired-0123456789abc"
	f.answers[token] = info(map[string]any{"exp": start.Add(-time.Hour).Unix(), "azp": "99", "aud": "99", "email": nil})
	v := f.verifier(nil)
	decide(t, v, token)
	wantParts(t, explain(t, v, request(token), token), "because it says that the token expired at 2026-03-01T11:00:00Z", "\nexpired 1h0m0s ago", "\nthe account has the unique ID \"99\"")
	decide(t, v, token)
	if f.calls() != 2 {
		t.Errorf("%d calls, want 2: the answer was used", f.calls())
	}
}

func TestExplainTellsThatAProxyHidesThePeer(t *testing.T) {
	f := newFake(t)
	v := f.verifier(nil)
	r := request("ya29.c.invented-0123456789abc")
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	wantParts(t, explain(t, v, r, "ya29.c.invented-0123456789abc"), "\npeer: unknown: the request has the header X-Forwarded-For and Config.Peer is nil", "\n- the request came through a proxy (X-Forwarded-For), and Config.Peer is nil")
	v = f.verifier(func(c *google.Config) { c.Peer = func(*http.Request) string { return "203.0.113.9" } })
	text := explain(t, v, r, "ya29.c.invented-0123456789abc")
	wantParts(t, text, "\npeer: \"203.0.113.9\" (Config.Peer)")
	if strings.Contains(text, "came through a proxy") {
		t.Errorf("a hint to set Peer, which is set:\n%s", text)
	}
	v = f.verifier(func(c *google.Config) { c.Peer = func(*http.Request) string { panic("x") } })
	wantParts(t, v.(interface{ Explain(*http.Request) string }).Explain(r), "Config.Peer panicked")
}

// What Observe got is explained later, when the request is over.
func TestExplainOfTheRequestThatObserveGot(t *testing.T) {
	f := newFake(t)
	f.answers["ya29.good"] = info(nil)
	v := f.verifier(func(c *google.Config) { c.ServiceAccounts = []string{"99"} })
	var last *http.Request
	var want error
	h := redoxauth.Middleware(v, &redoxauth.Options{Observe: func(r *http.Request, d redoxauth.Decision) { last, want = r, d.Err }})(nil)
	w := &recorder{header: http.Header{}}
	h.ServeHTTP(w, request("ya29.good"))
	if w.status != 401 || last == nil {
		t.Fatalf("status %d, request %v", w.status, last)
	}
	wantParts(t, explain(t, v, last, "ya29.good"), want.Error()+"\n", `want "99" (Config.ServiceAccounts)`)
}

type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }

func TestExplainOfStrangeRequests(t *testing.T) {
	v := newFake(t).verifier(nil)
	for _, r := range []*http.Request{{}, {Header: http.Header{"Authorization": {"Bearer ya29.c.x"}}}, {Header: http.Header{"Authorization": {"Bearer a.b.c"}}}} {
		explain(t, v, r, "")
	}
}
