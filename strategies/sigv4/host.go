package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// receivedHost returns the received Host. An adapter that does not set r.Host may have
// left it among the headers.
func receivedHost(r *http.Request) string {
	if values := r.Header["Host"]; r.Host == "" && len(values) == 1 {
		return values[0]
	}
	return r.Host
}

// signedHosts appends to dst the values of Host that the sender may have signed, given the
// received one. That is the received one, or one of Config.Hosts if a proxy replaced it.
//
// If the received one is a spelling of listed names, no other name is tried: otherwise a
// message for one host would pass at another that the sender of the request chooses
// (CVE-2025-49827 in Conjur). Entries that differ only in the port are all tried, because
// proxies drop and add ports.
func (v *Verifier) signedHosts(dst []string, received string) []string {
	if len(v.hosts) == 0 {
		return append(dst, received)
	}
	for _, host := range v.hosts {
		if isSameName(host, received) {
			dst = append(dst, host)
		}
	}
	switch {
	case len(dst) == 0:
		return append(dst, v.hosts...)
	case slices.Contains(dst, received):
		return dst
	}
	return append(dst, received)
}

// isSameName reports whether two values of Host differ only in case, port and trailing dot.
func isSameName(a, b string) bool { return strings.EqualFold(hostName(a), hostName(b)) }

// hostName returns a Host without port and trailing dot, with the brackets of an IPv6
// address. It takes anything for a port: http.ServeMux routes "a.example:b" as "a.example".
func hostName(host string) string {
	if end := strings.IndexByte(host, ']'); end > 0 && host[0] == '[' {
		return host[:end+1]
	}
	name, _, _ := strings.Cut(host, ":")
	return strings.TrimRight(name, ".")
}

// isHost reports whether a sender can sign host as Host: a name or an address, with or
// without a port. An IPv6 address is in brackets (RFC 3986, Section 3.2.2).
func isHost(host string) bool {
	name := hostName(host)
	port, hasPort := strings.CutPrefix(strings.TrimPrefix(host[len(name):], "."), ":")
	if hasPort {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return false
		}
		port = ""
	}
	return name != "" && port == "" && isVisible(name) && !strings.ContainsAny(name, `/?#@,\`)
}
