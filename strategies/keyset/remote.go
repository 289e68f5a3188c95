package keyset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/lookup"
)

const (
	fetchTimeout  = 10 * time.Second
	staleWait     = time.Second // how long requests wait for a refresh while old keys can serve
	retryPause    = time.Second // from a fetch that failed to the next one
	maxRetryPause = time.Minute // the most that a key server can ask for by Retry-After
	maxWaiting    = 64          // requests that wait for other keys than there are
)

// A remote decides which of the published keys serve, and when they are fetched.
type remote struct {
	cfg    RemoteConfig
	client *lookup.Client
	asking sync.Map // the URLs of metadata that the Client is called for

	mu      sync.Mutex
	current published // of the last fetch that succeeded
	number  int       // of that fetch; 0 if it brought no key
	fetched time.Time // when that began
	setBack time.Time // when the clock was first seen to be before fetched; zero: it is not
	life    time.Duration

	running *fetch        // nil if none is
	started int           // the number of the last fetch
	asked   time.Time     // when the last one began that a token asked for which no key verifies
	err     error         // why the last fetch failed; nil if it succeeded
	failed  time.Time     // when it failed
	pause   time.Duration // from then to the next fetch
	waiting int           // of maxWaiting
}

func newRemote(cfg RemoteConfig) *remote {
	return &remote{cfg: cfg, client: lookup.NewClient(cfg.Client, maxResponse)}
}

// A fetch is one fetch of the keys. Its context ends when the fetch ends, or when its time
// is over.
type fetch struct {
	context.Context
	number int
	enough time.Time // when nobody whom old keys can serve waits for it any more; by time.Now
	ended  bool
	err    error
}

// A request is one that needs keys.
type request struct {
	search  *jose.Search // nil: any keys are good
	came    int          // the number of the last fetch when the request came
	tried   int          // the number of the fetch whose keys it has tried; 0: none
	refused error        // what came of that
}

// Find implements [jose.Source]. Keys that are about to expire are refreshed first. A token
// that one of the keys verifies waits for nothing else.
func (s *remote) Find(ctx context.Context, q *jose.Search) (*jose.Key, error) {
	s.mu.Lock()
	r := request{search: q, came: s.started}
	now := s.cfg.Now()
	if s.usable(now) {
		s.keepFresh(ctx, now)
	}
	keys, number, usable := s.current.keys, s.number, s.usable(now)
	s.mu.Unlock()
	if usable {
		key, err := q.In(keys)
		if err == nil {
			return key, nil
		}
		r.tried, r.refused = number, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if rotation.IsLoadedOnly(ctx) {
		return nil, s.refuseLoaded(&r)
	}
	return s.findNewer(ctx, &r)
}

// refuseLoaded is refuse for a context of rotation.LoadedOnly.
func (s *remote) refuseLoaded(r *request) error {
	const note = "; Explain fetches none, and the next request that needs other keys does"
	var refused *redoxauth.Error
	switch {
	case s.err == nil && errors.As(r.refused, &refused):
		return redoxauth.Errorf(refused.Kind, refused.Reason, "%w; %s (%s)"+note, refused.Err, s.age(), s.published())
	case s.err != nil:
		return redoxauth.Errorf(redoxauth.ErrUnavailable, "keys", "%w; %s"+note, s.err, s.age())
	}
	return redoxauth.Errorf(redoxauth.ErrUnavailable, "keys", "not loaded yet; %s (%s)"+note, s.age(), s.published())
}

// findNewer waits for other keys than r has tried, and finds the key of r among them. The
// publisher may have rotated, or a stranger has invented the token: nobody can tell before
// the next fetch. An answer that was on its way when r came may lack the key. So r is decided
// after a fetch that began later.
//
// Some requests are decided at once: those that would have to wait for too long, those with
// a known kid within Cooldown, and all when maxWaiting wait already. The keys that there
// are decide, or the error of the last fetch. Before the first fetch there is neither, so
// everybody waits.
func (s *remote) findNewer(ctx context.Context, r *request) (*jose.Key, error) {
	for placed := false; ; {
		now := s.cfg.Now()
		usable := s.usable(now)
		ended := s.started
		if s.running != nil {
			ended--
		}
		switch good := usable || s.number > r.came; {
		case good && r.search == nil:
			return nil, nil
		case good && s.number != r.tried:
			if key := s.try(r); key != nil {
				return key, nil
			}
			continue
		case ended > r.came:
			return nil, s.refuse(r)
		}
		pause := s.untilNext(now, usable)
		if !placed && (usable || s.err != nil) {
			known := usable && r.search.Names(s.current.keys)
			late := s.running == nil && (known && pause > 0 || pause > max(s.cfg.Cooldown, retryPause))
			if late || s.waiting >= maxWaiting {
				return nil, s.refuse(r)
			}
			s.waiting++
			defer func() { s.waiting-- }()
			placed = true
		}
		if err := s.wait(ctx, pause, usable); err != nil {
			return nil, err
		}
	}
}

// try tries the current keys, with s.mu unlocked: that takes time.
func (s *remote) try(r *request) *jose.Key {
	keys := s.current.keys
	r.tried = s.number
	s.mu.Unlock()
	defer s.mu.Lock()
	key, err := r.search.In(keys)
	r.refused = err
	return key
}

// refuse returns the error of a request that waits no longer.
func (s *remote) refuse(r *request) error {
	var refused *redoxauth.Error
	if s.err == nil && errors.As(r.refused, &refused) {
		return redoxauth.Errorf(refused.Kind, refused.Reason, "%w; %s (%s)", refused.Err, s.age(), s.published())
	}
	return s.unavailable(s.err)
}

func (s *remote) unavailable(err error) error {
	return redoxauth.Errorf(redoxauth.ErrUnavailable, "keys", "%w; %s (%s)", err, s.age(), s.published())
}

// age tells an operator how old the keys are, and when others can be expected.
func (s *remote) age() string {
	now := s.cfg.Now()
	keys := "there are no keys"
	if s.usable(now) {
		keys = fmt.Sprintf("the keys are %v old", rotation.Age(now, s.fetched).Round(time.Second/10))
	}
	switch next := s.untilNext(now, true); {
	case s.running != nil:
		return keys + ", and a fetch is running"
	case next > 0:
		return fmt.Sprintf("%s, next fetch in %v at the earliest", keys, next.Round(time.Second/10))
	}
	return keys + ", next fetch on demand"
}

// published tells where the keys are from.
func (s *remote) published() string {
	if s.cfg.Issuer != "" {
		return "RemoteConfig.Issuer " + diagnosis.URL(s.cfg.Issuer)
	}
	return "RemoteConfig.URL " + diagnosis.URL(s.cfg.URL)
}

// wait waits for the fetch that is running, and returns its error. If none is running, it
// waits for the pause, and then starts one.
func (s *remote) wait(ctx context.Context, pause time.Duration, asked bool) error {
	f, last := s.running, s.started
	if pause == 0 {
		f = s.start(asked)
	}
	if f == nil {
		s.sleep(ctx, nil, time.After(pause))
	} else {
		s.sleep(ctx, f.Done(), nil)
	}
	switch {
	case f != nil && f.err != nil:
		return s.unavailable(f.err)
	case f != nil && f.ended:
		return nil
	case f != nil && f.Err() != nil:
		return s.unavailable(errors.New("the key server did not answer in time"))
	case ctx.Err() != nil:
		return redoxauth.Errorf(redoxauth.ErrUnavailable, "canceled", "%w", context.Cause(ctx))
	}
	if s.started == last { // even if Now stands still
		s.start(asked)
	}
	return nil
}

// sleep waits until one of its arguments ends, with s.mu unlocked.
func (s *remote) sleep(ctx context.Context, fetched <-chan struct{}, timer <-chan time.Time) {
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-fetched:
	case <-timer:
	case <-ctx.Done():
	}
}

// usable reports whether there are keys that may serve. A negative MaxStale ends them with
// their life. If the clock was set back, their age is not known, and counts from when that
// was seen.
func (s *remote) usable(now time.Time) bool {
	if len(s.current.keys) == 0 {
		return false
	}
	age := rotation.Age(now, s.fetched)
	switch {
	case age >= 0:
		s.setBack = time.Time{}
	case s.setBack.IsZero():
		s.setBack = now
	default:
		age = rotation.Age(now, s.setBack)
	}
	return age < s.life+max(s.cfg.MaxStale, 0)
}

// untilNext returns how long it is until a fetch may start. While fetches succeed, only
// Cooldown limits them, and only those that a token asks for which no key verifies.
func (s *remote) untilNext(now time.Time, asked bool) time.Duration {
	since, pause := s.asked, s.cfg.Cooldown
	if s.err != nil {
		since, pause = s.failed, s.pause
	}
	if since.IsZero() || s.err == nil && !asked {
		return 0
	}
	age := rotation.Age(now, since)
	if age < 0 {
		return 0
	}
	return max(pause-age, 0)
}

// keepFresh refreshes keys that are about to expire. If they have expired, it waits for
// the refresh until that has taken staleWait. Later requests find it older, and do not
// wait at all, and neither do those that come in the middle of an outage.
func (s *remote) keepFresh(ctx context.Context, now time.Time) {
	age := rotation.Age(now, s.fetched)
	if 0 <= age && age < s.life/5*4 || rotation.IsLoadedOnly(ctx) {
		return
	}
	if s.untilNext(now, false) == 0 {
		s.start(false)
	}
	if 0 <= age && age < s.life || s.running == nil {
		return
	}
	failed := rotation.Age(now, s.failed)
	if s.err != nil && 0 <= failed && failed < s.pause+2*fetchTimeout {
		return
	}
	if left := time.Until(s.running.enough); left > 0 {
		s.sleep(ctx, s.running.Done(), time.After(left))
	}
}

// start returns the fetch that is running, or starts one.
func (s *remote) start(asked bool) *fetch {
	if s.running != nil {
		return s.running
	}
	now := s.cfg.Now()
	if asked {
		s.asked = now
	}
	s.started++
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	s.running = &fetch{Context: ctx, number: s.started, enough: time.Now().Add(staleWait)}
	go s.run(s.running, now, cancel)
	return s.running
}

// run is the goroutine of a fetch, and there is one at a time. A Client that never
// returns keeps it, and is not called again. If the machine was suspended meanwhile, what
// comes is as old as that, so the keys are fetched once more.
func (s *remote) run(f *fetch, began time.Time, cancel context.CancelFunc) {
	got, err := s.fetch(f)
	if now := s.cfg.Now(); rotation.Age(now, began) > fetchTimeout && f.Err() == nil {
		began = now
		got, err = s.fetch(f)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer cancel()
	now := s.cfg.Now()
	if err == nil && (f.Err() != nil || rotation.Age(now, began) > fetchTimeout) {
		err = fmt.Errorf("the keys came more than %v after they were asked for", fetchTimeout)
	}
	if err == nil {
		err = s.replace(got, f.number, began)
	}
	s.running, s.err, f.ended, f.err = nil, err, true, err
	if err != nil {
		s.failed, s.pause = now, retryAfter(err, now)
	}
}

func (s *remote) fetch(ctx context.Context) (got published, err error) {
	defer recovered(&err)
	return s.download(ctx)
}

// replace replaces the old keys. A key that the new set lacks was withdrawn.
func (s *remote) replace(got published, number int, began time.Time) error {
	s.current, s.fetched, s.setBack = got, began, time.Time{}
	s.life = min(max(got.life, s.cfg.MinRefresh), s.cfg.MaxRefresh)
	s.number = number
	if len(got.keys) == 0 {
		s.number = 0
		return noUsableKey(got)
	}
	return nil
}

func noUsableKey(got published) error {
	const most = 4
	why := strings.Join(got.dropped[:min(len(got.dropped), most)], "; ")
	if more := len(got.dropped) - most; more > 0 {
		why += fmt.Sprintf("; and %d more", more)
	}
	return fmt.Errorf("%s: no usable key: %s", diagnosis.URL(got.url), cmp.Or(why, "the set is empty"))
}

// URL implements [jose.Source]. It is empty until discovery has found it.
func (s *remote) URL() string {
	if s.cfg.URL != "" {
		return s.cfg.URL
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.url
}

func (s *remote) ready(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.findNewer(ctx, &request{came: s.started})
	return err
}

func (s *remote) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Fetched: s.fetched, Expires: s.fetched.Add(s.life), Err: s.err}
	if s.usable(s.cfg.Now()) {
		st.Keys, st.Dropped = len(s.current.keys), slices.Clone(s.current.dropped)
	}
	return st
}
