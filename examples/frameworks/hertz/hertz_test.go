package hertz_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/hlog"

	redoxhertz "github.com/redoxauth/redoxauth-go/examples/frameworks/hertz"
	"github.com/redoxauth/redoxauth-go/examples/frameworks/internal/trial"
	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

func init() { hlog.SetLevel(hlog.LevelFatal) } // once: servers of other tests log

// listen serves receive on loopback until the test ends.
func listen(t *testing.T, receive app.HandlerFunc, paths ...string) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := server.New(
		server.WithListener(l),
		server.WithMaxRequestBodySize(redoxauth.DefaultMaxBodyBytes),
		server.WithDisablePreParseMultipartForm(true),
		server.WithReadTimeout(10*time.Second),
	)
	for _, path := range paths {
		h.Any(path, receive)
	}
	done := make(chan error)
	go func() { done <- h.Run() }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		h.Close() // an error if the connection of a client is still open
		<-done
	})
	return l.Addr().String()
}

func TestProtect(t *testing.T) {
	trial.RunAll(t, func(t *testing.T, token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options) string {
		protect := func(next http.Handler) http.Handler {
			return token.Handshake(redoxauth.Middleware(v, opts)(verifytoken.Challenge(next)))
		}
		return "http://" + listen(t, redoxhertz.Protect(protect, func(ctx context.Context, c *app.RequestContext) {
			c.Header("Strategy", trial.Strategy(ctx))
			c.Write(c.Request.Body())
		}), "/redox", "/redox/*below")
	})
}

// Reading takes nothing away in Hertz.
func TestFormReadInFrontOfProtect(t *testing.T) {
	trial.ReadInFront(t, func(v redoxauth.Verifier) string {
		receive := redoxhertz.Protect(redoxauth.Middleware(v, nil), func(ctx context.Context, c *app.RequestContext) {
			c.Header("Strategy", trial.Strategy(ctx))
			c.Write(c.Request.Body())
		})
		return "http://" + listen(t, func(ctx context.Context, c *app.RequestContext) {
			c.FormValue("a")
			receive(ctx, c)
		}, "/redox")
	}, http.StatusOK)
}

// Hertz routes by a path that it has decoded, cleaned, and taken out of an absolute target (RFC
// 9112, Section 3.2.2), which Protect refuses. A signature for one route must not run the handler of another.
func TestSignedPathIsTheRoute(t *testing.T) {
	sig, err := sigv4.New(sigv4.Config{Credentials: []sigv4.Credential{{AccessKeyID: "REDOX1", SecretAccessKey: "a-long-random-secret"}},
		Region: "us-east-1", Service: "redox"})
	if err != nil {
		t.Fatal(err)
	}
	receive := redoxhertz.Protect(sig.Wrap, func(_ context.Context, c *app.RequestContext) { c.WriteString(c.FullPath()) })
	address := listen(t, receive, "/", "/prod/*below", "/test/*below")
	for _, test := range []struct{ target, want string }{
		{"/test/redox", "200 /test/*below"},
		{"//test/redox", "200 /test/*below"}, // the same path for SigV4
		{"http://" + address + "/test/redox", "400 Bad Request\n"},
		{"http://prod/test/redox", "400 Bad Request\n"},
		{"http://test/prod/redox", "400 Bad Request\n"},
		{"test://prod/redox", "404 Not Found"},
		{"x:y://h/test/redox", "400 missing required Host header"},
		{"//prod/test/redox", "401 Unauthorized\n"},
		{"/prod/../test/redox", "400 Bad Request\n"},
		{"/prod/%2e%2E/test/redox", "400 Bad Request\n"},
		{"/prod/redox", "401 Unauthorized\n"},
	} {
		signed, err := http.NewRequest(http.MethodPost, "http://"+address+"/test/redox", nil)
		if err != nil {
			t.Fatal(err)
		}
		redox := redoxtest.SigV4{AccessKey: "REDOX1", SecretKey: "a-long-random-secret", AWSRegion: "us-east-1", ServiceName: "redox"}
		if err := redox.Sign(signed); err != nil {
			t.Fatal(err)
		}
		signed.Header.Set("Content-Length", "0")
		if got := send(t, address, address, test.target, signed.Header); got != test.want {
			t.Errorf("%s: got %q, want %q", test.target, got, test.want)
		}
	}
}

// Hertz itself answers a body that is too large.
func TestBodyTooLarge(t *testing.T) {
	address := listen(t, func(context.Context, *app.RequestContext) { t.Error("reached the handler") }, "/redox")
	got := send(t, address, address, "/redox", http.Header{"Content-Length": {fmt.Sprint(40<<20 + 1)}})
	if !strings.HasPrefix(got, "413 ") {
		t.Errorf("got %q, want 413", got)
	}
}

// Hertz's adaptor answers 500 to a URL that net/url cannot parse, and quotes it.
func TestUnparsableRequestsAreRefused(t *testing.T) {
	accept := redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) { return &redoxauth.Identity{}, nil })
	receive := redoxhertz.Protect(redoxauth.Middleware(accept, nil), func(_ context.Context, c *app.RequestContext) { c.WriteString("reached") })
	address := listen(t, receive, "/redox")
	for _, test := range []struct{ host, target, want string }{
		{"destination", "/redox", "200 reached"},
		{"[::1]:80", "/redox?a", "200 reached"},
		{"[::1", "/redox", "400 Bad Request\n"},
		{"a b", "/redox", "400 Bad Request\n"},
		{"a:b", "/redox", "400 Bad Request\n"},
	} {
		got := send(t, address, test.host, test.target, http.Header{"Content-Length": {"0"}})
		if got != test.want {
			t.Errorf("%s, %q: got %q, want %q", test.host, test.target, got, test.want)
		}
	}
}

// send sends a request that the client of net/http would not send.
func send(t *testing.T, address, host, target string, header http.Header) (answer string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\n", target, host)
	header.Write(conn)
	io.WriteString(conn, "\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", res.StatusCode, body)
}

// Hertz reuses the memory of a request after its handler has returned. The request of the
// Verifier must stay valid, because Observe may log later and caches keep strings.
func TestRequestOutlivesTheHandler(t *testing.T) {
	seen := make(chan *http.Request, 2)
	v := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		seen <- r
		return &redoxauth.Identity{}, nil
	})
	address := listen(t, redoxhertz.Protect(redoxauth.Middleware(v, nil), func(context.Context, *app.RequestContext) {}), "/redox/*below")
	for i, text := range trial.SendTwo(t, "http://"+address+"/redox/") {
		r, target := <-seen, "/redox/"+text+"?"+text
		if r.Host != text || r.URL.RequestURI() != target || r.RequestURI != target || r.Header.Get("X-Note") != text {
			t.Errorf("request %d became %s %s %s, X-Note %s", i, r.Host, r.URL, r.RequestURI, r.Header.Get("X-Note"))
		}
	}
}

// A destination in Hertz, with the settings that the package comment explains.
func ExampleProtect() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	protect := func(next http.Handler) http.Handler { return token.Handshake(token.Wrap(next)) }
	receive := func(ctx context.Context, c *app.RequestContext) {
		id, _ := redoxauth.FromContext(ctx)
		fmt.Println("a message from Redox, proven by", id.Strategy)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	h := server.New(
		server.WithListener(l),
		server.WithMaxRequestBodySize(redoxauth.DefaultMaxBodyBytes),
		server.WithDisablePreParseMultipartForm(true),
		server.WithReadTimeout(10*time.Second),
	)
	h.Any("/redox", redoxhertz.Protect(protect, receive))
	go h.Run()
	defer h.Close()

	// Redox sends a handshake of each form, a message, and a message with another token.
	trial.Show("http://" + l.Addr().String() + "/redox")
	// Output:
	// POST handshake, error: <nil>
	// GET handshake, error: <nil>
	// a message from Redox, proven by verifytoken
	// 200 OK
	// 401 Unauthorized
}
