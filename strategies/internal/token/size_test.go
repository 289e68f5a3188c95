package token_test

import (
	"context"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/strategies/internal/token"
)

// A token that is issued is accepted: one too long for that is refused, before the
// assertion is used up for nothing.
func TestNoTokenTooLongToBeAccepted(t *testing.T) {
	subject, used := "", 0
	cfg := config()
	cfg.Grant = knowing{&grant{
		change: func(p *token.Proof) { p.Subject = subject },
		use:    func(context.Context) error { used++; return nil },
	}}
	e := endpoint(t, cfg)
	issued, refused := 0, 0
	for n := 11_000; n < 13_000; n++ {
		subject = strings.Repeat("x", n)
		w := serve(e, form("grant_type=client_credentials"))
		if w.Code != 200 {
			refused++
			checkAnswer(t, w, 400, "invalid_request")
			continue
		}
		issued++
		if _, err := e.Verifier(nil).Verify(bearer(answer(t, w)["access_token"].(string))); err != nil {
			t.Fatalf("issued for a subject of %d bytes: %v", n, err)
		}
	}
	if issued == 0 || refused == 0 || used != issued {
		t.Errorf("%d issued, %d refused, %d used", issued, refused, used)
	}
}

// The longest names that can be configured, with all their scopes, are accepted.
func TestTokenOfTheLongestNames(t *testing.T) {
	name, scopes := strings.Repeat(`"`, token.MaxName), strings.Fields(numbered(" s", 840))
	if !token.FitScopes(scopes) || token.FitScopes(append(scopes, "sssssss")) {
		t.Fatal("not the most scopes")
	}
	cfg := config()
	cfg.Issuer, cfg.Audience = name, name
	cfg.Grant = knowing{&grant{change: func(p *token.Proof) { p.Client, p.Subject, p.Allowed = name, name, scopes }}}
	e := endpoint(t, cfg)
	if _, err := e.Verifier(scopes).Verify(bearer(issue(t, e))); err != nil {
		t.Error(err)
	}
}

// A knowing grant knows everybody.
type knowing struct{ *grant }

func (knowing) Known(string, string) bool { return true }
