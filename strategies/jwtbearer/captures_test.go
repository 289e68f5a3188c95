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
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// captures is the folder of what independent clients sent.
const captures = "../internal/testdata"

// Tokens that independent clients sent directly (axios with jose, jsonwebtoken), to a
// Verifier that is configured as the operator would: the certificate or public key, the
// algorithm, the issuer.
func TestRecordedTokens(t *testing.T) {
	for _, name := range []string{
		"axios_jwt-bearer", "axios_jwt-hs256", "jsonwebtoken_ES256", "jsonwebtoken_ES384",
		"jsonwebtoken_PS256", "jsonwebtoken_RS256", "jsonwebtoken_RS384",
	} {
		t.Run(name, func(t *testing.T) {
			r := recorded(t, filepath.Join(captures, "oauth", name+".http"))
			header, claims := unverified(t, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
			at := func(claim string) func() time.Time {
				return func() time.Time { return time.Unix(int64(claims[claim].(float64)), 0) }
			}
			cfg := jwtbearer.Config{
				Algorithms: []string{header["alg"].(string)}, Issuer: claims["iss"].(string), Subject: "redox", Now: at("iat"),
			}
			if aud, ok := claims["aud"].(string); ok {
				cfg.Audience = []string{aud}
			} else {
				cfg.InsecureNoAudience = true
			}
			if cfg.Algorithms[0] == "HS256" {
				cfg.Secrets = [][]byte{[]byte("0123456789abcdef0123456789abcdef")}
			} else {
				// Without IDs: jsonwebtoken was given the kid of the RSA key for all.
				cfg.Keys = publicKeys(t, "rsa.crt", "ec.pem")
			}
			if _, err := newDirect(t, cfg).Verify(r); err != nil {
				t.Error(err)
			}
			cfg.Now = func() time.Time { return at("exp")().Add(time.Minute) }
			_, err := newDirect(t, cfg).Verify(r)
			verifiertest.CheckError(t, err, redoxauth.ErrRejected, "expired")
		})
	}
}

// Grants as independent clients sent them.
func TestRecordedGrants(t *testing.T) {
	keys := publicKeys(t, "rsa.crt") // one key for all, and RS256 by Algorithms
	oauth, _ := filepath.Glob(filepath.Join(captures, "oauth", "*.http"))
	wif, _ := filepath.Glob(filepath.Join(captures, "wif", "*.http"))
	accepted := 0
	for _, file := range slices.Concat(oauth, wif) {
		request := recorded(t, file)
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Fatal(err)
		}
		p, err := url.ParseQuery(string(body))
		if err != nil || p.Get("assertion") == "" {
			continue
		}
		_, claims := unverified(t, p.Get("assertion"))
		// send sends the request, with the first part of its body altered.
		send := func(want, from, to string) {
			t.Helper()
			r := request.Clone(t.Context())
			altered := strings.Replace(string(body), from, to, 1)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(altered)), int64(len(altered))
			newEndpoint(t, func(c *jwtbearer.EndpointConfig) {
				c.Signers = []jwtbearer.Signer{{Issuer: claims["iss"].(string), Keys: keys, Algorithms: []string{"RS256"}}}
				c.TokenURL, c.Now = claims["aud"].(string), func() time.Time { return time.Unix(int64(claims["iat"].(float64)), 0) }
			}).ask(t, r, want)
		}
		t.Log(filepath.Base(file))
		if claims["sub"] == nil { // Google's libraries send sub only if one is configured
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

func recorded(t *testing.T, file string) *http.Request {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatalf("%s: %v", filepath.Base(file), err)
	}
	return r
}

func unverified(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	segments := strings.Split(token, ".")
	for i, v := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(segments[i])
		if err == nil {
			err = json.Unmarshal(b, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

func publicKeys(t *testing.T, files ...string) keyset.Set {
	t.Helper()
	var all []byte
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(captures, "keys", file))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	set, err := keyset.ParsePEM(all)
	if err != nil {
		t.Fatal(err)
	}
	return set
}
