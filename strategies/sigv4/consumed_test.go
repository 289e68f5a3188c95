package sigv4_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

// Whoever has a signature over an empty body must not send a body with it. A handler that
// reads what was parsed in front, as gin's PostForm does, would act on unsigned bytes.
func TestSignatureOverAnEmptyBodyNeverVerifiesForABodyReadInFront(t *testing.T) {
	const evil = "role=admin"
	for name, payload := range map[string]string{"hash declared": "hash", "not declared": ""} {
		for chunked, length := range map[bool]int64{true: -1, false: int64(len(evil))} {
			var got error
			opts := &redoxauth.Options{Observe: func(_ *http.Request, d redoxauth.Decision) { got = d.Err }}
			acts := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if role := r.FormValue("role"); role != "" {
					t.Errorf("%s, chunked %t: the handler acts on %q, which nobody signed", name, chunked, role)
				}
			})
			protected := redoxauth.Middleware(newVerifier(t, testConfig()), opts)(acts)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.FormValue("role")
				protected.ServeHTTP(w, r)
			}))
			send := func(body string, length int64) int {
				r, err := http.NewRequest(http.MethodPost, server.URL+"/redox", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				s := testSigner
				s.payload, s.host = payload, r.URL.Host
				r.RequestURI = r.URL.RequestURI()
				s.sign(r)
				r.RequestURI = "" // of a client
				if r.Body = http.NoBody; body != "" {
					r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), length
				}
				res, err := server.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				return res.StatusCode
			}
			if status := send(evil, length); status != http.StatusInternalServerError {
				t.Errorf("%s, chunked %t: status %d, want 500", name, chunked, status)
			}
			verifiertest.CheckError(t, got, nil, "body_consumed")
			if status := send("", 0); status != http.StatusOK {
				t.Errorf("%s: the empty body that was signed: status %d, %v", name, status, got)
			}
			server.Close()
		}
	}
}

func TestExplainSaysThatSomethingInFrontHasReadTheBody(t *testing.T) {
	v := newVerifier(t, testConfig())
	r := scenario{}.request()
	r.Body = http.NoBody
	if got := v.Explain(r); !strings.Contains(got, "(body_consumed)") || !strings.Contains(got, "\n- a middleware in front has read the body") {
		t.Errorf("no hint:\n%s", got)
	}
}

// Observe gets no body, but the hash of what Verify has read. So it explains what the body
// shows, now and when the request has ended.
func TestExplainOfAnObservedRequest(t *testing.T) {
	for name, tt := range map[string]struct {
		scenario scenario
		want     string
	}{
		"another host":          {scenario{after: func(r *http.Request) { r.Host = "internal.test"; r.Header.Set("X-Forwarded-Host", "api.example.test") }}, `verifies with Host "api.example.test"`},
		"another body":          {scenario{signer: func(s *signer) { s.payload = "hash" }, after: func(r *http.Request) { setBody(r, `{"Meta":1}`) }}, "(payload)"},
		"of unknown length":     {scenario{before: func(r *http.Request) { r.ContentLength = -1 }, after: func(r *http.Request) { r.Host = "internal.test"; r.Header.Set("X-Forwarded-Host", "api.example.test") }}, `verifies with Host "api.example.test"`},
		"content-length":        {scenario{signer: func(s *signer) { s.signed = []string{"content-length", "host", "x-amz-date"} }, after: func(r *http.Request) { r.Header.Del("Content-Length"); r.ContentLength = -1 }}, "sigv4: accepted"},
		"refused before":        {scenario{signer: func(s *signer) { s.region = "eu-west-1" }}, "(region)"},
		"read in front":         {scenario{after: func(r *http.Request) { r.Body = http.NoBody; r.PostForm = url.Values{} }}, "(body_consumed)"},
		"accepted":              {scenario{}, "sigv4: accepted"},
		"accepted, with a hash": {scenario{signer: func(s *signer) { s.payload = "hash" }}, "sigv4: accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			v := tt.scenario.verifier(t)
			var kept *http.Request
			opts := &redoxauth.Options{Observe: func(r *http.Request, _ redoxauth.Decision) {
				kept = r
				if got := v.Explain(r); !strings.Contains(got, tt.want) {
					t.Errorf("in Observe:\n%s\nwant %s", got, tt.want)
				}
			}}
			h := redoxauth.Middleware(v, opts)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			h.ServeHTTP(httptest.NewRecorder(), tt.scenario.request())
			if got := v.Explain(kept); !strings.Contains(got, tt.want) {
				t.Errorf("later:\n%s\nwant %s", got, tt.want)
			}
		})
	}
}

// A hashing is a Verifier that hashes the body in its own way.
type hashing struct{ hash.Hash }

func (h hashing) Verify(r *http.Request) (*redoxauth.Identity, error) {
	return &redoxauth.Identity{Strategy: "hashing"}, redoxauth.HashBody(r, h.Hash)
}

// A brief hash has a state of one byte.
type brief struct{ hash.Hash }

func (brief) AppendBinary(b []byte) ([]byte, error) { return append(b, 'x'), nil }

// Of several Verifiers the hash of the last is kept. Explain does not take it for its own.
func TestExplainOfAnObservedRequestWithAnotherHash(t *testing.T) {
	for name, other := range map[string]hash.Hash{"SHA-512": sha512.New(), "one byte": brief{sha256.New()}} {
		v, text := newVerifier(t, testConfig()), ""
		opts := &redoxauth.Options{Observe: func(r *http.Request, _ redoxauth.Decision) { text = v.Explain(r) }}
		if _, err := redoxauth.Check(redoxauth.AllOf(v, hashing{other}), nil, scenario{}.request(), opts); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, "no Verifier has hashed it") || strings.Contains(text, "signature: it does not verify") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}

func setBody(r *http.Request, body string) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte(body))), int64(len(body))
}
