package sigv4

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// Explain tells an operator why Verify accepts or refuses r: see [redoxauth.Explain]. It shows
// the canonical request and the string to sign. If the signature does not verify, it tries what
// proxies and signers often do, and names what verifies. It hides values that look or sound
// secret, but shows other signed headers and the query.
func (v *Verifier) Explain(r *http.Request) string {
	if v == nil {
		v = new(Verifier)
	}
	if r == nil {
		return strategy + ": no request\n"
	}
	e := &explanation{v: v, r: r, c: newCanonical()}
	defer e.c.release()
	ctx := rotation.LoadedOnly(r.Context())
	match, err := v.decide(ctx, r, e.c)
	if err == nil {
		e.line("%s: accepted: %v", strategy, v.identity(match, &e.c.claim))
	} else {
		e.line("%v", refusal(err))
	}
	if v.keys == nil {
		return e.text.String()
	}
	errors.As(err, &e.refused)
	if e.ring = e.c.ring; e.ring == nil {
		e.ring, e.ringErr = v.keys.Get(ctx)
	}
	e.facts()
	if e.complete {
		e.check()
		e.canonicalRequest()
	}
	e.advise()
	for i, hint := range e.hints {
		if i == 0 {
			e.text.WriteString("\nhints:\n")
		}
		e.line("- %s", hint)
	}
	return e.ring.without(e.text.String())
}

// An explanation is the text of one Explain, and what it has found out.
type explanation struct {
	v *Verifier
	r *http.Request
	c *canonical

	refused    *redoxauth.Error // nil: accepted
	ring       *keyring         // nil: ringErr
	ringErr    error
	candidates []*credential // of the access key ID

	parsed   bool // the Authorization header
	complete bool // the claim
	built    bool // the canonical request, except for an unknown body
	known    bool // the payload hash
	holds    bool // the signature, for the scope that it names

	text  strings.Builder
	hints []string
}

func (e *explanation) line(format string, args ...any) {
	fmt.Fprintf(&e.text, format+"\n", args...)
}

func (e *explanation) hint(format string, args ...any) {
	e.hints = append(e.hints, fmt.Sprintf(format, args...))
}

// is reports whether r was refused for this reason.
func (e *explanation) is(reasons ...redoxauth.Reason) bool {
	return e.refused != nil && slices.Contains(reasons, e.refused.Reason)
}

// verdict is what a line says of a check: ok, or the error.
func verdict(err error, ok string) string {
	if err == nil {
		return ok
	}
	return diagnosis.Cause(err).Error()
}

// as compares what arrived with what is configured.
func as(received, want, field, dashboard string) string {
	if received == want {
		return fmt.Sprintf("%s, as configured (%s)", quote(received), field)
	}
	return fmt.Sprintf("%s, want %q (%s; Redox dashboard: %s)", quote(received), want, field, dashboard)
}

// facts writes a line for every check that needs no hash.
func (e *explanation) facts() {
	r, v := e.r, e.v
	e.line("received: method %s, Host %s, %s", quote(r.Method), orAbsent(receivedHost(r)), e.body())
	c := &e.c.claim
	c.reset() // decide may have stopped before it read all of it
	path, query, err := target(r)
	e.line("request target: %s", verdict(err, quote(path)+queryOf(query)))
	if err == nil && r.URL != nil && r.RequestURI != "" && !strings.HasSuffix(path, r.URL.EscapedPath()) {
		e.line("r.URL differs from r.RequestURI: its path is %s; the target as it was received is verified", quote(r.URL.EscapedPath()))
	}
	parameters, carried := carrier(r, query)
	if carried != nil {
		e.line("Authorization: %s", verdict(carried, ""))
		for _, name := range slices.Sorted(maps.Keys(r.Header)) {
			if name != "Authorization" && strings.EqualFold(name, "Authorization") {
				e.hint("http.Header has the key %s, want \"Authorization\": what makes the request must set headers by Header.Set or Header.Add", quote(name))
			}
		}
		return
	}
	c.path, c.query, c.host = path, query, receivedHost(r)
	invalid := c.setParameters(parameters)
	e.line("Authorization: %s", verdict(invalid, algorithm+", as expected"))
	e.parsed = invalid == nil
	headers := c.setHeaders(r)
	e.complete = err == nil && e.parsed && headers == nil
	if e.parsed {
		e.scope()
	}
	e.date(headers)
	e.host()
	if e.parsed {
		e.signedHeaders()
	}
	e.payload()
	e.sessionToken()
	if err == nil {
		_, err := v.form.append(nil, path)
		e.line("path: %s", verdict(err, v.form.String()))
		at := badQueryByte(query)
		if at < 0 {
			e.line("query: it has a canonical form")
		} else {
			e.line("query: it has %s at byte %d, want it escaped", badByte(query[at:]), at+1)
		}
	}
	for key := range r.Trailer {
		if isAmz(key) {
			e.line("trailer: %s, want none named x-amz-*", quote(key))
		}
	}
	if v.replay != nil {
		e.line("replay: the replay store is not asked (Config.Replay)")
	}
}

func orAbsent(s string) string {
	if s == "" {
		return "absent"
	}
	return quote(s)
}

func queryOf(query string) string {
	if query == "" {
		return ", no query"
	}
	return fmt.Sprintf(", query of %d parameters", strings.Count(query, "&")+1)
}

func (e *explanation) body() string {
	switch n := e.r.ContentLength; {
	case len(e.c.bodyHash) > 0:
		return fmt.Sprintf("body of %d bytes", e.c.body.n)
	case n < 0:
		return "body of unknown length, not read"
	case n == 0:
		return "no body"
	default:
		return fmt.Sprintf("body of %d bytes, not read", n)
	}
}

// scope writes the lines about Credential.
func (e *explanation) scope() {
	c := &e.c.claim
	if e.ring == nil {
		e.line("access key ID: not compared: %s", verdict(e.ringErr, ""))
	} else {
		e.candidates = e.ring.byID[c.keyID]
		known := e.ring.wantID
		var fields []string
		for _, k := range e.candidates {
			fields = append(fields, k.field+".AccessKeyID")
		}
		if len(fields) > 0 {
			known = "as configured (" + strings.Join(fields[:min(len(fields), 8)], ", ") + ")"
		}
		e.line("access key ID: %s, %s", e.ring.quoteID(c.keyID), known)
	}
	e.line("region: %s", as(c.region, e.v.region, "Config.Region", "awsRegion"))
	e.line("service: %s", as(c.service, e.v.service, "Config.Service", "serviceName"))
}

func (e *explanation) date(err error) {
	c := &e.c.claim
	if c.time.IsZero() {
		e.line("%s", verdict(err, "X-Amz-Date is absent"))
		return
	}
	now := e.v.now()
	within := "within"
	if now.Sub(c.time).Abs() > e.v.maxSkew {
		within = "want at most"
	}
	e.line("X-Amz-Date: %s, %s (now %s), %s %v (Config.MaxSkew)", c.date, fromClock(now.Sub(c.time)), now.UTC().Format(dateLayout), within, e.v.maxSkew)
	if e.parsed && c.day != c.date[:dayLength] {
		e.line("date of Credential: %s, want %q, the date of X-Amz-Date", quote(c.day), c.date[:dayLength])
	}
	if err != nil {
		e.line("x-amz-* headers: %s", verdict(err, ""))
	}
}

func (e *explanation) host() {
	received := e.c.claim.host
	switch hosts := e.v.signedHosts(nil, received); {
	case len(e.v.hosts) == 0:
		e.line("Host: %s, must be what the sender signed (Config.Hosts is empty)", orAbsent(received))
	case slices.Contains(hosts, received):
		e.line("Host: %s, tried as signed: %s (Config.Hosts)", orAbsent(received), quoteAll(hosts))
	default:
		e.line("Host: %s is none of Config.Hosts, so these are tried as signed: %s", orAbsent(received), quoteAll(hosts))
	}
}

func (e *explanation) signedHeaders() {
	c := &e.c.claim
	e.line("signed headers: %s", quoteAll(c.names))
	if !c.signs("host") {
		e.line("signed headers: host is absent, want it signed (fixed by Signature Version 4)")
	}
	if err := e.v.checkCoverage(e.r, c); err != nil {
		e.line("signed headers: %s", verdict(err, ""))
	}
	for _, name := range c.names {
		values, sent := sentHeader(e.r, name)
		if !sent && name != "host" && name != "content-length" {
			e.line("signed headers: %s is signed and did not arrive", quote(name))
		}
		if slices.ContainsFunc(values, func(value string) bool { _, ok := appendValue(nil, value); return !ok }) {
			e.line("signed headers: %s has a control character", quote(name))
		}
	}
}

func (e *explanation) payload() {
	const header = "X-Amz-Content-Sha256"
	switch payload := e.c.claim.payload; {
	case payload == "" && len(e.r.Header[header]) == 0:
		e.line("%s: absent, so the hash of the body counts", header)
	case payload == "":
	case payload == unsignedPayload && e.v.unsigned:
		e.line("%s: %q, as Config.InsecureAllowUnsignedPayload accepts it", header, payload)
	case len(payload) == len(hashOfNothing) && lowerHex.hasAll(payload):
		e.line("%s: a SHA-256%s", header, ofNothing(payload))
	default:
		e.line("%s", verdict(wrongPayload(payload), ""))
	}
}

func (e *explanation) sessionToken() {
	c := &e.c.claim
	switch {
	case len(e.candidates) == 0 && len(e.r.Header["X-Amz-Security-Token"]) == 0:
		e.line("X-Amz-Security-Token: absent")
	case len(e.candidates) == 0:
		e.line("X-Amz-Security-Token: arrived")
	case !e.complete:
	case !anyHolds(e.candidates, c):
		e.line("%s", verdict(wrongSessionToken(e.candidates, c), ""))
	case c.hasToken:
		e.line("X-Amz-Security-Token: as configured (%s.SessionToken)", e.candidates[0].field)
	default:
		e.line("X-Amz-Security-Token: absent, as configured")
	}
}

// String says how a path is signed, and which fields decide.
func (f *pathForm) String() string {
	return fmt.Sprintf("Config.PathPrefix %q, DisablePathNormalization %t, DisableDoubleEncoding %t", f.prefix, f.kept, f.encodedOnce)
}

// check builds the canonical request, and checks the signature, if Verify would have read the
// body or does not need it.
func (e *explanation) check() {
	c, r := e.c, e.r
	e.known = c.claim.payload != "" || len(c.bodyHash) > 0
	if !e.known && r.ContentLength == 0 && (r.Body == nil || r.Body == http.NoBody) {
		e.known = c.hashBody(r, redoxauth.HashBody) == nil
	}
	length := r.ContentLength
	if len(c.bodyHash) > 0 {
		length = c.body.n
	} else if c.claim.needsLength(r) {
		e.known = false
	}
	err := c.build(r, &e.v.form, length)
	e.built = err == nil
	s := e.newSearch()
	switch {
	case !e.built:
		e.line("signature: not checked, because the request has no canonical form")
	case len(s.secrets) == 0:
		e.line("signature: not checked, because no secret is loaded")
	case !e.known:
		e.line("signature: not checked, because the hash of the body is not known: Verify decides before it reads the body, or cannot read it")
	case len(e.candidates) == 0:
		e.line("signature: not checked, because the access key ID names no secret")
	default:
		for _, host := range e.v.signedHosts(nil, c.claim.host) {
			a := e.attempt(host)
			e.holds = e.holds || s.holds(&a)
		}
		if e.holds {
			e.line("signature: it holds, for the scope and the date that it names")
		} else {
			e.line("signature: it does not verify with the secret of this access key ID")
		}
	}
	if e.known && len(s.secrets) > 0 && !e.holds && !e.is("body_consumed") {
		e.search(s)
	}
}

// canonicalRequest writes the canonical request and the string to sign.
func (e *explanation) canonicalRequest() {
	host, note := e.c.claim.host, ""
	if hosts := e.v.signedHosts(nil, host); !slices.Contains(hosts, host) {
		host, note = hosts[0], ", with the first of Hosts"
	}
	if !e.built || host == "" || !isVisible(host) {
		return
	}
	whole := e.c.finish(host)
	if !e.known {
		e.line("\ncanonical request%s:\n%s[the hash of the body, which was not read]", note, e.ring.redact(string(whole)))
		return
	}
	e.line("\ncanonical request%s:\n%s\n\nstring to sign:\n%s", note, e.ring.redact(string(whole)), e.c.stringToSign(whole))
}
