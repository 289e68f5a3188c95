package sigv4senders

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// signedHeaders returns the names in SignedHeaders.
func (r *recording) signedHeaders() []string {
	_, rest, _ := strings.Cut(string(r.raw), "SignedHeaders=")
	list, _, _ := strings.Cut(rest, ",")
	list, _, _ = strings.Cut(list, "\r\n")
	return strings.Split(list, ";")
}

// covered returns what the signature of a request covers and what it says: the canonical
// request, the date and the parts of Authorization. Two requests with the same are one to a
// signer. The error is that of a body that cannot be read to its end. The function is written
// from the AWS documentation and shares nothing with strategies/sigv4.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func covered(r *http.Request, cfg sigv4.Config, s3 bool) (string, error) {
	body, err := io.ReadAll(r.Body)
	algorithm, list, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	fields := map[string]string{}
	for field := range strings.SplitSeq(list, ",") {
		name, value, _ := strings.Cut(strings.Trim(field, " \t"), "=")
		fields[name] = value
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	var out strings.Builder
	fmt.Fprintln(&out, algorithm, fields, r.Header["Authorization"][1:], r.Header["X-Amz-Date"])
	fmt.Fprintln(&out, r.Method, canonicalPath(path, cfg, s3), canonicalQuery(query))

	names := strings.Split(fields["SignedHeaders"], ";")
	for name := range r.Header { // these must be signed
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && name != "x-amz-content-sha256" && name != "x-amz-cf-id" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		values := r.Header[textproto.CanonicalMIMEHeaderKey(name)]
		switch name {
		case "host":
			values = []string{r.Host}
		case "content-length":
			values = []string{fmt.Sprint(r.ContentLength)}
		case "transfer-encoding":
			values = r.TransferEncoding
		}
		value := strings.Join(values, ",")
		fmt.Fprintf(&out, "%s:%d:%s\n", name, min(len(values), 1), strings.Join(strings.FieldsFunc(value, blank), " "))
	}

	sum := sha256.Sum256(body)
	payload := hex.EncodeToString(sum[:])
	if declared := r.Header.Values("X-Amz-Content-Sha256"); len(declared) == 1 && declared[0] == "UNSIGNED-PAYLOAD" {
		payload = declared[0]
	} else if len(declared) > 1 || len(declared) == 1 && declared[0] != payload {
		payload += fmt.Sprint(" but declared ", declared)
	}
	fmt.Fprintln(&out, payload)
	return out.String(), err
}

func blank(c rune) bool { return c == ' ' || c == '\t' }

func canonicalPath(path string, cfg sigv4.Config, s3 bool) string {
	if !s3 && !cfg.DisablePathNormalization {
		var kept []string
		for _, segment := range strings.Split(path, "/") {
			if segment != "" {
				kept = append(kept, segment)
			}
		}
		slash := ""
		if strings.HasSuffix(path, "/") && len(kept) > 0 {
			slash = "/"
		}
		path = "/" + strings.Join(kept, "/") + slash
	}
	return path // its encoding, once or twice, is one to one
}

func canonicalQuery(query string) string {
	var pairs []string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name == "" && value == "" {
			continue
		}
		pairs = append(pairs, escaped(name)+"="+escaped(value))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func escaped(s string) string {
	decoded, err := url.QueryUnescape(s)
	if err != nil {
		return "invalid " + s
	}
	return url.QueryEscape(decoded)
}

func TestCoveredSeesEveryPart(t *testing.T) {
	const genuine = "POST /a//b?b=x+y&a=1 HTTP/1.1\r\nHost: h\r\nX-Own:  a   b\r\nX-Amz-Date: 20260102T030405Z\r\nContent-Length: 2\r\n" +
		"Authorization: AWS4-HMAC-SHA256 Credential=K/s, SignedHeaders=host;x-amz-date;x-own, Signature=0f\r\n\r\n{}"
	of := func(raw string) string {
		r, err := parse([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		got, err := covered(r, sigv4.Config{}, false)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, tt := range []struct {
		old, new string
		same     bool
	}{
		{"//", "/", true}, {"b=x+y&a=1", "a=1&b=x%20y", true}, {"  a   b", "a b", true}, {"X-Own", "x-oWN", true}, {"/s, S", "/s,S", true},
		{"Host: h", "Host: h\r\nX-Unsigned: 1", true}, {"Host: h", "Host: h\r\nX-Amz-Target: 1", false},
		{"POST", "PUT", false}, {"/b", "/c", false}, {"a=1", "a=2", false}, {"a   b", "ab", false}, {"Host: h", "Host: i", false},
		{"X-Own:  a", "X-Own: a\r\nX-Own: a", false}, {"05Z", "06Z", false}, {"0f", "0e", false}, {"K/s", "L/s", false}, {"{}", "[]", false},
	} {
		if got := of(strings.Replace(genuine, tt.old, tt.new, 1)) == of(genuine); got != tt.same {
			t.Errorf("%q for %q: the same: %v, want %v", tt.new, tt.old, got, tt.same)
		}
	}
}
