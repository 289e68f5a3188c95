package jwtbearer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// renamed returns a key with another kid; "" is none.
func renamed(k redoxtest.Key, kid string) redoxtest.Key {
	k.ID = kid
	return k
}

// A publisher rotates without notice, in each way there is. The feed sends many messages at
// once, and strangers name unknown kids: nothing genuine is refused.
func TestRotationOverHTTP(t *testing.T) {
	oldKey, newKey, stranger := redoxtest.NewKey("old", "ES256"), redoxtest.NewKey("new", "ES256"), redoxtest.NewKey("stranger", "ES256")
	for _, test := range []struct {
		name          string
		before, after redoxtest.Key
	}{
		{"a new kid", oldKey, newKey},
		{"a new key under the old kid", oldKey, renamed(newKey, "old")},
		{"without kid", renamed(oldKey, ""), renamed(newKey, "")},
	} {
		t.Run(test.name, func(t *testing.T) {
			published := redoxtest.NewKeyServer(test.before)
			defer published.Close()
			keys, err := keyset.NewRemote(keyset.RemoteConfig{URL: published.JWKSURL, Cooldown: time.Hour, InsecureAllowHTTP: true})
			if err != nil {
				t.Fatal(err)
			}
			cfg := directConfig(t)
			cfg.Keys = keys
			api := httptest.NewServer(newDirect(t, cfg).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				id, _ := redoxauth.FromContext(r.Context())
				fmt.Fprint(w, id.KeyID)
			})))
			defer api.Close()
			send := func(ctx context.Context, key redoxtest.Key, message string) int {
				s := directSender()
				s.Key = key
				resp, err := s.Send(ctx, api.URL, []byte(message))
				if err != nil {
					return 0
				}
				resp.Body.Close()
				return resp.StatusCode
			}
			if status := send(t.Context(), test.before, "message"); status != 200 {
				t.Fatalf("status %d before the rotation", status)
			}
			published.Rotate(test.after)
			ctx, hangUp := context.WithCancel(t.Context())
			var feed, strangers sync.WaitGroup
			for i := range 40 {
				feed.Go(func() {
					if status := send(t.Context(), test.after, "message"); status != 200 {
						t.Errorf("status %d for a genuine message", status)
					}
				})
				if i%2 == 0 {
					strangers.Go(func() { send(ctx, renamed(stranger, fmt.Sprint("stranger-", i)), "") })
				}
			}
			feed.Wait()
			if n := published.Fetches(); n != 2 {
				t.Errorf("%d fetches, want 2", n)
			}
			hangUp() // without a body, net/http notices
			strangers.Wait()
		})
	}
}

// The old and the new key are listed together, and the Identity names the one that matched.
func TestConfiguredRotation(t *testing.T) {
	oldKey, newKey := redoxtest.NewKey("old", "RS256"), redoxtest.NewKey("new", "RS256")
	inPEM, err := keyset.ParsePEM(append(oldKey.PEM(), newKey.PEM()...))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		keys keyset.Set
		ids  [2]string
	}{
		"PEM":              {inPEM, [2]string{"0", "1"}},
		"JWKS":             {parseKeys(t, oldKey, newKey), [2]string{"old", "new"}},
		"JWKS without kid": {parseKeys(t, renamed(oldKey, ""), renamed(newKey, "")), [2]string{"0", "1"}},
	} {
		cfg := directConfig(t)
		cfg.Keys = test.keys
		v := newDirect(t, cfg)
		for i, key := range []redoxtest.Key{oldKey, newKey} {
			id, err := v.Verify(signedBy(func(s *redoxtest.JWTBearer) { s.Key = key }))
			if err != nil || id.KeyID != test.ids[i] {
				t.Errorf("%s: identity %v, error %v; want key %s", name, id, err, test.ids[i])
			}
		}
	}
}
