package keyset_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// With a context of rotation.LoadedOnly nothing is fetched and nobody waits. The keys serve as
// long as they would otherwise.
func TestLoadedOnlyFetchesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		ctx, start := rotation.LoadedOnly(t.Context()), time.Now()
		err := lookUp(ctx, s, "a")
		check(t, err, redoxauth.ErrUnavailable, "keys")
		says := func(err error, want string) {
			t.Helper()
			if err == nil || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		}
		const from = ` (RemoteConfig.URL "https://keys.example/jwks.json"); Explain fetches none, and the next request that needs other keys does`
		says(err, ": not loaded yet; there are no keys, next fetch on demand"+from)
		synctest.Wait()
		srv.wantFetches(t, 0)

		check(t, s.Ready(t.Context()), nil, "")
		check(t, lookUp(ctx, s, "a"), nil, "")
		check(t, lookUp(ctx, s, "b"), redoxauth.ErrRejected, "unknown_key")
		time.Sleep(time.Hour) // past their life
		check(t, lookUp(ctx, s, "a"), nil, "")
		srv.set(respond(200, jwks("b")))
		err = lookUp(ctx, s, "b")
		check(t, err, redoxauth.ErrRejected, "unknown_key")
		says(err, `: kid is "b", want "a"; the keys are 1h0m0s old, next fetch on demand`+from)
		time.Sleep(24 * time.Hour) // past MaxStale
		err = lookUp(ctx, s, "a")
		check(t, err, redoxauth.ErrUnavailable, "keys")
		says(err, ": not loaded yet; there are no keys, next fetch on demand"+from)
		if d := time.Since(start); d != 25*time.Hour {
			t.Errorf("somebody waited: %v", d)
		}
		synctest.Wait()
		srv.wantFetches(t, 1)
		check(t, lookUp(t.Context(), s, "b"), nil, "")
	})
}

// A refusal tells which keys decided, and whether others are to come.
func TestErrorOfAnUnknownKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		says := func(ctx context.Context, want string) {
			t.Helper()
			err := lookUp(ctx, s, "b")
			check(t, err, redoxauth.ErrRejected, "unknown_key")
			if want = `: kid is "b", want "a"; the keys are ` + want; err == nil || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		}
		check(t, s.Ready(t.Context()), nil, "")
		time.Sleep(time.Minute)
		says(t.Context(), `0s old, next fetch in 5s at the earliest (RemoteConfig.URL "https://keys.example/jwks.json")`)
		time.Sleep(time.Minute)
		srv.set(slowly(2*time.Second, respond(200, jwks("a"))))
		var stranger sync.WaitGroup
		stranger.Go(func() { lookUp(t.Context(), s, "c") })
		time.Sleep(time.Second)
		says(rotation.LoadedOnly(t.Context()), `1m1s old, and a fetch is running (RemoteConfig.URL "https://keys.example/jwks.json"); Explain fetches none, and the next request that needs other keys does`)
		stranger.Wait()
	})
}

// While the key server is down, Explain does not call a token refused that Verify cannot decide.
func TestLoadedOnlyDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		loaded := rotation.LoadedOnly(t.Context())
		check(t, s.Ready(t.Context()), nil, "")
		refused := errors.New("connection refused")
		srv.set(func(*http.Request) (*http.Response, error) { return nil, refused })
		undecided := func(ctx context.Context, name string) {
			t.Helper()
			err := lookUp(ctx, s, name)
			check(t, err, redoxauth.ErrUnavailable, "keys")
			if !errors.Is(err, refused) {
				t.Errorf("%s: error %v, want that of the fetch in it", name, err)
			}
		}
		undecided(t.Context(), "b")
		for _, name := range []string{"b", "b as ", "b as a"} {
			undecided(loaded, name)
		}
		check(t, lookUp(loaded, s, "a"), nil, "")
		srv.wantFetches(t, 2)

		srv.set(respond(200, jwks("a")))
		time.Sleep(time.Second)
		check(t, lookUp(t.Context(), s, "b"), redoxauth.ErrRejected, "unknown_key")
		check(t, lookUp(loaded, s, "b"), redoxauth.ErrRejected, "unknown_key")
	})
}

// The error of an answer that is no key set says what it is.
func TestErrorSaysWhatTheServerAnswered(t *testing.T) {
	for _, test := range []struct {
		status   int
		body     string
		want     string
		location string
	}{
		{404, "", "https://keys.example/jwks.json: status 404 Not Found, want 200", ""},
		{404, "", "https://keys.example/jwks.json: status 404 Not Found, want 200", "https://login.example"},
		{429, "", "https://keys.example/jwks.json: status 429 Too Many Requests, want 200", ""},
		{503, "", "https://keys.example/jwks.json: status 503 Service Unavailable, want 200", ""},
		{302, "", `https://keys.example/jwks.json: status 302, a redirect to "https://login.example/in", which is not followed, want 200`, "https://login.example/in?key=s3cret"},
		{304, "", "https://keys.example/jwks.json: status 304 Not Modified, want 200", ""},
		{200, "<html>log in</html>", "https://keys.example/jwks.json: an HTML page, want a JWK Set", ""},
		{200, `{"error":"x"}`, "a JSON object that tells an error, want a JWK Set, which is JSON with an array \"keys\"; there are no keys", ""},
		{200, "", "an empty answer, want a JWK Set", ""},
		{200, `{"issuer":"https://x","jwks_uri":"https://x/k"}`, "it is the metadata of an issuer: set RemoteConfig.Issuer", ""},
		{200, `{"keys":[{"kty"`, "JSON that is malformed or cut off, want a JWK Set", ""},
		{200, `{"k1":"-----BEGIN CERTIFICATE-----\nAA"}`, "it has certificates: look for the URL of a JWK Set", ""},
		{200, `{"keys":[]}`, ": \"https://keys.example/jwks.json\": no usable key: the set is empty", ""},
		{200, unusable(4), "no usable key: key 0: not a public key; key 1: not a public key; key 2: not a public key; key 3: not a public key; there are no keys", ""},
		{200, unusable(6), "; key 3: not a public key; and 2 more; there are no keys", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, srv := remote(t, keyset.RemoteConfig{}, "a")
			srv.set(respond(test.status, test.body, "Location: "+test.location))
			err := s.Ready(t.Context())
			check(t, err, redoxauth.ErrUnavailable, "keys")
			if err != nil && (!strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "RemoteConfig.URL") || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "s3cret")) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// unusable returns a set of secrets.
func unusable(n int) string {
	return `{"keys":[` + strings.TrimSuffix(strings.Repeat(`{"kty":"oct","k":"AA"},`, n), ",") + `]}`
}

// What is not a key set, or not an issuer, is named before anybody sends a token.
func TestErrorsSayWhatIsExpected(t *testing.T) {
	of := func(_ keyset.Set, err error) error { return err }
	_, metadata := keyset.NewRemote(keyset.RemoteConfig{Issuer: "https://issuer.example/.well-known/openid-configuration"})
	for _, test := range []struct {
		err  error
		want string
	}{
		{metadata, "keyset: Issuer: the URL of metadata, want the issuer that is named in it"},
		{of(keyset.ParseJWKS([]byte("<html>"))), `keyset: ParseJWKS: an HTML page, want a JWK Set, which is JSON with an array "keys"`},
		{of(keyset.ParsePEM([]byte("/etc/keys/redox.pem"))), "the content of a file, not its name"},
		{of(keyset.ParsePEM([]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))), "a private key, want the public one"},
	} {
		if test.err == nil || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("error %v, want %s", test.err, test.want)
		}
	}
}
