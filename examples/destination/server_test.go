package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A logbook is a log that tells when a line was written.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	select {
	case l.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wait returns what the group of the pattern matches.
func (l *logbook) wait(t *testing.T, ended <-chan error, pattern string) string {
	t.Helper()
	for {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(l.String()); found != nil {
			return found[1]
		}
		select {
		case <-l.more:
		case err := <-ended:
			t.Fatalf("the server ended: %v\n%s", err, l)
		}
	}
}

// start returns the address of a server. end ends its drain time.
func start(t *testing.T, env environment, forward string) (address string, log *logbook, stop, drained func(), ended chan error, out *bytes.Buffer) {
	t.Helper()
	log, out, ended = &logbook{more: make(chan struct{}, 1)}, &bytes.Buffer{}, make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	drain := make(chan struct{})
	s := &server{address: "127.0.0.1:0", forward: forward, env: env, out: out, log: slog.New(slog.NewTextHandler(log, nil)), drain: func() { <-drain }}
	go func() { ended <- s.serve(ctx) }()
	return log.wait(t, ended, `msg=listening address=(\S+)`), log, cancel, func() { close(drain) }, ended, out
}

// A message that is in progress when the server stops is accepted.
func TestShutdown(t *testing.T) {
	address, log, stop, drained, ended, _ := start(t, environmentOf(tokenEnvironment), "")
	health := func() int {
		response, err := http.Get("http://" + address + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	if got := health(); got != 200 {
		t.Errorf("/healthz: got %d", got)
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /redox/verifytoken HTTP/1.1\r\nHost: x\r\nVerification-Token: theToken\r\nContent-Length: 10000\r\n\r\n%s", strings.Repeat("x", 9000))
	log.wait(t, ended, `(redox request accepted)`)
	stop()
	log.wait(t, ended, `msg=(stopping)`)
	if got := health(); got != 503 {
		t.Errorf("/healthz while stopping: got %d, want 503", got)
	}
	drained()
	io.WriteString(conn, strings.Repeat("x", 1000))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != 200 {
		t.Errorf("the message in progress: got %v, error %v", response, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

// What a user enters in the dashboard is printed, and no secret.
func TestStart(t *testing.T) {
	env := environment{
		"REDOX_TOKENS": "s3cretToken", "PUBLIC_URL": "https://redox.example/", "TOKEN_SECRETS": "s3cret" + strings.Repeat("x", 32),
		"SIGV4_ACCESS_KEY": "AK", "SIGV4_SECRET_KEY": "s3cretNew s3cretOld", "SIGV4_REGION": "us-east-1", "SIGV4_SERVICE": "redox",
		"OAUTH_CLIENT_ID": "redox", "OAUTH_CLIENT_SECRETS": "s3cret", "OAUTH_SCOPES": "a b",
		"WIF_SERVICE_ACCOUNTS": "112233445566778899001", "WIF_ACCESS_TOKENS": "true",
	}
	_, log, stop, drained, ended, out := start(t, env, "http://localhost:9")
	stop()
	drained()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		`/redox/verifytoken: verification token\n +URL of the destination +https://redox.example/redox/verifytoken\n +verification token +what is in REDOX_TOKENS \(not shown\)\n`,
		`/redox/sigv4: AWS Signature Version 4\n`,
		`accessKey +AK\n`,
		`secretKey +one of the secrets in SIGV4_SECRET_KEY \(not shown\): the new one\n`,
		`sessionToken +leave it empty, or as it is: SIGV4_SESSION_TOKEN is not set\n`,
		`awsRegion +us-east-1\n`,
		`serviceName +redox\n`,
		`clientId +redox\n`,
		`scopes +a b\n`,
		`url +https://redox.example/token/clientcredentials\n`,
		`audience, resource +https://redox.example/redox/clientcredentials \(or empty\)\n`,
		`service account in service_account_impersonation_url +112233445566778899001\n`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if all := out.String() + log.String(); strings.Contains(all, "s3cret") {
		t.Errorf("a secret is shown:\n%s", all)
	}
}

func TestServerForwards(t *testing.T) {
	var got received
	upstream := http.Server{Handler: recorder(&got)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go upstream.Serve(l)
	defer upstream.Close()
	address, _, stop, drained, ended, _ := start(t, environmentOf(tokenEnvironment), "http://"+l.Addr().String())
	message := redoxtest.PatientAdmin()
	response, err := redoxtest.VerificationToken{Token: "theToken"}.Send(t.Context(), "http://"+address+"/redox/verifytoken", message)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusAccepted || got.body != string(message) || got.header.Get("Redox-Auth-Strategy") != "verifytoken" {
		t.Errorf("got %s, and the server behind got %v", response.Status, got)
	}
	stop()
	drained()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-forward http://localhost:9000":         "-forward: want -listen too",
		"-listen localhost:0 -forward localhost": "-forward: want a URL",
		"-listen nowhere.invalid:http:1":         "-listen: ",
		"serve":                                  "unexpected argument",
		"-listen":                                "flag needs an argument",
	} {
		var out, log bytes.Buffer
		if err := run(t.Context(), strings.Fields(args), environmentOf(tokenEnvironment), &out, &log); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
	env := environmentOf(tokenEnvironment + "TLS_CERT=/nowhere")
	if err := run(t.Context(), []string{"-listen", "localhost:0"}, env, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "TLS_CERT") {
		t.Errorf("got %v, want an error about TLS_CERT", err)
	}
}
