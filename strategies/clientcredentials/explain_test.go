package clientcredentials_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// A token of well-known servers under a Config for another one: the error and Explain say which
// field to change.
func TestRefusalsAndExplainOfAccessTokens(t *testing.T) {
	key := redoxtest.NewKey("k1", "RS256")
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(key))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	type cfg = clientcredentials.Config
	for _, test := range []struct {
		name   string
		config func(*cfg)
		header header
		claims claims
		want   string
		more   []string
	}{
		{"the issuer without its slash", func(c *cfg) { c.Issuer = "https://as.example" }, nil, nil,
			`iss is "https://as.example/", want "https://as.example" (Config.Issuer)`, []string{"differ only in the slash at the end"}},
		{"typ JWT", nil, header{"typ": "JWT"}, nil, `typ is "JWT", want "at+jwt" (Config.Types)`, nil},
		{"no typ", nil, header{"typ": nil}, nil, `typ is absent, want "at+jwt" (Config.Types)`, nil},
		{"no jti", nil, nil, claims{"jti": nil}, `the claim jti is absent, want a value (required by RFC 9068; Config.Types and Config.ClientIDClaim decide)`, nil},
		{"the client in azp", func(c *cfg) { c.Types = []string{"at+jwt"} }, nil, claims{"client_id": nil, "azp": "redox"},
			`client_id is absent, want "redox" (Config.ClientIDs; Redox dashboard: clientId; the claim: Config.ClientIDClaim)`,
			[]string{`the token has no client_id, and its azp is "redox", which is one of Config.ClientIDs: set Config.ClientIDClaim`}},
		{"the client in cid", func(c *cfg) { c.Types = []string{"at+jwt"} }, nil, claims{"client_id": nil, "cid": "redox"}, `client_id is absent`, []string{`its cid is "redox"`}},
		{"another client", nil, nil, claims{"client_id": "Redox"}, `client_id is "Redox", want "redox"`, []string{"differ only in upper and lower case"}},
		{"the scopes in roles", nil, nil, claims{"scope": nil, "roles": []string{"write"}},
			`scope is absent, want "write" (Config.Scopes; Redox dashboard: scopes; the claim: Config.ScopeClaim)`, []string{`the claim roles has all that is required: "write"`}},
		{"another scope", nil, nil, claims{"scope": "read"}, `scope is "read", want "write"`, nil},
		{"an ID token", nil, nil, claims{"aud": "redox", "nonce": "n"}, `aud is "redox", want "https://api.example" (Config.Audience; Redox dashboard: audience or resource)`,
			[]string{"aud is one of Config.ClientIDs", "nonce, as ID tokens have"}},
		{"no aud", nil, nil, claims{"aud": nil}, `aud is absent, want "https://api.example"`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			sender := &redoxtest.JWTBearer{
				Key: key, Issuer: "https://as.example/", Subject: "s", Audience: []string{"https://api.example"}, Scopes: []string{"write"},
				Header: header{"typ": "at+jwt"}, Claims: claims{"client_id": "redox"},
			}
			for name, value := range test.header {
				sender.Header[name] = value
			}
			for name, value := range test.claims {
				sender.Claims[name] = value
			}
			c := cfg{Keys: keys, Issuer: "https://as.example/", Audience: []string{"https://api.example"}, ClientIDs: []string{"redox"}, Scopes: []string{"write"}}
			if test.config != nil {
				test.config(&c)
			}
			v, r := newVerifier(t, c), redoxtest.NewRequest(sender)
			_, err := v.Verify(r)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v\nwant %s", err, test.want)
			}
			text := redoxauth.Explain(v, r)
			if !strings.HasPrefix(text, err.Error()+"\n") {
				t.Errorf("the text does not begin with the error %v:\n%s", err, text)
			}
			for _, part := range test.more {
				if !strings.Contains(text, part) {
					t.Errorf("no %q in:\n%s", part, text)
				}
			}
			_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			for i := 0; i+16 <= len(token); i++ {
				if strings.Contains(text, token[i:i+16]) {
					t.Fatalf("16 bytes of the token in:\n%s", text)
				}
			}
		})
	}
	v := newVerifier(t, cfg{Keys: keys, Issuer: "x", Audience: []string{"y"}, InsecureAnyClient: true, Types: []string{"JWT"}, Now: func() time.Time { return now }})
	r := redoxtest.NewRequest(&redoxtest.JWTBearer{Key: key, Issuer: "x", Audience: []string{"y"}, Now: func() time.Time { return now }})
	text := v.Explain(r)
	for _, part := range []string{`clientcredentials: accepted: clientcredentials, issuer "x"`, "client_id: absent, and any is accepted (Config.InsecureAnyClient)", "scope: absent, which is enough"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
}

func TestExplainOfAZeroVerifier(t *testing.T) {
	var none *clientcredentials.Verifier
	r := httptest.NewRequest("POST", "/", nil)
	for _, v := range []*clientcredentials.Verifier{none, {}} {
		if text := v.Explain(r) + v.Explain(&http.Request{}); !strings.Contains(text, "internal") {
			t.Errorf("got %s", text)
		}
	}
}
