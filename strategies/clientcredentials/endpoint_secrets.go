package clientcredentials

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/internal/token"
)

const (
	maxSecret = 1 << 10 // bytes of a configured secret
	maxBasic  = 8 << 10 // of what is read of Basic; form-encoded, ID and secret fit into it
)

// secrets are the secrets of all clients, as digests: of one length, so that a
// comparison tells nothing about the secret's. Every comparison is with all of them,
// so that an unknown client takes as long as a wrong secret.
type secrets []secret

type secret struct {
	client   string
	position int               // among the client's
	basic    [sha256.Size]byte // of ID ":" secret
	body     [sha256.Size]byte // of both apart
	alone    [sha256.Size]byte // of the secret
}

func (s *secrets) add(id, text string, position int) {
	*s = append(*s, secret{id, position, sha256.Sum256([]byte(id + ":" + text)), apart(id, text), sha256.Sum256([]byte(text))})
}

func apart(id, text string) [sha256.Size]byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(len(id)))
	return sha256.Sum256(append(append(b, id...), text...))
}

// findBody returns the secret that was sent as two parameters, or nil.
func (s secrets) findBody(id, text string) *secret {
	presented := apart(id, text)
	found := -1
	for i := len(s) - 1; i >= 0; i-- {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(s[i].body[:], presented[:]), i, found)
	}
	return s.at(found)
}

// findBasic returns the secret that was sent in Basic, or nil. The value is compared as a
// whole, for an ID may hold a colon.
func (s secrets) findBasic(value string) *secret {
	var digests [3][sha256.Size]byte
	for i, reading := range readings(decoded(value)) {
		digests[i] = sha256.Sum256([]byte(reading))
	}
	found := -1
	for i := len(s) - 1; i >= 0; i-- {
		for _, presented := range digests {
			found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(s[i].basic[:], presented[:]), i, found)
		}
	}
	return s.at(found)
}

func (s secrets) at(i int) *secret {
	if i < 0 {
		return nil
	}
	return &s[i]
}

// claimed returns the ID in a value of Basic that no secret matches: of those that could
// be cut off at one of its colons, one that is configured.
func (s secrets) claimed(value string) string {
	all := readings(decoded(value))
	id, _, ok := strings.Cut(all[0], ":")
	if !ok {
		return "" // what is there may be a secret
	}
	for i := range s {
		for _, reading := range all {
			if n := len(s[i].client); len(reading) > n && reading[n] == ':' && same(reading[:n], s[i].client) {
				id = s[i].client
			}
		}
	}
	return id
}

// verdict tells the operator what was presented. It is made in the same way, in as long,
// for an unknown client and for a wrong secret.
func (s secrets) verdict(found *secret, id, wrong string) string {
	presented := sha256.Sum256([]byte(id))
	known, swapped := false, 0
	for i := range s {
		known = same(id, s[i].client) || known
		swapped |= subtle.ConstantTimeCompare(presented[:], s[i].alone[:])
	}
	switch {
	case found != nil:
		return "client " + token.Quote(found.client)
	case swapped == 1:
		return "a secret in the place of the client ID"
	case id == "":
		return "no client ID"
	case known:
		return wrong + " secret of client " + token.Quote(id)
	}
	return "unknown client " + token.Quote(id)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
