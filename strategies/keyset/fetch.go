package keyset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/lookup"
)

const (
	maxResponse = 1 << 20          // bytes of a key set or of metadata, after decompression
	defaultLife = 15 * time.Minute // of keys without Cache-Control
)

// published is a JWK Set as a server published it.
type published struct {
	keys    []*jose.Key
	dropped []string
	url     string        // of the JWK Set
	life    time.Duration // from Cache-Control, without bounds
}

// download fetches the keys. If an Issuer is configured, discovery finds their URL.
func (s *remote) download(ctx context.Context) (published, error) {
	address := s.cfg.URL
	if s.cfg.Issuer != "" {
		var err error
		if address, err = s.discover(ctx); err != nil {
			return published{}, err
		}
	}
	resp, err := s.get(ctx, address)
	if err != nil {
		return published{}, err
	}
	keys, dropped, err := jose.ParseJWKS(resp.Body)
	if err != nil {
		return published{}, fmt.Errorf("%s: %w", resp.URL, err)
	}
	return published{keys, dropped, address, life(resp.Header)}, nil
}

// discover returns the URL of the issuer's JWK Set.
func (s *remote) discover(ctx context.Context) (string, error) {
	var errs []error
	for _, u := range metadataURLs(s.cfg.Issuer) {
		resp, err := s.get(ctx, u)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		keys, err := s.jwksURI(resp.Body)
		if err == nil {
			return keys, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", u, err))
	}
	return "", errors.Join(errs...)
}

// metadataURLs returns where the metadata of an issuer may be. OpenID Connect Discovery
// 1.0, Section 4.1, appends its path to the issuer's. RFC 8414, Section 3.1, puts its own
// in front.
func metadataURLs(issuer string) []string {
	bare := strings.TrimSuffix(issuer, "/")
	u, err := url.Parse(bare)
	if err != nil { // NewRemote has parsed it
		return nil
	}
	origin := u.Scheme + "://" + u.Host
	return []string{
		bare + "/.well-known/openid-configuration",
		origin + "/.well-known/oauth-authorization-server" + u.EscapedPath(),
	}
}

// jwksURI returns the jwks_uri of metadata whose issuer is the configured one, equal in
// every character (RFC 8414, Section 3.3). Otherwise anyone who hosts an issuer could speak
// for another one.
func (s *remote) jwksURI(metadata []byte) (string, error) {
	m, err := jose.ReadShallow(metadata, "issuer", "jwks_uri")
	issuer, hasIssuer := m.Get("issuer").Text()
	keys, hasKeys := m.Get("jwks_uri").Text()
	if err != nil || !hasIssuer || !hasKeys {
		return "", errors.New("not the metadata of an issuer")
	}
	if issuer != s.cfg.Issuer {
		return "", errors.New("the metadata of another issuer")
	}
	if wrong := config.WrongURL(keys, s.cfg.InsecureAllowHTTP); wrong != "" {
		return "", errors.New("jwks_uri: " + wrong)
	}
	return keys, nil
}

// get asks every cache on the way for the newest answer: an older one may lack new keys.
// It closes the connection, because the next fetch is far away.
func (s *remote) get(ctx context.Context, address string) (*lookup.Response, error) {
	resp, err := s.client.Do(ctx, address, http.Header{
		"Accept":        {"application/json, application/jwk-set+json"},
		"Cache-Control": {"no-cache"},
		"Connection":    {"close"},
	}, nil)
	if err == nil && resp.Status != http.StatusOK {
		err = &statusError{resp.URL, resp.Status, resp.Header}
	}
	return resp, err
}

// A statusError is an answer of another status than 200.
type statusError struct {
	url    string
	status int
	header http.Header
}

func (e *statusError) Error() string { return fmt.Sprintf("%s: status %d", e.url, e.status) }

// retryAfter returns the pause after a fetch that failed: what the server asks for (RFC
// 9110, Section 10.2.3) with a status 429 or 503, within bounds.
func retryAfter(err error, now time.Time) time.Duration {
	var e *statusError
	if !errors.As(err, &e) || e.status != http.StatusTooManyRequests && e.status != http.StatusServiceUnavailable {
		return retryPause
	}
	field := e.header.Get("Retry-After")
	pause := seconds(field)
	if date, err := http.ParseTime(field); err == nil {
		pause = date.Sub(now)
	}
	return min(max(pause, retryPause), maxRetryPause)
}

// life returns how long a response may be used (RFC 9111, Section 4.2).
func life(h http.Header) time.Duration {
	directives := strings.Split(strings.Join(h.Values("Cache-Control"), ","), ",")
	found := defaultLife
	for _, d := range directives {
		name, arg, _ := strings.Cut(strings.ToLower(strings.TrimSpace(d)), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			if found = seconds(strings.Trim(arg, `"`)); found == 0 {
				return 0
			}
		}
	}
	return max(found-seconds(h.Get("Age")), 0)
}

// seconds reads delta-seconds (RFC 9111, Section 1.2.2). Anything else counts as 0.
func seconds(s string) time.Duration {
	const most = 1 << 31
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), n > most:
		n = most
	case err != nil:
		n = 0
	}
	return time.Duration(n) * time.Second
}
