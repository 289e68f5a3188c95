package redoxtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"golang.org/x/oauth2/google/externalaccount"
)

const email = "redox@project.iam.gserviceaccount.com"

func ExampleNewGoogle() {
	google := redoxtest.NewGoogle()
	defer google.Close()
	account := google.AddServiceAccount("redox@project.iam.gserviceaccount.com")
	sender := &redoxtest.GCPJWT{Email: account.Email, Key: account.Key, TokenURL: google.TokenURL}

	r := httptest.NewRequest("POST", "/redox", nil)
	if err := sender.Sign(r); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ya29."))
	// Output: true
}

func tokenInfo(t *testing.T, g *redoxtest.Google, token string) (int, map[string]string) {
	t.Helper()
	status, body := post(t, g.TokenInfoURL, "", url.Values{"access_token": {token}})
	var info map[string]string
	if err := json.Unmarshal(body, &info); err != nil {
		t.Fatal(err)
	}
	return status, info
}

func TestTokenInfo(t *testing.T) {
	g := redoxtest.NewGoogle()
	defer g.Close()
	now := instant
	g.Now = func() time.Time { return now }
	a := g.AddServiceAccount(email)
	const mail, cloud = "https://www.googleapis.com/auth/userinfo.email", "https://www.googleapis.com/auth/cloud-platform"
	exp := fmt.Sprint(instant.Add(time.Hour).Unix())
	plain, withMail, revoked := g.AccessToken(a, cloud), g.AccessToken(a, cloud, mail), g.AccessToken(a, cloud)
	g.Revoke(revoked)
	invalid := map[string]string{"error": "invalid_token", "error_description": "Invalid Value"}
	for _, test := range []struct {
		name, token string
		after       time.Duration
		wantStatus  int
		want        map[string]string
	}{
		{"without e-mail", plain, 0, 200, map[string]string{"aud": a.ID, "azp": a.ID, "scope": cloud, "exp": exp, "expires_in": "3600", "access_type": "online"}},
		{"with e-mail", withMail, time.Minute, 200, map[string]string{"aud": a.ID, "azp": a.ID, "sub": a.ID, "email": email, "email_verified": "true", "scope": cloud + " " + mail, "exp": exp, "expires_in": "3540", "access_type": "online"}},
		{"expired", plain, time.Hour, 400, invalid},
		{"revoked", revoked, 0, 400, invalid},
		{"unknown", "ya29.x", 0, 400, invalid},
		{"none", "", 0, 400, invalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			now = instant.Add(test.after)
			status, info := tokenInfo(t, g, test.token)
			if diff := cmp.Diff(test.want, info); status != test.wantStatus || diff != "" {
				t.Errorf("%d (-want +got):\n%s", status, diff)
			}
		})
	}
	if response, _ := get(t, g.TokenInfoURL+"?access_token="+plain); response.StatusCode == 200 {
		t.Error("tokeninfo takes a token in the URL")
	}
}

// openIDToken verifies a token with the keys that g publishes.
func openIDToken(t *testing.T, g *redoxtest.Google, token string) map[string]any {
	t.Helper()
	set := must(jwk.Fetch(t.Context(), g.CertsURL))
	now := jwt.ClockFunc(time.Now)
	if g.Now != nil {
		now = g.Now
	}
	parsed := must(jwt.ParseString(token, jwt.WithKeySet(set), jwt.WithClock(now), jwt.WithIssuer("https://accounts.google.com")))
	claims := must(parsed.AsMap(t.Context()))
	return claims
}

func TestIDToken(t *testing.T) {
	g := redoxtest.NewGoogle()
	defer g.Close()
	g.Now = at(instant)
	a := g.AddServiceAccount(email)
	token := must(g.IDToken(a, "https://a.example", map[string]any{"azp": nil, "extra": "x"}))
	want := map[string]any{
		"iss": "https://accounts.google.com", "sub": a.ID, "aud": []string{"https://a.example"},
		"email": email, "email_verified": true, "extra": "x", "iat": instant, "exp": instant.Add(time.Hour),
	}
	if diff := cmp.Diff(want, openIDToken(t, g, token)); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestServiceAccountsDiffer(t *testing.T) {
	g := redoxtest.NewGoogle()
	defer g.Close()
	a, b := g.AddServiceAccount(email), g.AddServiceAccount("other@project.iam.gserviceaccount.com")
	if len(a.ID) != 21 || a.ID == b.ID || a.Key.Signer == b.Key.Signer {
		t.Errorf("IDs %q and %q, same key: %v", a.ID, b.ID, a.Key.Signer == b.Key.Signer)
	}
	refused := refusal(t, &redoxtest.GCPJWT{Email: b.Email, Key: a.Key, TokenURL: g.TokenURL})
	if refused.StatusCode != 400 {
		t.Errorf("an assertion under another account's key: %v", refused)
	}
}

// https://developers.google.com/identity/protocols/oauth2/service-account
func TestGoogleRefusesAssertions(t *testing.T) {
	g := redoxtest.NewGoogle()
	defer g.Close()
	g.Now = at(instant)
	a := g.AddServiceAccount(email)
	genuine := func() map[string]any {
		return map[string]any{"iss": email, "aud": g.TokenURL, "scope": "x", "iat": instant.Unix(), "exp": instant.Unix() + 3600}
	}
	for _, test := range []struct {
		name, claim string
		value       any
		wantStatus  int
		want        string
	}{
		{"genuine", "scope", "x", 200, ""},
		{"unknown account", "iss", "x", 400, "invalid_grant"},
		{"other audience", "aud", "https://oauth2.example/token", 400, "invalid_grant"},
		{"expired", "exp", instant.Unix(), 400, "invalid_grant"},
		{"longer than an hour", "exp", instant.Unix() + 3601, 400, "invalid_grant"},
		{"issued in the future", "iat", instant.Unix() + 301, 400, "invalid_grant"},
		{"no scope", "scope", "", 400, "invalid_scope"},
	} {
		t.Run(test.name, func(t *testing.T) {
			claims := genuine()
			claims[test.claim] = test.value
			assertion := must(a.Key.Token(nil, claims))
			status, body := post(t, g.TokenURL, "", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}})
			var answer struct{ Error string }
			if err := json.Unmarshal(body, &answer); err != nil {
				t.Fatal(err)
			}
			if status != test.wantStatus || answer.Error != test.want {
				t.Errorf("%d %q, want %d %q", status, answer.Error, test.wantStatus, test.want)
			}
		})
	}
}

// Each sender gets an access token or an ID token of the account, and uses it again.
func TestTokensOfAServiceAccount(t *testing.T) {
	g := redoxtest.NewGoogle()
	defer g.Close()
	a := g.AddServiceAccount(email)
	gcp := func(audience string) redoxtest.Signer {
		return &redoxtest.GCPJWT{Email: email, Key: a.Key, TokenURL: g.TokenURL, TargetAudience: audience}
	}
	federated := func(audience string, scopes ...string) redoxtest.Signer {
		return &redoxtest.WIF{
			Audience: pool, TokenURL: g.STSURL, ServiceAccountImpersonationURL: g.ImpersonationURL(email),
			Scope: scopes, TargetAudience: audience, SubjectToken: subject,
		}
	}
	for _, test := range []struct {
		name    string
		sender  redoxtest.Signer
		scope   string   // of an access token; empty for an ID token
		fetched []string // URLs that were called
	}{
		{"GCPJWT, access token", gcp(""), "https://www.googleapis.com/auth/cloud-platform", []string{g.TokenURL}},
		{"GCPJWT, ID token", gcp("https://a.example"), "", []string{g.TokenURL}},
		{"WIF, access token", federated("", "x"), "x", []string{g.STSURL, g.ImpersonationURL(email)}},
		{"WIF, ID token", federated("https://a.example"), "", []string{g.STSURL}},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls := map[string]int{}
			for _, url := range test.fetched {
				calls[url] = g.Calls(url)
			}
			token := authorization(t, test.sender)
			if again := authorization(t, test.sender); again != token {
				t.Error("the second message has another token")
			}
			for url, before := range calls {
				if n := g.Calls(url) - before; n != 1 {
					t.Errorf("%d calls of %s, want 1", n, url)
				}
			}
			if test.scope != "" {
				if status, info := tokenInfo(t, g, token); status != 200 || info["aud"] != a.ID || info["scope"] != test.scope {
					t.Errorf("tokeninfo: %d %v", status, info)
				}
				return
			}
			claims := openIDToken(t, g, token)
			if claims["email"] != email || claims["sub"] != a.ID || !cmp.Equal(claims["aud"], []string{"https://a.example"}) {
				t.Errorf("claims %v", claims)
			}
		})
	}
}

func TestGCPJWTOnTheWire(t *testing.T) {
	tokens := record(t, issues(3600))
	key := redoxtest.NewKey("1", "RS256")
	authorization(t, &redoxtest.GCPJWT{Email: email, Key: key, TokenURL: tokens.URL, Scopes: []string{"x", "y"}})
	form := formOf(t, tokens.all()[0])
	got := open(t, form.Get("assertion"), key)
	form.Del("assertion")
	if diff := cmp.Diff(url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}}, form); diff != "" {
		t.Errorf("form (-want +got):\n%s", diff)
	}
	if life := got.claims["exp"].(float64) - got.claims["iat"].(float64); life != 3600 {
		t.Errorf("life of %v s, want 3600", life)
	}
	delete(got.claims, "iat")
	delete(got.claims, "exp")
	want := opened{
		map[string]any{"alg": "RS256", "kid": "1", "typ": "JWT"},
		map[string]any{"iss": email, "aud": tokens.URL, "scope": "x y"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(opened{})); diff != "" {
		t.Errorf("assertion (-want +got):\n%s", diff)
	}
}

// A supplier gives a subject token to x/oauth2.
type supplier string

func (s supplier) SubjectToken(context.Context, externalaccount.SupplierOptions) (string, error) {
	return string(s), nil
}

// The client of x/oauth2 works with the fake Google.
func TestGoogleServesItsClients(t *testing.T) {
	g := redoxtest.NewGoogle()
	defer g.Close()
	a := g.AddServiceAccount(email)
	source := must(externalaccount.NewTokenSource(t.Context(), externalaccount.Config{
		Audience:                       "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/redox/providers/redox",
		SubjectTokenType:               "urn:ietf:params:oauth:token-type:jwt",
		TokenURL:                       g.STSURL,
		ServiceAccountImpersonationURL: g.ImpersonationURL(email),
		Scopes:                         []string{"x"},
		SubjectTokenSupplier:           supplier("subject"),
		ServiceAccountImpersonationLifetimeSeconds: 600,
	}))
	token := must(source.Token())
	status, info := tokenInfo(t, g, token.AccessToken)
	if status != http.StatusOK || info["aud"] != a.ID || info["scope"] != "x" {
		t.Errorf("tokeninfo: %d %v", status, info)
	}
	if left := time.Until(token.Expiry); left > 10*time.Minute || left < 5*time.Minute {
		t.Errorf("expires in %v, want 10 min", left)
	}
}
