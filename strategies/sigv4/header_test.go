package sigv4_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// The grammar of the Authorization header:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
func TestAuthorizationHeader(t *testing.T) {
	bad := func(name, from, to string) scenario {
		return scenario{name: name, after: edit(from, to), want: redoxauth.ErrMalformed, reason: "malformed"}
	}
	all := func(f func(string) string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", f(r.Header.Get("Authorization"))) }
	}
	for _, s := range []scenario{
		{name: "no space after commas", after: all(func(h string) string { return strings.ReplaceAll(h, ", ", ",") })},
		{name: "more white space", after: all(func(h string) string { return strings.ReplaceAll(h, " ", " \t ") })},
		{name: "another order", after: all(func(h string) string {
			fields := strings.Split(strings.TrimPrefix(h, "AWS4-HMAC-SHA256 "), ", ")
			return "AWS4-HMAC-SHA256 " + fields[2] + ", " + fields[0] + ", " + fields[1]
		})},
		bad("unknown field", ", Signature", ", Extra=1, Signature"),
		bad("field name in lower case", "Credential", "credential"),
		bad("space before =", "Credential=", "Credential ="),
		bad("repeated signature", ", Signature=", ", Signature=0, Signature="),
		bad("repeated credential", "Credential=", "Credential=AKIDOTHER/20260102/us-east-1/execute-api/aws4_request, Credential="),
		bad("second credential after all", "Signature=", "Signature=0, AWS4-HMAC-SHA256 Credential="),
		bad("no credential", "Credential=AKIDEXAMPLE/20260102/us-east-1/execute-api/aws4_request, ", ""),
		bad("no key ID", "AKIDEXAMPLE/", "/"),
		bad("no region", "/us-east-1/", "//"),
		bad("empty field", ", Signature", ",, Signature"),
		bad("semicolon", ", Signature", "; Signature"),
		bad("upper-case signature", "Signature=", "Signature=A"),
		{name: "short signature", after: all(func(h string) string { return h[:len(h)-1] }), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "long signature", after: all(func(h string) string { return h + "0" }), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "comma at the end", after: all(func(h string) string { return h + "," }), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "signature in upper case", after: all(func(h string) string {
			head, signature, _ := strings.Cut(h, "Signature=")
			return head + "Signature=" + strings.ToUpper(signature)
		}), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "scheme alone", after: set("Authorization", "AWS4-HMAC-SHA256"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "very long", after: all(func(h string) string { return h + strings.Repeat(" ", 4096) }), want: redoxauth.ErrMalformed, reason: "malformed"},
	} {
		t.Run(s.name, s.run)
	}
}

// SignedHeaders must say what is covered, in one way. Vault took a list that named
// absent headers or none at all (CVE-2020-16250).
func TestSignedHeaders(t *testing.T) {
	signed := func(names ...string) func(*signer) { return func(s *signer) { s.signed = names } }
	for _, s := range []scenario{
		{name: "least", signer: signed("host", "x-amz-date")},
		{name: "without host", signer: signed("content-type", "x-amz-date"), want: redoxauth.ErrRejected, reason: "unsigned_header"},
		{name: "without the date", signer: signed("content-type", "host"), want: redoxauth.ErrRejected, reason: "unsigned_header"},
		{name: "host twice", signer: signed("host", "host", "x-amz-date"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "unsorted", signer: signed("x-amz-date", "host"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "upper case", signer: signed("Host", "x-amz-date"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "empty name", signer: signed("", "host", "x-amz-date"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "not a token", signer: signed("host", "x amz", "x-amz-date"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "pseudo-header", signer: signed(":authority", "host", "x-amz-date"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "authorization", signer: signed("authorization", "host", "x-amz-date"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "absent", signer: signed("host", "x-amz-date", "x-redox-id"), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "absent, with a long name", signer: signed("host", "x-amz-date", strings.Repeat("x", 100)), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "a name of more than 64 bytes", before: set(strings.Repeat("x", 100), "1"), signer: signed("host", "x-amz-date", strings.Repeat("x", 100))},
		{name: "dropped on the way", before: set("X-Redox-Id", "1"), signer: signed("host", "x-amz-date", "x-redox-id"),
			after: func(r *http.Request) { r.Header.Del("X-Redox-Id") }, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "changed on the way", after: set("Content-Type", "text/plain"), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "line added on the way", after: add("Content-Type", "text/plain"), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "unsigned and changed", signer: signed("host", "x-amz-date"), after: set("Content-Type", "text/plain")},
	} {
		t.Run(s.name, s.run)
	}
}

// A peer must not add an x-amz-* header to a signed request: CVE-2026-54330 (Ceph RGW),
// GHSA-g8w9-qw9q-fghr and GHSA-xm99-m3gq-83g8 (RustFS).
func TestUnsignedHeaders(t *testing.T) {
	required := func(c *sigv4.Config) { c.RequiredHeaders = []string{"Content-Type", "x-redox-id"} }
	least := func(s *signer) { s.signed = []string{"host", "x-amz-date"} }
	for _, s := range []scenario{
		{name: "x-amz-meta", after: set("X-Amz-Meta-Owner", "evil"), want: redoxauth.ErrRejected, reason: "unsigned_header"},
		{name: "x-amz- of a key that no server makes", after: func(r *http.Request) { r.Header["x-amz-acl"] = []string{"x"} }, want: redoxauth.ErrRejected, reason: "unsigned_header"},
		{name: "x-amz-decoded-content-length", after: set("X-Amz-Decoded-Content-Length", "1"), want: redoxauth.ErrRejected, reason: "unsigned_header"},
		{name: "signed x-amz-meta", before: set("X-Amz-Meta-Owner", "us")},
		{name: "of CloudFront", after: set("X-Amz-Cf-Id", "x")},
		{name: "of a load balancer", after: set("X-Amzn-Trace-Id", "Root=1-2-3")},
		{name: "required and unsigned", config: required, signer: least, want: redoxauth.ErrRejected, reason: "unsigned_header"},
		{name: "required and signed", config: required},
		{name: "required and absent", config: required, signer: least, before: func(r *http.Request) { r.Header.Del("Content-Type") }},
		{name: "required and added", config: required, after: set("X-Redox-Id", "1"), want: redoxauth.ErrRejected, reason: "unsigned_header"},
	} {
		t.Run(s.name, s.run)
	}
}

// Adapters that write the map directly can leave a header under a key that is not
// canonical, beside the one that was signed: a handler may read either.
func TestHeadersUnderTwoKeys(t *testing.T) {
	key := func(key string) func(*http.Request) {
		return func(r *http.Request) { r.Header[key] = []string{"evil"} }
	}
	signedID := func(s *signer) { s.signed = []string{"host", "x-amz-date", "x-redox-id"} }
	for _, s := range []scenario{
		{name: "x-amz-meta", before: set("X-Amz-Meta-Role", "user"), after: key("x-amz-meta-role"), want: redoxauth.ErrRejected, reason: "unsigned_header"},
		{name: "x-amz-meta in upper case", before: set("X-Amz-Meta-Role", "user"), after: key("X-AMZ-META-ROLE"), want: redoxauth.ErrRejected, reason: "unsigned_header"},
		{name: "x-amz-date", after: key("x-amz-date"), want: redoxauth.ErrRejected, reason: "unsigned_header"},
		{name: "payload hash", after: key("x-amz-content-sha256"), want: redoxauth.ErrRejected, reason: "unsigned_header"},
		{name: "signed", before: set("X-Redox-Id", "1"), signer: signedID, after: key("x-redox-id"), want: redoxauth.ErrRejected, reason: "unsigned_header"},
		{name: "required", config: func(c *sigv4.Config) { c.RequiredHeaders = []string{"X-Redox-ID"} }, after: key("x-redox-id"), want: redoxauth.ErrRejected, reason: "unsigned_header"},
		{name: "neither signed nor required", after: key("traceparent")},
	} {
		t.Run(s.name, s.run)
	}
}

// Trailers come after what was signed; RFC 9110, Section 6.5.1, says not to merge them
// into headers. Undeclared ones too are in r.Trailer once net/http has read the body.
func TestUnsignedTrailers(t *testing.T) {
	for _, test := range []struct {
		name, declared, trailer, payload string
		refused                          bool
	}{
		{"declared", "X-Amz-Meta-Role", "X-Amz-Meta-Role: admin", "", true},
		{"declared, hash declared", "X-Amz-Meta-Role", "X-Amz-Meta-Role: admin", "hash", true},
		{"declared, unsigned payload", "X-Amz-Meta-Role", "X-Amz-Meta-Role: admin", "UNSIGNED-PAYLOAD", true},
		{"declared and not sent", "X-Amz-Meta-Role", "X-Other: 1", "", true},
		{"not declared", "", "x-amz-meta-role: admin", "", true},
		{"not declared, hash declared", "", "x-amz-meta-role: admin", "hash", true},
		{"not declared beside one that is", "X-Sum", "X-Sum: 1\r\nX-Amz-Meta-Role: admin", "", true},
		{"of another name", "X-Sum", "X-Sum: 1", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := testSigner
			s.payload = test.payload
			signed := s.sign(request("/redox/events"))
			var raw bytes.Buffer
			fmt.Fprintf(&raw, "POST /redox/events HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n", signed.Host)
			if test.declared != "" {
				fmt.Fprintf(&raw, "Trailer: %s\r\n", test.declared)
			}
			signed.Header.Write(&raw)
			fmt.Fprintf(&raw, "\r\n%x\r\n%s\r\n0\r\n%s\r\n\r\n", len(testBody), testBody, test.trailer)
			r, err := http.ReadRequest(bufio.NewReader(&raw))
			if err != nil {
				t.Fatal(err)
			}
			cfg := testConfig()
			cfg.InsecureAllowUnsignedPayload = true
			_, err = redoxauth.Check(newVerifier(t, cfg), nil, r, nil)
			if refused := errors.Is(err, redoxauth.ErrRejected) && reasonOf(err) == "unsigned_header"; refused != test.refused || !refused && err != nil {
				t.Error(err)
			}
		})
	}
}

// A list of names costs more than its length.
func TestAHundredSignedHeaders(t *testing.T) {
	many := func(r *http.Request) {
		for i := range 98 { // host and x-amz-date make a hundred
			r.Header.Set(fmt.Sprintf("X-Amz-%02d", i), "1")
		}
	}
	plain := func(s *signer) {
		s.signed = []string{"host", "x-amz-date"}
		for i := range 98 {
			s.signed = append(s.signed, fmt.Sprintf("x-amz-%02d", i))
		}
		s.signed = sorted(s.signed)
	}
	oneMore := func(s *signer) { plain(s); s.signed = sorted(append(s.signed, "x-more")) }
	scenario{name: "as many", before: many, signer: plain}.run(t)
	scenario{name: "one more", before: func(r *http.Request) { many(r); r.Header.Set("X-More", "1") }, signer: oneMore,
		want: redoxauth.ErrMalformed, reason: "malformed"}.run(t)
}

// Values are trimmed, runs of white space are one space, repeated lines are joined by
// commas: get-header-value-trim, -order and -multiline of AWS's suite. So a handler
// must not act on such differences.
func TestHeaderValues(t *testing.T) {
	id := func(values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["X-Redox-Id"] = values }
	}
	signed := func(s *signer) { s.signed = []string{"host", "x-amz-date", "x-redox-id"} }
	for _, test := range []struct {
		name      string
		sent, got []string
		same      bool
	}{
		{"trimmed", []string{"a"}, []string{" \ta "}, true},
		{"runs", []string{"a b c"}, []string{"a   b \t c"}, true},
		{"runs in quotes", []string{`"a b"`}, []string{`"a   b"`}, true},
		{"tab", []string{"a b"}, []string{"a\tb"}, true},
		{"space removed", []string{"a b"}, []string{"ab"}, false},
		{"case", []string{"a"}, []string{"A"}, false},
		{"repeated lines", []string{"a", "b"}, []string{"a,b"}, true},
		{"order of lines", []string{"a", "b"}, []string{"b", "a"}, false},
		{"space after the comma", []string{"a,b"}, []string{"a, b"}, false},
		{"empty", []string{""}, []string{" "}, true},
		{"non-ASCII", []string{"é"}, []string{"é"}, true},
		{"no-break space is none", []string{"a b"}, []string{"a\u00a0b"}, false},
	} {
		s := scenario{name: test.name, before: id(test.sent...), signer: signed, after: id(test.got...)}
		if !test.same {
			s.want, s.reason = redoxauth.ErrRejected, "signature"
		}
		t.Run(s.name, s.run)
	}
	for _, value := range []string{"a\nb", "a\rb", "a\x00b", "a\x7fb"} {
		s := scenario{name: fmt.Sprintf("%q", value), before: id("a b"), signer: signed, after: id(value), want: redoxauth.ErrMalformed, reason: "malformed"}
		t.Run(s.name, s.run)
	}
}

// net/http moves some headers out of Request.Header, and proxies replace
// Content-Length by chunks.
func TestHeadersOutsideOfTheMap(t *testing.T) {
	chunked := func(r *http.Request) { r.ContentLength, r.TransferEncoding = -1, []string{"chunked"} }
	length := func(s *signer) { s.signed = []string{"content-length", "host", "x-amz-date"} }
	hashedLength := func(s *signer) { length(s); s.payload = "hash" }
	for _, s := range []scenario{
		{name: "length in no header", signer: length},
		{name: "length in the header", before: set("Content-Length", fmt.Sprint(len(testBody))), signer: length},
		{name: "another length in the header", signer: length, after: set("Content-Length", "1"), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "length lost to chunks", signer: length, after: chunked},
		{name: "length lost to chunks, hash declared", signer: hashedLength, after: chunked},
		{name: "length unknown to an adapter", signer: length, after: func(r *http.Request) { r.ContentLength = 0 }},
		{name: "transfer-encoding", before: chunked, signer: func(s *signer) { s.signed = []string{"host", "transfer-encoding", "x-amz-date"} }},
		{name: "transfer-encoding lost", before: chunked, signer: func(s *signer) { s.signed = []string{"host", "transfer-encoding", "x-amz-date"} },
			after: func(r *http.Request) { r.TransferEncoding = nil }, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "trailer", before: set("Trailer", "X-Sum"), signer: func(s *signer) { s.signed = []string{"host", "trailer", "x-amz-date"} },
			after: func(r *http.Request) { r.Header.Del("Trailer") }, want: redoxauth.ErrRejected, reason: "signature"},
	} {
		t.Run(s.name, s.run)
	}
	t.Run("zero length", func(t *testing.T) { // aws/aws-sdk-go-v2#3127
		r := request("/")
		r.Body, r.ContentLength = http.NoBody, 0
		s := testSigner
		length(&s)
		if _, err := newVerifier(t, testConfig()).Verify(s.sign(r)); err != nil {
			t.Error(err)
		}
	})
}

// With both Transfer-Encoding and Content-Length net/http drops the latter and reads
// chunks (the ground of request smuggling, as CVE-2022-1705): what is verified is what
// the handler reads.
func TestChunksBesideContentLength(t *testing.T) {
	signed := testSigner.sign(request("/redox/events"))
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "POST /redox/events HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n", signed.Host)
	signed.Header.Write(&raw)
	fmt.Fprintf(&raw, "\r\n%x\r\n%s\r\n0\r\n\r\n", len(testBody), testBody)
	r, err := http.ReadRequest(bufio.NewReader(&raw))
	if err != nil {
		t.Fatal(err)
	}
	checked, err := redoxauth.Check(newVerifier(t, testConfig()), nil, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body := readAll(t, checked); body != testBody {
		t.Errorf("the handler reads %q", body)
	}
}
