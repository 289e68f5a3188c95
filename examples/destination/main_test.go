package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func TestRehearsalIsAsExpected(t *testing.T) {
	var out bytes.Buffer
	if err := rehearse(t.Context(), &out); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	for _, s := range strategies {
		if !strings.Contains(out.String(), "\n"+s.name+" ") {
			t.Errorf("%s is not rehearsed:\n%s", s.name, &out)
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
		{"a required token without one", "REQUIRE_TOKEN=1 GCP_SERVICE_ACCOUNTS=112233445566778899001 GCP_AUDIENCE=a", "REDOX_TOKENS: required with REQUIRE_TOKEN"},
		{"half of sigv4", "REDOX_TOKENS=t SIGV4_ACCESS_KEY=AK", "SIGV4_SECRET_KEY: required (sigv4.Config.Credentials[0].SecretAccessKey)"},
		{"a token endpoint without its URL", "REDOX_TOKENS=t OAUTH_CLIENT_ID=c OAUTH_CLIENT_SECRETS=s", "PUBLIC_URL"},
		{"both kinds of JWT Bearer", "REDOX_TOKENS=t JWT_ISSUER=i JWT_AUDIENCE=a JWT_SECRET=s GRANT_ISSUER=i", "JWT_ISSUER, GRANT_ISSUER: set only one"},
		{"two kinds of OAuth", "REDOX_TOKENS=t OAUTH_ISSUER=i OAUTH_INTROSPECTION_URL=u", "OAUTH_ISSUER, OAUTH_INTROSPECTION_URL: set only one"},
		{"keys by http", "REDOX_TOKENS=t JWT_ISSUER=i JWT_AUDIENCE=a JWT_JWKS_URL=http://localhost/jwks", "JWT_JWKS_URL: http, want https (ALLOW_HTTP allows http) (keyset.RemoteConfig.URL)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := &rehearsal{env: environment{}}
			h.set(tt.env)
			_, err := h.destination().handler()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// A destination with a credential and no verification token passes "Verify & Save".
func TestDestinationWithoutAToken(t *testing.T) {
	h := &rehearsal{env: environment{}}
	h.set("SIGV4_ACCESS_KEY=AK SIGV4_SECRET_KEY=aSecretKeyForTests SIGV4_REGION=us-east-1 SIGV4_SERVICE=redox")
	handler, err := h.destination().handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	url := server.URL + "/redox/sigv4"
	sender := redoxtest.SigV4{AccessKey: "AK", SecretKey: "aSecretKeyForTests", AWSRegion: "us-east-1", ServiceName: "redox"}
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		if err := redoxtest.SignedHandshake(t.Context(), url, sender, method); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		if err := redoxtest.SignedHandshake(t.Context(), url, redoxtest.VerificationToken{Token: "any"}, method); err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("%s, no signature: got %v, want 401", method, err)
		}
	}
}

func TestEveryStrategyIsServedAndDocumented(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	defer server.Close()
	h := newRehearsal("http://" + server.Listener.Addr().String())
	defer h.close()
	d := h.destination()
	for _, name := range knownVariables() {
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(usage()) {
			t.Errorf("-h does not explain %s", name)
		}
	}
	handler, err := d.handler()
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = handler
	server.Start()
	get := func(path string) int {
		response, err := http.Get(h.url + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	for _, s := range strategies {
		if err := redoxtest.Handshake(t.Context(), h.url+"/redox/"+s.name, h.env["REDOX_TOKENS"], http.MethodPost); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		for _, path := range append([]string{"/redox/" + s.name}, s.endpoints...) {
			if status := get(path); status == http.StatusNotFound && s.rehearse != nil || !strings.Contains(usage(), path+"\n") {
				t.Errorf("%s: status %d, or -h does not list it", path, status)
			}
		}
	}
	if status := get("/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: got %d", status)
	}
}
