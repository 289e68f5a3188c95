package lookup_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/strategies/internal/lookup"
)

// A server may repeat the token that it was asked about. Of its answer an error shows a code of
// OAuth alone, which is too short for a token and has other characters.
func TestUnexpectedShowsAnErrorCodeAlone(t *testing.T) {
	longest := strings.Repeat("a", 32)
	for _, test := range []struct {
		status     int
		body, want string
	}{
		{400, `{"error":"invalid_client","error_description":"s3cret"}`, "400 Bad Request with the error invalid_client"},
		{400, `{"error":"` + longest + `"}`, "400 Bad Request with the error " + longest},
		{400, `{"error":"` + longest + `a"}`, "400 Bad Request"},
		{400, `{"error":"invalid_token s3cret"}`, "400 Bad Request"},
		{400, `{"error":"invalid_token\ns3cret"}`, "400 Bad Request"},
		{400, `{"error":"s3cret invalid_token"}`, "400 Bad Request"},
		{400, `{"error":"S_cret"}`, "400 Bad Request"},
		{400, `{"error":["invalid_client"]}`, "400 Bad Request"},
		{400, `{"error":""}`, "400 Bad Request"},
		{400, `{"error":"invalid_client","error":"invalid_token"}`, "400 Bad Request"},
		{400, "s3cret", "400 Bad Request"},
		{400, "", "400 Bad Request"},
		{204, "", "204 No Content"},
		{300, "", "300 Multiple Choices (a redirect, which is not followed)"},
		{302, "", "302 Found (a redirect, which is not followed)"},
		{429, "", "429 Too Many Requests (it throttles this server)"},
		{599, "", "599"},
	} {
		r := lookup.Response{URL: "https://as.example/introspect", Status: test.status, Body: []byte(test.body)}
		if got, want := r.Unexpected("200 (Config.URL)").Error(), "https://as.example/introspect answered "+test.want+", want 200 (Config.URL)"; got != want {
			t.Errorf("%d %s: got %s, want %s", test.status, test.body, got, want)
		}
	}
}

func TestUnreadableShowsNothingOfTheBody(t *testing.T) {
	cause := errors.New("no JSON object")
	for _, test := range []struct{ media, body, want string }{
		{"application/json", `"s3cret"`, `the Content-Type "application/json"`},
		{"text/html", "\n<p>s3cret", `the Content-Type "text/html" and HTML or XML, such as the page of a proxy or of a log-in`},
		{"", " \n", "the Content-Type absent and an empty body"},
		{"application/token-introspection+jwt; charset=utf-8", "s3.cr.et", `the Content-Type "application/token-introspection+jwt; charset=utf-8" and a signed answer (RFC 9701), which is not read here`},
	} {
		r := lookup.Response{URL: "https://as.example/introspect", Status: 200, Header: http.Header{}, Body: []byte(test.body)}
		if test.media != "" {
			r.Header.Set("Content-Type", test.media)
		}
		err := r.Unreadable(cause, "Config.URL")
		if want := "https://as.example/introspect answered 200 with " + test.want + ", want a JSON object (Config.URL): no JSON object"; err.Error() != want || !errors.Is(err, cause) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
