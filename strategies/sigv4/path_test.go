package sigv4_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// The path has one canonical form for each configuration:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request.
func TestPath(t *testing.T) {
	for _, test := range []struct {
		target string
		config func(*sigv4.Config)
		want   string // "" for none
		query  string
	}{
		{"/", nil, "/", ""},
		{"/redox/events", nil, "/redox/events", ""},
		{"/redox/events/", nil, "/redox/events/", ""},
		{"/a%20b", nil, "/a%2520b", ""},
		{"/a%2Fb", nil, "/a%252Fb", ""},
		{"/a%2fb", nil, "/a%252fb", ""},
		{"/a+b/c:d@e,(f)*!'", nil, "/a%2Bb/c%3Ad%40e%2C%28f%29%2A%21%27", ""},
		{"/-._~", nil, "/-._~", ""},
		{"/\u1234", nil, "/%E1%88%B4", ""},
		{"//a//b//", nil, "/a/b/", ""},
		{"/./a/./b/.", nil, "/a/b", ""},
		{"/a/../b", nil, "/b", ""},
		{"/a/b/..", nil, "/a", ""},
		{"/a/b/../", nil, "/a/", ""},
		{"/../../a", nil, "/a", ""},
		{"/..", nil, "/", ""},
		{"/a/%2E%2E/b", nil, "/a/%252E%252E/b", ""},
		{"//", keepPath, "//", ""},
		{"/a/../b//c/.", keepPath, "/a/../b//c/.", ""},
		{"/a%20b/../c", keepPath, "/a%2520b/../c", ""},
		{"/a%20b/../c%7cd", encodeOnce, "/c%7cd", ""},
		{"/a%20b//c:d@e,(f)*!'+$", plain, "/a%20b//c:d@e,(f)*!'+$", ""},
		{"/\u1234", plain, "/%E1%88%B4", ""},
		{"http://api.example.test/a?x", nil, "/a", "x="},
		{"http://api.example.test", nil, "/", ""},
		{"http://api.example.test?x=/", nil, "/", "x=%2F"},
		{"*", nil, "", ""},
		{"api.example.test:443", nil, "", ""},
		{"a", nil, "", ""},
		{"http://user:pw@api.example.test/a", nil, "", ""},
		{"/%", nil, "", ""},
		{"/%2", nil, "", ""},
		{"/%2g", plain, "", ""},
		{"/a b", nil, "", ""},
		{"/a\nb", nil, "", ""},
		{"/a\x7f", nil, "", ""},
		{"/" + strings.Repeat("a", 8<<10), nil, "", ""},
	} {
		v := scenario{config: test.config}.verifier(t)
		r := signFixed(test.target, test.want, test.query)
		_, err := v.Verify(r)
		switch {
		case test.want != "" && err != nil:
			t.Errorf("%s: %v\n%s", test.target, err, v.Explain(r))
		case test.want == "" && (reasonOf(err) != "path" || !errors.Is(err, redoxauth.ErrMalformed)):
			t.Errorf("%q: error %v, want path", test.target, err)
		}
	}
}

// A handler that cleans the decoded path must not be led to another resource than the
// one that was signed: "/secret%2Fx/../b" has the canonical path of "/b", and is
// "/secret/b" once decoded (CVE-2021-29492 in Envoy is of this kind).
func TestDotSegmentsBesideEscapesAreRefused(t *testing.T) {
	for _, test := range []struct {
		target, canonical string
		config            func(*sigv4.Config)
		refused           bool
	}{
		{"/secret%2Fx/../b", "/b", nil, true},
		{"/secret%2fx/../b", "/b", nil, true},
		{"/secret%2Fx/../b", "/b", encodeOnce, true},
		{"/secret%5Cx/../b", "/b", nil, true}, // a separator on Windows
		{`/secret\x/../b`, "/b", nil, true},
		{"/./secret%2Fb", "/secret%252Fb", nil, true},
		{"/secret%2Fb/..", "/", nil, true},
		{"/x/%2e%2e/../b", "/x/b", nil, true},
		{"/x/.%2E/../b", "/x/b", nil, true},
		{"/x/%2e/../b", "/x/b", nil, true},
		{"/secret%2Fx/%2e./b", "/secret%252Fx/%252e./b", nil, true},
		{"/a%20b/../c", "/c", nil, false},
		{"/a%2Fb//c", "/a%252Fb/c", nil, false},
		{"/..a%2F..b/.c", "/..a%252F..b/.c", nil, false},
		{"/x/%2e%2e/b", "/x/%252e%252e/b", nil, false},
		{"/secret%2Fx/../b", "/secret%252Fx/../b", keepPath, false},
	} {
		v := scenario{config: test.config}.verifier(t)
		_, err := v.Verify(signFixed(test.target, test.canonical, ""))
		if refused := errors.Is(err, redoxauth.ErrMalformed) && reasonOf(err) == "path"; refused != test.refused || !refused && err != nil {
			t.Errorf("%s: %v", test.target, err)
		}
	}
}

// A proxy that strips a prefix; a path must not climb out of it.
func TestPathPrefix(t *testing.T) {
	config := func(c *sigv4.Config) { c.PathPrefix = "/api/v%201" }
	prefixed := func(s *signer) { s.prefix = "/api/v%201" }
	for _, s := range []scenario{
		{name: "stripped", target: "/redox/events", config: config, signer: prefixed},
		{name: "root", target: "/", config: config, signer: prefixed},
		{name: "kept", target: "/redox/events", config: func(c *sigv4.Config) { config(c); keepPath(c) }, signer: func(s *signer) { prefixed(s); s.keepPath = true }},
		{name: "not stripped", target: "/api/v%201/redox", config: config, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "signed without", target: "/redox", config: config, want: redoxauth.ErrRejected, reason: "signature"},
		{name: "dots", target: "/../v2/redox", config: config, signer: prefixed, want: redoxauth.ErrMalformed, reason: "path"},
		{name: "escaped dots", target: "/%2e%2E/v2", config: config, signer: prefixed, want: redoxauth.ErrMalformed, reason: "path"},
		{name: "half escaped dots", target: "/x/.%2e/v2", config: config, signer: prefixed, want: redoxauth.ErrMalformed, reason: "path"},
		{name: "one dot", target: "/./v2", config: config, signer: prefixed, want: redoxauth.ErrMalformed, reason: "path"},
		{name: "dots in a name", target: "/..a/.b", config: config, signer: prefixed},
	} {
		t.Run(s.name, s.run)
	}
}
