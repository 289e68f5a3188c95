package lookup

import (
	"fmt"
	"net/http"
	"net/netip"

	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// A sender is who sent a request.
type sender struct {
	peer string // what the ration knows it by; "" if nobody knows
	r    *http.Request
	cfg  *Config
}

// senderOf returns who sent r: what Peer says, or if it is nil, the address of the connection.
func (c *Config) senderOf(r *http.Request) sender {
	if c.Peer == nil {
		return sender{remotePeer(r), r, c}
	}
	name := c.Peer(r)
	if addr, err := netip.ParseAddr(name); err == nil {
		name = network(addr)
	} else if addr, err := netip.ParseAddrPort(name); err == nil {
		// Some proxies append the port too. It is another one with every connection.
		name = network(addr.Addr())
	}
	return sender{name, r, c}
}

// String tells an operator who it is, and how that is known.
func (s sender) String() string {
	field := s.cfg.Fields + ".Peer"
	switch header := forwarded(s.r); {
	case s.peer != "" && s.cfg.Peer != nil:
		return fmt.Sprintf("%s (%s)", diagnosis.Quote(s.peer), field)
	case s.peer != "":
		return fmt.Sprintf("%s, the address of the connection (%s is nil)", diagnosis.Quote(s.peer), field)
	case s.cfg.Peer != nil:
		return fmt.Sprintf(`unknown: %s returned ""`, field)
	case header != "":
		return fmt.Sprintf("unknown: the request has the header %s and %s is nil, so all who come through the proxy count as one stranger", header, field)
	}
	return fmt.Sprintf("unknown: RemoteAddr is %s, want an IP address and port (%s is nil)", diagnosis.Text(s.r.RemoteAddr, true), field)
}

// remotePeer returns the address that r came from, or "". If a proxy forwarded r, the address
// is the proxy's, and strangers share it. A RemoteAddr without port is not of net/http: it is
// a Unix socket's, or a middleware took it from a header that anybody can send.
func remotePeer(r *http.Request) string {
	if forwarded(r) != "" {
		return ""
	}
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return network(addr.Addr())
}

// forwarded returns the header that a proxy added to r; "" if there is none.
func forwarded(r *http.Request) string {
	for _, name := range [...]string{"X-Forwarded-For", "Forwarded"} {
		if r.Header[name] != nil {
			return name
		}
	}
	return ""
}

// network returns the addresses that one host can have: an IPv4 address, or an IPv6 /64.
func network(addr netip.Addr) string {
	if addr = addr.Unmap(); addr.Is4() {
		return addr.String()
	}
	prefix, _ := addr.Prefix(64) // drops the zone
	return prefix.String()
}
