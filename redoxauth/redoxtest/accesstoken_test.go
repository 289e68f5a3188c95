package redoxtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func TestTokenIsUsedUntilItsEnd(t *testing.T) {
	for _, test := range []struct {
		name      string
		expiresIn int
		after     time.Duration
		want      string
	}{
		{"well before", 300, 4 * time.Minute, "t1"},
		{"10 s before", 300, 290 * time.Second, "t2"},
		{"no expires_in", 0, 1000 * time.Hour, "t1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tokens, now := record(t, issues(test.expiresIn)), instant
			s := &redoxtest.ClientCredentials{URL: tokens.URL, Now: func() time.Time { return now }}
			authorization(t, s)
			now = now.Add(test.after)
			if got := authorization(t, s); got != test.want {
				t.Errorf("token %q, want %q", got, test.want)
			}
		})
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
		want   *redoxtest.TokenError // nil if the error is another
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
