package redoxtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

const pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/redox/providers/redox"

func subject(context.Context) (string, error) { return "subject", nil }

func ExampleWIF() {
	google := redoxtest.NewGoogle()
	defer google.Close()
	account := google.AddServiceAccount("redox@project.iam.gserviceaccount.com")
	sender := &redoxtest.WIF{
		Audience:                       "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/redox/providers/redox",
		TokenURL:                       google.STSURL,
		ServiceAccountImpersonationURL: google.ImpersonationURL(account.Email),
		SubjectToken:                   func(context.Context) (string, error) { return "a token of Redox's own", nil },
	}
	r := httptest.NewRequest("POST", "/redox", nil)
	if err := sender.Sign(r); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ya29."), google.Calls(google.STSURL))
	// Output: true 1
}

func TestWIFWithoutImpersonationSendsTheFederatedToken(t *testing.T) {
	g := redoxtest.NewGoogle()
	defer g.Close()
	federated := authorization(t, &redoxtest.WIF{Audience: pool, TokenURL: g.STSURL, SubjectToken: subject})
	if status, _ := tokenInfo(t, g, federated); status != 400 || !strings.HasPrefix(federated, "ya29.d.") {
		t.Errorf("federated token: tokeninfo %d", status)
	}
}

// https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token and
// https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts
func TestWIFOnTheWire(t *testing.T) {
	for _, test := range []struct {
		name     string
		sender   *redoxtest.WIF
		path     string
		wantSTS  url.Values
		wantBody string
	}{
		{
			"defaults", &redoxtest.WIF{}, ":generateAccessToken",
			url.Values{"scope": {"https://www.googleapis.com/auth/cloud-platform"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}},
			`{"delegates":[],"lifetime":"3600s","scope":["https://www.googleapis.com/auth/cloud-platform"]}`,
		},
		{
			"every field",
			&redoxtest.WIF{STSScope: []string{"s"}, Scope: []string{"x", "y"}, Delegates: []string{"d"}, Lifetime: 10 * time.Minute, SubjectTokenType: "urn:ietf:params:oauth:token-type:id_token"},
			":generateAccessToken",
			url.Values{"scope": {"s"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}},
			`{"delegates":["d"],"lifetime":"600s","scope":["x","y"]}`,
		},
		{
			"ID token", &redoxtest.WIF{TargetAudience: "https://a.example"}, ":generateIdToken",
			url.Values{"scope": {"https://www.googleapis.com/auth/cloud-platform"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}},
			`{"audience":"https://a.example","delegates":[],"includeEmail":true}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			sts := record(t, issues(3600))
			iam := record(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/v1/projects/-/serviceAccounts/a"+test.path {
					t.Errorf("path %s", r.URL.Path)
				}
				io.WriteString(w, `{"accessToken":"of the account","token":"of the account","expireTime":"2099-01-01T00:00:00Z"}`)
			})
			s := test.sender
			s.Audience, s.TokenURL, s.SubjectToken = pool, sts.URL, subject
			s.ServiceAccountImpersonationURL = iam.URL + "/v1/projects/-/serviceAccounts/a:generateAccessToken"
			if got := authorization(t, s); got != "of the account" {
				t.Errorf("token %q", got)
			}
			form := formOf(t, sts.all()[0])
			want := test.wantSTS
			want["grant_type"] = []string{"urn:ietf:params:oauth:grant-type:token-exchange"}
			want["requested_token_type"] = []string{"urn:ietf:params:oauth:token-type:access_token"}
			want["audience"], want["subject_token"] = []string{pool}, []string{"subject"}
			if diff := cmp.Diff(want, form); diff != "" {
				t.Errorf("token exchange (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]recorded{{"POST", "Bearer t1", "application/json", test.wantBody}}, iam.all()); diff != "" {
				t.Errorf("impersonation (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWIFFailures(t *testing.T) {
	g := redoxtest.NewGoogle()
	defer g.Close()
	g.AddServiceAccount(email)
	failed := errors.New("no identity")
	for _, test := range []struct {
		name   string
		change func(*redoxtest.WIF)
		want   int   // status of a TokenError, or
		err    error // a cause
	}{
		{"unknown account", func(s *redoxtest.WIF) { s.ServiceAccountImpersonationURL = g.ImpersonationURL("x") }, 404, nil},
		{"unknown delegate", func(s *redoxtest.WIF) { s.Delegates = []string{"x"} }, 404, nil},
		{"too long", func(s *redoxtest.WIF) { s.Lifetime = 13 * time.Hour }, 400, nil},
		{"no subject", func(s *redoxtest.WIF) { s.SubjectToken = func(context.Context) (string, error) { return "", failed } }, 0, failed},
		{"no pool", func(s *redoxtest.WIF) { s.Audience = "" }, 0, nil},
		{"other pool", func(s *redoxtest.WIF) { s.Audience = "x" }, 400, nil},
		{"no server", func(s *redoxtest.WIF) { s.TokenURL = "http://127.0.0.1:1/v1/token" }, 0, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &redoxtest.WIF{Audience: pool, TokenURL: g.STSURL, ServiceAccountImpersonationURL: g.ImpersonationURL(email), SubjectToken: subject}
			test.change(s)
			_, err := s.Send(t.Context(), "http://destination.invalid", nil)
			var refused *redoxtest.TokenError
			switch {
			case err == nil:
				t.Fatal("sent")
			case test.err != nil && !errors.Is(err, test.err):
				t.Errorf("error %v, want %v", err, test.err)
			case test.want == 0 && errors.As(err, &refused):
				t.Errorf("error %v, want no TokenError: nothing was answered", err)
			case test.want != 0 && (!errors.As(err, &refused) || refused.StatusCode != test.want):
				t.Errorf("error %v, want status %d", err, test.want)
			}
		})
	}
	s := &redoxtest.WIF{Audience: pool, TokenURL: g.STSURL, ServiceAccountImpersonationURL: g.ImpersonationURL(email), SubjectToken: subject}
	for _, url := range []string{g.STSURL, g.ImpersonationURL(email)} {
		g.Fail(redoxtest.Status(503), url)
		if got := refusal(t, s); got.StatusCode != 503 || got.Code != "" {
			t.Errorf("in an outage of %s: %v", url, got)
		}
		g.Fail(nil)
	}
	authorization(t, s)
	if got := refusal(t, &redoxtest.WIF{Audience: "projects/1", TokenURL: g.STSURL, SubjectToken: subject}); got.Code != "invalid_request" {
		t.Errorf("the code of the Security Token Service: got %v", got)
	}
}
