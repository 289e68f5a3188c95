package google_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/google"
)

const (
	accountID = "112233445566778899001"
	account   = "redox@example-project.iam.gserviceaccount.com"
	audience  = "https://customer.example/redox"
	scope     = "https://www.googleapis.com/auth/cloud-platform"
)

var (
	googleKey = redoxtest.NewKey("google-1", "RS256")
	start     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func TestNewReportsEverythingThatIsWrong(t *testing.T) {
	for _, test := range []struct {
		cfg  google.Config
		want []string
	}{
		{google.Config{
			ServiceAccounts: []string{"redox", "1122 3344", "two@at@signs", " redox@example.com", "",
				"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/" + account + ":generateAccessToken", "serviceAccount:" + account},
			Audience: []string{""}, Scopes: []string{"two scopes"}, CertsURL: "http://keys.example/certs", TokenInfoURL: "ftp://user:s3cret@tokens.example",
		}, []string{
			`ServiceAccounts[0]: "redox" is neither a numeric ID nor an e-mail address`, `ServiceAccounts[1]: "1122 3344" is`,
			`ServiceAccounts[2]: "two@at@signs" is`, `ServiceAccounts[3]: " redox@example.com" is`, `ServiceAccounts[4]: "" is`,
			`ServiceAccounts[5]: "https://iamcredentials.googleapis.com/`, `ServiceAccounts[6]: "serviceAccount:`,
			"Scopes: only access tokens have scopes: set AccessTokens", "Audience[0]: ", "Scopes[0]: ", "Endpoints.CertsURL: http, want https", "Endpoints.TokenInfoURL: not",
		}},
		{google.Config{}, []string{"ServiceAccounts: required", "Audience: required, unless AccessTokens is set"}},
		{google.Config{ServiceAccounts: []string{accountID}, AccessTokens: true, TokenInfoURL: "http://127.0.0.1/", InsecureAllowHTTP: true}, nil},
	} {
		test.cfg.Strategy = "example"
		_, err := google.New(test.cfg)
		var lines []string
		if err != nil {
			lines = strings.Split(err.Error(), "\n")
		}
		if !slices.EqualFunc(lines, test.want, func(line, want string) bool { return strings.HasPrefix(line, "example: "+want) }) || strings.Contains(fmt.Sprint(err), "s3cret") {
			t.Errorf("error:\n%v\nwant the lines %q", err, test.want)
		}
	}
}

func TestNewCopiesWhatItKeeps(t *testing.T) {
	f := newFake(t)
	var lists [][]string
	v := f.verifier(func(c *google.Config) {
		c.ServiceAccounts, c.Scopes = []string{accountID}, []string{scope}
		lists = [][]string{c.ServiceAccounts, c.Audience, c.Scopes}
	})
	for _, list := range lists {
		list[0] = "changed"
	}
	f.answers["ya29.good"] = info(nil)
	if _, err := v.Verify(request("ya29.good")); err != nil {
		t.Error(err)
	}
	if _, err := v.Verify(request(idToken(t, nil, nil))); err != nil {
		t.Error(err)
	}
}

// Another bearer token may be somebody's secret. It must not be sent to Google.
func TestOnlyTokensOfGoogleAreClaimedAndSent(t *testing.T) {
	f := newFake(t)
	v := f.verifier(nil)
	foreign := redoxtest.NewKey("foreign", "RS256")
	jwt, err := foreign.Token(nil, map[string]any{"iss": "https://issuer.example", "aud": audience, "exp": start.Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"verification token": "a-verification-token-0123456789",
		"opaque":             "2YotnFZFEjr1zCsicMWpAA",
		"JWT":                jwt,
		"JWE":                "eyJhbGciOiJkaXIifQ..a.b.c",
		"no dot":             "ya29",
		"other case":         "YA29.a0AfH6SMB",
		"inside":             "x-ya29.a0AfH6SMB",
		"federated":          "sts-federated-token",
	} {
		if _, err := decide(t, v, token); !errors.Is(err, redoxauth.ErrNoCredentials) {
			t.Errorf("%s: error = %v, want ErrNoCredentials", name, err)
		}
	}
	if f.calls() != 0 || f.fetches != 0 {
		t.Errorf("%d calls and %d key fetches, want none", f.calls(), f.fetches)
	}
}

func TestAKindOfTokenThatIsNotConfiguredIsNotClaimed(t *testing.T) {
	f := newFake(t)
	f.answers["ya29.c.good"] = info(nil)

	v := f.verifier(func(c *google.Config) { c.AccessTokens = false })
	_, err := decide(t, v, "ya29.c.good") // three segments, as those of service accounts have
	verifiertest.CheckError(t, err, redoxauth.ErrNoCredentials, "type")

	v = f.verifier(func(c *google.Config) { c.Audience = nil })
	_, err = decide(t, v, idToken(t, nil, nil))
	verifiertest.CheckError(t, err, redoxauth.ErrNoCredentials, "type")

	if f.calls() != 0 || f.fetches != 0 {
		t.Errorf("%d calls and %d key fetches, want none", f.calls(), f.fetches)
	}
}

// An access token names an address only with the scope userinfo.email. An operator who lists
// an address may not know that.
func TestRefusalTellsThatTheTokenNamesNoAddress(t *testing.T) {
	const hint = "list the unique ID"
	none := map[string]any{"email": nil, "email_verified": nil}
	tests := []struct {
		name   string
		listed string
		change map[string]any
		want   []string
	}{
		{"an address is listed", "other@example.com", none, []string{accountID, "no verified e-mail address", hint, "userinfo.email"}},
		{"an address is listed, another is named", "other@example.com", nil, []string{accountID, account}},
		{"an ID is listed", "99", none, []string{accountID}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t)
			f.answers["ya29.token"] = info(test.change)
			v := f.verifier(func(c *google.Config) { c.ServiceAccounts = []string{test.listed} })
			for _, token := range []string{"ya29.token", idToken(t, nil, test.change)} {
				_, err := decide(t, v, token)
				verifiertest.CheckError(t, err, redoxauth.ErrRejected, "subject")
				for _, want := range test.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error lacks %q: %v", want, err)
					}
				}
				if hinted := slices.Contains(test.want, hint); strings.Contains(err.Error(), hint) != hinted {
					t.Errorf("hint = %v, want %v: %v", !hinted, hinted, err)
				}
			}
		})
	}
}
