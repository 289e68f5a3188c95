package sigv4_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

const hashOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func notLoaded(c *sigv4.Config) {
	c.Credentials = nil
	c.CredentialsFunc = func(context.Context) ([]sigv4.Credential, error) { panic("called") }
}

// A hint that is wrong sends the operator the wrong way, so there are these and no others.
func TestExplainGivesNoOtherHint(t *testing.T) {
	const (
		isClock    = "a clock is wrong, or a signed request was sent again late"
		isZone     = "the difference is that of a time zone, "
		isInPart   = "and Config.Credentials[0].AccessKeyID agree in part"
		isNone     = "the dashboard's accessKey is none of Config.Credentials[].AccessKeyID"
		isNoHash   = "let the sender write the SHA-256 of the body as 64 lower-case hexadecimal digits (not base64)"
		isDots     = "let the sender resolve the dot segments before it signs and sends the path"
		isPrefix   = "the proxy must not strip the prefix"
		isPath     = "escape a space in the path as %20"
		isTarget   = "compare the request target with the URL in the dashboard"
		isUnusual  = "a proxy or a client sent an unusual request target"
		isRegion   = "if the dashboard's awsRegion"
		isService  = "if the dashboard's serviceName"
		isQuery    = "let the sender sign with the Authorization header"
		isSemi     = "escape a semicolon in the query as %3B"
		hasHolds   = "the signature holds for the region and the service that it names"
		isDropped  = `"x-redox-id" is signed and did not arrive: a proxy dropped it`
		isPair     = "the signature holds with the secret of another credential of this access key ID, whose session token is another"
		wrongID    = "the signature is made with a secret of Config.Credentials[0]: only the access key ID differs"
		wrongKey   = `http.Header has the key "authorization", want "Authorization"`
		notByFuncs = "the credentials are not loaded: Config.CredentialsFunc is called by Verify, and not by Explain"
	)
	late := func(by time.Duration) func(*signer) {
		return func(s *signer) { s.date = testDate.Add(-by) }
	}
	prefixed := func(c *sigv4.Config) { c.PathPrefix = "/api" }
	id := func(id string) func(*signer) { return func(s *signer) { s.key = id } }
	scope := func(region, service string) func(*signer) {
		return func(s *signer) { s.region, s.service = region, service }
	}
	const hour, minute = time.Hour, time.Minute
	for _, test := range []struct {
		scenario
		want []string // what each hint holds
	}{
		{scenario{name: "accepted"}, nil},
		{scenario{name: "accepted with the last of many secrets", config: func(c *sigv4.Config) {
			last := c.Credentials[0]
			c.Credentials = nil
			for i := range 8 {
				c.Credentials = append(c.Credentials, sigv4.Credential{AccessKeyID: last.AccessKeyID, SecretAccessKey: fmt.Sprintf("another-secret-%d", i)})
			}
			c.Credentials = append(c.Credentials, last)
		}}, nil},
		{scenario{name: "missing", after: del("Authorization")}, nil},
		{scenario{name: "another scheme", after: set("Authorization", "Basic abc")}, nil},
		{scenario{name: "key of the map", after: func(r *http.Request) {
			r.Header["authorization"] = r.Header["Authorization"]
			delete(r.Header, "Authorization")
		}}, []string{wrongKey}},
		{scenario{name: "malformed", after: edit("Signature=", "Sig=")}, nil},

		{scenario{name: "key ID, 3 characters in common", signer: id("KID")}, []string{isNone}},
		{scenario{name: "key ID, 4 characters in common", signer: id("AKID")}, []string{isInPart}},
		{scenario{name: "key ID, more characters", signer: id("AKIDEXAMPLE2")}, []string{isInPart}},
		{scenario{name: "key ID and signature", signer: declared(func(s *signer) { s.key, s.secret = "OTHER", "wrong"; s.signed = []string{"host", "x-amz-date"} })}, []string{isNone}},
		{scenario{name: "key ID alone", signer: declared(func(s *signer) { s.key = "OTHER"; s.signed = []string{"host", "x-amz-date"} })}, []string{wrongID, isNone}},

		{scenario{name: "region", signer: scope("eu-west-1", "execute-api")}, []string{isRegion}},
		{scenario{name: "region is that of the service", signer: scope("execute-api", "execute-api")}, []string{isRegion}},
		{scenario{name: "region is that of the service, service", signer: scope("execute-api", "redox")}, []string{isRegion, isService}},
		{scenario{name: "service is that of the region, region", signer: scope("eu-west-1", "us-east-1")}, []string{isRegion, isService}},
		{scenario{name: "service is that of the region", signer: scope("us-east-1", "us-east-1")}, []string{isService}},
		{scenario{name: "service", signer: scope("us-east-1", "redox")}, []string{isService}},
		{scenario{name: "region, no body", before: func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 }, signer: scope("eu-west-1", "execute-api"),
			after: func(r *http.Request) { r.Body = http.NoBody }}, []string{isRegion, hasHolds}},
		{scenario{name: "region, nil body", before: func(r *http.Request) { r.Body, r.ContentLength = nil, 0 }, signer: scope("eu-west-1", "execute-api")}, []string{isRegion, hasHolds}},
		{scenario{name: "region and secret", signer: func(s *signer) { s.region, s.secret, s.payload = "eu-west-1", "wrong", "hash" }}, []string{isRegion}},
		{scenario{name: "region, and an empty body is signed", signer: func(s *signer) {
			s.region = "eu-west-1"
			asSigned(testBodyHash, hashOfNothing)(s)
		}}, []string{isRegion}},
		{scenario{name: "region, and content-length did not arrive", before: set("Content-Length", "59"), signer: func(s *signer) {
			s.region, s.payload, s.signed = "eu-west-1", "hash", []string{"content-length", "host", "x-amz-content-sha256", "x-amz-date"}
		}, after: del("Content-Length")}, []string{isRegion, hasHolds}},

		{scenario{name: "14 min", signer: late(14 * minute)}, []string{isClock}},
		{scenario{name: "15 min", signer: late(15 * minute)}, []string{isClock}},
		{scenario{name: "30 min", signer: late(30 * minute)}, []string{isZone + "30m0s"}},
		{scenario{name: "40 min", signer: late(40 * minute)}, []string{isClock}},
		{scenario{name: "5 h 45 min", signer: late(5*hour + 45*minute)}, []string{isZone + "5h45m0s"}},
		{scenario{name: "nearly 5 h 2 min", signer: late(5*hour + 2*minute - time.Second)}, []string{isZone + "5h0m0s"}},
		{scenario{name: "5 h 2 min", signer: late(5*hour + 2*minute)}, []string{isClock}},
		{scenario{name: "14 h", signer: late(-14 * hour)}, []string{isZone + "14h0m0s"}},
		{scenario{name: "15 h", signer: late(-15 * hour)}, []string{isClock}},

		{scenario{name: "hash in upper case", signer: payload(strings.ToUpper(testBodyHash))}, []string{"let the sender write the hash in lower case"}},
		{scenario{name: "short hash", signer: payload("abcdef")}, []string{isNoHash}},
		{scenario{name: "a digit more", signer: payload(testBodyHash + "0")}, []string{isNoHash}},
		{scenario{name: "64 other characters", signer: payload(strings.Repeat("x", 64))}, []string{isNoHash}},

		{scenario{name: "opaque", after: func(r *http.Request) { r.URL = &url.URL{Scheme: "x", Opaque: "api.example.test/redox"} }}, []string{isUnusual}},
		{scenario{name: "CONNECT", after: func(r *http.Request) { r.Method = http.MethodConnect }}, []string{isUnusual}},
		{scenario{name: "no path", after: received("redox")}, []string{isTarget}},
		{scenario{name: "no path and no URL", after: func(r *http.Request) { r.RequestURI, r.URL = "redox", nil }}, []string{isTarget}},
		{scenario{name: "escape", after: received("/a%zz")}, []string{isPath}},
		{scenario{name: "escape and a prefix", config: prefixed, after: received("/a%zz")}, []string{isPath}},
		{scenario{name: "dot segments", after: received("/a/../b")}, []string{isDots}},
		{scenario{name: "escaped dot segments", after: received("/a/%2e%2E/b")}, []string{isDots}},
		{scenario{name: "escaped dot segments and a prefix", config: prefixed, after: received("/a/%2e%2e/b")}, []string{isPrefix}},
		{scenario{name: "semicolon, and what precedes it is signed", target: "/?a=1", signer: payload("hash"), after: received("/?a=1&;b")}, []string{"it verifies without the query parameter \";b\"", isSemi}},
		{scenario{name: "semicolon at the start", target: "/", signer: payload("hash"), after: received("/?;a")}, []string{"it verifies without the query", isSemi}},

		{scenario{name: "a second signature in the query", after: received("/redox/events?X-Amz-Signature=1")}, []string{isQuery}},
		{scenario{name: "header dropped, hash declared", before: set("X-Redox-Id", "1"), signer: declared(with("x-redox-id")), after: del("X-Redox-Id")}, []string{isDropped}},
		{scenario{name: "secret and token of different pairs", config: func(c *sigv4.Config) {
			c.Credentials[0].SessionToken = "session-token-of-the-test"
			c.Credentials = append(c.Credentials, sigv4.Credential{AccessKeyID: testSigner.key, SecretAccessKey: "another-secret", SessionToken: "other-token"})
		}, signer: func(s *signer) { s.secret, s.token = "another-secret", "session-token-of-the-test" }}, []string{isPair}},
		{scenario{name: "content-length is not that of the body", before: set("Content-Length", "59"), signer: with("content-length"), after: set("Content-Length", "58")},
			[]string{`it verifies with content-length "59", and "58" arrived`}},
		{scenario{name: "key for region and service exchanged, which look alike", config: func(c *sigv4.Config) { c.Region, c.Service = "aa", "a" },
			signer: func(s *signer) { s.region, s.service, s.keyScope = "aa", "a", "20260102/a/aa/aws4_request" }}, []string{"derived for region and service exchanged"}},
		{scenario{name: "not loaded", config: notLoaded}, []string{notByFuncs}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.verifier(t).Explain(test.request())
			hints := hintsOf(got)
			same := len(hints) == len(test.want)
			for i := 0; same && i < len(hints); i++ {
				same = strings.Contains(hints[i], test.want[i])
			}
			if !same {
				t.Errorf("want the hints %q, got:\n%s", test.want, got)
			}
		})
	}
}

// If nothing that is tried verifies, the hints that are left are those for this request.
func TestExplainOfAnUnknownCause(t *testing.T) {
	const (
		lastLine = "if only its last line differs, something on the way changed the body"
		internal = "Host looks internal: a proxy seems to have replaced it"
		other    = "if that URL has another host or port than"
		replaced = `if a proxy is in front, it has replaced Host, and "localhost:8080" arrived; list`
		names    = `X-Forwarded-Host names "c.test"`
		proxied  = "user-agent is signed, and proxies and CDNs rewrite it"
	)
	wrong := func(hosts ...string) scenario {
		return scenario{config: func(c *sigv4.Config) { c.Hosts = hosts }, signer: wrongSecret}
	}
	at := func(s scenario, name string, headers ...string) scenario {
		s.name, s.before = name+" "+strings.Join(headers, " "), host(name, headers...)
		return s
	}
	for _, test := range []struct {
		scenario
		want []string // of the constants; no other
	}{
		{at(wrong(), "api.example.test"), []string{lastLine, other}},
		{at(scenario{signer: func(s *signer) { s.secret, s.payload = "wrong", "hash" }}, "api.example.test"), []string{other}},
		{at(scenario{signer: func(s *signer) { with("user-agent")(s); wrongSecret(s) }}, "api.example.test", "User-Agent", "x"), []string{lastLine, other, proxied}},
		{at(wrong("a.test"), "up", "X-Forwarded-Host", "c.test"), []string{lastLine, names}},
		{at(wrong("a.test"), "a.test", "X-Forwarded-Host", "c.test"), []string{lastLine, names}},
		{at(wrong("a.test"), "up"), []string{lastLine, internal}},
		{at(wrong("a.test"), "a.test"), []string{lastLine}},
		{at(wrong(), "localhost:8080"), []string{lastLine, replaced}},
		{at(wrong(), "localhost", "Via", "1.1 x"), []string{lastLine, internal}},
		{at(wrong(), "10.1.2.3:80"), []string{lastLine, internal}},
		{at(wrong(), "169.254.1.2"), []string{lastLine, internal}},
		{at(wrong(), "[fd00::1]:80"), []string{lastLine, internal}},
		{at(wrong(), "127.0.0.1", "Via", "1.1 x"), []string{lastLine, internal}},
		{at(wrong(), "a.local"), []string{lastLine, internal}},
		{at(wrong(), "a.internal:80"), []string{lastLine, internal}},
		{at(wrong(), "a.localhost", "Via", "1.1 x"), []string{lastLine, internal}},
		{at(wrong(), "192.0.2.1"), []string{lastLine, other}},
		{at(wrong(), "[2001:db8::1]"), []string{lastLine, other}},
		{at(wrong(), "local.test"), []string{lastLine, other}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.verifier(t).Explain(test.request())
			hints := strings.Join(hintsOf(got), "\n")
			for _, hint := range []string{lastLine, internal, other, replaced, names, proxied} {
				wanted := false
				for _, want := range test.want {
					wanted = wanted || want == hint
				}
				if strings.Contains(hints, hint) != wanted {
					t.Errorf("the hint %q: want %t:\n%s", hint, wanted, got)
				}
			}
			if strings.Contains(hints, "content-type is signed, and proxies") {
				t.Errorf("content-type is blamed:\n%s", got)
			}
			for _, hint := range []string{`(?m)^[1-9][0-9]+ variants were tried( before the limit of hashes was reached)?, and none verifies`, `compare the canonical request above`, "the secret keys differ"} {
				if !regexp.MustCompile(hint).MatchString(hints) {
					t.Errorf("no hint %q:\n%s", hint, got)
				}
			}
		})
	}
}

// A peer that knows an access key ID can make a request with very many variants. What the search
// costs is bounded, and the text says that it was.
func TestExplainSaysThatTheSearchWasCutShort(t *testing.T) {
	s := scenario{target: "/a%2Fb//c/d/e/?b=a:b&a=%2B+x&c&d=%2525", before: host("api.example.test",
		"X-Forwarded-Host", "a.test,b.test,c.test,d.test,e.test", "X-Forwarded-Port", "9443", "X-Forwarded-Prefix", "/api", "X-Original-Uri", "/v1/x?y=1",
		"User-Agent", "x", "Accept", "x", "Accept-Encoding", "x", "X-A", "a, b;c"),
		signer: func(s *signer) {
			wrongSecret(s)
			s.signed = []string{"accept", "accept-encoding", "content-type", "host", "user-agent", "x-a", "x-amz-date"}
		}}
	got := s.verifier(t).Explain(s.request())
	m := regexp.MustCompile(`(?m)^- (\d+) variants were tried before the limit of hashes was reached, and none verifies`).FindStringSubmatch(got)
	if m == nil {
		t.Fatalf("not cut short:\n%s", got)
	}
	// A variant costs at least 3 hashes, and there are 900.
	if len(m[1]) > 3 || m[1] > "300" || m[1] < "200" {
		t.Errorf("%s variants were tried:\n%s", m[1], got)
	}
	// Of this one, all variants are tried.
	s = scenario{target: "/", before: func(r *http.Request) { r.Body, r.ContentLength = nil, 0 }, signer: func(s *signer) { wrongSecret(s); s.signed = []string{"host", "x-amz-date"} }}
	if got := s.verifier(t).Explain(s.request()); !regexp.MustCompile(`(?m)^- \d+ variants were tried, and none verifies`).MatchString(got) {
		t.Errorf("cut short:\n%s", got)
	}
}

// The list may expire, or be replaced, while Explain runs.
func TestExplainWhileTheListExpires(t *testing.T) {
	for name, change := range map[string]func(*signer){
		"session token":  func(s *signer) { s.token = "other-token" },
		"unknown key ID": nobody,
		"signature":      wrongSecret,
		"region":         func(s *signer) { s.region = "eu-west-1" },
		"accepted":       func(*signer) {},
	} {
		t.Run(name, func(t *testing.T) {
			for last := range 8 { // readings of the clock before the list expires
				expires, read := false, 0
				test := scenario{config: func(c *sigv4.Config) {
					list := c.Credentials
					c.Credentials = nil
					c.CredentialsFunc = func(context.Context) ([]sigv4.Credential, error) { return list, nil }
					c.Now = func() time.Time {
						if read++; expires && read > last {
							return testDate.AddDate(0, 0, 30)
						}
						return testDate
					}
				}, signer: change}
				v := test.verifier(t)
				v.Verify(test.request())
				expires, read = true, 0
				if got := v.Explain(test.request()); !strings.HasPrefix(got, "sigv4") {
					t.Errorf("got:\n%s", got)
				}
			}
		})
	}
}
