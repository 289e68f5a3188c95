package bearer_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// Explain tells what the header looks like, and shows none of it but the names of schemes.
func TestExplainHeader(t *testing.T) {
	const absent, want = `Authorization is absent, want "Bearer" and a token`, `, want "Bearer" and a token`
	const unknown = "Authorization: no scheme that is known here and "
	const twice = `"Bearer" is there twice: the sender adds it to a value that begins with it`
	const marks, space = "the token has quotation marks in it or around it", "the token has white space in it or after it"
	const template = "the token has characters of a template (one of {}<>$): its value may not have been filled in"
	const noSpace, jwt = `after "Bearer" there must be a space`, `the value has the form of a JWT without "Bearer " in front`
	const basic = "Basic has a name and a password: it belongs to a token request, and no verifier of messages takes it"
	for _, c := range []struct {
		values []string
		lines  string   // after the decision
		hints  []string // all of them
	}{
		{nil, absent, nil},
		{[]string{""}, `Authorization is empty` + want, nil},
		{[]string{"Bearer"}, "Authorization: Bearer without a token", nil},
		{[]string{"Bearer  "}, "Authorization: Bearer without a token", nil},
		{[]string{"Bearer s3cret"}, "Authorization: Bearer and 6 bytes\ntoken: 6 bytes with 0 dots", nil},
		{[]string{"bEARER s3cret"}, "Authorization: Bearer and 6 bytes\ntoken: 6 bytes with 0 dots", nil}, // RFC 9110, Section 11.1
		{[]string{"Bearer  s3cret"}, "Authorization: Bearer and 6 bytes\ntoken: 6 bytes with 0 dots", nil},
		{[]string{"Bearer bearer s3cret"}, "Authorization: Bearer and 13 bytes", []string{twice}},
		{[]string{`Bearer "s3cret"`}, "Authorization: Bearer and 8 bytes", []string{marks}},
		{[]string{"Bearer 's3cret'"}, "Authorization: Bearer and 8 bytes", []string{marks}},
		{[]string{"Bearer s3cret s3cret"}, "Authorization: Bearer and 13 bytes", []string{space}},
		{[]string{"Bearer s3cret\t"}, "Authorization: Bearer and 7 bytes", []string{space}},
		{[]string{"Bearer ${s3cret}"}, "Authorization: Bearer and 9 bytes", []string{template}},
		{[]string{"Bearer s3cret,"}, "Authorization: Bearer and 7 bytes", nil},
		{[]string{"Bearer s3cret", "Bearer s3cret"}, "Authorization: 2 headers, want one",
			[]string{"the sender sets Authorization twice, or something on the way adds one: look for a customHeader in the dashboard, and at the proxies"}},
		{[]string{"s3cret"}, unknown + "6 bytes" + want, nil},
		{[]string{"s3cret s3cret"}, unknown + "13 bytes" + want, nil},
		{[]string{"Token"}, unknown + "5 bytes" + want, nil}, // it may be a password
		{[]string{"token s3cret"}, `Authorization: scheme "Token" and 12 bytes` + want, nil},
		{[]string{"Basic s3cret"}, `Authorization: scheme "Basic" and 12 bytes` + want, []string{basic}},
		{[]string{"AWS4-HMAC-SHA256 s3cret"}, `Authorization: scheme "AWS4-HMAC-SHA256" and 23 bytes` + want, []string{"the request has a signature of AWS: sigv4 verifies it"}},
		{[]string{"s3cret.b.c"}, unknown + "10 bytes" + want, []string{jwt}},
		{[]string{"s3cret.b.c d"}, unknown + "12 bytes" + want, nil},
		{[]string{"bearer:s3cret"}, unknown + "13 bytes" + want, []string{noSpace}},
		{[]string{"Bearers3cret"}, unknown + "12 bytes" + want, []string{noSpace}},
	} {
		v := bearer.New("test", func(*http.Request, string) (*redoxauth.Identity, error) { return &redoxauth.Identity{}, nil }, nil)
		r := httptest.NewRequest("POST", "/", nil)
		r.Header["Content-Type"] = []string{"application/json"} // nothing to do with it
		if c.values != nil {
			r.Header["Authorization"] = c.values
		}
		first, rest, _ := strings.Cut(v.Explain(r), "\n")
		if got, want := rest, c.lines+"\n"+hints(c.hints...); got != want {
			t.Errorf("%q: got %q, want %q", c.values, got, want)
		}
		if !strings.HasPrefix(first, "test: ") || strings.Contains(first+rest, "s3cret") {
			t.Errorf("%q: got %q", c.values, first+rest)
		}
	}
}

// hints are the last lines of Explain.
func hints(list ...string) (text string) {
	if len(list) == 0 {
		return ""
	}
	return "\nhints:\n- " + strings.Join(list, "\n- ") + "\n"
}

// What belongs to another strategy, or went wrong on the way, is named. No other hint is given.
func TestExplainHints(t *testing.T) {
	const google = "the token begins as Google's access tokens do (ya29.): wif or gcpjwt verifies them, with AccessTokens"
	for _, c := range []struct {
		name, strategy string
		header         http.Header
		query          string
		want           []string
	}{
		{"Google's token", "test", http.Header{"Authorization": {"Bearer ya29.x"}}, "", []string{google}},
		{"Google's token at wif", "wif", http.Header{"Authorization": {"Bearer ya29.x"}}, "", nil},
		{"Google's token at gcpjwt", "gcpjwt", http.Header{"Authorization": {"Bearer ya29.x"}}, "", nil},
		{"another token", "test", http.Header{"Authorization": {"Bearer ya28.x"}}, "", nil},
		{"the verification token", "test", http.Header{"Authorization": {"Bearer x"}, "Verification-Token": {"x"}}, "",
			[]string{"the token is the same as the header verification-token: it is Redox's verification token, which verifytoken verifies"}},
		{"a token beside the verification token", "test", http.Header{"Authorization": {"Bearer x"}, "Verification-Token": {"y"}}, "", nil},
		{"the verification token alone", "test", http.Header{"Verification-Token": {"x"}}, "", []string{"the header verification-token is there: verifytoken verifies it"}},
		{"no canonical key", "test", http.Header{"authorization": {"Bearer x"}}, "",
			[]string{`http.Header has the key "authorization", want "Authorization": what makes the request must set headers by Header.Set or Header.Add`}},
		{"renamed", "test", http.Header{"X-Forwarded-Authorization": {"Bearer x"}, "Authorization-Info": {"x"}}, "",
			[]string{`the header "X-Forwarded-Authorization" arrived: something in front of this server may rename Authorization`}},
		{"in the query", "test", http.Header{}, "?access_token=x",
			[]string{"the query has an access_token: a token is taken from the header Authorization alone, because proxies log URLs"}},
		{"another query", "test", http.Header{}, "?token=x", nil},
	} {
		v := bearer.New(c.strategy, func(*http.Request, string) (*redoxauth.Identity, error) { return &redoxauth.Identity{}, nil }, nil)
		r := httptest.NewRequest("POST", "/"+c.query, nil)
		r.Header = c.header
		text := v.Explain(r)
		if _, got, _ := strings.Cut(text, "\nhints:\n"); got != strings.TrimPrefix(hints(c.want...), "\nhints:\n") {
			t.Errorf("%s: got %q, want the hints %q", c.name, text, c.want)
		}
	}
}

// The Explainer adds to the decision, also to a refusal, and works with what is loaded. It is
// not asked without a token.
func TestExplainerIsAsked(t *testing.T) {
	var refusal error
	asked := 0
	v := bearer.New("test", func(r *http.Request, _ string) (*redoxauth.Identity, error) {
		if !rotation.IsLoadedOnly(r.Context()) {
			t.Error("decided in a context that fetches")
		}
		return &redoxauth.Identity{Strategy: "test", Subject: "redox"}, refusal
	}, func(r *http.Request, token string, to *diagnosis.Report) {
		asked++
		to.Line("explained: %s, %v", token, rotation.IsLoadedOnly(r.Context()))
	})
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Authorization", "Bearer abc")
	const facts = "\nAuthorization: Bearer and 3 bytes\ntoken: 3 bytes with 0 dots\nexplained: abc, true\n"
	if got, want := v.Explain(r), `test: accepted: test, subject "redox"`+facts; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	refusal = redoxauth.Errorf(redoxauth.ErrRejected, "client", "because")
	if got, want := v.Explain(r), "test: credentials rejected (client): because"+facts; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	asked = 0
	r.Header.Set("Authorization", "Basic abc")
	if got := v.Explain(r); !strings.HasPrefix(got, "test: no credentials (missing): ") || asked != 0 {
		t.Errorf("asked %d times, got %q", asked, got)
	}
	if got, want := v.Explain(nil), "test: no request\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := v.Explain(new(http.Request)); !strings.HasPrefix(got, "test: no credentials (missing): ") {
		t.Errorf("got %q", got)
	}
	if got := (bearer.Verifier{}).Explain(r); !strings.HasPrefix(got, "redoxauth (internal): a zero Verifier") || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q", got)
	}
}

func TestExplainScopes(t *testing.T) {
	key := redoxtest.NewKey("1", "ES256")
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(key))
	if err != nil {
		t.Fatal(err)
	}
	v := jose.New(jose.Config{Keys: jose.SourceOf(keys), Algorithms: []string{"ES256"}})
	for _, c := range []struct {
		claims   map[string]any
		required []string
		line     string
		hints    []string
	}{
		{map[string]any{"scope": "a b"}, []string{"a"}, `scope: ["a" "b"], which is enough (Config.Scopes)`, nil},
		{map[string]any{"scope": "a"}, nil, `scope: "a", and none is required (Config.Scopes)`, nil},
		{map[string]any{}, nil, `scope: absent, and none is required (Config.Scopes)`, nil},
		{map[string]any{}, []string{"a"}, `scope is absent, want "a" (Config.Scopes)`, nil},
		{map[string]any{"scope": "c d"}, []string{"a", "b"}, `scope is ["c" "d"], want all of ["a" "b"] (Config.Scopes)`, nil},
		{map[string]any{"scp": []string{"a"}, "roles": "b"}, []string{"a"}, `scope is absent, want "a" (Config.Scopes)`,
			[]string{`the claim scp has all that is required: "a"`, `the claim roles is there: "b"`}},
		{map[string]any{"scope": "c", "scp": "b", "roles": "a"}, []string{"a"}, `scope is "c", want "a" (Config.Scopes)`,
			[]string{`the claim roles has all that is required: "a"`}},
		{map[string]any{"scope": "c system/*.RS"}, []string{"system/*.rs"}, `scope is ["c" "system/*.RS"], want "system/*.rs" (Config.Scopes)`,
			[]string{`scope "system/*.RS" and the configured "system/*.rs" (Config.Scopes) differ only in upper and lower case`}},
		{map[string]any{"scope": strings.Repeat("c ", 63) + "write: read:"}, []string{"WRITE:", "READ:"}, "",
			[]string{`scope "write:" and the configured "WRITE:" (Config.Scopes) differ only in upper and lower case`}}, // the first 64
	} {
		token, err := key.Token(nil, c.claims)
		if err != nil {
			t.Fatal(err)
		}
		u := v.Explain(t.Context(), token, new(diagnosis.Report))
		if u == nil {
			t.Fatalf("%v: not read", c.claims)
		}
		var to diagnosis.Report
		bearer.ExplainScopes(&to, u, c.required, "scope", "Config.Scopes")
		got, want := to.Text(""), "\n"+c.line+"\n"+hints(c.hints...)
		if c.line == "" { // too long
			_, got, _ = strings.Cut(got, "more,")
			want = fmt.Sprintf(" want all of %q (Config.Scopes)\n", c.required) + hints(c.hints...)
		}
		if got != want {
			t.Errorf("%v: got %q, want %q", c.claims, got, want)
		}
	}
}
