package redisreplay_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redoxauth/redoxauth-go/strategies/replay/redisreplay"
)

// A fakeRedis speaks enough of Redis's protocol for a Store, in the fake time of synctest. It
// does not let keys expire.
type fakeRedis struct {
	// on is asked about each SET, GET and EVAL, unless Redis is well again.
	on   func(command string) fate
	well atomic.Bool

	mu   sync.Mutex
	keys map[string]string
}

type fate int

const (
	answered fate = iota
	lost          // done, and the answer is lost
	dropped       // neither done nor answered
	late          // done after 10 s, when the client has gone
)

// client returns a client with go-redis's defaults, changed by the caller.
func (f *fakeRedis) client(t *testing.T, change func(*redis.Options)) *redis.Client {
	o := f.options()
	if change != nil {
		change(o)
	}
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

// options are go-redis's defaults, and connect to f.
func (f *fakeRedis) options() *redis.Options {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keys == nil {
		f.keys = map[string]string{}
	}
	return &redis.Options{
		Addr: "127.0.0.1:6379", // not called
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go f.serve(far)
			return near, nil
		},
	}
}

func (f *fakeRedis) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		args, err := readCommand(r)
		if err != nil {
			return
		}
		what := answered
		switch strings.ToUpper(args[0]) {
		case "SET", "GET", "EVAL":
			if !f.well.Load() {
				what = f.on(strings.ToUpper(args[0]))
			}
		}
		switch what {
		case dropped:
			continue
		case lost:
			f.do(args)
			continue
		case late:
			time.AfterFunc(10*time.Second, func() { f.do(args) })
			continue
		}
		if _, err := io.WriteString(conn, f.do(args)); err != nil {
			return
		}
	}
}

func readCommand(r *bufio.Reader) (args []string, err error) {
	number := func() (n int, err error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	n, err := number()
	for ; n > 0 && err == nil; n-- {
		var length int
		if length, err = number(); err != nil {
			break
		}
		arg := make([]byte, length+2)
		if _, err = io.ReadFull(r, arg); err == nil {
			args = append(args, string(arg[:length]))
		}
	}
	return args, err
}

// do returns the answer.
func (f *fakeRedis) do(args []string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch strings.ToUpper(args[0]) {
	case "SET": // always with NX
		if _, ok := f.keys[args[1]]; ok {
			return "$-1\r\n"
		}
		f.keys[args[1]] = args[2]
		return "+OK\r\n"
	case "GET":
		value, ok := f.keys[args[1]]
		if !ok {
			return "$-1\r\n"
		}
		return fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
	case "EVAL": // EVAL script 1 key mine milliseconds
		value, ok := f.keys[args[3]]
		if strings.Contains(args[1], `return value == ARGV[1]`) { // take over
			if !ok || value == "" {
				f.keys[args[3]] = args[4]
			}
			if f.keys[args[3]] != args[4] {
				return ":0\r\n"
			}
		} else if !ok || value == args[4] { // take back
			f.keys[args[3]] = ""
		}
		return ":1\r\n"
	}
	return "-ERR unknown command\r\n"
}

// first makes a fate of the first n commands of a name.
func first(n int32, name string, what fate) func(string) fate {
	var count atomic.Int32
	return func(command string) fate {
		if command == name && count.Add(1) <= n {
			return what
		}
		return answered
	}
}

// go-redis waits 5 s for an answer, and then asks again. An Add that does not wait longer
// than that refuses a genuine credential and leaves it recorded.
func TestLostAnswers(t *testing.T) {
	const always = 1 << 30
	quick := func(o *redis.Options) { o.ReadTimeout, o.MaxRetries = time.Second, 1 }
	for name, test := range map[string]struct {
		on       func(string) fate
		change   func(*redis.Options)
		deadline time.Duration // of the request
		fresh    bool          // at once; if not, the id must be free when the sender tries again
		within   time.Duration
	}{
		"no answer is lost":                        {on: first(0, "SET", lost), fresh: true},
		"no answer to a fresh id's GET":            {on: first(always, "GET", lost), fresh: true},
		"one answer":                               {on: first(1, "SET", lost), fresh: true, within: 6 * time.Second},
		"three answers":                            {on: first(3, "SET", lost), fresh: true, within: 18 * time.Second},
		"one command":                              {on: first(1, "SET", dropped), fresh: true, within: 6 * time.Second},
		"one answer, then one to GET":              {on: both(first(1, "SET", lost), first(1, "GET", lost)), fresh: true, within: 12 * time.Second},
		"all answers":                              {on: first(4, "SET", lost), within: 28 * time.Second},
		"all answers, quick client":                {on: first(2, "SET", lost), change: quick, within: 8 * time.Second},
		"all commands arrive late":                 {on: first(2, "SET", late), change: quick, within: 8 * time.Second},
		"one answer, the request's deadline":       {on: first(1, "SET", lost), deadline: time.Second, within: time.Second},
		"one answer, a client with that deadline":  {on: first(1, "SET", lost), change: func(o *redis.Options) { o.ContextTimeoutEnabled = true }, deadline: time.Second, within: time.Second},
		"one answer, a client without retries":     {on: first(1, "SET", lost), change: func(o *redis.Options) { o.MaxRetries = -1 }, within: 10 * time.Second},
		"one answer, a client without time limits": {on: first(1, "SET", lost), change: func(o *redis.Options) { o.ReadTimeout, o.WriteTimeout, o.MaxRetries = -1, -1, -1 }, within: 5 * time.Second},
		"all answers, and the first three to EVAL": {on: both(first(2, "SET", lost), first(3, "EVAL", lost)), change: quick, within: 8 * time.Second},
		"all answers to GET":                       {on: both(first(1, "SET", lost), first(always, "GET", lost)), change: quick, within: 8 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := fakeRedis{on: test.on}
				s := newStore(t, f.client(t, test.change))
				until := time.Now().Add(time.Hour)
				ctx := context.Background()
				if test.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.deadline)
					defer cancel()
				}
				begin := time.Now()
				fresh, err := s.Add(ctx, "scope", "id", until)
				if d := time.Since(begin); d > test.within {
					t.Errorf("Add took %v, want at most %v", d, test.within)
				}
				if test.fresh {
					if !fresh || err != nil {
						t.Errorf("fresh %v, error %v, want a fresh id", fresh, err)
					}
				} else {
					wantUnavailable(t, fresh, err)
					time.Sleep(15 * time.Second) // a sender waits before it tries again
					f.well.Store(true)
					if !add(t, s, "scope", "id", until) {
						t.Error("the id of a refused credential stayed recorded")
					}
				}
				time.Sleep(2 * time.Minute)
				f.well.Store(true)
				if add(t, s, "scope", "id", until) {
					t.Error("a replay was accepted")
				}
			})
		})
	}
}

// An Add that gives up sooner than the client refuses a genuine credential. One that waits for
// much longer keeps the sender waiting for nothing.
func TestAddWaitsForAllRetriesAndFiveSecondsMore(t *testing.T) {
	const addr = "127.0.0.1:6379" // not called
	one := func(o redis.Options) redis.UniversalClient {
		o.Addr = addr
		return redis.NewClient(&o)
	}
	cluster := func(o redis.ClusterOptions) redis.UniversalClient {
		o.Addrs = []string{addr}
		return redis.NewClusterClient(&o)
	}
	type other struct{ redis.UniversalClient }
	for name, test := range map[string]struct {
		client func() redis.UniversalClient
		want   time.Duration
	}{
		"one server": {func() redis.UniversalClient { return one(redis.Options{}) }, 28 * time.Second},
		"one server, two attempts": {func() redis.UniversalClient {
			return one(redis.Options{MaxRetries: 1, ReadTimeout: time.Second, MaxRetryBackoff: 3 * time.Second})
		}, (5 + 2*1 + 3) * time.Second},
		"one server, no limits": {func() redis.UniversalClient {
			return one(redis.Options{MaxRetries: -1, ReadTimeout: -1, MaxRetryBackoff: -1})
		}, 5 * time.Second},
		"cluster": {func() redis.UniversalClient { return cluster(redis.ClusterOptions{}) }, 28 * time.Second},
		"cluster, two nodes with three attempts each": {func() redis.UniversalClient {
			return cluster(redis.ClusterOptions{MaxRedirects: 1, MaxRetries: 2, ReadTimeout: time.Second, MaxRetryBackoff: 3 * time.Second})
		}, (5 + 6*1 + 5*3) * time.Second},
		"cluster, one attempt": {func() redis.UniversalClient {
			return cluster(redis.ClusterOptions{MaxRedirects: -1, MaxRetries: -1, ReadTimeout: time.Second})
		}, 6 * time.Second},
		"a client that cannot tell": {func() redis.UniversalClient {
			return other{one(redis.Options{MaxRetries: -1, ReadTimeout: time.Second})}
		}, 28 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := test.client()
				defer c.Close()
				c.AddHook(silent{commands: new(atomic.Int32)})
				begin := time.Now()
				fresh, err := newStore(t, c).Add(context.Background(), "scope", "id", begin.Add(time.Hour))
				wantUnavailable(t, fresh, err)
				if d := time.Since(begin); d != test.want {
					t.Errorf("Add took %v, want %v", d, test.want)
				}
			})
		})
	}
}

// An until that is now has passed.
func TestEntryThatEndsNowIsKeptForAMinute(t *testing.T) {
	for until, want := range map[time.Duration]time.Duration{
		-time.Nanosecond: time.Minute,
		0:                time.Minute,
		time.Nanosecond:  2 * time.Millisecond,
		time.Second:      time.Second + 2*time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			c, life := new(fakeRedis).client(t, nil), time.Duration(0)
			c.AddHook(setting{life: &life})
			if fresh, err := newStore(t, c).Add(t.Context(), "scope", "id", time.Now().Add(until)); !fresh || err != nil {
				t.Errorf("%v: fresh %v, error %v", until, fresh, err)
			}
			if life != want {
				t.Errorf("an entry that ends in %v is kept for %v, want %v", until, life, want)
			}
		})
	}
}

// setting answers SET, and tells for how long.
type setting struct {
	panicking
	life *time.Duration
}

func (s setting) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		cmd.(*redis.BoolCmd).SetVal(true)
		args := cmd.Args() // set key value ex|px life nx
		unit := map[any]time.Duration{"ex": time.Second, "px": time.Millisecond}[args[3]]
		*s.life = time.Duration(args[4].(int64)) * unit
		return nil
	}
}

// silent does not answer SET, and is closed for other commands. It counts all of them.
type silent struct {
	panicking
	commands *atomic.Int32
}

func (s silent) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		s.commands.Add(1)
		if cmd.Name() == "set" {
			<-ctx.Done()
			return ctx.Err()
		}
		return redis.ErrClosed
	}
}

// Else requests that ended would use up the places of those entries that must be taken back.
func TestRequestThatIsOverAsksRedisNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, commands := new(fakeRedis).client(t, nil), new(atomic.Int32)
		c.AddHook(silent{commands: commands})
		ctx, cancel := context.WithCancelCause(context.Background())
		cause := errors.New("the sender has gone")
		cancel(cause)
		fresh, err := newStore(t, c).Add(ctx, "scope", "id", time.Now().Add(time.Hour))
		wantUnavailable(t, fresh, err)
		if !errors.Is(err, cause) {
			t.Errorf("error %v, want the cause of the context", err)
		}
		synctest.Wait()
		if n := commands.Load(); n != 0 {
			t.Errorf("%d commands", n)
		}
	})
}

// An id whose record ends between the commands of one Add is fresh: nobody holds it any more.
func TestEntryThatEndsBetweenTheCommandsIsFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeRedis
		f.on = func(command string) fate {
			if command == "GET" {
				f.mu.Lock()
				defer f.mu.Unlock()
				clear(f.keys)
			}
			return answered
		}
		s, until := newStore(t, f.client(t, nil)), time.Now().Add(time.Hour)
		for range 2 {
			if !add(t, s, "scope", "id", until) {
				t.Error("not fresh")
			}
		}
		f.well.Store(true)
		if add(t, s, "scope", "id", until) {
			t.Error("a replay was accepted")
		}
	})
}

// A replay can wait in front of a slow Redis until the record of the first use is dropped.
func TestAnswerAfterTheEndIsUnavailable(t *testing.T) {
	for life, fresh := range map[time.Duration]bool{10 * time.Second: false, time.Minute: true} {
		synctest.Test(t, func(t *testing.T) {
			f := fakeRedis{on: first(3, "SET", lost)} // 15 s and more
			s := newStore(t, f.client(t, nil))
			got, err := s.Add(context.Background(), "scope", "id", time.Now().Add(life))
			switch {
			case !fresh:
				wantUnavailable(t, got, err)
				if want := "the answer came after the time for which Redis keeps the id"; !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
			case !got || err != nil:
				t.Errorf("life of %v: got %v, error %v, want a fresh id", life, got, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // but a replay that Redis still knows is one
		var slow atomic.Bool
		lose := first(3, "SET", lost)
		f := fakeRedis{on: func(command string) fate {
			if slow.Load() {
				return lose(command)
			}
			return answered
		}}
		s, until := newStore(t, f.client(t, nil)), time.Now().Add(10*time.Second)
		if !add(t, s, "scope", "id", until) {
			t.Error("not fresh")
		}
		slow.Store(true)
		if add(t, s, "scope", "id", until) || time.Now().Before(until) {
			t.Error("a replay was accepted, or its answer came too early for this test")
		}
	})
}

func both(a, b func(string) fate) func(string) fate {
	return func(command string) fate { return max(a(command), b(command)) }
}

// An Add that gives up must not take back the entry of another that was accepted.
func TestOnlyTheOwnEntryIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeRedis{on: first(1, "SET", dropped)}
		s := newStore(t, f.client(t, func(o *redis.Options) { o.MaxRetries = -1 }))
		until := time.Now().Add(time.Hour)
		var wg sync.WaitGroup
		wg.Go(func() {
			fresh, err := s.Add(context.Background(), "scope", "id", until)
			wantUnavailable(t, fresh, err)
		})
		time.Sleep(time.Second)
		if !add(t, s, "scope", "id", until) {
			t.Error("not fresh")
		}
		wg.Wait()
		time.Sleep(2 * time.Minute)
		if add(t, s, "scope", "id", until) {
			t.Error("a replay was accepted")
		}
	})
}

// While Redis is down, the attempts to take entries back are bounded in number and in time.
func TestTakingBackIsBounded(t *testing.T) {
	for _, test := range []struct {
		adds          int
		after, answer time.Duration // which the client waits for
		least, most   int32         // attempts: one a second and answer, for a minute
	}{{1, 2 * time.Minute, time.Second, 20, 60}, {300, time.Second / 2, time.Second, 200, 256}, {300, 2 * time.Minute, 20 * time.Second, 256 * 2, 256 * 3}} {
		t.Run(fmt.Sprint(test.adds, " after ", test.after), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var evals atomic.Int32
				var well atomic.Bool
				f := fakeRedis{on: func(command string) fate {
					if command == "EVAL" {
						evals.Add(1)
					}
					if well.Load() {
						return answered
					}
					return dropped
				}}
				s := newStore(t, f.client(t, func(o *redis.Options) { o.ReadTimeout, o.MaxRetries, o.PoolSize = test.answer, -1, 1000 }))
				var wg sync.WaitGroup
				for i := range test.adds {
					wg.Go(func() {
						fresh, err := s.Add(context.Background(), "scope", strconv.Itoa(i), time.Now().Add(time.Hour))
						wantUnavailable(t, fresh, err)
					})
				}
				wg.Wait()
				time.Sleep(test.after)
				if n := evals.Load(); n < test.least || n > test.most {
					t.Errorf("%d attempts, want %d to %d", n, test.least, test.most)
				}
				well.Store(true)
				time.Sleep(2 * time.Minute)
				begin := evals.Load()
				time.Sleep(2 * time.Minute)
				if n := evals.Load() - begin; n > 0 {
					t.Errorf("%d more attempts", n)
				}
				// Those that were taken back, or given up, have left room for the next.
				well.Store(false)
				fresh, err := s.Add(context.Background(), "scope", "next", time.Now().Add(time.Hour))
				wantUnavailable(t, fresh, err)
				time.Sleep(time.Second / 2)
				if evals.Load() == begin {
					t.Error("the next one is not taken back")
				}
				well.Store(true)
				time.Sleep(2 * time.Minute)
			})
		})
	}
}

// What was taken back needs no other attempt, and leaves its place to the next entry.
func TestAnEntryIsTakenBackOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var evals atomic.Int32
		f := fakeRedis{on: func(command string) fate {
			if command == "EVAL" {
				evals.Add(1)
				return answered
			}
			return lost
		}}
		s := newStore(t, f.client(t, func(o *redis.Options) { o.MaxRetries = -1 }))
		fresh, err := s.Add(context.Background(), "scope", "id", time.Now().Add(time.Hour))
		wantUnavailable(t, fresh, err)
		time.Sleep(2 * time.Minute)
		if n := evals.Load(); n != 1 {
			t.Errorf("%d attempts, want 1", n)
		}
	})
}

// A closed client stays closed. Other attempts to take an entry back would be in vain.
func TestTakingBackEndsWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32
		c := new(fakeRedis).client(t, nil)
		c.AddHook(meeting{wait: func() { attempts.Add(1) }})
		c.Close()
		fresh, err := newStore(t, c).Add(t.Context(), "scope", "id", time.Now().Add(time.Hour))
		wantUnavailable(t, fresh, err)
		time.Sleep(2 * time.Minute)
		if n := attempts.Load(); n != 1 {
			t.Errorf("%d attempts, want 1", n)
		}
	})
}

func TestClientsThatAcceptReplaysAreRefused(t *testing.T) {
	addrs := []string{"a.example:6379", "b.example:6379"}
	cluster := func(change func(*redis.ClusterOptions)) redis.UniversalClient {
		o := &redis.ClusterOptions{Addrs: addrs}
		change(o)
		return redis.NewClusterClient(o)
	}
	for name, test := range map[string]struct {
		client redis.UniversalClient
		want   string // part of the error; empty: none
	}{
		"one server":               {redis.NewClient(&redis.Options{Addr: addrs[0]}), ""},
		"Sentinel":                 {redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "m", SentinelAddrs: addrs}), ""},
		"cluster":                  {cluster(func(*redis.ClusterOptions) {}), ""},
		"ring":                     {redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": addrs[0], "b": addrs[1]}}), "Ring"},
		"cluster, ReadOnly":        {cluster(func(o *redis.ClusterOptions) { o.ReadOnly = true }), "ReadOnly"},
		"cluster, RouteByLatency":  {cluster(func(o *redis.ClusterOptions) { o.RouteByLatency = true }), "RouteByLatency"},
		"cluster, RouteRandomly":   {cluster(func(o *redis.ClusterOptions) { o.RouteRandomly = true }), "RouteRandomly"},
		"universal, RouteRandomly": {redis.NewUniversalClient(&redis.UniversalOptions{Addrs: addrs, RouteRandomly: true}), "RouteRandomly"},
	} {
		t.Run(name, func(t *testing.T) {
			defer test.client.Close()
			_, err := redisreplay.New(redisreplay.Config{Client: test.client})
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
			} else if err == nil || !strings.Contains(err.Error(), "redisreplay: Client: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one about %s", err, test.want)
			}
		})
	}
}

// The permissions that the package comment names suffice. The answer to the first use of an
// assertion is lost, so it is 503. Its retry is accepted, and a replay is not.
func TestRefusedAssertionCanBeSentAgain(t *testing.T) {
	server := start(t)
	admin := server.client(t)
	rules := []any{"ACL", "SETUSER", "redox", "on", ">password", "~redoxauth:replay:*", "+set", "+get", "+eval"}
	if err := admin.Do(t.Context(), rules...).Err(); err != nil {
		t.Fatal(err)
	}
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
	c := redis.NewClient(&redis.Options{Addr: l.Addr().String(), Username: "redox", Password: "password", MaxRetries: -1})
	defer c.Close()
	h := smartReplica(t, newStore(t, c), nil, "k")
	a := assertion(t)
	if status, _ := present(h, a); status != http.StatusServiceUnavailable || lost.Load() != 1 {
		t.Fatalf("first: %d, %d answers lost, want 503 and 1", status, lost.Load())
	}
	for { // until the entry is taken back
		keys := admin.Keys(t.Context(), "*").Val()
		if len(keys) == 1 && admin.Get(t.Context(), keys[0]).Val() == "" {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal("the entry is not taken back")
		}
	}
	if status, _ := present(h, a); status != http.StatusOK {
		t.Errorf("retry: %d, want 200", status)
	}
	if status, _ := present(h, a); status != http.StatusUnauthorized {
		t.Errorf("replay: %d, want 401", status)
	}
}

// In a cluster the same works, with the permissions that the package comment names.
func TestCluster(t *testing.T) {
	server := start(t, "--cluster-enabled", "yes")
	admin := server.client(t)
	if err := admin.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(admin.ClusterInfo(t.Context()).Val(), "cluster_state:ok") && t.Context().Err() == nil {
	}
	rules := []any{"ACL", "SETUSER", "redox", "on", ">password", "~redoxauth:replay:*", "+set", "+get", "+eval", "+cluster|slots", "+cluster|shards", "+command"}
	if err := admin.Do(t.Context(), rules...).Err(); err != nil {
		t.Fatal(err)
	}
	client := func() *redis.ClusterClient {
		c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{server.addr}, Username: "redox", Password: "password"})
		t.Cleanup(func() { c.Close() })
		return c
	}
	undone := make(chan struct{})
	c := client()
	c.AddHook(failingSet{undone: undone})
	s, until := newStore(t, client()), time.Now().Add(time.Hour)
	fresh, err := newStore(t, c).Add(t.Context(), "scope", "id", until)
	wantUnavailable(t, fresh, err)
	<-undone
	for _, want := range []bool{true, false} {
		if got := add(t, s, "scope", "id", until); got != want {
			t.Errorf("fresh = %v, want %v", got, want)
		}
	}
}

// failingSet fails each SET before it is sent, and tells when an entry was taken back.
type failingSet struct {
	panicking
	undone chan struct{}
}

func (f failingSet) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "set" {
			return io.ErrUnexpectedEOF
		}
		err := next(ctx, cmd)
		if cmd.Name() == "eval" {
			f.undone <- struct{}{}
		}
		return err
	}
}

// meeting waits before each EVAL.
type meeting struct {
	panicking
	wait func()
}

func (m meeting) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "eval" {
			m.wait()
		}
		return next(ctx, cmd)
	}
}

// The scripts do in Redis what the tests above say.
func TestTakingBackInRedis(t *testing.T) {
	server := start(t)
	undone := make(chan struct{})
	c := server.client(t)
	c.AddHook(failingSet{undone: undone})
	failing, s := newStore(t, c), newStore(t, server.client(t))
	until := time.Now().Add(time.Hour)

	if !add(t, s, "scope", "accepted", until) {
		t.Fatal("not fresh")
	}
	fresh, err := failing.Add(t.Context(), "scope", "accepted", until)
	wantUnavailable(t, fresh, err)
	<-undone
	if add(t, s, "scope", "accepted", until) {
		t.Error("the entry of another Add was taken back: a replay was accepted")
	}

	fresh, err = failing.Add(t.Context(), "scope", "refused", until)
	wantUnavailable(t, fresh, err)
	<-undone
	// A SET that go-redis has lost may reach Redis for so long. The void entry is in its way.
	admin, voids := server.client(t), 0
	for _, key := range admin.Keys(t.Context(), "*").Val() {
		if admin.Get(t.Context(), key).Val() != "" {
			continue
		}
		voids++
		if left := admin.PTTL(t.Context(), key).Val(); left < 110*time.Second || left > 2*time.Minute {
			t.Errorf("the void entry ends in %v, want 2 min", left)
		}
	}
	if voids != 1 {
		t.Errorf("%d void entries, want 1", voids)
	}
	var wg, meet sync.WaitGroup
	var accepted atomic.Int32
	for range 5 { // all find that it was taken back, before one of them goes on
		meet.Add(1)
		c := server.client(t)
		c.AddHook(meeting{wait: func() { meet.Done(); meet.Wait() }})
		wg.Go(func() {
			if fresh, err := newStore(t, c).Add(t.Context(), "scope", "refused", until); err != nil {
				t.Error(err)
			} else if fresh {
				accepted.Add(1)
			}
		})
	}
	wg.Wait()
	if n := accepted.Load(); n != 1 {
		t.Errorf("%d calls were fresh after one was taken back, want 1", n)
	}
	for _, key := range admin.Keys(t.Context(), "*").Val() {
		if left := admin.PTTL(t.Context(), key).Val(); left < 59*time.Minute {
			t.Errorf("an entry ends in %v, want an hour", left)
		}
	}

	// The answer of the script that takes the void entry over may be lost too.
	fresh, err = failing.Add(t.Context(), "scope", "asked again", until)
	wantUnavailable(t, fresh, err)
	<-undone
	scripts := 0
	twice := server.client(t)
	twice.AddHook(repeating{scripts: &scripts})
	for _, want := range []bool{true, false} {
		if got := add(t, newStore(t, twice), "scope", "asked again", until); got != want {
			t.Errorf("where the answer was lost: fresh = %v, want %v", got, want)
		}
	}
	if scripts != 1 {
		t.Errorf("%d scripts, want 1", scripts)
	}
}

// repeating sends each EVAL twice, as go-redis does if the answer is lost, and counts them.
type repeating struct {
	panicking
	scripts *int
}

func (r repeating) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "eval" {
			*r.scripts++
			if err := next(ctx, cmd); err != nil {
				return err
			}
		}
		return next(ctx, cmd)
	}
}
