package redoxtest

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// A KeyServer publishes keys on loopback, as a JWK Set ([RFC 7517, Section 5]) and by
// discovery ([OpenID Connect Discovery 1.0] and [RFC 8414]). It uses plain http, so a
// keyset.RemoteConfig needs InsecureAllowHTTP. It is safe for concurrent use. Issuer must
// not change while it is used.
//
//	keys := redoxtest.NewKeyServer(redoxtest.NewKey("1", "RS256"))
//	defer keys.Close()
//	sender := &redoxtest.JWTBearer{Key: keys.Key(), Issuer: keys.Issuer, …}
//
// [RFC 7517, Section 5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
// [OpenID Connect Discovery 1.0]: https://openid.net/specs/openid-connect-discovery-1_0.html
// [RFC 8414]: https://www.rfc-editor.org/rfc/rfc8414
type KeyServer struct {
	server
	keyRing

	JWKSURL string // where the keys are

	// Issuer is the issuer in the metadata; default the server's address. If it has a path,
	// the metadata is where each standard puts it.
	Issuer string
}

// NewKeyServer starts a server of keys. Close it after use.
func NewKeyServer(keys ...Key) *KeyServer {
	s := &KeyServer{}
	s.start()
	s.Rotate(keys...)
	s.Issuer = s.http.URL
	s.JWKSURL = s.http.URL + "/jwks.json"
	s.mux.HandleFunc("GET /jwks.json", s.serveKeys)
	s.mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		serveMetadata(w, r, s.Issuer, map[string]any{"jwks_uri": s.JWKSURL})
	})
	return s
}

// Fetches returns the number of requests for the keys, also during an outage.
func (s *KeyServer) Fetches() int { return s.Calls(s.JWKSURL) }

// serveMetadata answers both kinds of discovery. OpenID Connect appends its well-known path
// to the issuer's path. RFC 8414 puts its own before the issuer's path.
func serveMetadata(w http.ResponseWriter, r *http.Request, issuer string, metadata map[string]any) {
	u, err := url.Parse(issuer)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	base := strings.TrimSuffix(u.Path, "/")
	switch r.URL.Path {
	case base + "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server" + base:
		writeJSON(w, http.StatusOK, altered(metadata, map[string]any{"issuer": issuer}))
	default:
		http.NotFound(w, r)
	}
}

// A keyRing holds the keys of a server: it signs with the first and publishes all.
type keyRing struct {
	ring         sync.Mutex
	keys         []Key
	cacheControl string
}

// Key returns the key that signs: the first.
func (k *keyRing) Key() Key {
	k.ring.Lock()
	defer k.ring.Unlock()
	if len(k.keys) == 0 {
		return Key{}
	}
	return k.keys[0]
}

// Rotate replaces the keys. The first key signs, all are published. A proper rotation is
// (old, new), (new, old), (new).
func (k *keyRing) Rotate(keys ...Key) {
	k.ring.Lock()
	defer k.ring.Unlock()
	k.keys = append([]Key(nil), keys...)
}

// SetCacheControl sets the header Cache-Control of the keys, such as "public,
// max-age=300". The default is no such header.
func (k *keyRing) SetCacheControl(value string) {
	k.ring.Lock()
	defer k.ring.Unlock()
	k.cacheControl = value
}

func (k *keyRing) serveKeys(w http.ResponseWriter, r *http.Request) {
	k.ring.Lock()
	set, cacheControl := JWKS(k.keys...), k.cacheControl
	k.ring.Unlock()
	if cacheControl != "" {
		w.Header().Set("Cache-Control", cacheControl)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(set)
}
