package sigv4

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/singleuse"
)

// decide returns the credential that signed r. It leaves the claim and the canonical
// request in c.
//
// Cheap steps come first. Before the signature is checked, nothing depends on whether the key
// ID is configured. A peer without a secret can make us read a body only if it names a
// configured key ID, the right scope and a right date, and declares no hash of the body. That
// is the only observable difference between an unknown key ID and a wrong signature.
// If it does declare the hash, the signature of an old date is checked too: it tells a sender
// that repeats a genuine request from a clock that is wrong.
//
// ctx is that of r, or one of rotation.LoadedOnly.
func (v *Verifier) decide(ctx context.Context, r *http.Request, c *canonical) (*credential, error) {
	if v.keys == nil {
		return nil, redoxauth.Errorf(nil, "internal", "a zero Verifier: make it with New")
	}
	if err := c.claim.readClaim(r); err != nil {
		return nil, err
	}
	ring, err := v.keys.Get(ctx)
	if err != nil {
		return nil, err
	}
	c.ring = ring
	candidates, known := ring.find(c.claim.keyID)
	if err = v.admit(r, &c.claim); err == nil {
		err = c.build(r, &v.form, r.ContentLength)
	}
	switch {
	case errors.Is(err, redoxauth.ErrMalformed):
		return nil, err
	case err != nil:
		return nil, v.refuse(ring, &c.claim, known, err)
	case !anyHolds(candidates, &c.claim):
		v.matchInVain(c, candidates)
		return nil, v.refuse(ring, &c.claim, known, v.keys.Refusal(wrongSessionToken(candidates, &c.claim)))
	case !known:
		v.matchInVain(c, candidates)
		return nil, v.refuse(ring, &c.claim, known, v.wrongSignature(ring, &c.claim, candidates))
	}
	if err := c.readBody(r, &v.form); err != nil {
		return nil, err
	}
	match := v.match(c, candidates)
	switch skew := c.claim.skew; {
	case match != nil && skew != nil:
		return nil, redoxauth.Errorf(redoxauth.ErrRejected, "stale", "%v; the signature holds: the sender repeats an old request without signing it again, or a clock is wrong", skew.Err)
	case match == nil:
		return nil, v.refuse(ring, &c.claim, known, v.wrongSignature(ring, &c.claim, candidates))
	}
	if declared := c.claim.payload; declared != "" && declared != unsignedPayload {
		if err := c.hashBody(r, redoxauth.HashProvenBody); err != nil {
			return nil, err
		}
		if string(c.bodyHash) != declared {
			return nil, redoxauth.Errorf(redoxauth.ErrRejected, "payload", "the body does not match X-Amz-Content-Sha256: %d bytes arrived, want those whose hash the sender declares and signs%s", c.body.n, ofNothing(declared))
		}
	}
	// net/http adds trailers that were not announced to r.Trailer when it has read the body.
	for key := range r.Trailer {
		if isAmz(key) {
			return nil, redoxauth.Errorf(redoxauth.ErrRejected, "unsigned_header", "%s is a trailer, which cannot be signed, want no trailer named x-amz-*", quote(key))
		}
	}
	return match, nil
}

// admit checks what needs no secret: the scope, the date, the Host, which headers are signed,
// and the kind of payload hash. It leaves an old date in c.skew if the signature can be checked
// without the body.
func (v *Verifier) admit(r *http.Request, c *claim) error {
	if c.region != v.region {
		return redoxauth.Errorf(redoxauth.ErrRejected, "region", "signed for region %s, want %q (Config.Region; Redox dashboard: awsRegion)", quote(c.region), v.region)
	}
	if c.service != v.service {
		return redoxauth.Errorf(redoxauth.ErrRejected, "service", "signed for service %s, want %q (Config.Service; Redox dashboard: serviceName)", quote(c.service), v.service)
	}
	if c.day != c.date[:dayLength] {
		return redoxauth.Errorf(redoxauth.ErrRejected, "clock_skew", "the date of Credential is %s, want %q, the date of X-Amz-Date: the sender takes them from different clocks or time zones", quote(c.day), c.date[:dayLength])
	}
	now := v.now()
	if age := now.Sub(c.time); age.Abs() > v.maxSkew {
		c.skew = redoxauth.Errorf(redoxauth.ErrRejected, "clock_skew", "X-Amz-Date is %s, %s (now %s), want at most %v (Config.MaxSkew)",
			c.date, fromClock(age), now.UTC().Format(dateLayout), v.maxSkew)
		if age < 0 || c.needsBody(r) {
			return c.skew
		}
	}
	if c.host == "" && len(v.hosts) == 0 || !isVisible(c.host) {
		received := quote(c.host)
		if c.host == "" {
			received = "absent"
		}
		return redoxauth.Errorf(redoxauth.ErrRejected, "host", "the received Host is %s, want a host or host:port as the sender signed it; if something on the way removes or replaces it, list the sender's (Config.Hosts)", received)
	}
	if err := v.checkCoverage(r, c); err != nil {
		return err
	}
	switch {
	case c.payload == "", c.payload == unsignedPayload && v.unsigned, len(c.payload) == 2*sha256.Size && lowerHex.hasAll(c.payload):
		return nil
	}
	return wrongPayload(c.payload)
}

// wrongPayload is the error of an X-Amz-Content-Sha256 that is no hash.
func wrongPayload(payload string) error {
	why := digits(payload) + ", want the SHA-256 of the body as 64 lower-case hexadecimal digits, or no such header"
	switch {
	case payload == unsignedPayload:
		why = `"` + unsignedPayload + `", want the SHA-256 of the body (only Config.InsecureAllowUnsignedPayload accepts it)`
	case strings.HasPrefix(payload, "STREAMING-"):
		why = quote(payload) + ", want the SHA-256 of the body: bodies that are signed in chunks are never accepted, so the sender must sign the whole body"
	}
	return redoxauth.Errorf(redoxauth.ErrRejected, "payload", "X-Amz-Content-Sha256 is %s", why)
}

// hashOfNothing is the SHA-256 of an empty body.
const hashOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func ofNothing(hash string) string {
	if hash == hashOfNothing {
		return ": that of an empty body"
	}
	return ""
}

// fromClock says how far a date is from the clock.
func fromClock(age time.Duration) string {
	direction := "behind"
	if age < 0 {
		direction = "ahead of"
	}
	return fmt.Sprintf("%v %s this server's clock", age.Abs().Truncate(time.Millisecond), direction)
}

// checkCoverage checks that everything is signed that must be: every x-amz-* header that
// arrived, such as the date, and RequiredHeaders. Gateways that did not check the former let
// anybody add a header that changes what a signed request does (CVE-2026-54330). Two need not
// be signed: X-Amz-Content-Sha256 is in the canonical request anyway, and CloudFront adds
// X-Amz-Cf-Id on the way.
func (v *Verifier) checkCoverage(r *http.Request, c *claim) error {
	for key := range r.Header {
		amz := isAmz(key)
		if !isCanonicalKey(key) && (amz || c.signs(key) || slices.Contains(v.required, strings.ToLower(key))) {
			return redoxauth.Errorf(redoxauth.ErrRejected, "unsigned_header", "http.Header has the key %s, want %q: what fills the map must use its method Add or Set", quote(key), http.CanonicalHeaderKey(key[:min(len(key), 128)]))
		}
		if amz && key != "X-Amz-Content-Sha256" && key != "X-Amz-Cf-Id" && !c.signs(key) {
			return notSigned(key, "fixed for every x-amz-* header")
		}
	}
	for _, name := range v.required {
		if _, sent := sentHeader(r, name); sent && !c.signs(name) {
			return notSigned(name, "Config.RequiredHeaders")
		}
	}
	return nil
}

func notSigned(name, rule string) error {
	return redoxauth.Errorf(redoxauth.ErrRejected, "unsigned_header", "the header %s arrived and is absent from SignedHeaders, want it signed (%s): the sender does not sign it, or something on the way added it", quote(name), rule)
}

// isCanonicalKey reports whether a key is its own http.CanonicalHeaderKey. It is for tokens
// only, and takes half the time.
func isCanonicalKey(key string) bool {
	start := true // of the key or after "-"
	for i := range len(key) {
		b := key[i]
		if start && 'a' <= b && b <= 'z' || !start && 'A' <= b && b <= 'Z' {
			return false
		}
		start = b == '-'
	}
	return true
}

func isAmz(key string) bool {
	const prefix = "x-amz-"
	return len(key) > len(prefix) && strings.EqualFold(key[:len(prefix)], prefix)
}

// anyHolds reports whether one of the candidates has the session token of the claim.
func anyHolds(candidates []*credential, c *claim) bool {
	holds := 0
	for _, k := range candidates {
		holds |= k.holds(&c.token, c.hasToken)
	}
	return holds == 1
}

// wrongSessionToken is the error of a claim whose session token none of the candidates has.
func wrongSessionToken(candidates []*credential, c *claim) error {
	const dashboard = "(Redox dashboard: sessionToken)"
	i := slices.IndexFunc(candidates, func(k *credential) bool { return k.hasToken })
	switch {
	case !c.hasToken:
		return redoxauth.Errorf(redoxauth.ErrRejected, "session_token", "X-Amz-Security-Token is absent, want that of %s.SessionToken %s", candidates[0].field, dashboard)
	case i < 0:
		return redoxauth.Errorf(redoxauth.ErrRejected, "session_token", "X-Amz-Security-Token arrived, but %s.SessionToken is empty %s", candidates[0].field, dashboard)
	}
	return redoxauth.Errorf(redoxauth.ErrRejected, "session_token", "X-Amz-Security-Token arrived and differs from %s.SessionToken %s", candidates[i].field, dashboard)
}

// wrongSignature is the error of a claim whose signature none of the candidates has.
func (v *Verifier) wrongSignature(ring *keyring, c *claim, candidates []*credential) error {
	if c.skew != nil {
		return c.skew
	}
	return v.keys.Refusal(redoxauth.Errorf(redoxauth.ErrRejected, "signature", "the signature does not verify with the secret of the access key ID %s (%s.SecretAccessKey; Redox dashboard: secretKey): the request is not as the sender signed it, or the sender has another secret",
		ring.quoteID(c.keyID), candidates[0].field))
}

// refuse returns err if the key ID is known, else the error that says that it is not. It makes
// the latter in both cases, so that the time of a refusal does not tell which it is.
func (v *Verifier) refuse(ring *keyring, c *claim, known bool, err error) error {
	unknown := v.keys.Refusal(redoxauth.Errorf(redoxauth.ErrRejected, "unknown_key", "the access key ID is %s, %s", ring.quoteID(c.keyID), ring.wantID))
	if !known {
		return unknown
	}
	return err
}

// matchInVain does the work that a wrong signature costs, except for the body. The answer does
// not depend on what it finds.
func (v *Verifier) matchInVain(c *canonical, candidates []*credential) {
	c.bodyHash = append(c.bodyHash[:0], hashOfNothing...)
	v.match(c, candidates)
	c.bodyHash = c.bodyHash[:0]
}

// match returns the first candidate that has the signature and the session token of the
// claim. It tries every candidate with every host, so that its time tells nothing.
func (v *Verifier) match(c *canonical, candidates []*credential) (match *credential) {
	claim := &c.claim
	for _, host := range v.signedHosts(make([]string, 0, maxHosts+1), claim.host) {
		message := c.stringToSign(c.finish(host))
		for _, k := range candidates {
			c.digest = k.key.of(claim.day, claim.time, claim.skew == nil).appendSignature(c.digest[:0], message)
			ok := subtle.ConstantTimeCompare(c.digest, claim.signature[:]) & k.holds(&claim.token, claim.hasToken)
			if ok == 1 && match == nil {
				match = k
			}
		}
	}
	return match
}

// useOnce asks Config.Replay.
func (v *Verifier) useOnce(ctx context.Context, c *claim) error {
	if v.replay == nil {
		return nil
	}
	return singleuse.Use(ctx, v.replay, strategy, hex.EncodeToString(c.signature[:]), singleuse.Until(c.time, v.maxSkew))
}
