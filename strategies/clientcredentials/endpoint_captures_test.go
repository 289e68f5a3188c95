package clientcredentials_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

// Token requests as independent clients sent them.
func TestRecordedClients(t *testing.T) {
	files, err := filepath.Glob("../internal/testdata/oauth/*.http")
	if err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(raw, []byte("POST /token ")) {
			continue
		}
		t.Log(filepath.Base(file))
		e := newEndpoint(t, func(c *clientcredentials.EndpointConfig) { c.Audience = "https://customer.example" })
		// ask sends the request, altered in its header or by another body.
		ask := func(want string, alter func(r *http.Request, body string) string) reply {
			t.Helper()
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
			if err != nil {
				t.Fatal(err)
			}
			sent, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			body := alter(r, string(sent))
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
			return e.ask(t, r, want)
		}
		same := func(_ *http.Request, body string) string { return body }
		switch {
		case bytes.Contains(raw, []byte("client_assertion=")):
			ask("401 invalid_client", same)
			continue
		case bytes.Contains(raw, []byte("assertion=")):
			ask("400 unsupported_grant_type", same)
			continue
		}
		accepted++
		a := ask("200", same)
		if _, err := e.verifier(t, "system/*.rs").Verify(message(a.Token)); err != nil || a.Scope != "system/*.rs" {
			t.Errorf("scope %q, %v", a.Scope, err)
		}
		replace := func(from, to string) func(*http.Request, string) string {
			return func(_ *http.Request, body string) string { return strings.Replace(body, from, to, 1) }
		}
		ask("405 invalid_request", func(r *http.Request, body string) string { r.Method = "GET"; return body })
		ask("415 invalid_request", func(r *http.Request, body string) string { r.Header.Set("Content-Type", "text/plain"); return body })
		ask("400 invalid_request", func(r *http.Request, body string) string { r.URL.RawQuery = "client_secret=x"; return body })
		ask("400 invalid_request", func(_ *http.Request, body string) string { return body + "&" + body })
		ask("400 invalid_request", func(_ *http.Request, body string) string { return body + "&client_assertion=a.b.c" })
		ask("400 unsupported_grant_type", replace("client_credentials", "password"))
		ask("400 invalid_scope", replace("scope=", "scope=x"))
		ask("400 invalid_target", func(_ *http.Request, body string) string {
			return strings.Replace(body, "audience=", "x=", 1) + "&audience=other"
		})
		ask("401 invalid_client", func(r *http.Request, body string) string {
			if basic := r.Header.Get("Authorization"); basic != "" {
				r.Header.Set("Authorization", basic[:len(basic)-5])
			}
			return strings.Replace(body, "client_secret=", "client_secret=x", 1)
		})
	}
	if accepted == 0 {
		t.Fatal("no recorded request was found")
	}
}
