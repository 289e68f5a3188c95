package sigv4_test

import (
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// A peer that knows an access key ID can send a megabyte of headers under a forged signature. For
// each of its variants the search makes a canonical request of them.
func TestExplainOfLargeHeadersIsBounded(t *testing.T) {
	for name, fill := range map[string]func(h http.Header){
		"one long line": func(h http.Header) { h.Set("X-A", strings.Repeat("a, ", 300_000)) },
		"many lines":    func(h http.Header) { h["X-A"] = strings.Split(strings.Repeat("a,", 100_000), ",") },
		"many lines and a long one": func(h http.Header) {
			h["X-A"] = strings.Split(strings.Repeat("ab,", 3_000), ",")
			h.Set("X-B", strings.Repeat("b", 500_000))
		},
		"a long prefix":              func(h http.Header) { h.Set("X-Forwarded-Prefix", "/"+strings.Repeat("é", 450_000)) },
		"a long prefix with escapes": func(h http.Header) { h.Set("X-Script-Name", "/"+strings.Repeat("%20a", 225_000)) },
		"a long host":                func(h http.Header) { h.Set("X-Forwarded-Host", strings.Repeat("\xc3", 900_000)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := scenario{signer: declared(func(s *signer) {
				s.secret, s.signed = "forged", []string{"host", "x-a", "x-amz-date", "x-b"}
			}), before: func(r *http.Request) { r.Header.Set("X-B", "b"); fill(r.Header) }}
			r, v := s.request(), s.verifier(t)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			text := v.Explain(r)
			runtime.ReadMemStats(&after)
			if !strings.HasPrefix(text, "sigv4: credentials rejected (signature)") {
				t.Errorf("got %.200s", text)
			}
			most := uint64(100)
			if r.Header.Get("X-A") == "" { // nothing long is signed
				most = 10
			}
			if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > most {
				t.Errorf("Explain allocates %d MiB, want at most %d", mib, most)
			}
		})
	}
}

// A peer without a secret can send a request whose SignedHeaders lack host. To explain it must
// not damage the buffers that the next requests are verified with.
func TestExplainOfAnUnsignedHostHarmsNoOtherRequest(t *testing.T) {
	v := newVerifier(t, testConfig())
	for range 20 { // buffers come from a pool
		v.Verify(scenario{target: "/" + strings.Repeat("x", 4000), signer: wrongSecret}.request()) // makes them large
		got := v.Explain(scenario{signer: signed("content-type", "x-amz-date")}.request())
		if !strings.Contains(got, "\nsigned headers: host is absent, want it signed") || strings.Contains(got, "\nsignature: it holds") {
			t.Errorf("got:\n%s", got)
		}
		if _, err := v.Verify(scenario{}.request()); err != nil {
			t.Fatalf("a genuine request is refused afterwards: %v", err)
		}
	}
}
