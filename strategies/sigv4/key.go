package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
)

// keys are where a Verifier has its keyring from.
type keys struct {
	secrets *rotation.Secrets[keyring]
	decoy   []*credential // that sign for unknown key IDs
}

func newKeys(cfg Config, now func() time.Time) (*keys, error) {
	k := &keys{decoy: []*credential{{key: signingKey{secret: rand.Text(), region: cfg.Region, service: cfg.Service}}}}
	prepare := func(list []Credential) (keyring, error) {
		return newKeyring(list, cfg.Region, cfg.Service)
	}
	switch {
	case cfg.CredentialsFunc == nil && len(cfg.Credentials) == 0:
		return nil, errors.New("sigv4: Credentials: none, and no CredentialsFunc")
	case cfg.CredentialsFunc == nil:
		ring, err := prepare(cfg.Credentials)
		k.secrets = rotation.Static(ring)
		return k, err
	case len(cfg.Credentials) > 0:
		return nil, errors.New("sigv4: CredentialsFunc: beside Credentials")
	}
	k.secrets = rotation.NewSecrets(strategy, cfg.CredentialsFunc, prepare, now)
	return k, nil
}

func (k *keys) get(ctx context.Context) (keyring, error) {
	return k.secrets.Get(ctx)
}

// A keyring holds the credentials by access key ID; several under one while its
// secret is rotated.
type keyring map[string][]*credential

type credential struct {
	keyID    string
	position string
	token    [sha256.Size]byte // digest of the session token
	hasToken bool
	key      signingKey
}

// fits reports, in constant time, 1 if the session token of p is that of c.
func (c *credential) fits(p *proof) int {
	same := subtle.ConstantTimeCompare(c.token[:], p.token[:])
	if c.hasToken != p.hasToken {
		return 0
	}
	if !c.hasToken {
		return 1
	}
	return same
}

// newKeyring checks and copies credentials. Its errors name no secret.
func newKeyring(credentials []Credential, region, service string) (keyring, error) {
	ring := make(keyring)
	var errs []error
	for i, c := range credentials {
		field := fmt.Sprintf("sigv4: Credentials[%d].", i)
		if c.AccessKeyID == "" || strings.ContainsFunc(c.AccessKeyID, notInCredential) {
			errs = append(errs, errors.New(field+"AccessKeyID: empty, or not printable ASCII without space, comma and slash"))
		}
		if c.SecretAccessKey == "" || strings.TrimSpace(c.SecretAccessKey) != c.SecretAccessKey {
			errs = append(errs, errors.New(field+"SecretAccessKey: empty or surrounded by white space"))
		}
		if strings.TrimSpace(c.SessionToken) != c.SessionToken {
			errs = append(errs, errors.New(field+"SessionToken: surrounded by white space"))
		}
		ring[c.AccessKeyID] = append(ring[c.AccessKeyID], &credential{
			keyID:    c.AccessKeyID,
			position: strconv.Itoa(i),
			token:    sha256.Sum256([]byte(c.SessionToken)),
			hasToken: c.SessionToken != "",
			key:      signingKey{secret: c.SecretAccessKey, region: region, service: service},
		})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return ring, nil
}

// notInCredential reports what cannot be in a part of the Credential field.
func notInCredential(c rune) bool {
	return c <= ' ' || c > '~' || c == ',' || c == '/'
}

// A signingKey derives the keys of the days from one secret. It keeps two: more days
// cannot be within the skew at a time. It belongs to the secret, not to the key ID:
// a cache by key ID would let a withdrawn secret sign until the day ends.
type signingKey struct {
	secret, region, service string
	days                    [2]atomic.Pointer[dayKey]
}

// A dayKey signs for one day. Its HMACs are keyed once and used again.
type dayKey struct {
	day  string
	macs sync.Pool // of hash.Hash
}

// of returns the key of the day, which is that of t.
func (k *signingKey) of(day string, t time.Time) *dayKey {
	slot := &k.days[uint64(t.Unix()/secondsPerDay)%2]
	if d := slot.Load(); d != nil && d.day == day {
		return d
	}
	d := k.derive(strings.Clone(day))
	slot.Store(d)
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
