package main

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

const algorithm = "AWS4-HMAC-SHA256"

// A signature is what the header Authorization says about a signature of AWS Signature
// Version 4.
type signature struct {
	scope   []string // access key ID, date, region, service, aws4_request
	headers []string // SignedHeaders
	date    string   // X-Amz-Date
	payload string   // X-Amz-Content-Sha256
	session bool     // X-Amz-Security-Token is there
}

// asSignature returns nil if the header is of another scheme.
func asSignature(header http.Header) *signature {
	parameters, found := strings.CutPrefix(header.Get("Authorization"), algorithm)
	if !found {
		return nil
	}
	_, session := header["X-Amz-Security-Token"]
	s := signature{date: header.Get("X-Amz-Date"), payload: header.Get("X-Amz-Content-Sha256"), session: session}
	for p := range strings.SplitSeq(parameters, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch name {
		case "Credential":
			s.scope = strings.Split(value, "/")
		case "SignedHeaders":
			s.headers = strings.Split(value, ";")
		}
	}
	return &s
}

// fields returns the access key ID, the region and the service. The ID may hold slashes.
func (s *signature) fields() (id, region, service string, ok bool) {
	n := len(s.scope)
	if n < 5 {
		return "", "", "", false
	}
	return strings.Join(s.scope[:n-4], "/"), s.scope[n-3], s.scope[n-2], true
}

func (s *signature) describe(f *finding, now time.Time) {
	f.say("proof: AWS Signature Version 4 (package sigv4), in the header Authorization")
	id, region, service, ok := s.fields()
	if !ok {
		f.say("  the Credential is malformed: want ID/date/region/service/aws4_request")
		return
	}
	f.say("  access key ID %s, region %s, service %s, scope date %s", quote(id), quote(region), quote(service), quote(s.scope[len(s.scope)-4]))
	f.say("  signed headers: %s", quoteAll(s.headers))
	switch s.payload {
	case "":
		f.say("  payload hash: not declared (no X-Amz-Content-Sha256), so it is that of the body")
	case "UNSIGNED-PAYLOAD":
		f.say("  payload hash: UNSIGNED-PAYLOAD: the signature does not cover the body")
	default:
		kind := "a hash of the body, in X-Amz-Content-Sha256"
		if strings.HasPrefix(s.payload, "STREAMING-") {
			kind = quote(s.payload) + ", which sigv4 does not verify"
		}
		f.say("  payload hash: %s", kind)
	}
	if s.session {
		f.say("  session token: present, in X-Amz-Security-Token")
	} else {
		f.say("  session token: absent")
	}
	if t, err := time.Parse("20060102T150405Z", s.date); err == nil {
		f.say("  X-Amz-Date: %s from this machine's clock", now.Sub(t).Round(time.Second).Abs())
	} else {
		f.say("  X-Amz-Date: absent or malformed")
	}
}

// propose returns nil if the header is malformed.
func (s *signature) propose(i *inspector, q *request) *proposal {
	id, region, service, ok := s.fields()
	if !ok {
		return nil
	}
	c := sigv4.Config{
		Credentials:                  []sigv4.Credential{{AccessKeyID: id, SecretAccessKey: ask("SIGV4_SECRET_KEY")}},
		Region:                       region,
		Service:                      service,
		InsecureAllowUnsignedPayload: s.payload == "UNSIGNED-PAYLOAD",
	}
	p := &proposal{strategy: "sigv4"}
	if s.session {
		c.Credentials[0].SessionToken = ask("SIGV4_SESSION_TOKEN")
	}
	if slices.Contains(s.headers, "content-type") {
		c.RequiredHeaders = []string{"Content-Type"}
	}
	if !strings.EqualFold(q.Host, i.url.Host) {
		c.Hosts = []string{i.url.Host}
		p.note("the received Host is %s, not that of -url: a proxy has replaced it, so Hosts names the public one", quote(q.Host))
	}
	if c.InsecureAllowUnsignedPayload {
		p.note("the signature does not cover the body: anybody between Redox and you can replace it")
	}
	p.note("the secret key cannot be seen: it is the dashboard's secretKey")
	if s.session {
		p.note("the session token is the dashboard's sessionToken")
	}
	p.config = c
	// With the secret, these are tried if the Config above refuses.
	p.variants = func() []any {
		var variants []any
		for n := 1; n < 8; n++ {
			v := c
			v.DisableDoubleEncoding, v.DisablePathNormalization = n&1 != 0, n&2 != 0
			if n&4 != 0 {
				if prefix := missingPrefix(i.url.Path, q.URL.Path); prefix != "" {
					v.PathPrefix = prefix
				} else {
					continue
				}
			}
			variants = append(variants, v)
		}
		return variants
	}
	return p
}

// missingPrefix returns what a proxy has stripped of the public path.
func missingPrefix(public, received string) string {
	prefix, found := strings.CutSuffix(public, received)
	if !found {
		return ""
	}
	return prefix
}
