package clientcredentials

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strings"
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
}

// add reports whether what Basic would show differs from that of other clients, as it
// must: ("a", "b:c") and ("a:b", "c") look alike.
func (s *secrets) add(id, text string, position int) bool {
	added := secret{id, position, sha256.Sum256([]byte(id + ":" + text)), apart(id, text)}
	distinct := true
	for i := range *s {
		if (*s)[i].basic == added.basic && (*s)[i].client != id {
			distinct = false
		}
	}
	*s = append(*s, added)
	return distinct
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

// findBasic returns the secret that was sent in Basic, or nil, and the client it was
// for. Half of the clients in use form-encode ID and secret first, as RFC 6749,
// Section 2.3.1, says, and half do not; among these, some send UTF-8 and some
// Latin-1. So the value is read in three ways, and compared as a whole, for an ID may
// hold a colon. To take a reading more than one gives a guesser three tries in one.
func (s secrets) findBasic(value string) (found *secret, claimed string) {
	var raw string
	if len(value) <= maxBasic {
		if b, err := base64.StdEncoding.DecodeString(value); err == nil {
			raw = string(b)
		}
	}
	decoded := formDecoded(raw)
	readings := [3][sha256.Size]byte{
		sha256.Sum256([]byte(decoded)),
		sha256.Sum256([]byte(raw)),
		sha256.Sum256([]byte(latin1(raw))),
	}
	match := -1
	for i := len(s) - 1; i >= 0; i-- {
		for _, presented := range readings {
			match = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(s[i].basic[:], presented[:]), i, match)
		}
	}
	claimed, _, _ = strings.Cut(decoded, ":")
	return s.at(match), claimed
}

func (s secrets) at(i int) *secret {
	if i < 0 {
		return nil
	}
	return &s[i]
}

// formDecoded decodes both halves; what cannot be decoded stays as it is.
func formDecoded(raw string) string {
	id, text, ok := strings.Cut(raw, ":")
	id, err := url.QueryUnescape(id)
	if !ok || err != nil {
		return raw
	}
	if text, err = url.QueryUnescape(text); err != nil {
		return raw
	}
	return id + ":" + text
}

// latin1 reads each byte as a character.
func latin1(raw string) string {
	runes := make([]rune, len(raw))
	for i := range len(raw) {
		runes[i] = rune(raw[i])
	}
	return string(runes)
}
