package keyset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/lookup"
)

const (
	maxResponse = 1 << 20                // bytes of a key set or of metadata, after decompression
	defaultLife = 15 * time.Minute       // of keys without Cache-Control
	headStart   = 250 * time.Millisecond // of OpenID Connect's metadata
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
		return published{}, fmt.Errorf("%s: %s, want a JWK Set, which is JSON with an array \"keys\"%s", resp.URL, diagnosis.Content(resp.Body), kindHint(resp.Body))
	}
	return published{keys, dropped, address, life(resp.Header)}, nil
}

// kindHint recognises what is often published beside keys.
func kindHint(body []byte) string {
	if bytes.Contains(body, []byte("-----BEGIN CERTIFICATE-----")) {
		return "; it has certificates: look for the URL of a JWK Set (jwks_uri in the metadata of the issuer)"
	}
	if m, _ := jose.ReadShallow(body, "jwks_uri"); m.Get("jwks_uri") != "" {
		return "; it is the metadata of an issuer: set RemoteConfig.Issuer to the issuer, instead of URL"
	}
	return ""
}

// discover returns the URL of the issuer's JWK Set. It asks for all metadata side by side, so
// that one that hangs or fails does not hide the others. OpenID Connect's counts if several
// are good, unless it comes later than headStart after another: if they differ, chance must
// not decide. Requests whose answer is no longer needed end with the fetch, and not here: the
// connections that they were about to make would stay in the Client's pool.
func (s *remote) discover(ctx context.Context) (string, error) {
	type answer struct {
		place int
		keys  string
		err   error
	}
	urls := metadataURLs(s.cfg.Issuer)
	answers := make(chan answer, len(urls)) // so that late answers end their goroutines
	errs := make([]error, len(urls))
	for i, u := range urls {
		errs[i] = fmt.Errorf("%s: no answer in time", u)
		go func() {
			keys, err := s.ask(ctx, u)
			answers <- answer{i, keys, err}
		}()
	}
	var other string          // what another good answer says
	var late <-chan time.Time // when that counts
	preferred := true         // OpenID Connect's may still come
	for range urls {
		select {
		case a := <-answers:
			errs[a.place] = a.err
			switch {
			case a.err != nil:
				preferred = preferred && a.place > 0
			case a.place == 0:
				return a.keys, nil
			case other == "":
				other, late = a.keys, time.After(headStart)
			}
		case <-late:
			preferred = false
		case <-ctx.Done():
			return "", joined(errs)
		}
		if other != "" && !preferred {
			return other, nil
		}
	}
	return "", joined(errs)
}

// joined returns the errors on one line.
func joined(errs []error) error {
	all := make([]any, len(errs))
	for i, err := range errs {
		all[i] = err
	}
	return fmt.Errorf(strings.TrimPrefix(strings.Repeat("; %w", len(errs)), "; "), all...)
}

// metadataURLs returns where the metadata of an issuer may be, OpenID Connect's first.
// OpenID Connect Discovery 1.0, Section 4.1, appends its path to the issuer's. RFC 8414,
// Section 3.1, puts its own in front, and some servers append it. Its Section 5 puts that of
// OpenID Connect in front.
func metadataURLs(issuer string) []string {
	const openID, oauth = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
	bare := strings.TrimSuffix(issuer, "/")
	u, err := url.Parse(bare)
	if err != nil { // NewRemote has parsed it
		return nil
	}
	origin, path := u.Scheme+"://"+u.Host, u.EscapedPath()
	if path == "" {
		return []string{origin + openID, origin + oauth}
	}
	return []string{bare + openID, origin + oauth + path, bare + oauth, origin + openID + path}
}

// ask returns the jwks_uri of the metadata at u. While a Client does not return from that,
// not even when its context ends, it is not called again for u.
func (s *remote) ask(ctx context.Context, u string) (keys string, err error) {
	if _, busy := s.asking.LoadOrStore(u, true); busy {
		return "", fmt.Errorf("%s: the Client has not returned from the last request", u)
	}
	defer s.asking.Delete(u)
	defer recovered(&err)
	resp, err := s.get(ctx, u)
	if err != nil {
		return "", err
	}
	if keys, err = s.jwksURI(resp.Body); err != nil {
		return "", fmt.Errorf("%s: %w", u, err)
	}
	return keys, nil
}

// recovered turns a panic of the Client's transport into an error, so that it does not end
// the process.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the Client panicked: %T", p)
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
		return "", fmt.Errorf("%s, want the metadata of an issuer: issuer and jwks_uri", diagnosis.Content(metadata))
	}
	if issuer != s.cfg.Issuer {
		what := ""
		if d := diagnosis.Difference(issuer, s.cfg.Issuer); d != "" {
			what = "; they differ only in " + d
		}
		return "", fmt.Errorf("the metadata of another issuer, %s, want %s (RemoteConfig.Issuer)%s", diagnosis.Text(issuer, true), diagnosis.Quote(s.cfg.Issuer), what)
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
		"Accept":        {"application/json, application/jwk-set+json, */*;q=0.1"},
		"Cache-Control": {"no-cache"},
		"Connection":    {"close"},
	}, nil)
	if err != nil {
		return nil, err
	}
	switch resp.Status {
	case http.StatusOK:
		return resp, nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return nil, &busyError{resp.URL, resp.Status, resp.Header.Get("Retry-After")}
	}
	if to := resp.Header.Get("Location"); to != "" && resp.Status/100 == 3 {
		return nil, fmt.Errorf("%s: status %d, a redirect to %s, which is not followed, want 200", resp.URL, resp.Status, diagnosis.URL(to))
	}
	return nil, fmt.Errorf("%s: status %d %s, want 200", resp.URL, resp.Status, http.StatusText(resp.Status))
}

// A busyError is an answer with a status that may come with Retry-After.
type busyError struct {
	url        string
	status     int
	retryAfter string
}

func (e *busyError) Error() string {
	return fmt.Sprintf("%s: status %d %s, want 200", e.url, e.status, http.StatusText(e.status))
}

// retryAfter returns the pause after a fetch that failed: what the server asks for (RFC
// 9110, Section 10.2.3), within bounds.
func retryAfter(err error, now time.Time) time.Duration {
	var e *busyError
	if !errors.As(err, &e) {
		return retryPause
	}
	pause := seconds(e.retryAfter)
	if date, err := http.ParseTime(e.retryAfter); err == nil {
		pause = date.Sub(now)
	}
	return min(max(pause, retryPause), maxRetryPause)
}

// life returns how long a response may be used (RFC 9111, Section 4.2). Of several max-age
// the smallest counts.
func life(h http.Header) time.Duration {
	var ages []time.Duration
	for _, d := range strings.Split(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, arg, _ := strings.Cut(strings.ToLower(d), "=")
		switch strings.TrimSpace(name) {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			ages = append(ages, seconds(strings.Trim(arg, " \t\"")))
		}
	}
	if ages == nil {
		ages = []time.Duration{defaultLife}
	}
	age, _, _ := strings.Cut(h.Get("Age"), ",") // the first (RFC 9111, Section 5.1)
	return max(slices.Min(ages)-seconds(age), 0)
}

// seconds reads delta-seconds (RFC 9111, Section 1.2.2). Anything else counts as 0.
func seconds(s string) time.Duration {
	n, _ := strconv.ParseUint(strings.TrimSpace(s), 10, 64) // the largest number if it is out of range
	return time.Duration(min(n, 1<<31)) * time.Second
}
