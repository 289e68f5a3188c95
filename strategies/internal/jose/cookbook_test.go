package jose_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// cookbook returns the folder of the examples of RFC 7520, RFC 7797 and RFC 8037
// (github.com/ietf-jose/cookbook, public domain).
func cookbook(t *testing.T) string {
	t.Helper()
	data := os.Getenv("REDOXAUTH_TESTDATA")
	if data == "" {
		t.Skip("REDOXAUTH_TESTDATA is not set")
	}
	return filepath.Join(data, "vectors", "jose-cookbook")
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

type example struct {
	Input struct {
		Key json.RawMessage
	}
	Output struct {
		Compact   string
		JSON      json.RawMessage `json:"json"`
		Flattened json.RawMessage `json:"json_flat"`
	}
}

// The payloads of the examples are prose, so they are JWS and no JWTs.
func TestCookbookSignatures(t *testing.T) {
	folder := cookbook(t)
	verified := 0
	for _, path := range glob(t, filepath.Join(folder, "jws", "*.json"), filepath.Join(folder, "curve25519", "jws.json")) {
		var e example
		readJSON(t, path, &e)
		if strings.Count(e.Output.Compact, ".") != 2 || strings.Contains(e.Output.Compact, "..") {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			if !verifies(t, e.Input.Key, e.Output.Compact) {
				t.Error("the signature does not verify")
			}
			other := strings.LastIndexByte(e.Output.Compact, '.') + 9
			changed := e.Output.Compact[:other] + string(flip(e.Output.Compact[other])) + e.Output.Compact[other+1:]
			if verifies(t, e.Input.Key, changed) {
				t.Error("a changed signature verifies")
			}
		})
		verified++
	}
	if verified < 5 { // RFC 7520, Sections 4.1 to 4.4, and RFC 8037, Appendix A.4
		t.Errorf("%d examples verified, want 5", verified)
	}
}

// verifies reports whether a JWS verifies under the public half of a JWK.
func verifies(t *testing.T, key json.RawMessage, token string) bool {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(key, &members); err != nil {
		t.Fatal(err)
	}
	j, err := jose.ParseJWS(token)
	if err != nil {
		t.Fatal(err)
	}
	var source jose.Source
	algorithms := []string{"RS256", "PS384", "ES512", "EdDSA"}
	if secret, ok := members["k"].(string); ok {
		b, err := base64.RawURLEncoding.DecodeString(secret)
		if err != nil {
			t.Fatal(err)
		}
		source, algorithms = secrets(t, b), []string{"HS256"}
	} else {
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi"} {
			delete(members, private)
		}
		source = jwks(members)
	}
	_, err = j.Verify(t.Context(), token, &jose.Config{Keys: source, Algorithms: algorithms}, nil)
	return err == nil
}

func flip(c byte) byte {
	if c == 'A' {
		return 'B'
	}
	return 'A'
}

// None of the examples is accepted as a JWT: neither the JSON forms, nor a detached
// payload, nor b64 (RFC 7797), nor JWE.
func TestCookbookOtherForms(t *testing.T) {
	folder := cookbook(t)
	cfg := config()
	refused := 0
	for _, path := range glob(t, filepath.Join(folder, "*", "*.json"), filepath.Join(folder, "*.json")) {
		var e example
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if json.Unmarshal(b, &e) != nil {
			continue
		}
		for _, token := range []string{e.Output.Compact, string(e.Output.JSON), string(e.Output.Flattened)} {
			if token == "" || token == "null" {
				continue
			}
			if _, err := jose.New(cfg).Verify(t.Context(), token); err == nil {
				t.Errorf("%s: accepted %.40s", path, token)
			}
			refused++
		}
	}
	if refused < 20 {
		t.Errorf("%d examples refused, want at least 20", refused)
	}
}

// Public keys are parsed. Private and symmetric keys are dropped.
func TestCookbookKeys(t *testing.T) {
	paths := glob(t, filepath.Join(cookbook(t), "jwk", "*.json"))
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, dropped, err := jose.ParseJWKS([]byte(`{"keys":[` + string(b) + `]}`))
		want := 0
		if strings.Contains(path, "public") {
			want = 1
		}
		if err != nil || len(got) != want {
			t.Errorf("%s: %d keys, %q dropped, error %v; want %d keys", filepath.Base(path), len(got), dropped, err, want)
		}
	}
	if len(paths) != 6 {
		t.Errorf("%d keys found, want 6", len(paths))
	}
}

func glob(t *testing.T, patterns ...string) []string {
	t.Helper()
	var paths []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	return paths
}
