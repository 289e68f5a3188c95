package redisreplay_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/singleuse"
	"github.com/redoxauth/redoxauth-go/strategies/replay/redisreplay"
)

func newStore(t testing.TB, c redis.UniversalClient) *redisreplay.Store {
	t.Helper()
	s, err := redisreplay.New(redisreplay.Config{Client: c})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t testing.TB, s *redisreplay.Store, scope, id string, until time.Time) bool {
	t.Helper()
	fresh, err := s.Add(t.Context(), scope, id, until)
	if err != nil {
		t.Fatalf("Add(%q, %q): %v", scope, id, err)
	}
	return fresh
}

func wantUnavailable(t testing.TB, fresh bool, err error) {
	t.Helper()
	var e *redoxauth.Error
	if fresh || !errors.Is(err, redoxauth.ErrUnavailable) || !errors.As(err, &e) || e.Reason != "replay_store" {
		t.Fatalf("fresh %v, error %v, want ErrUnavailable, reason replay_store", fresh, err)
	}
}

func TestNewRequiresAClient(t *testing.T) {
	_, err := redisreplay.New(redisreplay.Config{})
	if err == nil || !strings.Contains(err.Error(), "redisreplay: Client: ") {
		t.Errorf("error %v", err)
	}
}

func TestFresh(t *testing.T) {
	type call struct {
		scope, id string
		want      bool
	}
	redis := start(t)
	long := strings.Repeat("x", 1<<16)
	until := time.Now().Add(time.Hour)
	for name, calls := range map[string][]call{
		"the second use is not fresh":      {{"client", "jti", true}, {"client", "jti", false}, {"client", "jti", false}},
		"another client may use the id":    {{"a", "jti", true}, {"b", "jti", true}, {"a", "jti", false}, {"b", "jti", false}},
		"scope and id do not run together": {{"ab", "c", true}, {"a", "bc", true}, {"", "abc", true}, {"abc", "", true}},
		"empty strings are names too":      {{"", "", true}, {"", "", false}},
		"neither text nor one line":        {{"a\r\n", "\xff", true}, {"a\r\n", "\xfe", true}, {"a\r\n", "\xff", false}},
		"long names":                       {{"a", long, true}, {"a", long + "y", true}, {"a", long, false}},
	} {
		t.Run(name, func(t *testing.T) {
			c := redis.client(t)
			s, err := redisreplay.New(redisreplay.Config{Client: c, Prefix: name})
			if err != nil {
				t.Fatal(err)
			}
			for i, call := range calls {
				if got := add(t, s, call.scope, call.id, until); got != call.want {
					t.Errorf("call %d: fresh = %v, want %v", i, got, call.want)
				}
			}
		})
	}
}

// Ids that differ are apart, however many there are: all 256 bits of their hash are in the key.
func TestManyIdsAreApart(t *testing.T) {
	s := newStore(t, start(t).client(t))
	until := time.Now().Add(time.Hour)
	for i := range 2000 {
		if !add(t, s, "client", strconv.Itoa(i), until) {
			t.Fatalf("id %d: not fresh", i)
		}
	}
}

// CVE-2020-15222: if check and set are two steps, two requests at once pass.
func TestOneOfManyParallelCallsAtTwoReplicasIsFresh(t *testing.T) {
	redis := start(t)
	replicas := []*redisreplay.Store{newStore(t, redis.client(t)), newStore(t, redis.client(t))}
	until := time.Now().Add(time.Hour)
	for round := range 10 {
		var fresh atomic.Int32
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for i := range 100 {
			wg.Go(func() {
				<-begin
				ok, err := replicas[i%2].Add(t.Context(), "client", strconv.Itoa(round), until)
				if err != nil {
					t.Error(err)
				}
				if ok {
					fresh.Add(1)
				}
			})
		}
		close(begin)
		wg.Wait()
		if n := fresh.Load(); n != 1 {
			t.Fatalf("round %d: %d calls were fresh, want 1", round, n)
		}
	}
}

// Redis drops a key when its time to live has passed, so it must not end before until.
func TestEntriesLastUntilTheEnd(t *testing.T) {
	c := start(t).client(t)
	s := newStore(t, c)
	begin := time.Now()
	for _, test := range []struct {
		name        string
		until       time.Time
		first, last time.Time // when it may end
	}{
		{"minutes", begin.Add(6 * time.Minute), begin.Add(6 * time.Minute), begin.Add(7 * time.Minute)},
		{"whole seconds", time.Unix(begin.Unix()+60, 0), time.Unix(begin.Unix()+60, 0), begin.Add(2 * time.Minute)},
		{"less than a millisecond more", begin.Add(time.Hour + time.Microsecond), begin.Add(time.Hour + time.Microsecond), begin.Add(61 * time.Minute)},
		{"past", begin.Add(-time.Hour), begin.Add(time.Minute), begin.Add(2 * time.Minute)},
		{"the zero time", time.Time{}, begin.Add(time.Minute), begin.Add(2 * time.Minute)},
		{"year 9999", time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), begin.AddDate(99, 0, 0), begin.AddDate(101, 0, 0)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := c.FlushDB(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			if !add(t, s, "scope", "id", test.until) {
				t.Fatal("not fresh")
			}
			keys, err := c.Keys(t.Context(), "redoxauth:replay:*").Result()
			if err != nil || len(keys) != 1 {
				t.Fatalf("keys %q, error %v", keys, err)
			}
			left, err := c.PTTL(t.Context(), keys[0]).Result()
			if end := time.Now().Add(left); err != nil || end.Before(test.first) || end.After(test.last) {
				t.Errorf("ends %v, error %v, want %v to %v", end, err, test.first, test.last)
			}
			if add(t, s, "scope", "id", test.until.Add(time.Hour)) {
				t.Error("fresh again")
			}
			if after, err := c.PTTL(t.Context(), keys[0]).Result(); err != nil || after > left {
				t.Errorf("the second call changed the end: %v, then %v, error %v", left, after, err)
			}
		})
	}
}

func TestEntriesExpire(t *testing.T) {
	s := newStore(t, start(t).client(t))
	until := time.Now().Add(200 * time.Millisecond)
	if !add(t, s, "scope", "id", until) {
		t.Fatal("not fresh")
	}
	for !add(t, s, "scope", "id", time.Now().Add(time.Hour)) {
	}
	if now := time.Now(); now.Before(until) {
		t.Errorf("fresh again %v too early", until.Sub(now))
	}
}

func TestKeysShowNothing(t *testing.T) {
	c := start(t).client(t)
	s, err := redisreplay.New(redisreplay.Config{Client: c, Prefix: "staging:"})
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, "client-id", "the-jti", time.Now().Add(time.Hour))
	keys := c.Keys(t.Context(), "*").Val()
	if len(keys) != 1 || !strings.HasPrefix(keys[0], "staging:") || strings.Contains(keys[0], "client-id") || strings.Contains(keys[0], "the-jti") {
		t.Errorf("keys %q", keys)
	}
}

func TestPrefixesAreApart(t *testing.T) {
	c := start(t).client(t)
	until := time.Now().Add(time.Hour)
	for _, prefix := range []string{"", "staging:", "production:"} {
		s, err := redisreplay.New(redisreplay.Config{Client: c, Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		if !add(t, s, "scope", "id", until) {
			t.Errorf("prefix %q: not fresh", prefix)
		}
	}
}

func TestRedisThatCannotTellIsUnavailable(t *testing.T) {
	until := time.Now().Add(time.Hour)
	for name, fail := range map[string]func(t *testing.T, s *server, c *redis.Client) error{
		"down": func(t *testing.T, s *server, c *redis.Client) error {
			s.stop()
			return nil
		},
		"out of memory": func(t *testing.T, s *server, c *redis.Client) error {
			return c.ConfigSet(t.Context(), "maxmemory", "1").Err()
		},
		"a read-only replica": func(t *testing.T, s *server, c *redis.Client) error {
			return c.ReplicaOf(t.Context(), "127.0.0.1", "1").Err()
		},
		"the client is closed": func(t *testing.T, s *server, c *redis.Client) error {
			return c.Close()
		},
		"the client panics": func(t *testing.T, s *server, c *redis.Client) error {
			c.AddHook(panicking{})
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			redis := start(t)
			c := redis.client(t)
			s := newStore(t, c)
			if !add(t, s, "scope", "before", until) {
				t.Fatal("not fresh while all is well")
			}
			if err := fail(t, redis, c); err != nil {
				t.Fatal(err)
			}
			fresh, err := s.Add(t.Context(), "scope", "after", until)
			wantUnavailable(t, fresh, err)
		})
	}
}

type panicking struct{ redis.Hook }

func (panicking) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(context.Context, redis.Cmder) error { panic("hook") }
}

func (panicking) DialHook(next redis.DialHook) redis.DialHook { return next }

func (panicking) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// The client has no time limit of its own, so without ours these calls would not end.
func TestSilentRedisIsBounded(t *testing.T) {
	for name, test := range map[string]struct {
		deadline, want time.Duration // zero: none of the request
	}{
		"by the request's context": {time.Second, time.Second},
		"by 5 s":                   {0, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, far := net.Pipe()
				c := redis.NewClient(&redis.Options{
					Addr:        "127.0.0.1:6379", // not called
					Dialer:      func(context.Context, string, string) (net.Conn, error) { return conn, nil },
					ReadTimeout: -1, WriteTimeout: -1, MaxRetries: -1,
				})
				defer c.Close()
				defer far.Close()
				ctx := context.Background()
				if test.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.deadline)
					defer cancel()
				}
				begin := time.Now()
				fresh, err := newStore(t, c).Add(ctx, "scope", "id", begin.Add(time.Hour))
				wantUnavailable(t, fresh, err)
				if d := time.Since(begin); d != test.want || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v after %v, want the context's after %v", err, d, test.want)
				}
			})
		})
	}
}

// An operator reads once what failed, and which field of the strategy's Config names the Store.
func TestErrorOfAStrategyNamesTheFieldAndTheCause(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := redis.NewClient(&redis.Options{Addr: l.Addr().String(), MaxRetries: -1, DialerRetries: 1})
	defer c.Close()
	err = singleuse.Use(t.Context(), newStore(t, c), "scope", "id", time.Now().Add(time.Hour))
	want := "redoxauth: cannot be decided now (replay_store): the store in the field Replay failed: redisreplay: dial tcp " + l.Addr().String()
	if !errors.Is(err, syscall.ECONNREFUSED) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRequestThatIsOverUsesUpNothing(t *testing.T) {
	s := newStore(t, start(t).client(t))
	until := time.Now().Add(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fresh, err := s.Add(ctx, "scope", "id", until)
	wantUnavailable(t, fresh, err)
	if !add(t, s, "scope", "id", until) {
		t.Error("the id was used up")
	}
}

// go-redis sends a command again when the connection breaks before the answer. Then the
// first attempt of the same call must not count as an earlier use.
func TestLostAnswerIsNoReplay(t *testing.T) {
	server := start(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var lost atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go loseAnswers(conn, server.addr, &lost)
		}
	}()
	c := redis.NewClient(&redis.Options{Addr: l.Addr().String()})
	defer c.Close()
	s := newStore(t, c)
	until := time.Now().Add(time.Hour)
	if !add(t, s, "scope", "id", until) {
		t.Error("the first use looks replayed")
	}
	if n := lost.Load(); n != 1 {
		t.Fatalf("%d answers were lost, want 1", n)
	}
	if add(t, s, "scope", "id", until) {
		t.Error("the second use is fresh")
	}
}

// loseAnswers is a proxy that breaks the connection instead of forwarding the answer to the
// first SET.
func loseAnswers(conn net.Conn, addr string, lost *atomic.Int32) {
	defer conn.Close()
	redis, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer redis.Close()
	var set atomic.Bool
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				redis.Close()
				return
			}
			if strings.Contains(string(buf[:n]), "\r\nset\r\n") {
				set.Store(true)
			}
			redis.Write(buf[:n])
		}
	}()
	buf := make([]byte, 1<<16)
	for {
		n, err := redis.Read(buf)
		if err != nil || set.Load() && lost.CompareAndSwap(0, 1) {
			return
		}
		if _, err := conn.Write(buf[:n]); err != nil {
			return
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	s := newStore(b, start(b).client(b))
	until := time.Now().Add(time.Hour)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if !add(b, s, "scope", strconv.Itoa(i), until) {
			b.Fatal("not fresh")
		}
	}
}
