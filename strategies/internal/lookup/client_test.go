package lookup_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"github.com/redoxauth/redoxauth-go/strategies/internal/lookup"
)

func TestDoSendsOneRequest(t *testing.T) {
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method, r.URL.Path, r.Header.Get("Accept"), r.Header.Get("Content-Type"), string(body))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	form := "application/x-www-form-urlencoded"
	for _, test := range []struct {
		header http.Header
		form   url.Values
		want   []string
	}{
		{nil, nil, []string{"GET", "/here", "", "", ""}},
		{http.Header{"Accept": {"a/b"}}, url.Values{"token": {"x y"}}, []string{"POST", "/here", "a/b", form, "token=x+y"}},
		{http.Header{"Accept": {"a/b"}}, url.Values{}, []string{"POST", "/here", "a/b", form, ""}},
	} {
		got = nil
		user := &http.Client{}
		resp, err := lookup.NewClient(user, 100).Do(t.Context(), s.URL+"/here", test.header, test.form)
		if err != nil || resp.Status != http.StatusTemporaryRedirect || resp.Header.Get("Location") != "/elsewhere" {
			t.Errorf("response %+v, error %v, want the redirect itself", resp, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		if user.CheckRedirect != nil || len(test.header) > 1 {
			t.Error("the caller's client or header was changed")
		}
	}
}

func TestDoSendsAsTheClientOfTheUserIsSet(t *testing.T) {
	const address = "https://keys.example"
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(u, []*http.Cookie{{Name: "a", Value: "b"}})
	for name, test := range map[string]struct {
		client   http.Client
		deadline bool
		cookie   string
	}{
		"Timeout": {http.Client{Timeout: time.Hour}, true, ""},
		"Jar":     {http.Client{Jar: jar}, false, "a=b"},
		"neither": {http.Client{}, false, ""},
	} {
		test.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
			if _, ok := r.Context().Deadline(); ok != test.deadline || r.Header.Get("Cookie") != test.cookie {
				t.Errorf("%s: a deadline %t, cookie %q", name, ok, r.Header.Get("Cookie"))
			}
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		})
		if _, err := lookup.NewClient(&test.client, 100).Do(t.Context(), address, nil, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A few bytes of gzip can become gigabytes. An answer with another status is not read.
func TestDoBoundsTheAnswer(t *testing.T) {
	for _, test := range []struct {
		form         url.Values
		status, size int
		body         bool
		err          string
	}{
		{url.Values{}, 200, 100, true, ""},
		{url.Values{}, 200, 101, false, "the answer is larger than 100 bytes"},
		{url.Values{}, 200, 1 << 20, false, "the answer is larger than 100 bytes"},
		{url.Values{}, 400, 100, true, ""},
		{url.Values{}, 400, 101, false, ""},
		{url.Values{}, 400, 1 << 20, false, ""},
		{url.Values{}, 401, 100, false, ""},
		{url.Values{}, 503, 100, false, ""},
		{nil, 200, 100, true, ""},
		{nil, 200, 101, false, "the answer is larger than 100 bytes"},
		{nil, 400, 100, false, ""},
		{nil, 404, 100, false, ""},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(test.status)
			z := gzip.NewWriter(w)
			defer z.Close()
			for block := make([]byte, 1<<16); test.size > 0 && r.Context().Err() == nil; test.size -= len(block) {
				z.Write(block[:min(len(block), test.size)])
			}
		}))
		resp, err := lookup.NewClient(nil, 100).Do(t.Context(), s.URL, nil, test.form)
		s.Close()
		if test.err != "" {
			if want := s.URL + ": " + test.err; err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		} else if err != nil || resp.Status != test.status || (len(resp.Body) == 100) != test.body || !test.body && resp.Body != nil {
			t.Errorf("%+v: response %+v, error %v", test, resp, err)
		}
	}
}

// Keys are fetched seldom. A connection that is kept for the next fetch may be dead by then.
func TestDoOpensAConnectionOfItsOwn(t *testing.T) {
	for _, want := range []bool{true, false} {
		header := http.Header{}
		if want {
			header.Set("Connection", "close")
		}
		client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			if r.Close != want {
				t.Errorf("headers %v: Close is %t, want %t", header, r.Close, want)
			}
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		})}
		if _, err := lookup.NewClient(client, 100).Do(t.Context(), "https://keys.example", header, nil); err != nil {
			t.Error(err)
		}
	}
}

func TestDoEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		cancel()
		return nil, r.Context().Err()
	})}
	if _, err := lookup.NewClient(client, 100).Do(ctx, "https://keys.example", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// A server that never ends its answer must not fill the memory (CWE-400).
func TestDoReadsNoMoreThanTheLimit(t *testing.T) {
	read := 0
	client := &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(reader(func(p []byte) (int, error) {
			if read += len(p); read > 1<<20 {
				return 0, io.EOF
			}
			return len(p), nil
		}))}, nil
	})}
	if _, err := lookup.NewClient(client, 100).Do(t.Context(), "https://keys.example", nil, nil); err == nil {
		t.Error("accepted")
	}
	if read > 101 {
		t.Errorf("%d bytes were asked for, want at most 101", read)
	}
}

type reader func([]byte) (int, error)

func (f reader) Read(p []byte) (int, error) { return f(p) }

// A body reports whether it was closed.
type body struct {
	io.Reader
	open *bool
}

func (b body) Close() error { *b.open = false; return nil }

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func TestDoClosesTheBody(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   io.Reader
	}{
		"read to its end": {http.StatusOK, strings.NewReader("x")},
		"too large":       {http.StatusOK, strings.NewReader(strings.Repeat("x", 1000))},
		"broken":          {http.StatusOK, failingReader{io.ErrUnexpectedEOF}},
		"not needed":      {http.StatusServiceUnavailable, strings.NewReader("x")},
	} {
		open := true
		c := lookup.NewClient(&http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: tt.status, Body: body{tt.body, &open}}, nil
		})}, 100)
		if c.Do(t.Context(), "https://as.example/", nil, nil); open {
			t.Errorf("%s: the body stays open", name)
		}
	}
}

// The error of a client of golang.org/x/oauth2 holds the URL and the answer of its token
// endpoint.
func TestErrorsHoldNoSecret(t *testing.T) {
	const address = "https://user:s3cret@as.example/introspect?key=s3cret#s3cret"
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"network":              {broken, "https://as.example/introspect: broken"},
		"no answer":            {context.DeadlineExceeded, "https://as.example/introspect: no answer in time: context deadline exceeded"},
		"nested":               {fmt.Errorf("oauth2: %w", &url.Error{Op: "Post", URL: address, Err: broken}), "https://as.example/introspect: broken"},
		"OAuth server refuses": {&oauth2.RetrieveError{Response: &http.Response{StatusCode: 401}, Body: []byte("s3cret"), ErrorCode: "s3cret"}, "https://as.example/introspect: the Client got no token for itself: status 401"},
		"OAuth, no response":   {&oauth2.RetrieveError{Body: []byte("s3cret")}, "https://as.example/introspect: the Client got no token for itself: status 0"},
	} {
		for _, early := range []bool{true, false} {
			c := lookup.NewClient(&http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
				if early {
					return nil, test.err
				}
				return &http.Response{StatusCode: 200, Body: io.NopCloser(failingReader{test.err})}, nil
			})}, 100)
			if _, err := c.Do(t.Context(), address, nil, url.Values{"token": {"s3cret"}}); err == nil || err.Error() != test.want {
				t.Errorf("%s: error %v, want %s", name, err, test.want)
			} else if (test.err == broken || test.err == context.DeadlineExceeded) && !errors.Is(err, test.err) {
				t.Errorf("%s: error %v does not wrap its cause", name, err)
			}
		}
	}
	const unreadable = "https://s3cret\x00"
	if _, err := lookup.NewClient(nil, 100).Do(t.Context(), unreadable, nil, nil); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %v of a URL that cannot be parsed", err)
	}
	if name := lookup.Name(unreadable); name != "a URL that cannot be read" {
		t.Errorf("name %q of a URL that cannot be parsed", name)
	}
}
