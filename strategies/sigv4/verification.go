package sigv4

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

const unsignedPayload = "UNSIGNED-PAYLOAD"

// prove returns the credential that signed a request. c is left with its proof and
// canonical request.
//
// The order is from cheap to dear, and nothing depends on whether the key ID is configured
// until the signature would be checked. A peer that knows no secret makes us read a body
// only if it names a configured key, a right scope and a right date, and declares no
// hash of the body.
func (v *Verifier) prove(r *http.Request, c *canonical) (*credential, error) {
	p := &c.proof
	if err := p.read(r); err != nil {
		return nil, err
	}
	ring, err := v.keys.get(r.Context())
	if err != nil {
		return nil, err
	}
	candidates := ring[p.keyID]
	if err = v.admit(r, p); err == nil {
		err = c.build(v, r, r.ContentLength)
	}
	switch {
	case errors.Is(err, redoxauth.ErrMalformed):
		return nil, err
	case len(candidates) == 0:
		return nil, v.refuse(r, c, err, "unknown_key", "the access key ID is not configured")
	case err != nil:
		return nil, err
	case !anyFits(candidates, p):
		return nil, v.refuse(r, c, nil, "session_token", "the session token is missing, unexpected or wrong")
	}
	if err := c.readBody(v, r); err != nil {
		return nil, err
	}
	match := v.match(r, c, candidates)
	if match == nil {
		return nil, reject("signature", "the signature does not match")
	}
	if err := checkBody(r, c); err != nil {
		return nil, err
	}
	if err := checkTrailer(r); err != nil {
		return nil, err
	}
	return match, nil
}

// admit checks what needs no secret: scope, date, coverage, and whether the kind of
// payload hash is accepted.
func (v *Verifier) admit(r *http.Request, p *proof) error {
	if p.region != v.region {
		return reject("region", "the credential scope names another region")
	}
	if p.service != v.service {
		return reject("service", "the credential scope names another service")
	}
	if p.day != p.date[:dayLength] {
		return reject("clock_skew", "the credential scope is of another day than X-Amz-Date")
	}
	if v.now().Sub(p.time).Abs() > v.maxSkew {
		return reject("clock_skew", "X-Amz-Date is too far from the clock")
	}
	if host := receivedHost(r); len(v.hosts) == 0 && !isHost(host) {
		return reject("host", "no usable Host was received")
	}
	if err := v.checkCoverage(r, p); err != nil {
		return err
	}
	hash := len(p.payload) == 2*sha256.Size && isLowerHex(p.payload)
	if p.payload != "" && !hash && !(p.payload == unsignedPayload && v.unsigned) {
		return reject("payload", "X-Amz-Content-Sha256 is not a hash, and not accepted")
	}
	return nil
}

// refuse refuses a request before its signature is checked, but after the work that a
// wrong one costs, without the body. err is why it would be refused with any key ID.
func (v *Verifier) refuse(r *http.Request, c *canonical, err error, reason redoxauth.Reason, why string) error {
	if err == nil {
		c.setBody(nil)
		v.match(r, c, v.keys.decoy)
	}
	return reject(reason, why)
}

func anyFits(candidates []*credential, p *proof) bool {
	fits := 0
	for _, k := range candidates {
		fits |= k.fits(p)
	}
	return fits == 1
}

// match returns the first candidate whose signature and session token are those of the
// request. Every candidate is tried with every host, so that time tells nothing.
func (v *Verifier) match(r *http.Request, c *canonical, candidates []*credential) (match *credential) {
	p := &c.proof
	hosts := v.hosts
	if received := receivedHost(r); len(hosts) == 0 || slices.Contains(hosts, received) {
		hosts = []string{received}
	}
	for _, host := range hosts {
		message := c.stringToSign(c.finish(host))
		for _, k := range candidates {
			c.mac = k.key.of(p.day, p.time).appendSignature(c.mac[:0], message)
			ok := subtle.ConstantTimeCompare(c.mac, p.signature[:]) & k.fits(p)
			if ok == 1 && match == nil {
				match = k
			}
		}
	}
	return match
}

// receivedHost returns Host as it was received. An adapter that sets none may have
// left it among the headers.
func receivedHost(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	if values := r.Header["Host"]; len(values) == 1 {
		return values[0]
	}
	return ""
}

func isHost(host string) bool { return host != "" && isVisible(host) }

// checkBody compares the body with the hash that was signed.
func checkBody(r *http.Request, c *canonical) error {
	declared := c.proof.payload
	if declared == "" || declared == unsignedPayload {
		return nil
	}
	h := sha256.New()
	if err := redoxauth.HashProvenBody(r, h); err != nil {
		return named(err)
	}
	if c.payload = hex.AppendEncode(c.payload[:0], h.Sum(nil)); string(c.payload) != declared {
		return reject("payload", "the body does not match X-Amz-Content-Sha256")
	}
	return nil
}

// checkReplay asks Config.Replay. The Store keeps the signature for twice as long as
// it is accepted: clocks of several servers differ, and a clock can be set back.
func (v *Verifier) checkReplay(ctx context.Context, p *proof) error {
	if v.replay == nil {
		return nil
	}
	fresh, err := v.replay.Add(ctx, strategy, hex.EncodeToString(p.signature[:]), p.time.Add(2*v.maxSkew))
	if err != nil {
		return &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Strategy: strategy, Reason: "replay_store", Err: err}
	}
	if !fresh {
		return reject("replayed", "the signature was used before")
	}
	return nil
}
