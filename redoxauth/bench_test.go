package redoxauth_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkMiddleware measures what Middleware adds to a plain handler, and what of
// that any wrapper that hands on an Identity in the context adds.
func BenchmarkMiddleware(b *testing.B) {
	message := bytes.Repeat([]byte("a"), 1<<10)
	id := &redoxauth.Identity{Strategy: "test"}
	accepts := redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) { return id, nil })
	rejected := &redoxauth.Error{Kind: redoxauth.ErrRejected, Strategy: "test", Reason: "signature", Challenge: `Bearer realm="redox"`}
	var plain http.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	var reads http.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	inContext := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(redoxauth.NewContext(r.Context(), id)))
		})
	}
	wrap := func(v redoxauth.Verifier, next http.Handler) http.Handler { return redoxauth.Middleware(v, nil)(next) }
	for _, bm := range []struct {
		name string
		h    http.Handler
		body bool
	}{
		{"plain", plain, false},
		{"context", inContext(plain), false},
		{"accepted", wrap(accepts, plain), false},
		{"rejected", wrap(verifier("", rejected), plain), false},
		{"plain, body streamed", reads, true},
		{"accepted, body streamed", wrap(accepts, reads), true},
		{"accepted, body buffered", wrap(readsBody, reads), true},
		{"accepted, body buffered, proven", wrap(provenBody, reads), true},
	} {
		b.Run(bm.name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodPost, "/redox", nil)
			w := &discard{header: http.Header{}}
			body := bytes.NewReader(nil)
			r.Body = http.NoBody
			b.ReportAllocs()
			for b.Loop() {
				if bm.body {
					body.Reset(message)
					r.Body, r.ContentLength = io.NopCloser(body), int64(len(message))
				}
				bm.h.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkAnyOf measures a peer that sends what no member knows.
func BenchmarkAnyOf(b *testing.B) {
	none := verifier("", &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Reason: "missing"})
	v := redoxauth.AnyOf(none, none, none)
	r := post("")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(r); !errors.Is(err, redoxauth.ErrNoCredentials) {
			b.Fatal(err)
		}
	}
}
