package redoxtest

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2/jwt"
)

// A GCPJWT gets a token of a Google service account ([Using OAuth 2.0 for Server to
// Server Applications]): an opaque access token, or an ID token if there is a
// TargetAudience. It sends the token with many messages, until it expires. Redox documents
// neither the kind of token nor the fields of its dashboard. [Google.Forgeries] forges it.
//
// [Using OAuth 2.0 for Server to Server Applications]: https://developers.google.com/identity/protocols/oauth2/service-account
type GCPJWT struct {
	Email          string   // of the service account
	Key            Key      // of the service account: RS256, with an *rsa.PrivateKey; see ServiceAccount
	TokenURL       string   // default https://oauth2.googleapis.com/token, the real Google; in tests Google.TokenURL
	Scopes         []string // of the access token; default https://www.googleapis.com/auth/cloud-platform
	TargetAudience string   // of the ID token

	Client *http.Client     // default http.DefaultClient
	Now    func() time.Time // for the lifetime of tokens; default time.Now. The assertion uses the system's clock

	token accessToken
}

var _ interface {
	Sender
	Signer
} = (*GCPJWT)(nil)

// Send implements [Sender]. If the token endpoint refuses, the error is a [TokenError].
func (g *GCPJWT) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	return send(ctx, g.Client, url, message, g)
}

// Sign implements [Signer].
func (g *GCPJWT) Sign(r *http.Request) error {
	return g.token.sign(r, g.Now, g.fetch)
}

func (g *GCPJWT) fetch(ctx context.Context) (string, time.Duration, error) {
	if g.Key.Signer == nil {
		return "", 0, errors.New("redoxtest: GCPJWT: Key: required")
	}
	der, err := x509.MarshalPKCS8PrivateKey(g.Key.Signer)
	if err != nil {
		return "", 0, fmt.Errorf("redoxtest: GCPJWT: Key: %w", err)
	}
	cfg := jwt.Config{
		Email:        g.Email,
		PrivateKey:   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		PrivateKeyID: g.Key.ID,
		TokenURL:     g.TokenURL,
		Scopes:       g.Scopes,
	}
	if cfg.TokenURL == "" {
		cfg.TokenURL = "https://oauth2.googleapis.com/token"
	}
	if g.TargetAudience != "" {
		cfg.PrivateClaims = map[string]any{"target_audience": g.TargetAudience}
		cfg.UseIDToken = true
	} else if len(cfg.Scopes) == 0 {
		cfg.Scopes = []string{cloudScope}
	}
	token, err := cfg.TokenSource(withClient(ctx, g.Client)).Token()
	if err != nil {
		return "", 0, tokenError(err)
	}
	return bearer(token)
}
