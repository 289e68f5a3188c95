package replay_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

func add(t testing.TB, s replay.Store, scope, id string, until time.Time) bool {
	t.Helper()
	fresh, err := s.Add(t.Context(), scope, id, until)
	if err != nil {
		t.Fatalf("Add(%q, %q): %v", scope, id, err)
	}
	return fresh
}

// SMART App Launch, Signature Verification: "check that the jti value has not been
// previously encountered for the given iss within the maximum allowed authentication
// JWT lifetime".
func TestMemoryFresh(t *testing.T) {
	type call struct {
		scope, id string
		want      bool
	}
	long := strings.Repeat("x", 1<<16)
	for name, calls := range map[string][]call{
		"the second use is not fresh":       {{"client", "jti", true}, {"client", "jti", false}, {"client", "jti", false}},
		"another client may use the id":     {{"a", "jti", true}, {"b", "jti", true}, {"a", "jti", false}, {"b", "jti", false}},
		"another id of the client":          {{"a", "1", true}, {"a", "2", true}},
		"scope and id do not run together":  {{"ab", "c", true}, {"a", "bc", true}, {"", "abc", true}, {"abc", "", true}},
		"a separator in them means nothing": {{"a\x00b", "c", true}, {"a", "b\x00c", true}, {"a:b", "c", true}, {"a", "b:c", true}},
		"empty strings are names too":       {{"", "", true}, {"", "", false}},
		"case counts":                       {{"a", "jti", true}, {"a", "JTI", true}},
		"not UTF-8":                         {{"a", "\xff", true}, {"a", "\xfe", true}, {"a", "\xff", false}},
		"long names":                        {{"a", long, true}, {"a", long + "y", true}, {long, "a", true}, {"a", long, false}},
	} {
		t.Run(name, func(t *testing.T) {
			m := replay.NewMemory(100)
			until := time.Now().Add(time.Hour)
			for i, c := range calls {
				if got := add(t, m, c.scope, c.id, until); got != c.want {
					t.Errorf("call %d: fresh = %v, want %v", i, got, c.want)
				}
			}
		})
	}
}

// CVE-2020-15222: if check and set are two steps, two requests at once pass.
func TestMemoryOneOfManyParallelCallsIsFresh(t *testing.T) {
	m := replay.NewMemory(1000)
	until := time.Now().Add(time.Hour)
	for round := range 50 {
		var fresh atomic.Int32
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range 100 {
			wg.Go(func() {
				<-start
				ok, err := m.Add(t.Context(), "client", strconv.Itoa(round), until)
				if err != nil {
					t.Error(err)
				}
				if ok {
					fresh.Add(1)
				}
			})
		}
		close(start)
		wg.Wait()
		if n := fresh.Load(); n != 1 {
			t.Fatalf("round %d: %d calls were fresh, want 1", round, n)
		}
	}
}

func TestMemoryRemembersUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := replay.NewMemory(10)
		now := time.Now()
		steps := []struct {
			at    time.Duration
			id    string
			until time.Duration // from the start
			want  bool
		}{
			{0, "minute", time.Minute, true},
			{0, "hour", time.Hour, true},
			{0, "past", -time.Hour, true},
			{0, "past", -time.Hour, false},
			{time.Minute - 1, "minute", time.Hour, false}, // does not prolong the first
			{time.Minute - 1, "past", -time.Hour, false},
			{time.Minute, "minute", 2 * time.Minute, true},
			{time.Minute, "past", -time.Hour, true},
			{2*time.Minute - 1, "minute", time.Hour, false},
			{time.Hour - 1, "hour", 2 * time.Hour, false},
			{time.Hour, "hour", 2 * time.Hour, true},
		}
		for _, s := range steps {
			time.Sleep(s.at - time.Since(now))
			if got := add(t, m, "scope", s.id, now.Add(s.until)); got != s.want {
				t.Errorf("after %v, %s: fresh = %v, want %v", s.at, s.id, got, s.want)
			}
		}
	})
}

func TestMemoryTimesBeyondItsNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := replay.NewMemory(100)
		past := []time.Time{
			{},
			time.Unix(-1<<60, 0),
			time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC), // in 64 bits of nanoseconds it is 2169
			time.Date(1677, 9, 21, 0, 12, 43, 145224191, time.UTC),
			time.Unix(-1, 999_999_999),
			time.Unix(0, 0),
		}
		future := []time.Time{
			time.Now().AddDate(200, 0, 0),
			time.Date(2262, 4, 11, 23, 47, 15, 999_999_999, time.UTC),
			time.Date(2262, 4, 11, 23, 47, 16, 854775807, time.UTC),
			time.Date(2262, 4, 11, 23, 47, 16, 854775808, time.UTC), // does not fit
			time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
			time.Unix(1<<60, 0),
		}
		for _, until := range append(past, future...) {
			if id := until.String(); !add(t, m, "scope", id, until) || add(t, m, "scope", id, until) {
				t.Errorf("until %v: not remembered", until)
			}
		}
		time.Sleep(time.Minute)
		for _, until := range past {
			if !add(t, m, "scope", until.String(), until) {
				t.Errorf("until %v: kept for more than a minute", until)
			}
		}
		time.Sleep(199 * 365 * 24 * time.Hour)
		for _, until := range future {
			if add(t, m, "scope", until.String(), until) {
				t.Errorf("until %v: forgotten", until)
			}
		}
	})
}

func TestMemoryFullFailsClosedAndRecovers(t *testing.T) {
	for _, size := range []int{1, 3, 1000, 20_000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := replay.NewMemory(size)
				first, last := time.Now().Add(time.Minute), time.Now().Add(2*time.Minute)
				for i := range size {
					until := last
					if i == 0 {
						until = first
					}
					if !add(t, m, "scope", strconv.Itoa(i), until) {
						t.Fatalf("entry %d is not fresh", i)
					}
				}
				wantFull := func(id string) {
					t.Helper()
					fresh, err := m.Add(t.Context(), "scope", id, last)
					var e *redoxauth.Error
					if fresh || !errors.Is(err, redoxauth.ErrUnavailable) || !errors.As(err, &e) || e.Reason != "replay_store" || !strings.HasSuffix(err.Error(), ": full") {
						t.Fatalf("full: fresh %v, error %v, want ErrUnavailable, reason replay_store, and that it is full", fresh, err)
					}
				}
				wantFull("new")
				for i := range size { // it still knows what it holds
					if add(t, m, "scope", strconv.Itoa(i), last) {
						t.Fatalf("entry %d was forgotten", i)
					}
				}
				time.Sleep(time.Minute) // one entry expires, of one shard
				if !add(t, m, "scope", "one more", last) {
					t.Error("the room of the expired entry is not used")
				}
				wantFull("two more")
				time.Sleep(time.Minute) // the rest
				for i := range size {
					if !add(t, m, "scope", strconv.Itoa(i), time.Now().Add(time.Minute)) {
						t.Fatalf("entry %d is not fresh after all has expired", i)
					}
				}
				wantFull("new")
			})
		})
	}
}

// 0 and less stand for the default. A very large size is for those who want no bound, and
// allocates no more than the others.
func TestMemoryOfAnySizeTakesAnEntry(t *testing.T) {
	for _, size := range []int{math.MinInt, -1, 0, 1, math.MaxInt} {
		if !add(t, replay.NewMemory(size), "client", "id", time.Now().Add(time.Hour)) {
			t.Errorf("%d: not fresh", size)
		}
	}
}

// A shard is rebuilt in one go while others wait for it, so none may have many entries.
func TestMemoryOfAnySizeHasSmallShards(t *testing.T) {
	for size, want := range map[int]int{1: 64, 64 * 2048: 128, 0: 512, 1_000_000: 512, 4_000_000: 2048, math.MaxInt: 4096} {
		if n := replay.NewMemory(size).Shards(); n != want {
			t.Errorf("%d: %d shards, want %d", size, n, want)
		}
	}
}

// Expired entries that nobody needs must not pile up until the Memory is full.
func TestMemoryFreesExpiredEntriesBeforeItIsFull(t *testing.T) {
	m, now := replay.NewMemory(20_000), time.Now()
	most := 0
	for i := range 10_000 {
		now = now.Add(time.Second)
		if fresh, err := m.AddAt(t.Context(), "client", strconv.Itoa(i), now.Add(time.Minute), now); !fresh || err != nil {
			t.Fatalf("entry %d: fresh %v, error %v", i, fresh, err)
		}
		most = max(most, m.Slots())
	}
	if most > 2000 { // 64 shards of 8 and more
		t.Errorf("memory for %d entries, of which 60 were valid", most)
	}
}

// While a Memory is full, refusing must not cost a rebuild of shards in which nothing has expired.
func TestMemoryFullRefusesCheaply(t *testing.T) {
	m, until := replay.NewMemory(10_000), time.Now().Add(time.Hour)
	for i := range 10_000 {
		add(t, m, "client", strconv.Itoa(i), until)
	}
	if n := testing.AllocsPerRun(10, func() { m.Add(context.Background(), "client", "new", until) }); n > 10 {
		t.Errorf("%v allocations, want no new tables", n)
	}
}

func TestMemoryZeroValueFailsClosed(t *testing.T) {
	fresh, err := new(replay.Memory).Add(t.Context(), "", "", time.Now().Add(time.Hour))
	if fresh || !errors.Is(err, redoxauth.ErrUnavailable) || !strings.HasSuffix(err.Error(), ": make it with NewMemory") {
		t.Errorf("fresh %v, error %v, want ErrUnavailable and what to do", fresh, err)
	}
}

func TestMemoryRequestThatIsOverUsesUpNothing(t *testing.T) {
	m := replay.NewMemory(10)
	until := time.Now().Add(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if fresh, err := m.Add(ctx, "scope", "id", until); fresh || !errors.Is(err, redoxauth.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("fresh %v, error %v, want ErrUnavailable and the cause", fresh, err)
	}
	if !add(t, m, "scope", "id", until) {
		t.Error("the id was used up")
	}
}

// With parallel calls at the limit, no more ids than the limit are accepted, and none twice.
func TestMemoryParallelWhileFullAndExpiring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, workers, ids = 500, 8, 2000
		m := replay.NewMemory(size)
		for range 5 {
			until := time.Now().Add(time.Minute)
			var fresh atomic.Int32
			seen := make([]atomic.Int32, ids)
			var wg sync.WaitGroup
			for w := range workers {
				wg.Go(func() {
					for i := range ids {
						i = (i + w*ids/workers) % ids
						ok, err := m.Add(t.Context(), "scope", strconv.Itoa(i), until)
						if err == nil && ok {
							fresh.Add(1)
							seen[i].Add(1)
						}
					}
				})
			}
			wg.Wait()
			if n := fresh.Load(); n != size {
				t.Errorf("%d ids were accepted, want %d", n, size)
			}
			for i := range seen {
				if n := seen[i].Load(); n > 1 {
					t.Errorf("id %d was accepted %d times", i, n)
				}
			}
			time.Sleep(time.Minute)
		}
	})
}

// Entries that are counted at the same moment must all count.
func TestMemoryParallelKeepsItsSize(t *testing.T) {
	const size, workers = 50_000, 8
	m, until := replay.NewMemory(size), time.Now().Add(time.Hour)
	var fresh atomic.Int32
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range size {
				ok, err := m.Add(t.Context(), strconv.Itoa(w), strconv.Itoa(i), until)
				if err != nil {
					return
				}
				if ok {
					fresh.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := fresh.Load(); n != size {
		t.Errorf("%d entries were accepted, want %d", n, size)
	}
}

// The bound of 40 bytes an entry must hold wherever the tables are between two sizes.
func TestMemoryOfDefaultSize(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a million entries")
	}
	for _, size := range []int{0, 4_000_000} {
		before := heap()
		m := replay.NewMemory(size)
		ctx, until := t.Context(), time.Now().Add(time.Hour)
		worst := 0.0
		for n := range 1_000_000 {
			if fresh, err := m.Add(ctx, "client", strconv.Itoa(n), until); !fresh || err != nil {
				t.Fatalf("entry %d: fresh %t, error %v", n, fresh, err)
			}
			if n >= 499_999 && n%100_000 == 99_999 {
				worst = max(worst, float64(heap()-before)/float64(n+1))
			}
		}
		if worst > 40 {
			t.Errorf("NewMemory(%d): %.1f bytes an entry, want at most 40", size, worst)
		}
		if _, err := m.Add(t.Context(), "client", "one more", until); errors.Is(err, redoxauth.ErrUnavailable) != (size == 0) {
			t.Errorf("NewMemory(%d): error %v of the entry after a million", size, err)
		}
		runtime.KeepAlive(m)
	}
}

func heap() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// With a key that an attacker knows, ids can be chosen that all fall into one shard (CWE-407).
func TestMemoryHasAKeyOfItsOwn(t *testing.T) {
	a, b := replay.NewMemory(1).Key(), replay.NewMemory(1).Key()
	if a == b || a == ([32]byte{}) || b == ([32]byte{}) {
		t.Errorf("the keys %x and %x", a, b)
	}
	if a, b := replay.NewMemory(1).Digest("scope", "id"), replay.NewMemory(1).Digest("scope", "id"); a == b {
		t.Errorf("two Memories have the same hash %x of a name", a)
	}
}

// Two names with one hash make a genuine credential look replayed. A bit that is always 0, or
// always the same as another bit, does nothing against that.
func TestMemoryHashHas128Bits(t *testing.T) {
	const names = 256
	m := replay.NewMemory(1)
	var bits [128][names]bool
	for n := range names {
		d := m.Digest("scope", strconv.Itoa(n))
		for i := range bits {
			bits[i][n] = d[i/64]>>(i%64)&1 == 1
		}
	}
	seen := map[[names]bool]int{{}: -1} // and none is always 0
	for i, column := range bits {
		if first, twice := seen[column]; twice {
			t.Errorf("bit %d is bit %d again, or 0", i, first)
		}
		seen[column] = i
	}
}

func TestMemoryPrintsNoKey(t *testing.T) {
	m := replay.NewMemory(1)
	if s := fmt.Sprintf("%+v", m); !strings.Contains(s, "key:0x") {
		t.Errorf("printed: %s", s)
	}
}
