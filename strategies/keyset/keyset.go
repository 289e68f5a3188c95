// Package keyset holds the public keys that verify tokens. They are published at a URL, from
// which they are fetched and kept fresh, or configured. Their form is a JWK Set (JWKS, [RFC 7517]),
// which is JSON, or PEM.
//
//	published, err := keyset.NewRemote(keyset.RemoteConfig{URL: "https://..."})
//	configured, err := keyset.ParseJWKS(data) // or ParsePEM
//	jwt, err := jwtbearer.New(jwtbearer.Config{
//		Keys:     published, // or configured
//		Issuer:   "...",
//		Audience: []string{"..."},
//	})
//
// # Redox dashboard
//
// The strategy decides who signs, and so whose keys you need:
//
//	strategy              the keys of                                   here
//	JWT Bearer            Redox: the credential's JWKS ("JKU") or key   NewRemote, ParseJWKS or ParsePEM
//	SMART Backend         Redox: the same                               the same
//	OAuth 2.0 2-legged    your authorization server                     NewRemote, by Issuer or URL
//	the two of Google     Google                                        set by gcpjwt and wif
//
// Redox can publish the keys of a credential at a URL (JKU, "JWK Set URL"). You switch this on
// at the credential. Redox documents neither that URL nor how often the keys change.
//
// # Settings
//
//   - Fetch at start-up, and show the state in a health check: ExampleNewRemote on pkg.go.dev.
//   - Rotate published keys: nothing to do (ExampleNewRemote_rotation). A server of yours should
//     publish a new key before it signs with it.
//   - Rotate configured keys: list the old and the new key together (ExampleParsePEM_rotation).
//     Identity.KeyID names the key that verified a token: its key ID (kid), or without one its
//     position, from "0".
//
// # Operation
//
// When the key server is down, the keys that were fetched remain in use. A token that they do not
// verify is answered 503 (reason "keys"), which Redox retries, as soon as a fetch has failed. A
// process that starts meanwhile answers 503 and needs no restart. Alert on [Status].Err. It says
// what the server answered, such as "an HTML page".
//
// # Limits
//
// A token with a key ID is checked with the keys of that ID, and if there are none, with the
// keys without ID. A token without key ID is checked with all keys. Keys that do not fit the
// token's algorithm are left out, and equal keys count once. At most four keys are tried, and
// after a fetch four others. So list at most four that fit one token.
//
// [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517
package keyset

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// A Set is a set of public keys: the result of [ParseJWKS], [ParsePEM], [PublicKeys] or
// [NewRemote]. It is safe for concurrent use, and several Verifiers may share it.
type Set interface {
	source() jose.Source
}

func init() {
	jose.SourceOf = func(set any) jose.Source {
		if set == nil {
			return nil
		}
		return set.(Set).source()
	}
}

// ParseJWKS returns the keys of a JWK Set ([RFC 7517, Section 5]), or of a single JWK: RSA from
// 2048 to 8192 bits, P-256, P-384, P-521 and Ed25519. It leaves out private and symmetric
// keys, keys for encryption, keys that are malformed, too weak or of an unknown type, and those
// after the first 64. It is an error if no key is left.
//
// [RFC 7517, Section 5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
func ParseJWKS(data []byte) (Set, error) {
	keys, dropped, err := jose.ParseJWKS(data)
	switch {
	case err != nil && bytes.Contains(data, []byte("-----BEGIN ")):
		err = errors.New("PEM, want a JWK Set: use ParsePEM")
	case err != nil:
		err = fmt.Errorf("%s, want a JWK Set, which is JSON with an array \"keys\"", diagnosis.Content(data))
	case len(keys) == 0:
		err = errors.New("no usable key")
		if len(dropped) > 0 {
			err = fmt.Errorf("no usable key: %s", strings.Join(dropped, "; "))
		}
	}
	return newStatic("ParseJWKS", keys, err)
}

// ParsePEM returns the keys of "PUBLIC KEY" and "RSA PUBLIC KEY" blocks and of certificates.
// Neither the issuer nor the expiry of a certificate is checked. The keys have the limits of
// [ParseJWKS] and no IDs: see [PublicKeys].
func ParsePEM(data []byte) (Set, error) {
	keys, err := jose.ParsePEM(data)
	if err != nil && bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		err = errors.New("JSON, want PEM: use ParseJWKS")
	}
	return newStatic("ParsePEM", keys, err)
}

// PublicKeys returns a Set of keys of the types [*rsa.PublicKey], [*ecdsa.PublicKey] and
// [ed25519.PublicKey], with the limits of [ParseJWKS]. They have no IDs. So each serves tokens
// with any key ID or none.
//
// [*rsa.PublicKey]: https://pkg.go.dev/crypto/rsa#PublicKey
// [*ecdsa.PublicKey]: https://pkg.go.dev/crypto/ecdsa#PublicKey
// [ed25519.PublicKey]: https://pkg.go.dev/crypto/ed25519#PublicKey
func PublicKeys(keys ...crypto.PublicKey) (Set, error) {
	usable, err := jose.NewKeys(keys)
	return newStatic("PublicKeys", usable, err)
}

// static is a Set of configured keys. It never changes.
type static jose.Keys

func newStatic(function string, keys []*jose.Key, err error) (Set, error) {
	if err != nil {
		return nil, fmt.Errorf("keyset: %s: %w", function, err)
	}
	return static(keys), nil
}

func (s static) source() jose.Source { return jose.Keys(s) }

// A RemoteConfig says where keys are published, and how long they serve.
type RemoteConfig struct {
	// URL is the URL of a JWK Set.
	URL string

	// Issuer replaces URL: it is an issuer identifier, whose metadata has the URL. OpenID
	// Connect Discovery 1.0, Section 4, and RFC 8414, Section 3, are asked side by side,
	// with each fetch. If Issuer has a path, the well-known path is tried in front of it
	// and after it. The metadata must repeat Issuer character by character. If both answer
	// within 250 ms of each other, OpenID Connect's is used; else the first.
	Issuer string

	// Client makes the requests; default one with [http.DefaultTransport]. Set it to trust
	// a proxy's CA, to use a client certificate or to set a shorter time-out. A copy of it
	// is used, which never follows redirects.
	Client *http.Client

	// Cooldown is the least time between the starts of two fetches for tokens that no key
	// verifies; default 5 s. So the refusal of such a token may take as long. After a
	// fetch that failed, the next one starts 1 s later, or up to 1 min later if the
	// answer was 429 or 503 with Retry-After.
	Cooldown time.Duration

	// MinRefresh and MaxRefresh bound the life of keys, which comes from Cache-Control
	// and Age; default 1 min and 24 h. Without max-age it is 15 min.
	MinRefresh, MaxRefresh time.Duration

	// MaxStale is how long keys serve past their life when refreshing fails; default 24 h.
	// Negative means not at all, which is what SMART App Launch asks for.
	MaxStale time.Duration

	// InsecureAllowHTTP allows http, for tests. Anybody on the network path can then
	// replace the keys.
	InsecureAllowHTTP bool

	Now func() time.Time // default time.Now
}

// A RemoteSet is the keys that are published at a URL. It is safe for concurrent use, and need
// not be closed.
//
// The first request fetches the keys; [RemoteSet.Ready] does so earlier. After 80 % of their
// life, a request starts a refresh. When their life is over, requests wait for that, but at most
// 1 s. Then the old keys serve for up to MaxStale. A key that the new set lacks is no longer
// trusted.
//
// A token that no key verifies may be the first of a new key. So it causes a fetch and waits
// for it, within its context. Within Cooldown of the last such fetch it waits for the next one,
// or, if its key ID is known, is decided at once. The error is ErrRejected if the last fetch
// succeeded, and ErrUnavailable if it failed. Tokens that a key verifies never wait for these
// fetches.
//
// Without any usable key, requests wait for the next fetch, for at most Cooldown. At most 64
// requests wait for a fetch. The others are decided at once, with the same errors.
//
// There is one fetch at a time. It takes at most 10 s and reads at most 1 MiB, of any content
// type. Keys age too while a machine is suspended.
type RemoteSet struct{ remote *remote }

// NewRemote returns a RemoteSet. Its error names everything that is wrong with cfg. It makes
// no request: see [RemoteSet.Ready].
func NewRemote(cfg RemoteConfig) (*RemoteSet, error) {
	p := config.Problems{Package: "keyset"}
	switch {
	case (cfg.URL == "") == (cfg.Issuer == ""):
		p.Add("URL", "exactly one of URL and Issuer is required")
	case cfg.URL != "":
		p.URL("URL", cfg.URL, cfg.InsecureAllowHTTP)
	default:
		p.URL("Issuer", cfg.Issuer, cfg.InsecureAllowHTTP)
		if strings.Contains(cfg.Issuer, "?") {
			p.Add("Issuer", "has a query")
		}
		if strings.Contains(cfg.Issuer, "/.well-known/") {
			p.Add("Issuer", "the URL of metadata, want the issuer that is named in it")
		}
	}
	for _, d := range []struct {
		field    string
		value    *time.Duration
		standard time.Duration
	}{
		{"Cooldown", &cfg.Cooldown, 5 * time.Second},
		{"MinRefresh", &cfg.MinRefresh, time.Minute},
		{"MaxRefresh", &cfg.MaxRefresh, 24 * time.Hour},
	} {
		p.Duration(d.field, *d.value)
		if *d.value < 0 {
			p.Add(d.field, "negative")
		}
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if cfg.MaxRefresh < cfg.MinRefresh {
		p.Add("MaxRefresh", "less than MinRefresh")
	}
	p.Duration("MaxStale", cfg.MaxStale)
	if cfg.MaxStale == 0 {
		cfg.MaxStale = 24 * time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return &RemoteSet{newRemote(cfg)}, nil
}

func (s *RemoteSet) source() jose.Source { return s.remote }

// Ready returns nil if there are usable keys. If there are none, it fetches them and waits
// for that, such as in a start-up probe. The error is redoxauth.ErrUnavailable.
func (s *RemoteSet) Ready(ctx context.Context) error { return s.remote.ready(ctx) }

// Status returns the state of the keys. It does not fetch.
func (s *RemoteSet) Status() Status { return s.remote.status() }

// A Status is the state of a RemoteSet, for a health check.
type Status struct {
	Keys    int       // how many keys can verify tokens now
	Dropped []string  // why other keys of the set cannot; at most 1000 lines
	Fetched time.Time // when the fetch of the keys began; zero: never
	Expires time.Time // when their life ends; they may serve longer, up to MaxStale
	Err     error     // why the last fetch failed; nil if it succeeded
}
