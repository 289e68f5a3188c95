package lookup

import (
	"net/http"
	"net/netip"
)

// peerOf returns who sent r: what named says, or if it is nil, the address of the connection.
// It is "" if nobody knows.
func peerOf(r *http.Request, named func(*http.Request) string) string {
	if named == nil {
		return remotePeer(r)
	}
	name := named(r)
	if addr, err := netip.ParseAddr(name); err == nil {
		return network(addr)
	}
	// Some proxies append the port too. It is another one with every connection.
	if addr, err := netip.ParseAddrPort(name); err == nil {
		return network(addr.Addr())
	}
	return name
}

// remotePeer returns the address that r came from, or "". If a proxy forwarded r, the address
// is the proxy's, and strangers share it. A RemoteAddr without port is not of net/http: it is
// a Unix socket's, or a middleware took it from a header that anybody can send.
func remotePeer(r *http.Request) string {
	if r.Header["X-Forwarded-For"] != nil || r.Header["Forwarded"] != nil {
		return ""
	}
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return network(addr.Addr())
}

// network returns the addresses that one host can have: an IPv4 address, or an IPv6 /64.
func network(addr netip.Addr) string {
	if addr = addr.Unmap(); addr.Is4() {
		return addr.String()
	}
	prefix, _ := addr.Prefix(64) // drops the zone
	return prefix.String()
}
