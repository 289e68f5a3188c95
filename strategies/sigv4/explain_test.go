package sigv4_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

func TestExplainNamesTheCulprit(t *testing.T) {
	signed := func(name string) func(*signer) {
		return func(s *signer) {
			s.signed = sorted([]string{"host", "x-amz-date", name})
		}
	}
	for _, test := range []struct {
		scenario
		want []string
	}{
		{scenario{name: "accepted"}, []string{"accepted, by the credential at position 0", "canonical request:\nPOST\n/redox/events\n", "string to sign:\nAWS4-HMAC-SHA256\n20260102T030405Z\n20260102/us-east-1/execute-api/aws4_request\n"}},
		{scenario{name: "host replaced, forwarded", after: func(r *http.Request) {
			r.Host = "127.0.0.1:8080"
			r.Header.Set("X-Forwarded-Host", "api.example.test")
		}}, []string{`received: method "POST", Host "127.0.0.1:8080"`, `it verifies with Host "api.example.test", DisablePathNormalization false, DisableDoubleEncoding false`, "Host looks internal"}},
		{scenario{name: "host replaced, port lost", config: func(c *sigv4.Config) { c.Hosts = []string{"b.example.test", "c.example.test"} },
			after: func(r *http.Request) { r.Host = "upstream" }}, []string{"with the first of Hosts", "host:b.example.test", "Host looks internal"}},
		{scenario{name: "path not normalised by the sender", target: "/a//b", signer: func(s *signer) { s.keepPath = true }},
			[]string{`it verifies with Host "api.example.test", DisablePathNormalization true, DisableDoubleEncoding false`}},
		{scenario{name: "path encoded once by the sender", target: "/a%20b", signer: func(s *signer) { s.encodeOnce = true }},
			[]string{`DisablePathNormalization false, DisableDoubleEncoding true`}},
		{scenario{name: "path cleaned on the way", target: "/redox/events", after: func(r *http.Request) { r.URL.Path = "/events" }}, []string{"accepted"}},
		{scenario{name: "router changed the path, and the signature is wrong", signer: func(s *signer) { s.secret = "wrong" }, after: func(r *http.Request) { r.URL.Path = "/else" }},
			[]string{"r.URL differs from r.RequestURI"}},
		{scenario{name: "accept-encoding", before: set("Accept-Encoding", "br"), signer: signed("accept-encoding"), after: set("Accept-Encoding", "gzip")},
			[]string{"accept-encoding:gzip", "accept-encoding is signed, and proxies and CDNs rewrite it"}},
		{scenario{name: "hop-by-hop", before: set("Te", "trailers"), signer: signed("te"), after: func(r *http.Request) { r.Header.Del("Te") }},
			[]string{"te is signed, but belongs to one hop"}},
		{scenario{name: "dropped header", before: set("X_Redox_Id", "1"), signer: signed("x_redox_id"), after: func(r *http.Request) { r.Header.Del("X_redox_id") }},
			[]string{"x_redox_id is signed and did not arrive"}},
		{scenario{name: "plus", target: "/?a=x+y", after: func(r *http.Request) { r.RequestURI = "/?a=x+z" }}, []string{`the query has a "+"`}},
		{scenario{name: "wrong secret", signer: func(s *signer) { s.secret = "wrong" }}, []string{"(signature)", "the secret keys differ"}},
		{scenario{name: "clock", signer: func(s *signer) { s.date = testDate.Add(-time.Hour) }}, []string{"X-Amz-Date is 20260102T020405Z, the clock says 20260102T030405Z, 1h0m0s apart"}},
		{scenario{name: "key", signer: func(s *signer) { s.key = "AKIDNOBODY" }}, []string{`the access key ID "AKIDNOBODY" is not configured`}},
		{scenario{name: "region", signer: func(s *signer) { s.region = "eu-west-1" }}, []string{`signed for region "eu-west-1", Config.Region is "us-east-1"`}},
		{scenario{name: "service", signer: func(s *signer) { s.service = "s3" }}, []string{`signed for service "s3", Config.Service is "execute-api"`}},
		{scenario{name: "payload", signer: func(s *signer) { s.payload = strings.Repeat("0", 64) }}, []string{"changed the body"}},
		{scenario{name: "token", signer: func(s *signer) { s.token = "session-token-of-the-test" }}, []string{"sessionToken", "x-amz-security-token:[redacted]"}},
		{scenario{name: "unsigned", after: set("X-Amz-Meta-A", "1")}, []string{"X-Amz-Meta-A", "added the header"}},
		{scenario{name: "query", after: func(r *http.Request) { r.RequestURI = "/?a;b" }}, []string{"semicolon"}},
		{scenario{name: "path", after: func(r *http.Request) { r.RequestURI = "/%" }}, []string{"(path)"}},
		{scenario{name: "malformed", after: edit("Signature=", "Signed=")}, []string{"unknown field", `received: method "POST"`}},
		{scenario{name: "missing", after: func(r *http.Request) { r.Header.Del("Authorization") }}, []string{"no credentials (missing)"}},
		{scenario{name: "secret header and parameter", target: "/?verification-token=tok-1&a=1", before: set("Verification-Token", "tok-2"), signer: signed("verification-token")},
			[]string{"a=1&verification-token=[redacted]", "verification-token:[redacted]"}},
		{scenario{name: "very long header", before: set("X-Long", strings.Repeat("x", 4000)), signer: signed("x-long")}, []string{"xxx[shortened]"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := test.request()
			got := test.verifier(t).Explain(r)
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in:\n%s", want, got)
				}
			}
			_, sent, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			for _, secret := range []string{testSigner.secret, "session-token-of-the-test", "tok-1", "tok-2", sent} {
				if secret != "" && strings.Contains(got, secret) {
					t.Errorf("%q is in:\n%s", secret, got)
				}
			}
			if len(got) > 8<<10 {
				t.Errorf("%d bytes", len(got))
			}
			if body := readAll(t, r); body != testBody {
				t.Errorf("the body is %q afterwards", body)
			}
		})
	}
}

// The signature that Explain expects would be as good as the sender's.
func TestExplainDoesNotSign(t *testing.T) {
	genuine := scenario{}.request()
	_, want, _ := strings.Cut(genuine.Header.Get("Authorization"), "Signature=")
	genuine.Header.Set("Authorization", strings.Replace(genuine.Header.Get("Authorization"), want, strings.Repeat("0", 64), 1))
	if got := newVerifier(t, testConfig()).Explain(genuine); strings.Contains(got, want) {
		t.Errorf("the expected signature is in:\n%s", got)
	}
}
