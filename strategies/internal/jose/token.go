package jose

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// A Token is a verified token.
type Token struct {
	Issuer  string
	Subject string    // "" if there is none
	JTI     string    // "" if there is none
	KeyID   string    // the kid of the key that verified it, or the position of the secret
	Expiry  time.Time // exp

	content *content

	// What Remember keeps. verifier is nil if the token is remembered already.
	verifier *Verifier
	id       [sha256.Size]byte
	key      *Key
}

// Remember makes the next use of the token cheaper: the Verifier then skips the signature
// check, and nothing else. A strategy calls it after it has accepted the token, and never
// for a token that it refuses: others can get valid tokens of the same issuer, and theirs
// must not push out those that are accepted.
func (t *Token) Remember() {
	if t.verifier != nil {
		t.verifier.cache.add(t.id, t.content, t.key, t.verifier.cfg.Now())
	}
}

// Identity returns a new Identity. Its scopes are those of the claim scopeClaim; an empty
// name means none.
func (t *Token) Identity(strategy, scopeClaim string) *redoxauth.Identity {
	id := &redoxauth.Identity{
		Strategy: strategy, Subject: t.Subject, Issuer: t.Issuer, KeyID: t.KeyID,
		Expiry: t.Expiry, RawClaims: t.Claims(),
	}
	if scopeClaim != "" {
		id.Scopes = t.Scopes(scopeClaim)
	}
	return id
}

// Claims returns all claims, as a fresh copy of the JSON object that was signed.
func (t *Token) Claims() json.RawMessage { return json.RawMessage(t.content.Payload) }

// Audience returns aud as a fresh slice; nil if there is none.
func (t *Token) Audience() []string { return append([]string(nil), t.content.claims.aud...) }

// IssuedAt returns iat; zero if there is none.
func (t *Token) IssuedAt() time.Time { return t.content.claims.iat }

// Has reports whether there is a claim of that exact name.
func (t *Token) Has(name string) bool { return t.content.body.has(name) }

// Text returns a claim that is a string.
func (t *Token) Text(name string) (string, bool) {
	v, _ := t.content.body.get(name)
	return v.text()
}

// True reports whether a claim is the boolean true.
func (t *Token) True(name string) bool {
	v, _ := t.content.body.get(name)
	return v == "true"
}

// Scopes returns the scopes in a claim: a string with spaces between them (RFC 8693,
// Section 4.2) or an array of strings; nil if the claim is absent or anything else.
func (t *Token) Scopes(claim string) []string {
	v, _ := t.content.body.get(claim)
	if s, ok := v.text(); ok {
		return strings.Fields(s)
	}
	scopes, _ := v.texts()
	return scopes
}

// UnverifiedIssuer returns the iss that token claims to have, to choose the Verifier
// that decides; "" if it is no JWT or has none.
func UnverifiedIssuer(token string) string {
	c, err := read(token)
	if err != nil {
		return ""
	}
	return c.iss
}

// ReplayID names token in a store of what was seen before: by its jti, which the issuer
// promises to be unique, or by the SHA-256 of its signing input. Not of the whole token:
// of one ECDSA signature anybody can make another that verifies.
func (t *Token) ReplayID(token string) string {
	if t.JTI != "" {
		return "jti:" + t.JTI
	}
	sum := sha256.Sum256([]byte(token[:strings.LastIndexByte(token, '.')]))
	return "sha256:" + hex.EncodeToString(sum[:])
}
