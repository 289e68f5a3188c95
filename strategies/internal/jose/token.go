package jose

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// A Token is a verified token.
type Token struct {
	Issuer  string
	Subject string    // "" if there is none
	JTI     string    // "" if there is none
	KeyID   string    // the ID of the key that verified it
	Expiry  time.Time // exp

	content  *content
	remember func() // nil if the token is remembered already
}

// Identity returns a new Identity. Its scopes are those of the claim scopeClaim; an empty
// name means none. Its Expiry is in UTC, because in another zone the year 10000, which
// JSON cannot write, may have begun.
func (t *Token) Identity(strategy, scopeClaim string) *redoxauth.Identity {
	id := &redoxauth.Identity{
		Strategy: strategy, Subject: t.Subject, Issuer: t.Issuer, KeyID: t.KeyID,
		Expiry: t.Expiry.UTC(), RawClaims: json.RawMessage(t.content.Payload),
	}
	if scopeClaim != "" {
		id.Scopes = t.scopes(scopeClaim)
	}
	return id
}

// scopes returns the scopes in a claim: a string with spaces between them (RFC 8693,
// Section 4.2) or an array of strings. Anything else has none.
func (t *Token) scopes(claim string) []string {
	v := t.Claim(claim)
	if s, ok := v.Text(); ok {
		return strings.Fields(s)
	}
	scopes, _ := v.Texts()
	return scopes
}

// Claim returns a registered claim (RFC 7519, Section 4.1), or one that Config.Required or
// Config.Claims names.
func (t *Token) Claim(name string) Value { return t.content.body.Get(name) }

// Remember makes the next use of the token cheaper: the Verifier then skips the signature
// check, and nothing else. A strategy calls it after it has accepted the token, and never
// for a token that it refuses. Others can get valid tokens of the same issuer, and theirs
// must not push out those that are accepted.
func (t *Token) Remember() {
	if t.remember != nil {
		t.remember()
	}
}

// ReplayID names token in a replay store: by its jti, which the issuer promises to be
// unique, or by the SHA-256 of its signing input. A hash of the whole token would let a
// replay through: anybody can turn an ECDSA signature into another one that verifies.
func (t *Token) ReplayID(token string) string {
	if t.JTI != "" {
		return "jti:" + t.JTI
	}
	sum := sha256.Sum256([]byte(token[:strings.LastIndexByte(token, '.')]))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// UnverifiedIssuer returns the iss of a token that is not verified, to choose the Verifier
// that decides; "" if token is no JWT or has no iss.
func UnverifiedIssuer(token string) string {
	if checkForm(token) != nil {
		return ""
	}
	c, err := readContent(token, []string{"iss"})
	if err != nil {
		return ""
	}
	return c.iss
}

// content is what a token says. All requests that send the token share it, so it is not
// modified once its claims are read.
type content struct {
	JWS
	body Object
	iss  string // "" if there is none, or if it is no string

	// The other registered claims (RFC 7519, Section 4.1), read after the signature was
	// verified. The zero time stands for an absent one.
	sub, jti      string
	aud           []string
	exp, nbf, iat time.Time
}

// readContent reads the header of a token that checkForm accepted, and the claims that are
// named. It verifies nothing.
func readContent(token string, names []string) (*content, error) {
	c := &content{}
	err := c.parse(token)
	if err != nil {
		return nil, err
	}
	if c.body, err = readObject(c.Payload, names); err != nil {
		return nil, refuse("malformed", "claims: %w", err)
	}
	c.iss, _ = c.body.Get("iss").Text()
	return c, nil
}

// readClaims reads the claims of a token whose signature verified. It returns an error for each
// claim that cannot be read.
func (c *content) readClaims() (wrong []error) {
	for _, m := range c.body {
		ok := true
		switch m.name {
		case "sub":
			c.sub, ok = m.value.Text()
		case "jti":
			c.jti, ok = m.value.Text()
		case "aud":
			c.aud, ok = m.value.Texts()
		case "exp":
			c.exp, ok = m.value.Date()
		case "nbf":
			c.nbf, ok = m.value.Date()
		case "iat":
			c.iat, ok = m.value.Date()
		}
		if !ok {
			wrong = append(wrong, wrongValue(m))
		}
	}
	return wrong
}

func wrongValue(m member) error {
	want := "a string"
	switch m.name {
	case "aud":
		want = "a string or an array of strings"
	case "exp", "nbf", "iat":
		want = "a number: seconds since 1970"
		if n, err := strconv.ParseInt(string(m.value), 10, 64); err == nil && diagnosis.Unit(n) != "" {
			want = "seconds since 1970: it looks like " + diagnosis.Unit(n)
		}
	}
	return refuse("malformed", "the claim %s is %s, want %s", m.name, m.value.Said(), want)
}

// maxRemembered bounds a cache. It holds accepted tokens only, so a stranger cannot push
// them out.
const maxRemembered = 1024

// A cache remembers what the tokens of one Verifier say and which key verified them. Time
// does not change these facts. It holds no token and no signature.
type cache struct {
	mu      sync.Mutex
	entries map[[sha256.Size]byte]entry
}

type entry struct {
	content *content
	key     *Key
}

func newCache() *cache { return &cache{entries: make(map[[sha256.Size]byte]entry)} }

// get returns what is remembered of a token, and the id to add it under. It never returns
// a token that has expired.
func (c *cache) get(ctx context.Context, token string, now time.Time) (id [sha256.Size]byte, _ entry) {
	id = hash(token)
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[id]
	if ok && !now.Before(e.content.exp) {
		if !rotation.IsLoadedOnly(ctx) {
			delete(c.entries, id)
		}
		return id, entry{}
	}
	return id, e
}

// hash returns the SHA-256 of token, without a copy of it on the heap.
func hash(token string) (sum [sha256.Size]byte) {
	var part [1 << 10]byte
	if len(token) <= len(part) {
		return sha256.Sum256(part[:copy(part[:], token)])
	}
	h := sha256.New()
	for token != "" {
		n := copy(part[:], token)
		h.Write(part[:n])
		token = token[n:]
	}
	h.Sum(sum[:0])
	return sum
}

func (c *cache) add(id [sha256.Size]byte, e entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= maxRemembered {
		c.evict()
	}
	c.entries[id] = e
}

// evict drops, of a few entries, the one that expires first.
func (c *cache) evict() {
	const few = 8
	var first [sha256.Size]byte
	var soonest time.Time
	seen := 0
	for id, e := range c.entries {
		if seen == 0 || e.content.exp.Before(soonest) {
			first, soonest = id, e.content.exp
		}
		if seen++; seen == few {
			break
		}
	}
	delete(c.entries, first)
}
