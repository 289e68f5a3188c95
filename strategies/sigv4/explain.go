package sigv4

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// Explain tells an operator why Verify accepts or refuses r: the decision, the
// canonical request and string to sign that this side computes, to compare with the
// sender's, and the usual culprits, some by trying. It asks no replay store, reads the
// body only if it declares no hash, within the limits of [redoxauth.Body], and leaves
// it readable. Call it after Verify or [redoxauth.Check] refused, or in
// [redoxauth.Options].Observe; not in production for every request, as it costs
// several verifications.
//
// The text holds no secret key, session token or signature, expected or received, and no
// value of a header or query parameter that is known to be secret. Other signed headers
// and the query are in it: log it where you may log them, and never answer with it.
func (v *Verifier) Explain(r *http.Request) string {
	c := newCanonical()
	defer c.release()
	var b strings.Builder
	match, err := v.prove(r, c)
	if err != nil {
		fmt.Fprintf(&b, "%v\n", err)
	} else {
		fmt.Fprintf(&b, "sigv4: accepted, by the credential at position %s\n", match.position)
	}
	fmt.Fprintf(&b, "received: method %q, Host %q\n", shorten(r.Method), shorten(receivedHost(r)))
	if c.proof.read(r) != nil {
		return b.String()
	}
	host, note := receivedHost(r), ""
	if len(v.hosts) > 0 && !slices.Contains(v.hosts, host) {
		host, note = v.hosts[0], ", with the first of Hosts"
	}
	if v.recompute(r, c) && isHost(host) {
		whole := c.finish(host)
		message := c.stringToSign(whole)
		fmt.Fprintf(&b, "\ncanonical request%s:\n%s\n\nstring to sign:\n%s\n", note, redact(string(whole)), message)
	}
	if advice := v.advice(r, c, err); len(advice) > 0 {
		fmt.Fprintf(&b, "\nhints:\n- %s\n", strings.Join(advice, "\n- "))
	}
	return b.String()
}

// recompute builds the canonical request also when Verify stopped before it.
func (v *Verifier) recompute(r *http.Request, c *canonical) bool {
	return c.build(v, r, r.ContentLength) == nil && c.readBody(v, r) == nil
}

// advice names what usually causes err.
func (v *Verifier) advice(r *http.Request, c *canonical, err error) (advice []string) {
	p := &c.proof
	var e *redoxauth.Error
	if !errors.As(err, &e) {
		return nil
	}
	hint := func(format string, args ...any) { advice = append(advice, fmt.Sprintf(format, args...)) }
	switch e.Reason {
	case "unknown_key":
		hint("the access key ID %q is not configured", shorten(p.keyID))
	case "region":
		hint("signed for region %q, Config.Region is %q", shorten(p.region), v.region)
	case "service":
		hint("signed for service %q, Config.Service is %q", shorten(p.service), v.service)
	case "clock_skew":
		now := v.now().UTC()
		hint("X-Amz-Date is %s, the clock says %s, %v apart; Config.MaxSkew is %v. A clock is wrong, or a signed request was sent again late",
			p.date, now.Format(dateLayout), now.Sub(p.time).Abs().Truncate(time.Second), v.maxSkew)
	case "payload":
		hint("if the sender declares a hash: something on the way changed the body (decompressed, re-encoded or cut it)")
	case "session_token":
		hint("the dashboard's sessionToken and Credential.SessionToken differ; received one: %t", p.hasToken)
	case "path":
		hint("dot segments are refused beside escaped slashes or dots, and always with Config.PathPrefix")
	case "query":
		hint("something in the query is no pair that a handler could read: a semicolon, a stray %%, a space")
	case "unsigned_header":
		hint("something on the way added the header, or the sender left it out of SignedHeaders")
	case "signature":
		advice = v.variants(r, c)
		verifies := len(advice) > 0
		advice = append(advice, suspects(r, p)...)
		if !verifies {
			hint("compare the canonical request with the sender's, if it can show one, else with the destination's URL in the dashboard: " +
				"a proxy stripped what its path has more (Config.PathPrefix), or replaced its host or port (Config.Hosts); if all agree, the secret keys differ")
		}
	}
	return advice
}

// variants tries other forms of the path and other hosts, and tells with which the
// signature holds.
func (v *Verifier) variants(r *http.Request, c *canonical) (found []string) {
	ring, err := v.keys.get(r.Context())
	if err != nil || !v.recompute(r, c) {
		return nil
	}
	c.proof.payload = string(c.payload) // so that a large body is hashed once
	hosts := append([]string{receivedHost(r)}, v.hosts...)
	for _, name := range [...]string{"X-Forwarded-Host", "X-Original-Host", "Host"} {
		hosts = append(hosts, r.Header.Get(name))
	}
	if port := r.Header.Get("X-Forwarded-Port"); port != "" {
		hosts = append(hosts, receivedHost(r)+":"+port)
	}
	for _, host := range hosts {
		if !isHost(host) {
			continue
		}
		for form := range 4 {
			w := *v
			w.hosts, w.keepPath, w.encodeOnce = []string{host}, form&1 != 0, form&2 != 0
			asReceived := *r
			asReceived.Host = host
			if w.recompute(&asReceived, c) && w.match(&asReceived, c, ring[c.proof.keyID]) != nil {
				return append(found, fmt.Sprintf("it verifies with Host %q, DisablePathNormalization %t, DisableDoubleEncoding %t",
					shorten(host), w.keepPath, w.encodeOnce))
			}
		}
	}
	return nil
}

// suspects names parts of the request that are often changed on the way.
func suspects(r *http.Request, p *proof) (found []string) {
	if host := receivedHost(r); strings.HasPrefix(host, "127.0.0.1") || strings.HasPrefix(host, "localhost") || !strings.Contains(host, ".") {
		found = append(found, "Host looks internal: a proxy seems to have replaced it; preserve it there, or set Config.Hosts")
	}
	for _, name := range p.names {
		_, sent := sentHeader(r, name)
		switch name {
		case "accept-encoding", "user-agent", "range", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "via":
			found = append(found, name+" is signed, and proxies and CDNs rewrite it")
		case "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect":
			found = append(found, name+" is signed, but belongs to one hop and is not forwarded")
		case "host", "content-length":
		default:
			if !sent {
				found = append(found, shorten(name)+" is signed and did not arrive: a proxy dropped it (nginx and Caddy drop names with _)")
			}
		}
	}
	if strings.ContainsRune(p.query, '+') {
		found = append(found, `the query has a "+": some senders sign it as it is, which is refused, because handlers read a space`)
	}
	if r.URL != nil && r.RequestURI != "" && !strings.HasSuffix(p.path, r.URL.EscapedPath()) {
		found = append(found, "r.URL differs from r.RequestURI: the latter was verified")
	}
	return found
}

// secretNames are headers and query parameters whose values Explain does not show.
var secretNames = []string{"x-amz-security-token", "x-amz-signature", "verification-token", "authorization",
	"proxy-authorization", "cookie", "x-api-key", "access_token", "token", "secret", "password"}

// redact takes secrets out of a canonical request, and shortens what is very long.
func redact(request string) string {
	const longest = 1024
	lines := strings.Split(request, "\n")
	for i, line := range lines {
		if i == 2 {
			line = redactQuery(line)
		} else if name, _, ok := strings.Cut(line, ":"); ok && i > 2 && slices.Contains(secretNames, name) {
			line = name + ":[redacted]"
		}
		if len(line) > longest {
			line = line[:longest] + "[shortened]"
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

func redactQuery(query string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if name, _, _ := strings.Cut(pair, "="); slices.Contains(secretNames, strings.ToLower(name)) {
			pairs[i] = name + "=[redacted]"
		}
	}
	return strings.Join(pairs, "&")
}
