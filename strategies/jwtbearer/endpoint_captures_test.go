package jwtbearer_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// Grants as independent clients sent them.
func TestRecordedGrants(t *testing.T) {
	data := os.Getenv("REDOXAUTH_TESTDATA")
	if data == "" {
		t.Skip("REDOXAUTH_TESTDATA is not set")
	}
	certificate, err := os.ReadFile(filepath.Join(data, "captures", "keys", "rsa.crt"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyset.ParsePEM(certificate) // one key for all, and RS256 by Algorithms
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, folder := range []string{"oauth", "wif"} {
		found, err := filepath.Glob(filepath.Join(data, "captures", folder, "*.http"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	accepted := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Fatal(err)
		}
		p, err := url.ParseQuery(string(body))
		if err != nil || p.Get("assertion") == "" {
			continue
		}
		name := filepath.Base(file)
		var claims struct {
			Iss, Sub, Aud string
			IAT           int64
		}
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(p.Get("assertion"), ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		cfg := endpointConfig(t)
		cfg.Signers = []jwtbearer.Signer{{Issuer: claims.Iss, Keys: keys, Algorithms: []string{"RS256"}}}
		cfg.TokenURL = claims.Aud
		cfg.Now = func() time.Time { return time.Unix(claims.IAT, 0) }
		cfg.Replay = replay.NewMemory(10)
		send := func(body string) string {
			r := request.Clone(t.Context())
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
			got, _ := grant(t, newTokenEndpoint(t, cfg), r)
			return got
		}
		want := "200"
		if claims.Sub == "" {
			want = "400 invalid_grant" // Google's libraries send sub only if one is configured
		}
		if got := send(string(body)); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		if want != "200" {
			continue
		}
		accepted++
		for what, c := range map[string]struct{ from, to, want string }{
			"signature":  {p.Get("assertion"), p.Get("assertion")[:len(p.Get("assertion"))-8] + "AAAAAAAA", "400 invalid_grant"},
			"grant type": {"jwt-bearer", "saml2-bearer", "400 unsupported_grant_type"},
			"secret":     {"assertion=", "client_secret=s&assertion=", "400 invalid_request"},
			"repeated":   {"assertion=", "assertion=x&assertion=", "400 invalid_request"},
			"scope":      {"assertion=", "scope=admin&assertion=", "400 invalid_scope"},
		} {
			if got := send(strings.Replace(string(body), c.from, c.to, 1)); got != c.want {
				t.Errorf("%s: %s altered: got %s, want %s", name, what, got, c.want)
			}
		}
	}
	if accepted == 0 {
		t.Fatal("no recorded grant was found")
	}
}
