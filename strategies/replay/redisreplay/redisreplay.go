// Package redisreplay is a [replay.Store] in Redis, for several replicas behind one
// URL: what was used at one is used at all. It is a module of its own, so that only
// those who use it depend on go-redis.
//
//	seen, err := redisreplay.New(redisreplay.Config{Client: redis.NewClient(&redis.Options{Addr: addr})})
//
// Give it to the Replay field of the strategies. All replicas share one Redis and one
// Prefix, and, for tokens that one issues and another verifies, the list of
// TokenSecrets, which rotates in three steps that smartbackend describes. No field of
// the Redox dashboard has to do with it.
//
// # Operation
//
// When Redis is down, slow, out of memory or read-only, Add fails with
// [redoxauth.ErrUnavailable], reason "replay_store": nothing that needs the Store is
// accepted, the peer gets 503 and tries again.
//
// What Redis forgets can be used once more, until its own expiry (a few minutes for
// an assertion):
//
//   - Eviction: set maxmemory-policy to noeviction. All other policies may remove
//     entries, which have an expiry, when memory is short. With noeviction Redis
//     refuses to write, and Add fails as above. An entry takes some 200 bytes.
//   - Restart: without persistence Redis forgets everything, with appendfsync
//     everysec the last second. Where that matters, use appendfsync always, or keep
//     the endpoint down for the life of an assertion after Redis was.
//   - Failover, by Sentinel or in a cluster: replication is asynchronous, so the new
//     primary may lack the last writes. WAIT does not change that.
//   - FLUSHALL, and a change of Prefix.
//
// Expiry runs by the clock of Redis from a duration that the replica computed by its
// own, so the two need not agree. The clocks of two replicas may differ by the Leeway
// of token endpoints and jwtbearer, which record what they accept until twice the Leeway
// and a minute past its expiry. Where they differ by more, what one has seen expire,
// another may accept once more.
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
	// Client is the connection to Redis 2.6.12 or later, or to what speaks its
	// protocol; required. TLS, passwords, pools and clusters are its business; in a
	// cluster, leave its ReadOnly off, because replicas lag behind.
	Client redis.UniversalClient

	// Prefix begins every key; default "redoxauth:replay:". Deployments that share a
	// Redis but not their clients need different ones.
	Prefix string
}

// A Store is safe for concurrent use. It does not close the Client.
type Store struct {
	client redis.UniversalClient
	prefix string
}

var _ replay.Store = (*Store)(nil)

const (
	timeout    = 5 * time.Second // of one Add
	expiredFor = time.Minute
	longest    = 100 * 365 * 24 * time.Hour // a time.Duration ends at 292 years
)

// New returns a Store. It does not connect.
func New(cfg Config) (*Store, error) {
	if cfg.Client == nil {
		return nil, errors.New("redisreplay: Client: is required")
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "redoxauth:replay:"
	}
	return &Store{client: cfg.Client, prefix: cfg.Prefix}, nil
}

// Add implements [replay.Store] with one SET NX. It waits within ctx and 5 s. When it
// gave up waiting, the id may or may not be recorded.
func (s *Store) Add(ctx context.Context, scope, id string, until time.Time) (fresh bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if ctx.Err() != nil { // a request that is over must not use up its credential
		return false, unavailable(context.Cause(ctx))
	}
	// go-redis heeds a context while it dials and waits for a connection, and only if
	// it is told so while it waits for the answer: that must not depend on an option.
	type result struct {
		fresh bool
		err   error
	}
	done := make(chan result, 1)
	go func() {
		fresh, err := s.set(ctx, s.key(scope, id), lifetime(until))
		done <- result{fresh, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return false, unavailable(r.err)
		}
		return r.fresh, nil
	case <-ctx.Done():
		return false, unavailable(context.Cause(ctx))
	}
}

// set sets the key to a value of this call alone. When go-redis loses an answer it
// sends the command again, and finds what the first attempt set: without that value a
// genuine credential would look replayed.
func (s *Store) set(ctx context.Context, key string, life time.Duration) (fresh bool, err error) {
	defer func() {
		if p := recover(); p != nil { // of a hook, in a goroutine where it would end the process
			fresh, err = false, fmt.Errorf("redisreplay: the client panicked: %T", p)
		}
	}()
	mine := rand.Text()
	fresh, err = s.client.SetNX(ctx, key, mine, life).Result()
	if fresh || err != nil {
		return fresh, err
	}
	value, err := s.client.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) { // it has expired since
		return false, nil
	}
	return value == mine, err
}

// key has a fixed length, and shows no credential to whoever can read Redis.
func (s *Store) key(scope, id string) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(len(scope)))
	b = append(b, scope...)
	b = append(b, id...)
	sum := sha256.Sum256(b)
	return s.prefix + base64.RawURLEncoding.EncodeToString(sum[:])
}

// lifetime is in the milliseconds that Redis counts in: one more for what is cut off
// here, and one for what Redis cuts off its clock.
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
