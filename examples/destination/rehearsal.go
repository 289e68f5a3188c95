package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// In a rehearsal the test kit plays Redox, and those who would like to pass for it,
// against a destination on loopback.
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

func (h *rehearsal) expectSend(want int, proof, request string, send func(context.Context) (*http.Response, error)) {
	h.plan = append(h.plan, exchange{proof, request, want, send})
}

// expect plans a message that s sends to the path of proof.
func (h *rehearsal) expect(want int, proof, request string, s redoxtest.Sender) {
	h.expectSend(want, proof, request, func(ctx context.Context) (*http.Response, error) {
		return s.Send(ctx, h.url+"/redox/"+proof, redoxtest.PatientAdmin())
	})
}

// genuineTwice plans two messages with the same token.
func (h *rehearsal) genuineTwice(proof string, s redoxtest.Sender) {
	h.expect(200, proof, "genuine", s)
	h.expect(200, proof, "genuine, the same token again", s)
}

func (h *rehearsal) forged(proof string, forgeries []redoxtest.Forgery) {
	for _, f := range forgeries {
		h.expect(f.Status, proof, f.Name, f)
	}
}

// handshake plans a handshake. Its only answer is whether the challenge came back.
func (h *rehearsal) handshake(want int, request, token, method string) {
	const proof = "verifytoken"
	h.expectSend(want, proof, request, func(ctx context.Context) (*http.Response, error) {
		response := &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}
		if err := redoxtest.Handshake(ctx, h.url+"/redox/"+proof, token, method); err != nil {
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
