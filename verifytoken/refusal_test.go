package verifytoken_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Every refusal says what arrived, what was expected, and where to change it. The Decision has
// the status that the peer got.
func TestRefusalsSayWhatToChange(t *testing.T) {
	const (
		wanted    = "want one of the 2 in Config.Tokens (Redox dashboard: verification token)"
		documents = "handshake (POST, token in the body): "
		inHeader  = "handshake (POST, token in the header): "
		inQuery   = "handshake (GET, token in the query): "
	)
	two := func(r *http.Request) *http.Request {
		r.Header["Verification-Token"] = []string{newToken, "other"}
		return r
	}
	for name, tt := range map[string]struct {
		r      *http.Request
		status int
		want   string
	}{
		"no header":            {message(), 401, "(missing): the verification-token header is absent, want it with one of the 2 in Config.Tokens (Redox dashboard: verification token); a handshake may have its token in the body or query, where only Handshake looks"},
		"two headers":          {two(message()), 400, "(malformed): the verification-token header arrived more than once, want it once, with one of the 2 in Config.Tokens (Redox dashboard: verification token); something in front of this server may have added one"},
		"another token":        {message("other"), 401, "(token): the token is another one, " + wanted},
		"an empty token":       {message(""), 401, "(token): the token is empty, " + wanted},
		"a long token":         {message(strings.Repeat("x", 4097)), 401, "(token): the token is longer than 4096 bytes, " + wanted},
		"POST":                 {post(document("other", uuid)), 401, documents + "the token is another one, " + wanted},
		"POST, header":         {withHeader(post(bare), "other"), 401, inHeader + "the token is another one, " + wanted},
		"POST, two headers":    {two(post(bare)), 400, inHeader + "the verification-token header arrived more than once"},
		"POST, disagree":       {withHeader(post(document(newToken, uuid)), oldToken), 401, documents + "the verification-token header has another token, want the same in both (Redox dashboard: verification token)"},
		"POST, both wrong":     {withHeader(post(document("wrong", uuid)), "other"), 401, documents + "the token is another one, " + wanted},
		"POST, challenges":     {post(`{"verification-token":"` + newToken + `","challenge":"a","challenge":"b"}`), 400, documents + "challenge is there 2 times, want it once"},
		"POST, tokens":         {post(`{"verification-token":"a","verification-token":"b","challenge":"a"}`), 400, documents + "verification-token is there 2 times, want it once"},
		"POST, token a number": {post(`{"verification-token":1,"challenge":"a"}`), 400, documents + "verification-token is a number, want a string"},
		"POST, an object":      {post(`{"verification-token":"` + newToken + `","challenge":{}}`), 400, documents + "challenge is an object, want a string"},
		"POST, null":           {withHeader(post(`{"challenge":null}`), newToken), 400, inHeader + "challenge is null, want a string"},
		"POST, an array":       {withHeader(post(`{"challenge":[]}`), newToken), 400, inHeader + "challenge is an array, want a string"},
		"POST, a boolean":      {withHeader(post(`{"challenge":true}`), newToken), 400, inHeader + "challenge is a boolean, want a string"},
		"POST, empty":          {post(document(newToken, "")), 400, documents + "the challenge is empty, want 1 to 1024 bytes"},
		"POST, long":           {post(document(newToken, strings.Repeat("x", 1030))), 400, documents + "the challenge has 1030 bytes, want 1 to 1024"},
		"POST, line break":     {post(document(newToken, `ab\n`)), 400, documents + "the challenge has the control character U+000A at byte 2, want none"},
		"POST, surrogate":      {post(document(newToken, `a\ud800`)), 400, documents + "the challenge is not UTF-8 at byte 1, want UTF-8"},
		"GET":                  {get("challenge=a&verification-token=other"), 401, inQuery + "the token is another one, " + wanted},
		"GET, header":          {get("challenge=a", "other"), 401, "handshake (GET, token in the header): the token is another one, " + wanted},
		"GET, disagree":        {get("challenge=a&verification-token="+newToken, oldToken), 401, inQuery + "the verification-token header has another token, want the same in both"},
		"GET, challenges":      {get("challenge=a&challenge=b&verification-token=" + newToken), 400, inQuery + "challenge is there 2 times, want it once"},
		"GET, escape":          {get("challenge=a&verification-token=" + newToken + "&b=%zz"), 400, inQuery + `the query has a "%" that starts no escape, or a semicolon, want neither`},
		"GET, not UTF-8":       {get("challenge=%ff&verification-token=" + newToken), 400, inQuery + "the challenge is not UTF-8 at byte 0"},
		"the body was read":    {rebuilt(post(bare), header("Test-Read", "1")), 500, "(body_consumed): a POST with a small body may be a handshake: the body ended after 0 bytes, want the whole body: something in front has read it"},
	} {
		t.Run(name, func(t *testing.T) {
			var decisions []redoxauth.Decision
			observe := func(_ *http.Request, d redoxauth.Decision) { decisions = append(decisions, d) }
			v, err := verifytoken.New(verifytoken.Config{Tokens: []string{newToken, oldToken}, Observe: observe})
			if err != nil {
				t.Fatal(err)
			}
			h := v.Handshake(redoxauth.Middleware(v, &redoxauth.Options{Observe: observe})(next(t)))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Test-Read") != "" {
					io.Copy(io.Discard, r.Body)
				}
				h.ServeHTTP(w, r)
			}))
			defer server.Close()
			tt.r.RequestURI, tt.r.URL.Scheme, tt.r.URL.Host = "", "http", strings.TrimPrefix(server.URL, "http://")
			answer, err := http.DefaultClient.Do(tt.r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if len(decisions) != 1 || decisions[0].Err == nil || decisions[0].Status != tt.status || answer.StatusCode != tt.status {
				t.Fatalf("got %d and %+v, want one refusal with %d", answer.StatusCode, decisions, tt.status)
			}
			text := decisions[0].Err.Error()
			if !strings.Contains(text, tt.want) {
				t.Errorf("no %q in %q", tt.want, text)
			}
			wantNoToken(t, text, newToken, oldToken)
		})
	}
}

func TestRefusalsNameTheField(t *testing.T) {
	list := func(context.Context) ([]string, error) { return []string{newToken}, nil }
	for want, cfg := range map[string]verifytoken.Config{
		"want Config.Tokens[0] (Redox":                            {Tokens: []string{newToken}},
		"want one of those that Config.TokensFunc returns (Redox": {TokensFunc: list},
	} {
		v, err := verifytoken.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(message("other")); !errors.Is(err, redoxauth.ErrRejected) || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
		if _, err := v.Verify(message(newToken)); err != nil {
			t.Error(err)
		}
	}
}
