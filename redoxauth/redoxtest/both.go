package redoxtest

import (
	"context"
	"net/http"
)

// A Pair is a Sender and a Signer with two proofs in one request. [Both] makes it.
type Pair struct{ first, second Signer }

// Both returns a Sender that proves each message twice, such as with a verification token and a
// signature. Redox may send both; it does not document whether it does. The first signs first,
// so a signature that comes second covers the header of a token that comes first, if it covers
// all headers. For more than two proofs, nest: Both(Both(a, b), c).
func Both(first, second Signer) Pair { return Pair{first, second} }

// Send implements [Sender]. It uses [http.DefaultClient], so it needs a server.
func (p Pair) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	return send(ctx, nil, url, message, p)
}

// Sign implements [Signer].
func (p Pair) Sign(r *http.Request) error {
	if err := p.first.Sign(r); err != nil {
		return err
	}
	return p.second.Sign(r)
}
