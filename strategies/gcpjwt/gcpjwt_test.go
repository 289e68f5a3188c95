package gcpjwt_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
)

func TestNewReportsEverythingThatIsWrong(t *testing.T) {
	_, err := gcpjwt.New(gcpjwt.Config{Endpoints: gcpjwt.Endpoints{CertsURL: "http://a.example", TokenInfoURL: "http://b.example"}})
	for _, want := range []string{
		"gcpjwt: ServiceAccounts: required", "gcpjwt: Audience: required",
		"gcpjwt: Endpoints.CertsURL: plain http", "gcpjwt: Endpoints.TokenInfoURL: plain http",
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
		change func(*gcpjwt.Config)
		token  string
		want   error
		reason redoxauth.Reason
	}{
		{"access token", nil, g.AccessToken(account, scope), nil, ""},
		{"access token by address", func(c *gcpjwt.Config) { c.ServiceAccounts = []string{email} }, g.AccessToken(account, scope, "email"), nil, ""},
		{"access token by address, without the scope for it", func(c *gcpjwt.Config) { c.ServiceAccounts = []string{email} }, g.AccessToken(account, scope), redoxauth.ErrRejected, "subject"},
		{"access token of a stranger", nil, g.AccessToken(stranger, scope, "email"), redoxauth.ErrRejected, "subject"},
		{"access token without the scope", nil, g.AccessToken(account, "email"), redoxauth.ErrForbidden, "scope"},
		{"access token, no scope needed", func(c *gcpjwt.Config) { c.Scopes = nil }, g.AccessToken(account, "email"), nil, ""},
		{"access token, not configured", func(c *gcpjwt.Config) { c.AccessTokens, c.Scopes = false, nil }, g.AccessToken(account, scope), redoxauth.ErrNoCredentials, "type"},
		{"ID token", nil, idToken(account, audience), nil, ""},
		{"ID token by address", func(c *gcpjwt.Config) { c.ServiceAccounts = []string{email} }, idToken(account, audience), nil, ""},
		{"ID token of a stranger for us", nil, idToken(stranger, audience), redoxauth.ErrRejected, "subject"},
		{"ID token for a stranger", nil, idToken(account, "https://elsewhere.example"), redoxauth.ErrRejected, "audience"},
		{"ID token, not configured", func(c *gcpjwt.Config) { c.Audience = nil }, idToken(account, audience), redoxauth.ErrNoCredentials, "type"},
		{"ID token, an hour later", func(c *gcpjwt.Config) { c.Now = func() time.Time { return time.Now().Add(62 * time.Minute) } }, idToken(account, audience), redoxauth.ErrRejected, "expired"},
		{"our own client", func(c *gcpjwt.Config) { c.Client = &http.Client{Transport: refusing{}} }, g.AccessToken(account, scope), redoxauth.ErrUnavailable, "unavailable"},
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
			case test.want == nil && (err != nil || id.Strategy != "gcpjwt"):
				t.Errorf("Verify = %+v, %v", id, err)
			case test.want != nil && (!errors.Is(err, test.want) || !errors.As(err, &e) || e.Reason != test.reason || e.Strategy != "gcpjwt"):
				t.Errorf("error = %v, want %v (%s)", err, test.want, test.reason)
			}
		})
	}
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

func TestOutagesOfGoogle(t *testing.T) {
	tests := map[string]redoxtest.Outage{
		"down":      redoxtest.Reset(),
		"error":     redoxtest.Status(http.StatusInternalServerError),
		"throttled": redoxtest.Status(http.StatusTooManyRequests),
		"a page":    redoxtest.HTML(),
		"endless":   redoxtest.Huge(),
		"elsewhere": redoxtest.Redirect("https://elsewhere.invalid/"),
	}
	for name, outage := range tests {
		t.Run(name, func(t *testing.T) {
			g, account, cfg := newGoogle(t)
			idToken, err := g.IDToken(account, audience, nil)
			if err != nil {
				t.Fatal(err)
			}
			accessToken := g.AccessToken(account, scope)
			known := newVerifier(t, cfg)
			for _, token := range []string{idToken, accessToken} {
				if _, err := known.Verify(withToken(token)()); err != nil {
					t.Fatal(err)
				}
			}

			g.Fail(outage)
			fresh := newVerifier(t, cfg)
			for _, token := range []string{idToken, accessToken} {
				if _, err := fresh.Verify(withToken(token)()); !errors.Is(err, redoxauth.ErrUnavailable) {
					t.Errorf("error = %v, want ErrUnavailable", err)
				}
				if _, err := known.Verify(withToken(token)()); err != nil {
					t.Errorf("what was known before: %v", err)
				}
			}

			g.Fail(nil)
			if _, err := fresh.Verify(withToken(accessToken)()); err != nil {
				t.Errorf("after the outage: %v", err)
			}
		})
	}
}

// Nothing but what is unmistakably an access token of Google goes to Google, and of
// invented ones not without limit.
func TestCallsToGoogle(t *testing.T) {
	g, account, cfg := newGoogle(t)
	now := time.Now()
	cfg.Now = func() time.Time { return now }
	v := newVerifier(t, cfg)
	for _, token := range []string{"a-verification-token-0123456789", "f0e1d2c3b4a5968778695a4b3c2d1e0f", "eyJhbGciOiJub25lIn0.e30.", "YA29.a0AfH6SMB"} {
		if _, err := v.Verify(withToken(token)()); err == nil {
			t.Errorf("%q was accepted", token)
		}
	}
	if n := g.Calls(g.TokenInfoURL) + g.Calls(g.CertsURL); n != 0 {
		t.Errorf("%d calls, want none", n)
	}
	var wg sync.WaitGroup
	for worker := range 20 {
		wg.Go(func() {
			for i := range 50 {
				if _, err := v.Verify(withToken(fmt.Sprintf("ya29.invented-%d-%d", worker, i))()); err == nil {
					t.Error("an invented token was accepted")
				}
			}
		})
	}
	wg.Wait()
	if n := g.Calls(g.TokenInfoURL); n > 300 {
		t.Errorf("1000 invented tokens caused %d calls within a minute, want at most 300", n)
	}
	before := g.Calls(g.TokenInfoURL)
	token, err := g.IDToken(account, audience, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(withToken(token)()); err != nil {
		t.Errorf("an ID token after the flood: %v", err)
	}
	if n := g.Calls(g.TokenInfoURL); n != before {
		t.Error("an ID token was sent to Google")
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
