package authservers_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// TestRotationAndRestart: an authorization server changes its keys while it runs, is
// killed, and comes back with other keys. No genuine message is answered 401, and 503
// only while the server is down; none that is forged is accepted.
func TestRotationAndRestart(t *testing.T) {
	servers := map[string]func(*testing.T, ...redoxtest.Key) *server{"oidc-provider": oidcProvider, "glewlwyd": glewlwyd, "fosite": fosite, "zitadel": zitadel}
	if *all {
		servers["Ory Hydra"] = hydra
	}
	for name, start := range servers {
		for _, notice := range []bool{true, false} {
			if !notice && (name == "fosite" || name == "zitadel") && !*all {
				continue // the gate sees the others do it
			}
			mode := map[bool]string{true: "announced", false: "unannounced"}[notice]
			t.Run(name+" "+mode, func(t *testing.T) {
				t.Parallel()
				newRotation(t, start, notice).run(t)
			})
		}
	}
}

// A rotation is a server whose keys change, with or without notice: the next key is
// published before it signs, or is not.
type rotation struct {
	*server
	notice            bool
	first, next, last redoxtest.Key
	keys              *keyset.RemoteSet
	jwt, introspected *traffic
}

func newRotation(t *testing.T, start func(*testing.T, ...redoxtest.Key) *server, notice bool) *rotation {
	r := &rotation{notice: notice}
	r.first, r.next, r.last = redoxtest.NewKey("first", "ES384"), redoxtest.NewKey("next", "ES384"), redoxtest.NewKey("last", "ES384")
	r.server = start(t, r.first)
	var remote keyset.RemoteConfig
	if notice { // else the defaults
		remote = keyset.RemoteConfig{MinRefresh: time.Second, MaxRefresh: time.Second, Cooldown: 2 * time.Second}
	}
	r.keys = r.server.keys(t, remote)
	cfg := r.config
	cfg.Keys = r.keys
	asking := r.introspection
	asking.CacheTTL = 200 * time.Millisecond
	newTraffic := func(to *destination, sender func() sender, forge func(string) []string) *traffic {
		return &traffic{server: r.server, to: to, sender: sender, forge: forge, count: make(map[string]int)}
	}
	r.jwt = newTraffic(newDestination(t, verifier(t, cfg)), r.server.jwt, r.forgeJWT)
	elsewhere := tokenOf(t, r.elsewhere())
	r.introspected = newTraffic(newDestination(t, introspection(t, asking)), r.server.introspected, func(token string) []string {
		return append(forgeOpaque(token), elsewhere)
	})
	return r
}

func (r *rotation) run(t *testing.T) {
	old := tokenOf(t, r.server.jwt())
	ctx, stop := context.WithCancel(t.Context())
	var flows sync.WaitGroup
	flows.Go(func() { r.jwt.flow(ctx) })
	flows.Go(func() { r.introspected.flow(ctx) })
	defer flows.Wait()
	defer stop()

	r.awaitAccepted(t, r.first)
	r.publish(t, r.first, r.next)
	r.configure(t, r.next, r.first)
	r.reload(t)
	r.awaitAccepted(t, r.next)

	r.publish(t, r.next, r.first, r.last)
	r.configure(t, r.last, r.next, r.first)
	r.restart(t, func() bool {
		return r.jwt.counted(acceptedInSpite) >= 20 && r.introspected.counted(unavailable) >= 20
	})
	r.awaitAccepted(t, r.last)
	stop()
	flows.Wait()
	r.jwt.report(t, "verified")
	r.introspected.report(t, "introspected")
	if n := r.jwt.counted(unavailable); n != 0 {
		t.Errorf("%d verified messages were answered 503, although all keys were known", n)
	}
	if r.notice {
		r.configure(t, r.last)
		r.reload(t)
		await(t, "the refusal of a withdrawn key", func() bool {
			status, _, err := r.jwt.to.send(t.Context(), bearer(old))
			return err == nil && status == 401
		})
	}
}

// publish gives notice of the last of the keys: it waits until the verifier has it.
func (r *rotation) publish(t *testing.T, keys ...redoxtest.Key) {
	t.Helper()
	if !r.notice {
		return
	}
	r.configure(t, keys...)
	r.reload(t)
	await(t, "the announced key", func() bool { return r.keys.Status().Keys == len(keys)+r.otherKeys })
}

// awaitAccepted waits for messages under a key, and introspected ones.
func (r *rotation) awaitAccepted(t *testing.T, key redoxtest.Key) {
	t.Helper()
	before := r.introspected.counted(accepted)
	await(t, "messages under the key "+key.ID, func() bool {
		return r.jwt.to.accepted(key.ID) >= 50 && r.introspected.counted(accepted) >= before+50
	})
}

// forgeJWT forges also with the key that signed the token.
func (r *rotation) forgeJWT(token string) []string {
	var header struct{ Kid string }
	head, _, _ := strings.Cut(token, ".")
	if b, err := base64.RawURLEncoding.DecodeString(head); err != nil || json.Unmarshal(b, &header) != nil {
		return []string{token} // genuine: the test fails
	}
	forged, err := redoxtest.ForgeJWT(token, redoxtest.NewKey(header.Kid, "ES384"), time.Now())
	if err != nil {
		return []string{token}
	}
	if !r.notice {
		// A stranger who names an unknown key uses up the fetch that a change without
		// notice needs: see keyset.RemoteConfig.Cooldown.
		delete(forged, "unknown key")
		delete(forged, "kid a path")
	}
	return slices.Collect(maps.Values(forged))
}

// forgeOpaque forges a token that is introspected. Few, since every one costs a call.
func forgeOpaque(token string) []string {
	forged, err := redoxtest.ForgeJWT(token, redoxtest.Key{}, time.Now())
	if err != nil { // not a JWT
		i := len(token) - 3 // the last character of base64 may have bits without a meaning
		altered := "A"
		if token[i] == 'A' {
			altered = "B"
		}
		return []string{token[:i] + altered + token[i+1:], token + "A", strings.Repeat("A", len(token))}
	}
	return []string{forged["signature altered"], forged["claims altered"], forged["other key"], forged["alg none"]}
}
