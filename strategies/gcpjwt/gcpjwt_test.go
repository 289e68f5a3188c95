package gcpjwt_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
)

// What the fields mean is tested in strategies/internal/google.
func TestEveryFieldOfConfigIsUsed(t *testing.T) {
	g, account, cfg := newGoogle(t)
	cfg.InsecureAllowHTTP = false
	if _, err := gcpjwt.New(cfg); err == nil {
		t.Error("http was accepted without InsecureAllowHTTP")
	}
	access := g.AccessToken(account, scope)
	id, err := g.IDToken(account, audience, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*gcpjwt.Config)
		token  string
		kind   error
		reason redoxauth.Reason
	}{
		{"access token", func(*gcpjwt.Config) {}, access, nil, ""},
		{"ID token", func(*gcpjwt.Config) {}, id, nil, ""},
		{"ServiceAccounts", func(c *gcpjwt.Config) { c.ServiceAccounts = []string{"99"} }, access, redoxauth.ErrRejected, "subject"},
		{"Audience", func(c *gcpjwt.Config) { c.Audience = []string{"https://elsewhere.example"} }, id, redoxauth.ErrRejected, "audience"},
		{"AccessTokens", func(c *gcpjwt.Config) { c.AccessTokens, c.Scopes = false, nil }, access, redoxauth.ErrNoCredentials, "type"},
		{"Scopes", func(c *gcpjwt.Config) { c.Scopes = []string{"openid"} }, access, redoxauth.ErrForbidden, "scope"},
		{"CertsURL", func(c *gcpjwt.Config) { c.Endpoints.CertsURL += "/none" }, id, redoxauth.ErrUnavailable, "keys"},
		{"TokenInfoURL", func(c *gcpjwt.Config) { c.Endpoints.TokenInfoURL += "/none" }, access, redoxauth.ErrUnavailable, "unavailable"},
		{"Client", func(c *gcpjwt.Config) { c.Client = &http.Client{Transport: refusing{}} }, access, redoxauth.ErrUnavailable, "unavailable"},
		{"Now", func(c *gcpjwt.Config) { c.Now = func() time.Time { return time.Now().Add(62 * time.Minute) } }, id, redoxauth.ErrRejected, "expired"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := configFor(g, account)
			test.change(&cfg)
			id, err := newVerifier(t, cfg).Verify(withToken(test.token)())
			var e *redoxauth.Error
			if test.kind != nil {
				verifiertest.CheckError(t, err, test.kind, test.reason)
			} else if err != nil || id.Strategy != "gcpjwt" {
				t.Errorf("identity %+v, error %v", id, err)
			}
			if errors.As(err, &e) && e.Strategy != "gcpjwt" {
				t.Errorf("the error names the strategy %q", e.Strategy)
			}
		})
	}
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

func TestZeroVerifierRefusesEverything(t *testing.T) {
	_, err := new(gcpjwt.Verifier).Verify(withToken("ya29.good")())
	verifiertest.CheckError(t, err, nil, "internal")
}
