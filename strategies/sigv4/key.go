package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
)

// newKeys returns the credentials of a Verifier.
func newKeys(cfg *Config, p *config.Problems) *rotation.Secrets[*keyring] {
	region, service := cfg.Region, cfg.Service
	switch {
	case (cfg.CredentialsFunc == nil) == (len(cfg.Credentials) == 0):
		p.Add("Credentials", "exactly one of Credentials and CredentialsFunc is required")
		return nil
	case cfg.CredentialsFunc == nil:
		return rotation.Static(newKeyring(cfg.Credentials, "Credentials", "Config.Credentials", region, service, p))
	}
	prepare := func(list []Credential) (*keyring, error) {
		p := config.Problems{Package: "Config.CredentialsFunc"} // the error of Get names the strategy
		ring := newKeyring(list, "", "Config.CredentialsFunc()", region, service, &p)
		return ring, p.Err()
	}
	return rotation.NewSecrets(strategy, "Config.CredentialsFunc", cfg.CredentialsFunc, prepare, cfg.Now)
}

// A keyring holds the credentials by access key ID. While a secret is rotated, there are
// several under one ID.
type keyring struct {
	byID    map[string][]*credential
	all     []*credential
	wantID  string // for errors: the access key IDs, and the fields that decide
	secrets map[[sha256.Size]byte]bool
}

type credential struct {
	keyID    string
	position string
	field    string            // "Config.Credentials[0]"
	token    [sha256.Size]byte // digest of the session token
	hasToken bool
	key      signingKey
}

// holds returns 1 if the session token with this digest is that of c, in constant time.
func (c *credential) holds(token *[sha256.Size]byte, sent bool) int {
	same := subtle.ConstantTimeCompare(c.token[:], token[:])
	if c.hasToken != sent {
		return 0
	}
	if !c.hasToken {
		return 1
	}
	return same
}

// newKeyring checks and copies credentials. list is the field that they come from in the
// errors of New, and source in those of Verify.
func newKeyring(credentials []Credential, list, source, region, service string, p *config.Problems) *keyring {
	ring := &keyring{byID: make(map[string][]*credential), secrets: make(map[[sha256.Size]byte]bool)}
	var ids []string
	for i, c := range credentials {
		field := fmt.Sprintf("%s[%d].", list, i)
		checkScopePart(p, field+"AccessKeyID", c.AccessKeyID)
		p.Name(field+"SecretAccessKey", c.SecretAccessKey, 0)
		if c.SessionToken != "" {
			p.Name(field+"SessionToken", c.SessionToken, 0)
		}
		k := &credential{
			keyID:    c.AccessKeyID,
			position: strconv.Itoa(i),
			field:    fmt.Sprintf("%s[%d]", source, i),
			token:    sha256.Sum256([]byte(c.SessionToken)),
			hasToken: c.SessionToken != "",
			key:      signingKey{secret: c.SecretAccessKey, region: region, service: service},
		}
		if len(ring.byID[c.AccessKeyID]) == 0 {
			ids = append(ids, c.AccessKeyID)
		}
		ring.byID[c.AccessKeyID] = append(ring.byID[c.AccessKeyID], k)
		ring.all = append(ring.all, k)
		ring.secrets[sha256.Sum256([]byte(c.SecretAccessKey))] = true
	}
	ring.wantID = fmt.Sprintf("want one of %s (%s[].AccessKeyID; Redox dashboard: accessKey)", quoteAll(ids), source)
	return ring
}

// find returns the credentials of an access key ID. For an unknown ID they are those of the first
// ID, so that a refusal costs the same: as many secrets, whose keys are cached as well.
func (ring *keyring) find(id string) (candidates []*credential, known bool) {
	if candidates, known = ring.byID[id]; !known {
		candidates = ring.byID[ring.all[0].keyID]
	}
	return candidates, known
}

// quoteID quotes an access key ID. It shows no more than the start of one that may be a secret
// key that was entered in its place. It costs the same for known and unknown IDs.
func (ring *keyring) quoteID(id string) string {
	const shortSecret = 32
	if secret := ring.secrets[sha256.Sum256([]byte(id))]; secret || len(id) >= shortSecret {
		return fmt.Sprintf("%+q and %d more characters", id[:min(len(id), 4)], max(len(id)-4, 0))
	}
	return quote(id)
}

// checkScopePart checks a part of Credential=key/day/region/service/aws4_request.
func checkScopePart(p *config.Problems, field, part string) {
	switch {
	case part == "":
		p.Add(field, "required")
	case strings.Contains(part, " "):
		p.Add(field, "has a space")
	case strings.ContainsAny(part, ",/"):
		p.Add(field, "has a comma or a slash")
	case strings.ContainsFunc(part, func(c rune) bool { return c < ' ' || c > '~' }):
		p.Add(field, "has a character that is not printable ASCII")
	}
}

// A signingKey derives the key of each day from one secret. It keeps two of them: no more
// days can be within the skew at a time. It belongs to the secret, not to the key ID: with a
// cache by key ID a withdrawn secret would be accepted until the day ends.
type signingKey struct {
	secret, region, service string
	days                    [2]atomic.Pointer[dayKey]
}

// A dayKey signs for one day. Its HMACs are keyed once and reused.
type dayKey struct {
	day  string
	macs sync.Pool // of hash.Hash
}

// of returns the key of a day. t is in that day. It keeps the key of a current day: a peer
// that names old days must not displace it.
func (k *signingKey) of(day string, t time.Time, current bool) *dayKey {
	slot := &k.days[uint64(t.Unix()/secondsPerDay)%2]
	if d := slot.Load(); d != nil && d.day == day {
		return d
	}
	d := k.derive(strings.Clone(day))
	if current {
		slot.Store(d)
	}
	return d
}

const secondsPerDay = 24 * 60 * 60

func (k *signingKey) derive(day string) *dayKey {
	key := []byte("AWS4" + k.secret)
	for _, part := range [...]string{day, k.region, k.service, terminator} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	d := &dayKey{day: day}
	d.macs.New = func() any { return hmac.New(sha256.New, key) }
	return d
}

// appendSignature appends the signature of message to dst.
func (d *dayKey) appendSignature(dst, message []byte) []byte {
	mac := d.macs.Get().(hash.Hash)
	defer d.macs.Put(mac)
	mac.Reset()
	mac.Write(message)
	return mac.Sum(dst)
}
