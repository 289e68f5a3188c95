package keyset_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

const (
	oidc  = "/.well-known/openid-configuration"
	oauth = "/.well-known/oauth-authorization-server"
)

type answer = func(*http.Request) (*http.Response, error)

// names answers with the metadata of https://issuer.example, whose keys are at a path.
func names(path string) answer {
	return respond(200, fmt.Sprintf(`{"issuer":"https://issuer.example","jwks_uri":"https://issuer.example%s"}`, path))
}

func missing(r *http.Request) (*http.Response, error) { return respond(404, "")(r) }

// discovered returns the RemoteSet of https://issuer.example. What is not in answers hangs.
func discovered(t *testing.T, answers map[string]answer) *keyset.RemoteSet {
	return newRemote(t, keyset.RemoteConfig{Issuer: "https://issuer.example", Client: &http.Client{Transport: &server{answer: func(r *http.Request) (*http.Response, error) {
		if f := answers[r.URL.Path]; f != nil {
			return f(r)
		}
		if strings.HasPrefix(r.URL.Path, "/keys") {
			return respond(200, jwks("a"))(r)
		}
		return hang(r)
	}}}})
}

// OpenID Connect and RFC 8414 do not hide each other, and the result does not depend on
// chance: where both are good, OpenID Connect's counts.
func TestDiscoverySideBySide(t *testing.T) {
	other := respond(200, `{"issuer":"https://other.example","jwks_uri":"https://other.example/keys"}`)
	html := respond(200, "<!DOCTYPE html>") // a web application answers so at every path
	panics := func(*http.Request) (*http.Response, error) { panic("secret") }
	for _, test := range []struct {
		name        string
		oidc, oauth answer
		want        string // the path of the keys; "": an error
		took        time.Duration
	}{
		{"both", names("/keys1"), names("/keys2"), "/keys1", 0},
		{"both, OpenID Connect a little later", slowly(200*time.Millisecond, names("/keys1")), names("/keys2"), "/keys1", 200 * time.Millisecond},
		{"both, RFC 8414 later", names("/keys1"), slowly(5*time.Second, names("/keys2")), "/keys1", 0},
		{"both, OpenID Connect much later", slowly(5*time.Second, names("/keys1")), names("/keys2"), "/keys2", 250 * time.Millisecond},
		{"OpenID Connect, and the other hangs", names("/keys1"), nil, "/keys1", 0},
		{"RFC 8414, and the other hangs", nil, names("/keys2"), "/keys2", 250 * time.Millisecond},
		{"RFC 8414 late, and the other hangs", nil, slowly(5*time.Second, names("/keys2")), "/keys2", 5250 * time.Millisecond},
		{"OpenID Connect late, and the other is missing", slowly(5*time.Second, names("/keys1")), missing, "/keys1", 5 * time.Second},
		{"RFC 8414, and the other is missing", missing, names("/keys2"), "/keys2", 0},
		{"RFC 8414, and the other fails late", slowly(100*time.Millisecond, down), names("/keys2"), "/keys2", 100 * time.Millisecond},
		{"RFC 8414, and the other is another issuer's", other, names("/keys2"), "/keys2", 0},
		{"RFC 8414, and the other is a web page", html, names("/keys2"), "/keys2", 0},
		{"RFC 8414, and the other panics", panics, names("/keys2"), "/keys2", 0},
		{"OpenID Connect, and the other panics", names("/keys1"), panics, "/keys1", 0},
		{"both missing", missing, missing, "", 0},
		{"both panic", panics, panics, "", 0},
		{"both hang", nil, nil, "", 10 * time.Second},
		{"one hangs and one is missing", nil, missing, "", 10 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := discovered(t, map[string]answer{oidc: test.oidc, oauth: test.oauth})
				var err error
				if d := took(func() { err = s.Ready(t.Context()) }); d != test.took {
					t.Errorf("took %v, want %v", d, test.took)
				}
				if test.want == "" {
					check(t, err, redoxauth.ErrUnavailable, "keys")
					if strings.Contains(err.Error(), "secret") {
						t.Errorf("error %q shows the panic's value", err)
					}
					return
				}
				check(t, err, nil, "")
				if url := jose.SourceOf(s).URL(); url != "https://issuer.example"+test.want {
					t.Errorf("keys of %s, want %s", url, test.want)
				}
				time.Sleep(time.Minute) // what was slow is over
			})
		})
	}
}

// On real connections: a server that hangs at one of the two costs no genuine token, and no
// goroutine is left behind.
func TestDiscoveryOfAServerThatHangs(t *testing.T) {
	for _, path := range []string{oidc, oauth} {
		t.Run(path, func(t *testing.T) {
			var issuer string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case path:
					<-r.Context().Done()
				case oidc, oauth:
					fmt.Fprint(w, good(issuer, issuer))
				default:
					fmt.Fprint(w, jwks("a"))
				}
			}))
			defer srv.Close()
			issuer = srv.URL
			before := runtime.NumGoroutine()
			for range 5 {
				s := newRemote(t, keyset.RemoteConfig{Issuer: issuer, InsecureAllowHTTP: true})
				check(t, lookUp(t.Context(), s, "a"), nil, "")
			}
			var n int
			for range 200 { // connections end in their own time
				http.DefaultClient.CloseIdleConnections() // one whose request was not even sent
				if n = runtime.NumGoroutine() - before; n <= 0 {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Errorf("%d goroutines left", n)
		})
	}
}

// A Client that ignores its context costs at most one goroutine for each place where metadata
// may be, and hides no other place.
func TestDiscoveryWithAClientThatMisbehaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		stuck := func(*http.Request) (*http.Response, error) { <-release; return nil, errors.New("late") }
		answers := map[string]answer{oidc: stuck, oauth: names("/keys")}
		s := discovered(t, answers)
		check(t, s.Ready(t.Context()), nil, "")
		synctest.Wait()
		goroutines := runtime.NumGoroutine()
		for range 20 {
			time.Sleep(10 * time.Second)
			check(t, lookUp(t.Context(), s, "stranger"), redoxauth.ErrRejected, "unknown_key")
			check(t, lookUp(t.Context(), s, "a"), nil, "")
		}
		synctest.Wait()
		if n := goroutinesSince(goroutines, 5); n > 5 { // those of others may come and go
			t.Errorf("%d goroutines more", n)
		}
		close(release)
		synctest.Wait()
	})
}

// Nor does it keep the next fetch from the other place.
func TestDiscoveryEndsAlthoughAClientDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		stuck := func(*http.Request) (*http.Response, error) { <-release; return nil, errors.New("late") }
		answers := map[string]answer{oidc: stuck, oauth: missing}
		s := discovered(t, answers)
		check(t, s.Ready(t.Context()), redoxauth.ErrUnavailable, "keys")
		synctest.Wait()
		want := "https://issuer.example" + oidc + ": no answer in time; https://issuer.example" + oauth + ": status 404 Not Found, want 200"
		if err := s.Status().Err; err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		time.Sleep(time.Second)
		check(t, s.Ready(t.Context()), redoxauth.ErrUnavailable, "keys")
		want = strings.Replace(want, "no answer in time", "the Client has not returned from the last request", 1)
		if err := s.Status().Err; err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		answers[oauth] = names("/keys")
		time.Sleep(time.Second)
		check(t, s.Ready(t.Context()), nil, "")
		close(release)
		synctest.Wait()
	})
}

// Of several good answers that are not OpenID Connect's, the first counts, and a later one
// does not prolong the wait.
func TestFirstAnswerOfDiscoveryCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := func(path string) answer {
			return respond(200, `{"issuer":"https://issuer.example/tenant","jwks_uri":"https://issuer.example`+path+`"}`)
		}
		answers := map[string]answer{"/tenant" + oidc: hang, oauth + "/tenant": at("/first"), "/tenant" + oauth: slowly(100*time.Millisecond, at("/second")), oidc + "/tenant": missing, "/first": respond(200, jwks("a")), "/second": respond(200, jwks("a"))}
		s := newRemote(t, keyset.RemoteConfig{Issuer: "https://issuer.example/tenant", Client: &http.Client{Transport: &server{answer: func(r *http.Request) (*http.Response, error) { return answers[r.URL.Path](r) }}}})
		if d := took(func() { check(t, s.Ready(t.Context()), nil, "") }); d != 250*time.Millisecond {
			t.Errorf("took %v, want 250ms", d)
		}
		if url := jose.SourceOf(s).URL(); url != "https://issuer.example/first" {
			t.Errorf("keys of %s", url)
		}
	})
}

// An operator who mistyped Issuer sees both values and how they differ, and what came of every
// place.
func TestErrorOfDiscovery(t *testing.T) {
	const other = `the metadata of another issuer, %s, want "https://issuer.example" (RemoteConfig.Issuer)%s`
	for _, test := range []struct{ metadata, want string }{
		{`{"issuer":"https://issuer.example/","jwks_uri":"https://issuer.example/keys"}`, fmt.Sprintf(other, `"https://issuer.example/"`, "; they differ only in the slash at the end")},
		{`{"issuer":"https://another.test","jwks_uri":"https://issuer.example/keys"}`, fmt.Sprintf(other, `"https://another.test"`, "")},
		{`{"issuer":"https://another.test","jwks_uri":"http://another.test/keys"}`, fmt.Sprintf(other, `"https://another.test"`, "")},
		{`{"jwks_uri":"https://issuer.example/keys"}`, "a JSON object, want the metadata of an issuer: issuer and jwks_uri"},
		{`{"issuer":"https://issuer.example"}`, "a JSON object, want the metadata of an issuer: issuer and jwks_uri"},
		{`<html>`, "an HTML page, want the metadata of an issuer: issuer and jwks_uri"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := discovered(t, map[string]answer{oidc: respond(200, test.metadata), oauth: respond(500, "")})
			err := s.Ready(t.Context())
			want := `https://issuer.example` + oidc + `: ` + test.want + `; https://issuer.example` + oauth +
				`: status 500 Internal Server Error, want 200; there are no keys, next fetch in 1s at the earliest (RemoteConfig.Issuer "https://issuer.example")`
			if err == nil || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}

// RFC 9110, Section 10.2.3, wherever the metadata is.
func TestRetryAfterOfMetadata(t *testing.T) {
	for _, busy := range []string{oidc, oauth} {
		synctest.Test(t, func(t *testing.T) {
			answers := map[string]answer{oidc: missing, oauth: missing}
			answers[busy] = respond(503, "", "Retry-After: 4")
			s := discovered(t, answers)
			check(t, s.Ready(t.Context()), redoxauth.ErrUnavailable, "keys")
			if d := took(func() { s.Ready(t.Context()) }); d != 4*time.Second {
				t.Errorf("%s: the next fetch after %v, want 4s", busy, d)
			}
		})
	}
}
