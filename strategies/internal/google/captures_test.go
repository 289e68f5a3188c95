package google_test

import (
	"bufio"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/google"
)

// The recordings are what Google's client libraries sent, with a key of a service
// account and by Workload Identity Federation. The access token of an impersonated account
// is accepted. No other token is Google's: the federated token that a client sends without
// impersonation, the unsigned ID token of a mock, tokens and assertions that the account
// signed itself (https://google.aip.dev/auth/4111). With a token of Google the same
// messages are accepted.
func TestMessagesOfGoogleClients(t *testing.T) {
	f := newFake(t)
	f.time = time.Unix(1795458200, 0) // the recorded assertions are valid
	f.answers["ya29.impersonated"] = info(map[string]any{"exp": nil})
	genuine := idToken(t, nil, map[string]any{"exp": f.time.Unix() + 60})
	v := f.verifier(func(c *google.Config) { c.Scopes = []string{scope} })
	files, err := filepath.Glob("../testdata/wif/*.http")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, file := range files {
		data, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer data.Close()
		r, err := http.ReadRequest(bufio.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := r.ParseForm(); err == nil && r.PostForm.Get("assertion") != "" {
			seen["assertion"]++
			if _, err := v.Verify(request(r.PostForm.Get("assertion"))); !errors.Is(err, redoxauth.ErrNoCredentials) {
				t.Errorf("%s: error = %v, want ErrNoCredentials", file, err)
			}
		}
		if r.URL.Path != "/redox/inbound" {
			continue
		}
		want := http.StatusUnauthorized
		if r.Header.Get("Authorization") == "Bearer ya29.impersonated" {
			want = http.StatusOK
		}
		seen[http.StatusText(want)]++
		if _, err := v.Verify(r); redoxauth.StatusCode(err) != want {
			t.Errorf("%s: error = %v, want status %d", file, err, want)
		}
		r.Header.Set("Authorization", "Bearer "+genuine)
		if _, err := v.Verify(r); err != nil {
			t.Errorf("%s with a token of Google: %v", file, err)
		}
	}
	if len(seen) != 3 {
		t.Fatalf("recorded requests: %v", seen)
	}
}
