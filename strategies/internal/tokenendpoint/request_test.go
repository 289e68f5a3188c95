package tokenendpoint_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
)

func TestCarriers(t *testing.T) {
	const urlencoded = "application/x-www-form-urlencoded"
	const good = "grant_type=client_credentials"
	json := http.Header{"Content-Type": {"application/json"}}
	const ours = "https%3A%2F%2Fapi.example.com%2Fredox"
	const ok, invalid = "200", "400 invalid_request"
	for _, c := range []struct {
		name   string
		method string // default POST
		target string // default /token
		header http.Header
		body   string
		want   string
	}{
		{name: "form", body: good, want: ok},
		{name: "form with charset", header: http.Header{"Content-Type": {urlencoded + ";charset=UTF-8"}}, body: good, want: ok},
		{name: "form with white space before charset", header: http.Header{"Content-Type": {urlencoded + " ; charset=utf-8"}}, body: good, want: ok},
		{name: "media type in capitals", header: http.Header{"Content-Type": {"Application/X-WWW-Form-Urlencoded"}}, body: good, want: ok},
		{name: "JSON", header: json, body: `{"grant_type":"client_credentials"}`, want: ok},
		{name: "JSON, unknown members of any type", header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, body: `{"grant_type":"client_credentials","n":1,"o":{"p":[true]},"q":null}`, want: ok},
		{name: "JSON with a form in it", header: json, body: `{"grant_type":"client_credentials","note":"grant_type=password"}`, want: ok},
		{name: "JSON, a parameter null", header: json, body: `{"grant_type":"client_credentials","scope":null}`, want: ok},
		{name: "unknown parameter", body: good + "&custom=1", want: ok},
		{name: "parameter without value", body: good + "&scope=&client_id", want: ok},
		{name: "empty pairs", body: "&&" + good + "&", want: ok},
		{name: "unrelated query", target: "/token?tenant=1&api-version=2", body: good, want: ok},
		{name: "identity encoding", header: http.Header{"Content-Encoding": {"identity"}}, body: good, want: ok},
		{name: "bearer token beside", header: http.Header{"Authorization": {"Bearer verification-token"}}, body: good, want: ok},
		{name: "our audience and resource", body: good + "&audience=https%3A%2F%2Fapi.example.com%2Fredox&resource=https%3A%2F%2Fapi.example.com%2Fredox", want: ok},

		// RFC 8707, Section 2, and RFC 8693, Section 2.1, allow several of them.
		{name: "our resource twice", body: good + "&resource=" + ours + "&resource=" + ours, want: ok},
		{name: "our audience twice, and our resource three times", body: good + "&audience=" + ours + strings.Repeat("&resource="+ours, 3) + "&audience=" + ours, want: ok},
		{name: "resource without value, twice", body: good + "&resource=&resource", want: ok},
		{name: "our resource, and one without value", body: good + "&resource=&resource=" + ours, want: ok},
		{name: "our resource in 99 parameters", body: good + strings.Repeat("&resource="+ours, 99), want: ok},
		{name: "JSON, our resource in an array", header: json, body: `{"grant_type":"client_credentials","resource":["https://api.example.com/redox","https://api.example.com/redox"],"audience":["https://api.example.com/redox"]}`, want: ok},
		{name: "JSON, no audience in an array", header: json, body: `{"grant_type":"client_credentials","audience":[]}`, want: ok},
		{name: "our resource and another", body: good + "&resource=" + ours + "&resource=https%3A%2F%2Fother.example.com", want: "400 invalid_target"},
		{name: "another resource and ours", body: good + "&resource=https%3A%2F%2Fother.example.com&resource=" + ours, want: "400 invalid_target"},
		{name: "another audience between ours", body: good + "&audience=" + ours + "&audience=x&audience=" + ours, want: "400 invalid_target"},
		{name: "our audience, another resource", body: good + "&audience=" + ours + "&resource=x", want: "400 invalid_target"},
		{name: "our resource twice in one value", body: good + "&resource=" + ours + "+" + ours, want: "400 invalid_target"},
		{name: "JSON, our resource and another", header: json, body: `{"grant_type":"client_credentials","resource":["https://api.example.com/redox","https://other.example.com"]}`, want: "400 invalid_target"},
		{name: "JSON, resources of other types", header: json, body: `{"grant_type":"client_credentials","resource":["https://api.example.com/redox",1]}`, want: invalid},
		{name: "JSON, the resource twice", header: json, body: `{"grant_type":"client_credentials","resource":"https://api.example.com/redox","resource":"https://api.example.com/redox"}`, want: invalid},
		{name: "JSON, 101 resources", header: json, body: `{"grant_type":"client_credentials","resource":[` + strings.Repeat(`"",`, 100) + `""]}`, want: invalid},
		{name: "our resource in 101 parameters", body: good + strings.Repeat("&resource="+ours, 100), want: invalid},

		{name: "GET", method: "GET", body: good, want: "405 invalid_request"},
		{name: "HEAD", method: "HEAD", want: "405 invalid_request"},
		{name: "PUT", method: "PUT", body: good, want: "405 invalid_request"},
		{name: "OPTIONS", method: "OPTIONS", want: "405 invalid_request"},
		{name: "no media type", header: http.Header{"Content-Type": nil}, body: good, want: "415 invalid_request"},
		{name: "text", header: http.Header{"Content-Type": {"text/plain"}}, body: good, want: "415 invalid_request"},
		{name: "multipart", header: http.Header{"Content-Type": {"multipart/form-data; boundary=b"}}, body: good, want: "415 invalid_request"},
		{name: "two media types", header: http.Header{"Content-Type": {urlencoded, "application/json"}}, body: good, want: "415 invalid_request"},
		{name: "gzip", header: http.Header{"Content-Encoding": {"gzip"}}, body: good, want: "415 invalid_request"},
		{name: "too large", body: good + "&x=" + strings.Repeat("x", 64<<10), want: "413 invalid_request"},
		{name: "no body", want: invalid},
		{name: "grant_type missing", body: "scope=write", want: invalid},
		{name: "grant_type without value", body: "grant_type=", want: invalid},
		{name: "grant_type in the query", target: "/token?" + good, want: invalid},
		{name: "grant_type unknown", body: "grant_type=password", want: "400 unsupported_grant_type"},
		{name: "grant_type in capitals", body: "grant_type=CLIENT_CREDENTIALS", want: "400 unsupported_grant_type"},
		{name: "parameter twice", body: good + "&scope=read&scope=read", want: invalid},
		{name: "unknown parameter twice", body: good + "&x=1&x=2", want: invalid},
		{name: "parameter twice, once encoded", body: good + "&sc%6Fpe=read&scope=read", want: invalid},
		{name: "semicolon in the form", body: good + "&a=1;scope=read", want: invalid},
		{name: "bad escape in a value", body: good + "&a=%zz", want: invalid},
		{name: "bad escape in a name", body: good + "&%zz=a", want: invalid},
		{name: "not UTF-8", body: good + "&a=%ff", want: invalid},
		{name: "a name that is not UTF-8", body: good + "&%ff=a", want: invalid},
		{name: "101 parameters", body: good + numbered("&p", 101), want: invalid},
		{name: "secret in the query", target: "/token?client_secret=s", body: good, want: invalid},
		{name: "secret in the query, encoded, in capitals", target: "/token?CLIENT%5FSECRET=s", body: good, want: invalid},
		{name: "client_id in the query", target: "/token?client_id=redox", body: good, want: invalid},
		{name: "assertion in the query", target: "/token?a=b&client_assertion=j", body: good, want: invalid},
		{name: "semicolon in the query", target: "/token?a=1;client_secret=s", body: good, want: invalid},
		{name: "bad escape in the query", target: "/token?%zz", body: good, want: invalid},
		{name: "two Authorization headers", header: http.Header{"Authorization": {"Basic YTpi", "Basic YTpi"}}, body: good, want: invalid},
		{name: "JSON array", header: json, body: `["grant_type"]`, want: invalid},
		{name: "JSON, a name twice", header: json, body: `{"grant_type":"client_credentials","scope":"read","sc\u006fpe":"write"}`, want: invalid},
		{name: "JSON, a nested name twice", header: json, body: `{"grant_type":"client_credentials","x":{"a":1,"a":2}}`, want: invalid},
		{name: "JSON, a parameter of another type", header: json, body: `{"grant_type":"client_credentials","scope":["read"]}`, want: invalid},
		{name: "JSON, another case", header: json, body: `{"GRANT_TYPE":"client_credentials"}`, want: invalid},
		{name: "JSON, more after it", header: json, body: `{"grant_type":"client_credentials"}{}`, want: invalid},
		{name: "JSON, cut off", header: json, body: `{"grant_type":"client_cred`, want: invalid},
		{name: "JSON, a lone surrogate", header: json, body: `{"grant_type":"client_credentials","x":"\ud800"}`, want: invalid},
		{name: "other audience", body: good + "&audience=https%3A%2F%2Fother.example.com", want: "400 invalid_target"},
		{name: "other resource", body: good + "&resource=https%3A%2F%2Fapi.example.com%2Fredox%2F", want: "400 invalid_target"},
		{name: "no scope granted", body: good + "&scope=admin", want: "400 invalid_scope"},
		{name: "scope with a quote", body: good + "&scope=read+%22", want: "400 invalid_scope"},
		{name: "scope of blanks", body: good + "&scope=+", want: "400 invalid_scope"},
		{name: "200 scopes", body: good + "&scope=read" + numbered("+x", 199), want: ok},
		{name: "200 scopes, and some of them again", body: good + "&scope=read" + numbered("+x", 199) + numbered("+x", 9) + "+read", want: ok},
		{name: "201 scopes", body: good + "&scope=read" + numbered("+x", 200), want: "400 invalid_scope"},
		{name: "one scope 300 times", body: good + "&scope=read" + strings.Repeat("+read", 299), want: ok},
		{name: "scope of 4 KiB", body: good + "&scope=read+" + strings.Repeat("x", 4<<10-5), want: ok},
		{name: "scope of 4 KiB and a byte", body: good + "&scope=read+" + strings.Repeat("x", 4<<10-4), want: "400 invalid_scope"},
		{name: "scope too long", body: good + "&scope=read" + strings.Repeat("+x", 4<<10), want: "400 invalid_scope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(cmp.Or(c.method, "POST"), cmp.Or(c.target, "/token"), strings.NewReader(c.body))
			r.Header.Set("Content-Type", urlencoded)
			maps.Copy(r.Header, c.header)
			newEndpoint(t).ask(t, r, c.want)
		})
	}
}

// numbered returns prefix n times, each with another number after it.
func numbered(prefix string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprint(&b, prefix, i)
	}
	return b.String()
}

// What a stranger sends costs a few times its size, the reading included.
func TestHostileRequestsAllocateLittle(t *testing.T) {
	const good = "grant_type=client_credentials"
	for _, c := range []struct {
		name, opening, unit, closing string
		status                       int
	}{
		{"JSON, names", `{`, `"N":0,`, `"x":0}`, 400},
		{"JSON, objects", `{"x":[`, `{"\n":0,"a":0},`, `0],"grant_type":"client_credentials"}`, 200},
		{"JSON, escaped names", `{"x":[`, `{"\nthis name has thirty-three bytes":0},`, `0],"grant_type":"client_credentials"}`, 200},
		{"JSON, a parameter repeated", `{`, `"scope":"",`, `"scope":""}`, 400},
		{"JSON, deep", `{"x":[`, `[`, `0`, 400},
		{"JSON, escapes in a scope", `{"grant_type":"client_credentials","scope":"`, `\u0020`, `read"}`, 400},
		{"JSON, escapes in grant_type", `{"grant_type":"`, `\n`, `"}`, 400},
		{"JSON, a long parameter", `{"grant_type":"\n`, `x`, `"}`, 400},
		{"JSON, scopes", `{"grant_type":"client_credentials","scope":"`, `N `, `read"}`, 400},
		{"JSON, no UTF-8", `{"x":"`, "\xff", `"}`, 400},
		{"JSON, resources", `{"grant_type":"client_credentials","resource":[`, `"",`, `""]}`, 400},
		{"JSON, resources that are not strings", `{"grant_type":"client_credentials","resource":[`, `0,`, `0]}`, 400},
		{"form, names", good, "&N=1", "", 400},
		{"form, escaped names", good, "&%41N=%41", "", 400},
		{"form, nothing", good, "&", "", 200},
		{"form, resources", good, "&resource", "", 400},
		{"form, escapes", good + "&x=", "%41", "", 200},
		{"form, escapes in a scope", good + "&scope=", "%20", "read", 400},
		{"form, blanks", good + "&x=", "+", "", 200},
		{"form, malformed escapes", good + "&x=", "%", "", 400},
		{"form, no UTF-8", good + "&x=", "%ff", "", 400},
		{"form, scopes", good + "&scope=", "N+", "read", 400},
		{"form, a long parameter repeated", good + "&x=+", "x", "&x=", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			b.WriteString(c.opening)
			for i := 0; b.Len() < 64<<10-128; i++ {
				b.WriteString(strings.Replace(c.unit, "N", strconv.Itoa(i), 1))
			}
			b.WriteString(c.closing)
			request := form
			if strings.HasPrefix(c.opening, "{") {
				request = func(body string) *http.Request { return post("application/json", body) }
			}
			const runs = 10
			var requests []*http.Request
			for range runs {
				requests = append(requests, request(b.String()))
			}
			e := newEndpoint(t)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for _, r := range requests {
				w := httptest.NewRecorder()
				if e.ServeHTTP(w, r); w.Code != c.status {
					t.Fatalf("got status %d: %s", w.Code, w.Body)
				}
			}
			runtime.ReadMemStats(&after)
			if got, most := int(after.TotalAlloc-before.TotalAlloc)/runs, b.Len()*4; got > most {
				t.Errorf("%d bytes allocate %d, want at most %d", b.Len(), got, most)
			}
		})
	}
}

// streamed is a form of unknown length. Its last part ends when it is closed.
func streamed(body ...io.Reader) *http.Request {
	r := httptest.NewRequest("POST", "/token", io.MultiReader(body...))
	if c, ok := body[len(body)-1].(io.Closer); ok {
		r.Body = struct {
			io.Reader
			io.Closer
		}{r.Body, c}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestStreamedBodyTooLarge(t *testing.T) {
	r := streamed(strings.NewReader("grant_type=client_credentials&x="), strings.NewReader(strings.Repeat("x", 64<<10)))
	if w, _ := newEndpoint(t).ask(t, r, "413 invalid_request"); r.ContentLength != -1 || w.Header().Get("Connection") != "close" {
		t.Error("the connection stays open for the rest of the body")
	}
}

// A stalled body ends after 10 s, or with its request.
func TestStalledBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			cancel, want time.Duration
			reason       redoxauth.Reason
		}{
			{want: 10 * time.Second, reason: "body_timeout"},
			{cancel: 3 * time.Second, want: 3 * time.Second, reason: "canceled"},
		} {
			stalled, write := io.Pipe()
			r := streamed(stalled)
			if c.cancel > 0 {
				ctx, cancel := context.WithTimeout(r.Context(), c.cancel)
				defer cancel()
				r = r.WithContext(ctx)
			}
			e, start := newEndpoint(t), time.Now()
			w, _ := e.ask(t, r, "503 temporarily_unavailable")
			if got := time.Since(start); got != c.want {
				t.Errorf("ended after %v, want %v", got, c.want)
			}
			if got := e.decision.Duration; got != c.want {
				t.Errorf("the Decision has the Duration %v, want %v", got, c.want)
			}
			if w.Header().Get("Connection") != "close" {
				t.Error("the connection stays open")
			}
			verifiertest.CheckError(t, e.decision.Err, redoxauth.ErrUnavailable, c.reason)
			write.Close()
		}
	})
}

// What stalls keeps nobody out, here or elsewhere: the bodies that stall are given up.
func TestStalledBodiesKeepNobodyOut(t *testing.T) {
	const peers, room = 600, 512 // half of 64 MiB is for bodies that arrive
	const says = "; a token endpoint takes at most 67108864 bytes of bodies at once, half of it for those that still arrive (fixed), or less if the Options of a wrapper in front say so"
	givenUp := make(chan struct{}, 2*peers)
	endpoint, err := tokenendpoint.New(config(func(c *tokenendpoint.Config) {
		c.Observe = func(_ *http.Request, d redoxauth.Decision) {
			if e := (*redoxauth.Error)(nil); errors.As(d.Err, &e) && e.Reason == "busy" {
				if !strings.HasSuffix(e.Error(), says) {
					t.Errorf("got %v, want %s", e, says)
				}
				givenUp <- struct{}{}
			}
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(endpoint)
	defer server.Close()
	head := "POST /token HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 65536\r\n\r\n"
	for range peers {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, head+strings.Repeat("x", 65535))
	}
	for range 50 {
		resp, err := http.Post(server.URL, "application/x-www-form-urlencoded", strings.NewReader("grant_type=client_credentials"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("status %d", resp.StatusCode)
		}
	}
	for n := range peers - room { // some handlers may be late
		select {
		case <-givenUp:
		case <-time.After(20 * time.Second): // a hang is a failure, not a hung test
			t.Fatalf("%d of %d bodies that stall were given up, want at least %d: the others do not fit into the budget", n, peers, peers-room)
		}
	}
}

// A request whose parameters are read holds no body any more: it may wait for a key server
// that hangs.
func TestRequestsThatWaitKeepNobodyOut(t *testing.T) {
	const peers = 520 // the budget has room for 512
	waiting, hang, refused := make(chan struct{}), make(chan struct{}), make(chan error, peers)
	endpoint, err := tokenendpoint.New(config(func(c *tokenendpoint.Config) {
		prove := c.Prove
		c.Prove = func(ctx context.Context, q *tokenendpoint.Request) (*tokenendpoint.Proof, error) {
			if q.Get("client_id") == "waits" {
				waiting <- struct{}{}
				<-hang
			}
			return prove(ctx, q)
		}
		c.Observe = func(_ *http.Request, d redoxauth.Decision) {
			if d.Err != nil {
				refused <- d.Err
			}
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(endpoint)
	defer server.Close()
	defer close(hang)
	body := "grant_type=client_credentials&client_id=waits&x="
	body += strings.Repeat("x", 65536-len(body))
	for i := range peers {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /token HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 65536\r\n\r\n%s", body)
		select {
		case <-waiting:
		case err := <-refused:
			t.Fatalf("while %d others wait: %v", i, err)
		}
	}
	resp, err := http.Post(server.URL, "application/x-www-form-urlencoded", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// Also behind a Middleware, whose limits are larger, a body has at most 64 KiB.
func TestEndpointBehindMiddleware(t *testing.T) {
	accepts := redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) { return &redoxauth.Identity{}, nil })
	h := redoxauth.Middleware(accepts, nil)(newEndpoint(t))
	ask(t, h, form("grant_type=client_credentials"), "200")
	ask(t, h, form("x="+strings.Repeat("x", 64<<10)), "413 invalid_request")
	ask(t, h, streamed(strings.NewReader("x="+strings.Repeat("x", 64<<10))), "413 invalid_request")
}

// net/http sends no answer before it has read a body that is not large, unless the
// connection is closed after it.
func TestRefusalDoesNotWaitForTheBody(t *testing.T) {
	server := httptest.NewServer(newEndpoint(t))
	defer server.Close()
	const urlencoded = "Content-Type: application/x-www-form-urlencoded\r\n"
	for _, c := range []struct {
		name, method, target, header string
		want                         int
	}{
		{"method", "PUT", "/", urlencoded, 405},
		{"media type", "POST", "/", "Content-Type: text/plain\r\n", 415},
		{"two Authorization headers", "POST", "/", urlencoded + "Authorization: a\r\nAuthorization: b\r\n", 400},
		{"query", "POST", "/?client_secret=x", urlencoded, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetReadDeadline(time.Now().Add(20 * time.Second)) // a hang is a failure, not a hung test
			fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n%s\r\nx=", c.method, c.target, c.header)
			w, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || w.StatusCode != c.want || !w.Close {
				t.Errorf("got %v, %v, want %d and the connection closed", w, err, c.want)
			}
		})
	}
}
