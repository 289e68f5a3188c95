package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func file(t *testing.T, content []byte) string {
	name := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// feeds are the seven senders in all their settings.
func feeds(t *testing.T, google *redoxtest.Google) []feed {
	const theToken = "theVerificationToken4Tests"
	var all []feed
	add := func(f feed) { all = append(all, f) }

	for name, sender := range map[string]redoxtest.VerificationToken{
		"verification token":               {Token: theToken},
		"verification token and as bearer": {Token: theToken, Bearer: true},
	} {
		add(feed{name: name, strategy: "verifytoken", environment: map[string]string{"REDOX_TOKENS": theToken},
			sender: func(string) redoxtest.Signer { return sender }})
	}

	const secretKey, session = "aSecretKey/That+IsLongEnough4Tests", "a/session+token=="
	sigv4 := redoxtest.SigV4{AccessKey: "AKREDOX", SecretKey: secretKey, ServiceName: "execute-api", AWSRegion: "us-east-1"}
	for name, change := range map[string]func(*redoxtest.SigV4){
		"SigV4":                          func(*redoxtest.SigV4) {},
		"SigV4, hash declared":           func(s *redoxtest.SigV4) { s.DeclarePayloadHash = true },
		"SigV4, session token":           func(s *redoxtest.SigV4) { s.SessionToken = session },
		"SigV4, session token and hash":  func(s *redoxtest.SigV4) { s.SessionToken, s.DeclarePayloadHash = session, true },
		"SigV4, service s3":              func(s *redoxtest.SigV4) { s.ServiceName = "s3" },
		"SigV4, free text":               func(s *redoxtest.SigV4) { s.ServiceName, s.AWSRegion = "redox-in", "here" },
		"SigV4 and a verification token": func(*redoxtest.SigV4) {},
	} {
		s := sigv4
		change(&s)
		f := feed{name: name, strategy: "sigv4", environment: map[string]string{"SIGV4_SECRET_KEY": secretKey},
			sender: func(string) redoxtest.Signer { return s }}
		if s.SessionToken != "" {
			f.environment["SIGV4_SESSION_TOKEN"] = session
		}
		if name == "SigV4 and a verification token" {
			f.token, f.environment["REDOX_TOKENS"] = theToken, theToken
		}
		add(f)
	}

	const jwtSecret = "anHMACSecretThatHas32BytesOrMore4Tests"
	hmac := redoxtest.Key{Algorithm: "HS256", Secret: []byte(jwtSecret)}
	for name, jwt := range map[string]*redoxtest.JWTBearer{
		"JWT, RS256":              {Key: redoxtest.NewKey("1", "RS256")},
		"JWT, PS384":              {Key: redoxtest.NewKey("2", "PS384")},
		"JWT, ES384, tenant":      {Key: redoxtest.NewKey("3", "ES384"), Tenant: "customer"},
		"JWT, EdDSA":              {Key: redoxtest.NewKey("4", "EdDSA")},
		"JWT, HS256":              {Key: hmac},
		"JWT, no kid":             {Key: redoxtest.NewKey("", "ES256")},
		"JWT, sub":                {Key: redoxtest.NewKey("1", "RS256"), Subject: "redox"},
		"JWT, scopes":             {Key: redoxtest.NewKey("1", "RS256"), Scopes: []string{"messages", "more"}},
		"JWT, two audiences":      {Key: redoxtest.NewKey("1", "RS256"), Audience: []string{"us", "them"}},
		"JWT, no audience":        {Key: redoxtest.NewKey("1", "RS256"), Claims: map[string]any{"aud": nil}},
		"JWT, no typ":             {Key: redoxtest.NewKey("1", "RS256"), Header: map[string]any{"typ": nil}},
		"JWT, another typ":        {Key: redoxtest.NewKey("1", "RS256"), Header: map[string]any{"typ": "redox+jwt"}},
		"JWT, no jti and no iat":  {Key: redoxtest.NewKey("1", "RS256"), Claims: map[string]any{"jti": nil, "iat": nil}},
		"JWT, long life":          {Key: redoxtest.NewKey("1", "RS256"), Lifetime: 72 * 3600e9},
		"JWT, reused":             {Key: redoxtest.NewKey("1", "RS256"), Reuse: true},
		"JWT and a token":         {Key: redoxtest.NewKey("1", "RS256")},
		"JWT, an iss that is Go":  {Key: redoxtest.NewKey("1", "RS256"), Issuer: "https://time.replay.os.strings.example/`\"\\\u2028+$HOME'"},
		"JWT, jku":                {Key: redoxtest.NewKey("1", "RS256")},
		"grant":                   {Key: redoxtest.NewKey("1", "RS256"), Subject: "redox", TokenURL: "/token"},
		"grant, ES384, scopes":    {Key: redoxtest.NewKey("3", "ES384"), Subject: "redox", TokenURL: "/token", Scopes: []string{"messages"}},
		"grant, another audience": {Key: redoxtest.NewKey("1", "RS256"), Subject: "redox", TokenURL: "/oauth/token.json", Audience: []string{"https://other.example/token"}},
		"grant and a token":       {Key: redoxtest.NewKey("1", "RS256"), Subject: "redox", TokenURL: "/token"},
	} {
		f := feed{name: name, strategy: "jwtbearer", environment: map[string]string{}}
		switch name {
		case "JWT, HS256":
			f.environment["JWT_SECRET"] = jwtSecret
		case "JWT, no kid":
			f.args = "-keys " + file(t, jwt.Key.PEM())
		case "JWT, jku":
			keys := redoxtest.NewKeyServer(jwt.Key)
			t.Cleanup(keys.Close)
			jwt.JKU = keys.JWKSURL
			f.args = "-jwks " + keys.JWKSURL
		case "JWT and a token", "grant and a token":
			f.token, f.environment["REDOX_TOKENS"] = theToken, theToken
			fallthrough
		default:
			f.args = "-keys " + file(t, redoxtest.JWKS(jwt.Key))
		}
		f.sender = func(url string) redoxtest.Signer {
			j := &redoxtest.JWTBearer{
				Key: jwt.Key, Issuer: jwt.Issuer, Subject: jwt.Subject, Audience: jwt.Audience, Scopes: jwt.Scopes, Lifetime: jwt.Lifetime,
				JKU: jwt.JKU, Tenant: jwt.Tenant, Header: jwt.Header, Claims: jwt.Claims, Reuse: jwt.Reuse,
			}
			if j.Issuer == "" {
				j.Issuer = "https://redox.example"
			}
			if jwt.TokenURL != "" {
				j.TokenURL = url + jwt.TokenURL
			} else if j.Audience == nil {
				j.Audience = []string{url + "/redox"}
			}
			return j
		}
		add(f)
	}

	const clientSecret = "aClientSecret4Tests%é+/"
	for name, client := range map[string]*redoxtest.ClientCredentials{
		"OAuth, Basic":              {},
		"OAuth, Basic and scopes":   {Scopes: []string{"messages", "more"}},
		"OAuth, Basic, raw":         {RawBasic: true},
		"OAuth, in the body":        {NoBasic: true},
		"OAuth, Basic and body":     {BasicAndBody: true},
		"OAuth, JSON":               {NoBasic: true, ContentType: "application/json"},
		"OAuth, JSON and Basic":     {ContentType: "application/json", Scopes: []string{"messages"}},
		"OAuth, audience":           {Audience: "https://api.example"},
		"OAuth, resource":           {Resource: "https://api.example/r"},
		"OAuth, a custom parameter": {CustomFieldName: "tenant", CustomFieldValue: "customer"},
		"OAuth, an ID with a colon": {ClientID: "redox:1"},
		"OAuth and a token":         {},
	} {
		f := feed{name: name, strategy: "clientcredentials", environment: map[string]string{"OAUTH_CLIENT_SECRETS": clientSecret}}
		if name == "OAuth and a token" {
			f.token, f.environment["REDOX_TOKENS"] = theToken, theToken
		}
		f.sender = func(url string) redoxtest.Signer {
			c := &redoxtest.ClientCredentials{
				URL: url + "/token", ClientID: client.ClientID, ClientSecret: clientSecret, Scopes: client.Scopes, Audience: client.Audience, Resource: client.Resource,
				ContentType: client.ContentType, CustomFieldName: client.CustomFieldName, CustomFieldValue: client.CustomFieldValue,
				NoBasic: client.NoBasic, BasicAndBody: client.BasicAndBody, RawBasic: client.RawBasic,
			}
			if c.ClientID == "" {
				c.ClientID = "redox"
			}
			return c
		}
		add(f)
	}

	for name, set := range map[string]func(*redoxtest.AuthorizationServer){
		"authorization server, RFC 9068": func(*redoxtest.AuthorizationServer) {},
		"authorization server, as Auth0": func(s *redoxtest.AuthorizationServer) {
			s.Header, s.Claims = map[string]any{"typ": "JWT"}, map[string]any{"client_id": nil, "azp": "redox"}
		},
		"authorization server, as Okta": func(s *redoxtest.AuthorizationServer) {
			s.Header, s.Claims = map[string]any{"typ": nil}, map[string]any{"client_id": nil, "cid": "redox", "scope": nil, "scp": []string{"messages"}}
		},
		"authorization server, as Entra": func(s *redoxtest.AuthorizationServer) {
			s.Header, s.Claims = map[string]any{"typ": "JWT"}, map[string]any{"client_id": nil, "appid": "redox", "scope": nil, "roles": []string{"messages"}}
		},
		"authorization server, as Cognito": func(s *redoxtest.AuthorizationServer) {
			s.Header, s.Claims = map[string]any{"typ": nil}, map[string]any{"aud": nil}
		},
		"authorization server, opaque tokens":  func(s *redoxtest.AuthorizationServer) { s.Opaque = true },
		"authorization server, opaque, no aud": func(s *redoxtest.AuthorizationServer) { s.Opaque, s.Claims = true, map[string]any{"aud": nil} },
	} {
		server := redoxtest.NewAuthorizationServer(redoxtest.NewKey("as", "RS256"))
		t.Cleanup(server.Close)
		server.AddClient("redox", clientSecret, "messages")
		server.AddClient("api", "theAPI'sSecret")
		server.Audience = []string{"https://api.example"}
		set(server)
		f := feed{name: name, strategy: "clientcredentials", args: "-jwks " + server.JWKSURL, environment: map[string]string{}}
		if server.Opaque {
			f.args = ""
			f.environment = map[string]string{"OAUTH_INTROSPECTION_URL": server.IntrospectionURL, "OAUTH_INTROSPECTION_ID": "api",
				"OAUTH_INTROSPECTION_SECRET": "theAPI'sSecret", "OAUTH_CLIENT_IDS": "redox"}
			if server.Claims == nil {
				f.environment["OAUTH_AUDIENCE"] = "https://api.example"
			}
		}
		f.sender = func(string) redoxtest.Signer {
			return &redoxtest.ClientCredentials{URL: server.TokenURL, ClientID: "redox", ClientSecret: clientSecret, Scopes: []string{"messages"}}
		}
		f.forgeries = func(string, redoxtest.Signer) []redoxtest.Forgery {
			unknown := func(f redoxtest.Forgery) bool {
				same := server.Claims["azp"] != nil || server.Claims["cid"] != nil || server.Claims["appid"] != nil // of every client
				return f.Name == "other client" && same || f.Name == "no scope" && (same || server.Opaque)
			}
			return slices.DeleteFunc(server.Forgeries("redox", "https://api.example", "messages"), unknown)
		}
		add(f)
	}

	for name, smart := range map[string]*redoxtest.SMARTBackend{
		"SMART, ES384":            {Key: redoxtest.NewKey("s1", "ES384")},
		"SMART, RS384":            {Key: redoxtest.NewKey("s2", "RS384")},
		"SMART, scopes":           {Key: redoxtest.NewKey("s1", "ES384"), Scopes: []string{"system/Patient.read", "system/Observation.rs"}},
		"SMART, another audience": {Key: redoxtest.NewKey("s1", "ES384"), Audience: "https://issuer.example"},
		"SMART, no typ":           {Key: redoxtest.NewKey("s1", "ES384"), Header: map[string]any{"typ": nil}},
		"SMART, jku":              {Key: redoxtest.NewKey("s1", "ES384")},
		"SMART and a token":       {Key: redoxtest.NewKey("s1", "ES384")},
	} {
		f := feed{name: name, strategy: "smartbackend", args: "-keys " + file(t, redoxtest.JWKS(smart.Key)), environment: map[string]string{}}
		switch name {
		case "SMART, jku":
			keys := redoxtest.NewKeyServer(smart.Key)
			t.Cleanup(keys.Close)
			smart.JKU = keys.JWKSURL
			f.args = "-jwks " + keys.JWKSURL
		case "SMART and a token":
			f.token, f.environment["REDOX_TOKENS"] = theToken, theToken
		}
		f.sender = func(url string) redoxtest.Signer {
			return &redoxtest.SMARTBackend{URL: url + "/auth/token", ClientID: "redox-smart", Key: smart.Key, Scopes: smart.Scopes,
				Audience: smart.Audience, JKU: smart.JKU, Header: smart.Header}
		}
		add(f)
	}

	account := google.AddServiceAccount("redox@customer.iam.gserviceaccount.com")
	delegate := google.AddServiceAccount("delegate@customer.iam.gserviceaccount.com")
	for _, strategy := range []string{"gcpjwt", "wif"} {
		for name, audience := range map[string]string{"access token": "", "ID token": "https://api.example"} {
			for _, token := range []string{"", theToken} {
				f := feed{name: strategy + ", " + name + " " + token, strategy: strategy, token: token, args: "-strategy " + strategy, environment: map[string]string{
					"GOOGLE_CERTS_URL": google.CertsURL, "GOOGLE_TOKENINFO_URL": google.TokenInfoURL, "REDOX_TOKENS": token,
					"GCP_SERVICE_ACCOUNTS": account.ID, "WIF_SERVICE_ACCOUNTS": account.ID,
				}}
				f.sender = func(string) redoxtest.Signer {
					return &redoxtest.GCPJWT{Email: account.Email, Key: account.Key, TokenURL: google.TokenURL, TargetAudience: audience}
				}
				if strategy == "wif" {
					var delegates, scope []string
					if token == "" { // what these change goes to Google alone
						delegates, scope = []string{delegate.Email}, []string{"https://www.googleapis.com/auth/cloud-platform"}
					}
					f.sender = func(string) redoxtest.Signer {
						return &redoxtest.WIF{
							Delegates: delegates, STSScope: scope,
							Audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p", TokenURL: google.STSURL,
							ServiceAccountImpersonationURL: google.ImpersonationURL(account.Email), TargetAudience: audience,
							SubjectToken: func(context.Context) (string, error) {
								return redoxtest.NewKey("identity", "RS256").Token(nil, map[string]any{"iss": "https://redox.example"})
							},
						}
					}
				}
				f.forgeries = func(string, redoxtest.Signer) []redoxtest.Forgery { return google.Forgeries(account, audience) }
				add(f)
			}
		}
	}
	return all
}
