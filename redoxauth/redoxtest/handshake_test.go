package redoxtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

const uuid = `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`

// The forms are those of Redox's page "Create and verify an endpoint".
func TestHandshakeIsAsDocumented(t *testing.T) {
	for _, tt := range []struct {
		method, query, wantQuery, wantBody string
	}{
		{http.MethodPost, "", `^$`, `^\{"verification-token":"secret&1","challenge":"` + uuid + `"\}$`},
		{http.MethodGet, "", `^challenge=` + uuid + `&verification-token=secret%261$`, `^$`},
		{http.MethodGet, "?feed=1", `^feed=1&challenge=` + uuid + `&verification-token=secret%261$`, `^$`},
	} {
		t.Run(tt.method+tt.query, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Method != tt.method || !regexp.MustCompile(tt.wantQuery).MatchString(r.URL.RawQuery) {
					t.Errorf("got %s ?%s, want %s ?%s", r.Method, r.URL.RawQuery, tt.method, tt.wantQuery)
				}
				if !regexp.MustCompile(tt.wantBody).Match(body) {
					t.Errorf("body: got %s, want %s", body, tt.wantBody)
				}
				want := map[string]string{"Application-Name": "RedoxEngine", "Content-Type": "application/json", "Verification-Token": "", "Authorization": ""}
				got := map[string]string{}
				for name := range want {
					got[name] = r.Header.Get(name)
				}
				if diff := cmp.Diff(want, got); diff != "" || !r.Close {
					t.Errorf("headers (-want +got):\n%s\nConnection: close: %t", diff, r.Close)
				}
				challenge := regexp.MustCompile(uuid).FindString(r.URL.RawQuery + string(body))
				json.NewEncoder(w).Encode(map[string]string{"challenge": challenge}) // Redox looks for it anywhere in the body
			}))
			defer server.Close()
			if err := redoxtest.Handshake(t.Context(), server.URL+"/redox"+tt.query, "secret&1", tt.method); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHandshakeBodyHasTheSamplesLength(t *testing.T) {
	// Redox's sample has "content-length: 93": compact JSON around a UUID and a token
	// of 17 characters.
	var got int64
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.ContentLength }))
	defer server.Close()
	redoxtest.Handshake(t.Context(), server.URL, "my-redox-endpoint", http.MethodPost)
	if got != 93 {
		t.Errorf("Content-Length: got %d, want 93", got)
	}
}

func TestHandshakeFails(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Query().Get("challenge")) }
	for name, tt := range map[string]struct {
		method string
		answer http.HandlerFunc
		want   string
	}{
		"wrong status":      {http.MethodGet, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(401); echo(w, r) }, "401"},
		"204":               {http.MethodGet, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }, "204"},
		"no challenge":      {http.MethodGet, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }, "challenge"},
		"redirect":          {http.MethodGet, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "302"},
		"method":            {http.MethodPut, echo, "PUT"},
		"connection closed": {http.MethodGet, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tt.answer)
			defer server.Close()
			err := redoxtest.Handshake(t.Context(), server.URL, "a-secret-token", tt.method)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "a-secret-token") {
				t.Errorf("got %v, want an error with %q and without the token", err, tt.want)
			}
		})
	}
	if err := redoxtest.Handshake(t.Context(), "http://\x7f", "t", http.MethodGet); err == nil {
		t.Error("a URL that cannot be parsed: no error")
	}
}

// The challenge is alone, and the proof is over all that is sent.
func TestSignedHandshake(t *testing.T) {
	for _, tt := range []struct {
		method, wantQuery, wantBody string
	}{
		{http.MethodPost, `^feed=1$`, `^\{"challenge":"` + uuid + `"\}$`},
		{http.MethodGet, `^feed=1&challenge=` + uuid + `$`, `^$`},
	} {
		t.Run(tt.method, func(t *testing.T) {
			sent := ""
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Method != tt.method || !regexp.MustCompile(tt.wantQuery).MatchString(r.URL.RawQuery) || !regexp.MustCompile(tt.wantBody).Match(body) {
					t.Errorf("got %s ?%s %s", r.Method, r.URL.RawQuery, body)
				}
				if got := r.Header.Get("Verification-Token"); got != "secret" {
					t.Errorf("got the header %q, want the token", got)
				}
				if want := r.URL.RawQuery + string(body); sent != want {
					t.Errorf("signed %q, sent %q", sent, want)
				}
				io.WriteString(w, regexp.MustCompile(uuid).FindString(sent))
			}))
			defer server.Close()
			signer := signerFunc(func(r *http.Request) error {
				sent = r.URL.RawQuery
				if r.GetBody != nil {
					body, _ := r.GetBody()
					data, _ := io.ReadAll(body)
					sent += string(data)
				}
				return redoxtest.VerificationToken{Token: "secret"}.Sign(r)
			})
			if err := redoxtest.SignedHandshake(t.Context(), server.URL+"?feed=1", signer, tt.method); err != nil {
				t.Error(err)
			}
		})
	}
}

type signerFunc func(*http.Request) error

func (f signerFunc) Sign(r *http.Request) error { return f(r) }

func TestSignedHandshakeFails(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer server.Close()
	broken := errors.New("no token to be had")
	fails := signerFunc(func(*http.Request) error { return broken })
	if err := redoxtest.SignedHandshake(t.Context(), server.URL, fails, http.MethodPost); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the Signer", err)
	}
	signs := redoxtest.VerificationToken{Token: "secret"}
	if err := redoxtest.SignedHandshake(t.Context(), server.URL, signs, http.MethodGet); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("got %v, want the status", err)
	}
	if err := redoxtest.SignedHandshake(t.Context(), server.URL, signs, http.MethodPut); err == nil || !strings.Contains(err.Error(), "PUT") {
		t.Errorf("got %v, want an error about the method", err)
	}
}

func ExampleSignedHandshake() {
	// A destination that has a credential and no verification token.
	signature, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}},
		Region:      "us-east-1",
		Service:     "redox",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(signature.Wrap(verifytoken.Challenge(http.NotFoundHandler())))
	defer server.Close()

	sender := redoxtest.SigV4{AccessKey: "AKIDEXAMPLE", SecretKey: "secret", AWSRegion: "us-east-1", ServiceName: "redox"}
	fmt.Println(redoxtest.SignedHandshake(context.Background(), server.URL, sender, http.MethodPost))
	fmt.Println(redoxtest.SignedHandshake(context.Background(), server.URL, sender, http.MethodGet))
	sender.SecretKey = "wrong"
	fmt.Println(redoxtest.SignedHandshake(context.Background(), server.URL, sender, http.MethodPost))
	// Output:
	// <nil>
	// <nil>
	// redoxtest: SignedHandshake: answered 401 Unauthorized, want 200
}

func ExampleHandshake() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"secret"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(token.Handshake(token.Wrap(http.NotFoundHandler())))
	defer server.Close()

	fmt.Println(redoxtest.Handshake(context.Background(), server.URL, "secret", http.MethodPost))
	fmt.Println(redoxtest.Handshake(context.Background(), server.URL, "secret", http.MethodGet))
	fmt.Println(redoxtest.Handshake(context.Background(), server.URL, "wrong", http.MethodPost))
	// Output:
	// <nil>
	// <nil>
	// redoxtest: Handshake: answered 401 Unauthorized, want 200
}
