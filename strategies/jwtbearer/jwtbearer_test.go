package jwtbearer_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

var (
	directNow    = time.Unix(1_700_000_000, 0)
	directKey    = redoxtest.NewKey("2026-11", "RS256")
	directSecret = redoxtest.NewKey("", "HS256")
)

func parseKeys(tb testing.TB, keys ...redoxtest.Key) keyset.Set {
	tb.Helper()
	s, err := keyset.ParseJWKS(redoxtest.JWKS(keys...))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// directConfig accepts what directSender sends.
func directConfig(tb testing.TB) jwtbearer.Config {
	return jwtbearer.Config{
		Keys: parseKeys(tb, directKey), Issuer: "redox", Audience: []string{"https://customer.example/redox"},
		Now: func() time.Time { return directNow },
	}
}

// secretConfig accepts tokens signed with directSecret.
func secretConfig() jwtbearer.Config {
	return jwtbearer.Config{
		Secrets: [][]byte{directSecret.Secret}, Issuer: "redox", Audience: []string{"https://customer.example/redox"},
		Now: func() time.Time { return directNow },
	}
}

func directSender() *redoxtest.JWTBearer {
	return &redoxtest.JWTBearer{
		Key: directKey, Issuer: "redox", Subject: "feed", Audience: []string{"https://customer.example/redox"},
		Scopes: []string{"read", "write"}, Now: func() time.Time { return directNow },
	}
}

func newDirect(tb testing.TB, cfg jwtbearer.Config) *jwtbearer.Verifier {
	tb.Helper()
	v, err := jwtbearer.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// signedBy returns a request of directSender after a change.
func signedBy(change func(*redoxtest.JWTBearer)) *http.Request {
	s := directSender()
	if change != nil {
		change(s)
	}
	return redoxtest.NewRequest(s)
}

func TestDirectIdentity(t *testing.T) {
	sender := directSender()
	token, err := sender.Token()
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	id, err := newDirect(t, directConfig(t)).Verify(r)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil || claims["aud"] != "https://customer.example/redox" {
		t.Errorf("claims %v (%v)", claims, err)
	}
	got := *id
	got.RawClaims = nil
	want := redoxauth.Identity{
		Strategy: "jwtbearer", Subject: "feed", Issuer: "redox", KeyID: "2026-11",
		Scopes: []string{"read", "write"}, Expiry: directNow.Add(5 * time.Minute),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

func TestDirectDecisions(t *testing.T) {
	rejected, foreign := redoxauth.ErrRejected, redoxauth.ErrNoCredentials
	for _, test := range []struct {
		name   string
		config func(*jwtbearer.Config)
		change func(*redoxtest.JWTBearer)
		want   error
		reason redoxauth.Reason
	}{
		{"as configured", nil, nil, nil, ""},
		{"no typ", nil, func(s *redoxtest.JWTBearer) { s.Header = map[string]any{"typ": nil} }, nil, ""},
		{"other typ", nil, func(s *redoxtest.JWTBearer) { s.Header = map[string]any{"typ": "at+jwt"} }, rejected, "type"},
		{"typ as configured", func(c *jwtbearer.Config) { c.Types = []string{"at+jwt"} }, func(s *redoxtest.JWTBearer) { s.Header = map[string]any{"typ": "application/at+jwt"} }, nil, ""},
		{"other issuer", nil, func(s *redoxtest.JWTBearer) { s.Issuer = "other" }, foreign, "issuer"},
		{"other audience", nil, func(s *redoxtest.JWTBearer) { s.Audience = []string{"https://other.example"} }, rejected, "audience"},
		{"several audiences", nil, func(s *redoxtest.JWTBearer) { s.Audience = append(s.Audience, "https://other.example") }, nil, ""},
		{"no audience, wanted", nil, func(s *redoxtest.JWTBearer) { s.Audience = nil }, rejected, "audience"},
		{"no audience, none wanted", noAudience, func(s *redoxtest.JWTBearer) { s.Audience = nil }, nil, ""},
		{"an audience, none wanted", noAudience, nil, rejected, "audience"},
		{"subject", func(c *jwtbearer.Config) { c.Subject = "feed" }, nil, nil, ""},
		{"other subject", func(c *jwtbearer.Config) { c.Subject = "other" }, nil, rejected, "subject"},
		{"scopes", func(c *jwtbearer.Config) { c.Scopes = []string{"write", "read"} }, nil, nil, ""},
		{"a scope is missing", func(c *jwtbearer.Config) { c.Scopes = []string{"write", "admin"} }, nil, redoxauth.ErrForbidden, "scope"},
		{"a scope is missing and the token expired", func(c *jwtbearer.Config) {
			c.Scopes = []string{"admin"}
			c.Now = func() time.Time { return directNow.Add(time.Hour) }
		}, nil, rejected, "expired"},
		{"at the end of its life", func(c *jwtbearer.Config) {
			c.Now = func() time.Time { return directNow.Add(5*time.Minute + 59*time.Second) }
		}, nil, nil, ""},
		{"past the end of its life", func(c *jwtbearer.Config) { c.Now = func() time.Time { return directNow.Add(6 * time.Minute) } }, nil, rejected, "expired"},
		{"with more leeway", func(c *jwtbearer.Config) {
			c.Leeway = 5 * time.Minute
			c.Now = func() time.Time { return directNow.Add(9 * time.Minute) }
		}, nil, nil, ""},
		{"from our future", func(c *jwtbearer.Config) { c.Now = func() time.Time { return directNow.Add(-61 * time.Second) } }, nil, rejected, "not_yet_valid"},
		{"for a day", nil, func(s *redoxtest.JWTBearer) { s.Lifetime = 24 * time.Hour }, nil, ""},
		{"for more than a day", nil, func(s *redoxtest.JWTBearer) { s.Lifetime = 24*time.Hour + time.Second }, rejected, "lifetime"},
		{"for more than configured", func(c *jwtbearer.Config) { c.MaxLifetime = time.Minute }, nil, rejected, "lifetime"},
		{"bound to a key", nil, func(s *redoxtest.JWTBearer) { s.Claims = map[string]any{"cnf": map[string]any{"jkt": "x"}} }, rejected, "binding"},
		{"other key", nil, func(s *redoxtest.JWTBearer) { s.Key = redoxtest.NewKey("other", "RS256") }, rejected, "unknown_key"},
		{"other key under the same name", nil, func(s *redoxtest.JWTBearer) {
			s.Key = redoxtest.NewKey("other", "RS256")
			s.Key.ID = directKey.ID
		}, rejected, "signature"},
		{"algorithm not the key's", nil, func(s *redoxtest.JWTBearer) { s.Key.Algorithm = "RS512" }, rejected, "algorithm"},
		{"jku is never followed", nil, func(s *redoxtest.JWTBearer) {
			s.Header = map[string]any{"jku": "https://api.redoxengine.example/jwks.json"}
		}, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := directConfig(t)
			if test.config != nil {
				test.config(&cfg)
			}
			id, err := newDirect(t, cfg).Verify(signedBy(test.change))
			if test.want == nil {
				if id == nil || err != nil {
					t.Errorf("identity %v, error %v", id, err)
				}
				return
			}
			verifiertest.CheckError(t, err, test.want, test.reason)
			if id != nil || !strings.HasPrefix(err.Error(), "jwtbearer: ") {
				t.Errorf("identity %v, error %v, want one of jwtbearer", id, err)
			}
		})
	}
}

func noAudience(c *jwtbearer.Config) { c.Audience, c.InsecureNoAudience = nil, true }

// A page of Redox's documentation shows an opaque "authorization: Bearer" beside the
// verification token. It is not for this Verifier, so it is not refused.
func TestOtherBearersAreNotMine(t *testing.T) {
	v := newDirect(t, directConfig(t))
	for _, token := range []string{"9a1ee8f2-6b66-4d11-b2ec-0d4b1f9b1f3e", "ya29.c.b0AXv0zTPIXDh-F2", "a.b", "a.b.c.d.e"} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		_, err := v.Verify(r)
		verifiertest.CheckError(t, err, redoxauth.ErrNoCredentials, "missing")
	}
	_, err := v.Verify(httptest.NewRequest("POST", "/", nil))
	verifiertest.CheckError(t, err, redoxauth.ErrNoCredentials, "missing")
	r := signedBy(nil)
	r.Header.Add("Authorization", r.Header.Get("Authorization"))
	_, err = v.Verify(r)
	verifiertest.CheckError(t, err, redoxauth.ErrMalformed, "malformed")
}

// The token that Redox documents for its SSO data model: HS256, UUIDs as iss and aud, an
// empty sub, 900 s (https://developer.redoxengine.com/data-models/SSO.html).
func TestRedoxSSOToken(t *testing.T) {
	cfg := secretConfig()
	cfg.Issuer, cfg.Audience = "0f4bd1d1-451d-4351-8cfd-b767d1b488d6", []string{"d9f5d293-7110-461e-a875-3beb089e79f3"}
	s := &redoxtest.JWTBearer{
		Key: directSecret, Issuer: cfg.Issuer, Audience: cfg.Audience, Lifetime: 900 * time.Second, Now: cfg.Now,
		Claims: map[string]any{"sub": "", "jti": nil, "name": "Dr. Jane Doe", "npi": "4356789876", "patient_ids": []map[string]string{{"id": "0000000001", "id_type": "MR"}}},
	}
	id, err := newDirect(t, cfg).Verify(redoxtest.NewRequest(s))
	if err != nil || id.KeyID != "0" || id.Subject != "" {
		t.Errorf("identity %+v, error %v", id, err)
	}
}

func TestSecretsRotate(t *testing.T) {
	other := redoxtest.NewKey("other", "HS256")
	cfg := secretConfig()
	var list [][]byte
	var fail error
	clock := directNow
	cfg.Secrets, cfg.Now = nil, func() time.Time { return clock }
	cfg.SecretsFunc = func(context.Context) ([][]byte, error) { return list, fail }
	by := func(k redoxtest.Key) *http.Request {
		return signedBy(func(s *redoxtest.JWTBearer) { s.Key, s.Now = k, cfg.Now })
	}

	fail = errors.New("vault sealed")
	_, err := newDirect(t, cfg).Verify(by(directSecret))
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "secrets")
	fail = nil
	for secret, want := range map[string]string{
		"short":                                "Config.SecretsFunc: [0]: 5 bytes, want at least 32",
		"a line of a file, 32 bytes or more\n": "Config.SecretsFunc: [0]: white space around it",
	} {
		list = [][]byte{[]byte(secret)}
		_, err = newDirect(t, cfg).Verify(by(directSecret))
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "secrets")
		if !strings.HasSuffix(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}

	list = [][]byte{other.Secret, directSecret.Secret}
	v := newDirect(t, cfg)
	id, err := v.Verify(by(directSecret))
	if err != nil || id.KeyID != "1" {
		t.Errorf("identity %v, error %v, want the key ID 1, its position", id, err)
	}

	// By Config.Now the list is old a minute later, and is loaded again.
	third := redoxtest.NewKey("third", "HS256")
	list, clock = [][]byte{third.Secret}, clock.Add(time.Minute)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err = v.Verify(by(third)); err == nil || time.Now().After(deadline) {
			break
		}
	}
	if err != nil {
		t.Errorf("a minute after the rotation: %v", err)
	}
}

// The position of a secret changes when another is listed before it, also for a token that was
// accepted before.
func TestKeyIDIsThePositionNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := [][]byte{directSecret.Secret}
		cfg := directConfig(t)
		cfg.Keys, cfg.Now = nil, nil
		cfg.SecretsFunc = func(context.Context) ([][]byte, error) { return list, nil }
		v := newDirect(t, cfg)
		request := signedBy(func(s *redoxtest.JWTBearer) { s.Key, s.Now = directSecret, time.Now })
		verify := func(want string) {
			t.Helper()
			if id, err := v.Verify(request); err != nil || id.KeyID != want {
				t.Errorf("identity %v, error %v, want the key ID %s", id, err, want)
			}
			synctest.Wait()
		}
		verify("0")
		verify("0")
		list = [][]byte{redoxtest.NewKey("new", "HS256").Secret, directSecret.Secret}
		time.Sleep(time.Minute)
		verify("0") // and has the list loaded
		verify("1")
	})
}

// If SecretsFunc fails after a rotation, or supplies what cannot be a secret, the old secrets
// serve. The refusal of the new one must say why it is not known.
func TestRefusalSaysThatSecretsFuncFailed(t *testing.T) {
	rotated := redoxtest.Key{Algorithm: "HS256", Secret: []byte("the new secret, of 32 bytes or more")}
	for _, test := range []struct {
		secret  string
		failure error
		want    string
	}{
		{"", errors.New("the file is broken"), "the file is broken"},
		{string(rotated.Secret) + "\n", nil, "[0]: white space around it"},
	} {
		synctest.Test(t, func(t *testing.T) {
			secret, failure := directSecret.Secret, error(nil)
			cfg := directConfig(t)
			cfg.Keys, cfg.Now = nil, nil
			cfg.SecretsFunc = func(context.Context) ([][]byte, error) { return [][]byte{secret}, failure }
			v := newDirect(t, cfg)
			verify := func(k redoxtest.Key) error {
				_, err := v.Verify(signedBy(func(s *redoxtest.JWTBearer) { s.Key, s.Now = k, time.Now }))
				synctest.Wait()
				return err
			}
			if err := verify(directSecret); err != nil {
				t.Fatal(err)
			}
			secret, failure = []byte(test.secret), test.failure
			time.Sleep(31 * time.Second)
			for range 2 { // the first has the list loaded
				if err := verify(directSecret); err != nil {
					t.Errorf("the old secret: %v", err)
				}
			}
			err := verify(rotated)
			verifiertest.CheckError(t, err, redoxauth.ErrRejected, "signature")
			if want := "; the list is 31s old, because the last call failed: Config.SecretsFunc: " + test.want; !strings.HasSuffix(err.Error(), want) {
				t.Errorf("got %v, want it to end with %q", err, want)
			}
		})
	}
}

// A recording store remembers until when it was to keep the last id.
type recording struct {
	replay.Store
	until time.Time
}

func (s *recording) Add(ctx context.Context, scope, id string, until time.Time) (bool, error) {
	s.until = until
	return s.Store.Add(ctx, scope, id, until)
}

func TestReplayIsRefusedIfAsked(t *testing.T) {
	cfg := directConfig(t)
	cfg.Scopes = []string{"read"}
	v := newDirect(t, cfg)
	request := signedBy(nil)
	for range 3 { // by default Redox may send one token with many messages
		if _, err := v.Verify(request); err != nil {
			t.Error(err)
		}
	}
	store := &recording{Store: replay.NewMemory(10)}
	cfg.Replay = store
	v = newDirect(t, cfg)
	// A token that is refused for another reason is not used up.
	short := signedBy(func(s *redoxtest.JWTBearer) { s.Scopes, s.Claims = nil, map[string]any{"jti": "j1"} })
	_, err := v.Verify(short)
	verifiertest.CheckError(t, err, redoxauth.ErrForbidden, "scope")
	for name, claims := range map[string]map[string]any{"with jti": {"jti": "j1"}, "without jti": {"jti": nil}} {
		t.Run(name, func(t *testing.T) {
			request := signedBy(func(s *redoxtest.JWTBearer) { s.Claims = claims })
			id, err := v.Verify(request)
			if err != nil {
				t.Fatal(err)
			}
			// A clock that is slow by the leeway accepts the token for 2 min more, and may then wait for keys.
			if want := id.Expiry.Add(3 * time.Minute); !store.until.Equal(want) {
				t.Errorf("kept until %v, want %v", store.until, want)
			}
			_, err = v.Verify(request)
			verifiertest.CheckError(t, err, redoxauth.ErrRejected, "replayed")
		})
	}
	// A jti is unique for its issuer only (RFC 7519, Section 4.1.7), and Verifiers may share a store.
	of := func(issuer string) (*redoxauth.Identity, error) {
		other := cfg
		other.Issuer = issuer
		return newDirect(t, other).Verify(signedBy(func(s *redoxtest.JWTBearer) {
			s.Issuer, s.Scopes, s.Claims = issuer, []string{"read"}, map[string]any{"jti": "j2"}
		}))
	}
	if _, err := of("redox"); err != nil {
		t.Error(err)
	}
	if _, err := of("https://another.example"); err != nil {
		t.Errorf("the jti of another issuer: %v", err)
	}
	_, err = of("redox")
	verifiertest.CheckError(t, err, redoxauth.ErrRejected, "replayed")
	cfg.Replay = failingStore{}
	_, err = newDirect(t, cfg).Verify(signedBy(nil))
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "replay_store")
}

// A token that is refused must not push out one that is accepted. What is remembered is
// not parsed again, so it allocates less.
func TestOnlyAcceptedTokensAreRemembered(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*jwtbearer.Config)
		want   bool
	}{
		"accepted":           {func(*jwtbearer.Config) {}, true},
		"a scope is missing": {func(c *jwtbearer.Config) { c.Scopes = []string{"admin"} }, false},
		"single-use":         {func(c *jwtbearer.Config) { c.Replay = replay.NewMemory(0) }, false},
	} {
		cfg := directConfig(t)
		test.change(&cfg)
		v, r := newDirect(t, cfg), signedBy(nil)
		v.Verify(r)
		allocations := testing.AllocsPerRun(10, func() { v.Verify(r) })
		if got := allocations < 15; got != test.want {
			t.Errorf("%s: %v allocations, so remembered: %v, want %v", name, allocations, got, test.want)
		}
	}
}

// An outage of the key server is 503 until it is over. A rotation needs no restart.
func TestKeyServerOutage(t *testing.T) {
	server := redoxtest.NewKeyServer(directKey)
	defer server.Close()
	keys, err := keyset.NewRemote(keyset.RemoteConfig{Issuer: server.Issuer, InsecureAllowHTTP: true, Cooldown: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	cfg := directConfig(t)
	cfg.Keys = keys
	v := newDirect(t, cfg)
	server.Fail(redoxtest.Status(500))
	_, err = v.Verify(signedBy(nil))
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "keys")
	server.Fail(nil)
	if _, err := v.Verify(signedBy(nil)); err != nil {
		t.Error(err)
	}
	next := redoxtest.NewKey("2026-12", "ES256")
	server.Rotate(next)
	if _, err := v.Verify(signedBy(func(s *redoxtest.JWTBearer) { s.Key = next })); err != nil {
		t.Error(err)
	}
	_, err = v.Verify(signedBy(nil))
	verifiertest.CheckError(t, err, redoxauth.ErrRejected, "unknown_key")
}

// CDS Hooks: the client signs a JWT for the URL that it calls, with ES384 or RS384, and may
// name its keys and its customer (https://cds-hooks.hl7.org/2.0/#trusting-cds-clients).
func TestCDSHooksMessageIsAccepted(t *testing.T) {
	for _, algorithm := range []string{"ES384", "RS384"} {
		t.Run(algorithm, func(t *testing.T) {
			key := redoxtest.NewKey("cds", algorithm)
			published := redoxtest.NewKeyServer(key)
			defer published.Close()
			keys, err := keyset.ParseJWKS(redoxtest.JWKS(key))
			if err != nil {
				t.Fatal(err)
			}
			handler := http.NewServeMux()
			service := httptest.NewServer(handler)
			defer service.Close()
			url := service.URL + "/cds-services/redox"
			v := newDirect(t, jwtbearer.Config{Keys: keys, Algorithms: []string{"ES384", "RS384"}, Issuer: "https://redox.example", Audience: []string{url}, Replay: replay.NewMemory(100)})
			handler.Handle("/cds-services/redox", v.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				id, _ := redoxauth.FromContext(r.Context())
				var claims struct{ Tenant, JTI string }
				if err := id.Claims(&claims); err != nil || claims.Tenant != "customer" || claims.JTI == "" {
					t.Errorf("claims %+v, error %v", claims, err)
				}
				var message struct{ Hook string }
				if err := json.NewDecoder(r.Body).Decode(&message); err != nil || message.Hook != "patient-view" {
					t.Errorf("message %+v, error %v", message, err)
				}
			})))
			send := func(change func(*redoxtest.JWTBearer)) int {
				s := &redoxtest.JWTBearer{Key: key, Issuer: "https://redox.example", Audience: []string{url}, JKU: published.JWKSURL, Tenant: "customer"}
				change(s)
				resp, err := s.Send(t.Context(), url, redoxtest.CDSHooks())
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				return resp.StatusCode
			}
			for name, change := range map[string]func(*redoxtest.JWTBearer){
				"genuine":     func(*redoxtest.JWTBearer) {},
				"without jku": func(s *redoxtest.JWTBearer) { s.JKU = "" },
			} {
				if status := send(change); status != http.StatusOK {
					t.Errorf("%s: status %d, want 200", name, status)
				}
			}
			// A key of the attacker's, published where the jku says, under a kid that is new or known.
			for _, kid := range []string{"attacker", "cds"} {
				attacker := redoxtest.NewKey("attacker", algorithm)
				attacker.ID = kid
				theirs := redoxtest.NewKeyServer(attacker)
				if status := send(func(s *redoxtest.JWTBearer) { s.Key, s.JKU = attacker, theirs.JWKSURL }); status != http.StatusUnauthorized {
					t.Errorf("a key from the jku, with the kid %q: status %d, want 401", kid, status)
				}
				if n := theirs.Fetches(); n != 0 {
					t.Errorf("the jku was followed %d times", n)
				}
				theirs.Close()
			}
			if n := published.Fetches(); n != 0 {
				t.Errorf("the genuine jku was followed %d times", n)
			}
		})
	}
}

// A JWKS URL that is configured is fetched. A jku in a token is not, even if it names a server
// that is up.
func TestJKUIsNeverFollowed(t *testing.T) {
	attacker := redoxtest.NewKey("attacker", "RS256")
	published, theirs := redoxtest.NewKeyServer(directKey), redoxtest.NewKeyServer(attacker)
	defer published.Close()
	defer theirs.Close()
	keys, err := keyset.NewRemote(keyset.RemoteConfig{URL: published.JWKSURL, InsecureAllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	cfg := directConfig(t)
	cfg.Keys = keys
	v := newDirect(t, cfg)
	if _, err := v.Verify(signedBy(func(s *redoxtest.JWTBearer) { s.JKU = theirs.JWKSURL })); err != nil {
		t.Errorf("a genuine token with another jku: %v", err)
	}
	_, err = v.Verify(signedBy(func(s *redoxtest.JWTBearer) { s.Key, s.JKU = attacker, theirs.JWKSURL }))
	verifiertest.CheckError(t, err, redoxauth.ErrRejected, "unknown_key")
	if n := theirs.Fetches(); n != 0 {
		t.Errorf("the jku was followed %d times", n)
	}
	if n := published.Fetches(); n == 0 {
		t.Error("the configured URL was not fetched")
	}
}

// A token of another issuer is not ours to refuse, however it is written: another member of
// AnyOf may accept it. Over HTTP, because a token may be as large as a header.
func TestMalformedTokenOfAnotherIssuerReachesTheNextVerifier(t *testing.T) {
	other := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		return &redoxauth.Identity{Strategy: "other"}, nil
	})
	server := httptest.NewServer(redoxauth.Middleware(redoxauth.AnyOf(newDirect(t, directConfig(t)), other), nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Fprint(w, id.Strategy)
	})))
	defer server.Close()
	for _, test := range []struct {
		name   string
		change func(*redoxtest.JWTBearer)
		token  func(string) string
	}{
		{"a kid that is a number", func(s *redoxtest.JWTBearer) { s.Header = map[string]any{"kid": 7} }, nil},
		{"larger than 16 KiB", func(s *redoxtest.JWTBearer) {
			s.Claims = map[string]any{"groups": strings.Repeat("group ", 20<<10)}
		}, nil},
		{"a name twice", nil, func(token string) string {
			part := strings.Split(token, ".")
			claims, _ := base64.RawURLEncoding.DecodeString(part[1])
			part[1] = base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"feed",` + string(claims[1:])))
			return strings.Join(part, ".")
		}},
	} {
		for _, issuer := range []string{"https://other.example", "redox"} {
			want := "200 other"
			if issuer == "redox" {
				want = "401"
			}
			s := directSender()
			if test.change != nil {
				test.change(s)
			}
			s.Issuer = issuer
			token, err := s.Token()
			if err != nil {
				t.Fatal(err)
			}
			if test.token != nil {
				token = test.token(token)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("message"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if got := fmt.Sprint(resp.StatusCode, " ", string(body)); !strings.HasPrefix(got, want) {
				t.Errorf("%s, of %s: %q, want %q", test.name, issuer, got, want)
			}
		}
	}
}
