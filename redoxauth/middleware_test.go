package redoxauth_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// verifier answers as a function of nothing: it accepts when err is nil.
func verifier(strategy string, err error) redoxauth.Verifier {
	return redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) {
		if err != nil {
			return nil, err
		}
		return &redoxauth.Identity{Strategy: strategy}, nil
	})
}

// readsBody reads the body as an HMAC verifier does, and accepts.
var readsBody = redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
	if _, err := redoxauth.Body(r); err != nil {
		return nil, err
	}
	return &redoxauth.Identity{Strategy: "body"}, nil
})

func post(body string) *http.Request {
	return httptest.NewRequest(http.MethodPost, "/redox", strings.NewReader(body))
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// never is a handler that no refused request may reach.
func never(t *testing.T) http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Helper()
		t.Error("the refused request reached the handler")
	})
}

func TestMiddlewareHandsOnWhatIsAccepted(t *testing.T) {
	reached := false
	h := redoxauth.Middleware(verifier("test", nil), nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached = true
		id, ok := redoxauth.FromContext(r.Context())
		if !ok || id.Strategy != "test" {
			t.Errorf("FromContext: %+v, %t", id, ok)
		}
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != "message" {
			t.Errorf("body: %q, %v", body, err)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	if w := serve(h, post("message")); !reached || w.Code != http.StatusAccepted {
		t.Errorf("reached: %t, status %d, want the handler's own answer", reached, w.Code)
	}
}

// The handler of some receivers runs although they have written the refusal, because
// a return is missing.
func TestRefusedRequestNeverReachesTheHandler(t *testing.T) {
	for name, tt := range map[string]struct {
		verify func(*http.Request) (*redoxauth.Identity, error)
		want   int
		reason redoxauth.Reason
	}{
		"nobody":                            {refuse(redoxauth.ErrNoCredentials), 401, "missing"},
		"wrong proof":                       {refuse(redoxauth.ErrRejected), 401, "rejected"},
		"scope":                             {refuse(redoxauth.ErrForbidden), 403, "scope"},
		"malformed":                         {refuse(redoxauth.ErrMalformed), 400, "malformed"},
		"too large":                         {refuse(redoxauth.ErrTooLarge), 413, "body_size"},
		"unavailable":                       {refuse(redoxauth.ErrUnavailable), 503, "unavailable"},
		"error of no kind":                  {refuse(errors.New("no")), 500, "internal"},
		"Error of no kind":                  {refuse(&redoxauth.Error{Strategy: "test"}), 500, "internal"},
		"neither identity nor error":        {func(*http.Request) (*redoxauth.Identity, error) { return nil, nil }, 500, "internal"},
		"identity beside an error":          {func(*http.Request) (*redoxauth.Identity, error) { return &redoxauth.Identity{}, redoxauth.ErrRejected }, 401, "rejected"},
		"panic with a value":                {func(*http.Request) (*redoxauth.Identity, error) { panic("secret-token") }, 500, "internal"},
		"panic with an error":               {func(*http.Request) (*redoxauth.Identity, error) { panic(errors.New("secret-token")) }, 500, "internal"},
		"panic with a kind":                 {func(*http.Request) (*redoxauth.Identity, error) { panic(redoxauth.ErrRejected) }, 500, "internal"},
		"panic of the runtime":              {func(*http.Request) (*redoxauth.Identity, error) { var b []byte; return nil, fmt.Errorf("%d", b[3]) }, 500, "internal"},
		"panic that would abort the answer": {func(*http.Request) (*redoxauth.Identity, error) { panic(http.ErrAbortHandler) }, 500, "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			var seen []redoxauth.Decision
			opts := &redoxauth.Options{Observe: func(_ *http.Request, d redoxauth.Decision) { seen = append(seen, d) }}
			v := redoxauth.VerifierFunc(tt.verify)
			w := serve(redoxauth.Middleware(v, opts)(never(t)), post("message"))
			if w.Code != tt.want || w.Body.String() != http.StatusText(tt.want)+"\n" {
				t.Errorf("answer: %d %q, want %d and its text", w.Code, w.Body, tt.want)
			}
			checked, err := redoxauth.Check(v, nil, post("message"), opts)
			if checked != nil || redoxauth.StatusCode(err) != tt.want {
				t.Errorf("Check: %v, %v", checked, err)
			}
			if len(seen) != 2 {
				t.Fatalf("Observe was called %d times, want once by each", len(seen))
			}
			for _, d := range seen {
				var e *redoxauth.Error
				if d.Identity != nil || !errors.As(d.Err, &e) || e.Reason != tt.reason || d.Event != "message" || d.Status != tt.want {
					t.Errorf("Decision: %+v, want a message, status %d and an *Error with reason %q", d, tt.want, tt.reason)
				}
			}
			if strings.Contains(fmt.Sprintf("%+v %v", seen[0].Err, seen[0].Err), "secret-token") {
				t.Errorf("the error shows the value of the panic: %v", seen[0].Err)
			}
			if strings.HasPrefix(name, "panic") && !strings.Contains(seen[0].Err.Error(), "middleware_test.go") && !strings.Contains(seen[0].Err.Error(), "redoxauth_test.Test") {
				t.Errorf("the error does not tell where the panic was: %v", seen[0].Err)
			}
			if name == "panic of the runtime" && !strings.Contains(seen[0].Err.Error(), "index out of range [3]") {
				t.Errorf("the error does not tell what the panic was: %v", seen[0].Err)
			}
		})
	}
}

func refuse(err error) func(*http.Request) (*redoxauth.Identity, error) {
	return func(*http.Request) (*redoxauth.Identity, error) { return nil, err }
}

func TestObserveSeesEveryDecisionOnceBeforeTheHandler(t *testing.T) {
	var order []string
	opts := &redoxauth.Options{Observe: func(r *http.Request, d redoxauth.Decision) {
		order = append(order, fmt.Sprint("observe ", r.URL.Path, d.Identity != nil, d.Err != nil))
		if d.Duration < 0 || d.Event != "message" || d.Status != 0 { // the handler has not answered yet
			t.Errorf("Decision %+v", d)
		}
	}}
	h := redoxauth.Middleware(verifier("a", nil), opts)(redoxauth.Middleware(verifier("b", nil), opts)(
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) { order = append(order, "handler") })))
	serve(h, post(""))
	want := []string{"observe /redoxtrue false", "observe /redoxtrue false", "handler"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnavailableSuggestsWhenToRetry(t *testing.T) {
	for name, tt := range map[string]struct {
		opts *redoxauth.Options
		err  error
		want string
	}{
		"default":              {nil, redoxauth.ErrUnavailable, "10"},
		"option":               {&redoxauth.Options{RetryAfter: 90 * time.Second}, redoxauth.ErrUnavailable, "90"},
		"the error knows best": {&redoxauth.Options{RetryAfter: 90 * time.Second}, &redoxauth.Error{Kind: redoxauth.ErrUnavailable, RetryAfter: 1500 * time.Millisecond}, "2"},
		"wrapped":              {&redoxauth.Options{RetryAfter: 90 * time.Second}, fmt.Errorf("x: %w", &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "keys"}), "90"},
		"not for 401":          {nil, redoxauth.ErrRejected, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(redoxauth.Middleware(verifier("", tt.err), tt.opts)(never(t)), post(""))
			if got := w.Header().Get("Retry-After"); got != tt.want {
				t.Errorf("Retry-After: got %q, want %q", got, tt.want)
			}
		})
	}
}

// A Verifier may return one Error for many requests.
func TestErrorOfAVerifierIsNotChanged(t *testing.T) {
	e := &redoxauth.Error{Strategy: "s", Kind: redoxauth.ErrUnavailable, Reason: "keys"}
	before := *e
	v := redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) { return nil, e })
	for _, wait := range []time.Duration{20 * time.Second, 40 * time.Second} {
		w := serve(redoxauth.Middleware(v, &redoxauth.Options{RetryAfter: wait})(never(t)), post(""))
		if got, want := w.Header().Get("Retry-After"), fmt.Sprint(wait.Seconds()); got != want {
			t.Errorf("Retry-After: got %q, want %q", got, want)
		}
	}
	if *e != before {
		t.Errorf("got %+v, want %+v", *e, before)
	}
}

func TestNestedWrappersMeanAllOf(t *testing.T) {
	a, b := verifier("a", nil), verifier("b", nil)
	rejected := verifier("c", redoxauth.ErrRejected)
	none := verifier("d", &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Challenge: `Bearer realm="redox"`})
	for name, vs := range map[string][2]redoxauth.Verifier{
		"both": {a, b}, "second rejects": {a, rejected}, "first rejects": {rejected, a}, "second absent": {a, none}, "first absent": {none, a}, "body": {readsBody, readsBody},
	} {
		t.Run(name, func(t *testing.T) {
			var strategies, bodies []string
			handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				id, _ := redoxauth.FromContext(r.Context())
				body, _ := io.ReadAll(r.Body)
				strategies, bodies = append(strategies, id.Strategy), append(bodies, string(body))
			})
			nested := serve(redoxauth.Middleware(vs[0], nil)(redoxauth.Middleware(vs[1], nil)(handler)), post("message"))
			all := serve(redoxauth.Middleware(redoxauth.AllOf(vs[0], vs[1]), nil)(handler), post("message"))
			if nested.Code != all.Code || !cmp.Equal(nested.Header(), all.Header()) {
				t.Errorf("nested %d %v, AllOf %d %v", nested.Code, nested.Header(), all.Code, all.Header())
			}
			if len(strategies) != 0 && (len(strategies) != 2 || strategies[0] != strategies[1] || bodies[0] != "message" || bodies[1] != "message") {
				t.Errorf("the handlers saw %q, %q", strategies, bodies)
			}
		})
	}
}

// After an outer wrapper has accepted, the body is proven (Options.MaxInFlight). net/http
// puts a trailer that was not announced into its own copy of the request alone.
func TestNestedWrappersMeanAllOfOnTheWire(t *testing.T) {
	t.Parallel()
	accepts := verifier("accepts", nil)
	refusesTrailers := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if err := redoxauth.HashBody(r, sha256.New()); err != nil {
			return nil, err
		}
		if len(r.Trailer) > 0 {
			return nil, redoxauth.ErrRejected
		}
		return &redoxauth.Identity{Strategy: "trailers"}, nil
	})
	body := strings.Repeat("x", 6<<10)
	chunked := func(trailer string) string {
		return fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n%s\r\n", len(body), body, trailer)
	}
	sized := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	for name, tt := range map[string]struct {
		first, second redoxauth.Verifier
		rest          string // of the request
		want          int
	}{
		"proven body over half of the budget":   {accepts, readsBody, sized, 200},
		"unproven body over half of the budget": {readsBody, accepts, sized, 503},
		"r.Body replaced in between":            {accepts, readsBody, sized, 200},
		"trailer, not announced":                {accepts, refusesTrailers, chunked("X-Amz-Meta-Role: admin\r\n"), 401},
		"trailer, announced":                    {accepts, refusesTrailers, "Trailer: X-Amz-Meta-Role\r\n" + chunked("X-Amz-Meta-Role: admin\r\n"), 401},
		"no trailer":                            {accepts, refusesTrailers, chunked(""), 200},
	} {
		t.Run(name, func(t *testing.T) {
			for combination, wrap := range map[string]func(*redoxauth.Options, http.Handler) http.Handler{
				"nested": func(o *redoxauth.Options, h http.Handler) http.Handler {
					h = redoxauth.Middleware(tt.second, o)(h)
					if name == "r.Body replaced in between" {
						h = http.MaxBytesHandler(h, 1<<20)
					}
					return redoxauth.Middleware(tt.first, o)(h)
				},
				"AllOf": func(o *redoxauth.Options, h http.Handler) http.Handler {
					return redoxauth.Middleware(redoxauth.AllOf(tt.first, tt.second), o)(h)
				},
			} {
				server := httptest.NewServer(wrap(&redoxauth.Options{MaxInFlight: 10 << 10}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if got, err := io.ReadAll(r.Body); string(got) != body || err != nil {
						t.Errorf("%s: the handler reads %d bytes, %v", combination, len(got), err)
					}
				})))
				t.Cleanup(server.Close)
				response, err := http.ReadResponse(converse(t, server.URL, "POST /redox HTTP/1.1\r\nHost: h\r\n"+tt.rest), nil)
				if err != nil || response.StatusCode != tt.want {
					t.Errorf("%s: got %v, %v, want %d", combination, response, err, tt.want)
				}
			}
		})
	}
}

// "Connection: close" would end all other streams of an HTTP/2 connection.
func TestRefusedBodyKeepsTheHTTP2Connection(t *testing.T) {
	opts := &redoxauth.Options{MaxBodyBytes: 10}
	for name, h := range map[string]http.HandlerFunc{
		"Middleware": redoxauth.Middleware(readsBody, opts)(never(t)).ServeHTTP,
		"Check": func(w http.ResponseWriter, r *http.Request) {
			_, err := redoxauth.Check(readsBody, w, r, opts)
			redoxauth.WriteError(w, err)
		},
		"ReadBody": func(w http.ResponseWriter, r *http.Request) {
			_, err := redoxauth.ReadBody(w, r, opts)
			redoxauth.WriteError(w, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(h)
			server.EnableHTTP2 = true
			server.StartTLS()
			defer server.Close()
			for i, body := range []io.Reader{strings.NewReader("a body over the limit"), io.MultiReader(strings.NewReader("of no announced length")), strings.NewReader("a third one")} {
				reused := false
				ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }})
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, body)
				if err != nil {
					t.Fatal(err)
				}
				response, err := server.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
				if response.ProtoMajor != 2 || response.StatusCode != http.StatusRequestEntityTooLarge || reused != (i > 0) {
					t.Errorf("request %d: HTTP/%d, status %d, connection used again: %t", i, response.ProtoMajor, response.StatusCode, reused)
				}
			}
		})
	}
}

func TestMiddlewareWorksBehindServeMux(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("POST /redox/{feed}", redoxauth.Middleware(verifier("test", nil), nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.PathValue("feed") != "adt" || r.Pattern != "POST /redox/{feed}" {
			t.Errorf("PathValue %q, Pattern %q", r.PathValue("feed"), r.Pattern)
		}
	})))
	if w := serve(mux, httptest.NewRequest(http.MethodPost, "/redox/adt", nil)); w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
}

func TestNilVerifierPanicsWhenTheServerIsBuilt(t *testing.T) {
	for name, build := range map[string]func(){
		"Middleware":         func() { redoxauth.Middleware(nil, nil) },
		"InsecureReportOnly": func() { redoxauth.InsecureReportOnly(nil, nil) },
		"AnyOf":              func() { redoxauth.AnyOf(nil) },
		"AllOf, second":      func() { redoxauth.AllOf(verifier("a", nil), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				which, _, _ := strings.Cut(name, ",")
				if p, want := recover(), "redoxauth: "+which+": nil Verifier"; p != want {
					t.Errorf("recovered %v, want %s", p, want)
				}
			}()
			build()
		})
	}
}

// converse sends raw bytes to a server, and returns its answers. The connection is
// closed when the test ends.
func converse(t *testing.T, url, request string) *bufio.Reader {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(20 * time.Second)) // a hang is a failure, not a hung test
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(conn)
}

// A sender that waits for "100 Continue" (RFC 9110, Section 10.1.1) is refused before
// it sends its body, and is asked for it when the body is needed.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		v    redoxauth.Verifier
		want int
	}{
		"refused by its headers": {verifier("", redoxauth.ErrRejected), 401},
		"unavailable":            {verifier("", redoxauth.ErrUnavailable), 503},
		"too large":              {readsBody, 413},
		"body needed":            {readsBody, 100},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(redoxauth.Middleware(tt.v, &redoxauth.Options{MaxBodyBytes: 100})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
			t.Cleanup(server.Close) // after the connection is closed
			length := 50
			if name == "too large" {
				length = 101
			}
			answer := converse(t, server.URL, fmt.Sprintf("POST /redox HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", length))
			response, err := http.ReadResponse(answer, nil)
			if err != nil || response.StatusCode != tt.want {
				t.Errorf("got %v, %v, want %d as the first answer", response, err, tt.want)
			}
		})
	}
}

func TestCheckHandsOnTheIdentityAndItsOwnContext(t *testing.T) {
	type key struct{}
	r := post("message")
	r = r.WithContext(context.WithValue(r.Context(), key{}, "value"))
	checked, err := redoxauth.Check(verifier("test", nil), nil, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	id, ok := redoxauth.FromContext(checked.Context())
	if !ok || id.Strategy != "test" || checked.Context().Value(key{}) != "value" {
		t.Errorf("identity %+v, context value %v", id, checked.Context().Value(key{}))
	}
	if _, ok := redoxauth.FromContext(r.Context()); ok {
		t.Error("Check changed the context of the request that it was given")
	}
}
