package verifytoken_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

func TestVerifierKeepsThePromises(t *testing.T) {
	const right, old = "cGF0aWVudHMgbGlrZSB0aGlz", "bGFzdCB5ZWFyJ3MgdG9rZW4"
	tokens := []string{right, old}
	for name, cfg := range map[string]verifytoken.Config{
		"tokens":      {Tokens: tokens},
		"tokens func": {TokensFunc: func(context.Context) ([]string, error) { return tokens, nil }},
	} {
		v, err := verifytoken.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for sent, sender := range map[string]redoxtest.VerificationToken{
			"": {Token: right}, "after a rotation": {Token: old}, "in the bearer token too": {Token: right, Bearer: true},
		} {
			t.Run(name+" "+sent, func(t *testing.T) {
				verifiertest.TestVerifier(t, verifiertest.Suite{
					New:     func() redoxauth.Verifier { return v },
					Genuine: func() *http.Request { return redoxtest.NewRequest(sender) },
					Forged:  redoxtest.ForgedRequests(sender.Forgeries()),
					Secrets: tokens,
				})
			})
		}
	}
}
