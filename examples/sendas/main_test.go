package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// destination returns the URL of a server that verifies what this command sends.
func destination(t *testing.T, key redoxtest.Key) string {
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	must(err)
	signature, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "AK", SecretAccessKey: "theSecret"}}, Region: "us-east-1", Service: "execute-api",
	})
	must(err)
	keys, err := keyset.ParsePEM(key.PEM())
	must(err)
	jwt, err := jwtbearer.New(jwtbearer.Config{Keys: keys, Issuer: "redox", Audience: []string{"us"}})
	must(err)
	endpoint, err := clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients: []clientcredentials.Client{{ID: "redox", Secrets: []string{"theSecret"}, Scopes: []string{"messages"}}},
		Issuer:  "https://us.example", Audience: "https://us.example/redox",
		TokenSecrets: [][]byte{bytes.Repeat([]byte("s"), 32)},
	})
	must(err)
	issued, err := endpoint.Verifier()
	must(err)
	mux := http.NewServeMux()
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/verifytoken", token.Handshake(token.Wrap(ok)))
	mux.Handle("/sigv4", signature.Wrap(ok))
	mux.Handle("/jwtbearer", jwt.Wrap(ok))
	mux.Handle("/clientcredentials", issued.Wrap(ok))
	mux.Handle("/token", endpoint)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// privatePEM returns a file that holds the private key.
func privatePEM(t *testing.T, key redoxtest.Key) string {
	der, err := x509.MarshalPKCS8PrivateKey(key.Signer)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "private.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSendAs(t *testing.T) {
	key := redoxtest.NewKey("", "ES256")
	pemFile := privatePEM(t, key)
	url := destination(t, key)
	tests := []struct {
		args, path string
		want       string // of the output or the error
		fails      bool
	}{
		{"-strategy handshake -secret theToken", "/verifytoken", "answered the challenge", false},
		{"-strategy handshake -secret theToken -method GET", "/verifytoken", "answered the challenge", false},
		{"-strategy handshake -secret guessed", "/verifytoken", "401", true},
		{"-strategy verifytoken -secret theToken", "/verifytoken", "200 OK", false},
		{"-strategy verifytoken -secret guessed", "/verifytoken", "pause the feed", true},
		{"-strategy sigv4 -access-key AK -secret theSecret -region us-east-1 -service execute-api", "/sigv4", "200 OK", false},
		{"-strategy sigv4 -access-key AK -secret guessed -region us-east-1 -service execute-api -declare-hash", "/sigv4", "401", true},
		{"-strategy jwtbearer -algorithm ES256 -issuer redox -audience us -key " + pemFile, "/jwtbearer", "200 OK", false},
		{"-strategy jwtbearer -algorithm ES256 -issuer redox -audience them -key " + pemFile, "/jwtbearer", "401", true},
		{"-strategy clientcredentials -client-id redox -secret theSecret -token-url " + url + "/token", "/clientcredentials", "200 OK", false},
		{"-strategy clientcredentials -client-id redox -secret guessed -token-url " + url + "/token", "/clientcredentials", "401 invalid_client", true},
		{"-strategy jwtbearer", "/jwtbearer", "-key or -secret is required", true},
		{"-strategy saml -secret x", "/saml", "is not one of handshake, verifytoken", true},
	}
	for _, tt := range tests {
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
			if strings.Contains(got, "theSecret") || strings.Contains(got, "guessed") {
				t.Errorf("the output shows a secret: %s", got)
			}
		})
	}
}
