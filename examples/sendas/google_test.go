package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
)

// These strategies get their tokens elsewhere. A fake Google issues them.
func TestSendAsWithTokensOfOthers(t *testing.T) {
	google := redoxtest.NewGoogle()
	defer google.Close()
	account := google.AddServiceAccount("redox@customer.iam.gserviceaccount.com")
	smartKey := redoxtest.NewKey("s1", "RS384")
	server := httptest.NewUnstartedServer(nil)
	defer server.Close()
	url := "http://" + server.Listener.Addr().String()
	server.Config.Handler = othersDestination(t, url, google, account, smartKey)
	server.Start()

	subject := filepath.Join(t.TempDir(), "subject.jwt")
	token, err := redoxtest.NewKey("identity", "RS256").Token(nil, map[string]any{"iss": "https://redox.example"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(subject, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	gcp := "-strategy gcpjwt -account " + account.Email + " -token-url " + google.TokenURL + " -kid " + account.Key.ID + " -key " + privatePEM(t, account.Key)
	for _, tt := range []struct {
		args, path, want string
		fails            bool
	}{
		{"-strategy smartbackend -client-id redox -kid s1 -token-url " + url + "/token -key " + privatePEM(t, smartKey), "/smartbackend", "200 OK", false},
		{"-strategy smartbackend -client-id other -kid s1 -token-url " + url + "/token -key " + privatePEM(t, smartKey), "/smartbackend", "401 invalid_client", true},
		{gcp, "/gcpjwt", "200 OK", false},
		{gcp + " -audience " + url, "/gcpjwt", "200 OK", false},
		{gcp + " -audience https://other.example", "/gcpjwt", "401", true},
		{"-strategy wif -token-url " + google.STSURL + " -impersonation-url " + google.ImpersonationURL(account.Email) +
			" -audience //iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p -subject-token " + subject, "/wif", "200 OK", false},
	} {
		t.Run(tt.args, func(t *testing.T) {
			var out bytes.Buffer
			err := run(append(strings.Fields(tt.args), "-url", url+tt.path), &out)
			got := out.String()
			if err != nil {
				got += err.Error()
			}
			if (err != nil) != tt.fails || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, error %v, want %q", got, err, tt.want)
			}
		})
	}
}

func othersDestination(t *testing.T, url string, google *redoxtest.Google, account redoxtest.ServiceAccount, smartKey redoxtest.Key) http.Handler {
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(smartKey))
	must(err)
	smart, err := smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
		Clients:  []smartbackend.Client{{ID: "redox", Keys: keys, Scopes: []string{"system/*.rs"}}},
		TokenURL: url + "/token", Issuer: url, Audience: url + "/smartbackend",
		TokenSecrets: [][]byte{bytes.Repeat([]byte("s"), 32)}, Replay: replay.NewMemory(100),
	})
	must(err)
	endpoints := gcpjwt.Endpoints{CertsURL: google.CertsURL, TokenInfoURL: google.TokenInfoURL}
	gcp, err := gcpjwt.New(gcpjwt.Config{
		ServiceAccounts: []string{account.ID}, Audience: []string{url}, AccessTokens: true, Endpoints: endpoints, InsecureAllowHTTP: true,
	})
	must(err)
	federated, err := wif.New(wif.Config{
		ServiceAccounts: []string{account.ID}, AccessTokens: true, Endpoints: wif.Endpoints(endpoints), InsecureAllowHTTP: true,
	})
	must(err)
	smartVerifier, err := smart.Verifier()
	must(err)
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	mux := http.NewServeMux()
	mux.Handle("/token", smart)
	mux.Handle("/smartbackend", smartVerifier.Wrap(ok))
	mux.Handle("/gcpjwt", gcp.Wrap(ok))
	mux.Handle("/wif", federated.Wrap(ok))
	return mux
}
