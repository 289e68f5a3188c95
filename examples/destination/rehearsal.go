package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// In a rehearsal the test kit plays Redox, and those who would like to pass for it,
// against a destination on loopback.
type rehearsal struct {
	url     string      // of the destination
	env     environment // configures the destination
	google  *redoxtest.Google
	account redoxtest.ServiceAccount
	servers []*redoxtest.KeyServer

	proof string // the strategy that is planned
	plan  []exchange

	mu      sync.Mutex
	last    redoxauth.Decision
	skipped time.Duration
}

// An exchange is one request and the status that must come back.
type exchange struct {
	proof, request string
	want           int
	send           func(context.Context) (*http.Response, error)
}

// newRehearsal plans the rehearsal of every strategy.
func newRehearsal(url string) *rehearsal {
	h := &rehearsal{url: url, env: environment{}, google: redoxtest.NewGoogle()}
	h.account = h.google.AddServiceAccount("redox@customer.iam.gserviceaccount.com")
	h.set("ALLOW_HTTP=1 REQUIRE_TOKEN=1 PUBLIC_URL=" + url + " TOKEN_SECRETS=aSecretOfOurOwnWith32BytesAtLeast")
	h.set("GOOGLE_CERTS_URL=" + h.google.CertsURL + " GOOGLE_TOKENINFO_URL=" + h.google.TokenInfoURL)
	for _, s := range strategies {
		if s.rehearse != nil {
			h.proof = s.name
			s.rehearse(h)
		}
	}
	return h
}

func (h *rehearsal) close() {
	h.google.Close()
	for _, server := range h.servers {
		server.Close()
	}
}

func (h *rehearsal) destination() *destination {
	return &destination{
		environment: h.env,
		observe:     h.observe,
		log:         slog.New(slog.DiscardHandler),
		signatures:  replay.NewMemory(1000),
		keysNow:     h.now,
	}
}

// now is ahead of time by what the rehearsal did not wait for.
func (h *rehearsal) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.skipped)
}

// skipCooldown lets the keys be fetched again at once. Otherwise a token with an unknown kid,
// which may be that of a new key, waits 5 s for the next fetch.
func (h *rehearsal) skipCooldown() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.skipped += 5 * time.Second
}

func rehearse(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	server := httptest.NewUnstartedServer(nil)
	defer server.Close()
	h := newRehearsal("http://" + server.Listener.Addr().String())
	defer h.close()
	handler, err := h.destination().handler()
	if err != nil {
		return err
	}
	server.Config.Handler = handler
	server.Start()

	var t table
	for _, x := range h.plan {
		status, reason, err := h.play(ctx, x)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", x.proof, x.request, err)
		}
		t.add(x.proof, x.request, x.want, status, reason)
	}
	return t.print(out)
}

func (h *rehearsal) observe(_ *http.Request, d redoxauth.Decision) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = d
}

// play sends a request. It returns the status of the answer, and the reason that the
// destination's operator sees.
func (h *rehearsal) play(ctx context.Context, x exchange) (status int, reason redoxauth.Reason, err error) {
	h.observe(nil, redoxauth.Decision{})
	if strings.HasSuffix(x.request, "unknown key") || strings.HasSuffix(x.request, "kid a path") {
		h.skipCooldown()
	}
	response, err := x.send(ctx)
	var refused *redoxtest.TokenError
	switch {
	case errors.As(err, &refused): // by the token endpoint: there is no message to send
		status = refused.StatusCode
	case err != nil:
		return 0, "", err
	default:
		status = response.StatusCode
		response.Body.Close()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var e *redoxauth.Error
	if errors.As(h.last.Err, &e) {
		reason = e.Reason
	}
	return status, reason, nil
}

// set sets variables, such as "A=1 B=2".
func (h *rehearsal) set(assignments string) {
	for _, a := range strings.Fields(assignments) {
		name, value, _ := strings.Cut(a, "=")
		h.env[name] = value
	}
}

// publish returns the URL of a JWKS with the key.
func (h *rehearsal) publish(key redoxtest.Key) string {
	server := redoxtest.NewKeyServer(key)
	h.servers = append(h.servers, server)
	return server.JWKSURL
}

// oauthClient sends what our own token endpoint for clientcredentials issues.
func (h *rehearsal) oauthClient() *redoxtest.ClientCredentials {
	return &redoxtest.ClientCredentials{URL: h.url + "/token/clientcredentials", ClientID: "redox", ClientSecret: "aSecretForRehearsals"}
}

func (h *rehearsal) expectSend(want int, request string, send func(context.Context) (*http.Response, error)) {
	h.plan = append(h.plan, exchange{h.proof, request, want, send})
}

// expect plans a message that s sends.
func (h *rehearsal) expect(want int, request string, s redoxtest.Sender) {
	url := h.url + "/redox/" + h.proof
	h.expectSend(want, request, func(ctx context.Context) (*http.Response, error) {
		return s.Send(ctx, url, redoxtest.PatientAdmin())
	})
}

// genuineTwice plans two messages with the same token.
func (h *rehearsal) genuineTwice(s redoxtest.Sender) {
	h.expect(200, "genuine", s)
	h.expect(200, "genuine, the same token again", s)
}

func (h *rehearsal) forged(forgeries []redoxtest.Forgery) {
	for _, f := range forgeries {
		h.expect(f.Status, f.Name, f)
	}
}

// withToken adds the verification token to what s signs.
func (h *rehearsal) withToken(s redoxtest.Signer) redoxtest.Pair {
	return redoxtest.Both(s, redoxtest.VerificationToken{Token: h.env["REDOX_TOKENS"]})
}

func (h *rehearsal) forgedWithToken(forgeries []redoxtest.Forgery) {
	for _, f := range forgeries {
		h.expect(f.Status, f.Name, h.withToken(f))
	}
}

// handshake plans a handshake with the token beside the challenge.
func (h *rehearsal) handshake(want int, request, token, method string) {
	h.challenge(want, request, func(ctx context.Context, url string) error {
		return redoxtest.Handshake(ctx, url, token, method)
	})
}

// signedHandshakes plans handshakes whose proof is that of a message.
func (h *rehearsal) signedHandshakes(want int, request string, s redoxtest.Signer) {
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		h.challenge(want, request+" by "+method, func(ctx context.Context, url string) error {
			return redoxtest.SignedHandshake(ctx, url, s, method)
		})
	}
}

// challenge plans what send sends. Its only answer is whether the challenge came back.
func (h *rehearsal) challenge(want int, request string, send func(ctx context.Context, url string) error) {
	url := h.url + "/redox/" + h.proof
	h.expectSend(want, request, func(ctx context.Context) (*http.Response, error) {
		response := &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}
		if err := send(ctx, url); err != nil {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.last.Err == nil {
				return nil, err
			}
			response.StatusCode = redoxauth.StatusCode(h.last.Err)
		}
		return response, nil
	})
}
