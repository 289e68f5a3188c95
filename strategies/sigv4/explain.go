package sigv4

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// Explain tells an operator why Verify accepts or refuses r. It shows the decision, and the
// canonical request and the string to sign as computed here, to compare with those of the
// sender. It names the usual causes, and finds some of them by trying. It does not ask
// Config.Replay. It reads the body only if the request declares no hash of it, within the
// limits of [redoxauth.Body], and the handler can still read it. Call it after Verify or
// [redoxauth.Check] refused r, or in [redoxauth.Options].Observe. It costs several
// verifications, so do not call it in production for every request.
//
// The text has no secret key, no session token and no signature, neither the expected nor
// the received one. The values of well-known secret headers and query parameters are left
// out. Other signed headers and the query are in it: write it only to a log that may have
// them, and never into an answer.
func (v *Verifier) Explain(r *http.Request) string {
	c := newCanonical()
	defer c.release()
	var b strings.Builder
	match, err := v.decide(r, c)
	if err != nil {
		fmt.Fprintf(&b, "%v\n", refusal(err))
	} else {
		fmt.Fprintf(&b, "sigv4: accepted, by the credential at position %s\n", match.position)
	}
	fmt.Fprintf(&b, "received: method %q, Host %q\n", quote(r.Method), quote(receivedHost(r)))
	c.claim.reset() // decide may have stopped before it read all of it
	if c.claim.readClaim(r) != nil {
		return b.String()
	}
	host, note := c.claim.host, ""
	if hosts := v.signedHosts(nil, host); !slices.Contains(hosts, host) {
		host, note = hosts[0], ", with the first of Hosts"
	}
	if v.recompute(r, c) && host != "" && isVisible(host) {
		whole := c.finish(host)
		message := c.stringToSign(whole)
		fmt.Fprintf(&b, "\ncanonical request%s:\n%s\n\nstring to sign:\n%s\n", note, redact(string(whole)), message)
	}
	if advice := v.advice(r, c, err); len(advice) > 0 {
		fmt.Fprintf(&b, "\nhints:\n- %s\n", strings.Join(advice, "\n- "))
	}
	return b.String()
}

// recompute builds the canonical request, even if decide stopped before it.
func (v *Verifier) recompute(r *http.Request, c *canonical) bool {
	return c.build(r, &v.form, r.ContentLength) == nil && c.readBody(r, &v.form) == nil
}

// advice names the usual causes of err.
func (v *Verifier) advice(r *http.Request, c *canonical, err error) []string {
	var e *redoxauth.Error
	if !errors.As(err, &e) {
		return nil
	}
	switch e.Reason {
	case "unknown_key":
		return []string{"the dashboard's accessKey and Credential.AccessKeyID differ, or accessKey and secretKey are exchanged"}
	case "stale":
		return []string{"the sender must sign again when it retries; the difference to the clock tells how old the signature is. If it is about the same for all messages, a clock is wrong"}
	case "clock_skew":
		return []string{"a clock is wrong, or a signed request was sent again late"}
	case "payload":
		return []string{"if the sender declares a hash: something on the way changed the body (decompressed, re-encoded or cut it)"}
	case "body_consumed":
		return []string{"a middleware in front has read the body: put Wrap or redoxauth.Check in front of it, and of everything that parses forms"}
	case "session_token":
		return []string{"the dashboard's sessionToken and Credential.SessionToken differ"}
	case "unsigned_header":
		return []string{"something on the way added the header, or the sender left it out of SignedHeaders"}
	case "signature":
		found := v.variants(r, c)
		advice := append(found, v.suspects(r, &c.claim)...)
		if len(found) == 0 {
			advice = append(advice, "compare the canonical request with the sender's, or with the URL in the dashboard. "+
				"If that URL has a longer path, a proxy stripped a prefix: set Config.PathPrefix. "+
				"If it has another host or port, a proxy replaced it: set Config.Hosts. If all agree, the secret keys differ")
		}
		return advice
	}
	return nil
}

// variants tries other forms of the path and other hosts, and names those that verify.
func (v *Verifier) variants(r *http.Request, c *canonical) []string {
	ring, err := v.keys.secrets.Get(r.Context())
	if err != nil {
		return nil
	}
	hosts := append([]string{c.claim.host}, v.hosts...)
	for _, name := range [...]string{"X-Forwarded-Host", "X-Original-Host", "Host"} {
		hosts = append(hosts, r.Header.Get(name))
	}
	if port := r.Header.Get("X-Forwarded-Port"); port != "" {
		hosts = append(hosts, c.claim.host+":"+port)
	}
	for _, host := range hosts {
		if !isHost(host) {
			continue
		}
		for form := range 4 {
			w := *v
			w.hosts, w.form.kept, w.form.encodedOnce = []string{host}, form&1 != 0, form&2 != 0
			if w.recompute(r, c) && w.match(c, ring.byID[c.claim.keyID]) != nil {
				hint := fmt.Sprintf("it verifies with Host %q, DisablePathNormalization %t, DisableDoubleEncoding %t",
					quote(host), w.form.kept, w.form.encodedOnce)
				if slices.Contains(v.hosts, host) && !slices.Contains(v.signedHosts(nil, c.claim.host), host) {
					hint += "; but the received Host is another one of Config.Hosts: something on the way sent it to the wrong host"
				}
				return []string{hint}
			}
		}
	}
	return nil
}

// suspects names parts of the request that are often changed on the way.
func (v *Verifier) suspects(r *http.Request, c *claim) (found []string) {
	internal := strings.HasPrefix(c.host, "127.0.0.1") || strings.HasPrefix(c.host, "localhost") || !strings.Contains(c.host, ".")
	if internal && !slices.ContainsFunc(v.hosts, func(host string) bool { return isSameName(host, c.host) }) {
		found = append(found, "Host looks internal: a proxy seems to have replaced it; preserve it there, or set Config.Hosts")
	}
	for _, name := range c.names {
		_, sent := sentHeader(r, name)
		switch name {
		case "accept-encoding", "user-agent", "range", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "via":
			found = append(found, name+" is signed, and proxies and CDNs rewrite it")
		case "host", "content-length":
		default:
			if slices.Contains(hopByHop, name) {
				found = append(found, name+" is signed, but belongs to one hop and is not forwarded")
			} else if !sent {
				found = append(found, quote(name)+" is signed and did not arrive: a proxy dropped it (nginx and Caddy drop names with _)")
			}
		}
	}
	if strings.ContainsRune(c.query, '+') {
		found = append(found, `the query has a "+": some senders sign it as it is, which is refused, because handlers read a space`)
	}
	if r.URL != nil && r.RequestURI != "" && !strings.HasSuffix(c.path, r.URL.EscapedPath()) {
		found = append(found, "r.URL differs from r.RequestURI: the latter was verified")
	}
	return found
}

// secretNames lists headers and query parameters. Explain does not show their values.
var secretNames = []string{"x-amz-security-token", "x-amz-signature", "verification-token", "authorization",
	"proxy-authorization", "cookie", "x-api-key", "access_token", "token", "secret", "password"}

// redact removes secrets from a canonical request, and shortens very long lines.
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
