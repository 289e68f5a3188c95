package sigv4_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A signature must be compared, not only present (MiniStack#1232), and for the secret
// that the key ID names.
func TestSignature(t *testing.T) {
	digit := func(h string) string {
		if strings.HasSuffix(h, "0") {
			return h[:len(h)-1] + "1"
		}
		return h[:len(h)-1] + "0"
	}
	zeros := func(h string) string { return h[:len(h)-64] + strings.Repeat("0", 64) }
	second := func(c *sigv4.Config) {
		c.Credentials = append(c.Credentials, sigv4.Credential{AccessKeyID: "AKIDOTHER", SecretAccessKey: "other"})
	}
	method := func(method string) func(*http.Request) { return func(r *http.Request) { r.Method = method } }
	run(t, []scenario{
		{name: "last digit", after: rewrite(digit), reason: "signature"},
		{name: "zeros", after: rewrite(zeros), reason: "signature"},
		{name: "wrong secret", signer: wrongSecret, reason: "signature"},
		{name: "secret of another key ID", config: second, signer: func(s *signer) { s.secret = "other" }, reason: "signature"},
		{name: "unknown key ID", signer: nobody, reason: "unknown_key"},
		{name: "unknown key ID in a wrong scope", signer: func(s *signer) { nobody(s); s.region = "x" }, reason: "unknown_key"},
		{name: "key ID in another case", signer: func(s *signer) { s.key = "akidexample" }, reason: "unknown_key"},
		{name: "method", after: method(http.MethodPut), reason: "signature"},
		{name: "method in lower case", after: method("post"), reason: "signature"},
		{name: "method with a line break", after: method("POST\n/"), reason: "malformed"},
		{name: "method with a control character", after: method("POST\x7f"), reason: "malformed"},
		{name: "method that is not ASCII", after: method("P\u00d6ST"), reason: "malformed"},
		{name: "method with any character of a token", before: method("!POST~")},
	})
}

// A peer without a secret must not learn whether a key ID is configured, whatever else is
// wrong with its request. The only observable difference is whether the body is read: see
// Verify.
func TestUnknownKeyLooksLikeAWrongSignature(t *testing.T) {
	type fault = func(*signer, *http.Request)
	faults := map[string]fault{
		"none":            func(*signer, *http.Request) {},
		"path":            func(_ *signer, r *http.Request) { r.RequestURI = "/%zz" },
		"dot segments":    func(_ *signer, r *http.Request) { r.RequestURI = "/a/../b" },
		"query":           func(_ *signer, r *http.Request) { r.RequestURI = "/?a;b" },
		"method":          func(_ *signer, r *http.Request) { r.Method = "PO ST" },
		"header value":    func(_ *signer, r *http.Request) { r.Header.Set("Content-Type", "a\nb") },
		"header absent":   func(s *signer, _ *http.Request) { s.signed = []string{"host", "x-absent", "x-amz-date"} },
		"header unsigned": func(s *signer, _ *http.Request) { s.signed = []string{"content-type", "host"} },
		"host":            func(_ *signer, r *http.Request) { r.Host = "" },
		"region":          func(s *signer, _ *http.Request) { s.region = "nowhere" },
		"service":         func(s *signer, _ *http.Request) { s.service = "nothing" },
		"day":             func(s *signer, _ *http.Request) { s.scopeDay = "20200101" },
		"date":            func(s *signer, _ *http.Request) { s.date = testDate.AddDate(-1, 0, 0) },
		"payload":         func(s *signer, _ *http.Request) { s.payload = "STREAMING" },
		"no payload hash": func(s *signer, _ *http.Request) { s.payload = "" },
		"session token":   func(s *signer, _ *http.Request) { s.token = "unexpected" },
		"length unknown": func(s *signer, r *http.Request) {
			s.signed, r.ContentLength = []string{"content-length", "host", "x-amz-date"}, -1
		},
	}
	cfg := testConfig()
	cfg.Credentials = append(cfg.Credentials, sigv4.Credential{AccessKeyID: "AKIDTOKEN", SecretAccessKey: "other", SessionToken: "expected"})
	v := newVerifier(t, cfg)
	status := func(key string, faults ...fault) (int, error) {
		s, r := testSigner, request("/redox/events")
		s.key, s.secret, s.payload = key, "wrong", "hash"
		for _, f := range faults {
			f(&s, r)
		}
		_, err := v.Verify(s.sign(r))
		return redoxauth.StatusCode(err), err
	}
	for name1, fault1 := range faults {
		for name2, fault2 := range faults {
			unknown, err := status("AKIDNOBODY", fault1, fault2)
			for _, key := range []string{testSigner.key, "AKIDTOKEN"} {
				if known, knownErr := status(key, fault1, fault2); known != unknown || known == http.StatusOK {
					t.Errorf("%s and %s: %s status %d (%v), unknown key %d (%v)", name1, name2, key, known, knownErr, unknown, err)
				}
			}
		}
	}
}

// A peer must not add an x-amz-* header to a signed request: CVE-2026-54330 (Ceph RGW),
// GHSA-g8w9-qw9q-fghr and GHSA-xm99-m3gq-83g8 (RustFS). Adapters that write the map directly
// can leave a header under a key that is not canonical, beside the one that was signed: a
// handler may read either.
func TestUnsignedHeaders(t *testing.T) {
	required := func(c *sigv4.Config) { c.RequiredHeaders = []string{"Content-Type", "x-redox-ID"} }
	least := signed("host", "x-amz-date")
	key := func(key string) func(*http.Request) {
		return func(r *http.Request) { r.Header[key] = []string{"evil"} }
	}
	run(t, []scenario{
		{name: "x-amz-meta", after: set("X-Amz-Meta-Owner", "evil"), reason: "unsigned_header"},
		{name: "x-amz-meta, and no host", after: both(host(""), set("X-Amz-Meta-Owner", "evil")), reason: "host"},
		{name: "x-amz-decoded-content-length", after: set("X-Amz-Decoded-Content-Length", "1"), reason: "unsigned_header"},
		{name: "signed x-amz-meta", before: set("X-Amz-Meta-Owner", "us")},
		{name: "of CloudFront", after: set("X-Amz-Cf-Id", "x")},
		{name: "of CloudFront, another", after: set("X-Amz-Cf-Pop", "x"), reason: "unsigned_header"},
		{name: "of a load balancer", after: set("X-Amzn-Trace-Id", "Root=1-2-3")},
		{name: "required and unsigned", config: required, signer: least, reason: "unsigned_header"},
		{name: "required and signed", config: required},
		{name: "required and absent", config: required, signer: least, before: del("Content-Type")},
		{name: "required and added", config: required, after: set("X-Redox-Id", "1"), reason: "unsigned_header"},
		{name: "key that no server makes", after: key("x-amz-acl"), reason: "unsigned_header"},
		{name: "second key of x-amz-meta", before: set("X-Amz-Meta-Role", "user"), after: key("x-amz-meta-role"), reason: "unsigned_header"},
		{name: "second key of x-amz-meta, upper case", before: set("X-Amz-Meta-Role", "user"), after: key("X-AMZ-META-ROLE"), reason: "unsigned_header"},
		{name: "second key of x-amz-meta, in Unicode", before: set("X-Amz-K", "user"), after: key("X-Amz-\u212a"), reason: "unsigned_header"}, // KELVIN SIGN, of which k is the lower case
		{name: "second key of x-amz-a", before: set("X-Amz-A", "user"), after: key("X-Amz-a"), reason: "unsigned_header"},
		{name: "second key of x-amz-z", before: set("X-Amz-Z", "user"), after: key("X-Amz-z"), reason: "unsigned_header"},
		{name: "second key of x-amz-ma", before: set("X-Amz-Ma", "user"), after: key("X-Amz-MA"), reason: "unsigned_header"},
		{name: "second key of x-amz-mz", before: set("X-Amz-Mz", "user"), after: key("X-Amz-MZ"), reason: "unsigned_header"},
		{name: "key with a character after z", before: set("X-Amz-~", "user")},
		{name: "second key of x-amz-date", after: key("x-amz-date"), reason: "unsigned_header"},
		{name: "second key of the payload hash", after: key("x-amz-content-sha256"), reason: "unsigned_header"},
		{name: "second key of a signed header", before: set("X-Redox-Id", "1"), signer: signed("host", "x-amz-date", "x-redox-id"), after: key("x-redox-id"), reason: "unsigned_header"},
		{name: "second key of a required header", config: required, after: key("x-redox-id"), reason: "unsigned_header"},
		{name: "second key of a header neither signed nor required", after: key("traceparent")},
	})
}

// chunked returns the head and the chunks of a signed request on the wire.
func chunked(s scenario, headers, trailers string) string {
	r := s.request()
	var header strings.Builder
	r.Header.Write(&header)
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\n%s%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n%s\r\n",
		r.RequestURI, r.Host, header.String(), headers, len(testBody), testBody, trailers)
}

// Trailers come after what was signed. RFC 9110, Section 6.5.1, says not to merge them
// into headers. Undeclared ones are in r.Trailer once net/http has read the body.
func TestUnsignedTrailers(t *testing.T) {
	const announced, evil = "Trailer: X-Amz-Meta-Role\r\n", "X-Amz-Meta-Role: admin\r\n"
	for name, test := range map[string]struct {
		headers, trailers, payload string
		reason                     redoxauth.Reason
	}{
		"declared":                     {announced, evil, "", "unsigned_header"},
		"declared, hash declared":      {announced, evil, "hash", "unsigned_header"},
		"declared, unsigned payload":   {announced, evil, "UNSIGNED-PAYLOAD", "unsigned_header"},
		"declared and not sent":        {announced, "X-Other: 1\r\n", "", "unsigned_header"},
		"not declared":                 {"", strings.ToLower(evil), "", "unsigned_header"},
		"not declared, hash declared":  {"", strings.ToLower(evil), "hash", "unsigned_header"},
		"not declared beside declared": {"Trailer: X-Sum\r\n", "X-Sum: 1\r\n" + evil, "", "unsigned_header"},
		"of another name":              {"Trailer: X-Sum\r\n", "X-Sum: 1\r\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := scenario{signer: payload(test.payload), config: func(c *sigv4.Config) { c.InsecureAllowUnsignedPayload = true }, reason: test.reason}
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(chunked(s, test.headers, test.trailers))))
			if err != nil {
				t.Fatal(err)
			}
			_, err = redoxauth.Check(s.verifier(t), nil, r, nil)
			s.check(t, err)
		})
	}
}

// net/http sets trailers that were not announced in the request that it made. Wrappers give
// copies of it to the Verifiers behind them, which must see these trailers too.
func TestUnannouncedTrailersAreRefusedInEveryCombination(t *testing.T) {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"a-verification-token"}})
	if err != nil {
		t.Fatal(err)
	}
	sig := newVerifier(t, testConfig())
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for name, h := range map[string]http.Handler{
		"AllOf":                   redoxauth.Middleware(redoxauth.AllOf(token, sig), nil)(ok),
		"AllOf, signature first":  redoxauth.Middleware(redoxauth.AllOf(sig, token), nil)(ok),
		"nested":                  token.Wrap(sig.Wrap(ok)),
		"nested, signature first": sig.Wrap(token.Wrap(ok)),
		"signature twice":         sig.Wrap(sig.Wrap(token.Wrap(ok))),
	} {
		server := httptest.NewServer(h)
		defer server.Close()
		for trailers, want := range map[string]int{"": http.StatusOK, "X-Sum: 1\r\n": http.StatusOK, "X-Amz-Meta-Role: admin\r\n": http.StatusUnauthorized} {
			for _, declared := range []string{"", "hash"} {
				conn, err := net.Dial("tcp", server.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				io.WriteString(conn, chunked(scenario{signer: payload(declared)}, "Verification-Token: a-verification-token\r\n", trailers))
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				if response.StatusCode != want {
					t.Errorf("%s, trailers %q, payload %q: status %d, want %d", name, trailers, declared, response.StatusCode, want)
				}
			}
		}
	}
}

// If a request has Transfer-Encoding and Content-Length, net/http drops the latter and reads
// chunks. Request smuggling uses such requests (CVE-2022-1705). The handler must read what
// was verified.
func TestChunksBesideContentLength(t *testing.T) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(chunked(scenario{}, "Content-Length: 4\r\n", ""))))
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

// The payload hash: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
// MinIO accepted a body that an unsigned-trailer request did not cover (CVE-2025-31489).
func TestPayload(t *testing.T) {
	allow := func(c *sigv4.Config) { c.InsecureAllowUnsignedPayload = true }
	unsigned := func(s *signer) { s.payload, s.signed = "hash", []string{"host", "x-amz-date"} }
	const ofNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	declare := func(value string) func(*http.Request) { return set("X-Amz-Content-Sha256", value) }
	run(t, []scenario{
		{name: "declared", signer: payload("hash")},
		{name: "declared, and the secret is wrong", signer: func(s *signer) { s.payload, s.secret = "hash", "wrong" }, reason: "signature"},
		{name: "declared, but the header is unsigned", signer: unsigned}, // as aws-requests-auth sends it
		{name: "another hash in the unsigned header", signer: unsigned, after: declare(ofNothing), reason: "signature"},
		{name: "hash of nothing", signer: payload(ofNothing), reason: "payload"},
		{name: "declared and changed", signer: payload("hash"), after: declare(ofNothing), reason: "signature"},
		{name: "upper case", signer: payload(strings.ToUpper(ofNothing)), reason: "payload"},
		{name: "twice", signer: payload("hash"), after: add("X-Amz-Content-Sha256", ofNothing), reason: "malformed"},
		{name: "empty", signer: payload("hash"), after: declare(""), reason: "malformed"},
		{name: "UNSIGNED-PAYLOAD", signer: payload("UNSIGNED-PAYLOAD"), reason: "payload"},
		{name: "UNSIGNED-PAYLOAD allowed", config: allow, signer: payload("UNSIGNED-PAYLOAD")},
		{name: "UNSIGNED-PAYLOAD allowed, but the hash was signed", config: allow, signer: payload("hash"), after: declare("UNSIGNED-PAYLOAD"), reason: "signature"},
		{name: "streaming", config: allow, signer: payload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), reason: "payload"},
		{name: "streaming with a trailer", config: allow, signer: payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), reason: "payload"},
		{name: "literal text", signer: payload("required"), reason: "payload"},
	})
}

// No body has a hash of another form, so it is not read to compare them.
func TestPayloadHashOfAnotherFormIsRefusedBeforeTheBodyIsRead(t *testing.T) {
	for hash, read := range map[string]bool{testBodyHash: true, strings.ToUpper(testBodyHash): false, strings.Repeat("g", 64): false,
		testBodyHash[1:]: false, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": false} {
		for _, allow := range []bool{false, true} {
			s := scenario{signer: payload(hash), config: func(c *sigv4.Config) { c.InsecureAllowUnsignedPayload = allow }}
			r := s.request()
			body := &spy{ReadCloser: r.Body}
			r.Body = body
			_, err := s.verifier(t).Verify(r)
			if body.read != read || (err == nil) != read {
				t.Errorf("%s, UNSIGNED-PAYLOAD allowed %t: body read %t, error %v", hash, allow, body.read, err)
			}
		}
	}
}

// Errors of reading the body keep their kind: a body that is too large or breaks off is
// not a wrong signature.
func TestBody(t *testing.T) {
	for declared, swapped := range map[string]redoxauth.Reason{"": "signature", "hash": "payload"} {
		for name, test := range map[string]struct {
			body io.Reader
			kind error
			want redoxauth.Reason
		}{
			"swapped":    {strings.NewReader(strings.Replace(testBody, "Arrival", "Discharge", 1)), redoxauth.ErrRejected, swapped},
			"broken off": {io.MultiReader(strings.NewReader("{"), brokenOff{}), redoxauth.ErrMalformed, "body_read"},
			"too large":  {strings.NewReader(strings.Repeat(testBody, 2)), redoxauth.ErrTooLarge, "body_size"},
		} {
			t.Run(name+", declared "+declared, func(t *testing.T) {
				r := scenario{signer: payload(declared)}.request()
				r.Body = io.NopCloser(test.body)
				_, err := redoxauth.Check(newVerifier(t, testConfig()), nil, r, &redoxauth.Options{MaxBodyBytes: int64(len(testBody)) + 8})
				verifiertest.CheckError(t, err, test.kind, test.want)
				if err != nil && !strings.HasPrefix(err.Error(), "sigv4: ") {
					t.Errorf("%v does not name the strategy", err)
				}
			})
		}
		r := request("/")
		r.Body, r.ContentLength = nil, 0
		s := testSigner
		s.payload = declared
		if _, err := newVerifier(t, testConfig()).Verify(s.sign(r)); err != nil {
			t.Errorf("no body, declared %q: %v", declared, err)
		}
	}
}

// If the length of the body is signed, and only the body tells it, the body is read for that.
func TestBodyThatIsReadForItsLength(t *testing.T) {
	for name, test := range map[string]struct {
		body func() io.Reader
		kind error
		want redoxauth.Reason
	}{
		"whole":      {func() io.Reader { return strings.NewReader(testBody) }, nil, ""},
		"longer":     {func() io.Reader { return strings.NewReader(testBody + " ") }, redoxauth.ErrRejected, "signature"},
		"broken off": {func() io.Reader { return io.MultiReader(strings.NewReader("{"), brokenOff{}) }, redoxauth.ErrMalformed, "body_read"},
		"too large":  {func() io.Reader { return strings.NewReader(strings.Repeat(testBody, 2)) }, redoxauth.ErrTooLarge, "body_size"},
	} {
		for _, change := range []func(*signer){with("content-length"), declared(with("content-length"))} {
			r := scenario{signer: change}.request()
			r.Body, r.ContentLength = io.NopCloser(test.body()), -1
			_, err := redoxauth.Check(newVerifier(t, testConfig()), nil, r, &redoxauth.Options{MaxBodyBytes: int64(len(testBody)) + 8})
			if test.want != "" {
				verifiertest.CheckError(t, err, test.kind, test.want)
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Strangers may use half of MaxInFlight. A body whose signed hash is in the headers may use all
// of it, because its signature was verified first.
func TestProvenBodyMayUseAllOfMaxInFlight(t *testing.T) {
	for _, s := range []scenario{
		{name: "the hash of the body is declared", signer: declared(signed("host", "x-amz-date"))},
		{name: "it is not", reason: "busy"},
	} {
		r := s.request()
		opts := &redoxauth.Options{MaxBodyBytes: r.ContentLength, MaxInFlight: 2*r.ContentLength - 2}
		_, err := redoxauth.Check(s.verifier(t), nil, r, opts)
		if s.reason != "" {
			verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, s.reason)
		} else if err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}

// Identity.KeyID shows whether an old secret is still in use.
func TestFirstOfEqualCredentialsCounts(t *testing.T) {
	cfg := testConfig()
	cfg.Credentials = append(cfg.Credentials, cfg.Credentials[0])
	id, err := newVerifier(t, cfg).Verify(scenario{}.request())
	if err != nil || id.KeyID != "0" {
		t.Errorf("identity %v, error %v, want the key ID 0", id, err)
	}
}

// A request that has ended does not wait for the secret manager.
func TestCredentialsFuncIsWaitedForWithinTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Credentials = nil
		cfg.CredentialsFunc = func(ctx context.Context) ([]sigv4.Credential, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		v := newVerifier(t, cfg)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := v.Verify(scenario{}.request().WithContext(ctx))
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "canceled")
		if got := time.Since(start); got != time.Second {
			t.Errorf("waited %v, want 1s", got)
		}
		time.Sleep(10 * time.Second) // the call ends
	})
}
