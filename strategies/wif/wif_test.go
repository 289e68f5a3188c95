package wif_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
)

func TestNewReportsEverythingThatIsWrong(t *testing.T) {
	_, err := wif.New(wif.Config{Endpoints: wif.Endpoints{CertsURL: "http://a.example", TokenInfoURL: "http://b.example"}})
	for _, want := range []string{
		"wif: ServiceAccounts: required", "wif: Audience: required",
		"wif: Endpoints.CertsURL: plain http", "wif: Endpoints.TokenInfoURL: plain http",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}

// Every field of Config has its effect.
func TestConfig(t *testing.T) {
	g, account, _ := newGoogle(t)
	stranger := g.AddServiceAccount("stranger@elsewhere.iam.gserviceaccount.com")
	idToken := func(a redoxtest.ServiceAccount, aud string) string {
		token, err := g.IDToken(a, aud, nil)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	tests := []struct {
		name   string
		change func(*wif.Config)
		token  string
		want   error
		reason redoxauth.Reason
	}{
		{"access token", nil, g.AccessToken(account, scope), nil, ""},
		{"access token by address", func(c *wif.Config) { c.ServiceAccounts = []string{email} }, g.AccessToken(account, scope, "email"), nil, ""},
		{"access token by address, without the scope for it", func(c *wif.Config) { c.ServiceAccounts = []string{email} }, g.AccessToken(account, scope), redoxauth.ErrRejected, "subject"},
		{"access token of a stranger", nil, g.AccessToken(stranger, scope, "email"), redoxauth.ErrRejected, "subject"},
		{"access token without the scope", nil, g.AccessToken(account, "email"), redoxauth.ErrForbidden, "scope"},
		{"access token, no scope needed", func(c *wif.Config) { c.Scopes = nil }, g.AccessToken(account, "email"), nil, ""},
		{"access token, not configured", func(c *wif.Config) { c.AccessTokens, c.Scopes = false, nil }, g.AccessToken(account, scope), redoxauth.ErrNoCredentials, "type"},
		{"ID token", nil, idToken(account, audience), nil, ""},
		{"ID token by address", func(c *wif.Config) { c.ServiceAccounts = []string{email} }, idToken(account, audience), nil, ""},
		{"ID token of a stranger for us", nil, idToken(stranger, audience), redoxauth.ErrRejected, "subject"},
		{"ID token for a stranger", nil, idToken(account, "https://elsewhere.example"), redoxauth.ErrRejected, "audience"},
		{"ID token, not configured", func(c *wif.Config) { c.Audience = nil }, idToken(account, audience), redoxauth.ErrNoCredentials, "type"},
		{"ID token, an hour later", func(c *wif.Config) { c.Now = func() time.Time { return time.Now().Add(62 * time.Minute) } }, idToken(account, audience), redoxauth.ErrRejected, "expired"},
		{"our own client", func(c *wif.Config) { c.Client = &http.Client{Transport: refusing{}} }, g.AccessToken(account, scope), redoxauth.ErrUnavailable, "unavailable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := configFor(g, account)
			if test.change != nil {
				test.change(&cfg)
			}
			id, err := newVerifier(t, cfg).Verify(withToken(test.token)())
			var e *redoxauth.Error
			switch {
			case test.want == nil && (err != nil || id.Strategy != "wif"):
				t.Errorf("Verify = %+v, %v", id, err)
			case test.want != nil && (!errors.Is(err, test.want) || !errors.As(err, &e) || e.Reason != test.reason || e.Strategy != "wif"):
				t.Errorf("error = %v, want %v (%s)", err, test.want, test.reason)
			}
		})
	}
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

func TestOutageOfGoogle(t *testing.T) {
	g, account, cfg := newGoogle(t)
	token := g.AccessToken(account, scope)
	v := newVerifier(t, cfg)
	g.Fail(redoxtest.Status(http.StatusInternalServerError))
	if _, err := v.Verify(withToken(token)()); !errors.Is(err, redoxauth.ErrUnavailable) {
		t.Errorf("error = %v, want ErrUnavailable", err)
	}
	g.Fail(nil)
	if _, err := v.Verify(withToken(token)()); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

// One token is sent with many messages, until it ends; Google is asked once.
func TestManyMessages(t *testing.T) {
	g, account, cfg := newGoogle(t)
	v := newVerifier(t, cfg)
	sender := newSender(g)
	for range 100 {
		id, err := v.Verify(redoxtest.NewRequest(sender))
		if err != nil || id.Subject != account.ID || id.Expiry.IsZero() {
			t.Fatalf("Verify = %+v, %v", id, err)
		}
	}
	if n := g.Calls(g.TokenInfoURL); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

// Google may be asked for an ID token of the account instead
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

func TestWrap(t *testing.T) {
	g, account, cfg := newGoogle(t)
	h := newVerifier(t, cfg).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Fprint(w, id.Subject)
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, withToken(g.AccessToken(account, scope))())
	if w.Code != http.StatusOK || w.Body.String() != account.ID {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != `Bearer realm="redox"` {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
