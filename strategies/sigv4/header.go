package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// checkCoverage wants everything signed that must be: every x-amz-* header that arrived,
// the date among them, and RequiredHeaders. Gateways that did not ask for the first let
// anybody add a header that changes what a signed request does (CVE-2026-54330). Two need
// not be signed: X-Amz-Content-Sha256 is in the canonical request anyway, and CloudFront
// adds X-Amz-Cf-Id on the way.
func (v *Verifier) checkCoverage(r *http.Request, p *proof) error {
	for key := range r.Header {
		amz := isAmz(key)
		if key != http.CanonicalHeaderKey(key) && (amz || p.signs(key) || slices.Contains(v.required, strings.ToLower(key))) {
			return reject("unsigned_header", "a header is in the map under a key that net/http would not make: "+shorten(key))
		}
		if amz && key != "X-Amz-Content-Sha256" && key != "X-Amz-Cf-Id" && !p.signs(key) {
			return reject("unsigned_header", "a header that must be signed is not: "+shorten(key))
		}
	}
	for _, name := range v.required {
		if _, sent := sentHeader(r, name); sent && !p.signs(name) {
			return reject("unsigned_header", "a header that must be signed is not: "+name)
		}
	}
	return nil
}

// checkTrailer refuses x-amz-* trailers, which nothing signs. net/http leaves those that
// were not announced too in r.Trailer, so this comes after the body is read.
func checkTrailer(r *http.Request) error {
	for key := range r.Trailer {
		if isAmz(key) {
			return reject("unsigned_header", "a trailer that would have to be signed: "+shorten(key))
		}
	}
	return nil
}

func isAmz(key string) bool {
	const prefix = "x-amz-"
	return len(key) > len(prefix) && strings.EqualFold(key[:len(prefix)], prefix)
}

// sentHeader returns the values of a header by its lower-case name. It is for all
// headers but host. net/http moves Transfer-Encoding out of r.Header; it moves
// Trailer too, but loses its order, so a signed Trailer counts as not sent.
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

// lengthUnknown reports whether content-length is signed and stands for a length that
// only reading the body tells.
func lengthUnknown(r *http.Request, p *proof) bool {
	return r.ContentLength <= 0 && r.Body != nil && r.Body != http.NoBody &&
		r.Header["Content-Length"] == nil && p.signs("content-length")
}

// appendHeaders appends the signed headers and their list: to head up to the value of
// host, from there to tail. AWS takes a listed header that was not sent as empty; here
// it is refused, or a list could promise more than was covered (CVE-2020-16250). Only
// content-length may be missing: a proxy replaces it by chunks and back.
func (c *canonical) appendHeaders(r *http.Request, length int64) error {
	p, dst, tail := &c.proof, c.head, c.tail[:0]
	for _, name := range p.names {
		dst = append(append(dst, name...), ':')
		if name == "host" {
			c.head, dst = dst, append(tail, '\n')
			continue
		}
		values, sent := sentHeader(r, name)
		if !sent && name == "content-length" {
			dst = strconv.AppendInt(dst, length, 10)
		} else if !sent {
			return reject("signature", "a signed header did not arrive: "+shorten(name))
		}
		for i, value := range values {
			if i > 0 {
				dst = append(dst, ',')
			}
			var ok bool
			if dst, ok = appendValue(dst, value); !ok {
				return malformed("malformed", "a header value has a control character")
			}
		}
		dst = append(dst, '\n')
	}
	c.tail = append(append(append(dst, '\n'), p.signedHeaders...), '\n')
	return nil
}

// appendValue appends a header value without white space around it and with one space
// for every run of it, also between quotes. It reports false for control characters,
// which net/http refuses, but perhaps not everything that makes an *http.Request: a
// line break could move what was signed into another header.
func appendValue(dst []byte, value string) ([]byte, bool) {
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

// shorten bounds what a peer can write into an error.
func shorten(s string) string { return s[:min(len(s), 64)] }
