package clientcredentials_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

const (
	clientID     = "redox-client:1"
	clientSecret = "s3cr&t/+ %é"
	destination  = "https://customer.example/redox"
)

var tokenSecret = []byte("a secret of more than 32 bytes, for tests")

func endpointConfig() clientcredentials.EndpointConfig {
	return clientcredentials.EndpointConfig{
		Clients: []clientcredentials.Client{
			{ID: "another", Secrets: []string{"another's secret"}, Scopes: []string{"read"}},
			{ID: clientID, Secrets: []string{"the old secret", clientSecret}, Scopes: []string{"system/*.rs", "write"}},
		},
		Issuer: "https://customer.example", Audience: destination,
		TokenSecrets: [][]byte{tokenSecret},
	}
}

func newEndpoint(t testing.TB, cfg clientcredentials.EndpointConfig) *clientcredentials.TokenEndpoint {
	t.Helper()
	e, err := clientcredentials.NewTokenEndpoint(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func tokenRequest(basic string, parameters ...string) *http.Request {
	body := "grant_type=client_credentials"
	for i := 0; i < len(parameters); i += 2 {
		body += "&" + parameters[i] + "=" + url.QueryEscape(parameters[i+1])
	}
	r := httptest.NewRequest("POST", "/token", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic != "" {
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(basic)))
	}
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

type tokenAnswer struct {
	Token string `json:"access_token"`
	Scope string `json:"scope"`
	Error string `json:"error"`
}

func readAnswer(t testing.TB, w *httptest.ResponseRecorder) tokenAnswer {
	t.Helper()
	var a tokenAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	return a
}

func message(token string) *http.Request {
	r := httptest.NewRequest("POST", "/redox", strings.NewReader("{}"))
	r.Header.Set("Authorization", "Bearer "+token)
	return r
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
		{name: "Basic, raw UTF-8", basic: clientID + ":" + secret},
		{name: "Basic, raw Latin-1", basic: latin1},
		{name: "Basic, everything encoded", basic: "redox%2Dclient%3A1:s3cr%26t%2F%2B+%25%C3%A9"},
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
			cfg := endpointConfig()
			var decisions []redoxauth.Decision
			cfg.Observe = func(_ *http.Request, d redoxauth.Decision) { decisions = append(decisions, d) }
			r := tokenRequest(c.basic, c.parameters...)
			if c.header != "" {
				r.Header.Set("Authorization", c.header)
			}
			if c.want == "" {
				c.want = "200 "
			}
			w := serve(newEndpoint(t, cfg), r)
			if got := fmt.Sprint(w.Code, " ", readAnswer(t, w).Error); got != c.want {
				t.Fatalf("got %s, want %s", got, c.want)
			}
			if got := w.Header().Get("WWW-Authenticate"); (got == `Basic realm="redox"`) != (w.Code == 401) {
				t.Errorf("WWW-Authenticate %q", got)
			}
			if len(decisions) != 1 || (decisions[0].Err == nil) != (w.Code == 200) {
				t.Fatalf("decisions %+v", decisions)
			}
			if id := decisions[0].Identity; id != nil && (id.Subject != clientID || id.Strategy != "clientcredentials") {
				t.Errorf("identity %+v", id)
			}
			if err := decisions[0].Err; err != nil && strings.Contains(err.Error(), "secret ") {
				t.Errorf("a secret in the error %q", err)
			}
		})
	}
}

// No peer may learn which clients exist.
func TestUnknownClientLooksLikeWrongSecret(t *testing.T) {
	e := newEndpoint(t, endpointConfig())
	for name, pair := range map[string][2]*http.Request{
		"Basic": {tokenRequest("nobody:wrong"), tokenRequest(clientID + ":wrong")},
		"body": {
			tokenRequest("", "client_id", "nobody", "client_secret", "wrong"),
			tokenRequest("", "client_id", clientID, "client_secret", "wrong"),
		},
	} {
		unknown, wrong := serve(e, pair[0]), serve(e, pair[1])
		if unknown.Code != wrong.Code || unknown.Body.String() != wrong.Body.String() || !cmp.Equal(unknown.Header(), wrong.Header()) {
			t.Errorf("%s: %d %s, but %d %s", name, unknown.Code, unknown.Body, wrong.Code, wrong.Body)
		}
	}
}

func TestRightSecretPassesAfterWrongOnes(t *testing.T) {
	e := newEndpoint(t, endpointConfig())
	for range 20 {
		if w := serve(e, tokenRequest(clientID+":wrong")); w.Code != 401 {
			t.Fatalf("wrong secret: status %d", w.Code)
		}
	}
	limited := 0
	for range 200 {
		if w := serve(e, tokenRequest(clientID+":wrong")); w.Code == http.StatusTooManyRequests {
			limited++
		}
		if w := serve(e, tokenRequest(clientID+":"+clientSecret)); w.Code != 200 {
			t.Fatalf("right secret: status %d: %s", w.Code, w.Body)
		}
	}
	if limited == 0 {
		t.Error("220 wrong secrets are never answered 429")
	}
}

// Guessing with two credentials at once counts too.
func TestWrongPairsAreCounted(t *testing.T) {
	e := newEndpoint(t, endpointConfig())
	for range 101 {
		if w := serve(e, tokenRequest(clientID+":wrong", "client_id", clientID, "client_secret", clientSecret)); w.Code == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("101 wrong pairs are never answered 429")
}

func TestScopesNarrow(t *testing.T) {
	e := newEndpoint(t, endpointConfig())
	for _, c := range []struct{ requested, want string }{
		{"", "system/*.rs write"},
		{"write", "write"},
		{"write system/*.rs", "write system/*.rs"},
		{"write admin", "write"},
		{"write write", "write"},
		{"read", ""},
		{"WRITE", ""},
	} {
		w := serve(e, tokenRequest(clientID+":"+clientSecret, "scope", c.requested))
		a := readAnswer(t, w)
		if a.Scope != c.want || (c.want == "") != (a.Error == "invalid_scope" && w.Code == 400) {
			t.Errorf("%q: got %d %+v, want scope %q", c.requested, w.Code, a, c.want)
		}
	}
}

func TestEndpointVerifier(t *testing.T) {
	cfg := endpointConfig()
	e := newEndpoint(t, cfg)
	issued := readAnswer(t, serve(e, tokenRequest(clientID+":"+clientSecret))).Token
	id, err := e.Verifier("write").Verify(message(issued))
	if err != nil || id.Subject != clientID || id.Strategy != "clientcredentials" {
		t.Fatalf("got %+v, %v", id, err)
	}
	other := endpointConfig()
	other.Audience = "https://customer.example/other"
	removed := endpointConfig()
	removed.Clients = removed.Clients[:1]
	for name, c := range map[string]struct {
		verifier redoxauth.Verifier
		want     error
	}{
		"scope missing":                        {e.Verifier("write", "read"), redoxauth.ErrForbidden},
		"another endpoint of the same secrets": {newEndpoint(t, other).Verifier(), redoxauth.ErrRejected},
		"client removed":                       {newEndpoint(t, removed).Verifier(), redoxauth.ErrRejected},
	} {
		if _, err := c.verifier.Verify(message(issued)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// All the ways that Redox's dashboard may make it send.
func TestSendersGetTokens(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	e := newEndpoint(t, endpointConfig())
	mux.Handle("/token", e)
	mux.Handle("/redox", e.Verifier("write").Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	for name, change := range map[string]func(*redoxtest.ClientCredentials){
		"default":        func(*redoxtest.ClientCredentials) {},
		"noBasic":        func(c *redoxtest.ClientCredentials) { c.NoBasic = true },
		"Basic and body": func(c *redoxtest.ClientCredentials) { c.BasicAndBody = true },
		"raw Basic":      func(c *redoxtest.ClientCredentials) { c.RawBasic = true },
		"JSON":           func(c *redoxtest.ClientCredentials) { c.ContentType = "application/json" },
		"JSON, noBasic":  func(c *redoxtest.ClientCredentials) { c.ContentType, c.NoBasic = "application/json", true },
		"audience":       func(c *redoxtest.ClientCredentials) { c.Audience = destination },
		"resource":       func(c *redoxtest.ClientCredentials) { c.Resource = destination },
		"custom field":   func(c *redoxtest.ClientCredentials) { c.CustomFieldName, c.CustomFieldValue = "tenant", "1" },
	} {
		sender := &redoxtest.ClientCredentials{URL: server.URL + "/token", ClientID: clientID, ClientSecret: clientSecret, Scopes: []string{"write"}}
		change(sender)
		for range 2 {
			response, err := sender.Send(t.Context(), server.URL+"/redox", redoxtest.PatientAdmin())
			if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
			response.Body.Close()
			if response.StatusCode != 200 {
				t.Errorf("%s: status %d", name, response.StatusCode)
			}
		}
	}
	_, err := (&redoxtest.ClientCredentials{URL: server.URL + "/token", ClientID: clientID, ClientSecret: "wrong"}).Send(t.Context(), server.URL+"/redox", nil)
	var refused *redoxtest.TokenError
	if !errors.As(err, &refused) || refused.StatusCode != 401 || refused.Code != "invalid_client" {
		t.Errorf("wrong secret: %v", err)
	}
}

func TestEndpointTokensKeepThePromises(t *testing.T) {
	e := newEndpoint(t, endpointConfig())
	token := func() string { return readAnswer(t, serve(e, tokenRequest(clientID+":"+clientSecret))).Token }
	forgeries, err := redoxtest.Forgeries(token(), redoxtest.Key{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	forged := make(map[string]func() *http.Request)
	for name, value := range forgeries {
		forged[name] = func() *http.Request { return message(value) }
	}
	redoxtest.TestVerifier(t, redoxtest.Suite{
		New:     func() redoxauth.Verifier { return e.Verifier("write") },
		Genuine: func() *http.Request { return message(token()) },
		Forged:  forged,
		Secrets: []string{string(tokenSecret), clientSecret, "the old secret"},
	})
}

func TestEndpointShowsNoSecret(t *testing.T) {
	e := newEndpoint(t, endpointConfig())
	for _, v := range []any{e, *e, e.Verifier()} {
		text := fmt.Sprintf("%+v %#v", v, v)
		for _, secret := range []string{clientSecret, "the old secret", string(tokenSecret), fmt.Sprint(tokenSecret)} {
			if strings.Contains(text, secret) {
				t.Errorf("%T shows a secret: %s", v, text)
			}
		}
	}
}

func TestConcurrentRequests(t *testing.T) {
	e := newEndpoint(t, endpointConfig())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			a := readAnswer(t, serve(e, tokenRequest(clientID+":"+clientSecret)))
			if _, err := e.Verifier().Verify(message(a.Token)); err != nil {
				t.Error(err)
			}
			serve(e, tokenRequest(clientID+":wrong"))
		})
	}
	wg.Wait()
}

func TestNewTokenEndpointRefuses(t *testing.T) {
	client := func(id, secret string) clientcredentials.Client {
		return clientcredentials.Client{ID: id, Secrets: []string{secret}}
	}
	for _, c := range []struct {
		name   string
		change func(*clientcredentials.EndpointConfig)
		want   []string
	}{
		{"everything", func(c *clientcredentials.EndpointConfig) { *c = clientcredentials.EndpointConfig{} }, []string{"Clients", "Issuer", "Audience", "TokenSecrets"}},
		{"short token secret", func(c *clientcredentials.EndpointConfig) { c.TokenSecrets = [][]byte{make([]byte, 31)} }, []string{"TokenSecrets[0]"}},
		{"lifetime too long", func(c *clientcredentials.EndpointConfig) { c.Lifetime = 25 * time.Hour }, []string{"Lifetime"}},
		{"lifetime negative", func(c *clientcredentials.EndpointConfig) { c.Lifetime = -1 }, []string{"Lifetime"}},
		{"no ID", func(c *clientcredentials.EndpointConfig) { c.Clients[0].ID = "" }, []string{"Clients[0].ID"}},
		{"ID pasted with a space", func(c *clientcredentials.EndpointConfig) { c.Clients[1].ID = "redox " }, []string{"Clients[1].ID"}},
		{"ID twice", func(c *clientcredentials.EndpointConfig) { c.Clients[1].ID = c.Clients[0].ID }, []string{"Clients[1].ID"}},
		{"no secrets", func(c *clientcredentials.EndpointConfig) { c.Clients[0].Secrets = nil }, []string{"Clients[0].Secrets"}},
		{"empty secret", func(c *clientcredentials.EndpointConfig) { c.Clients[1].Secrets[1] = "" }, []string{"Clients[1].Secrets[1]"}},
		{"secret pasted with a newline", func(c *clientcredentials.EndpointConfig) { c.Clients[1].Secrets[0] = "secret\n" }, []string{"Clients[1].Secrets[0]"}},
		{"two clients that look alike in Basic", func(c *clientcredentials.EndpointConfig) {
			c.Clients = []clientcredentials.Client{client("a", "b:c"), client("a:b", "c")}
		}, []string{"Clients[1].Secrets[0]"}},
		{"scope with a space", func(c *clientcredentials.EndpointConfig) { c.Clients[0].Scopes = []string{"read write"} }, []string{"Clients[0].Scopes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := endpointConfig()
			c.change(&cfg)
			e, err := clientcredentials.NewTokenEndpoint(cfg)
			if err == nil || e != nil {
				t.Fatalf("got %v, %v", e, err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(c.want) {
				t.Errorf("got %q, want %d lines", lines, len(c.want))
			}
			for _, field := range c.want {
				if !strings.Contains(err.Error(), "clientcredentials: "+field+": ") {
					t.Errorf("got %v, want %s in it", err, field)
				}
			}
			if strings.Contains(err.Error(), "secret\n") || strings.Contains(err.Error(), "b:c") {
				t.Errorf("a secret in %q", err)
			}
		})
	}
}

// What is configured is copied.
func TestConfigMayChangeAfterwards(t *testing.T) {
	cfg := endpointConfig()
	cfg.TokenSecrets = [][]byte{append([]byte(nil), tokenSecret...)}
	e := newEndpoint(t, cfg)
	clear(cfg.TokenSecrets[0])
	cfg.Clients[1].Secrets[1], cfg.Clients[1].Scopes[1] = "changed", "changed"
	a := readAnswer(t, serve(e, tokenRequest(clientID+":"+clientSecret)))
	if a.Scope != "system/*.rs write" {
		t.Errorf("answer %+v", a)
	}
	if _, err := newEndpoint(t, endpointConfig()).Verifier().Verify(message(a.Token)); err != nil {
		t.Errorf("another replica: %v", err)
	}
}
