package wif_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/google"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
)

const (
	email    = "redox@example-project.iam.gserviceaccount.com"
	audience = "https://customer.example/redox"
	scope    = "https://www.googleapis.com/auth/cloud-platform"
)

// A forgery with an unknown kid does not wait for long.
func init() { google.Cooldown = time.Millisecond }

// newGoogle returns a fake Google, one of its accounts, and a Config that accepts it.
func newGoogle(t testing.TB) (*redoxtest.Google, redoxtest.ServiceAccount, wif.Config) {
	g := redoxtest.NewGoogle()
	t.Cleanup(g.Close)
	account := g.AddServiceAccount(email)
	return g, account, configFor(g, account)
}

func configFor(g *redoxtest.Google, account redoxtest.ServiceAccount) wif.Config {
	return wif.Config{
		ServiceAccounts:   []string{account.ID},
		Audience:          []string{audience},
		AccessTokens:      true,
		Scopes:            []string{scope},
		Endpoints:         wif.Endpoints{CertsURL: g.CertsURL, TokenInfoURL: g.TokenInfoURL},
		InsecureAllowHTTP: true,
	}
}

func newVerifier(t testing.TB, cfg wif.Config) *wif.Verifier {
	t.Helper()
	v, err := wif.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// newSender returns a sender with the fields of the dashboard.
func newSender(g *redoxtest.Google) *redoxtest.WIF {
	return &redoxtest.WIF{
		Audience:                       "//iam.googleapis.com/projects/123456/locations/global/workloadIdentityPools/redox/providers/redox",
		TokenURL:                       g.STSURL,
		ServiceAccountImpersonationURL: g.ImpersonationURL(email),
		Scope:                          []string{scope},
		Lifetime:                       time.Hour,
		SubjectToken:                   func(context.Context) (string, error) { return "a token of Redox's own identity", nil },
	}
}

func withToken(token string) func() *http.Request {
	return func() *http.Request { return redoxtest.NewRequest(bearer(token)) }
}

type bearer string

func (b bearer) Sign(r *http.Request) error {
	r.Header.Set("Authorization", "Bearer "+string(b))
	return nil
}

func TestVerifierKeepsThePromises(t *testing.T) {
	g, account, cfg := newGoogle(t)
	sender := newSender(g)
	verifiertest.TestVerifier(t, verifiertest.Suite{
		New:     func() redoxauth.Verifier { return newVerifier(t, cfg) },
		Genuine: func() *http.Request { return redoxtest.NewRequest(sender) },
		Forged:  redoxtest.ForgedRequests(g.Forgeries(account, audience, scope)),
	})
}

// BenchmarkVerify measures repeated use of one access token, as Redox sends it with many
// messages. Package internal/google measures other tokens.
func BenchmarkVerify(b *testing.B) {
	g, _, cfg := newGoogle(b)
	v, r := newVerifier(b, cfg), redoxtest.NewRequest(newSender(g))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(r); err != nil {
			b.Fatal(err)
		}
	}
}
