package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// environmentOf takes assignments with spaces between them.
func environmentOf(assignments string) environment {
	return newEnvironment(strings.Fields(assignments))
}

const (
	tokenEnvironment = "REDOX_TOKENS=theToken "
	sigv4Environment = "SIGV4_ACCESS_KEY=AK SIGV4_SECRET_KEY=theKey SIGV4_REGION=us-east-1 SIGV4_SERVICE=redox "
)

// forwarding returns a destination in front of the handler, and its forwarder.
func forwarding(t *testing.T, env string, behind http.HandlerFunc) (*httptest.Server, *forwarder) {
	t.Helper()
	upstream := httptest.NewServer(behind)
	t.Cleanup(upstream.Close)
	f, err := newForwarder(upstream.URL+"/base/", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	d := &destination{environment: environmentOf(env), log: slog.New(slog.DiscardHandler), accepted: f}
	handler, err := d.handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, f
}

func post(t *testing.T, server *httptest.Server, path, body string, header http.Header) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Verification-Token", "theToken")
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

// received is what the server behind got.
type received struct {
	target, body string
	header       http.Header
	trailer      http.Header
}

func recorder(got *received) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		*got = received{r.RequestURI, string(body), r.Header, r.Trailer}
		w.Header().Set("X-Answer", "kept")
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "stored")
	}
}

func TestForwardedMessageNamesItsSender(t *testing.T) {
	var got received
	server, _ := forwarding(t, tokenEnvironment+sigv4Environment, recorder(&got))
	http.DefaultTransport.(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	defer func() { http.DefaultTransport.(*http.Transport).TLSClientConfig = nil }()
	sender := redoxtest.Both(redoxtest.VerificationToken{Token: "theToken"},
		redoxtest.SigV4{AccessKey: "AK", SecretKey: "theKey", AWSRegion: "us-east-1", ServiceName: "redox"})
	message := redoxtest.PatientAdmin()
	response, err := sender.Send(t.Context(), server.URL+"/redox/sigv4/a%2Fb?x=%2F&y=1", message)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusAccepted || string(answer) != "stored" || response.Header.Get("X-Answer") != "kept" {
		t.Errorf("got %s %q, want the answer of the server behind", response.Status, answer)
	}
	if got.body != string(message) || got.target != "/base/redox/sigv4/a%2Fb?x=%2F&y=1" {
		t.Errorf("the server behind got %s and %d bytes", got.target, len(got.body))
	}
	want := http.Header{
		"Redox-Auth-Strategy": {"sigv4"}, "Redox-Auth-Subject": {"AK"}, "Redox-Auth-Key-Id": {"0"},
		"Content-Type": {"application/json"},
	}
	if _, err := time.Parse(time.RFC3339, got.header.Get("Redox-Auth-Expiry")); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"Accept-Encoding", "Application-Name", "Content-Length", "Redox-Auth-Expiry", "User-Agent"} {
		delete(got.header, name)
	}
	if diff := cmp.Diff(want, got.header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// RFC 3875, Section 4.1.18, and PEP 3333 make HTTP_REDOX_AUTH_SUBJECT of all of these.
var spoofed = http.Header{
	"Redox-Auth-Subject": {"evil", "evil"}, "redox-auth-Subject": {"evil"}, "REDOX-AUTH-KEY-ID": {"evil"},
	"Redox_Auth_Subject": {"evil"}, "Redox-Auth_Subject": {"evil"}, "REDOX_AUTH-SUBJECT": {"evil"}, "Redox.Auth.Subject": {"evil"},
	"Redox-Auth-Anything": {"evil"}, "Redox_auth_scopes": {"evil"},
	"Authorization": {"Bearer evil"}, "Proxy-Authorization": {"evil"}, "Cookie": {"evil"}, "Proxy": {"evil"},
	"X-Amz-Date": {"evil"}, "X-Amz-Security-Token": {"evil"}, "Verification_token": {"evil"},
	"X-Forwarded-For": {"evil"}, "X-Forwarded-Client-Cert": {"evil"}, "Forwarded": {"evil"}, "X-Real-Ip": {"evil"},
	"X-Original-Url": {"evil"}, "X-Rewrite-Url": {"evil"}, "X-Http-Method-Override": {"evil"}, "X_forwarded_for": {"evil"},
}

func checkHostile(t *testing.T, got received) {
	t.Helper()
	for _, header := range []http.Header{got.header, got.trailer} {
		for name, values := range header {
			if all := strings.Join(values, ","); strings.Contains(all, "evil") || strings.Contains(all, "theToken") {
				t.Errorf("the server behind got %s: %s", name, all)
			}
		}
	}
	if len(got.trailer) > 0 {
		t.Errorf("the server behind got the trailers %v", got.trailer)
	}
	if diff := cmp.Diff([]string{"verifytoken"}, got.header.Values("Redox-Auth-Strategy")); diff != "" {
		t.Errorf("Redox-Auth-Strategy (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, got.header.Values("X-Kept")); diff != "" {
		t.Errorf("X-Kept (-want +got):\n%s", diff)
	}
	if got.header.Get("Upgrade") != "" || got.header.Get("Connection") != "" {
		t.Errorf("the server behind was asked to upgrade: %v", got.header)
	}
	if want := "/base/redox/verifytoken?a=1&b=%2F+"; got.target != want || got.body != "message" {
		t.Errorf("the server behind got %s %q, want %s", got.target, got.body, want)
	}
}

const hostileQuery = "?a=1&verification-token=evil&Access_Token=evil&%61ccess_token=evil&X-Amz-Signature=evil&b=%2F+"

func TestPeerCannotNameItself(t *testing.T) {
	var got received
	server, _ := forwarding(t, tokenEnvironment, recorder(&got))

	t.Run("HTTP/2", func(t *testing.T) {
		got = received{}
		header := spoofed.Clone()
		header["X-Kept"] = []string{"a", "b"}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/redox/verifytoken"+hostileQuery, io.MultiReader(strings.NewReader("message")))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		r.Header["Verification-Token"] = []string{"theToken"}
		r.Trailer = http.Header{"Redox-Auth-Subject": {"evil"}, "Redox_auth_subject": {"evil"}}
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusAccepted || response.ProtoMajor != 2 {
			t.Fatalf("got %s %s", response.Proto, response.Status)
		}
		checkHostile(t, got)
	})

	t.Run("HTTP/1", func(t *testing.T) {
		got = received{}
		var request strings.Builder
		request.WriteString("POST /redox/verifytoken" + hostileQuery + " HTTP/1.1\r\nHost: x\r\nverification-token: theToken\r\n")
		for name, values := range spoofed {
			for _, value := range values {
				request.WriteString(name + ": " + value + "\r\n")
			}
		}
		// A proxy that adds its headers before it removes what Connection names loses them.
		request.WriteString("Connection: Redox-Auth-Strategy, Upgrade\r\nUpgrade: websocket\r\nTE: trailers\r\n" +
			"X-Kept: a\r\nX-Kept: b\r\nTransfer-Encoding: chunked\r\nTrailer: Redox-Auth-Subject, Redox_Auth_Subject\r\n\r\n" +
			"7\r\nmessage\r\n0\r\nRedox-Auth-Subject: evil\r\nRedox_Auth_Subject: evil\r\nRedox-Auth-Issuer: evil\r\n\r\n")
		plain := httptest.NewServer(server.Config.Handler)
		defer plain.Close()
		status := speak(t, plain, request.String())
		if status != http.StatusAccepted {
			t.Fatalf("got %d", status)
		}
		checkHostile(t, got)
	})
}

// speak sends bytes and returns the status of the answer.
func speak(t *testing.T, server *httptest.Server, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func TestRefusedRequestsAndHandshakesAreNotForwarded(t *testing.T) {
	var messages atomic.Int32
	server, _ := forwarding(t, tokenEnvironment+sigv4Environment, func(http.ResponseWriter, *http.Request) { messages.Add(1) })
	for name, x := range map[string]struct {
		path, body, token string
		want              int
	}{
		"wrong token":            {"/redox/verifytoken", "{}", "guessed", 401},
		"no signature":           {"/redox/sigv4", "{}", "theToken", 401},
		"handshake":              {"/redox/verifytoken", `{"challenge":"c","verification-token":"theToken"}`, "theToken", 200},
		"handshake, wrong token": {"/redox/verifytoken", `{"challenge":"c","verification-token":"guessed"}`, "guessed", 401},
	} {
		if got := post(t, server, x.path, x.body, http.Header{"Verification-Token": {x.token}}).StatusCode; got != x.want {
			t.Errorf("%s: got %d, want %d", name, got, x.want)
		}
	}
	if n := messages.Load(); n != 0 {
		t.Errorf("%d were forwarded", n)
	}
	if got := post(t, server, "/redox/verifytoken", "{}", nil).StatusCode; got != 200 || messages.Load() != 1 {
		t.Errorf("a message: got %d, and %d were forwarded", got, messages.Load())
	}
}

// Redox pauses the feed from 400 on, and does not document what it does with a redirect:
// https://developer.redoxengine.com/redox-json-api/processing-requests/
func TestAnswersOfTheServerBehind(t *testing.T) {
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(status)
		}
	}
	for name, x := range map[string]struct {
		behind http.HandlerFunc
		want   int
	}{
		"200":                    {answer(200), 200},
		"204":                    {answer(204), 204},
		"400":                    {answer(400), 400},
		"401":                    {answer(401), 401},
		"404":                    {answer(404), 404},
		"500":                    {answer(500), 500},
		"301":                    {answer(301), 503},
		"302":                    {answer(302), 503},
		"307":                    {answer(307), 503},
		"304":                    {answer(304), 503},
		"it ends the connection": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 503},
		"it switches protocols": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
				conn.Close()
			}
		}, 503},
		"no HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				io.WriteString(conn, "SSH-2.0-OpenSSH\r\n")
				conn.Close()
			}
		}, 503},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := forwarding(t, tokenEnvironment, x.behind)
			response := post(t, server, "/redox/verifytoken", "{}", nil)
			if response.StatusCode != x.want || x.want == 503 && (response.Header.Get("Retry-After") == "" || response.Header.Get("Location") != "") {
				t.Errorf("got %s with %v, want %d", response.Status, response.Header, x.want)
			}
		})
	}
}

func TestServerBehindIsDownOrSlow(t *testing.T) {
	end := make(chan struct{})
	server, f := forwarding(t, tokenEnvironment, func(_ http.ResponseWriter, r *http.Request) { <-end })
	defer close(end)
	f.proxy.Transport.(*http.Transport).ResponseHeaderTimeout = 10 * time.Millisecond
	if response := post(t, server, "/redox/verifytoken", "{}", nil); response.StatusCode != 503 || response.Header.Get("Retry-After") == "" {
		t.Errorf("slow: got %s with %v", response.Status, response.Header)
	}
	f.proxy.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("connection refused")
	}
	f.proxy.Transport.(*http.Transport).CloseIdleConnections()
	if response := post(t, server, "/redox/verifytoken", "{}", nil); response.StatusCode != 503 || response.Header.Get("Retry-After") == "" {
		t.Errorf("down: got %s with %v", response.Status, response.Header)
	}
}

func TestPeerHangsUp(t *testing.T) {
	for name, size := range map[string]string{"in the message": "9000", "while it waits for the answer": "8000"} {
		t.Run(name, func(t *testing.T) {
			arrived, ended := make(chan struct{}), make(chan error, 1)
			server, _ := forwarding(t, tokenEnvironment, func(_ http.ResponseWriter, r *http.Request) {
				io.ReadFull(r.Body, make([]byte, 1000))
				close(arrived)
				if _, err := io.Copy(io.Discard, r.Body); err != nil {
					ended <- err
					return
				}
				<-r.Context().Done()
				ended <- r.Context().Err()
			})
			plain := httptest.NewServer(server.Config.Handler)
			defer plain.Close()
			conn, err := net.Dial("tcp", plain.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(conn, "POST /redox/verifytoken HTTP/1.1\r\nHost: x\r\nVerification-Token: theToken\r\nContent-Length: "+size+"\r\n\r\n"+strings.Repeat("x", 8000))
			<-arrived
			conn.Close()
			if err := <-ended; err == nil {
				t.Error("the server behind took the message for complete, or still works on it")
			}
		})
	}
}

func TestMessageAboveTheLimitIsNotDelivered(t *testing.T) {
	var complete atomic.Bool
	server, _ := forwarding(t, tokenEnvironment+"MAX_BODY_BYTES=10000", func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			complete.Store(true)
		}
	})
	send := func(size int) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/redox/verifytoken", io.MultiReader(strings.NewReader(strings.Repeat("x", size))))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Verification-Token", "theToken")
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	if status := send(10001); status != 413 || complete.Load() {
		t.Errorf("10001 bytes: got %d, delivered %v", status, complete.Load())
	}
	if status := send(10000); status != 200 || !complete.Load() {
		t.Errorf("10000 bytes: got %d, delivered %v", status, complete.Load())
	}
}

func TestMessagesAreStreamed(t *testing.T) {
	const size = 40 << 20
	var bytesBehind atomic.Int64
	server, _ := forwarding(t, tokenEnvironment+sigv4Environment, func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		bytesBehind.Store(n)
	})
	plain := httptest.NewServer(server.Config.Handler)
	defer plain.Close()
	message := bytes.Repeat([]byte("x"), size)
	for _, x := range []struct {
		path   string
		most   uint64 // bytes allocated
		sender redoxtest.Signer
	}{
		{"/redox/verifytoken", 8 << 20, redoxtest.VerificationToken{Token: "theToken"}},
		// The signature needs the whole body first.
		{"/redox/sigv4", size + 16<<20, redoxtest.SigV4{AccessKey: "AK", SecretKey: "theKey", AWSRegion: "us-east-1", ServiceName: "redox"}},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, plain.URL+x.path, bytes.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		if err := x.sender.Sign(r); err != nil {
			t.Fatal(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(message))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		response, err := plain.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		runtime.ReadMemStats(&after)
		if response.StatusCode != 200 || bytesBehind.Load() != size {
			t.Errorf("%s: %s, and the server behind got %d bytes", x.path, response.Status, bytesBehind.Load())
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > x.most {
			t.Errorf("%s: %d MiB were allocated, want at most %d", x.path, allocated>>20, x.most>>20)
		}
	}
}

func TestForwardURLIsChecked(t *testing.T) {
	for target, ok := range map[string]bool{
		"http://localhost:9000": true, "https://intern.example/base": true,
		"localhost:9000": false, "": false, "http://": false, "http://u:p@localhost": false, "http://localhost/?a=b": false, "ftp://localhost": false,
	} {
		if _, err := newForwarder(target, slog.New(slog.DiscardHandler)); (err == nil) != ok {
			t.Errorf("%q: got %v", target, err)
		}
	}
}

func TestIdentityIsPercentEncoded(t *testing.T) {
	id := &redoxauth.Identity{
		Strategy: "jwtbearer", Subject: "a b/é%\r\nX: y", Issuer: "https://redox.example/?a=b", KeyID: "k+1",
		Scopes: []string{"system/*.rs", "b"}, Expiry: time.Date(2026, 11, 29, 7, 0, 0, 0, time.FixedZone("", 3600)),
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	rewrite(r.WithContext(redoxauth.NewContext(r.Context(), id)))
	decoded := map[string]string{}
	for name, values := range r.Header {
		if strings.ContainsFunc(values[0], func(c rune) bool { return c <= ' ' || c > '~' }) {
			t.Errorf("%s: %q is not encoded", name, values[0])
		}
		var err error
		if decoded[name], err = url.PathUnescape(values[0]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	want := map[string]string{
		"Redox-Auth-Strategy": id.Strategy, "Redox-Auth-Subject": id.Subject, "Redox-Auth-Issuer": id.Issuer,
		"Redox-Auth-Key-Id": id.KeyID, "Redox-Auth-Scopes": "system/*.rs b", "Redox-Auth-Expiry": "2026-11-29T06:00:00Z",
	}
	if diff := cmp.Diff(want, decoded); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
