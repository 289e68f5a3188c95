package smartbackend_test

import (
	"crypto/tls"
	"encoding/json"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

// What the Inferno test kit runs against a Backend Services server
// (inferno-framework/smart-app-launch-test-kit, suite smart_stu2_2, group Backend
// Services), over the network and with Inferno's own tolerances.
func TestInferno(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	client := server.Client()
	tokenURL, configurationURL := server.URL+"/token", server.URL+"/.well-known/smart-configuration"
	e := newEndpoint(t, func(c *smartbackend.EndpointConfig) { c.TokenURL, c.Now = tokenURL, nil })
	mux.Handle("/token", e)
	mux.Handle("/.well-known/smart-configuration", e.Configuration())
	read := func(response *http.Response, err error) (*http.Response, map[string]any) {
		t.Helper()
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
	// As Inferno signs: no iat, no nbf.
	genuine := func() url.Values {
		return parameters(assertion(t, sender(func(s *redoxtest.SMARTBackend) {
			s.URL, s.Key, s.Claims = tokenURL, rs384, map[string]any{"iat": nil, "exp": time.Now().Unix() + 300}
		})))
	}

	t.Run("well_known_endpoint", func(t *testing.T) {
		for _, accept := range []string{"", "application/json", "text/html"} {
			request, err := http.NewRequest("GET", configurationURL, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Accept", accept)
			response, _ := read(client.Do(request))
			mediaType, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
			if response.StatusCode != 200 || err != nil || mediaType != "application/json" {
				t.Errorf("Accept %q: status %d, %q", accept, response.StatusCode, response.Header.Get("Content-Type"))
			}
		}
	})
	t.Run("well_known_capabilities_stu2", func(t *testing.T) {
		_, c := read(client.Get(configurationURL))
		if c["token_endpoint"] != tokenURL {
			t.Errorf("token_endpoint %v", c["token_endpoint"])
		}
		// Inferno also asks for an authorization endpoint and authorization_code, which
		// a server for backend services alone does not have.
		for name, want := range map[string][]any{
			"capabilities":                                     {"client-confidential-asymmetric", "permission-v2"},
			"grant_types_supported":                            {"client_credentials"},
			"code_challenge_methods_supported":                 {"S256"},
			"token_endpoint_auth_methods_supported":            {"private_key_jwt"},
			"token_endpoint_auth_signing_alg_values_supported": {"RS384", "ES384"},
			"scopes_supported":                                 {"system/*.rs"},
		} {
			values, _ := c[name].([]any)
			if slices.ContainsFunc(want, func(w any) bool { return !slices.Contains(values, w) }) || slices.Contains(values, any("plain")) {
				t.Errorf("%s: %v, want %v", name, values, want)
			}
		}
	})
	t.Run("tls", func(t *testing.T) {
		old := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MaxVersion: tls.VersionTLS11, RootCAs: client.Transport.(*http.Transport).TLSClientConfig.RootCAs}}}
		if response, err := old.Get(tokenURL); err == nil {
			response.Body.Close()
			t.Error("TLS 1.1 is accepted")
		}
	})
	for name, altered := range map[string][2]string{
		"invalid_grant_type":       {"grant_type", "not_a_grant_type"},
		"invalid_client_assertion": {"client_assertion_type", "not_an_assertion_type"},
		"invalid_jwt":              {"client_assertion", "not_a_jwt"}, // what Inferno means to send
	} {
		t.Run(name, func(t *testing.T) {
			p := genuine()
			p.Set(altered[0], altered[1])
			response, _ := read(client.PostForm(tokenURL, p))
			if s := response.StatusCode; s != 400 && (s != 401 || name != "invalid_jwt") {
				t.Errorf("status %d", s)
			}
		})
	}
	t.Run("auth_request_success, response_body, token_response_headers", func(t *testing.T) {
		response, body := read(client.PostForm(tokenURL, genuine()))
		token, _ := body["access_token"].(string)
		kind, _ := body["token_type"].(string)
		expires, _ := body["expires_in"].(float64)
		if response.StatusCode != 200 || token == "" || !strings.EqualFold(kind, "bearer") || expires <= 0 || expires > 300 || body["scope"] != "system/*.rs" {
			t.Errorf("status %d, body %v", response.StatusCode, body)
		}
		if response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("Pragma") != "no-cache" {
			t.Errorf("headers %v", response.Header)
		}
	})
}

func TestConfigurationMethods(t *testing.T) {
	h := newEndpoint(t).Configuration()
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405} {
		w := serve(h, httptest.NewRequest(method, "/.well-known/smart-configuration", nil))
		if w.Code != want || (w.Header().Get("Allow") == "GET, HEAD") != (want == 405) {
			t.Errorf("%s: status %d, headers %v", method, w.Code, w.Header())
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", method, w.Header())
		}
	}
}

// What several Clients may get is named once.
func TestConfigurationNamesAllScopes(t *testing.T) {
	h := newEndpoint(t).Configuration() // both Clients may get system/*.rs
	var got struct {
		Scopes []string `json:"scopes_supported"`
	}
	if err := json.Unmarshal(serve(h, httptest.NewRequest("GET", "/.well-known/smart-configuration", nil)).Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"system/*.rs", "system/Patient.c"}, got.Scopes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
