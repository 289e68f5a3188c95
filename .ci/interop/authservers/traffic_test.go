package authservers_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// A traffic is messages from several senders to one destination, one in ten of them
// forged. A sender uses a token for 50 messages, but for one, who keeps the first.
type traffic struct {
	server *server
	to     *destination
	sender func() sender
	forge  func(token string) []string

	mu    sync.Mutex
	count map[string]int // of messages, by outcome
	wrong []string
}

const (
	accepted        = "200"
	acceptedInSpite = "200 during an outage"
	unavailable     = "503 during an outage"
	refused         = "forged, 401"
	undecided       = "forged, 503"
	noToken         = "no token during an outage"
)

// flow sends until ctx is done, and then returns.
func (f *traffic) flow(ctx context.Context) {
	var group sync.WaitGroup
	for i := range 3 {
		group.Go(func() { f.send(ctx, i == 0) })
	}
	group.Wait()
}

func (f *traffic) send(ctx context.Context, keeps bool) {
	var token string
	var forged []string
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for n := 0; ; n++ {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return
		}
		switch {
		case n == 0, n%50 == 0 && !keeps:
			if renewed := f.fetch(); renewed != "" {
				token, forged = renewed, f.forge(renewed)
			} else if token == "" {
				return
			}
		case n%10 == 9:
			f.judge(ctx, forged[n/10%len(forged)], true)
		default:
			f.judge(ctx, token, false)
		}
	}
}

// fetch returns a new token, or "" if there is none to be had.
func (f *traffic) fetch() string {
	begin := time.Now()
	token, err := fetchToken(f.sender())
	switch {
	case err == nil:
		return token
	case f.server.wasDown(begin, time.Now()):
		f.note(noToken, "")
	default:
		f.note("", fmt.Sprintf("no token: %v", err))
	}
	return ""
}

func (f *traffic) judge(ctx context.Context, token string, forged bool) {
	begin := time.Now()
	status, _, err := f.to.send(ctx, bearer(token))
	if ctx.Err() != nil {
		return
	}
	down := f.server.wasDown(begin, time.Now())
	switch {
	case forged && status == http.StatusUnauthorized:
		f.note(refused, "")
	case forged && status == http.StatusServiceUnavailable: // also after an outage, until the keys are fetched again
		f.note(undecided, "")
	case forged:
		f.note("", fmt.Sprintf("forged: status %d, error %v", status, err))
	case status == http.StatusOK && down:
		f.note(acceptedInSpite, "")
	case status == http.StatusOK:
		f.note(accepted, "")
	case status == http.StatusServiceUnavailable && down:
		f.note(unavailable, "")
	default:
		f.note("", fmt.Sprintf("genuine: status %d, error %v", status, err))
	}
}

func (f *traffic) note(outcome, wrong string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if wrong != "" {
		f.wrong = append(f.wrong, wrong)
		return
	}
	f.count[outcome]++
}

// counted returns how often there was an outcome.
func (f *traffic) counted(outcome string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[outcome]
}

// report fails if something went wrong.
func (f *traffic) report(t *testing.T, name string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, outcome := range slices.Sorted(maps.Keys(f.count)) {
		t.Logf("%s: %d %s", name, f.count[outcome], outcome)
	}
	t.Logf("%s: reasons of refusals: %v", name, f.to.refused())
	if f.count[refused] == 0 {
		t.Errorf("%s: nothing forged was sent", name)
	}
	if len(f.wrong) > 0 {
		t.Errorf("%s: %d wrong, first %q", name, len(f.wrong), f.wrong[:min(5, len(f.wrong))])
	}
}
