package sigv4

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// hosts returns the values of Host that the sender may have signed: first those that Verify
// tries, then those that the headers of proxies name, then with and without a port. It also
// returns how many come before the guesses of ports.
func (e *explanation) hosts() (list []variant, named int) {
	const longestHost = 512 // bytes; a name in the DNS has at most 253
	received := e.c.claim.host
	own := e.v.signedHosts(nil, received)
	add := func(host, hint string) {
		list = append(list, variant{hint, func(a *attempt) { a.host = host }})
	}
	for _, host := range own {
		add(host, "")
	}
	var names []string
	name := func(host string) { // skips what is no host, such as one with an empty port
		if len(host) <= longestHost && isHost(host) && !slices.Contains(names, host) && !slices.Contains(own, host) && len(names) < 24 {
			names = append(names, host)
		}
	}
	for _, host := range e.v.hosts {
		name(host)
	}
	header := e.r.Header
	for _, host := range forwardedHosts(header) {
		name(host)
	}
	if e.r.URL != nil {
		name(e.r.URL.Host)
	}
	if e.r.TLS != nil {
		name(e.r.TLS.ServerName)
	}
	for _, host := range slices.Clone(names) {
		bare, _ := splitHost(host)
		name(bare + ":" + header.Get("X-Forwarded-Port"))
	}
	named = len(own) + len(names)
	for _, host := range append(slices.Clone(names), own...) {
		bare, _ := splitHost(host)
		if strings.Contains(bare, ":") {
			bare = "[" + bare + "]"
		}
		name(bare)
		for _, port := range [...]string{header.Get("X-Forwarded-Port"), "443", "80"} {
			name(bare + ":" + port)
		}
		name(strings.ToLower(host))
		name(strings.TrimSuffix(bare, "."))
	}
	for _, host := range own {
		for _, port := range [...]string{"8443", "8080", "3000"} { // guesses, so they come last
			bare, _ := splitHost(host)
			name(bare + ":" + port)
		}
	}
	for _, host := range names {
		add(host, e.hostHint(host))
	}
	return list, min(named, 8)
}

// forwardedHosts returns the hosts that the headers of proxies name, each after its header.
func forwardedHosts(header http.Header) iter.Seq2[string, string] {
	return func(yield func(key, host string) bool) {
		for _, key := range [...]string{"X-Forwarded-Host", "X-Original-Host", "X-Host", "Host", "X-Forwarded-Server"} {
			for host := range strings.SplitSeq(header.Get(key), ",") {
				if !yield(key, strings.Trim(host, ` "`)) {
					return
				}
			}
		}
		for part := range strings.FieldsFuncSeq(header.Get("Forwarded"), func(c rune) bool { return c == ';' || c == ',' }) {
			key, host, _ := strings.Cut(strings.TrimSpace(part), "=")
			if strings.EqualFold(key, "host") && !yield("Forwarded", strings.Trim(host, ` "`)) {
				return
			}
		}
	}
}

func (e *explanation) hostHint(host string) string {
	received := e.c.claim.host
	verifies := fmt.Sprintf("it verifies with Host %q, and Host %s arrived: ", host, orAbsent(received))
	listed := slices.ContainsFunc(e.v.hosts, func(h string) bool { return isSameName(h, received) })
	switch {
	case slices.Contains(e.v.hosts, host):
		return verifies + "the received Host is another one of Config.Hosts: something on the way sent it to the wrong host"
	case listed && !isSameName(host, received):
		return verifies + fmt.Sprintf("the received Host is in Config.Hosts, so no other is tried; Hosts are the names that senders sign: list %q there in its place", host)
	case isSameName(host, received):
		return verifies + fmt.Sprintf("only its port or spelling differs: add %q to Config.Hosts, or let the proxy keep it (nginx: proxy_set_header Host $http_host)", host)
	}
	return verifies + fmt.Sprintf("a proxy replaced it: add %q to Config.Hosts, or let the proxy keep Host (nginx: proxy_set_header Host $http_host; Apache: ProxyPreserveHost On)", host)
}

// paths returns the paths that the sender may have signed, in each form.
func (e *explanation) paths() (list []variant) {
	form, received := e.v.form, e.c.claim.path
	type raw struct{ prefix, path, hint string }
	raws := []raw{{form.prefix, received, ""}}
	add := func(path, format string, args ...any) { // the path that arrived is skipped below
		raws = append(raws, raw{form.prefix, path, fmt.Sprintf("it verifies with the path %s: ", quote(path)) + fmt.Sprintf(format, args...)})
	}
	if form.prefix != "" {
		raws = append(raws, raw{"", received, fmt.Sprintf("it verifies without Config.PathPrefix %q: nothing was stripped from the path, so leave PathPrefix empty", form.prefix)})
	}
	const end = `the URL in the dashboard ends with the prefix, and "/" arrived: add a "/" at the end of that URL`
	if form.prefix != "" && received == "/" {
		raws = append(raws, raw{"", form.prefix, fmt.Sprintf("it verifies with the path %s: %s", quote(form.prefix), end)})
	}
	// prefixes that proxies name
	prefix := func(name, p string) {
		if p = strings.TrimRight(strings.TrimSpace(p), "/"); !strings.HasPrefix(p, "/") || p == form.prefix || len(p) > maxTarget {
			return
		}
		for _, path := range slices.Compact([]string{received, strings.TrimSuffix(received, "/"), received + "/"}) {
			hint := fmt.Sprintf("it verifies with the prefix %s, which %s names: a proxy stripped it, so set Config.PathPrefix to %s", quote(p), name, quote(p))
			if path == "" {
				hint += "; " + end
			} else if path != received {
				hint += fmt.Sprintf(", and let nothing on the way add or remove the slash at the end: the signed path is %s", quote(p+path))
			}
			raws = append(raws, raw{p, path, hint})
		}
	}
	for _, name := range [...]string{"X-Forwarded-Prefix", "X-Script-Name", "X-Forwarded-Path"} {
		p, _, _ := strings.Cut(e.r.Header.Get(name), ",")
		prefix(name, p)
	}
	for _, name := range originals {
		if original, _ := e.original(name); original != "" {
			if p, ok := strings.CutSuffix(original, received); ok {
				prefix(name, p)
			}
			raws = append(raws, raw{"", original, fmt.Sprintf("it verifies with the path %s, which %s names, and %s arrived: the proxy must forward the path as it came", quote(original), name, quote(received))})
		}
	}
	if without := strings.TrimRight(received, "/"); without != received && without != "" {
		add(without, "without the slash at the end that arrived: compare it with the URL in the dashboard, and let nothing on the way add the slash")
	} else {
		add(received+"/", "with a slash at the end, which did not arrive: compare it with the URL in the dashboard, and let nothing on the way remove the slash")
	}
	if i := strings.IndexByte(received[1:], '/'); i >= 0 {
		add(received[i+1:], "something on the way added %s in front: it must forward the path as it came", quote(received[:i+1]))
	}
	add(collapse(received), "without the empty segments that arrived: something on the way added a slash")
	add("/"+received, "with another slash at the start: something on the way removed it")
	if strings.Contains(received, "%25") {
		if once, err := url.PathUnescape(received); err == nil {
			add(once, "something on the way encoded it once more: it must forward the path as it came")
		}
	}
	if decoded, err := url.PathUnescape(received); err == nil {
		for _, p := range slices.Compact([]string{escapeAll(decoded), (&url.URL{Path: decoded}).EscapedPath(), lowerEscapes(received), upperEscapes(received), decoded}) {
			add(p, "something on the way decoded or re-encoded the path, and %s arrived: it must forward the path as it came (nginx: proxy_pass without a path; Apache: nocanon)", quote(received))
		}
	}
	for i, slashes := 1, 0; i < len(received) && slashes < 8; i++ {
		if received[i] == '/' {
			slashes++
			add(received[:i]+"%2F"+received[i+1:], "something on the way decoded %%2F, and %s arrived: it must forward the path as it came (nginx: proxy_pass without a path; Apache: nocanon, AllowEncodedSlashes NoDecode)", quote(received))
		}
	}
	add(strings.ToLower(received), "in lower case")
	if e.r.URL != nil {
		add(e.r.URL.EscapedPath(), "that of r.URL, and r.RequestURI has another: what is in front must not change r.RequestURI")
	}
	seen := make(map[string]bool)
	for i, form := range e.forms() {
		for _, raw := range raws {
			f := form.pathForm
			f.prefix = raw.prefix
			canonical, err := f.append(nil, raw.path)
			if err != nil || seen[string(canonical)] || len(list) >= 40 {
				continue
			}
			seen[string(canonical)] = true
			if i == 0 && raw.hint == "" {
				continue // as it arrived
			}
			hint := raw.hint
			if form.hint != "" {
				hint = strings.TrimPrefix(hint+"; "+form.hint, "; ")
			}
			list = append(list, variant{hint, func(a *attempt) { a.path = string(canonical) }})
		}
	}
	return list
}

// A hintedForm is a form of the path, and what to change if it verifies.
type hintedForm struct {
	pathForm
	hint string
}

// forms returns all forms of the path; first the configured one.
func (e *explanation) forms() []hintedForm {
	own := e.v.form
	list := []hintedForm{{own, ""}}
	for _, dots := range [...]bool{own.dotSegments, true} {
		for n := range 4 {
			f := pathForm{own.prefix, dots, own.encodedOnce != (n&1 != 0), own.kept != (n&2 != 0)} // nearest first
			var fields []string
			if f.kept != own.kept {
				fields = append(fields, fmt.Sprintf("DisablePathNormalization %t", f.kept))
			}
			if f.encodedOnce != own.encodedOnce {
				fields = append(fields, fmt.Sprintf("DisableDoubleEncoding %t", f.encodedOnce))
			}
			if f.dotSegments != own.dotSegments {
				fields = append(fields, "InsecureAllowDotSegments true, whose risks its comment names")
			}
			if len(fields) == 0 {
				continue
			}
			hint := "it verifies with Config." + strings.Join(fields, " and Config.") + ": the sender signs the path in this form, so set it"
			if e.v.service == "s3" && (!f.kept || !f.encodedOnce) {
				hint = `it verifies if the path is signed as for services other than "s3": change Config.Service and the dashboard's serviceName`
			}
			if f.dotSegments && own.prefix != "" {
				hint += "; this also needs a proxy that strips no prefix, and Config.PathPrefix empty"
			}
			list = append(list, hintedForm{f, hint})
		}
	}
	return list
}

// originals lists the headers in which proxies hand on the target as they received it.
var originals = [...]string{"X-Original-Uri", "X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Uri", "X-Envoy-Original-Path", "X-Replaced-Path"}

func (e *explanation) original(name string) (path, query string) {
	target := e.r.Header.Get(name)
	if u, err := url.Parse(target); err == nil && u.IsAbs() {
		target = u.RequestURI()
	}
	if !strings.HasPrefix(target, "/") || len(target) > maxTarget {
		return "", ""
	}
	path, query, _ = strings.Cut(target, "?")
	return path, query
}

func collapse(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

// escapeAll escapes everything but unreserved characters and slashes.
func escapeAll(s string) string {
	f := pathForm{}
	return string(f.appendEncoded(nil, s))
}

func lowerEscapes(s string) string { return mapEscapes(s, strings.ToLower) }

func upperEscapes(s string) string { return mapEscapes(s, strings.ToUpper) }

func mapEscapes(s string, change func(string) string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && isEscape(s[i:]) {
			b.WriteString(change(s[i : i+3]))
			i += 2
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// queries returns the canonical queries that other signers make of the received query.
func (e *explanation) queries() (list []variant) {
	received := e.c.claim.query
	add := func(query, hint string) {
		list = append(list, variant{hint, func(a *attempt) { a.query = query }})
	}
	for _, name := range originals {
		if _, query := e.original(name); query != "" && query != received {
			old := e.c.claim.query
			e.c.claim.query = query
			if e.c.readQuery() < 0 {
				add(string(e.c.appendQuery(nil)), fmt.Sprintf("it verifies with the query that %s names: the proxy must forward the query as it came", name))
			}
			e.c.claim.query = old
		}
	}
	if received == "" {
		return list
	}
	const signs = "it verifies if the sender signs the query "
	pairs := strings.Split(received, "&")
	full := make([]string, len(pairs))
	for i, pair := range pairs {
		if full[i] = pair; !strings.Contains(pair, "=") {
			full[i] += "="
		}
	}
	sorted := slices.Sorted(slices.Values(full))
	byPair := strings.Join(sorted, "&")
	slices.SortStableFunc(sorted, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, "=")
		nameB, _, _ := strings.Cut(b, "=")
		return strings.Compare(nameA, nameB)
	})
	const raw = "as it sends it, as botocore and aws-sigv4 for Ruby do, and it has characters that Signature Version 4 escapes (such as = : / @ , + or lower-case escapes): let the sender escape all but A-Z a-z 0-9 - . _ ~ (a space as %20, escapes in upper case)"
	rawHint := signs + raw
	if strings.Contains(received, "+") {
		rawHint = signs + `with "+" as it is, which this library refuses because handlers read a space: let the sender send %20 for a space, and %2B for a plus`
	}
	add(strings.Join(sorted, "&"), rawHint)
	add(byPair, rawHint)
	add(strings.Join(full, "&"), signs+"as it sends it, unsorted: let the sender sort the parameters")
	add(received, signs+`as it sends it, unsorted or without "=" for parameters without a value: let the sender sort them, and send every "="`)
	canonical := func(query string) (string, bool) {
		old := e.c.claim.query
		defer func() { e.c.claim.query = old }()
		e.c.claim.query = query
		ok := e.c.readQuery() < 0
		return string(e.c.appendQuery(nil)), ok
	}
	if own, ok := canonical(received); ok {
		add(lowerEscapes(own), signs+"with escapes in lower case: let the sender write them in upper case")
		add(strings.ReplaceAll(own, "%20", "+"), signs+`with "+" for a space: let the sender sign %20`)
		add(strings.ReplaceAll(own, "%", "%25"), signs+"escaped twice: let the sender escape it once")
		add(strings.TrimSuffix(strings.ReplaceAll(own, "=&", "&"), "="), signs+`without "=": let the sender send every "="`)
	}
	if plus, ok := canonical(strings.ReplaceAll(received, "+", "%2B")); ok {
		add(plus, signs+`with "+" as %2B, which this library refuses because handlers read a space: let the sender send %20 for a space, and %2B for a plus`)
	}
	if space, ok := canonical(strings.ReplaceAll(received, "%2B", "%20")); ok {
		add(space, "it verifies with %20 where %2B arrived: something on the way re-encoded the query")
	}
	if once, err := url.QueryUnescape(received); err == nil && strings.Contains(received, "%25") {
		if own, ok := canonical(once); ok {
			add(own, "it verifies with the query decoded once: something on the way encoded it once more")
		}
	}
	add("", "it verifies without the query: the sender does not sign it, or something on the way added it")
	for i, pair := range pairs[:min(len(pairs), 8)] {
		rest := slices.Delete(slices.Clone(pairs), i, i+1)
		if own, ok := canonical(strings.Join(rest, "&")); ok {
			name, _, _ := strings.Cut(pair, "=")
			add(own, fmt.Sprintf("it verifies without the query parameter %s: something on the way added it, or the sender does not sign it", quote(redactValue(name))))
		}
	}
	return list
}

// payloads returns the payload hashes that the sender may have signed.
func (e *explanation) payloads() (list []variant) {
	add := func(payload, hint string) {
		list = append(list, variant{hint, func(a *attempt) { a.payload = payload }})
	}
	c := e.c
	add(hashOfNothing, "it verifies with an empty body: the sender signs before it adds the body, or something on the way added the body")
	add(unsignedPayload, "it verifies with UNSIGNED-PAYLOAD as the hash of the body: let the sender sign the hash of the body; if it cannot, let it send X-Amz-Content-Sha256 too, and set Config.InsecureAllowUnsignedPayload")
	add("", "it verifies with an empty payload hash: the sender must sign the SHA-256 of the body")
	if declared := c.claim.payload; declared != "" {
		add(strings.ToUpper(declared), "it verifies with the payload hash in upper case: let the sender write it in lower case")
	}
	if len(c.bodyHash) == 0 {
		return list
	}
	if c.claim.payload != "" {
		add(string(c.bodyHash), "it verifies with the hash of the body, and X-Amz-Content-Sha256 is another: something on the way changed that header, or the sender declares another hash than it signs")
	} else {
		add(strings.ToUpper(string(c.bodyHash)), "it verifies with the hash of the body in upper case: let the sender write it in lower case")
	}
	add(base64.StdEncoding.EncodeToString(c.body.Sum(nil)), "it verifies with the hash of the body in base64: let the sender write it in lower-case hexadecimal digits")
	for _, end := range [...]string{"\n", "\r\n"} {
		if hash, ok := c.hashWith(end); ok {
			add(hash, fmt.Sprintf("it verifies with %q at the end of the body: something on the way removed it, or the sender signs it and does not send it", end))
		}
	}
	return list
}

// hashWith returns the hash of the body with something at its end.
func (c *canonical) hashWith(end string) (string, bool) {
	state, err := c.body.AppendBinary(nil)
	if err != nil {
		return "", false
	}
	h := countingHash{Hash: sha256.New()}
	if h.UnmarshalBinary(state) != nil {
		return "", false
	}
	h.Write([]byte(end))
	return hex.EncodeToString(h.Sum(nil)), true
}

// length is the length of the body, as content-length says it.
func (e *explanation) length() string {
	if len(e.c.bodyHash) > 0 {
		return strconv.FormatInt(e.c.body.n, 10)
	}
	return strconv.FormatInt(e.r.ContentLength, 10)
}

// usual lists the values of headers that are often changed or dropped on the way.
var usual = map[string][]string{
	"accept":            {"*/*", "application/json", "application/json, text/plain, */*"},
	"accept-encoding":   {"gzip", "identity", "gzip, deflate", "gzip, deflate, br", "gzip, compress, deflate, br", "gzip,deflate", "deflate, gzip", "br", "*"},
	"connection":        {"close", "keep-alive", "Keep-Alive"},
	"content-type":      {"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8", "application/json;charset=UTF-8", "application/fhir+json", "application/x-amz-json-1.0", "text/plain; charset=utf-8", "application/x-www-form-urlencoded"},
	"content-length":    {"0"},
	"expect":            {"100-continue"},
	"te":                {"trailers"},
	"transfer-encoding": {"chunked"},
	"user-agent":        {"axios", "node-fetch", "node", "undici", "Go-http-client/1.1", "Go-http-client/2.0"},
	"x-forwarded-proto": {"https", "http"},
	"x-forwarded-port":  {"443", "80"},
}

// headers returns changes of one signed header each.
func (e *explanation) headers() (list []variant) {
	for i, name := range e.c.claim.names {
		if name == "host" || name == "x-amz-date" || len(list) > 40 {
			continue
		}
		values, sent := sentHeader(e.r, name)
		own := e.value(name)
		shown := func(value string) string {
			if isSecretName(name) || e.ring.hasToken(value) {
				return "another value"
			}
			return quote(redactValue(e.ring.without(value[:min(len(value), maxAuthorization)])))
		}
		add := func(value, format string, args ...any) {
			if value != own {
				list = append(list, variant{fmt.Sprintf(format, args...), func(a *attempt) { a.values[i] = value }})
			}
		}
		advice := "something on the way changed it: let it pass, or let the sender leave it unsigned"
		if slices.Contains(rewritten, name) {
			advice = name + " is signed, and proxies and CDNs rewrite it: let it pass, or let the sender leave it unsigned"
		}
		if slices.Contains(hopByHop, name) {
			advice = name + " is signed, but belongs to one hop and is not forwarded: let the sender leave it unsigned"
		}
		arrived := "nothing"
		if sent {
			arrived = shown(strings.Join(values, ","))
		}
		was := func(value string) {
			add(value, "it verifies with %s %s, and %s arrived: %s", name, shown(value), arrived, advice)
		}
		if !sent {
			add("", "it verifies with an empty %s, which did not arrive: the sender names it in SignedHeaders and does not send it", name)
		} else {
			for j := range values[:min(len(values), 8)] {
				add(string(canonicalValue(values[j])), "it verifies with line %d of the %d lines of %s alone: something on the way added the others, or the sender signs one", j+1, len(values), name)
			}
			add(strings.Join(values, ","), "it verifies with the white space of %s as it is: let the sender send it without runs of spaces, which Signature Version 4 makes one", name)
			add(strings.Join(values, ", "), "it verifies with the lines of %s joined by a comma and a space: let the sender send one line", name)
			add(strings.ReplaceAll(own, ",", ", "), "it verifies with a space after each comma of %s: %s", name, advice)
			add(strings.ReplaceAll(own, ", ", ","), "it verifies without the spaces after the commas of %s: %s", name, advice)
			add(strings.ToLower(own), "it verifies with %s in lower case: %s", name, advice)
			add("", "it verifies with an empty %s: something on the way added its value", name)
			if media, _, found := strings.Cut(own, ";"); found {
				was(media)
			} else if name == "content-type" {
				for _, charset := range [...]string{"; charset=utf-8", ";charset=utf-8", "; charset=UTF-8", ";charset=UTF-8"} {
					was(own + charset)
				}
			}
			if last := strings.LastIndexByte(own, ','); last > 0 {
				was(strings.TrimSpace(own[:last])) // a proxy appended itself
			}
			if ip := net.ParseIP(own); ip != nil && name == "x-forwarded-for" {
				was(ip.String())
			}
		}
		if name == "content-length" {
			was(e.length())
		}
		if name == "x-amz-security-token" {
			continue // has no usual value
		}
		for _, value := range usual[name] {
			was(value)
		}
	}
	return list
}

func canonicalValue(value string) []byte {
	dst, _ := appendValue(nil, value)
	return dst
}

// methods returns other methods.
func (e *explanation) methods() (list []variant) {
	for _, method := range [...]string{http.MethodPost, http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, strings.ToUpper(e.r.Method), strings.ToLower(e.r.Method)} {
		if method != e.r.Method {
			list = append(list, variant{fmt.Sprintf("it verifies with the method %s, and %s arrived: something on the way changed it, such as a redirect", quote(method), quote(e.r.Method)),
				func(a *attempt) { a.method = method }})
		}
	}
	return list
}

// scopes returns other scopes for the derived key.
func (e *explanation) scopes() (list []variant) {
	c, v := &e.c.claim, e.v
	add := func(day, region, service, hint string) {
		list = append(list, variant{hint, func(a *attempt) { a.day, a.region, a.service = day, region, service }})
	}
	const derives = "it verifies with a key that is derived for "
	add(c.day, c.service, c.region, derives+"region and service exchanged: the sender passes them to its signer in the wrong order")
	add(c.day, strings.ToLower(c.region), strings.ToLower(c.service), derives+"region and service in lower case: write them so in Config.Region, Config.Service and the dashboard")
	add(c.day, v.region, v.service, fmt.Sprintf("%sConfig.Region %q and Config.Service %q, and its scope names others: the sender must name the same", derives, v.region, v.service))
	if date := c.date[:dayLength]; date != c.day {
		add(date, c.region, c.service, derives+"the date of X-Amz-Date, and its scope names another: the sender must name the same")
	}
	for _, days := range [...]int{-1, 1} {
		add(c.time.AddDate(0, 0, days).Format("20060102"), c.region, c.service, derives+"the day before or after: the sender derives it in local time, want UTC; or it keeps the key of yesterday")
	}
	return list
}

// secretVariants returns mistakes around the secret, and the secrets of other access key IDs.
func (e *explanation) secretVariants() (list []variant) {
	own := e.secrets()
	mapped := func(hint string, change func(string) string) {
		var changed []string
		for i, secret := range own {
			if s := change(secret); s != own[i] {
				changed = append(changed, s)
			}
		}
		if len(changed) > 0 {
			list = append(list, variant{hint, func(a *attempt) { a.secrets = changed }})
		}
	}
	field := e.candidates[0].field + ".SecretAccessKey"
	around := func(name, before, after string) {
		mapped("it verifies with the secret "+name+": the sender's secret has it and "+field+" does not; enter the dashboard's secretKey anew, without it", func(s string) string { return before + s + after })
	}
	around("and a line break at its end", "", "\n")
	around("and a space at its end", "", " ")
	around("and a line break (CR LF) at its end", "", "\r\n")
	around("and a space before it", " ", "")
	around("and a carriage return at its end", "", "\r")
	around("and a tab at its end", "", "\t")
	around("in quotation marks", `"`, `"`)
	around("and a byte order mark before it", "\ufeff", "")
	if len(own) > 2 {
		return list // each key that is derived costs eight hashes
	}
	var others []string
	first := ""
	for _, k := range e.ring.all {
		if k.keyID != e.c.claim.keyID && len(others) < maxSecrets {
			others = append(others, k.key.secret)
			first = cmp.Or(first, k.field)
		}
	}
	if len(others) > 0 {
		list = append(list, variant{fmt.Sprintf("it verifies with the secret of another access key ID in the same list (%s or a later one): accessKey and secretKey of different pairs are entered in the dashboard, or in the Config", first),
			func(a *attempt) { a.secrets = others }})
	}
	mapped("it verifies with the secret without quotation marks around it: remove them in "+field, func(s string) string { return strings.Trim(s, `"'`) })
	mapped("it verifies with the secret decoded from base64: the sender decodes it; use one form on both sides", func(s string) string {
		decoded, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return s
		}
		return string(decoded)
	})
	mapped("it verifies with the secret in base64: the sender encodes it; use one form on both sides", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) })
	mapped("it verifies with the secret decoded from hexadecimal digits: the sender decodes it; use one form on both sides", func(s string) string {
		decoded, err := hex.DecodeString(s)
		if err != nil {
			return s
		}
		return string(decoded)
	})
	mapped("it verifies with the secret escaped as in a URL: enter the dashboard's secretKey anew, unescaped", url.QueryEscape)
	mapped("it verifies with the secret unescaped as in a URL: enter it in "+field+" as the dashboard has it", func(s string) string {
		if decoded, err := url.QueryUnescape(s); err == nil {
			return decoded
		}
		return s
	})
	mapped(`it verifies with the secret without "=" at its end: something cut it off`, func(s string) string { return strings.TrimRight(s, "=") })
	return list
}
