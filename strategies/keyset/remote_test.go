package keyset_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

func TestConcurrentFirstRequestsFetchOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		if url := jose.SourceOf(s).URL(); url != "https://keys.example/jwks.json" {
			t.Errorf("URL %q before the first fetch", url)
		}
		srv.set(func(r *http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second)
			return respond(200, jwks("a"))(r)
		})
		srv.wantFetches(t, 0)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { check(t, lookUp(t.Context(), s, "a"), nil, "") })
		}
		wg.Wait()
		srv.wantFetches(t, 1)
	})
}

// After 80 % of their life, keys are refreshed in the background.
func TestRefreshInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := remote(t, keyset.RemoteConfig{}, "a")
		check(t, s.Ready(t.Context()), nil, "")
		srv.set(func(r *http.Request) (*http.Response, error) {
			time.Sleep(5 * time.Second)
			return respond(200, jwks("a", "b"), "Cache-Control: max-age=600")(r)
		})
		time.Sleep(479 * time.Second)
		check(t, lookUp(t.Context(), s, "a"), nil, "")
		srv.wantFetches(t, 1)
		time.Sleep(time.Second)
		start := time.Now()
		for range 10 {
			check(t, lookUp(t.Context(), s, "a"), nil, "")
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("waited %v for the refresh", d)
		}
		synctest.Wait()
		srv.wantFetches(t, 2)
		time.Sleep(6 * time.Second)
		check(t, lookUp(t.Context(), s, "b"), nil, "")
		srv.wantFetches(t, 2)
	})
}

func TestLifeOfKeys(t *testing.T) {
	for _, test := range []struct {
		name    string
		headers []string
		want    time.Duration
	}{
		{"none", nil, 15 * time.Minute},
		{"max-age", []string{"Cache-Control: public, max-age=3600, must-revalidate"}, time.Hour},
		{"max-age in quotes, in another case", []string{`Cache-Control: Max-Age="3600"`}, time.Hour},
		{"max-age in a second header", []string{"Cache-Control: public", "Cache-Control: max-age=3600"}, time.Hour},
		{"max-age twice, the smaller first", []string{"Cache-Control: max-age=300, max-age=3600"}, 5 * time.Minute},
		{"max-age twice, the smaller last", []string{"Cache-Control: max-age=3600, public, max-age=300"}, 5 * time.Minute},
		{"max-age twice, in two headers", []string{"Cache-Control: max-age=3600", "Cache-Control: max-age=300"}, 5 * time.Minute},
		{"max-age twice, in two headers, the smaller first", []string{"Cache-Control: max-age=300", "Cache-Control: public, max-age=3600"}, 5 * time.Minute},
		{"max-age twice, in quotes and huge", []string{`Cache-Control: max-age="99999999999999999999", max-age="300"`}, 5 * time.Minute},
		{"max-age twice, and one no number", []string{"Cache-Control: max-age=3600, max-age=x"}, time.Minute},
		{"max-age twice, and one zero", []string{"Cache-Control: max-age=0", "Cache-Control: max-age=3600"}, time.Minute},
		{"max-age with spaces", []string{"Cache-Control: public , max-age = 3600 "}, time.Hour},
		{"other directives", []string{"Cache-Control: s-maxage=5, stale-if-error=7, max-age=3600, immutable,, x=\"a, b\""}, time.Hour},
		{"no max-age", []string{"Cache-Control: public, must-revalidate"}, 15 * time.Minute},
		{"Age twice", []string{"Cache-Control: max-age=3600", "Age: 600, 60", "Age: 1"}, 50 * time.Minute},
		{"Age negative", []string{"Cache-Control: max-age=3600", "Age: -600"}, time.Hour},
		{"less Age", []string{"Cache-Control: max-age=3600", "Age: 600"}, 50 * time.Minute},
		{"Age beyond max-age", []string{"Cache-Control: max-age=600", "Age: 6000"}, time.Minute},
		{"Age alone", []string{"Age: 60"}, 14 * time.Minute},
		{"Age no number", []string{"Cache-Control: max-age=3600", "Age: x"}, time.Hour},
		{"no-store", []string{"Cache-Control: no-store, max-age=3600"}, time.Minute},
		{"no-cache", []string{"Cache-Control: max-age=3600, no-cache"}, time.Minute},
		{"less than a minute", []string{"Cache-Control: max-age=1"}, time.Minute},
		{"zero", []string{"Cache-Control: max-age=0"}, time.Minute},
		{"negative", []string{"Cache-Control: max-age=-1"}, time.Minute},
		{"no number", []string{"Cache-Control: max-age=x"}, time.Minute},
		{"more than a day", []string{"Cache-Control: max-age=999999"}, 24 * time.Hour},
		{"more than fits", []string{"Cache-Control: max-age=99999999999999999999"}, 24 * time.Hour},
		{"more nanoseconds than fit", []string{"Cache-Control: max-age=18446744074"}, 24 * time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, srv := remote(t, keyset.RemoteConfig{})
				srv.set(respond(200, jwks("a"), test.headers...))
				check(t, s.Ready(t.Context()), nil, "")
				if st := s.Status(); st.Expires.Sub(st.Fetched) != test.want {
					t.Errorf("life %v, want %v", st.Expires.Sub(st.Fetched), test.want)
				}
			})
		})
	}
}

func TestRemoteConfig(t *testing.T) {
	url := "https://keys.example/jwks.json"
	for _, test := range []struct {
		name string
		cfg  keyset.RemoteConfig
		want []string // what the error says; none: no error
	}{
		{"URL", keyset.RemoteConfig{URL: url}, nil},
		{"Issuer", keyset.RemoteConfig{Issuer: "https://issuer.example/tenant/"}, nil},
		{"neither", keyset.RemoteConfig{}, []string{"keyset: URL: "}},
		{"both", keyset.RemoteConfig{URL: url, Issuer: url}, []string{"keyset: URL: "}},
		{"http", keyset.RemoteConfig{URL: "http://keys.example"}, []string{"keyset: URL: http, want https"}},
		{"http, allowed", keyset.RemoteConfig{URL: "http://keys.example", InsecureAllowHTTP: true}, nil},
		{"file, even then", keyset.RemoteConfig{URL: "file:///keys", InsecureAllowHTTP: true}, []string{"keyset: URL: "}},
		{"ftp, even then", keyset.RemoteConfig{URL: "ftp://keys.example", InsecureAllowHTTP: true}, []string{`keyset: URL: "ftp://keys.example" is not an absolute http or https URL`}},
		{"relative", keyset.RemoteConfig{URL: "/jwks.json"}, []string{"keyset: URL: "}},
		{"opaque", keyset.RemoteConfig{URL: "https:keys"}, []string{"keyset: URL: "}},
		{"malformed", keyset.RemoteConfig{URL: "https://keys.example/%zz"}, []string{"keyset: URL: "}},
		{"password", keyset.RemoteConfig{URL: "https://u:hunter2@keys.example"}, []string{"keyset: URL: has a user or a password"}},
		{"fragment", keyset.RemoteConfig{URL: url + "#x"}, []string{"keyset: URL: "}},
		{"query", keyset.RemoteConfig{URL: url + "?x=1"}, nil},
		{"Issuer with http", keyset.RemoteConfig{Issuer: "http://issuer.example"}, []string{"keyset: Issuer: http, want https"}},
		{"Issuer with http, allowed", keyset.RemoteConfig{Issuer: "http://issuer.example", InsecureAllowHTTP: true}, nil},
		{"Issuer with a password", keyset.RemoteConfig{Issuer: "https://u:hunter2@issuer.example"}, []string{"keyset: Issuer: has a user or a password"}},
		{"no units", keyset.RemoteConfig{URL: url, Cooldown: 5, MinRefresh: 60, MaxRefresh: 3600, MaxStale: 300}, []string{
			"keyset: Cooldown: 5ns: a duration needs a unit", "keyset: MinRefresh: 60ns: ", "keyset: MaxRefresh: 3.6µs: ", "keyset: MaxStale: 300ns: "}},
		{"Issuer with a query", keyset.RemoteConfig{Issuer: url + "?x=1"}, []string{"keyset: Issuer: "}},
		{"negative", keyset.RemoteConfig{URL: url, Cooldown: -1, MinRefresh: -1, MaxRefresh: -1}, []string{"keyset: Cooldown: ", "keyset: MinRefresh: ", "keyset: MaxRefresh: "}},
		{"bounds", keyset.RemoteConfig{URL: url, MinRefresh: 2, MaxRefresh: 1}, []string{"keyset: MaxRefresh: "}},
		{"one interval", keyset.RemoteConfig{URL: url, MinRefresh: time.Hour, MaxRefresh: time.Hour}, nil},
		{"several", keyset.RemoteConfig{URL: "http://keys.example", Cooldown: -1}, []string{"keyset: URL: ", "keyset: Cooldown: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := keyset.NewRemote(test.cfg)
			if (err == nil) != (test.want == nil) {
				t.Fatalf("error %v, want %q", err, test.want)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("error %q, want %q", err, want)
				}
			}
		})
	}
}

// A clock that jumps back must not stop the refreshing.
func TestClockThatJumpsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		s, srv := remote(t, keyset.RemoteConfig{Now: func() time.Time { return now }}, "a")
		srv.set(down)
		check(t, s.Ready(t.Context()), redoxauth.ErrUnavailable, "keys")
		now = now.Add(-24 * time.Hour)
		srv.set(respond(200, jwks("a")))
		start := time.Now()
		check(t, s.Ready(t.Context()), nil, "")
		if d := time.Since(start); d > time.Second {
			t.Errorf("waited %v", d)
		}
	})
}
