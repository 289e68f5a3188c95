package sigv4senders

import (
	"errors"
	"sync"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// With a replay store a request that arrives twice at once is accepted once.
func TestReplaysAreRefused(t *testing.T) {
	var recordings []recording
	for _, s := range selected() {
		recordings = append(recordings, altered(t, s)...)
	}
	const rounds = 200
	for i := range max(rounds, len(recordings)) {
		r := recordings[i%len(recordings)]
		cfg, _ := r.setting()
		cfg.Replay = replay.NewMemory(0)
		v := r.verifier(t, cfg, secretKey, newSecretKey)
		var errs [2]error
		var both sync.WaitGroup
		for n := range errs {
			request, err := parse(r.raw)
			if err != nil {
				t.Fatal(err)
			}
			both.Go(func() { _, errs[n] = v.Verify(request) })
		}
		both.Wait()
		accepted, refused := errs[0], errs[1]
		if accepted != nil {
			accepted, refused = refused, accepted
		}
		if accepted != nil || !errors.Is(refused, redoxauth.ErrRejected) {
			t.Errorf("%s, %s: got %v and %v, want one accepted and one rejected", r.sender, r.name, errs[0], errs[1])
		}
	}
	t.Logf("%d requests, %d rounds", len(recordings), max(rounds, len(recordings)))
}
