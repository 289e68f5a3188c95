package gcpjwt_test

import (
	"bufio"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// recorded returns the requests in REDOXAUTH_TESTDATA that Google's client libraries
// sent for a service account with a key, by file name.
func recorded(t *testing.T) map[string]*http.Request {
	t.Helper()
	dir := os.Getenv("REDOXAUTH_TESTDATA")
	if dir == "" {
		t.Skip("REDOXAUTH_TESTDATA is not set")
	}
	files, err := filepath.Glob(filepath.Join(dir, "captures", "wif", "*_jwt*.http"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded requests: %v", err)
	}
	requests := map[string]*http.Request{}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if requests[filepath.Base(file)], err = http.ReadRequest(bufio.NewReader(f)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return requests
}

// The recorded messages carry tokens of a mock, and one that the account signed itself
// (https://google.aip.dev/auth/4111). None is Google's, so none is accepted; with a token
// of Google in its place the same message is.
func TestMessagesOfGoogleClients(t *testing.T) {
	g, account, cfg := newGoogle(t)
	v := newVerifier(t, cfg)
	messages := 0
	for name, r := range recorded(t) {
		if r.URL.Path != "/redox/inbound" {
			continue
		}
		messages++
		if _, err := v.Verify(r); redoxauth.StatusCode(err) != http.StatusUnauthorized {
			t.Errorf("%s: error = %v, want a 401", name, err)
		}
		idToken, err := g.IDToken(account, audience, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{idToken, g.AccessToken(account, scope)} {
			r.Header.Set("Authorization", "Bearer "+token)
			if id, err := v.Verify(r); err != nil || id.Subject != account.ID {
				t.Errorf("%s with a token of Google: %v, %v", name, id, err)
			}
		}
	}
	if messages == 0 {
		t.Fatal("no recorded messages")
	}
}

// What the account signs for Google's token endpoint is no proof here, not even while
// it lasts.
func TestAssertionsOfGoogleClientsAreNoTokens(t *testing.T) {
	_, _, cfg := newGoogle(t)
	cfg.Now = func() time.Time { return time.Unix(1795458200, 0) } // they expire within the hour
	v := newVerifier(t, cfg)
	assertions := 0
	for name, r := range recorded(t) {
		if r.ParseForm() != nil || r.PostForm.Get("assertion") == "" {
			continue
		}
		assertions++
		message := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/redox"}, Header: http.Header{"Authorization": {"Bearer " + r.PostForm.Get("assertion")}}}
		if _, err := v.Verify(message); !errors.Is(err, redoxauth.ErrNoCredentials) {
			t.Errorf("%s: error = %v, want ErrNoCredentials", name, err)
		}
	}
	if assertions == 0 {
		t.Fatal("no recorded assertions")
	}
}
