package sigv4

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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
	if err := c.checkHost(); err != nil {
		return err
	}
	return c.setHeaders(r)
}

func (c *claim) checkHost() error {
	if !c.signs("host") {
		return redoxauth.Errorf(redoxauth.ErrRejected, "unsigned_header", "host is absent from SignedHeaders %s, want it signed (fixed by Signature Version 4)", quote(c.signedHeaders))
	}
	return nil
}

// setHeaders reads the x-amz-* headers that every signature has or may have.
func (c *claim) setHeaders(r *http.Request) error {
	dates, payloads, tokens := r.Header["X-Amz-Date"], r.Header["X-Amz-Content-Sha256"], r.Header["X-Amz-Security-Token"]
	switch {
	case len(dates) == 0:
		return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "X-Amz-Date is absent, want the time of the signature in it (the header Date does not replace it)")
	case len(dates) > 1:
		return repeated("X-Amz-Date", len(dates))
	case len(payloads) > 1:
		return repeated("X-Amz-Content-Sha256", len(payloads))
	case len(tokens) > 1:
		return repeated("X-Amz-Security-Token", len(tokens))
	}
	c.date = dates[0]
	var ok bool
	if c.time, ok = parseDate(c.date); !ok {
		return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "X-Amz-Date is %s%s, want UTC of the form YYYYMMDD'T'HHMMSS'Z', such as 20261129T083000Z", quote(c.date), otherDate(c.date))
	}
	if len(payloads) == 1 {
		if c.payload = payloads[0]; c.payload == "" {
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "X-Amz-Content-Sha256 is empty, want the SHA-256 of the body or no such header")
		}
	}
	if c.hasToken = len(tokens) == 1; c.hasToken {
		c.token = sha256.Sum256([]byte(tokens[0]))
	}
	return nil
}

func repeated(name string, n int) error {
	return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%s arrived %d times, want it once", name, n)
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
		return "", "", redoxauth.Errorf(redoxauth.ErrMalformed, "path", "the request target has the scheme %s without a host, want a path or scheme://host/path", quote(r.URL.Scheme))
	case r.RequestURI != "":
		path, query, _ = strings.Cut(r.RequestURI, "?")
		if scheme, rest, absolute := strings.Cut(path, "://"); absolute && isScheme(scheme) {
			var host string
			host, path, _ = strings.Cut(rest, "/")
			switch {
			case strings.Contains(host, "@"): // a password may precede
				return "", "", redoxauth.Errorf(redoxauth.ErrMalformed, "path", "the request target names a user before the host, want a path or scheme://host/path")
			case r.ProtoMajor > 1 && host != receivedHost(r):
				return "", "", redoxauth.Errorf(redoxauth.ErrMalformed, "path", "the request target names the host %s, want that of Host, %s", quote(host), quote(receivedHost(r)))
			}
			path = "/" + path
		}
	case r.URL != nil:
		path, query = cmp.Or(r.URL.EscapedPath(), "/"), r.URL.RawQuery
	}
	if !strings.HasPrefix(path, "/") {
		start, _, _ := strings.Cut(path, ":") // a password may follow
		return "", "", redoxauth.Errorf(redoxauth.ErrMalformed, "path", "the request target starts with %s, want a path or scheme://host/path", quote(start))
	}
	if len(path)+len(query) > maxTarget {
		return "", "", redoxauth.Errorf(redoxauth.ErrMalformed, "path", "path and query have %d bytes, want at most %d", len(path)+len(query), maxTarget)
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
		return "", repeated("Authorization", len(values))
	case len(values) == 0 && hasCredentials(query):
		return "", redoxauth.Errorf(redoxauth.ErrRejected, "query", "the signature is in the query (X-Amz-Signature, a presigned URL), want it in an Authorization header")
	case len(values) == 0:
		return "", errMissing
	}
	// RFC 9110 compares the scheme in any case. Here it is the algorithm of the string to
	// sign, so it must be exact. "AWS4-HMAC-SHA256-PAYLOAD" is another algorithm.
	parameters, ours := strings.CutPrefix(values[0], algorithm)
	if !ours || parameters != "" && parameters[0] != ' ' && parameters[0] != '\t' {
		return "", otherScheme(values[0])
	}
	if hasCredentials(query) {
		return "", redoxauth.Errorf(redoxauth.ErrMalformed, "query", "a signature is in the Authorization header and in the query (X-Amz-Signature, a presigned URL), want the header alone")
	}
	return parameters, nil
}

// The errors of requests without a signature of ours cost no allocation: AnyOf asks every
// Verifier. Verify returns a copy. Only schemes that are known are named: what looks like an
// unknown one may be a secret without a scheme.
var (
	errMissing     = noCredentials("the Authorization header is absent")
	errOtherScheme = noCredentials("the Authorization header has another scheme")
	errSchemes     = map[string]*redoxauth.Error{
		"":                         noCredentials("the Authorization header is empty"),
		"bearer":                   noCredentials("the Authorization header has the scheme Bearer, which is for another strategy"),
		"basic":                    noCredentials("the Authorization header has the scheme Basic, which is for another strategy"),
		"aws":                      noCredentials("the Authorization header has the scheme AWS, which is Signature Version 2"),
		"aws4-ecdsa-p256-sha256":   noCredentials("the Authorization header has the algorithm AWS4-ECDSA-P256-SHA256, which is Signature Version 4A"),
		"aws4-hmac-sha256":         noCredentials("the Authorization header has the algorithm in another case"),
		"aws4-hmac-sha256-payload": noCredentials("the Authorization header has the algorithm AWS4-HMAC-SHA256-PAYLOAD, which is for one chunk of a stream"),
	}
)

func noCredentials(arrived string) *redoxauth.Error {
	return redoxauth.Errorf(redoxauth.ErrNoCredentials, "missing", "%s", arrived+", want "+algorithm+" (Redox dashboard: AWS Signature Version 4)")
}

// otherScheme is the error of an Authorization header that is not ours.
func otherScheme(value string) error {
	end := strings.IndexAny(value, " \t,=")
	if end < 0 {
		end = len(value)
	}
	var lower [32]byte
	if end > len(lower) {
		return errOtherScheme
	}
	for i := range end {
		lower[i] = value[i]
		if 'A' <= value[i] && value[i] <= 'Z' {
			lower[i] += 'a' - 'A'
		}
	}
	if err, known := errSchemes[string(lower[:end])]; known {
		return err
	}
	return errOtherScheme
}

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
		return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "the Authorization header is longer than 4 KiB, want at most that")
	}
	var credential, signature string
	n := 0
	for rest, more := parameters, true; more; {
		n++
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
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "field %d of the Authorization header has another name, "+wantFields, n)
		}
		switch {
		case *to != "":
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%s is repeated in the Authorization header, want it once", name)
		case value == "":
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%s is empty in the Authorization header", name)
		}
		*to = value
	}
	switch {
	case credential == "":
		return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "Credential is absent from the Authorization header, "+wantFields)
	case c.signedHeaders == "":
		return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "SignedHeaders is absent from the Authorization header, "+wantFields)
	case signature == "":
		return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "Signature is absent from the Authorization header, "+wantFields)
	}
	var end string
	c.keyID, c.scope, _ = strings.Cut(credential, "/")
	c.day, end, _ = strings.Cut(c.scope, "/")
	c.region, end, _ = strings.Cut(end, "/")
	c.service, end, _ = strings.Cut(end, "/")
	if end != terminator || c.keyID == "" || len(c.day) != dayLength || c.region == "" || c.service == "" {
		return malformedCredential(credential)
	}
	if len(signature) != hex.EncodedLen(len(c.signature)) || !lowerHex.hasAll(signature) {
		return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "Signature is %s, want %d lower-case hexadecimal digits", digits(signature), 2*sha256.Size)
	}
	hex.Decode(c.signature[:], []byte(signature))
	return c.setNames()
}

const wantFields = "want Credential=, SignedHeaders= and Signature=, in this spelling and separated by commas"

// malformedCredential says which part is wrong. It shows no part: if accessKey and secretKey are
// exchanged, parts of the secret are there.
func malformedCredential(credential string) error {
	const form = "key/yyyymmdd/region/service/" + terminator
	parts := strings.Split(credential, "/")
	why := "its date does not have 8 digits"
	switch {
	case len(parts) != 5:
		why = fmt.Sprintf("it has %d parts between slashes, and not 5; an access key ID cannot have a slash (Redox dashboard: accessKey)", len(parts))
	case slices.Contains(parts, ""):
		why = "a part is empty (Redox dashboard: accessKey, awsRegion, serviceName)"
	case parts[4] != terminator:
		why = "it does not end with " + terminator
	}
	return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "Credential is not of the form %s: %s", form, why)
}

// digits says what kind of digits s has, and how many.
func digits(s string) string {
	kind := "characters"
	switch {
	case lowerHex.hasAll(s):
		kind = "lower-case hexadecimal digits"
	case lowerHex.hasAll(strings.ToLower(s)):
		kind = "hexadecimal digits in upper or mixed case"
	}
	return fmt.Sprintf("%d %s", len(s), kind)
}

// setNames splits SignedHeaders. The names must be in lower case, sorted and unique, so
// that one signature has one list. Vault accepted an unsorted list, and one with repeated
// or absent names: attackers could choose what was signed (CVE-2020-16250).
func (c *claim) setNames() error {
	var last, name string
	for rest, more := c.signedHeaders, true; more; last = name {
		name, rest, more = strings.Cut(rest, ";")
		switch {
		case !lowerToken.hasAll(name):
			name, _, _ = strings.Cut(name, " ") // a signature may follow
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "SignedHeaders has %s, want names in lower case, separated by semicolons", quote(name))
		case name == last:
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "SignedHeaders has %s twice, want each name once", quote(name))
		case name < last:
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "SignedHeaders has %s after %s, want the names sorted", quote(name), quote(last))
		}
		if name == "authorization" {
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "SignedHeaders names authorization, which holds the signature")
		}
		if len(c.names) == maxSignedHeaders {
			return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "SignedHeaders has more than %d names", maxSignedHeaders)
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

// otherDate says of what kind a malformed date seems to be.
func otherDate(s string) string {
	if len(s) > len(time.RFC3339Nano) {
		return ""
	}
	if _, err := time.Parse(time.RFC3339, s); err == nil {
		return ", which looks like RFC 3339"
	}
	if _, err := http.ParseTime(s); err == nil {
		return ", which looks like the header Date"
	}
	if _, err := strconv.ParseUint(s, 10, 64); err == nil {
		switch len(s) {
		case 10:
			return ", which looks like seconds since 1970"
		case 13:
			return ", which looks like milliseconds since 1970"
		}
	}
	return ""
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
	pathChars  = newCharset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~!$&'()*+,;=:@[]/%") // RFC 3986, and brackets as net/url

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

// quote quotes what a peer can write into an error, and limits it.
func quote(s string) string {
	const longest = 128
	if len(s) > longest {
		return fmt.Sprintf("%+q...", s[:longest])
	}
	return strconv.QuoteToASCII(s)
}

// quoteAll quotes a list.
func quoteAll(list []string) string {
	const most = 8
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range list {
		if i == most {
			fmt.Fprintf(&b, ", ... (%d more)", len(list)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(s))
	}
	b.WriteByte(']')
	return b.String()
}
