package wif_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
)

// What the fields mean is tested in strategies/internal/google.
func TestEveryFieldOfConfigIsUsed(t *testing.T) {
	g, account, cfg := newGoogle(t)
	cfg.InsecureAllowHTTP = false
	if _, err := wif.New(cfg); err == nil {
		t.Error("http was accepted without InsecureAllowHTTP")
	}
	access := g.AccessToken(account, scope)
	id, err := g.IDToken(account, audience, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*wif.Config)
		token  string
		kind   error
		reason redoxauth.Reason
	}{
		{"access token", func(*wif.Config) {}, access, nil, ""},
		{"ID token", func(*wif.Config) {}, id, nil, ""},
		{"ServiceAccounts", func(c *wif.Config) { c.ServiceAccounts = []string{"99"} }, access, redoxauth.ErrRejected, "subject"},
		{"Audience", func(c *wif.Config) { c.Audience = []string{"https://elsewhere.example"} }, id, redoxauth.ErrRejected, "audience"},
		{"AccessTokens", func(c *wif.Config) { c.AccessTokens, c.Scopes = false, nil }, access, redoxauth.ErrNoCredentials, "type"},
		{"Scopes", func(c *wif.Config) { c.Scopes = []string{"openid"} }, access, redoxauth.ErrForbidden, "scope"},
		{"CertsURL", func(c *wif.Config) { c.Endpoints.CertsURL += "/none" }, id, redoxauth.ErrUnavailable, "keys"},
		{"TokenInfoURL", func(c *wif.Config) { c.Endpoints.TokenInfoURL += "/none" }, access, redoxauth.ErrUnavailable, "unavailable"},
		{"Client", func(c *wif.Config) { c.Client = &http.Client{Transport: refusing{}} }, access, redoxauth.ErrUnavailable, "unavailable"},
		{"Now", func(c *wif.Config) { c.Now = func() time.Time { return time.Now().Add(62 * time.Minute) } }, id, redoxauth.ErrRejected, "expired"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := configFor(g, account)
			test.change(&cfg)
			id, err := newVerifier(t, cfg).Verify(withToken(test.token)())
			var e *redoxauth.Error
			if test.kind != nil {
				verifiertest.CheckError(t, err, test.kind, test.reason)
			} else if err != nil || id.Strategy != "wif" {
				t.Errorf("identity %+v, error %v", id, err)
			}
			if errors.As(err, &e) && e.Strategy != "wif" {
				t.Errorf("the error names the strategy %q", e.Strategy)
			}
		})
	}
}

// Peers share the calls for unknown tokens by the name that Peer gives them.
func TestPeerNamesThePeerOfAnUnknownToken(t *testing.T) {
	_, _, cfg := newGoogle(t)
	var asked string
	cfg.Peer = func(r *http.Request) string {
		asked = r.Header.Get("X-Real-Ip")
		return asked
	}
	r := withToken("ya29.unknown")()
	r.Header.Set("X-Real-Ip", "192.0.2.1")
	_, err := newVerifier(t, cfg).Verify(r)
	verifiertest.CheckError(t, err, redoxauth.ErrRejected, "inactive")
	if asked != "192.0.2.1" {
		t.Errorf("Peer got a request of %q, want the request of 192.0.2.1", asked)
	}
	if !strings.Contains(err.Error(), "federated tokens") {
		t.Errorf("%v does not say that the token may be a federated one", err)
	}
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

func TestZeroVerifierRefusesEverything(t *testing.T) {
	_, err := new(wif.Verifier).Verify(withToken("ya29.good")())
	verifiertest.CheckError(t, err, nil, "internal")
	for _, v := range []*wif.Verifier{nil, {}} {
		if text := v.Explain(withToken("ya29.good")()); text != err.Error()+"\n" {
			t.Errorf("Explain of %v: %q", v, text)
		}
	}
}

// The fields are those of the table in the package comment.
func TestRefusalsNameTheFieldsOfConfigAndDashboard(t *testing.T) {
	g, account, cfg := newGoogle(t)
	access := g.AccessToken(account, scope)
	id, err := g.IDToken(account, audience, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		change func(*wif.Config)
		token  string
		want   string
	}{
		{func(c *wif.Config) { c.ServiceAccounts = []string{"99"} }, access, `want "99" (Config.ServiceAccounts; Redox dashboard: service_account_impersonation_url)`},
		{func(c *wif.Config) { c.Scopes = []string{"openid"} }, access, `want "openid" (Config.Scopes; Redox dashboard: scope)`},
		{func(c *wif.Config) { c.Audience = []string{"https://elsewhere.example"} }, id, `want "https://elsewhere.example" (Config.Audience)`},
	} {
		cfg := cfg
		test.change(&cfg)
		v := newVerifier(t, cfg)
		_, err := v.Verify(withToken(test.token)())
		if text := redoxauth.Explain(v, withToken(test.token)()); !strings.Contains(fmt.Sprint(err), test.want) || !strings.HasPrefix(text, fmt.Sprint(err, "\n")) {
			t.Errorf("error %v, want %q; Explain:\n%s", err, test.want, text)
		} else if strings.Contains(text, "wif or gcpjwt verifies") {
			t.Errorf("Explain advises what is in use:\n%s", text)
		}
	}
}

// Google may be asked for an ID token of the impersonated account instead
// (https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateIdToken).
func TestIDTokenOfAnImpersonatedAccount(t *testing.T) {
	g, account, cfg := newGoogle(t)
	sender := newSender(g)
	sender.TargetAudience = audience
	id, err := newVerifier(t, cfg).Verify(redoxtest.NewRequest(sender))
	if err != nil || id.Subject != account.ID || id.Issuer != "https://accounts.google.com" {
		t.Fatalf("Verify = %+v, %v", id, err)
	}
}
