package sigv4_test

import (
	"bytes"
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
	"time"
)

// A form is a second, independent statement of what a signature covers, made of the
// standard library's parsers rather than of ours: tests sign with it, and ask it
// whether a change to a request should matter.
type form struct {
	keepPath, encodeOnce bool
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
	authority    = regexp.MustCompile(`^[^/?]*://([^/?]*)`)
	rawDots      = regexp.MustCompile(`/\.{1,2}(/|$)`)
	escapedDots  = regexp.MustCompile(`(?i)/(\.?%2e|%2e\.?|%2e%2e)(/|$)`)
	escapedSlash = regexp.MustCompile(`(?i)%2f|%5c|\\`)
)

func (f form) path(r *http.Request) (string, bool) {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if absolute := authority.FindStringSubmatch(path); absolute != nil && (strings.Contains(absolute[1], "@") || r.ProtoMajor > 1 && absolute[1] != r.Host) {
		return "", false
	}
	if path = authority.ReplaceAllString(path, ""); path == "" {
		path = "/"
	}
	path = f.prefix + path
	if _, err := url.PathUnescape(path); err != nil || path[0] != '/' {
		return "", false
	}
	raw, escaped := rawDots.MatchString(path), escapedDots.MatchString(path)
	if !f.keepPath && (raw && escaped || (raw || escaped) && escapedSlash.MatchString(path)) {
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
}

var (
	testDate   = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	testSigner = signer{key: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", region: "us-east-1", service: "execute-api", date: testDate}
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
	day := s.scopeDay
	if day == "" {
		day = date[:8]
	}
	scope := strings.Join([]string{day, s.region, s.service, "aws4_request"}, "/")
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		s.key, scope, strings.Join(signed, ";"), signature(s.secret, date, scope, request)))
	return r
}

func signature(secret, date, scope, request string) string {
	key := []byte("AWS4" + secret)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", date, scope, sha256.Sum256([]byte(request)))))
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}
