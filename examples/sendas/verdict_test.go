package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

const (
	logged = "the log of the destination has the reason"
	paused = "Redox would pause the feed"
)

// Each status says what it means for a feed, and for a handshake. Where no Verifier has decided,
// there is no reason in a log.
func TestVerdictOfAStatus(t *testing.T) {
	for status, want := range map[int]string{
		307: "use the URL that the destination has itself",
		400: "cannot read", 401: "does not accept the proof", 403: "a scope is missing",
		404: "compare the URL with the paths", 405: "the path or the method is not registered",
		413: "larger", 429: "refused the request", 500: "a fault", 502: "a fault", 503: "examples/inspect answers every message so",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/redox/")
			w.WriteHeader(status)
		}))
		for args, consequence := range map[string]string{
			"-strategy verifytoken": paused,
			"-strategy handshake":   `"Verify & Save" would fail`,
			"-strategy sigv4 -challenge -secret s -access-key AK -region r -service s": `"Verify & Save" would fail`,
		} {
			if status < 400 && consequence == paused {
				consequence = "Redox does not document"
			}
			if !strings.Contains(args, "sigv4") {
				args += " -token t"
			}
			err := run(strings.Fields(args+" -url "+server.URL), &bytes.Buffer{})
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), consequence) {
				t.Errorf("%d to %s: got %v, want %q and %q", status, args, err, want, consequence)
				continue
			}
			if has := strings.Contains(err.Error(), logged); has != (status >= 400 && status != 404 && status != 405) {
				t.Errorf("%d to %s: got %v", status, args, err)
			}
		}
		server.Close()
	}
}

func TestNoAnswer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	for args, want := range map[string]string{
		"-strategy verifytoken -token t -url " + server.URL:                                                  "expect the same as on 503: " + paused,
		"-strategy handshake -token t -url " + server.URL:                                                    `"Verify & Save" would fail`,
		"-strategy clientcredentials -client-id c -secret s -url http://localhost/ -token-url " + server.URL: "of -token-url",
	} {
		err := run(strings.Fields(args), &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), "there is no answer: look at the network, the address") ||
			!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "the log of") {
			t.Errorf("%s: got %v, want %q", args, err, want)
		}
	}
}

// A handler that answers 200 has taken the handshake for a message.
func TestHandshakeTakenForAMessage(t *testing.T) {
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	token := must(verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}}))
	signature := must(sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "AK", SecretAccessKey: "theSecret"}}, Region: "r", Service: "s",
	}))
	const signed = "-challenge -strategy sigv4 -access-key AK -region r -service s -secret theSecret"
	for _, tt := range []struct {
		name    string
		handler http.Handler
		args    string
		want    string // empty: answered
	}{
		{"without Challenge", signature.Wrap(handler), signed, "put verifytoken.Challenge innermost"},
		{"Challenge outside", verifytoken.Challenge(signature.Wrap(handler)), signed, "put verifytoken.Challenge innermost"},
		{"Challenge innermost", signature.Wrap(verifytoken.Challenge(handler)), signed, ""},
		{"without Handshake", handler, "-strategy handshake -token theToken", "put the Handshake of verifytoken outermost"},
		{"Handshake outermost", token.Handshake(token.Wrap(handler)), "-strategy handshake -token theToken", ""},
	} {
		server := httptest.NewServer(tt.handler)
		err := run(strings.Fields(tt.args+" -url "+server.URL), &bytes.Buffer{})
		server.Close()
		if tt.want == "" && err == nil {
			continue
		}
		if tt.want == "" || err == nil || !strings.Contains(err.Error(), "the handler took it for a message: "+tt.want) || strings.Contains(err.Error(), logged) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// A token endpoint that refuses has a reason in its log. One that does not exist has none.
func TestNoToken(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/refuses", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	})
	mux.HandleFunc("GET /get", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/redox", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/page", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/moved", http.RedirectHandler("/token", http.StatusTemporaryRedirect))
	server := httptest.NewServer(mux)
	defer server.Close()
	for args, want := range map[string]string{
		"/refuses": "the log of the token endpoint has the reason",
		"/none":    "compare -token-url with the path of the token endpoint",
		"/get":     "compare -token-url with the path of the token endpoint",
		"/page":    "compare -token-url with the path of the token endpoint",
		"/moved":   "compare -token-url with the path of the token endpoint",
		"/redox":   "compare -token-url with the path of the token endpoint",

		"/page -challenge":    "compare -token-url with the path of the token endpoint",
		"/refuses -challenge": "the log of the token endpoint has the reason",
	} {
		err := run(strings.Fields("-strategy clientcredentials -client-id c -secret s -url "+server.URL+"/redox -token-url "+server.URL+args), &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "the log of") != strings.HasPrefix(args, "/refuses") ||
			!strings.Contains(err.Error(), "Redox could not send anything without a token") {
			t.Errorf("%s: got %v, want %q", args, err, want)
		}
	}
}

// An error from before the first request says itself what is wrong.
func TestNothingWasSent(t *testing.T) {
	err := errors.New("redoxtest: WIF: Audience: required")
	if got := failure(err, "https://redox.example/", &printer{}, pause); got != err {
		t.Errorf("got %v, want %v", got, err)
	}
}
