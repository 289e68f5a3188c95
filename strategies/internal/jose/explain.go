package jose

import (
	"context"

	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// An Unverified token is what a token says, whoever wrote it. It is for hints, and for nothing
// else.
type Unverified struct{ content *content }

// Claim returns a claim, as [Token.Claim] does.
func (u *Unverified) Claim(name string) Value {
	if u == nil {
		return ""
	}
	return u.content.body.Get(name)
}

// Explain adds what v makes of a token: a line for the header and for each check, and hints. It
// returns what the token says, for the checks of the strategy; nil if it cannot be read. ctx
// must be of rotation.LoadedOnly.
func (v *Verifier) Explain(ctx context.Context, token string, to *diagnosis.Report) *Unverified {
	return nil
}
