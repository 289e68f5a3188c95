package sigv4_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// Every refusal says what arrived, what was expected, and which field decides.
func TestRefusalSaysWhatToChange(t *testing.T) {
	secretAsID := strings.ReplaceAll(testSigner.secret, "/", "x")
	many := func(c *sigv4.Config) {
		for range 9 {
			c.Credentials = append(c.Credentials, sigv4.Credential{AccessKeyID: "AKID" + strings.Repeat("N", len(c.Credentials)), SecretAccessKey: "s"})
		}
	}
	date := func(value string) func(*http.Request) { return set("X-Amz-Date", value) }
	for _, test := range []struct {
		scenario
		want []string
	}{
		{scenario{name: "no header", after: del("Authorization")}, []string{"the Authorization header is absent, want AWS4-HMAC-SHA256"}},
		{scenario{name: "empty header", after: set("Authorization", "")}, []string{"the Authorization header is empty"}},
		{scenario{name: "Bearer", after: set("Authorization", "Bearer abcdef")}, []string{"the scheme Bearer, which is for another strategy, want AWS4-HMAC-SHA256"}},
		{scenario{name: "Basic", after: set("Authorization", "Basic abcdef")}, []string{"the scheme Basic, which is for another strategy"}},
		{scenario{name: "SigV4A", after: edit("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")}, []string{"AWS4-ECDSA-P256-SHA256, which is Signature Version 4A, want AWS4-HMAC-SHA256"}},
		{scenario{name: "Signature Version 2", after: set("Authorization", "AWS AKID:abcdef")}, []string{"the scheme AWS, which is Signature Version 2"}},
		{scenario{name: "lower case", after: edit("AWS4", "aws4")}, []string{"the algorithm in another case, want AWS4-HMAC-SHA256"}},
		{scenario{name: "a secret without a scheme", after: set("Authorization", "abcdef")}, []string{"another scheme, want AWS4-HMAC-SHA256"}},
		{scenario{name: "two headers", after: add("Authorization", "Bearer abcdef")}, []string{"Authorization arrived 2 times, want it once"}},
		{scenario{name: "presigned", after: both(del("Authorization"), received("/?X-Amz-Signature=abcdef"))}, []string{"in the query (X-Amz-Signature, a presigned URL), want it in an Authorization header"}},
		{scenario{name: "presigned too", after: received("/?X-Amz-Signature=abcdef")}, []string{"in the Authorization header and in the query", "want the header alone"}},
		{scenario{name: "field", after: edit("SignedHeaders=", "signedheaders=")}, []string{"field 2 of the Authorization header has another name, want Credential=, SignedHeaders= and Signature="}},
		{scenario{name: "field absent", after: rewrite(func(h string) string { h, _, _ = strings.Cut(h, ", Signature"); return h })}, []string{"Signature is absent from the Authorization header"}},
		{scenario{name: "credential absent", after: edit("Credential=AKIDEXAMPLE/20260102/us-east-1/execute-api/aws4_request, ", "")}, []string{"Credential is absent from the Authorization header, want Credential="}},
		{scenario{name: "field empty", after: edit("SignedHeaders=content-type;host;x-amz-date", "SignedHeaders=")}, []string{"SignedHeaders is empty in the Authorization header"}},
		{scenario{name: "field repeated", after: rewrite(func(h string) string { return h + ",SignedHeaders=host" })}, []string{"SignedHeaders is repeated"}},
		{scenario{name: "spaces for commas", after: rewrite(func(h string) string { return strings.ReplaceAll(h, ", ", " ") })}, []string{"SignedHeaders is absent", "separated by commas"}},
		{scenario{name: "key ID with a slash", after: edit("AKIDEXAMPLE/", "AKID/EXAMPLE/")}, []string{"Credential", "6 parts between slashes, and not 5", "Redox dashboard: accessKey"}},
		{scenario{name: "empty region", after: edit("us-east-1", "")}, []string{"a part is empty (Redox dashboard: accessKey, awsRegion, serviceName)"}},
		{scenario{name: "day of nine digits", signer: func(s *signer) { s.scopeDay = "202601020" }}, []string{"aws4_request: its date does not have 8 digits"}},
		{scenario{name: "terminator", after: edit("aws4_request", "aws4")}, []string{"does not end with aws4_request"}},
		{scenario{name: "signature in upper case", after: rewrite(func(h string) string {
			at := len(h) - 64
			return h[:at] + strings.ToUpper(h[at:])
		})}, []string{"Signature is 64 hexadecimal digits in upper or mixed case, want 64 lower-case"}},
		{scenario{name: "signature cut off", after: rewrite(func(h string) string { return h[:len(h)-1] })}, []string{"Signature is 63 lower-case hexadecimal digits, want 64"}},
		{scenario{name: "signature behind a space", after: edit(", Signature=", " Signature=abcdef, Signature=")}, []string{`SignedHeaders has "x-amz-date", want names in lower case, separated by semicolons`}},
		{scenario{name: "signature in base64", after: rewrite(func(h string) string { return h[:len(h)-64] + "abc=" })}, []string{"Signature is 4 characters, want 64 lower-case hexadecimal digits"}},
		{scenario{name: "names in upper case", after: edit("host;", "Host;")}, []string{`SignedHeaders has "Host", want names in lower case`}},
		{scenario{name: "names unsorted", after: edit("content-type;host", "host;content-type")}, []string{`SignedHeaders has "content-type" after "host", want the names sorted`}},
		{scenario{name: "names twice", after: edit("host;", "host;host;")}, []string{`SignedHeaders has "host" twice`}},
		{scenario{name: "name empty", after: edit("SignedHeaders=", "SignedHeaders=;")}, []string{`SignedHeaders has "", want names in lower case, separated by semicolons`}},
		{scenario{name: "a hundred names and one", signer: func(s *signer) {
			for i := range 101 {
				s.signed = append(s.signed, fmt.Sprintf("h-%03d", i))
			}
		}}, []string{"SignedHeaders has more than 100 names"}},
		{scenario{name: "host unsigned", signer: signed("content-type", "x-amz-date")}, []string{`host is absent from SignedHeaders "content-type;x-amz-date", want it signed`}},
		{scenario{name: "no date", after: del("X-Amz-Date")}, []string{"X-Amz-Date is absent, want the time of the signature"}},
		{scenario{name: "two dates", after: add("X-Amz-Date", "20260102T030405Z")}, []string{"X-Amz-Date arrived 2 times, want it once"}},
		{scenario{name: "two hashes", signer: payload("hash"), after: add("X-Amz-Content-Sha256", testBodyHash)}, []string{"X-Amz-Content-Sha256 arrived 2 times, want it once"}},
		{scenario{name: "two tokens", signer: func(s *signer) { s.token = "other-token" }, after: add("X-Amz-Security-Token", "other-token")}, []string{"X-Amz-Security-Token arrived 2 times, want it once"}},
		{scenario{name: "milliseconds", after: date("1767323045000")}, []string{`X-Amz-Date is "1767323045000", which looks like milliseconds since 1970, want UTC of the form YYYYMMDD'T'HHMMSS'Z'`}},
		{scenario{name: "seconds", after: date("1767323045")}, []string{"which looks like seconds since 1970"}},
		{scenario{name: "RFC 3339", after: date("2026-01-02T03:04:05Z")}, []string{"which looks like RFC 3339"}},
		{scenario{name: "HTTP date", after: date("Fri, 02 Jan 2026 03:04:05 GMT")}, []string{"which looks like the header Date"}},
		{scenario{name: "letters in it", after: date("17673230a5")}, []string{`X-Amz-Date is "17673230a5", want UTC`}},
		{scenario{name: "RFC 3339 of many digits", after: date("2026-01-02T03:04:05." + strings.Repeat("0", 20) + "Z")}, []string{`0Z", want UTC`}}, // too long to be parsed in vain
		{scenario{name: "a day alone", after: date("2026-01-02")}, []string{`X-Amz-Date is "2026-01-02", want UTC`}},
		{scenario{name: "another date", after: date("soon\n")}, []string{`X-Amz-Date is "soon\n", want UTC`}},
		{scenario{name: "behind", signer: func(s *signer) { s.date = testDate.Add(-time.Hour) }}, []string{"X-Amz-Date is 20260102T020405Z, 1h0m0s behind this server's clock (now 20260102T030405Z), want at most 5m0s (Config.MaxSkew)"}},
		{scenario{name: "ahead", signer: func(s *signer) { s.date = testDate.Add(time.Hour) }}, []string{"1h0m0s ahead of this server's clock"}},
		{scenario{name: "day", signer: func(s *signer) { s.scopeDay = "20260101" }}, []string{`the date of Credential is "20260101", want "20260102", the date of X-Amz-Date`}},
		{scenario{name: "region", signer: func(s *signer) { s.region = "eu-west-1" }}, []string{`region "eu-west-1", want "us-east-1" (Config.Region; Redox dashboard: awsRegion)`}},
		{scenario{name: "service", signer: func(s *signer) { s.service = "s3" }}, []string{`service "s3", want "execute-api" (Config.Service; Redox dashboard: serviceName)`}},
		{scenario{name: "long region", signer: func(s *signer) { s.region = strings.Repeat("x", 500) }}, []string{strings.Repeat("x", 128) + `"..., want "us-east-1"`}},
		{scenario{name: "key ID", signer: nobody}, []string{`the access key ID is "AKIDNOBODY", want one of ["AKIDEXAMPLE"] (Config.Credentials[].AccessKeyID; Redox dashboard: accessKey)`}},
		{scenario{name: "key ID of many", config: many, signer: nobody}, []string{`"AKIDNNNNNNN", ... (2 more)]`}},
		{scenario{name: "key ID of two credentials", config: func(c *sigv4.Config) {
			c.Credentials = append(c.Credentials, sigv4.Credential{AccessKeyID: testSigner.key, SecretAccessKey: "next"})
		}, signer: nobody}, []string{`want one of ["AKIDEXAMPLE"] (`}},
		{scenario{name: "key ID as long as it may be", signer: func(s *signer) { s.key = strings.Repeat("k", 31) }}, []string{`the access key ID is "` + strings.Repeat("k", 31) + `", want one of`}},
		{scenario{name: "key ID that may be a secret", signer: func(s *signer) { s.key = strings.Repeat("k", 32) }}, []string{`the access key ID is "kkkk" and 28 more characters, want one of`}},
		{scenario{name: "secret in its place", signer: func(s *signer) { s.key = secretAsID }}, []string{`the access key ID is "wJal" and 36 more characters, want one of`}},
		{scenario{name: "short secret in its place", config: second, signer: func(s *signer) { s.key = "another-secret" }}, []string{`the access key ID is "anot" and 10 more characters, want one of`}},
		{scenario{name: "signature", signer: wrongSecret}, []string{`secret of the access key ID "AKIDEXAMPLE" (Config.Credentials[0].SecretAccessKey; Redox dashboard: secretKey)`}},
		{scenario{name: "token unexpected", signer: func(s *signer) { s.token = "other-token" }}, []string{"X-Amz-Security-Token arrived, but Config.Credentials[0].SessionToken is empty (Redox dashboard: sessionToken)"}},
		{scenario{name: "token absent", config: sessionToken}, []string{"X-Amz-Security-Token is absent, want that of Config.Credentials[0].SessionToken (Redox dashboard: sessionToken)"}},
		{scenario{name: "other token", config: sessionToken, signer: func(s *signer) { s.token = "other-token" }}, []string{"X-Amz-Security-Token arrived and differs from Config.Credentials[0].SessionToken (Redox dashboard: sessionToken)"}},
		{scenario{name: "no host", after: host("")}, []string{"the received Host is absent, want a host", "(Config.Hosts)"}},
		{scenario{name: "white space in Host", after: host("a b")}, []string{`the received Host is "a b", want`, "(Config.Hosts)"}},
		{scenario{name: "header unsigned", after: set("X-Amz-Meta-A", "1")}, []string{`the header "X-Amz-Meta-A" arrived and is absent from SignedHeaders, want it signed (fixed for every x-amz-* header)`}},
		{scenario{name: "header required", config: func(c *sigv4.Config) { c.RequiredHeaders = []string{"X-Redox-Id"} }, after: set("X-Redox-Id", "1")}, []string{`"x-redox-id" arrived and is absent`, "(Config.RequiredHeaders)"}},
		{scenario{name: "key of the map", after: func(r *http.Request) { r.Header["x-amz-acl"] = []string{"1"} }}, []string{`http.Header has the key "x-amz-acl", want "X-Amz-Acl"`}},
		{scenario{name: "signed header absent", signer: with("content-type"), after: del("Content-Type")}, []string{`the header "content-type" is in SignedHeaders and did not arrive`}},
		{scenario{name: "control character", after: set("Content-Type", "a\nb")}, []string{`the header "content-type" has a control character`}},
		{scenario{name: "unsigned payload", signer: payload("UNSIGNED-PAYLOAD")}, []string{`X-Amz-Content-Sha256 is "UNSIGNED-PAYLOAD", want the SHA-256 of the body (only Config.InsecureAllowUnsignedPayload accepts it)`}},
		{scenario{name: "streaming", signer: payload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")}, []string{`is "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", want the SHA-256 of the body`}},
		{scenario{name: "not hexadecimal", signer: payload("abc=")}, []string{"X-Amz-Content-Sha256 is 4 characters, want the SHA-256 of the body as 64 lower-case hexadecimal digits"}},
		{scenario{name: "payload", signer: payload(strings.Repeat("0", 64))}, []string{"the body does not match X-Amz-Content-Sha256: 59 bytes arrived"}},
		{scenario{name: "payload, hash of nothing", signer: payload("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")}, []string{"whose hash the sender declares and signs: that of an empty body"}},
		{scenario{name: "empty payload hash", after: set("X-Amz-Content-Sha256", "")}, []string{"X-Amz-Content-Sha256 is empty, want the SHA-256 of the body or no such header"}},
		{scenario{name: "dot segments", target: "/a/../b"}, []string{`the path "/a/../b" has dot segments, want none (only Config.InsecureAllowDotSegments accepts them)`}},
		{scenario{name: "dot segments and a prefix", target: "/a/../b", config: func(c *sigv4.Config) { c.PathPrefix = "/api" }}, []string{`the path "/a/../b" has dot segments, which could leave Config.PathPrefix "/api"`}},
		{scenario{name: "dot segments beside an escaped slash", target: "/a%2Fb/../c", config: func(c *sigv4.Config) { c.InsecureAllowDotSegments = true }}, []string{`the path "/a%2Fb/../c" has dot segments beside escaped slashes or dots, want none`}},
		{scenario{name: "escaped slash", after: received("/a%2Fb/\u00fc")}, []string{`the path "/a%2Fb/\u00fc" has escaped slashes beside characters that must be escaped`}},
		{scenario{name: "escape", after: received("/%")}, []string{`the path "/%" has`, "starts no escape"}},
		{scenario{name: "opaque", after: received("x:y://h/redox")}, []string{`the request target starts with "x", want a path or scheme://host/path`}},
		{scenario{name: "opaque URL", after: func(r *http.Request) { r.URL = &url.URL{Scheme: "x", Opaque: "h/redox"} }}, []string{`the request target has the scheme "x" without a host, want a path or scheme://host/path`}},
		{scenario{name: "CONNECT", after: func(r *http.Request) { r.Method = http.MethodConnect }}, []string{"the method is CONNECT, whose request target is not a path"}},
		{scenario{name: "another host in the target", after: both(received("http://evil.example.test/redox"), func(r *http.Request) { r.ProtoMajor = 2 })},
			[]string{`the request target names the host "evil.example.test", want that of Host, "api.example.test"`}},
		{scenario{name: "long target", after: received("/?" + strings.Repeat("a", 9000))}, []string{"path and query have 9001 bytes, want at most 8192"}},
		{scenario{name: "semicolon", after: received("/?a;b")}, []string{"the query has a semicolon at byte 2"}},
		{scenario{name: "semicolon behind an escape", after: received("/?a=%20;b")}, []string{"the query has a semicolon at byte 6"}},
		{scenario{name: "query escape", after: received("/?a=%zz")}, []string{`the query has a "%" that starts no escape at byte 3`}},
		{scenario{name: "trailer", after: func(r *http.Request) { r.Trailer = http.Header{"X-Amz-Meta": nil} }}, []string{`"X-Amz-Meta" is a trailer, which cannot be signed, want no trailer named x-amz-*`}},
		{scenario{name: "method", after: func(r *http.Request) { r.Method = "PO ST" }}, []string{`the method is "PO ST", want a token`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := test.request()
			_, err := test.verifier(t).Verify(r)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in: %v", want, err)
				}
			}
			checkText(t, err.Error()+"\n", r)
			if strings.Contains(err.Error(), "abcdef") || strings.Contains(err.Error(), secretAsID) {
				t.Errorf("a secret is in: %v", err)
			}
		})
	}
}
