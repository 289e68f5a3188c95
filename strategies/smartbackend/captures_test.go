package smartbackend_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

// Token requests as independent clients sent them. Clients that follow RFC 10070 name
// the issuer in aud.
func TestRecordedClients(t *testing.T) {
	jwks, err := os.ReadFile("../internal/testdata/keys/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	set, err := keyset.ParseJWKS(jwks)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../internal/testdata/oauth/*.http")
	if err != nil {
		t.Fatal(err)
	}
	const issuer = "http://127.0.0.1:18080"
	found := map[string]int{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(raw, []byte("POST /token ")) {
			continue
		}
		name := filepath.Base(file)
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Fatal(err)
		}
		p, err := url.ParseQuery(string(body))
		if err != nil {
			t.Fatal(err)
		}
		// send sends the request, with one parameter altered.
		send := func(want, parameter, value string, audiences ...string) {
			t.Helper()
			altered := maps.Clone(p)
			altered.Set(parameter, value)
			r := request.Clone(t.Context())
			encoded := altered.Encode()
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(encoded)), int64(len(encoded))
			newEndpoint(t, func(c *smartbackend.EndpointConfig) {
				c.Clients = []smartbackend.Client{{ID: "redox-client:1", Keys: set, Scopes: []string{"system/*.rs"}}}
				c.TokenURL, c.AssertionAudiences, c.Audience = issuer+"/token", audiences, "https://customer.example/inbound"
				c.Now = func() time.Time { return issuedAt(t, p.Get("client_assertion")) }
			}).ask(t, r, want)
		}
		kind, want, wantWithIssuer := "refused", "401 invalid_client", "401 invalid_client"
		switch {
		case p.Get("grant_type") != "client_credentials":
			want, wantWithIssuer = "400 unsupported_grant_type", "400 unsupported_grant_type"
		case strings.HasPrefix(name, "axios-jose_smart-"):
			kind, want, wantWithIssuer = "SMART", "200", "401 invalid_client"
		case strings.HasPrefix(name, "openid-client_privatekeyjwt-ES384"), strings.HasPrefix(name, "openid-client_privatekeyjwt-RS384"):
			kind, wantWithIssuer = "RFC 10070", "200"
		}
		found[kind]++
		t.Log(name)
		send(want, "x", "")
		send(wantWithIssuer, "x", "", issuer)
		if kind == "refused" {
			continue
		}
		a := p.Get("client_assertion")
		parts := strings.Split(a, ".")
		parts[1] = base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"redox-client:1","sub":"redox-client:1"}`))
		for _, c := range []struct{ name, value, want string }{
			{"client_assertion", a[:len(a)-6] + "AAAAAA", "401 invalid_client"},
			{"client_assertion", strings.Join(parts, "."), "401 invalid_client"},
			{"client_id", "other", "401 invalid_client"},
			{"client_assertion_type", "x", "400 invalid_request"},
			{"scope", "system/*.d", "400 invalid_scope"},
			{"grant_type", "password", "400 unsupported_grant_type"},
			{"client_secret", "s", "400 invalid_request"},
		} {
			send(c.want, c.name, c.value, issuer+"/token", issuer)
		}
	}
	if found["SMART"] == 0 || found["RFC 10070"] == 0 || found["refused"] == 0 {
		t.Fatalf("too few recorded requests: %v", found)
	}
}

// issuedAt is the time at which an assertion was good.
func issuedAt(t *testing.T, assertion string) time.Time {
	t.Helper()
	if assertion == "" {
		return now
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(assertion, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ IAT int64 }
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return time.Unix(claims.IAT, 0)
}
