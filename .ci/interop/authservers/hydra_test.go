package authservers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// hydraModule needs a replacement, so "go install" cannot build Hydra.
const hydraModule = `module hydra

go 1.26.0

replace github.com/gobuffalo/pop/v6 => github.com/ory/pop/v6 v6.2.1-0.20241121111754-e5dfc0f3344b
`

// hydraProgram builds Ory Hydra with SQLite. The first time takes minutes, and a C compiler.
var hydraProgram = sync.OnceValues(func() (program string, err error) {
	dir := filepath.Join(programs, "hydra-module")
	program = filepath.Join(programs, "hydra")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(hydraModule), 0o644); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"get", "-tool", "github.com/ory/hydra/v2@v2.3.0"},
		{"build", "-o", program, "-tags", "sqlite,sqlite_omit_load_extension", "github.com/ory/hydra/v2"},
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go %s: %w\n%s", args[0], err, out)
		}
	}
	return program, nil
})

// hydra starts Ory Hydra. The client tells the form of its tokens.
func hydra(t *testing.T, keys ...redoxtest.Key) *server {
	program, err := hydraProgram()
	if err != nil {
		t.Fatal(err)
	}
	port, address := freeAddress(t)
	adminPort, adminAddress := freeAddress(t)
	s := &server{issuer: "http://" + address + "/", otherKeys: 1} // that of ID tokens
	s.url = s.issuer + ".well-known/jwks.json"
	sender := func(id, audience string) func() sender {
		return func() sender { return hydraClient(s, id, audience) }
	}
	s.jwt, s.introspected, s.elsewhere = sender("redox-jwt", ourAPI), sender("redox", ourAPI), sender("redox", otherAPI)
	s.config.Issuer, s.config.Audience, s.config.ClientIDs, s.config.Scopes = s.issuer, []string{ourAPI}, []string{"redox-jwt"}, []string{"messages"}
	s.config.Types, s.config.ScopeClaim = []string{"JWT"}, "scp"
	admin := "http://" + adminAddress + "/admin"
	s.introspection.URL, s.introspection.Client, s.introspection.Issuer = admin+"/oauth2/introspect", http.DefaultClient, s.issuer
	s.introspection.Audience, s.introspection.ClientIDs, s.introspection.Scopes = []string{ourAPI}, []string{"redox"}, []string{"messages"}

	dir := t.TempDir()
	config := filepath.Join(dir, "hydra.json")
	address127 := func(port int) map[string]any { return map[string]any{"host": "127.0.0.1", "port": port} }
	content, err := json.Marshal(map[string]any{
		"dsn": "sqlite://" + dir + "/h.db?_fk=true", "log": map[string]string{"level": "fatal"},
		"serve":   map[string]any{"public": address127(port), "admin": address127(adminPort)},
		"urls":    map[string]any{"self": map[string]string{"issuer": s.issuer}},
		"secrets": map[string][]string{"system": {"a secret of thirty-two characters"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program, "migrate", "sql", "--read-from-env", "--yes", "--config", config).CombinedOutput(); err != nil {
		t.Fatalf("hydra migrate: %v\n%s", err, out)
	}
	s.command = func(*testing.T) *exec.Cmd {
		return exec.Command(program, "serve", "all", "--dev", "--sqa-opt-out", "--config", config)
	}
	s.reload = func(*testing.T) {} // it reads its keys from the database
	s.configure = func(t *testing.T, keys ...redoxtest.Key) {
		newest := slices.Clone(keys) // it signs with the newest, which is the last
		slices.Reverse(newest)
		hydraCall(t, http.MethodPut, admin+"/keys/hydra.jwt.access-token", map[string]any{"keys": withAlgorithms(newest)})
	}
	s.start(t)
	for id, form := range map[string]string{"redox": "opaque", "redox-jwt": "jwt", "stranger": "opaque", "stranger-jwt": "jwt"} {
		hydraCall(t, http.MethodPost, admin+"/clients", map[string]any{
			"client_id": id, "client_secret": clientSecret, "access_token_strategy": form, "grant_types": []string{"client_credentials"},
			"scope": "messages", "audience": []string{ourAPI, otherAPI}, "token_endpoint_auth_method": "client_secret_basic",
		})
	}
	s.configure(t, keys...)
	return s
}

func hydraCall(t *testing.T, method, url string, body any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); response.StatusCode > 299 {
		t.Fatalf("%s %s: %s %s", method, url, response.Status, text)
	}
}

func hydraClient(s *server, id, audience string) *redoxtest.ClientCredentials {
	return &redoxtest.ClientCredentials{
		URL: s.issuer + "oauth2/token", ClientID: id, ClientSecret: clientSecret, Scopes: []string{"messages"}, Audience: audience,
	}
}

func tryHydra(t *testing.T) {
	key := redoxtest.NewKey("hydra", "ES384")
	s := hydra(t, key)
	s.try(t, map[string]trial{
		"another API":                   {sender: hydraClient(s, "redox-jwt", otherAPI), wantStatus: 401, wantReason: "audience"},
		"another client":                {sender: hydraClient(s, "stranger-jwt", ourAPI), wantStatus: 401, wantReason: "client"},
		"introspection, another client": {sender: hydraClient(s, "stranger", ourAPI), verifier: introspection(t, s.introspection), wantStatus: 401, wantReason: "client"},
		"introspection, revoked":        {sender: revoked(t, s.issuer+"oauth2/revoke", s.introspected(), "redox", clientSecret), verifier: introspection(t, s.introspection), wantStatus: 401, wantReason: "inactive"},
	}, redoxauth.Identity{Subject: "redox-jwt", Scopes: []string{"messages"}}, key)
}
