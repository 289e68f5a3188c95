package token_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

func TestCarriers(t *testing.T) {
	const urlencoded = "application/x-www-form-urlencoded"
	const good = "grant_type=client_credentials"
	for _, c := range []struct {
		name       string
		method     string // default POST
		target     string // default /token
		header     http.Header
		body       string
		wantStatus int
		wantError  string
	}{
		{name: "form", body: good, wantStatus: 200},
		{name: "form with charset", header: http.Header{"Content-Type": {urlencoded + ";charset=UTF-8"}}, body: good, wantStatus: 200},
		{name: "media type in capitals", header: http.Header{"Content-Type": {"Application/X-WWW-Form-Urlencoded"}}, body: good, wantStatus: 200},
		{name: "JSON", header: http.Header{"Content-Type": {"application/json"}}, body: `{"grant_type":"client_credentials"}`, wantStatus: 200},
		{name: "JSON, unknown members of any type", header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, body: `{"grant_type":"client_credentials","n":1,"o":{"p":[true]},"q":null}`, wantStatus: 200},
		{name: "unknown parameter", body: good + "&custom=1", wantStatus: 200},
		{name: "parameter without value", body: good + "&scope=&client_id", wantStatus: 200},
		{name: "empty pairs", body: "&&" + good + "&", wantStatus: 200},
		{name: "unrelated query", target: "/token?tenant=1&api-version=2", body: good, wantStatus: 200},
		{name: "identity encoding", header: http.Header{"Content-Encoding": {"identity"}}, body: good, wantStatus: 200},
		{name: "bearer token beside", header: http.Header{"Authorization": {"Bearer verification-token"}}, body: good, wantStatus: 200},
		{name: "our audience and resource", body: good + "&audience=https%3A%2F%2Fapi.example.com%2Fredox&resource=https%3A%2F%2Fapi.example.com%2Fredox", wantStatus: 200},

		{name: "GET", method: "GET", body: good, wantStatus: 405, wantError: "invalid_request"},
		{name: "HEAD", method: "HEAD", wantStatus: 405, wantError: "invalid_request"},
		{name: "PUT", method: "PUT", body: good, wantStatus: 405, wantError: "invalid_request"},
		{name: "OPTIONS", method: "OPTIONS", wantStatus: 405, wantError: "invalid_request"},
		{name: "no media type", header: http.Header{"Content-Type": nil}, body: good, wantStatus: 415, wantError: "invalid_request"},
		{name: "text", header: http.Header{"Content-Type": {"text/plain"}}, body: good, wantStatus: 415, wantError: "invalid_request"},
		{name: "multipart", header: http.Header{"Content-Type": {"multipart/form-data; boundary=b"}}, body: good, wantStatus: 415, wantError: "invalid_request"},
		{name: "two media types", header: http.Header{"Content-Type": {urlencoded, "application/json"}}, body: good, wantStatus: 415, wantError: "invalid_request"},
		{name: "gzip", header: http.Header{"Content-Encoding": {"gzip"}}, body: good, wantStatus: 415, wantError: "invalid_request"},
		{name: "too large", body: good + "&x=" + strings.Repeat("x", 64<<10), wantStatus: 413, wantError: "invalid_request"},
		{name: "no body", wantStatus: 400, wantError: "invalid_request"},
		{name: "grant_type missing", body: "scope=write", wantStatus: 400, wantError: "invalid_request"},
		{name: "grant_type without value", body: "grant_type=", wantStatus: 400, wantError: "invalid_request"},
		{name: "grant_type in the query", target: "/token?" + good, wantStatus: 400, wantError: "invalid_request"},
		{name: "grant_type unknown", body: "grant_type=password", wantStatus: 400, wantError: "unsupported_grant_type"},
		{name: "grant_type in capitals", body: "grant_type=CLIENT_CREDENTIALS", wantStatus: 400, wantError: "unsupported_grant_type"},
		{name: "parameter twice", body: good + "&scope=read&scope=read", wantStatus: 400, wantError: "invalid_request"},
		{name: "unknown parameter twice", body: good + "&x=1&x=2", wantStatus: 400, wantError: "invalid_request"},
		{name: "parameter twice, once encoded", body: good + "&sc%6Fpe=read&scope=read", wantStatus: 400, wantError: "invalid_request"},
		{name: "semicolon in the form", body: good + "&a=1;scope=read", wantStatus: 400, wantError: "invalid_request"},
		{name: "bad escape in a value", body: good + "&a=%zz", wantStatus: 400, wantError: "invalid_request"},
		{name: "bad escape in a name", body: good + "&%zz=a", wantStatus: 400, wantError: "invalid_request"},
		{name: "not UTF-8", body: good + "&a=%ff", wantStatus: 400, wantError: "invalid_request"},
		{name: "101 parameters", body: good + numbered("&p", 101), wantStatus: 400, wantError: "invalid_request"},
		{name: "secret in the query", target: "/token?client_secret=s", body: good, wantStatus: 400, wantError: "invalid_request"},
		{name: "secret in the query, encoded, in capitals", target: "/token?CLIENT%5FSECRET=s", body: good, wantStatus: 400, wantError: "invalid_request"},
		{name: "client_id in the query", target: "/token?client_id=redox", body: good, wantStatus: 400, wantError: "invalid_request"},
		{name: "assertion in the query", target: "/token?a=b&client_assertion=j", body: good, wantStatus: 400, wantError: "invalid_request"},
		{name: "semicolon in the query", target: "/token?a=1;client_secret=s", body: good, wantStatus: 400, wantError: "invalid_request"},
		{name: "bad escape in the query", target: "/token?%zz", body: good, wantStatus: 400, wantError: "invalid_request"},
		{name: "two Authorization headers", header: http.Header{"Authorization": {"Basic YTpi", "Basic YTpi"}}, body: good, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON array", header: http.Header{"Content-Type": {"application/json"}}, body: `["grant_type"]`, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON, a name twice", header: http.Header{"Content-Type": {"application/json"}}, body: `{"grant_type":"client_credentials","scope":"read","sc\u006fpe":"write"}`, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON, a nested name twice", header: http.Header{"Content-Type": {"application/json"}}, body: `{"grant_type":"client_credentials","x":{"a":1,"a":2}}`, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON, a parameter of another type", header: http.Header{"Content-Type": {"application/json"}}, body: `{"grant_type":"client_credentials","scope":["read"]}`, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON, another case", header: http.Header{"Content-Type": {"application/json"}}, body: `{"GRANT_TYPE":"client_credentials"}`, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON, more after it", header: http.Header{"Content-Type": {"application/json"}}, body: `{"grant_type":"client_credentials"}{}`, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON, cut off", header: http.Header{"Content-Type": {"application/json"}}, body: `{"grant_type":"client_cred`, wantStatus: 400, wantError: "invalid_request"},
		{name: "JSON, a lone surrogate", header: http.Header{"Content-Type": {"application/json"}}, body: `{"grant_type":"client_credentials","x":"\ud800"}`, wantStatus: 400, wantError: "invalid_request"},
		{name: "other audience", body: good + "&audience=https%3A%2F%2Fother.example.com", wantStatus: 400, wantError: "invalid_target"},
		{name: "other resource", body: good + "&resource=https%3A%2F%2Fapi.example.com%2Fredox%2F", wantStatus: 400, wantError: "invalid_target"},
		{name: "no scope granted", body: good + "&scope=admin", wantStatus: 400, wantError: "invalid_scope"},
		{name: "scope with a quote", body: good + "&scope=read+%22", wantStatus: 400, wantError: "invalid_scope"},
		{name: "scope of blanks", body: good + "&scope=+", wantStatus: 400, wantError: "invalid_scope"},
		{name: "200 scopes", body: good + "&scope=read" + numbered("+x", 199), wantStatus: 200},
		{name: "201 scopes", body: good + "&scope=read" + numbered("+x", 200), wantStatus: 400, wantError: "invalid_scope"},
		{name: "one scope 300 times", body: good + "&scope=read" + strings.Repeat("+read", 299), wantStatus: 200},
		{name: "scope too long", body: good + "&scope=read" + strings.Repeat("+x", 4<<10), wantStatus: 400, wantError: "invalid_scope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.method == "" {
				c.method = "POST"
			}
			if c.target == "" {
				c.target = "/token"
			}
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			r.Header.Set("Content-Type", urlencoded)
			for name, values := range c.header {
				r.Header[name] = values
			}
			decisions := 0
			cfg := config()
			cfg.Observe = func(_ *http.Request, d redoxauth.Decision) {
				decisions++
				if (d.Identity == nil) == (d.Err == nil) || (d.Err == nil) != (c.wantStatus == 200) {
					t.Errorf("decision %+v", d)
				}
			}
			w := serve(endpoint(t, cfg), r)
			checkAnswer(t, w, c.wantStatus, c.wantError)
			if decisions != 1 {
				t.Errorf("%d decisions, want 1", decisions)
			}
		})
	}
}

// numbered returns prefix n times, each with another number after it.
func numbered(prefix string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprint(&b, prefix, i)
	}
	return b.String()
}

func TestStreamedBodyTooLarge(t *testing.T) {
	r := httptest.NewRequest("POST", "/token", io.MultiReader(strings.NewReader("grant_type=client_credentials&x="), strings.NewReader(strings.Repeat("x", 64<<10))))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if r.ContentLength != -1 {
		t.Fatal("not streamed")
	}
	w := serve(endpoint(t, config()), r)
	checkAnswer(t, w, 413, "invalid_request")
	if w.Header().Get("Connection") != "close" {
		t.Error("the connection stays open for the rest of the body")
	}
}
