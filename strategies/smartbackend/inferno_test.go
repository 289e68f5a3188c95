package smartbackend_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// What the Inferno test kit runs against a Backend Services server
// (inferno-framework/smart-app-launch-test-kit, suite smart_stu2_2, group Backend
// Services), over the network and with Inferno's own tolerances.
func TestInferno(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	client := server.Client()
	cfg := config(t)
	cfg.TokenURL = server.URL + "/token"
	cfg.Now = nil
	e := newEndpoint(t, cfg)
	mux.Handle("/token", e)
	mux.Handle("/.well-known/smart-configuration", e.Configuration())

	// As Inferno signs: no iat, no nbf.
	genuine := func() url.Values {
		s := &redoxtest.SMARTBackend{URL: cfg.TokenURL, ClientID: "redox", Key: rs384, Claims: map[string]any{"iat": nil, "exp": time.Now().Unix() + 300}}
		return parameters(assertion(t, s))
	}
	post := func(p url.Values) (*http.Response, map[string]any) {
		response, err := client.PostForm(cfg.TokenURL, p)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var body map[string]any
		if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		return response, body
	}

	t.Run("well_known_endpoint", func(t *testing.T) {
		for _, accept := range []string{"", "application/json", "text/html"} {
			request, err := http.NewRequest("GET", server.URL+"/.well-known/smart-configuration", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Accept", accept)
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			mediaType, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
			if response.StatusCode != 200 || err != nil || mediaType != "application/json" {
				t.Errorf("Accept %q: status %d, %q", accept, response.StatusCode, response.Header.Get("Content-Type"))
			}
			if body, err := io.ReadAll(response.Body); err != nil || !json.Valid(body) {
				t.Errorf("body %q, %v", body, err)
			}
		}
	})
	t.Run("well_known_capabilities_stu2", func(t *testing.T) {
		response, err := client.Get(server.URL + "/.well-known/smart-configuration")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var c map[string]any
		if err := json.NewDecoder(response.Body).Decode(&c); err != nil {
			t.Fatal(err)
		}
		if c["token_endpoint"] != cfg.TokenURL {
			t.Errorf("token_endpoint %v", c["token_endpoint"])
		}
		// Inferno also asks for an authorization endpoint and authorization_code, which
		// a server for backend services alone does not have.
		for name, want := range map[string]string{
			"capabilities":                                     "client-confidential-asymmetric",
			"grant_types_supported":                            "client_credentials",
			"code_challenge_methods_supported":                 "S256",
			"token_endpoint_auth_methods_supported":            "private_key_jwt",
			"token_endpoint_auth_signing_alg_values_supported": "RS384",
			"scopes_supported":                                 "system/*.rs",
		} {
			if !contains(c[name], want) {
				t.Errorf("%s: %v lacks %s", name, c[name], want)
			}
		}
		if !contains(c["token_endpoint_auth_signing_alg_values_supported"], "ES384") || !contains(c["capabilities"], "permission-v2") || contains(c["code_challenge_methods_supported"], "plain") {
			t.Errorf("configuration %v", c)
		}
	})
	t.Run("tls", func(t *testing.T) {
		old := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MaxVersion: tls.VersionTLS11, RootCAs: client.Transport.(*http.Transport).TLSClientConfig.RootCAs}}}
		if response, err := old.Get(cfg.TokenURL); err == nil {
			response.Body.Close()
			t.Error("TLS 1.1 is accepted")
		}
	})
	t.Run("invalid_grant_type", func(t *testing.T) {
		p := genuine()
		p.Set("grant_type", "not_a_grant_type")
		if response, _ := post(p); response.StatusCode != 400 {
			t.Errorf("status %d", response.StatusCode)
		}
	})
	t.Run("invalid_client_assertion", func(t *testing.T) {
		p := genuine()
		p.Set("client_assertion_type", "not_an_assertion_type")
		if response, _ := post(p); response.StatusCode != 400 && response.StatusCode != 401 {
			t.Errorf("status %d", response.StatusCode)
		}
	})
	t.Run("invalid_jwt", func(t *testing.T) {
		p := genuine()
		p.Set("client_assertion", "not_a_jwt") // what Inferno means to send
		if response, _ := post(p); response.StatusCode != 400 && response.StatusCode != 401 {
			t.Errorf("status %d", response.StatusCode)
		}
	})
	response, body := post(genuine())
	t.Run("auth_request_success", func(t *testing.T) {
		if response.StatusCode != 200 && response.StatusCode != 201 {
			t.Errorf("status %d: %v", response.StatusCode, body)
		}
	})
	t.Run("response_body", func(t *testing.T) {
		token, _ := body["access_token"].(string)
		kind, _ := body["token_type"].(string)
		expires, _ := body["expires_in"].(float64)
		if token == "" || !strings.EqualFold(kind, "bearer") || expires <= 0 || expires > 300 || body["scope"] != "system/*.rs" {
			t.Errorf("body %v", body)
		}
	})
	t.Run("token_response_headers", func(t *testing.T) {
		if response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("Pragma") != "no-cache" {
			t.Errorf("headers %v", response.Header)
		}
	})
}

func contains(list any, want string) bool {
	values, _ := list.([]any)
	for _, v := range values {
		if v == want {
			return true
		}
	}
	return false
}

func TestConfigurationMethods(t *testing.T) {
	h := newEndpoint(t, config(t)).Configuration()
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405} {
		w := serve(h, httptest.NewRequest(method, "/.well-known/smart-configuration", nil))
		if w.Code != want || (w.Header().Get("Allow") == "GET, HEAD") != (want == 405) {
			t.Errorf("%s: status %d, headers %v", method, w.Code, w.Header())
		}
	}
}
