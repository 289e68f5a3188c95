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
		// send sends the request, with the first part of its body altered.
		send := func(want, from, to string) {
			t.Helper()
			r := request.Clone(t.Context())
			altered := strings.Replace(string(body), from, to, 1)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(altered)), int64(len(altered))
			newEndpoint(t, func(c *jwtbearer.EndpointConfig) {
				c.Signers = []jwtbearer.Signer{{Issuer: claims.Iss, Keys: keys, Algorithms: []string{"RS256"}}}
				c.TokenURL, c.Now = claims.Aud, func() time.Time { return time.Unix(claims.IAT, 0) }
			}).ask(t, r, want)
		}
		t.Log(filepath.Base(file))
		if claims.Sub == "" { // Google's libraries send sub only if one is configured
			send("400 invalid_grant", "", "")
			continue
		}
		accepted++
		send("200", "", "")
		a := p.Get("assertion")
		send("400 invalid_grant", a, a[:len(a)-8]+"AAAAAAAA")
		send("400 unsupported_grant_type", "jwt-bearer", "saml2-bearer")
		send("400 invalid_request", "assertion=", "client_secret=s&assertion=")
		send("400 invalid_request", "assertion=", "assertion=x&assertion=")
		send("400 invalid_scope", "assertion=", "scope=admin&assertion=")
	}
	if accepted == 0 {
		t.Fatal("no recorded grant was found")
	}
}
