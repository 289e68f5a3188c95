package clientcredentials

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

const maxSecret = 1 << 10 // bytes of a configured secret

// secrets are the secrets of all clients, as digests. Digests have one length, so a
// comparison does not reveal the length of a secret. What is presented is compared with
// all of them, so an unknown client takes as long as a wrong secret.
type secrets []secret

type secret struct {
	client   string
	position int               // among those of the client
	pair     [sha256.Size]byte // of ID ":" secret
	alone    [sha256.Size]byte // of the secret
}

func (s *secrets) add(id, text string, position int) {
	*s = append(*s, secret{id, position, sha256.Sum256([]byte(id + ":" + text)), sha256.Sum256([]byte(text))})
}

// find returns the first secret whose pair is one of the texts, or nil.
func (s secrets) find(texts ...string) *secret {
	digests := make([][sha256.Size]byte, len(texts))
	for i, text := range texts {
		digests[i] = sha256.Sum256([]byte(text))
	}
	found := -1
	for i := len(s) - 1; i >= 0; i-- {
		for _, presented := range digests {
			found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(s[i].pair[:], presented[:]), i, found)
		}
	}
	if found < 0 {
		return nil
	}
	return &s[found]
}

// findBasic returns the secret that was sent in Basic, or nil. The value is compared as a
// whole, because an ID may contain a colon.
func (s secrets) findBasic(value string) *secret {
	all := readings(decoded(value))
	return s.find(all[:]...)
}

// findBody returns the secret that was sent as two parameters, or nil.
func (s secrets) findBody(id, text string) *secret {
	found := s.find(id + ":" + text)
	if found != nil && found.client != id { // its colon is elsewhere
		return nil
	}
	return found
}

// claimed returns the client ID in a value of Basic that no secret matches. If the value
// has several colons, it prefers an ID that is configured.
func (s secrets) claimed(value string) string {
	all := readings(decoded(value))
	id, _, ok := strings.Cut(all[0], ":")
	if !ok {
		return "" // the text may be a secret
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

// look reports whether a client has the ID, and whether the ID is, or has in it, a secret, also
// in a form that people paste. It takes as long for any ID.
func (s secrets) look(id string) (known, misplaced bool) {
	for i := range s {
		known = same(id, s[i].client) || known
	}
	id = id[:min(len(id), 4*maxSecret)] // it is no secret if it is longer
	before, after, _ := strings.Cut(id, ":")
	trimmed := config.Trim(id)
	_, last, _ := strings.Cut(trimmed, " ") // of "Bearer secret"
	inBase64, _ := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(trimmed, "=")))
	inHex, _ := hex.DecodeString(trimmed)
	found := 0
	for _, text := range [...]string{id, trimmed, unescaped(id), before, after, last, strings.Trim(trimmed, "\"'"), config.Trim(string(inBase64)), config.Trim(string(inHex))} {
		presented := sha256.Sum256([]byte(text))
		for i := range s {
			found |= subtle.ConstantTimeCompare(presented[:], s[i].alone[:])
		}
	}
	return known, found == 1
}

// named quotes a client ID, unless it is a secret.
func (s secrets) named(id string) string {
	if _, misplaced := s.look(id); misplaced {
		return "a secret"
	}
	return diagnosis.Quote(id)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
