package sigv4

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

const (
	dateLayout      = "20060102T150405Z"
	unsignedPayload = "UNSIGNED-PAYLOAD"
)

// A proof is what the headers of a request claim, well formed but not verified.
type proof struct {
	authorization
	path, query string // as on the wire
	date        string // X-Amz-Date
	time        time.Time
	payload     string            // X-Amz-Content-Sha256; empty if absent
	token       [sha256.Size]byte // digest of X-Amz-Security-Token
	hasToken    bool
}

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
	return match, nil
}

// read reads the headers that make up a proof. It decides what is this scheme's
// own: no other scheme is claimed.
func (p *proof) read(r *http.Request) error {
	path, query, ok := target(r)
	parameters, err := readCarrier(r, query)
	if err != nil {
		return err
	}
	if !ok {
		return malformed("path", "the request target is not a path, or too long")
	}
	*p = proof{path: path, query: query}
	if p.authorization, err = parseAuthorization(parameters); err != nil {
		return malformed("malformed", err.Error())
	}
	if !names(p.signedHeaders, "host") {
		return reject("unsigned_header", "host is not signed")
	}
	dates, payloads, tokens := r.Header["X-Amz-Date"], r.Header["X-Amz-Content-Sha256"], r.Header["X-Amz-Security-Token"]
	if len(dates) != 1 || len(payloads) > 1 || len(tokens) > 1 {
		return malformed("malformed", "X-Amz-Date is absent, or an X-Amz- header of the signature is repeated")
	}
	p.date = dates[0]
	p.time, err = time.Parse(dateLayout, p.date)
	if err != nil || len(p.date) != len(dateLayout) { // time.Parse takes fractions of a second
		return malformed("malformed", "X-Amz-Date is not of the form YYYYMMDD'T'HHMMSS'Z'")
	}
	if len(payloads) == 1 {
		if p.payload = payloads[0]; p.payload == "" {
			return malformed("malformed", "X-Amz-Content-Sha256 is empty")
		}
	}
	if p.hasToken = len(tokens) == 1; p.hasToken {
		p.token = sha256.Sum256([]byte(tokens[0]))
	}
	return nil
}

// readCarrier returns the parameters of the Authorization header. It is the only
// carrier: MinIO took credentials from the query too, and without an Authorization
// header checked no signature (CVE-2026-41145).
func readCarrier(r *http.Request, query string) (parameters string, err error) {
	values := r.Header["Authorization"]
	switch {
	case len(values) > 1:
		return "", malformed("malformed", "more than one Authorization header")
	case len(values) == 0 && hasCredentials(query):
		return "", reject("query", "credentials in the query are not accepted")
	case len(values) == 0:
		return "", missing("no Authorization header")
	}
	// The scheme is compared exactly, not in any case as RFC 9110 has it, because it is
	// the algorithm of the string to sign. "AWS4-HMAC-SHA256-PAYLOAD" is another one.
	parameters, ours := strings.CutPrefix(values[0], algorithm)
	if !ours || parameters != "" && parameters[0] != ' ' && parameters[0] != '\t' {
		return "", missing("the Authorization header is of another scheme")
	}
	if hasCredentials(query) {
		return "", malformed("query", "credentials in the query beside the Authorization header")
	}
	return parameters, nil
}

// hasCredentials reports whether a query carries a signature. Names are compared in
// any case: aws-iam-authenticator was fooled by a second spelling (CVE-2022-2385).
func hasCredentials(query string) bool {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, _, _ := strings.Cut(pair, "=")
		if len(name) < len("X-Amz-Signature") {
			continue
		}
		if strings.IndexByte(name, '%') >= 0 {
			name, _ = url.QueryUnescape(name)
		}
		for _, own := range [...]string{"X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential"} {
			if strings.EqualFold(name, own) {
				return true
			}
		}
	}
	return false
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
