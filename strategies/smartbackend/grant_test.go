package smartbackend_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

// What may differ between genuine senders.
func TestGenuineAssertions(t *testing.T) {
	noAlgorithm := es384
	noAlgorithm.OmitAlgorithm = true
	pem, err := keyset.ParsePEM(es384.PEM())
	if err != nil {
		t.Fatal(err)
	}
	issued := func(after time.Duration) senders {
		return func(s *redoxtest.SMARTBackend) { s.Now = func() time.Time { return now.Add(after) } }
	}
	for _, c := range []struct {
		name   string
		sender senders
		config change
	}{
		{name: "ES384"},
		{name: "RS384", sender: func(s *redoxtest.SMARTBackend) { s.Key = rs384 }},
		{name: "key without alg", config: withKeys(keys(t, noAlgorithm))},
		{name: "key in PEM", config: withKeys(pem)},
		{name: "no kid, one key fits", sender: header("kid", nil)},
		{name: "no typ", sender: header("typ", nil)},
		{name: "typ of RFC 10070", sender: header("typ", "client-authentication+jwt")},
		{name: "typ in lower case", sender: header("typ", "jwt")},
		{name: "aud an array of one", sender: claim("aud", []string{tokenURL})},
		{name: "aud the issuer, as RFC 10070 has it", sender: func(s *redoxtest.SMARTBackend) { s.Audience = "https://api.example.com" },
			config: func(c *smartbackend.EndpointConfig) { c.AssertionAudiences = []string{tokenURL, c.Issuer} }},
		{name: "no iat, expires in 5 minutes", sender: claim("iat", nil)},
		{name: "exp with a fraction", sender: claim("exp", float64(now.Unix())+300.75)},
		{name: "iat set back by the sender", sender: claim("iat", now.Unix()-30)},
		{name: "sender's clock 59 s ahead", sender: issued(59 * time.Second)},
		{name: "expired 59 s ago", sender: issued(-5*time.Minute - 59*time.Second)},
		{name: "sender's clock 4 min ahead, leeway 5 min", sender: issued(4 * time.Minute),
			config: func(c *smartbackend.EndpointConfig) { c.Leeway = 5 * time.Minute }},
		{name: "jti of 256 bytes", sender: claim("jti", strings.Repeat("x", 256))},
	} {
		t.Run(c.name, func(t *testing.T) {
			newEndpoint(t, c.config).ask(t, signed(t, c.sender), "200")
		})
	}
}

// SMART App Launch 2.2, client-confidential-asymmetric: exactly one key has the kid that an
// assertion names. Keys without kid are no such keys, so old and new ones in PEM all serve.
func TestSeveralKeys(t *testing.T) {
	second := redoxtest.NewKey("second", "ES384")
	sameKid := second
	sameKid.ID = es384.ID
	pem, err := keyset.ParsePEM(append(second.PEM(), es384.PEM()...))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		keys   keyset.Set
		sender senders
		want   string
	}{
		{"two kids", keys(t, second, es384), nil, "200"},
		{"one kid twice", keys(t, sameKid, es384), nil, "401 invalid_client"},
		{"the same key twice", keys(t, es384, es384), nil, "200"},
		{"one kid twice, but no kid in the assertion", keys(t, sameKid, es384), header("kid", nil), "200"},
		{"PEM", pem, nil, "200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			newEndpoint(t, withKeys(c.keys)).ask(t, signed(t, c.sender), c.want)
		})
	}
}

func withKeys(s keyset.Set) change {
	return func(c *smartbackend.EndpointConfig) { c.Clients[0].Keys = s }
}

func remote(t *testing.T, cfg keyset.RemoteConfig) change {
	t.Helper()
	cfg.InsecureAllowHTTP = true
	s, err := keyset.NewRemote(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return withKeys(s)
}

func TestJKU(t *testing.T) {
	server := redoxtest.NewKeyServer(es384)
	defer server.Close()
	attacker := redoxtest.NewKeyServer(redoxtest.NewKey("attacker", "ES384"))
	defer attacker.Close()
	url := func(jku string) senders { return func(s *redoxtest.SMARTBackend) { s.JKU = jku } }
	e := newEndpoint(t, remote(t, keyset.RemoteConfig{URL: server.JWKSURL}))
	e.ask(t, signed(t), "200")
	e.ask(t, signed(t, url(server.JWKSURL)), "200")
	for _, jku := range []string{
		attacker.JWKSURL, server.JWKSURL + "/", server.JWKSURL + "?", strings.ToUpper(server.JWKSURL),
		strings.Replace(server.JWKSURL, "http://", "http://user@", 1), "file:///etc/passwd",
	} {
		e.ask(t, signed(t, url(jku)), "401 invalid_client")
	}
	if n := attacker.Fetches(); n != 0 {
		t.Errorf("the attacker's key server was asked %d times", n)
	}
	// Before the URL is discovered, and where none is configured.
	newEndpoint(t, remote(t, keyset.RemoteConfig{Issuer: server.Issuer})).ask(t, signed(t, url(server.JWKSURL)), "200")
	newEndpoint(t).ask(t, signed(t, url(server.JWKSURL)), "401 invalid_client")
}

// An outage of ours is never the client's fault.
func TestOutagesAre503(t *testing.T) {
	server := redoxtest.NewKeyServer(es384)
	defer server.Close()
	fetched := remote(t, keyset.RemoteConfig{URL: server.JWKSURL})
	failing := func(err error) change {
		return func(c *smartbackend.EndpointConfig) {
			c.Replay = store(func(string, string, time.Time) (bool, error) { return true, err })
		}
	}
	for _, c := range []struct {
		name   string
		config change
		fail   redoxtest.Outage
		reason redoxauth.Reason
	}{
		{"key server answers 500", fetched, redoxtest.Status(500), "keys"},
		{"key server resets", remote(t, keyset.RemoteConfig{URL: server.JWKSURL}), redoxtest.Reset(), "keys"},
		{"replay store of a user's, unavailable", failing(fmt.Errorf("my store: %w", redoxauth.ErrUnavailable)), nil, "replay_store"},
		{"replay store fails", failing(errors.New("connection refused")), nil, "replay_store"},
		{"replay store fails with another kind", failing(redoxauth.ErrRejected), nil, "replay_store"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server.Fail(c.fail)
			defer server.Fail(nil)
			seen := newEndpoint(t, c.config).ask(t, signed(t), "503 temporarily_unavailable").decision.Err
			verifiertest.CheckError(t, seen, redoxauth.ErrUnavailable, c.reason)
		})
	}
	t.Run("replay store full", func(t *testing.T) {
		e := newEndpoint(t, func(c *smartbackend.EndpointConfig) { c.Replay = replay.NewMemory(1) })
		e.ask(t, signed(t), "200")
		seen := e.ask(t, signed(t), "503 temporarily_unavailable").decision.Err
		verifiertest.CheckError(t, seen, redoxauth.ErrUnavailable, "replay_store")
	})
	t.Run("unknown kid after a good fetch", func(t *testing.T) {
		unknown := func(s *redoxtest.SMARTBackend) { s.Key = redoxtest.NewKey("unknown", "ES384") }
		newEndpoint(t, remote(t, keyset.RemoteConfig{URL: server.JWKSURL})).ask(t, signed(t, unknown), "401 invalid_client")
	})
}
