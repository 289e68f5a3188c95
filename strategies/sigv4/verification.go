package sigv4

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/singleuse"
)

// decide returns the credential that signed r. It leaves the claim and the canonical
// request in c.
//
// Cheap steps come first. Before the signature is checked, nothing depends on whether the key
// ID is configured. A peer without a secret can make us read a body only if it names a
// configured key ID, the right scope and a right date, and declares no hash of the body.
// If it does declare the hash, the signature of an old date is checked too: it tells a sender
// that repeats a genuine request from a clock that is wrong.
func (v *Verifier) decide(r *http.Request, c *canonical) (*credential, error) {
	if v.keys == nil {
		return nil, redoxauth.Errorf(nil, "internal", "a zero Verifier: make it with New")
	}
	if err := c.claim.readClaim(r); err != nil {
		return nil, err
	}
	ring, err := v.keys.secrets.Get(r.Context())
	if err != nil {
		return nil, err
	}
	candidates := ring[c.claim.keyID]
	if err = v.admit(r, &c.claim); err == nil {
		err = c.build(r, &v.form, r.ContentLength)
	}
	switch {
	case errors.Is(err, redoxauth.ErrMalformed):
		return nil, err
	case len(candidates) == 0:
		if err == nil {
			v.matchDecoy(c)
		}
		return nil, notSignedBy(c.claim.keyID, "unknown_key", "is none of Config.Credentials")
	case err != nil:
		return nil, err
	case !anyHolds(candidates, &c.claim):
		v.matchDecoy(c)
		return nil, wrongSessionToken(candidates, &c.claim)
	}
	if err := c.readBody(r, &v.form); err != nil {
		return nil, err
	}
	match := v.match(c, candidates)
	switch skew := c.claim.skew; {
	case match != nil && skew != nil:
		return nil, redoxauth.Errorf(redoxauth.ErrRejected, "stale", "%v; the signature holds: the sender repeats an old request without signing it again, or a clock is wrong", skew.Err)
	case skew != nil:
		return nil, skew
	case match == nil:
		return nil, notSignedBy(c.claim.keyID, "signature", "is one of Config.Credentials, but its secret did not sign what arrived")
	}
	if declared := c.claim.payload; declared != "" && declared != unsignedPayload {
		if err := c.hashBody(r, redoxauth.HashProvenBody); err != nil {
			return nil, err
		}
		if string(c.bodyHash) != declared {
			return nil, redoxauth.Errorf(redoxauth.ErrRejected, "payload", "the body does not match X-Amz-Content-Sha256")
		}
	}
	// net/http adds trailers that were not announced to r.Trailer when it has read the body.
	for key := range r.Trailer {
		if isAmz(key) {
			return nil, redoxauth.Errorf(redoxauth.ErrRejected, "unsigned_header", "%s is a trailer, which cannot be signed", shorten(key))
		}
	}
	return match, nil
}

// notSignedBy is the error of a signature that no credential made. It costs the same for
// known and unknown access key IDs. It shows no more than the start of an ID, which may be a
// secret key that was entered in its place.
func notSignedBy(id string, reason redoxauth.Reason, why string) error {
	return redoxauth.Errorf(redoxauth.ErrRejected, reason, "the access key ID, %q and %d more characters, %s", id[:min(len(id), 4)], max(len(id)-4, 0), why)
}

// admit checks what needs no secret: the scope, the date, the Host, which headers are signed,
// and the kind of payload hash. It leaves an old date in c.skew if the signature can be checked
// without the body.
func (v *Verifier) admit(r *http.Request, c *claim) error {
	if c.region != v.region {
		return redoxauth.Errorf(redoxauth.ErrRejected, "region", "signed for region %q, want %q (Config.Region)", shorten(c.region), v.region)
	}
	if c.service != v.service {
		return redoxauth.Errorf(redoxauth.ErrRejected, "service", "signed for service %q, want %q (Config.Service)", shorten(c.service), v.service)
	}
	if c.day != c.date[:dayLength] {
		return redoxauth.Errorf(redoxauth.ErrRejected, "clock_skew", "the day of Credential is %q, that of X-Amz-Date %q", c.day, c.date[:dayLength])
	}
	now := v.now()
	if age := now.Sub(c.time); age.Abs() > v.maxSkew {
		c.skew = redoxauth.Errorf(redoxauth.ErrRejected, "clock_skew", "X-Amz-Date is %s, the clock says %s, want at most %v between them (Config.MaxSkew)",
			c.date, now.UTC().Format(dateLayout), v.maxSkew)
		if age < 0 || c.needsBody(r) {
			return c.skew
		}
	}
	if c.host == "" && len(v.hosts) == 0 || !isVisible(c.host) {
		return redoxauth.Errorf(redoxauth.ErrRejected, "host", "the received Host is %q, want a host or host:port; if a proxy removes it, list the sender's in Config.Hosts", shorten(c.host))
	}
	if err := v.checkCoverage(r, c); err != nil {
		return err
	}
	switch {
	case c.payload == "", c.payload == unsignedPayload && v.unsigned, len(c.payload) == 2*sha256.Size && lowerHex.hasAll(c.payload):
		return nil
	case c.payload == unsignedPayload:
		return redoxauth.Errorf(redoxauth.ErrRejected, "payload", "X-Amz-Content-Sha256 is "+unsignedPayload+"; only Config.InsecureAllowUnsignedPayload accepts it")
	}
	return redoxauth.Errorf(redoxauth.ErrRejected, "payload", "X-Amz-Content-Sha256 is not 64 lower-case hexadecimal digits")
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
			return redoxauth.Errorf(redoxauth.ErrRejected, "unsigned_header", "%s is not the canonical key of this header in http.Header", shorten(key))
		}
		if amz && key != "X-Amz-Content-Sha256" && key != "X-Amz-Cf-Id" && !c.signs(key) {
			return redoxauth.Errorf(redoxauth.ErrRejected, "unsigned_header", "%s is not signed", shorten(key))
		}
	}
	for _, name := range v.required {
		if _, sent := sentHeader(r, name); sent && !c.signs(name) {
			return redoxauth.Errorf(redoxauth.ErrRejected, "unsigned_header", "%s is not signed (Config.RequiredHeaders)", name)
		}
	}
	return nil
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
	why := "X-Amz-Security-Token is not the configured one"
	switch {
	case !c.hasToken:
		why = "X-Amz-Security-Token is missing"
	case !slices.ContainsFunc(candidates, func(k *credential) bool { return k.hasToken }):
		why = "X-Amz-Security-Token is unexpected"
	}
	return redoxauth.Errorf(redoxauth.ErrRejected, "session_token", "%s (Credential.SessionToken)", why)
}

// matchDecoy does the work that a wrong signature costs, except for the body. So the time of
// a refusal does not tell whether a key ID is configured.
func (v *Verifier) matchDecoy(c *canonical) {
	const ofNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	c.bodyHash = append(c.bodyHash[:0], ofNothing...)
	v.match(c, v.keys.decoy)
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
