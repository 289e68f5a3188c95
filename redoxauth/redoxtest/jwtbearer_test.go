package redoxtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
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

// recorder is a server that keeps what it gets and answers as told.
type recorder struct {
	*httptest.Server
	mu       sync.Mutex
	requests []recorded
}

type recorded struct {
	Method, Authorization, ContentType, Body string
}

func record(t *testing.T, answer http.HandlerFunc) *recorder {
	t.Helper()
	rec := &recorder{}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		rec.mu.Lock()
		rec.requests = append(rec.requests, recorded{r.Method, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(body)})
		rec.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(rec.Close)
	return rec
}

func (r *recorder) all() []recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]recorded(nil), r.requests...)
}

// issues answers every token request with a new token: t1, t2, …
func issues(expiresIn int) http.HandlerFunc {
	var mu sync.Mutex
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		n++
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"t%d","token_type":"bearer","expires_in":%d}`, n, expiresIn)
	}
}

// authorization is the token that s puts into a request.
func authorization(t *testing.T, s redoxtest.Signer) string {
	t.Helper()
	r := httptest.NewRequest("POST", "/redox", nil)
	if err := s.Sign(r); err != nil {
		t.Fatal(err)
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		t.Fatalf("Authorization %q", r.Header.Get("Authorization"))
	}
	return token
}

func formOf(t *testing.T, r recorded) url.Values {
	t.Helper()
	if r.Method != "POST" || r.ContentType != "application/x-www-form-urlencoded" {
		t.Errorf("token request: %s %s, want a POSTed form", r.Method, r.ContentType)
	}
	form, err := url.ParseQuery(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return form
}

var instant = time.Date(2026, 11, 24, 5, 31, 0, 0, time.UTC)

func at(when time.Time) func() time.Time { return func() time.Time { return when } }

func TestJWTBearerSentDirectly(t *testing.T) {
	key := redoxtest.NewKey("1", "RS256")
	minimal := redoxtest.JWTBearer{Key: key, Now: at(instant)}
	iat := float64(instant.Unix())
	for _, test := range []struct {
		name           string
		sender         *redoxtest.JWTBearer
		header, claims map[string]any // jti apart
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
	} {
		t.Run(test.name, func(t *testing.T) {
			got := open(t, authorization(t, test.sender), key)
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

func TestJWTBearerWithHMAC(t *testing.T) {
	key := redoxtest.Key{Algorithm: "HS256", Secret: []byte("0123456789abcdef0123456789abcdef")}
	got := open(t, authorization(t, &redoxtest.JWTBearer{Key: key, Claims: map[string]any{"jti": nil}}), key)
	if diff := cmp.Diff(map[string]any{"alg": "HS256", "typ": "JWT"}, got.header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if _, ok := got.claims["jti"]; ok {
		t.Error("jti is there")
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

func TestTokenEndpointFailures(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	key := redoxtest.NewKey("1", "RS256")
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   *redoxtest.TokenError // nil: another error
	}{
		{"refused", answer(400, `{"error":"invalid_grant","error_description":"no"}`), &redoxtest.TokenError{StatusCode: 400, Code: "invalid_grant", Description: "no"}},
		{"down", answer(503, `down`), &redoxtest.TokenError{StatusCode: 503}},
		{"redirect", http.RedirectHandler("https://attacker.invalid", http.StatusTemporaryRedirect).ServeHTTP, &redoxtest.TokenError{StatusCode: 307}},
		{"no JSON", answer(200, `<html>`), nil},
		{"no token", answer(200, `{"token_type":"bearer"}`), nil},
		{"other type", answer(200, `{"access_token":"x","token_type":"mac"}`), nil},
	} {
		tokens := record(t, test.answer)
		for _, s := range []redoxtest.Sender{
			&redoxtest.JWTBearer{Key: key, TokenURL: tokens.URL},
			&redoxtest.ClientCredentials{URL: tokens.URL},
			&redoxtest.SMARTBackend{Key: key, URL: tokens.URL},
			&redoxtest.GCPJWT{Key: key, TokenURL: tokens.URL},
		} {
			t.Run(fmt.Sprintf("%s/%T", test.name, s), func(t *testing.T) {
				destination := record(t, nil)
				response, err := s.Send(t.Context(), destination.URL, []byte(`{}`))
				if err == nil {
					response.Body.Close()
					t.Fatal("sent")
				}
				var got *redoxtest.TokenError
				errors.As(err, &got)
				if _, google := s.(*redoxtest.GCPJWT); google && got != nil {
					got.Code, got.Description = test.want.Code, test.want.Description // x/oauth2/jwt does not read them
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("error %v (-want +got):\n%s", err, diff)
				}
				if n := len(destination.all()); n != 0 {
					t.Errorf("%d messages sent", n)
				}
			})
		}
	}
}

func TestSendersNeedTheirKey(t *testing.T) {
	for _, s := range []redoxtest.Signer{
		&redoxtest.JWTBearer{}, &redoxtest.JWTBearer{TokenURL: "http://127.0.0.1:1"}, &redoxtest.JWTBearer{Reuse: true},
		&redoxtest.SMARTBackend{}, &redoxtest.GCPJWT{}, &redoxtest.WIF{},
	} {
		r := httptest.NewRequest("POST", "/redox", nil)
		if err := s.Sign(r); err == nil || !strings.Contains(err.Error(), "required") {
			t.Errorf("%T: error %v, want one that names what is required", s, err)
		}
		if r.Header.Get("Authorization") != "" {
			t.Errorf("%T signed", s)
		}
	}
}

func TestOneTokenForConcurrentMessages(t *testing.T) {
	tokens := record(t, issues(300))
	s := &redoxtest.ClientCredentials{URL: tokens.URL, ClientID: "c", ClientSecret: "s"}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := authorization(t, s); got != "t1" {
				t.Errorf("token %q, want t1", got)
			}
		})
	}
	wg.Wait()
	if n := len(tokens.all()); n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
}

func TestSignEndsWithTheRequestsContext(t *testing.T) {
	s := redoxtest.NewAuthorizationServer(redoxtest.NewKey("1", "ES256"))
	defer s.Close()
	s.Fail(redoxtest.Hang(), s.TokenURL)
	sender := &redoxtest.ClientCredentials{URL: s.TokenURL, ClientID: "c", ClientSecret: "s"}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	r := httptest.NewRequestWithContext(ctx, "POST", "/redox", nil)
	if err := sender.Sign(r); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}
