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

// https://cloud.google.com/iam/docs/service-account-types and
// https://cloud.google.com/iam/docs/service-agents list the forms. Nobody else has an address
// in gserviceaccount.com.
func TestServiceAccountsAreNoPersons(t *testing.T) {
	for _, test := range []struct{ entry, wrong string }{
		{"112233445566778899001", ""},
		{"1", ""},
		{strings.Repeat("1", 32), ""},
		{"redox@example-project.iam.gserviceaccount.com", ""},
		{"redox@example-project.example.com.iam.gserviceaccount.com", ""}, // of the project example.com:example-project
		{"REDOX@Example-Project.IAM.gserviceaccount.com", ""},
		{"112233445566-compute@developer.gserviceaccount.com", ""},
		{"112233445566-0a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p@developer.gserviceaccount.com", ""},
		{"example-project@appspot.gserviceaccount.com", ""},
		{"example-project.example.com@appspot.gserviceaccount.com", ""},
		{"112233445566@cloudservices.gserviceaccount.com", ""},
		{"112233445566@cloudbuild.gserviceaccount.com", ""},
		{"service-112233445566@gcp-sa-pubsub.iam.gserviceaccount.com", ""},
		{"service-112233445566@gae-api-prod.google.com.iam.gserviceaccount.com", ""},
		{"service-org-112233445566@security-center-api.iam.gserviceaccount.com", ""},
		{"cloud-logs@system.gserviceaccount.com", ""},

		{"jane.doe@gmail.com", "may be a person's"},
		{"jane@example.com", "may be a person's"},
		{"feed@googlegroups.com", "may be a person's"},
		{"112233445566778899001@example.com", "may be a person's"},
		{"redox@example-project.iam.gserviceaccount.com.example.com", "may be a person's"},
		{"redox@iamgserviceaccount.com", "may be a person's"},
		{"redox@gserviceaccount.com", "may be a person's"},
		{"redox@.gserviceaccount.com", "may be a person's"},
		{"redox@example_project.iam.gserviceaccount.com?", "may be a person's"},
		{"redox@iam.gserviceaccount.co", "may be a person's"},
		{strings.Repeat("1", 33), "neither a numeric ID nor an e-mail address"},
		{"iam.gserviceaccount.com", "neither a numeric ID nor an e-mail address"},
		{"@example-project.iam.gserviceaccount.com", "neither a numeric ID nor an e-mail address"},
		{"jane@example.com@example-project.iam.gserviceaccount.com", "neither a numeric ID nor an e-mail address"},
		{"serviceAccount:redox@example-project.iam.gserviceaccount.com", "neither a numeric ID nor an e-mail address"},
		{"redox@example-project.iam.gserviceaccount.com\n", "white space around it"},
		{" 112233445566778899001", "white space around it"},
	} {
		_, err := google.New(google.Config{Strategy: "example", ServiceAccounts: []string{accountID, test.entry}, AccessTokens: true})
		switch {
		case test.wrong == "" && err != nil:
			t.Errorf("%q: %v", test.entry, err)
		case test.wrong != "" && (err == nil || !strings.Contains(err.Error(), fmt.Sprintf("example: ServiceAccounts[1]: %q is ", test.entry)) || !strings.Contains(err.Error(), test.wrong)):
			t.Errorf("%q: error %v, want one with %q", test.entry, err, test.wrong)
		}
	}
}

// Google writes addresses in lower case. An operator may not.
func TestAListedAddressMayBeInUpperCase(t *testing.T) {
	f := newFake(t)
	f.answers["ya29.good"] = info(nil)
	v := f.verifier(func(c *google.Config) { c.ServiceAccounts = []string{strings.ToUpper(account)} })
	for _, token := range []string{"ya29.good", idToken(t, nil, nil)} {
		if id, err := decide(t, v, token); err != nil || id.Subject != account {
			t.Errorf("identity %v, error %v", id, err)
		}
	}
}

// A person's ID has the form of a service account's. Somebody may have listed it.
func TestATokenOfAPersonIsRefused(t *testing.T) {
	const client = "112233445566-x.apps.googleusercontent.com" // that of gcloud is 32555940559.…
	const person = "112233445566778899777"
	tests := []struct {
		name    string
		access  map[string]any // what tokeninfo says; nil: not tested
		id      map[string]any // claims; nil: not tested
		want    redoxauth.Reason
		message string
	}{
		{"verified address", map[string]any{"email": "jane@example.com"}, map[string]any{"email": "jane@example.com"}, "subject", "jane@example.com"},
		{"address that is not verified", map[string]any{"email": "jane@gmail.com", "email_verified": "false"}, map[string]any{"email": "jane@gmail.com", "email_verified": false}, "subject", "jane@gmail.com"},
		{"address that looks like one", map[string]any{"email": account + ".example.com"}, map[string]any{"email": account + ".example.com"}, "subject", "no service account's"},
		{"address of another type", nil, map[string]any{"email": []string{"jane@example.com"}}, "subject", "no service account's"},
		// https://developers.google.com/identity/protocols/oauth2/service-account#delegatingauthority
		{"domain-wide delegation, no address", map[string]any{"sub": person, "email": nil, "email_verified": nil}, nil, "subject", "domain-wide delegation"},
		{"domain-wide delegation", map[string]any{"sub": person, "email": "jane@example.com"}, map[string]any{"azp": account, "email": "jane@example.com"}, "subject", ""},
		{"OAuth client, no address", map[string]any{"azp": client, "aud": client, "email": nil}, map[string]any{"azp": client, "email": nil, "email_verified": nil}, "client", client},
		{"OAuth client of a person with an address, access token", map[string]any{"azp": client, "aud": client, "sub": person, "email": "jane@example.com"}, nil, "client", client},
		{"OAuth client of a person with an address, ID token", nil, map[string]any{"azp": client, "email": "jane@example.com"}, "subject", "jane@example.com"},
		{"OAuth client", map[string]any{"azp": client, "aud": client, "email": account}, map[string]any{"azp": client}, "client", client},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t)
			f.answers["ya29.person"], f.answers["ya29.good"] = info(test.access), info(map[string]any{"sub": accountID})
			v := f.verifier(nil)
			for token, tested := range map[string]bool{"ya29.person": test.access != nil, idToken(t, nil, test.id): test.id != nil} {
				if !tested {
					continue
				}
				_, err := decide(t, v, token)
				verifiertest.CheckError(t, err, redoxauth.ErrRejected, test.want)
				if err != nil && !strings.Contains(err.Error(), test.message) {
					t.Errorf("error lacks %q: %v", test.message, err)
				}
			}
			for _, token := range []string{"ya29.good", idToken(t, nil, nil)} {
				if _, err := decide(t, v, token); err != nil {
					t.Errorf("the account's own token: %v", err)
				}
			}
		})
	}
}

// Cloud Run with IAM passes a token on without its signature
// (https://cloud.google.com/run/docs/authenticating/service-to-service).
func TestRefusalNamesTheSignatureThatCloudRunRemoves(t *testing.T) {
	f := newFake(t)
	v := f.verifier(nil)
	token := idToken(t, nil, nil)
	_, err := decide(t, v, token[:strings.LastIndexByte(token, '.')]+".SIGNATURE_REMOVED_BY_GOOGLE")
	verifiertest.CheckError(t, err, redoxauth.ErrRejected, "signature")
	for _, want := range []string{"Cloud Run", "SIGNATURE_REMOVED_BY_GOOGLE", "--no-invoker-iam-check"} {
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
	if f.fetches != 0 {
		t.Error("keys were fetched for a token that none can verify")
	}
	if _, err := decide(t, v, token); err != nil {
		t.Errorf("with its signature: %v", err)
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
	for _, token := range []string{"ya29.c.good", "ya29." + strings.Repeat("a", 4092)} { // three segments, as those of service accounts have; too long
		_, err := decide(t, v, token)
		verifiertest.CheckError(t, err, redoxauth.ErrNoCredentials, "type")
	}

	v = f.verifier(func(c *google.Config) { c.Audience = nil })
	_, err := decide(t, v, idToken(t, nil, nil))
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
		{"an address is listed", "other@example-project.iam.gserviceaccount.com", none, []string{accountID, "no e-mail address", hint, "userinfo.email"}},
		{"an address is listed, another is named", "other@example-project.iam.gserviceaccount.com", nil, []string{accountID, account}},
		{"an address is listed, another is named and not verified", "other@example-project.iam.gserviceaccount.com", map[string]any{"email_verified": false}, []string{accountID, account, "not verified"}},
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
