package authservers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/oauth2"
	oauth2cc "golang.org/x/oauth2/clientcredentials"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

const (
	glewlwydModules = "/usr/lib/glewlwyd/"
	glewlwydSchema  = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"

	// glewlwyd does not decode what is form-encoded in HTTP Basic.
	plainSecret, ourPlainSecret = "secretOfRedox0123456789", "secretOfOurs0123456789"
)

// glewlwyd starts glewlwyd.
func glewlwyd(t *testing.T, keys ...redoxtest.Key) *server {
	program := need(t, "glewlwyd")
	port, address := freeAddress(t)
	s := &server{issuer: "http://" + address + "/api/oidc"}
	s.url = "http://" + address + "/config"
	sender := func(scope string) func() sender {
		return func() sender { return glewlwydClient(s, "basic", scope) }
	}
	s.jwt, s.introspected, s.elsewhere = sender("messages"), sender("messages"), sender("others")
	s.config = clientcredentials.Config{
		Issuer: s.issuer, Audience: []string{"messages"}, ClientIDs: []string{"basic", "post", "jwt"}, Scopes: []string{"messages"},
	}
	us := oauth2cc.Config{TokenURL: s.issuer + "/token", ClientID: "us", ClientSecret: ourPlainSecret, Scopes: []string{"introspect"}, AuthStyle: oauth2.AuthStyleInHeader}
	s.introspection = clientcredentials.IntrospectionConfig{
		URL: s.issuer + "/introspect", Client: us.Client(t.Context()),
		Audience: []string{"messages"}, ClientIDs: []string{"basic"}, Scopes: []string{"messages"},
	}
	config := glewlwydFiles(t, port, address)
	s.command = func(t *testing.T) *exec.Cmd {
		cmd := exec.Command(program, "--config-file="+config)
		cmd.Stdout = t.Output()
		return cmd
	}
	admin := &glewlwydAdmin{api: "http://" + address + "/api", issuer: s.issuer}
	s.configure = func(t *testing.T, keys ...redoxtest.Key) {
		admin.call(t, http.MethodPut, "/mod/plugin/oidc", admin.plugin(t, keys))
	}
	// It can reset the plugin, but now and then crashes when it does that amid requests.
	s.reload = func(t *testing.T) { s.restart(t, func() bool { return true }) }
	s.start(t)
	admin.setUp(t, keys)
	return s
}

// glewlwydFiles makes a configuration and a database, and returns the former's name.
func glewlwydFiles(t *testing.T, port int, address string) string {
	t.Helper()
	dir := t.TempDir()
	schema, err := os.Open(glewlwydSchema)
	if err != nil {
		missing(t, "glewlwyd's schema is not installed: %v", err)
	}
	defer schema.Close()
	database := exec.Command(need(t, "sqlite3"), filepath.Join(dir, "g.db"))
	database.Stdin = schema
	if out, err := database.CombinedOutput(); err != nil {
		t.Fatalf("sqlite3: %v\n%s", err, out)
	}
	name := filepath.Join(dir, "g.conf")
	err = os.WriteFile(name, fmt.Appendf(nil, `port=%d
bind_address="127.0.0.1"
external_url="http://%s"
user_module_path="%[3]suser"
client_module_path="%[3]sclient"
user_auth_scheme_module_path="%[3]sscheme"
plugin_module_path="%[3]splugin"
log_mode="console"
log_level="ERROR"

database = { type = "sqlite3"; path = "%[4]s/g.db"; };
`, port, address, glewlwydModules, dir), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// A glewlwydAdmin calls the administrator's API.
type glewlwydAdmin struct {
	api, issuer string
	client      http.Client // with a session
}

func (a *glewlwydAdmin) call(t *testing.T, method, path string, body any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, a.api+path, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := a.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		t.Fatalf("%s %s: %d %s", method, path, response.StatusCode, text)
	}
}

func (a *glewlwydAdmin) setUp(t *testing.T, keys []redoxtest.Key) {
	t.Helper()
	a.client.Jar, _ = cookiejar.New(nil)
	a.call(t, http.MethodPost, "/auth/", map[string]string{"username": "admin", "password": "password"})
	a.call(t, http.MethodPost, "/mod/plugin/", a.plugin(t, keys))
	for _, scope := range []string{"messages", "others", "introspect"} {
		a.call(t, http.MethodPost, "/scope/", map[string]any{
			"name": scope, "display_name": scope, "description": scope, "password_required": false, "scheme": map[string]any{},
		})
	}
	a.addClient(t, "basic", plainSecret, "client_secret_basic", "messages", "others")
	a.addClient(t, "post", plainSecret, "client_secret_post", "messages")
	a.addClient(t, "jwt", plainSecret, "private_key_jwt", "messages")
	a.addClient(t, "stranger", plainSecret, "client_secret_basic", "messages")
	a.addClient(t, "us", ourPlainSecret, "client_secret_basic", "introspect")
}

// plugin is the settings of OpenID Connect. The first key signs.
func (a *glewlwydAdmin) plugin(t *testing.T, keys []redoxtest.Key) map[string]any {
	t.Helper()
	private, err := json.Marshal(map[string]any{"keys": withAlgorithms(keys)})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"module": "oidc", "name": "oidc", "display_name": "OIDC", "enabled": true, "parameters": map[string]any{
		"iss": a.issuer, "jwks-private": string(private), "access-token-duration": 3600, "allow-non-oidc": true, "auth-type-client-enabled": true,
		"request-parameter-allow": true, "client-jwks-parameter": "jwks", // private_key_jwt
		"introspection-revocation-allowed": true, "introspection-revocation-auth-scope": []string{"introspect"},
		"introspection-revocation-allow-target-client": true,
	}}
}

func (a *glewlwydAdmin) addClient(t *testing.T, id, secret, method string, scopes ...string) {
	t.Helper()
	client := map[string]any{
		"client_id": id, "name": id, "confidential": true, "enabled": true, "password": secret, "client_secret": secret,
		"authorization_type": []string{"client_credentials"}, "token_endpoint_auth_method": []string{method}, "redirect_uri": []string{}, "scope": scopes,
	}
	if method == "private_key_jwt" {
		delete(client, "client_secret")
		client["token_endpoint_auth_signing_alg"] = assertionKey.Algorithm
		client["jwks"] = json.RawMessage(redoxtest.JWKS(assertionKey))
	}
	a.call(t, http.MethodPost, "/client/?source=database", client)
}

func glewlwydClient(s *server, id string, scopes ...string) *redoxtest.ClientCredentials {
	return &redoxtest.ClientCredentials{URL: s.issuer + "/token", ClientID: id, ClientSecret: plainSecret, Scopes: scopes}
}

func TestGlewlwyd(t *testing.T) {
	t.Parallel()
	key := redoxtest.NewKey("glewlwyd", "ES384")
	s := glewlwyd(t, key)
	cfg := s.config
	cfg.Keys = s.keys(t, keyset.RemoteConfig{})
	jwt := verifier(t, cfg)
	cfg.Audience = []string{"messages others"} // all scopes of the token in one string
	both := verifier(t, cfg)
	cfg.Audience, cfg.Scopes = []string{"messages"}, []string{"others"}
	others := verifier(t, cfg)
	asked := introspection(t, s.introspection)
	byClient := s.introspection // the client that got the token may ask, with Basic
	byClient.Client, byClient.ClientID, byClient.ClientSecret = nil, "basic", plainSecret

	identity := func(subject, keyID string, scopes ...string) redoxauth.Identity {
		return redoxauth.Identity{Subject: subject, Issuer: s.issuer, KeyID: keyID, Scopes: scopes}
	}
	introspected := identity("basic", "", "messages")
	introspected.Issuer = "" // its answers name none
	post := glewlwydClient(s, "post", "messages")
	post.NoBasic = true
	assertion := &redoxtest.SMARTBackend{URL: s.issuer + "/token", ClientID: "jwt", Key: assertionKey, Scopes: []string{"messages"}}
	for name, test := range map[string]trial{
		"Basic":               {sender: s.jwt(), verifier: jwt, want: identity("basic", key.ID, "messages")},
		"credentials in body": {sender: post, verifier: jwt, want: identity("post", key.ID, "messages")},
		"private_key_jwt":     {sender: assertion, verifier: jwt, want: identity("jwt", key.ID, "messages")},
		"two scopes":          {sender: glewlwydClient(s, "basic", "messages", "others"), verifier: both, want: identity("basic", key.ID, "messages", "others")},
		"another API":         {sender: s.elsewhere(), verifier: jwt, wantStatus: 401, wantReason: "audience"},
		"another client":      {sender: glewlwydClient(s, "stranger", "messages"), verifier: jwt, wantStatus: 401, wantReason: "client"},
		"another scope":       {sender: s.jwt(), verifier: others, wantStatus: 403, wantReason: "scope"},

		"introspection":                 {sender: s.introspected(), verifier: asked, want: introspected},
		"introspection by the client":   {sender: s.introspected(), verifier: introspection(t, byClient), want: introspected},
		"introspection, another API":    {sender: s.elsewhere(), verifier: asked, wantStatus: 401, wantReason: "audience"},
		"introspection, another client": {sender: glewlwydClient(s, "stranger", "messages"), verifier: asked, wantStatus: 401, wantReason: "client"},
		"introspection, invented":       {sender: bearer("0123456789abcdef"), verifier: asked, wantStatus: 401, wantReason: "inactive"},
	} {
		t.Run(name, test.run)
	}
	t.Run("forged", func(t *testing.T) {
		refuses(t, jwt, forgeries(t, s.jwt(), key))
		refuses(t, asked, forgeries(t, s.introspected(), key))
	})
}
