package sigv4_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// A form is a second, independent implementation of the canonical request. It uses the
// parsers of the standard library. Tests sign with it, and ask it whether a change to a
// request should matter.
type form struct {
	keepPath, encodeOnce bool
	dots                 bool // dot segments are allowed
	prefix               string
}

// canonical returns the canonical request of r, or false if r should have none.
func (f form) canonical(r *http.Request, body []byte, host string, signedHeaders []string, payload string) (string, bool) {
	path, ok := f.path(r)
	if !ok {
		return "", false
	}
	_, rawQuery, _ := strings.Cut(r.RequestURI, "?")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return "", false
	}
	var pairs [][2]string
	for name, values := range query {
		for _, value := range values {
			pairs = append(pairs, [2]string{escape(name), escape(value)})
		}
	}
	sort.Slice(pairs, func(i, j int) bool {
		return pairs[i][0] < pairs[j][0] || pairs[i][0] == pairs[j][0] && pairs[i][1] < pairs[j][1]
	})
	var parameters []string
	for _, p := range pairs {
		parameters = append(parameters, p[0]+"="+p[1])
	}
	lines := []string{r.Method, path, strings.Join(parameters, "&")}
	for _, name := range signedHeaders {
		var values []string
		for _, value := range r.Header.Values(name) {
			values = append(values, strings.Join(strings.FieldsFunc(value, func(c rune) bool { return c == ' ' || c == '\t' }), " "))
		}
		switch {
		case name == "host":
			values = []string{host}
		case name == "transfer-encoding":
			values = r.TransferEncoding
		case name == "content-length" && values == nil:
			values = []string{fmt.Sprint(len(body))}
		}
		if values == nil {
			return "", false
		}
		lines = append(lines, name+":"+strings.Join(values, ","))
	}
	if payload == "" {
		payload = fmt.Sprintf("%x", sha256.Sum256(body))
	}
	lines = append(lines, "", strings.Join(signedHeaders, ";"), payload)
	return strings.Join(lines, "\n"), true
}

var (
	authority    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://([^/?]*)`)
	rawDots      = regexp.MustCompile(`/\.{1,2}(/|$)`)
	escapedSlash = regexp.MustCompile(`(?i)%2f|%5c|\\`)
)

// wirePath returns the path of r on the wire, or false if its target has none.
func wirePath(r *http.Request) (string, bool) {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if absolute := authority.FindStringSubmatch(path); absolute != nil {
		if strings.Contains(absolute[1], "@") || r.ProtoMajor > 1 && absolute[1] != r.Host {
			return "", false
		}
		if path = path[len(absolute[0]):]; path == "" {
			path = "/"
		}
	}
	_, err := url.PathUnescape(path)
	return path, err == nil && strings.HasPrefix(path, "/")
}

// dotSegments reports whether a path has dot segments as it is, and others once it is decoded.
func dotSegments(path string) (raw, escaped bool) {
	for rawDots.MatchString(path) {
		raw = true
		path = rawDots.ReplaceAllString(path, "/x$1")
	}
	decoded, _ := url.PathUnescape(path)
	return raw, rawDots.MatchString(strings.ReplaceAll(decoded, `\`, "/"))
}

func (f form) path(r *http.Request) (string, bool) {
	path, ok := wirePath(r)
	if !ok {
		return "", false
	}
	path = f.prefix + path
	if u, err := url.ParseRequestURI(path); err != nil || strings.Count(u.EscapedPath(), "/") != strings.Count(path, "/") {
		return "", false // a handler would see other segments
	}
	raw, escaped := dotSegments(path)
	if (raw || escaped) && (!f.dots || f.prefix != "" || !f.keepPath && (raw && escaped || escapedSlash.MatchString(path))) {
		return "", false
	}
	segments := strings.Split(path, "/")[1:]
	if !f.keepPath {
		var kept []string
		for i, segment := range segments {
			switch {
			case segment == ".." && len(kept) > 0:
				kept = kept[:len(kept)-1]
			case segment == "" && i == len(segments)-1 && len(kept) > 0:
				kept = append(kept, "")
			case segment == "" || segment == "." || segment == "..":
			default:
				kept = append(kept, segment)
			}
		}
		segments = kept
	}
	for i := range segments {
		if f.encodeOnce {
			segments[i] = regexp.MustCompile(`[^\x00-\x7f]+`).ReplaceAllStringFunc(segments[i], url.PathEscape)
		} else {
			segments[i] = escape(segments[i])
		}
	}
	return "/" + strings.Join(segments, "/"), true
}

// escape is the URI encoding of SigV4: all but unreserved characters.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// A signer signs requests as its fields say, also wrongly.
type signer struct {
	form
	key, secret, token string
	region, service    string
	scopeDay           string // default: that of date
	date               time.Time
	host               string   // default: r.Host
	signed             []string // default: host, the x-amz-* headers, content-type
	payload            string   // X-Amz-Content-Sha256: "" none, "hash" the body's, else as it is

	edit     func(canonical string) string // what a sender does differently; default: nothing
	keyScope string                        // that the key is derived for; default: the right one
}

var (
	testDate   = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	testSigner = signer{form: form{dots: true}, key: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", region: "us-east-1", service: "execute-api", date: testDate}
)

// sign signs r, whose RequestURI must be set.
func (s signer) sign(r *http.Request) *http.Request {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	date := s.date.Format("20060102T150405Z")
	r.Header.Set("X-Amz-Date", date)
	if s.token != "" {
		r.Header.Set("X-Amz-Security-Token", s.token)
	}
	payload := s.payload
	if payload == "hash" {
		payload = fmt.Sprintf("%x", sha256.Sum256(body))
	}
	if payload != "" {
		r.Header.Set("X-Amz-Content-Sha256", payload)
	}
	signed := s.signed
	if signed == nil {
		signed = append(signed, "host")
		for name := range r.Header {
			if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") || name == "content-type" {
				signed = append(signed, name)
			}
		}
		sort.Strings(signed)
	}
	host := s.host
	if host == "" {
		host = r.Host
	}
	request, _ := s.canonical(r, body, host, signed, payload)
	if s.edit != nil {
		request = s.edit(request)
	}
	day := s.scopeDay
	if day == "" {
		day = date[:8]
	}
	scope := strings.Join([]string{day, s.region, s.service, "aws4_request"}, "/")
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		s.key, scope, strings.Join(signed, ";"), signatureWith(s.secret, cmp.Or(s.keyScope, scope), date, scope, request)))
	return r
}

func signature(secret, date, scope, request string) string {
	return signatureWith(secret, scope, date, scope, request)
}

// signatureWith signs with a key that is derived for keyScope.
func signatureWith(secret, keyScope, date, scope, request string) string {
	key := []byte("AWS4" + secret)
	for _, part := range strings.Split(keyScope, "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", date, scope, sha256.Sum256([]byte(request)))))
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}

var parameters = regexp.MustCompile(`[ \t,]+`)

// meaning returns everything that the signature of a request on the wire covers, or false if
// the request has no canonical form.
func (f form) meaning(raw []byte) (string, bool) {
	r, err := parse(raw)
	if err != nil {
		return "", false
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", false
	}
	fields := parameters.Split(r.Header.Get("Authorization"), -1)
	sort.Strings(fields)
	var signedHeaders []string
	for _, field := range fields {
		if list, ok := strings.CutPrefix(field, "SignedHeaders="); ok {
			signedHeaders = strings.Split(list, ";")
		}
	}
	canonical, ok := f.canonical(r, body, r.Host, signedHeaders, r.Header.Get("X-Amz-Content-Sha256"))
	return fmt.Sprintf("%s\n%q\n%x", canonical, fields, sha256.Sum256(body)), ok
}

// mutate changes each byte of raw in one of five ways, and calls do with the result. turn
// selects the first way.
func mutate(raw []byte, turn int, do func(at int, changed []byte)) {
	for at, b := range raw {
		to := []string{string([]byte{b ^ 1}), string([]byte{b ^ 0x20}), " ", "", string([]byte{b, b})}[(at+turn)%5]
		do(at, bytes.Join([][]byte{raw[:at], []byte(to), raw[at+1:]}, nil))
	}
}

// A request with one changed byte passes only if the independent form says that nothing
// changed that the signature covers.
func TestOneByteMutations(t *testing.T) {
	var accepted, refused int
	for i, c := range captures(t) {
		if c.Strict == nil || !*c.Strict && !c.StrictKept {
			continue
		}
		keep := !*c.Strict
		v := newVerifier(t, c.config(keep))
		f := form{dots: true, keepPath: keep || c.Service == "s3", encodeOnce: c.Service == "s3"}
		want, ok := f.meaning(c.raw)
		if !ok {
			t.Fatalf("%s: no canonical form", c.File)
		}
		mutate(c.raw, i, func(at int, changed []byte) {
			r, err := parse(changed)
			if err != nil {
				refused++
				return
			}
			if _, err = v.Verify(r); err != nil {
				refused++
				return
			}
			accepted++
			if got, _ := f.meaning(changed); got != want {
				t.Errorf("%s: accepted with byte %d changed:\n%s\nwas\n%s", c.File, at, got, want)
			}
		})
	}
	t.Logf("%d mutations refused, %d accepted because they change nothing that is signed", refused, accepted)
	if accepted == 0 || refused == 0 {
		t.Error("the mutations did not reach both outcomes")
	}
}

// FuzzAWSSigner: what AWS's own signer signs must verify. (It does not normalize paths.) If a
// byte is changed on the wire afterwards, the request must be refused, unless the
// independent form is unchanged.
func FuzzAWSSigner(f *testing.F) {
	f.Add("/redox/a%20b//../%2F", "b=2&a=1&a=0&flag", "a  b", testBody, true, false, 30, byte('x'))
	f.Add("/", "", "", "", false, true, 0, byte('p'))
	f.Add("/prod/\u00fc/c:d@e,(f)*!'", "a-b=1&a=2&plus=a%2Bb&sp=a+b", `"quoted   value"`, "{}", false, false, 200, byte(' '))
	f.Add("//redox//", "B=%E1%88%B4&a", "é", "[]", true, true, 90, byte('%'))
	f.Fuzz(func(t *testing.T, path, query, value, body string, declare, s3 bool, at int, to byte) {
		r, err := http.NewRequest(http.MethodPost, "http://api.example.test"+path, strings.NewReader(body))
		if err != nil || path == "" || path[0] != '/' || strings.ContainsAny(path, "?#") {
			t.Skip("not a path")
		}
		r.URL.RawQuery = query
		if !sortsAlike(r.URL.Query()) {
			t.Skip("AWS's signer sorts by the names before encoding, its documentation after it")
		}
		if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			t.Skip("AWS's signer keeps tabs")
		}
		if strings.TrimSpace(value) != strings.Trim(value, " ") {
			t.Skip("AWS's signer for Go trims the white space of Unicode too, such as U+0085, and its documentation that of ASCII")
		}
		r.Header.Set("X-Redox-Note", value)
		service := "execute-api"
		if s3 {
			service = "s3"
		}
		raw, ok := awsSigned(t, r, service, body, declare)
		if !ok {
			t.Skip("not a request")
		}
		cfg := testConfig()
		cfg.Service, cfg.DisablePathNormalization, cfg.InsecureAllowDotSegments = service, true, true
		v := newVerifier(t, cfg)
		received, err := parse(raw)
		if err != nil {
			t.Skip("net/http refuses it")
		}
		if len(received.RequestURI) > 8<<10 {
			t.Skip("longer than the limit")
		}
		if _, err := v.Verify(received); err != nil {
			t.Fatalf("%v\n%q\n%s", err, raw, v.Explain(received))
		}
		checkDotSegments(t, cfg, received)
		independent := form{dots: true, keepPath: true, encodeOnce: s3}
		want, ok := independent.meaning(raw)
		if !ok {
			t.Fatalf("no canonical form: %q", raw)
		}
		changed := bytes.Clone(raw)
		changed[uint(at)%uint(len(raw))] = to
		if received, err = parse(changed); err != nil {
			return
		}
		if _, err := v.Verify(received); err != nil {
			return
		}
		if got, _ := independent.meaning(changed); got != want {
			t.Errorf("accepted:\n%s\nwas\n%s", got, want)
		}
	})
}

// awsSigned returns the bytes of r on the wire after AWS's signer signed it.
func awsSigned(t *testing.T, r *http.Request, service, body string, declare bool) ([]byte, bool) {
	t.Helper()
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(body)))
	if declare {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	credentials := aws.Credentials{AccessKeyID: testSigner.key, SecretAccessKey: testSigner.secret}
	if err := signer.SignHTTP(context.Background(), credentials, r, hash, service, testSigner.region, testDate); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	err := r.Write(&raw)
	return raw.Bytes(), err == nil
}

func sortsAlike(query map[string][]string) bool {
	var names []string
	for name, values := range query {
		names = append(names, name)
		if !sort.SliceIsSorted(sorted(values), func(i, j int) bool { return escape(values[i]) < escape(values[j]) }) {
			return false
		}
	}
	names = sorted(names)
	return sort.SliceIsSorted(names, func(i, j int) bool { return escape(names[i]) < escape(names[j]) })
}

func sorted(s []string) []string {
	sort.Strings(s)
	return s
}

// FuzzTarget: a target is accepted exactly if the independent form accepts it, and then a
// handler sees the path that was verified.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"/", "/a%20b//../c?b=2&a=x+y&a", "http://h/x?y", "/%2e%2e/\u1234?\u1234=%c3%bc", "*", "/?a;b", "/?%", "/%zz", "/%", "/a%2", "?", "/a?b?c=d",
		"http://api.example.test/a", "http://u:p@api.example.test/a", "/a%2Fb/../c", "/a%5c/%2E./c", "/a/%2e/../c", "/./a\\b",
		"x:y://h/redox", "x:http://h/redox", "http:/redox", "http:redox", "1x://h/redox", "://h/redox", "x/y://h/redox", "X+y-1.z://h/redox", "api.example.test:443",
		"//h/redox", "/x:y://h", "/a%2F../b", "/a/..%2fb", "/a%5C.%5cb", `/a\..\b`, "/..%2F../x", "/a/..b%2F...%2Fc", "http://h//x/%2e"} {
		for flags := range byte(16) {
			f.Add(seed, flags)
		}
	}
	f.Fuzz(func(t *testing.T, target string, flags byte) {
		cfg, s := testConfig(), testSigner
		s.keepPath, s.encodeOnce, s.dots = flags&1 != 0, flags&2 != 0, flags&8 != 0
		cfg.DisablePathNormalization, cfg.DisableDoubleEncoding, cfg.InsecureAllowDotSegments = s.keepPath, s.encodeOnce, s.dots
		if flags&4 != 0 {
			cfg.PathPrefix, s.prefix = "/api", "/api"
		}
		r := request("/")
		r.Body, r.ContentLength = http.NoBody, 0
		if r.RequestURI = target; target == "" {
			t.Skip("no target")
		}
		_, readable := s.canonical(r, nil, r.Host, nil, "")
		v := newVerifier(t, cfg)
		_, err := v.Verify(s.sign(r))
		checkExplained(t, v, r, err)
		odd := len(target) > 8<<10 || strings.ContainsFunc(target, func(c rune) bool { return c <= ' ' || c == 0x7f }) ||
			strings.Contains(strings.ToLower(target), "x-amz-")
		if parsed, parseErr := url.ParseRequestURI(target); parseErr == nil && err == nil { // as net/http does
			path, _ := wirePath(r)
			if verified, _ := url.PathUnescape(path); parsed.Opaque != "" || verified != parsed.Path && verified+parsed.Path != "/" {
				t.Errorf("%q: verified %q, a handler sees %q", target, verified, parsed.Path)
			}
		}
		switch {
		case err == nil && !readable:
			t.Errorf("%q: accepted without canonical form", target)
		case err != nil && readable && !odd:
			t.Errorf("%q: %v", target, err)
		}
	})
}

// checkExplained checks that Explain says what Verify decided, and shows no secret.
func checkExplained(t *testing.T, v *sigv4.Verifier, r *http.Request, err error) {
	t.Helper()
	first, rest, _ := strings.Cut(v.Explain(r), "\n")
	switch {
	case err == nil && !strings.HasPrefix(first, "sigv4: accepted: "), err != nil && first != err.Error():
		t.Errorf("Verify: %v, Explain: %s", err, first)
	case err != nil && strings.Contains(rest, "signature: it holds") && strings.Contains(first, "(signature)"):
		t.Errorf("%s, and yet:\n%s", first, rest)
	}
	if _, sent, _ := strings.Cut(r.Header.Get("Authorization"), "Signature="); len(sent) >= 64 && strings.Contains(rest, sent[:64]) || strings.Contains(rest, testSigner.secret) {
		t.Errorf("a secret or a signature is in:\n%s", rest)
	}
}

// FuzzAuthorization: a header passes only if it has the fields of the genuine one.
func FuzzAuthorization(f *testing.F) {
	genuine := testSigner.sign(request("/")).Header.Get("Authorization")
	fields := func(h string) []string { return sorted(parameters.Split(strings.TrimRight(h, " \t"), -1)) }
	want := strings.Join(fields(genuine), " ")
	for _, seed := range []string{
		genuine, strings.ReplaceAll(genuine, ", ", ","), genuine + ",", genuine + ", Signature=0", strings.ToUpper(genuine), "Bearer x", "AWS4-HMAC-SHA256",
		"AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request,SignedHeaders=host;host,Signature=", strings.Replace(genuine, "host", "host;host", 1),
		strings.Replace(genuine, "AKIDEXAMPLE", "AKIDNOBODY", 1), strings.Replace(genuine, "content-type;", "", 1),
	} {
		f.Add(seed)
	}
	v := newVerifier(f, testConfig())
	f.Fuzz(func(t *testing.T, header string) {
		r := scenario{target: "/", after: set("Authorization", header)}.request()
		_, err := v.Verify(r)
		checkExplained(t, v, r, err)
		if same := strings.Join(fields(header), " ") == want; err == nil && !same {
			t.Errorf("accepted %q", header)
		}
		if err != nil && header == genuine {
			t.Error(err)
		}
	})
}
