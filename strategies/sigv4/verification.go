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
)

const unsignedPayload = "UNSIGNED-PAYLOAD"

// prove returns the credential that signed a request. c is left with its proof and
// canonical request.
//
// The order is from cheap to dear. A peer that knows no secret makes us read a body
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
	if len(candidates) == 0 {
		return nil, v.refuseUnknown(r, c)
	}
	if err := v.admit(r, p, candidates); err != nil {
		return nil, err
	}
	length := r.ContentLength
	var body []byte
	if lengthUnknown(r, p.signedHeaders) {
		if body, err = redoxauth.Body(r); err != nil {
			return nil, named(err)
		}
		length = int64(len(body))
	}
	if err := c.build(v, r, length); err != nil {
		return nil, err
	}
	if p.payload == "" {
		if body, err = redoxauth.Body(r); err != nil {
			return nil, named(err)
		}
		c.setBody(body)
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

// refuseUnknown refuses a key ID that is not configured, with the work and the errors
// that one with a wrong signature gets, but for the body.
func (v *Verifier) refuseUnknown(r *http.Request, c *canonical) error {
	var e *redoxauth.Error
	if err := c.build(v, r, r.ContentLength); errors.As(err, &e) && e.Kind == redoxauth.ErrMalformed {
		return err
	}
	c.setBody(nil)
	v.match(r, c, v.keys.decoy)
	return reject("unknown_key", "the access key ID is not configured")
}

// admit checks what needs no secret but the session token: scope, date, coverage, and
// whether the kind of payload hash is accepted.
func (v *Verifier) admit(r *http.Request, p *proof, candidates []*credential) error {
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
	if err := v.checkCoverage(r, p.signedHeaders); err != nil {
		return err
	}
	hash := len(p.payload) == 2*sha256.Size && isLowerHex(p.payload)
	if p.payload != "" && !hash && !(p.payload == unsignedPayload && v.unsigned) {
		return reject("payload", "X-Amz-Content-Sha256 is not a hash, and not accepted")
	}
	fits := 0
	for _, k := range candidates {
		fits |= k.fits(p)
	}
	if fits == 0 {
		return reject("session_token", "the session token is missing, unexpected or wrong")
	}
	return nil
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
	if values := r.Header["Host"]; r.Host == "" && len(values) == 1 {
		return values[0]
	}
	return r.Host
}

func isHost(host string) bool {
	return host != "" && !strings.ContainsFunc(host, func(c rune) bool { return c <= ' ' || c == 0x7f })
}

// checkBody compares the body with the hash that was signed.
func checkBody(r *http.Request, c *canonical) error {
	declared := c.proof.payload
	if declared == "" || declared == unsignedPayload {
		return nil
	}
	body, err := redoxauth.ProvenBody(r)
	if err != nil {
		return named(err)
	}
	if c.setBody(body); string(c.payload) != declared {
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
