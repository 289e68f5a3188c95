package smartbackend_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

// What may differ between genuine senders.
func TestGenuineAssertions(t *testing.T) {
	for _, c := range []struct {
		name   string
		sender func(*redoxtest.SMARTBackend)
		config func(*smartbackend.EndpointConfig)
	}{
		{name: "ES384"},
		{name: "RS384", sender: func(s *redoxtest.SMARTBackend) { s.Key = rs384 }},
		{name: "key without alg", config: func(c *smartbackend.EndpointConfig) {
			k := es384
			k.OmitAlgorithm = true
			c.Clients[0].Keys = keys(t, k)
		}},
		{name: "key in PEM", config: func(c *smartbackend.EndpointConfig) {
			s, err := keyset.ParsePEM(es384.PEM())
			if err != nil {
				t.Fatal(err)
			}
			c.Clients[0].Keys = s
		}},
		{name: "no kid, one key fits", sender: func(s *redoxtest.SMARTBackend) { s.Header = map[string]any{"kid": nil} }},
		{name: "no typ", sender: func(s *redoxtest.SMARTBackend) { s.Header = map[string]any{"typ": nil} }},
		{name: "typ of RFC 10070", sender: func(s *redoxtest.SMARTBackend) { s.Header = map[string]any{"typ": "client-authentication+jwt"} }},
		{name: "typ in lower case", sender: func(s *redoxtest.SMARTBackend) { s.Header = map[string]any{"typ": "jwt"} }},
		{name: "aud an array of one", sender: func(s *redoxtest.SMARTBackend) { s.Claims = map[string]any{"aud": []string{tokenURL}} }},
		{name: "aud the issuer, as RFC 10070 has it", sender: func(s *redoxtest.SMARTBackend) { s.Audience = "https://api.example.com" },
			config: func(c *smartbackend.EndpointConfig) {
				c.AssertionAudiences = []string{tokenURL, "https://api.example.com"}
			}},
		{name: "no iat, expires in 5 minutes", sender: func(s *redoxtest.SMARTBackend) { s.Claims = map[string]any{"iat": nil} }},
		{name: "exp with a fraction", sender: func(s *redoxtest.SMARTBackend) { s.Claims = map[string]any{"exp": float64(now.Unix()) + 300.75} }},
		{name: "iat set back by the sender", sender: func(s *redoxtest.SMARTBackend) { s.Claims = map[string]any{"iat": now.Unix() - 30} }},
		{name: "sender's clock 59 s ahead", sender: func(s *redoxtest.SMARTBackend) { s.Now = func() time.Time { return now.Add(59 * time.Second) } }},
		{name: "expired 59 s ago", sender: func(s *redoxtest.SMARTBackend) {
			s.Now = func() time.Time { return now.Add(-5*time.Minute - 59*time.Second) }
		}},
		{name: "sender's clock 4 min ahead, leeway 5 min", sender: func(s *redoxtest.SMARTBackend) { s.Now = func() time.Time { return now.Add(4 * time.Minute) } },
			config: func(c *smartbackend.EndpointConfig) { c.Leeway = 5 * time.Minute }},
		{name: "jti of 256 bytes", sender: func(s *redoxtest.SMARTBackend) { s.Claims = map[string]any{"jti": strings.Repeat("x", 256)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, s := config(t), sender()
			if c.config != nil {
				c.config(&cfg)
			}
			if c.sender != nil {
				c.sender(s)
			}
			if w := serve(newEndpoint(t, cfg), tokenRequest(parameters(assertion(t, s)))); w.Code != 200 {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
}

func TestJKU(t *testing.T) {
	server := redoxtest.NewKeyServer(es384)
	defer server.Close()
	remote, err := keyset.NewRemote(keyset.RemoteConfig{URL: server.JWKSURL, InsecureAllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	attacker := redoxtest.NewKeyServer(redoxtest.NewKey("attacker", "ES384"))
	defer attacker.Close()
	cfg := config(t)
	cfg.Clients[0].Keys = remote
	e := newEndpoint(t, cfg)
	for _, c := range []struct{ jku, want string }{
		{"", "200"},
		{server.JWKSURL, "200"},
		{attacker.JWKSURL, "401 invalid_client"},
		{server.JWKSURL + "/", "401 invalid_client"},
		{server.JWKSURL + "?", "401 invalid_client"},
		{strings.ToUpper(server.JWKSURL), "401 invalid_client"},
		{strings.Replace(server.JWKSURL, "http://", "http://user@", 1), "401 invalid_client"},
		{"file:///etc/passwd", "401 invalid_client"},
	} {
		s := sender()
		s.JKU = c.jku
		if got := outcome(t, serve(e, tokenRequest(parameters(assertion(t, s))))); got != c.want {
			t.Errorf("jku %q: got %s, want %s", c.jku, got, c.want)
		}
	}
	if n := attacker.Fetches(); n != 0 {
		t.Errorf("the attacker's key server was asked %d times", n)
	}
	discovered, err := keyset.NewRemote(keyset.RemoteConfig{Issuer: server.Issuer, InsecureAllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	s := sender()
	s.JKU = server.JWKSURL
	cfg.Clients[0].Keys = discovered
	if got := outcome(t, serve(newEndpoint(t, cfg), tokenRequest(parameters(assertion(t, s))))); got != "200" {
		t.Errorf("jku, before the URL is discovered: got %s", got)
	}
	if got := outcome(t, serve(newEndpoint(t, config(t)), tokenRequest(parameters(assertion(t, s))))); got != "401 invalid_client" {
		t.Errorf("jku, but no URL is configured: got %s", got)
	}
}

// An outage of ours is never the client's fault.
func TestOutagesAre503(t *testing.T) {
	server := redoxtest.NewKeyServer(es384)
	defer server.Close()
	remote := func() keyset.Set {
		s, err := keyset.NewRemote(keyset.RemoteConfig{URL: server.JWKSURL, InsecureAllowHTTP: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct {
		name   string
		config func(*smartbackend.EndpointConfig)
		fail   redoxtest.Outage
		want   string
		reason redoxauth.Reason
	}{
		{"key server answers 500", func(c *smartbackend.EndpointConfig) { c.Clients[0].Keys = remote() }, redoxtest.Status(500), "503 temporarily_unavailable", "keys"},
		{"key server resets", func(c *smartbackend.EndpointConfig) { c.Clients[0].Keys = remote() }, redoxtest.Reset(), "503 temporarily_unavailable", "keys"},
		{"replay store refuses", func(c *smartbackend.EndpointConfig) { c.Replay = new(replay.Memory) }, nil, "503 temporarily_unavailable", "replay_store"},
		{"replay store of a user's, unavailable", func(c *smartbackend.EndpointConfig) {
			c.Replay = store(func(string, string, time.Time) (bool, error) {
				return false, fmt.Errorf("my store: %w", redoxauth.ErrUnavailable)
			})
		}, nil, "503 temporarily_unavailable", "replay_store"},
		{"replay store fails", func(c *smartbackend.EndpointConfig) {
			c.Replay = store(func(string, string, time.Time) (bool, error) { return true, errors.New("connection refused") })
		}, nil, "503 temporarily_unavailable", "replay_store"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(t)
			c.config(&cfg)
			var seen error
			cfg.Observe = func(_ *http.Request, d redoxauth.Decision) { seen = d.Err }
			server.Fail(c.fail)
			defer server.Fail(nil)
			w := serve(newEndpoint(t, cfg), tokenRequest(parameters(assertion(t, sender()))))
			if got := outcome(t, w); got != c.want || w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("got %s, headers %v, want %s", got, w.Header(), c.want)
			}
			var e *redoxauth.Error
			if !errors.Is(seen, redoxauth.ErrUnavailable) || !errors.As(seen, &e) || e.Reason != c.reason || e.Strategy != "smartbackend" {
				t.Errorf("observed %v", seen)
			}
		})
	}
	t.Run("unknown kid after a good fetch", func(t *testing.T) {
		cfg := config(t)
		cfg.Clients[0].Keys = remote()
		s := sender()
		s.Key = redoxtest.NewKey("unknown", "ES384")
		if got := outcome(t, serve(newEndpoint(t, cfg), tokenRequest(parameters(assertion(t, s))))); got != "401 invalid_client" {
			t.Errorf("got %s", got)
		}
	})
}
