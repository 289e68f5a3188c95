package redoxtest

import (
	"context"
	"net/http"
)

// A VerificationToken sends the token in the header verification-token.
type VerificationToken struct {
	Token string // the dashboard's "verification token"

	// Bearer also sends the token in "Authorization: Bearer", as Redox's pages of 2024
	// show. Redox does not document whether it still does so.
	Bearer bool

	Client *http.Client // default http.DefaultClient
}

var _ interface {
	Sender
	Signer
} = VerificationToken{}

// Forgeries returns what an attacker may send instead.
func (v VerificationToken) Forgeries() []Forgery {
	f := forgeries{client: v.Client}
	f.carrier("Verification-Token", v)
	f.signed("empty token", VerificationToken{})
	f.signed("longer token", VerificationToken{Token: v.Token + "x"})
	f.signed("guessed token", VerificationToken{Token: "guessed"})
	return f.all
}

// Send implements [Sender].
func (v VerificationToken) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	return send(ctx, v.Client, url, message, v)
}

// Sign implements [Signer]. It keeps an Authorization header that another sender has set,
// so a test can send a token and a credential together.
func (v VerificationToken) Sign(r *http.Request) error {
	r.Header.Set("Verification-Token", v.Token)
	if v.Bearer && r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", "Bearer "+v.Token)
	}
	return nil
}
