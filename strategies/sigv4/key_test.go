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

	"github.com/redoxauth/redoxauth-go/redoxauth"
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

// SigV4 has no nonce: a captured request passes again until its date is too old. A
// replay store ends that.
func TestReplay(t *testing.T) {
	r := func() *http.Request { return testSigner.sign(request("/redox/events")) }
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
	if _, err := v.Verify(r()); !errors.Is(err, redoxauth.ErrRejected) || reasonOf(err) != "replayed" {
		t.Errorf("second use: %v, want replayed", err)
	}
	if want := testDate.Add(10 * time.Minute); !store.until.Equal(want) {
		t.Errorf("kept until %v, want %v", store.until, want)
	}
	used := len(store.calls)
	for _, s := range []scenario{
		{signer: func(s *signer) { s.secret = "wrong" }},
		{signer: func(s *signer) { s.payload = "hash" }, after: func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("{}")) }},
		{signer: func(s *signer) { s.token = "x" }},
	} {
		if _, err := v.Verify(s.request()); err == nil {
			t.Error("accepted")
		}
	}
	v.Explain(r())
	if len(store.calls) != used {
		t.Error("the store was asked about a request that does not hold, or by Explain")
	}
	store.err = errors.New("down")
	if _, err := v.Verify(r()); !errors.Is(err, redoxauth.ErrUnavailable) || reasonOf(err) != "replay_store" {
		t.Errorf("store down: %v, want replay_store", err)
	}
}

// http.Request.Context ends what waits on CredentialsFunc.
func TestCredentialsFunc(t *testing.T) {
	list, fail := testConfig().Credentials, errors.New("vault is sealed")
	for _, test := range []struct {
		name   string
		supply func(context.Context) ([]sigv4.Credential, error)
		want   error
		reason redoxauth.Reason
	}{
		{"list", func(context.Context) ([]sigv4.Credential, error) { return list, nil }, nil, ""},
		{"error", func(context.Context) ([]sigv4.Credential, error) { return nil, fail }, redoxauth.ErrUnavailable, "secrets"},
		{"empty list", func(context.Context) ([]sigv4.Credential, error) { return nil, nil }, redoxauth.ErrUnavailable, "secrets"},
		{"bad list", func(context.Context) ([]sigv4.Credential, error) { return make([]sigv4.Credential, 1), nil }, redoxauth.ErrUnavailable, "secrets"},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls := 0
			cfg := testConfig()
			cfg.Credentials = nil
			cfg.CredentialsFunc = func(ctx context.Context) ([]sigv4.Credential, error) {
				calls++
				return test.supply(ctx)
			}
			v := newVerifier(t, cfg)
			if _, err := v.Verify(request("/")); !errors.Is(err, redoxauth.ErrNoCredentials) {
				t.Errorf("without credentials: %v", err)
			}
			if calls > 0 {
				t.Error("the function was called for a request without credentials")
			}
			if _, err := v.Verify(testSigner.sign(request("/"))); !errors.Is(err, test.want) || reasonOf(err) != test.reason {
				t.Errorf("error %v, want %v (%s)", err, test.want, test.reason)
			}
		})
	}
}

// While a secret is rotated, old and new one hold, under one key ID or two; which of
// them was used shows. A cache of signing keys by key ID would sign with the first
// (aws/aws-sdk-go-v2#3350).
func TestRotation(t *testing.T) {
	cfg := testConfig()
	cfg.Credentials = []sigv4.Credential{
		{AccessKeyID: "AKID1", SecretAccessKey: "old"},
		{AccessKeyID: "AKID1", SecretAccessKey: "new"},
		{AccessKeyID: "AKID2", SecretAccessKey: "newest"},
		{AccessKeyID: "AKID1", SecretAccessKey: "new", SessionToken: "token"},
	}
	v := newVerifier(t, cfg)
	for range 2 {
		for position, c := range cfg.Credentials {
			s := testSigner
			s.key, s.secret, s.token = c.AccessKeyID, c.SecretAccessKey, c.SessionToken
			id, err := v.Verify(s.sign(request("/")))
			if err != nil {
				t.Fatalf("%d: %v", position, err)
			}
			if id.KeyID != fmt.Sprint(position) || id.Subject != c.AccessKeyID {
				t.Errorf("%d: identity %+v", position, id)
			}
		}
		s := testSigner
		s.key, s.secret = "AKID2", "old"
		if _, err := v.Verify(s.sign(request("/"))); reasonOf(err) != "signature" {
			t.Errorf("secret of another key ID: %v", err)
		}
	}
}

// Derived keys are kept for two days at a time; a clock that moves on, or back, must not
// make another day's key serve.
func TestSigningKeysFollowTheDay(t *testing.T) {
	now := testDate
	cfg := testConfig()
	cfg.Now = func() time.Time { return now }
	v := newVerifier(t, cfg)
	for _, days := range []int{0, 1, 2, 3, 1, 0, 30, 31, 32, 365} {
		now = testDate.AddDate(0, 0, days)
		for _, s := range []signer{{secret: testSigner.secret}, {secret: "wrong"}} {
			signed := testSigner
			signed.secret, signed.date = s.secret, now
			if _, err := v.Verify(signed.sign(request("/"))); (err == nil) != (s.secret == testSigner.secret) {
				t.Errorf("day %d: %v", days, err)
			}
		}
	}
}

// A secret that CredentialsFunc no longer supplies stops, though its derived key of the
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
		if err := verify("old"); reasonOf(err) != "signature" {
			t.Errorf("withdrawn secret: %v", err)
		}
		if err := verify("new"); err != nil {
			t.Errorf("new secret: %v", err)
		}
	})
}
