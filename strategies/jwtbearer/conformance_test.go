package jwtbearer_test

import (
	"net/http"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
)

func TestDirectTokensKeepThePromises(t *testing.T) {
	es384 := redoxtest.NewKey("2026-11", "ES384")
	for name, test := range map[string]struct {
		key redoxtest.Key
		cfg jwtbearer.Config
	}{
		"RS256": {directKey, directConfig(t)},
		"ES384": {es384, func() jwtbearer.Config { c := directConfig(t); c.Keys = parseKeys(t, es384); return c }()},
		"HS256": {directSecret, secretConfig()},
	} {
		t.Run(name, func(t *testing.T) {
			sender := directSender()
			sender.Key = test.key
			forged := redoxtest.ForgedRequests(sender.Forgeries())
			suite := verifiertest.Suite{
				New:     func() redoxauth.Verifier { return newDirect(t, test.cfg) },
				Genuine: func() *http.Request { return redoxtest.NewRequest(sender) },
				Forged:  forged,
			}
			if test.key.Secret != nil {
				suite.Secrets = []string{string(test.key.Secret)}
			} else {
				suite.UnknownKey = forged["unknown key"]
			}
			verifiertest.TestVerifier(t, suite)
		})
	}
}
