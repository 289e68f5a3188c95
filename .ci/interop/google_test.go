package interop_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

const (
	// What google-auth-library names as aud in assertions, whatever URL they are sent to.
	googleTokenURL = "https://oauth2.googleapis.com/token"

	cloudScope = "https://www.googleapis.com/auth/cloud-platform"
	emailScope = "https://www.googleapis.com/auth/userinfo.email"
)

func TestGoogleAuthLibrary(t *testing.T) {
	t.Parallel()
	google := redoxtest.NewGoogle()
	t.Cleanup(google.Close)
	tokenURL := google.TokenURL
	google.TokenURL = googleTokenURL
	account := google.AddServiceAccount("redox@project.iam.gserviceaccount.com")
	other := google.AddServiceAccount("other@project.iam.gserviceaccount.com")
	const audience = publicURL + "/redox"
	base := "http://" + destination(t, "GOOGLE_CERTS_URL="+google.CertsURL, "GOOGLE_TOKENINFO_URL="+google.TokenInfoURL,
		"GCP_SERVICE_ACCOUNTS="+account.ID, "GCP_AUDIENCE="+audience, "GCP_ACCESS_TOKENS=1",
		"WIF_SERVICE_ACCOUNTS="+account.Email, "WIF_AUDIENCE="+audience, "WIF_ACCESS_TOKENS=1")
	gcp := parameters{"url": base + "/redox/gcpjwt", "tokenUrl": tokenURL, "body": file(t, message), "kind": "access token",
		"email": account.Email, "key": privatePEM(t, account.Key), "keyId": account.Key.ID, "scopes": []string{cloudScope}, "audience": audience}
	wif := gcp.with(parameters{"url": base + "/redox/wif", "tokenUrl": google.STSURL, "kind": "impersonated", "scopes": []string{cloudScope, emailScope},
		"subjectToken": file(t, []byte("the token of an identity provider")), "impersonationUrl": google.ImpersonationURL(account.Email)})
	theOther := parameters{"email": other.Email, "key": privatePEM(t, other.Key), "impersonationUrl": google.ImpersonationURL(other.Email)}
	tests := []struct {
		name           string
		params, change parameters
		want           int
	}{
		{"access token", gcp, nil, 200},
		{"access token of another account", gcp, theOther, 401},
		{"ID token", gcp, parameters{"kind": "ID token"}, 200},
		{"ID token for another audience", gcp, parameters{"kind": "ID token", "audience": audience + "/"}, 401},
		{"ID token of another account", gcp, theOther.with(parameters{"kind": "ID token"}), 401},
		{"token that the account signs itself", gcp, parameters{"kind": "self-signed"}, 401},
		{"federated and impersonated", wif, nil, 200},
		{"impersonated, account known by its e-mail address, without that scope", wif, parameters{"scopes": []string{cloudScope}}, 401},
		{"impersonated, another account", wif, theOther, 401},
		{"federated alone", wif, parameters{"kind": "federated"}, 401},
		{"impersonated ID token", wif, parameters{"kind": "impersonated ID token"}, 200},
		{"impersonated ID token of another account", wif, theOther.with(parameters{"kind": "impersonated ID token"}), 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.params.with(tt.change).run(t, "google-auth-library.mjs"); got.Status != tt.want {
				t.Errorf("got %+v, want %d", got, tt.want)
			}
		})
	}
}

// Google's libraries also get tokens from a token endpoint of ours, by RFC 7523. That
// demands a sub, which they send only for a subject.
func TestGoogleAuthLibraryAtOurTokenEndpoint(t *testing.T) {
	t.Parallel()
	const email = "redox@project.iam.gserviceaccount.com"
	key := redoxtest.NewKey(email, "RS256")
	base := "http://" + destination(t, "GRANT_ISSUER="+email, "GRANT_JWKS_URL="+published(t, key), "GRANT_AUDIENCES="+googleTokenURL)
	genuine := parameters{"url": base + "/redox/jwtbearer", "tokenUrl": base + "/token/jwtbearer", "body": file(t, message),
		"kind": "access token", "email": email, "key": privatePEM(t, key), "keyId": key.ID, "scopes": []string{cloudScope}}
	tests := []struct {
		name   string
		params parameters
		want   int
	}{
		{"with a subject", parameters{"subject": email}, 200},
		{"without a subject", nil, 400},
		{"another key", parameters{"subject": email, "key": privatePEM(t, redoxtest.NewKey("other", "RS256"))}, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := genuine.with(tt.params).run(t, "google-auth-library.mjs"); got.Status != tt.want {
				t.Errorf("got %+v, want %d", got, tt.want)
			}
		})
	}
}

// google-auth 1.5.1, Debian 12's, pads its base64url, which RFC 7515, Section 2 forbids.
func TestPaddedAssertionIsRefused(t *testing.T) {
	t.Parallel()
	const email = "redox@project.iam.gserviceaccount.com"
	key := redoxtest.NewKey(email, "RS256")
	base := destination(t, "GRANT_ISSUER="+email, "GRANT_JWKS_URL="+published(t, key))
	var assertion string
	way := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: base})
		form, err := io.ReadAll(r.In.Body)
		if err != nil {
			t.Error(err)
		}
		values, err := url.ParseQuery(string(form))
		if err != nil {
			t.Error(err)
		}
		assertion = values.Get("assertion")
		r.Out.Body = io.NopCloser(bytes.NewReader(form))
	}})
	defer way.Close()
	got := parameters{"url": way.URL + "/redox/jwtbearer", "tokenUrl": way.URL + "/token/jwtbearer", "body": file(t, message),
		"email": email, "key": privatePEM(t, key), "keyId": key.ID}.run(t, "google_auth.py")
	if got.Status != http.StatusBadRequest || !strings.Contains(got.Text, "invalid_grant") {
		t.Errorf("got %+v, want invalid_grant", got)
	}
	if !strings.HasSuffix(assertion, "==") {
		t.Error("the assertion is not padded: another cause has to be found")
	}
}
