package sigv4

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// A canonical is the canonical request of one request, and the claim that it belongs to.
// Host and the hash of the body are added last, by stringToSign.
type canonical struct {
	claim    claim
	ring     *keyring // that decide compared with
	head     []byte   // up to the value of host
	tail     []byte   // after it, up to the hash of the body
	body     countingHash
	bodyHash []byte // hexadecimal; empty until the body was read
	whole    []byte
	toSign   []byte
	digest   []byte
	query    []byte // encoded names and values, in the order of arrival
	pairs    []pair
}

// A countingHash counts what is written to it.
type countingHash struct {
	hash.Hash
	n int64
}

func (h *countingHash) Write(p []byte) (int, error) {
	h.n += int64(len(p))
	return h.Hash.Write(p)
}

// AppendBinary and UnmarshalBinary let Explain continue from the state that redoxauth keeps
// for Observe.
func (h *countingHash) AppendBinary(b []byte) ([]byte, error) {
	return h.Hash.(encoding.BinaryAppender).AppendBinary(binary.BigEndian.AppendUint64(b, uint64(h.n)))
}

func (h *countingHash) UnmarshalBinary(state []byte) error {
	if len(state) < 8 {
		return errors.New("sigv4: not the state of a countingHash")
	}
	h.n = int64(binary.BigEndian.Uint64(state))
	return h.Hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(state[8:])
}

var canonicals = sync.Pool{New: func() any { return &canonical{body: countingHash{Hash: sha256.New()}} }}

func newCanonical() *canonical { return canonicals.Get().(*canonical) }

// release gives c back for the next request. It drops the strings of this request, and the
// buffers of an unusually large one.
func (c *canonical) release() {
	c.claim.reset()
	c.ring = nil
	c.bodyHash = c.bodyHash[:0]
	const keep = 128 << 10
	if cap(c.head)+cap(c.tail)+cap(c.whole)+cap(c.query) <= keep { // pairs are bounded by maxTarget
		canonicals.Put(c)
	}
}

// build puts together all of the canonical request except the value of host and the hash of
// the body. length stands for content-length, if that is signed and did not arrive.
func (c *canonical) build(r *http.Request, form *pathForm, length int64) (err error) {
	method := cmp.Or(r.Method, http.MethodGet)
	if strings.ContainsFunc(method, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "the method is %s, want a token of printable ASCII", quote(method))
	}
	c.head = append(append(c.head[:0], method...), '\n')
	if c.head, err = form.append(c.head, c.claim.path); err != nil {
		return err
	}
	c.head = append(c.head, '\n')
	if at := c.readQuery(); at >= 0 {
		return redoxauth.Errorf(redoxauth.ErrMalformed, "query", "the query has %s at byte %d, want it escaped (%%3B, %%20, %%25): handlers refuse or drop it otherwise", badByte(c.claim.query[at:]), at+1)
	}
	c.head = append(c.appendQuery(c.head), '\n')
	return c.appendHeaders(r, length)
}

// A pathForm is the form in which the path was signed.
type pathForm struct {
	prefix            string // Config.PathPrefix
	dotSegments       bool   // Config.InsecureAllowDotSegments
	encodedOnce, kept bool   // Config.DisableDoubleEncoding, Config.DisablePathNormalization
}

// append appends the canonical form of a path. Each form has exactly one: several
// would give an attacker several guesses.
func (f *pathForm) append(dst []byte, path string) ([]byte, error) {
	whole := f.prefix + path
	if isPlainPath(whole) {
		return append(dst, whole...), nil
	}
	if !isWirePath(path) {
		return dst, redoxauth.Errorf(redoxauth.ErrMalformed, "path", "the path %s has a space, a control character, or a %% that starts no escape, want it escaped", quote(path))
	}
	if !pathChars.hasAll(path) && strings.Contains(strings.ToLower(path), "%2f") {
		// url.URL.EscapedPath, and with it http.ServeMux and ReverseProxy, then decodes the
		// whole path and encodes it again: "/a%2Fb/ü" is "/a/b/%C3%BC" to them.
		return dst, redoxauth.Errorf(redoxauth.ErrMalformed, "path", "the path %s has escaped slashes beside characters that must be escaped and are not, want them escaped: handlers would see the slashes unescaped", quote(path))
	}
	if raw, escaped := findDotSegments(path); raw || escaped {
		switch {
		case f.prefix != "":
			return dst, redoxauth.Errorf(redoxauth.ErrMalformed, "path", "the path %s has dot segments, which could leave Config.PathPrefix %q: they are never accepted with it", quote(path), f.prefix)
		case !f.dotSegments:
			return dst, redoxauth.Errorf(redoxauth.ErrMalformed, "path", "the path %s has dot segments, want none (only Config.InsecureAllowDotSegments accepts them)", quote(path))
		case !f.kept && (raw && escaped || hasEscapedSlash(path)):
			// "/secret%2Fx/../b" is "/b" on the wire, and "/secret/b" to a handler that
			// decodes the path before it cleans it (CVE-2021-29492 in Envoy).
			return dst, redoxauth.Errorf(redoxauth.ErrMalformed, "path", "the path %s has dot segments beside escaped slashes or dots, want none (Config.InsecureAllowDotSegments accepts them without such escapes)", quote(path))
		}
	}
	if f.kept {
		return f.appendEncoded(dst, whole), nil
	}
	start := len(dst)
	for segment := range strings.SplitSeq(whole, "/") {
		switch segment {
		case "", ".":
		case "..":
			dst = dst[:start+max(0, bytes.LastIndexByte(dst[start:], '/'))]
		default:
			dst = f.appendEncoded(append(dst, '/'), segment)
		}
	}
	if len(dst) == start || whole[len(whole)-1] == '/' {
		dst = append(dst, '/')
	}
	return dst, nil
}

// appendEncoded appends a part of the path, encoded once more or as it was sent. Bytes that
// are not ASCII are encoded in both cases, as in AWS's test suite.
func (f *pathForm) appendEncoded(dst []byte, part string) []byte {
	for i := range len(part) {
		b := part[i]
		if unreserved[b] || b == '/' || f.encodedOnce && b < 0x80 {
			dst = append(dst, b)
		} else {
			dst = appendEscape(dst, b)
		}
	}
	return dst
}

// isPlainPath reports whether all forms of a path are the path itself, as those of most paths
// are: it has only unreserved characters, and no segment is empty or starts with a dot.
func isPlainPath(path string) bool {
	slash := false // before path[i]
	for i := range len(path) {
		b := path[i]
		if !unreserved[b] && b != '/' || slash && (b == '/' || b == '.') {
			return false
		}
		slash = b == '/'
	}
	return strings.HasPrefix(path, "/")
}

// isWirePath reports whether a path is absolute, every "%" starts an escape, and no byte
// ends a line or a request target.
func isWirePath(path string) bool {
	for i := range len(path) {
		if path[i] == '%' && !isEscape(path[i:]) {
			return false
		}
	}
	return strings.HasPrefix(path, "/") && isVisible(path)
}

// isVisible reports whether s has no white space and no control characters of ASCII.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// findDotSegments reports whether an absolute path has the segments "." or "..", as they are
// ("raw") or once a handler or a proxy has decoded the path, as those of "/%2e%2e/" and
// "/a%2F../b". A backslash counts as a slash, as on Windows.
func findDotSegments(path string) (raw, escaped bool) {
	if strings.IndexByte(path, '.') < 0 && strings.IndexByte(path, '%') < 0 {
		return false, false // saves the loop for most paths
	}
	dots, others, encoded := 0, false, false // of the segment before path[i]
	for i := 0; i <= len(path); {
		b, size := byte('/'), 1
		if i < len(path) {
			b = path[i]
		}
		if b == '%' && isEscape(path[i:]) {
			b, size = unhex(path[i+1])<<4|unhex(path[i+2]), 3
		}
		changed := size > 1 || b == '\\'
		switch b {
		case '/', '\\':
			if !others && (dots == 1 || dots == 2) {
				escaped = escaped || encoded || changed
				raw = raw || !encoded && !changed
			}
			dots, others, encoded = 0, false, changed
		case '.':
			dots++
			encoded = encoded || changed
		default:
			others = true
		}
		i += size
	}
	return raw, escaped
}

func hasEscapedSlash(path string) bool {
	path = strings.ToLower(path)
	return strings.Contains(path, "%2f") || strings.Contains(path, "%5c") || strings.Contains(path, `\`)
}

// A pair is a query parameter: canonical.query[name:value] and [value:end].
type pair struct{ name, value, end int }

// readQuery decodes the pairs of the query and encodes them again. "+" is a space, because
// handlers read it so. If it were signed as it is, "+" and "%2B" could be exchanged under a
// valid signature. Handlers refuse or drop ";" and "%zz": they would not see what was signed.
// readQuery returns where the first of these is, or -1.
func (c *canonical) readQuery() int {
	query := c.claim.query
	c.query, c.pairs = c.query[:0], slices.Grow(c.pairs[:0], strings.Count(query, "&")+1)
	for query != "" {
		var text string
		text, query, _ = strings.Cut(query, "&")
		if text == "" {
			continue
		}
		name, value, _ := strings.Cut(text, "=")
		p := pair{name: len(c.query)}
		ok := c.appendReencoded(name)
		p.value = len(c.query)
		ok = ok && c.appendReencoded(value)
		p.end = len(c.query)
		if !ok {
			return badQueryByte(c.claim.query)
		}
		c.pairs = append(c.pairs, p)
	}
	return -1
}

// badQueryByte returns where the first byte is that appendReencoded refuses, or -1.
func badQueryByte(s string) int {
	for i := range len(s) {
		if b := s[i]; b == ';' || b <= ' ' || b == 0x7f || b == '%' && !isEscape(s[i:]) {
			return i
		}
	}
	return -1
}

// badByte names such a byte. A parameter may be a secret, so what is around it is not shown.
func badByte(s string) string {
	switch s[0] {
	case ';':
		return `a semicolon`
	case ' ':
		return `a space`
	case '%':
		return `a "%" that starts no escape`
	}
	return "a control character"
}

func (c *canonical) appendReencoded(s string) bool {
	for i := 0; i < len(s); i++ {
		b := s[i]
		switch {
		case b == '%':
			if !isEscape(s[i:]) {
				return false
			}
			b = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		case b == '+':
			b = ' '
		case b == ';', b <= ' ', b == 0x7f:
			return false
		}
		if unreserved[b] {
			c.query = append(c.query, b)
		} else {
			c.query = appendEscape(c.query, b)
		}
	}
	return true
}

// appendQuery appends the pairs that were read, sorted by name, then by value.
func (c *canonical) appendQuery(dst []byte) []byte {
	slices.SortFunc(c.pairs, func(a, b pair) int {
		if d := bytes.Compare(c.query[a.name:a.value], c.query[b.name:b.value]); d != 0 {
			return d
		}
		return bytes.Compare(c.query[a.value:a.end], c.query[b.value:b.end])
	})
	for i, p := range c.pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(append(dst, c.query[p.name:p.value]...), '=')
		dst = append(dst, c.query[p.value:p.end]...)
	}
	return dst
}

func appendEscape(dst []byte, b byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[b>>4], digits[b&15])
}

// isEscape reports whether s, which starts with "%", starts with an escape.
func isEscape(s string) bool {
	return len(s) > 2 && isHex(s[1]) && isHex(s[2])
}

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

func unhex(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return b&7 + 9
}

// appendHeaders writes the signed headers and their list: to head up to the value of host,
// the rest to tail. For AWS a listed header that was not sent is empty. Here it is refused:
// otherwise a list could promise more than was signed (CVE-2020-16250). Only content-length
// may be missing, because a proxy replaces it by chunks.
func (c *canonical) appendHeaders(r *http.Request, length int64) error {
	// Explain goes on without host. Then tail would be in the memory of head, also for the next
	// requests.
	if err := c.claim.checkHost(); err != nil {
		return err
	}
	dst, tail := c.head, c.tail[:0]
	for _, name := range c.claim.names {
		dst = append(append(dst, name...), ':')
		if name == "host" {
			c.head, dst = dst, append(tail, '\n')
			continue
		}
		values, sent := sentHeader(r, name)
		if !sent && name == "content-length" {
			dst = strconv.AppendInt(dst, length, 10)
		} else if !sent {
			return redoxauth.Errorf(redoxauth.ErrRejected, "signature", "the header %s is in SignedHeaders and did not arrive, want it as the sender signed it: something on the way dropped it, or the sender did not send it", quote(name))
		}
		for i, value := range values {
			if i > 0 {
				dst = append(dst, ',')
			}
			var ok bool
			if dst, ok = appendValue(dst, value); !ok {
				return redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "the header %s has a control character, want none", quote(name))
			}
		}
		dst = append(dst, '\n')
	}
	c.tail = append(append(append(dst, '\n'), c.claim.signedHeaders...), '\n')
	return nil
}

// hopByHop lists headers that are for one connection (RFC 9110, Sections 7.6.1 and 10.1.1).
// Proxies replace them, and net/http moves or removes some.
var hopByHop = []string{"connection", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}

// sentHeader returns the values of a header by its lower-case name. It is for all headers
// except host. net/http moves Transfer-Encoding out of r.Header. It moves Trailer too, but
// loses its order, so a signed Trailer counts as not sent.
func sentHeader(r *http.Request, name string) (values []string, sent bool) {
	if name == "transfer-encoding" {
		return r.TransferEncoding, len(r.TransferEncoding) > 0
	}
	var key [64]byte // http.CanonicalHeaderKey without its allocation
	if len(name) > len(key) {
		values = r.Header[http.CanonicalHeaderKey(name)]
		return values, len(values) > 0
	}
	first := true
	for i := range len(name) {
		b := name[i]
		if first && 'a' <= b && b <= 'z' {
			b -= 'a' - 'A'
		}
		key[i], first = b, b == '-'
	}
	values = r.Header[string(key[:len(name)])]
	return values, len(values) > 0
}

// appendValue appends a header value. It removes white space around the value, and makes one
// space of every run of white space, also between quotes. It reports false for control
// characters: net/http refuses them, but other makers of an *http.Request may not, and a
// line break could move a signed value into another header.
func appendValue(dst []byte, value string) ([]byte, bool) {
	if isVisible(value) {
		return append(dst, value...), true // saves the loop for most values
	}
	start, space := len(dst), false
	for i := range len(value) {
		switch b := value[i]; {
		case b == ' ', b == '\t':
			space = true
		case b < ' ', b == 0x7f:
			return dst, false
		default:
			if space && len(dst) > start {
				dst = append(dst, ' ')
			}
			space = false
			dst = append(dst, b)
		}
	}
	return dst, true
}

// readBody reads the body if the canonical request depends on it.
func (c *canonical) readBody(r *http.Request, form *pathForm) error {
	body, length := c.claim.needsBody(r), c.claim.needsLength(r) // before r is changed
	if !body {
		return nil
	}
	if err := c.hashBody(r, redoxauth.HashBody); err != nil || !length {
		return err
	}
	return c.build(r, form, c.body.n)
}

// hashBody sets bodyHash, once, by redoxauth.HashBody or HashProvenBody.
func (c *canonical) hashBody(r *http.Request, read func(*http.Request, hash.Hash) error) error {
	if len(c.bodyHash) > 0 {
		return nil
	}
	c.body.Reset()
	c.body.n = 0
	if err := read(r, &c.body); err != nil {
		return err
	}
	c.digest = c.body.Sum(c.digest[:0])
	c.bodyHash = hex.AppendEncode(c.bodyHash, c.digest)
	return nil
}

// finish returns the canonical request for one host. It is valid until the next call.
func (c *canonical) finish(host string) []byte {
	c.whole = append(append(c.whole[:0], c.head...), host...)
	c.whole = append(c.whole, c.tail...)
	if declared := c.claim.payload; declared != "" {
		c.whole = append(c.whole, declared...)
	} else {
		c.whole = append(c.whole, c.bodyHash...)
	}
	return c.whole
}

// stringToSign returns the string to sign for a finished canonical request. It is valid
// until the next call.
func (c *canonical) stringToSign(request []byte) []byte {
	sum := sha256.Sum256(request)
	c.toSign = append(append(c.toSign[:0], algorithm+"\n"...), c.claim.date...)
	c.toSign = append(append(append(c.toSign, '\n'), c.claim.scope...), '\n')
	c.toSign = hex.AppendEncode(c.toSign, sum[:])
	return c.toSign
}
