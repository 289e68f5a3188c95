package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// advise adds the hints that the reason of the refusal suggests.
func (e *explanation) advise() {
	if e.refused == nil {
		return
	}
	c := &e.c.claim
	switch e.refused.Reason {
	case "unknown_key":
		e.adviseKey()
	case "region", "service":
		e.adviseScope()
	case "clock_skew", "stale":
		e.adviseDate()
	case "payload":
		e.advisePayload()
	case "body_consumed":
		e.hint("a middleware in front has read the body: put Wrap or redoxauth.Check in front of it, and of everything that parses forms")
	case "session_token":
		if c.hasToken {
			e.hint("the dashboard's sessionToken and %s.SessionToken differ: enter the same on both sides, or leave both empty", e.candidates[0].field)
		} else {
			e.hint("the dashboard's sessionToken is empty, or something on the way dropped X-Amz-Security-Token: enter %s.SessionToken there, or leave both empty", e.candidates[0].field)
		}
	case "unsigned_header":
		if e.holds {
			e.hint("the signature holds for the headers that it covers: something on the way added the header, or the sender adds it after it signs")
		} else {
			e.hint("something on the way added the header, or the sender left it out of SignedHeaders")
		}
	case "host":
		e.hint("list the host of the URL in the dashboard in Config.Hosts")
	case "secrets":
		e.hint("the credentials are not loaded: Config.CredentialsFunc is called by Verify, and not by Explain")
	case "query":
		switch {
		case !e.parsed:
			e.hint("let the sender sign with the Authorization header, as Redox's strategy AWS Signature Version 4 does, and not presign the URL")
		default:
			e.hint(`escape a semicolon in the query as %%3B, a space as %%20, and a "%%" as %%25`)
		}
	case "path":
		e.advisePath()
	case "signature":
		e.adviseSignature()
	case "malformed":
		if n := len(e.r.Header["Authorization"]); n > 1 {
			e.hint("the sender or something on the way adds a second Authorization header: send one proof in it")
		}
	}
}

func (e *explanation) adviseKey() {
	id := e.c.claim.keyID
	if e.ring.secrets[sha256.Sum256([]byte(id))] {
		e.hint("the access key ID is one of the configured secret keys: accessKey and secretKey are exchanged in the dashboard. Choose a new secret: this one was sent in a header")
		return
	}
	for _, k := range e.ring.all {
		switch {
		case strings.EqualFold(k.keyID, id):
			e.hint("the access key ID differs from %s.AccessKeyID only in case: enter the same on both sides (Redox dashboard: accessKey)", k.field)
			return
		case len(id) > 3 && (strings.Contains(k.keyID, id) || strings.Contains(id, k.keyID)):
			e.hint("the access key ID and %s.AccessKeyID agree in part: one of them is cut off, or has something at its ends", k.field)
			return
		}
	}
	e.hint("the dashboard's accessKey is none of Config.Credentials[].AccessKeyID: enter the same on both sides")
}

func (e *explanation) adviseScope() {
	c, v := &e.c.claim, e.v
	switch {
	case c.region == v.service && c.service == v.region:
		e.hint("region and service are exchanged: awsRegion and serviceName in the dashboard, or Config.Region and Config.Service")
	case strings.EqualFold(c.region, v.region) && strings.EqualFold(c.service, v.service):
		e.hint("they differ only in case, which counts: write them alike on both sides")
	default:
		if c.region != v.region {
			e.hint("if the dashboard's awsRegion %s is right, set Config.Region to it; else change it to %q there", quote(c.region), v.region)
		}
		if c.service != v.service {
			e.hint("if the dashboard's serviceName %s is right, set Config.Service to it; else change it to %q there", quote(c.service), v.service)
		}
	}
	if e.holds {
		e.hint("the signature holds for the region and the service that it names: nothing else in it is wrong")
	}
}

func (e *explanation) adviseDate() {
	c := &e.c.claim
	if e.is("stale") {
		e.hint("the sender must sign again when it retries; the difference to the clock tells how old the signature is. If it is about the same for all messages, a clock is wrong")
		return
	}
	if e.complete && c.day != c.date[:dayLength] {
		e.hint("let the sender take both dates from one clock, in UTC")
		return
	}
	if !c.time.IsZero() {
		// All time zones are a multiple of 15 min from UTC.
		age := e.v.now().Sub(c.time).Abs()
		if zone := age.Round(15 * time.Minute); zone >= 30*time.Minute && zone <= 14*time.Hour && (age-zone).Abs() < 2*time.Minute {
			e.hint("the difference is that of a time zone, %v: if every message has it, the sender signs local time in place of UTC; if not, a clock is wrong, or a signed request was sent late", zone)
			return
		}
	}
	e.hint("a clock is wrong, or a signed request was sent again late: compare this server's clock with another (NTP)")
}

func (e *explanation) advisePayload() {
	switch payload := e.c.claim.payload; {
	case payload == unsignedPayload:
		e.hint("let the sender sign the hash of the body; Config.InsecureAllowUnsignedPayload leaves the body unprotected")
	case strings.HasPrefix(payload, "STREAMING-"):
		e.hint("switch off the signing in chunks at the sender (aws-chunked), and let it sign the whole body")
	case len(payload) != len(hashOfNothing) || !lowerHex.hasAll(payload):
		if decoded, err := hex.DecodeString(payload); err == nil && len(decoded) == sha256.Size {
			e.hint("let the sender write the hash in lower case")
		} else {
			e.hint("let the sender write the SHA-256 of the body as 64 lower-case hexadecimal digits (not base64)")
		}
	case payload == hashOfNothing:
		e.hint("the sender declares the hash of an empty body: it signs before it adds the body, or something on the way added the body")
	default:
		for _, end := range [...]string{"\n", "\r\n"} {
			if hash, ok := e.c.hashWith(end); ok && len(e.c.bodyHash) > 0 && hash == payload {
				e.hint("the declared hash is that of the body with a line break at its end: something on the way removed it, or the sender does not send it")
				return
			}
		}
		e.hint("something on the way changed the body (decompressed, re-encoded or cut it): compare its length with what the sender sent")
	}
}

func (e *explanation) advisePath() {
	r := e.r
	path, _, err := target(r)
	switch {
	case err != nil && r.URL != nil && r.URL.Opaque != "", err != nil && r.Method == http.MethodConnect:
		e.hint("a proxy or a client sent an unusual request target: it must send the path, or scheme://host/path")
	case err != nil:
		e.hint("compare the request target with the URL in the dashboard")
	default:
		raw, escaped := findDotSegments(path)
		switch {
		case (raw || escaped) && e.v.form.prefix != "":
			e.hint("let the sender resolve the dot segments before it signs; if it cannot, the proxy must not strip the prefix, so that Config.PathPrefix can be empty")
		case raw || escaped:
			e.hint("let the sender resolve the dot segments before it signs and sends the path; only if handlers cannot be misled by them, set Config.InsecureAllowDotSegments")
		default:
			e.hint(`escape a space in the path as %%20 and a "%%" as %%25`)
		}
	}
}

func (e *explanation) adviseSignature() {
	for _, name := range e.c.claim.names {
		_, sent := sentHeader(e.r, name)
		switch {
		case sent, name == "host", name == "content-length":
		case slices.Contains(hopByHop, name):
			e.hint("%s is signed, but belongs to one hop and is not forwarded: let the sender leave it unsigned", quote(name))
		case strings.Contains(name, "_"):
			e.hint("%s is signed and did not arrive: nginx (unless underscores_in_headers is on) and Caddy drop names with _", quote(name))
		default:
			e.hint("%s is signed and did not arrive: a proxy dropped it, or the sender did not send it", quote(name))
		}
	}
	if e.holds && len(e.hints) == 0 {
		e.hint("the signature holds with the secret of another credential of this access key ID, whose session token is another: enter secretKey and sessionToken of one pair")
	}
	if e.known && len(e.hints) == 0 {
		e.hint("compare the canonical request with the sender's")
	}
}
