package sigv4

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
)

// maxHashes limits what a search computes. A signature costs one hash for the canonical request
// and two for the HMAC; to derive a key costs eight. With the decision before it, Explain stays
// below 1000. A peer can send a megabyte of headers, so a large canonical request counts as one
// hash more for every 64 KiB.
const maxHashes = 900

// An attempt is a request that the sender may have signed.
type attempt struct {
	method, path, query, host, payload string
	values                             []string // of the signed headers; that of host is not used
	day, region, service               string   // that the key is derived for
	secrets                            []string // each is tried
}

// impossible is in no request: what has no canonical form cannot verify.
const impossible = "\x00"

// attempt returns the request as it arrived, but for the Host.
func (e *explanation) attempt(host string) attempt {
	c := e.c
	a := attempt{host: host, payload: c.claim.payload, day: c.claim.day, region: c.claim.region, service: c.claim.service,
		method: e.r.Method, path: impossible, query: impossible, secrets: e.secrets()}
	if a.method == "" {
		a.method = "GET"
	}
	if a.payload == "" {
		a.payload = string(c.bodyHash)
	}
	if path, err := e.v.form.append(nil, c.claim.path); err == nil {
		a.path = string(path)
	}
	if c.readQuery() < 0 {
		a.query = string(c.appendQuery(nil))
	}
	for _, name := range c.claim.names {
		value := e.value(name)
		a.values = append(a.values, value)
	}
	return a
}

// value returns the canonical value of a signed header, or impossible.
func (e *explanation) value(name string) string {
	values, sent := sentHeader(e.r, name)
	switch {
	case name == "host":
		return ""
	case !sent && name == "content-length":
		return e.length()
	case !sent:
		return impossible
	}
	var dst []byte
	for i, value := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		var ok bool
		if dst, ok = appendValue(dst, value); !ok {
			return impossible
		}
	}
	return string(dst)
}

// secrets returns the secrets of the access key ID, or all if it is unknown.
func (e *explanation) secrets() (list []string) {
	candidates := e.candidates
	if len(candidates) == 0 && e.ring != nil {
		candidates = e.ring.all
	}
	for _, k := range candidates[:min(len(candidates), maxSecrets)] {
		list = append(list, k.key.secret)
	}
	return list
}

const maxSecrets = 8

// A search tries attempts until the limit is reached.
type search struct {
	claim   *claim
	secrets []string
	left    int // of maxHashes
	tried   int
	request []byte          // the last canonical request, which may be large: its memory is used again
	seen    map[uint64]bool // by hash of the canonical request
	seed    maphash.Seed
	keys    map[[4]string][]byte
}

func (e *explanation) newSearch() *search {
	return &search{claim: &e.c.claim, secrets: e.secrets(), left: maxHashes, seen: make(map[uint64]bool), seed: maphash.MakeSeed(), keys: make(map[[4]string][]byte)}
}

// holds reports whether the signature is that of a. It computes nothing twice, and nothing
// beyond the limit.
func (s *search) holds(a *attempt) bool {
	if s.left < 0 {
		return false
	}
	s.request = a.appendCanonical(s.request[:0], s.claim)
	if bytes.Contains(s.request, []byte(impossible)) {
		return false
	}
	id := s.id(a)
	if s.seen[id] {
		return false
	}
	s.seen[id] = true
	if s.left -= 1 + 2*len(a.secrets) + len(s.request)>>16; s.left < 0 {
		return false
	}
	s.tried++
	sum := sha256.Sum256(s.request)
	message := algorithm + "\n" + s.claim.date + "\n" + s.claim.scope + "\n" + hex.EncodeToString(sum[:])
	found := 0
	for _, secret := range a.secrets {
		key := s.key(secret, a)
		if key == nil {
			return false
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(message))
		found |= subtle.ConstantTimeCompare(mac.Sum(nil), s.claim.signature[:])
	}
	return found == 1
}

// id returns a hash of s.request and of what its key is derived from.
func (s *search) id(a *attempt) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	h.Write(s.request)
	for _, part := range append([]string{a.day, a.region, a.service}, a.secrets...) {
		h.WriteString(impossible)
		h.WriteString(part)
	}
	return h.Sum64()
}

// key derives a key once. It returns nil beyond the limit.
func (s *search) key(secret string, a *attempt) []byte {
	id := [4]string{secret, a.day, a.region, a.service}
	if key, ok := s.keys[id]; ok {
		return key
	}
	if s.left -= 8; s.left < 0 {
		return nil
	}
	key := []byte("AWS4" + secret)
	for _, part := range [...]string{a.day, a.region, a.service, terminator} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	s.keys[id] = key
	return key
}

// appendCanonical appends the canonical request.
func (a *attempt) appendCanonical(dst []byte, c *claim) []byte {
	write := func(parts ...string) {
		for _, part := range parts {
			dst = append(dst, part...)
		}
	}
	write(a.method, "\n", a.path, "\n", a.query, "\n")
	for i, name := range c.names {
		value := a.values[i]
		if name == "host" {
			value = a.host
		}
		write(name, ":", value, "\n")
	}
	write("\n", c.signedHeaders, "\n", a.payload)
	return dst
}

// A variant changes an attempt in one respect. The hint says what to change if it verifies; it
// is empty for what Verify itself tries.
type variant struct {
	hint  string
	apply func(*attempt)
}

// A group has the variants of one part of a request. The first ones, up to likely, are also
// tried in pairs with those of other groups.
type group struct {
	variants []variant
	likely   int
}

// try tries every variant, and then pairs of variants of two groups, up to the limit. The
// groups that are changed most often come first. It returns the hints of the first that
// verifies.
func (s *search) try(base attempt, groups []group) (hints []string, found bool) {
	with := func(vs ...variant) bool {
		a := base
		a.values = slices.Clone(base.values)
		hints = nil
		for _, v := range vs {
			v.apply(&a)
			if v.hint != "" {
				hints = append(hints, v.hint)
			}
		}
		return s.holds(&a)
	}
	for _, g := range groups {
		for _, v := range g.variants {
			if with(v) {
				return hints, true
			}
		}
	}
	for sum := range 2 * len(groups) {
		for i, g := range groups {
			j := sum - i
			if j <= i || j >= len(groups) {
				continue
			}
			for _, v := range g.variants[:min(len(g.variants), g.likely)] {
				for _, w := range groups[j].variants[:min(len(groups[j].variants), groups[j].likely)] {
					if with(v, w) {
						return hints, true
					}
				}
			}
		}
	}
	return nil, false
}

// search looks for what the sender signed.
func (e *explanation) search(s *search) {
	host := e.v.signedHosts(nil, e.c.claim.host)[0]
	base := e.attempt(host)
	if len(e.candidates) == 0 {
		if s.holds(&base) {
			e.hint("the signature is made with a secret of %s: only the access key ID differs", e.ring.all[0].field)
		}
		return
	}
	hosts, named := e.hosts()
	hints, found := s.try(base, []group{{hosts, named}, {e.paths(), 10}, {e.queries(), 10}, {e.payloads(), 3}, {e.secretVariants(), 5}, {e.headers(), 16}, {e.methods(), 2}, {e.scopes(), 0}})
	if found {
		e.hints = append(e.hints, hints...)
		return
	}
	if e.is("signature") && e.built {
		e.remaining(s)
	}
}

// remaining says what is left if nothing that was tried verifies.
func (e *explanation) remaining(s *search) {
	limit := ""
	if s.left < 0 {
		limit = " before the limit of hashes was reached"
	}
	secret := "the secret keys differ: enter " + e.candidates[0].field + ".SecretAccessKey and the dashboard's secretKey anew"
	direct := e.isDirect()
	if direct {
		e.hint("no header of a proxy arrived, so most likely %s", secret)
	}
	e.hint("%d variants were tried%s, and none verifies: other hosts, ports, prefixes, slashes, forms of the path and the query, hashes of the body, header values, scopes, and secrets with white space", s.tried, limit)
	e.hint("compare the canonical request above with the one that the sender computes (most signers log it at debug level): the first line that differs is the cause")
	if e.c.claim.payload == "" {
		e.hint("if only its last line differs, something on the way changed the body, such as a proxy that decompresses or re-encodes it")
	}
	signed, change := e.v.form.prefix+e.c.claim.path, "if that is longer, set Config.PathPrefix to what was stripped"
	if e.v.form.prefix != "" {
		change = "if that begins with something else, correct Config.PathPrefix"
	}
	e.hint("compare the path %s with that of the URL in the dashboard: %s", quote(signed), change)
	e.remainingHost(direct)
	for _, name := range e.c.claim.names {
		if slices.Contains(rewritten, name) {
			e.hint("%s is signed, and proxies and CDNs rewrite it: compare its value, or let the sender leave it unsigned", name)
		}
	}
	if !direct {
		e.hint("if all lines agree, %s", secret)
	}
}

// remainingHost says which host the sender may have signed. A header of a proxy is not
// verified, so the operator compares its host with the dashboard.
func (e *explanation) remainingHost(direct bool) {
	received := e.c.claim.host
	isListed := func(host string) bool {
		return slices.ContainsFunc(e.v.hosts, func(h string) bool { return isSameName(h, host) })
	}
	var header, named string
	for key, host := range forwardedHosts(e.r.Header) {
		if isHost(host) {
			header, named = key, host
			break
		}
	}
	const remedy = "in Config.Hosts, or let the proxy keep Host"
	switch {
	case named != "" && !strings.EqualFold(named, received) && !isListed(named):
		e.hint("%s names %s, and Host %s arrived: a proxy seems to have replaced it. If the URL in the dashboard has that host, list %[2]s "+remedy, header, quote(named), orAbsent(received))
	case isListed(received), isListed(named):
	case direct:
		e.hint("if a proxy is in front, it has replaced Host, and %s arrived; list the host of that URL, with its port, "+remedy, quote(received))
	case named == "" && isInternal(received):
		e.hint("Host looks internal: a proxy seems to have replaced it, and %s arrived; list the host of that URL, with its port, "+remedy, quote(received))
	default:
		e.hint("if that URL has another host or port than %s, list it in Config.Hosts", quote(received))
	}
}

// isDirect reports whether the sender seems to be on this machine, with no proxy in front.
func (e *explanation) isDirect() bool {
	for header := range e.r.Header {
		if header == "Via" || header == "Forwarded" || strings.HasPrefix(header, "X-Forwarded-") {
			return false
		}
	}
	name, _ := splitHost(e.c.claim.host)
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback() || name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// isInternal reports whether a Host looks like one that Redox cannot reach.
func isInternal(host string) bool {
	name, _ := splitHost(host)
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
	}
	return !strings.Contains(name, ".") || strings.HasSuffix(name, ".local") || strings.HasSuffix(name, ".internal") || strings.HasSuffix(name, ".localhost")
}

// rewritten lists headers that proxies and CDNs change.
var rewritten = []string{"accept-encoding", "forwarded", "range", "user-agent", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"}
