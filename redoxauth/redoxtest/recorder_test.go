package redoxtest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A recorder is a server that keeps its requests.
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

// authorization returns the token that s puts into a request.
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

// must panics on an error in the preparation of a test.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
