package main

import (
	"bytes"
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
)

// A rehearsal is Redox, played by the test kit, against a destination on loopback.
type rehearsal struct {
	url  string // of the destination
	cfg  *config
	plan []exchange

	mu   sync.Mutex
	last redoxauth.Decision
}

// An exchange is one request and the status that must come back.
type exchange struct {
	proof, request string
	want           int
	send           func(context.Context) (*http.Response, error)
}

func rehearse(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	server := httptest.NewUnstartedServer(nil)
	defer server.Close()
	h := &rehearsal{url: "http://" + server.Listener.Addr().String(), cfg: &config{}}
	h.cfg.options.Observe = h.observe

	h.verifytoken()
	h.sigv4()
	defer h.jwtbearer()()
	h.clientcredentials()
	h.smartbackend()
	defer h.google()()

	handler, err := newDestination(h.cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	server.Config.Handler = handler
	server.Start()

	rows := make([]row, 0, len(h.plan))
	for _, x := range h.plan {
		r, err := h.play(ctx, x)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", x.proof, x.request, err)
		}
		rows = append(rows, r)
	}
	return printTable(out, rows)
}

func (h *rehearsal) observe(_ *http.Request, d redoxauth.Decision) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = d
}

func (h *rehearsal) play(ctx context.Context, x exchange) (row, error) {
	h.observe(nil, redoxauth.Decision{})
	r := row{proof: x.proof, request: x.request, want: x.want}
	response, err := x.send(ctx)
	var refused *redoxtest.TokenError
	switch {
	case errors.As(err, &refused): // by the token endpoint: there is no message to send
		r.got = refused.StatusCode
	case err != nil:
		return row{}, err
	default:
		r.got = response.StatusCode
		response.Body.Close()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var e *redoxauth.Error
	if errors.As(h.last.Err, &e) {
		r.reason = string(e.Reason)
	}
	return r, nil
}

// expect plans a message that s sends to the path of proof.
func (h *rehearsal) expect(want int, proof, request string, s redoxtest.Sender) {
	h.expectSend(want, proof, request, func(ctx context.Context) (*http.Response, error) {
		return s.Send(ctx, h.url+"/redox/"+proof, redoxtest.PatientAdmin())
	})
}

func (h *rehearsal) expectSend(want int, proof, request string, send func(context.Context) (*http.Response, error)) {
	h.plan = append(h.plan, exchange{proof, request, want, send})
}

// A peer sends a message with whatever headers it likes.
type peer http.Header

// Send implements redoxtest.Sender.
func (p peer) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(message))
	if err != nil {
		return nil, err
	}
	r.Header = http.Header(p).Clone()
	return http.DefaultClient.Do(r)
}

// A middleman sends what another signed, changed or twice.
type middleman struct {
	redoxtest.Signer
	change func(*http.Request)
	times  int
}

// Send implements redoxtest.Sender. It returns the last answer.
func (m middleman) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	signed, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(message))
	if err != nil {
		return nil, err
	}
	signed.Header.Set("Content-Type", "application/json")
	if err := m.Sign(signed); err != nil {
		return nil, err
	}
	for sent := 1; ; sent++ {
		r := signed.Clone(ctx)
		r.Body = io.NopCloser(bytes.NewReader(message))
		if m.change != nil {
			m.change(r)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil || sent >= m.times {
			return response, err
		}
		response.Body.Close()
	}
}

// changeBody replaces the message and keeps the headers.
func changeBody(r *http.Request) {
	forged := []byte(`{"Patient":"another"}`)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(forged)), int64(len(forged))
}

// changeToken breaks the signature of a bearer token.
func changeToken(r *http.Request) {
	token := []byte(r.Header.Get("Authorization"))
	i := len(token) - 10
	if token[i] == 'A' {
		token[i] = 'B'
	} else {
		token[i] = 'A'
	}
	r.Header.Set("Authorization", string(token))
}

// ago is a clock that is late.
func ago(d time.Duration) func() time.Time {
	return func() time.Time { return time.Now().Add(-d) }
}

// handshake is redoxtest.Handshake, but returns the answer: also the refusal of a
// wrong token is rehearsed.
func handshake(ctx context.Context, url, token, method string) (*http.Response, error) {
	const challenge = "d9908e78-6a1c-4f4a-9c3e-0a4d5f4c8f0b"
	body := `{"verification-token":"` + token + `","challenge":"` + challenge + `"}`
	if method == http.MethodGet {
		url, body = url+"?challenge="+challenge+"&verification-token="+token, ""
	}
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	echo, err := io.ReadAll(response.Body)
	response.Body.Close()
	if echoed := string(echo) == challenge; err == nil && echoed != (response.StatusCode == http.StatusOK) {
		err = fmt.Errorf("answered %d with %q", response.StatusCode, echo)
	}
	return response, err
}
