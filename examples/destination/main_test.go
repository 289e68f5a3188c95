package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func TestRehearsalIsAsExpected(t *testing.T) {
	var out bytes.Buffer
	if err := rehearse(t.Context(), &out); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	for _, proof := range []string{"verifytoken", "sigv4", "jwtbearer", "clientcredentials", "smartbackend", "gcpjwt", "wif"} {
		if !strings.Contains(out.String(), "\n"+proof+" ") {
			t.Errorf("%s is not rehearsed:\n%s", proof, &out)
		}
	}
}

func TestTableTellsWhatIsUnexpected(t *testing.T) {
	var out bytes.Buffer
	var answers table
	answers.add("sigv4", "genuine", 200, 200, "")
	answers.add("sigv4", "assertion: expired", 401, 401, "expired")
	answers.add("sigv4", "assertion: stale", 401, 401, "expired")
	answers.add("sigv4", "forged", 401, 200, "")
	err := answers.print(&out)
	for _, want := range []string{" genuine\n", " assertion: expired, stale\n", " UNEXPECTED, want 401: forged\n", "4 requests, 3 answered as expected\n"} {
		if err == nil || !strings.Contains(out.String(), want) {
			t.Errorf("error %v, want %q in\n%s", err, want, &out)
		}
	}
}

func TestEnvironmentMustBeComplete(t *testing.T) {
	tests := []struct {
		name, env string
		want      string
	}{
		{"nothing", "", "REDOX_TOKENS: required"},
		{"half of sigv4", "REDOX_TOKENS=t SIGV4_ACCESS_KEY=AK", "sigv4: "},
		{"a token endpoint without its URL", "REDOX_TOKENS=t OAUTH_CLIENT_ID=c OAUTH_CLIENT_SECRETS=s", "PUBLIC_URL"},
		{"both kinds of JWT Bearer", "REDOX_TOKENS=t JWT_ISSUER=i JWT_AUDIENCE=a JWT_SECRET=s GRANT_ISSUER=i", "JWT_ISSUER, GRANT_ISSUER: set only one"},
		{"keys by http", "REDOX_TOKENS=t JWT_ISSUER=i JWT_AUDIENCE=a JWT_JWKS_URL=http://localhost/jwks", "JWT_JWKS_URL: keyset: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, err := fromEnvironment(environmentOf(tt.env))
			if err == nil {
				_, err = newDestination(cfg, slog.New(slog.DiscardHandler))
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func environmentOf(assignments string) func(string) string {
	env := map[string]string{}
	for _, a := range strings.Fields(assignments) {
		name, value, _ := strings.Cut(a, "=")
		env[name] = value
	}
	return func(name string) string { return env[name] }
}

func TestDestinationConfiguredByEnvironment(t *testing.T) {
	key := redoxtest.NewKey("k", "ES384")
	keys := redoxtest.NewKeyServer(key)
	defer keys.Close()
	cfg, err := fromEnvironment(environmentOf(`REDOX_TOKENS=theToken ALLOW_HTTP=1
		SIGV4_ACCESS_KEY=AK SIGV4_SECRET_KEY=secret SIGV4_REGION=us-east-1 SIGV4_SERVICE=execute-api
		JWT_ISSUER=https://redox.example JWT_AUDIENCE=us JWT_JWKS_URL=` + keys.JWKSURL))
	if err != nil {
		t.Fatal(err)
	}
	handler, err := newDestination(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for path, sender := range map[string]redoxtest.Sender{
		"verifytoken": redoxtest.VerificationToken{Token: "theToken"},
		"sigv4":       redoxtest.SigV4{AccessKey: "AK", SecretKey: "secret", AWSRegion: "us-east-1", ServiceName: "execute-api"},
		"jwtbearer":   &redoxtest.JWTBearer{Key: key, Issuer: "https://redox.example", Audience: []string{"us"}},
	} {
		if err := redoxtest.Handshake(ctx, server.URL+"/redox/"+path, "theToken", http.MethodPost); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		response, err := sender.Send(ctx, server.URL+"/redox/"+path, redoxtest.FHIRBundle())
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s", path, response.Status)
		}
	}
	response, err := http.Get(server.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("/healthz: got %s", response.Status)
	}
}
