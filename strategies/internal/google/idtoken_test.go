package google_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/google"
)

// idClaims returns the claims of an ID token of a service account
// (https://cloud.google.com/docs/authentication/token-types#id-contents). A nil value in
// change removes a claim.
func idClaims(change map[string]any) map[string]any {
	claims := map[string]any{
		"iss":            "https://accounts.google.com",
		"azp":            accountID,
		"aud":            audience,
		"sub":            accountID,
		"email":          account,
		"email_verified": true,
		"iat":            start.Unix(),
		"exp":            start.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

func idToken(t testing.TB, header, change map[string]any) string {
	t.Helper()
	return signed(t, googleKey, header, change)
}

func signed(t testing.TB, key redoxtest.Key, header, change map[string]any) string {
	t.Helper()
	token, err := key.Token(header, idClaims(change))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken,
// https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
func TestIDTokenOfAListedAccountIsAccepted(t *testing.T) {
	tests := []struct {
		name     string
		accounts []string
		header   map[string]any
		change   map[string]any
		subject  string
	}{
		{"numeric ID", []string{accountID}, nil, nil, accountID},
		{"numeric ID, no e-mail address", []string{accountID}, nil, map[string]any{"email": nil, "email_verified": nil}, accountID},
		{"numeric ID, address not verified", []string{accountID}, nil, map[string]any{"email_verified": false}, accountID},
		{"e-mail address", []string{account}, nil, nil, account},
		{"e-mail address among others", []string{"other@example-project.iam.gserviceaccount.com", account}, nil, nil, account},
		{"both", []string{account, accountID}, nil, nil, accountID},
		{"issuer without scheme", []string{accountID}, nil, map[string]any{"iss": "accounts.google.com"}, accountID},
		{"azp is the address", []string{accountID}, nil, map[string]any{"azp": account}, accountID},
		{"no typ", []string{accountID}, map[string]any{"typ": nil}, nil, accountID},
		{"audiences", []string{accountID}, nil, map[string]any{"aud": []string{"https://other.example", audience}}, accountID},
		{"expired within the leeway", []string{accountID}, nil, map[string]any{"exp": start.Add(-59 * time.Second).Unix()}, accountID},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t)
			v := f.verifier(func(c *google.Config) { c.ServiceAccounts = test.accounts })
			id, err := decide(t, v, idToken(t, test.header, test.change))
			if err != nil {
				t.Fatal(err)
			}
			claims := idClaims(test.change)
			want := &redoxauth.Identity{
				Strategy: "example",
				Subject:  test.subject,
				Issuer:   claims["iss"].(string),
				KeyID:    "google-1",
				Expiry:   time.Unix(claims["exp"].(int64), 0),
			}
			var got map[string]any
			if err := id.Claims(&got); err != nil || got["sub"] != accountID {
				t.Errorf("claims %s: %v", id.RawClaims, err)
			}
			id.RawClaims = nil
			if diff := cmp.Diff(want, id); diff != "" {
				t.Errorf("identity (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIDTokenIsRefused(t *testing.T) {
	const email, verified = "email", "email_verified"
	// An audience alone proves nothing: any Google account can get an ID token for it
	// (https://cloud.google.com/run/docs/authenticating/service-to-service).
	tests := []struct {
		name     string
		accounts []string
		header   map[string]any
		change   map[string]any
		want     error
		reason   redoxauth.Reason
	}{
		{"another account", nil, nil, map[string]any{"sub": "99", "azp": "99", email: "x@evil.iam.gserviceaccount.com"}, redoxauth.ErrRejected, "subject"},
		{"another account, our azp", nil, nil, map[string]any{"sub": "99", email: nil}, redoxauth.ErrRejected, "subject"},
		{"address not verified", nil, nil, map[string]any{"sub": "99", verified: false}, redoxauth.ErrRejected, "subject"},
		{"address verified as a string", nil, nil, map[string]any{"sub": "99", verified: "true"}, redoxauth.ErrRejected, "subject"},
		{"address verified as a number", nil, nil, map[string]any{"sub": "99", verified: 1}, redoxauth.ErrRejected, "subject"},
		{"address without a word on it", nil, nil, map[string]any{"sub": "99", verified: nil}, redoxauth.ErrRejected, "subject"},
		{"name in another case", nil, nil, map[string]any{"sub": "99", email: nil, "Email": account}, redoxauth.ErrRejected, "subject"},
		{"address in another case", nil, nil, map[string]any{"sub": "99", email: strings.ToUpper(account)}, redoxauth.ErrRejected, "subject"},
		{"longer address", nil, nil, map[string]any{"sub": "99", email: account + ".evil.example"}, redoxauth.ErrRejected, "subject"},
		{"address in an array", nil, nil, map[string]any{"sub": "99", email: []string{account}}, redoxauth.ErrRejected, "subject"},
		{"numeric ID, not listed", []string{account}, nil, map[string]any{verified: false}, redoxauth.ErrRejected, "subject"},
		{"no subject", nil, nil, map[string]any{"sub": nil}, redoxauth.ErrRejected, "malformed"},
		{"issuer over http", nil, nil, map[string]any{"iss": "http://accounts.google.com"}, redoxauth.ErrNoCredentials, "issuer"},
		{"issuer with a slash", nil, nil, map[string]any{"iss": "https://accounts.google.com/"}, redoxauth.ErrNoCredentials, "issuer"},
		{"issuer in another case", nil, nil, map[string]any{"iss": "https://Accounts.google.com"}, redoxauth.ErrNoCredentials, "issuer"},
		{"issuer with a suffix", nil, nil, map[string]any{"iss": "accounts.google.com.evil.example"}, redoxauth.ErrNoCredentials, "issuer"},
		{"issuer in an array", nil, nil, map[string]any{"iss": []string{"accounts.google.com"}}, redoxauth.ErrNoCredentials, "issuer"},
		{"no issuer", nil, nil, map[string]any{"iss": nil}, redoxauth.ErrNoCredentials, "issuer"},
		// https://google.aip.dev/auth/4111: signed by the account itself, not by Google.
		{"self-signed by the account", nil, nil, map[string]any{"iss": account, "sub": account}, redoxauth.ErrNoCredentials, "issuer"},
		{"another audience", nil, nil, map[string]any{"aud": "https://other.example"}, redoxauth.ErrRejected, "audience"},
		{"longer audience", nil, nil, map[string]any{"aud": audience + "/"}, redoxauth.ErrRejected, "audience"},
		{"no audience", nil, nil, map[string]any{"aud": nil}, redoxauth.ErrRejected, "audience"},
		{"expired", nil, nil, map[string]any{"exp": start.Add(-60 * time.Second).Unix()}, redoxauth.ErrRejected, "expired"},
		{"no expiry", nil, nil, map[string]any{"exp": nil}, redoxauth.ErrRejected, "lifetime"},
		{"issued in the future", nil, nil, map[string]any{"iat": start.Add(2 * time.Minute).Unix()}, redoxauth.ErrRejected, "not_yet_valid"},
		{"not yet valid", nil, nil, map[string]any{"nbf": start.Add(2 * time.Minute).Unix()}, redoxauth.ErrRejected, "not_yet_valid"},
		{"another type", nil, map[string]any{"typ": "at+jwt"}, nil, redoxauth.ErrRejected, "type"},
		{"unknown key", nil, map[string]any{"kid": "google-2"}, nil, redoxauth.ErrRejected, "unknown_key"},
		{"no algorithm", nil, map[string]any{"alg": "none"}, nil, redoxauth.ErrRejected, "algorithm"},
		{"extension", nil, map[string]any{"crit": []string{"exp"}}, nil, redoxauth.ErrRejected, "malformed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t)
			v := f.verifier(func(c *google.Config) {
				if test.accounts != nil {
					c.ServiceAccounts = test.accounts
				}
			})
			_, err := decide(t, v, idToken(t, test.header, test.change))
			verifiertest.CheckError(t, err, test.want, test.reason)
			if f.calls() != 0 {
				t.Error("an ID token was sent to Google")
			}
		})
	}
}

func TestIDTokenUnderAnotherKeyIsRefused(t *testing.T) {
	// https://cloud.google.com/iap/docs/signed-headers-howto: ES256 and keys of its own.
	iap := redoxtest.NewKey("iap", "ES256")
	attacker := redoxtest.NewKey("attacker", "RS256")
	attacker.ID = googleKey.ID
	parts := strings.Split(idToken(t, nil, map[string]any{"sub": "99", "email": nil}), ".")
	claims := strings.Split(idToken(t, nil, nil), ".")[1]
	for _, test := range []struct {
		name   string
		token  string
		want   error
		reason redoxauth.Reason
	}{
		{"the attacker's key under Google's ID", signed(t, attacker, nil, nil), redoxauth.ErrRejected, "signature"},
		{"the public key as a secret", signed(t, redoxtest.Key{ID: googleKey.ID, Algorithm: "HS256", Secret: redoxtest.JWKS(googleKey)}, nil, nil), redoxauth.ErrRejected, "algorithm"},
		{"another algorithm", signed(t, redoxtest.Key{ID: googleKey.ID, Algorithm: "RS512", Signer: googleKey.Signer}, nil, nil), redoxauth.ErrRejected, "algorithm"},
		{"a published EC key", signed(t, iap, nil, nil), redoxauth.ErrRejected, "algorithm"},
		{"a token of IAP", signed(t, iap, nil, map[string]any{"iss": "https://cloud.google.com/iap"}), redoxauth.ErrNoCredentials, "issuer"},
		{"the claims of a listed account under another's signature", parts[0] + "." + claims + "." + parts[2], redoxauth.ErrRejected, "signature"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t)
			f.keys = append(f.keys, iap)
			_, err := decide(t, f.verifier(nil), test.token)
			verifiertest.CheckError(t, err, test.want, test.reason)
		})
	}
}

// https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions: a token may be
// up to an hour old, and is sent until it expires. It has no jti.
func TestIDTokenIsUsedForAnHour(t *testing.T) {
	f := newFake(t)
	v := f.verifier(nil)
	token := idToken(t, nil, nil)
	for range 61 {
		if _, err := decide(t, v, token); err != nil {
			t.Fatalf("at %v: %v", f.now().Sub(start), err)
		}
		f.pass(time.Minute)
	}
	_, err := decide(t, v, token)
	verifiertest.CheckError(t, err, redoxauth.ErrRejected, "expired")
}

// Redox sends one token with many messages. Only its first use checks the signature.
func TestRepeatedUseOfAnIDTokenIsCheap(t *testing.T) {
	f := newFake(t)
	v, r := f.verifier(nil), request(idToken(t, nil, nil))
	if n := testing.AllocsPerRun(100, func() {
		if _, err := v.Verify(r); err != nil {
			t.Fatal(err)
		}
	}); n > 10 {
		t.Errorf("%v allocations", n)
	}
}

// Google rotates its keys. The Cache-Control of https://www.googleapis.com/oauth2/v3/certs
// says how long they may be kept.
func TestRotatedKeysAreFetched(t *testing.T) {
	f := newFake(t)
	v := f.verifier(nil)
	if _, err := decide(t, v, idToken(t, nil, nil)); err != nil {
		t.Fatal(err)
	}
	next := redoxtest.NewKey("google-2", "RS256")
	f.keys = []redoxtest.Key{next}
	f.pass(time.Minute)
	if _, err := decide(t, v, signed(t, next, nil, nil)); err != nil {
		t.Fatal(err)
	}
	if f.fetches != 2 {
		t.Errorf("%d fetches, want 2", f.fetches)
	}
}

// The package comments of gcpjwt and wif promise that known keys serve for 24 h of an outage.
// Without Cache-Control the keys' own life is 15 minutes.
func TestKnownKeysServeForADayOfAnOutage(t *testing.T) {
	f := newFake(t)
	v := f.verifier(nil)
	token := func() string {
		return idToken(t, nil, map[string]any{"iat": f.now().Unix(), "exp": f.now().Add(time.Hour).Unix()})
	}
	if _, err := decide(t, v, token()); err != nil {
		t.Fatal(err)
	}
	f.fail(func(r *http.Request) (*http.Response, error) {
		return respond(r, http.StatusServiceUnavailable, ""), nil
	})
	f.pass(24*time.Hour + 15*time.Minute - 1)
	if _, err := decide(t, v, token()); err != nil {
		t.Errorf("after a day: %v", err)
	}
	f.pass(time.Second) // from a fetch that failed to the next one
	_, err := decide(t, v, token())
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "keys")
	f.fail(nil)
	f.pass(time.Minute)
	if _, err := decide(t, v, token()); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}
