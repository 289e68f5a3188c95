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
)

// Token requests as independent clients sent them.
func TestRecordedClients(t *testing.T) {
	data := os.Getenv("REDOXAUTH_TESTDATA")
	if data == "" {
		t.Skip("REDOXAUTH_TESTDATA is not set")
	}
	files, err := filepath.Glob(filepath.Join(data, "captures", "oauth", "*.http"))
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
		name := filepath.Base(file)
		body := func(r *http.Request) string {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			r.Body = io.NopCloser(bytes.NewReader(b))
			return string(b)
		}
		read := func() *http.Request {
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			r.RemoteAddr = "192.0.2.1:1"
			return r
		}
		cfg := endpointConfig()
		cfg.Audience = "https://customer.example"
		e := newEndpoint(t, cfg)
		r := read()
		sent := body(r)
		w := serve(e, r)
		a := readAnswer(t, w)
		switch {
		case strings.Contains(sent, "client_assertion="):
			if w.Code != 401 || a.Error != "invalid_client" {
				t.Errorf("%s: an assertion: got %d %s", name, w.Code, w.Body)
			}
			continue
		case strings.Contains(sent, "assertion="):
			if w.Code != 400 || a.Error != "unsupported_grant_type" {
				t.Errorf("%s: another grant: got %d %s", name, w.Code, w.Body)
			}
			continue
		}
		accepted++
		if w.Code != 200 || a.Token == "" || a.Scope != "system/*.rs" {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
		if _, err := verifier(t, e, "system/*.rs").Verify(message(a.Token)); err != nil {
			t.Errorf("%s: its token: %v", name, err)
		}
		alterations := map[string]struct {
			alter func(*http.Request)
			want  string
		}{
			"method":        {func(r *http.Request) { r.Method = "GET" }, "invalid_request"},
			"media type":    {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "invalid_request"},
			"query":         {func(r *http.Request) { r.URL.RawQuery = "client_secret=x" }, "invalid_request"},
			"body repeated": {func(r *http.Request) { setBody(r, sent+"&"+sent) }, "invalid_request"},
			"grant type":    {func(r *http.Request) { setBody(r, strings.Replace(sent, "client_credentials", "password", 1)) }, "unsupported_grant_type"},
			"scope":         {func(r *http.Request) { setBody(r, strings.Replace(sent, "scope=", "scope=x", 1)) }, "invalid_scope"},
			"audience":      {func(r *http.Request) { setBody(r, strings.Replace(sent, "audience=", "x=", 1)+"&audience=other") }, "invalid_target"},
			"assertion":     {func(r *http.Request) { setBody(r, sent+"&client_assertion=a.b.c") }, "invalid_request"},
			"credential": {func(r *http.Request) {
				if basic := r.Header.Get("Authorization"); basic != "" {
					r.Header.Set("Authorization", basic[:len(basic)-5])
				}
				setBody(r, strings.Replace(sent, "client_secret=", "client_secret=x", 1))
			}, "invalid_client"},
		}
		for what, alteration := range alterations {
			r := read()
			alteration.alter(r)
			w := serve(e, r)
			if a := readAnswer(t, w); a.Error != alteration.want || w.Code < 400 {
				t.Errorf("%s: %s altered: got %d %s, want %s", name, what, w.Code, w.Body, alteration.want)
			}
		}
	}
	if accepted == 0 {
		t.Fatal("no recorded request was found")
	}
}

func setBody(r *http.Request, body string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
}
