package google_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/google"
)

// info is an answer of tokeninfo about an access token of a service account: everything
// is a string. A nil value takes a member out.
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

func TestAccessTokenIsRefused(t *testing.T) {
	// RFC 9700, Section 2.3: an access token that was given to somebody else is no
	// proof here, though Google answers 200 for it.
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

		// What Google would never say is an outage of something in between.
		{"no expiry", map[string]any{"exp": nil, "expires_in": nil}, redoxauth.ErrUnavailable, "unavailable"},
		{"expiry that is no time", map[string]any{"exp": "soon"}, redoxauth.ErrUnavailable, "unavailable"},
		{"expiry beyond all time", map[string]any{"exp": "99999999999999999999"}, redoxauth.ErrUnavailable, "unavailable"},
		{"life that is no duration", map[string]any{"expires_in": "1e99"}, redoxauth.ErrUnavailable, "unavailable"},
		{"life beyond all time", map[string]any{"expires_in": int64(1) << 52}, redoxauth.ErrUnavailable, "unavailable"},
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
	if f.calls() != 1 {
		t.Errorf("%d calls, want 1", f.calls())
	}
}

// Answers are remembered, decisions are not.
func TestAnswersAreRememberedAndDecidedAnew(t *testing.T) {
	f := newFake(t)
	f.answers["ya29.good"] = info(map[string]any{"exp": start.Add(7 * time.Minute).Unix()})
	v := f.verifier(nil)
	accepted := func(calls int) {
		t.Helper()
		if _, err := decide(t, v, "ya29.good"); err != nil {
			t.Fatal(err)
		}
		if f.calls() != calls {
			t.Fatalf("%d calls, want %d", f.calls(), calls)
		}
	}
	for range 100 {
		accepted(1)
	}
	f.pass(5*time.Minute - 1)
	accepted(1)
	f.pass(1)
	accepted(2)
	delete(f.answers, "ya29.good") // expired, as Google sees it
	f.pass(2*time.Minute - 1)
	accepted(2)
	f.pass(1)
	_, err := decide(t, v, "ya29.good")
	verifiertest.CheckError(t, err, redoxauth.ErrRejected, "inactive")
	for range 100 {
		_, err = decide(t, v, "ya29.good")
		verifiertest.CheckError(t, err, redoxauth.ErrRejected, "inactive")
	}
	if f.calls() != 3 {
		t.Errorf("%d calls, want 3", f.calls())
	}

	f.answers["ya29.good"] = info(nil) // a verdict is never for long
	f.pass(10 * time.Second)
	accepted(4)
}

func TestIdentitiesShareNothing(t *testing.T) {
	f := newFake(t)
	f.answers["ya29.good"] = info(nil)
	v := f.verifier(nil)
	for range 2 {
		id, err := decide(t, v, "ya29.good")
		if err != nil {
			t.Fatal(err)
		}
		if id.Scopes[0] != scope || !json.Valid(id.RawClaims) {
			t.Fatalf("identity %+v was changed by another request", id)
		}
		id.Scopes[0] = "changed"
		clear(id.RawClaims)
	}
}

// Whoever has a Google account can get access tokens that Google knows.
func TestStrangersTokensKeepNoListedAccountOut(t *testing.T) {
	f := newFake(t)
	f.answers["ya29.good"] = info(nil)
	v := f.verifier(nil)
	if _, err := decide(t, v, "ya29.good"); err != nil {
		t.Fatal(err)
	}
	for i := range 1100 { // more than are remembered, within 4 minutes
		token := fmt.Sprint("ya29.stranger-", i)
		f.answers[token] = info(map[string]any{"azp": "99", "aud": "99", "email": "x@evil.iam.gserviceaccount.com"})
		f.pass(200 * time.Millisecond)
		_, err := decide(t, v, token)
		verifiertest.CheckError(t, err, redoxauth.ErrRejected, "subject")
	}
	for i := range 400 { // more than may be asked about now
		v.Verify(request(fmt.Sprint("ya29.invented-", i)))
	}
	calls := f.calls()
	if _, err := decide(t, v, "ya29.good"); err != nil || f.calls() != calls {
		t.Errorf("error %v and %d calls, want none", err, f.calls()-calls)
	}
	f.pass(90 * time.Second) // and it is asked about again
	for i := range 400 {
		v.Verify(request(fmt.Sprint("ya29.later-", i)))
	}
	if _, err := decide(t, v, "ya29.good"); err != nil {
		t.Error(err)
	}
}

func TestInventedTokensCannotCallGoogleWithoutLimit(t *testing.T) {
	f := newFake(t)
	f.answers["ya29.good"] = info(nil)
	v := f.verifier(nil)
	if _, err := decide(t, v, "ya29.good"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for worker := range 100 {
		wg.Go(func() {
			for i := range 10 {
				_, err := v.Verify(request(fmt.Sprintf("ya29.invented-%d-%d", worker, i)))
				var e *redoxauth.Error
				switch {
				case errors.As(err, &e) && errors.Is(err, redoxauth.ErrRejected) && e.Reason == "inactive":
				case errors.As(err, &e) && errors.Is(err, redoxauth.ErrUnavailable) && e.Reason == "busy":
				default:
					t.Errorf("error = %v", err)
				}
			}
		})
	}
	wg.Wait()
	if f.calls() > 300 {
		t.Errorf("%d calls in a minute, want at most 300", f.calls())
	}
	if f.most > 32 {
		t.Errorf("%d calls at once, want at most 32", f.most)
	}
	if _, err := decide(t, v, idToken(t, nil, nil)); err != nil {
		t.Errorf("an ID token after the flood: %v", err)
	}
	f.pass(5 * time.Minute) // and the one that was good is asked about again
	if _, err := decide(t, v, "ya29.good"); err != nil {
		t.Error(err)
	}
}
