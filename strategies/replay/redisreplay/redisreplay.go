// Package redisreplay is a [replay.Store] in Redis, for several replicas behind one URL: an
// id that was used at one replica is used at all. It is a module of its own, so that only
// its users depend on go-redis.
//
//	client := redis.NewClient(&redis.Options{ // github.com/redis/go-redis/v9
//		Addr: addr, Username: "redox", Password: password,
//		ReadTimeout: time.Second, ContextTimeoutEnabled: true, // see "Operation"
//	})
//	seen, err := redisreplay.New(redisreplay.Config{Client: client})
//
// # Redox dashboard
//
// No field of it is about replay.
//
// # Settings
//
// Set the Store as the Replay field of the strategies, as ExampleNew on pkg.go.dev shows. All
// replicas share one Redis and one Prefix. If one replica issues tokens and another verifies
// them, they also share the list of TokenSecrets; package smartbackend describes how to rotate it.
//
// A user of Redis's ACL (Redis 6) needs these permissions, with your Prefix:
//
//	ACL SETUSER redox on >password ~redoxauth:replay:* +set +get +eval
//
// EVAL takes entries back, which must be atomic. Without +eval only that fails. In a
// cluster go-redis itself also needs "+cluster|slots +cluster|shards +command".
//
// # Operation
//
// When Redis is down, slow, out of memory or read-only, Add fails with
// [redoxauth.ErrUnavailable], reason "replay_store". Then no credential that needs the Store
// is accepted. The peer gets 503 and tries again.
//
// If the answer of Redis is lost, go-redis asks again, and Add recognises its own entry. Add
// waits longer than these retries take: by default up to 28 s, because go-redis waits 5 s for
// each of four answers. A ReadTimeout of a second makes it shorter. With ContextTimeoutEnabled
// go-redis also stops at the deadline of the request. Without it Add returns in time too, but
// the connection stays busy until ReadTimeout.
//
// If Add gives up, it takes back its own entry in the background, so that the refused
// credential can be sent again. It tries every second, for a minute, and for at most 256
// entries at once. Until then the credential is 401, reason "replayed".
//
// # Limits
//
// An id that Redis forgets can be used once more, until its credential expires. For an
// assertion that is a few minutes. Redis forgets by:
//
//   - Eviction: set maxmemory-policy to noeviction. Then Redis refuses to write when memory is
//     short, and Add fails as above. An entry takes about 200 bytes.
//   - Restart: without persistence Redis forgets everything, with appendfsync everysec the
//     last second. If that matters, set appendfsync always, or keep the endpoint down after a
//     restart of Redis until every assertion has expired.
//   - Failover, by Sentinel or in a cluster: the new primary may lack the last writes. WAIT does
//     not change that.
//   - FLUSHALL, and a change of Prefix.
//
// The clocks of Redis and of the replicas may differ. Those of two replicas may differ by the
// Leeway of the token endpoints and of jwtbearer. Beyond that, one replica may accept what
// another has recorded and dropped.
//
// Keys are SHA-256 hashes of scope and id. Who reads that Redis sees how many ids there are and
// when each ends, and can check whether an id that they know was used.
package redisreplay

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// Config configures a Store.
type Config struct {
	// Client is the connection to Redis 2.6.12 or later, or to a server with the same
	// protocol; required. It may be one server, Sentinel or a cluster. Configure TLS,
	// passwords, timeouts and pools there.
	//
	// New refuses a [redis.Ring], which moves ids to a server that does not know them when
	// another one is lost. It also refuses a cluster with ReadOnly, RouteByLatency or
	// RouteRandomly, which reads from replicas that lag behind.
	Client redis.UniversalClient

	// Prefix is the beginning of every key; default "redoxauth:replay:". Deployments
	// with different clients (senders of assertions) need different prefixes in one Redis.
	Prefix string
}

// A Store is safe for concurrent use. It does not close the Client.
type Store struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration // of one Add
	undoing chan struct{} // one for each entry that is being taken back
}

var _ replay.Store = (*Store)(nil)

const (
	expiredFor = time.Minute
	longest    = 100 * 365 * 24 * time.Hour // a time.Duration ends at 292 years

	maxUndoing = 256
	undoFor    = time.Minute
	undoEvery  = time.Second
)

// New returns a Store. It does not connect.
func New(cfg Config) (*Store, error) {
	timeout, err := timeoutOf(cfg.Client)
	if err != nil {
		return nil, fmt.Errorf("redisreplay: Client: %w", err)
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "redoxauth:replay:"
	}
	return &Store{client: cfg.Client, prefix: cfg.Prefix, timeout: timeout, undoing: make(chan struct{}, maxUndoing)}, nil
}

// timeoutOf returns how long an Add may take: 5 s, and as long as the client waits for
// answers that are lost. A client that cannot tell is taken for one with go-redis's defaults.
func timeoutOf(client redis.UniversalClient) (time.Duration, error) {
	retries, answer, pause := 3, 5*time.Second, time.Second
	switch c := client.(type) {
	case nil:
		return 0, errors.New("required")
	case *redis.Client:
		o := c.Options()
		retries, answer, pause = o.MaxRetries, o.ReadTimeout, o.MaxRetryBackoff
	case *redis.ClusterClient:
		o := c.Options()
		if o.ReadOnly {
			return 0, errors.New("a cluster with ReadOnly, RouteByLatency or RouteRandomly reads from replicas, which lag behind")
		}
		retries, answer, pause = (o.MaxRedirects+1)*(max(o.MaxRetries, 0)+1)-1, o.ReadTimeout, o.MaxRetryBackoff
	case *redis.Ring:
		return 0, errors.New("a Ring accepts replays after it has lost a server; use a cluster or Sentinel")
	}
	tries := time.Duration(max(retries, 0) + 1)
	return 5*time.Second + tries*max(answer, 0) + (tries-1)*max(pause, 0), nil
}

// Add implements [replay.Store] with SET NX. It waits within ctx, and longer than the client
// takes to retry. If it fails, it takes back what it may have recorded. It also fails if
// until passes while it waits.
func (s *Store) Add(ctx context.Context, scope, id string, until time.Time) (fresh bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if ctx.Err() != nil { // a request that has ended must not use up its credential
		return false, unavailable(context.Cause(ctx))
	}
	// If go-redis loses an answer, it sends the command again, and finds the key that its
	// first attempt set. So each Add has a value of its own: with one value for all, a genuine
	// credential would then look replayed.
	key, mine := s.key(scope, id), rand.Text()
	expired := !time.Now().Before(until)
	// go-redis respects a context while it dials and waits for a connection. While it waits
	// for the answer, it does so only with an option of its own. Add must not depend on that.
	type result struct {
		fresh bool
		err   error
	}
	done := make(chan result, 1)
	go func() {
		fresh, err := s.set(ctx, key, mine, lifetime(until))
		done <- result{fresh, err}
	}()
	select {
	case r := <-done:
		switch {
		case r.err != nil:
			err = r.err
		case r.fresh && !expired && !time.Now().Before(until):
			// Redis drops the record of an earlier use at until.
			err = errors.New("the answer came after the time for which Redis keeps the id")
		default:
			return r.fresh, nil
		}
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	s.undo(key, mine)
	return false, unavailable(err)
}

// set reports whether it has set the key to mine, in this attempt of go-redis or an earlier
// one.
func (s *Store) set(ctx context.Context, key, mine string, life time.Duration) (fresh bool, err error) {
	defer recovered(&err)
	fresh, err = s.client.SetNX(ctx, key, mine, life).Result()
	if fresh || err != nil {
		return fresh, err
	}
	value, err := s.client.Get(ctx, key).Result()
	if err == nil && value == void || errors.Is(err, redis.Nil) { // taken back, or expired
		return s.client.Eval(ctx, takeOver, []string{key}, mine, life.Milliseconds()).Bool()
	}
	return value == mine, err
}

// void is the value of a key whose Add has failed. A missing key would not do: Redis may get
// the SET, or an older attempt of it, after the key was removed.
const (
	void     = ""
	voidFor  = 2 * time.Minute
	takeBack = `
local value = redis.call("get", KEYS[1])
if not value or value == ARGV[1] then
	redis.call("set", KEYS[1], "", "px", ARGV[2])
end
return 1`
	takeOver = `
local value = redis.call("get", KEYS[1])
if not value or value == "" then
	redis.call("set", KEYS[1], ARGV[1], "px", ARGV[2])
	return 1
end
return value == ARGV[1] and 1 or 0`
)

// undo makes the key void in the background, unless it has the value of another Add: that has
// accepted its credential, or undoes its own entry.
func (s *Store) undo(key, mine string) {
	select {
	case s.undoing <- struct{}{}:
		go s.tryUndo(key, mine, time.Now().Add(undoFor))
	default:
	}
}

func (s *Store) tryUndo(key, mine string, end time.Time) {
	ctx, cancel := context.WithDeadline(context.Background(), end)
	defer cancel()
	err := s.void(ctx, key, mine)
	if err == nil || errors.Is(err, redis.ErrClosed) || !time.Now().Before(end) {
		<-s.undoing
		return
	}
	time.AfterFunc(undoEvery, func() { s.tryUndo(key, mine, end) })
}

func (s *Store) void(ctx context.Context, key, mine string) (err error) {
	defer recovered(&err)
	return s.client.Eval(ctx, takeBack, []string{key}, mine, voidFor.Milliseconds()).Err()
}

// recovered makes an error of a hook's panic, which would end the process in a goroutine.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("redisreplay: the client panicked: %T", p)
	}
}

// key has a fixed length, and shows no credential to a reader of Redis.
func (s *Store) key(scope, id string) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(len(scope)))
	b = append(b, scope...)
	b = append(b, id...)
	sum := sha256.Sum256(b)
	return s.prefix + base64.RawURLEncoding.EncodeToString(sum[:])
}

// lifetime returns how long Redis keeps the key. Redis counts milliseconds: one is added
// for what is cut off here, and one for what Redis cuts off its clock.
func lifetime(until time.Time) time.Duration {
	life := time.Until(until)
	if life <= 0 {
		return expiredFor
	}
	return min(life, longest).Truncate(time.Millisecond) + 2*time.Millisecond
}

func unavailable(cause error) error {
	return &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Strategy: "redisreplay", Reason: "replay_store", Err: cause}
}
