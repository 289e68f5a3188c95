package replay_test

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// A model is a map that is searched for expired entries before every call. A Memory must
// behave like it.
type model struct {
	max     int
	entries map[[2]string]time.Time
}

func (m *model) add(scope, id string, until time.Time) (fresh, full bool) {
	now := time.Now()
	for k, end := range m.entries {
		if !end.After(now) {
			delete(m.entries, k)
		}
	}
	k := [2]string{scope, id}
	if _, ok := m.entries[k]; ok {
		return false, false
	}
	if len(m.entries) >= m.max {
		return false, true
	}
	if !until.After(now) {
		until = now.Add(time.Minute)
	}
	m.entries[k] = until
	return true, false
}

// compare makes one call on both, after the given time has passed.
func compare(t *testing.T, s *replay.Memory, m *model, wait time.Duration, scope, id string, life time.Duration) {
	t.Helper()
	time.Sleep(wait)
	until := time.Now().Add(life)
	want, full := m.add(scope, id, until)
	got, err := s.Add(t.Context(), scope, id, until)
	if got != want || full != errors.Is(err, redoxauth.ErrUnavailable) || !full && err != nil {
		t.Fatalf("Add(%q, %q, %v): fresh %v, error %v, want fresh %v, full %v", scope, id, life, got, err, want, full)
	}
}

func FuzzMemory(f *testing.F) {
	f.Add(uint8(2), []byte("\x00ab\x10\x00ab\x10\x11ab\x10"))
	f.Add(uint8(0), []byte("\x00ab\x10"))
	f.Add(uint8(255), []byte("\x00\x00\x00\x00\xff\x00\x00\xff\x00ab\x80\x00ab\x7f"))
	f.Fuzz(func(t *testing.T, size uint8, calls []byte) {
		synctest.Test(t, func(t *testing.T) {
			size := max(int(size), 1)
			s, m := replay.NewMemory(size), &model{size, map[[2]string]time.Time{}}
			for ; len(calls) >= 4; calls = calls[4:] {
				compare(t, s, m, time.Duration(calls[0])*time.Second, string(calls[1:2]), string(calls[2:3]), time.Duration(int8(calls[3]))*time.Second)
			}
		})
	})
}

// The runs are long enough for tables to grow, to shrink, and to be full.
func TestMemoryAgainstMap(t *testing.T) {
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			size := 100 + r.IntN(900)
			s, m := replay.NewMemory(size), &model{size, map[[2]string]time.Time{}}
			busy := 4 * size // lives and pauses are such that it is now full, now nearly empty
			for i := range 20 * size {
				wait := time.Duration(r.IntN(100)) * time.Millisecond
				if i%busy == 0 {
					wait = time.Duration(r.IntN(300)) * time.Second
				}
				compare(t, s, m, wait, strconv.Itoa(r.IntN(3)), strconv.Itoa(r.IntN(2*size)), time.Duration(r.IntN(120)-10)*time.Second)
			}
		})
	}
}
