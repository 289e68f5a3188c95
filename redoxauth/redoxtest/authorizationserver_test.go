package redoxtest_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

func ExampleNewAuthorizationServer() {
	server := redoxtest.NewAuthorizationServer()
	defer server.Close()
	server.Opaque = true
	server.AddClient("redox", "secret", "write")
	server.AddClient("destination", "other secret")

	sender := &redoxtest.ClientCredentials{URL: server.TokenURL, ClientID: "redox", ClientSecret: "secret"}
	r := httptest.NewRequest("POST", "/redox", nil)
	if err := sender.Sign(r); err != nil {
		fmt.Println(err)
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")

	for range 2 {
		response, err := http.PostForm(server.IntrospectionURL, url.Values{
			"token": {token}, "client_id": {"destination"}, "client_secret": {"other secret"},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		var answer struct {
			Active bool
			Scope  string
		}
		err = json.NewDecoder(response.Body).Decode(&answer)
		response.Body.Close()
		fmt.Println(answer.Active, answer.Scope, err)
		server.Revoke(token)
	}
	// Output:
	// true write <nil>
	// false  <nil>
}

// An authorization server plays Entra ID: a token names the client in azp, and app roles in roles.
func ExampleAuthorizationServer_entra() {
	server := redoxtest.NewAuthorizationServer(redoxtest.NewKey("1", "RS256"))
	defer server.Close()
	server.Header = map[string]any{"typ": "JWT"}
	server.ClaimsFunc = func(clientID string, scopes []string) map[string]any {
		return map[string]any{"client_id": nil, "azp": clientID, "scope": nil, "roles": scopes}
	}
	keys, err := keyset.NewRemote(keyset.RemoteConfig{
		Issuer:            server.Issuer,
		InsecureAllowHTTP: true,             // for this example: it is on loopback
		Cooldown:          time.Millisecond, // in tests: forgeries do not wait for a fetch of keys
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := clientcredentials.New(clientcredentials.Config{
		Keys:          keys,
		Issuer:        server.Issuer,
		Audience:      []string{"api"},
		ClientIDs:     []string{"redox"},
		ClientIDClaim: "azp",
		ScopeClaim:    "roles",
		Types:         []string{"JWT"},
		Scopes:        []string{"Messages.Write"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	destination := httptest.NewServer(redoxauth.Middleware(verifier, nil)(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { fmt.Println("a message was accepted") })))
	defer destination.Close()

	server.AddClient("redox", "secret", "Messages.Write")
	sender := &redoxtest.ClientCredentials{URL: server.TokenURL, ClientID: "redox", ClientSecret: "secret", Audience: "api"}
	response, err := sender.Send(context.Background(), destination.URL, redoxtest.PatientAdmin())
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()
	for _, f := range server.Forgeries("redox", "api", "Messages.Write") {
		response, err := f.Send(context.Background(), destination.URL, redoxtest.PatientAdmin())
		if err != nil {
			fmt.Println(err)
			return
		}
		response.Body.Close()
		if response.StatusCode != f.Status {
			fmt.Println(f.Name, response.Status)
		}
	}
	// Output: a message was accepted
}

// refusal returns the error with which the token endpoint refuses s.
func refusal(t *testing.T, s redoxtest.Signer) *redoxtest.TokenError {
	t.Helper()
	r := httptest.NewRequest("POST", "/redox", nil)
	err := s.Sign(r)
	var refused *redoxtest.TokenError
	if !errors.As(err, &refused) {
		t.Fatalf("error %v, want a TokenError", err)
	}
	return refused
}

func post(t *testing.T, url, authorization string, form url.Values) (status int, body []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

func TestAuthorizationServerTakesEveryWayToAuthenticate(t *testing.T) {
	s := redoxtest.NewAuthorizationServer(redoxtest.NewKey("1", "ES256"))
	defer s.Close()
	s.AddClient("a:1", "s %+é", "x", "y")
	s.AddClient("b", "p%41", "x")
	for _, sender := range []*redoxtest.ClientCredentials{
		{ClientID: "a:1", ClientSecret: "s %+é"},
		{ClientID: "a:1", ClientSecret: "s %+é", NoBasic: true},
		{ClientID: "a:1", ClientSecret: "s %+é", BasicAndBody: true},
		{ClientID: "a:1", ClientSecret: "s %+é", NoBasic: true, ContentType: "application/json"},
		{ClientID: "b", ClientSecret: "p%41", RawBasic: true},
		{ClientID: "b", ClientSecret: "p%41"},
	} {
		sender.URL, sender.Audience, sender.Scopes = s.TokenURL, "https://a.example", []string{"x"}
		got := open(t, authorization(t, sender), s.Key())
		for name, want := range map[string]any{"client_id": sender.ClientID, "sub": sender.ClientID, "aud": "https://a.example", "scope": "x", "iss": s.Issuer} {
			if got.claims[name] != want {
				t.Errorf("%+v: claim %s is %v, want %v", sender.ClientID, name, got.claims[name], want)
			}
		}
	}
}

func TestAuthorizationServerRefuses(t *testing.T) {
	s := redoxtest.NewAuthorizationServer(redoxtest.NewKey("1", "ES256"))
	defer s.Close()
	s.AddClient("a", "s", "x")
	for code, sender := range map[string]redoxtest.Signer{
		"invalid_client":         &redoxtest.ClientCredentials{URL: s.TokenURL, ClientID: "a", ClientSecret: "S"},
		"invalid_scope":          &redoxtest.ClientCredentials{URL: s.TokenURL, ClientID: "a", ClientSecret: "s", Scopes: []string{"y"}},
		"unsupported_grant_type": &redoxtest.ClientCredentials{URL: s.TokenURL, ClientID: "a", ClientSecret: "s", CustomFieldName: "grant_type", CustomFieldValue: "password"},
	} {
		if got := refusal(t, sender); got.Code != code {
			t.Errorf("%+v, want %s", got, code)
		}
	}
}

// RFC 9068, Section 2.
func TestAuthorizationServerIssuesJWTs(t *testing.T) {
	key := redoxtest.NewKey("1", "RS256")
	s := redoxtest.NewAuthorizationServer(key)
	defer s.Close()
	s.Now = at(instant)
	token := must(s.Token("c", "https://a.example", "x", "y"))
	got := open(t, token, key)
	if jti, _ := got.claims["jti"].(string); len(jti) != 36 {
		t.Errorf("jti %q, want a UUID", jti)
	}
	delete(got.claims, "jti")
	iat := float64(instant.Unix())
	want := opened{
		map[string]any{"alg": "RS256", "kid": "1", "typ": "at+jwt"},
		map[string]any{"iss": s.Issuer, "sub": "c", "client_id": "c", "aud": "https://a.example", "scope": "x y", "iat": iat, "exp": iat + 3600},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(opened{})); diff != "" {
		t.Errorf("token (-want +got):\n%s", diff)
	}

	s.Audience, s.Lifetime = []string{"a", "b"}, time.Minute
	s.Header, s.Claims = map[string]any{"typ": "JWT"}, map[string]any{"scp": []string{"x"}, "scope": nil, "jti": nil}
	token = must(s.Token("c", "ignored", "x"))
	want = opened{
		map[string]any{"alg": "RS256", "kid": "1", "typ": "JWT"},
		map[string]any{"iss": s.Issuer, "sub": "c", "client_id": "c", "aud": []any{"a", "b"}, "scp": []any{"x"}, "iat": iat, "exp": iat + 60},
	}
	if diff := cmp.Diff(want, open(t, token, key), cmp.AllowUnexported(opened{})); diff != "" {
		t.Errorf("changed token (-want +got):\n%s", diff)
	}
}

// RFC 7662, Section 2.
func TestAuthorizationServerIntrospects(t *testing.T) {
	s := redoxtest.NewAuthorizationServer()
	defer s.Close()
	now := instant
	s.Now, s.Opaque, s.IntrospectionToken = func() time.Time { return now }, true, "introspect"
	s.AddClient("rs", "s")
	token := must(s.Token("c", "https://a.example", "x"))
	ask := func(authorization, token string) (int, map[string]any) {
		status, body := post(t, s.IntrospectionURL, authorization, url.Values{"token": {token}})
		var got map[string]any
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		delete(got, "jti")
		return status, got
	}
	inactive := map[string]any{"active": false}
	iat := float64(instant.Unix())
	active := map[string]any{"active": true, "token_type": "Bearer", "iss": s.Issuer, "sub": "c", "client_id": "c", "aud": "https://a.example", "scope": "x", "iat": iat, "exp": iat + 3600}
	expect := func(step, authorization, token string, wantStatus int, want map[string]any) {
		t.Helper()
		status, got := ask(authorization, token)
		if diff := cmp.Diff(want, got); status != wantStatus || diff != "" {
			t.Errorf("%s: %d (-want +got):\n%s", step, status, diff)
		}
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("rs:s"))
	expect("client", basic, token, 200, active)
	expect("bearer", "Bearer introspect", token, 200, active)
	expect("nobody", "", token, 401, map[string]any{"error": "invalid_client"})
	expect("wrong bearer", "Bearer x", token, 401, map[string]any{"error": "invalid_client"})
	expect("unknown token", basic, "x", 200, inactive)
	now = now.Add(time.Hour)
	expect("expired", basic, token, 200, inactive)
	now = instant
	s.Revoke(token)
	expect("revoked", basic, token, 200, inactive)
	if n := s.Calls(s.IntrospectionURL); n != 7 {
		t.Errorf("%d calls, want 7", n)
	}
	s.IntrospectionToken = ""
	expect("empty bearer", "Bearer ", token, 401, map[string]any{"error": "invalid_client"})
}

func TestAuthorizationServerDiscovery(t *testing.T) {
	s := redoxtest.NewAuthorizationServer()
	defer s.Close()
	_, body := get(t, s.Issuer+"/.well-known/oauth-authorization-server")
	var got map[string]string
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"issuer": s.Issuer, "jwks_uri": s.JWKSURL, "token_endpoint": s.TokenURL, "introspection_endpoint": s.IntrospectionURL}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if response, _ := get(t, s.JWKSURL); response.StatusCode != 200 {
		t.Errorf("keys: %d", response.StatusCode)
	}
}
