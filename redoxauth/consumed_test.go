package redoxauth_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

// covers accepts one body, as a signature over it does.
func covers(want string) redoxauth.Verifier {
	return redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		body, err := redoxauth.Body(r)
		if err != nil {
			return nil, err
		}
		if string(body) != want {
			return nil, redoxauth.Errorf(redoxauth.ErrRejected, "signature", "")
		}
		return &redoxauth.Identity{Strategy: "covers"}, nil
	})
}

// A front is a middleware that does something with the body and goes on with r.
type front = func(r *http.Request)

func readAll(r *http.Request) string {
	b, _ := io.ReadAll(r.Body)
	return string(b)
}

// A replayed body has a field of the name that one of net/http has.
type replayed struct {
	io.Reader
	r io.ReadCloser
}

func (b replayed) Close() error { return b.r.Close() }

func put(r *http.Request, body string) { r.Body = io.NopCloser(strings.NewReader(body)) }

const (
	formBody      = "a=1&b=22"
	multipartBody = "--x\r\ncontent-disposition: form-data; name=a\r\n\r\nb\r\n--x--\r\n"

	form      = "application/x-www-form-urlencoded"
	multipart = "multipart/form-data; boundary=x"
	jsonType  = "application/json"
)

// The sender is not at fault for a body that something in front of us has read, and a
// signature over what is left must not verify: a handler acts on what was parsed in front.
func TestBodyThatSomethingInFrontHasConsumedIsOurFault(t *testing.T) {
	t.Parallel()
	const consumed = "500 body_consumed"
	for name, tt := range map[string]struct {
		front             front
		contentType, body string
		sized, chunked    string // what is wanted, with and without a Content-Length
	}{
		"untouched":        {func(*http.Request) {}, jsonType, "{}", "200", "200"},
		"read to its end":  {func(r *http.Request) { readAll(r) }, jsonType, "{}", consumed, consumed},
		"read and closed":  {func(r *http.Request) { readAll(r); r.Body.Close() }, jsonType, "{}", consumed, consumed},
		"limited and read": {func(r *http.Request) { r.Body = http.MaxBytesReader(nil, r.Body, 1<<10); readAll(r) }, jsonType, "{}", consumed, consumed},
		"limited twice and read": {func(r *http.Request) {
			r.Body = http.MaxBytesReader(nil, http.MaxBytesReader(nil, r.Body, 1<<10), 1<<10)
			readAll(r)
		}, jsonType, "{}", consumed, consumed},
		"read and limited":          {func(r *http.Request) { readAll(r); r.Body = http.MaxBytesReader(nil, r.Body, 1<<10) }, jsonType, "{}", consumed, consumed},
		"closed":                    {func(r *http.Request) { r.Body.Close() }, jsonType, "{}", consumed, consumed},
		"dropped for NoBody":        {func(r *http.Request) { r.Body = http.NoBody }, jsonType, "{}", consumed, consumed},
		"dropped for nil":           {func(r *http.Request) { r.Body = nil }, jsonType, "{}", consumed, consumed},
		"read and dropped":          {func(r *http.Request) { readAll(r); r.Body = http.NoBody }, jsonType, "{}", consumed, consumed},
		"a form parsed":             {func(r *http.Request) { r.ParseForm() }, form, formBody, consumed, consumed},
		"a form's value read":       {func(r *http.Request) { r.FormValue("a") }, form, formBody, consumed, consumed},
		"a form parsed and dropped": {func(r *http.Request) { r.ParseForm(); put(r, "") }, form, formBody, consumed, consumed},
		"a form parsed, the length too dropped": {func(r *http.Request) {
			r.ParseForm()
			r.Body, r.ContentLength = http.NoBody, 0
		}, form, formBody, consumed, consumed},
		"read, dropped, and the length too": {func(r *http.Request) {
			readAll(r)
			r.Body, r.ContentLength = http.NoBody, 0
		}, jsonType, "{}", consumed, "401 signature"},
		"a multipart form parsed":                 {func(r *http.Request) { r.ParseMultipartForm(1 << 10) }, multipart, multipartBody, consumed, consumed},
		"a multipart form read in part":           {func(r *http.Request) { m, _ := r.MultipartReader(); m.NextPart() }, multipart, multipartBody, consumed, consumed},
		"empty bytes in its place":                {func(r *http.Request) { put(r, "") }, jsonType, "{}", consumed, "401 signature"},
		"read to its end, and the length dropped": {func(r *http.Request) { readAll(r); r.ContentLength = -1 }, jsonType, "{}", consumed, consumed},
		"empty bytes in its place, and the length dropped": {func(r *http.Request) {
			put(r, "")
			r.ContentLength = -1
		}, jsonType, "{}", consumed, "401 signature"},
		"empty bytes in its place, limited": {func(r *http.Request) {
			put(r, "")
			r.Body = http.MaxBytesReader(nil, r.Body, 1<<10)
		}, jsonType, "{}", consumed, "401 signature"},
		"a form parsed, empty bytes in its place, limited": {func(r *http.Request) {
			r.ParseForm()
			put(r, "")
			r.Body, r.ContentLength = http.MaxBytesReader(nil, r.Body, 1<<10), -1
		}, form, formBody, consumed, consumed},

		// Without a Content-Length nobody can tell these from what a forger sends.
		"its first byte read":           {func(r *http.Request) { r.Body.Read(make([]byte, 1)) }, jsonType, "{}", consumed, "401 signature"},
		"cut to the limit of a logger":  {func(r *http.Request) { r.Body = io.NopCloser(io.LimitReader(r.Body, 1)) }, jsonType, "{}", consumed, "401 signature"},
		"other bytes of its length":     {func(r *http.Request) { put(r, "[]") }, jsonType, "{}", "401 signature", "401 signature"},
		"longer bytes in its place":     {func(r *http.Request) { put(r, "[ ]") }, jsonType, "{}", "401 signature", "401 signature"},
		"right bytes after other bytes": {func(r *http.Request) { put(r, "x"+readAll(r)) }, jsonType, "{}", "401 signature", "401 signature"},

		// Genuine neighbours: whoever puts the body back does no harm.
		"read and put back": {func(r *http.Request) { put(r, readAll(r)) }, jsonType, "{}", "200", "200"},
		"put back by a type that keeps the original": {func(r *http.Request) {
			r.Body = replayed{strings.NewReader(readAll(r)), r.Body}
		}, jsonType, "", "200", "200"},
		"decompressed": {func(r *http.Request) { put(r, readAll(r)); r.ContentLength = -1 }, jsonType, "{}", "200", "200"},
		"decompressed and limited": {func(r *http.Request) {
			put(r, readAll(r))
			r.Body, r.ContentLength = http.MaxBytesReader(nil, r.Body, 1<<10), -1
		}, jsonType, "{}", "200", "200"},
		"a form parsed and put back": {func(r *http.Request) { b := readAll(r); put(r, b); r.ParseForm(); put(r, b) }, form, formBody, "200", "200"},
		"JSON where a form is wanted": {func(r *http.Request) {
			r.ParseForm()
			r.ParseMultipartForm(1 << 10)
			r.FormValue("a")
		}, jsonType, "{}", "200", "200"},
		"limited":                 {func(r *http.Request) { r.Body = http.MaxBytesReader(nil, r.Body, 1<<10) }, jsonType, "{}", "200", "200"},
		"an empty body":           {func(r *http.Request) {}, jsonType, "", "200", "200"},
		"an empty form parsed":    {func(r *http.Request) { r.ParseForm(); r.FormValue("a") }, form, "", "200", consumed}, // nobody can see that it was empty
		"only a query parsed":     {func(r *http.Request) { r.URL.RawQuery = "a=1"; r.ParseForm() }, jsonType, "", "200", "200"},
		"an empty body, replaced": {func(r *http.Request) { put(r, "") }, jsonType, "", "200", "200"},
	} {
		wrappers := map[string]func(redoxauth.Verifier) http.Handler{
			"Middleware": func(v redoxauth.Verifier) http.Handler { return redoxauth.Middleware(v, nil)(drains) },
			"Check":      func(v redoxauth.Verifier) http.Handler { return checked(v, nil)(drains) },
			"AllOf": func(v redoxauth.Verifier) http.Handler {
				return redoxauth.Middleware(redoxauth.AllOf(v, v), nil)(drains)
			},
			"behind a report": func(v redoxauth.Verifier) http.Handler {
				return redoxauth.InsecureReportOnly(v, nil)(redoxauth.Middleware(v, nil)(drains))
			},
			"a bare Verifier": func(v redoxauth.Verifier) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if _, err := v.Verify(r); err != nil {
						redoxauth.WriteError(w, err)
					}
				})
			},
		}
		for wrapper, wrap := range wrappers {
			t.Run(name+", "+wrapper, func(t *testing.T) {
				var got error
				keep := redoxauth.VerifierFunc(func(r *http.Request) (id *redoxauth.Identity, err error) {
					id, err = covers(tt.body).Verify(r)
					got = err
					return id, err
				})
				h := wrap(keep)
				onBothProtocols(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					tt.front(r)
					h.ServeHTTP(w, r)
				}), func(t *testing.T, client *http.Client, url string) {
					for _, message := range []struct {
						body io.Reader
						want string
					}{{strings.NewReader(tt.body), tt.sized}, {io.MultiReader(strings.NewReader(tt.body)), tt.chunked}} {
						got = nil
						if answer := answerTo(t, client, url, tt.contentType, message.body, &got); answer != message.want {
							t.Errorf("%T: got %s, want %s: %v", message.body, answer, message.want, got)
						}
					}
				})
			})
		}
	}
}

// onBothProtocols serves h with HTTP/1 and HTTP/2.
func onBothProtocols(t *testing.T, h http.Handler, send func(*testing.T, *http.Client, string)) {
	for _, protocol := range []string{"HTTP/1", "HTTP/2"} {
		t.Run(protocol, func(t *testing.T) {
			server := httptest.NewUnstartedServer(h)
			if protocol == "HTTP/2" {
				server.EnableHTTP2 = true
				server.StartTLS()
			} else {
				server.Start()
			}
			t.Cleanup(server.Close)
			send(t, server.Client(), server.URL)
		})
	}
}

// answerTo posts body and returns the status of the answer, and the reason if it is a
// refusal.
func answerTo(t *testing.T, client *http.Client, url, contentType string, body io.Reader, refusal *error) string {
	t.Helper()
	res, err := client.Post(url, contentType, body)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	var e *redoxauth.Error
	if errors.As(*refusal, &e) {
		return fmt.Sprint(res.StatusCode, " ", e.Reason)
	}
	return fmt.Sprint(res.StatusCode)
}

// A Verifier that does not read the body does not mind: what the handler reads is its
// business.
func TestVerifierWithoutABodyAcceptsWhatWasConsumed(t *testing.T) {
	token := verifier("token", nil)
	opts := &redoxauth.Options{Observe: func(_ *http.Request, d redoxauth.Decision) {
		if d.Err != nil {
			t.Errorf("%s: %v", d.Event, d.Err)
		}
	}}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.PostFormValue("b")) })
	for outerName, outer := range map[string]wrapper{
		"nothing": func(h http.Handler) http.Handler { return h },
		"another": redoxauth.Middleware(token, nil),
	} {
		for innerName, inner := range map[string]http.Handler{
			"Middleware": redoxauth.Middleware(token, opts)(handler),
			"AllOf":      redoxauth.Middleware(redoxauth.AllOf(token, token), opts)(handler),
			"Check":      checked(token, opts)(handler),
			"a report":   redoxauth.InsecureReportOnly(token, opts)(handler),
		} {
			t.Run(innerName+" behind "+outerName, func(t *testing.T) {
				onBothProtocols(t, outer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					r.ParseForm()
					inner.ServeHTTP(w, r)
				})), func(t *testing.T, client *http.Client, url string) {
					res, err := client.Post(url, form, strings.NewReader(formBody))
					if err != nil {
						t.Fatal(err)
					}
					defer res.Body.Close()
					if got, _ := io.ReadAll(res.Body); string(got) != "22" || res.StatusCode != 200 {
						t.Errorf("got %d %q, want the form's value", res.StatusCode, got)
					}
				})
			})
		}
	}
}

func TestBodyConsumedBetweenTwoWrappers(t *testing.T) {
	for name, tt := range map[string]struct {
		outer redoxauth.Verifier
		front front
		want  int
	}{
		"read":                        {verifier("token", nil), func(r *http.Request) { readAll(r) }, 500},
		"read in part":                {verifier("token", nil), func(r *http.Request) { r.Body.Read(make([]byte, 1)) }, 500},
		"closed":                      {verifier("token", nil), func(r *http.Request) { r.Body.Close() }, 500},
		"put back":                    {verifier("token", nil), func(r *http.Request) { put(r, readAll(r)) }, 200},
		"read behind one that covers": {covers(formBody), func(r *http.Request) { readAll(r) }, 200}, // it is buffered
		"read through a wrapper":      {covers(formBody), func(r *http.Request) { r.Body = io.NopCloser(r.Body); readAll(r) }, 500},
	} {
		t.Run(name, func(t *testing.T) {
			var got error
			inner := redoxauth.Middleware(covers(formBody), &redoxauth.Options{Observe: func(_ *http.Request, d redoxauth.Decision) { got = d.Err }})(drains)
			onBothProtocols(t, redoxauth.Middleware(tt.outer, nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				tt.front(r)
				inner.ServeHTTP(w, r)
			})), func(t *testing.T, client *http.Client, url string) {
				want := fmt.Sprint(tt.want)
				if tt.want == 500 {
					want += " body_consumed"
				}
				if answer := answerTo(t, client, url, form, strings.NewReader(formBody), &got); answer != want {
					t.Errorf("got %s, want %s: %v", answer, want, got)
				}
			})
		})
	}
}

// A report looks through the body of the wrapper in front, if that has not read it.
func TestReportOfWhatWasConsumed(t *testing.T) {
	var got error
	opts := &redoxauth.Options{Observe: func(_ *http.Request, d redoxauth.Decision) { got = d.Err }}
	report := redoxauth.Middleware(verifier("token", nil), nil)(redoxauth.InsecureReportOnly(covers(""), opts)(drains))
	onBothProtocols(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		readAll(r)
		report.ServeHTTP(w, r)
	}), func(t *testing.T, client *http.Client, url string) {
		answerTo(t, client, url, form, io.MultiReader(strings.NewReader(formBody)), new(error))
		verifiertest.CheckError(t, got, nil, "body_consumed")
	})
}

// A wrapper in front has read an empty body, and something in between shows what it wraps.
func TestEmptyBodyThatWasVerifiedIsNotConsumed(t *testing.T) {
	inner := redoxauth.Middleware(covers(""), nil)(drains)
	onBothProtocols(t, redoxauth.Middleware(covers(""), nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = unwrappingBody{r.Body}
		inner.ServeHTTP(w, r)
	})), func(t *testing.T, client *http.Client, url string) {
		if answer := answerTo(t, client, url, form, io.MultiReader(strings.NewReader("")), new(error)); answer != "200" {
			t.Errorf("got %s", answer)
		}
	})
}

// A body in front may have an Unwrap that returns nil.
func TestBodyThatWrapsNothing(t *testing.T) {
	for _, body := range []string{"", formBody} {
		inner := redoxauth.Middleware(covers(body), nil)(drains)
		onBothProtocols(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = wrapsNothing{r.Body}
			inner.ServeHTTP(w, r)
		}), func(t *testing.T, client *http.Client, url string) {
			if answer := answerTo(t, client, url, form, io.MultiReader(strings.NewReader(body)), new(error)); answer != "200" {
				t.Errorf("body %q: got %s", body, answer)
			}
		})
	}
}

type wrapsNothing struct{ io.ReadCloser }

func (wrapsNothing) Unwrap() io.ReadCloser { return nil }

type unwrappingBody struct{ io.ReadCloser }

func (b unwrappingBody) Unwrap() io.ReadCloser { return b.ReadCloser }

// A token endpoint is not a Verifier, and needs the body too.
func TestReadBodyOfWhatWasConsumed(t *testing.T) {
	onBothProtocols(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		_, err := redoxauth.ReadBody(w, r, nil)
		verifiertest.CheckError(t, err, nil, "body_consumed")
	}), func(t *testing.T, client *http.Client, url string) {
		for _, body := range []io.Reader{strings.NewReader(formBody), io.MultiReader(strings.NewReader(formBody))} {
			answerTo(t, client, url, form, body, new(error))
		}
	})
}

// What the peer cut off is the peer's fault (RFC 9112, Section 8).
func TestBodyThatThePeerCutsOffIsNotConsumed(t *testing.T) {
	for name, request := range map[string]string{
		"Content-Length": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{}",
		"nothing of it":  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
		"chunked":        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}",
		"no last chunk":  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			refused := make(chan error, 1)
			opts := &redoxauth.Options{Observe: func(_ *http.Request, d redoxauth.Decision) { refused <- d.Err }}
			server := newServer(t, redoxauth.Middleware(covers("{}"), opts)(never(t)), nil)
			conn := dial(t, server.URL)
			io.WriteString(conn, request)
			conn.(interface{ CloseWrite() error }).CloseWrite()
			verifiertest.CheckError(t, <-refused, redoxauth.ErrMalformed, "body_read")
		})
	}
}

// A peer that waits for "100 Continue" has sent nothing when something in front reads.
func TestConsumedAfterContinue(t *testing.T) {
	for header, body := range map[string]string{"Content-Length: 8": formBody, "Transfer-Encoding: chunked": "8\r\n" + formBody + "\r\n0\r\n\r\n"} {
		for front, want := range map[bool]string{true: "500", false: "200"} {
			server := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if front {
					readAll(r)
				}
				redoxauth.Middleware(covers(formBody), nil)(drains).ServeHTTP(w, r)
			}), nil)
			conn := dial(t, server.URL)
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n%s\r\n\r\n", header)
			answers := bufio.NewReader(conn)
			if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
				t.Fatalf("%s: got %q, %v", header, line, err)
			}
			answers.ReadString('\n')
			io.WriteString(conn, body)
			if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, " "+want+" ") {
				t.Errorf("%s, read in front %t: got %q, %v, want %s", header, front, line, err, want)
			}
		}
	}
}

// A request in memory, as on AWS Lambda, and methods without a body.
func TestNoBodyIsNotConsumed(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
		for _, body := range []io.Reader{nil, http.NoBody, bytes.NewReader(nil), strings.NewReader("")} {
			made, err := http.NewRequest(method, "https://destination.example/?a=1", body)
			if err != nil {
				t.Fatal(err)
			}
			made.Header.Set("Content-Length", "0")
			for _, r := range []*http.Request{made, httptest.NewRequest(method, "/?a=1", body)} {
				r.ParseForm() // reads the query
				if _, err := redoxauth.Check(covers(""), nil, r, nil); err != nil {
					t.Errorf("%s, body %T: %v", method, body, err)
				}
			}
		}
	}
}

// Observe may read and parse what it likes: the handler has its body. And it may keep the
// request.
func TestObserveGetsNoBody(t *testing.T) {
	for name, v := range map[string]redoxauth.Verifier{"that reads the body": readsBody, "that does not": verifier("token", nil)} {
		t.Run(name, func(t *testing.T) {
			seen := 0
			opts := &redoxauth.Options{Observe: func(r *http.Request, _ redoxauth.Decision) {
				seen++
				r.ParseForm()
				r.FormValue("a")
				if got := readAll(r); got != "" || r.PostForm.Get("b") != "" {
					t.Errorf("Observe read %q, %v", got, r.PostForm)
				}
				if _, err := redoxauth.Body(r); err == nil {
					t.Error("Body gives Observe a body")
				}
				if r.ContentLength != int64(len(formBody)) {
					t.Errorf("Observe sees ContentLength %d", r.ContentLength)
				}
				r.Body.Close()
			}}
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.PostFormValue("b") != "22" {
					t.Errorf("the handler has no form: %v", r.PostForm)
				}
			})
			for wrapper, h := range map[string]http.Handler{
				"Middleware": redoxauth.Middleware(v, opts)(handler), "Check": checked(v, opts)(handler), "nested": redoxauth.Middleware(v, opts)(redoxauth.Middleware(readsBody, nil)(handler)),
				"nested, inside":        redoxauth.Middleware(verifier("", nil), nil)(redoxauth.Middleware(v, opts)(handler)),
				"behind one that reads": redoxauth.Middleware(readsBody, nil)(redoxauth.Middleware(v, opts)(handler)),
			} {
				onBothProtocols(t, h, func(t *testing.T, client *http.Client, url string) {
					seen = 0
					if answer := answerTo(t, client, url, form, strings.NewReader(formBody), new(error)); answer != "200" || seen != 1 {
						t.Errorf("%s: got %s, observed %d times", wrapper, answer, seen)
					}
				})
			}
		})
	}
}
