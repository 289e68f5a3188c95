package authservers_test

import (
	"net"
	"os"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

func TestOAuth2MockServer(t *testing.T) {
	t.Parallel()
	node := need(t, "node")
	if _, err := os.Stat("../node_modules/oauth2-mock-server"); err != nil {
		missing(t, "oauth2-mock-server is not installed: %v", err)
	}
	port, address := freeAddress(t)
	s := &server{}
	s.url = "http://" + address + "/jwks"
	_, number, _ := net.SplitHostPort(address)
	s.issuer = "http://localhost:" + number
	client := func(id, scope string) *redoxtest.ClientCredentials {
		return &redoxtest.ClientCredentials{URL: "http://" + address + "/token", ClientID: id, ClientSecret: clientSecret, Scopes: []string{scope}}
	}
	s.jwt = func() sender { return client("redox", "messages") }
	s.config.Issuer, s.config.Audience, s.config.ClientIDs, s.config.Scopes = s.issuer, []string{ourAPI}, []string{"redox"}, []string{"messages"}
	s.config.Types = []string{"JWT"}
	first, next := redoxtest.NewKey("first", "ES384"), redoxtest.NewKey("next", "ES384")
	config := map[string]any{"port": port, "audience": ourAPI, "keys": withAlgorithms([]redoxtest.Key{first})}
	s.talk(config, node, "mockserver.mjs")
	s.start(t)
	s.try(t, map[string]trial{
		"another API":    {sender: client("redox", "others"), wantStatus: 401, wantReason: "audience"},
		"another client": {sender: client("stranger", "messages"), wantStatus: 401, wantReason: "client"},
	}, redoxauth.Identity{Subject: "redox", Scopes: []string{"messages"}}, first)

	// It signs with its keys in turn. Then it goes away.
	cfg := s.config
	cfg.Keys = s.keys(t, keyset.RemoteConfig{})
	d := newDestination(t, verifier(t, cfg))
	token := tokenOf(t, s.jwt())
	config["keys"] = withAlgorithms([]redoxtest.Key{next})
	accepts := func(token string) {
		t.Helper()
		if status, _, err := d.send(t.Context(), bearer(token)); err != nil || status != 200 {
			t.Errorf("status %d, error %v, reasons %v, want 200", status, err, d.refused())
		}
	}
	accepts(token)
	s.reload(t)
	for range 4 {
		accepts(tokenOf(t, s.jwt()))
	}
	if d.accepted("next") != 2 {
		t.Errorf("%d tokens under the new key were accepted, want 2", d.accepted("next"))
	}
	s.end()
	accepts(token)
}
