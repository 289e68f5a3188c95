package redoxtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func ExampleJWTBearer() {
	destination := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		fmt.Println(r.Method, scheme, len(strings.Split(token, ".")))
	}))
	defer destination.Close()
	sender := &redoxtest.JWTBearer{
		Key:      redoxtest.NewKey("1", "ES256"),
		Issuer:   "redox",
		Audience: []string{"https://customer.example"},
	}
	response, err := sender.Send(context.Background(), destination.URL, redoxtest.PatientAdmin())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(response.StatusCode)
	// Output:
	// POST Bearer 3
	// 200
}

func TestJWTBearerSentDirectly(t *testing.T) {
	key := redoxtest.NewKey("1", "RS256")
	minimal := redoxtest.JWTBearer{Key: key, Now: at(instant)}
	iat := float64(instant.Unix())
	for _, test := range []struct {
		name           string
		sender         *redoxtest.JWTBearer
		header, claims map[string]any // without jti
	}{
		{
			"zero value", &minimal,
			map[string]any{"alg": "RS256", "kid": "1", "typ": "JWT"},
			map[string]any{"iat": iat, "exp": iat + 300},
		},
		{
			"everything", &redoxtest.JWTBearer{
				Key: key, Now: at(instant), Issuer: "i", Subject: "s", Audience: []string{"a"}, Scopes: []string{"x", "y"}, Lifetime: time.Hour,
				Header: map[string]any{"typ": "at+jwt"}, Claims: map[string]any{"nbf": 1, "iat": nil},
			},
			map[string]any{"alg": "RS256", "kid": "1", "typ": "at+jwt"},
			map[string]any{"iss": "i", "sub": "s", "aud": "a", "scope": "x y", "exp": iat + 3600, "nbf": float64(1)},
		},
		{
			"two audiences", &redoxtest.JWTBearer{Key: key, Now: at(instant), Audience: []string{"a", "b"}, Header: map[string]any{"typ": nil, "kid": nil}},
			map[string]any{"alg": "RS256"},
			map[string]any{"iat": iat, "exp": iat + 300, "aud": []any{"a", "b"}},
		},
		{
			"CDS Hooks", &redoxtest.JWTBearer{Key: key, Now: at(instant), Issuer: "i", Audience: []string{"https://a.example/hook"}, JKU: "https://redox.example/jwks.json", Tenant: "t"},
			map[string]any{"alg": "RS256", "kid": "1", "typ": "JWT", "jku": "https://redox.example/jwks.json"},
			map[string]any{"iss": "i", "aud": "https://a.example/hook", "tenant": "t", "iat": iat, "exp": iat + 300},
		},
		{
			"changed header", &redoxtest.JWTBearer{Key: key, Now: at(instant), JKU: "j", Tenant: "t", Header: map[string]any{"jku": nil, "kid": nil}, Claims: map[string]any{"tenant": nil}},
			map[string]any{"alg": "RS256", "typ": "JWT"},
			map[string]any{"iat": iat, "exp": iat + 300},
		},
		{
			"HMAC", &redoxtest.JWTBearer{Key: redoxtest.Key{Algorithm: "HS256", Secret: []byte("0123456789abcdef0123456789abcdef")}, Now: at(instant)},
			map[string]any{"alg": "HS256", "typ": "JWT"},
			map[string]any{"iat": iat, "exp": iat + 300},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := open(t, authorization(t, test.sender), test.sender.Key)
			if jti, _ := got.claims["jti"].(string); len(jti) != 36 {
				t.Errorf("jti %q, want a UUID", jti)
			}
			delete(got.claims, "jti")
			if diff := cmp.Diff(opened{test.header, test.claims}, got, cmp.AllowUnexported(opened{})); diff != "" {
				t.Errorf("token (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJWTBearerReuse(t *testing.T) {
	now := instant
	s := &redoxtest.JWTBearer{Key: redoxtest.NewKey("1", "ES256"), Reuse: true, Now: func() time.Time { return now }}
	first := authorization(t, s)
	now = now.Add(4 * time.Minute)
	if authorization(t, s) != first {
		t.Error("the token changed while it was good")
	}
	now = now.Add(time.Minute)
	if authorization(t, s) == first {
		t.Error("the token is used past its life")
	}
	s = &redoxtest.JWTBearer{Key: redoxtest.NewKey("1", "ES256"), Now: at(instant)}
	if first, second := authorization(t, s), authorization(t, s); first == second {
		t.Error("without Reuse the token is used twice")
	}
}

// RFC 7523, Section 2.1.
func TestJWTBearerGrant(t *testing.T) {
	tokens, destination := record(t, issues(300)), record(t, nil)
	key := redoxtest.NewKey("1", "RS256")
	now := instant
	s := &redoxtest.JWTBearer{
		Key: key, Issuer: "i", Subject: "s", Scopes: []string{"x", "y"}, TokenURL: tokens.URL,
		Now: func() time.Time { return now },
	}
	for range 3 {
		response, err := s.Send(t.Context(), destination.URL, []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	now = now.Add(5 * time.Minute)
	if got := authorization(t, s); got != "t2" {
		t.Errorf("after the token's life %q is sent, want t2", got)
	}

	want := recorded{"POST", "Bearer t1", "application/json", "{}"}
	if diff := cmp.Diff([]recorded{want, want, want}, destination.all()); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	requests := tokens.all()
	if len(requests) != 2 {
		t.Fatalf("%d token requests, want 2", len(requests))
	}
	form := formOf(t, requests[0])
	assertion := open(t, form.Get("assertion"), key)
	form.Del("assertion")
	if diff := cmp.Diff(url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "scope": {"x y"}}, form); diff != "" {
		t.Errorf("form (-want +got):\n%s", diff)
	}
	if requests[0].Authorization != "" {
		t.Error("the grant carries client authentication")
	}
	delete(assertion.claims, "jti")
	iat := float64(instant.Unix())
	if diff := cmp.Diff(map[string]any{"iss": "i", "sub": "s", "aud": tokens.URL, "iat": iat, "exp": iat + 300}, assertion.claims); diff != "" {
		t.Errorf("assertion (-want +got):\n%s", diff)
	}
}
