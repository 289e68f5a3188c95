package redoxtest_test

import (
	"bytes"
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A target accepts what a sender sends.
type target struct {
	name      string
	verifier  redoxauth.Verifier
	sender    redoxtest.Sender
	forgeries []redoxtest.Forgery
}

// targets returns one target or more for each sender. It adds token endpoints to mux, which
// is served at url.
func targets(t *testing.T, mux *http.ServeMux, url string) []target {
	key := redoxtest.NewKey("1", "ES384")
	keys := must(keyset.ParseJWKS(redoxtest.JWKS(key)))
	secrets := [][]byte{bytes.Repeat([]byte("s"), 32)}

	verification := redoxtest.VerificationToken{Token: "theToken"}
	signature := redoxtest.SigV4{AccessKey: "AK", SecretKey: "secret", AWSRegion: "us-east-1", ServiceName: "redox"}
	direct := &redoxtest.JWTBearer{Key: key, Issuer: "redox", Audience: []string{"us"}}

	grantEndpoint := must(jwtbearer.NewTokenEndpoint(jwtbearer.EndpointConfig{
		Signers:  []jwtbearer.Signer{{Issuer: "redox", Subject: "feed", Keys: keys, Algorithms: []string{"ES384"}, Scopes: []string{"write"}}},
		TokenURL: url + "/grant", Issuer: url, Audience: "grant", TokenSecrets: secrets, Replay: replay.NewMemory(100),
	}))
	mux.Handle("/grant", grantEndpoint)
	grant := &redoxtest.JWTBearer{Key: key, Issuer: "redox", Subject: "feed", TokenURL: url + "/grant"}

	clientEndpoint := must(clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients: []clientcredentials.Client{{ID: "redox", Secrets: []string{"secret"}, Scopes: []string{"write"}}},
		Issuer:  url, Audience: "client", TokenSecrets: secrets,
	}))
	mux.Handle("/client", clientEndpoint)
	client := &redoxtest.ClientCredentials{URL: url + "/client", ClientID: "redox", ClientSecret: "secret"}

	smartEndpoint := must(smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
		Clients:  []smartbackend.Client{{ID: "redox", Keys: keys, Scopes: []string{"system/*.rs"}}},
		TokenURL: url + "/smart", Issuer: url, Audience: "smart", TokenSecrets: secrets, Replay: replay.NewMemory(100),
	}))
	mux.Handle("/smart", smartEndpoint)
	smart := &redoxtest.SMARTBackend{URL: url + "/smart", ClientID: "redox", Key: key}

	// As in the example of smartbackend.NewTokenEndpoint.
	creatorEndpoint := must(smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
		Clients:  []smartbackend.Client{{ID: "redox", Keys: keys, Scopes: []string{"system/*.cud"}}},
		TokenURL: url + "/creator", Issuer: url, Audience: "creator", TokenSecrets: secrets, Replay: replay.NewMemory(100),
	}))
	mux.Handle("/creator", creatorEndpoint)
	creator := &redoxtest.SMARTBackend{URL: url + "/creator", ClientID: "redox", Key: key, Scopes: []string{"system/*.cud"}}

	server := func(opaque bool) (*redoxtest.AuthorizationServer, *redoxtest.ClientCredentials) {
		s := redoxtest.NewAuthorizationServer(redoxtest.NewKey("as", "RS256"))
		t.Cleanup(s.Close)
		s.Opaque = opaque
		s.AddClient("redox", "secret", "write")
		s.AddClient("us", "secret")
		return s, &redoxtest.ClientCredentials{URL: s.TokenURL, ClientID: "redox", ClientSecret: "secret", Audience: "us"}
	}
	jwtServer, jwtSender := server(false)
	opaqueServer, opaqueSender := server(true)
	google := redoxtest.NewGoogle()
	t.Cleanup(google.Close)
	account := google.AddServiceAccount(email)

	all := []target{
		{"verifytoken", must(verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})), verification, verification.Forgeries()},
		{"sigv4", must(sigv4.New(sigv4.Config{
			Credentials: []sigv4.Credential{{AccessKeyID: "AK", SecretAccessKey: "secret"}}, Region: "us-east-1", Service: "redox",
		})), signature, signature.Forgeries()},
		{"jwt", must(jwtbearer.New(jwtbearer.Config{Keys: keys, Algorithms: []string{"ES384"}, Issuer: "redox", Audience: []string{"us"}})), direct, direct.Forgeries()},
		{"grant", must(grantEndpoint.Verifier("write")), grant, grant.Forgeries()},
		{"client", must(clientEndpoint.Verifier("write")), client, client.Forgeries()},
		{"smart", must(smartEndpoint.Verifier("system/*.rs")), smart, smart.Forgeries()},
		{"smart-cud", must(creatorEndpoint.Verifier("system/*.c")), creator, creator.Forgeries()},
		{"external-jwt", must(clientcredentials.New(clientcredentials.Config{
			Keys:   must(keyset.ParseJWKS(redoxtest.JWKS(jwtServer.Key()))),
			Issuer: jwtServer.Issuer, Audience: []string{"us"}, ClientIDs: []string{"redox"}, Scopes: []string{"write"},
		})), jwtSender, jwtServer.Forgeries("redox", "us", "write")},
		{"introspection", must(clientcredentials.NewIntrospection(clientcredentials.IntrospectionConfig{
			URL: opaqueServer.IntrospectionURL, InsecureAllowHTTP: true, ClientID: "us", ClientSecret: "secret",
			Audience: []string{"us"}, ClientIDs: []string{"redox"}, Scopes: []string{"write"},
		})), opaqueSender, opaqueServer.Forgeries("redox", "us", "write")},
		{"google", must(gcpjwt.New(gcpjwt.Config{
			ServiceAccounts: []string{account.ID}, Audience: []string{"us"}, AccessTokens: true, Scopes: []string{"write"},
			Endpoints: gcpjwt.Endpoints{CertsURL: google.CertsURL, TokenInfoURL: google.TokenInfoURL}, InsecureAllowHTTP: true,
		})), &redoxtest.GCPJWT{Email: account.Email, Key: account.Key, TokenURL: google.TokenURL, Scopes: []string{"write"}}, google.Forgeries(account, "us", "write")},
		{"wif", must(wif.New(wif.Config{
			ServiceAccounts: []string{account.ID}, AccessTokens: true, Scopes: []string{"write"},
			Endpoints: wif.Endpoints{CertsURL: google.CertsURL, TokenInfoURL: google.TokenInfoURL}, InsecureAllowHTTP: true,
		})), &redoxtest.WIF{
			Audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p", TokenURL: google.STSURL,
			ServiceAccountImpersonationURL: google.ImpersonationURL(email), Scope: []string{"write"},
			SubjectToken: func(context.Context) (string, error) { return "a token of Redox's own identity", nil },
		}, google.Forgeries(account, "", "write")},
	}
	for _, p := range servers {
		s, sender := server(false)
		s.Header, s.ClaimsFunc = map[string]any{"typ": p.typ}, p.claims
		types := []string{""}
		if p.typ != nil {
			types = []string{"JWT"}
		}
		all = append(all, target{p.name, must(clientcredentials.New(clientcredentials.Config{
			Keys:   must(keyset.ParseJWKS(redoxtest.JWKS(s.Key()))),
			Issuer: s.Issuer, Audience: []string{"us"}, ClientIDs: []string{"redox"}, Scopes: []string{"write"},
			Types: types, ClientIDClaim: p.client, ScopeClaim: p.scope,
		})), sender, s.Forgeries("redox", "us", "write")})
	}
	return all
}

// servers are what an AuthorizationServer can play. COMPATIBILITY.md of clientcredentials has the
// sources.
var servers = []struct {
	name          string
	typ           any
	client, scope string // claims
	claims        func(clientID string, scopes []string) map[string]any
}{
	{"auth0", "JWT", "azp", "", func(clientID string, _ []string) map[string]any {
		return map[string]any{"client_id": nil, "azp": clientID, "sub": clientID + "@clients", "jti": nil, "gty": "client-credentials"}
	}},
	{"okta", nil, "cid", "scp", func(clientID string, scopes []string) map[string]any {
		return map[string]any{"client_id": nil, "cid": clientID, "scope": nil, "scp": scopes, "ver": 1}
	}},
	{"entra-v1", "JWT", "appid", "roles", func(clientID string, scopes []string) map[string]any {
		return map[string]any{"client_id": nil, "appid": clientID, "scope": nil, "roles": scopes, "sub": "22223333", "jti": nil, "ver": "1.0"}
	}},
	{"entra-v2", "JWT", "azp", "roles", func(clientID string, scopes []string) map[string]any {
		return map[string]any{"client_id": nil, "azp": clientID, "scope": nil, "roles": scopes, "sub": "22223333", "jti": nil, "ver": "2.0"}
	}},
	{"keycloak", "JWT", "azp", "", func(clientID string, scopes []string) map[string]any {
		return map[string]any{"azp": clientID, "sub": "b4c2a3f0", "typ": "Bearer", "scope": strings.Join(append(scopes, "profile"), " ")}
	}},
}

// A sender without a target would be untested.
func TestEverySenderIsATarget(t *testing.T) {
	tested := map[string]bool{"Forgery": true, "Pair": true} // made of other senders
	for _, target := range targets(t, http.NewServeMux(), "https://destination.example") {
		tested[reflect.Indirect(reflect.ValueOf(target.sender)).Type().Name()] = true
	}
	senders := 0
	for _, name := range must(filepath.Glob("*.go")) {
		for _, d := range must(parser.ParseFile(token.NewFileSet(), name, nil, 0)).Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "Send" || strings.HasSuffix(name, "_test.go") {
				continue
			}
			senders++
			if typ := strings.TrimPrefix(types.ExprString(f.Recv.List[0].Type), "*"); ast.IsExported(typ) && !tested[typ] {
				t.Errorf("%s has no target", typ)
			}
		}
	}
	if senders < len(tested) {
		t.Errorf("found %d senders, tested %v", senders, tested)
	}
}

func TestForgeriesAreRefused(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for _, target := range targets(t, mux, server.URL) {
		t.Run(target.name, func(t *testing.T) {
			t.Parallel() // a key set waits for its Cooldown
			decisions := make(chan error, 1)
			mux.Handle("/"+target.name+"/", redoxauth.Middleware(target.verifier, &redoxauth.Options{
				Observe: func(_ *http.Request, d redoxauth.Decision) { decisions <- d.Err },
			})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
			send := func(s redoxtest.Sender) (status int, err error) {
				response, err := s.Send(t.Context(), server.URL+"/"+target.name+"/redox?feed=1", redoxtest.PatientAdmin())
				if err != nil {
					return 0, err
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
				return response.StatusCode, nil
			}
			if status, err := send(target.sender); status != http.StatusOK {
				t.Fatalf("genuine: status %d, error %v", status, err)
			}
			<-decisions
			names := map[string]bool{"": true}
			for _, f := range target.forgeries {
				if names[f.Name] {
					t.Errorf("%q: no name of its own", f.Name)
				}
				names[f.Name] = true
				status, err := send(f)
				var refused *redoxtest.TokenError
				if errors.As(err, &refused) {
					status = refused.StatusCode
				}
				if status != f.Status || (refused != nil) != f.TokenRequest || err != nil && refused == nil {
					t.Errorf("%s: status %d, error %v, want %d", f.Name, status, err, f.Status)
				}
				if err == nil {
					if d := <-decisions; errors.Is(d, redoxauth.ErrNoCredentials) != f.NoCredentials {
						t.Errorf("%s: %v, NoCredentials: %t", f.Name, d, f.NoCredentials)
					}
				}
			}
		})
	}
}

func TestForgedRequestsAreForVerifiers(t *testing.T) {
	s := redoxtest.SigV4{AccessKey: "AK", SecretKey: "secret", AWSRegion: "us-east-1", ServiceName: "redox"}
	requests := redoxtest.ForgedRequests(s.Forgeries())
	if requests["no credential"] != nil || len(requests) != len(s.Forgeries())-1 {
		t.Errorf("%d requests of %d forgeries, want all but the one without a credential", len(requests), len(s.Forgeries()))
	}
	if r := requests["query changed"](); r.URL.RawQuery != "feed=1&admin=true" || r.RequestURI != "/redox?feed=1&admin=true" {
		t.Errorf("query %q, request line %q", r.URL.RawQuery, r.RequestURI)
	}
}

func TestReplay(t *testing.T) {
	destination := record(t, nil)
	response, err := redoxtest.Replay(&redoxtest.JWTBearer{Key: redoxtest.NewKey("1", "ES256")}).Send(context.Background(), destination.URL, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if sent := destination.all(); len(sent) != 2 || sent[0] != sent[1] {
		t.Errorf("sent %v, want one request twice", sent)
	}
}

// If the genuine sender gets no token, nothing is forged. That must not look like a refusal.
func TestForgeryNeedsTheGenuineToken(t *testing.T) {
	s := redoxtest.NewAuthorizationServer()
	defer s.Close()
	sender := &redoxtest.ClientCredentials{URL: s.TokenURL, ClientID: "unknown", ClientSecret: "secret"}
	for _, f := range sender.Forgeries() {
		var refused *redoxtest.TokenError
		err := f.Sign(httptest.NewRequest(http.MethodPost, "/redox", nil))
		if (err == nil) != f.NoCredentials || errors.As(err, &refused) != f.TokenRequest {
			t.Errorf("%s: error %v", f.Name, err)
		}
	}
}
