package sigv4_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// A recorder is a replay.Store that tells what it was asked.
type recorder struct {
	replay.Store
	calls []string
	until time.Time
	err   error
}

func (s *recorder) Add(ctx context.Context, scope, id string, until time.Time) (bool, error) {
	s.calls, s.until = append(s.calls, scope+"/"+id), until
	if s.err != nil {
		return false, s.err
	}
	return s.Store.Add(ctx, scope, id, until)
}

// SigV4 has no nonce: a captured request passes again until its date is too old, unless there
// is a replay store.
func TestReplay(t *testing.T) {
	r := scenario{}.request
	v := newVerifier(t, testConfig())
	for range 2 {
		if _, err := v.Verify(r()); err != nil {
			t.Errorf("without a store: %v", err)
		}
	}
	store := &recorder{Store: replay.NewMemory(10)}
	cfg := testConfig()
	cfg.Replay = store
	v = newVerifier(t, cfg)
	if _, err := v.Verify(r()); err != nil {
		t.Fatalf("first use: %v", err)
	}
	_, err := v.Verify(r())
	verifiertest.CheckError(t, err, redoxauth.ErrRejected, "replayed")
	if first := store.calls[0]; len(first) != len("sigv4/")+64 {
		t.Errorf("the store was asked for %q, want all of the signature in it", first)
	}
	// A clock that is slow by MaxSkew accepts the request for 10 min, and then reads the body.
	if want := testDate.Add(11 * time.Minute); !store.until.Equal(want) {
		t.Errorf("kept until %v, want %v", store.until, want)
	}
	used := len(store.calls)
	for _, s := range []scenario{
		{signer: wrongSecret},
		{signer: payload("hash"), after: func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("{}")) }},
		{signer: func(s *signer) { s.token = "x" }},
	} {
		if accepted(v, s.request()) {
			t.Error("accepted")
		}
	}
	v.Explain(r())
	if len(store.calls) != used {
		t.Error("the store was asked about a request that does not hold, or by Explain")
	}
	store.err = errors.New("down")
	_, err = v.Verify(r())
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "replay_store")
}

func TestCredentialsFunc(t *testing.T) {
	list := testConfig().Credentials
	for name, test := range map[string]struct {
		list []sigv4.Credential
		err  error
		want string // the error; empty: accepted
	}{
		"list":       {list, nil, ""},
		"error":      {nil, errors.New("vault is sealed"), "Config.CredentialsFunc: vault is sealed"},
		"empty list": {nil, nil, "Config.CredentialsFunc: empty list, want at least one entry"},
		"bad list": {make([]sigv4.Credential, 1), nil,
			"Config.CredentialsFunc: [0].AccessKeyID: required\nConfig.CredentialsFunc: [0].SecretAccessKey: required"},
	} {
		calls := 0
		cfg := testConfig()
		cfg.Credentials = nil
		cfg.CredentialsFunc = func(ctx context.Context) ([]sigv4.Credential, error) {
			calls++
			return test.list, test.err
		}
		v := newVerifier(t, cfg)
		_, err := v.Verify(request("/"))
		verifiertest.CheckError(t, err, redoxauth.ErrNoCredentials, "missing")
		if calls > 0 {
			t.Errorf("%s: the function was called for a request without credentials", name)
		}
		if _, err = v.Verify(scenario{}.request()); test.want != "" {
			verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "secrets")
			if want := "sigv4: cannot be decided now (secrets): " + test.want; err.Error() != want {
				t.Errorf("%s: %q, want %q", name, err, want)
			}
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// While a secret is rotated, the old and the new one are accepted, under one key ID or two, and
// the Identity shows which was used. A cache of signing keys by key ID would use the first
// one only (aws/aws-sdk-go-v2#3350).
func TestRotation(t *testing.T) {
	cfg := testConfig()
	cfg.Credentials = []sigv4.Credential{
		{AccessKeyID: "AKID1", SecretAccessKey: "old"},
		{AccessKeyID: "AKID1", SecretAccessKey: "new"},
		{AccessKeyID: "AKID2", SecretAccessKey: "newest"},
		{AccessKeyID: "AKID1", SecretAccessKey: "new", SessionToken: "token"},
	}
	cfg.Now = func() time.Time { return testDate.Add(time.Minute) } // Expiry counts from X-Amz-Date
	v := newVerifier(t, cfg)
	for range 2 {
		for position, c := range cfg.Credentials {
			s := testSigner
			s.key, s.secret, s.token = c.AccessKeyID, c.SecretAccessKey, c.SessionToken
			id, err := v.Verify(s.sign(request("/")))
			want := &redoxauth.Identity{Strategy: "sigv4", Subject: c.AccessKeyID, KeyID: fmt.Sprint(position), Expiry: testDate.Add(5 * time.Minute)}
			if d := cmp.Diff(want, id); d != "" || err != nil {
				t.Errorf("%d: %v\n%s", position, err, d)
			}
		}
		_, err := v.Verify(scenario{signer: func(s *signer) { s.key, s.secret, s.token = "AKID1", "new", "other" }}.request())
		verifiertest.CheckError(t, err, redoxauth.ErrRejected, "session_token")
		if want := "differs from Config.Credentials[3].SessionToken"; !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s in it", err, want)
		}
		_, err = v.Verify(scenario{signer: func(s *signer) { s.key, s.secret = "AKID2", "old" }}.request()) // of another key ID
		verifiertest.CheckError(t, err, redoxauth.ErrRejected, "signature")
	}
}

// Derived keys are kept for two days at a time. If the clock moves on or back, the key of
// another day must not be used.
func TestSigningKeysFollowTheDay(t *testing.T) {
	now := testDate
	cfg := testConfig()
	cfg.Now = func() time.Time { return now }
	v := newVerifier(t, cfg)
	for _, days := range []int{0, 1, 2, 3, 1, 0, 30, 31, 32, 365} {
		now = testDate.AddDate(0, 0, days)
		for _, secret := range []string{testSigner.secret, "wrong"} {
			r := scenario{signer: func(s *signer) { s.secret, s.date = secret, now }}.request()
			if accepted(v, r) != (secret == testSigner.secret) {
				t.Errorf("day %d, secret %s: accepted or refused", days, secret)
			}
		}
	}
}

// Around midnight the sender's dates and ours are of two days. The keys of both are kept: to derive
// one takes many allocations.
func TestSigningKeysOfTwoDaysAreKept(t *testing.T) {
	midnight := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	cfg := testConfig()
	cfg.Now = func() time.Time { return midnight }
	v := newVerifier(t, cfg)
	cost := func(dates ...time.Time) float64 {
		var requests []*http.Request
		for _, date := range dates {
			requests = append(requests, scenario{signer: func(s *signer) { s.secret, s.payload, s.date = "wrong", "hash", date }}.request())
		}
		return testing.AllocsPerRun(200, func() {
			for _, r := range requests {
				if accepted(v, r) {
					t.Fatal("accepted")
				}
			}
		})
	}
	old := midnight.AddDate(0, 0, -2) // its key is derived each time
	if kept, derived := cost(midnight), cost(old); kept > derived-15 {
		t.Errorf("%v allocations when the key is kept, and %v when it is derived", kept, derived)
	}
	before, after := midnight.Add(-time.Minute), midnight.Add(time.Minute)
	if one, both := cost(before, before), cost(before, after); both > one+15 { // with -race, sync.Pool forgets at random
		t.Errorf("%v allocations for two requests of one day, and %v for those of two days", one, both)
	}
}

// If CredentialsFunc fails after a rotation, the old credentials serve. The refusal of the new
// ones must say why they are not known.
func TestRefusalSaysThatCredentialsFuncFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list, failure := []sigv4.Credential{{AccessKeyID: "AKID1", SecretAccessKey: "old"}}, error(nil)
		cfg := testConfig()
		cfg.Now, cfg.Credentials = nil, nil
		cfg.CredentialsFunc = func(context.Context) ([]sigv4.Credential, error) { return list, failure }
		v := newVerifier(t, cfg)
		verify := func(key, secret, sessionToken string) error {
			s := testSigner
			s.key, s.secret, s.date = key, secret, time.Now().UTC()
			r := request("/")
			if sessionToken != "" {
				r.Header.Set("X-Amz-Security-Token", sessionToken)
			}
			_, err := v.Verify(s.sign(r))
			synctest.Wait()
			return err
		}
		if err := verify("AKID1", "old", ""); err != nil {
			t.Fatal(err)
		}
		failure = errors.New("the file is broken")
		time.Sleep(31 * time.Second)
		if err := verify("AKID1", "old", ""); err != nil {
			t.Errorf("the old credential: %v", err)
		}
		for reason, err := range map[redoxauth.Reason]error{
			"unknown_key":   verify("AKID2", "new", ""),
			"signature":     verify("AKID1", "new", ""),
			"session_token": verify("AKID1", "old", "new"),
		} {
			verifiertest.CheckError(t, err, redoxauth.ErrRejected, reason)
			if want := "; the list is 31s old, because the last call failed: Config.CredentialsFunc: the file is broken"; !strings.HasSuffix(err.Error(), want) {
				t.Errorf("got %v, want it to end with %q", err, want)
			}
		}
	})
}

// A secret that CredentialsFunc no longer supplies is refused, although its derived key of the
// day was in use.
func TestWithdrawnSecretStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := []sigv4.Credential{{AccessKeyID: "AKID1", SecretAccessKey: "old"}}
		cfg := testConfig()
		cfg.Now, cfg.Credentials = nil, nil
		cfg.CredentialsFunc = func(context.Context) ([]sigv4.Credential, error) { return list, nil }
		v := newVerifier(t, cfg)
		verify := func(secret string) error {
			s := testSigner
			s.key, s.secret, s.date = "AKID1", secret, time.Now().UTC()
			_, err := v.Verify(s.sign(request("/")))
			synctest.Wait()
			return err
		}
		if err := verify("old"); err != nil {
			t.Fatal(err)
		}
		list = []sigv4.Credential{{AccessKeyID: "AKID1", SecretAccessKey: "new"}}
		time.Sleep(31 * time.Second)
		verify("old") // starts the refresh
		verifiertest.CheckError(t, verify("old"), redoxauth.ErrRejected, "signature")
		if err := verify("new"); err != nil {
			t.Errorf("new secret: %v", err)
		}
	})
}
