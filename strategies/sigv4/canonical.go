package sigv4

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// maxTarget bounds path and query, of which each pair of the query costs a place in
// the sort: less than a millisecond in all. nginx and Apache take no longer ones either.
const maxTarget = 8 << 10

// A canonical is the canonical request of one request, and the proof that names its
// headers. What can vary, the value of host and the payload hash, is put in by finish.
type canonical struct {
	proof   proof
	head    []byte // up to the value of host
	tail    []byte // after it, up to the payload hash
	payload []byte // the payload hash
	whole   []byte
	toSign  []byte
	mac     []byte
	query   []byte // encoded names and values, in the order of arrival
	pairs   []pair
}

var canonicals = sync.Pool{New: func() any { return new(canonical) }}

func newCanonical() *canonical { return canonicals.Get().(*canonical) }

// release gives c back for the next request, but not what an unusually large one made
// of it, and none of the strings of this one.
func (c *canonical) release() {
	c.proof.reset()
	const keep = 128 << 10
	if cap(c.head)+cap(c.tail)+cap(c.whole)+cap(c.query) <= keep { // pairs are bounded by maxTarget
		canonicals.Put(c)
	}
}

// build puts all of the canonical request together but the value of host and, unless
// it is declared, the payload hash. length is what content-length stands for if it is
// signed but was not sent.
func (c *canonical) build(v *Verifier, r *http.Request, length int64) error {
	p := &c.proof
	method := cmp.Or(r.Method, http.MethodGet)
	if strings.ContainsFunc(method, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return malformed("malformed", "the method is not a token")
	}
	c.payload = append(c.payload[:0], p.payload...)
	c.head = append(append(c.head[:0], method...), '\n')
	var ok bool
	if c.head, ok = v.appendPath(c.head, p.path); !ok {
		return malformed("path", "the path has no canonical form")
	}
	c.head = append(c.head, '\n')
	if !c.readQuery(p.query) {
		return malformed("query", "the query has no canonical form")
	}
	c.head = append(c.appendQuery(c.head), '\n')
	return c.appendHeaders(r, length)
}

// readBody reads the body if the canonical request depends on it.
func (c *canonical) readBody(v *Verifier, r *http.Request) error {
	p := &c.proof
	unknown := lengthUnknown(r, p)
	if p.payload != "" && !unknown {
		return nil
	}
	body, err := redoxauth.Body(r)
	if err != nil {
		return named(err)
	}
	if unknown {
		if err := c.build(v, r, int64(len(body))); err != nil {
			return err
		}
	}
	if p.payload == "" {
		c.setBody(body)
	}
	return nil
}

// setBody makes the hash of the body the payload hash.
func (c *canonical) setBody(body []byte) {
	sum := sha256.Sum256(body)
	c.payload = hex.AppendEncode(c.payload[:0], sum[:])
}

// finish returns the canonical request for one host. It is valid until the next call.
func (c *canonical) finish(host string) []byte {
	c.whole = append(append(c.whole[:0], c.head...), host...)
	c.whole = append(append(c.whole, c.tail...), c.payload...)
	return c.whole
}

// stringToSign returns the string to sign for a finished canonical request. It is
// valid until the next call.
func (c *canonical) stringToSign(request []byte) []byte {
	p := &c.proof
	sum := sha256.Sum256(request)
	c.toSign = append(append(c.toSign[:0], algorithm+"\n"...), p.date...)
	c.toSign = append(append(append(c.toSign, '\n'), p.scope...), '\n')
	c.toSign = hex.AppendEncode(c.toSign, sum[:])
	return c.toSign
}

// target returns path and query as they were on the wire. That is r.RequestURI:
// routers and http.StripPrefix change r.URL, and r.URL.Path has lost the difference
// between "%2F" and "/". Adapters that set none, as those of AWS Lambda, leave r.URL.
// It returns nothing of a target that is not a path, too long, or absolute with a user or,
// in HTTP/2, with another host; in HTTP/1 net/http took r.Host from it.
func target(r *http.Request) (path, query string, ok bool) {
	switch {
	case r.RequestURI != "":
		path, query, _ = strings.Cut(r.RequestURI, "?")
		if scheme, rest, absolute := strings.Cut(path, "://"); absolute && !strings.Contains(scheme, "/") {
			var host string
			host, path, _ = strings.Cut(rest, "/")
			if strings.Contains(host, "@") || r.ProtoMajor > 1 && host != receivedHost(r) {
				return "", "", false
			}
			path = "/" + path
		}
	case r.URL != nil && r.URL.Opaque == "":
		path, query = cmp.Or(r.URL.EscapedPath(), "/"), r.URL.RawQuery
	}
	if !strings.HasPrefix(path, "/") || len(path)+len(query) > maxTarget {
		return "", "", false
	}
	return path, query, true
}
