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

// destination returns the URL of a server that verifies what this command sends. Each
// strategy has its own path.
func destination(t *testing.T, key redoxtest.Key, google *redoxtest.Google, account redoxtest.ServiceAccount) string {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	url := server.URL
	keys := must(keyset.ParsePEM(key.PEM()))
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
	mux.Handle("/token", client)
	mux.Handle("/smart/token", smart)
	endpoints := gcpjwt.Endpoints{CertsURL: google.CertsURL, TokenInfoURL: google.TokenInfoURL}
	for name, v := range map[string]redoxauth.Verifier{
		"verifytoken": token,
		"sigv4": must(sigv4.New(sigv4.Config{
			Credentials: []sigv4.Credential{{AccessKeyID: "AK", SecretAccessKey: "theSecret"}}, Region: "us-east-1", Service: "execute-api",
		})),
		"jwtbearer":         must(jwtbearer.New(jwtbearer.Config{Keys: keys, Issuer: "redox", Audience: []string{"us"}, Algorithms: []string{"RS384"}})),
		"clientcredentials": must(client.Verifier()),
		"smartbackend":      must(smart.Verifier()),
		"gcpjwt": must(gcpjwt.New(gcpjwt.Config{
			ServiceAccounts: []string{account.ID}, Audience: []string{url}, AccessTokens: true, Endpoints: endpoints, InsecureAllowHTTP: true,
		})),
		"wif": must(wif.New(wif.Config{
			ServiceAccounts: []string{account.ID}, AccessTokens: true, Endpoints: wif.Endpoints(endpoints), InsecureAllowHTTP: true,
		})),
	} {
		mux.Handle("/"+name, token.Handshake(redoxauth.Middleware(v, nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))))
	}
	return url
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

func TestSendAs(t *testing.T) {
	google := redoxtest.NewGoogle()
	defer google.Close()
	account := google.AddServiceAccount("redox@customer.iam.gserviceaccount.com")
	key := redoxtest.NewKey("", "RS384")
	url := destination(t, key, google, account)

	const signature = "-strategy sigv4 -access-key AK -region us-east-1 -service execute-api"
	jwt := "-strategy jwtbearer -algorithm RS384 -issuer redox -key " + file(t, privatePEM(key))
	client := "-strategy clientcredentials -client-id redox -token-url " + url + "/token"
	smart := "-strategy smartbackend -token-url " + url + "/smart/token -key " + file(t, privatePEM(key))
	gcp := "-strategy gcpjwt -account " + account.Email + " -token-url " + google.TokenURL + " -kid " + account.Key.ID + " -key " + file(t, privatePEM(account.Key))
	subject := must(redoxtest.NewKey("identity", "RS256").Token(nil, map[string]any{"iss": "https://redox.example"}))
	tests := []struct {
		args  string
		want  string // of the output or the error
		fails bool
	}{
		{"-strategy handshake -secret theToken", "answered the challenge", false},
		{"-strategy handshake -secret theToken -method GET", "answered the challenge", false},
		{"-strategy handshake -secret guessed", "401", true},
		{"-strategy verifytoken -secret theToken", "200 OK", false},
		{"-strategy verifytoken -secret guessed", "pause the feed", true},
		{signature + " -secret theSecret", "200 OK", false},
		{signature + " -secret guessed -declare-hash", "401", true},
		{jwt + " -audience us", "200 OK", false},
		{jwt + " -audience them", "401", true},
		{"-strategy jwtbearer", "-key or -secret is required", true},
		{client + " -secret theSecret", "200 OK", false},
		{client + " -secret guessed", "401 invalid_client", true},
		{smart + " -client-id redox", "200 OK", false},
		{smart + " -client-id other", "401 invalid_client", true},
		{gcp, "200 OK", false},
		{gcp + " -audience " + url, "200 OK", false},
		{gcp + " -audience https://other.example", "401", true},
		{"-strategy wif -token-url " + google.STSURL + " -impersonation-url " + google.ImpersonationURL(account.Email) +
			" -audience //iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p -subject-token " + file(t, []byte(subject+"\n")), "200 OK", false},
		{"-strategy saml -secret x", "is not one of handshake, verifytoken", true},
	}
	sent := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			args := strings.Fields(tt.args)
			path := strings.Replace(args[1], "handshake", "verifytoken", 1)
			var out bytes.Buffer
			err := run(append(args, "-url", url+"/"+path), &out)
			got := out.String()
			if err != nil {
				got += err.Error()
			}
			if (err != nil) != tt.fails || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, error %v, want %q", got, err, tt.want)
			}
			if strings.Contains(got, "theSecret") || strings.Contains(got, "guessed") {
				t.Errorf("the output shows a secret: %s", got)
			}
			sent[args[1]] = sent[args[1]] || err == nil
		})
	}
	for _, s := range strategies {
		if !sent[s.name] {
			t.Errorf("%s: sent no message that was accepted", s.name)
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
	used := " -url -strategy -message -method -timeout "
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
