package sigv4_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

func TestExplainNamesTheCulprit(t *testing.T) {
	with := func(name string) func(*signer) { return signed(sorted([]string{"host", "x-amz-date", name})...) }
	host := func(host, forwarded string) func(*http.Request) {
		return func(r *http.Request) { r.Host = host; r.Header.Set("X-Forwarded-Host", forwarded) }
	}
	urlPath := func(path string) func(*http.Request) { return func(r *http.Request) { r.URL.Path = path } }
	prefix := func(c *sigv4.Config) { c.PathPrefix = "/api" }
	sessionToken := func(c *sigv4.Config) { c.Credentials[0].SessionToken = "session-token-of-the-test" }
	for _, test := range []struct {
		scenario
		want []string
	}{
		{scenario{name: "accepted"}, []string{"accepted, by the credential at position 0", "canonical request:\nPOST\n/redox/events\n", "string to sign:\nAWS4-HMAC-SHA256\n20260102T030405Z\n20260102/us-east-1/execute-api/aws4_request\n"}},
		{scenario{name: "host replaced, forwarded", after: host("127.0.0.1:8080", "api.example.test")},
			[]string{`received: method "POST", Host "127.0.0.1:8080"`, `it verifies with Host "api.example.test", DisablePathNormalization false, DisableDoubleEncoding false`, "Host looks internal"}},
		{scenario{name: "host replaced, port lost", config: func(c *sigv4.Config) { c.Hosts = []string{"b.example.test", "c.example.test"} }, after: host("upstream", "")},
			[]string{"with the first of Hosts", "host:b.example.test", "Host looks internal"}},
		{scenario{name: "path not normalized by the sender", target: "/a//b", signer: func(s *signer) { s.keepPath = true }},
			[]string{`it verifies with Host "api.example.test", DisablePathNormalization true, DisableDoubleEncoding false`}},
		{scenario{name: "path encoded once by the sender", target: "/a%20b", signer: func(s *signer) { s.encodeOnce = true }}, []string{`DisablePathNormalization false, DisableDoubleEncoding true`}},
		{scenario{name: "path cleaned on the way", target: "/redox/events", after: urlPath("/events")}, []string{"accepted"}},
		{scenario{name: "router changed the path, and the signature is wrong", signer: wrongSecret, after: urlPath("/else")}, []string{"r.URL differs from r.RequestURI"}},
		{scenario{name: "accept-encoding", before: set("Accept-Encoding", "br"), signer: with("accept-encoding"), after: set("Accept-Encoding", "gzip")},
			[]string{"accept-encoding:gzip", "accept-encoding is signed, and proxies and CDNs rewrite it"}},
		{scenario{name: "hop-by-hop", before: set("Te", "trailers"), signer: with("te"), after: del("Te")}, []string{"te is signed, but belongs to one hop"}},
		{scenario{name: "dropped header", before: set("X_Redox_Id", "1"), signer: with("x_redox_id"), after: del("X_redox_id")}, []string{"x_redox_id is signed and did not arrive"}},
		{scenario{name: "plus", target: "/?a=x+y", after: received("/?a=x+z")}, []string{`the query has a "+"`}},
		{scenario{name: "wrong secret", signer: wrongSecret}, []string{"(signature)", "the secret keys differ"}},
		{scenario{name: "clock", signer: func(s *signer) { s.date = testDate.Add(-time.Hour) }}, []string{"X-Amz-Date is 20260102T020405Z, the clock says 20260102T030405Z", "5m0s", "Config.MaxSkew", "a clock is wrong"}},
		{scenario{name: "stale", signer: func(s *signer) { s.date = testDate.Add(-time.Hour); s.payload = "hash" }}, []string{"(stale)", "the signature holds", "the sender must sign again when it retries"}},
		{scenario{name: "host of another entry", config: func(c *sigv4.Config) { c.Hosts = []string{"prod", "api.example.test"} }, after: host("prod:443", "")},
			[]string{"host:prod:443\n", `it verifies with Host "api.example.test"`, "the received Host is another one of Config.Hosts"}},
		{scenario{name: "host with another port", config: func(c *sigv4.Config) { c.Hosts = []string{"api.example.test"} }, after: host("api.example.test:443", "")}, []string{"accepted"}},
		{scenario{name: "opaque target", after: received("x:y://h/redox")}, []string{`the request target starts with "x", want a path or scheme://host/path`}},
		{scenario{name: "day", signer: func(s *signer) { s.scopeDay = "20260101" }}, []string{`the day of Credential is "20260101", that of X-Amz-Date "20260102"`}},
		{scenario{name: "key", signer: nobody}, []string{`the access key ID, "AKID" and 6 more characters, is none of Config.Credentials`, "the dashboard's accessKey", testBodyHash}},
		{scenario{name: "long key", signer: func(s *signer) { s.key = strings.Repeat("A", 100) }}, []string{`"AAAA" and 96 more characters`}},
		{scenario{name: "secret in place of the key", signer: func(s *signer) { s.key = strings.ReplaceAll(testSigner.secret, "/", "") }}, []string{"more characters", "exchanged"}},
		{scenario{name: "region", signer: func(s *signer) { s.region = "eu-west-1" }}, []string{`signed for region "eu-west-1", want "us-east-1" (Config.Region)`}},
		{scenario{name: "service", signer: func(s *signer) { s.service = "s3" }}, []string{`signed for service "s3", want "execute-api" (Config.Service)`}},
		{scenario{name: "payload", signer: payload(strings.Repeat("0", 64))}, []string{"changed the body"}},
		{scenario{name: "unsigned payload", signer: payload("UNSIGNED-PAYLOAD")}, []string{"Config.InsecureAllowUnsignedPayload"}},
		{scenario{name: "token", signer: func(s *signer) { s.token = "session-token-of-the-test" }},
			[]string{"X-Amz-Security-Token is unexpected (Credential.SessionToken)", "sessionToken", "x-amz-security-token:[redacted]"}},
		{scenario{name: "no token", config: sessionToken}, []string{"X-Amz-Security-Token is missing"}},
		{scenario{name: "other token", config: sessionToken, signer: func(s *signer) { s.token = "other" }}, []string{"X-Amz-Security-Token is not the configured one"}},
		{scenario{name: "unsigned", after: set("X-Amz-Meta-A", "1")}, []string{"X-Amz-Meta-A", "added the header"}},
		{scenario{name: "query", after: received("/?a;b")}, []string{"semicolon"}},
		{scenario{name: "path", after: received("/%")}, []string{"(path)", "starts no escape"}},
		{scenario{name: "dot segments", target: "/a/../b"}, []string{"(path)", "Config.InsecureAllowDotSegments"}},
		{scenario{name: "dot segments and a prefix", target: "/a/../b", config: prefix}, []string{"(path)", "Config.PathPrefix"}},
		{scenario{name: "malformed", after: edit("Signature=", "Signed=")}, []string{"unknown field", `received: method "POST"`}},
		{scenario{name: "missing", after: del("Authorization")}, []string{"no credentials (missing)"}},
		{scenario{name: "secret header and parameter", target: "/?verification-token=tok-1&a=1", before: set("Verification-Token", "tok-2"), signer: with("verification-token")},
			[]string{"a=1&verification-token=[redacted]", "verification-token:[redacted]"}},
		{scenario{name: "very long header", before: set("X-Long", strings.Repeat("x", 4000)), signer: with("x-long")}, []string{"xxx[shortened]"}},
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
			if strings.HasPrefix(test.name, "host of another entry") && strings.Contains(got, "Host looks internal") {
				t.Errorf("a listed host is blamed in:\n%s", got)
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
	edit(want, strings.Repeat("0", 64))(genuine)
	if got := newVerifier(t, testConfig()).Explain(genuine); strings.Contains(got, want) {
		t.Errorf("the expected signature is in:\n%s", got)
	}
}
