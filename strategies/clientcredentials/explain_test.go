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
		{"no jti", nil, nil, claims{"jti": nil}, `the claim jti is absent, want a value (required by RFC 9068, as long as Config.Types is nil; Config.ClientIDClaim names the claim of the client)`, nil},
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
		{"the client in azp, and a sub", func(c *cfg) { c.Types = []string{"at+jwt"} }, nil, claims{"client_id": nil, "azp": "redox", "sub": "redox@clients"},
			`client_id is absent`, []string{`set Config.ClientIDClaim to "azp"`}},
		{"the configured client is the sub", func(c *cfg) { c.ClientIDs = []string{"s"} }, nil, nil,
			`client_id is "redox", want "s"`, []string{`its sub is "s", which is one of Config.ClientIDs: list what client_id has`}},
		{"the configured client is the API", func(c *cfg) { c.ClientIDs = []string{"https://api.example"} }, nil, nil,
			`client_id is "redox", want "https://api.example"`, []string{`Config.ClientIDs has the audience, which is this API: list the client, "redox"`}},
		{"the configured audience is the client", func(c *cfg) { c.Audience = []string{"redox"} }, nil, nil,
			`aud is "https://api.example", want "redox"`, []string{`Config.Audience has the client: list this API`}},
		{"an ID token without nonce", nil, nil, claims{"aud": "redox", "client_id": nil, "azp": "redox"},
			`aud is "redox"`, []string{"want an access token for this API"}},
		{"Cognito without aud", func(c *cfg) { c.Issuer = "https://cognito-idp.us-east-1.amazonaws.com/p" }, nil, claims{"iss": "https://cognito-idp.us-east-1.amazonaws.com/p", "aud": nil},
			`aud is absent`, []string{"set Config.InsecureNoAudience and Config.Scopes"}},
		{"Keycloak without a mapper", func(c *cfg) { c.Issuer = "https://kc.example/realms/r" }, nil, claims{"iss": "https://kc.example/realms/r", "aud": "account"},
			`aud is "account"`, []string{"Audience mapper"}},
		{"Keycloak's path", func(c *cfg) { c.Issuer = "https://kc.example/auth/realms/r" }, nil, claims{"iss": "https://kc.example/realms/r"},
			`iss is "https://kc.example/realms/r"`, []string{"before version 17"}},
		{"any tenant of Entra ID", func(c *cfg) { c.Issuer = "https://login.microsoftonline.com/common/v2.0" }, nil, claims{"iss": "https://login.microsoftonline.com/t/v2.0"},
			`iss is "https://login.microsoftonline.com/t/v2.0"`, []string{"any tenant"}},
		{"Entra ID without roles", func(c *cfg) { c.Issuer, c.ScopeClaim = "https://login.microsoftonline.com/t/v2.0", "roles" }, nil, claims{"iss": "https://login.microsoftonline.com/t/v2.0"},
			`roles is absent`, []string{"grant the client an app role"}},
		{"Entra ID's .default", func(c *cfg) {
			c.Issuer, c.ScopeClaim, c.Scopes = "https://login.microsoftonline.com/t/v2.0", "roles", []string{"api://x/.default"}
		}, nil, claims{"iss": "https://login.microsoftonline.com/t/v2.0", "roles": []string{"Write"}},
			`roles is "Write"`, []string{"list the app roles in Config.Scopes"}},
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
	for _, part := range []string{`clientcredentials: accepted: clientcredentials, issuer "x"`, "client_id: absent, and any is accepted (Config.InsecureAnyClient)", "scope: absent, and none is required"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
}

// An ID token may be for an audience that is ours, and names the client in azp. No hint says how
// to have it accepted: it is no proof that the client may call us.
func TestExplainMakesNoIDTokenAcceptable(t *testing.T) {
	key := redoxtest.NewKey("k1", "ES256")
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(key))
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []string{"nonce", "at_hash", "c_hash", ""} { // "": an access token
		for _, types := range [][]string{nil, {"JWT"}} {
			sender := &redoxtest.JWTBearer{
				Key: key, Issuer: "https://as.example/", Subject: "s", Audience: []string{"https://api.example"},
				Header: header{"typ": "JWT"}, Claims: claims{"azp": "redox"},
			}
			if of != "" {
				sender.Claims[of] = "x"
			}
			v := newVerifier(t, clientcredentials.Config{Keys: keys, Issuer: "https://as.example/", Audience: []string{"https://api.example"}, ClientIDs: []string{"redox"}, Types: types})
			text := redoxauth.Explain(v, redoxtest.NewRequest(sender))
			for part, want := range map[string]bool{
				`set Config.ClientIDClaim to "azp"`: of == "",
				`list "JWT" in Config.Types`:        of == "" && types == nil,
				of + ", as ID tokens have":          of != "" && types == nil,
			} {
				if strings.Contains(text, part) != want {
					t.Errorf("%q, types %q: a hint with %s: want %v\n%s", of, types, part, want, text)
				}
			}
		}
	}
}

// The hint is for a client that is there, and for an audience that is this API.
func TestExplainTellsTheClientFromTheAPI(t *testing.T) {
	key := redoxtest.NewKey("k1", "ES256")
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(key))
	if err != nil {
		t.Fatal(err)
	}
	const api = "https://api.example"
	for _, test := range []struct {
		aud       []string
		claims    claims
		clientIDs []string
		want      bool
	}{
		{[]string{api}, claims{"client_id": "redox"}, []string{api}, true},
		{[]string{api, "other"}, claims{"client_id": "redox"}, []string{api}, true},
		{[]string{api}, claims{"client_id": "redox"}, []string{"redox", api}, false}, // accepted
		{[]string{api, "redox"}, claims{"client_id": "another"}, []string{"redox"}, false},
		{[]string{api}, nil, []string{api}, false},
		{[]string{api}, claims{"client_id": "redox", "nonce": "x"}, []string{api}, false},
	} {
		sender := &redoxtest.JWTBearer{Key: key, Issuer: "https://as.example/", Audience: test.aud, Claims: test.claims}
		v := newVerifier(t, clientcredentials.Config{Keys: keys, Issuer: "https://as.example/", Audience: []string{api}, ClientIDs: test.clientIDs})
		text := redoxauth.Explain(v, redoxtest.NewRequest(sender))
		if strings.Contains(text, "Config.ClientIDs has the audience") != test.want {
			t.Errorf("aud %q, %v, ClientIDs %q: a hint: want %v\n%s", test.aud, test.claims, test.clientIDs, test.want, text)
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
