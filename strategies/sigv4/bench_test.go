package sigv4_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// A replayed body is read again by every iteration.
type replayed struct{ bytes.Reader }

func (*replayed) Close() error { return nil }

// again makes r readable from the start, as a new request is.
func again(r *http.Request, b *replayed, body []byte) {
	b.Reset(body)
	r.Body = b
}

func BenchmarkVerify(b *testing.B) {
	small := bytes.Repeat([]byte("x"), 1<<10)
	sign := func(s signer) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/redox/events", bytes.NewReader(small))
		r.Header.Set("Content-Type", "application/json")
		return s.sign(r)
	}
	forged, hashed := testSigner, testSigner
	forged.secret, hashed.payload = "wrong", "hash"
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
		{"hostile", hostile, false},
		{"hostile-header", long, false},
	} {
		b.Run("sigv4/"+test.name, func(b *testing.B) {
			v, body := newVerifier(b, testConfig()), new(replayed)
			b.ReportAllocs()
			for b.Loop() {
				again(test.r, body, small)
				if _, err := v.Verify(test.r); (err == nil) != test.ok {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSize is Verify for bodies of several sizes beside what others do for them:
// signing the request again with AWS's SDK, and the bare hash of a body that is read
// into a buffer of its size.
func BenchmarkSize(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10, 10_000_000} {
		message := bytes.Repeat([]byte("x"), size)
		for _, declared := range []string{"", "hash"} {
			s := testSigner
			s.payload = declared
			r := s.sign(httptest.NewRequest(http.MethodPost, "/redox/events", bytes.NewReader(message)))
			b.Run(fmt.Sprintf("%d/verify-%s", size, map[string]string{"": "undeclared", "hash": "declared"}[declared]), func(b *testing.B) {
				v, body := newVerifier(b, testConfig()), new(replayed)
				b.ReportAllocs()
				for b.Loop() {
					again(r, body, message)
					if _, err := v.Verify(r); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		r := testSigner.sign(httptest.NewRequest(http.MethodPost, "/redox/events", bytes.NewReader(message)))
		b.Run(fmt.Sprintf("%d/resign", size), func(b *testing.B) { benchmarkResign(b, r, message) })
		b.Run(fmt.Sprintf("%d/hash", size), func(b *testing.B) {
			body := new(replayed)
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(message)
				buf := make([]byte, size)
				if _, err := io.ReadFull(body, buf); err != nil {
					b.Fatal(err)
				}
				sha256.Sum256(buf)
			}
		})
	}
}

// benchmarkResign verifies as gateways do that have a signer only: it signs a shadow of
// the request that has the signed headers, and compares.
func benchmarkResign(b *testing.B, r *http.Request, message []byte) {
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	credentials := aws.Credentials{AccessKeyID: testSigner.key, SecretAccessKey: testSigner.secret}
	body := new(replayed)
	b.ReportAllocs()
	for b.Loop() {
		again(r, body, message)
		fields := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "), ", ")
		shadow, err := http.NewRequest(r.Method, "//"+r.Host+r.RequestURI, nil)
		if err != nil {
			b.Fatal(err)
		}
		for name := range strings.SplitSeq(strings.TrimPrefix(fields[1], "SignedHeaders="), ";") {
			if name != "host" && name != "x-amz-date" {
				shadow.Header[name] = r.Header.Values(name)
			}
		}
		hash := sha256.New()
		io.Copy(hash, r.Body)
		date, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil {
			b.Fatal(err)
		}
		err = signer.SignHTTP(r.Context(), credentials, shadow, hex.EncodeToString(hash.Sum(nil)), testSigner.service, testSigner.region, date)
		if err != nil || !hmac.Equal([]byte(shadow.Header.Get("Authorization")), []byte(r.Header.Get("Authorization"))) {
			b.Fatal("re-signing differs", err)
		}
	}
}
