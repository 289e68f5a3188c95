package sigv4_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// There is one carrier of credentials, the Authorization header. MinIO accepted those of the
// query and, without that header, checked no signature (CVE-2026-41145, CVE-2026-40344).
// scratchstack's "AWS Auth Error Ordering", rule 5, refuses both.
func TestCarriers(t *testing.T) {
	none := del("Authorization")
	inQuery := func(name string) func(*http.Request) { return received("/redox/events?" + name + "=x") }
	both := func(a, b func(*http.Request)) func(*http.Request) {
		return func(r *http.Request) { a(r); b(r) }
	}
	for _, scheme := range []string{"Bearer", "", "AWS4-ECDSA-P256-SHA256", "AWS4-HMAC-SHA256-PAYLOAD", "aws4-hmac-sha256"} {
		t.Run("scheme "+scheme, scenario{after: edit("AWS4-HMAC-SHA256", scheme), reason: "missing"}.run)
	}
	run(t, []scenario{
		{name: "empty header", after: set("Authorization", ""), reason: "missing"},
		{name: "unknown scheme that is long", after: set("Authorization", strings.Repeat("x", 40)+" y"), reason: "missing"},
		{name: "none", after: none, reason: "missing"},
		{name: "Signature Version 2", after: set("Authorization", "AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg="), reason: "missing"},
		{name: "two headers", after: add("Authorization", "Bearer x"), reason: "malformed"},
		{name: "the same header twice", after: func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, reason: "malformed"},
		{name: "query and header", after: inQuery("X-Amz-Signature"), reason: "query"},
		{name: "signed query beside the header", target: "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", reason: "query"},
		{name: "query alone", after: both(none, inQuery("X-Amz-Signature")), reason: "query", kind: redoxauth.ErrRejected},
		{name: "query alone, escaped", after: both(none, inQuery("a=b&X%2DAmz%2dSignature")), reason: "query", kind: redoxauth.ErrRejected},
		{name: "query alone, its first letter escaped", after: both(none, inQuery("%58-Amz-Signature")), reason: "query", kind: redoxauth.ErrRejected},
		// aws-iam-authenticator looked for one spelling only (CVE-2022-2385).
		{name: "query alone, lower case", after: both(none, inQuery("x-amz-credential")), reason: "query", kind: redoxauth.ErrRejected},
		{name: "bearer beside a presigned query", after: both(set("Authorization", "Bearer x"), inQuery("X-Amz-Signature")), reason: "missing"},
		{name: "no path", after: received("*"), reason: "path"},
		{name: "no path and no credentials", after: both(none, received("*")), reason: "missing"},
	})
}

// The grammar of the Authorization header:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
func TestAuthorizationHeader(t *testing.T) {
	padded := func(n int) func(*http.Request) {
		return rewrite(func(h string) string { return h + strings.Repeat(" ", len("AWS4-HMAC-SHA256")+n-len(h)) })
	}
	run(t, []scenario{
		{name: "no space after commas", after: rewrite(func(h string) string { return strings.ReplaceAll(h, ", ", ",") })},
		{name: "more white space", after: rewrite(func(h string) string { return strings.ReplaceAll(h, " ", " \t ") })},
		{name: "tab after the scheme", after: edit("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256\t")},
		{name: "as long as it may be", after: padded(4 << 10)},
		{name: "another order", after: rewrite(func(h string) string {
			fields := strings.Split(strings.TrimPrefix(h, "AWS4-HMAC-SHA256 "), ", ")
			return "AWS4-HMAC-SHA256 " + fields[2] + ", " + fields[0] + ", " + fields[1]
		})},
	})
	upper := func(h string) string {
		head, signature, _ := strings.Cut(h, "Signature=")
		return head + "Signature=" + strings.ToUpper(signature)
	}
	for name, after := range map[string]func(*http.Request){
		"unknown field":               edit(", Signature", ", Extra=1, Signature"),
		"field name in lower case":    edit("Credential", "credential"),
		"space before =":              edit("Credential=", "Credential ="),
		"repeated signature":          edit(", Signature=", ", Signature=0, Signature="),
		"repeated credential":         edit("Credential=", "Credential=AKIDOTHER/20260102/us-east-1/execute-api/aws4_request, Credential="),
		"second credential after all": edit("Signature=", "Signature=0, AWS4-HMAC-SHA256 Credential="),
		"no credential":               edit("Credential=AKIDEXAMPLE/20260102/us-east-1/execute-api/aws4_request, ", ""),
		"no signed headers":           edit("SignedHeaders=content-type;host;x-amz-date, ", ""),
		"no key ID":                   edit("AKIDEXAMPLE/", "/"),
		"no region":                   edit("/us-east-1/", "//"),
		"no service":                  edit("/execute-api/", "//"),
		"empty credential in front":   edit("Credential=", "Credential=, Credential="),
		"terminator":                  edit("aws4_request", "aws5_request"),
		"sixth part of the scope":     edit("aws4_request", "aws4_request/x"),
		"empty field":                 edit(", Signature", ",, Signature"),
		"semicolon":                   edit(", Signature", "; Signature"),
		"upper-case signature":        edit("Signature=", "Signature=A"),
		"short signature":             rewrite(func(h string) string { return h[:len(h)-1] }),
		"long signature":              rewrite(func(h string) string { return h + "0" }),
		"comma at the end":            rewrite(func(h string) string { return h + "," }),
		"signature in upper case":     rewrite(upper),
		"scheme alone":                set("Authorization", "AWS4-HMAC-SHA256"),
		"a byte too long":             padded(4<<10 + 1),
	} {
		t.Run(name, scenario{after: after, reason: "malformed"}.run)
	}
}

// SignedHeaders must say what is signed, in exactly one way. Vault accepted a list that named absent
// headers or none at all (CVE-2020-16250).
func TestSignedHeaders(t *testing.T) {
	long := strings.Repeat("x", 100)
	many := []string{"host", "x-amz-date"}
	for i := range 98 { // a list of names costs more than its length, so it has at most a hundred
		many = append(many, fmt.Sprintf("x-amz-%02d", i))
	}
	setMany := func(r *http.Request) {
		for i := range 98 {
			r.Header.Set(fmt.Sprintf("X-Amz-%02d", i), "1")
		}
	}
	empty := func(name string) func(*signer) { // the signature has it with an empty value
		return func(s *signer) {
			with(name)(s)
			s.edit = func(string) string {
				canonical := "POST\n/redox/events\n\n"
				for _, name := range s.signed {
					canonical += name + ":" + map[string]string{"host": "api.example.test", "x-amz-date": "20260102T030405Z"}[name] + "\n"
				}
				return canonical + "\n" + strings.Join(s.signed, ";") + "\n" + testBodyHash
			}
		}
	}
	run(t, []scenario{
		{name: "least", signer: signed("host", "x-amz-date")},
		{name: "without host", signer: signed("content-type", "x-amz-date"), reason: "unsigned_header"},
		{name: "without host, under an unknown key", signer: func(s *signer) { s.signed, s.key = []string{"content-type", "x-amz-date"}, "AKIDUNKNOWN" }, reason: "unsigned_header"},
		{name: "without the date", signer: signed("content-type", "host"), reason: "unsigned_header"},
		{name: "host twice", signer: signed("host", "host", "x-amz-date"), reason: "malformed"},
		{name: "the date twice", signer: signed("host", "x-amz-date", "x-amz-date"), reason: "malformed"},
		{name: "unsorted", signer: signed("x-amz-date", "host"), reason: "malformed"},
		{name: "upper case", signer: signed("Host", "x-amz-date"), reason: "malformed"},
		{name: "empty name", signer: signed("", "host", "x-amz-date"), reason: "malformed"},
		{name: "not a token", signer: signed("host", "x amz", "x-amz-date"), reason: "malformed"},
		{name: "pseudo-header", signer: signed(":authority", "host", "x-amz-date"), reason: "malformed"},
		{name: "authorization", signer: signed("authorization", "host", "x-amz-date"), reason: "malformed"},
		{name: "sent empty", before: set("X-Redox-Id", ""), signer: empty("x-redox-id")},
		{name: "absent", signer: empty("x-redox-id"), reason: "signature"},
		{name: "absent, with a long name", signer: empty(long), reason: "signature"},
		{name: "absent, and outside of the map", signer: empty("transfer-encoding"), reason: "signature"},
		{name: "a name that starts with z", before: set("X-Zone", "1"), signer: with("x-zone")},
		{name: "a name of more than 64 bytes", before: set(long, "1"), signer: signed("host", "x-amz-date", long)},
		{name: "dropped on the way", before: set("X-Redox-Id", "1"), signer: signed("host", "x-amz-date", "x-redox-id"), after: del("X-Redox-Id"), reason: "signature"},
		{name: "changed on the way", after: set("Content-Type", "text/plain"), reason: "signature"},
		{name: "line added on the way", after: add("Content-Type", "text/plain"), reason: "signature"},
		{name: "unsigned and changed", signer: signed("host", "x-amz-date"), after: set("Content-Type", "text/plain")},
		{name: "a hundred", before: setMany, signer: signed(sorted(many)...)},
		{name: "one more", before: func(r *http.Request) { setMany(r); r.Header.Set("X-More", "1") },
			signer: signed(append(sorted(many), "x-more")...), reason: "malformed"},
	})
}

// The scope, and the date on both sides of the clock:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
// and the cases of versitygw's and ceph/s3-tests' suites.
func TestScopeAndDate(t *testing.T) {
	at := func(d time.Duration) func(*signer) {
		return func(s *signer) { s.date = testDate.Add(d) }
	}
	clock := func(now time.Time) func(*sigv4.Config) {
		return func(c *sigv4.Config) { c.Now = func() time.Time { return now } }
	}
	day := func(day string) func(*signer) { return func(s *signer) { s.scopeDay = day } }
	date := func(value string) func(*http.Request) { return set("X-Amz-Date", value) }
	run(t, []scenario{
		{name: "as configured"},
		{name: "region", signer: func(s *signer) { s.region = "eu-west-1" }, reason: "region"},
		{name: "region in another case", signer: func(s *signer) { s.region = "US-EAST-1" }, reason: "region"},
		{name: "service", signer: func(s *signer) { s.service = "s3" }, reason: "service"},
		{name: "the first of several: region", signer: func(s *signer) { s.region, s.service, s.scopeDay = "eu-west-1", "s3", "20260101" }, reason: "region"},
		{name: "the first of several: service", signer: func(s *signer) { s.service, s.scopeDay = "s3", "20260101" }, reason: "service"},
		{name: "all of printable ASCII", config: func(c *sigv4.Config) { c.Region = "!~" }, signer: func(s *signer) { s.region = "!~" }},
		{name: "day before", signer: day("20260101"), reason: "clock_skew"},
		{name: "no day", signer: day("20260102x"), reason: "malformed"},
		{name: "oldest", signer: at(-5 * time.Minute)},
		{name: "older", signer: at(-5*time.Minute - time.Second), reason: "clock_skew"},
		{name: "newest", signer: at(5 * time.Minute)},
		{name: "newer", signer: at(5*time.Minute + time.Second), reason: "clock_skew"},
		{name: "next year", signer: at(365 * 24 * time.Hour), reason: "clock_skew"},
		{name: "wider", config: func(c *sigv4.Config) { c.MaxSkew = 15 * time.Minute }, signer: at(-15 * time.Minute)},
		{name: "our clock jumped back a day", config: clock(testDate.Add(-24 * time.Hour)), reason: "clock_skew"},
		{name: "midnight between the date and the clock", config: clock(time.Date(2026, 1, 3, 0, 0, 30, 0, time.UTC)),
			signer: func(s *signer) { s.date = time.Date(2026, 1, 2, 23, 59, 30, 0, time.UTC) }},
		{name: "changed date", after: date("20260102T030406Z"), reason: "signature"},
		{name: "no date", after: del("X-Amz-Date"), reason: "malformed"},
		{name: "date in Date alone", before: set("Date", "Fri, 02 Jan 2026 03:04:05 GMT"), after: del("X-Amz-Date"), reason: "malformed"},
		{name: "two dates", after: add("X-Amz-Date", "20260102T030405Z"), reason: "malformed"},
		{name: "milliseconds", after: date("20260102T030405.000Z"), reason: "malformed"},
		{name: "extended form", after: date("2026-01-02T03:04:05Z"), reason: "malformed"},
		{name: "no such day", after: date("20260231T030405Z"), reason: "malformed"},
		{name: "another zone", after: date("20260102T030405+"), reason: "malformed"},
	})
}

// A sender that repeats an old request without signing it again is told from a wrong clock,
// where no body need be read for that.
func TestOldDateUnderASignatureThatHoldsIsStale(t *testing.T) {
	at := func(d time.Duration, more ...func(*signer)) func(*signer) {
		return func(s *signer) {
			s.date = testDate.Add(d)
			for _, change := range more {
				change(s)
			}
		}
	}
	declared, unsignedPayload := payload("hash"), payload("UNSIGNED-PAYLOAD")
	allow := func(c *sigv4.Config) { c.InsecureAllowUnsignedPayload = true }
	chunked := func(r *http.Request) { r.ContentLength, r.TransferEncoding = -1, []string{"chunked"} }
	length := signed("content-length", "host", "x-amz-content-sha256", "x-amz-date")
	replaced := func(r *http.Request) { r.Host = "10.0.0.1" }
	run(t, []scenario{
		{name: "declared", signer: at(-5*time.Minute-time.Second, declared), reason: "stale"},
		{name: "declared, a day old", signer: at(-24*time.Hour, declared), reason: "stale"},
		{name: "declared, years old", signer: at(-20*365*24*time.Hour, declared), reason: "stale"},
		{name: "declared, of year 0", signer: func(s *signer) { declared(s); s.date = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC) }, reason: "stale"},
		{name: "declared, wrong secret", signer: at(-time.Hour, declared, wrongSecret), reason: "clock_skew"},
		{name: "declared, another path", signer: at(-time.Hour, declared), after: received("/else"), reason: "clock_skew"},
		{name: "declared, another date", signer: at(-time.Hour, declared), after: set("X-Amz-Date", "20260102T020406Z"), reason: "clock_skew"},
		{name: "declared, unknown key", signer: at(-time.Hour, declared, nobody), reason: "unknown_key"},
		{name: "declared, an unsigned header", signer: at(-time.Hour, declared), after: set("X-Amz-Meta-A", "1"), reason: "unsigned_header"},
		{name: "declared, chunked", signer: at(-time.Hour, declared), after: chunked, reason: "stale"},
		{name: "declared, with a length that only the body tells", signer: at(-time.Hour, declared, length), after: chunked, reason: "clock_skew"},
		{name: "declared, with a length in its header", signer: at(-time.Hour, declared, length), before: set("Content-Length", fmt.Sprint(len(testBody))), after: chunked, reason: "stale"},
		{name: "declared, Host replaced", config: func(c *sigv4.Config) { c.Hosts = []string{"b.example.test", "api.example.test"} },
			signer: at(-time.Hour, declared), after: replaced, reason: "stale"},
		{name: "declared, Host replaced, not listed", signer: at(-time.Hour, declared), after: replaced, reason: "clock_skew"},
		{name: "payload not signed, allowed", config: allow, signer: at(-time.Hour, unsignedPayload), reason: "stale"},
		{name: "payload not signed", signer: at(-time.Hour, unsignedPayload), reason: "payload"},
		{name: "not declared", signer: at(-time.Hour), reason: "clock_skew"},
		{name: "future", signer: at(time.Hour, declared), reason: "clock_skew"},
		{name: "future, wrong secret", signer: at(time.Hour, declared, wrongSecret), reason: "clock_skew"},
		{name: "in time", signer: at(-5*time.Minute, declared)},
		{name: "in time, future", signer: at(5*time.Minute, declared)},
	})
	for _, body := range []io.ReadCloser{nil, http.NoBody} { // no body need be read for its length either
		s := scenario{signer: at(-time.Hour, declared, length), before: func(r *http.Request) { r.Body, r.ContentLength = body, 0 },
			after: func(r *http.Request) { r.Body = body }, reason: "stale"}
		_, err := s.verifier(t).Verify(s.request())
		s.check(t, err)
	}
	_, err := newVerifier(t, testConfig()).Verify(scenario{signer: at(-time.Hour, declared)}.request())
	const want = "sigv4: credentials rejected (stale): X-Amz-Date is 20260102T020405Z, 1h0m0s behind this server's clock (now 20260102T030405Z), want at most 5m0s (Config.MaxSkew); the signature holds: "
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// FuzzDate: a date is well-formed exactly if time.Parse says so of its 16 characters.
func FuzzDate(f *testing.F) {
	for _, seed := range []string{"20260102T030405Z", "20240229T235959Z", "20260229T000000Z", "20261301T000000Z", "20260001T000000Z", "20260100T000000Z",
		"20260102T240000Z", "20260102T236000Z", "20260102T235960Z", "00000101T000000Z", "2026010 T000000Z", "20260102t030405z", "+0260102T030405Z", "20260102T030405.1Z",
		"20260102t030405Z", "20260102T030405z", "2026010:T030405Z", "20260102T036005Z", "20260102T030460Z", "20991231T235959Z"} {
		f.Add(seed)
	}
	const layout = "20060102T150405Z"
	f.Fuzz(func(t *testing.T, date string) {
		_, err := newVerifier(t, testConfig()).Verify(scenario{after: set("X-Amz-Date", date)}.request())
		_, parseErr := time.Parse(layout, date)
		if good := parseErr == nil && len(date) == len(layout); good != !errors.Is(err, redoxauth.ErrMalformed) {
			t.Errorf("%q: %v, time.Parse: %v", date, err, parseErr)
		}
	})
}

// The session token is part of the credential:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_use-resources.html.
func TestSessionToken(t *testing.T) {
	configured := func(token string) func(*sigv4.Config) {
		return func(c *sigv4.Config) { c.Credentials[0].SessionToken = token }
	}
	sent := func(token string) func(*signer) { return func(s *signer) { s.token = token } }
	run(t, []scenario{
		{name: "equal", config: configured("token"), signer: sent("token")},
		{name: "missing", config: configured("token"), reason: "session_token"},
		{name: "wrong", config: configured("token"), signer: sent("nekot"), reason: "session_token"},
		{name: "unexpected", signer: sent("token"), reason: "session_token"},
		{name: "unexpected and empty", after: set("X-Amz-Security-Token", ""), reason: "unsigned_header"},
		{name: "unexpected, signed and empty", before: set("X-Amz-Security-Token", ""), reason: "session_token"},
		{name: "added unsigned", config: configured("token"), after: set("X-Amz-Security-Token", "token"), reason: "unsigned_header"},
		{name: "twice", config: configured("token"), signer: sent("token"), after: add("X-Amz-Security-Token", "token"), reason: "malformed"},
		{name: "of another credential with the same secret", config: func(c *sigv4.Config) {
			c.Credentials[0].SessionToken = "token"
			c.Credentials = append(c.Credentials, sigv4.Credential{AccessKeyID: "AKIDOTHER", SecretAccessKey: testSigner.secret, SessionToken: "other"})
		}, signer: sent("other"), reason: "session_token"},
	})
}
