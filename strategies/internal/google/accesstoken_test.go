package google_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/google"
	"github.com/redoxauth/redoxauth-go/strategies/internal/testclock"
)

// info returns an answer of tokeninfo about an access token of a service account, where
// every value is a string. A nil value in change removes a member.
func info(change map[string]any) reply {
	members := map[string]any{
		"azp":            accountID,
		"aud":            accountID,
		"scope":          scope + " https://www.googleapis.com/auth/userinfo.email openid",
		"exp":            fmt.Sprint(start.Add(time.Hour).Unix()),
		"expires_in":     "3600",
		"email":          account,
		"email_verified": "true",
		"access_type":    "online",
	}
	maps.Copy(members, change)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	body, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return reply{http.StatusOK, string(body)}
}

// https://developers.google.com/identity/protocols/oauth2 and the members that
// google-auth-library's TokenInfo names.
func TestAccessTokenOfAListedAccountIsAccepted(t *testing.T) {
	noEmail := map[string]any{"email": nil, "email_verified": nil}
	tests := []struct {
		name     string
		accounts []string
		change   map[string]any
		subject  string
	}{
		{"numeric ID", []string{accountID}, nil, accountID},
		{"numeric ID, no e-mail scope", []string{accountID}, noEmail, accountID},
		{"numeric ID in aud only", []string{accountID}, map[string]any{"azp": nil}, accountID},
		{"numeric ID in azp only", []string{accountID}, map[string]any{"aud": nil}, accountID},
		{"e-mail address", []string{account}, nil, account},
		{"e-mail address, verified as a boolean", []string{account}, map[string]any{"email_verified": true}, account},
		{"both", []string{account, accountID}, nil, accountID},
		{"numbers as numbers", []string{accountID}, map[string]any{"exp": start.Add(time.Hour).Unix(), "expires_in": 3600}, accountID},
		{"exp only", []string{accountID}, map[string]any{"expires_in": nil}, accountID},
		{"expires_in only", []string{accountID}, map[string]any{"exp": nil}, accountID},
		{"exp of a clock ahead of ours", []string{accountID}, map[string]any{"exp": start.Add(2 * time.Hour).Unix()}, accountID},
		{"expires_in later than exp", []string{accountID}, map[string]any{"expires_in": "7200"}, accountID},
		{"expires_in of 272 years", []string{accountID}, map[string]any{"expires_in": int64(1)<<33 - 1}, accountID},
		{"16 KiB", []string{accountID}, map[string]any{"x": strings.Repeat("x", 16<<10-len(info(map[string]any{"x": ""}).body))}, accountID},
		{"scope with several spaces", []string{accountID}, map[string]any{"scope": " " + scope + "  https://www.googleapis.com/auth/userinfo.email openid "}, accountID},
		{"unknown members", []string{accountID}, map[string]any{"new": map[string]any{"deep": []int{1}}}, accountID},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t)
			f.answers["ya29.good"] = info(test.change)
			v := f.verifier(func(c *google.Config) { c.ServiceAccounts, c.Scopes = test.accounts, []string{scope} })
			id, err := decide(t, v, "ya29.good")
			if err != nil {
				t.Fatal(err)
			}
			want := &redoxauth.Identity{
				Strategy: "example",
				Subject:  test.subject,
				Issuer:   "https://accounts.google.com",
				Scopes:   []string{scope, "https://www.googleapis.com/auth/userinfo.email", "openid"},
				Expiry:   start.Add(time.Hour),
			}
			if got := string(id.RawClaims); got != f.answers["ya29.good"].body {
				t.Errorf("claims %s", got)
			}
			id.RawClaims = nil
			id.Expiry = id.Expiry.UTC()
			if diff := cmp.Diff(want, id); diff != "" {
				t.Errorf("identity (-want +got):\n%s", diff)
			}
		})
	}
}

// The clock of this server may be ahead of Google's by a minute.
func TestAccessTokenWithinTheLeewayIsAccepted(t *testing.T) {
	f := newFake(t)
	f.answers["ya29.good"] = info(map[string]any{"exp": start.Add(-59 * time.Second).Unix(), "expires_in": nil})
	if _, err := decide(t, f.verifier(nil), "ya29.good"); err != nil {
		t.Error(err)
	}
}

// The life of an access token goes on while this machine is suspended.
func TestAccessTokenEndsWhileTheMachineIsSuspended(t *testing.T) {
	f, clock := newFake(t), testclock.New(false)
	f.answers["ya29.good"] = info(map[string]any{"exp": nil, "expires_in": "120"})
	v := f.verifier(func(c *google.Config) { c.Now = clock.Now })
	for range 2 {
		if _, err := decide(t, v, "ya29.good"); err != nil {
			t.Fatal(err)
		}
	}
	clock.Suspend(4 * time.Minute) // less than an answer is kept
	delete(f.answers, "ya29.good")
	if id, err := decide(t, v, "ya29.good"); err == nil {
		t.Errorf("accepted as %v", id)
	}
}

// expires_in counts from the start of the call, so a slow answer is kept no longer than its token
// lives.
func TestLifeOfAnAccessTokenCountsFromTheCall(t *testing.T) {
	f := newFake(t)
	f.answers["ya29.good"] = info(map[string]any{"exp": nil, "expires_in": "120"})
	v := f.verifier(func(c *google.Config) { c.Client.Transport = slow{f} })
	for _, age := range []time.Duration{0, 119 * time.Second, 121 * time.Second} {
		f.pass(age - f.now().Sub(start))
		if id, err := decide(t, v, "ya29.good"); (err == nil) != (age < 2*time.Minute) {
			t.Errorf("%v after the call: %v, %v", age, id, err)
		}
		delete(f.answers, "ya29.good")
	}
}

// A slow fake takes 8 s for an answer.
type slow struct{ *fake }

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.pass(8 * time.Second)
	return s.fake.RoundTrip(r)
}

// Tokeninfo's answer is kept. What a handler does to its Identity must not change that of the
// next request.
func TestIdentityOfAnAccessTokenIsFreshEachTime(t *testing.T) {
	f := newFake(t)
	f.answers["ya29.good"] = info(nil)
	v := f.verifier(nil)
	for range 2 {
		id, err := decide(t, v, "ya29.good")
		if err != nil {
			t.Fatal(err)
		}
		if id.Scopes[0] != scope || id.RawClaims[0] != '{' {
			t.Errorf("scopes %q, claims %s", id.Scopes, id.RawClaims)
		}
		id.Scopes[0], id.RawClaims[0] = "admin", '['
	}
}

func TestAccessTokenIsRefused(t *testing.T) {
	// RFC 9700, Section 2.3: Google answers 200 about the access token of another account
	// too, and such a token must be refused.
	other := map[string]any{"azp": "99", "aud": "99"}
	with := func(change map[string]any, more map[string]any) map[string]any {
		change = maps.Clone(change)
		maps.Copy(change, more)
		return change
	}
	tests := []struct {
		name   string
		change map[string]any
		want   error
		reason redoxauth.Reason
	}{
		{"another account", with(other, map[string]any{"email": "x@evil.iam.gserviceaccount.com"}), redoxauth.ErrRejected, "subject"},
		{"another account without address", with(other, map[string]any{"email": nil}), redoxauth.ErrRejected, "subject"},
		{"address not verified", with(other, map[string]any{"email_verified": "false"}), redoxauth.ErrRejected, "subject"},
		{"address not verified, as a boolean", with(other, map[string]any{"email_verified": false}), redoxauth.ErrRejected, "subject"},
		{"address verified in another case", with(other, map[string]any{"email_verified": "True"}), redoxauth.ErrRejected, "subject"},
		{"address verified as a number", with(other, map[string]any{"email_verified": 1}), redoxauth.ErrRejected, "subject"},
		{"address without a word on it", with(other, map[string]any{"email_verified": nil}), redoxauth.ErrRejected, "subject"},
		{"names in another case", map[string]any{"azp": nil, "aud": nil, "email": nil, "AZP": accountID, "Email": account}, redoxauth.ErrRejected, "subject"},
		{"a listed address alone", map[string]any{"azp": nil, "aud": nil}, redoxauth.ErrRejected, "subject"},
		{"a listed address and empty IDs", map[string]any{"azp": "", "aud": ""}, redoxauth.ErrRejected, "subject"},
		{"another account, expired and without the scope", with(other, map[string]any{"email": nil, "scope": nil, "exp": start.Add(-time.Minute).Unix()}), redoxauth.ErrRejected, "subject"},
		{"expired, and without the scope", map[string]any{"scope": nil, "exp": start.Add(-time.Minute).Unix()}, redoxauth.ErrRejected, "expired"},
		{"nobody", map[string]any{"azp": nil, "aud": nil, "email": nil}, redoxauth.ErrRejected, "subject"},
		{"our azp for another aud", map[string]any{"aud": "99"}, redoxauth.ErrRejected, "client"},
		{"another azp for our aud", map[string]any{"azp": "99"}, redoxauth.ErrRejected, "client"},
		{"an application that a person with a listed address gave access to",
			map[string]any{"azp": "1-x.apps.googleusercontent.com", "aud": "1-x.apps.googleusercontent.com"}, redoxauth.ErrRejected, "client"},
		{"expired", map[string]any{"exp": start.Add(-time.Minute).Unix(), "expires_in": nil}, redoxauth.ErrRejected, "expired"},
		{"expired, whatever expires_in says", map[string]any{"exp": start.Add(-time.Minute).Unix()}, redoxauth.ErrRejected, "expired"},
		{"scope missing", map[string]any{"scope": "openid"}, redoxauth.ErrForbidden, "scope"},
		{"scope a prefix", map[string]any{"scope": scope + ".read-only"}, redoxauth.ErrForbidden, "scope"},
		{"no scope", map[string]any{"scope": nil}, redoxauth.ErrForbidden, "scope"},

		// Google never says this, so something between Google and us failed.
		{"no expiry", map[string]any{"exp": nil, "expires_in": nil}, redoxauth.ErrUnavailable, "unavailable"},
		{"expiry that is no time", map[string]any{"exp": "soon"}, redoxauth.ErrUnavailable, "unavailable"},
		{"expiry beyond all time", map[string]any{"exp": "99999999999999999999"}, redoxauth.ErrUnavailable, "unavailable"},
		{"life that is no duration", map[string]any{"expires_in": "1e99"}, redoxauth.ErrUnavailable, "unavailable"},
		{"life that is too long to compute with", map[string]any{"expires_in": int64(1) << 33}, redoxauth.ErrUnavailable, "unavailable"},
		{"aud that is no string", map[string]any{"aud": []string{accountID}}, redoxauth.ErrUnavailable, "unavailable"},
		{"scope that is no string", map[string]any{"scope": []string{scope}}, redoxauth.ErrUnavailable, "unavailable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t)
			f.answers["ya29.token"] = info(test.change)
			v := f.verifier(func(c *google.Config) { c.Scopes = []string{scope} })
			_, err := decide(t, v, "ya29.token")
			verifiertest.CheckError(t, err, test.want, test.reason)
		})
	}
}

func TestAccessTokenThatIsTooLongIsNotSent(t *testing.T) {
	f := newFake(t)
	v := f.verifier(nil)
	_, err := decide(t, v, "ya29."+strings.Repeat("a", 4096-5))
	verifiertest.CheckError(t, err, redoxauth.ErrRejected, "inactive")
	_, err = decide(t, v, "ya29."+strings.Repeat("a", 4096-4))
	verifiertest.CheckError(t, err, redoxauth.ErrRejected, "malformed")
	wantParts(t, fmt.Sprint(err), "the access token has 4097 bytes, want at most 4096")
	if f.calls() != 1 {
		t.Errorf("%d calls, want 1", f.calls())
	}
}

func TestAnswersAreRemembered(t *testing.T) {
	f := newFake(t)
	v := f.verifier(nil)
	known := info(map[string]any{"exp": start.Add(7 * time.Minute).Unix()})
	unknown := reply{http.StatusBadRequest, `{"error":"invalid_token"}`}
	for _, use := range []struct {
		at     time.Duration
		answer reply
		calls  int
		want   error
	}{
		{0, known, 1, nil},
		{5*time.Minute - 1, unknown, 1, nil},
		{5 * time.Minute, known, 2, nil},
		{7*time.Minute - 1, unknown, 2, nil},
		{7 * time.Minute, unknown, 3, redoxauth.ErrRejected}, // the token has expired
		{7*time.Minute + 10*time.Second - 1, known, 3, redoxauth.ErrRejected},
		{7*time.Minute + 10*time.Second, info(nil), 4, nil},
	} {
		f.pass(start.Add(use.at).Sub(f.now()))
		f.answers["ya29.good"] = use.answer
		for range 20 {
			if _, err := decide(t, v, "ya29.good"); !errors.Is(err, use.want) {
				t.Errorf("after %v: error %v, want %v", use.at, err, use.want)
			}
		}
		if f.calls() != use.calls {
			t.Errorf("after %v: %d calls, want %d", use.at, f.calls(), use.calls)
		}
	}
}

// Anybody can invent tokens, and anybody with a Google account can get access tokens that
// Google knows.
func TestStrangersKeepNoListedAccountOut(t *testing.T) {
	f := newFake(t)
	f.answers["ya29.good"] = info(nil)
	v := f.verifier(nil)
	accepted := func(token string, calls int) {
		t.Helper()
		if _, err := decide(t, v, token); err != nil {
			t.Error(err)
		}
		if f.calls() != calls {
			t.Fatalf("%d calls, want %d", f.calls(), calls)
		}
	}
	flood := func(name string) (err error) {
		for i := range 400 {
			_, err = decide(t, v, fmt.Sprintf("ya29.%s-%d", name, i))
		}
		return err
	}
	accepted("ya29.good", 1)
	for i := range 1100 { // more than are remembered, within 4 minutes
		token := fmt.Sprint("ya29.stranger-", i)
		f.answers[token] = info(map[string]any{"azp": "99", "aud": "99", "email": "x@evil.iam.gserviceaccount.com"})
		f.pass(200 * time.Millisecond)
		_, err := decide(t, v, token)
		verifiertest.CheckError(t, err, redoxauth.ErrRejected, "subject")
	}
	f.pass(time.Minute)
	verifiertest.CheckError(t, flood("invented"), redoxauth.ErrUnavailable, "busy")
	accepted("ya29.good", 1+1100+300)
	accepted(idToken(t, nil, nil), 1+1100+300)
	f.pass(time.Minute) // and it is asked about again
	verifiertest.CheckError(t, flood("later"), redoxauth.ErrUnavailable, "busy")
	accepted("ya29.good", 1+1100+300+300+1)
}
