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
func isSameName(a, b string) bool {
	a, _ = splitHost(a)
	b, _ = splitHost(b)
	return strings.EqualFold(strings.TrimRight(a, "."), strings.TrimRight(b, "."))
}

// splitHost splits a Host into the name, or the address without brackets, and the rest. It
// takes anything for a port, and removes any brackets: http.ServeMux routes "a.example:b" and
// "[a.example]:1" as "a.example".
func splitHost(host string) (name, port string) {
	if end := strings.IndexByte(host, ']'); end > 0 && host[0] == '[' {
		return host[1:end], host[end+1:]
	}
	end := strings.IndexByte(host, ':')
	if end < 0 {
		end = len(host)
	}
	return host[:end], host[end:]
}

// isHost reports whether a sender can sign host as Host: a name or an address, with or
// without a port. An IPv6 address is in brackets (RFC 3986, Section 3.2.2).
func isHost(host string) bool {
	name, port := splitHost(host)
	if port != "" {
		if _, err := strconv.ParseUint(strings.TrimPrefix(port, ":"), 10, 16); err != nil || port[0] != ':' {
			return false
		}
	}
	name = strings.TrimSuffix(name, ".")
	return name != "" && name[len(name)-1] != '.' && isVisible(name) && !strings.ContainsAny(name, `/?#@,[]\`) &&
		(host[0] == '[') == strings.Contains(name, ":")
}
