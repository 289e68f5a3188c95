package redoxtest_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func ExampleSMARTBackend() {
	keys := redoxtest.NewKeyServer(redoxtest.NewKey("1", "ES384"))
	defer keys.Close()
	sender := &redoxtest.SMARTBackend{
		URL:      "https://customer.example/token",
		ClientID: "redox",
		Key:      keys.Key(),
		JKU:      keys.JWKSURL,
		Scopes:   []string{"system/Patient.cu"},
	}
	// sender.Send gets a token with such an assertion, and sends a message with the token.
	assertion, err := sender.Assertion()
	fmt.Println(len(assertion) > 300, err)
	// Output: true <nil>
}

// https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
func TestSMARTBackendOnTheWire(t *testing.T) {
	iat := float64(instant.Unix())
	for _, algorithm := range []string{"RS384", "ES384"} {
		t.Run(algorithm, func(t *testing.T) {
			tokens, key := record(t, issues(300)), redoxtest.NewKey("1", algorithm)
			s := &redoxtest.SMARTBackend{URL: tokens.URL, ClientID: "c", Key: key, JKU: "https://a.example/jwks.json", Now: at(instant)}
			for range 2 {
				if got := authorization(t, s); got != "t1" {
					t.Errorf("token %q, want t1", got)
				}
			}
			requests := tokens.all()
			if len(requests) != 1 {
				t.Fatalf("%d token requests, want 1", len(requests))
			}
			if requests[0].Authorization != "" {
				t.Error("a second client authentication is sent")
			}
			form := formOf(t, requests[0])
			got := open(t, form.Get("client_assertion"), key)
			form.Del("client_assertion")
			wantForm := url.Values{
				"grant_type":            {"client_credentials"},
				"scope":                 {"system/*.rs"},
				"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			}
			if diff := cmp.Diff(wantForm, form); diff != "" {
				t.Errorf("form (-want +got):\n%s", diff)
			}
			if jti, _ := got.claims["jti"].(string); len(jti) != 36 {
				t.Errorf("jti %q, want a UUID", jti)
			}
			delete(got.claims, "jti")
			want := opened{
				map[string]any{"alg": algorithm, "kid": "1", "typ": "JWT", "jku": "https://a.example/jwks.json"},
				map[string]any{"iss": "c", "sub": "c", "aud": tokens.URL, "iat": iat, "exp": iat + 300},
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(opened{})); diff != "" {
				t.Errorf("assertion (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSMARTBackendVariants(t *testing.T) {
	key := redoxtest.NewKey("1", "ES384")
	s := &redoxtest.SMARTBackend{
		URL: "https://a.example/token", ClientID: "c", Key: key, Audience: "https://a.example", Lifetime: time.Minute, JKU: "j",
		Header: map[string]any{"typ": "client-authentication+jwt", "kid": nil, "jku": nil}, Claims: map[string]any{"iat": nil}, Now: at(instant),
	}
	first := must(s.Assertion())
	second := must(s.Assertion())
	got := open(t, first, key)
	if got.claims["jti"] == open(t, second, key).claims["jti"] {
		t.Error("two assertions have one jti")
	}
	delete(got.claims, "jti")
	want := opened{
		map[string]any{"alg": "ES384", "typ": "client-authentication+jwt"},
		map[string]any{"iss": "c", "sub": "c", "aud": "https://a.example", "exp": float64(instant.Unix() + 60)},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(opened{})); diff != "" {
		t.Errorf("assertion (-want +got):\n%s", diff)
	}
}
