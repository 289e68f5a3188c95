package differential_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// A meaning is what a request target says, without the differences that a signature does not
// cover: see "What is signed" in the documentation of sigv4.
type meaning struct {
	Path  []string // decoded segments; "" at the end for a slash there
	Query []string // decoded "name=value", each quoted; sorted
	Host  string
}

// covered is the meaning of a canonical path and query, which are encoded twice and once.
func (f form) covered(path, query, host string) meaning {
	m := meaning{Host: host}
	for segment := range strings.SplitSeq(path, "/") {
		if !f.once {
			segment = unescape(segment)
		}
		m.Path = append(m.Path, unescape(segment))
	}
	m.Path = f.segments(m.Path)
	if query == "" {
		return m
	}
	for text := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(text, "=")
		m.Query = append(m.Query, parameter(unescape(name), unescape(value)))
	}
	slices.Sort(m.Query)
	return m
}

// seen is the meaning that a handler finds in its request. The path of "http://host" is "".
func (f form) seen(r *http.Request) meaning {
	m := meaning{Host: r.Host}
	for segment := range strings.SplitSeq("/"+strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/") {
		m.Path = append(m.Path, unescape(segment))
	}
	m.Path = f.segments(m.Path)
	for name, values := range r.URL.Query() {
		for _, value := range values {
			m.Query = append(m.Query, parameter(name, value))
		}
	}
	slices.Sort(m.Query)
	return m
}

func parameter(name, value string) string { return fmt.Sprintf("%q=%q", name, value) }

// unescape decodes what is known to be encoded.
func unescape(s string) string {
	decoded, err := url.PathUnescape(s)
	if err != nil {
		return "?" + s
	}
	return decoded
}

// A form is a form of the canonical path.
type form struct {
	kept bool // DisablePathNormalization
	once bool // DisableDoubleEncoding
}

// segments removes the empty segments that the canonical path does not have.
func (f form) segments(all []string) []string {
	if f.kept || len(all) == 0 {
		return all
	}
	rest := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "" })
	if all[len(all)-1] == "" {
		rest = append(rest, "")
	}
	return rest
}

// canonical is how a sender signs a target. It reports false for a target that it would not
// send.
func (f form) canonical(target string) (path, query string, ok bool) {
	path, query, _ = strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") {
		return "", "", false
	}
	var segments []string
	for segment := range strings.SplitSeq(path, "/") {
		if f.once {
			segments = append(segments, escape(segment, func(b byte) bool { return b < 0x80 }))
		} else {
			segments = append(segments, escape(segment, unreserved))
		}
	}
	segments = f.segments(segments)
	if f.kept {
		path = strings.Join(segments, "/")
	} else {
		path = "/" + strings.Join(segments, "/")
	}
	var pairs [][2]string
	for text := range strings.SplitSeq(query, "&") {
		if text == "" {
			continue
		}
		name, value, _ := strings.Cut(text, "=")
		name, errName := url.QueryUnescape(name)
		value, errValue := url.QueryUnescape(value)
		if errName != nil || errValue != nil {
			return "", "", false
		}
		pairs = append(pairs, [2]string{escape(name, unreserved), escape(value, unreserved)})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	sorted := make([]string, len(pairs))
	for i, p := range pairs {
		sorted[i] = p[0] + "=" + p[1]
	}
	return path, strings.Join(sorted, "&"), true
}

func unreserved(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("-._~", b) >= 0
}

func escape(s string, plain func(byte) bool) string {
	var out strings.Builder
	for i := range len(s) {
		if plain(s[i]) {
			out.WriteByte(s[i])
		} else {
			fmt.Fprintf(&out, "%%%02X", s[i])
		}
	}
	return out.String()
}

// A route is a handler that ran: the pattern that it is registered for, what the router says is
// the rest of the path, and the request.
type route struct {
	pattern string
	rest    string
	r       *http.Request
}

// routers run a request through a chi.Mux, an http.ServeMux and an httputil.ReverseProxy, and
// return the handlers that ran.
var routers = map[string]func(*http.Request) []route{
	"chi": func(r *http.Request) (ran []route) {
		router := chi.NewRouter()
		for _, pattern := range []string{"/*", "/prod/*", "/test/*"} {
			router.Post(pattern, func(_ http.ResponseWriter, r *http.Request) {
				ran = append(ran, route{pattern, chi.URLParam(r, "*"), r})
			})
		}
		router.ServeHTTP(httptest.NewRecorder(), r)
		return ran
	},
	"ServeMux": func(r *http.Request) (ran []route) {
		mux := http.NewServeMux()
		for _, pattern := range []string{"/", "/prod/", "/test/"} {
			mux.HandleFunc(pattern+"{rest...}", func(_ http.ResponseWriter, r *http.Request) {
				ran = append(ran, route{pattern + "*", r.PathValue("rest"), r})
			})
		}
		mux.ServeHTTP(httptest.NewRecorder(), r)
		return ran
	},
	"ReverseProxy": func(r *http.Request) (ran []route) {
		proxy := &httputil.ReverseProxy{
			Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(&url.URL{Scheme: "http", Host: "backend.test"})
				p.Out.Host = p.In.Host
			},
			Transport: transport(func(out *http.Request) {
				if out.URL.Host != "backend.test" {
					ran = append(ran, route{"", "reached " + out.URL.Host, out})
				}
				var wire bytes.Buffer
				if out.Write(&wire) != nil {
					return // a Host that no client sends
				}
				if received, err := http.ReadRequest(bufio.NewReader(&wire)); err == nil {
					ran = append(ran, route{"/*", "", received})
				}
			}),
		}
		proxy.ServeHTTP(httptest.NewRecorder(), r)
		return ran
	},
}

type transport func(*http.Request)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// An attempt is a request target that is sent as it was signed, or another one under the same
// signature.
type attempt struct {
	signed, sent, host string
	flags              byte // form
}

var hosts = []string{"api.example.test", "api.example.test:8443", "API.example.test.", "[::1]:80"}

func attempts() (all []attempt) {
	targets := []string{
		"/prod/redox", "/test/redox?a=1", "/", "//", "//prod//x/", "/prod/", "/prod", "/a%20b/c%2Fd", "/a+b", "/%70rod/x", "/prod%2Fx", "/prod%2F/x", "/prod/%",
		"/prod/x?a=2&a=1&b=&c", "/prod/x?a=%2B+%20&&=&%26=%3D", "/prod/x?a;b", "/prod/x?a=%zz", "/prod/\u00fc?\u00fc=%C3%BC", "/prod/x?", "/prod/x??", "/prod#x?a#b",
		"/prod/../test/x", "/prod/%2e%2e/test/x", `/prod\..\test`, "/prod/x:y://h/", "/prod/.x/..y", "/prod/%00", "/prod/%25", "/prod/%252F", "/prod/x%3Fa=1",
		"http://api.example.test/prod/redox", "http://api.example.test", "http://other.test/prod/x", "x:y://h/prod/x", "http:/prod/x", "*",
		"/prod/x HTTP/1.1\r\nX: ", "/prod/x\tHTTP/1.1", "/prod/[x]{y}|^`\"<>", "/prod/;a=b,c/@:!$&'()*=~",
	}
	for i, target := range targets {
		for flags := range byte(4) {
			all = append(all, attempt{target, target, hosts[i%len(hosts)], flags})
		}
		all = append(all, attempt{"/prod/redox", target, hosts[0], byte(i % 4)})
		all = append(all, attempt{target, "http://api.example.test" + target, hosts[0], byte(i % 4)})
	}
	for _, pair := range [][2]string{ // the first have the same signature, the others must not
		{"/prod/x", "//prod///x"}, {"/prod/x?a=1&b=2", "/prod/x?b=2&&a=1"}, {"/prod/x?a=b+c&d", "/prod/x?d=&%61=b%20%63"}, {"/", "http://api.example.test"},
		{"/prod/x?a=%2B", "/prod/x?a=+"}, {"/prod/x?a=1%26b=2", "/prod/x?a=1&b=2"}, {"/prod/x?a=1", "/prod/x?a=1;b"}, {"/prod/x?a=%2541", "/prod/x?a=%41"},
		{"/prod%2Fx", "/prod/x"}, {"/prod/x", "/prod/x/"}, {"/prod/%2541", "/prod/%41"}, {"/prod/%41", "/prod/A"}, {"/prod/a%20b", "/prod/a+b"}, {"/prod/x", "/prod/x%3F"},
		{"/prod/a%20b", "/prod/a%20b/"}, {"/test/x", "/prod/../test/x"}, {"/test/x", "/prod/%2e%2e/test/x"}, {"/prod/x", "/prod/./x"},
		{"/prod%2Fx/%C3%BC", "/prod%2Fx/\u00fc"}, {"/prod%2Fx/%22", `/prod%2Fx/"`},
	} {
		for flags := range byte(4) {
			all = append(all, attempt{pair[0], pair[1], hosts[0], flags})
		}
	}
	return all
}

// simple matches targets that every router hands to a handler as they are.
var simple = regexp.MustCompile(`^/([a-z]+/)*[a-z]*(\?[a-z]+=[a-z0-9]*(&[a-z]+=[a-z0-9]*)*)?$`)

// genuine reports whether the Verifier and every router must take the attempt.
func (a attempt) genuine() bool {
	path, _, _ := strings.Cut(a.signed, "?")
	subtree := path == "/prod" || path == "/test" // ServeMux redirects it to the path with a slash
	return a.sent == a.signed && slices.Contains(hosts, a.host) && simple.MatchString(a.signed) && !subtree
}

// make sends the attempt and checks every handler that runs. It returns how many ran: that
// behind the Verifier alone ("") and those behind each router.
func (a attempt) make(t *testing.T) (ran map[string]int) {
	form := form{kept: a.flags&1 != 0, once: a.flags&2 != 0}
	path, query, ok := form.canonical(a.signed)
	if !ok {
		return nil // not a target that a sender signs
	}
	v := newSigV4(t, func(cfg *sigv4.Config) {
		cfg.DisablePathNormalization, cfg.DisableDoubleEncoding = form.kept, form.once
	})
	want := form.covered(path, query, a.host)
	raw := "POST " + a.sent + " HTTP/1.1\r\nHost: " + a.host + "\r\nContent-Length: 0\r\n" + sign(path, query, a.host, nil, true) + "\r\n"
	ran = map[string]int{}
	exchange(t, redoxauth.Middleware(v, options())(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ran[""]++
		if diff := cmp.Diff(want, form.seen(r)); diff != "" || r.URL.Host != "" && r.URL.Host != a.host || r.URL.Opaque != "" || r.URL.User != nil {
			t.Errorf("%q was accepted: %+v\n%s", raw, r.URL, diff)
		}
		for name, router := range routers {
			for _, route := range router(r.Clone(r.Context())) {
				ran[name]++
				checkRoute(t, form, want, name, route)
			}
		}
	})), raw)
	return ran
}

// oneEach is what make returns for a genuine attempt.
var oneEach = map[string]int{"": 1, "chi": 1, "ServeMux": 1, "ReverseProxy": 1}

// FuzzRouters: the handler that a router runs sees the path, the query and the Host that were
// signed, for every request target that is accepted. A genuine one is accepted, and every
// router runs a handler for it.
func FuzzRouters(f *testing.F) {
	for _, a := range attempts() {
		f.Add(a.signed, a.sent, a.host, a.flags)
	}
	f.Fuzz(func(t *testing.T, signed, sent, host string, flags byte) {
		if sent == "" {
			sent = signed
		}
		a := attempt{signed, sent, host, flags}
		if ran := a.make(t); a.genuine() {
			if diff := cmp.Diff(oneEach, ran); diff != "" {
				t.Errorf("%+v: handlers that ran: %s", a, diff)
			}
		}
	})
}

// FuzzRouters checks nothing of a request that is refused. So these numbers say whether it sees
// any that is accepted.
func TestAttemptsReachHandlers(t *testing.T) {
	got := map[string]int{}
	for _, a := range attempts() {
		for name, n := range a.make(t) {
			got[name] += n
		}
		if a.genuine() {
			got["genuine"]++
		}
	}
	t.Logf("%d attempts; handlers that ran: %v", len(attempts()), got)
	for name, least := range map[string]int{"": 140, "chi": 140, "ServeMux": 115, "ReverseProxy": 140, "genuine": 15} {
		if got[name] < least {
			t.Errorf("%s: %d, want at least %d", name, got[name], least)
		}
	}
}

func checkRoute(t *testing.T, f form, want meaning, name string, got route) {
	t.Helper()
	seen := f.seen(got.r)
	if name == "ReverseProxy" && !sentAsItIs(want.Host) {
		seen.Host = want.Host
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("a handler behind %s sees another request: %s", name, diff)
	}
	path := want.Path
	if f.kept {
		path = path[1:] // before the first slash
	}
	switch prefix, inside := strings.CutSuffix(strings.TrimPrefix(got.pattern, "/"), "/*"); {
	case got.pattern == "" || inside && (len(path) < 2 || path[0] != prefix):
		t.Errorf("%s ran the handler of %q (%s) for the path %q", name, got.pattern, got.rest, want.Path)
	case inside:
		path = path[1:]
		fallthrough
	default:
		if rest := strings.Join(path, "/"); name == "ServeMux" && rest != got.rest {
			t.Errorf("%s hands %q to the handler of %s, want %q", name, got.rest, got.pattern, rest)
		}
	}
}

// sentAsItIs reports whether net/http's client sends a Host as it is. It encodes names that are
// not ASCII, and removes the zone of an IPv6 address.
func sentAsItIs(host string) bool {
	return !strings.ContainsFunc(host, func(c rune) bool { return c >= 0x80 || c == '%' })
}
