package gcpjwt_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/internal/google"
)

const (
	email    = "redox@example-project.iam.gserviceaccount.com"
	audience = "https://customer.example/redox"
	scope    = "https://www.googleapis.com/auth/cloud-platform"
)

// A forgery with an unknown kid does not wait for long.
func init() { google.Cooldown = time.Millisecond }

// newGoogle returns a fake Google, one of its accounts, and a Config that accepts it.
func newGoogle(t testing.TB) (*redoxtest.Google, redoxtest.ServiceAccount, gcpjwt.Config) {
	g := redoxtest.NewGoogle()
	t.Cleanup(g.Close)
	account := g.AddServiceAccount(email)
	return g, account, configFor(g, account)
}

func configFor(g *redoxtest.Google, account redoxtest.ServiceAccount) gcpjwt.Config {
	return gcpjwt.Config{
		ServiceAccounts:   []string{account.ID},
		Audience:          []string{audience},
		AccessTokens:      true,
		Scopes:            []string{scope},
		Endpoints:         gcpjwt.Endpoints{CertsURL: g.CertsURL, TokenInfoURL: g.TokenInfoURL},
		InsecureAllowHTTP: true,
	}
}

func newVerifier(t testing.TB, cfg gcpjwt.Config) *gcpjwt.Verifier {
	t.Helper()
	v, err := gcpjwt.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
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
	for name, sender := range map[string]*redoxtest.GCPJWT{
		"access token": {Email: account.Email, Key: account.Key, TokenURL: g.TokenURL, Scopes: []string{scope}},
		"ID token":     {Email: account.Email, Key: account.Key, TokenURL: g.TokenURL, TargetAudience: audience},
	} {
		t.Run(name, func(t *testing.T) {
			verifiertest.TestVerifier(t, verifiertest.Suite{
				New:     func() redoxauth.Verifier { return newVerifier(t, cfg) },
				Genuine: func() *http.Request { return redoxtest.NewRequest(sender) },
				Forged:  redoxtest.ForgedRequests(g.Forgeries(account, audience, scope)),
			})
		})
	}
}

// BenchmarkVerify measures repeated use of one access token, as Redox sends it with many
// messages. Package internal/google measures other tokens.
func BenchmarkVerify(b *testing.B) {
	g, account, cfg := newGoogle(b)
	v, r := newVerifier(b, cfg), redoxtest.NewRequest(&redoxtest.GCPJWT{Email: account.Email, Key: account.Key, TokenURL: g.TokenURL, Scopes: []string{scope}})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(r); err != nil {
			b.Fatal(err)
		}
	}
}
