package keyset_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// at returns the RemoteSet of a server on loopback.
func at(t *testing.T, cfg keyset.RemoteConfig, h http.HandlerFunc) (*keyset.RemoteSet, *httptest.Server) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	cfg.InsecureAllowHTTP = true
	if cfg.Issuer == "" {
		cfg.URL = srv.URL + "/jwks.json?key=s3cret"
	} else {
		cfg.Issuer = srv.URL + path(cfg.Issuer)
	}
	return newRemote(t, cfg), srv
}

func hangInBody(w http.ResponseWriter, r *http.Request, status int) {
	w.WriteHeader(status)
	http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

func TestFaultsOfTheServer(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"500":                  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); fmt.Fprint(w, jwks("a")) },
		"400 whose body hangs": func(w http.ResponseWriter, r *http.Request) { hangInBody(w, r, 400) },
		"503 whose body hangs": func(w http.ResponseWriter, r *http.Request) { hangInBody(w, r, 503) },
		"404 with HTML":        func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404); fmt.Fprint(w, "<html>") },
		"200 with HTML":        func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>maintenance</html>") },
		"204":                  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) },
		"206":                  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(206); fmt.Fprint(w, jwks("a")) },
		"nothing":              func(w http.ResponseWriter, r *http.Request) {},
		"metadata":             func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"issuer":"x","jwks_uri":"y"}`) },
		"2 MB": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, `{"keys":[],"x":"`+strings.Repeat("x", 2<<20)+`"}`)
		},
		"2 MB in gzip": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			fmt.Fprint(z, strings.TrimSuffix(jwks("a"), "}")+`,"x":"`+strings.Repeat("x", 2<<20)+`"}`)
		},
		"reset": func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
		"reset in a body": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "9999")
			fmt.Fprint(w, jwks("a"))
		},
		"PEM": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := at(t, keyset.RemoteConfig{}, h)
			check(t, s.Ready(t.Context()), redoxauth.ErrUnavailable, "keys")
			err := s.Status().Err
			if err == nil || len(err.Error()) > 300 || strings.Contains(err.Error(), "s3cret") || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("status %v", err)
			}
		})
	}
}

// A set has at most 1 MiB.
func TestKeySetOf1MiB(t *testing.T) {
	for size, want := range map[int]error{1 << 20: nil, 1<<20 + 1: redoxauth.ErrUnavailable} {
		s, srv := remote(t, keyset.RemoteConfig{})
		srv.set(respond(200, jwks("a")+strings.Repeat(" ", size-len(jwks("a")))))
		check(t, s.Ready(t.Context()), want, "keys")
	}
}

// What publishers send, and none of it makes a key unusable.
func TestOddPublishers(t *testing.T) {
	one := strings.TrimSuffix(strings.TrimPrefix(jwks("a"), `{"keys":[`), `]}`)
	with := func(members string) string { return `{"keys":[{` + members + `,` + one[1:] + `]}` }
	for _, test := range []struct{ name, body, contentType string }{
		{"as RFC 7517 has it", jwks("a"), "application/jwk-set+json"},
		{"no content type", jwks("a"), ""},
		{"another content type", jwks("a"), "text/html"},
		{"with a charset", jwks("a"), `application/json; charset="utf-8"`},
		{"a malformed content type", jwks("a"), "json;;"},
		{"a byte order mark", "\ufeff" + jwks("a"), "application/json; charset=utf-8"},
		{"a single key", one, "application/jwk+json"},
		{"a single key after a byte order mark", "\ufeff" + one + "\r\n", ""},
		{"white space around it", " \r\n\t" + jwks("a") + "\n\n", ""},
		{"null members", with(`"alg":null,"use":null,"key_ops":null,"x5c":null,"n":null`), ""},
		{"empty members", with(`"alg":"","use":""`), ""},
		{"a broken certificate", with(`"x5c":["%%"],"x5t":7,"x5u":"x:"`), ""},
		{"a certificate in PEM", with(`"x5c":["-----BEGIN CERTIFICATE-----"]`), ""},
		{"unknown members of any type", with(`"exp":1e400,"nbf":true,"status":{"x":[[{}]],"x":-0}`), ""},
		{"unknown members twice", with(`"ext":true,"ext":false`), ""},
		{"the key twice", jwks("a", "a"), ""},
		{"other members of the set", `{"expires":1,"keys":[` + one + `],"next":"https://keys.example/2","expires":2}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, _ := at(t, keyset.RemoteConfig{}, func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Content-Type"] = nil
				if test.contentType != "" {
					w.Header().Set("Content-Type", test.contentType)
				}
				fmt.Fprint(w, test.body)
			})
			check(t, lookUp(t.Context(), s, "a"), nil, "")
			if st := s.Status(); st.Keys != 1 || len(st.Dropped) > 0 {
				t.Errorf("status %+v", st)
			}
			if _, err := keyset.ParseJWKS([]byte(test.body)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A directory of many keys serves: those that cannot be used do not count, and of the others
// the first 64 do.
func TestManyKeys(t *testing.T) {
	names := func(from, to int) (kids []string) {
		for i := from; i < to; i++ {
			kids = append(kids, fmt.Sprint(i))
		}
		return kids
	}
	encryption := strings.Repeat(`{"kty":"RSA","use":"enc"},`, 274)
	for _, test := range []struct {
		name, body     string
		usable, unused int
	}{
		{"26 usable among 300", `{"keys":[` + encryption + jwks(names(0, 26)...)[len(`{"keys":[`):], 26, 274},
		{"70 usable", jwks(names(0, 70)...), 64, 6},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, _ := at(t, keyset.RemoteConfig{Cooldown: time.Nanosecond}, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, test.body) })
			configured, err := keyset.ParseJWKS([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			for _, set := range []keyset.Set{s, configured} {
				check(t, lookUp(t.Context(), set, fmt.Sprint(test.usable-1)), nil, "")
				check(t, lookUp(t.Context(), set, fmt.Sprint(test.usable)), redoxauth.ErrRejected, "unknown_key")
			}
			if st := s.Status(); st.Keys != test.usable || len(st.Dropped) != test.unused || st.Err != nil {
				t.Errorf("%d keys, %d dropped, error %v", st.Keys, len(st.Dropped), st.Err)
			} else if test.unused > 0 {
				st.Dropped[0] = "changed"
				if s.Status().Dropped[0] == "changed" {
					t.Error("who changes Dropped changes it for others")
				}
			}
		})
	}
}

// Whoever answers with a redirect could choose the server, such as an internal one. A
// Client that follows redirects does not follow them here.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var reached atomic.Bool
	internal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Store(true)
		fmt.Fprint(w, jwks("a"))
	}))
	defer internal.Close()
	follow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, client := range map[string]*http.Client{"default": nil, "own": follow} {
			t.Run(fmt.Sprint(name, status), func(t *testing.T) {
				s, _ := at(t, keyset.RemoteConfig{Client: client}, func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, internal.URL, status)
				})
				check(t, s.Ready(t.Context()), redoxauth.ErrUnavailable, "keys")
			})
		}
	}
	if reached.Load() {
		t.Error("a redirect was followed")
	}
	if follow.CheckRedirect(nil, nil) != nil {
		t.Error("the Client given was changed")
	}
}

func TestRequestOfAFetch(t *testing.T) {
	got := make(chan *http.Request, 1)
	s, _ := at(t, keyset.RemoteConfig{}, func(w http.ResponseWriter, r *http.Request) {
		got <- r
		fmt.Fprint(w, jwks("a"))
	})
	check(t, s.Ready(t.Context()), nil, "")
	r := <-got
	if r.Method != "GET" || !strings.Contains(r.Header.Get("Accept"), "application/json") || r.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%s with Accept %q, Cache-Control %q", r.Method, r.Header.Get("Accept"), r.Header.Get("Cache-Control"))
	}
}

// A certificate that is not trusted is an outage.
func TestCertificateIsChecked(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, jwks("a")) }))
	srv.Config.ErrorLog = discard
	srv.StartTLS()
	defer srv.Close()
	s := newRemote(t, keyset.RemoteConfig{URL: srv.URL})
	check(t, s.Ready(t.Context()), redoxauth.ErrUnavailable, "keys")
	s = newRemote(t, keyset.RemoteConfig{URL: srv.URL, Client: srv.Client()})
	check(t, s.Ready(t.Context()), nil, "")
}

// OpenID Connect Discovery 1.0, Section 4.1, appends its path to the issuer's; RFC 8414,
// Section 3.1, puts its own before it.
func TestDiscovery(t *testing.T) {
	const oidc, oauth = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
	for _, test := range []struct {
		name, issuer, path string
		metadata           func(issuer, base string) string
		ok                 bool
	}{
		{"OpenID Connect", "/", oidc, good, true},
		{"OpenID Connect with a path", "/tenant/1", "/tenant/1" + oidc, good, true},
		{"OpenID Connect with a slash at the end", "/tenant/", "/tenant" + oidc, good, true},
		{"RFC 8414", "/", oauth, good, true},
		{"RFC 8414 with a path", "/tenant/1", oauth + "/tenant/1", good, true},
		{"RFC 8414 with a slash at the end", "/tenant/", oauth + "/tenant", good, true},
		{"RFC 8414, appended", "/tenant/1", "/tenant/1" + oauth, good, true},
		{"RFC 8414, appended after a slash", "/tenant/", "/tenant" + oauth, good, true},
		{"OpenID Connect in front: RFC 8414, Section 5", "/tenant/1", oidc + "/tenant/1", good, true},
		{"a byte order mark", "/", oauth, func(i, base string) string { return "\ufeff" + good(i, base) + "\n" }, true},
		{"RFC 8414 with an escaped path", "/tenant%2F1", oauth + "/tenant%2F1", good, true},
		{"another member twice, and not UTF-8", "/", oidc, func(i, base string) string { return `{"x":1,"x":"\ud800` + "\xff\"," + good(i, base)[1:] }, true},
		{"issuer twice", "/", oidc, func(i, base string) string { return `{"issuer":"` + i + `",` + good(i, base)[1:] }, false},
		// RFC 8414, Section 3.3: the issuer is identical.
		{"another issuer", "/", oidc, func(_, base string) string { return good("https://evil.example", base) }, false},
		{"issuer with a slash more", "/", oidc, func(i, base string) string { return good(i+"/", base) }, false},
		{"issuer in another case", "/", oidc, func(i, base string) string { return good(strings.ToUpper(i), base) }, false},
		{"no issuer", "/", oidc, func(_, base string) string { return `{"jwks_uri":"` + base + `/keys"}` }, false},
		{"issuer under another name", "/", oidc, func(i, base string) string { return `{"Issuer":"` + i + `","jwks_uri":"` + base + `/keys"}` }, false},
		{"no jwks_uri", "/", oidc, func(i, _ string) string { return `{"issuer":"` + i + `"}` }, false},
		{"jwks_uri of a file", "/", oidc, func(i, _ string) string { return `{"issuer":"` + i + `","jwks_uri":"file:///etc/passwd"}` }, false},
		{"jwks_uri relative", "/", oidc, func(i, _ string) string { return `{"issuer":"` + i + `","jwks_uri":"/keys"}` }, false},
		{"HTML", "/", oidc, func(_, _ string) string { return "<html>" }, false},
		{"nowhere", "/", "/elsewhere", good, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var issuer, base string
			s, srv := at(t, keyset.RemoteConfig{Issuer: test.issuer}, func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.EscapedPath() {
				case test.path:
					fmt.Fprint(w, test.metadata(issuer, base))
				case "/keys":
					fmt.Fprint(w, jwks("a"))
				default:
					http.NotFound(w, r)
				}
			})
			base = srv.URL
			issuer = srv.URL + path(test.issuer)
			if url := jose.SourceOf(s).URL(); url != "" {
				t.Errorf("URL %q before discovery", url)
			}
			err := s.Ready(t.Context())
			if !test.ok {
				check(t, err, redoxauth.ErrUnavailable, "keys")
				return
			}
			check(t, err, nil, "")
			if url := jose.SourceOf(s).URL(); url != base+"/keys" {
				t.Errorf("URL %q, want %q", url, base+"/keys")
			}
		})
	}
}

// path returns the path of an issuer in the table. "/" stands for none.
func path(issuer string) string {
	if issuer == "/" {
		return ""
	}
	return issuer
}

func good(issuer, base string) string {
	return `{"issuer":"` + issuer + `","jwks_uri":"` + base + `/keys","id_token_signing_alg_values_supported":["none","HS256"]}`
}

// jwks_uri must have https, unless InsecureAllowHTTP is set.
func TestDiscoveryDoesNotLeaveHTTPS(t *testing.T) {
	for _, test := range []struct {
		scheme   string
		insecure bool
		want     string // in the error
	}{
		{"https", false, ""},
		{"http", false, "jwks_uri: http, want https"},
		{"http", true, ""},
	} {
		srv := &server{answer: func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/keys" { // it would answer over http too
				return respond(200, jwks("a"))(r)
			}
			return respond(200, good("https://issuer.example", test.scheme+"://issuer.example"))(r)
		}}
		s := newRemote(t, keyset.RemoteConfig{Issuer: "https://issuer.example", Client: &http.Client{Transport: srv}, InsecureAllowHTTP: test.insecure})
		err := s.Ready(t.Context())
		if test.want == "" {
			check(t, err, nil, "")
			continue
		}
		check(t, err, redoxauth.ErrUnavailable, "keys")
		if err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %s", err, test.want)
		}
	}
}

// A connection that stays open would hold two goroutines.
// The server keeps its connections open. A pooled one that is dead would hold up a later fetch.
func TestNoConnectionIsLeftBehind(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, _ := http.NewResponseController(w).Hijack()
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(jwks("a")), jwks("a"))
		conn.Read(make([]byte, 1)) // until the client closes it
	}))
	defer srv.Close()
	before := runtime.NumGoroutine()
	for range 20 {
		s := newRemote(t, keyset.RemoteConfig{URL: srv.URL, InsecureAllowHTTP: true})
		check(t, s.Ready(t.Context()), nil, "")
	}
	var n int
	for range 200 { // connections end in their own time
		if n = runtime.NumGoroutine() - before; n <= 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines left", n)
}
