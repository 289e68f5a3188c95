package tokenendpoint_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
)

var parameters = []string{"grant_type", "scope", "audience", "resource", "client_id", "client_secret", "client_assertion", "client_assertion_type", "assertion"}

// parsed returns what the strategy gets of r, or nil, and whether a token was issued.
func parsed(t *testing.T, r *http.Request) (seen *tokenendpoint.Request, issued bool) {
	w, _ := newEndpoint(t, func(c *tokenendpoint.Config) {
		c.Prove = func(ctx context.Context, q *tokenendpoint.Request) (*tokenendpoint.Proof, error) {
			seen = q
			return proven(ctx, q)
		}
	}).ask(t, r, "")
	return seen, w.Code == 200
}

// What gets through reads the same in net/url, with every parameter once, but for audience
// and resource. A token is issued only if all of these are ours.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		"grant_type=client_credentials", "grant_type=client_credentials&scope=a+b%20c", "grant_type=x&grant_type=x",
		"grant_type=client_credentials&resource=https://api.example.com/redox&resource=&resource=x", "grant_type=client_credentials&audience=https://api.example.com/redox&audience=https://api.example.com/redox",
		"gr%61nt_type=client_credentials&;", "grant_type=client_credentials&a=%zz", "&=&&grant_type=client_credentials&=", "grant_type=client_credentials&x=%ff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		seen, issued := parsed(t, form(body))
		if seen == nil {
			return
		}
		want, err := url.ParseQuery(body)
		if err != nil {
			t.Fatalf("net/url refuses it: %v", err)
		}
		for _, name := range parameters {
			target := name == "audience" || name == "resource"
			if !target && len(want[name]) > 1 || seen.Get(name) != want.Get(name) {
				t.Errorf("%s: got %q, net/url reads %q", name, seen.Get(name), want[name])
			}
			foreign := func(value string) bool { return value != "" && value != "https://api.example.com/redox" }
			if target && issued && slices.ContainsFunc(want[name], foreign) {
				t.Errorf("a token for the %s %q", name, want[name])
			}
		}
	})
}

// What gets through reads the same in encoding/json.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"grant_type":"client_credentials"}`, `{"grant_type":"client_credentials","scope":"a b","x":[1,{"y":null}]}`,
		`{"grant_type":"client_credentials","grant_type":"x"}`, `{"Grant_Type":"client_credentials"}`, `{"grant_type":null}`,
		`{"grant_type":"client_credentials","resource":["https://api.example.com/redox",""],"audience":["x"]}`,
		`{"grant_type":"client_credentials","scope":"\ud83d\ude00"}`, `{"grant_type":"client_credentials","\u0073cope":"\ud800"}`, `[]`, `{`, "\xef\xbb\xbf{}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		seen, issued := parsed(t, post("application/json", body))
		if seen == nil {
			return
		}
		var want map[string]any
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		for _, name := range parameters {
			text, _ := want[name].(string)
			if list, ok := want[name].([]any); ok && (name == "audience" || name == "resource") {
				for _, value := range list {
					if issued && value != "" && value != "https://api.example.com/redox" {
						t.Errorf("a token for the %s %q", name, list)
					}
				}
				continue
			}
			if seen.Get(name) != text || !utf8.ValidString(text) {
				t.Errorf("%s: got %q, encoding/json reads %q", name, seen.Get(name), want[name])
			}
		}
	})
}
