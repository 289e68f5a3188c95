package sigv4

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

const (
	algorithm       = "AWS4-HMAC-SHA256"
	terminator      = "aws4_request"
	dateLayout      = "20060102T150405Z"
	dayLength       = len("20060102")
	unsignedPayload = "UNSIGNED-PAYLOAD"

	// Limits of what a peer without a secret can make us do. A key ID, a scope and a
	// hundred header names fit into the header. Each pair of the query costs a place in the
	// sort: less than a millisecond in all. nginx and Apache accept no longer targets.
	maxAuthorization = 4 << 10
	maxSignedHeaders = 100
	maxTarget        = 8 << 10
)

// A claim is what a request says about its signature. It is well formed, but not verified.
type claim struct {
	path, query          string // as received
	host                 string // as received; empty if none was
	keyID                string
	scope                string // "20260102/us-east-1/execute-api/aws4_request"
	day, region, service string // the parts of scope
	signedHeaders        string // "host;x-amz-date"
	names                []string
	signature            [sha256.Size]byte
	date                 string // X-Amz-Date
	time                 time.Time
	payload              string            // X-Amz-Content-Sha256; empty if absent
	token                [sha256.Size]byte // digest of X-Amz-Security-Token
	hasToken             bool
	skew                 *redoxauth.Error // set by admit if the date is older than MaxSkew
}

// reset empties c, but keeps the memory of names.
func (c *claim) reset() {
	clear(c.names)
	*c = claim{names: c.names[:0]}
}

// readClaim reads the claim of r into an empty c. The error is ErrNoCredentials unless r has
// an Authorization header of this scheme, or credentials in the query.
func (c *claim) readClaim(r *http.Request) error {
	path, query, targetErr := target(r)
	parameters, err := carrier(r, query)
	if err != nil {
		return err
	}
	if targetErr != nil {
		return targetErr
	}
	c.path, c.query, c.host = path, query, receivedHost(r)
	if err := c.setParameters(parameters); err != nil {
		return err
	}
	if !c.signs("host") {
		return redoxauth.Errorf(redoxauth.ErrRejected, "unsigned_header", "host is not signed")
	}
	dates, payloads, tokens := r.Header["X-Amz-Date"], r.Header["X-Amz-Content-Sha256"], r.Header["X-Amz-Security-Token"]
	if len(dates) != 1 || len(payloads) > 1 || len(tokens) > 1 {
		return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%d X-Amz-Date, %d X-Amz-Content-Sha256 and %d X-Amz-Security-Token headers, want 1, at most 1 and at most 1",
			len(dates), len(payloads), len(tokens))
	}
	c.date = dates[0]
	var ok bool
	if c.time, ok = parseDate(c.date); !ok {
		return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "X-Amz-Date is not of the form YYYYMMDD'T'HHMMSS'Z'")
	}
	if len(payloads) == 1 {
		if c.payload = payloads[0]; c.payload == "" {
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "X-Amz-Content-Sha256 is empty")
		}
	}
	if c.hasToken = len(tokens) == 1; c.hasToken {
		c.token = sha256.Sum256([]byte(tokens[0]))
	}
	return nil
}

// target returns the path and the query as they were received. It takes them from
// r.RequestURI: routers and http.StripPrefix change r.URL, and r.URL.Path has lost the
// difference between "%2F" and "/". Some adapters, such as those of AWS Lambda, set only
// r.URL.
//
// The target is a path, or an absolute URI (RFC 9112, Section 3.2). Of "x:y://host/redox"
// net/http makes an opaque URL: a handler sees the path "", and ReverseProxy sends it to the
// host in it. The target of CONNECT is no path either. An absolute target must not name a
// user. In HTTP/2 it must name r.Host; in HTTP/1 net/http took r.Host from it.
func target(r *http.Request) (path, query string, err error) {
	switch {
	case r.Method == http.MethodConnect:
		return "", "", redoxauth.Errorf(redoxauth.ErrMalformed, "path", "the method is CONNECT, whose request target is not a path")
	case r.URL != nil && r.URL.Opaque != "":
		return "", "", redoxauth.Errorf(redoxauth.ErrMalformed, "path", "the request target has the scheme %q without a host, want a path or scheme://host/path", shorten(r.URL.Scheme))
	case r.RequestURI != "":
		path, query, _ = strings.Cut(r.RequestURI, "?")
		if scheme, rest, absolute := strings.Cut(path, "://"); absolute && isScheme(scheme) {
			var host string
			host, path, _ = strings.Cut(rest, "/")
			if strings.Contains(host, "@") || r.ProtoMajor > 1 && host != receivedHost(r) {
				return "", "", redoxauth.Errorf(redoxauth.ErrMalformed, "path", "the request target names a user, or another host than Host")
			}
			path = "/" + path
		}
	case r.URL != nil:
		path, query = cmp.Or(r.URL.EscapedPath(), "/"), r.URL.RawQuery
	}
	if !strings.HasPrefix(path, "/") {
		start, _, _ := strings.Cut(path, ":") // a password may follow
		return "", "", redoxauth.Errorf(redoxauth.ErrMalformed, "path", "the request target starts with %q, want a path or scheme://host/path", shorten(start))
	}
	if len(path)+len(query) > maxTarget {
		return "", "", redoxauth.Errorf(redoxauth.ErrMalformed, "path", "path and query are longer than 8 KiB")
	}
	return path, query, nil
}

// isScheme reports whether s is the scheme of a URI (RFC 3986, Section 3.1).
func isScheme(s string) bool {
	return schemeChars.hasAll(s) && 'a' <= s[0]|0x20 && s[0]|0x20 <= 'z'
}

// carrier returns the parameters of the Authorization header. Credentials are accepted
// there only: MinIO also accepted them in the query, and then checked no signature if there
// was no Authorization header (CVE-2026-41145).
func carrier(r *http.Request, query string) (parameters string, err error) {
	values := r.Header["Authorization"]
	switch {
	case len(values) > 1:
		return "", redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "more than one Authorization header")
	case len(values) == 0 && hasCredentials(query):
		return "", redoxauth.Errorf(redoxauth.ErrRejected, "query", "credentials in the query, want an Authorization header")
	case len(values) == 0:
		return "", errMissing
	}
	// RFC 9110 compares the scheme in any case. Here it is the algorithm of the string to
	// sign, so it must be exact. "AWS4-HMAC-SHA256-PAYLOAD" is another algorithm.
	parameters, ours := strings.CutPrefix(values[0], algorithm)
	if !ours || parameters != "" && parameters[0] != ' ' && parameters[0] != '\t' {
		return "", errMissing
	}
	if hasCredentials(query) {
		return "", redoxauth.Errorf(redoxauth.ErrMalformed, "query", "credentials in the query and in the Authorization header")
	}
	return parameters, nil
}

// errMissing costs no allocation: AnyOf asks every Verifier. Verify returns a copy of it.
var errMissing = redoxauth.Errorf(redoxauth.ErrNoCredentials, "missing", "")

// hasCredentials reports whether a query carries a signature. It compares names in any
// case: aws-iam-authenticator was fooled by a second spelling (CVE-2022-2385).
func hasCredentials(query string) bool {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, _, _ := strings.Cut(pair, "=")
		if len(name) < len("X-Amz-Signature") {
			continue
		}
		if strings.IndexByte(name, '%') >= 0 {
			name, _ = url.QueryUnescape(name)
		}
		for _, own := range [...]string{"X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential"} {
			if strings.EqualFold(name, own) {
				return true
			}
		}
	}
	return false
}

// setParameters parses what follows the scheme: three fields, each exactly once, in any
// order. If a field is repeated, AWS uses the last one. We refuse it.
func (c *claim) setParameters(parameters string) error {
	if len(parameters) > maxAuthorization {
		return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "the Authorization header is longer than 4 KiB")
	}
	var credential, signature string
	for rest, more := parameters, true; more; {
		var field string
		field, rest, more = strings.Cut(rest, ",")
		name, value, _ := strings.Cut(strings.Trim(field, " \t"), "=")
		var to *string
		switch name {
		case "Credential":
			to = &credential
		case "SignedHeaders":
			to = &c.signedHeaders
		case "Signature":
			to = &signature
		default:
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "the Authorization header has an unknown field")
		}
		if *to != "" || value == "" {
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%s is repeated or empty", name)
		}
		*to = value
	}
	if credential == "" || c.signedHeaders == "" || signature == "" {
		return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "the Authorization header lacks Credential, SignedHeaders or Signature")
	}
	var end string
	c.keyID, c.scope, _ = strings.Cut(credential, "/")
	c.day, end, _ = strings.Cut(c.scope, "/")
	c.region, end, _ = strings.Cut(end, "/")
	c.service, end, _ = strings.Cut(end, "/")
	if end != terminator || c.keyID == "" || len(c.day) != dayLength || c.region == "" || c.service == "" {
		return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "Credential is not of the form key/yyyymmdd/region/service/"+terminator)
	}
	if len(signature) != hex.EncodedLen(len(c.signature)) || !lowerHex.hasAll(signature) {
		return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "Signature is not 64 lower-case hexadecimal digits")
	}
	hex.Decode(c.signature[:], []byte(signature))
	return c.setNames()
}

// setNames splits SignedHeaders. The names must be in lower case, sorted and unique, so
// that one signature has one list. Vault accepted an unsorted list, and one with repeated
// or absent names: attackers could choose what was signed (CVE-2020-16250).
func (c *claim) setNames() error {
	var last, name string
	for rest, more := c.signedHeaders, true; more; last = name {
		name, rest, more = strings.Cut(rest, ";")
		if !lowerToken.hasAll(name) || name <= last {
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "SignedHeaders is not lower-case, sorted and unique")
		}
		if name == "authorization" {
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "SignedHeaders names authorization, which holds the signature")
		}
		if len(c.names) == maxSignedHeaders {
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "SignedHeaders has more than 100 names")
		}
		c.names = append(c.names, name)
	}
	return nil
}

// signs reports whether SignedHeaders has a name, in any case.
func (c *claim) signs(name string) bool {
	for _, signed := range c.names {
		if len(signed) == len(name) && strings.EqualFold(signed, name) {
			return true
		}
	}
	return false
}

// needsBody reports whether the canonical request depends on the body: on its hash, or on its
// length if content-length is signed and did not arrive.
func (c *claim) needsBody(r *http.Request) bool { return c.payload == "" || c.needsLength(r) }

func (c *claim) needsLength(r *http.Request) bool {
	return r.ContentLength <= 0 && r.Body != nil && r.Body != http.NoBody && r.Header["Content-Length"] == nil && c.signs("content-length")
}

// parseDate parses a date of dateLayout. time.Parse also accepts fractions of a second,
// and takes twice as long.
func parseDate(s string) (t time.Time, ok bool) {
	if len(s) != len(dateLayout) || s[8] != 'T' || s[15] != 'Z' {
		return t, false
	}
	var n [7]int
	for i, at := range [...]int{0, 2, 4, 6, 9, 11, 13} {
		tens, ones := s[at]-'0', s[at+1]-'0'
		if tens > 9 || ones > 9 {
			return t, false
		}
		n[i] = 10*int(tens) + int(ones)
	}
	month, day, hour, minute, second := time.Month(n[2]), n[3], n[4], n[5], n[6]
	t = time.Date(100*n[0]+n[1], month, day, hour, minute, second, 0, time.UTC)
	return t, t.Month() == month && t.Day() == day && hour < 24 && minute < 60 && second < 60
}

// A charset is a set of bytes. To look a byte up is faster than to compare it with "0", "9",
// "a" and "f": in hexadecimal digits a processor predicts every third branch wrongly.
type charset [256]bool

func newCharset(chars string) (set charset) {
	for i := range len(chars) {
		set[chars[i]] = true
	}
	return set
}

var (
	lowerHex   = newCharset("0123456789abcdef")
	lowerToken = newCharset("0123456789abcdefghijklmnopqrstuvwxyz!#$%&'*+-.^_`|~") // RFC 9110
	unreserved = newCharset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~")

	schemeChars = newCharset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-.")
)

// hasAll reports whether s is not empty, and all its bytes are in the set.
func (set *charset) hasAll(s string) bool {
	for i := range len(s) {
		if !set[s[i]] {
			return false
		}
	}
	return s != ""
}

// shorten limits what a peer can write into an error.
func shorten(s string) string { return s[:min(len(s), 64)] }
