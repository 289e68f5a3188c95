package clientcredentials_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		{"another client", nil, nil, claims{"client_id": "Redox"}, `client_id is "Redox", want "redox"`, []string{`client_id "Redox" and the configured "redox" (Config.ClientIDs; Redox dashboard: clientId; the claim: Config.ClientIDClaim) differ only in upper and lower case`}},
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
		{"an aud, and none wanted", func(c *cfg) { c.Audience, c.InsecureNoAudience = nil, true }, nil, nil,
			`aud is "https://api.example", want none (Config.InsecureNoAudience; list the audience in Config.Audience instead)`, nil},
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
	for _, part := range []string{`clientcredentials: accepted: clientcredentials, issuer "x"`, "client_id: absent, and any is accepted (Config.InsecureAnyClient)", "scope: absent, and none is required (Config.Scopes; Redox dashboard: scopes; the claim: Config.ScopeClaim)"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
}

// What one check found is no hint about another. All hints about client, audience and server are
// here, each beside tokens that are nearly the same and get another or none.
func TestHintsOfAccessTokens(t *testing.T) {
	key := redoxtest.NewKey("k1", "ES256")
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(key))
	if err != nil {
		t.Fatal(err)
	}
	type cfg = clientcredentials.Config
	const cognito, keycloak = "https://cognito-idp.us-east-1.amazonaws.com/p", "https://kc.example/realms/r"
	const entraV1, entraV2 = "https://sts.windows.net/t/", "https://login.microsoftonline.com/t/v2.0"
	from := func(iss string, roles ...string) func(*cfg) {
		return func(c *cfg) { c.Issuer, c.ScopeClaim, c.Scopes = iss, "roles", roles }
	}
	noAudience := func(iss string) func(*cfg) {
		return func(c *cfg) { c.Issuer, c.Audience, c.InsecureNoAudience = iss, nil, true }
	}
	const (
		noRoles   = "the token has no roles: an administrator of Entra ID must grant the client an app role of this API"
		appRoles  = "a scope that ends with /.default is what the client of Entra ID asks for, and no token has it: list the app roles in Config.Scopes"
		mapper    = "Keycloak writes into aud what an Audience mapper says: add one for this API to the client or its scopes"
		noAud     = "access tokens of Cognito have no aud: set Config.InsecureNoAudience and Config.Scopes, and leave Config.Audience empty"
		listAPI   = "Config.Audience has the client: list this API, as aud names it"
		ofIDToken = "aud is one of Config.ClientIDs, as in an ID token: want an access token for this API"
	)
	for _, test := range []struct {
		name   string
		config func(*cfg)
		claims claims
		want   []string
	}{
		{"accepted", nil, nil, nil},
		{"the client elsewhere", nil, claims{"client_id": nil, "azp": "redox"}, []string{`the token has no client_id, and its azp is "redox", which is one of Config.ClientIDs: set Config.ClientIDClaim to "azp"`}},
		{"the client in sub", nil, claims{"client_id": nil, "sub": "redox"}, []string{`the token has no client_id, and its sub is "redox", which is one of Config.ClientIDs: set Config.ClientIDClaim to "sub"`}},
		{"another client, and ours elsewhere", nil, claims{"client_id": "gateway", "azp": "redox"}, []string{`the token has another client_id, and its azp is "redox", which is one of Config.ClientIDs: list what client_id has, or set Config.ClientIDClaim to "azp"`}},
		{"another client, and ours in sub", nil, claims{"client_id": "gateway", "sub": "redox"}, []string{`the token has another client_id, and its sub is "redox", which is one of Config.ClientIDs: list what client_id has`}},
		{"an empty client, and ours elsewhere", nil, claims{"client_id": "", "azp": "redox"}, []string{`the token has another client_id, and its azp is "redox", which is one of Config.ClientIDs: set Config.ClientIDClaim to "azp"`}},
		{"an unknown client elsewhere", nil, claims{"client_id": nil, "azp": "gateway", "sub": "user"}, []string{`the token has no client_id, and its azp is "gateway": if that is Redox's client, list it in Config.ClientIDs and set Config.ClientIDClaim to "azp"`}},
		{"another client, and an unknown one elsewhere", nil, claims{"client_id": "gateway", "azp": "portal"}, nil},
		{"an ID token", nil, claims{"aud": "redox", "client_id": nil, "azp": "another", "cid": "redox"}, []string{`aud is the token's own client ID (cid), as in an ID token: the sender must ask for a token for this API`, ofIDToken}},
		{"the client and the API are audiences", nil, claims{"aud": []string{"redox", "https://api.example"}, "client_id": nil, "azp": "redox"}, []string{`the token has no client_id, and its azp is "redox", which is one of Config.ClientIDs: set Config.ClientIDClaim to "azp"`}},

		{"the client is configured as audience", func(c *cfg) { c.Audience = []string{"redox"} }, nil, []string{listAPI}},
		{"audience and client are exchanged", func(c *cfg) { c.Audience, c.ClientIDs = c.ClientIDs, c.Audience }, nil, []string{"Config.Audience has the client and Config.ClientIDs has this API: exchange them"}},
		{"the client is configured as audience too", func(c *cfg) { c.Audience = append(c.Audience, "redox") }, nil, nil},
		{"the client is configured as audience, and no aud", func(c *cfg) { c.Audience = []string{"redox"} }, claims{"aud": nil}, nil},
		{"another audience", nil, claims{"aud": "x"}, nil},
		{"no audience", nil, claims{"aud": nil}, nil},

		{"Cognito", from(cognito), claims{"aud": nil}, []string{noAud}},
		{"Cognito, another aud", from(cognito), claims{"aud": "x"}, nil},
		{"Cognito, as it should be", noAudience(cognito), claims{"aud": nil}, nil},
		{"Keycloak", from(keycloak), claims{"aud": "account"}, []string{mapper}},
		{"Keycloak without aud", from(keycloak), claims{"aud": nil}, []string{mapper}},
		{"Keycloak, as it should be", from(keycloak), nil, nil},
		{"Keycloak, and no audience wanted", noAudience(keycloak), claims{"aud": nil}, nil},
		{"Entra ID v1 without roles", from(entraV1, "write"), nil, []string{noRoles}},
		{"Entra ID v2 without roles", from(entraV2, "write"), nil, []string{noRoles}},
		{"Entra ID without roles, and none required", from(entraV2), nil, nil},
		{"Entra ID with another role", from(entraV2, "write"), claims{"roles": []string{"read"}}, nil},
		{"Entra ID, .default", from(entraV2, "api://x/.default"), nil, []string{appRoles}},
		{"Entra ID, .default, which the token has", from(entraV2, "api://x/.default"), claims{"roles": []string{"api://x/.default"}}, nil},
		{"Entra ID, another claim", func(c *cfg) { c.Issuer, c.ScopeClaim, c.Scopes = entraV2, "scp", []string{"write"} }, nil, nil},
		{"another server without roles", from("https://as.example/", "write"), nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := cfg{Keys: keys, Issuer: "https://as.example/", Audience: []string{"https://api.example"}, ClientIDs: []string{"redox"}, Types: []string{"JWT"}}
			if test.config != nil {
				test.config(&c)
			}
			sender := &redoxtest.JWTBearer{Key: key, Issuer: c.Issuer, Audience: []string{"https://api.example"}, Subject: "user", Claims: claims{"client_id": "redox"}}
			maps.Copy(sender.Claims, test.claims)
			_, hints := about(redoxauth.Explain(newVerifier(t, c), redoxtest.NewRequest(sender)))
			if diff := cmp.Diff(test.want, hints); diff != "" {
				t.Errorf("hints (-want +got):\n%s", diff)
			}
		})
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

// What cannot be read has no client and no scopes.
func TestExplainOfAnOpaqueToken(t *testing.T) {
	_, cfg := newServer(t)
	for _, token := range []string{opaque, "a.b.c", "eyJhbGciOiJSUzI1NiJ9.W10.AA"} {
		if text := newVerifier(t, cfg).Explain(message(token)); strings.Contains(text, "client_id") || strings.Contains(text, "scope") {
			t.Errorf("%s: got %s", token, text)
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
