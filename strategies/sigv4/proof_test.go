package sigv4_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// There is one carrier of credentials, the Authorization header. MinIO took those of
// the query and, without that header, checked no signature (CVE-2026-41145,
// CVE-2026-40344); scratchstack's "AWS Auth Error Ordering", rule 5, refuses both.
func TestCarriers(t *testing.T) {
	none := func(r *http.Request) { r.Header.Del("Authorization") }
	inQuery := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.RequestURI += "?" + name + "=x" }
	}
	both := func(a, b func(*http.Request)) func(*http.Request) {
		return func(r *http.Request) { a(r); b(r) }
	}
	for _, s := range []scenario{
		{name: "none", after: none, want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "bearer", after: set("Authorization", "Bearer eyJ.e.y"), want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "empty header", after: set("Authorization", ""), want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "Signature Version 2", after: set("Authorization", "AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg="), want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "asymmetric signature", after: edit("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "streaming algorithm", after: edit("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256-PAYLOAD"), want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "scheme in lower case", after: edit("AWS4-HMAC-SHA256", "aws4-hmac-sha256"), want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "two headers", after: add("Authorization", "Bearer x"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "the same header twice", after: func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "query and header", after: inQuery("X-Amz-Signature"), want: redoxauth.ErrMalformed, reason: "query"},
		{name: "signed query beside the header", target: "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", want: redoxauth.ErrMalformed, reason: "query"},
		{name: "query alone", after: both(none, inQuery("X-Amz-Signature")), want: redoxauth.ErrRejected, reason: "query"},
		{name: "query alone, escaped", after: both(none, inQuery("a=b&X%2DAmz%2dSignature")), want: redoxauth.ErrRejected, reason: "query"},
		// aws-iam-authenticator looked for one spelling only (CVE-2022-2385).
		{name: "query alone, lower case", after: both(none, inQuery("x-amz-credential")), want: redoxauth.ErrRejected, reason: "query"},
		{name: "bearer beside a presigned query", after: both(set("Authorization", "Bearer x"), inQuery("X-Amz-Signature")), want: redoxauth.ErrNoCredentials, reason: "missing"},
		{name: "no path", after: func(r *http.Request) { r.RequestURI = "*" }, want: redoxauth.ErrMalformed, reason: "path"},
		{name: "no path and no credentials", after: both(none, func(r *http.Request) { r.RequestURI = "*" }), want: redoxauth.ErrNoCredentials, reason: "missing"},
	} {
		t.Run(s.name, s.run)
	}
}

// The scope, and the date on both sides of the clock:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
// and the cases of versitygw's and ceph/s3-tests' suites.
func TestScopeAndDate(t *testing.T) {
	at := func(d time.Duration) func(*signer) {
		return func(s *signer) { s.date = testDate.Add(d) }
	}
	date := func(value string) func(*http.Request) { return set("X-Amz-Date", value) }
	for _, s := range []scenario{
		{name: "as configured"},
		{name: "region", signer: func(s *signer) { s.region = "eu-west-1" }, want: redoxauth.ErrRejected, reason: "region"},
		{name: "region in another case", signer: func(s *signer) { s.region = "US-EAST-1" }, want: redoxauth.ErrRejected, reason: "region"},
		{name: "service", signer: func(s *signer) { s.service = "s3" }, want: redoxauth.ErrRejected, reason: "service"},
		{name: "day before", signer: func(s *signer) { s.scopeDay = "20260101" }, want: redoxauth.ErrRejected, reason: "clock_skew"},
		{name: "no day", signer: func(s *signer) { s.scopeDay = "20260102x" }, want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "terminator", after: edit("aws4_request", "aws5_request"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "sixth part", after: edit("aws4_request", "aws4_request/x"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "oldest", signer: at(-5 * time.Minute)},
		{name: "older", signer: at(-5*time.Minute - time.Second), want: redoxauth.ErrRejected, reason: "clock_skew"},
		{name: "newest", signer: at(5 * time.Minute)},
		{name: "newer", signer: at(5*time.Minute + time.Second), want: redoxauth.ErrRejected, reason: "clock_skew"},
		{name: "next year", signer: at(365 * 24 * time.Hour), want: redoxauth.ErrRejected, reason: "clock_skew"},
		{name: "wider", config: func(c *sigv4.Config) { c.MaxSkew = 15 * time.Minute }, signer: at(-15 * time.Minute)},
		{name: "our clock jumped back a day", config: func(c *sigv4.Config) { c.Now = func() time.Time { return testDate.Add(-24 * time.Hour) } }, want: redoxauth.ErrRejected, reason: "clock_skew"},
		{name: "midnight between the date and the clock", config: func(c *sigv4.Config) {
			c.Now = func() time.Time { return time.Date(2026, 1, 3, 0, 0, 30, 0, time.UTC) }
		}, signer: func(s *signer) { s.date = time.Date(2026, 1, 2, 23, 59, 30, 0, time.UTC) }},
		{name: "changed date", after: date("20260102T030406Z"), want: redoxauth.ErrRejected, reason: "signature"},
		{name: "no date", after: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "date in Date alone", before: set("Date", "Fri, 02 Jan 2026 03:04:05 GMT"), after: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "two dates", after: add("X-Amz-Date", "20260102T030405Z"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "milliseconds", after: date("20260102T030405.000Z"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "extended form", after: date("2026-01-02T03:04:05Z"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "no such day", after: date("20260231T030405Z"), want: redoxauth.ErrMalformed, reason: "malformed"},
		{name: "another zone", after: date("20260102T030405+"), want: redoxauth.ErrMalformed, reason: "malformed"},
	} {
		t.Run(s.name, s.run)
	}
}

// FuzzDate: a date is well-formed exactly if time.Parse says so of its 16 characters.
func FuzzDate(f *testing.F) {
	for _, seed := range []string{"20260102T030405Z", "20240229T235959Z", "20260229T000000Z", "20261301T000000Z", "20260001T000000Z", "20260100T000000Z",
		"20260102T240000Z", "20260102T236000Z", "20260102T235960Z", "00000101T000000Z", "2026010 T000000Z", "20260102t030405z", "+0260102T030405Z", "20260102T030405.1Z"} {
		f.Add(seed)
	}
	const layout = "20060102T150405Z"
	f.Fuzz(func(t *testing.T, date string) {
		r := testSigner.sign(request("/"))
		r.Header.Set("X-Amz-Date", date)
		_, err := newVerifier(t, testConfig()).Verify(r)
		_, parseErr := time.Parse(layout, date)
		if good := parseErr == nil && len(date) == len(layout); good != !errors.Is(err, redoxauth.ErrMalformed) {
			t.Errorf("%q: %v, time.Parse: %v", date, err, parseErr)
		}
	})
}

// A signature must be compared, not only present (MiniStack#1232), and for the secret
// that the key ID names.
func TestSignature(t *testing.T) {
	flip := func(r *http.Request) {
		h := []byte(r.Header.Get("Authorization"))
		if h[len(h)-1]++; h[len(h)-1] > '9' {
			h[len(h)-1] = '0'
		}
		r.Header.Set("Authorization", string(h))
	}
	second := func(c *sigv4.Config) {
		c.Credentials = append(c.Credentials, sigv4.Credential{AccessKeyID: "AKIDOTHER", SecretAccessKey: "other"})
	}
	for _, s := range []scenario{
		{name: "last digit", after: flip, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "zeros", after: func(r *http.Request) {
			h, _, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", h+"Signature="+strings.Repeat("0", 64))
		}, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "wrong secret", signer: func(s *signer) { s.secret = "wrong" }, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "secret of another key ID", config: second, signer: func(s *signer) { s.secret = "other" }, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "unknown key ID", signer: func(s *signer) { s.key = "AKIDNOBODY" }, want: redoxauth.ErrRejected, reason: "unknown_key"},
		{name: "unknown key ID in a wrong scope", signer: func(s *signer) { s.key, s.region = "AKIDNOBODY", "x" }, want: redoxauth.ErrRejected, reason: "unknown_key"},
		{name: "key ID in another case", signer: func(s *signer) { s.key = "akidexample" }, want: redoxauth.ErrRejected, reason: "unknown_key"},
		{name: "method", after: func(r *http.Request) { r.Method = http.MethodPut }, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "method in lower case", after: func(r *http.Request) { r.Method = "post" }, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "method with a line break", after: func(r *http.Request) { r.Method = "POST\n/" }, want: redoxauth.ErrMalformed, reason: "malformed"},
	} {
		t.Run(s.name, s.run)
	}
}

// What an unauthenticated peer sees must not tell whether a key ID is configured, whatever
// else is wrong, one fault or two. Only whether the body is read may: see Verify.
func TestUnknownKeyLooksLikeAWrongSignature(t *testing.T) {
	type fault = func(*signer, *http.Request)
	faults := map[string]fault{
		"none":            func(*signer, *http.Request) {},
		"path":            func(_ *signer, r *http.Request) { r.RequestURI = "/%zz" },
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
