package redoxauth

import (
	"encoding"
	"hash"
	"io"
	"net/http"
)

// An observed body is in the request that Observe gets. It is empty: what Observe reads or
// parses takes nothing from the handler, and waits for no peer. [HashBody] finds what a
// Verifier has hashed, so that Observe can explain a refusal, also later.
type observed struct {
	state []byte // of the hash over the whole body
	err   error  // if the state does not help

	// declared is why the wrapper refused the request without asking a Verifier, or nil.
	declared error
}

func (*observed) Read([]byte) (int, error) { return 0, io.EOF }

func (*observed) Close() error { return nil }

// hash sets h to the state in which a Verifier's hash of the same kind was.
func (o *observed) hash(h hash.Hash) error {
	if u, ok := h.(encoding.BinaryUnmarshaler); ok && o.state != nil && u.UnmarshalBinary(o.state) == nil {
		return nil
	}
	return o.err
}

var errObserved = Errorf(nil, "internal", "Observe gets a request without its body, and no Verifier has hashed it")

// keepState keeps the state of h, which has read the whole body, for Observe.
func (b *body) keepState(h hash.Hash) {
	if a, ok := h.(encoding.BinaryAppender); ok && b.observe {
		if state, err := a.AppendBinary(nil); err == nil {
			b.state = state
		}
	}
}

// observed returns a copy of r for Observe.
func (b *body) observed(r *http.Request) *http.Request {
	r = r.WithContext(r.Context())
	if b != nil {
		o := &observed{state: b.state, err: errObserved}
		if b.err != nil {
			o.err = b.err
		}
		if b.declared != nil {
			o.err, o.declared = b.declared, b.declared
		}
		r.Body = o
	}
	return r
}
