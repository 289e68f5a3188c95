package wif_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	files, err := filepath.Glob(filepath.Join(dir, "captures", "wif", "*.http"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded requests: %v", err)
	}
	requests := map[string]*http.Request{}
	for _, file := range files {
		if strings.Contains(file, "_jwt") { // with a key of the account
			continue
		}
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

// An impersonated account's access token is accepted as the client sent it. The
// federated token that a client sends when it impersonates nobody, and the mock's
// unsigned ID token, are not.
func TestMessagesOfGoogleClients(t *testing.T) {
	_, account, cfg := newGoogle(t)
	cfg.Client = &http.Client{Transport: tokenInfo{"ya29.impersonated", account.ID}}
	v := newVerifier(t, cfg)
	accepted, refused := 0, 0
	for name, r := range recorded(t) {
		if r.URL.Path != "/redox/inbound" {
			continue
		}
		want := http.StatusUnauthorized
		if r.Header.Get("Authorization") == "Bearer ya29.impersonated" {
			want = http.StatusOK
			accepted++
		} else {
			refused++
		}
		if _, err := v.Verify(r); redoxauth.StatusCode(err) != want {
			t.Errorf("%s: error = %v, want status %d", name, err, want)
		}
	}
	if accepted == 0 || refused == 0 {
		t.Fatalf("%d recorded messages to accept, %d to refuse", accepted, refused)
	}
}

// tokenInfo is a Google that knows one token, of one account.
type tokenInfo struct{ token, accountID string }

func (i tokenInfo) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.FormValue("access_token") == i.token {
		fmt.Fprintf(w, `{"azp":%q,"aud":%q,"scope":%q,"expires_in":"3599"}`, i.accountID, i.accountID, scope)
	} else {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error_description":"Invalid Value"}`)
	}
	return w.Result(), nil
}
