package sigv4_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// A line is there if its check was made, and says what it found. Without a line, an operator
// takes a fault for something that holds.
func TestExplainShowsTheLinesThatApply(t *testing.T) {
	const (
		notKnown = "signature: not checked, because the hash of the body is not known"
		holds    = "signature: it holds"
		fails    = "signature: it does not verify"
		canon    = "canonical request"
		toSign   = "string to sign:"
		query    = "query: "
		path     = "path: "
		region   = "region: "
		keyID    = "access key ID: "
		signeds  = "signed headers: "
		token    = "X-Amz-Security-Token"
		hash     = "X-Amz-Content-Sha256"
		day      = "date of Credential: "
		parsed   = "Authorization: AWS4-HMAC-SHA256, as expected"
		urlDiff  = "r.URL differs"
	)
	oneHost := func(c *sigv4.Config) { c.Hosts = []string{"first.test", "second.test"} }
	unsigned := func(c *sigv4.Config) { c.InsecureAllowUnsignedPayload = true }
	wrongRegion := func(s *signer) { s.region = "eu-west-1" }
	length := func(n int64) func(*http.Request) { return func(r *http.Request) { r.ContentLength = n } }
	lengthSigned := signed("content-length", "host", "x-amz-date")
	for _, test := range []struct {
		scenario
		want, lacks []string // starts of lines
	}{
		{scenario{name: "no Authorization", after: del("Authorization")},
			[]string{"Authorization: the Authorization header is absent, want AWS4-HMAC-SHA256"}, []string{parsed, region, keyID, token, hash, path, canon}},
		{scenario{name: "presigned", after: both(del("Authorization"), received("/?X-Amz-Signature=1"))},
			[]string{"Authorization: the signature is in the query (X-Amz-Signature, a presigned URL), want it in an Authorization header"}, []string{parsed, region, canon}},
		{scenario{name: "malformed Credential and a token", signer: func(s *signer) { s.key, s.token = "wJalr/XUtnFEMI", "other-token" }}, []string{"X-Amz-Security-Token: arrived"}, nil},
		{scenario{name: "path prefix", config: func(c *sigv4.Config) { c.PathPrefix = "/api" }, signer: func(s *signer) { s.prefix = "/api" }},
			[]string{"sigv4: accepted", `path: Config.PathPrefix "/api", DisablePathNormalization false, DisableDoubleEncoding false`}, nil},
		{scenario{name: "malformed Credential", signer: func(s *signer) { s.key = "wJalr/XUtnFEMI" }},
			[]string{"Authorization: Credential is not of the form", "X-Amz-Date: 20260102T030405Z, 0s behind"}, []string{parsed, region, keyID, signeds, day, canon}},
		{scenario{name: "malformed names", after: edit("content-type;host", "host;content-type")},
			[]string{`Authorization: SignedHeaders has "content-type" after "host"`}, []string{parsed, region, signeds, canon}},

		{scenario{name: "parameters", target: "/?a=1&b=2"}, []string{`request target: "/", query of 2 parameters`, "query: it has a canonical form", holds}, nil},
		{scenario{name: "semicolon at the start", after: received("/?;a")}, []string{"query: it has a semicolon at byte 1, want it escaped"}, []string{canon}},
		{scenario{name: "target", after: func(r *http.Request) { r.RequestURI, r.URL.Path = "redox", "/else" }},
			[]string{`request target: the request target starts with "redox"`, parsed}, []string{path, query, urlDiff, canon}},
		{scenario{name: "adapter", after: func(r *http.Request) { r.RequestURI = "" }}, []string{holds}, []string{urlDiff}},
		{scenario{name: "adapter, without a path", target: "/", after: func(r *http.Request) { r.RequestURI, r.URL.Path = "", "" }}, []string{"sigv4: accepted", holds}, nil},
		{scenario{name: "without a method", before: func(r *http.Request) { r.Method = "GET" }, after: func(r *http.Request) { r.Method = "" }}, []string{"sigv4: accepted", holds}, nil},

		{scenario{name: "no host", after: host("")}, []string{"Host: absent, must be what the sender signed"}, []string{canon}},
		{scenario{name: "no such host", after: host("a\nb")}, []string{`Host: "a\nb", must be`}, []string{canon, "host:a"}},
		{scenario{name: "listed host", config: oneHost, before: host("second.test")},
			[]string{`Host: "second.test", tried as signed: ["second.test"] (Config.Hosts)`, "canonical request:", "host:second.test", holds}, []string{canon + ","}},
		{scenario{name: "host is not listed", config: oneHost, signer: func(s *signer) { s.host = "second.test" }},
			[]string{`Host: "api.example.test" is none of Config.Hosts`, "canonical request, with the first of Hosts:", "host:first.test", holds}, []string{"host:api"}},

		{scenario{name: "control character", after: set("Content-Type", "a\nb")}, []string{`signed headers: "content-type" has a control character`}, []string{canon}},
		{scenario{name: "two lines", before: func(r *http.Request) { r.Header["X-Redox-Id"] = []string{"1", "2"} }, signer: with("x-redox-id")}, []string{holds, "x-redox-id:1,2"}, []string{"signed headers: \"x-redox-id\" has"}},
		{scenario{name: "trailers", after: func(r *http.Request) { r.Trailer = http.Header{"X-Amz-Meta": nil, "X-Other": nil} }},
			[]string{"sigv4: credentials rejected (unsigned_header)", `trailer: "X-Amz-Meta", want none named x-amz-*`}, []string{`trailer: "X-Other"`}},
		{scenario{name: "replay store", config: func(c *sigv4.Config) { c.Replay = replay.NewMemory(1) }}, []string{"replay: the replay store is not asked"}, nil},
		{scenario{name: "no replay store"}, nil, []string{"replay:"}},

		{scenario{name: "no date", config: sessionToken, signer: func(s *signer) { s.token = "session-token-of-the-test" }, after: del("X-Amz-Date")},
			[]string{"X-Amz-Date is absent, want the time of the signature", region}, []string{"X-Amz-Date:", day, token, canon}},
		{scenario{name: "no such date", after: set("X-Amz-Date", "soon")}, []string{`X-Amz-Date is "soon", want UTC`, region}, []string{"X-Amz-Date:", day, canon}},
		{scenario{name: "date at the limit", signer: func(s *signer) { s.date = testDate.Add(-5 * time.Minute) }},
			[]string{"sigv4: accepted", "X-Amz-Date: 20260102T025905Z, 5m0s behind this server's clock (now 20260102T030405Z), within 5m0s"}, nil},
		{scenario{name: "empty hash", after: set("X-Amz-Content-Sha256", "")}, []string{"X-Amz-Date: ", "x-amz-* headers: X-Amz-Content-Sha256 is empty"}, []string{hash}},

		{scenario{name: "hash", signer: payload("hash")}, []string{"X-Amz-Content-Sha256: a SHA-256", holds}, []string{"X-Amz-Content-Sha256: absent"}},
		{scenario{name: "hash where none is needed", config: unsigned, signer: payload("hash")}, []string{"X-Amz-Content-Sha256: a SHA-256"}, []string{`X-Amz-Content-Sha256: "`}},
		{scenario{name: "hash of nothing", signer: payload(hashOfNothing)}, []string{"X-Amz-Content-Sha256: a SHA-256: that of an empty body"}, nil},
		{scenario{name: "hash in upper case", signer: payload(strings.ToUpper(testBodyHash))}, []string{"X-Amz-Content-Sha256 is 64 hexadecimal digits in upper or mixed case"}, []string{"X-Amz-Content-Sha256:"}},
		{scenario{name: "short hash", signer: payload("abcdef")}, []string{"X-Amz-Content-Sha256 is 6 lower-case hexadecimal digits"}, []string{"X-Amz-Content-Sha256:"}},
		{scenario{name: "unsigned payload", config: unsigned, signer: payload("UNSIGNED-PAYLOAD")},
			[]string{"sigv4: accepted", `X-Amz-Content-Sha256: "UNSIGNED-PAYLOAD", as Config.InsecureAllowUnsignedPayload accepts it`, holds, fmt.Sprintf("received: method %q, Host %q, body of %d bytes, not read", "POST", "api.example.test", len(testBody))}, nil},
		{scenario{name: "unsigned payload is not accepted", signer: payload("UNSIGNED-PAYLOAD")}, []string{`X-Amz-Content-Sha256 is "UNSIGNED-PAYLOAD", want`}, []string{"X-Amz-Content-Sha256:"}},

		{scenario{name: "no token"}, []string{"X-Amz-Security-Token: absent, as configured"}, nil},
		{scenario{name: "no token, unknown key ID", signer: nobody}, []string{"X-Amz-Security-Token: absent", notKnown}, []string{"X-Amz-Security-Token: absent,", "X-Amz-Security-Token: arrived"}},
		{scenario{name: "unknown key ID", signer: declared(func(s *signer) { nobody(s); s.signed = []string{"host", "x-amz-date"} })},
			[]string{"signature: not checked, because the access key ID names no secret", canon, toSign}, nil},
		{scenario{name: "other token", config: sessionToken, signer: func(s *signer) { s.token = "other-token" }},
			[]string{"X-Amz-Security-Token arrived and differs from Config.Credentials[0].SessionToken"}, []string{"X-Amz-Security-Token:"}},

		{scenario{name: "no body", before: func(r *http.Request) { r.Body, r.ContentLength = nil, 0 }, signer: wrongRegion},
			[]string{`received: method "POST", Host "api.example.test", no body`, holds, toSign}, nil},
		{scenario{name: "body is not read", signer: wrongRegion},
			[]string{`received: method "POST", Host "api.example.test", body of 59 bytes, not read`, notKnown, "canonical request:", "[the hash of the body, which was not read]"}, []string{toSign, holds, fails}},
		{scenario{name: "body of unknown length is not read", before: length(-1), signer: wrongRegion}, []string{`received: method "POST", Host "api.example.test", body of unknown length, not read`, notKnown}, nil},
		{scenario{name: "length of the body", before: length(-1), signer: lengthSigned}, []string{"sigv4: accepted", `received: method "POST", Host "api.example.test", body of 59 bytes`, holds, "content-length:59"}, nil},
		{scenario{name: "length of the body is not known", before: length(-1), signer: func(s *signer) { declared(lengthSigned)(s); wrongRegion(s) }}, []string{notKnown}, []string{toSign, fails}},
		{scenario{name: "length of the body is that of the header", signer: func(s *signer) { declared(lengthSigned)(s); wrongRegion(s) }}, []string{holds, "content-length:59"}, nil},
		{scenario{name: "hash of nothing and something in front has parsed the body", before: func(r *http.Request) { r.Body, r.ContentLength = nil, 0 }, signer: payload("hash"),
			after: func(r *http.Request) { r.PostForm, r.Header["Content-Length"] = url.Values{}, []string{"3"} }}, []string{holds}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := test.request()
			got := test.verifier(t).Explain(r)
			_, checks, _ := strings.Cut(got, "\n") // the first line is Verify's
			lines := "\n" + strings.TrimSuffix(checks, "\n")
			for _, want := range test.want {
				if !strings.HasPrefix(got, want) && !strings.Contains(lines, "\n"+want) {
					t.Errorf("no line %q in:\n%s", want, got)
				}
			}
			for _, lack := range test.lacks {
				if strings.Contains(lines, "\n"+lack) {
					t.Errorf("a line %q in:\n%s", lack, got)
				}
			}
			if strings.Contains(got, "XUtnFEMI") {
				t.Errorf("a part of the secret is in:\n%s", got)
			}
			checkText(t, got, r)
		})
	}
}
