package keyset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// A RemoteConfig says where keys are published, and how long they serve.
type RemoteConfig struct {
	// URL is that of a JWK Set. Issuer, instead of it, is an issuer identifier whose
	// metadata name that URL: OpenID Connect Discovery 1.0, Section 4, is tried first,
	// then RFC 8414, Section 3. The metadata must repeat Issuer character by character.
	// They are fetched anew with the keys, and nothing else in them is used.
	URL, Issuer string

	// Client makes the calls; default one of its own. Of a Client given here a copy is
	// used, which never follows redirects.
	Client *http.Client

	// Cooldown is the least time between two fetches for unknown key IDs, whatever
	// became of the first; default 30 s. It is also the pause after a failed refresh
	// while there are still keys.
	Cooldown time.Duration

	// MinRefresh and MaxRefresh bound how long keys live, which their Cache-Control and
	// Age tell; defaults 1 min and 24 h. Keys without Cache-Control live 15 min.
	MinRefresh, MaxRefresh time.Duration

	// MaxStale is how long keys serve past their life when refreshing fails; default
	// 24 h. Negative means not at all, as SMART App Launch asks: then an outage of the
	// key server is answered 503 as soon as the keys' life is over.
	MaxStale time.Duration

	// InsecureAllowHTTP allows plain http, where anybody on the way can replace the
	// keys: for tests.
	InsecureAllowHTTP bool

	Now func() time.Time // default time.Now
}

// A RemoteSet is the keys published at a URL. It is safe for concurrent use, holds no
// goroutine while it is not fetching, and need not be closed.
//
// The first request fetches the keys; [RemoteSet.Ready] does so earlier. After 80 % of
// their life the next request starts a refresh and does not wait for it. When their life
// is over a request waits for the refresh, but at most 1 s, and then the old keys serve
// up to MaxStale. A key that the new set lacks is no longer trusted.
//
// A token with a key ID that the set lacks causes one fetch, for which it waits, and
// then none for Cooldown: the others are answered at once. After a good fetch the answer
// is ErrRejected, after a failed one ErrUnavailable. Requests with known key IDs go on
// meanwhile.
//
// Without any usable key, every request waits for the next fetch, so the first request
// after an outage succeeds. There is one fetch at a time, one a second at the most, so
// requests of strangers cannot make it many. A set without usable keys is such an outage.
//
// A fetch has 10 s, reads 1 MiB and 64 keys at the most, follows no redirects, and goes
// on when the request that started it ends.
type RemoteSet struct {
	cfg    RemoteConfig
	client *http.Client

	mu      sync.Mutex
	good    fetched   // of the last good fetch
	at      time.Time // of that
	expires time.Time // the end of the life of its keys
	refresh time.Time // 80 % of that
	err     error     // of the last fetch; nil if it was good
	started time.Time // the last fetch
	asked   time.Time // the last fetch that an unknown key ID waited for
	flight  *flight   // the fetch that is running
}

// Remote returns the keys published at cfg's URL. It does not fetch them.
func Remote(cfg RemoteConfig) (*RemoteSet, error) {
	var errs []error
	switch {
	case (cfg.URL == "") == (cfg.Issuer == ""):
		errs = append(errs, errors.New("keyset: URL: exactly one of URL and Issuer is required"))
	case cfg.URL != "":
		errs = append(errs, checkURL("URL", cfg.URL, cfg.InsecureAllowHTTP))
	default:
		errs = append(errs, checkURL("Issuer", cfg.Issuer, cfg.InsecureAllowHTTP))
	}
	for _, d := range []struct {
		field    string
		value    *time.Duration
		standard time.Duration
	}{
		{"Cooldown", &cfg.Cooldown, 30 * time.Second},
		{"MinRefresh", &cfg.MinRefresh, time.Minute},
		{"MaxRefresh", &cfg.MaxRefresh, 24 * time.Hour},
	} {
		if *d.value < 0 {
			errs = append(errs, fmt.Errorf("keyset: %s: negative", d.field))
		}
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if cfg.MaxRefresh < cfg.MinRefresh {
		errs = append(errs, errors.New("keyset: MaxRefresh: less than MinRefresh"))
	}
	if cfg.MaxStale == 0 {
		cfg.MaxStale = 24 * time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &RemoteSet{cfg: cfg, client: newClient(cfg.Client)}, nil
}

func checkURL(field, s string, allowHTTP bool) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return fmt.Errorf("keyset: %s: not an absolute URL", field)
	case u.Scheme != "https" && (u.Scheme != "http" || !allowHTTP):
		return fmt.Errorf("keyset: %s: not https", field)
	case u.User != nil:
		return fmt.Errorf("keyset: %s: must not hold a password", field)
	case u.Fragment != "", field == "Issuer" && u.RawQuery != "":
		return fmt.Errorf("keyset: %s: must not have a query or fragment", field)
	}
	return nil
}

// Ready returns nil as soon as there are usable keys, for which it fetches if it must:
// for a start-up probe. Otherwise the error is redoxauth.ErrUnavailable.
func (s *RemoteSet) Ready(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if s.usable(now) {
		return nil
	}
	return s.await(ctx, s.start(now))
}

// A Status is what a health check wants to know of a RemoteSet.
type Status struct {
	Keys    int       // that can verify tokens now
	Dropped []string  // why other keys of the set cannot
	Fetched time.Time // when they were fetched; zero: never
	Expires time.Time // the end of their life; they may serve longer, up to MaxStale
	Err     error     // why the last fetch failed; nil if it did not
}

// Status returns the state of the keys. It does not fetch.
func (s *RemoteSet) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Fetched: s.at, Expires: s.expires, Err: s.err}
	if s.usable(s.cfg.Now()) {
		st.Keys, st.Dropped = len(s.good.keys), append([]string(nil), s.good.dropped...)
	}
	return st
}

// URL returns the URL of the JWK Set; empty as long as discovery has not told it.
func (s *RemoteSet) URL() string {
	if s.cfg.URL != "" {
		return s.cfg.URL
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.good.url
}

// Keys is for the strategies of this module.
func (s *RemoteSet) Keys(ctx context.Context, w jose.Wanted) ([]*jose.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if s.usable(now) {
		s.keepFresh(ctx, now)
	}
	if !s.usable(s.cfg.Now()) {
		return s.after(ctx, s.start(now), w)
	}
	found, err := w.In(s.good.keys)
	if err == nil || !w.HasKeyID || w.Known(s.good.keys) {
		return found, err
	}
	f := s.flight
	if f == nil && (s.asked.IsZero() || now.Sub(s.asked) >= s.cfg.Cooldown) {
		f = s.start(now)
	}
	if f != nil {
		return s.after(ctx, f, w)
	}
	if s.err != nil {
		return nil, unavailable(s.err)
	}
	return nil, err
}

// keepFresh refreshes keys that are about to expire, and waits for it if they have.
func (s *RemoteSet) keepFresh(ctx context.Context, now time.Time) {
	if !now.Before(s.refresh) && (s.err == nil || now.Sub(s.started) >= s.cfg.Cooldown) {
		s.start(now)
	}
	if !now.Before(s.expires) && s.flight != nil {
		s.awaitBriefly(ctx, s.flight, now)
	}
}

// after answers a request that waits for f.
func (s *RemoteSet) after(ctx context.Context, f *flight, w jose.Wanted) ([]*jose.Key, error) {
	if len(f.wanted) < maxWanted && f.Err() == nil {
		f.wanted = append(f.wanted, w)
	}
	err := s.await(ctx, f)
	if err != nil && !s.usable(s.cfg.Now()) {
		return nil, err
	}
	found, missing := w.In(s.good.keys)
	if err != nil && missing != nil {
		return nil, err
	}
	return found, missing
}

// usable reports whether there are keys that may serve. A negative MaxStale ends them
// with their life.
func (s *RemoteSet) usable(now time.Time) bool {
	return len(s.good.keys) > 0 && now.Before(s.expires.Add(max(s.cfg.MaxStale, 0)))
}
