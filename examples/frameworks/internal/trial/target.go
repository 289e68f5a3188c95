package trial

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// targets sends a signed request to another target than the signed one. A signature covers
// the target as it was received, and a framework routes by a path that it has decoded or
// cleaned. If the two are not the same, the signature for one route runs the handler of
// another.
func targets(t *testing.T, start Destination) {
	verifiers := newVerifiers(t)
	server := start(t, verifiers["verifytoken"].(*verifytoken.Verifier), verifiers["sigv4"], nil)
	client := *http.DefaultClient
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	send := func(signed, sent string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server+signed, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if err := signer.Sign(r); err != nil {
			t.Fatal(err)
		}
		if r.URL, err = url.Parse(server + sent); err != nil {
			t.Fatal(err)
		}
		if r.URL.RequestURI() != sent {
			t.Fatalf("the client would send %s instead of %s", r.URL.RequestURI(), sent)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode
	}
	for _, genuine := range []string{"/redox", "/redox/a/b", "/redox/a%2Fb", "/redox/a%252Fb", "/redox/%C3%A9", "/redox/a+b", "/redox/a%3Fb", "/redox?a=1&b=%2F"} {
		if status := send(genuine, genuine); status != http.StatusOK {
			t.Errorf("%s: got status %d, want 200", genuine, status)
		}
	}
	for _, forged := range []struct{ signed, sent string }{
		{"/redox/a", "/redox/b"},
		{"/redox/a%2Fb", "/redox/a/b"},
		{"/redox/a/b", "/redox/a%2Fb"},
		{"/redox/a%2Fb", "/redox/a%252Fb"},
		{"/redox/a%252Fb", "/redox/a%2Fb"},
		{"/redox/a+b", "/redox/a%20b"},
		{"/redox/a?b", "/redox/a%3Fb"},
		{"/redox?a=1", "/redox?a=1&b=2"},
		{"/redox?a=1&b=2", "/redox?a=1%26b=2"},
		{"/redox?a=1", "/redox?a=1&a=2"},
		{"/other/redox", "/other/../redox"},
		{"/other/redox", "/other/%2e%2E/redox"},
		{"/other/redox", "//other/redox"}, // for http.NewRequest, other is a host here
		{"/other/redox", "///redox"},
		{"/redox", "/other/../redox"},
		{"/redox", "/other/%2e%2e/redox"},
		{"/redox", "/redox/."},
		{"/redox", "/redox/b/.."},
		{"/redox", "/redox/b%2F.."},
	} {
		if status := send(forged.signed, forged.sent); status == http.StatusOK {
			t.Errorf("%s was accepted under a signature for %s", forged.sent, forged.signed)
		}
	}
}
