package sigv4_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// awsSign signs as AWS's own signer does.
func awsSign(change func(*redoxtest.SigV4)) func(*http.Request) {
	return func(r *http.Request) {
		s := redoxtest.SigV4{AccessKey: testSigner.key, SecretKey: testSigner.secret, AWSRegion: testSigner.region,
			ServiceName: testSigner.service, Now: func() time.Time { return testDate }}
		if change != nil {
			change(&s)
		}
		if err := s.Sign(r); err != nil {
			panic(err)
		}
	}
}

// both does one after the other.
func both(changes ...func(*http.Request)) func(*http.Request) {
	return func(r *http.Request) {
		for _, change := range changes {
			change(r)
		}
	}
}

// asSigned changes the canonical request that the sender signs.
func asSigned(from, to string) func(*signer) {
	return func(s *signer) {
		s.edit = func(canonical string) string {
			if !strings.Contains(canonical, from) {
				panic("asSigned: no " + from + " in " + canonical)
			}
			return strings.Replace(canonical, from, to, 1)
		}
	}
}

// routed gives both r.RequestURI and r.URL the path that a proxy left.
func routed(path string) func(*http.Request) {
	return func(r *http.Request) { r.RequestURI, r.URL.Path = path, path }
}

func host(host string, headers ...string) func(*http.Request) {
	return func(r *http.Request) {
		r.Host = host
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
}

func with(name string) func(*signer) { return signed(sorted([]string{"host", "x-amz-date", name})...) }

// declared declares the hash of the body too, so that Verify checks the signature without it.
func declared(change func(*signer)) func(*signer) {
	return func(s *signer) {
		change(s)
		s.payload, s.signed = "hash", sorted(append(s.signed, "x-amz-content-sha256"))
	}
}

// causes are requests that are refused, each with a hint that is for its cause alone.
var causes = []struct {
	scenario
	want string // one of the hints holds it; a line break is the end of a hint
}{
	// What proxies change.
	{scenario{name: "forwarded host", after: both(awsSign(nil), host("127.0.0.1:8080", "X-Forwarded-Host", "api.example.test"))},
		`it verifies with Host "api.example.test", and Host "127.0.0.1:8080" arrived: a proxy replaced it: add "api.example.test" to Config.Hosts`},
	{scenario{name: "forwarded host and port", before: host("api.example.test:9443"), after: both(awsSign(nil), host("up1", "X-Forwarded-Host", "api.example.test", "X-Forwarded-Port", "9443"))},
		`it verifies with Host "api.example.test:9443", and Host "up1" arrived`},
	{scenario{name: "Forwarded", after: both(awsSign(nil), host("up2", "Forwarded", `for=192.0.2.1;proto=https;host="api.example.test"`))},
		`it verifies with Host "api.example.test", and Host "up2" arrived`},
	{scenario{name: "X-Original-Host", after: both(awsSign(nil), host("up3", "X-Original-Host", "api.example.test"))},
		`and Host "up3" arrived`},
	{scenario{name: "port lost", before: host("api.example.test:8443"), after: both(awsSign(nil), host("api.example.test"))},
		`only its port or spelling differs: add "api.example.test:8443" to Config.Hosts`},
	{scenario{name: "spelling of the host, port added", after: both(awsSign(nil), host("api.example.test:8080"))},
		`only its port or spelling differs: add "api.example.test" to Config.Hosts`},
	{scenario{name: "another listed host", config: func(c *sigv4.Config) { c.Hosts = []string{"prod", "api.example.test"} }, after: both(awsSign(nil), host("prod:443"))},
		`it verifies with Host "api.example.test", and Host "prod:443" arrived: the received Host is another one of Config.Hosts: something on the way sent it to the wrong host`},
	{scenario{name: "the upstream is listed", config: func(c *sigv4.Config) { c.Hosts = []string{"upstream"} }, after: both(awsSign(nil), host("upstream", "X-Forwarded-Host", "api.example.test"))},
		`it verifies with Host "api.example.test", and Host "upstream" arrived: the received Host is in Config.Hosts, so no other is tried; Hosts are the names that senders sign: list "api.example.test" there in its place`},
	{scenario{name: "forwarded prefix", target: "/api/v1/redox", after: both(awsSign(nil), received("/redox"), set("X-Forwarded-Prefix", "/api/v1/"))},
		`it verifies with the prefix "/api/v1", which X-Forwarded-Prefix names: a proxy stripped it, so set Config.PathPrefix to "/api/v1"` + "\n"},
	{scenario{name: "wrong secret, or another prefix", config: func(c *sigv4.Config) { c.PathPrefix = "/api/v2" }, target: "/api/v1/redox", after: both(awsSign(nil), received("/redox"))},
		`compare the path "/api/v2/redox" with that of the URL in the dashboard: if that begins with something else, correct Config.PathPrefix`},
	{scenario{name: "forwarded prefix and host", target: "/api/v2/redox", after: both(awsSign(nil), received("/redox"), set("X-Forwarded-Prefix", "/api/v2"), host("up4", "X-Forwarded-Host", "api.example.test"))},
		`set Config.PathPrefix to "/api/v2"`},
	{scenario{name: "query as botocore and Ruby sign it, behind a prefix", target: "/api/v6/redox?t=a:b", signer: asSigned("a%3Ab", "a:b"), after: both(received("/redox?t=a:b"), set("X-Forwarded-Prefix", "/api/v6"))},
		`set Config.PathPrefix to "/api/v6"`},
	{scenario{name: "host replaced, several listed", config: func(c *sigv4.Config) { c.Hosts = []string{"a.test", "b.test", "api.example.test"} }, target: "/api/v7/redox",
		after: both(awsSign(nil), received("/redox"), host("up9", "X-Forwarded-Host", "c.test"), set("X-Forwarded-Prefix", "/api/v7"))},
		`set Config.PathPrefix to "/api/v7"`},
	{scenario{name: "all of the path stripped", config: func(c *sigv4.Config) { c.PathPrefix = "/api/v%208" }, target: "/api/v%208", after: both(awsSign(nil), received("/"))},
		`it verifies with the path "/api/v%208": the URL in the dashboard ends with the prefix, and "/" arrived: add a "/" at the end of that URL`},
	{scenario{name: "forwarded prefix is all of the path", target: "/api/v9", after: both(awsSign(nil), received("/"), set("X-Forwarded-Prefix", "/api/v9"))},
		`so set Config.PathPrefix to "/api/v9"; the URL in the dashboard ends with the prefix, and "/" arrived: add a "/" at the end of that URL`},
	{scenario{name: "host replaced, and nothing tells the prefix", target: "/api/v4/redox", after: both(awsSign(nil), routed("/redox"), host("127.0.0.1:8081", "X-Forwarded-Host", "api.example.test"))},
		`X-Forwarded-Host names "api.example.test", and Host "127.0.0.1:8081" arrived: a proxy seems to have replaced it. If the URL in the dashboard has that host, list "api.example.test" in Config.Hosts`},
	{scenario{name: "host replaced, and nothing tells the prefix; Forwarded", target: "/api/v4/redox", after: both(awsSign(nil), routed("/redox"), host("up10", "Forwarded", `for=192.0.2.1;host="api.example.test", host=edge.test`))},
		`Forwarded names "api.example.test", and Host "up10" arrived`},
	{scenario{name: "original URI", target: "/api/v3/redox", after: both(awsSign(nil), received("/redox"), set("X-Original-Uri", "/api/v3/redox"))},
		`which X-Original-Uri names: a proxy stripped it, so set Config.PathPrefix to "/api/v3"`},
	{scenario{name: "rewritten path", target: "/v4/redox", after: both(awsSign(nil), received("/hook"), set("X-Original-Uri", "/v4/redox"))},
		`it verifies with the path "/v4/redox", which X-Original-Uri names`},
	{scenario{name: "a prefix that nothing strips", config: func(c *sigv4.Config) { c.PathPrefix = "/api" }, after: awsSign(nil)},
		`it verifies without Config.PathPrefix "/api": nothing was stripped from the path, so leave PathPrefix empty` + "\n"},
	{scenario{name: "slash removed", target: "/redox/", after: both(awsSign(nil), received("/redox"))}, `it verifies with the path "/redox/": with a slash at the end`},
	{scenario{name: "slash added", target: "/redox", after: both(awsSign(nil), received("/redox/"))}, `it verifies with the path "/redox": without the slash at the end`},
	{scenario{name: "slash removed, host replaced", target: "/redox5/", after: both(awsSign(nil), received("/redox5"), host("up5", "X-Forwarded-Host", "api.example.test"))},
		`it verifies with the path "/redox5/"`},
	{scenario{name: "host replaced, four listed, slash removed", config: func(c *sigv4.Config) { c.Hosts = []string{"a.test", "b.test", "c.test", "d.test"} },
		target: "/redox6/", after: both(awsSign(nil), received("/redox6"), host("up21", "X-Forwarded-Host", "api.example.test"))},
		`it verifies with Host "api.example.test", and Host "up21" arrived: a proxy replaced it`},
	{scenario{name: "forwarded host without its port", before: host("api.example.test:443"), after: both(awsSign(nil), host("up22", "X-Forwarded-Host", "api.example.test"))},
		`it verifies with Host "api.example.test:443", and Host "up22" arrived: a proxy replaced it`},
	{scenario{name: "path re-encoded, fewer escapes", target: "/a%3Ab", after: both(awsSign(nil), received("/a:b"))}, `it verifies with the path "/a%3Ab": something on the way decoded or re-encoded the path, and "/a:b" arrived`},
	{scenario{name: "slash decoded", target: "/a/b%2Fc", after: both(awsSign(nil), received("/a/b/c"))}, `it verifies with the path "/a/b%2Fc": something on the way decoded %2F, and "/a/b/c" arrived`},
	{scenario{name: "host replaced, and nothing tells it", after: both(awsSign(nil), host("backend"))}, `Host looks internal: a proxy seems to have replaced it, and "backend" arrived`},
	{scenario{name: "path encoded twice", target: "/a%2Cb", after: both(awsSign(nil), received("/a%252Cb"))}, `something on the way encoded it once more: it must forward the path`},
	{scenario{name: "query dropped on the way, original URI", target: "/redox?a=1", after: both(awsSign(nil), received("/redox"), set("X-Original-Uri", "/redox?a=1"))},
		`it verifies with the query that X-Original-Uri names`},
	{scenario{name: "parameter added", target: "/redox?a=1", after: both(awsSign(nil), received("/redox?a=1&utm=2"))}, `it verifies without the query parameter "utm"`},
	{scenario{name: "query not signed", target: "/redox?a=1", signer: asSigned("\na=1\n", "\n\n")}, `it verifies without the query: the sender does not sign it`},
	{scenario{name: "accept-encoding", before: set("Accept-Encoding", "br"), signer: with("accept-encoding"), after: set("Accept-Encoding", "gzip")},
		`it verifies with accept-encoding "br", and "gzip" arrived: accept-encoding is signed, and proxies and CDNs rewrite it`},
	{scenario{name: "user-agent", before: set("User-Agent", "axios"), signer: with("user-agent"), after: set("User-Agent", "proxy")}, `it verifies with user-agent "axios"`},
	{scenario{name: "charset added", after: both(awsSign(nil), set("Content-Type", "application/json; charset=utf-8"))},
		`it verifies with content-type "application/json", and "application/json; charset=utf-8" arrived`},
	{scenario{name: "charset removed", before: set("Content-Type", "application/json;charset=utf-8"), after: both(awsSign(nil), set("Content-Type", "application/json"))},
		`it verifies with content-type "application/json;charset=utf-8"`},
	{scenario{name: "content-type dropped", after: both(awsSign(func(s *redoxtest.SigV4) { s.DeclarePayloadHash = true }), del("Content-Type"))}, `it verifies with content-type "application/json", and nothing arrived`},
	{scenario{name: "connection", before: set("Connection", "close"), signer: with("connection"), after: del("Connection")},
		`"connection" is signed, but belongs to one hop and is not forwarded`},
	{scenario{name: "te", before: set("Te", "trailers"), signer: declared(with("te")), after: del("Te")}, `it verifies with te "trailers", and nothing arrived`},
	{scenario{name: "x-forwarded-for", before: set("X-Forwarded-For", "192.0.2.1"), signer: with("x-forwarded-for"), after: set("X-Forwarded-For", "192.0.2.1, 10.0.0.1")},
		`it verifies with x-forwarded-for "192.0.2.1"`},
	{scenario{name: "content-length 0", before: set("Content-Length", "0"), signer: with("content-length"), after: set("Content-Length", "58")}, `it verifies with content-length "0"`},
	{scenario{name: "underscore", before: set("X_Redox_Id", "1"), signer: with("x_redox_id"), after: del("X_redox_id")}, `"x_redox_id" is signed and did not arrive: nginx`},
	{scenario{name: "header dropped", before: set("X-Redox-Id", "1"), signer: with("x-redox-id"), after: del("X-Redox-Id")}, `"x-redox-id" is signed and did not arrive: a proxy dropped it`},
	{scenario{name: "listed and not sent", signer: func(s *signer) {
		declared(with("x-nothing"))(s)
		s.edit = func(string) string {
			return "POST\n/redox/events\n\nhost:api.example.test\nx-amz-content-sha256:" + testBodyHash +
				"\nx-amz-date:20260102T030405Z\nx-nothing:\n\nhost;x-amz-content-sha256;x-amz-date;x-nothing\n" + testBodyHash
		}
	}}, `it verifies with an empty x-nothing, which did not arrive`},
	{scenario{name: "line added", before: set("X-Redox-Id", "1"), signer: with("x-redox-id"), after: add("X-Redox-Id", "2")}, `it verifies with line 1 of the 2 lines of x-redox-id alone`},
	{scenario{name: "method", before: func(r *http.Request) { r.Method = "PUT" }, after: func(r *http.Request) { r.Method = "POST" }}, `it verifies with the method "PUT"`},
	{scenario{name: "method in lower case", before: func(r *http.Request) { r.Method = "post" }, after: func(r *http.Request) { r.Method = "POST" }},
		`it verifies with the method "post", and "POST" arrived: something on the way changed it`},
	{scenario{name: "method in upper case", before: func(r *http.Request) { r.Method = "PURGE" }, after: func(r *http.Request) { r.Method = "purge" }},
		`it verifies with the method "PURGE", and "purge" arrived`},
	{scenario{name: "body not signed, user-agent changed", before: set("User-Agent", "axios"), signer: func(s *signer) {
		with("user-agent")(s)
		asSigned(testBodyHash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")(s)
	}, after: set("User-Agent", "proxy")}, `it verifies with user-agent "axios"`},
	{scenario{name: "line break cut from the body", signer: asSigned(testBodyHash, fmt.Sprintf("%x", sha256.Sum256([]byte(testBody+"\n"))))}, `it verifies with "\n" at the end of the body`},
	{scenario{name: "port of https added", before: host("[2001:db8::1]:443"), after: both(awsSign(nil), host("[2001:db8::1]"))},
		`only its port or spelling differs: add "[2001:db8::1]:443" to Config.Hosts`},
	{scenario{name: "port added after a dot", before: host("api.example.test."), after: both(awsSign(nil), host("api.example.test.:8080"))},
		`only its port or spelling differs: add "api.example.test." to Config.Hosts`},
	{scenario{name: "spelling of the host, upper case", after: both(awsSign(nil), host("API.example.test"))}, `it verifies with Host "api.example.test", and Host "API.example.test" arrived`},
	{scenario{name: "spelling of the host, dot at its end", after: both(awsSign(nil), host("api.example.test."))}, `it verifies with Host "api.example.test", and Host "api.example.test." arrived`},
	{scenario{name: "forwarded port and prefix", before: host("api.example.test:9444"), target: "/api/v10/redox",
		after: both(awsSign(nil), received("/redox"), host("up11", "X-Forwarded-Host", "api.example.test", "X-Forwarded-Port", "9444", "X-Forwarded-Prefix", "/api/v10"))},
		`it verifies with Host "api.example.test:9444", and Host "up11" arrived`},
	{scenario{name: "Forwarded by several", after: both(awsSign(nil), host("up12", "Forwarded", `for=192.0.2.1;host=edge.test, host=api.example.test, for=10.0.0.1`))},
		`it verifies with Host "api.example.test", and Host "up12" arrived`},
	{scenario{name: "host of r.URL", after: both(awsSign(nil), host("up13"), func(r *http.Request) { r.URL.Host = "api.example.test" })}, `it verifies with Host "api.example.test", and Host "up13" arrived`},
	{scenario{name: "host of TLS", after: both(awsSign(nil), host("up14"), func(r *http.Request) { r.TLS = &tls.ConnectionState{ServerName: "api.example.test"} })}, `it verifies with Host "api.example.test", and Host "up14" arrived`},
	{scenario{name: "another host is listed", config: func(c *sigv4.Config) { c.Hosts = []string{"other.test"} }, after: both(awsSign(nil), host("up15", "X-Forwarded-Host", "api.example.test"))},
		`and Host "up15" arrived: a proxy replaced it: add "api.example.test" to Config.Hosts`},
	{scenario{name: "host is listed without its port", config: func(c *sigv4.Config) { c.Hosts = []string{"api.example.test"} }, before: host("api.example.test:8080"), after: both(awsSign(nil), host("api.example.test"))},
		`only its port or spelling differs: add "api.example.test:8080" to Config.Hosts`},
	{scenario{name: "content-length in chunks, host replaced", signer: with("content-length"), after: both(func(r *http.Request) { r.ContentLength = -1 }, host("up16", "X-Forwarded-Host", "api.example.test"))},
		`it verifies with Host "api.example.test", and Host "up16" arrived`},
	{scenario{name: "forwarded prefix, slash removed", target: "/api/v11/redox/", after: both(awsSign(nil), received("/redox"), set("X-Forwarded-Prefix", "/api/v11"))},
		`so set Config.PathPrefix to "/api/v11", and let nothing on the way add or remove the slash at the end: the signed path is "/api/v11/redox/"` + "\n"},
	{scenario{name: "forwarded prefix, slash added", target: "/api/v15/redox", after: both(awsSign(nil), received("/redox/"), set("X-Forwarded-Prefix", "/api/v15"))},
		`and let nothing on the way add or remove the slash at the end: the signed path is "/api/v15/redox"` + "\n"},
	{scenario{name: "slash removed, configured prefix", config: func(c *sigv4.Config) { c.PathPrefix = "/api/v12" }, target: "/api/v12/redox/", after: both(awsSign(nil), received("/redox"), set("X-Forwarded-Prefix", "/api/v12"))},
		`it verifies with the path "/redox/": with a slash at the end`},
	{scenario{name: "original URL", target: "/api/v13/redox", after: both(awsSign(nil), received("/redox"), set("X-Original-Url", "https://api.example.test/api/v13/redox"))},
		`which X-Original-Url names: a proxy stripped it, so set Config.PathPrefix to "/api/v13"`},
	{scenario{name: "rewritten path, another slash", target: "/v14/redox", after: both(awsSign(nil), received("/hook"), set("X-Original-Uri", "//v14/redox"))},
		`it verifies with the path "//v14/redox", which X-Original-Uri names`},
	{scenario{name: "slash removed at the start", config: keepPath, before: received("//redox"), signer: keepsPath, after: received("/redox")},
		`it verifies with the path "//redox": with another slash at the start`},
	{scenario{name: "slash added at the start", config: keepPath, before: received("/a//b"), signer: keepsPath, after: received("//a//b")}, `something on the way added "/" in front`},
	{scenario{name: "slash added in the path", config: keepPath, before: received("/a/b"), signer: keepsPath, after: received("/a///b")},
		`it verifies with the path "/a/b": without the empty segments that arrived`},
	{scenario{name: "path re-encoded, more escapes", target: "/a%20b,c", after: both(awsSign(nil), received("/a%20b%2Cc"))}, `it verifies with the path "/a%20b,c": something on the way decoded or re-encoded`},
	{scenario{name: "path re-encoded, escapes in lower case", target: "/xAB%2Fc", after: both(awsSign(nil), received("/xAB%2fc"))}, `it verifies with the path "/xAB%2Fc": something on the way decoded or re-encoded`},
	{scenario{name: "path re-encoded, escapes in upper case", target: "/xAB%2fd", after: both(awsSign(nil), received("/xAB%2Fd"))}, `it verifies with the path "/xAB%2fd": something on the way decoded or re-encoded`},
	{scenario{name: "slash far behind decoded", target: "/files/incoming/b%2Fc", after: both(awsSign(nil), received("/files/incoming/b/c"))},
		`it verifies with the path "/files/incoming/b%2Fc": something on the way decoded %2F`},
	{scenario{name: "path in another case", target: "/redox", after: both(awsSign(nil), received("/Redox"))}, `it verifies with the path "/redox": in lower case`},
	{scenario{name: "r.RequestURI is rewritten", target: "/hook", after: both(awsSign(nil), received("/else"))}, `it verifies with the path "/hook": that of r.URL`},
	{scenario{name: "plus becomes %2B", target: "/redox?t=a%20b", after: both(awsSign(nil), received("/redox?t=a%2Bb"))}, `it verifies with %20 where %2B arrived`},
	{scenario{name: "query encoded twice", target: "/redox?t=%24", after: both(awsSign(nil), received("/redox?t=%2524"))}, `it verifies with the query decoded once`},
	{scenario{name: "charset removed, another type", before: set("Content-Type", "application/xml; charset=utf-8"), after: both(awsSign(nil), set("Content-Type", "application/xml"))},
		`it verifies with content-type "application/xml; charset=utf-8"`},
	{scenario{name: "charset added, another type", before: set("Content-Type", "application/xml"), after: both(awsSign(nil), set("Content-Type", "application/xml; charset=utf-8"))},
		`it verifies with content-type "application/xml", and "application/xml; charset=utf-8" arrived: something on the way changed it`},
	{scenario{name: "connection changed", before: set("Connection", "close"), signer: with("connection"), after: set("Connection", "upgrade")},
		`it verifies with connection "close", and "upgrade" arrived: connection is signed, but belongs to one hop and is not forwarded`},
	{scenario{name: "x-forwarded-for in IPv6", before: set("X-Forwarded-For", "192.0.2.2"), signer: with("x-forwarded-for"), after: set("X-Forwarded-For", "::ffff:192.0.2.2")},
		`it verifies with x-forwarded-for "192.0.2.2"`},
	{scenario{name: "content-length changed", before: set("Content-Length", "59"), signer: with("content-length"), after: set("Content-Length", "58")}, `it verifies with content-length "59", and "58" arrived`},
	{scenario{name: "spaces after commas removed", before: set("X-Redox-Id", "a, b"), signer: with("x-redox-id"), after: set("X-Redox-Id", "a,b")}, `it verifies with a space after each comma of x-redox-id: something on the way changed it`},
	{scenario{name: "spaces after commas added", before: set("X-Redox-Id", "a,b"), signer: with("x-redox-id"), after: set("X-Redox-Id", "a, b")}, `it verifies without the spaces after the commas of x-redox-id: something on the way changed it`},
	{scenario{name: "header in another case", before: set("X-Redox-Id", "abc"), signer: with("x-redox-id"), after: set("X-Redox-Id", "Abc")}, `it verifies with x-redox-id in lower case: something on the way changed it`},
	{scenario{name: "empty header filled", before: set("X-Redox-Id", ""), signer: with("x-redox-id"), after: set("X-Redox-Id", "1")}, `it verifies with an empty x-redox-id: something on the way added its value`},
	{scenario{name: "semicolon, parameter added", target: "/redox?a=1", signer: payload("hash"), after: received("/redox?a=1&b;c")},
		`it verifies without the query parameter "b;c"`},
	{scenario{name: "semicolon, query not signed", target: "/redox", signer: payload("hash"), after: both(received("/redox?;a"), set("X-Original-Uri", "/redox?;b"))},
		`it verifies without the query: the sender does not sign it`},
	{scenario{name: "semicolon, or a bad escape", target: "/redox", signer: payload("hash"), after: received("/redox?a=%25&b=%zz")},
		`it verifies without the query: the sender does not sign it`},
	{scenario{name: "parameter with %25 added", target: "/redox?a=1", after: both(awsSign(nil), received("/redox?a=1&c=%25zz"))}, `it verifies without the query parameter "c"`},
	{scenario{name: "rewritten path, as long as one may be", target: long, after: both(awsSign(nil), received("/hook"), set("X-Original-Uri", long))},
		`which X-Original-Uri names, and "/hook" arrived`},
	{scenario{name: "tenth of many forwarded hosts", after: both(awsSign(nil), host("up18", "X-Forwarded-Host", hosts(9)+",api.example.test,"+hosts(100)))}, `it verifies with Host "api.example.test", and Host "up18" arrived`},
	{scenario{name: "behind one forwarded host many times", after: both(awsSign(nil), host("up20", "X-Forwarded-Host", strings.Repeat("proxy.test,", 100)+"api.example.test"))}, `it verifies with Host "api.example.test", and Host "up20" arrived`},

	// What senders do.
	{scenario{name: "body not signed", signer: asSigned(testBodyHash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")}, `it verifies with an empty body`},
	{scenario{name: "body not signed, host replaced", signer: asSigned(testBodyHash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), after: host("up6", "X-Forwarded-Host", "api.example.test")}, `and Host "up6" arrived`},
	{scenario{name: "unsigned payload without its header", signer: asSigned(testBodyHash, "UNSIGNED-PAYLOAD")}, `it verifies with UNSIGNED-PAYLOAD as the hash`},
	{scenario{name: "hash in upper case", signer: asSigned(testBodyHash, strings.ToUpper(testBodyHash))}, `it verifies with the hash of the body in upper case`},
	{scenario{name: "query as botocore and Ruby sign it", target: "/?t=a:b@c/d,e=f", signer: asSigned("t=a%3Ab%40c%2Fd%2Ce%3Df", "t=a:b@c/d,e=f")}, `as botocore and aws-sigv4 for Ruby do`},
	{scenario{name: "query as botocore and Ruby sign it, lower-case escapes", target: "/?t=a%3ab", signer: asSigned("a%3Ab", "a%3ab")}, `as botocore and aws-sigv4 for Ruby do`},
	{scenario{name: "raw plus", target: "/?t=a+b", signer: asSigned("a%20b", "a+b")}, `with "+" as it is, which this library refuses because handlers read a space`},
	{scenario{name: "plus as %2B", target: "/?t=a+c", signer: asSigned("a%20c", "a%2Bc")}, `with "+" as %2B, which this library refuses`},
	{scenario{name: "plus as %20", target: "/?t=a%20b", signer: asSigned("a%20b", "a+b")}, `with "+" for a space: let the sender sign %20`},
	{scenario{name: "unsorted", target: "/?b=1&a=2", signer: asSigned("a=2&b=1", "b=1&a=2")}, `unsorted: let the sender sort the parameters`},
	{scenario{name: "escaped twice", target: "/?t=%24", signer: asSigned("t=%24", "t=%2524")}, `escaped twice: let the sender escape it once`},
	{scenario{name: "without =", target: "/?flag", signer: asSigned("flag=", "flag")}, `without "=" for parameters without a value`},
	{scenario{name: "empty value without =, the last of two", target: "/?a=1&flag=", signer: asSigned("flag=\n", "flag\n")}, `it verifies if the sender signs the query without "=": let the sender send every "="`},
	{scenario{name: "empty value without =, amid others", target: "/?a=1&flag=&z=2", signer: asSigned("flag=&", "flag&")}, `it verifies if the sender signs the query without "=": let the sender send every "="`},
	{scenario{name: "path kept", target: "/a//b", signer: func(s *signer) { s.keepPath = true }}, `it verifies with Config.DisablePathNormalization true: the sender`},
	{scenario{name: "path encoded once", target: "/a%20b", signer: func(s *signer) { s.encodeOnce = true }}, `it verifies with Config.DisableDoubleEncoding true: the sender`},
	{scenario{name: "path encoded once, host replaced", target: "/a%20b", signer: func(s *signer) { s.encodeOnce = true }, after: host("up7", "X-Forwarded-Host", "api.example.test")}, `and Host "up7" arrived`},
	{scenario{name: "path encoded once, slash removed", target: "/a%20c/", signer: func(s *signer) { s.encodeOnce = true }, after: received("/a%20c")},
		`let nothing on the way remove the slash; it verifies with Config.DisableDoubleEncoding true: the sender`},
	{scenario{name: "path kept and encoded once", target: "/a%20b//c", signer: func(s *signer) { s.encodeOnce, s.keepPath = true, true }}, `DisablePathNormalization true and Config.DisableDoubleEncoding true`},
	{scenario{name: "white space kept", before: set("X-Redox-Id", "a  b"), signer: func(s *signer) {
		with("x-redox-id")(s)
		asSigned("a b", "a  b")(s)
	}}, `it verifies with the white space of x-redox-id as it is`},
	{scenario{name: "a segment added in front", after: received("/v1/x?a=b"), target: "/x?a=b"}, `something on the way added "/v1" in front`},
	{scenario{name: "secret with a line break", after: awsSign(func(s *redoxtest.SigV4) { s.SecretKey += "\n" })},
		`the secret and a line break at its end: the sender's secret has it and Config.Credentials[0].SecretAccessKey does not; enter the dashboard's secretKey anew, without it`},
	{scenario{name: "secret with CR LF", after: awsSign(func(s *redoxtest.SigV4) { s.SecretKey += "\r\n" })}, `and a line break (CR LF) at its end`},
	{scenario{name: "secret with a space", after: awsSign(func(s *redoxtest.SigV4) { s.SecretKey += " " })}, `the secret and a space at its end`},
	{scenario{name: "secret with a line break, host replaced", after: both(awsSign(func(s *redoxtest.SigV4) { s.SecretKey += "\n" }), host("up8", "X-Forwarded-Host", "api.example.test"))}, `and Host "up8" arrived`},
	{scenario{name: "secret in quotation marks", after: awsSign(func(s *redoxtest.SigV4) { s.SecretKey = `"` + s.SecretKey + `"` })}, `the secret in quotation marks`},
	{scenario{name: "secret of another pair", config: second, after: awsSign(func(s *redoxtest.SigV4) { s.SecretKey = "another-secret" })}, `the secret of another access key ID in the same list`},
	{scenario{name: "key for region and service exchanged", signer: func(s *signer) { s.keyScope = "20260102/execute-api/us-east-1/aws4_request" }}, `derived for region and service exchanged`},
	{scenario{name: "key of yesterday", signer: func(s *signer) { s.keyScope = "20260101/us-east-1/execute-api/aws4_request" }}, `it keeps the key of yesterday`},
	{scenario{name: "key for the configured service", signer: func(s *signer) {
		s.payload, s.service, s.keyScope = "hash", "other", "20260102/us-east-1/execute-api/aws4_request"
	}}, `derived for Config.Region "us-east-1" and Config.Service "execute-api", and its scope names others`},
	{scenario{name: "key for lower case", config: func(c *sigv4.Config) { c.Region = "US-East-1" }, signer: func(s *signer) { s.region, s.keyScope = "US-East-1", "20260102/us-east-1/execute-api/aws4_request" }}, `derived for region and service in lower case`},
	{scenario{name: "wrong secret", after: awsSign(func(s *redoxtest.SigV4) { s.SecretKey = "wrong" })}, `if all lines agree, the secret keys differ: enter Config.Credentials[0].SecretAccessKey and the dashboard's secretKey anew`},
	{scenario{name: "empty payload hash", signer: asSigned("\n"+testBodyHash, "\n")}, `it verifies with an empty payload hash`},
	{scenario{name: "hash in base64", signer: asSigned(testBodyHash, "nSl+j7pTkWDERE2OoyyBigmpXu/pvPsLY8FAySZmTaM=")}, `it verifies with the hash of the body in base64`},
	{scenario{name: "declared hash in upper case", signer: func(s *signer) {
		s.payload = "hash"
		asSigned("x-amz-date\n"+testBodyHash, "x-amz-date\n"+strings.ToUpper(testBodyHash))(s)
	}}, `it verifies with the payload hash in upper case`},
	{scenario{name: "query as botocore and Ruby sign it, by name", target: "/?a-b=x:y&a=3&a=2", signer: asSigned("a=2&a=3&a-b=x%3Ay", "a=2&a=3&a-b=x:y")}, `as botocore and aws-sigv4 for Ruby do`},
	{scenario{name: "query as botocore and Ruby sign it, by value", target: "/?a=x:2&a=x:1", signer: asSigned("a=x%3A1&a=x%3A2", "a=x:1&a=x:2")}, `as botocore and aws-sigv4 for Ruby do`},
	{scenario{name: "query as botocore and Ruby sign it, by pair", target: "/?a=2&a-b=x:y", signer: asSigned("a=2&a-b=x%3Ay", "a-b=x:y&a=2")}, `as botocore and aws-sigv4 for Ruby do`},
	{scenario{name: "query with escapes in lower case", target: "/?t=a%3Ab", signer: asSigned("a%3Ab", "a%3ab")}, `the query with escapes in lower case`},
	{scenario{name: "empty value without =", target: "/?flag=", signer: asSigned("flag=", "flag")}, `let the sender send every "="` + "\n"},
	{scenario{name: "path kept, host replaced", target: "/a//b", signer: keepsPath, after: host("up17", "X-Forwarded-Host", "api.example.test")}, `it verifies with Host "api.example.test", and Host "up17" arrived`},
	{scenario{name: "path encoded twice for s3", config: s3, target: "/a%20b//c", signer: func(s *signer) { s.service, s.keepPath = "s3", true }}, `signed as for services other than "s3"`},
	{scenario{name: "path normalized for s3", config: func(c *sigv4.Config) { s3(c); c.InsecureAllowDotSegments = true }, target: "/a/../b%20c", signer: func(s *signer) { s.service, s.encodeOnce = "s3", true }},
		`signed as for services other than "s3"`},
	{scenario{name: "dot segments for s3, hash declared", config: s3, target: "/a%20b/../c", signer: func(s *signer) { s.service, s.keepPath, s.encodeOnce, s.payload = "s3", true, true, "hash" }},
		"it verifies with Config.InsecureAllowDotSegments true, whose risks its comment names: the sender signs the path in this form, so set it\n"},
	{scenario{name: "dot segments for s3, nothing to escape", config: s3, target: "/a/../c", signer: func(s *signer) { s.service, s.keepPath, s.encodeOnce, s.payload = "s3", true, true, "hash" }},
		"it verifies with Config.InsecureAllowDotSegments true, whose risks its comment names: the sender signs the path in this form, so set it\n"},
	{scenario{name: "dot segments, nothing to escape, encoded once", config: func(c *sigv4.Config) { c.DisableDoubleEncoding = true }, target: "/a/../c", signer: func(s *signer) { s.encodeOnce, s.payload = true, "hash" }},
		"it verifies with Config.InsecureAllowDotSegments true, whose risks its comment names: the sender signs the path in this form, so set it\n"},
	{scenario{name: "dot segments and a prefix, which nothing strips", target: "/a/../b", config: func(c *sigv4.Config) { c.PathPrefix = "/api" }, signer: payload("hash")},
		`so set it; this also needs a proxy that strips no prefix, and Config.PathPrefix empty`},
	{scenario{name: "path encoded once, behind a prefix", config: func(c *sigv4.Config) { c.PathPrefix = "/api" }, target: "/a%20b", signer: func(s *signer) { s.encodeOnce, s.prefix = true, "/api" }},
		`it verifies with Config.DisableDoubleEncoding true: the sender signs the path in this form, so set it` + "\n"},
	{scenario{name: "lines joined by a comma and a space", before: func(r *http.Request) { r.Header["X-Redox-Id"] = []string{"1", "2"} }, signer: func(s *signer) {
		with("x-redox-id")(s)
		asSigned(":1,2\n", ":1, 2\n")(s)
	}}, `it verifies with the lines of x-redox-id joined by a comma and a space`},
	{scenario{name: "secret with a space in front", after: awsSign(func(s *redoxtest.SigV4) { s.SecretKey = " " + s.SecretKey })}, `the secret and a space before it`},
	{scenario{name: "secret with CR", after: awsSign(func(s *redoxtest.SigV4) { s.SecretKey += "\r" })}, `the secret and a carriage return at its end`},
	{scenario{name: "secret with a tab", after: awsSign(func(s *redoxtest.SigV4) { s.SecretKey += "\t" })}, `the secret and a tab at its end`},
	{scenario{name: "secret with a byte order mark", after: awsSign(func(s *redoxtest.SigV4) { s.SecretKey = "\ufeff" + s.SecretKey })}, `the secret and a byte order mark before it`},
	{scenario{name: "secret with a line break, one of five", config: rotated, after: awsSign(func(s *redoxtest.SigV4) { s.SecretKey += "\n" })}, `and a line break at its end`},
	{scenario{name: "configured secret in quotation marks, of two", config: func(c *sigv4.Config) { second(c); secret(`"` + testSigner.secret + `"`)(c) }}, `remove them in Config.Credentials[0].SecretAccessKey`},
	{scenario{name: "configured secret in quotation marks", config: secret(`"` + testSigner.secret + `"`)}, `remove them in Config.Credentials[0].SecretAccessKey`},
	{scenario{name: "secret decoded from base64", config: secret(base64.StdEncoding.EncodeToString([]byte(testSigner.secret)))}, `with the secret decoded from base64`},
	{scenario{name: "secret in base64", signer: func(s *signer) { s.secret = base64.StdEncoding.EncodeToString([]byte(s.secret)) }}, `with the secret in base64`},
	{scenario{name: "secret decoded from hexadecimal digits", config: secret(hex.EncodeToString([]byte(testSigner.secret)))}, `with the secret decoded from hexadecimal digits`},
	{scenario{name: "secret escaped", signer: func(s *signer) { s.secret = url.QueryEscape(s.secret) }}, `with the secret escaped as in a URL`},
	{scenario{name: "configured secret escaped", config: secret(url.QueryEscape(testSigner.secret))}, `with the secret unescaped as in a URL: enter it in Config.Credentials[0].SecretAccessKey as the dashboard has it`},
	{scenario{name: "secret cut off", config: secret("secret-of-23-characters=="), signer: func(s *signer) { s.secret = "secret-of-23-characters" }}, `with the secret without "=" at its end`},
	{scenario{name: "secret of another pair, one of two", config: func(c *sigv4.Config) {
		second(c)
		c.Credentials = append(c.Credentials, sigv4.Credential{AccessKeyID: "AKIDTHIRD", SecretAccessKey: "third-secret"})
	}, after: awsSign(func(s *redoxtest.SigV4) { s.SecretKey = "third-secret" })}, `in the same list (Config.Credentials[1] or a later one)`},
	{scenario{name: "day, key of X-Amz-Date", signer: func(s *signer) {
		s.payload, s.scopeDay, s.keyScope = "hash", "20260101", "20260102/us-east-1/execute-api/aws4_request"
	}}, `derived for the date of X-Amz-Date, and its scope names another`},
	{scenario{name: "hash of the body signed, another declared", signer: func(s *signer) {
		s.payload, s.signed = strings.Repeat("0", 64), []string{"content-length", "host", "x-amz-content-sha256", "x-amz-date"}
		asSigned("x-amz-date\n"+strings.Repeat("0", 64), "x-amz-date\n"+testBodyHash)(s)
	}, after: func(r *http.Request) { r.ContentLength = -1 }}, `it verifies with the hash of the body, and X-Amz-Content-Sha256 is another`},
	{scenario{name: "secret in base64, one of two", config: func(c *sigv4.Config) {
		rotated(c)
		c.Credentials = c.Credentials[:2]
	}, signer: func(s *signer) { s.secret = base64.StdEncoding.EncodeToString([]byte(s.secret)) }}, `with the secret in base64`},

	// What leaves room for few variants.
	{scenario{name: "path encoded once, many slashes", target: "/a%20b" + strings.Repeat("/c", 60), signer: func(s *signer) { s.encodeOnce = true }},
		`it verifies with Config.DisableDoubleEncoding true: the sender`},
	{scenario{name: "unsorted, many paths", config: rotated, target: "/a%20b//c/d/e/f/g/h/i?b=1&a=2", signer: asSigned("a=2&b=1", "b=1&a=2"), after: func(r *http.Request) {
		for i, name := range []string{"X-Forwarded-Prefix", "X-Script-Name", "X-Forwarded-Path"} {
			r.Header.Set(name, fmt.Sprintf("/p%d", i))
		}
		for i, name := range []string{"X-Original-Uri", "X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Uri", "X-Envoy-Original-Path", "X-Replaced-Path"} {
			r.Header.Set(name, fmt.Sprintf("/o%d/a%%20b//c/d/e/f/g/h/i", i))
		}
	}}, `unsorted: let the sender sort the parameters`},
	{scenario{name: "unsorted, many forwarded hosts", target: "/a/b/c/d/e/f/g/h?b=1&a=2", signer: asSigned("a=2&b=1", "b=1&a=2"), after: host("up19", "X-Forwarded-Host", "api.example.test,"+hosts(100))},
		`unsorted: let the sender sort the parameters`},
	{scenario{name: "method, many signed headers", before: func(r *http.Request) {
		r.Method = "PUT"
		for i := range 95 {
			r.Header.Set(fmt.Sprintf("X-H-%02d", i), "A,b, c")
		}
	}, signer: func(s *signer) {
		s.signed = []string{"host", "x-amz-date"}
		for i := range 95 {
			s.signed = append(s.signed, fmt.Sprintf("x-h-%02d", i))
		}
	}, after: func(r *http.Request) { r.Method = "POST" }}, `it verifies with the method "PUT"`},
	{scenario{name: "te, host replaced, many paths", target: "/a%20b//c/d/e/f/g/h/i?a=1&b=2&c=x:y&d=2", before: set("Te", "trailers"), signer: declared(with("te")),
		after: both(del("Te"), host("up23", "X-Forwarded-Host", "api.example.test,"+hosts(20)))},
		`it verifies with Host "api.example.test", and Host "up23" arrived`},
	{scenario{name: "method, five secrets", config: func(c *sigv4.Config) {
		for i := range 4 {
			c.Credentials = append(c.Credentials, sigv4.Credential{AccessKeyID: testSigner.key, SecretAccessKey: base64.StdEncoding.EncodeToString(fmt.Append(nil, "another-secret-", i))})
		}
	}, before: func(r *http.Request) { r.Method = "PUT" }, after: func(r *http.Request) { r.Method = "POST" }}, `it verifies with the method "PUT"`},
	{scenario{name: "method, many access key IDs", config: func(c *sigv4.Config) {
		for i := range 400 {
			c.Credentials = append(c.Credentials, sigv4.Credential{AccessKeyID: fmt.Sprint("AKID", i), SecretAccessKey: fmt.Sprint("another-secret-", i)})
		}
	}, before: func(r *http.Request) { r.Method = "PUT" }, after: func(r *http.Request) { r.Method = "POST" }}, `it verifies with the method "PUT"`},

	// What the headers alone tell.
	{scenario{name: "region", after: awsSign(func(s *redoxtest.SigV4) { s.AWSRegion = "eu-west-1" })}, `if the dashboard's awsRegion "eu-west-1" is right, set Config.Region to it; else change it to "us-east-1" there`},
	{scenario{name: "region, hash declared", after: awsSign(func(s *redoxtest.SigV4) { s.AWSRegion, s.DeclarePayloadHash = "eu-west-2", true })}, `the signature holds for the region and the service that it names`},
	{scenario{name: "region, host replaced", after: both(awsSign(func(s *redoxtest.SigV4) { s.AWSRegion, s.DeclarePayloadHash = "eu-west-3", true }), host("up0", "X-Forwarded-Host", "api.example.test"))},
		`if the dashboard's awsRegion "eu-west-3" is right`},
	{scenario{name: "region in another case", after: awsSign(func(s *redoxtest.SigV4) { s.AWSRegion = "US-EAST-1" })}, `they differ only in case, which counts`},
	{scenario{name: "region and service exchanged", after: awsSign(func(s *redoxtest.SigV4) { s.AWSRegion, s.ServiceName = s.ServiceName, s.AWSRegion })}, `region and service are exchanged`},
	{scenario{name: "service", after: awsSign(func(s *redoxtest.SigV4) { s.ServiceName = "redox" })}, `if the dashboard's serviceName "redox" is right, set Config.Service to it; else change it to "execute-api" there`},
	{scenario{name: "access key ID", after: awsSign(func(s *redoxtest.SigV4) { s.AccessKey = "OTHER" })}, `the dashboard's accessKey is none of Config.Credentials[].AccessKeyID`},
	{scenario{name: "access key ID in another case", after: awsSign(func(s *redoxtest.SigV4) { s.AccessKey = "akidexample" })}, `differs from Config.Credentials[0].AccessKeyID only in case`},
	{scenario{name: "access key ID cut off", after: awsSign(func(s *redoxtest.SigV4) { s.AccessKey = "AKIDEXAMPL" })}, `agree in part`},
	{scenario{name: "access key ID alone", after: awsSign(func(s *redoxtest.SigV4) { s.AccessKey, s.DeclarePayloadHash = "OTHER", true })}, `the signature is made with a secret of Config.Credentials[0]: only the access key ID differs`},
	{scenario{name: "accessKey and secretKey exchanged", config: func(c *sigv4.Config) { c.Credentials[0].SecretAccessKey = "short-secret" },
		after: awsSign(func(s *redoxtest.SigV4) { s.AccessKey, s.SecretKey = "short-secret", s.AccessKey })}, `accessKey and secretKey are exchanged in the dashboard`},
	{scenario{name: "time zone", after: awsSign(func(s *redoxtest.SigV4) {
		s.Now = func() time.Time { return testDate.Add(-5*time.Hour - 30*time.Minute) }
	})}, `the difference is that of a time zone, 5h30m0s`},
	{scenario{name: "time zone, ahead of UTC", after: awsSign(func(s *redoxtest.SigV4) {
		s.Now = func() time.Time { return testDate.Add(10 * time.Hour) }
	})}, `the difference is that of a time zone, 10h0m0s`},
	{scenario{name: "clock", after: awsSign(func(s *redoxtest.SigV4) { s.Now = func() time.Time { return testDate.Add(7 * time.Minute) } })}, `a clock is wrong, or a signed request was sent again late`},
	{scenario{name: "stale", after: awsSign(func(s *redoxtest.SigV4) {
		s.DeclarePayloadHash, s.Now = true, func() time.Time { return testDate.Add(-20 * time.Minute) }
	})}, `the sender must sign again when it retries`},
	{scenario{name: "day", signer: func(s *signer) { s.scopeDay = "20260101" }}, `let the sender take both dates from one clock, in UTC`},
	{scenario{name: "token unexpected", after: awsSign(func(s *redoxtest.SigV4) { s.SessionToken = "other-token" })}, `the dashboard's sessionToken and Config.Credentials[0].SessionToken differ: enter the same on both sides, or leave both empty`},
	{scenario{name: "token absent", config: sessionToken, after: awsSign(nil)}, `the dashboard's sessionToken is empty, or something on the way dropped X-Amz-Security-Token: enter Config.Credentials[0].SessionToken there, or leave both empty`},
	{scenario{name: "token not signed", config: sessionToken, after: set("X-Amz-Security-Token", "session-token-of-the-test")}, `the sender left it out of SignedHeaders`},
	{scenario{name: "token not signed, hash declared", config: sessionToken, signer: payload("hash"), after: set("X-Amz-Security-Token", "session-token-of-the-test")}, `the signature holds for the headers that it covers`},
	{scenario{name: "body changed", signer: payload(strings.Repeat("0", 64))}, `something on the way changed the body (decompressed, re-encoded or cut it)`},
	{scenario{name: "hash of nothing declared", signer: payload("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")}, `the sender declares the hash of an empty body`},
	{scenario{name: "line break cut from the body, hash declared", signer: payload(fmt.Sprintf("%x", sha256.Sum256([]byte(testBody+"\n"))))}, `the declared hash is that of the body with a line break`},
	{scenario{name: "unsigned payload", signer: payload("UNSIGNED-PAYLOAD")}, `Config.InsecureAllowUnsignedPayload leaves the body unprotected`},
	{scenario{name: "streaming", signer: payload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")}, `switch off the signing in chunks`},
	{scenario{name: "base64", signer: payload("nSl+j7pTkVbERE2OoyyBigmpXu/pvPtj")}, `(not base64)`},
	{scenario{name: "dot segments", target: "/a/../b"}, `set Config.InsecureAllowDotSegments`},
	{scenario{name: "dot segments, hash declared", target: "/a/../b", signer: payload("hash")}, "whose risks its comment names: the sender signs the path in this form, so set it\n"},
	{scenario{name: "dot segments and a prefix", target: "/a/../b", config: func(c *sigv4.Config) { c.PathPrefix = "/api" }}, `the proxy must not strip the prefix`},
	{scenario{name: "semicolon", after: received("/?a;b")}, `escape a semicolon in the query as %3B`},
	{scenario{name: "presigned", after: both(del("Authorization"), received("/?X-Amz-Signature=1"))}, `and not presign the URL`},
	{scenario{name: "two Authorization headers", after: add("Authorization", "Bearer x")}, `adds a second Authorization header`},
	{scenario{name: "no host", after: host("")}, `list the host of the URL in the dashboard in Config.Hosts`},
	{scenario{name: "read in front", after: func(r *http.Request) { r.Body = http.NoBody }}, `a middleware in front has read the body`},
}

func keepsPath(s *signer) { s.keepPath = true }

func s3(c *sigv4.Config) { c.Service = "s3" }

func secret(secret string) func(*sigv4.Config) {
	return func(c *sigv4.Config) { c.Credentials[0].SecretAccessKey = secret }
}

// long is the longest path that is accepted.
var long = "/" + strings.Repeat("a", 8<<10-1)

// hosts lists n hosts that nothing signs.
func hosts(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("proxy%d-%d.test", n, i)
	}
	return strings.Join(list, ",")
}

// rotated adds four secrets under the same access key ID.
func rotated(c *sigv4.Config) {
	for _, secret := range []string{"another-secret", "third-secret", "fourth-secret", "fifth-secret"} {
		c.Credentials = append(c.Credentials, sigv4.Credential{AccessKeyID: testSigner.key, SecretAccessKey: secret})
	}
}

func second(c *sigv4.Config) {
	c.Credentials = append(c.Credentials, sigv4.Credential{AccessKeyID: "AKIDSECOND", SecretAccessKey: "another-secret"})
}

func sessionToken(c *sigv4.Config) { c.Credentials[0].SessionToken = "session-token-of-the-test" }

func hintsOf(text string) []string {
	_, hints, found := strings.Cut(text, "\nhints:\n- ")
	if !found {
		return nil
	}
	return strings.Split(strings.TrimSuffix(hints, "\n"), "\n- ")
}

func TestExplainNamesTheCause(t *testing.T) {
	texts := make([]string, len(causes))
	for i, test := range causes {
		t.Run(test.name, func(t *testing.T) {
			r := test.request()
			v := test.verifier(t)
			got := v.Explain(r)
			texts[i] = got
			_, err := v.Verify(r)
			if err == nil || !strings.HasPrefix(got, err.Error()+"\n") {
				t.Errorf("Verify: %v; Explain:\n%s", err, got)
			}
			if hints := strings.Join(hintsOf(got), "\n") + "\n"; !strings.Contains(hints, test.want) || hints == "\n" {
				t.Errorf("no hint %q in:\n%s", test.want, got)
			}
			checkText(t, got, r)
		})
	}
	// A hint is for its own cause alone, and for those whose names begin alike.
	for i, test := range causes {
		own, _, _ := strings.Cut(test.name, ",")
		for j, text := range texts {
			if i == j || test.want == causes[j].want || strings.HasPrefix(causes[j].name, "host replaced, and nothing") {
				continue
			}
			for _, hint := range hintsOf(text) {
				if strings.Contains(hint, test.want) && !strings.HasPrefix(causes[j].name, own) {
					t.Errorf("%s has the hint of %s: %s", causes[j].name, test.name, hint)
				}
			}
		}
	}
}

// What verifies by chance, or would be refused by New, is no hint.
func TestExplainGivesNoWrongHint(t *testing.T) {
	for _, test := range []struct {
		scenario
		wrong string
	}{
		{scenario{name: "no host", signer: func(s *signer) { s.host = "api/x" }, after: host("up", "X-Forwarded-Host", "api/x")}, "it verifies"},
		{scenario{name: "beyond many forwarded hosts", after: host("up", "X-Forwarded-Host", hosts(100)+",api.example.test")}, "it verifies"},
		{scenario{name: "a path that is the prefix", config: func(c *sigv4.Config) { c.PathPrefix = "/api" }, target: "/api", after: received("/redox")}, `"/" arrived`},
		{scenario{name: "a header of one hop that arrived", before: set("Connection", "close"), signer: func(s *signer) { with("connection")(s); wrongSecret(s) }}, `"connection" is signed`},
		{scenario{name: "no prefix", target: "/api/redox", after: both(received("/redox"), set("X-Forwarded-Prefix", "api"))}, `Config.PathPrefix to "api"`},
		{scenario{name: "a path that is too long", target: long + "a", after: both(received("/hook"), set("X-Original-Uri", long+"a"))}, "X-Original-Uri names"},
		{scenario{name: "an empty path", target: "/a%20b", signer: asSigned("/a%2520b", "")}, "it verifies"},
		{scenario{name: "a part of the original query", target: "/redox?a=1", after: both(received("/redox"), set("X-Original-Uri", "/redox?a=1&b;c"))}, "X-Original-Uri names"},
		{scenario{name: "two parameters with semicolons", target: "/redox?a=1", signer: payload("hash"), after: received("/redox?a=1&b;c&d;e")}, "it verifies"},
		{scenario{name: "an empty secret", config: secret("not-base64-%zz"), signer: func(s *signer) { s.secret = "" }}, "it verifies"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.verifier(t).Explain(test.request())
			if hints := hintsOf(got); hints == nil || strings.Contains(strings.Join(hints, "\n"), test.wrong) {
				t.Errorf("no hints, or one with %q:\n%s", test.wrong, got)
			}
		})
	}
}

// A declared hash is checked before the body is read, so its length is that of the headers.
func TestExplainTakesTheLengthOfABodyThatIsNotRead(t *testing.T) {
	r := scenario{before: func(r *http.Request) { setBody(r, `{"Meta":1}`) }, signer: declared(with("content-length")), after: host("up", "X-Forwarded-Host", "api.example.test")}.request()
	if got := newVerifier(t, testConfig()).Explain(r); !strings.Contains(got, "\n- it verifies with Host \"api.example.test\"") {
		t.Errorf("got:\n%s", got)
	}
}

// A peer without a credential may send them: net/http takes bytes from 0x80 on in a header.
func TestExplainEscapesWhatATerminalMayObey(t *testing.T) {
	r := scenario{before: set("X-Redox-Id", "\u009b2J\u202eé \xff"), signer: with("x-redox-id")}.request()
	got := newVerifier(t, testConfig()).Explain(r)
	if want := "\nx-redox-id:" + `\u009b2J\u202eé \xff` + "\n"; !strings.Contains(got, want) || strings.ContainsAny(got, "\u009b\u202e") {
		t.Errorf("got:\n%q\nwant %q in it", got, want)
	}
}

func TestExplainShowsNoSecretOfTheTarget(t *testing.T) {
	for _, target := range []string{"/" + testSigner.secret, "/?a=" + testSigner.secret} {
		r := scenario{target: target}.request()
		checkText(t, newVerifier(t, testConfig()).Explain(r), r)
	}
}

// checkText checks what every text promises.
func checkText(t *testing.T, text string, r *http.Request) {
	t.Helper()
	_, sent, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	for _, secret := range []string{testSigner.secret, "session-token-of-the-test", "other-token", "another-secret", "third-secret", "short-secret", sent} {
		if secret != "" && strings.Contains(text, secret) {
			t.Errorf("%q is in:\n%s", secret, text)
		}
	}
	if len(text) > 16<<10 || !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") {
		t.Errorf("%d bytes, or not one line break at the end:\n%s", len(text), text)
	}
	found := false
	for _, hint := range hintsOf(text) {
		if strings.Contains(hint, "\n") {
			t.Errorf("a hint of several lines: %q", hint)
		}
		found = found || strings.HasPrefix(hint, "it verifies")
		if hint == "" {
			t.Errorf("an empty hint:\n%s", text)
		}
	}
	if found && strings.Contains(text, "the secret keys differ") {
		t.Errorf("something verifies, and yet:\n%s", text)
	}
}

// The first lines of a text, for one that is accepted and one that is refused.
func TestExplainHasALineForEveryCheck(t *testing.T) {
	for name, test := range map[string]struct {
		scenario
		want []string
	}{
		"accepted": {scenario{before: awsSign(nil), signer: func(s *signer) { s.token = "session-token-of-the-test" }, config: sessionToken}, []string{
			"sigv4: accepted: ",
			`received: method "POST", Host "api.example.test", body of 59 bytes`,
			`request target: "/redox/events", no query`,
			`Authorization: AWS4-HMAC-SHA256, as expected`,
			`access key ID: "AKIDEXAMPLE", as configured (Config.Credentials[0].AccessKeyID)`,
			`region: "us-east-1", as configured (Config.Region)`,
			`service: "execute-api", as configured (Config.Service)`,
			`X-Amz-Date: 20260102T030405Z, 0s behind this server's clock (now 20260102T030405Z), within 5m0s (Config.MaxSkew)`,
			`Host: "api.example.test", must be what the sender signed (Config.Hosts is empty)`,
			`X-Amz-Content-Sha256: absent, so the hash of the body counts`,
			`X-Amz-Security-Token: as configured (Config.Credentials[0].SessionToken)`,
			`path: Config.PathPrefix "", DisablePathNormalization false, DisableDoubleEncoding false`,
			`query: it has a canonical form`,
			`signature: it holds`,
			"canonical request:\nPOST\n/redox/events\n\ncontent-type:",
			"x-amz-security-token:[redacted]",
			"string to sign:\nAWS4-HMAC-SHA256\n20260102T030405Z\n20260102/us-east-1/execute-api/aws4_request\n",
		}},
		"everything is wrong": {scenario{target: "/a/../b?x;y", config: func(c *sigv4.Config) {
			c.Hosts, c.RequiredHeaders = []string{"a.test:1", "b.test"}, []string{"X-Redox-Id"}
		},
			signer: func(s *signer) {
				s.key, s.region, s.service, s.scopeDay, s.token = "OTHER", "x", "y", "20250101", "other-token"
				s.payload, s.date = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", testDate.Add(-time.Hour)
				s.signed = []string{"host", "x-absent", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"}
			}, after: set("X-Redox-Id", "1")}, []string{
			`access key ID: "OTHER", want one of ["AKIDEXAMPLE"] (Config.Credentials[].AccessKeyID; Redox dashboard: accessKey)`,
			`region: "x", want "us-east-1" (Config.Region; Redox dashboard: awsRegion)`,
			`service: "y", want "execute-api" (Config.Service; Redox dashboard: serviceName)`,
			`X-Amz-Date: 20260102T020405Z, 1h0m0s behind this server's clock (now 20260102T030405Z), want at most 5m0s (Config.MaxSkew)`,
			`date of Credential: "20250101", want "20260102", the date of X-Amz-Date`,
			`Host: "api.example.test" is none of Config.Hosts, so these are tried as signed: ["a.test:1", "b.test"]`,
			`signed headers: the header "x-redox-id" arrived and is absent from SignedHeaders, want it signed (Config.RequiredHeaders)`,
			`signed headers: "x-absent" is signed and did not arrive`,
			`X-Amz-Content-Sha256 is "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", want the SHA-256 of the body`,
			`X-Amz-Security-Token: arrived`,
			`path: the path "/a/../b" has dot segments, want none (only Config.InsecureAllowDotSegments accepts them)`,
			`query: it has a semicolon at byte 2, want it escaped`,
			`signature: not checked, because the request has no canonical form`,
		}},
		"unknown access key ID": {scenario{signer: nobody}, []string{
			"body of 59 bytes, not read\n", "signature: not checked, because the hash of the body is not known",
		}},
		"hash declared":     {scenario{signer: payload("hash")}, []string{"X-Amz-Content-Sha256: a SHA-256\n"}},
		"colon in the path": {scenario{target: "/token:1", config: plain, signer: func(s *signer) { s.keepPath, s.encodeOnce = true, true }}, []string{"canonical request:\nPOST\n/token:1\n"}},
		"another scheme": {scenario{after: set("Authorization", "Bearer secret-token")}, []string{
			"sigv4: no credentials (missing): the Authorization header has the scheme Bearer, which is for another strategy, want AWS4-HMAC-SHA256 (Redox dashboard: AWS Signature Version 4)\n",
			"received: ",
		}},
		"secret header and parameter": {scenario{target: "/?verification-token=tok-1&a=1", before: set("Verification-Token", "tok-2"), signer: with("verification-token")}, []string{
			"\na=1&verification-token=[redacted]\n", "\nverification-token:[redacted]\n",
		}},
		"JWT in the query": {scenario{target: "/?state=eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln"}, []string{"\nstate=[redacted]\n"}},
		"session token under another name": {scenario{config: sessionToken, before: set("X-Other", "to be or not to be session-token-of-the-test"), signer: with("x-other")}, []string{
			"\nx-other:[redacted]\n",
		}},
		"very long header": {scenario{before: set("X-Long", strings.Repeat("x", 4000)), signer: with("x-long")}, []string{"xxx[shortened]"}},
		"router":           {scenario{signer: wrongSecret, after: func(r *http.Request) { r.URL.Path = "/else" }}, []string{`r.URL differs from r.RequestURI: its path is "/else"`}},
		"not loaded": {scenario{config: func(c *sigv4.Config) {
			c.Credentials = nil
			c.CredentialsFunc = func(context.Context) ([]sigv4.Credential, error) { panic("called") }
		}}, []string{"sigv4: cannot be decided now (secrets)", "access key ID: not compared: not loaded yet", "signature: not checked, because no secret is loaded"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := test.request()
			got := test.verifier(t).Explain(r)
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in:\n%s", want, got)
				}
			}
			for _, secret := range []string{"tok-1", "tok-2", "secret-token", "session-token"} {
				if strings.Contains(got, secret) {
					t.Errorf("%q is in:\n%s", secret, got)
				}
			}
			checkText(t, got, r)
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

// Explain reads the body only where Verify does, and leaves it to the handler.
func TestExplainReadsTheBodyWhereVerifyDoes(t *testing.T) {
	list := []scenario{{name: "of length 0, says an adapter", after: func(r *http.Request) { r.ContentLength = 0 }, signer: func(s *signer) { s.region = "eu-west-1" }}}
	for _, test := range causes {
		if test.name != "read in front" {
			list = append(list, test.scenario)
		}
	}
	for _, test := range list {
		v := test.verifier(t)
		reads := func(f func(*http.Request)) (read bool) {
			r := test.request()
			body := &spy{ReadCloser: r.Body}
			r.Body = body
			f(r)
			read = body.read
			if after := readAll(t, r); after != testBody {
				t.Errorf("%s: the body is %q afterwards", test.name, after)
			}
			return read
		}
		verified := reads(func(r *http.Request) { v.Verify(r) })
		if explained := reads(func(r *http.Request) { v.Explain(r) }); explained != verified {
			t.Errorf("%s: Explain reads the body: %t; Verify does: %t", test.name, explained, verified)
		}
	}
}

// A host that is listed is not the cause when something else is.
func TestExplainBlamesNoListedHost(t *testing.T) {
	for _, received := range []string{"localhost:8080", "127.0.0.1", "upstream", "UPSTREAM:1"} {
		test := scenario{config: func(c *sigv4.Config) { c.Hosts = []string{"localhost", "127.0.0.1:8080", "upstream"} }, signer: wrongSecret, after: host(received)}
		got := test.verifier(t).Explain(test.request())
		for _, hint := range hintsOf(got) {
			if strings.Contains(hint, received) || strings.Contains(hint, "Config.Hosts") {
				t.Errorf("%s is blamed: %s", received, hint)
			}
		}
		if !strings.Contains(got, "the secret keys differ") {
			t.Errorf("not the cause:\n%s", got)
		}
	}
}

// A host that a proxy names is not the cause if it is listed.
func TestExplainBlamesNoListedForwardedHost(t *testing.T) {
	test := scenario{config: func(c *sigv4.Config) { c.Hosts = []string{"api.example.test"} }, target: "/api/redox",
		after: both(routed("/redox"), host("127.0.0.1:8080", "X-Forwarded-Host", "API.example.test:443"))}
	got := test.verifier(t).Explain(test.request())
	if strings.Contains(strings.Join(hintsOf(got), "\n"), "Config.Hosts") || !strings.Contains(got, "Config.PathPrefix to what was stripped") {
		t.Errorf("got:\n%s", got)
	}
}

// A proxy that hands on the Host that arrived has not replaced it.
func TestExplainBlamesNoProxyThatKeepsHost(t *testing.T) {
	test := scenario{before: host("backend"), signer: wrongSecret, after: host("backend", "X-Forwarded-Host", "backend", "X-Forwarded-Server", "proxy-1")}
	got := test.verifier(t).Explain(test.request())
	if strings.Contains(got, "a proxy seems") || !strings.Contains(got, `if that URL has another host or port than "backend"`) {
		t.Errorf("got:\n%s", got)
	}
}

// On a developer's machine no proxy is in front, so a wrong secret is the likeliest cause.
func TestExplainBlamesTheSecretFirstWithoutAProxy(t *testing.T) {
	for _, test := range []struct {
		host, header string
		first        bool
	}{
		{"localhost:8080", "", true}, {"127.0.0.1:8080", "", true}, {"[::1]:8080", "", true}, {"app.localhost", "", true},
		{"localhost:8080", "X-Forwarded-For", false}, {"127.0.0.1:8080", "Via", false}, {"127.0.0.1", "Forwarded", false},
		{"10.0.0.1", "", false}, {"localhost.example.test", "", false},
	} {
		s := scenario{before: host(test.host), signer: wrongSecret, after: func(r *http.Request) {
			if test.header != "" {
				r.Header.Set(test.header, "192.0.2.1")
			}
		}}
		got := s.verifier(t).Explain(s.request())
		hints := hintsOf(got)
		if first := strings.Contains(hints[0], "the secret keys differ"); first != test.first || strings.Count(got, "the secret keys differ") != 1 {
			t.Errorf("%+v:\n%s", test, got)
		}
		if test.first && strings.Contains(got, "a proxy seems") {
			t.Errorf("%+v: a proxy is blamed:\n%s", test, got)
		}
	}
}

// On real HTTP, behind Go's own reverse proxy, whose default Host is that of the upstream. Without
// X-Forwarded-Prefix nothing names the prefix, so nothing that is tried verifies.
func TestExplainBehindAProxy(t *testing.T) {
	for prefix, want := range map[string][]string{
		"/public": {"add %q to Config.Hosts", `set Config.PathPrefix to "/public"`},
		"":        {"X-Forwarded-Host names %q", "list %q in Config.Hosts", `compare the path "/redox" with that of the URL in the dashboard: if that is longer, set Config.PathPrefix`},
	} {
		t.Run("prefix "+prefix, func(t *testing.T) { explainBehindAProxy(t, prefix, want) })
	}
}

func explainBehindAProxy(t *testing.T, prefix string, want []string) {
	var explained string
	cfg := testConfig()
	cfg.Now = time.Now
	v := newVerifier(t, cfg)
	opts := &redoxauth.Options{Observe: func(r *http.Request, d redoxauth.Decision) { explained = redoxauth.Explain(v, r) }}
	upstream := httptest.NewServer(redoxauth.Middleware(v, opts)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	defer upstream.Close()
	to, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(http.StripPrefix("/public", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.SetXForwarded()
		if prefix != "" {
			r.Out.Header.Set("X-Forwarded-Prefix", prefix)
		}
	}}))
	defer proxy.Close()
	redox := redoxtest.SigV4{AccessKey: testSigner.key, SecretKey: testSigner.secret, AWSRegion: testSigner.region, ServiceName: testSigner.service}
	res, err := redox.Send(t.Context(), proxy.URL+"/public/redox", []byte(testBody))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	external := strings.TrimPrefix(proxy.URL, "http://")
	for _, want := range want {
		want = strings.ReplaceAll(want, "%q", strconv.Quote(external))
		if !strings.Contains(explained, want) {
			t.Errorf("status %d, no %q in:\n%s", res.StatusCode, want, explained)
		}
	}
}

// A handler of errors may explain the live request after Check has refused it, in any
// combination, and still read its body.
func TestExplainAfterCheck(t *testing.T) {
	v := newVerifier(t, testConfig())
	for name, verifier := range map[string]redoxauth.Verifier{"alone": v, "AnyOf": redoxauth.AnyOf(v, v), "AllOf": redoxauth.AllOf(v, v)} {
		r := scenario{after: host("up", "X-Forwarded-Host", "api.example.test")}.request()
		if _, err := redoxauth.Check(verifier, nil, r, nil); err == nil {
			t.Fatal("accepted")
		}
		for range 2 {
			if got := redoxauth.Explain(verifier, r); !strings.Contains(got, `- it verifies with Host "api.example.test"`) {
				t.Errorf("%s:\n%s", name, got)
			}
		}
		if body := readAll(t, r); body != testBody {
			t.Errorf("%s: the body is %q afterwards", name, body)
		}
	}
}

// What a program hands to Explain may be no request of net/http.
func TestExplainNeverPanics(t *testing.T) {
	var none *sigv4.Verifier
	for _, v := range []*sigv4.Verifier{none, new(sigv4.Verifier), newVerifier(t, testConfig())} {
		bare := scenario{}.request()
		bare.URL, bare.Body = nil, nil
		noURL := scenario{signer: wrongSecret, after: set("X-Original-Uri", "/%zz")}.request()
		noURL.URL = nil
		for _, r := range []*http.Request{nil, {}, {URL: &url.URL{}}, {Header: http.Header{"Authorization": nil}}, {Header: http.Header{"Authorization": {"AWS4-HMAC-SHA256"}}}, bare, noURL, scenario{}.request()} {
			if got := v.Explain(r); !strings.HasPrefix(got, "sigv4") || !strings.HasSuffix(got, "\n") {
				t.Errorf("%q", got)
			}
		}
	}
}
