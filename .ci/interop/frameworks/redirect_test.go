package frameworks_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"
	"github.com/julienschmidt/httprouter"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// routers route /redox/ and all paths below to next. The Verifier is inside: the router sees a
// request first.
var routers = map[string]func(next http.Handler, rest func(string)) http.Handler{
	"gorilla/mux": func(next http.Handler, rest func(string)) http.Handler {
		r := mux.NewRouter()
		r.Handle("/redox/{rest:.*}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rest(mux.Vars(r)["rest"])
			next.ServeHTTP(w, r)
		}))
		return r
	},
	"gorilla/mux, StrictSlash": func(next http.Handler, rest func(string)) http.Handler {
		r := mux.NewRouter().StrictSlash(true)
		r.Handle("/redox/{rest}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rest(mux.Vars(r)["rest"])
			next.ServeHTTP(w, r)
		}))
		return r
	},
	"httprouter": func(next http.Handler, rest func(string)) http.Handler {
		r := httprouter.New()
		r.POST("/redox/:rest", func(w http.ResponseWriter, r *http.Request, p httprouter.Params) {
			rest(p.ByName("rest"))
			next.ServeHTTP(w, r)
		})
		return r
	},
}

// A router that cleans paths answers with a redirect, which a client follows with the same
// headers and body. Then the handler of the path that was signed runs, or none.
func TestRedirectsLeadToTheSignedPath(t *testing.T) {
	for name, router := range routers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var signed, rest string
			accepted := 0
			verified := wrap(t, senders(t)["sigv4"].verifier)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				accepted++
				want := segments(signed)
				if seen := segments(r.URL.EscapedPath()); !slices.Equal(seen, want) {
					t.Errorf("%q was signed, and the handler sees %q", want, seen)
				}
				// Both route by the decoded path, where "%2F" is a slash.
				if path := "redox/" + rest; path != strings.Join(want, "/") {
					t.Errorf("%q was signed, and the router says %q", want, path)
				}
			}))
			s := httptest.NewServer(router(verified, func(of string) { rest = of }))
			defer s.Close()
			for _, target := range []string{
				"/redox/a", "/redox/a/", "//redox/a", "/redox//a", "/redox//a/", "/redox/a%20b", "/redox//a%20b", "/redox/a%2Fb", "/redox//a%2Fb", "/redox/a%252Fb", "/redox//a%252Fb",
				"/redox/./a", "/redox/b/../a", "/other/../redox/a", "/redox/%2e%2e/redox/a", "/redox%2Fa", "/REDOX/a", "/redox/a;b", "/redox//%C3%BC", "/redox/a?x=%2F%2F&y=1", "/redox//a?x=%2F%2F&y=1",
			} {
				signed = target
				plain := follow(t, s.URL, target, target)
				// Many senders sign a path without its empty segments, and send it with them.
				signed = strings.ReplaceAll(target, "//", "/")
				cleaned := follow(t, s.URL, target, signed)
				t.Logf("%s: %s; signed as %s: %s", target, plain, signed, cleaned)
			}
			if accepted < 15 {
				t.Errorf("only %d messages were accepted", accepted)
			}
			if way := follow(t, s.URL, "/redox/a", "/redox/b"); way != "401" {
				t.Errorf("another path than the signed one: %s", way)
			}
		})
	}
}

// segments are the decoded segments of a path, without the empty ones that a signature does not
// cover.
func segments(path string) (all []string) {
	path, _, _ = strings.Cut(path, "?")
	for segment := range strings.SplitSeq(path[1:], "/") {
		decoded, err := url.PathUnescape(segment)
		if err != nil {
			return []string{path}
		}
		all = append(all, decoded)
	}
	last := len(all) - 1
	return append(slices.DeleteFunc(all[:last:last], func(s string) bool { return s == "" }), all[last])
}

// follow sends a message to a target under the signature of one, and follows redirects with
// the same headers. It returns the statuses and locations.
func follow(t *testing.T, server, target, signed string) (way string) {
	t.Helper()
	message := redoxtest.PatientAdmin()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server+signed, bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.Sign(r); err != nil {
		t.Fatal(err)
	}
	if r.URL, err = url.Parse(server + target); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		way += response.Status[:3]
		location, err := response.Location()
		if errors.Is(err, http.ErrNoLocation) {
			return way
		} else if err != nil {
			t.Fatal(err)
		}
		way += " " + location.RequestURI() + " "
		r = r.Clone(t.Context())
		r.URL, r.Body = location, io.NopCloser(bytes.NewReader(message))
	}
	t.Errorf("%s: too many redirects: %s", target, way)
	return way
}
