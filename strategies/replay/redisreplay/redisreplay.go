// Package redisreplay is a [replay.Store] in Redis, for several replicas behind one URL: an
// id that was used at one replica is used at all. It is a module of its own, so that only
// its users depend on go-redis.
//
//	seen, err := redisreplay.New(redisreplay.Config{Client: redis.NewClient(&redis.Options{Addr: addr})})
//
// Set it as the Replay field of the strategies. All replicas share one Redis and one Prefix.
// If one replica issues tokens and another verifies them, they also share the list of
// TokenSecrets; package smartbackend describes how to rotate it. No field of the Redox
// dashboard is about replay.
//
// # Operation
//
// When Redis is down, slow, out of memory or read-only, Add fails with
// [redoxauth.ErrUnavailable], reason "replay_store". Then no credential that needs the Store
// is accepted. The peer gets 503 and tries again.
//
// An id that Redis forgets can be used once more, until its credential expires. For an
// assertion that is a few minutes. Redis forgets by:
//
//   - Eviction: set maxmemory-policy to noeviction. Every other policy may remove entries
//     when memory is short. With noeviction Redis refuses to write, and Add fails as above.
//     An entry takes about 200 bytes.
//   - Restart: without persistence Redis forgets everything, with appendfsync everysec the
//     last second. If that matters, set appendfsync always, or keep the endpoint down after a
//     restart of Redis until every assertion has expired.
//   - Failover, by Sentinel or in a cluster: replication is asynchronous, so the new primary
//     may lack the last writes. WAIT does not change that.
//   - FLUSHALL, and a change of Prefix.
//
// Redis counts a duration that the replica computed by its own clock, so the clocks of Redis
// and of the replica may differ. The clocks of two replicas may differ by the Leeway of the
// token endpoints and of jwtbearer. They record an id until twice the Leeway and a minute
// past the expiry. If the clocks differ by more, one replica may accept what another replica
// has recorded and dropped.
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
	// protocol; required. Configure TLS, passwords, pools and clusters there. In a
	// cluster, leave its ReadOnly off, because replicas lag behind.
	Client redis.UniversalClient

	// Prefix is the beginning of every key; default "redoxauth:replay:". Deployments that
	// share a Redis, and have different clients, need different prefixes.
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
		return nil, errors.New("redisreplay: Client: required")
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "redoxauth:replay:"
	}
	return &Store{client: cfg.Client, prefix: cfg.Prefix}, nil
}

// Add implements [replay.Store] with one SET NX. It waits within ctx, at most 5 s. If it
// gives up waiting, the id may or may not be recorded.
func (s *Store) Add(ctx context.Context, scope, id string, until time.Time) (fresh bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if ctx.Err() != nil { // a request that has ended must not use up its credential
		return false, unavailable(context.Cause(ctx))
	}
	// go-redis respects a context while it dials and waits for a connection. While it waits
	// for the answer, it does so only with an option of its own. Add must not depend on that.
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

// set sets the key to a value that only this call has. If go-redis loses an answer, it
// sends the command again, and finds the key that its first attempt set. With one value for
// all calls, a genuine credential would then look replayed.
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
	if errors.Is(err, redis.Nil) { // it has expired meanwhile
		return false, nil
	}
	return value == mine, err
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
