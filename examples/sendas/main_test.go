package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
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

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// file returns the name of a file with the text.
func file(t *testing.T, text []byte) string {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func privatePEM(key redoxtest.Key) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key.Signer))})
}

// Each strategy sends to a path of its own, where its Verifier waits.
func TestSendAs(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	url := server.URL
	google := redoxtest.NewGoogle()
	defer google.Close()
	account := google.AddServiceAccount("redox@customer.iam.gserviceaccount.com")
	key := redoxtest.NewKey("", "RS384")
	keys, keyFile := must(keyset.ParsePEM(key.PEM())), " -key "+file(t, privatePEM(key))
	secrets := [][]byte{bytes.Repeat([]byte("s"), 32)}
	token := must(verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}}))
	client := must(clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients: []clientcredentials.Client{{ID: "redox", Secrets: []string{"theSecret"}, Scopes: []string{"messages"}}},
		Issuer:  url, Audience: url + "/clientcredentials", TokenSecrets: secrets,
	}))
	smart := must(smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
		Clients:  []smartbackend.Client{{ID: "redox", Keys: keys, Scopes: []string{"system/*.rs"}}},
		TokenURL: url + "/smart/token", Issuer: url, Audience: url + "/smartbackend", TokenSecrets: secrets, Replay: replay.NewMemory(100),
	}))
	grant := must(jwtbearer.NewTokenEndpoint(jwtbearer.EndpointConfig{
		Signers:  []jwtbearer.Signer{{Issuer: "redox", Keys: keys, Algorithms: []string{"RS384"}}},
		TokenURL: url + "/grant/token", Issuer: url, Audience: url + "/jwtbearer", TokenSecrets: secrets, Replay: replay.NewMemory(100),
	}))
	mux.Handle("/token", client)
	mux.Handle("/grant/token", grant)
	mux.Handle("/smart/token", smart)
	endpoints := gcpjwt.Endpoints{CertsURL: google.CertsURL, TokenInfoURL: google.TokenInfoURL}
	subject := must(redoxtest.NewKey("identity", "RS256").Token(nil, map[string]any{"iss": "https://redox.example"}))

	type attempt struct {
		args  string
		want  string // of the output or the error
		fails bool
	}
	accepted := map[string]bool{}
	for _, tt := range []struct {
		strategy string
		verifier redoxauth.Verifier
		args     string // of all attempts
		attempts []attempt
	}{
		{"handshake", token, "", []attempt{
			{"-token theToken", "answered the challenge", false},
			{"-token theToken -method GET", "answered the challenge", false},
			{"-secret theToken", "answered the challenge", false},
			{"-token guessed", `401 Unauthorized, want 200: the destination does not accept the proof`, true},
		}},
		{"verifytoken", token, "", []attempt{
			{"-token theToken", "200 OK", false},
			{"-secret theToken", "200 OK", false},
			{"-token guessed", "pause the feed", true},
			{"-token guessed", "the destination does not accept the proof", true},
		}},
		{"sigv4", must(sigv4.New(sigv4.Config{
			Credentials: []sigv4.Credential{{AccessKeyID: "AK", SecretAccessKey: "theSecret"}}, Region: "us-east-1", Service: "execute-api",
		})), "-access-key AK -region us-east-1 -service execute-api", []attempt{
			{"-secret theSecret", "200 OK", false},
			{"-secret theSecret -challenge", "answered the challenge", false},
			{"-secret theSecret -challenge -method GET", "answered the challenge", false},
			{"-secret guessed -declare-hash", "401", true},
			{"-secret guessed -challenge", `"Verify & Save" would fail`, true},
		}},
		{"jwtbearer", redoxauth.AnyOf(must(grant.Verifier()), must(jwtbearer.New(jwtbearer.Config{
			Keys: keys, Issuer: "redox", Audience: []string{"us"}, Algorithms: []string{"RS384"},
		}))), "-algorithm RS384 -issuer redox", []attempt{
			{"-audience us" + keyFile, "200 OK", false},
			{"-audience them" + keyFile, "401", true},
			{"-audience us", "-key or -secret is required for -strategy jwtbearer", true},
			{"-token-url " + url + "/grant/token -subject feed" + keyFile, "200 OK", false},
			{"-token-url " + url + "/grant/token -subject feed -audience them" + keyFile, "400 invalid_grant", true},
		}},
		{"clientcredentials", must(client.Verifier()), "-client-id redox -token-url " + url + "/token", []attempt{
			{"-secret theSecret", "200 OK", false},
			{"-secret guessed", "401 invalid_client", true},
			{"-secret guessed", "the log of the token endpoint has the reason", true},
			{"-secret guessed -challenge", "the log of the token endpoint has the reason", true},
		}},
		{"smartbackend", must(smart.Verifier()), "-token-url " + url + "/smart/token" + keyFile, []attempt{
			{"-client-id redox", "200 OK", false},
			{"-client-id other", "401 invalid_client", true},
		}},
		{"gcpjwt", must(gcpjwt.New(gcpjwt.Config{
			ServiceAccounts: []string{account.ID}, Audience: []string{url}, AccessTokens: true, Endpoints: endpoints, InsecureAllowHTTP: true,
		})), "-account " + account.Email + " -token-url " + google.TokenURL + " -kid " + account.Key.ID + " -key " + file(t, privatePEM(account.Key)), []attempt{
			{"", "200 OK", false},
			{"-audience " + url, "200 OK", false},
			{"-audience https://other.example", "401", true},
		}},
		{"wif", must(wif.New(wif.Config{
			ServiceAccounts: []string{account.ID}, AccessTokens: true, Endpoints: wif.Endpoints(endpoints), InsecureAllowHTTP: true,
		})), "-token-url " + google.STSURL + " -audience //iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p", []attempt{
			{"-impersonation-url " + google.ImpersonationURL(account.Email) + " -subject-token " + file(t, []byte(subject+"\n")), "200 OK", false},
			{"-audience projects/1 -subject-token " + file(t, []byte(subject)), "token endpoint answered 400 invalid_request; the log of the token endpoint", true},
		}},
		{"saml", token, "", []attempt{{"-secret theSecret", "is not one of handshake, verifytoken", true}}},
	} {
		mux.Handle("/"+tt.strategy, token.Handshake(redoxauth.Middleware(tt.verifier, nil)(verifytoken.Challenge(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))))
		for _, a := range tt.attempts {
			var out bytes.Buffer
			err := run(strings.Fields("-strategy "+tt.strategy+" -url "+url+"/"+tt.strategy+" "+tt.args+" "+a.args), &out)
			got := out.String()
			if err != nil {
				got += err.Error()
			}
			if (err != nil) != a.fails || !strings.Contains(got, a.want) {
				t.Errorf("%s %s: got %q, error %v, want %q", tt.strategy, a.args, got, err, a.want)
			}
			if strings.Contains(got, "theSecret") || strings.Contains(got, "guessed") {
				t.Errorf("%s %s: the output shows a secret: %s", tt.strategy, a.args, got)
			}
			accepted[tt.strategy] = accepted[tt.strategy] || err == nil
		}
	}
	for _, s := range strategies {
		if !accepted[s.name] {
			t.Errorf("%s: no message was accepted", s.name)
		}
	}
}

func TestEveryFlagBelongsToAStrategy(t *testing.T) {
	t.Setenv("SENDAS_SECRET", "theSecret")
	var usage bytes.Buffer
	f := new(settings).flags()
	f.SetOutput(&usage)
	f.Usage()
	if strings.Contains(usage.String(), "theSecret") {
		t.Error("-h shows the secret")
	}
	used := " -token -" + strings.Join(common, " -") + " "
	for _, s := range strategies {
		used += s.flags + " "
	}
	for _, name := range regexp.MustCompile(`-[a-z-]+`).FindAllString(used, -1) {
		if f.Lookup(name[1:]) == nil {
			t.Errorf("the table names %s, which is no flag", name)
		}
	}
	f.VisitAll(func(f *flag.Flag) {
		if !regexp.MustCompile(`-` + f.Name + `[ \]|]`).MatchString(used) {
			t.Errorf("no strategy uses -%s", f.Name)
		}
	})
}
