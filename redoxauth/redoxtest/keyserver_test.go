package redoxtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func ExampleNewKeyServer() {
	keys := redoxtest.NewKeyServer(redoxtest.NewKey("1", "ES256"))
	defer keys.Close()
	sender := &redoxtest.JWTBearer{Key: keys.Key(), Issuer: keys.Issuer, Audience: []string{"https://customer.example"}}

	token, err := sender.Token()
	if err != nil {
		fmt.Println(err)
		return
	}
	// This example uses another library. A verifier of this module takes the URL in a keyset.RemoteConfig.
	set, err := jwk.Fetch(context.Background(), keys.JWKSURL)
	if err != nil {
		fmt.Println(err)
		return
	}
	genuine, err := jwt.ParseString(token, jwt.WithKeySet(set))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(genuine.Audience(), keys.Fetches())
	// Output: [https://customer.example] 1
}

func get(t *testing.T, url string) (*http.Response, []byte) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

func kids(t *testing.T, s *redoxtest.KeyServer) []string {
	t.Helper()
	set := must(jwk.Fetch(t.Context(), s.JWKSURL))
	var ids []string
	for i := range set.Len() {
		k, _ := set.Key(i)
		ids = append(ids, k.KeyID())
	}
	return ids
}

func TestKeyServerRotates(t *testing.T) {
	first, second := redoxtest.NewKey("1", "ES256"), redoxtest.NewKey("2", "ES256")
	s := redoxtest.NewKeyServer(first)
	defer s.Close()
	for _, step := range [][]redoxtest.Key{{first}, {first, second}, {second, first}, {second}} {
		s.Rotate(step...)
		var want []string
		for _, k := range step {
			want = append(want, k.ID)
		}
		if diff := cmp.Diff(want, kids(t, s)); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
		if s.Key().ID != want[0] {
			t.Errorf("signs with %q, want the first", s.Key().ID)
		}
	}
	if got := s.Fetches(); got != 4 {
		t.Errorf("%d fetches, want 4", got)
	}
}

func TestKeyServerCacheControl(t *testing.T) {
	s := redoxtest.NewKeyServer()
	defer s.Close()
	if response, _ := get(t, s.JWKSURL); response.Header["Cache-Control"] != nil {
		t.Errorf("Cache-Control %q, want none", response.Header["Cache-Control"])
	}
	s.SetCacheControl("public, max-age=300")
	if response, _ := get(t, s.JWKSURL); response.Header.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("Cache-Control %q", response.Header["Cache-Control"])
	}
}

// OpenID Connect Discovery 1.0, Section 4.1, appends the well-known path; RFC 8414,
// Section 3.1, inserts it.
func TestKeyServerDiscovery(t *testing.T) {
	s := redoxtest.NewKeyServer()
	defer s.Close()
	base := s.Issuer
	for issuer, urls := range map[string][]string{
		base:                {base + "/.well-known/openid-configuration", base + "/.well-known/oauth-authorization-server"},
		base + "/":          {base + "/.well-known/openid-configuration", base + "/.well-known/oauth-authorization-server"},
		base + "/tenant/1":  {base + "/tenant/1/.well-known/openid-configuration", base + "/.well-known/oauth-authorization-server/tenant/1"},
		"https://a.example": {base + "/.well-known/openid-configuration"},
	} {
		s.Issuer = issuer
		for _, url := range urls {
			_, body := get(t, url)
			var got map[string]string
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatalf("%s: %v", url, err)
			}
			if diff := cmp.Diff(map[string]string{"issuer": issuer, "jwks_uri": s.JWKSURL}, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", url, diff)
			}
		}
	}
	s.Issuer = base + "/tenant/1"
	if response, _ := get(t, base+"/.well-known/openid-configuration"); response.StatusCode != http.StatusNotFound {
		t.Errorf("another issuer's discovery answers %d, want 404", response.StatusCode)
	}
}

func TestOutages(t *testing.T) {
	s := redoxtest.NewKeyServer(redoxtest.NewKey("1", "ES256"))
	defer s.Close()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	fetch := func(o redoxtest.Outage) (status int, contentType, body string, err error) {
		s.Fail(o, s.JWKSURL)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "GET", s.JWKSURL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(r)
		if err != nil {
			return 0, "", "", err
		}
		defer response.Body.Close()
		b, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
		return response.StatusCode, response.Header.Get("Content-Type"), string(b), err
	}
	if status, _, body, err := fetch(redoxtest.Slow(time.Millisecond)); status != 200 || !strings.Contains(body, `"kid":"1"`) || err != nil {
		t.Errorf("slow: %d, %v", status, err)
	}
	if status, _, _, err := fetch(redoxtest.Status(500)); status != 500 || err != nil {
		t.Errorf("status: %d, %v", status, err)
	}
	if status, contentType, body, err := fetch(redoxtest.HTML()); status != 200 || !strings.HasPrefix(contentType, "text/html") || !strings.HasPrefix(body, "<!DOCTYPE") || err != nil {
		t.Errorf("HTML: %d, %s, %v", status, contentType, err)
	}
	if status, _, _, err := fetch(redoxtest.Redirect("http://a.example/")); status != 307 || err != nil {
		t.Errorf("redirect: %d, %v", status, err)
	}
	if status, _, body, err := fetch(redoxtest.Huge()); status != 200 || len(body) != 4<<20 || err != nil {
		t.Errorf("huge: %d, %d bytes, %v", status, len(body), err)
	}
	if _, _, _, err := fetch(redoxtest.Reset()); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("reset: %v", err)
	}
	before := s.Fetches()
	if status, _, _, err := fetch(nil); status != 200 || err != nil {
		t.Errorf("after the outage: %d, %v", status, err)
	}
	if got := s.Fetches() - before; got != 1 {
		t.Errorf("%d fetches counted, want 1", got)
	}
}

func TestHangEndsWithTheClientAndWithTheServer(t *testing.T) {
	for _, end := range []string{"client", "server"} {
		s := redoxtest.NewKeyServer()
		inside := make(chan struct{})
		s.Fail(func(next http.Handler) http.Handler {
			hang := redoxtest.Hang()(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(inside)
				hang.ServeHTTP(w, r)
			})
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			r, err := http.NewRequestWithContext(ctx, "POST", s.JWKSURL, strings.NewReader("token=x"))
			if err == nil {
				_, err = http.DefaultClient.Do(r)
			}
			done <- err
		}()
		<-inside
		if end == "client" {
			cancel()
		} else {
			s.Close()
		}
		if err := <-done; err == nil {
			t.Errorf("%s: answered", end)
		}
		cancel()
		s.Close()
	}
}

func TestOutageIsPerURL(t *testing.T) {
	s := redoxtest.NewKeyServer()
	defer s.Close()
	discovery := s.Issuer + "/.well-known/openid-configuration"
	status := func() [2]int {
		keys, _ := get(t, s.JWKSURL)
		meta, _ := get(t, discovery)
		return [2]int{keys.StatusCode, meta.StatusCode}
	}
	for _, step := range []struct {
		outage redoxtest.Outage
		urls   []string
		want   [2]int
	}{
		{redoxtest.Status(500), nil, [2]int{500, 500}},
		{nil, []string{discovery}, [2]int{500, 200}},
		{nil, nil, [2]int{200, 200}},
		{redoxtest.Status(503), []string{discovery}, [2]int{200, 503}},
		{redoxtest.Status(502), nil, [2]int{502, 502}},
	} {
		s.Fail(step.outage, step.urls...)
		if got := status(); got != step.want {
			t.Errorf("keys and discovery answer %v, want %v", got, step.want)
		}
	}
	if got := s.Calls(discovery); got != 5 {
		t.Errorf("%d calls of discovery, want 5", got)
	}
}
