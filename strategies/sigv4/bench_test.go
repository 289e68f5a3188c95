package sigv4_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A replayed body is read again by every iteration.
type replayed struct{ bytes.Reader }

func (*replayed) Close() error { return nil }

func BenchmarkVerify(b *testing.B) {
	small := bytes.Repeat([]byte("x"), 1<<10)
	b.Run("sigv4/limit", func(b *testing.B) { benchmarkLimit(b, small) })
	sign := func(s signer) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/redox/events", bytes.NewReader(small))
		r.Header.Set("Content-Type", "application/json")
		return s.sign(r)
	}
	forged, hashed := testSigner, testSigner
	forged.secret, hashed.payload = "wrong", "hash"
	forgedHashed := hashed
	forgedHashed.secret = "wrong"
	unknown := hashed
	unknown.key = "AKIDNOBODY1" // as long as the known one
	absent := sign(testSigner)
	absent.Header.Del("Authorization")
	hostile := sign(testSigner)
	hostile.RequestURI = "/?" + strings.Repeat("b&a&", 2000)
	long := sign(testSigner)
	long.Header.Set("Authorization", "AWS4-HMAC-SHA256 "+strings.Repeat("Credential=,", 80<<10))
	for _, test := range []struct {
		name string
		r    *http.Request
		ok   bool
	}{
		{"accepted", sign(testSigner), true},
		{"accepted-declared", sign(hashed), true},
		{"absent", absent, false},
		{"forged", sign(forged), false},
		{"forged-declared", sign(forgedHashed), false},
		{"unknown-declared", sign(unknown), false}, // must cost the same
		{"hostile", hostile, false},
		{"hostile-header", long, false},
	} {
		b.Run("sigv4/"+test.name, func(b *testing.B) { benchmark(b, test.r, small, test.ok) })
	}
}

// BenchmarkSize is Verify for bodies of several sizes. .ci/bench compares it with others.
func BenchmarkSize(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10, 10_000_000} {
		message := bytes.Repeat([]byte("x"), size)
		for name, declared := range map[string]string{"undeclared": "", "declared": "hash"} {
			s := testSigner
			s.payload = declared
			r := s.sign(httptest.NewRequest(http.MethodPost, "/redox/events", bytes.NewReader(message)))
			b.Run(fmt.Sprintf("%d/verify-%s", size, name), func(b *testing.B) { benchmark(b, r, message, true) })
		}
	}
}

// benchmarkLimit is what every verification of a body must do: read it, and hash it.
func benchmarkLimit(b *testing.B, message []byte) {
	body := new(replayed)
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(message)
		buf := make([]byte, len(message))
		io.ReadFull(body, buf)
		sha256.Sum256(buf)
	}
}

func benchmark(b *testing.B, r *http.Request, message []byte, ok bool) {
	v, body := newVerifier(b, testConfig()), new(replayed)
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(message)
		r.Body = body
		if accepted(v, r) != ok {
			b.Fatal("accepted or refused")
		}
	}
}
