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
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"
	oauth2cc "golang.org/x/oauth2/clientcredentials"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

const (
	clientID     = "redox-client:1"
	clientSecret = "s3cr&t/+ %é"
	destination  = "https://customer.example/redox"
)

var tokenSecret = []byte("a secret of more than 32 bytes, for tests")

type change = func(*clientcredentials.EndpointConfig)

func endpointConfig(changes ...change) clientcredentials.EndpointConfig {
	cfg := clientcredentials.EndpointConfig{
		Clients: []clientcredentials.Client{
			{ID: "another", Secrets: []string{"another's secret"}, Scopes: []string{"read"}},
			{ID: clientID, Secrets: []string{"the old secret", clientSecret}, Scopes: []string{"system/*.rs", "write"}},
		},
		Issuer: "https://customer.example", Audience: destination,
		TokenSecrets: [][]byte{tokenSecret},
	}
	for _, change := range changes {
		change(&cfg)
	}
	return cfg
}

// clients replaces the clients.
func clients(all ...clientcredentials.Client) change {
	return func(c *clientcredentials.EndpointConfig) { c.Clients = all }
}

// An endpoint keeps the decisions about the last request.
type endpoint struct {
	*clientcredentials.TokenEndpoint
	decisions *[]redoxauth.Decision
}

func newEndpoint(t testing.TB, changes ...change) endpoint {
	t.Helper()
	var mu sync.Mutex
	var last []redoxauth.Decision
	e, err := clientcredentials.NewTokenEndpoint(endpointConfig(append(changes, func(c *clientcredentials.EndpointConfig) {
		c.Observe = func(_ *http.Request, d redoxauth.Decision) {
			mu.Lock()
			defer mu.Unlock()
			last = append(last, d)
		}
	})...))
	if err != nil {
		t.Fatal(err)
	}
	return endpoint{e, &last}
}

func (e endpoint) verifier(t testing.TB, scopes ...string) *clientcredentials.Verifier {
	t.Helper()
	v, err := e.Verifier(scopes...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// genuine is a value of Basic.
const genuine = clientID + ":" + clientSecret

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

// A reply is the answer to a token request, and what Observe saw.
type reply struct {
	Token    string             `json:"access_token"`
	Scope    string             `json:"scope"`
	Error    string             `json:"error"`
	decision redoxauth.Decision `json:"-"`
}

// ask wants a status, and an error if it is no 200. It checks the headers, and that Observe
// sees the status once, without a secret.
func (e endpoint) ask(t testing.TB, r *http.Request, want string) reply {
	t.Helper()
	*e.decisions = nil
	w := serve(e, r)
	var a reply
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	if got := strings.TrimSpace(fmt.Sprint(w.Code, " ", a.Error)); got != want && want != "" {
		t.Errorf("got %s: %s, want %s", got, w.Body, want)
	}
	d := (*e.decisions)[0]
	if len(*e.decisions) != 1 || d.Event != "token_request" || d.Status != w.Code || (d.Identity != nil) != (w.Code == 200) || (d.Err != nil) != (w.Code != 200) {
		t.Errorf("status %d, decisions %+v", w.Code, *e.decisions)
	}
	if w.Code == 400 && a.Error == "invalid_request" && !errors.Is(d.Err, redoxauth.ErrMalformed) {
		t.Errorf("the error is %v, want an ErrMalformed", d.Err)
	}
	if got := w.Header().Get("WWW-Authenticate"); (got == `Basic realm="redox"`) != (w.Code == 401) {
		t.Errorf("status %d, WWW-Authenticate %q", w.Code, got)
	}
	for _, secret := range []string{clientSecret, "the old secret", "another's secret"} {
		if d.Err != nil && strings.Contains(d.Err.Error(), secret) {
			t.Errorf("a secret in the error %q", d.Err)
		}
	}
	a.decision = d
	return a
}

func message(token string) *http.Request {
	r := httptest.NewRequest("POST", "/redox", strings.NewReader("{}"))
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func TestScopesNarrow(t *testing.T) {
	e := newEndpoint(t)
	for _, c := range []struct{ requested, want string }{
		{"", "system/*.rs write"},
		{"write", "write"},
		{"write system/*.rs", "write system/*.rs"},
		{"write admin", "write"},
		{"write write", "write"},
		{"read", ""},
		{"WRITE", ""},
	} {
		want := "200"
		if c.want == "" {
			want = "400 invalid_scope"
		}
		if a := e.ask(t, tokenRequest(genuine, "scope", c.requested), want); a.Scope != c.want {
			t.Errorf("%q: got %q, want %q", c.requested, a.Scope, c.want)
		}
	}
}

func TestEndpointVerifier(t *testing.T) {
	e := newEndpoint(t)
	issued := e.ask(t, tokenRequest(genuine), "200").Token
	id, err := e.verifier(t, "write").Verify(message(issued))
	if err != nil || id.Subject != clientID || id.Strategy != "clientcredentials" {
		t.Fatalf("got %+v, %v", id, err)
	}
	for name, c := range map[string]struct {
		verifier *clientcredentials.Verifier
		want     error
	}{
		"scope missing":                        {e.verifier(t, "write", "read"), redoxauth.ErrForbidden},
		"another endpoint of the same secrets": {newEndpoint(t, func(c *clientcredentials.EndpointConfig) { c.Audience += "/other" }).verifier(t), redoxauth.ErrRejected},
		"client removed":                       {newEndpoint(t, func(c *clientcredentials.EndpointConfig) { c.Clients = c.Clients[:1] }).verifier(t), redoxauth.ErrRejected},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.verifier.Verify(message(issued))
			verifiertest.CheckError(t, err, c.want, "")
		})
	}
	const want = `clientcredentials: Verifier: no client can get the scope "admin": Clients[].Scopes are ["read" "system/*.rs" "write"]`
	if _, err := e.Verifier("write", "admin"); err == nil || err.Error() != want {
		t.Errorf("a scope that nobody can get: got %v, want %s", err, want)
	}
}

func TestZeroTokenEndpoint(t *testing.T) {
	var e clientcredentials.TokenEndpoint
	if w := serve(&e, tokenRequest(genuine)); w.Code != 500 {
		t.Errorf("status %d", w.Code)
	}
	if v, err := e.Verifier(); err == nil {
		t.Errorf("got the Verifier %v", v)
	}
}

// All the ways that Redox's dashboard may make it send.
func TestSendersGetTokens(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	e := newEndpoint(t)
	mux.Handle("/token", e)
	mux.Handle("/redox", e.verifier(t, "write").Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
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

// A server whose clock was ahead, and then is set right, accepts what it issued meanwhile.
func TestTokenIssuedWhileTheClockWasAhead(t *testing.T) {
	var ahead atomic.Int64
	e := newEndpoint(t, func(c *clientcredentials.EndpointConfig) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	mux := http.NewServeMux()
	mux.Handle("/token", e)
	mux.Handle("/redox", e.verifier(t).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	server := httptest.NewServer(mux)
	defer server.Close()
	ahead.Store(int64(10 * time.Minute))
	sender := &redoxtest.ClientCredentials{URL: server.URL + "/token", ClientID: clientID, ClientSecret: clientSecret}
	for _, c := range []struct {
		ahead time.Duration
		want  int
	}{{10 * time.Minute, 200}, {0, 200}, {16*time.Minute + time.Second, 401}} {
		ahead.Store(int64(c.ahead))
		response, err := sender.Send(t.Context(), server.URL+"/redox", []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != c.want {
			t.Errorf("%v ahead: status %d, want %d", c.ahead, response.StatusCode, c.want)
		}
	}
}

// RFC 8707, Section 2: a request may name several resources, which golang.org/x/oauth2 sends.
func TestSeveralTargets(t *testing.T) {
	server := httptest.NewServer(newEndpoint(t))
	defer server.Close()
	for _, c := range []struct {
		parameters url.Values
		want       string // the error
	}{
		{url.Values{"resource": {destination, destination}, "audience": {destination, destination}}, ""},
		{url.Values{"resource": {destination, "https://elsewhere.example"}}, "invalid_target"},
		{url.Values{"audience": {"https://elsewhere.example", destination}}, "invalid_target"},
		{url.Values{"scope": {"read", "read"}}, "invalid_request"},
	} {
		_, err := (&oauth2cc.Config{
			ClientID: clientID, ClientSecret: clientSecret, TokenURL: server.URL, EndpointParams: c.parameters,
			AuthStyle: oauth2.AuthStyleInHeader,
		}).Token(t.Context())
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused); (err == nil) != (c.want == "") || refused != nil && refused.ErrorCode != c.want {
			t.Errorf("%v: got %v, want %q", c.parameters, err, c.want)
		}
	}
}

func TestEndpointTokensKeepThePromises(t *testing.T) {
	e := newEndpoint(t)
	server := httptest.NewServer(e)
	defer server.Close()
	sender := &redoxtest.ClientCredentials{URL: server.URL, ClientID: clientID, ClientSecret: clientSecret}
	verifiertest.TestVerifier(t, verifiertest.Suite{
		New:     func() redoxauth.Verifier { return e.verifier(t, "write") },
		Genuine: func() *http.Request { return redoxtest.NewRequest(sender) },
		Forged:  redoxtest.ForgedRequests(sender.Forgeries()),
		Secrets: []string{string(tokenSecret), clientSecret, "the old secret"},
	})
}

func TestEndpointShowsNoSecret(t *testing.T) {
	e := newEndpoint(t)
	for _, v := range []any{e.TokenEndpoint, *e.TokenEndpoint, e.verifier(t)} {
		text := fmt.Sprintf("%+v %#v", v, v)
		for _, secret := range []string{clientSecret, "the old secret", string(tokenSecret), fmt.Sprint(tokenSecret)} {
			if strings.Contains(text, secret) {
				t.Errorf("%T shows a secret: %s", v, text)
			}
		}
	}
}

func TestConcurrentRequests(t *testing.T) {
	e := newEndpoint(t)
	token := newEndpoint(t).ask(t, tokenRequest(genuine), "200").Token
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if w := serve(e, tokenRequest(genuine)); w.Code != 200 {
				t.Errorf("status %d", w.Code)
			}
			if _, err := e.verifier(t).Verify(message(token)); err != nil {
				t.Error(err)
			}
			serve(e, tokenRequest(clientID+":wrong"))
		})
	}
	wg.Wait()
}

func TestNewTokenEndpointRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change change
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
		{"ID too long", func(c *clientcredentials.EndpointConfig) { c.Clients[0].ID = strings.Repeat("x", 513) }, []string{"Clients[0].ID"}},
		{"secret too long", func(c *clientcredentials.EndpointConfig) { c.Clients[0].Secrets[0] = strings.Repeat("x", 1025) }, []string{"Clients[0].Secrets[0]"}},
		{"issuer and audience too long", func(c *clientcredentials.EndpointConfig) {
			c.Issuer, c.Audience = strings.Repeat("x", 513), strings.Repeat("x", 513)
		}, []string{"Issuer", "Audience"}},
		{"scope with a space", func(c *clientcredentials.EndpointConfig) { c.Clients[0].Scopes = []string{"read write"} }, []string{"Clients[0].Scopes[0]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := clientcredentials.NewTokenEndpoint(endpointConfig(c.change))
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
			if strings.Contains(err.Error(), "secret\n") {
				t.Errorf("a secret in %q", err)
			}
		})
	}
}

// What is configured is copied.
func TestConfigMayChangeAfterwards(t *testing.T) {
	var cfg *clientcredentials.EndpointConfig
	e := newEndpoint(t, func(c *clientcredentials.EndpointConfig) {
		c.TokenSecrets = [][]byte{append([]byte(nil), tokenSecret...)}
		cfg = c
	})
	clear(cfg.TokenSecrets[0])
	cfg.Clients[1].Secrets[1], cfg.Clients[1].Scopes[1] = "changed", "changed"
	a := e.ask(t, tokenRequest(genuine), "200")
	if a.Scope != "system/*.rs write" {
		t.Errorf("answer %+v", a)
	}
	if _, err := newEndpoint(t).verifier(t).Verify(message(a.Token)); err != nil {
		t.Errorf("another replica: %v", err)
	}
}
