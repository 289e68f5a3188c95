package chi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// chi routes by the received path, also by the path "" of an opaque target. A signature for
// one route must not run the handler of another.
func TestSignedPathIsTheRoute(t *testing.T) {
	sig, err := sigv4.New(sigv4.Config{Credentials: []sigv4.Credential{{AccessKeyID: "REDOX1", SecretAccessKey: "a-long-random-secret"}},
		Region: "us-east-1", Service: "redox"})
	if err != nil {
		t.Fatal(err)
	}
	router := chi.NewRouter()
	router.Use(sig.Wrap)
	for _, pattern := range []string{"/", "/prod/*", "/test/*"} {
		router.Post(pattern, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, pattern) })
	}
	server := httptest.NewServer(router)
	defer server.Close()
	for _, test := range []struct{ target, want string }{
		{"/test/redox", "200 /test/*"},
		{server.URL + "/test/redox", "200 /test/*"},
		{"x:y://h/test/redox", "400 Bad Request\n"},
		{"x:" + server.URL + "/test/redox", "400 Bad Request\n"},
		{"/prod/../test/redox", "400 Bad Request\n"},
		{"/prod/%2e%2E/test/redox", "400 Bad Request\n"},
		{"/prod/redox", "401 Unauthorized\n"},
	} {
		signed, err := http.NewRequest(http.MethodPost, server.URL+"/test/redox", nil)
		if err != nil {
			t.Fatal(err)
		}
		redox := redoxtest.SigV4{AccessKey: "REDOX1", SecretKey: "a-long-random-secret", AWSRegion: "us-east-1", ServiceName: "redox"}
		if err := redox.Sign(signed); err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\n", test.target, signed.URL.Host)
		signed.Header.Write(conn)
		io.WriteString(conn, "Content-Length: 0\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if got := fmt.Sprintf("%d %s", resp.StatusCode, body); err != nil || got != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.target, got, err, test.want)
		}
	}
}
